/*
 * Structured values (RFC 5322, 3.2): comments, and what is nothing special.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether a character means nothing but itself in addresses and in Received. */
static inline bool mb_is_solid(char c)
{
    static const bool special[UCHAR_MAX + 1] = {
        [' '] = true,  ['\t'] = true, ['\n'] = true, ['\v'] = true, ['\f'] = true,
        ['\r'] = true, [','] = true,  [';'] = true,  [':'] = true,  ['('] = true,
        ['<'] = true,  ['>'] = true,  ['"'] = true,  ['['] = true,  ['\\'] = true,
    };

    return !special[(unsigned char)c];
}

/* Behind the solid characters from `at` on. */
static inline size_t mb_skip_solid(const char *body, size_t at, size_t end)
{
    while (at < end && mb_is_solid(body[at]))
        at++;
    return at;
}

/* Behind the comment that begins at `at`; nested ones are counted, not entered. 0: it is not
 * closed.
 */
static inline size_t mb_comment_end(const char *body, size_t length, size_t at)
{
    size_t depth = 0;

    for (; at < length; at++) {
        char c = body[at];

        if (c == '\\')
            at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            return at + 1;
    }
    return 0;
}
