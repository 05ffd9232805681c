/*
 * AUTH (RFC 4954): PLAIN (RFC 4616) and LOGIN.
 */
#include "smtp-internal.h"

#include <mailbatch/base/digest.h>
#include <string.h>

static void finish(MsSmtp *smtp, const char *name, const char *password)
{
    MsSession *session = &smtp->session;

    smtp->login = MS_LOGIN_NONE;
    if (!ms_house_admits(session->house, name, password)) {
        ms_session_say(session, "535 5.7.8 login refused\r\n");
        return;
    }
    g_free(smtp->user);
    smtp->user = g_strdup(name);
    ms_session_say(session, "235 2.7.0 welcome\r\n");
}

static void refuse(MsSmtp *smtp)
{
    smtp->login = MS_LOGIN_NONE;
    ms_session_say(&smtp->session, "501 5.5.2 that is no response\r\n");
}

static void take_plain(MsSmtp *smtp, const char *response)
{
    char *name = NULL;
    char *password = NULL;

    if (!ms_plain_decode(response, &name, &password)) {
        refuse(smtp);
        return;
    }
    finish(smtp, name, password);
    g_free(name);
    mb_wipe_free(password);
}

static void take_name(MsSmtp *smtp, const char *response)
{
    g_free(smtp->login_name);
    smtp->login_name = ms_base64_decode(response);
    if (smtp->login_name == NULL) {
        refuse(smtp);
        return;
    }
    smtp->login = MS_LOGIN_PASSWORD;
    ms_session_say(&smtp->session, "334 UGFzc3dvcmQ6\r\n");
}

static void take_password(MsSmtp *smtp, const char *response)
{
    char *password = ms_base64_decode(response);

    if (password == NULL) {
        refuse(smtp);
        return;
    }
    finish(smtp, smtp->login_name, password);
    mb_wipe_free(password);
}

void ms_smtp_go_on_with_auth(MsSmtp *smtp, const char *line)
{
    MsLogin login = smtp->login;

    if (strcmp(line, "*") == 0) {
        smtp->login = MS_LOGIN_NONE;
        ms_session_say(&smtp->session, "501 5.7.0 cancelled\r\n");
    } else if (login == MS_LOGIN_PLAIN) {
        take_plain(smtp, line);
    } else if (login == MS_LOGIN_NAME) {
        take_name(smtp, line);
    } else {
        take_password(smtp, line);
    }
}

static void begin(MsSmtp *smtp, MsLogin login, const char *initial, const char *challenge)
{
    smtp->login = login;
    if (initial[0] != '\0')
        ms_smtp_go_on_with_auth(smtp, initial);
    else
        ms_session_say(&smtp->session, challenge);
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
    else if (length == 5 && g_ascii_strncasecmp(argument, "PLAIN", length) == 0)
        begin(smtp, MS_LOGIN_PLAIN, initial, "334 \r\n");
    else if (length == 5 && g_ascii_strncasecmp(argument, "LOGIN", length) == 0)
        begin(smtp, MS_LOGIN_NAME, initial, "334 VXNlcm5hbWU6\r\n");
    else
        ms_session_say(session, "504 5.5.4 mechanism not known\r\n");
}
