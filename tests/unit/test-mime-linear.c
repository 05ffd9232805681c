#include "suite.h"

#include <check.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/date.h>
#include <mailbatch/mime/params.h>
#include <mailbatch/mime/words.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Hostile lengths: each takes twice the time for twice the input, with room for a noisy machine. */
typedef void (*Parse)(const char *text, size_t length);

static void parse_words(const char *text, size_t length)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};

    mb_words_decode(text, length, out, &flaws);
}

static void parse_type(const char *text, size_t length)
{
    g_auto(MbParams) params;
    g_auto(MbFlaws) flaws = {0};

    mb_params_init(&params);
    mb_params_parse(&params, MB_PARAMS_TYPE, text, length, &flaws);
}

static void parse_addresses(const char *text, size_t length)
{
    g_auto(MbFlaws) flaws = {0};
    g_autoptr(MbAddressList) list = mb_address_list_parse(text, length, 0, &flaws);

    ck_assert_ptr_nonnull(list);
}

static void parse_date(const char *text, size_t length)
{
    MbDate date;

    mb_date_parse(text, length, &date, NULL);
}

static const struct {
    const char *name;
    Parse parse;
    const char *start, *unit, *end;
    int count;
} hostile[] = {
    {"words", parse_words, "", "=?utf-8?q?=C3=BC?= ", "", 20000},
    {"words of changing charsets", parse_words, "", "=?utf-8?q?a?= =?latin1?q?=FC?= ", "", 10000},
    {"starts of words", parse_words, "", "=?utf-8?q?", "", 50000},
    {"starts of nothing", parse_words, "", "=?", "", 200000},
    {"parameters", parse_type, "a/b", "; n=1", "", 40000},
    {"sections", parse_type, "a/b", "; n*7=1", "", 20000},
    {"quotes", parse_type, "a/b; n=", "\"", "", 200000},
    {"parentheses", parse_type, "a/b; ", "(", "", 500000},
    {"blanks and words", parse_type, "a/b; n=", "x ", "", 200000},
    {"semicolons", parse_type, "a/b", ";", "", 500000},
    {"equal signs", parse_type, "a/b; ", "=", "", 500000},
    {"addresses", parse_addresses, "", "a@b,", "", 80000},
    {"groups", parse_addresses, "", "a:", "", 80000},
    {"parentheses in addresses", parse_addresses, "", "(", "", 500000},
    {"angles", parse_addresses, "", "<", "", 200000},
    {"angles with commas", parse_addresses, "", "<a,", "", 100000},
    {"quotes in addresses", parse_addresses, "", "\"", "", 100001},
    {"escaped quotes", parse_addresses, "", "\\\"\"", "", 100000},
    {"brackets", parse_addresses, "", "[", "", 200000},
    {"folds", parse_addresses, "", "\r\n ", "a@b", 300000},
    {"words in an address", parse_addresses, "", "x ", "", 200000},
    {"parentheses in a date", parse_date, "", "(", "", 500000},
    {"fractions", parse_date, "1 Jan 2024 10:00:00.", "9", "", 500000},
};

static double seconds_for(int index, int count)
{
    g_autoptr(GString) text = g_string_new(hostile[index].start);
    double best = 1e9;

    for (int i = 0; i < count; i++)
        g_string_append(text, hostile[index].unit);
    g_string_append(text, hostile[index].end);
    for (int round = 0; round < 3; round++) {
        clock_t start = clock(); /* of this process: others may be busy */
        double took;

        hostile[index].parse(text->str, text->len);
        took = (double)(clock() - start) / CLOCKS_PER_SEC;
        best = MIN(best, took);
    }
    return best;
}

START_TEST(hostile_values_take_linear_time)
{
    double once = seconds_for(_i, hostile[_i].count);
    double four = seconds_for(_i, hostile[_i].count * 4);

    printf("  F-11 %s: %d take %.4f s, four times as many %.4f s\n", hostile[_i].name,
           hostile[_i].count, once, four);
    /* Quadratic would be sixteen times. */
    ck_assert_msg(four < 8 * once + 0.05, "%s: %.4f s, four times as long %.4f s", hostile[_i].name,
                  once, four);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-linear");
    TCase *linear = tcase_create("linear");

    tcase_add_loop_test(linear, hostile_values_take_linear_time, 0, G_N_ELEMENTS(hostile));
    tcase_set_timeout(linear, 60);
    suite_add_tcase(suite, linear);
    return run_suite(suite);
}
