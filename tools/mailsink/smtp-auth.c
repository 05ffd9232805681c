/*
 * AUTH (RFC 4954).
 */
#include "smtp-internal.h"

#include <string.h>

void ms_smtp_go_on_with_auth(MsSmtp *smtp, const char *line)
{
    MsSession *session = &smtp->session;

    switch (ms_exchange_take(&smtp->login, session->house, line)) {
    case MS_TURN_ASK:
        g_string_append_printf(session->out, "334 %s\r\n", smtp->login.challenge);
        return;
    case MS_TURN_ADMIT:
        g_free(smtp->user);
        smtp->user = g_strdup(smtp->login.name);
        ms_session_say(session, "235 2.7.0 welcome\r\n");
        break;
    case MS_TURN_REFUSE: ms_session_say(session, "535 5.7.8 login refused\r\n"); break;
    case MS_TURN_BROKEN: ms_session_say(session, "501 5.5.2 that is no response\r\n"); break;
    case MS_TURN_CANCEL: ms_session_say(session, "501 5.7.0 cancelled\r\n"); break;
    }
    ms_exchange_clear(&smtp->login);
}

void ms_smtp_do_auth(MsSmtp *smtp, const char *argument)
{
    MsSession *session = &smtp->session;
    size_t length = strcspn(argument, " \t");
    const char *initial = argument + length + strspn(argument + length, " \t");

    if (ms_session_hides(session, MS_HIDE_AUTH) || !smtp->extended)
        ms_session_say(session, "502 5.5.1 not offered\r\n");
    else if (smtp->user != NULL || smtp->sender.address != NULL)
        ms_session_say(session, "503 5.5.1 not now\r\n");
    else if (!ms_exchange_begin(&smtp->login, argument, length))
        ms_session_say(session, "504 5.5.4 mechanism not known\r\n");
    else
        ms_smtp_go_on_with_auth(smtp, initial[0] != '\0' ? initial : NULL);
}
