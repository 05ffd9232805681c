#include "internal.h"

#include <mailbatch/base/text.h>
#include <string.h>

void mb_pop3_close_take(MbPop3Session *session, GError *error)
{
    if (session->closing || session->phase == PHASE_CLOSED) {
        g_clear_error(&error);
        return;
    }
    session->error = error;
    session->closing = true;
    session->in_length = 0;
    mb_pop3_login_forget(session);
}

void mb_pop3_close(MbPop3Session *session, MbErrorCode code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    mb_pop3_close_take(
        session, g_error_new(MB_POP3_ERROR, (gint)code, "%s: %s", session->server_name, text));
}

void mb_pop3_close_code(MbPop3Session *session, const MbPop3Reply *reply)
{
    if (!session->closing && session->phase != PHASE_CLOSED)
        memcpy(session->close_code, reply->code, sizeof(session->close_code));
}

void mb_pop3_close_nonsense(MbPop3Session *session, const MbPop3Reply *reply, const char *what)
{
    g_autofree char *text = mb_text_printable(reply->line, MIN(reply->line_length, 100));

    mb_pop3_close(session, MB_ERROR_PROTOCOL, "not a POP3 reply %s: \"%s\"", what, text);
}

/* "RETR 5", "the greeting": what is being waited for. */
static char *waited_for(const MbPop3Session *session)
{
    static const char *const phases[] = {
        [PHASE_GREETING] = "the greeting",  [PHASE_CAPA] = "the reply to CAPA",
        [PHASE_STLS] = "the reply to STLS", [PHASE_HANDSHAKE] = "the TLS handshake",
        [PHASE_AUTH] = "the reply to AUTH", [PHASE_USER] = "the reply to USER",
        [PHASE_PASS] = "the reply to PASS", [PHASE_CAPA_AGAIN] = "the reply to CAPA",
    };
    const MbPop3Ask *ask = mb_pop3_current_ask(session);

    if (session->phase < PHASE_READY)
        return g_strdup(phases[session->phase]);
    if (ask == NULL)
        return g_strdup("commands");
    if (ask->number > 0)
        return g_strdup_printf("the reply to %s %" G_GUINT64_FORMAT, mb_pop3_stage_name(ask->stage),
                               ask->number);
    return g_strdup_printf("the reply to %s", mb_pop3_stage_name(ask->stage));
}

void mb_pop3_close_lost(MbPop3Session *session)
{
    const char *how = session->in_cut ? "the connection was cut" : "the server closed";
    g_autofree char *what = NULL;

    if (session->reading == READING_MESSAGE) {
        session->close_cut = true;
        mb_pop3_close(session, MB_ERROR_TEMPORARY,
                      "connection lost: %s in the middle of message %" G_GUINT64_FORMAT, how,
                      mb_pop3_current_ask(session)->number);
        return;
    }
    what = waited_for(session);
    mb_pop3_close(session, MB_ERROR_TEMPORARY, "connection lost: %s while waiting for %s", how,
                  what);
}
