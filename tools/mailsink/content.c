#include "content.h"

#include <string.h>

static void pass(MsUnstuff *unstuff, const char *bytes, size_t length)
{
    if (length > 0)
        unstuff->write(unstuff->user, bytes, length);
}

/* Passes on up to the next line that begins with a dot; returns how many it took. */
static size_t pass_middle(MsUnstuff *unstuff, const char *bytes, size_t length)
{
    const char *hit = memmem(bytes, length, "\r\n.", 3);
    size_t taken = hit != NULL ? (size_t)(hit - bytes) + 2 : length;

    pass(unstuff, bytes, taken);
    if (bytes[taken - 1] == '\r')
        unstuff->state = MS_CONTENT_CR;
    else if (taken >= 2 && bytes[taken - 1] == '\n' && bytes[taken - 2] == '\r')
        unstuff->state = MS_CONTENT_LINE_START;
    return taken;
}

/* One octet, or more of a line's middle; returns how many it took, which may be none with a new
 * state. */
static size_t step(MsUnstuff *unstuff, const char *bytes, size_t length)
{
    switch (unstuff->state) {
    case MS_CONTENT_LINE_START:
        unstuff->state = bytes[0] == '.' ? MS_CONTENT_DOT : MS_CONTENT_MIDDLE;
        return bytes[0] == '.' ? 1 : 0;
    case MS_CONTENT_DOT:
        unstuff->state = bytes[0] == '\r' ? MS_CONTENT_DOT_CR : MS_CONTENT_MIDDLE;
        return bytes[0] == '\r' ? 1 : 0;
    case MS_CONTENT_DOT_CR:
        if (bytes[0] == '\n') {
            unstuff->state = MS_CONTENT_DONE;
            return 1;
        }
        pass(unstuff, "\r", 1);
        unstuff->state = MS_CONTENT_CR;
        return 0;
    case MS_CONTENT_CR:
        if (bytes[0] != '\n') {
            unstuff->state = MS_CONTENT_MIDDLE;
            return 0;
        }
        pass(unstuff, "\n", 1);
        unstuff->state = MS_CONTENT_LINE_START;
        return 1;
    case MS_CONTENT_MIDDLE: return pass_middle(unstuff, bytes, length);
    case MS_CONTENT_DONE: break;
    }
    return 0;
}

size_t ms_unstuff(MsUnstuff *unstuff, const void *bytes, size_t length)
{
    const char *next = bytes;
    size_t taken = 0;

    while (taken < length && unstuff->state != MS_CONTENT_DONE)
        taken += step(unstuff, next + taken, length - taken);
    return taken;
}

void ms_stuff(MsStuff *stuff, GString *out, const void *bytes, size_t length)
{
    const char *next = bytes;

    while (length > 0) {
        const char *hit;
        size_t span;

        if (stuff->last_cr && *next == '\n') {
            g_string_append_c(out, '\n');
            *stuff = (MsStuff){0};
            next++;
            length--;
            continue;
        }
        if (!stuff->middle && *next == '.')
            g_string_append_c(out, '.');
        hit = memmem(next, length, "\r\n.", 3);
        span = hit != NULL ? (size_t)(hit - next) + 2 : length;
        g_string_append_len(out, next, (gssize)span);
        stuff->last_cr = next[span - 1] == '\r';
        stuff->middle = span < 2 || next[span - 1] != '\n' || next[span - 2] != '\r';
        next += span;
        length -= span;
    }
}

void ms_stuff_end(MsStuff *stuff, GString *out)
{
    /* A message without octets ends at once (RFC 1939, 3): its first line is the dot. */
    if (stuff->middle)
        g_string_append(out, "\r\n");
    g_string_append(out, ".\r\n");
}
