#include "run.h"

#include <mailbatch/base/log.h>
#include <mailbatch/net/stream.h>

/* Whether a listed message may go, as far as listing and catalog tell. False too with `error`. */
static bool may_go(PdRun *run, const PdItem *item, PdArchived *found, GError **error)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    if (item->uidl == NULL || item->repeated || g_hash_table_contains(run->tried, item->uidl))
        return false;
    if (!pd_archive_find(run->archive, item->uidl, found, error) || found->uidl_repeated)
        return false;
    if (run->options->delete_older > 0 && found->first_seen == 0) {
        g_ptr_array_add(run->unseen, g_strdup(item->uidl));
        return false;
    }
    if (run->options->delete_older > 0 &&
        (now < found->first_seen ||
         (guint64)(now - found->first_seen) < run->options->delete_older))
        return false;
    if (item->has_size && item->size == found->size)
        return true;
    /* An id that came back with another message, or replies that were not the message asked for. */
    if (item->has_size)
        mb_log_warning("message %" G_GUINT64_FORMAT ": not deleted: %" G_GUINT64_FORMAT
                       " octets are archived, but the server lists %" G_GUINT64_FORMAT,
                       item->number, found->size, item->size);
    else
        mb_log_warning("message %" G_GUINT64_FORMAT ": not deleted: the server lists no size",
                       item->number);
    g_hash_table_add(run->tried, g_strdup(item->uidl));
    run->summary->kept++;
    return false;
}

/* Fills run->removals with what may go, at most a session's share; sets want_more when that leaves
 * some. */
static bool choose(PdRun *run, GError **error)
{
    for (size_t i = 0; i < pd_plan_length(run->plan); i++) {
        const PdItem *item = pd_plan_item(run->plan, i);
        g_autoptr(GError) failed = NULL;
        PdArchived found;
        PdRemoval removal = {.item = i};

        if (!may_go(run, item, &found, &failed)) {
            if (failed == NULL)
                continue;
            g_propagate_error(error, g_steal_pointer(&failed));
            return false;
        }
        if (run->options->expunge > 0 && run->removals->len == run->options->expunge) {
            run->want_more = true;
            break;
        }
        removal.sequence = found.sequence;
        g_array_append_val(run->removals, removal);
    }
    return true;
}

static GArray *sequences_of(const GArray *removals)
{
    GArray *sequences = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    for (guint i = 0; i < removals->len; i++)
        g_array_append_val(sequences, g_array_index(removals, PdRemoval, i).sequence);
    return sequences;
}

/* Reads them back from the disk, and drops from run->removals what cannot be proven. */
static bool prove(PdRun *run, GError **error)
{
    g_autoptr(GArray) sequences = sequences_of(run->removals);
    g_autofree bool *proven = g_new0(bool, MAX(sequences->len, 1));
    guint kept = 0;

    if (!pd_archive_prove(run->archive, (const uint64_t *)(void *)sequences->data, sequences->len,
                          proven, error)) {
        g_array_set_size(run->removals, 0);
        return false;
    }
    for (guint i = 0; i < sequences->len; i++) {
        PdRemoval removal = g_array_index(run->removals, PdRemoval, i);
        const PdItem *item = pd_plan_item(run->plan, removal.item);

        g_hash_table_add(run->tried, g_strdup(item->uidl));
        if (proven[i]) {
            g_array_index(run->removals, PdRemoval, kept++) = removal;
            continue;
        }
        mb_log_error("%s: message %" G_GUINT64_FORMAT
                     " cannot be read back as it came: not deleted from the server",
                     pd_archive_path(run->archive), removal.sequence);
        run->summary->kept++;
    }
    g_array_set_size(run->removals, kept);
    return true;
}

void pd_remove_settle(PdRun *run)
{
    GHashTableIter next;
    gpointer uidl;

    g_hash_table_iter_init(&next, run->doubtful);
    while (g_hash_table_iter_next(&next, &uidl, NULL)) {
        PdItem item = {.uidl = uidl};

        run->summary->in_doubt--;
        g_hash_table_remove(run->tried, uidl);
        if (!g_hash_table_contains(pd_plan_uidls(run->plan), uidl)) {
            run->summary->deleted++;
            pd_report_deletion(&run->report, &item, "deleted");
        }
    }
    g_hash_table_remove_all(run->doubtful);
}

bool pd_remove_ask(PdRun *run, GError **error)
{
    g_autoptr(GArray) sequences = NULL;

    if (run->summary->held)
        return true;
    if (!choose(run, error)) {
        g_array_set_size(run->removals, 0);
        return false;
    }
    if (run->removals->len == 0)
        return true;
    if (!prove(run, error))
        return false;
    sequences = sequences_of(run->removals);
    if (sequences->len == 0)
        return true;
    if (!pd_archive_intend_delete(run->archive, (const uint64_t *)(void *)sequences->data,
                                  sequences->len, error)) {
        g_array_set_size(run->removals, 0);
        return false;
    }
    for (guint i = 0; i < run->removals->len; i++) {
        const PdRemoval *removal = &g_array_index(run->removals, PdRemoval, i);

        mb_pop3_session_ask_dele(run->session, pd_plan_item(run->plan, removal->item)->number);
    }
    return pd_run_settle(run, error);
}

static PdState state_of(const PdRun *run, const PdItem *item)
{
    gconstpointer number = GSIZE_TO_POINTER(item->number);

    if (g_hash_table_contains(run->refused, number))
        return PD_STATE_KEPT;
    if (!run->quit_done)
        return PD_STATE_UNKNOWN;
    /* Without an answer it was not even asked: a signal came first. */
    return g_hash_table_contains(run->accepted, number) ? PD_STATE_DELETED : PD_STATE_KEPT;
}

static void count(PdRun *run, const PdItem *item, PdState state)
{
    if (state == PD_STATE_KEPT) {
        if (g_hash_table_contains(run->refused, GSIZE_TO_POINTER(item->number)))
            mb_log_warning("message %" G_GUINT64_FORMAT ": the server refuses to delete it",
                           item->number);
        run->summary->kept++;
        return;
    }
    if (state == PD_STATE_DELETED) {
        run->summary->deleted++;
        run->session_deleted++;
    } else {
        run->summary->in_doubt++;
        g_hash_table_add(run->doubtful, g_strdup(item->uidl));
    }
    pd_report_deletion(&run->report, item, state == PD_STATE_DELETED ? "deleted" : "in-doubt");
}

static bool record(PdRun *run, PdState state, GError **error)
{
    g_autoptr(GArray) sequences = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    for (guint i = 0; i < run->removals->len; i++) {
        const PdRemoval *removal = &g_array_index(run->removals, PdRemoval, i);

        if (state_of(run, pd_plan_item(run->plan, removal->item)) == state)
            g_array_append_val(sequences, removal->sequence);
    }
    if (sequences->len == 0)
        return true;
    if (!pd_archive_record_delete(run->archive, (const uint64_t *)(void *)sequences->data,
                                  sequences->len, state, error))
        return false;
    for (guint i = 0; i < run->removals->len; i++) {
        const PdRemoval *removal = &g_array_index(run->removals, PdRemoval, i);
        const PdItem *item = pd_plan_item(run->plan, removal->item);

        if (state_of(run, item) == state)
            count(run, item, state);
    }
    return true;
}

bool pd_remove_record(PdRun *run, GError **error)
{
    bool done = record(run, PD_STATE_DELETED, error) && record(run, PD_STATE_KEPT, error) &&
                record(run, PD_STATE_UNKNOWN, error);

    g_array_set_size(run->removals, 0);
    return done;
}

bool pd_remove_tell(PdRun *run, GError **error)
{
    if (run->archive == NULL || run->summary->held)
        return true;
    if (!choose(run, error))
        return false;
    for (guint i = 0; i < run->removals->len; i++) {
        const PdRemoval *removal = &g_array_index(run->removals, PdRemoval, i);

        pd_report_deletion(&run->report, pd_plan_item(run->plan, removal->item), "would-delete");
    }
    g_array_set_size(run->removals, 0);
    run->want_more = false;
    return true;
}
