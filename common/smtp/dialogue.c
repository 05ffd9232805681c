/*
 *   greeting → EHLO (5xx: HELO) → STARTTLS → handshake → EHLO → AUTH → ready
 *
 *   ehlo-ok-rsp  = ( "250" SP Domain [ SP ehlo-greet ] CRLF )
 *                / ( "250-" Domain [ SP ehlo-greet ] CRLF
 *                    *( "250-" ehlo-line CRLF ) "250" SP ehlo-line CRLF )
 *   ehlo-line    = ehlo-keyword *( SP ehlo-param )                      (RFC 5321, 4.1.1.1)
 *   auth-command = "AUTH" SP sasl-mech [SP initial-response]
 *                  *(CRLF [base64]) [CRLF cancel-response] CRLF         (RFC 4954, 8)
 *
 * Lenient, on purpose: "AUTH=PLAIN LOGIN" as very old servers write it.
 */
#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <string.h>

#include "internal.h"

#define AUTH_LINE_MAX 510 /* without CRLF (RFC 5321, 4.5.3.1.4; RFC 4954, 4) */

static void say_line(MbSmtpSession *session, MbSmtpCommand command, const char *verb,
                     const char *argument)
{
    char *line = g_strconcat(verb, argument != NULL ? " " : "", argument != NULL ? argument : "",
                             "\r\n", NULL);

    mb_smtp_session_say(session, command, NULL, 0, line, strlen(line));
    mb_wipe_free(line);
}

static void fail(MbSmtpSession *session, MbSmtpCommand command, MbErrorCode code,
                 const MbSmtpReply *reply, const char *problem)
{
    g_autofree char *shown = reply != NULL ? mb_smtp_reply_printable(reply) : NULL;
    GError *error = g_error_new(MB_SMTP_ERROR, code, "%s: %s%s%s", session->server_name, problem,
                                shown != NULL ? ": " : "", shown != NULL ? shown : "");

    mb_smtp_session_close_take(session, mb_smtp_command_stage(command), reply, error);
}

void mb_smtp_capabilities_clear(MbSmtpSession *session)
{
    g_clear_pointer(&session->auth_offered, g_ptr_array_unref);
    session->auth_offered = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(session->auth_offered, NULL);
    session->offered = (MbSmtpCapabilities){0};
    session->offered.auth = (const char *const *)session->auth_offered->pdata;
}

void mb_smtp_dialogue_begin(MbSmtpSession *session)
{
    mb_smtp_capabilities_clear(session);
    mb_smtp_session_await(session, COMMAND_GREETING, NULL, 0);
}

void mb_smtp_dialogue_secured(MbSmtpSession *session)
{
    session->secure = true;
    session->start_tls = false;
    session->state = STATE_SETUP;
    mb_smtp_capabilities_clear(session);
    say_line(session, COMMAND_EHLO, "EHLO", session->client_name);
}

static void read_mechanisms(MbSmtpSession *session, const char *list)
{
    g_auto(GStrv) names = g_strsplit_set(list, " \t", 64);

    g_ptr_array_set_size(session->auth_offered, (int)session->auth_offered->len - 1);
    for (char **name = names; *name != NULL; name++)
        if (**name != '\0')
            g_ptr_array_add(session->auth_offered, g_ascii_strup(*name, -1));
    g_ptr_array_add(session->auth_offered, NULL);
    session->offered.auth = (const char *const *)session->auth_offered->pdata;
}

static void read_capability(MbSmtpSession *session, const char *line)
{
    MbSmtpCapabilities *offered = &session->offered;
    size_t length = strcspn(line, " \t=");
    g_autofree char *keyword = g_ascii_strup(line, (gssize)length);
    const char *parameter = line + length + (line[length] != '\0');
    const struct {
        const char *keyword;
        bool *flag;
    } flags[] = {
        {"PIPELINING", &offered->pipelining},
        {"8BITMIME", &offered->eightbitmime},
        {"SMTPUTF8", &offered->smtputf8},
        {"CHUNKING", &offered->chunking},
        {"DSN", &offered->dsn},
        {"STARTTLS", &offered->starttls},
        {"SIZE", &offered->size},
        {"ENHANCEDSTATUSCODES", &offered->enhanced_codes},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        if (strcmp(keyword, flags[i].keyword) == 0)
            *flags[i].flag = true;
    if (strcmp(keyword, "AUTH") == 0)
        read_mechanisms(session, parameter);
    if (strcmp(keyword, "SIZE") == 0 && g_ascii_isdigit(*parameter))
        offered->max_size = g_ascii_strtoull(parameter, NULL, 10);
}

static void become_ready(MbSmtpSession *session)
{
    if (session->password != NULL)
        mb_wipe_free(g_steal_pointer(&session->password));
    session->pipelining = session->offered.pipelining;
    session->chunking = session->offered.chunking && !session->no_chunking;
    session->window = !session->pipelining         ? 1
                      : session->window_wanted > 0 ? session->window_wanted
                                                   : WINDOW_DEFAULT;
    mb_smtp_slots_new(session);
    session->state = STATE_READY;
    session->tell_ready = true;
}

static bool begin_login(MbSmtpSession *session, GError **error)
{
    MbSaslOptions options = {
        .user = session->user,
        .password = session->password,
        .mechanism = session->mechanism,
        .service = "smtp",
        .host = session->server_name,
        .secure = session->secure,
    };
    char *line;

    session->sasl = mb_sasl_new(&options, session->offered.auth, error);
    if (session->sasl == NULL)
        return false;
    line = mb_sasl_begin(session->sasl, AUTH_LINE_MAX, error);
    if (line == NULL)
        return false;
    say_line(session, COMMAND_AUTH, line, NULL);
    mb_wipe_free(line);
    return true;
}

/* What comes after EHLO's reply. */
static void go_on(MbSmtpSession *session, MbSmtpCommand command)
{
    GError *error = NULL;

    if (session->start_tls) {
        if (!session->offered.starttls)
            fail(session, command, MB_ERROR_UNAVAILABLE, NULL,
                 "STARTTLS is required, and the server does not offer it");
        else
            say_line(session, COMMAND_STARTTLS, "STARTTLS", NULL);
    } else if (session->user == NULL) {
        become_ready(session);
    } else if (session->offered.auth[0] == NULL) {
        fail(session, command, MB_ERROR_UNAVAILABLE, NULL,
             "a login was asked for, and the server does not offer AUTH");
    } else if (!begin_login(session, &error)) {
        g_prefix_error(&error, "%s: ", session->server_name);
        mb_smtp_session_close_take(session, MB_SMTP_STAGE_AUTH, NULL, error);
    }
}

static void on_greeting(MbSmtpSession *session, const MbSmtpReply *reply)
{
    if (reply->code == 220)
        say_line(session, COMMAND_EHLO, "EHLO", session->client_name);
    else if (mb_smtp_reply_is(reply, 4) || mb_smtp_reply_is(reply, 5))
        fail(session, COMMAND_GREETING,
             reply->code / 100 == 4 ? MB_ERROR_TEMPORARY : MB_ERROR_UNAVAILABLE, reply,
             "the server turns us away");
    else
        fail(session, COMMAND_GREETING, MB_ERROR_PROTOCOL, reply, "not an SMTP greeting");
}

static void on_ehlo(MbSmtpSession *session, MbSmtpCommand command, const MbSmtpReply *reply)
{
    if (reply->code == 250) {
        g_auto(GStrv) lines = g_strsplit(reply->text, "\n", -1);

        mb_smtp_capabilities_clear(session);
        for (size_t i = 1; command == COMMAND_EHLO && lines[0] != NULL && lines[i] != NULL; i++)
            read_capability(session, lines[i]);
        go_on(session, command);
    } else if (command == COMMAND_EHLO && mb_smtp_reply_is(reply, 5)) {
        say_line(session, COMMAND_HELO, "HELO", session->client_name); /* RFC 5321, 3.2 */
    } else {
        fail(session, command,
             mb_smtp_reply_is(reply, 4)   ? MB_ERROR_TEMPORARY
             : mb_smtp_reply_is(reply, 5) ? MB_ERROR_UNAVAILABLE
                                          : MB_ERROR_PROTOCOL,
             reply, "our EHLO was refused");
    }
}

static void on_starttls(MbSmtpSession *session, const MbSmtpReply *reply)
{
    if (reply->code == 220) {
        session->state = STATE_AWAIT_TLS;
        session->tell_tls = true;
        return;
    }
    fail(session, COMMAND_STARTTLS,
         mb_smtp_reply_is(reply, 4)   ? MB_ERROR_TEMPORARY
         : mb_smtp_reply_is(reply, 5) ? MB_ERROR_UNAVAILABLE
                                      : MB_ERROR_PROTOCOL,
         reply, "STARTTLS was refused, and nothing is sent in clear");
}

static void answer_challenge(MbSmtpSession *session, const MbSmtpReply *reply)
{
    char *response = mb_sasl_step(session->sasl, reply->text, &session->sasl_error);

    say_line(session, response != NULL ? COMMAND_AUTH : COMMAND_AUTH_CANCEL,
             response != NULL ? response : "*", NULL);
    mb_wipe_free(response);
}

static void on_auth(MbSmtpSession *session, const MbSmtpReply *reply)
{
    if (reply->code == 334) {
        answer_challenge(session, reply);
    } else if (reply->code == 235 && !mb_sasl_is_done(session->sasl)) {
        fail(session, COMMAND_AUTH, MB_ERROR_PROTOCOL, NULL,
             "the server accepted the login without proving that it knows the password");
    } else if (reply->code == 235) {
        g_clear_pointer(&session->sasl, mb_sasl_free);
        become_ready(session);
    } else if (mb_smtp_reply_is(reply, 4)) {
        fail(session, COMMAND_AUTH, MB_ERROR_TEMPORARY, reply, "the login failed for now");
    } else if (mb_smtp_reply_is(reply, 5)) {
        g_autofree char *shown = mb_text_printable(session->user, strlen(session->user));
        const char *why = mb_sasl_refusal(session->sasl);
        g_autofree char *problem =
            g_strdup_printf("the login of %s was refused%s%s", shown,
                            why != NULL ? "; the token: " : "", why != NULL ? why : "");
        fail(session, COMMAND_AUTH, MB_ERROR_LOGIN, reply, problem);
    } else {
        fail(session, COMMAND_AUTH, MB_ERROR_PROTOCOL, reply, "not a reply to AUTH");
    }
}

void mb_smtp_dialogue_reply(MbSmtpSession *session, MbSmtpCommand command, const MbSmtpReply *reply)
{
    if (reply->code == 421 && command != COMMAND_GREETING) {
        fail(session, command, MB_ERROR_TEMPORARY, reply, "the server closes the connection");
        return;
    }
    switch (command) {
    case COMMAND_GREETING: on_greeting(session, reply); break;
    case COMMAND_STARTTLS: on_starttls(session, reply); break;
    case COMMAND_AUTH: on_auth(session, reply); break;
    case COMMAND_AUTH_CANCEL:
        g_prefix_error(&session->sasl_error, "%s: ", session->server_name);
        mb_smtp_session_close_take(session, MB_SMTP_STAGE_AUTH, NULL,
                                   g_steal_pointer(&session->sasl_error));
        break;
    default: on_ehlo(session, command, reply); break;
    }
}
