#include "suite.h"

#include <check.h>
#include <mailbatch/mime/filename.h>
#include <mailbatch/mime/received.h>
#include <string.h>

static void check_text(const char *name, const char *what, const char *want, MbReceivedText got)
{
    if (want == NULL)
        ck_assert_msg(got.text == NULL, "%s: %s: there is '%s'", name, what, got.text);
    else
        ck_assert_msg(got.text != NULL && strcmp(got.text, want) == 0 && got.length == strlen(want),
                      "%s: %s: wanted '%s', got '%s'", name, what, want, got.text);
}

START_TEST(clauses_and_comments_are_told_apart)
{
    static const struct {
        const char *name, *value;
        const char *clause[MB_RECEIVED_CLAUSES]; /* from by via with id for */
        const char *from_comment, *by_comment;
        const char *utc; /* NULL: no date */
    } rows[] = {
        {"all",
         "from a (b [1.2.3.4]) by c (d) via e with f id g for <h@i>; 1 Jan 2020 00:00:00 +0000",
         {"a", "c", "e", "f", "g", "<h@i>"},
         "b [1.2.3.4]",
         "d",
         "2020-01-01T00:00:00Z"},
        {"any order, any case",
         "BY c WITH f FROM a; 1 Jan 2020 01:00:00 +0100",
         {"a", "c", NULL, "f", NULL, NULL},
         NULL,
         NULL,
         "2020-01-01T00:00:00Z"},
        {"folds",
         "from a\r\n\t(b\r\n  c) by\r\n d; 1 Jan 2020 00:00:00 +0000",
         {"a", "d", NULL, NULL, NULL, NULL},
         "b c",
         NULL,
         "2020-01-01T00:00:00Z"},
        {"a word a second time is a word",
         "from a from b by c by d; 1 Jan 2020 00:00:00 +0000",
         {"a from b", "c by d", NULL, NULL, NULL, NULL},
         NULL,
         NULL,
         "2020-01-01T00:00:00Z"},
        {"semicolons before the date",
         "from a; by b; id \"x;y\" (;); 1 Jan 2020 00:00:00 +0000",
         {"a", "b", NULL, NULL, "\"x;y\"", NULL},
         NULL,
         NULL,
         "2020-01-01T00:00:00Z"},
        {"no clause behind the last semicolon, and none of its comments",
         "from a (b) c; (d); 1 Jan 2020 00:00:00 +0000 by e (f) with g (h)",
         {"a c", NULL, NULL, NULL, NULL, NULL},
         "b d",
         NULL,
         "2020-01-01T00:00:00Z"},
        {"a clause in hand at the last semicolon",
         "by a (b) from c (d) e; 1 Jan 2020 00:00:00 +0000 f (g) with h (i)",
         {"c e", "a", NULL, NULL, NULL, NULL},
         "d",
         "b",
         "2020-01-01T00:00:00Z"},
        {"folds at the ends of words and comments",
         "from \"a\r\n b\" (c\r\n) (\r\n d) by e; 1 Jan 2020 00:00:00 +0000",
         {"\"a b\"", "e", NULL, NULL, NULL, NULL},
         "c d",
         NULL,
         "2020-01-01T00:00:00Z"},
        {"words in brackets, quotes and comments",
         "from <by with> (by x (id y)) by \"id for\"; 1 Jan 2020 00:00:00 +0000",
         {"<by with>", "\"id for\"", NULL, NULL, NULL, NULL},
         "by x (id y)",
         NULL,
         "2020-01-01T00:00:00Z"},
        {"two comments",
         "from a (b) (c) by d; 1 Jan 2020 00:00:00 +0000",
         {"a", "d", NULL, NULL, NULL, NULL},
         "b c",
         NULL,
         "2020-01-01T00:00:00Z"},
        {"no semicolon",
         "from a by b Wed, 1 Jan 2020 00:00:00 +0000",
         {"a", "b", NULL, NULL, NULL, NULL},
         NULL,
         NULL,
         "2020-01-01T00:00:00Z"},
        {"no date", "from a by b", {"a", "b", NULL, NULL, NULL, NULL}, NULL, NULL, NULL},
        {"comment open",
         "from a (b by c; 1 Jan",
         {"a", NULL, NULL, NULL, NULL, NULL},
         "b by c; 1 Jan",
         NULL,
         NULL},
        {"quotes open",
         "from \"a by c; 1 Jan",
         {"\"a by c; 1 Jan", NULL, NULL, NULL, NULL, NULL},
         NULL,
         NULL,
         NULL},
        {"backslash at the end",
         "from a (\\",
         {"a", NULL, NULL, NULL, NULL, NULL},
         "\\",
         NULL,
         NULL},
        {"nothing", "", {NULL, NULL, NULL, NULL, NULL, NULL}, NULL, NULL, NULL},
        {"empty clauses", "from by;", {"", "", NULL, NULL, NULL, NULL}, NULL, NULL, NULL},
    };
    g_auto(MbReceived) received;

    mb_received_init(&received);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char utc[MB_DATE_TEXT_MAX] = "";

        mb_received_parse(&received, rows[i].value, strlen(rows[i].value), NULL);
        for (size_t k = 0; k < MB_RECEIVED_CLAUSES; k++)
            check_text(rows[i].name, mb_received_clause_name((MbReceivedClause)k),
                       rows[i].clause[k], received.clause[k]);
        check_text(rows[i].name, "comment", rows[i].from_comment,
                   received.comment[MB_RECEIVED_FROM]);
        check_text(rows[i].name, "comment", rows[i].by_comment, received.comment[MB_RECEIVED_BY]);
        ck_assert_msg(received.has_date == (rows[i].utc != NULL), "%s: date", rows[i].name);
        if (rows[i].utc == NULL)
            continue;
        ck_assert_msg(received.date.valid, "%s: date", rows[i].name);
        mb_date_format_utc(received.date.unix_time, utc);
        ck_assert_str_eq(utc, rows[i].utc);
        ck_assert_uint_eq(received.date_offset + received.date_length, strlen(rows[i].value));
    }
}
END_TEST

START_TEST(flaws_stand_at_their_bytes)
{
    static const struct {
        const char *value;
        MbFlawKind kind;
        uint64_t offset;
    } rows[] = {
        {"from a by b", MB_FLAW_RECEIVED_NO_DATE, 0},
        {"from a by b ; ", MB_FLAW_RECEIVED_NO_DATE, 0},
        {"from a Wed, 1 Jan 2020 00:00:00 +0000", MB_FLAW_RECEIVED_NO_SEMICOLON, 7},
        {"from a; soon", MB_FLAW_DATE_MALFORMED, 8},
        {"from a; 31 Feb 2020 00:00:00 +0000", MB_FLAW_DATE_IMPOSSIBLE, 8},
    };
    g_auto(MbReceived) received;

    mb_received_init(&received);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(MbFlaws) flaws = {0};

        mb_received_parse(&received, rows[i].value, strlen(rows[i].value), &flaws);
        ck_assert_msg(mb_flaws_count(&flaws) == 1, "%s: %zu flaws", rows[i].value,
                      mb_flaws_count(&flaws));
        ck_assert_msg(mb_flaws_at(&flaws, 0)->kind == rows[i].kind, "%s", rows[i].value);
        ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->offset, rows[i].offset);
    }
}
END_TEST

START_TEST(nul_bytes_are_kept)
{
    static const char value[] = "from a\0b (c\0d); 1 Jan 2020 00:00:00 +0000";
    g_auto(MbReceived) received;

    mb_received_init(&received);
    mb_received_parse(&received, value, sizeof(value) - 1, NULL);
    ck_assert_uint_eq(received.clause[MB_RECEIVED_FROM].length, 3);
    ck_assert_mem_eq(received.clause[MB_RECEIVED_FROM].text, "a\0b", 4);
    ck_assert_mem_eq(received.comment[MB_RECEIVED_FROM].text, "c\0d", 4);
    ck_assert(received.has_date);
}
END_TEST

/* A byte more or less anywhere: no byte outside the value is looked at (under a sanitizer). */
START_TEST(any_cut_is_read)
{
    static const char value[] = "from a (b (c) \\) by <d> with \"e\\\" f\" id g;; Wed, 1 Jan 2020";
    g_auto(MbReceived) received;

    mb_received_init(&received);
    for (size_t start = 0; start < sizeof(value); start++) {
        for (size_t end = start; end < sizeof(value); end++) {
            g_autofree char *copy = g_memdup2(value + start, end - start);

            mb_received_parse(&received, copy, end - start, NULL);
        }
    }
}
END_TEST

START_TEST(extensions_are_the_last_ones)
{
    static const struct {
        const char *name, *extension;
    } rows[] = {
        {"a.PDF", "pdf"},
        {"a.tar.gz", "gz"},
        {"a", ""},
        {"a.exe. .", "exe"},
        {"a.", ""},
        {".profile", "profile"},
        {"a.b/c", ""},
        {"a.b\\c", ""},
        {"a.p df", ""},
        {"a.elevenchar1", "elevenchar1"},
        {"a.twelvechars1", ""},
        {"", ""},
        {"...", ""},
        {"a.\xC3\xA9", ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char extension[MB_FILENAME_EXTENSION_MAX];

        mb_filename_extension(rows[i].name, strlen(rows[i].name), extension);
        ck_assert_msg(strcmp(extension, rows[i].extension) == 0, "%s: %s", rows[i].name, extension);
    }
}
END_TEST

START_TEST(what_a_name_hides_stands_at_its_byte)
{
    static const struct {
        const char *name;
        size_t length;
        MbFlawKind kind;
        uint64_t offset, flaw_length;
    } rows[] = {
        {"ab\xE2\x80\xAE"
         "c",
         6, MB_FLAW_NAME_BIDI, 2, 3},
        {"\xD8\x9C"
         "a",
         3, MB_FLAW_NAME_BIDI, 0, 2},
        {"a\0b", 3, MB_FLAW_NAME_CONTROL, 1, 1},
        {"a\x7F", 2, MB_FLAW_NAME_CONTROL, 1, 1},
        {"a\xC2\x85"
         "b",
         4, MB_FLAW_NAME_CONTROL, 1, 2},
        {"a/b", 3, MB_FLAW_NAME_PATH, 1, 1},
        {"a\\b", 3, MB_FLAW_NAME_PATH, 1, 1},
        {"c:b", 3, MB_FLAW_NAME_PATH, 0, 2},
        {"a.txt. ", 7, MB_FLAW_NAME_TRAILING, 5, 2},
        {"a.pdf.exe", 9, MB_FLAW_NAME_DOUBLE, 1, 8},
        {"a.pdf   .scr", 12, MB_FLAW_NAME_DOUBLE, 1, 11},
        {"nul", 3, MB_FLAW_NAME_RESERVED, 0, 3},
        {"LPT9.txt", 8, MB_FLAW_NAME_RESERVED, 0, 4},
    };
    static const char *const clean[] = {
        "a.pdf",     "a.tar.gz",     "exe.pdf", "a.exe",        "a.b.exe", "com",  "com0",
        "lpt10.txt", "\xC3\xA4.txt", "1:1",     "\xFF\xFE.txt", ".hidden", "a..b",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(MbFlaws) flaws = {0};

        mb_filename_check(rows[i].name, rows[i].length, &flaws);
        ck_assert_msg(mb_flaws_count(&flaws) == 1, "row %zu: %zu flaws", i, mb_flaws_count(&flaws));
        ck_assert_msg(mb_flaws_at(&flaws, 0)->kind == rows[i].kind, "row %zu: %s", i,
                      mb_flaw_code(mb_flaws_at(&flaws, 0)->kind));
        ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->offset, rows[i].offset);
        ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->length, rows[i].flaw_length);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(clean); i++) {
        g_auto(MbFlaws) flaws = {0};

        mb_filename_check(clean[i], strlen(clean[i]), &flaws);
        ck_assert_msg(mb_flaws_count(&flaws) == 0, "%s: %s", clean[i],
                      mb_flaw_code(mb_flaws_count(&flaws) ? mb_flaws_at(&flaws, 0)->kind : 0));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-received");
    TCase *tcase = tcase_create("received");

    tcase_add_test(tcase, clauses_and_comments_are_told_apart);
    tcase_add_test(tcase, flaws_stand_at_their_bytes);
    tcase_add_test(tcase, nul_bytes_are_kept);
    tcase_add_test(tcase, any_cut_is_read);
    tcase_add_test(tcase, extensions_are_the_last_ones);
    tcase_add_test(tcase, what_a_name_hides_stands_at_its_byte);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
