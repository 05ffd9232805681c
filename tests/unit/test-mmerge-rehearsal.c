#include "rehearsal.h"
#include "suite.h"

#include <glib/gstdio.h>

static char *folder;

static void make_folder(void)
{
    folder = g_dir_make_tmp("mailbatch-rehearsal-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void remove_folder(void)
{
    static const char *const names[] = {"letter.txt", "rows.csv"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
    g_free(folder);
}

static MmCampaign *campaign_of(const char *csv)
{
    static const char letter[] = "From: a@example.org\nTo: {{ email }}\nCc: c@example.org\n"
                                 "Subject: x\n\nDear {{ name }}\n";
    static const MmCampaignOptions none;
    g_autofree char *letter_path = g_build_filename(folder, "letter.txt", NULL);
    g_autofree char *csv_path = g_build_filename(folder, "rows.csv", NULL);
    GError *error = NULL;
    MmCampaign *campaign;

    ck_assert(g_file_set_contents(letter_path, letter, -1, NULL));
    ck_assert(g_file_set_contents(csv_path, csv, -1, NULL));
    campaign = mm_campaign_open(letter_path, csv_path, &none, &error);
    ck_assert_msg(campaign != NULL, "%s", error != NULL ? error->message : "");
    return campaign;
}

/* Every 7th row has no address. */
static char *csv_of(int rows)
{
    GString *csv = g_string_new("email,name\n\n");

    for (int i = 0; i < rows; i++)
        g_string_append_printf(csv, "%s%d,N%d\n", i % 7 == 0 ? "no address " : "u@h.x", i, i);
    return g_string_free(csv, FALSE);
}

START_TEST(every_row_comes_in_its_order_with_what_became_of_it)
{
    static const int sizes[] = {0, 1, 63, 64, 65, 128, 1000};
    int rows = sizes[_i], n = 0;
    g_autofree char *csv = csv_of(rows);
    g_autoptr(MmCampaign) campaign = campaign_of(csv);
    g_autoptr(MmRehearsal) rehearsal = mm_rehearsal_new(campaign, NULL, NULL);
    const MmRehearsed *rehearsed;
    uint64_t done, total;
    MbNext next;

    while ((next = mm_rehearsal_next(rehearsal, &rehearsed, NULL)) == MB_NEXT) {
        g_autofree char *address = g_strdup_printf("u@h.x%d", n);
        g_autofree char *text = g_strdup_printf("Dear N%d", n);

        ck_assert_uint_eq(rehearsed->row->number, (uint64_t)n + 3);
        ck_assert_int_eq(rehearsed->problem != NULL, n % 7 == 0);
        if (rehearsed->problem == NULL) {
            ck_assert_uint_eq(rehearsed->message.n_recipients, 2);
            ck_assert_str_eq(rehearsed->message.recipients[0].address, address);
            ck_assert(g_str_has_prefix(rehearsed->message.text, text));
        }
        n++;
    }
    ck_assert_int_eq(next, MB_END);
    ck_assert_int_eq(n, rows);
    ck_assert_uint_eq(mm_rehearsal_blank(rehearsal), 1);
    mm_rehearsal_progress(rehearsal, &done, &total);
    ck_assert_uint_eq(done, total);
    ck_assert_int_eq(mm_rehearsal_next(rehearsal, &rehearsed, NULL), MB_END);
}
END_TEST

START_TEST(rows_before_a_broken_one_come_and_then_the_error)
{
    g_autofree char *good = csv_of(100);
    g_autofree char *csv = g_strconcat(good, "\"never closed\n", NULL);
    g_autoptr(MmCampaign) campaign = campaign_of(csv);
    g_autoptr(MmRehearsal) rehearsal = mm_rehearsal_new(campaign, NULL, NULL);
    g_autoptr(GError) error = NULL;
    const MmRehearsed *rehearsed;
    int n = 0;
    MbNext next;

    while ((next = mm_rehearsal_next(rehearsal, &rehearsed, &error)) == MB_NEXT)
        n++;
    ck_assert_int_eq(next, MB_FAILED);
    ck_assert_int_eq(n, 100);
    ck_assert_int_eq(error->code, MB_ERROR_DATA);
}
END_TEST

START_TEST(it_can_be_given_up_anywhere)
{
    g_autofree char *csv = csv_of(5000);
    g_autoptr(MmCampaign) campaign = campaign_of(csv);

    for (int stop = 0; stop < 400; stop += 13) {
        g_autoptr(MmRehearsal) rehearsal = mm_rehearsal_new(campaign, NULL, NULL);
        const MmRehearsed *rehearsed;

        for (int i = 0; i < stop; i++)
            ck_assert_int_eq(mm_rehearsal_next(rehearsal, &rehearsed, NULL), MB_NEXT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge rehearsal");
    TCase *tcase = tcase_create("rehearsal");

    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    tcase_add_loop_test(tcase, every_row_comes_in_its_order_with_what_became_of_it, 0, 7);
    tcase_add_test(tcase, rows_before_a_broken_one_come_and_then_the_error);
    tcase_add_test(tcase, it_can_be_given_up_anywhere);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
