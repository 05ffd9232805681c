#include "unstuff.h"

#include <string.h>

#define LINE_MAX_OCTETS 998

static bool has_8bit(const uint8_t *bytes, size_t length)
{
    const uint64_t high = 0x8080808080808080U;
    uint64_t words[4];
    uint8_t rest = 0;

    for (; length >= sizeof(words); bytes += sizeof(words), length -= sizeof(words)) {
        memcpy(words, bytes, sizeof(words));
        if (((words[0] | words[1] | words[2] | words[3]) & high) != 0)
            return true;
    }
    while (length-- > 0)
        rest |= *bytes++;
    return (rest & 0x80) != 0;
}

static void note_octets(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length)
{
    if ((unstuff->oddities & MB_POP3_ODD_NUL) == 0 && memchr(bytes, 0, length) != NULL)
        unstuff->oddities |= MB_POP3_ODD_NUL;
    if ((unstuff->oddities & MB_POP3_ODD_8BIT) == 0 && has_8bit(bytes, length))
        unstuff->oddities |= MB_POP3_ODD_8BIT;
}

static void give(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length, const uint8_t **span,
                 size_t *span_length)
{
    if (length > 0)
        note_octets(unstuff, bytes, length);
    unstuff->size += length;
    *span = bytes;
    *span_length = length;
}

/* Looks at CRs in octets of one line that neither begin nor end at its LF. */
static void note_bare_cr(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length)
{
    if ((unstuff->oddities & MB_POP3_ODD_BARE_CR) == 0 && length > 0 &&
        memchr(bytes, '\r', length) != NULL)
        unstuff->oddities |= MB_POP3_ODD_BARE_CR;
}

/* The octets up to the line's LF at `lf`. */
static void finish_line(MbPop3Unstuff *unstuff, const uint8_t *bytes, const uint8_t *lf)
{
    size_t length = (size_t)(lf - bytes);
    bool crlf = length > 0 ? lf[-1] == '\r' : unstuff->state == MB_POP3_AFTER_CR;

    if (length > 0) {
        if (unstuff->state == MB_POP3_AFTER_CR)
            unstuff->oddities |= MB_POP3_ODD_BARE_CR;
        note_bare_cr(unstuff, bytes, length - (crlf ? 1 : 0));
    }
    if (unstuff->line + length - (crlf ? 1 : 0) > LINE_MAX_OCTETS)
        unstuff->oddities |= MB_POP3_ODD_LONG_LINE;
    if (!crlf)
        unstuff->oddities |= MB_POP3_ODD_BARE_LF;
    unstuff->state = crlf ? MB_POP3_AT_LINE_START : MB_POP3_IN_LINE;
    unstuff->line = 0;
}

/* What is left of the chunk holds no LF. */
static void leave_line_open(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length)
{
    if (unstuff->state == MB_POP3_AFTER_CR)
        unstuff->oddities |= MB_POP3_ODD_BARE_CR;
    note_bare_cr(unstuff, bytes, length - 1);
    unstuff->state = bytes[length - 1] == '\r' ? MB_POP3_AFTER_CR : MB_POP3_IN_LINE;
    unstuff->line += length;
}

/* A "." at a line's start. Returns how many octets to take and hold back or drop; 0: it is content.
 */
static size_t meet_dot(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length)
{
    if (length == 1) {
        unstuff->state = MB_POP3_AFTER_DOT;
        return 1;
    }
    if (bytes[1] == '.') {
        unstuff->state = MB_POP3_IN_LINE;
        return 1;
    }
    if (bytes[1] == '\r' && length == 2) {
        unstuff->state = MB_POP3_AFTER_DOT_CR;
        return 2;
    }
    if (bytes[1] == '\r' && bytes[2] == '\n') {
        unstuff->ended = true;
        return 3;
    }
    unstuff->oddities |= MB_POP3_ODD_UNSTUFFED;
    unstuff->state = MB_POP3_IN_LINE;
    return 0;
}

/* The octets held back at the end of the last chunk turn out to be content. */
static size_t release(MbPop3Unstuff *unstuff, MbPop3UnstuffState state, size_t length,
                      const uint8_t **span, size_t *span_length)
{
    static const uint8_t held[] = {'.', '\r'};

    unstuff->oddities |= MB_POP3_ODD_UNSTUFFED;
    unstuff->state = state;
    unstuff->line = length;
    give(unstuff, held, length, span, span_length);
    return 0;
}

static size_t resume_dot(MbPop3Unstuff *unstuff, uint8_t octet, const uint8_t **span,
                         size_t *span_length)
{
    *span_length = 0;
    if (unstuff->state == MB_POP3_AFTER_DOT) {
        if (octet == '\r') {
            unstuff->state = MB_POP3_AFTER_DOT_CR;
            return 1;
        }
        if (octet != '.')
            return release(unstuff, MB_POP3_IN_LINE, 1, span, span_length);
        unstuff->state = MB_POP3_IN_LINE;
        return 0;
    }
    if (octet != '\n')
        return release(unstuff, MB_POP3_AFTER_CR, 2, span, span_length);
    unstuff->ended = true;
    return 1;
}

void mb_pop3_unstuff_init(MbPop3Unstuff *unstuff)
{
    *unstuff = (MbPop3Unstuff){.state = MB_POP3_AT_LINE_START};
}

size_t mb_pop3_unstuff_push(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length,
                            const uint8_t **span, size_t *span_length)
{
    size_t at = 0;
    size_t dropped = 0;

    g_assert(!unstuff->ended && length > 0);
    if (unstuff->state == MB_POP3_AFTER_DOT || unstuff->state == MB_POP3_AFTER_DOT_CR)
        return resume_dot(unstuff, bytes[0], span, span_length);

    while (at < length) {
        const uint8_t *lf;

        if (unstuff->state == MB_POP3_AT_LINE_START && bytes[at] == '.') {
            dropped = meet_dot(unstuff, bytes + at, length - at);
            if (dropped > 0)
                break;
        }
        lf = memchr(bytes + at, '\n', length - at);
        if (lf == NULL) {
            leave_line_open(unstuff, bytes + at, length - at);
            at = length;
        } else {
            finish_line(unstuff, bytes + at, lf);
            at = (size_t)(lf - bytes) + 1;
        }
    }
    give(unstuff, bytes, at, span, span_length);
    return at + dropped;
}
