#include "run.h"

#include "stop.h"
#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>

#define ENDLESS_SLACK (G_GUINT64_CONSTANT(64) << 20) /* octets beyond limit and LIST's size */

PdItem *pd_run_item(const PdRun *run)
{
    return pd_plan_item(run->plan, run->answered);
}

size_t pd_run_next_item(const PdRun *run, size_t index)
{
    while (index < pd_plan_length(run->plan) &&
           pd_plan_item(run->plan, index)->fate != PD_FATE_FETCH)
        index++;
    return index;
}

/* ---- messages ---- */

void pd_run_leave(PdRun *run, const PdItem *item, const char *why, const char *text)
{
    pd_report_left(&run->report, item, why, text);
    run->summary->left++;
    run->session_left++;
    if (item->uidl != NULL)
        g_hash_table_add(run->left, g_strdup(item->uidl));
}

static void next_message(PdRun *run)
{
    run->answered = pd_run_next_item(run, run->answered + 1);
}

static bool begin_message(PdRun *run, GError **error)
{
    run->message_dropped = false;
    if (!pd_archive_begin_message(run->archive, error))
        return false;
    run->message_open = true;
    return true;
}

/* Over the limit: LIST's size was wrong. The rest is read and thrown away, but not for ever. */
static bool drop_message(PdRun *run, uint64_t received, GError **error)
{
    const PdItem *item = pd_run_item(run);
    uint64_t most;

    if (!run->message_dropped) {
        pd_archive_abandon_message(run->archive);
        run->message_open = false;
        run->message_dropped = true;
    }
    run->dropped_bytes += received;
    if (__builtin_add_overflow(run->options->max_message + ENDLESS_SLACK, item->size, &most) ||
        run->dropped_bytes <= most)
        return true;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_PROTOCOL,
                "%s: message %" G_GUINT64_FORMAT " has no end: given up far beyond --max-message",
                mb_stream_name(run->stream), item->number);
    return false;
}

static bool append(PdRun *run, const MbPop3Event *event, GError **error)
{
    uint64_t most = run->options->max_message;

    if (run->message_dropped)
        return drop_message(run, event->length, error);
    if (most > 0 && event->length > most - MIN(most, pd_archive_message_size(run->archive))) {
        run->dropped_bytes = 0;
        return drop_message(run, event->length, error);
    }
    return pd_archive_append(run->archive, event->bytes, event->length, error);
}

bool pd_run_keep(PdRun *run, uint64_t size, unsigned oddities, GError **error)
{
    PdItem *item = pd_run_item(run);
    PdMessage message = {
        .uidl = item->uidl,
        .uidl_repeated = item->repeated,
        .has_server_size = item->has_size,
        .server_size = item->size,
        .oddities = oddities,
    };
    uint64_t sequence;

    if (!pd_archive_end_message(run->archive, &message, &sequence, error))
        return false;
    run->message_open = false;
    run->fetched++;
    run->fetched_bytes += size;
    pd_report_archived(&run->report, item, sequence, size, oddities);
    if (item->uidl == NULL)
        run->summary->without_uidl++;
    else
        g_hash_table_add(run->fresh, g_strdup(item->uidl));
    next_message(run);
    pd_tally_count(run->options->tally, size);
    return pd_run_commit(run, false, error);
}

static bool end_message(PdRun *run, const MbPop3Event *event, GError **error)
{
    const PdItem *item = pd_run_item(run);

    if (run->message_dropped) {
        pd_run_leave(run, item, "too-large", "larger than --max-message, whatever LIST says");
        next_message(run);
        return true;
    }
    if (pd_sync_doubts(item, event->size))
        return pd_sync_ask(run, event, error);
    return pd_run_keep(run, event->size, event->oddities, error);
}

static void refused(PdRun *run, const MbPop3Event *event)
{
    g_autofree char *text = NULL;

    switch (event->stage) {
    case MB_POP3_STAGE_RETR:
        pd_run_leave(run, pd_run_item(run), "refused", event->text);
        next_message(run);
        break;
    case MB_POP3_STAGE_UIDL: run->uidl_refused = true; break;
    case MB_POP3_STAGE_DELE: g_hash_table_add(run->refused, GSIZE_TO_POINTER(event->number)); break;
    case MB_POP3_STAGE_QUIT: break; /* what CLOSED says next */
    default:
        text = mb_text_printable(event->text, event->text_length);
        mb_log_warning("%s: %s refused: %s", mb_stream_name(run->stream),
                       mb_pop3_stage_name(event->stage), text);
        break;
    }
}

/* ---- events ---- */

static bool is_of_message(const MbPop3Event *event)
{
    return event->stage == MB_POP3_STAGE_RETR || event->stage == MB_POP3_STAGE_TOP;
}

static void note_end(PdRun *run, const MbPop3Event *event)
{
    run->closed = true;
    run->cut_at = event->cut ? event->number : 0;
    g_free(run->close_code);
    run->close_code = g_strdup(event->code);
}

static bool on_event(PdRun *run, const MbPop3Event *event, GError **error)
{
    if (run->healing != NULL && event->kind != MB_POP3_EVENT_CLOSED && is_of_message(event))
        return pd_heal_event(run, event, error);
    if (event->kind == MB_POP3_EVENT_CLOSED)
        note_end(run, event);
    if (run->doubt.open)
        return pd_sync_answer(run, event, error);
    if (pd_look_event(run, event))
        return true;
    switch (event->kind) {
    case MB_POP3_EVENT_START_TLS: run->want_tls = true; return true;
    case MB_POP3_EVENT_READY: run->ready = true; return true;
    case MB_POP3_EVENT_LISTING:
        if (event->number > 0)
            pd_plan_add_size(run->plan, event->number, !event->malformed, event->size);
        return true;
    case MB_POP3_EVENT_UIDL:
        if (event->number > 0)
            pd_plan_add_uidl(run->plan, event->number, event->malformed ? NULL : event->text);
        return true;
    case MB_POP3_EVENT_BEGIN: return begin_message(run, error);
    case MB_POP3_EVENT_DATA: return append(run, event, error);
    case MB_POP3_EVENT_END: return end_message(run, event, error);
    case MB_POP3_EVENT_REFUSED: refused(run, event); return true;
    case MB_POP3_EVENT_DELETED:
        g_hash_table_add(run->accepted, GSIZE_TO_POINTER(event->number));
        return true;
    case MB_POP3_EVENT_QUIT: run->quit_done = true; return true;
    case MB_POP3_EVENT_STAT:
    case MB_POP3_EVENT_LISTED:
    case MB_POP3_EVENT_RESET: return true;
    case MB_POP3_EVENT_CLOSED:
        if (event->error == NULL)
            return true;
        g_propagate_error(error, g_error_copy(event->error));
        return false;
    }
    g_assert_not_reached();
}

static bool take_events(PdRun *run, GError **error)
{
    MbPop3Event event;

    while (mb_pop3_session_next_event(run->session, &event) == MB_NEXT) {
        if (!on_event(run, &event, error))
            return false;
    }
    return true;
}

static void heed_signal(PdRun *run)
{
    if (run->stopping || !pd_stop_asked())
        return;
    run->stopping = true;
    run->summary->stopped = true;
    mb_pop3_session_withdraw(run->session);
    mb_log_warning("stopping once what is under way has come (again: stops at once)");
}

bool pd_run_step(PdRun *run, GError **error)
{
    bool writing = run->archive != NULL && !run->options->dry_run;
    int wait_ms = writing ? pd_archive_commit_wait(run->archive) : -1;
    int wake = run->stopping ? -1 : pd_stop_descriptor();
    g_autoptr(GError) lost = NULL;
    g_autoptr(GError) ended = NULL;
    MbNext next = mb_pump_step(run->pump, wait_ms, wake, &lost);

    if (!take_events(run, &ended)) {
        /* The pump knows of time-outs; the session has seen no more than an end. */
        if (next != MB_FAILED || lost == NULL || !run->closed)
            g_propagate_error(error, g_steal_pointer(&ended));
        else if (run->cut_at == 0)
            g_propagate_error(error, g_steal_pointer(&lost));
        else
            g_set_error(error, lost->domain, lost->code,
                        "%s, in the middle of message %" G_GUINT64_FORMAT, lost->message,
                        run->cut_at);
        return false;
    }
    heed_signal(run);
    return !writing || pd_run_commit(run, false, error);
}

bool pd_run_settle(PdRun *run, GError **error)
{
    while (!run->closed && mb_pop3_session_pending(run->session) > 0) {
        if (!pd_run_step(run, error))
            return false;
    }
    return true;
}

bool pd_run_commit(PdRun *run, bool force, GError **error)
{
    bool done = force ? pd_archive_commit(run->archive, error)
                      : pd_archive_commit_if_due(run->archive, error);
    uint64_t bytes;
    uint64_t messages = pd_archive_committed(run->archive, &bytes) - run->summary->archived;

    run->summary->archived += messages;
    run->committed += messages;
    run->committed_bytes += bytes - run->summary->archived_bytes;
    run->summary->archived_bytes = bytes;
    pd_report_committed(&run->report, messages);
    return done;
}
