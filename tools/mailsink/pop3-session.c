/*
 * The server's side of POP3 (RFC 1939), with CAPA (2449), STLS (2595), AUTH (5034), RESP-CODES and
 * AUTH-RESP-CODE (3206).
 */
#include "pop3-internal.h"

#include <string.h>

/* Whether a command has its place before the login or after it. */
typedef enum {
    BEFORE = 1,
    AFTER = 2,
} Phase;

typedef struct {
    const char *verb;
    MsStage stage;
    Phase phases;
    void (*handler)(MsPop3 *pop3, const char *argument, const MsFault *fault);
} Command;

/* --- the login --- */

static void let_in(MsPop3 *pop3, const char *name)
{
    if (pop3->name != name) {
        g_free(pop3->name);
        pop3->name = g_strdup(name);
    }
    pop3->mails = ms_store_list(pop3->session.house->store, name);
    pop3->deleted = g_new0(bool, pop3->mails->len + 1);
    g_string_append_printf(pop3->session.out, "+OK %u messages\r\n", pop3->mails->len);
}

static void turn_away(MsPop3 *pop3)
{
    ms_session_say(&pop3->session, "-ERR [AUTH] login refused\r\n");
}

static void do_user(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    (void)fault;
    if (ms_session_hides(&pop3->session, MS_HIDE_USER) || argument[0] == '\0') {
        ms_session_say(&pop3->session, "-ERR that is no way to log in\r\n");
        return;
    }
    g_free(pop3->name);
    pop3->name = g_strdup(argument);
    ms_session_say(&pop3->session, "+OK and the password?\r\n");
}

static void do_pass(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    (void)fault;
    if (pop3->name == NULL)
        ms_session_say(&pop3->session, "-ERR say USER first\r\n");
    else if (ms_house_admits(pop3->session.house, pop3->name, argument))
        let_in(pop3, pop3->name);
    else
        turn_away(pop3);
}

/* `line` NULL: AUTH came without a first response. */
static void go_on_with_auth(MsPop3 *pop3, const char *line)
{
    MsSession *session = &pop3->session;

    switch (ms_exchange_take(&pop3->login, session->house, line)) {
    case MS_TURN_ASK:
        g_string_append_printf(session->out, "+ %s\r\n", pop3->login.challenge);
        return;
    case MS_TURN_ADMIT: let_in(pop3, pop3->login.name); break;
    case MS_TURN_REFUSE: turn_away(pop3); break;
    case MS_TURN_BROKEN: ms_session_say(session, "-ERR that is no response\r\n"); break;
    case MS_TURN_CANCEL: ms_session_say(session, "-ERR cancelled\r\n"); break;
    }
    ms_exchange_clear(&pop3->login);
}

static void list_mechanisms(MsPop3 *pop3, const MsFault *fault)
{
    g_string_assign(pop3->capabilities, MS_MECHANISMS "\r\n.\r\n");
    g_string_replace(pop3->capabilities, " ", "\r\n", 0);
    ms_session_say(&pop3->session, "+OK\r\n");
    ms_pop3_begin_text(pop3, pop3->capabilities->str, fault);
}

static void do_auth(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    MsSession *session = &pop3->session;
    size_t length = strcspn(argument, " \t");
    const char *initial = argument + length + strspn(argument + length, " \t");

    if (ms_session_hides(session, MS_HIDE_AUTH))
        ms_session_say(session, "-ERR not offered\r\n");
    else if (length == 0)
        list_mechanisms(pop3, fault);
    else if (!ms_exchange_begin(&pop3->login, argument, length))
        ms_session_say(session, "-ERR mechanism not known\r\n");
    else
        go_on_with_auth(pop3, initial[0] != '\0' ? initial : NULL);
}

static void do_stls(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    MsSession *session = &pop3->session;

    (void)argument;
    (void)fault;
    if (session->secure || ms_session_hides(session, MS_HIDE_STARTTLS)) {
        ms_session_say(session, "-ERR not offered\r\n");
        return;
    }
    ms_session_say(session, "+OK go ahead\r\n");
    session->wish = MS_WISH_START_TLS;
}

static void do_capa(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    static const struct {
        MsHide hide;
        const char *line;
    } lines[] = {
        {MS_HIDE_TOP, "TOP\r\n"},
        {MS_HIDE_UIDL, "UIDL\r\n"},
        {MS_HIDE_USER, "USER\r\n"},
        {MS_HIDE_PIPELINING, "PIPELINING\r\n"},
        {MS_HIDE_AUTH, "SASL " MS_MECHANISMS "\r\n"},
    };
    MsSession *session = &pop3->session;

    (void)argument;
    if (ms_session_hides(session, MS_HIDE_CAPA)) {
        ms_session_say(session, "-ERR command not recognised\r\n");
        return;
    }
    ms_session_say(session, "+OK this is offered\r\n");
    g_string_truncate(pop3->capabilities, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        if (!ms_session_hides(session, lines[i].hide))
            g_string_append(pop3->capabilities, lines[i].line);
    if (!session->secure && !ms_session_hides(session, MS_HIDE_STARTTLS))
        g_string_append(pop3->capabilities, "STLS\r\n");
    g_string_append(pop3->capabilities, "RESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n"
                                        "IMPLEMENTATION mailsink\r\n.\r\n");
    ms_pop3_begin_text(pop3, pop3->capabilities->str, fault);
}

/* --- the maildrop --- */

/* The message that the argument numbers, from 0; false, and said, when there is none. */
static bool find_mail(MsPop3 *pop3, const char *argument, guint *index)
{
    guint64 number = 0;

    if (g_ascii_string_to_unsigned(argument, 10, 1, G_MAXUINT, &number, NULL) &&
        number <= pop3->mails->len && !pop3->deleted[number - 1]) {
        *index = (guint)number - 1;
        return true;
    }
    ms_session_say(&pop3->session, "-ERR no such message\r\n");
    return false;
}

static void count_mails(const MsPop3 *pop3, guint *count, guint64 *octets)
{
    *count = 0;
    *octets = 0;
    for (guint i = 0; i < pop3->mails->len; i++) {
        if (pop3->deleted[i])
            continue;
        *count += 1;
        *octets += ((MsMail *)pop3->mails->pdata[i])->size;
    }
}

static void do_stat(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    guint count;
    guint64 octets;

    (void)argument;
    (void)fault;
    count_mails(pop3, &count, &octets);
    g_string_append_printf(pop3->session.out, "+OK %u %" G_GUINT64_FORMAT "\r\n", count, octets);
}

static void do_list(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    guint count;
    guint index;
    guint64 octets;

    if (argument[0] == '\0') {
        count_mails(pop3, &count, &octets);
        g_string_append_printf(pop3->session.out, "+OK %u messages\r\n", count);
        ms_pop3_begin_listing(pop3, MS_ANSWER_LIST, fault);
    } else if (find_mail(pop3, argument, &index)) {
        g_string_append_printf(pop3->session.out, "+OK %u %" G_GUINT64_FORMAT "\r\n", index + 1,
                               ((MsMail *)pop3->mails->pdata[index])->size);
    }
}

static void do_uidl(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    MsSession *session = &pop3->session;
    guint index;

    if (ms_session_hides(session, MS_HIDE_UIDL)) {
        ms_session_say(session, "-ERR not offered\r\n");
    } else if (argument[0] == '\0') {
        ms_session_say(session, "+OK unique-ids follow\r\n");
        ms_pop3_begin_listing(pop3, MS_ANSWER_UIDL, fault);
    } else if (find_mail(pop3, argument, &index)) {
        g_string_append_printf(
            session->out, "+OK %u %s\r\n", index + 1,
            ms_store_unique_id(session->house->store, pop3->mails->pdata[index]));
    }
}

static MsOutgoing *open_mail(MsPop3 *pop3, const char *number)
{
    MsSession *session = &pop3->session;
    g_autoptr(GError) error = NULL;
    MsOutgoing *outgoing;
    guint index;

    if (!find_mail(pop3, number, &index))
        return NULL;
    outgoing = ms_outgoing_new(session->house->store, pop3->mails->pdata[index], &error);
    if (outgoing == NULL)
        ms_session_say(session, "-ERR [SYS/TEMP] the message cannot be read\r\n");
    else
        g_string_append_printf(session->out, "+OK %" G_GUINT64_FORMAT " octets\r\n",
                               ((MsMail *)pop3->mails->pdata[index])->size);
    return outgoing;
}

static void do_retr(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    MsOutgoing *outgoing = open_mail(pop3, argument);

    if (outgoing != NULL)
        ms_pop3_begin_mail(pop3, outgoing, fault);
}

static void do_top(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    g_auto(GStrv) words = g_strsplit(argument, " ", 2);
    MsOutgoing *outgoing;
    guint64 lines;

    if (ms_session_hides(&pop3->session, MS_HIDE_TOP) || words[0] == NULL || words[1] == NULL ||
        !g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXUINT64, &lines, NULL)) {
        ms_session_say(&pop3->session, "-ERR write: TOP MESSAGE LINES\r\n");
        return;
    }
    outgoing = open_mail(pop3, words[0]);
    if (outgoing != NULL)
        ms_pop3_begin_top(pop3, outgoing, lines, fault);
}

static void do_dele(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    guint index;

    (void)fault;
    if (!find_mail(pop3, argument, &index))
        return;
    pop3->deleted[index] = true;
    ms_session_say(&pop3->session, "+OK marked\r\n");
}

static void do_rset(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    (void)argument;
    (void)fault;
    memset(pop3->deleted, 0, pop3->mails->len * sizeof(bool));
    ms_session_say(&pop3->session, "+OK marks are gone\r\n");
}

static void do_noop(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    (void)argument;
    (void)fault;
    ms_session_say(&pop3->session, "+OK\r\n");
}

/* --- the end: only here are marked messages removed (RFC 1939, 6) --- */

static bool delete_marked(MsPop3 *pop3)
{
    MsSession *session = &pop3->session;
    g_autoptr(GPtrArray) marked = g_ptr_array_new();
    g_autoptr(GError) error = NULL;

    for (guint i = 0; pop3->mails != NULL && i < pop3->mails->len; i++)
        if (pop3->deleted[i])
            g_ptr_array_add(marked, pop3->mails->pdata[i]);
    if (marked->len == 0 || ms_store_delete(session->house->store, marked, &error))
        return true;
    if (session->house->complain != NULL)
        session->house->complain(error->message);
    return false;
}

static void do_quit(MsPop3 *pop3, const char *argument, const MsFault *fault)
{
    (void)argument;
    (void)fault;
    ms_session_say(&pop3->session, delete_marked(pop3)
                                       ? "+OK bye\r\n"
                                       : "-ERR [SYS/TEMP] some messages were not removed\r\n");
    pop3->session.wish = MS_WISH_CLOSE;
}

static const Command commands[] = {
    {"USER", MS_AT_USER, BEFORE, do_user},         {"PASS", MS_AT_PASS, BEFORE, do_pass},
    {"AUTH", MS_AT_AUTH, BEFORE, do_auth},         {"STLS", MS_AT_STLS, BEFORE, do_stls},
    {"CAPA", MS_AT_CAPA, BEFORE | AFTER, do_capa}, {"STAT", MS_AT_STAT, AFTER, do_stat},
    {"LIST", MS_AT_LIST, AFTER, do_list},          {"UIDL", MS_AT_UIDL, AFTER, do_uidl},
    {"RETR", MS_AT_RETR, AFTER, do_retr},          {"TOP", MS_AT_TOP, AFTER, do_top},
    {"DELE", MS_AT_DELE, AFTER, do_dele},          {"RSET", MS_AT_RSET, AFTER, do_rset},
    {"NOOP", MS_AT_NOOP, AFTER, do_noop},          {"QUIT", MS_AT_QUIT, BEFORE | AFTER, do_quit},
};

static const Command *find_command(const char *line, const char **argument)
{
    size_t length = strcspn(line, " ");

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strlen(commands[i].verb) != length ||
            g_ascii_strncasecmp(commands[i].verb, line, length) != 0)
            continue;
        *argument = line + length + (line[length] == ' ' ? 1 : 0);
        return &commands[i];
    }
    return NULL;
}

static void run_command(MsPop3 *pop3, const char *line)
{
    MsSession *session = &pop3->session;
    const char *argument = NULL;
    const Command *command = find_command(line, &argument);
    const MsFault *fault;
    size_t before = session->out->len;

    if (command == NULL) {
        ms_session_say(session, "-ERR command not recognised\r\n");
        return;
    }
    fault = ms_faults_meet(session->house->faults, MS_POP3, command->stage);
    if (ms_session_suffer(session, fault))
        return;
    if ((command->phases & (pop3->mails == NULL ? BEFORE : AFTER)) == 0)
        ms_session_say(session, "-ERR not now\r\n");
    else
        command->handler(pop3, argument, fault);
    if (fault != NULL && fault->action == MS_LOSE)
        ms_pop3_end_answer(pop3);
    ms_session_follow(session, fault, before);
}

static void take_line(MsPop3 *pop3, const MbLine *line)
{
    if (line->too_long || memchr(line->text, '\0', line->length) != NULL) {
        ms_session_say(&pop3->session, "-ERR the line is too long or holds a NUL\r\n");
        ms_exchange_clear(&pop3->login);
    } else if (pop3->login.mechanism != NULL) {
        go_on_with_auth(pop3, line->text);
    } else {
        run_command(pop3, line->text);
    }
}

/* --- the session --- */

static bool is_stopped(const MsPop3 *pop3)
{
    const MsSession *session = &pop3->session;

    return session->wish != MS_WISH_NONE || session->silent ||
           pop3->answer.kind != MS_ANSWER_NONE || session->out->len >= MS_OUT_FULL;
}

static size_t pop3_input(MsSession *session, const void *bytes, size_t length)
{
    MsPop3 *pop3 = (MsPop3 *)session;
    const char *next = bytes;
    size_t taken = 0;

    while (taken < length && !is_stopped(pop3)) {
        MbLine line;
        bool complete;

        taken += mb_lines_push(pop3->lines, next + taken, length - taken, &line, &complete);
        if (!complete)
            continue;
        take_line(pop3, &line);
        ms_pop3_produce(session);
    }
    ms_session_refuse_surplus(session, length - taken,
                              "-ERR nothing may follow STLS before its answer\r\n");
    return session->silent ? length : taken;
}

static void pop3_greet(MsSession *session)
{
    ms_session_greet(session, "+OK mailsink\r\n");
}

static void pop3_secured(MsSession *session)
{
    MsPop3 *pop3 = (MsPop3 *)session;

    session->secure = true;
    g_clear_pointer(&pop3->name, g_free);
    mb_lines_reset(pop3->lines);
}

static void pop3_free(MsSession *session)
{
    MsPop3 *pop3 = (MsPop3 *)session;

    ms_pop3_end_answer(pop3);
    if (pop3->mails != NULL)
        g_ptr_array_unref(pop3->mails);
    g_free(pop3->deleted);
    g_free(pop3->name);
    ms_exchange_clear(&pop3->login);
    g_string_free(pop3->capabilities, TRUE);
    mb_lines_free(pop3->lines);
    g_free(pop3);
}

static const MsSessionOps pop3_ops = {
    .greet = pop3_greet,
    .input = pop3_input,
    .produce = ms_pop3_produce,
    .secured = pop3_secured,
    .free = pop3_free,
};

MsSession *ms_pop3_session_new(MsHouse *house, bool secure)
{
    MsPop3 *pop3 = g_new0(MsPop3, 1);

    ms_session_init(&pop3->session, &pop3_ops, house, MS_POP3, secure);
    pop3->lines = mb_lines_new(MS_LINE_MAX);
    pop3->capabilities = g_string_new(NULL);
    return &pop3->session;
}
