#include "encode-private.h"

#include <mailbatch/mime/encode.h>
#include <string.h>

#define LINE_BYTES  MB_BASE64_LINE
#define LINE_CHARS  76
#define LINE_OCTETS 998 /* RFC 5322, 2.1.1 */

/* Both characters of 12 bits at once: half the lookups of the plain alphabet. */
#define PAIRS(a)                                                                                   \
    a "A" a "B" a "C" a "D" a "E" a "F" a "G" a "H" a "I" a "J" a "K" a "L" a "M" a "N" a "O" a    \
      "P" a "Q" a "R" a "S" a "T" a "U" a "V" a "W" a "X" a "Y" a "Z" a "a" a "b" a "c" a "d" a    \
      "e" a "f" a "g" a "h" a "i" a "j" a "k" a "l" a "m" a "n" a "o" a "p" a "q" a "r" a "s" a    \
      "t" a "u" a "v" a "w" a "x" a "y" a "z" a "0" a "1" a "2" a "3" a "4" a "5" a "6" a "7" a    \
      "8" a "9" a "+" a "/"

static const char pairs[] = PAIRS("A") PAIRS("B") PAIRS("C") PAIRS("D") PAIRS("E") PAIRS("F")
    PAIRS("G") PAIRS("H") PAIRS("I") PAIRS("J") PAIRS("K") PAIRS("L") PAIRS("M") PAIRS("N")
        PAIRS("O") PAIRS("P") PAIRS("Q") PAIRS("R") PAIRS("S") PAIRS("T") PAIRS("U") PAIRS("V")
            PAIRS("W") PAIRS("X") PAIRS("Y") PAIRS("Z") PAIRS("a") PAIRS("b") PAIRS("c") PAIRS("d")
                PAIRS("e") PAIRS("f") PAIRS("g") PAIRS("h") PAIRS("i") PAIRS("j") PAIRS("k")
                    PAIRS("l") PAIRS("m") PAIRS("n") PAIRS("o") PAIRS("p") PAIRS("q") PAIRS("r")
                        PAIRS("s") PAIRS("t") PAIRS("u") PAIRS("v") PAIRS("w") PAIRS("x") PAIRS("y")
                            PAIRS("z") PAIRS("0") PAIRS("1") PAIRS("2") PAIRS("3") PAIRS("4")
                                PAIRS("5") PAIRS("6") PAIRS("7") PAIRS("8") PAIRS("9") PAIRS("+")
                                    PAIRS("/");

static char *put_group(const uint8_t *in, char *out)
{
    uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

    memcpy(out, pairs + 2 * (bits >> 12), 2);
    memcpy(out + 2, pairs + 2 * (bits & 0xFFF), 2);
    return out + 4;
}

/* Base64 without line ends, padded; returns where the output ends. */
static char *put_base64(const uint8_t *in, size_t length, char *out)
{
    for (; length >= 3; in += 3, length -= 3)
        out = put_group(in, out);
    if (length > 0) {
        uint8_t last[3] = {in[0], length > 1 ? in[1] : 0, 0};

        out = put_group(last, out);
        out[-1] = '=';
        if (length == 1)
            out[-2] = '=';
    }
    return out;
}

static char *put_line(const uint8_t *in, size_t length, char *out)
{
    out = put_base64(in, length, out);
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

size_t mb_base64_lines_length(size_t length)
{
    return (length + 2) / 3 * 4 + (length + LINE_BYTES - 1) / LINE_BYTES * 2;
}

size_t mb_base64_encode_lines(const void *bytes, size_t length, char *out)
{
    const uint8_t *in = bytes;
    char *at = out;

    for (; length >= LINE_BYTES; in += LINE_BYTES, length -= LINE_BYTES)
        at = put_line(in, LINE_BYTES, at);
    if (length > 0)
        at = put_line(in, length, at);
    return (size_t)(at - out);
}

GBytes *mb_base64_encode_bytes(const void *bytes, size_t length)
{
    size_t room = mb_base64_lines_length(length);
    char *out = g_try_malloc(room > 0 ? room : 1);

    if (out == NULL)
        return NULL;
    mb_base64_encode_lines(bytes, length, out);
    return g_bytes_new_take(out, room);
}

void mb_base64_append(GString *out, const void *bytes, size_t length)
{
    size_t before = out->len;

    g_string_set_size(out, before + (length + 2) / 3 * 4);
    put_base64(bytes, length, out->str + before);
}

size_t mb_base64_push(MbBase64Encoder *encoder, const void *bytes, size_t length, char *out)
{
    const uint8_t *in = bytes;
    char *at = out;
    size_t whole;

    if (encoder->count > 0) {
        size_t taken = MIN(length, LINE_BYTES - encoder->count);

        memcpy(encoder->pending + encoder->count, in, taken);
        encoder->count += taken;
        in += taken;
        length -= taken;
        if (encoder->count < LINE_BYTES)
            return 0;
        at = put_line(encoder->pending, LINE_BYTES, at);
        encoder->count = 0;
    }
    whole = length - length % LINE_BYTES;
    at += mb_base64_encode_lines(in, whole, at);
    if (length > whole)
        memcpy(encoder->pending, in + whole, length - whole);
    encoder->count = length - whole;
    return (size_t)(at - out);
}

size_t mb_base64_finish(MbBase64Encoder *encoder, char *out)
{
    size_t written = mb_base64_encode_lines(encoder->pending, encoder->count, out);

    encoder->count = 0;
    return written;
}

typedef struct {
    uint64_t escapes; /* bytes that quoted-printable has to write as three */
    bool eight_bit;
    bool binary; /* NUL or a lone CR */
    size_t longest_line;
} TextFacts;

static TextFacts look_at(const uint8_t *text, size_t length)
{
    TextFacts facts = {0};
    size_t line = 0;

    for (size_t i = 0; i < length; i++) {
        uint8_t c;

        while (length - i > 8) {
            unsigned plain = encode_plain_octets(text + i);

            i += plain;
            if (plain < 8)
                break;
        }
        c = text[i];
        if (c == '\n') {
            facts.longest_line = MAX(facts.longest_line, i - line);
            line = i + 1;
        } else if (c >= 0x80) {
            facts.eight_bit = true;
            facts.escapes++;
        } else if (c < ' ' || c == '=' || c == 0x7F) {
            bool line_end = c == '\r' && i + 1 < length && text[i + 1] == '\n';

            facts.binary |= c == 0 || (c == '\r' && !line_end);
            facts.escapes += c != '\t' && !line_end;
        }
    }
    facts.longest_line = MAX(facts.longest_line, length - line);
    return facts;
}

MbEncoding mb_encode_choose(const void *bytes, size_t length, bool allow_8bit)
{
    TextFacts facts = look_at(bytes, length);

    /* A CR that belongs to the line end is counted too: one octet stricter than needed. */
    if (!facts.binary && facts.longest_line <= LINE_OCTETS) {
        if (!facts.eight_bit)
            return MB_ENCODING_7BIT;
        if (allow_8bit)
            return MB_ENCODING_8BIT;
    }
    return facts.escapes * 2 <= length / 3 ? MB_ENCODING_QP : MB_ENCODING_BASE64;
}
