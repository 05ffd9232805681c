#include "decode-private.h"

#include <string.h>

static const char *const names[] = {
    [MB_ENCODING_7BIT] = "7bit",           [MB_ENCODING_8BIT] = "8bit",
    [MB_ENCODING_BINARY] = "binary",       [MB_ENCODING_BASE64] = "base64",
    [MB_ENCODING_QP] = "quoted-printable", [MB_ENCODING_UNKNOWN] = "unknown",
};

/* Odd spellings seen in mail, without "x-" and blanks. */
static const struct {
    const char *spelling;
    MbEncoding encoding;
} spellings[] = {
    {"7-bit", MB_ENCODING_7BIT},          {"8-bit", MB_ENCODING_8BIT},
    {"7bits", MB_ENCODING_7BIT},          {"8bits", MB_ENCODING_8BIT},
    {"base-64", MB_ENCODING_BASE64},      {"base64n", MB_ENCODING_BASE64},
    {"b64", MB_ENCODING_BASE64},          {"quotedprintable", MB_ENCODING_QP},
    {"quoted_printable", MB_ENCODING_QP}, {"qp", MB_ENCODING_QP},
};

#define SPELLING_MAX 32

static bool find_name(const char *text, MbEncoding *encoding)
{
    for (size_t i = 0; i < MB_ENCODING_UNKNOWN; i++) {
        if (g_ascii_strcasecmp(text, names[i]) == 0) {
            *encoding = (MbEncoding)i;
            return true;
        }
    }
    return false;
}

static MbEncoding find_spelling(const char *text)
{
    MbEncoding encoding;

    if (g_ascii_strncasecmp(text, "x-", 2) == 0)
        text += 2;
    if (find_name(text, &encoding))
        return encoding;
    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        if (g_ascii_strcasecmp(text, spellings[i].spelling) == 0)
            return spellings[i].encoding;
    }
    return MB_ENCODING_UNKNOWN;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f' || c == '\0';
}

/* What names the encoding, without comments, quotes, blanks and all from a semicolon or comma on.
 */
static void pick(const char *value, size_t length, char out[SPELLING_MAX])
{
    size_t used = 0;
    size_t depth = 0;

    for (size_t i = 0; i < length; i++) {
        char c = value[i];

        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth > 0 || is_space(c) || c == '"' || c == '\'')
            continue;
        else if (c == ';' || c == ',')
            break;
        else if (used + 1 < SPELLING_MAX)
            out[used++] = c;
    }
    out[used] = '\0';
}

MbEncoding mb_encoding_parse(const char *value, size_t length, MbFlaws *flaws)
{
    char spelling[SPELLING_MAX];
    MbEncoding encoding;

    while (length > 0 && is_space(value[length - 1]))
        length--;
    while (length > 0 && is_space(*value)) {
        value++;
        length--;
    }
    if (length == 0)
        return MB_ENCODING_7BIT;
    pick(value, length, spelling);
    if (find_name(spelling, &encoding) && strlen(spelling) == length)
        return encoding;
    encoding = find_spelling(spelling);
    mb_flaws_add(flaws,
                 encoding == MB_ENCODING_UNKNOWN ? MB_FLAW_ENCODING_UNKNOWN
                                                 : MB_FLAW_ENCODING_SPELLING,
                 0, length);
    return encoding;
}

const char *mb_encoding_name(MbEncoding encoding)
{
    return names[encoding];
}

void mb_decoder_init(MbDecoder *decoder, MbEncoding encoding, MbFlaws *flaws)
{
    /* All but what it holds back: that is written before it is read. */
    memset(decoder, 0, offsetof(MbDecoder, held));
    decoder->encoding = encoding;
    decoder->flaws = flaws;
}

/* Notes where the first byte above 0x7F stands. */
static void check_7bit(MbDecoder *decoder, const uint8_t *in, size_t length)
{
    size_t at = 0;

    for (; length - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, in + at, 8);
        if ((word & 0x8080808080808080) != 0)
            break;
    }
    while (at < length && in[at] < 0x80)
        at++;
    if (at == length)
        return;
    mb_flaws_add(decoder->flaws, MB_FLAW_EIGHT_BIT, decoder->offset + at, 1);
    decoder->state = 1;
}

size_t mb_decoder_push(MbDecoder *decoder, const void *bytes, size_t length, void *out)
{
    if (decoder->encoding == MB_ENCODING_BASE64)
        return mb_base64_decoder_push(decoder, bytes, length, out);
    if (decoder->encoding == MB_ENCODING_QP)
        return mb_qp_decoder_push(decoder, bytes, length, out);
    if (decoder->encoding == MB_ENCODING_7BIT && decoder->flaws != NULL && decoder->state == 0)
        check_7bit(decoder, bytes, length);
    decoder->offset += length;
    if (out != bytes && length > 0)
        memcpy(out, bytes, length);
    return length;
}

size_t mb_decoder_finish(MbDecoder *decoder, void *out)
{
    if (decoder->encoding == MB_ENCODING_BASE64)
        return mb_base64_decoder_finish(decoder, out);
    if (decoder->encoding == MB_ENCODING_QP)
        return mb_qp_decoder_finish(decoder, out);
    return 0;
}

void mb_decode(MbEncoding encoding, const void *bytes, size_t length, GString *out, MbFlaws *flaws)
{
    size_t before = out->len;
    size_t written;
    MbDecoder decoder;

    g_string_set_size(out, before + mb_decoder_room(length) + mb_decoder_room(0));
    mb_decoder_init(&decoder, encoding, flaws);
    written = mb_decoder_push(&decoder, bytes, length, out->str + before);
    written += mb_decoder_finish(&decoder, out->str + before + written);
    g_string_set_size(out, before + written);
}
