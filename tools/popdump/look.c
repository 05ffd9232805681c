/* Whether a look for more finds the listing of before: then nothing has to be listed again. */
#include "run.h"

#include <mailbatch/base/log.h>
#include <mailbatch/net/stream.h>
#include <string.h>

void pd_look_remember(PdRun *run)
{
    size_t length = pd_plan_length(run->plan);
    const PdItem *last = length > 0 ? pd_plan_item(run->plan, length - 1) : NULL;
    bool useless = run->look.useless;
    bool telling =
        !useless && last != NULL && last->number == length && last->uidl != NULL && !last->repeated;

    g_free(run->look.last);
    run->look = (PdLook){
        .messages = length,
        .bytes = pd_plan_listed_bytes(run->plan),
        .last = telling ? g_strdup(last->uidl) : NULL,
        .useless = useless,
    };
}

bool pd_look_event(PdRun *run, const MbPop3Event *event)
{
    PdLook *look = &run->look;

    if (!look->open || event->kind == MB_POP3_EVENT_CLOSED ||
        (event->stage != MB_POP3_STAGE_STAT && event->stage != MB_POP3_STAGE_UIDL))
        return false;
    if (event->kind == MB_POP3_EVENT_STAT)
        look->same_sums =
            !event->malformed && event->number == look->messages && event->size == look->bytes;
    else if (event->kind == MB_POP3_EVENT_UIDL)
        look->same_last = !event->malformed && event->number == look->messages &&
                          strcmp(event->text, look->last) == 0;
    return true;
}

bool pd_look(PdRun *run, bool *same, GError **error)
{
    PdLook *look = &run->look;
    bool good;

    *same = false;
    if (run->reason != PD_SESSION_LOOK || look->last == NULL)
        return true;
    look->same_sums = look->same_last = false;
    look->open = true;
    mb_pop3_session_ask_stat(run->session);
    mb_pop3_session_ask_uidl_of(run->session, look->messages);
    good = pd_run_settle(run, error);
    look->open = false;
    look->useless = !good;
    *same = good && look->same_sums && look->same_last;
    if (*same)
        mb_log_note("%s: lists what it listed before", mb_stream_name(run->stream));
    return good;
}
