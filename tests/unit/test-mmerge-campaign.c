#include "campaign.h"
#include "mailbox.h"
#include "preflight.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

/* A folder with a letter and a list; removed at the end of the test. */
typedef struct {
    char *folder, *letter, *list;
} Files;

static Files make_files(const char *letter, const char *list)
{
    Files files = {.folder = g_dir_make_tmp("mb-campaign-XXXXXX", NULL)};

    files.letter = g_build_filename(files.folder, "letter.txt", NULL);
    files.list = g_build_filename(files.folder, "list.csv", NULL);
    ck_assert(g_file_set_contents(files.letter, letter, -1, NULL));
    ck_assert(g_file_set_contents(files.list, list, -1, NULL));
    return files;
}

static void remove_files(Files *files)
{
    g_unlink(files->letter);
    g_unlink(files->list);
    g_rmdir(files->folder);
    g_free(files->letter);
    g_free(files->list);
    g_free(files->folder);
}

static MmCampaign *open_campaign(const Files *files, const MmCampaignOptions *options)
{
    static const MmCampaignOptions none;
    g_autoptr(GError) error = NULL;
    MmCampaign *campaign =
        mm_campaign_open(files->letter, files->list, options != NULL ? options : &none, &error);

    ck_assert_msg(campaign != NULL, "%s", error != NULL ? error->message : "");
    return campaign;
}

static const MmRenderOptions pinned = {
    .message_key = "key", .date = 1763900000, .zone_minutes = 60};

/* The first row's recipients as "to:a cc:b", `!` behind those suppressed, or the error without its
 * prefix. */
static char *recipients_of(const char *letter, const char *list, const MmCampaignOptions *options)
{
    Files files = make_files(letter, list);
    g_autoptr(MmCampaign) campaign = open_campaign(&files, options);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    g_autoptr(MmRenderer) renderer = mm_renderer_new(campaign);
    g_autoptr(MmRow) row = NULL;
    g_autoptr(GError) error = NULL;
    static const char *const kinds[] = {"to", "cc", "bcc"};
    GString *out = g_string_new(NULL);
    MmMessage message;

    ck_assert_int_eq(mm_rows_next(rows, &row, NULL), MB_NEXT);
    if (mm_render(renderer, row, &pinned, &message, &error)) {
        g_autoptr(GBytes) bytes = mb_wire_flatten(message.wire);
        g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

        for (size_t i = 0; i < message.n_recipients; i++)
            g_string_append_printf(out, "%s%s:%s%s", i > 0 ? " " : "",
                                   kinds[message.recipients[i].kind], message.recipients[i].address,
                                   message.recipients[i].suppressed ? "!" : "");
        if (message.smtputf8)
            g_string_append(out, " smtputf8");
        ck_assert_ptr_null(strstr(text, "hidden"));
        ck_assert_ptr_null(strcasestr(text, "\r\nbcc"));
    } else {
        ck_assert_ptr_nonnull(strstr(error->message, ": row 2: "));
        g_string_assign(out, strstr(error->message, ": row 2: ") + 9);
    }
    remove_files(&files);
    return g_string_free(out, FALSE);
}

#define HEAD "From: a@example.org\nSubject: s\n"

START_TEST(recipients_are_who_the_template_and_the_row_name)
{
    static const struct {
        const char *name, *letter, *list, *want;
    } cases[] = {
        {"a name of any kind", HEAD "To: {{ n }} <{{ e }}>\n\n",
         "n,e\n\"Smith, \"\"Bob\"\" <x> (y)\",b@x.org\n", "to:b@x.org"},
        {"quotes of the template", HEAD "To: \"{{ n }}, \\\"Dr\\\"\" <{{ e }}>, c@x.org\n\n",
         "n,e\n\"a\"\"b\",b@x.org\n", "to:b@x.org to:c@x.org"},
        {"a list in one value", HEAD "To: {{ e }}\n\n",
         "e\n\"A <a@x.org>, \"\"B, C\"\" <b@x.org>\"\n", "to:a@x.org to:b@x.org"},
        {"Cc and Bcc", HEAD "To: {{ e }}\nCc: c@x.org, {{ e }}\nBcc: hidden@x.org\n\n",
         "e\na@x.org\n", "to:a@x.org cc:c@x.org bcc:hidden@x.org"},
        {"Bcc in any case, folded", HEAD "To: {{ e }}\nbcc :\n hidden@x.org,\n\thidden2@x.org\n\n",
         "e\na@x.org\n", "to:a@x.org bcc:hidden@x.org bcc:hidden2@x.org"},
        {"the same address twice", HEAD "To: a@x.org, A@x.org, a@X.ORG\nCc: a@x.Org\n\n", "e\nx\n",
         "to:a@x.org to:A@x.org"},
        {"an empty Cc", HEAD "To: {{ e }}\nCc: {{ c }}\n\n", "e,c\na@x.org,\n", "to:a@x.org"},
        {"a conditional Cc",
         HEAD "To: {{ e }}\nCc: {% if c %}{{ c }} <{{ c }}>,{% endif %} d@x.org\n\n",
         "e,c\na@x.org,c@x.org\n", "to:a@x.org cc:c@x.org cc:d@x.org"},
        {"an IDN domain", HEAD "To: {{ e }}\n\n",
         "e\nbob@b\xC3\xBC"
         "cher.example\n",
         "to:bob@xn--bcher-kva.example"},
        {"a local part beyond ASCII", HEAD "To: {{ e }}\n\n",
         "e\nzo\xC3\xAB@b\xC3\xBC"
         "cher.example\n",
         "to:zo\xC3\xAB@b\xC3\xBC"
         "cher.example smtputf8"},
        {"blanks around", HEAD "To: {{ n }} < {{ e }} >\n\n", "n,e\n\" B \",\" b@x.org \"\n",
         "to:b@x.org"},
        {"an empty To", HEAD "To: {{ e }}\nCc: c@x.org\n\n", "e,x\n,1\n",
         "To: names nobody: the value is empty"},
        {"a name without an address", HEAD "To: {{ n }} <{{ e }}>\n\n", "n,e\nBob,\n", NULL},
        {"an address that closes its bracket", HEAD "To: <{{ e }}>\n\n",
         "e\n\"a@x.org>, <hidden@x.org\"\n", NULL},
        {"an address with a line break", HEAD "To: <{{ e }}>\n\n",
         "e\n\"a@x.org\nBcc: hidden@x.org\"\n", NULL},
        {"a list with a line break", HEAD "To: {{ e }}\n\n", "e\n\"a@x.org,\nhidden@x.org\"\n",
         NULL},
        {"a name with a line break", HEAD "To: {{ n }} <{{ e }}>\n\n",
         "n,e\n\"a\nBcc: hidden@x.org\",a@x.org\n",
         "To: holds a line break or NUL, which no header field may"},
        {"a Subject with a line break", "From: a@example.org\nTo: a@x.org\nSubject: {{ n }}\n\n",
         "n\n\"a\r\nBcc: hidden@x.org\"\n",
         "Subject: holds a line break or NUL, which no header field may"},
        {"another field with a line break", HEAD "To: a@x.org\nX-Note: {{ n }}\n\n",
         "n\n\"a\nBcc: hidden@x.org\"\n",
         "X-Note: holds a line break or NUL, which no header field may"},
        {"a List field with a line break", HEAD "To: a@x.org\nList-Unsubscribe: <{{ n }}>\n\n",
         "n\n\"https://x\nBcc: hidden@x.org\"\n",
         "List-Unsubscribe: holds a line break or NUL, which no header field may"},
        {"a Reply-To with a line break", HEAD "To: a@x.org\nReply-To: {{ n }}\n\n",
         "n\n\"b@x.org\nBcc: hidden@x.org\"\n", NULL},
        {"marks in a value", HEAD "To: {{ n }} <a@x.org>\n\n", "n\n\"a\x03<hidden@x.org>\x02\"\n",
         NULL},
        {"two addresses without a comma", HEAD "To: {{ e }}\n\n", "e\na@x.org hidden@x.org\n",
         NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = recipients_of(cases[i].letter, cases[i].list, NULL);

        if (cases[i].want != NULL)
            ck_assert_msg(strcmp(got, cases[i].want) == 0, "%s\n  got  %s\n  want %s",
                          cases[i].name, got, cases[i].want);
        else
            ck_assert_msg(!g_str_has_prefix(got, "to:") && *got != '\0', "%s: %s", cases[i].name,
                          got);
    }
    statement("M-8");
    statement("M-9");
    statement("M-11");
}
END_TEST

START_TEST(mistakes_of_the_template_are_found_before_any_row)
{
    static const struct {
        const char *letter, *want;
    } cases[] = {
        {HEAD "To: all: a@x.org;\n\n", "letter.txt:3: To: a group of addresses"},
        {HEAD "To: a@x.org\nTO: b@x.org\n\n", "letter.txt:4: TO: stands twice: join the two"},
        {HEAD "To: {{ x }}\n\n", "letter.txt:3:8: unknown name \"x\""},
        {HEAD "To: {{ e }}\nX-A: a\n  {{ ee }}\n\n",
         "letter.txt:4:13: unknown name \"ee\": did you mean \"e\"?"},
        {HEAD "To: {{ e }}\n\n{% if not e %}{{ nn }}{% endif %}",
         "letter.txt:5:18: unknown name \"nn\""},
        {HEAD "To: {{ e }}\nMessage-ID: <x@y>\n\n",
         "letter.txt:4: Message-ID: mmerge writes this field itself"},
        {HEAD "To: {{ e }}\nContent-Type: text/html\nHtml: x.html\n\nbody",
         "letter.txt:5: Html: the body is HTML already"},
        {HEAD "To: {{ e }}\nText: {{ e }}\n\n",
         "letter.txt:4: Text: must be the same file for every row"},
        {HEAD "To: {{ e }}\n{% if e %}X: y{% endif %}\n\n",
         "letter.txt:4: \"{% if e %}X: y{% endif %}\" is no header field"},
        {" folded: x\n\n", "letter.txt:1: \" folded: x\" is no header field"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Files files = make_files(cases[i].letter, "e\na@x.org\n");
        MmCampaignOptions none = {0};
        g_autoptr(GError) error = NULL;

        ck_assert_msg(mm_campaign_open(files.letter, files.list, &none, &error) == NULL, "%s",
                      cases[i].letter);
        ck_assert_msg(strstr(error->message, cases[i].want) != NULL, "%s\n  got  %s\n  want %s",
                      cases[i].letter, error->message, cases[i].want);
        ck_assert_int_eq(mb_exit_of(error), MB_EXIT_DATA);
        remove_files(&files);
    }
    statement("M-16");
}
END_TEST

/* From the end to the beginning: read from the top for each, this would take minutes. */
START_TEST(rows_are_found_in_any_order_without_reading_all_before)
{
    g_autoptr(GString) list = g_string_new("e\n");
    Files files;
    MmCampaignOptions none = {0};
    g_autoptr(MmCampaign) campaign = NULL;
    g_autoptr(MmRows) rows = NULL;
    clock_t begin = clock();

    for (int i = 2; i <= 200000; i++)
        g_string_append_printf(list, "p%d@x.org\n", i);
    files = make_files(HEAD "To: {{ e }}\n\n", list->str);
    campaign = mm_campaign_open(files.letter, files.list, &none, NULL);
    rows = mm_rows_open(campaign, NULL);
    ck_assert_ptr_nonnull(rows);
    for (uint64_t number = 200000; number >= 2; number -= number > 2000 ? 97 : 1) {
        g_autofree char *want = g_strdup_printf("p%" G_GUINT64_FORMAT "@x.org", number);
        g_autoptr(MmRow) row = NULL;

        ck_assert_int_eq(mm_rows_find(rows, number, &row, NULL), MB_NEXT);
        ck_assert_uint_eq(row->number, number);
        ck_assert_str_eq(row->values[0].text, want);
    }
    ck_assert_int_lt((clock() - begin) / CLOCKS_PER_SEC, 25);
    remove_files(&files);
}
END_TEST

START_TEST(names_of_set_are_constant_and_hide_columns)
{
    Files files =
        make_files(HEAD "To: {{ e }}\nX-Set: {{ month }} {{ e }} {{ n }}\n\n{{ month }}\n",
                   "e,n\na@x.org,own\n");
    const char *set[] = {"month=May", "n=set", "month=June", NULL};
    MmCampaignOptions options = {.set = (char **)set};
    g_autoptr(MmCampaign) campaign = open_campaign(&files, &options);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    g_autoptr(MmRenderer) renderer = mm_renderer_new(campaign);
    g_autoptr(MmRow) row = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *text = NULL;
    MmMessage message;

    ck_assert_int_eq(mm_rows_next(rows, &row, NULL), MB_NEXT);
    ck_assert(mm_render(renderer, row, &pinned, &message, NULL));
    bytes = mb_wire_flatten(message.wire);
    text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    ck_assert_ptr_nonnull(strstr(text, "X-Set: June a@x.org set\r\n"));
    ck_assert(g_str_has_suffix(text, "\r\n\r\nJune\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Message-ID: <key@example.org>\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Date: Sun, 23 Nov 2025 13:13:20 +0100\r\n"));
    ck_assert_str_eq(message.sender, "a@example.org");
    ck_assert_ptr_nonnull(strstr(mm_campaign_warnings(campaign)[0], "--set n hides the column"));
    ck_assert_ptr_null(mm_campaign_warnings(campaign)[1]);
    remove_files(&files);
}
END_TEST

START_TEST(sender_is_return_path_where_there_is_one)
{
    Files files =
        make_files(HEAD "Return-Path: bounce+{{ n }}@x.org\nTo: {{ e }}\n\n", "e,n\na@x.org,7\n");
    g_autoptr(MmCampaign) campaign = open_campaign(&files, NULL);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    g_autoptr(MmRenderer) renderer = mm_renderer_new(campaign);
    g_autoptr(MmRow) row = NULL;
    MmRenderOptions redirected = {.only_to = "me@x.org"};
    MmMessage message;

    ck_assert_int_eq(mm_rows_next(rows, &row, NULL), MB_NEXT);
    ck_assert(mm_render(renderer, row, NULL, &message, NULL));
    ck_assert_str_eq(message.sender, "bounce+7@x.org");
    ck_assert(mm_render(renderer, row, &redirected, &message, NULL));
    ck_assert_uint_eq(message.n_recipients, 1);
    ck_assert_str_eq(message.recipients[0].address, "me@x.org");
    remove_files(&files);
}
END_TEST

START_TEST(suppression_covers_copies_too)
{
    Files files = make_files(HEAD "To: {{ e }}\nCc: {{ c }}\nBcc: hidden@x.org\n\n",
                             "e,c\na@x.org,c@x.org\n");
    g_autofree char *gone = g_build_filename(files.folder, "gone.txt", NULL);
    const char *paths[] = {gone, NULL};
    MmCampaignOptions options = {.suppress = (char **)paths};
    static const struct {
        const char *gone, *want;
    } cases[] = {
        {"c@X.org\n", "to:a@x.org cc:c@x.org! bcc:hidden@x.org"},
        {"# x\n\n hidden@x.org\r\n", "to:a@x.org cc:c@x.org bcc:hidden@x.org!"},
        {"Ann <a@x.ORG>\n", "to:a@x.org! cc:c@x.org! bcc:hidden@x.org!"},
        {"A@x.org\nb@x.org\n", "to:a@x.org cc:c@x.org bcc:hidden@x.org"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = NULL;

        ck_assert(g_file_set_contents(gone, cases[i].gone, -1, NULL));
        got = recipients_of(HEAD "To: {{ e }}\nCc: {{ c }}\nBcc: hidden@x.org\n\n",
                            "e,c\na@x.org,c@x.org\n", &options);
        ck_assert_str_eq(got, cases[i].want);
    }
    g_unlink(gone);
    remove_files(&files);
    statement("M-12");
}
END_TEST

static bool note_verdict(const MmVerdict *verdict, void *user, GError **error)
{
    (void)error;
    g_string_append_printf(user, "%d%s%s ", (int)verdict->row->number,
                           verdict->invalid != NULL ? "!"
                           : verdict->suppressed    ? "-"
                                                    : "+",
                           verdict->duplicate_of != 0 ? "d" : "");
    return true;
}

START_TEST(the_preflight_judges_every_row)
{
    static const struct {
        const char *duplicates, *bad_rows, *want;
        bool stop;
    } cases[] = {
        {NULL, NULL, "2+ 3! 4!d 6+ 7!d 8+ ", true},
        {"skip", "skip", "2+ 3! 4!d 6+ 7!d 8+ ", false},
        {"send", "skip", "2+ 3! 4+d 6+ 7+d 8+ ", false},
        {"send", NULL, "2+ 3! 4+d 6+ 7+d 8+ ", true},
        {NULL, "skip", "2+ 3! 4!d 6+ 7!d 8+ ", true},
    };
    Files files = make_files(HEAD "To: {{ e }}, {{ f }}\nCc: same@x.org\n\n",
                             "e,f\na@x.org,b@x.org\nnobody,\nb@x.org,a@X.ORG\n\nA@x.org,\n"
                             "\"b@x.org, a@x.org\",\na@x.org,\n");

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        MmCampaignOptions options = {.duplicates = (char *)cases[i].duplicates,
                                     .bad_rows = (char *)cases[i].bad_rows};
        g_autoptr(MmCampaign) campaign = open_campaign(&files, &options);
        g_autoptr(GString) got = g_string_new(NULL);
        MmPreflightTotals totals;

        ck_assert(mm_preflight(campaign, NULL, note_verdict, got, NULL, &totals, NULL));
        ck_assert_str_eq(got->str, cases[i].want);
        ck_assert_uint_eq(totals.rows, 6);
        ck_assert_uint_eq(totals.blank_rows, 1);
        ck_assert_uint_eq(totals.bad, 1);
        ck_assert_uint_eq(totals.duplicates, 2);
        ck_assert_msg(totals.stop == cases[i].stop, "case %zu", i);
    }
    remove_files(&files);
}
END_TEST

START_TEST(rows_are_found_ahead_and_behind)
{
    Files files =
        make_files(HEAD "To: {{ e }}\n\n", "e\na2@x.org\na3@x.org\n\na5@x.org\n\"a6@x.org\"\n");
    MmCampaignOptions options = {.key = (char *)"e"};
    g_autoptr(MmCampaign) campaign = open_campaign(&files, &options);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    static const int order[] = {2, 5, 6, 3, 4, 2, 2, 7, 6, 1, 3, 4, 5};

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        g_autoptr(MmRow) row = NULL;
        g_autofree char *want = g_strdup_printf("a%d@x.org", order[i]);
        bool exists = order[i] > 1 && order[i] < 7 && order[i] != 4;

        ck_assert_int_eq(mm_rows_find(rows, (uint64_t)order[i], &row, NULL),
                         exists ? MB_NEXT : MB_END);
        if (!exists)
            continue;
        ck_assert_int_eq((int)row->number, order[i]);
        ck_assert_str_eq(row->key, want);
    }
    remove_files(&files);
}
END_TEST

START_TEST(the_verdict_changes_with_every_input)
{
    Files files = make_files(HEAD "To: {{ e }}\n\n", "e\na@x.org\n");
    MmCampaignOptions plain = {0}, skip = {.bad_rows = (char *)"skip"};
    g_autoptr(MmCampaign) one = open_campaign(&files, &plain), two = open_campaign(&files, &plain),
                          three = open_campaign(&files, &skip);
    uint8_t verdicts[5][MB_SHA256_LENGTH];
    g_autoptr(MmCampaign) four = NULL;
    g_autofree char *name = mm_campaign_default_name(one);

    ck_assert_str_eq(name, "letter-list");
    ck_assert(mm_campaign_verdict(one, verdicts[0], NULL));
    ck_assert(mm_campaign_verdict(two, verdicts[1], NULL));
    ck_assert(mm_campaign_verdict(three, verdicts[2], NULL));
    ck_assert(g_file_set_contents(files.list, "e\nb@x.org\n", -1, NULL));
    ck_assert(mm_campaign_verdict(one, verdicts[3], NULL));
    ck_assert(g_file_set_contents(files.letter, HEAD "To: {{ e }}\n\nx", -1, NULL));
    four = open_campaign(&files, &plain);
    ck_assert(mm_campaign_verdict(four, verdicts[4], NULL));
    ck_assert_mem_eq(verdicts[0], verdicts[1], MB_SHA256_LENGTH);
    for (int i = 1; i < 5; i++)
        for (int k = i + 1; k < 5; k++)
            ck_assert_mem_ne(verdicts[i], verdicts[k], MB_SHA256_LENGTH);
    remove_files(&files);
}
END_TEST

typedef struct {
    const MmCampaign *campaign;
    GBytes *want;
} Shared;

static void *render_often(void *data)
{
    Shared *shared = data;
    g_autoptr(MmRenderer) renderer = mm_renderer_new(shared->campaign);
    void *problem = NULL;

    for (int i = 0; i < 50; i++) {
        g_autoptr(MmRows) rows = mm_rows_open(shared->campaign, NULL);
        g_autoptr(MmRow) row = NULL;
        g_autoptr(GBytes) bytes = NULL;
        MmMessage message;

        if (mm_rows_next(rows, &row, NULL) != MB_NEXT ||
            !mm_render(renderer, row, &pinned, &message, NULL))
            return data;
        bytes = mb_wire_flatten(message.wire);
        if (!g_bytes_equal(bytes, shared->want))
            problem = data;
    }
    return problem;
}

START_TEST(threads_render_one_campaign)
{
    Files files = make_files(
        HEAD "To: {{ n }} <{{ e }}>\nContent-Type: text/html\nReply-To: Zoë <z@x.org>\n\n"
             "<p>{{ n|upper }} {{ n }}</p>\n",
        "n,e\nZoë,a@x.org\n");
    g_autoptr(MmCampaign) campaign = open_campaign(&files, NULL);
    g_autoptr(MmRows) rows = mm_rows_open(campaign, NULL);
    g_autoptr(MmRenderer) renderer = mm_renderer_new(campaign);
    g_autoptr(MmRow) row = NULL;
    Shared shared = {.campaign = campaign};
    pthread_t threads[4];
    MmMessage message;
    void *problem;

    ck_assert_int_eq(mm_rows_next(rows, &row, NULL), MB_NEXT);
    ck_assert(mm_render(renderer, row, &pinned, &message, NULL));
    shared.want = mb_wire_flatten(message.wire);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, render_often, &shared), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &problem);
        ck_assert_ptr_null(problem);
    }
    g_bytes_unref(shared.want);
    remove_files(&files);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge-campaign");
    TCase *tests = tcase_create("campaign");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, recipients_are_who_the_template_and_the_row_name);
    tcase_add_test(tests, mistakes_of_the_template_are_found_before_any_row);
    tcase_add_test(tests, rows_are_found_in_any_order_without_reading_all_before);
    tcase_add_test(tests, names_of_set_are_constant_and_hide_columns);
    tcase_add_test(tests, sender_is_return_path_where_there_is_one);
    tcase_add_test(tests, suppression_covers_copies_too);
    tcase_add_test(tests, the_preflight_judges_every_row);
    tcase_add_test(tests, rows_are_found_ahead_and_behind);
    tcase_add_test(tests, the_verdict_changes_with_every_input);
    tcase_add_test(tests, threads_render_one_campaign);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
