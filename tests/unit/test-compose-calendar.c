#include "suite.h"

#include <check.h>
#include <mailbatch/compose/compose.h>
#include <string.h>

static const struct {
    const char *name, *text, *want; /* NULL: none */
} methods[] = {
    {"as it stands", "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n", "REQUEST"},
    {"small letters, LF", "begin:vcalendar\nmethod:cancel\n", "CANCEL"},
    {"no line end", "METHOD:REPLY", "REPLY"},
    {"blanks behind", "METHOD:PUBLISH  \r\n", "PUBLISH"},
    {"none", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", NULL},
    {"empty", "METHOD:\r\n", NULL},
    {"within another line", "X-METHOD:REQUEST\r\nSUMMARY:METHOD:REQUEST\r\n", NULL},
    {"a fold is another line's", "SUMMARY:x\r\n METHOD:REQUEST\r\n", NULL},
    {"what would end a parameter", "METHOD:REQUEST; x=\"y\"\r\n", NULL},
    {"quotes", "METHOD:\"REQUEST\"\r\n", NULL},
    {"nothing", "", NULL},
};

START_TEST(the_method_is_a_token)
{
    g_autoptr(GString) out = g_string_new(NULL);
    bool found = mb_compose_calendar_method(methods[_i].text, strlen(methods[_i].text), out);

    ck_assert_msg(found == (methods[_i].want != NULL), "%s", methods[_i].name);
    ck_assert_msg(strcmp(out->str, found ? methods[_i].want : "") == 0, "%s: %s", methods[_i].name,
                  out->str);
}
END_TEST

/* Any line length, with letters of one to four octets: folded lines are short, whole characters,
 * and unfold to what was given. */
START_TEST(long_lines_are_folded_between_characters)
{
    static const char *const letters[] = {"x", "\xC3\xBC", "\xE6\x97\xA5", "\xF0\x9F\x8C\xB7"};
    static const char end[] = "\r\nEND:VCALENDAR\r\n";

    for (int shift = 0; shift < 4; shift++)
        for (int n = 0; n < 200; n++) {
            g_autoptr(GString) text = g_string_new("A:");
            g_autoptr(GString) out = g_string_new(NULL), back = g_string_new(NULL);
            g_auto(GStrv) lines = NULL;

            g_string_append_len(text, "...", shift);
            for (int i = 0; i < n; i++)
                g_string_append(text, letters[_i]);
            g_string_append(text, end);
            mb_compose_calendar_fold(text->str, text->len, out);
            lines = g_strsplit(out->str, "\r\n", -1);
            for (size_t i = 0; lines[i] != NULL; i++) {
                ck_assert_uint_le(strlen(lines[i]), 75);
                ck_assert(g_utf8_validate(lines[i], -1, NULL));
                if (i > 0 && lines[i][0] != ' ')
                    g_string_append(back, "\r\n");
                g_string_append(back, lines[i] + (lines[i][0] == ' '));
            }
            ck_assert_str_eq(back->str, text->str);
        }
}
END_TEST

START_TEST(line_ends_become_crlf_and_empty_lines_go)
{
    static const char text[] = "BEGIN:VCALENDAR\n\n\r\nVERSION:2.0\r\nEND:VCALENDAR";
    g_autoptr(GString) out = g_string_new(NULL);

    mb_compose_calendar_fold(text, strlen(text), out);
    ck_assert_str_eq(out->str, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compose calendar");
    TCase *tcase = tcase_create("calendar");

    tcase_add_loop_test(tcase, the_method_is_a_token, 0, G_N_ELEMENTS(methods));
    tcase_add_loop_test(tcase, long_lines_are_folded_between_characters, 0, 4);
    tcase_add_test(tcase, line_ends_become_crlf_and_empty_lines_go);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
