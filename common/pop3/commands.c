#include "internal.h"

#define DEFAULT_WINDOW 64

static size_t queued(const MbPop3Session *session)
{
    return session->asks->len - session->first_ask;
}

const MbPop3Ask *mb_pop3_current_ask(const MbPop3Session *session)
{
    if (session->sent == 0)
        return NULL;
    return &g_array_index(session->asks, MbPop3Ask, session->first_ask);
}

void mb_pop3_ask(MbPop3Session *session, MbPop3Stage stage, uint64_t number, unsigned lines)
{
    MbPop3Ask ask = {.number = number, .lines = lines, .stage = stage};

    g_assert(session->phase >= PHASE_READY && !session->quitting);
    if (session->phase == PHASE_READY)
        g_array_append_val(session->asks, ask);
}

void mb_pop3_ask_answered(MbPop3Session *session)
{
    g_assert(session->sent > 0);
    session->first_ask++;
    session->sent--;
    if (session->first_ask >= 4096 || session->first_ask == session->asks->len) {
        g_array_remove_range(session->asks, 0, (guint)session->first_ask);
        session->first_ask = 0;
    }
}

static void send_ask(MbPop3Session *session, const MbPop3Ask *ask)
{
    const char *verb = mb_pop3_stage_name(ask->stage);
    char line[64];

    switch (ask->stage) {
    case MB_POP3_STAGE_RETR:
    case MB_POP3_STAGE_DELE:
        g_snprintf(line, sizeof(line), "%s %" G_GUINT64_FORMAT, verb, ask->number);
        break;
    case MB_POP3_STAGE_UIDL:
        if (ask->number > 0)
            g_snprintf(line, sizeof(line), "%s %" G_GUINT64_FORMAT, verb, ask->number);
        else
            g_strlcpy(line, verb, sizeof(line));
        break;
    case MB_POP3_STAGE_TOP:
        g_snprintf(line, sizeof(line), "%s %" G_GUINT64_FORMAT " %u", verb, ask->number,
                   ask->lines);
        break;
    default: g_strlcpy(line, verb, sizeof(line)); break;
    }
    mb_pop3_put_line(session, line, NULL);
}

/* Fills the window up in groups, so that commands leave in a packet for many and not one each; well
 * before it is empty, since of what the server has sent much is still on its way. */
void mb_pop3_send_asks(MbPop3Session *session)
{
    guint window = mb_pop3_session_window(session);

    if (session->sent > window - window / 4)
        return;
    while (session->sent < window && session->sent < queued(session)) {
        send_ask(session,
                 &g_array_index(session->asks, MbPop3Ask, session->first_ask + session->sent));
        session->sent++;
    }
}

guint mb_pop3_session_window(const MbPop3Session *session)
{
    if (session->phase != PHASE_READY || !session->capa.says.pipelining)
        return 1;
    return session->asked_window > 0 ? session->asked_window : DEFAULT_WINDOW;
}

void mb_pop3_session_ask_stat(MbPop3Session *session)
{
    mb_pop3_ask(session, MB_POP3_STAGE_STAT, 0, 0);
}

void mb_pop3_session_ask_list(MbPop3Session *session)
{
    mb_pop3_ask(session, MB_POP3_STAGE_LIST, 0, 0);
}

void mb_pop3_session_ask_uidl(MbPop3Session *session)
{
    mb_pop3_ask(session, MB_POP3_STAGE_UIDL, 0, 0);
}

void mb_pop3_session_ask_uidl_of(MbPop3Session *session, uint64_t number)
{
    g_assert(number > 0);
    mb_pop3_ask(session, MB_POP3_STAGE_UIDL, number, 0);
}

void mb_pop3_session_ask_retr(MbPop3Session *session, uint64_t number)
{
    mb_pop3_ask(session, MB_POP3_STAGE_RETR, number, 0);
}

void mb_pop3_session_ask_top(MbPop3Session *session, uint64_t number, unsigned lines)
{
    mb_pop3_ask(session, MB_POP3_STAGE_TOP, number, lines);
}

void mb_pop3_session_ask_dele(MbPop3Session *session, uint64_t number)
{
    mb_pop3_ask(session, MB_POP3_STAGE_DELE, number, 0);
}

void mb_pop3_session_ask_rset(MbPop3Session *session)
{
    mb_pop3_ask(session, MB_POP3_STAGE_RSET, 0, 0);
}

void mb_pop3_session_ask_noop(MbPop3Session *session)
{
    mb_pop3_ask(session, MB_POP3_STAGE_NOOP, 0, 0);
}

void mb_pop3_session_quit(MbPop3Session *session)
{
    if (session->phase != PHASE_READY || session->quitting)
        return;
    mb_pop3_ask(session, MB_POP3_STAGE_QUIT, 0, 0);
    session->quitting = true;
}

size_t mb_pop3_session_pending(const MbPop3Session *session)
{
    return queued(session);
}

size_t mb_pop3_session_withdraw(MbPop3Session *session)
{
    size_t waiting = queued(session) - session->sent;

    if (session->quitting)
        return 0;
    g_array_set_size(session->asks, session->asks->len - (guint)waiting);
    return waiting;
}
