/* Whether replies still belong to what was asked. */
#include "run.h"

#include <mailbatch/net/stream.h>

bool pd_sync_doubts(const PdItem *item, uint64_t size)
{
    return item->has_size && size < item->size;
}

static void abandon(PdRun *run)
{
    pd_archive_abandon_message(run->archive);
    run->message_open = false;
}

bool pd_sync_ask(PdRun *run, const MbPop3Event *event, GError **error)
{
    if (mb_pop3_session_pending(run->session) == 0) {
        run->doubt = (PdDoubt){true, event->size, event->oddities};
        mb_pop3_session_ask_stat(run->session);
        return true;
    }
    abandon(run);
    run->one_by_one = run->again = true;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_TEMPORARY,
                "%s: message %" G_GUINT64_FORMAT " came with %" G_GUINT64_FORMAT
                " octets, LIST says %" G_GUINT64_FORMAT
                ": it and the others are asked for one by one",
                mb_stream_name(run->stream), event->number, event->size, pd_run_item(run)->size);
    return false;
}

static bool is_lost(const MbPop3Event *event)
{
    return event->kind == MB_POP3_EVENT_CLOSED && event->error != NULL &&
           (event->error->domain != MB_POP3_ERROR || event->error->code != MB_ERROR_PROTOCOL);
}

bool pd_sync_answer(PdRun *run, const MbPop3Event *event, GError **error)
{
    const PdItem *item = pd_run_item(run);

    run->doubt.open = false;
    if (is_lost(event)) {
        g_propagate_error(error, g_error_copy(event->error));
        return false;
    }
    if (event->kind == MB_POP3_EVENT_STAT && !event->malformed &&
        event->number == pd_plan_length(run->plan))
        return pd_run_keep(run, run->doubt.size, run->doubt.oddities, error);
    abandon(run);
    pd_run_leave(run, item, "unstuffed",
                 "a line of one dot in it ends it for the server too early");
    run->again = item->uidl != NULL;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_PROTOCOL,
                "%s: what follows message %" G_GUINT64_FORMAT " is no answer to a command",
                mb_stream_name(run->stream), item->number);
    return false;
}
