/*
 * What is fetched, and what not, for each kind of listing; what a transcript keeps.
 */
#include "plan.h"
#include "suite.h"
#include "transcript.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* One listed message: LIST's size (-1: LIST left it out, -2: its size made no sense) and UIDL's id
 * (NULL: UIDL left it out, "!": it could not be used). */
typedef struct {
    uint64_t number;
    int64_t size;
    const char *uidl;
} Listed;

typedef struct {
    const char *name;
    Listed listed[8];
    const char *archived[8]; /* ids, once a copy */
    uint64_t max_message, limit;
    bool skip_unnamed;
    const char
        *fates; /* by ascending number: k(nown), f(etch), t(oo large), l(ater); R: repeated */
} Row;

static const Row rows[] = {
    {.name = "an empty mailbox", .fates = ""},
    {
        .name = "new and known",
        .listed = {{1, 10, "a"}, {2, 20, "b"}, {3, 30, "c"}},
        .archived = {"b"},
        .fates = "fkf",
    },
    {
        .name = "by number, whatever the order of the listing",
        .listed = {{3, 30, "c"}, {1, 10, "a"}, {2, 20, "b"}},
        .archived = {"a"},
        .fates = "kff",
    },
    {
        .name = "an id listed twice, none archived",
        .listed = {{1, 10, "a"}, {2, 20, "a"}},
        .fates = "fRfR",
    },
    {
        .name = "an id listed twice, one archived: the later copy is the new one",
        .listed = {{1, 10, "a"}, {2, 20, "a"}},
        .archived = {"a"},
        .fates = "kRfR",
    },
    {
        .name = "an id listed twice, both archived",
        .listed = {{1, 10, "a"}, {2, 20, "a"}},
        .archived = {"a", "a"},
        .fates = "kRkR",
    },
    {
        .name = "an id listed once, archived twice",
        .listed = {{1, 10, "a"}},
        .archived = {"a", "a"},
        .fates = "k",
    },
    {
        .name = "ids that cannot be used are fetched",
        .listed = {{1, 10, "!"}, {2, 20, NULL}, {3, 30, "c"}},
        .archived = {"c"},
        .fates = "ffk",
    },
    {
        .name = "or left, when that is wanted",
        .listed = {{1, 10, "!"}, {2, 20, "b"}},
        .skip_unnamed = true,
        .fates = "lf",
    },
    {
        .name = "a number with two ids has none",
        .listed = {{1, 10, "a"}, {1, 10, "b"}, {1, 10, "c"}},
        .archived = {"a", "b", "c"},
        .fates = "f",
    },
    {
        .name = "a number that is told twice alike",
        .listed = {{1, 10, "a"}, {1, 10, "a"}},
        .archived = {"a"},
        .fates = "k",
    },
    {
        .name = "sizes above the limit stay, wrong and missing ones are tried",
        .listed = {{1, 101, "a"}, {2, 100, "b"}, {3, -1, "c"}, {4, -2, "d"}, {5, INT64_MAX, "e"}},
        .max_message = 100,
        .fates = "tffft",
    },
    {
        .name = "a known one is not too large",
        .listed = {{1, 101, "a"}},
        .archived = {"a"},
        .max_message = 100,
        .fates = "k",
    },
    {
        .name = "the first new ones of a limit",
        .listed = {{1, 10, "a"}, {2, 999, "b"}, {3, 10, "c"}, {4, 10, "d"}, {5, 10, "e"}},
        .archived = {"a"},
        .max_message = 100,
        .limit = 2,
        .fates = "ktffl",
    },
    {
        .name = "numbers far above the count",
        .listed = {{1, 10, "a"}, {0x7fffffff, 10, "../../etc/x"}},
        .fates = "ff",
    },
};

static guint64 copies(const void *user, const char *uidl)
{
    const Row *row = user;
    guint64 count = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(row->archived) && row->archived[i] != NULL; i++)
        count += strcmp(row->archived[i], uidl) == 0;
    return count;
}

START_TEST(every_listing_has_its_plan)
{
    static const char letters[] = {
        [PD_FATE_KNOWN] = 'k',
        [PD_FATE_FETCH] = 'f',
        [PD_FATE_TOO_LARGE] = 't',
        [PD_FATE_LATER] = 'l',
    };
    const Row *row = &rows[_i];
    g_autoptr(PdPlan) plan = pd_plan_new();
    g_autoptr(GString) fates = g_string_new(NULL);
    PdPlanRules rules = {
        .max_message = row->max_message,
        .limit = row->limit,
        .skip_unnamed = row->skip_unnamed,
        .copies = copies,
        .user = row,
    };

    for (const Listed *item = row->listed; item->number != 0; item++) {
        if (item->size != -1)
            pd_plan_add_size(plan, item->number, item->size >= 0, (uint64_t)item->size);
        if (item->uidl != NULL)
            pd_plan_add_uidl(plan, item->number, *item->uidl == '!' ? NULL : item->uidl);
    }
    pd_plan_decide(plan, &rules);
    for (size_t i = 0; i < pd_plan_length(plan); i++) {
        const PdItem *item = pd_plan_item(plan, i);

        ck_assert_msg(i == 0 || item->number > pd_plan_item(plan, i - 1)->number, "%s", row->name);
        g_string_append_c(fates, letters[item->fate]);
        if (item->repeated)
            g_string_append_c(fates, 'R');
    }
    ck_assert_msg(strcmp(fates->str, row->fates) == 0, "%s: %s, not %s", row->name, fates->str,
                  row->fates);
}
END_TEST

START_TEST(listed_sizes_add_up_without_wrapping)
{
    g_autoptr(PdPlan) plan = pd_plan_new();
    PdPlanRules rules = {.copies = copies, .user = &rows[0]};

    pd_plan_add_size(plan, 1, true, UINT64_MAX);
    pd_plan_add_size(plan, 2, true, UINT64_MAX);
    pd_plan_decide(plan, &rules);
    ck_assert_uint_eq(pd_plan_listed_bytes(plan), UINT64_MAX);
    ck_assert_uint_eq(pd_plan_count(plan, PD_FATE_FETCH), 2);
}
END_TEST

START_TEST(a_transcript_keeps_both_ends)
{
    PdTranscript transcript;
    g_autofree char *text = NULL;
    size_t most = PD_TRANSCRIPT_HEAD + 2 * PD_TRANSCRIPT_TAIL + 1024;

    pd_transcript_init(&transcript);
    pd_transcript_add(&transcript, '>', "first", 5);
    for (int i = 0; i < 100000; i++)
        pd_transcript_add(&transcript, '<', "+OK \033[31m", 9);
    pd_transcript_add(&transcript, '<', "last", 4);
    text = pd_transcript_text(&transcript);
    ck_assert(g_str_has_prefix(text, "> first\n< +OK \\x1b[31m\n"));
    ck_assert(g_str_has_suffix(text, "< last\n"));
    ck_assert_ptr_nonnull(strstr(text, " lines left out\n"));
    ck_assert_uint_lt(strlen(text), most);
    pd_transcript_clear(&transcript);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("popdump-plan");
    TCase *tcase = tcase_create("plan");

    tcase_add_loop_test(tcase, every_listing_has_its_plan, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, listed_sizes_add_up_without_wrapping);
    tcase_add_test(tcase, a_transcript_keeps_both_ends);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
