#include "internal.h"

#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define COMMAND_MAX 253 /* octets of a command without CRLF (RFC 2449, 4) */

static void ask_capabilities(MbPop3Session *session, MbPop3Phase phase)
{
    session->phase = phase;
    mb_pop3_put_line(session, "CAPA", NULL);
}

void mb_pop3_login_forget(MbPop3Session *session)
{
    g_clear_pointer(&session->sasl, mb_sasl_free);
    session->password = NULL;
}

static void put_secret(MbPop3Session *session, const char *prefix, const char *secret,
                       const char *shown)
{
    char *line = g_strconcat(prefix, secret, NULL);

    mb_pop3_put_line(session, line, shown);
    mb_wipe_free(line);
}

static void begin_user(MbPop3Session *session)
{
    g_autofree char *line = NULL;

    if (!session->secure) {
        mb_pop3_close(session, MB_ERROR_LOGIN,
                      "login not tried: the password would go in clear; use TLS, or say that "
                      "clear is fine");
        return;
    }
    line = g_strconcat("USER ", session->user, NULL);
    session->phase = PHASE_USER;
    mb_pop3_put_line(session, line, NULL);
}

static bool begin_sasl(MbPop3Session *session, GError **error)
{
    MbSaslOptions options = {
        .user = session->user,
        .password = session->password,
        .mechanism = session->mechanism,
        .service = "pop",
        .host = session->server_name,
        .secure = session->secure,
    };
    g_autofree char *shown = NULL;
    char *line;

    session->sasl = mb_sasl_new(&options, session->capa.says.sasl, error);
    if (session->sasl == NULL)
        return false;
    line = mb_sasl_begin(session->sasl, COMMAND_MAX, error);
    if (line == NULL)
        return false;
    session->phase = PHASE_AUTH;
    if (strchr(line + strlen("AUTH "), ' ') != NULL)
        shown = g_strdup_printf("AUTH %s <hidden>", mb_sasl_mechanism(session->sasl));
    mb_pop3_put_line(session, line, shown);
    mb_wipe_free(line);
    return true;
}

static void begin_login(MbPop3Session *session)
{
    const MbPop3Capabilities *says = &session->capa.says;
    bool named = session->mechanism != NULL;
    bool user_named = named && g_ascii_strcasecmp(session->mechanism, "USER") == 0;
    g_autoptr(GError) error = NULL;

    if (user_named ||
        (!named && !mb_pop3_capa_has_sasl(&session->capa) && (says->user || !says->capa))) {
        begin_user(session);
        return;
    }
    if (begin_sasl(session, &error))
        return;
    if (!named && says->user && session->sasl == NULL) {
        begin_user(session);
        return;
    }
    g_prefix_error(&error, "%s: ", session->server_name);
    mb_pop3_close_take(session, g_steal_pointer(&error));
}

static void logged_in(MbPop3Session *session)
{
    mb_pop3_login_forget(session);
    ask_capabilities(session, PHASE_CAPA_AGAIN);
}

static void login_refused(MbPop3Session *session, const MbPop3Reply *reply)
{
    g_autofree char *text = mb_text_printable(reply->text, strlen(reply->text));
    MbErrorCode fault = mb_pop3_reply_fault(reply, MB_ERROR_LOGIN);
    const char *why = session->sasl != NULL ? mb_sasl_refusal(session->sasl) : NULL;

    if (session->login_error != NULL) {
        mb_pop3_close_take(session, g_steal_pointer(&session->login_error));
        return;
    }
    mb_pop3_close_code(session, reply);
    mb_pop3_close(session, fault, "%s for %s: %s%s%s",
                  fault == MB_ERROR_LOGIN ? "login refused" : "login not possible now",
                  session->user, text[0] != '\0' ? text : "no reason given",
                  why != NULL ? "; the token: " : "", why != NULL ? why : "");
}

static void give_up_sasl(MbPop3Session *session, GError *error)
{
    g_prefix_error(&error, "%s: ", session->server_name);
    session->login_error = error;
    mb_pop3_put_line(session, "*", NULL);
}

static void answer_challenge(MbPop3Session *session, const MbPop3Reply *reply)
{
    g_autoptr(GError) error = NULL;
    char *response;

    if (session->login_error != NULL) {
        mb_pop3_close_take(session, g_steal_pointer(&session->login_error));
        return;
    }
    response = mb_sasl_step(session->sasl, reply->text, &error);
    if (response == NULL) {
        give_up_sasl(session, g_steal_pointer(&error));
        return;
    }
    put_secret(session, "", response, "<hidden>");
    mb_wipe_free(response);
}

static void auth_reply(MbPop3Session *session, const MbPop3Reply *reply)
{
    switch (reply->kind) {
    case REPLY_CONTINUE: answer_challenge(session, reply); break;
    case REPLY_OK:
        if (session->login_error != NULL)
            mb_pop3_close_take(session, g_steal_pointer(&session->login_error));
        else if (!mb_sasl_is_done(session->sasl))
            mb_pop3_close(session, MB_ERROR_PROTOCOL,
                          "the server accepted the login without proving that it knows the "
                          "password");
        else
            logged_in(session);
        break;
    case REPLY_ERR: login_refused(session, reply); break;
    case REPLY_NONSENSE: mb_pop3_close_nonsense(session, reply, "to AUTH"); break;
    }
}

static void greeting_reply(MbPop3Session *session, const MbPop3Reply *reply)
{
    g_autofree char *text = mb_text_printable(reply->text, strlen(reply->text));

    if (reply->kind == REPLY_ERR) {
        mb_pop3_close_code(session, reply);
        mb_pop3_close(session, mb_pop3_reply_fault(reply, MB_ERROR_UNAVAILABLE),
                      "the server refuses service: %s", text);
        return;
    }
    if (reply->kind != REPLY_OK) {
        mb_pop3_close_nonsense(session, reply, "as a greeting");
        return;
    }
    session->greeting = g_strdup(reply->line);
    session->capa.says.greeting = session->greeting;
    ask_capabilities(session, PHASE_CAPA);
}

/* What comes after STLS's +OK in clear could be anybody's (RFC 2595, 4). */
void mb_pop3_refuse_surplus(MbPop3Session *session)
{
    mb_pop3_close(session, MB_ERROR_PROTOCOL,
                  "TLS not started: the server sent more in clear after its go-ahead");
}

static bool stls_reply(MbPop3Session *session, const MbPop3Reply *reply, MbPop3Event *event)
{
    if (reply->kind == REPLY_ERR) {
        g_autofree char *text = mb_text_printable(reply->text, strlen(reply->text));

        mb_pop3_close(session, mb_pop3_reply_fault(reply, MB_ERROR_UNAVAILABLE),
                      "TLS refused: STLS answered: %s", text);
        return false;
    }
    if (reply->kind != REPLY_OK) {
        mb_pop3_close_nonsense(session, reply, "to STLS");
        return false;
    }
    if (session->written < session->out->len) {
        mb_pop3_close(session, MB_ERROR_PROTOCOL,
                      "TLS not started: the go-ahead came before STLS was sent");
        return false;
    }
    session->phase = PHASE_HANDSHAKE;
    if (session->in_length > 0) {
        mb_pop3_refuse_surplus(session);
        return false;
    }
    *event = (MbPop3Event){.kind = MB_POP3_EVENT_START_TLS, .stage = MB_POP3_STAGE_STLS};
    return true;
}

static void after_capabilities(MbPop3Session *session)
{
    if (!session->start_tls) {
        begin_login(session);
        return;
    }
    if (!session->capa.says.stls) {
        mb_pop3_close(session, MB_ERROR_UNAVAILABLE,
                      "TLS is required, but the server does not offer STLS; nothing was sent");
        return;
    }
    session->phase = PHASE_STLS;
    mb_pop3_put_line(session, "STLS", NULL);
}

static bool ready(MbPop3Session *session, MbPop3Event *event)
{
    session->phase = PHASE_READY;
    *event = (MbPop3Event){.kind = MB_POP3_EVENT_READY, .stage = MB_POP3_STAGE_LOGIN};
    return true;
}

/* CAPA's list is complete. After the login it may differ, and replaces what was said before. */
bool mb_pop3_login_capa_done(MbPop3Session *session, MbPop3Event *event)
{
    session->new_capa.says.capa = true;
    mb_pop3_capa_replace(&session->capa, &session->new_capa);
    session->reading = READING_STATUS;
    if (session->phase == PHASE_CAPA_AGAIN)
        return ready(session, event);
    after_capabilities(session);
    return false;
}

static bool capa_reply(MbPop3Session *session, const MbPop3Reply *reply, MbPop3Event *event)
{
    if (reply->kind == REPLY_OK) {
        session->reading = READING_CAPA;
        return false;
    }
    if (reply->kind != REPLY_ERR) {
        mb_pop3_close_nonsense(session, reply, "to CAPA");
        return false;
    }
    if (session->phase == PHASE_CAPA_AGAIN)
        return ready(session, event);
    after_capabilities(session);
    return false;
}

static void user_reply(MbPop3Session *session, const MbPop3Reply *reply)
{
    if (reply->kind == REPLY_ERR) {
        login_refused(session, reply);
    } else if (reply->kind != REPLY_OK) {
        mb_pop3_close_nonsense(session, reply, "to the login");
    } else if (session->phase == PHASE_PASS) {
        logged_in(session);
    } else {
        session->phase = PHASE_PASS;
        put_secret(session, "PASS ", session->password, "PASS <hidden>");
    }
}

bool mb_pop3_login_reply(MbPop3Session *session, const MbPop3Reply *reply, MbPop3Event *event)
{
    switch (session->phase) {
    case PHASE_GREETING: greeting_reply(session, reply); return false;
    case PHASE_CAPA:
    case PHASE_CAPA_AGAIN: return capa_reply(session, reply, event);
    case PHASE_STLS: return stls_reply(session, reply, event);
    case PHASE_AUTH: auth_reply(session, reply); return false;
    case PHASE_USER:
    case PHASE_PASS: user_reply(session, reply); return false;
    case PHASE_HANDSHAKE:
    case PHASE_READY:
    case PHASE_CLOSED: break;
    }
    g_assert_not_reached();
}

void mb_pop3_session_tls_started(MbPop3Session *session)
{
    g_assert(session->phase == PHASE_HANDSHAKE || session->phase == PHASE_CLOSED);
    if (session->phase == PHASE_CLOSED || session->closing)
        return;
    if (session->in_length > 0) {
        mb_pop3_refuse_surplus(session);
        return;
    }
    mb_pop3_capa_clear(&session->capa);
    mb_pop3_capa_init(&session->capa);
    session->capa.says.greeting = session->greeting;
    mb_lines_reset(session->lines);
    session->start_tls = false;
    session->secure = true;
    ask_capabilities(session, PHASE_CAPA);
}
