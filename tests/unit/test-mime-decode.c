#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/mime/decode.h>
#include <string.h>

/* `code@offset+length` a flaw, in order. */
static char *tell_flaws(const MbFlaws *flaws)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < mb_flaws_count(flaws); i++) {
        const MbFlaw *flaw = mb_flaws_at(flaws, i);

        g_string_append_printf(out, "%s%s@%d+%d", i > 0 ? " " : "", mb_flaw_code(flaw->kind),
                               (int)flaw->offset, (int)flaw->length);
    }
    return g_string_free(out, FALSE);
}

typedef struct {
    const char *name;
    MbEncoding encoding;
    const char *in;
    const char *want;
    const char *flaws;
} DecodeCase;

#define B64 MB_ENCODING_BASE64
#define QP  MB_ENCODING_QP
#define A76 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const DecodeCase decode_cases[] = {
    {"base64", B64, "aGVsbG8=", "hello", ""},
    {"base64 in lines", B64, "aGVs\r\nbG8g\r\nd29y\r\nbGQ=\r\n", "hello world", ""},
    {"base64 with blanks", B64, " a G\tVs\nbG8=", "hello", ""},
    {"base64 padded in the middle", B64, "aGVsbG8=IHdvcmxk", "hello world",
     "base64-padding-inside@7+1"},
    {"base64 padded twice in the middle", B64, "YQ==\r\nYg==\r\nYw==", "abc",
     "base64-padding-inside@2+4 base64-padding-inside@8+4"},
    {"base64 junk after padding", B64, "YQ==\r\n-- \r\n!!", "a",
     "base64-junk-after-padding@6+2 base64-junk-after-padding@11+2"},
    {"base64 footer after padding", B64, "YQ==\r\n-- \r\nList", "a.+!", "*"},
    {"base64 foreign byte", B64, "aGV*sbG8=", "hello", "base64-foreign@3+1"},
    {"base64 foreign run", B64, "aG##\xFF\xFEVsbG8=", "hello", "base64-foreign@2+4"},
    {"base64 odd length", B64, "aGVsb", "hel", "base64-odd-length@5+0"},
    {"base64 odd length, padded", B64, "aGVsb===", "hel", "base64-odd-length@5+0"},
    {"base64 unpadded", B64, "aGVsbG8", "hello", "base64-unpadded@7+0"},
    {"base64 one = of two", B64, "YQ=", "a", "base64-unpadded@3+0"},
    {"base64 padding on the next line", B64, "YQ=\r\n=\r\n", "a", ""},
    {"base64 too much padding", B64, "aGVsbG8==", "hello", "base64-padding-extra@8+1"},
    {"base64 padding of nothing", B64, "====", "", "base64-padding-extra@0+4"},
    {"base64 trailing bits", B64, "YR==", "a", "base64-trailing-bits@2+0"},
    {"base64 of nothing", B64, "", "", ""},
    {"qp", QP, "a=3Db", "a=b", ""},
    {"qp soft break", QP, "a=\r\nb=\nc", "abc", ""},
    {"qp soft break with blanks", QP, "a= \t\r\nb", "ab", "qp-trailing-blank@2+2"},
    {"qp soft break by CR", QP, "a=\rb", "ab", ""},
    {"qp soft break at the end", QP, "a=", "a", ""},
    {"qp lower case", QP, "=c3=bC", "\xC3\xBC", "qp-lower-hex@1+1 qp-lower-hex@4+1"},
    {"qp bad escape", QP, "a=ZZ=4x=", "a=ZZ=4x", "qp-bad-escape@1+1 qp-bad-escape@4+2"},
    {"qp escape cut", QP, "a=4", "a=4", "qp-bad-escape@1+2"},
    {"qp equal sign and blank", QP, "a= b", "a= b", "qp-bad-escape@1+2"},
    {"qp trailing blanks", QP, "a \t\r\n b \n", "a\r\n b\n",
     "qp-trailing-blank@1+2 qp-trailing-blank@7+1"},
    {"qp blanks at the end", QP, "a  ", "a", "qp-trailing-blank@1+2"},
    {"qp blanks inside", QP, "a  b =20 c", "a  b   c", ""},
    {"qp raw byte", QP, "a\xC3\xBCz", "a\xC3\xBCz", "qp-raw-byte@1+2"},
    {"qp 76", QP, A76 "\r\nb", A76 "\r\nb", ""},
    {"qp 77", QP, "x\r\n" A76 "b\r\n", "x\r\n" A76 "b\r\n", "qp-long-line@3+77"},
    {"qp soft 77", QP, A76 "=\r\n", A76, "qp-long-line@0+77"},
    {"7bit", MB_ENCODING_7BIT, "a\nb", "a\nb", ""},
    {"7bit that is not", MB_ENCODING_7BIT, "0123456789\xE4z\xE4", "0123456789\xE4z\xE4",
     "8bit-in-7bit@10+1"},
    {"8bit", MB_ENCODING_8BIT, "\xE4", "\xE4", ""},
    {"unknown", MB_ENCODING_UNKNOWN, "=41", "=41", ""},
};

START_TEST(decoding_is_as_the_table_says_however_it_is_cut)
{
    const DecodeCase *row = &decode_cases[_i];
    size_t length = strlen(row->in);

    for (size_t split = 0; split <= length; split++) {
        g_auto(MbFlaws) flaws = {0};
        g_autofree char *out = g_malloc(mb_decoder_room(length) + mb_decoder_room(0));
        g_autofree char *told = NULL;
        MbDecoder decoder;
        size_t written;

        mb_decoder_init(&decoder, row->encoding, &flaws);
        written = mb_decoder_push(&decoder, row->in, split, out);
        for (size_t at = split; at < length; at++)
            written += mb_decoder_push(&decoder, row->in + at, 1, out + written);
        written += mb_decoder_finish(&decoder, out + written);
        out[written] = '\0';
        told = tell_flaws(&flaws);
        if (strcmp(row->flaws, "*") == 0) {
            ck_assert(mb_flaws_count(&flaws) > 0);
            ck_assert_int_eq(out[0], row->want[0]);
            continue;
        }
        ck_assert_msg(strcmp(out, row->want) == 0, "%s, cut at %zu: %s", row->name, split, out);
        ck_assert_msg(strcmp(told, row->flaws) == 0, "%s, cut at %zu: %s", row->name, split, told);
    }
}
END_TEST

/* More blanks behind "=" than a decoder holds: it is no soft break then, and nothing overflows. */
START_TEST(a_soft_break_waits_for_so_many_blanks)
{
    for (size_t blanks = MB_DECODER_HELD - 2; blanks < MB_DECODER_HELD + 2; blanks++) {
        g_autofree char *padding = g_strnfill(blanks, ' ');
        g_autofree char *in = g_strdup_printf("a=%s\r\nb", padding);
        g_autoptr(GString) out = g_string_new(NULL);
        bool is_soft = blanks < MB_DECODER_HELD;
        g_auto(MbFlaws) flaws = {0};

        mb_decode(QP, in, strlen(in), out, &flaws);
        ck_assert_int_eq(mb_flaws_has(&flaws, MB_FLAW_QP_BAD_ESCAPE), !is_soft);
        ck_assert(g_str_has_prefix(out->str, is_soft ? "ab" : "a= "));
        ck_assert(g_str_has_suffix(out->str, is_soft ? "ab" : " \r\nb"));
    }
}
END_TEST

/* However random bytes are cut, content and flaws are the same; and none of it overflows. */
START_TEST(random_bytes_decode_alike_in_any_pieces)
{
    static const char pool[] = "AQz+/==  \t\r\n\n=4fF\xC3*";
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);

    for (int round = 0; round < 4000; round++) {
        g_autoptr(GString) in = g_string_new(NULL);
        g_autoptr(GString) whole = g_string_new(NULL);
        g_autoptr(GString) pieces = g_string_new(NULL);
        g_auto(MbFlaws) first = {0};
        g_auto(MbFlaws) second = {0};
        g_autofree char *told_first = NULL;
        g_autofree char *told_second = NULL;
        MbEncoding encoding = (MbEncoding)(round % MB_ENCODING_UNKNOWN);
        int blanks = round % 50 == 0 ? g_rand_int_range(rand, 0, 3000) : 0;
        MbDecoder decoder;
        size_t at = 0;

        for (int i = g_rand_int_range(rand, 0, 300); i > 0; i--)
            g_string_append_c(in, pool[g_rand_int_range(rand, 0, sizeof(pool) - 1)]);
        for (; blanks > 0; blanks--)
            g_string_append_c(in, ' ');
        g_string_append(in, round % 3 == 0 ? "x" : "\r\n");
        mb_decode(encoding, in->str, in->len, whole, &first);
        mb_decoder_init(&decoder, encoding, &second);
        while (at < in->len) {
            size_t step = (size_t)g_rand_int_range(rand, 1, 40);
            g_autofree char *out = NULL;
            g_autofree char *chunk = NULL;
            size_t written;

            step = MIN(step, in->len - at);
            /* Exact copies, so that a sanitizer sees every step over the edge. */
            chunk = g_memdup2(in->str + at, step);
            out = g_malloc(mb_decoder_room(step));
            written = mb_decoder_push(&decoder, chunk, step, out);
            g_string_append_len(pieces, out, (gssize)written);
            at += step;
        }
        {
            g_autofree char *out = g_malloc(mb_decoder_room(0));

            g_string_append_len(pieces, out, (gssize)mb_decoder_finish(&decoder, out));
        }
        ck_assert_uint_eq(whole->len, pieces->len);
        ck_assert_mem_eq(whole->str, pieces->str, whole->len);
        told_first = tell_flaws(&first);
        told_second = tell_flaws(&second);
        ck_assert_str_eq(told_first, told_second);
    }
}
END_TEST

START_TEST(concatenated_base64_is_decoded_to_its_end)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(12);

    for (int round = 0; round < 300; round++) {
        g_autoptr(GString) want = g_string_new(NULL);
        g_autoptr(GString) in = g_string_new(NULL);
        g_autoptr(GString) out = g_string_new(NULL);
        g_auto(MbFlaws) flaws = {0};
        uint32_t padded = 0;

        for (int part = 0; part < 5; part++) {
            g_autofree char *encoded = NULL;
            size_t before = want->len;

            for (int i = g_rand_int_range(rand, 1, 30); i > 0; i--)
                g_string_append_c(want, (char)g_rand_int_range(rand, 0, 256));
            encoded = g_base64_encode((const guchar *)want->str + before, want->len - before);
            padded += part < 4 && g_str_has_suffix(encoded, "=");
            g_string_append_printf(in, "%s\r\n", encoded);
        }
        mb_decode(B64, in->str, in->len, out, &flaws);
        ck_assert_uint_eq(out->len, want->len);
        ck_assert_mem_eq(out->str, want->str, want->len);
        ck_assert_uint_eq(flaws.counts[MB_FLAW_BASE64_PADDING_INSIDE], padded);
    }
}
END_TEST

START_TEST(blanks_without_end_are_not_held)
{
    g_autoptr(GString) in = g_string_new("a");
    g_autoptr(GString) out = g_string_new(NULL);

    for (int i = 0; i < 100000; i++)
        g_string_append_c(in, ' ');
    g_string_append_c(in, 'b');
    mb_decode(QP, in->str, in->len, out, NULL);
    ck_assert_str_eq(out->str, in->str);
}
END_TEST

typedef struct {
    const char *value;
    MbEncoding want;
    const char *flaws;
} EncodingCase;

static const EncodingCase encoding_cases[] = {
    {"base64", B64, ""},
    {"BASE64", B64, ""},
    {" base64 \r\n", B64, ""},
    {"", MB_ENCODING_7BIT, ""},
    {"7bit", MB_ENCODING_7BIT, ""},
    {"quoted-printable", QP, ""},
    {"binary", MB_ENCODING_BINARY, ""},
    {"base64;x", B64, "encoding-spelling@0+8"},
    {"x-base64", B64, "encoding-spelling@0+8"},
    {"(c)base64", B64, "encoding-spelling@0+9"},
    {"base64 (c)", B64, "encoding-spelling@0+10"},
    {"((a) b)base64", B64, "encoding-spelling@0+13"},
    {"\"base64\"", B64, "encoding-spelling@0+8"},
    {"base-64", B64, "encoding-spelling@0+7"},
    {"base64, base64", B64, "encoding-spelling@0+14"},
    {"quoted printable", QP, "encoding-spelling@0+16"},
    {"8bits", MB_ENCODING_8BIT, "encoding-spelling@0+5"},
    {"x-uuencode", MB_ENCODING_UNKNOWN, "encoding-unknown@0+10"},
    {"base65", MB_ENCODING_UNKNOWN, "encoding-unknown@0+6"},
    {"base64base64base64base64base64base64", MB_ENCODING_UNKNOWN, "encoding-unknown@0+36"},
};

START_TEST(encodings_are_recognised)
{
    const EncodingCase *row = &encoding_cases[_i];
    g_auto(MbFlaws) flaws = {0};
    MbEncoding got = mb_encoding_parse(row->value, strlen(row->value), &flaws);
    g_autofree char *told = tell_flaws(&flaws);

    ck_assert_msg(got == row->want, "%s: %s", row->value, mb_encoding_name(got));
    ck_assert_msg(strcmp(told, row->flaws) == 0, "%s: %s", row->value, told);
}
END_TEST

START_TEST(a_noisy_input_keeps_few_flaws_and_counts_all)
{
    g_auto(MbFlaws) flaws = {0};
    g_autoptr(GString) in = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new(NULL);

    for (int i = 0; i < 100000; i++)
        g_string_append(in, "A*");
    mb_decode(B64, in->str, in->len, out, &flaws);
    ck_assert_uint_eq(mb_flaws_count(&flaws), MB_FLAWS_KEPT);
    ck_assert_uint_eq(flaws.counts[MB_FLAW_BASE64_FOREIGN], 100000);
    ck_assert_uint_eq(out->len, 75000);
    mb_flaws_reset(&flaws);
    ck_assert_uint_eq(mb_flaws_count(&flaws), 0);
    ck_assert(!mb_flaws_has(&flaws, MB_FLAW_BASE64_FOREIGN));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-decode");
    TCase *decoding = tcase_create("decoding");

    tcase_add_loop_test(decoding, decoding_is_as_the_table_says_however_it_is_cut, 0,
                        G_N_ELEMENTS(decode_cases));
    tcase_add_test(decoding, random_bytes_decode_alike_in_any_pieces);
    tcase_add_test(decoding, a_soft_break_waits_for_so_many_blanks);
    tcase_add_test(decoding, concatenated_base64_is_decoded_to_its_end);
    tcase_add_test(decoding, blanks_without_end_are_not_held);
    tcase_add_loop_test(decoding, encodings_are_recognised, 0, G_N_ELEMENTS(encoding_cases));
    tcase_add_test(decoding, a_noisy_input_keeps_few_flaws_and_counts_all);
    tcase_set_timeout(decoding, 60);
    suite_add_tcase(suite, decoding);
    return run_suite(suite);
}
