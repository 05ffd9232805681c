/*
 * Transfer decoders: any cut gives the same bytes; what the encoders write comes back.
 */
#include "fuzz.h"

#include <mailbatch/mime/decode.h>
#include <mailbatch/mime/encode.h>
#include <string.h>

static void same(const GString *left, const GString *right)
{
    g_assert_true(g_string_equal(left, right));
}

static void decode_in_pieces(MbEncoding encoding, const uint8_t *data, size_t size, size_t step,
                             GString *out)
{
    g_autofree uint8_t *room = g_malloc(mb_decoder_room(step));
    MbDecoder decoder;

    mb_decoder_init(&decoder, encoding, NULL);
    for (size_t at = 0; at < size; at += step) {
        size_t length = MIN(step, size - at);
        size_t written = mb_decoder_push(&decoder, data + at, length, room);

        g_string_append_len(out, (const char *)room, (gssize)written);
    }
    g_string_append_len(out, (const char *)room, (gssize)mb_decoder_finish(&decoder, room));
}

static void check_encoders(const uint8_t *data, size_t size)
{
    g_autoptr(GString) in = g_string_new_len((const char *)data, (gssize)size);
    g_autoptr(GString) encoded = g_string_new(NULL);
    g_autoptr(GString) back = g_string_new(NULL);
    g_autoptr(GBytes) lines = mb_base64_encode_bytes(data, size);
    gsize length;
    const char *text;

    mb_qp_encode(data, size, MB_QP_BINARY | MB_QP_DOT | MB_QP_FROM, encoded);
    mb_decode(MB_ENCODING_QP, encoded->str, encoded->len, back, NULL);
    same(in, back);
    text = g_bytes_get_data(lines, &length);
    g_string_truncate(back, 0);
    mb_decode(MB_ENCODING_BASE64, text, length, back, NULL);
    same(in, back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(MbFlaws) flaws = {0};

    for (int encoding = 0; encoding <= MB_ENCODING_UNKNOWN; encoding++) {
        g_autoptr(GString) whole = g_string_new(NULL);
        g_autoptr(GString) pieces = g_string_new(NULL);

        mb_decode((MbEncoding)encoding, data, size, whole, &flaws);
        decode_in_pieces((MbEncoding)encoding, data, size, 1 + size % 7, pieces);
        same(whole, pieces);
    }
    mb_encoding_parse((const char *)data, size, &flaws);
    check_encoders(data, size);
    return 0;
}
