/*
 * Comments of structured values (RFC 5322, 3.2.2).
 */
#pragma once

#include <stddef.h>

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
