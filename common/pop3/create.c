#include "internal.h"

#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define OUT_SIZE 16384 /* room for any login, so that growing leaves no copy of it behind */

MB_DEFINE_QUARK(mb_pop3_error)

const char *mb_pop3_stage_name(MbPop3Stage stage)
{
    static const char *const names[] = {
        [MB_POP3_STAGE_GREETING] = "greeting", [MB_POP3_STAGE_CAPA] = "CAPA",
        [MB_POP3_STAGE_STLS] = "STLS",         [MB_POP3_STAGE_LOGIN] = "login",
        [MB_POP3_STAGE_STAT] = "STAT",         [MB_POP3_STAGE_LIST] = "LIST",
        [MB_POP3_STAGE_UIDL] = "UIDL",         [MB_POP3_STAGE_RETR] = "RETR",
        [MB_POP3_STAGE_TOP] = "TOP",           [MB_POP3_STAGE_DELE] = "DELE",
        [MB_POP3_STAGE_RSET] = "RSET",         [MB_POP3_STAGE_NOOP] = "NOOP",
        [MB_POP3_STAGE_QUIT] = "QUIT",         [MB_POP3_STAGE_IDLE] = "idle",
    };

    return names[stage];
}

const char *mb_pop3_oddity_name(MbPop3Oddity oddity)
{
    switch (oddity) {
    case MB_POP3_ODD_NUL: return "nul";
    case MB_POP3_ODD_BARE_CR: return "bare-cr";
    case MB_POP3_ODD_BARE_LF: return "bare-lf";
    case MB_POP3_ODD_8BIT: return "8bit";
    case MB_POP3_ODD_LONG_LINE: return "long-line";
    case MB_POP3_ODD_EMPTY: return "empty";
    case MB_POP3_ODD_UNSTUFFED: return "unstuffed";
    }
    return NULL;
}

static bool check_text(const char *text, const char *what, GError **error)
{
    if (text == NULL || *text == '\0') {
        g_set_error(error, MB_POP3_ERROR, MB_ERROR_CONFIG, "login: no %s", what);
        return false;
    }
    if (mb_text_breaks_line(text, strlen(text))) {
        g_set_error(error, MB_POP3_ERROR, MB_ERROR_CONFIG, "login: %s: a line break in it", what);
        return false;
    }
    return true;
}

MbPop3Session *mb_pop3_session_new(const MbPop3Options *options, GError **error)
{
    MbPop3Session *session;

    if (!check_text(options->server_name, "server name", error) ||
        !check_text(options->user, "user", error) ||
        !check_text(options->password, "password", error))
        return NULL;
    session = g_new0(MbPop3Session, 1);
    session->server_name = g_strdup(options->server_name);
    session->user = g_strdup(options->user);
    session->mechanism = g_strdup(options->mechanism);
    session->password = options->password;
    session->start_tls = options->start_tls;
    session->secure = options->secure;
    session->asked_window = options->window;
    session->trace = options->trace;
    session->trace_user = options->trace_user;
    session->asks = g_array_new(FALSE, FALSE, sizeof(MbPop3Ask));
    session->out = g_string_sized_new(OUT_SIZE);
    session->lines = mb_lines_new(MB_POP3_STATUS_MAX);
    session->shown = g_string_new(NULL);
    mb_pop3_capa_init(&session->capa);
    mb_pop3_capa_init(&session->new_capa);
    return session;
}

void mb_pop3_session_free(MbPop3Session *session)
{
    if (session == NULL)
        return;
    mb_pop3_login_forget(session);
    mb_wipe(session->out->str, session->out->len);
    g_string_free(session->out, TRUE);
    g_string_free(session->shown, TRUE);
    g_array_unref(session->asks);
    mb_lines_free(session->lines);
    mb_pop3_capa_clear(&session->capa);
    mb_pop3_capa_clear(&session->new_capa);
    g_clear_error(&session->error);
    g_clear_error(&session->login_error);
    g_free(session->greeting);
    g_free(session->server_name);
    g_free(session->user);
    g_free(session->mechanism);
    g_free(session);
}

const MbPop3Capabilities *mb_pop3_session_capabilities(const MbPop3Session *session)
{
    return &session->capa.says;
}
