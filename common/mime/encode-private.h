/*
 * For encode*.c only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ENCODE_EACH_BYTE(c) (G_GUINT64_CONSTANT(0x0101010101010101) * (c))

/* How many of eight octets pass before the first that is a control, '=', DEL or beyond ASCII. */
static inline unsigned encode_plain_octets(const uint8_t *text)
{
    uint64_t word, equals, deletes, found;

    memcpy(&word, text, sizeof word);
    word = GUINT64_FROM_LE(word);
    equals = word ^ ENCODE_EACH_BYTE('=');
    deletes = word ^ ENCODE_EACH_BYTE(0x7F);
    /* Borrowing goes upwards: the lowest bit found is a true one. */
    found = word | ((word - ENCODE_EACH_BYTE(' ')) & ~word) |
            ((equals - ENCODE_EACH_BYTE(1)) & ~equals) |
            ((deletes - ENCODE_EACH_BYTE(1)) & ~deletes);
    found &= ENCODE_EACH_BYTE(0x80);
    return found != 0 ? (unsigned)__builtin_ctzll(found) / 8 : 8;
}
