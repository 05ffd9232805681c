#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/encode.h>
#include <mailbatch/mime/params.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define ROUNDS 4000

/* Bytes that make trouble, more often than chance would have it. */
static GString *random_bytes(GRand *rand, const char *pool, size_t pool_length, gint max)
{
    GString *out = g_string_new(NULL);
    gint length = g_rand_int_range(rand, 0, max);

    for (gint i = 0; i < length; i++) {
        if (g_rand_int_range(rand, 0, 4) == 0)
            g_string_append_c(out, (char)g_rand_int_range(rand, 0, 256));
        else
            g_string_append_c(out, pool[g_rand_int_range(rand, 0, (gint)pool_length)]);
    }
    return out;
}

static GString *random_text(GRand *rand, gint max)
{
    static const gunichar pool[] = {'a',    'b',    ' ',    ' ',     '=',    '?',  '_',
                                    '"',    '\\',   '(',    ',',     '.',    '\t', 'Z',
                                    0x00E4, 0x20AC, 0x4E2D, 0x1F600, 0x0301, '<',  '@'};
    GString *out = g_string_new(NULL);
    gint length = g_rand_int_range(rand, 0, max);

    for (gint i = 0; i < length; i++)
        g_string_append_unichar(out, pool[g_rand_int_range(rand, 0, G_N_ELEMENTS(pool))]);
    return out;
}

/* No line longer than `limit`, every line end CRLF, no blank before one. Returns the longest. */
static size_t check_lines(const GString *text, size_t limit, bool blanks_too)
{
    size_t start = 0;
    size_t longest = 0;

    for (size_t i = 0; i <= text->len; i++) {
        if (i < text->len && text->str[i] != '\n')
            continue;
        if (i < text->len)
            ck_assert_msg(i > 0 && text->str[i - 1] == '\r', "a bare LF");
        if (blanks_too && i > start + 1)
            ck_assert_msg(text->str[i - 2] != ' ' || text->str[i - 1] != '\r',
                          "a blank at a line's end");
        longest = MAX(longest, i - start - (i < text->len));
        start = i + 1;
    }
    ck_assert_msg(longest <= limit, "a line of %zu: %s", longest, text->str);
    return longest;
}

typedef struct {
    const char *name;
    const char *text;
    guint flags;
    const char *want;
} QpCase;

#define A70 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const QpCase qp_cases[] = {
    {"nothing", "", 0, ""},
    {"plain", "hello world", 0, "hello world"},
    {"equal sign", "a=b", 0, "a=3Db"},
    {"umlaut", "f\xC3\xBCr", 0, "f=C3=BCr"},
    {"lf becomes crlf", "a\nb\n", 0, "a\r\nb\r\n"},
    {"cr becomes crlf", "a\rb", 0, "a\r\nb"},
    {"crlf stays", "a\r\n\r\nb", 0, "a\r\n\r\nb"},
    {"blank at a line's end", "a \nb\t\r\n", 0, "a=20\r\nb=09\r\n"},
    {"only the last blank", "a  \n", 0, "a =20\r\n"},
    {"blank at the end", "a ", 0, "a=20"},
    {"blank alone", " ", 0, "=20"},
    {"line ends as content", "a\r\nb\n", MB_QP_BINARY, "a=0D=0Ab=0A"},
    {"dot untouched", ".\n.a", 0, ".\r\n.a"},
    {"dot", ".\n.a\na.", MB_QP_DOT, "=2E\r\n=2Ea\r\na."},
    {"from", "From me\nFromage\n From ", MB_QP_FROM, "=46rom me\r\nFromage\r\n From=20"},
    {"exactly 75", A70 "aaaaa\nb", 0, A70 "aaaaa\r\nb"},
    {"76", A70 "aaaaaa", 0, A70 "aaaaa=\r\na"},
    {"escape does not split", A70 "aaa=", 0, A70 "aaa=\r\n=3D"},
    {"escape fits", A70 "aa=", 0, A70 "aa=3D"},
    {"dot behind a soft break", A70 "aaaaa.", MB_QP_DOT, A70 "aaaaa=\r\n=2E"},
    {"from behind a soft break", A70 "aaaaaFrom me", MB_QP_FROM, A70 "aaaaa=\r\n=46rom me"},
};

START_TEST(quoted_printable_is_as_the_table_says)
{
    const QpCase *row = &qp_cases[_i];
    g_autoptr(GString) out = g_string_new(NULL);

    mb_qp_encode(row->text, strlen(row->text), row->flags, out);
    ck_assert_msg(strcmp(out->str, row->want) == 0, "%s: %s", row->name, out->str);
}
END_TEST

/* What text mode makes of line ends. */
static void canonical(const GString *in, GString *out)
{
    for (size_t i = 0; i < in->len; i++) {
        char c = in->str[i];

        if (c == '\r' && i + 1 < in->len && in->str[i + 1] == '\n')
            continue;
        if (c == '\r' || c == '\n')
            g_string_append(out, "\r\n");
        else
            g_string_append_c(out, c);
    }
}

START_TEST(quoted_printable_comes_back)
{
    static const char pool[] = "ab=. \t\r\nFrom \xC3\xA4";
    g_autoptr(GRand) rand = g_rand_new_with_seed(4);

    for (int round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) in = random_bytes(rand, pool, sizeof(pool) - 1, 400);
        g_autoptr(GString) want = g_string_new(NULL);
        g_autoptr(GString) encoded = g_string_new(NULL);
        g_autoptr(GString) back = g_string_new(NULL);
        guint flags = (guint)round % 8;
        g_auto(MbFlaws) flaws = {0};

        mb_qp_encode(in->str, in->len, flags, encoded);
        if ((flags & MB_QP_BINARY) != 0)
            g_string_append_len(want, in->str, (gssize)in->len);
        else
            canonical(in, want);
        check_lines(encoded, 76, true);
        ck_assert(mb_text_is_ascii(encoded->str, encoded->len));
        ck_assert(encoded->len == 0 || (encoded->str[encoded->len - 1] != ' ' &&
                                        encoded->str[encoded->len - 1] != '\t'));
        if ((flags & MB_QP_DOT) != 0)
            ck_assert(*encoded->str != '.' && strstr(encoded->str, "\n.") == NULL);
        if ((flags & MB_QP_FROM) != 0)
            ck_assert(!g_str_has_prefix(encoded->str, "From ") &&
                      strstr(encoded->str, "\nFrom ") == NULL);
        mb_decode(MB_ENCODING_QP, encoded->str, encoded->len, back, &flaws);
        ck_assert_uint_eq(mb_flaws_count(&flaws), 0);
        ck_assert_uint_eq(back->len, want->len);
        ck_assert_mem_eq(back->str, want->str, want->len);
    }
}
END_TEST

START_TEST(base64_comes_back_whole_and_in_chunks)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    for (int length = 0; length < 400; length++) {
        g_autoptr(GString) in = g_string_new(NULL);
        g_autoptr(GString) back = g_string_new(NULL);
        g_autofree char *lines = g_malloc(mb_base64_lines_length((size_t)length) + 1);
        g_autofree char *chunked = g_malloc(mb_base64_lines_length((size_t)length + 200));
        g_autofree char *reference = NULL;
        g_autoptr(GString) bare = g_string_new(NULL);
        MbBase64Encoder encoder = {0};
        g_auto(MbFlaws) flaws = {0};
        size_t written, at = 0, total = 0;

        for (int i = 0; i < length; i++)
            g_string_append_c(in, (char)g_rand_int_range(rand, 0, 256));
        written = mb_base64_encode_lines(in->str, in->len, lines);
        ck_assert_uint_eq(written, mb_base64_lines_length((size_t)length));
        lines[written] = '\0';
        ck_assert(length == 0 || g_str_has_suffix(lines, "\r\n"));
        mb_decode(MB_ENCODING_BASE64, lines, written, back, &flaws);
        ck_assert_uint_eq(mb_flaws_count(&flaws), 0);
        ck_assert_uint_eq(back->len, in->len);
        ck_assert_mem_eq(back->str, in->str, in->len);
        while (at < in->len) {
            size_t step = (size_t)g_rand_int_range(rand, 1, 130);

            step = MIN(step, in->len - at);
            total += mb_base64_push(&encoder, in->str + at, step, chunked + total);
            at += step;
        }
        total += mb_base64_finish(&encoder, chunked + total);
        ck_assert_uint_eq(total, written);
        ck_assert_mem_eq(chunked, lines, written);
        mb_base64_append(bare, in->str, in->len);
        reference = g_base64_encode((const guchar *)in->str, in->len);
        ck_assert_str_eq(bare->str, reference);
    }
}
END_TEST

/* Each octet at each place of three words: none is overlooked, none taken for another. */
START_TEST(every_octet_counts_wherever_it_stands)
{
    for (guint c = 0; c < 0x100; c++)
        for (size_t at = 0; at < 24; at++) {
            char text[25] = "abcdefgh ijklmnop qrstuv";
            bool plain = c < 0x80 && c != 0 && (c != '\r' || (at < 23 && text[at + 1] == '\n'));
            g_autoptr(GString) out = g_string_new(NULL);
            bool literal = c == '\t' || c == ' ' ? at < 23 : c > ' ' && c < 0x7F && c != '=';

            text[at] = (char)c;
            ck_assert_msg((mb_encode_choose(text, 24, false) == MB_ENCODING_7BIT) == plain,
                          "octet %u at %zu", c, at);
            mb_qp_encode(text, 24, MB_QP_BINARY, out);
            ck_assert_msg(out->len == (literal ? 24u : 26u), "octet %u at %zu: %s", c, at,
                          out->str);
        }
}
END_TEST

START_TEST(escapes_decide_between_two_encodings)
{
    for (size_t n = 1; n <= 16; n++) {
        char text[48];

        memset(text, 'a', sizeof text);
        for (size_t i = 0; i < n; i++)
            text[3 * i] = i % 2 == 0 ? '\xE9' : '=';
        ck_assert_int_eq(mb_encode_choose(text, sizeof text, false),
                         n <= 8 ? MB_ENCODING_QP : MB_ENCODING_BASE64);
    }
}
END_TEST

START_TEST(the_encoding_keeps_every_line_short)
{
    static const struct {
        const char *name;
        const char *text;
        bool allow_8bit;
        size_t repeat;
        MbEncoding want;
    } cases[] = {
        {"ascii", "hello\r\nworld\n", false, 1, MB_ENCODING_7BIT},
        {"nothing", "", false, 1, MB_ENCODING_7BIT},
        {"umlaut",
         "Gr\xC3\xBC\xC3\x9F"
         "e aus dem Norden, liebe Leser\n",
         false, 9, MB_ENCODING_QP},
        {"umlaut on an 8bit relay",
         "Gr\xC3\xBC\xC3\x9F"
         "e\n",
         true, 1, MB_ENCODING_8BIT},
        {"mostly foreign", "\xE4\xB8\xAD\xE6\x96\x87\n", false, 5, MB_ENCODING_BASE64},
        {"long line", "0123456789", false, 100, MB_ENCODING_QP},
        {"long line and 8bit", "0123456789\xC3\xA4", true, 100, MB_ENCODING_QP},
        {"998", "0123456789", false, 99, MB_ENCODING_7BIT},
        {"lone CR", "a\rb", true, 1, MB_ENCODING_BASE64},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (size_t n = 0; n < cases[i].repeat; n++)
            g_string_append(text, cases[i].text);
        ck_assert_msg(
            mb_encode_choose(text->str, text->len, cases[i].allow_8bit) == cases[i].want, "%s: %s",
            cases[i].name,
            mb_encoding_name(mb_encode_choose(text->str, text->len, cases[i].allow_8bit)));
    }
    statement("M-4");
}
END_TEST

/* Each encoded-word is at most 75 long and holds whole characters of UTF-8. Returns how many. */
static size_t check_words(const GString *field)
{
    const char *at = field->str;
    size_t count = 0;

    while ((at = strstr(at, "=?UTF-8?")) != NULL) {
        const char *end = strstr(at + 10, "?=");
        g_autoptr(GString) bytes = g_string_new(NULL);

        ck_assert_ptr_nonnull(end);
        ck_assert_int_le(end + 2 - at, 75);
        if (at[8] == 'B') {
            mb_decode(MB_ENCODING_BASE64, at + 10, (size_t)(end - at - 10), bytes, NULL);
        } else {
            for (const char *c = at + 10; c < end; c++) {
                if (*c == '=') {
                    g_string_append_c(bytes, (char)(g_ascii_xdigit_value(c[1]) << 4 |
                                                    g_ascii_xdigit_value(c[2])));
                    c += 2;
                } else {
                    g_string_append_c(bytes, *c == '_' ? ' ' : *c);
                }
            }
        }
        ck_assert_msg(mb_text_is_utf8(bytes->str, bytes->len, NULL), "a character is split: %s",
                      field->str);
        at = end + 2;
        count++;
    }
    return count;
}

START_TEST(unstructured_text_folds_and_comes_back)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(6);
    size_t words = 0;

    for (int round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) in = random_text(rand, round % 7 == 0 ? 600 : 90);
        g_autoptr(GString) field = g_string_new("Subject: ");
        g_autoptr(GString) back = g_string_new(NULL);
        g_auto(MbFlaws) flaws = {0};
        size_t column = mb_words_encode(in->str, in->len, field->len, field);
        const char *last = strrchr(field->str, '\n');

        ck_assert_uint_eq(column, strlen(last != NULL ? last + 1 : field->str));
        check_lines(field, 78, false);
        ck_assert(mb_text_is_ascii(field->str, field->len));
        words += check_words(field);
        mb_words_decode(field->str + 9, field->len - 9, back, &flaws);
        ck_assert_msg(strcmp(back->str, in->str) == 0, "%s\n%s\n%s", in->str, field->str,
                      back->str);
        ck_assert_uint_eq(mb_flaws_count(&flaws), 0);
    }
    ck_assert_uint_gt(words, 1000);
    statement("M-5");
}
END_TEST

typedef struct {
    const char *name;
    const char *text;
    const char *want;
} TextCase;

static const TextCase text_cases[] = {
    {"plain", "Hello you", "Hello you"},
    {"line ends never make a field", "a\r\nBcc: x", "a  Bcc: x"},
    {"umlaut",
     "Gr\xC3\xBC\xC3\x9F"
     "e",
     "=?UTF-8?B?R3LDvMOfZQ==?="},
    {"only the word", "see M\xC3\xBCller now", "see =?UTF-8?Q?M=C3=BCller?= now"},
    {"two words keep their blank", "\xC3\xA4 \xC3\xB6 x", "=?UTF-8?B?w6Qgw7Y=?= x"},
    {"looks encoded", "=?x?q?y?=", "=?UTF-8?B?PT94P3E/eT89?="},
    {"invalid", "a\xFFz", "=?UTF-8?B?Ye+/vXo=?="},
    {"blanks at the end", "a ", "=?UTF-8?Q?a_?="},
    {"nothing", "", ""},
};

START_TEST(unstructured_text_is_as_the_table_says)
{
    const TextCase *row = &text_cases[_i];
    g_autoptr(GString) out = g_string_new(NULL);

    mb_words_encode(row->text, strlen(row->text), 9, out);
    ck_assert_msg(strcmp(out->str, row->want) == 0, "%s: %s", row->name, out->str);
}
END_TEST

typedef struct {
    const char *name;
    const char *display;
    const char *address;
    const char *want;
} AddressCase;

static const AddressCase address_cases[] = {
    {"no name", NULL, "a@b.c", "a@b.c"},
    {"empty name", "", "a@b.c", "a@b.c"},
    {"atoms", "Bob Smith", "a@b.c", "Bob Smith <a@b.c>"},
    {"comma and quotes", "Smith, \"Bob\" (x)", "a@b.c", "\"Smith, \\\"Bob\\\" (x)\" <a@b.c>"},
    {"dot", "Dr. No", "a@b.c", "\"Dr. No\" <a@b.c>"},
    {"backslash", "a\\b", "a@b.c", "\"a\\\\b\" <a@b.c>"},
    {"umlaut", "M\xC3\xBCller, J", "a@b.c", "=?UTF-8?Q?M=C3=BCller=2C_J?= <a@b.c>"},
    {"umlaut and quotes", "\"\xC3\xBC\"", "a@b.c", "=?UTF-8?B?IsO8Ig==?= <a@b.c>"},
    {"looks encoded", "=?utf-8?q?x?=", "a@b.c", "=?UTF-8?B?PT91dGYtOD9xP3g/PQ==?= <a@b.c>"},
    {"line ends", "a\r\nBcc: b", "a@b.c", "\"a  Bcc: b\" <a@b.c>"},
    {"two blanks", "a  b", "a@b.c", "\"a  b\" <a@b.c>"},
};

START_TEST(addresses_are_written_as_the_table_says)
{
    const AddressCase *row = &address_cases[_i];
    g_autoptr(GString) out = g_string_new("To: ");

    mb_address_encode(row->display, row->address, 4, out);
    ck_assert_msg(strcmp(out->str + 4, row->want) == 0, "%s: %s", row->name, out->str);
}
END_TEST

START_TEST(one_address_stays_one)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (int round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) name = random_text(rand, 120);
        g_autoptr(GString) field = g_string_new("To: ");
        g_autoptr(MbAddressList) list = NULL;
        const MbAddress *first;
        size_t column = mb_address_encode(name->str, "first@example.org", 4, field);
        bool in_quotes = false;

        g_string_append(field, ", ");
        mb_address_encode(name->str, "second@example.org", column + 2, field);
        check_lines(field, 78, false);
        check_words(field);
        for (size_t i = 0; i < field->len; i++) {
            if (in_quotes && field->str[i] == '\\')
                i++;
            else if (field->str[i] == '"')
                in_quotes = !in_quotes;
            ck_assert(!in_quotes || !g_str_has_prefix(field->str + i, "=?"));
        }
        list = mb_address_list_parse(field->str + 4, field->len - 4, 0, NULL);
        ck_assert_msg(mb_address_list_count(list) == 2, "%s", field->str);
        first = mb_address_list_at(list, 0);
        ck_assert_str_eq(first->address, "first@example.org");
        ck_assert_str_eq(mb_address_list_at(list, 1)->address, "second@example.org");
        ck_assert_msg(g_strcmp0(first->name != NULL ? first->name : "", name->str) == 0,
                      "%s\n%s\n%s", name->str, field->str, first->name);
        ck_assert(first->name == NULL ||
                  strcmp(first->name, mb_address_list_at(list, 1)->name) == 0);
    }
    statement("M-10");
}
END_TEST

static const TextCase filename_cases[] = {
    {"token", "report.pdf", "; filename=report.pdf"},
    {"blank", "my report.pdf", "; filename=\"my report.pdf\""},
    {"quotes and backslash", "a\"b\\c", "; filename=\"a\\\"b\\\\c\""},
    {"apostrophe", "a'b.txt", "; filename=\"a'b.txt\""},
    {"percent and star", "50%*.txt", "; filename=\"50%*.txt\""},
    {"umlaut", "\xC3\xA4 b.pdf", "; filename*=UTF-8''%C3%A4%20b.pdf"},
    {"question mark", "what?.txt", "; filename=\"what?.txt\""},
    {"looks encoded", "=?x?.txt", "; filename*=UTF-8''%3D%3Fx%3F.txt"},
    {"line ends", "a\r\nb", "; filename=\"a  b\""},
    {"nothing", "", "; filename=\"\""},
};

START_TEST(filenames_are_written_as_the_table_says)
{
    const TextCase *row = &filename_cases[_i];
    g_autoptr(GString) out = g_string_new(NULL);

    mb_params_encode("filename", row->text, strlen(row->text), 20, out);
    ck_assert_msg(strcmp(out->str, row->want) == 0, "%s: %s", row->name, out->str);
}
END_TEST

START_TEST(parameters_come_back)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(8);
    g_auto(MbParams) params;

    mb_params_init(&params);
    for (int round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) name = random_text(rand, round % 5 == 0 ? 300 : 40);
        g_autoptr(GString) field = g_string_new("Content-Disposition: attachment");
        g_auto(MbFlaws) flaws = {0};
        const MbParam *param;
        size_t column = mb_params_encode("filename", name->str, name->len, field->len, field);

        mb_params_encode("size", "12", 2, column, field);
        check_lines(field, 78, false);
        ck_assert(mb_text_is_ascii(field->str, field->len));
        mb_params_parse(&params, MB_PARAMS_DISPOSITION, field->str + 20, field->len - 20, &flaws);
        ck_assert_str_eq(params.value, "attachment");
        ck_assert_msg(params.count == 2, "%s", field->str);
        param = mb_params_get(&params, "filename");
        ck_assert_ptr_nonnull(param);
        ck_assert_msg(strcmp(param->value, name->str) == 0, "%s\n%s\n%s", name->str, field->str,
                      param->value);
        ck_assert_str_eq(mb_params_get(&params, "size")->value, "12");
        ck_assert_msg(mb_flaws_count(&flaws) == 0, "%s: %s", field->str,
                      mb_flaws_count(&flaws) > 0 ? mb_flaw_code(mb_flaws_at(&flaws, 0)->kind) : "");
        ck_assert(mb_text_is_ascii(name->str, name->len) ||
                  strstr(field->str, "filename*") != NULL);
    }
    statement("M-13");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-encode");
    TCase *bodies = tcase_create("bodies");
    TCase *fields = tcase_create("fields");

    tcase_add_loop_test(bodies, quoted_printable_is_as_the_table_says, 0, G_N_ELEMENTS(qp_cases));
    tcase_add_test(bodies, quoted_printable_comes_back);
    tcase_add_test(bodies, base64_comes_back_whole_and_in_chunks);
    tcase_add_test(bodies, every_octet_counts_wherever_it_stands);
    tcase_add_test(bodies, escapes_decide_between_two_encodings);
    tcase_add_test(bodies, the_encoding_keeps_every_line_short);
    tcase_set_timeout(bodies, 60);
    suite_add_tcase(suite, bodies);
    tcase_add_test(fields, unstructured_text_folds_and_comes_back);
    tcase_add_loop_test(fields, unstructured_text_is_as_the_table_says, 0,
                        G_N_ELEMENTS(text_cases));
    tcase_add_loop_test(fields, addresses_are_written_as_the_table_says, 0,
                        G_N_ELEMENTS(address_cases));
    tcase_add_test(fields, one_address_stays_one);
    tcase_add_loop_test(fields, filenames_are_written_as_the_table_says, 0,
                        G_N_ELEMENTS(filename_cases));
    tcase_add_test(fields, parameters_come_back);
    tcase_set_timeout(fields, 60);
    suite_add_tcase(suite, fields);
    return run_suite(suite);
}
