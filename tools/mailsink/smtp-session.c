/*
 * The server's side of SMTP (RFC 5321), with PIPELINING (2920), 8BITMIME (6152), SMTPUTF8 (6531),
 * SIZE (1870), CHUNKING (3030), DSN (3461), STARTTLS (3207), AUTH (4954) and enhanced status codes
 * (2034).
 */
#include "smtp-internal.h"

#include <mailbatch/base/text.h>
#include <string.h>

#define RECIPIENTS_MAX 50000

typedef void (*Handler)(MsSmtp *smtp, const char *argument);

/* --- envelope --- */

void ms_smtp_reset(MsSmtp *smtp)
{
    ms_path_clear(&smtp->sender);
    smtp->sender = (MsPath){0};
    g_ptr_array_set_size(smtp->recipients, 0);
    ms_incoming_abort(smtp->incoming);
    smtp->chunked = false;
    smtp->chunks_failed = false;
    smtp->content_met = false;
    smtp->content_refused = false;
}

static MsPathRules rules_of(const MsSmtp *smtp, bool is_mail)
{
    const MsSession *session = &smtp->session;

    return (MsPathRules){
        .is_mail = is_mail,
        .smtputf8 = is_mail ? smtp->extended && !ms_session_hides(session, MS_HIDE_SMTPUTF8)
                            : smtp->sender.smtputf8,
        .eightbit = smtp->extended && !ms_session_hides(session, MS_HIDE_8BITMIME),
        .dsn = smtp->extended && !ms_session_hides(session, MS_HIDE_DSN),
        .size = smtp->extended && !ms_session_hides(session, MS_HIDE_SIZE),
        .auth = smtp->extended && !ms_session_hides(session, MS_HIDE_AUTH),
        .max_size = session->house->max_size,
    };
}

static void do_mail(MsSmtp *smtp, const char *argument)
{
    MsPathRules rules = rules_of(smtp, true);
    const char *problem;

    if (!smtp->greeted) {
        ms_session_say(&smtp->session, "503 5.5.1 say EHLO first\r\n");
        return;
    }
    if (smtp->sender.address != NULL) {
        ms_session_say(&smtp->session, "503 5.5.1 a message is under way already\r\n");
        return;
    }
    problem = ms_path_parse(&rules, argument, &smtp->sender);
    ms_session_say(&smtp->session, problem != NULL ? problem : "250 2.1.0 sender ok\r\n");
}

static void do_rcpt(MsSmtp *smtp, const char *argument)
{
    MsPathRules rules = rules_of(smtp, false);
    MsPath path = {0};
    const char *problem;

    if (smtp->sender.address == NULL || smtp->chunked) {
        ms_session_say(&smtp->session, "503 5.5.1 say MAIL first\r\n");
        return;
    }
    if (smtp->recipients->len >= RECIPIENTS_MAX) {
        ms_session_say(&smtp->session, "452 4.5.3 too many recipients\r\n");
        return;
    }
    problem = ms_path_parse(&rules, argument, &path);
    if (problem == NULL)
        g_ptr_array_add(smtp->recipients, g_steal_pointer(&path.address));
    ms_path_clear(&path);
    ms_session_say(&smtp->session, problem != NULL ? problem : "250 2.1.5 recipient ok\r\n");
}

static void do_rset(MsSmtp *smtp, const char *argument)
{
    (void)argument;
    ms_smtp_reset(smtp);
    ms_session_say(&smtp->session, "250 2.0.0 reset\r\n");
}

/* --- greetings --- */

static void do_helo(MsSmtp *smtp, const char *argument)
{
    if (argument[0] == '\0') {
        ms_session_say(&smtp->session, "501 5.5.4 who are you?\r\n");
        return;
    }
    ms_smtp_reset(smtp);
    smtp->greeted = true;
    smtp->extended = false;
    ms_session_say(&smtp->session, "250 mailsink\r\n");
}

static void do_ehlo(MsSmtp *smtp, const char *argument)
{
    static const struct {
        MsHide hide;
        const char *line;
    } lines[] = {
        {MS_HIDE_PIPELINING, "250-PIPELINING\r\n"},
        {MS_HIDE_8BITMIME, "250-8BITMIME\r\n"},
        {MS_HIDE_SMTPUTF8, "250-SMTPUTF8\r\n"},
        {MS_HIDE_CHUNKING, "250-CHUNKING\r\n"},
        {MS_HIDE_DSN, "250-DSN\r\n"},
        {MS_HIDE_ENHANCED, "250-ENHANCEDSTATUSCODES\r\n"},
        {MS_HIDE_AUTH, "250-AUTH " MS_MECHANISMS "\r\n"},
    };
    MsSession *session = &smtp->session;

    if (argument[0] == '\0') {
        ms_session_say(session, "501 5.5.4 who are you?\r\n");
        return;
    }
    ms_smtp_reset(smtp);
    smtp->greeted = true;
    smtp->extended = true;
    ms_session_say(session, "250-mailsink\r\n");
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        if (!ms_session_hides(session, lines[i].hide))
            ms_session_say(session, lines[i].line);
    if (!session->secure && !ms_session_hides(session, MS_HIDE_STARTTLS))
        ms_session_say(session, "250-STARTTLS\r\n");
    if (!ms_session_hides(session, MS_HIDE_SIZE))
        g_string_append_printf(session->out, "250-SIZE %" G_GUINT64_FORMAT "\r\n",
                               session->house->max_size);
    ms_session_say(session, "250 HELP\r\n");
}

static void do_starttls(MsSmtp *smtp, const char *argument)
{
    MsSession *session = &smtp->session;

    if (ms_session_hides(session, MS_HIDE_STARTTLS)) {
        ms_session_say(session, "502 5.5.1 not offered\r\n");
    } else if (session->secure) {
        ms_session_say(session, "503 5.5.1 TLS is on already\r\n");
    } else if (argument[0] != '\0') {
        ms_session_say(session, "501 5.5.4 no arguments here\r\n");
    } else {
        ms_session_say(session, "220 2.0.0 go ahead\r\n");
        session->wish = MS_WISH_START_TLS;
    }
}

/* --- the rest --- */

static void do_noop(MsSmtp *smtp, const char *argument)
{
    (void)argument;
    ms_session_say(&smtp->session, "250 2.0.0 ok\r\n");
}

static void do_quit(MsSmtp *smtp, const char *argument)
{
    (void)argument;
    ms_session_say(&smtp->session, "221 2.0.0 bye\r\n");
    smtp->session.wish = MS_WISH_CLOSE;
}

static void do_vrfy(MsSmtp *smtp, const char *argument)
{
    (void)argument;
    ms_session_say(&smtp->session, "252 2.5.0 every recipient is taken here\r\n");
}

static void do_help(MsSmtp *smtp, const char *argument)
{
    (void)argument;
    ms_session_say(&smtp->session, "214 2.0.0 see mailsink(1)\r\n");
}

typedef struct {
    const char *verb;
    Handler handler;
    int stage; /* of its faults, or -1 */
} Command;

static const Command commands[] = {
    {"MAIL", do_mail, MS_AT_MAIL},
    {"RCPT", do_rcpt, MS_AT_RCPT},
    {"DATA", ms_smtp_do_data, MS_AT_DATA},
    {"BDAT", ms_smtp_do_bdat, -1}, /* its chunk follows, whatever is replied */
    {"EHLO", do_ehlo, MS_AT_EHLO},
    {"HELO", do_helo, MS_AT_EHLO},
    {"RSET", do_rset, MS_AT_RSET},
    {"NOOP", do_noop, MS_AT_NOOP},
    {"QUIT", do_quit, MS_AT_QUIT},
    {"STARTTLS", do_starttls, MS_AT_STARTTLS},
    {"AUTH", ms_smtp_do_auth, MS_AT_AUTH},
    {"VRFY", do_vrfy, -1},
    {"HELP", do_help, -1},
};

static const Command *find_command(const char *line, const char **argument)
{
    size_t length = strcspn(line, " \t");

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strlen(commands[i].verb) != length ||
            g_ascii_strncasecmp(commands[i].verb, line, length) != 0)
            continue;
        *argument = line + length + strspn(line + length, " \t");
        return &commands[i];
    }
    return NULL;
}

static void run_command(MsSmtp *smtp, const char *line)
{
    const char *argument = NULL;
    const Command *command = find_command(line, &argument);
    const MsFault *fault = NULL;
    size_t before = smtp->session.out->len;

    if (command == NULL) {
        ms_session_say(&smtp->session, "500 5.5.2 command not recognised\r\n");
        return;
    }
    if (command->stage >= 0)
        fault = ms_faults_meet(smtp->session.house->faults, MS_SMTP, (MsStage)command->stage);
    if (ms_session_suffer(&smtp->session, fault))
        return;
    command->handler(smtp, argument);
    ms_session_follow(&smtp->session, fault, before);
}

static void take_line(MsSmtp *smtp, MbLine *line)
{
    char *text = (char *)line->text;

    if (line->too_long || memchr(text, '\0', line->length) != NULL) {
        ms_session_say(&smtp->session, "500 5.5.2 the line is too long or holds a NUL\r\n");
        ms_exchange_clear(&smtp->login);
        return;
    }
    while (line->length > 0 && (text[line->length - 1] == ' ' || text[line->length - 1] == '\t'))
        text[--line->length] = '\0';
    if (smtp->login.mechanism != NULL)
        ms_smtp_go_on_with_auth(smtp, text);
    else
        run_command(smtp, text);
}

/* --- the session --- */

static bool is_stopped(const MsSession *session)
{
    return session->wish != MS_WISH_NONE || session->silent || session->out->len >= MS_OUT_FULL;
}

/* A client that does not wait for STARTTLS's reply may be sending what somebody injected (RFC 3207,
 * 6). */
static size_t smtp_input(MsSession *session, const void *bytes, size_t length)
{
    MsSmtp *smtp = (MsSmtp *)session;
    const char *next = bytes;
    size_t taken = 0;

    while (taken < length && !is_stopped(session)) {
        MbLine line;
        bool complete;

        if (smtp->mode != MS_MODE_COMMANDS) {
            taken += ms_smtp_take_content(smtp, next + taken, length - taken);
            continue;
        }
        taken += mb_lines_push(smtp->lines, next + taken, length - taken, &line, &complete);
        if (complete)
            take_line(smtp, &line);
    }
    ms_session_refuse_surplus(session, length - taken,
                              "503 5.5.1 nothing may follow STARTTLS before its reply\r\n");
    return session->silent ? length : taken;
}

static void smtp_greet(MsSession *session)
{
    ms_session_greet(session, "220 mailsink ESMTP\r\n");
}

static void smtp_secured(MsSession *session)
{
    MsSmtp *smtp = (MsSmtp *)session;

    /* What was learnt in clear is forgotten (RFC 3207, 4.2). */
    session->secure = true;
    smtp->greeted = false;
    smtp->extended = false;
    g_clear_pointer(&smtp->user, g_free);
    mb_lines_reset(smtp->lines);
    ms_smtp_reset(smtp);
}

static void smtp_free(MsSession *session)
{
    MsSmtp *smtp = (MsSmtp *)session;

    ms_path_clear(&smtp->sender);
    g_ptr_array_unref(smtp->recipients);
    ms_incoming_free(smtp->incoming);
    mb_lines_free(smtp->lines);
    ms_exchange_clear(&smtp->login);
    g_free(smtp->user);
    g_free(smtp);
}

static const MsSessionOps smtp_ops = {
    .greet = smtp_greet,
    .input = smtp_input,
    .produce = NULL,
    .secured = smtp_secured,
    .free = smtp_free,
};

MsSession *ms_smtp_session_new(MsHouse *house, bool secure)
{
    MsSmtp *smtp = g_new0(MsSmtp, 1);

    ms_session_init(&smtp->session, &smtp_ops, house, MS_SMTP, secure);
    smtp->recipients = g_ptr_array_new_with_free_func(g_free);
    smtp->incoming = ms_incoming_new(house->store);
    smtp->lines = mb_lines_new(MS_LINE_MAX);
    return &smtp->session;
}
