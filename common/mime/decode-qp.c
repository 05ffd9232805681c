#include "decode-private.h"

#include <mailbatch/base/lanes.h>
#include <string.h>

#define LINE_MAX_QP 76

typedef enum {
    IN_TEXT,     /* `held` has blanks that end the line, or not */
    AFTER_EQUAL, /* `held` has "=" */
    AFTER_DIGIT, /* `held` has "=" and a hexadecimal digit */
    SOFT_BLANKS, /* `held` has "=" and blanks: a soft line break that a relay padded, or not */
    SOFT_CR,     /* a soft line break's CR was seen */
} State;

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Bytes at the front that stand for themselves. */
static size_t plain_prefix(const uint8_t *in, size_t length)
{
    for (size_t run = 0; run < length; run += MB_LANES) {
        MbLanes bytes = mb_lanes_load_some(in + run, length - run);
        MbLanes is_plain =
            (MbLanes)(((bytes >= ' ') & (bytes < 0x7F) & (bytes != '=')) | (bytes == '\t'));

        if (mb_lanes_any(~is_plain))
            return run + mb_lanes_first(~is_plain);
    }
    return length;
}

static uint8_t *put(uint8_t *out, const uint8_t *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

static uint8_t *put_held(MbDecoder *decoder, uint8_t *out)
{
    out = put(out, decoder->held, decoder->count);
    decoder->count = 0;
    return out;
}

/* Blanks that may end a line wait; more than can be held are content. */
static uint8_t *hold_blanks(MbDecoder *decoder, const uint8_t *blanks, size_t length, uint8_t *out)
{
    if (decoder->count + length > MB_DECODER_HELD) {
        out = put_held(decoder, out);
        out = put(out, blanks, length - MIN(length, MB_DECODER_HELD));
        blanks += length - MIN(length, MB_DECODER_HELD);
        length = MIN(length, MB_DECODER_HELD);
    }
    memcpy(decoder->held + decoder->count, blanks, length);
    decoder->count += (uint32_t)length;
    return out;
}

static void drop_blanks(MbDecoder *decoder, size_t blanks, uint64_t offset)
{
    if (blanks > 0)
        mb_flaws_add(decoder->flaws, MB_FLAW_QP_TRAILING_BLANK, offset - blanks, blanks);
}

static void advance(MbDecoder *decoder, size_t length)
{
    decoder->offset += length;
    decoder->column = (uint32_t)MIN((uint64_t)decoder->column + length, UINT32_MAX);
}

static void end_line(MbDecoder *decoder)
{
    if (decoder->column > LINE_MAX_QP)
        mb_flaws_add(decoder->flaws, MB_FLAW_QP_LONG_LINE, decoder->offset - decoder->column,
                     decoder->column);
    decoder->column = 0;
}

/* "=" and what followed it is no escape: it stands as it is. */
static uint8_t *put_bad_escape(MbDecoder *decoder, uint8_t *out)
{
    mb_flaws_add(decoder->flaws, MB_FLAW_QP_BAD_ESCAPE, decoder->offset - decoder->count,
                 decoder->count);
    decoder->state = IN_TEXT;
    return put_held(decoder, out);
}

static void note_digit(MbDecoder *decoder, uint8_t c)
{
    if (c >= 'a')
        mb_flaws_add(decoder->flaws, MB_FLAW_QP_LOWER_HEX, decoder->offset, 1);
}

static void soft_break(MbDecoder *decoder)
{
    drop_blanks(decoder, decoder->count - 1, decoder->offset);
    decoder->count = 0;
}

/* One byte behind "="; false when it is no part of the escape and is still to be taken as text. */
static bool take_escape(MbDecoder *decoder, uint8_t c, uint8_t **out)
{
    if (decoder->state == SOFT_CR) {
        decoder->state = IN_TEXT;
        return c == '\n';
    }
    if (decoder->state == AFTER_DIGIT && g_ascii_isxdigit(c)) {
        note_digit(decoder, c);
        *(*out)++ = (uint8_t)(g_ascii_xdigit_value((char)decoder->held[1]) << 4 |
                              g_ascii_xdigit_value((char)c));
        decoder->count = 0;
        decoder->state = IN_TEXT;
        return true;
    }
    if (decoder->state == AFTER_EQUAL && g_ascii_isxdigit(c)) {
        note_digit(decoder, c);
        decoder->held[decoder->count++] = c;
        decoder->state = AFTER_DIGIT;
        return true;
    }
    if (decoder->state != AFTER_DIGIT && is_blank(c) && decoder->count < MB_DECODER_HELD) {
        decoder->held[decoder->count++] = c;
        decoder->state = SOFT_BLANKS;
        return true;
    }
    if (decoder->state != AFTER_DIGIT && (c == '\r' || c == '\n')) {
        soft_break(decoder);
        end_line(decoder);
        decoder->state = c == '\r' ? SOFT_CR : IN_TEXT;
        return true;
    }
    *out = put_bad_escape(decoder, *out);
    return false;
}

/* The digit's value, or -1: what is written in lower case is for take_escape() to note. */
static int upper_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* An escape or a soft line break as it should be, whole: returns how many bytes it takes, 0 when it
 * is none. */
static size_t take_usual(MbDecoder *decoder, const uint8_t *in, size_t length, uint8_t **out)
{
    size_t line_end = length >= 3 && in[1] == '\r' ? 2 : 1;
    int high, low;

    if (length > line_end && in[line_end] == '\n') {
        advance(decoder, 1);
        end_line(decoder);
        decoder->offset += line_end;
        return 1 + line_end;
    }
    if (length < 3)
        return 0;
    high = upper_digit(in[1]);
    low = upper_digit(in[2]);
    if (high < 0 || low < 0)
        return 0;
    *(*out)++ = (uint8_t)(high << 4 | low);
    advance(decoder, 3);
    return 3;
}

/* Text up to the next "=", and that too. Returns how many bytes it took. */
static size_t take_text(MbDecoder *decoder, const uint8_t *in, size_t length, uint8_t **out)
{
    size_t run = plain_prefix(in, length);
    size_t solid = run;
    uint8_t c;

    while (solid > 0 && is_blank(in[solid - 1]))
        solid--;
    if (solid > 0) {
        *out = put_held(decoder, *out);
        *out = put(*out, in, solid);
    }
    advance(decoder, run);
    if (run == length) {
        *out = hold_blanks(decoder, in + solid, run - solid, *out);
        return run;
    }
    c = in[run];
    if (c == '\r' || c == '\n') {
        drop_blanks(decoder, decoder->count + run - solid, decoder->offset);
        decoder->count = 0;
        *(*out)++ = c;
        end_line(decoder);
        decoder->offset++;
        return run + 1;
    }
    *out = put_held(decoder, *out);
    *out = put(*out, in + solid, run - solid);
    if (c == '=') {
        size_t taken = take_usual(decoder, in + run, length - run, out);

        if (taken > 0)
            return run + taken;
        decoder->held[decoder->count++] = c;
        decoder->state = AFTER_EQUAL;
    } else {
        mb_flaws_add(decoder->flaws, MB_FLAW_QP_RAW_BYTE, decoder->offset, 1);
        *(*out)++ = c;
    }
    advance(decoder, 1);
    return run + 1;
}

size_t mb_qp_decoder_push(MbDecoder *decoder, const uint8_t *in, size_t length, uint8_t *out)
{
    uint8_t *to = out;
    size_t at = 0;

    while (at < length) {
        if (decoder->state == IN_TEXT) {
            at += take_text(decoder, in + at, length - at, &to);
        } else if (take_escape(decoder, in[at], &to)) {
            if (in[at] == '\n' || in[at] == '\r')
                decoder->offset++;
            else
                advance(decoder, 1);
            at++;
        }
    }
    return (size_t)(to - out);
}

size_t mb_qp_decoder_finish(MbDecoder *decoder, uint8_t *out)
{
    uint8_t *to = out;

    if (decoder->state == IN_TEXT)
        drop_blanks(decoder, decoder->count, decoder->offset);
    else if (decoder->state == AFTER_DIGIT)
        to = put_bad_escape(decoder, to);
    else if (decoder->state != SOFT_CR)
        soft_break(decoder);
    decoder->count = 0;
    decoder->state = IN_TEXT;
    end_line(decoder);
    return (size_t)(to - out);
}
