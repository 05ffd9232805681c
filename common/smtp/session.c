#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <string.h>

#include "envelope.h"
#include "internal.h"

const char *mb_smtp_stage_name(MbSmtpStage stage)
{
    static const char *const names[] = {
        [MB_SMTP_STAGE_CONNECT] = "the connection",
        [MB_SMTP_STAGE_GREETING] = "the greeting",
        [MB_SMTP_STAGE_EHLO] = "EHLO",
        [MB_SMTP_STAGE_STARTTLS] = "STARTTLS",
        [MB_SMTP_STAGE_AUTH] = "AUTH",
        [MB_SMTP_STAGE_MAIL] = "MAIL",
        [MB_SMTP_STAGE_RCPT] = "RCPT",
        [MB_SMTP_STAGE_DATA] = "DATA",
        [MB_SMTP_STAGE_END] = "the end of the message",
        [MB_SMTP_STAGE_RSET] = "RSET",
        [MB_SMTP_STAGE_QUIT] = "QUIT",
    };

    return names[stage];
}

MbSmtpStage mb_smtp_command_stage(MbSmtpCommand command)
{
    static const MbSmtpStage stages[] = {
        [COMMAND_GREETING] = MB_SMTP_STAGE_GREETING, [COMMAND_EHLO] = MB_SMTP_STAGE_EHLO,
        [COMMAND_HELO] = MB_SMTP_STAGE_EHLO,         [COMMAND_STARTTLS] = MB_SMTP_STAGE_STARTTLS,
        [COMMAND_AUTH] = MB_SMTP_STAGE_AUTH,         [COMMAND_AUTH_CANCEL] = MB_SMTP_STAGE_AUTH,
        [COMMAND_RSET] = MB_SMTP_STAGE_RSET,         [COMMAND_MAIL] = MB_SMTP_STAGE_MAIL,
        [COMMAND_RCPT] = MB_SMTP_STAGE_RCPT,         [COMMAND_DATA] = MB_SMTP_STAGE_DATA,
        [COMMAND_END] = MB_SMTP_STAGE_END,           [COMMAND_BDAT] = MB_SMTP_STAGE_END,
        [COMMAND_QUIT] = MB_SMTP_STAGE_QUIT,
    };

    return stages[command];
}

static MbSmtpPending *oldest_pending(const MbSmtpSession *session)
{
    return session->pending_count > 0 ? &session->pending[session->pending_first] : NULL;
}

/* What is being waited for; MAIL between messages. */
static MbSmtpStage current_stage(const MbSmtpSession *session)
{
    const MbSmtpPending *pending = oldest_pending(session);

    if (session->state == STATE_AWAIT_TLS)
        return MB_SMTP_STAGE_STARTTLS;
    return pending != NULL ? mb_smtp_command_stage(pending->command) : MB_SMTP_STAGE_MAIL;
}

void mb_smtp_session_trace_line(MbSmtpSession *session, char direction, const char *line,
                                size_t length)
{
    if (session->trace != NULL)
        session->trace(session->trace_user, direction, line, length);
}

static void trace_theirs(void *user, const char *line, size_t length)
{
    MbSmtpSession *session = user;
    const MbSmtpPending *pending = oldest_pending(session);

    if (pending != NULL && pending->command == COMMAND_AUTH && g_str_has_prefix(line, "334"))
        mb_smtp_session_trace_line(session, '<', "334 <hidden>", strlen("334 <hidden>"));
    else
        mb_smtp_session_trace_line(session, '<', line, length);
}

static void trace_ours(MbSmtpSession *session, MbSmtpCommand command, const char *line,
                       size_t length)
{
    if (session->trace == NULL)
        return;
    if (command == COMMAND_AUTH && g_str_has_prefix(line, "AUTH ")) {
        const char *response = strchr(line + strlen("AUTH "), ' ');
        g_autofree char *shown =
            response == NULL ? g_strndup(line, length)
                             : g_strdup_printf("%.*s <hidden>", (int)(response - line), line);
        mb_smtp_session_trace_line(session, '>', shown, strlen(shown));
    } else if (command == COMMAND_AUTH) {
        mb_smtp_session_trace_line(session, '>', "<hidden>", strlen("<hidden>"));
    } else {
        mb_smtp_session_trace_line(session, '>', line, length);
    }
}

MbSmtpPending *mb_smtp_session_await(MbSmtpSession *session, MbSmtpCommand command,
                                     MbSmtpSlot *slot, size_t recipient)
{
    MbSmtpPending *pending;

    if (session->pending_count == session->pending_size) {
        size_t size = MAX(64, session->pending_size * 2);
        MbSmtpPending *ring = g_new(MbSmtpPending, size);
        for (size_t i = 0; i < session->pending_count; i++)
            ring[i] = session->pending[(session->pending_first + i) % session->pending_size];
        g_free(session->pending);
        session->pending = ring;
        session->pending_size = size;
        session->pending_first = 0;
    }
    pending =
        &session
             ->pending[(session->pending_first + session->pending_count++) % session->pending_size];
    *pending = (MbSmtpPending){command, slot, recipient, session->outbox.appended};
    if (slot != NULL)
        slot->unanswered++;
    return pending;
}

void mb_smtp_session_say(MbSmtpSession *session, MbSmtpCommand command, MbSmtpSlot *slot,
                         size_t recipient, const char *line, size_t length)
{
    mb_smtp_outbox_text(&session->outbox, line, length, command == COMMAND_AUTH);
    mb_smtp_session_await(session, command, slot, recipient);
    trace_ours(session, command, line, length - 2);
}

MbSmtpSession *mb_smtp_session_new(const MbSmtpOptions *options, GError **error)
{
    const char *name = options->client_name != NULL ? options->client_name : "localhost";
    MbSmtpSession *session;

    if (!mb_smtp_client_name_check(name, error))
        return NULL;
    session = g_new0(MbSmtpSession, 1);
    session->client_name = g_strdup(name);
    session->server_name = g_strdup(options->server_name);
    session->user = g_strdup(options->user);
    session->password = g_strdup(options->user != NULL ? options->password : NULL);
    session->mechanism = g_strdup(options->mechanism);
    session->start_tls = options->start_tls;
    session->secure = options->secure;
    session->no_chunking = options->no_chunking;
    session->window_wanted = MIN(options->window, WINDOW_MAX);
    session->trace = options->trace;
    session->trace_user = options->trace_user;
    session->parser = mb_smtp_reply_parser_new();
    if (session->trace != NULL)
        mb_smtp_reply_parser_trace(session->parser, trace_theirs, session);
    mb_smtp_dialogue_begin(session);
    return session;
}

void mb_smtp_session_free(MbSmtpSession *session)
{
    if (session == NULL)
        return;
    mb_smtp_slots_free(session);
    mb_smtp_outbox_clear(&session->outbox);
    mb_smtp_reply_parser_free(session->parser);
    mb_sasl_free(session->sasl);
    mb_wipe_free(session->password);
    mb_smtp_stored_reply_clear(&session->closed_by);
    g_clear_error(&session->sasl_error);
    g_clear_error(&session->error);
    g_ptr_array_unref(session->auth_offered);
    g_free(session->pending);
    g_free(session->client_name);
    g_free(session->server_name);
    g_free(session->user);
    g_free(session->mechanism);
    g_free(session);
}

void mb_smtp_session_tls_started(MbSmtpSession *session)
{
    if (session->state == STATE_AWAIT_TLS)
        mb_smtp_dialogue_secured(session);
}

void mb_smtp_session_close_take(MbSmtpSession *session, MbSmtpStage at, const MbSmtpReply *reply,
                                GError *error)
{
    /* Behind QUIT nothing is at stake any more, whatever comes or does not come. */
    if (session->quit_said)
        g_clear_error(&error);
    session->state = STATE_CLOSED;
    session->tell_tls = false;
    session->closed_at = at;
    if (reply != NULL && reply != &session->closed_by.reply)
        mb_smtp_stored_reply_set(&session->closed_by, reply);
    session->error = error;
    mb_smtp_outbox_clear(&session->outbox);
}

void mb_smtp_session_break(MbSmtpSession *session, MbSmtpStage at, const MbSmtpReply *reply,
                           const char *problem)
{
    g_autofree char *shown = reply != NULL ? mb_smtp_reply_printable(reply) : NULL;
    GError *error = g_error_new(MB_SMTP_ERROR, MB_ERROR_PROTOCOL, "%s: %s: at %s%s%s",
                                session->server_name, problem, mb_smtp_stage_name(at),
                                shown != NULL ? ": " : "", shown != NULL ? shown : "");

    mb_smtp_session_close_take(session, at, reply, error);
}

static void close_by_reply(MbSmtpSession *session, MbSmtpStage at, const char *problem)
{
    g_autofree char *shown = mb_smtp_reply_printable(&session->closed_by.reply);

    mb_smtp_session_close_take(session, at, &session->closed_by.reply,
                               g_error_new(MB_SMTP_ERROR, MB_ERROR_TEMPORARY, "%s: %s: %s",
                                           session->server_name, problem, shown));
}

void mb_smtp_session_refuse_rset(MbSmtpSession *session)
{
    close_by_reply(session, MB_SMTP_STAGE_RSET, "the server refuses RSET");
}

/* After a 421: replies to what was handed over may still come, so long as somebody's fate hangs on
 * them; that of the message with the 421 too, when only a recipient of it got that. */
static bool awaits_late_replies(const MbSmtpSession *session)
{
    for (guint i = 0; i < session->slots_count; i++) {
        const MbSmtpSlot *slot = mb_smtp_slot(session, i);
        if (slot->unanswered > 0 && slot->end_at <= session->outbox.written)
            return true;
    }
    return false;
}

static void close_when_over(MbSmtpSession *session)
{
    if (session->state != STATE_READY)
        return;
    if (session->ending && !awaits_late_replies(session))
        close_by_reply(session, session->closed_at, "the server closes the connection");
    else if (session->draining && session->pending_count == 0)
        mb_smtp_session_refuse_rset(session);
}

/* A reply that nothing asked for. Only the 421 of a server that closes may come at any time (RFC
 * 5321, 3.8). */
static void on_unasked(MbSmtpSession *session, const MbSmtpReply *reply)
{
    MbSmtpStage at = current_stage(session);

    if (reply->code != 421) {
        mb_smtp_session_break(session, at, reply, "a reply to nothing");
        return;
    }
    mb_smtp_stored_reply_set(&session->closed_by, reply);
    close_by_reply(session, at, "the server closes the connection");
}

/* A refusal while content is still on its way: the message is refused, and what the server makes of
 * the rest is anyone's guess, so the connection ends. */
static void on_early_end(MbSmtpSession *session, const MbSmtpPending *pending,
                         const MbSmtpReply *reply)
{
    mb_smtp_transaction_reply(session, pending, reply);
    if (session->state != STATE_READY)
        return;
    mb_smtp_stored_reply_set(&session->closed_by, reply);
    close_by_reply(session, MB_SMTP_STAGE_END, "the server did not wait for the end of a message");
}

static void on_reply(MbSmtpSession *session, const MbSmtpReply *reply)
{
    MbSmtpPending pending;
    uint64_t written = session->outbox.written;

    session->replies++;
    if (session->pending_count == 0) {
        on_unasked(session, reply);
        return;
    }
    pending = *oldest_pending(session);
    if (pending.said_at > written && (pending.command != COMMAND_END || reply->code < 400)) {
        on_unasked(session, reply);
        return;
    }
    session->pending_first = (session->pending_first + 1) % session->pending_size;
    session->pending_count--;
    if (pending.command == COMMAND_QUIT)
        mb_smtp_session_close_take(session, MB_SMTP_STAGE_QUIT, reply, NULL);
    else if (pending.slot == NULL)
        mb_smtp_dialogue_reply(session, pending.command, reply);
    else if (pending.said_at > written)
        on_early_end(session, &pending, reply);
    else if (pending.command == COMMAND_BDAT && pending.slot->end_at > written && reply->code < 400)
        mb_smtp_session_break(session, MB_SMTP_STAGE_END, reply, "accepted before it was all sent");
    else
        mb_smtp_transaction_reply(session, &pending, reply);
}

static void session_input(void *object, const void *bytes, size_t length)
{
    MbSmtpSession *session = object;
    const char *at = bytes;

    while (length > 0 && session->state != STATE_CLOSED) {
        const MbSmtpReply *reply = NULL;
        GError *error = NULL;
        size_t used = 0;
        MbSmtpStage stage = current_stage(session);

        if (session->state == STATE_AWAIT_TLS) {
            /* What came in clear behind STARTTLS may be an attacker's (RFC 3207, 6). */
            mb_smtp_session_break(session, MB_SMTP_STAGE_STARTTLS, NULL,
                                  "data in clear after STARTTLS was agreed");
            return;
        }
        switch (mb_smtp_reply_parser_push(session->parser, at, length, &used, &reply, &error)) {
        case MB_NEXT:
            on_reply(session, reply);
            close_when_over(session);
            break;
        case MB_FAILED:
            g_prefix_error(&error, "%s: at %s: ", session->server_name, mb_smtp_stage_name(stage));
            mb_smtp_session_close_take(session, stage, NULL, error);
            return;
        default: break;
        }
        at += used;
        length -= used;
    }
}

static void session_input_end(void *object, bool cut)
{
    MbSmtpSession *session = object;
    MbSmtpStage at = current_stage(session);

    if (session->state == STATE_CLOSED)
        return;
    if (session->ending) {
        close_by_reply(session, session->closed_at, "the server closes the connection");
    } else {
        GError *error = g_error_new(
            MB_SMTP_ERROR, MB_ERROR_TEMPORARY,
            session->pending_count > 0 ? "%s: the connection was %s while %s awaited a reply"
                                       : "%s: the connection was %s between messages",
            session->server_name, cut ? "lost" : "closed by the server", mb_smtp_stage_name(at));
        mb_smtp_session_close_take(session, at, NULL, error);
    }
}

static size_t session_output(void *object, struct iovec *parts, size_t max)
{
    MbSmtpSession *session = object;

    if (session->state == STATE_CLOSED || session->state == STATE_AWAIT_TLS || session->ending)
        return 0;
    mb_smtp_transaction_generate(session);
    return mb_smtp_outbox_peek(&session->outbox, parts, max);
}

static void session_wrote(void *object, size_t length)
{
    MbSmtpSession *session = object;

    if (session->state != STATE_CLOSED)
        mb_smtp_outbox_wrote(&session->outbox, length);
}

static bool session_expects(void *object)
{
    const MbSmtpSession *session = object;

    return mb_smtp_session_progress(session).is_waiting;
}

const MbSessionOps mb_smtp_session_ops = {
    .input = session_input,
    .input_end = session_input_end,
    .output = session_output,
    .wrote = session_wrote,
    .expects = session_expects,
};
