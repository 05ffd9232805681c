/*
 * For encode*.c only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ENCODE_EACH_BYTE(c) (G_GUINT64_CONSTANT(0x0101010101010101) * (c))

/* Eight octets at once: whether one of them is a control, '=', DEL or beyond ASCII. */
static inline bool encode_has_special(const uint8_t *text)
{
    uint64_t word, equals, deletes, found;

    memcpy(&word, text, sizeof word);
    equals = word ^ ENCODE_EACH_BYTE('=');
    deletes = word ^ ENCODE_EACH_BYTE(0x7F);
    found = word | ((word - ENCODE_EACH_BYTE(' ')) & ~word) |
            ((equals - ENCODE_EACH_BYTE(1)) & ~equals) |
            ((deletes - ENCODE_EACH_BYTE(1)) & ~deletes);
    return (found & ENCODE_EACH_BYTE(0x80)) != 0;
}
