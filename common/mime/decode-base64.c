#include "decode-private.h"

#define PADDING 64
#define BLANK   65
#define FOREIGN 66

/* clang-format off */
static const uint8_t values[256] = {
    66, 66, 66, 66, 66, 66, 66, 66, 66, 65, 65, 65, 65, 65, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    65, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 62, 66, 66, 66, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 66, 66, 64, 66, 66,
    66,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 66, 66, 66, 66, 66,
    66, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
};
/* clang-format on */

typedef enum {
    IN_DATA,
    PADDED, /* behind "=": nothing but blanks should follow */
} State;

/* In the state PADDED, `column` is how many "=" the quartet still lacks. */

static uint8_t *put_open_bytes(MbDecoder *decoder, uint8_t *out)
{
    uint32_t bits = decoder->bits;

    if (decoder->count == 1) {
        mb_flaws_add(decoder->flaws, MB_FLAW_BASE64_ODD, decoder->offset, 0);
    } else if (decoder->count == 2) {
        *out++ = (uint8_t)(bits >> 4);
        bits &= 0xF;
    } else if (decoder->count == 3) {
        *out++ = (uint8_t)(bits >> 10);
        *out++ = (uint8_t)(bits >> 2);
        bits &= 3;
    }
    if (decoder->count > 1 && bits != 0)
        mb_flaws_add(decoder->flaws, MB_FLAW_BASE64_BITS, decoder->offset, 0);
    decoder->count = 0;
    decoder->bits = 0;
    return out;
}

static uint8_t *take_padding(MbDecoder *decoder, uint8_t *out)
{
    if (decoder->state == PADDED) {
        if (decoder->column > 0)
            decoder->column--;
        else
            mb_flaws_add(decoder->flaws, MB_FLAW_BASE64_PADDING_EXTRA, decoder->offset, 1);
        return out;
    }
    if (decoder->count == 0)
        mb_flaws_add(decoder->flaws, MB_FLAW_BASE64_PADDING_EXTRA, decoder->offset, 1);
    decoder->state = PADDED;
    decoder->mark = decoder->offset;
    decoder->column = decoder->count == 2 ? 1 : decoder->count == 1 ? 2 : 0;
    return put_open_bytes(decoder, out);
}

/* One character by the slow way: the first of a chunk, what is no alphabet, and what is near it. */
static uint8_t *take(MbDecoder *decoder, uint8_t c, uint8_t *out)
{
    uint8_t value = values[c];

    if (value == PADDING)
        return take_padding(decoder, out);
    if (value == FOREIGN) {
        mb_flaws_add(decoder->flaws,
                     decoder->state == PADDED ? MB_FLAW_BASE64_JUNK : MB_FLAW_BASE64_FOREIGN,
                     decoder->offset, 1);
        return out;
    }
    if (value == BLANK)
        return out;
    if (decoder->state == PADDED) {
        mb_flaws_add(decoder->flaws, MB_FLAW_BASE64_PADDING_INSIDE, decoder->mark,
                     decoder->offset - decoder->mark);
        decoder->state = IN_DATA;
    }
    decoder->bits = decoder->bits << 6 | value;
    if (++decoder->count < 4)
        return out;
    *out++ = (uint8_t)(decoder->bits >> 16);
    *out++ = (uint8_t)(decoder->bits >> 8);
    *out++ = (uint8_t)decoder->bits;
    decoder->count = 0;
    decoder->bits = 0;
    return out;
}

/* Whole quartets of nothing but the alphabet; returns how many characters that were. */
static size_t take_quartets(const uint8_t *in, size_t length, uint8_t **out)
{
    uint8_t *to = *out;
    size_t at = 0;

    while (length - at >= 4) {
        uint32_t a = values[in[at]], b = values[in[at + 1]];
        uint32_t c = values[in[at + 2]], d = values[in[at + 3]];
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;

        if (((a | b | c | d) & 0xC0) != 0)
            break;
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
        to += 3;
        at += 4;
    }
    *out = to;
    return at;
}

size_t mb_base64_decoder_push(MbDecoder *decoder, const uint8_t *in, size_t length, uint8_t *out)
{
    uint8_t *to = out;
    size_t at = 0;

    while (at < length) {
        if (decoder->count == 0 && decoder->state == IN_DATA) {
            size_t taken = take_quartets(in + at, length - at, &to);

            decoder->offset += taken;
            at += taken;
            if (at == length)
                break;
        }
        to = take(decoder, in[at++], to);
        decoder->offset++;
    }
    return (size_t)(to - out);
}

size_t mb_base64_decoder_finish(MbDecoder *decoder, uint8_t *out)
{
    uint8_t *to = out;

    if (decoder->count > 1 || (decoder->state == PADDED && decoder->column > 0))
        mb_flaws_add(decoder->flaws, MB_FLAW_BASE64_UNPADDED, decoder->offset, 0);
    to = put_open_bytes(decoder, to);
    return (size_t)(to - out);
}
