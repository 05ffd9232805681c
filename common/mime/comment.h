/*
 * Structured values (RFC 5322, 3.2): comments, and what is nothing special.
 */
#pragma once

#include <limits.h>
#include <mailbatch/base/lanes.h>
#include <stdbool.h>
#include <stddef.h>

/* RFC 2045, 5.1: tspecials. */
static inline bool mb_is_tspecial(char c)
{
    static const bool special[UCHAR_MAX + 1] = {
        ['('] = true, [')'] = true, ['<'] = true, ['>'] = true,  ['@'] = true,
        [','] = true, [';'] = true, [':'] = true, ['\\'] = true, ['"'] = true,
        ['/'] = true, ['['] = true, [']'] = true, ['?'] = true,  ['='] = true,
    };

    return special[(unsigned char)c];
}

/* Characters that mean more than themselves in addresses and in Received; "=" and controls are
 * among them for speed. */
static inline MbLanes mb_lanes_special(MbLanes block)
{
    return (MbLanes)((block <= ' ') | (block == '"') | (block == '(') | (block == ',') |
                     (block - ':' <= '>' - ':') | (block - '[' <= '\\' - '['));
}

/* Behind characters from `at` on that mean nothing but themselves; not always behind all of them.
 */
static inline size_t mb_skip_solid(const char *body, size_t at, size_t end)
{
    for (; at < end; at += MB_LANES) {
        size_t left = end - at;
        MbLanes block = mb_lanes_load_some(body + at, left);
        MbLanes special = mb_lanes_special(block);

        if (mb_lanes_any(special))
            return MIN(at + mb_lanes_first(special), end);
    }
    return end;
}

/* Behind what is in a comment nothing but text. */
static inline size_t mb_skip_comment_text(const char *body, size_t at, size_t end)
{
    for (; at < end; at += MB_LANES) {
        size_t left = end - at;
        MbLanes block = mb_lanes_load_some(body + at, left);
        MbLanes special = (MbLanes)((block == '(') | (block == ')') | (block == '\\'));

        if (mb_lanes_any(special))
            return at + mb_lanes_first(special);
    }
    return end;
}

/* Behind the comment that begins at `at`; nested ones are counted, not entered. 0: it is not
 * closed.
 */
static inline size_t mb_comment_end(const char *body, size_t length, size_t at)
{
    size_t depth = 0;

    for (; at < length; at++) {
        char c;

        at = mb_skip_comment_text(body, at, length);
        if (at >= length)
            break;
        c = body[at];

        if (c == '\\')
            at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            return at + 1;
    }
    return 0;
}
