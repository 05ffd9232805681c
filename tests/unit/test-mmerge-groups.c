/* --group-by, as far as no server is needed: which rows are one message, where they are found, and
 * for whom they are. */
#include "campaign.h"
#include "preflight.h"
#include "suite.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>
#include <time.h>

static char *folder, *letter_path, *list_path;

static void make_folder(void)
{
    folder = g_dir_make_tmp("mailbatch-groups-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    letter_path = g_build_filename(folder, "letter.txt", NULL);
    list_path = g_build_filename(folder, "list.csv", NULL);
}

static void remove_folder(void)
{
    g_unlink(letter_path);
    g_unlink(list_path);
    g_rmdir(folder);
    g_free(letter_path);
    g_free(list_path);
    g_free(folder);
}

#define HEAD "From: a@example.org\nSubject: s\n"

static MmCampaign *campaign_of(const char *letter, const char *list, const char *column)
{
    MmCampaignOptions options = {.group_by = (char *)column};
    g_autoptr(GError) error = NULL;
    MmCampaign *campaign;

    ck_assert(g_file_set_contents(letter_path, letter, -1, NULL));
    ck_assert(g_file_set_contents(list_path, list, -1, NULL));
    campaign = mm_campaign_open(letter_path, list_path, &options, &error);
    ck_assert_msg(campaign != NULL, "%s", error != NULL ? error->message : "");
    return campaign;
}

/* "2,4 3" for the groups of a list: the numbers of their rows; `!` behind what is invalid. */
static void append_group(GString *out, const MmRow *row)
{
    if (out->len > 0)
        g_string_append_c(out, ' ');
    ck_assert_uint_eq(row->number, row->numbers[0]);
    ck_assert_ptr_eq(row->values, row->rows[0]);
    for (size_t i = 0; i < row->n_rows; i++)
        g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, i > 0 ? "," : "", row->numbers[i]);
    if (row->invalid != NULL)
        g_string_append_c(out, '!');
}

static char *groups_of(const MmCampaign *campaign)
{
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    GString *out = g_string_new(NULL);
    MmRow *row;

    ck_assert_ptr_nonnull(rows);
    while (mm_rows_next(rows, &row, NULL) == MB_NEXT) {
        append_group(out, row);
        mm_row_free(row);
    }
    ck_assert_int_eq(mm_rows_next(rows, &row, NULL), MB_END);
    return g_string_free(out, FALSE);
}

START_TEST(rows_with_one_value_are_one_group_wherever_they_stand)
{
    static const struct {
        const char *name, *list, *want;
    } cases[] = {
        {"none", "k,v\n", ""},
        {"one", "k,v\na,1\n", "2"},
        {"adjacent", "k,v\na,1\na,2\nb,3\nb,4\n", "2,3 4,5"},
        {"apart", "k,v\na,1\nb,2\na,3\nb,4\n", "2,4 3,5"},
        {"apart, then adjacent", "k,v\na,1\nb,2\na,3\na,4\nc,5\na,6\n", "2,4,5,7 3 6"},
        {"the last is the first's", "k,v\na,1\nb,2\nb,3\na,4\n", "2,5 3,4"},
        {"equal rows", "k,v\na,1\na,1\nb,1\na,1\n", "2,3,5 4"},
        {"blank rows between", "k,v\na,1\n,\n\na,2\n", "2,5"},
        {"records of several lines", "k,v\n\"a\nb\",1\nc,\"2\n3\"\n\"a\nb\",4\n", "2,4 3"},
        {"case and quotes", "k,v\na,1\n\"a\",2\nA,3\n\" a\",4\n", "2,3 4 5"},
        {"empty values are nobody's group", "k,v\n,1\n,2\na,3\n,4\n", "2! 3! 4 5!"},
        {"too few values", "v,k\n1,a\n2\n3,a\n", "2,4 3!"},
        {"too few values, with the column", "k,v\na,1\nb,2\na\nb,3\n", "2,4! 3,5"},
        {"too many values", "k,v\na,1\na,2,3\n", "2,3!"},
        {"bad rows first", "k,v\na\nb,1\na,2\n", "2,4! 3"},
        {"octets that are no text in the column", "k,v\na\xFF,1\na\xFF,2\na,3\n", "2! 3! 4"},
        {"and in another", "k,v\na,1\nb,2\na,\xFF\n", "2,4! 3"},
        {"no line end", "k,v\nb,1\na,2\nb,3", "2,4 3"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MmCampaign) campaign = campaign_of(HEAD "To: x@x.org\n\n", cases[i].list, "k");
        g_autofree char *got = groups_of(campaign);

        ck_assert_msg(strcmp(got, cases[i].want) == 0, "%s: %s", cases[i].name, got);
    }
}
END_TEST

/* --- against a model ---------------------------------------------------------------------- */

typedef struct {
    GString *list;
    GHashTable *numbers; /* key → "2,4,5" */
    GArray *first;       /* uint64_t: of each row, from row 2 on, the first of its group */
} Model;

static Model random_model(GRand *dice, int rows, int keys)
{
    Model model = {.list = g_string_new("k,v\n"),
                   .numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                   .first = g_array_new(FALSE, FALSE, sizeof(uint64_t))};
    int key = 0;

    for (int number = 2; number < rows + 2; number++) {
        g_autofree char *name = NULL, *before = NULL;
        uint64_t first;
        void *known;

        if (g_rand_int_range(dice, 0, 3) > 0) /* runs are as likely as leaps */
            key = g_rand_int_range(dice, 0, keys);
        name = g_strdup_printf("k%d", key);
        g_string_append_printf(model.list, "%s,%d\n", name, number);
        known = g_hash_table_lookup(model.numbers, name);
        before = g_strdup(known);
        first = known != NULL ? g_ascii_strtoull(known, NULL, 10) : (uint64_t)number;
        g_array_append_val(model.first, first);
        if (known == NULL) {
            g_hash_table_insert(model.numbers, g_strdup(name), g_strdup_printf("%d", number));
        } else {
            g_hash_table_replace(model.numbers, g_strdup(name),
                                 g_strdup_printf("%s,%d", before, number));
        }
    }
    return model;
}

static void clear_model(Model *model)
{
    g_string_free(model->list, TRUE);
    g_hash_table_unref(model->numbers);
    g_array_unref(model->first);
}

/* In the list's order and by numbers in any; what is found is the same group. */
static void compare_with_model(GRand *dice, const MmCampaign *campaign, const Model *model)
{
    g_autoptr(GHashTable) digests = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    MmRow *row;
    guint n = 0;

    for (; mm_rows_next(rows, &row, NULL) == MB_NEXT; n++) {
        g_autoptr(GString) got = g_string_new(NULL);
        const char *want;

        append_group(got, row);
        want = g_hash_table_lookup(model->numbers, row->key);
        ck_assert_str_eq(got->str, want);
        g_hash_table_insert(digests, (char *)want, g_memdup2(row->digest, MB_SHA256_LENGTH));
        mm_row_free(row);
    }
    ck_assert_uint_eq(n, g_hash_table_size(model->numbers));
    for (int i = 0; i < 60; i++) {
        guint at = (guint)g_rand_int_range(dice, 0, (gint32)model->first->len);
        g_autoptr(GString) got = g_string_new(NULL);
        const char *want;

        /* Ahead of the one before, as a run asks, as often as anywhere. */
        if (i % 2 == 1)
            at = (guint)g_array_index(model->first, uint64_t, at) - 2;
        ck_assert_int_eq(mm_rows_find(rows, at + 2, &row, NULL), MB_NEXT);
        ck_assert_uint_eq(row->number, g_array_index(model->first, uint64_t, at));
        append_group(got, row);
        want = g_hash_table_lookup(model->numbers, row->key);
        ck_assert_str_eq(got->str, want);
        ck_assert_mem_eq(row->digest, g_hash_table_lookup(digests, want), MB_SHA256_LENGTH);
        mm_row_free(row);
    }
    ck_assert_int_eq(mm_rows_find(rows, model->first->len + 2, &row, NULL), MB_END);
    ck_assert_int_eq(mm_rows_find(rows, 1, &row, NULL), MB_END);
    ck_assert_int_eq(mm_rows_find(rows, 2, &row, NULL), MB_NEXT);
    mm_row_free(row);
}

START_TEST(groups_are_those_of_a_model_and_found_in_any_order)
{
    static const struct {
        int rows, keys;
    } sizes[] = {{1, 1}, {2, 2}, {20, 3}, {300, 10}, {300, 200}, {4000, 700}};
    g_autoptr(GRand) dice = g_rand_new_with_seed((guint32)_i);

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Model model = random_model(dice, sizes[i].rows, sizes[i].keys);
        g_autoptr(MmCampaign) campaign =
            campaign_of(HEAD "To: {{ k }}@x.org\n\n", model.list->str, "k");

        compare_with_model(dice, campaign, &model);
        clear_model(&model);
    }
}
END_TEST

/* Run after run, a ledger asks for the first rows of groups in their order. */
START_TEST(groups_are_found_one_after_another_without_reading_all_before)
{
    enum { ROWS = 200000, GROUPS = 50000 };
    g_autoptr(GString) list = g_string_new("k,v\n");
    g_autoptr(MmCampaign) campaign = NULL;
    g_autoptr(MmRows) rows = NULL;
    clock_t begin = clock();

    for (int i = 0; i < ROWS; i++)
        g_string_append_printf(list, "k%d,%d\n", i % GROUPS, i);
    campaign = campaign_of(HEAD "To: {{ k }}@x.org\n\n", list->str, "k");
    rows = mm_rows_open(campaign, NULL);
    for (int round = 0; round < 2; round++)
        for (uint64_t number = 2; number < GROUPS + 2; number += round == 0 ? 1 : 997) {
            g_autoptr(MmRow) row = NULL;

            ck_assert_int_eq(mm_rows_find(rows, number, &row, NULL), MB_NEXT);
            ck_assert_uint_eq(row->number, number);
            ck_assert_uint_eq(row->n_rows, ROWS / GROUPS);
        }
    ck_assert_int_lt((clock() - begin) / CLOCKS_PER_SEC, 25);
}
END_TEST

/* --- what a group is known by ------------------------------------------------------------- */

static void first_digest(const char *list, const char *column, uint8_t digest[MB_SHA256_LENGTH])
{
    g_autoptr(MmCampaign) campaign = campaign_of(HEAD "To: x@x.org\n\n", list, column);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    g_autoptr(MmRow) row = NULL;

    ck_assert_int_eq(mm_rows_next(rows, &row, NULL), MB_NEXT);
    memcpy(digest, row->digest, MB_SHA256_LENGTH);
}

START_TEST(the_digest_is_of_the_rows_in_their_order_or_of_one_alone)
{
    static const struct {
        const char *name, *list, *column;
        bool same;
    } cases[] = {
        {"another group between", "k,v\na,1\nb,9\na,2\n", "k", true},
        {"another column", "k,v\na,1\na,2\n", "k", true},
        {"a row more", "k,v\na,1\na,2\na,3\n", "k", false},
        {"a row less", "k,v\na,1\n", "k", false},
        {"another order", "k,v\na,2\na,1\n", "k", false},
        {"an edited row", "k,v\na,1\na,3\n", "k", false},
        {"not grouped", "k,v\na,1\na,2\n", NULL, false},
    };
    uint8_t ground[MB_SHA256_LENGTH], digest[MB_SHA256_LENGTH], alone[MB_SHA256_LENGTH];

    first_digest("k,v\na,1\na,2\n", "k", ground);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        first_digest(cases[i].list, cases[i].column, digest);
        ck_assert_msg((memcmp(ground, digest, sizeof digest) == 0) == cases[i].same, "%s",
                      cases[i].name);
    }
    first_digest("k,v\na,1\nb,2\n", NULL, digest);
    first_digest("k,v\na,1\nb,2\n", "k", alone);
    ck_assert_mem_eq(digest, alone, sizeof digest);
}
END_TEST

START_TEST(the_verdict_knows_the_option)
{
    static const char *const columns[] = {NULL, "k", "v"};
    uint8_t verdicts[G_N_ELEMENTS(columns)][MB_SHA256_LENGTH];

    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_autoptr(MmCampaign) campaign =
            campaign_of(HEAD "To: x@x.org\n\n", "k,v\na,1\n", columns[i]);

        ck_assert(mm_campaign_verdict(campaign, verdicts[i], NULL));
    }
    ck_assert_mem_ne(verdicts[0], verdicts[1], MB_SHA256_LENGTH);
    ck_assert_mem_ne(verdicts[0], verdicts[2], MB_SHA256_LENGTH);
    ck_assert_mem_ne(verdicts[1], verdicts[2], MB_SHA256_LENGTH);
}
END_TEST

/* --- for whom ----------------------------------------------------------------------------- */

static bool note_verdict(const MmVerdict *verdict, void *user, GError **error)
{
    GString *out = user;
    const char *why = verdict->invalid;

    (void)error;
    if (out->len > 0)
        g_string_append(out, "; ");
    if (why != NULL) {
        g_string_append(out, strstr(why, ": row ") + 2);
        return true;
    }
    for (size_t i = 0; i < verdict->message->n_recipients; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "",
                               verdict->message->recipients[i].address);
    return true;
}

START_TEST(rows_of_a_group_are_for_the_same_recipients_or_it_is_bad)
{
    static const struct {
        const char *name, *fields, *list, *want;
    } cases[] = {
        {"the same", "To: {{ e }}\n", "k,e,c\na,a@x.org,\na,a@x.org,\n", "a@x.org"},
        {"another name for the same", "To: {{ c }} <{{ e }}>\n",
         "k,e,c\na,a@x.org,Ann\na,a@X.org,A. Nother\n", "a@x.org"},
        {"another order of the same", "To: {{ e }}\n",
         "k,e,c\na,\"a@x.org, b@x.org\",\na,\"b@x.org, a@x.org\",\n", "a@x.org b@x.org"},
        {"another To", "To: {{ e }}\n", "k,e,c\na,a@x.org,\nb,b@x.org,\na,c@x.org,\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 4: To: a@x.org and To: "
         "c@x.org; b@x.org"},
        {"one more in To", "To: {{ e }}\n", "k,e,c\na,a@x.org,\na,\"a@x.org,b@x.org\",\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: To: a@x.org and To: "
         "a@x.org, To: b@x.org"},
        {"a third row only", "To: {{ e }}\n", "k,e,c\na,a@x.org,\na,a@x.org,\na,b@x.org,\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 4: To: a@x.org and To: "
         "b@x.org"},
        {"another Bcc", "To: x@x.org\nBcc: {{ c }}\n", "k,e,c\na,,c@x.org\na,,d@x.org\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: Bcc: c@x.org and "
         "Bcc: d@x.org"},
        {"no Cc", "To: x@x.org\nCc: {{ c }}\n", "k,e,c\na,,c@x.org\na,1,\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: Cc: c@x.org and "
         "nobody"},
        {"To and Cc change places", "To: {{ e }}\nCc: {{ c }}\n",
         "k,e,c\na,a@x.org,b@x.org\na,b@x.org,a@x.org\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: Cc: b@x.org, To: "
         "a@x.org and Cc: a@x.org, To: b@x.org"},
        {"an address that is none", "To: {{ e }}\n", "k,e,c\na,a@x.org,\na,nobody here,\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: To: "},
        {"by a condition", "To: {% if c %}c@x.org{% else %}a@x.org{% endif %}\n",
         "k,e,c\na,,\na,,1\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: To: a@x.org and To: "
         "c@x.org"},
        {"by row[…]", "To: {{ row[\"e\"] }}\n", "k,e,c\na,a@x.org,\na,b@x.org,\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: To: a@x.org and To: "
         "b@x.org"},
        {"of no consequence", "To: x@x.org\nX-Own: {{ e }}\n", "k,e,c\na,1,\na,2,\n", "x@x.org"},
        {"taken from all of them", "To: {% for r in rows %}{{ r.e }}, {% endfor %}\n",
         "k,e,c\na,a@x.org,\na,b@x.org,\n", "a@x.org b@x.org"},
        {"taken from all of them, beside one of its own",
         "To: {{ c }}\nCc: {% for r in rows %}{{ r.e }}, {% endfor %}\n",
         "k,e,c\na,a@x.org,x@x.org\na,b@x.org,y@x.org\n",
         "row 2: the group \"a\" has different recipients in row 2 and row 3: Cc: a@x.org, Cc: "
         "b@x.org, To: x@x.org and Cc: a@x.org, Cc: b@x.org, To: y@x.org"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *letter = g_strconcat(HEAD, cases[i].fields, "\n", NULL);
        g_autoptr(MmCampaign) campaign = campaign_of(letter, cases[i].list, "k");
        g_autoptr(GString) got = g_string_new(NULL);
        MmPreflightTotals totals;

        ck_assert(mm_preflight(campaign, NULL, note_verdict, got, NULL, &totals, NULL));
        if (g_str_has_suffix(cases[i].want, ": "))
            ck_assert_msg(g_str_has_prefix(got->str, cases[i].want), "%s: %s", cases[i].name,
                          got->str);
        else
            ck_assert_msg(strcmp(got->str, cases[i].want) == 0, "%s: %s", cases[i].name, got->str);
    }
}
END_TEST

START_TEST(totals_count_rows_and_messages)
{
    g_autoptr(MmCampaign) campaign =
        campaign_of(HEAD "To: {{ v }}@x.org\n\n", "k,v\na,1\nb,1\na,1\n\n,2\nc\nd,4\n", "k");
    MmPreflightTotals totals;

    ck_assert(mm_preflight(campaign, NULL, NULL, NULL, NULL, &totals, NULL));
    ck_assert_uint_eq(totals.rows, 6);
    ck_assert_uint_eq(totals.messages, 5);
    ck_assert_uint_eq(totals.good, 2);
    ck_assert_uint_eq(totals.bad, 2);
    ck_assert_uint_eq(totals.duplicates, 1);
    ck_assert_uint_eq(totals.blank_rows, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge-groups");
    TCase *tests = tcase_create("groups");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, rows_with_one_value_are_one_group_wherever_they_stand);
    tcase_add_loop_test(tests, groups_are_those_of_a_model_and_found_in_any_order, 0, 8);
    tcase_add_test(tests, groups_are_found_one_after_another_without_reading_all_before);
    tcase_add_test(tests, the_digest_is_of_the_rows_in_their_order_or_of_one_alone);
    tcase_add_test(tests, the_verdict_knows_the_option);
    tcase_add_test(tests, rows_of_a_group_are_for_the_same_recipients_or_it_is_bad);
    tcase_add_test(tests, totals_count_rows_and_messages);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
