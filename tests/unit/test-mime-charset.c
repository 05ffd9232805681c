#include "flaws.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/mime/charset.h>
#include <string.h>

#define EURO "\xE2\x82\xAC"
#define UUML "\xC3\xBC"

typedef struct {
    const char *name;
    const char *declared;
    const char *in;
    const char *want; /* used/detected text flaws */
} CharsetCase;

#define GERMAN                                                                                     \
    "F\xFCr die \xC4rzte gibt es gr\xF6\xDF"                                                       \
    "ere R\xE4ume; sch\xF6ne Gr\xFC\xDF"                                                           \
    "e aus M\xFCnchen an alle H\xF6rer, \xDC"                                                      \
    "bermut"
#define RUSSIAN                                                                                    \
    "\xF0\xD2\xC9\xD7\xC5\xD4, \xCB\xC1\xCB \xC4\xC5\xCC\xC1? \xFC\xD4\xCF "                       \
    "\xD0\xC9\xD3\xD8\xCD\xCF "                                                                    \
    "\xCE\xC1\xD0\xC9\xD3\xC1\xCE\xCF \xD0\xCF-\xD2\xD5\xD3\xD3\xCB\xC9 \xC4\xCC\xD1 "             \
    "\xD0\xD2\xCF\xD7\xC5"                                                                         \
    "\xD2\xCB\xC9"

static const CharsetCase charset_cases[] = {
    {"ascii", NULL, "abc", "us-ascii/us-ascii abc"},
    {"utf-8", "UTF8", UUML, "utf-8/ " UUML},
    {"declared nothing, utf-8", NULL, UUML, "utf-8/utf-8 " UUML},
    {"latin1", "latin1", "\xFC", "iso-8859-1/ " UUML},
    {"latin1 with c1", "iso-8859-1", "a\x80",
     "windows-1252/windows-1252 a" EURO " charset-superset@1+1"},
    {"windows-1252", "cp1252", "\x80", "windows-1252/ " EURO},
    {"lie: ascii is utf-8", "us-ascii", "ab" UUML, "utf-8/utf-8 ab" UUML " charset-lie@2+1"},
    {"lie: utf-8 is latin1", "utf-8", "ab\xFC",
     "windows-1252/windows-1252 ab" UUML " charset-lie@2+1"},
    {"lie: utf-8 that is cut", "utf-8", "ab\xE2\x82",
     "utf-8/windows-1252 ab\xEF\xBF\xBD charset-lie@2+1 charset-lossy@2+1"},
    {"unknown label", "x-nothing", UUML, "utf-8/utf-8 " UUML " charset-unknown@0+2"},
    {"koi8-r declared", "koi8-r", "\xF0", "koi8-r/ \xD0\x9F"},
    {"koi8-r detected", NULL, RUSSIAN,
     "*koi8-r/koi8-r \xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82"},
    {"german detected", NULL, GERMAN, "*"},
    {"shift_jis", "Shift_JIS", "\x93\xFA\x96\x7B", "cp932/ \xE6\x97\xA5\xE6\x9C\xAC"},
    {"utf-7", "utf-7", "+APw-", "utf-7/ " UUML " charset-utf7@0+5"},
    {"utf-16", "utf-16be", "\x20\xAC", "utf-16be/ " EURO},
    {"undefined in windows-1252", "windows-1252", "a\x81",
     "windows-1252/windows-1252 a\xEF\xBF\xBD charset-lie@1+1 charset-lossy@1+1"},
    {"program's own encodings", "wchar_t", "a", "us-ascii/us-ascii a charset-unknown@0+1"},
    {"iconv's suffixes", "utf-8//IGNORE", UUML, "utf-8/utf-8 " UUML " charset-unknown@0+2"},
};

START_TEST(charsets_are_chosen_as_the_table_says)
{
    const CharsetCase *row = &charset_cases[_i];
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};
    MbCharsetUse use;

    mb_charset_to_utf8(row->declared, row->in, strlen(row->in), text, &use, &flaws);
    ck_assert(g_utf8_validate(text->str, (gssize)text->len, NULL));
    g_string_printf(out, "%s/%s %s", use.used, use.detected, text->str);
    put_flaws(out, &flaws);
    ck_assert_msg(use.lossy == (strstr(text->str, "\xEF\xBF\xBD") != NULL), "%s: lossy", row->name);
    ck_assert_msg(use.lossy == (use.errors > 0), "%s: errors", row->name);
    if (row->want[0] == '*')
        ck_assert_msg(g_str_has_prefix(out->str, row->want + 1), "%s: %s", row->name, out->str);
    else
        ck_assert_msg(strcmp(out->str, row->want) == 0, "%s: %s", row->name, out->str);
}
END_TEST

START_TEST(a_check_tells_what_a_conversion_does)
{
    const CharsetCase *row = &charset_cases[_i];
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) want = g_string_new(NULL);
    g_autoptr(GString) got = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};
    g_auto(MbFlaws) checked = {0};
    MbCharsetUse use, check;

    mb_charset_to_utf8(row->declared, row->in, strlen(row->in), text, &use, &flaws);
    mb_charset_check(row->declared, row->in, strlen(row->in), &check, &checked);
    put_flaws(want, &flaws);
    put_flaws(got, &checked);
    ck_assert_str_eq(check.used, use.used);
    ck_assert_str_eq(check.detected, use.detected);
    ck_assert_int_eq(check.lossy, use.lossy);
    ck_assert_uint_eq(check.errors, use.errors);
    if (use.errors > 0)
        ck_assert_uint_eq(check.first_error, use.first_error);
    ck_assert_str_eq(got->str, want->str);
}
END_TEST

START_TEST(conversion_is_the_same_in_any_pieces)
{
    static const char *const charsets[] = {"utf-8",   "us-ascii", "iso-8859-1",  "windows-1252",
                                           "gb18030", "cp932",    "iso-2022-jp", "utf-16le",
                                           "utf-7",   "koi8-r",   "big5"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(13);

    for (int round = 0; round < 3000; round++) {
        const char *name = charsets[(size_t)round % G_N_ELEMENTS(charsets)];
        g_autoptr(MbConverter) whole = mb_converter_new(name);
        g_autoptr(MbConverter) pieces = mb_converter_new(name);
        g_autoptr(GString) one = g_string_new(NULL);
        g_autoptr(GString) two = g_string_new(NULL);
        MbCharsetUse first = {0};
        MbCharsetUse second = {0};
        char in[200];
        size_t length = (size_t)g_rand_int_range(rand, 0, sizeof(in));
        size_t at = 0;

        for (size_t i = 0; i < length; i++)
            in[i] =
                (char)(round % 2 == 0 ? g_rand_int_range(rand, 0, 256)
                                      : "a\xE2\x82\xAC\x1B$B+-\x81"[g_rand_int_range(rand, 0, 10)]);
        mb_converter_push(whole, in, length, one);
        mb_converter_finish(whole, one, &first);
        while (at < length) {
            size_t step = (size_t)g_rand_int_range(rand, 1, 6);

            step = MIN(step, length - at);
            mb_converter_push(pieces, in + at, step, two);
            at += step;
        }
        mb_converter_finish(pieces, two, &second);
        ck_assert_msg(one->len == two->len && memcmp(one->str, two->str, one->len) == 0, "%s",
                      name);
        ck_assert(g_utf8_validate(one->str, (gssize)one->len, NULL) ||
                  memchr(one->str, 0, one->len) != NULL);
        ck_assert_uint_eq(first.errors, second.errors);
        ck_assert_msg(first.first_error == second.first_error, "%s: %d %d", name,
                      (int)first.first_error, (int)second.first_error);
    }
    statement("F-13");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-charset");
    TCase *charset = tcase_create("charset");

    tcase_add_loop_test(charset, charsets_are_chosen_as_the_table_says, 0,
                        G_N_ELEMENTS(charset_cases));
    tcase_add_loop_test(charset, a_check_tells_what_a_conversion_does, 0,
                        G_N_ELEMENTS(charset_cases));
    tcase_add_test(charset, conversion_is_the_same_in_any_pieces);
    tcase_set_timeout(charset, 60);
    suite_add_tcase(suite, charset);
    return run_suite(suite);
}
