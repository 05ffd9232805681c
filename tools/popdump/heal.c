/* Messages whose unique-ids the server has changed are known again by size and header. */
#include "run.h"

#include "absence.h"
#include "head.h"
#include <mailbatch/base/log.h>
#include <string.h>

#define BATCH     256   /* ids written down at once */
#define TOP_SLACK 65536 /* octets that a header may be longer than the message was */

struct PdHealing {
    GArray *candidates;  /* PdCandidate */
    GHashTable *by_size; /* uint64_t → GArray of indices (guint) into it */
    GArray *healed;      /* PdHealed: not written down yet */
    GArray *items;       /* size_t: of the plan, in the order of asking */
    guint answered;
    bool top; /* by the header; else by the whole message */
    PdHeadDigest head;
    MbDigest *content;
    uint64_t received;
};

static bool may_be_known(const PdItem *item)
{
    return item->fate != PD_FATE_KNOWN && item->uidl != NULL && !item->repeated && item->has_size &&
           item->size > 0;
}

/* What the server answers is compared as it comes. */
static void begin(PdHealing *healing)
{
    healing->received = 0;
    if (healing->top)
        pd_head_digest_init(&healing->head);
    else
        healing->content = mb_digest_new(MB_DIGEST_SHA256);
}

static void push(PdHealing *healing, const MbPop3Event *event)
{
    healing->received += event->length;
    if (healing->top)
        pd_head_digest_push(&healing->head, event->bytes, event->length);
    else
        mb_digest_update(healing->content, event->bytes, event->length);
}

static void drop(PdHealing *healing)
{
    g_clear_pointer(&healing->content, mb_digest_free);
    g_clear_pointer(&healing->head.digest, mb_digest_free);
}

static PdCandidate *find(PdHealing *healing, const PdItem *item, const uint8_t *sha256)
{
    const GArray *fitting = g_hash_table_lookup(healing->by_size, &item->size);

    for (guint i = 0; fitting != NULL && i < fitting->len; i++) {
        PdCandidate *candidate =
            &g_array_index(healing->candidates, PdCandidate, g_array_index(fitting, guint, i));
        const uint8_t *want = healing->top ? candidate->head : candidate->sha256;

        if (!candidate->used && (!healing->top || candidate->has_head) &&
            memcmp(want, sha256, MB_SHA256_LENGTH) == 0)
            return candidate;
    }
    return NULL;
}

static PdItem *item_at_hand(PdRun *run)
{
    const PdHealing *healing = run->healing;

    return pd_plan_item(run->plan, g_array_index(healing->items, size_t, healing->answered));
}

static bool write_down(PdRun *run, PdHealing *healing, guint least, GError **error)
{
    const PdHealed *healed = (const PdHealed *)(void *)healing->healed->data;

    if (healing->healed->len < least)
        return true;
    if (!pd_absence_heal(run->archive, healed, healing->healed->len, healing->top ? "top" : "retr",
                         error))
        return false;
    for (guint i = 0; i < healing->healed->len; i++) {
        PdItem item = {.number = healed[i].number, .uidl = healed[i].uidl};

        pd_report_healed(&run->report, &item, healed[i].sequence);
    }
    run->summary->healed += healing->healed->len;
    g_array_set_size(healing->healed, 0);
    return true;
}

static bool finish(PdRun *run, GError **error)
{
    PdHealing *healing = run->healing;
    PdItem *item = item_at_hand(run);
    uint8_t sha256[MB_DIGEST_MAX];
    PdCandidate *candidate;
    PdHealed one;

    if (healing->top)
        pd_head_digest_finish(&healing->head, sha256);
    else
        mb_digest_finish(healing->content, sha256);
    drop(healing);
    candidate = find(healing, item, sha256);
    if (candidate == NULL)
        return true;
    candidate->used = true;
    one = (PdHealed){item->uidl, candidate->sequence, item->number};
    g_array_append_val(healing->healed, one);
    return write_down(run, healing, BATCH, error);
}

bool pd_heal_event(PdRun *run, const MbPop3Event *event, GError **error)
{
    PdHealing *healing = run->healing;
    const PdItem *item = item_at_hand(run);
    bool good = true;

    switch (event->kind) {
    case MB_POP3_EVENT_BEGIN: begin(healing); return true;
    case MB_POP3_EVENT_DATA:
        push(healing, event);
        if (healing->received <= item->size + TOP_SLACK)
            return true;
        drop(healing);
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_PROTOCOL,
                    "%s: %s %" G_GUINT64_FORMAT " has no end: far longer than the server listed",
                    run->options->account->host, mb_pop3_stage_name(event->stage), item->number);
        return false;
    case MB_POP3_EVENT_END: good = finish(run, error); break;
    default: break; /* refused: it is fetched like any other, and refused again or not */
    }
    healing->answered++;
    return good;
}

/* ---- the comparison ---- */

static GHashTable *sizes_of(const PdPlan *plan)
{
    GHashTable *sizes = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (size_t i = 0; i < pd_plan_length(plan); i++) {
        PdItem *item = pd_plan_item(plan, i);

        if (may_be_known(item))
            g_hash_table_add(sizes, &item->size);
    }
    return sizes;
}

static void add_size(PdHealing *healing, uint64_t *size, guint index)
{
    GArray *fitting = g_hash_table_lookup(healing->by_size, size);

    if (fitting == NULL) {
        fitting = g_array_new(FALSE, FALSE, sizeof(guint));
        g_hash_table_insert(healing->by_size, size, fitting);
    }
    g_array_append_val(fitting, index);
}

static void sort_by_size(PdHealing *healing)
{
    for (guint i = 0; i < healing->candidates->len; i++) {
        PdCandidate *candidate = &g_array_index(healing->candidates, PdCandidate, i);

        add_size(healing, &candidate->size, i);
        if (candidate->server_size != candidate->size)
            add_size(healing, &candidate->server_size, i);
    }
}

/* Asks, a window at a time, about each message that may be one of them. */
static bool ask_all(PdRun *run, GError **error)
{
    PdHealing *healing = run->healing;
    size_t most = 2 * (size_t)mb_pop3_session_window(run->session);
    guint asked = 0;

    while (!run->closed &&
           (asked < healing->items->len || mb_pop3_session_pending(run->session) > 0)) {
        while (asked < healing->items->len && !run->stopping &&
               mb_pop3_session_pending(run->session) < most) {
            const PdItem *item =
                pd_plan_item(run->plan, g_array_index(healing->items, size_t, asked++));

            if (healing->top)
                mb_pop3_session_ask_top(run->session, item->number, 0);
            else
                mb_pop3_session_ask_retr(run->session, item->number);
        }
        if (mb_pop3_session_pending(run->session) == 0)
            break;
        if (!pd_run_step(run, error))
            return false;
    }
    if (!run->stopping)
        return true;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_TEMPORARY,
                "%s: stopped before anything was fetched", run->options->account->host);
    return false;
}

static bool compare(PdRun *run, PdHealing *healing, GError **error)
{
    bool good;

    if (healing->top && !pd_absence_read_heads(run->archive, healing->candidates, error))
        return false;
    sort_by_size(healing);
    for (size_t i = 0; i < pd_plan_length(run->plan); i++) {
        const PdItem *item = pd_plan_item(run->plan, i);

        if (may_be_known(item) && g_hash_table_contains(healing->by_size, &item->size))
            g_array_append_val(healing->items, i);
    }
    run->healing = healing;
    good = ask_all(run, error);
    run->healing = NULL;
    drop(healing);
    /* However it ended: what is known is known. */
    return write_down(run, healing, 1, good ? error : NULL) && good;
}

static bool heal(PdRun *run, const PdAbsence *absence, GError **error)
{
    g_autoptr(GHashTable) sizes = sizes_of(run->plan);
    g_autoptr(GArray) candidates = pd_absence_candidates(run->archive, absence, sizes, error);
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(size_t));
    g_autoptr(GArray) healed = g_array_new(FALSE, FALSE, sizeof(PdHealed));
    g_autoptr(GHashTable) by_size =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)g_array_unref);
    PdHealing healing = {
        .candidates = candidates,
        .by_size = by_size,
        .healed = healed,
        .items = items,
        .top = mb_pop3_session_capabilities(run->session)->top,
    };

    if (candidates == NULL)
        return false;
    /* What was decided stays: of an empty archive messages have been asked for by now. */
    if (candidates->len == 0)
        return true;
    if (!compare(run, &healing, error))
        return false;
    pd_run_decide(run);
    return true;
}

static void tell(PdRun *run, const PdAbsence *absence)
{
    uint64_t known = pd_plan_count(run->plan, PD_FATE_KNOWN);

    mb_log_warning("%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                   " messages that were on the server are gone at once, %" G_GUINT64_FORMAT
                   " unknown ones are there: nothing is deleted in this run",
                   run->options->archive, absence->missing, absence->expected,
                   (uint64_t)pd_plan_length(run->plan) - known);
    pd_report_held(&run->report, absence->expected, absence->missing);
}

static bool is_same_listing(const PdRun *run)
{
    return pd_plan_length(run->plan) == run->summary->listed &&
           pd_plan_listed_bytes(run->plan) == run->summary->listed_bytes;
}

bool pd_heal(PdRun *run, GError **error)
{
    g_auto(PdAbsence) absence = {0};

    if (run->archive == NULL)
        return true;
    if (!pd_absence_find(run->archive, pd_plan_uidls(run->plan), &absence, error))
        return false;
    /* What a look for more does not list again came in this very run: no alarm. Courier lists the
     * same again under new ids. */
    if (run->reason == PD_SESSION_LOOK)
        return (!pd_absence_is_most(&absence) || !is_same_listing(run) ||
                heal(run, &absence, error)) &&
               pd_absence_record(run->archive, &absence, error);
    if (!pd_absence_is_most(&absence))
        return run->options->dry_run || pd_absence_record(run->archive, &absence, error);
    if (!run->summary->held)
        tell(run, &absence);
    run->summary->held = true;
    if (run->options->dry_run)
        return true;
    if ((!absence.held && !pd_absence_hold(run->archive, &absence, error)) ||
        !heal(run, &absence, error) || !pd_absence_record(run->archive, &absence, error))
        return false;
    if (run->summary->healed > 0)
        mb_log_warning("%s: %" G_GUINT64_FORMAT " of them have new unique-ids: archived already, "
                       "by size and %s; they are never deleted by these ids",
                       run->options->archive, run->summary->healed,
                       mb_pop3_session_capabilities(run->session)->top ? "header" : "content");
    return true;
}
