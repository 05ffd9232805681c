#include "suite.h"

#include <check.h>
#include <mailbatch/net/lines.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *bytes;
    size_t length;
    size_t ceiling;
    const char *want; /* lines as text, with ! for cut and ^ for a bare LF, each ended by | */
    size_t want_pending;
} Row;

#define BYTES(text) text, sizeof(text) - 1

static const Row rows[] = {
    {"nothing", BYTES(""), 10, "", 0},
    {"one line", BYTES("abc\r\n"), 10, "abc|", 0},
    {"two lines", BYTES("abc\r\nde\r\n"), 10, "abc|de|", 0},
    {"empty line", BYTES("\r\n"), 10, "|", 0},
    {"bare LF", BYTES("abc\nde\r\n"), 10, "abc^|de|", 0},
    {"empty line by bare LF", BYTES("\n"), 10, "^|", 0},
    {"bare CR stays", BYTES("a\rb\r\n"), 10, "a\rb|", 0},
    {"two CRs, one goes", BYTES("a\r\r\n"), 10, "a\r|", 0},
    {"NUL stays", BYTES("a\0b\r\n"), 10, "a~b|", 0},
    {"as long as the ceiling", BYTES("0123456789\r\n"), 10, "0123456789|", 0},
    {"one over", BYTES("0123456789x\r\n"), 10, "0123456789!|", 0},
    {"far over", BYTES("0123456789xyzxyz\r\nab\r\n"), 10, "0123456789!|ab|", 0},
    {"over, by bare LF", BYTES("0123456789xyz\nab\r\n"), 10, "0123456789!^|ab|", 0},
    {"CR is the one over", BYTES("0123456789\r\r\n"), 10, "0123456789!|", 0},
    {"unfinished", BYTES("abc"), 10, "", 3},
    {"unfinished after a line", BYTES("abc\r\nde\r"), 10, "abc|", 3},
    {"unfinished and over", BYTES("0123456789xyzxyz"), 10, "", 11},
};

static void describe(GString *out, const MbLine *line)
{
    for (size_t i = 0; i < line->length; i++)
        g_string_append_c(out, line->text[i] != '\0' ? line->text[i] : '~');
    ck_assert_int_eq(line->text[line->length], '\0');
    if (line->too_long)
        g_string_append_c(out, '!');
    if (line->bare_lf)
        g_string_append_c(out, '^');
    g_string_append_c(out, '|');
}

static void feed(MbLines *lines, const char *bytes, size_t length, GString *out)
{
    while (length > 0) {
        MbLine line;
        bool complete;
        size_t taken = mb_lines_push(lines, bytes, length, &line, &complete);

        ck_assert_uint_gt(taken, 0);
        bytes += taken;
        length -= taken;
        if (complete)
            describe(out, &line);
    }
}

START_TEST(lines_are_the_same_however_they_are_split)
{
    const Row *row = &rows[_i];

    for (size_t first = 0; first <= row->length; first++) {
        for (size_t second = first; second <= row->length; second++) {
            g_autoptr(MbLines) lines = mb_lines_new(row->ceiling);
            g_autoptr(GString) out = g_string_new(NULL);

            feed(lines, row->bytes, first, out);
            feed(lines, row->bytes + first, second - first, out);
            feed(lines, row->bytes + second, row->length - second, out);
            ck_assert_msg(strcmp(out->str, row->want) == 0, "%s, split at %zu and %zu: %s",
                          row->name, first, second, out->str);
            ck_assert_msg(mb_lines_pending(lines) == row->want_pending, "%s: pending %zu",
                          row->name, mb_lines_pending(lines));
        }
    }
}
END_TEST

START_TEST(an_endless_line_takes_no_memory)
{
    g_autoptr(MbLines) lines = mb_lines_new(100);
    g_autoptr(GString) out = g_string_new(NULL);
    char block[4096];

    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 10000; i++)
        feed(lines, block, sizeof(block), out);
    ck_assert_uint_le(mb_lines_pending(lines), 101);
    feed(lines, "\r\nnext\r\n", 8, out);
    ck_assert(g_str_has_suffix(out->str, "x!|next|"));
}
END_TEST

START_TEST(reset_forgets_the_unfinished_line)
{
    g_autoptr(MbLines) lines = mb_lines_new(100);
    g_autoptr(GString) out = g_string_new(NULL);

    feed(lines, "injected", 8, out);
    mb_lines_reset(lines);
    ck_assert_uint_eq(mb_lines_pending(lines), 0);
    feed(lines, "clean\r\n", 7, out);
    ck_assert_str_eq(out->str, "clean|");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net-lines");
    TCase *tcase = tcase_create("lines");

    tcase_add_loop_test(tcase, lines_are_the_same_however_they_are_split, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, an_endless_line_takes_no_memory);
    tcase_add_test(tcase, reset_forgets_the_unfinished_line);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
