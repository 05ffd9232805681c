#include "summary.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX   1000 /* kinds of refusal that are told apart */
#define GROUPS_SHOWN 10

typedef struct {
    char *reply;
    MmState state;
    uint64_t n;
} Group;

struct MmSummary {
    uint64_t counts[MM_STATES];
    gint64 begun_us, last_us; /* the first claim, the last outcome */
    GHashTable *groups;       /* "state reply" → Group */
};

static void group_free(void *object)
{
    Group *group = object;

    g_free(group->reply);
    g_free(group);
}

MmSummary *mm_summary_new(void)
{
    MmSummary *summary = g_new0(MmSummary, 1);

    summary->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, group_free);
    return summary;
}

void mm_summary_free(MmSummary *summary)
{
    if (summary == NULL)
        return;
    g_hash_table_unref(summary->groups);
    g_free(summary);
}

/* The reply without the recipient's address, so that the same refusal of many is one line. */
static void add_to_group(MmSummary *summary, const MmOutcome *outcome, const char *address)
{
    g_autoptr(GString) reply = g_string_new(outcome->reply);
    g_autofree char *key = NULL;
    Group *group;

    if (*address != '\0')
        g_string_replace(reply, address, "…", 0);
    key = g_strdup_printf("%d %s", (int)outcome->state, reply->str);
    group = g_hash_table_lookup(summary->groups, key);
    if (group == NULL) {
        if (g_hash_table_size(summary->groups) >= GROUPS_MAX)
            return;
        group = g_new0(Group, 1);
        group->reply = g_strdup(reply->str);
        group->state = outcome->state;
        g_hash_table_insert(summary->groups, g_steal_pointer(&key), group);
    }
    group->n++;
}

void mm_summary_begin(MmSummary *summary)
{
    summary->begun_us = summary->last_us = g_get_monotonic_time();
}

void mm_summary_add(MmSummary *summary, const MmJob *job)
{
    if (job->outcomes[0].state != MM_PENDING)
        summary->last_us = g_get_monotonic_time();
    for (size_t i = 0; i < job->claim->n_entries; i++) {
        const MmOutcome *outcome = &job->outcomes[i];
        summary->counts[outcome->state]++;
        if ((outcome->state == MM_REFUSED || outcome->state == MM_DEFERRED) &&
            outcome->reply != NULL)
            add_to_group(summary, outcome, job->claim->entries[i].address);
    }
}

uint64_t mm_summary_count(const MmSummary *summary, MmState state)
{
    return summary->counts[state];
}

uint64_t mm_summary_done(const MmSummary *summary)
{
    return summary->counts[MM_SENT] + summary->counts[MM_DEFERRED] + summary->counts[MM_REFUSED] +
           summary->counts[MM_IN_DOUBT];
}

static int most_first(const void *left, const void *right)
{
    const Group *a = *(Group *const *)left;
    const Group *b = *(Group *const *)right;

    if (a->n != b->n)
        return a->n < b->n ? 1 : -1;
    return strcmp(a->reply, b->reply);
}

static GPtrArray *sorted_groups(const MmSummary *summary)
{
    GPtrArray *groups = g_ptr_array_new();
    GHashTableIter iter;
    void *group;

    g_hash_table_iter_init(&iter, summary->groups);
    while (g_hash_table_iter_next(&iter, NULL, &group))
        g_ptr_array_add(groups, group);
    g_ptr_array_sort(groups, most_first);
    return groups;
}

static void print_groups(const MmSummary *summary, MmState state, const char *title)
{
    g_autoptr(GPtrArray) groups = sorted_groups(summary);
    guint shown = 0;

    for (guint i = 0; i < groups->len && shown < GROUPS_SHOWN; i++) {
        const Group *group = groups->pdata[i];
        if (group->state != state)
            continue;
        if (shown++ == 0)
            printf("%s\n", title);
        printf("  %6" G_GUINT64_FORMAT "  %s\n", group->n, group->reply);
    }
}

void mm_summary_append_quoted(GString *line, const char *word)
{
    bool plain = *word != '\0';
    g_autofree char *quoted = g_shell_quote(word);

    for (const char *at = word; *at != '\0' && plain; at++)
        plain = g_ascii_isalnum(*at) || strchr("-_./:=@,%+", *at) != NULL;
    g_string_append(line, plain ? word : quoted);
}

static void print_counts(const MmReport *report)
{
    static const MmState states[] = {MM_SENT,    MM_DELIVERED, MM_BOUNCED,  MM_COMPLAINED,
                                     MM_REFUSED, MM_DEFERRED,  MM_IN_DOUBT, MM_PENDING,
                                     MM_INVALID, MM_SUPPRESSED};
    g_autofree char *campaign = mb_text_printable(report->campaign, strlen(report->campaign));

    printf("campaign %s:", campaign);
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++)
        if (report->counts->entries[states[i]] > 0 || states[i] == MM_SENT)
            printf("%s %" G_GUINT64_FORMAT " %s", i > 0 ? "," : "",
                   report->counts->entries[states[i]], mm_state_name(states[i]));
    putchar('\n');
}

/* The commands that tell more, ready to be pasted. */
static void print_next(const MmReport *report)
{
    const uint64_t *entries = report->counts->entries;
    g_autoptr(GString) ledger = g_string_new(NULL);

    mm_summary_append_quoted(ledger, report->ledger);
    if (entries[MM_REFUSED] > 0)
        printf("who was refused: %s status --state refused %s\n", report->program, ledger->str);
    if (entries[MM_INVALID] > 0)
        printf("which rows were left out: %s status --state invalid %s\n", report->program,
               ledger->str);
    if (entries[MM_IN_DOUBT] == 0)
        return;
    printf("in doubt, for only the server knows whether they arrived: they are not sent again by "
           "themselves\n"
           "  who they are:             %s status --state in-doubt %s\n"
           "  those in FILE arrived:    %s resolve --sent FILE %s\n"
           "  those in FILE did not:    %s resolve --unsent FILE %s\n",
           report->program, ledger->str, report->program, ledger->str, report->program,
           ledger->str);
}

static void print_text(const MmSummary *summary, const MmReport *report)
{
    uint64_t sent = summary->counts[MM_SENT];

    print_groups(summary, MM_REFUSED, "refused for good, in this run:");
    print_groups(summary, MM_DEFERRED, "deferred, in this run:");
    if (mm_summary_done(summary) == 0)
        printf(report->stopped == NULL && report->go_on == NULL
                   ? "this run: nothing was left to send"
                   : "this run: nothing was sent");
    else
        printf("this run: %" G_GUINT64_FORMAT " sent in %.1f s", sent, report->seconds);
    if (report->seconds >= 1 && sent > 0)
        printf((double)sent / report->seconds < 10 ? " (%.1f/s)" : " (%.0f/s)",
               (double)sent / report->seconds);
    putchar('\n');
    if (report->counts != NULL) {
        print_counts(report);
        print_next(report);
    }
    if (report->stopped != NULL)
        printf("stopped: %s\n", report->stopped);
    if (report->go_on != NULL)
        printf("to go on: %s\n", report->go_on);
}

static void print_json(const MmSummary *summary, const MmReport *report)
{
    g_autoptr(GPtrArray) groups = sorted_groups(summary);
    g_autoptr(GString) out = g_string_new(NULL);
    MbJson json;

    for (guint i = 0; i < groups->len; i++) {
        const Group *group = groups->pdata[i];
        mb_json_init(&json, out);
        mb_json_begin_map(&json);
        mb_json_put_string(&json, "event", mm_state_name(group->state));
        mb_json_put_string(&json, "reply", group->reply);
        mb_json_put_unsigned(&json, "count", group->n);
        mb_json_end_map(&json);
        g_string_append_c(out, '\n');
    }
    mb_json_init(&json, out);
    mb_json_begin_map(&json);
    mb_json_put_string(&json, "event", "summary");
    mb_json_put_string(&json, "campaign", report->campaign);
    mb_json_put_unsigned(&json, "sent_now", summary->counts[MM_SENT]);
    for (int state = 0; report->counts != NULL && state < MM_STATES; state++)
        mb_json_put_unsigned(&json, mm_state_name((MmState)state), report->counts->entries[state]);
    mb_json_key(&json, "seconds");
    mb_json_double(&json, report->seconds);
    mb_json_key(&json, "sending_seconds");
    mb_json_double(&json, (double)(summary->last_us - summary->begun_us) / G_USEC_PER_SEC);
    mb_json_put_string(&json, "stopped", report->stopped);
    mb_json_put_string(&json, "go_on", report->go_on);
    mb_json_put_signed(&json, "exit", report->exit_code);
    mb_json_end_map(&json);
    printf("%s\n", out->str);
}

bool mm_summary_print(const MmSummary *summary, const MmReport *report, bool json)
{
    if (json)
        print_json(summary, report);
    else
        print_text(summary, report);
    return fflush(stdout) == 0 && !ferror(stdout);
}
