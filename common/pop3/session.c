#include "internal.h"

#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <string.h>

/* ---- output ---- */

void mb_pop3_trace(MbPop3Session *session, char direction, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    if (session->trace == NULL)
        return;
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    session->trace(session->trace_user, direction, text, strlen(text));
}

void mb_pop3_put_line(MbPop3Session *session, const char *line, const char *shown)
{
    const char *text = shown != NULL ? shown : line;

    if (session->trace != NULL)
        session->trace(session->trace_user, '>', text, strlen(text));
    g_string_append(session->out, line);
    g_string_append(session->out, "\r\n");
}

void mb_pop3_trace_reply(MbPop3Session *session, const MbPop3Reply *reply)
{
    if (session->trace == NULL)
        return;
    if (reply->kind == REPLY_CONTINUE)
        session->trace(session->trace_user, '<', "+ <hidden>", 10);
    else
        session->trace(session->trace_user, '<', reply->line, reply->line_length);
}

static size_t session_output(void *user, struct iovec *parts, size_t max)
{
    MbPop3Session *session = user;

    if (session->phase == PHASE_READY && !session->closing)
        mb_pop3_send_asks(session);
    if (max == 0 || session->written == session->out->len || session->phase == PHASE_CLOSED)
        return 0;
    parts[0].iov_base = session->out->str + session->written;
    parts[0].iov_len = session->out->len - session->written;
    return 1;
}

static void session_wrote(void *user, size_t length)
{
    MbPop3Session *session = user;

    g_assert(length <= session->out->len - session->written);
    session->written += length;
    if (session->written < session->out->len)
        return;
    if (session->phase < PHASE_READY)
        mb_wipe(session->out->str, session->out->len);
    g_string_truncate(session->out, 0);
    session->written = 0;
}

/* ---- input ---- */

static void session_input(void *user, const void *bytes, size_t length)
{
    MbPop3Session *session = user;

    g_assert(session->in_length == 0);
    if (session->closing || session->phase == PHASE_CLOSED)
        return;
    session->in = bytes;
    session->in_length = length;
}

static void session_input_end(void *user, bool cut)
{
    MbPop3Session *session = user;

    session->in_ended = true;
    session->in_cut = cut;
}

static bool session_wants_input(void *user)
{
    const MbPop3Session *session = user;

    return session->in_length == 0 && !session->closing;
}

/* A logged-in session that was asked nothing may be silent (the owner is busy with its archive). */
static bool session_expects(void *user)
{
    const MbPop3Session *session = user;

    return session->phase != PHASE_READY || mb_pop3_session_pending(session) > 0;
}

const MbSessionOps mb_pop3_session_ops = {
    .input = session_input,
    .input_end = session_input_end,
    .output = session_output,
    .wrote = session_wrote,
    .wants_input = session_wants_input,
    .expects = session_expects,
};

static bool take_line(MbPop3Session *session, MbLine *line)
{
    bool complete = false;

    while (session->in_length > 0 && !complete) {
        size_t took =
            mb_lines_push(session->lines, session->in, session->in_length, line, &complete);

        session->in += took;
        session->in_length -= took;
        session->line_octets += took;
    }
    if (session->line_octets > MB_POP3_LINE_MAX) {
        mb_pop3_close(session, MB_ERROR_PROTOCOL, "a line without an end: over %u octets",
                      MB_POP3_LINE_MAX);
        return false;
    }
    if (complete) {
        session->listing_octets += session->line_octets;
        session->line_octets = 0;
    }
    return complete;
}

static bool is_end_of_list(const MbLine *line)
{
    return line->length == 1 && line->text[0] == '.';
}

/* A listing's or CAPA's line may be stuffed too (RFC 1939, 3). */
static void unstuff_line(MbLine *line)
{
    if (line->length > 1 && line->text[0] == '.' && line->text[1] == '.') {
        line->text++;
        line->length--;
    }
}

static bool read_capa_line(MbPop3Session *session, MbPop3Event *event)
{
    MbLine line;

    if (!take_line(session, &line))
        return false;
    if (session->trace != NULL)
        session->trace(session->trace_user, '<', line.text, line.length);
    if (is_end_of_list(&line))
        return mb_pop3_login_capa_done(session, event);
    unstuff_line(&line);
    if (!mb_pop3_capa_add(&session->new_capa, line.text))
        mb_pop3_close(session, MB_ERROR_PROTOCOL, "over %u capabilities: no such list can be meant",
                      MB_POP3_CAPA_MAX);
    return false;
}

static bool read_listing_line(MbPop3Session *session, MbPop3Event *event)
{
    MbPop3Stage stage = mb_pop3_current_ask(session)->stage;
    MbLine line;

    if (!take_line(session, &line))
        return false;
    if (is_end_of_list(&line)) {
        *event =
            (MbPop3Event){.kind = MB_POP3_EVENT_LISTED, .stage = stage, .number = session->items};
        mb_pop3_trace(session, '<', "<%" G_GUINT64_FORMAT " lines>", session->items);
        session->reading = READING_STATUS;
        mb_pop3_ask_answered(session);
        return true;
    }
    if (session->items == MB_POP3_LIST_MAX || session->listing_octets > MB_POP3_LISTING_MAX) {
        mb_pop3_close(session, MB_ERROR_PROTOCOL,
                      "%s without an end: over %" G_GUINT64_FORMAT " lines",
                      mb_pop3_stage_name(stage), session->items);
        return false;
    }
    session->items++;
    unstuff_line(&line);
    mb_pop3_listing_parse(session, stage, &line, event);
    return true;
}

static bool end_message(MbPop3Session *session, MbPop3Event *event)
{
    const MbPop3Ask *ask = mb_pop3_current_ask(session);
    MbPop3Unstuff *unstuff = &session->unstuff;

    *event = (MbPop3Event){
        .kind = MB_POP3_EVENT_END,
        .stage = ask->stage,
        .number = ask->number,
        .size = unstuff->size,
        .oddities = unstuff->oddities | (unstuff->size == 0 ? MB_POP3_ODD_EMPTY : 0),
    };
    mb_pop3_trace(session, '<', "<%" G_GUINT64_FORMAT " octets>", unstuff->size);
    session->reading = READING_STATUS;
    mb_pop3_ask_answered(session);
    return true;
}

static bool read_message(MbPop3Session *session, MbPop3Event *event)
{
    const MbPop3Ask *ask = mb_pop3_current_ask(session);

    if (session->unstuff.ended)
        return end_message(session, event);
    while (session->in_length > 0 && !session->unstuff.ended) {
        const uint8_t *span;
        size_t length;
        size_t took = mb_pop3_unstuff_push(&session->unstuff, session->in, session->in_length,
                                           &span, &length);

        session->in += took;
        session->in_length -= took;
        if (length > 0) {
            *event = (MbPop3Event){
                .kind = MB_POP3_EVENT_DATA,
                .stage = ask->stage,
                .number = ask->number,
                .bytes = span,
                .length = length,
            };
            return true;
        }
    }
    return session->unstuff.ended && end_message(session, event);
}

/* ---- replies ---- */

static bool refused(MbPop3Session *session, const MbPop3Ask *ask, const MbPop3Reply *reply,
                    MbPop3Event *event)
{
    g_string_assign(session->shown, reply->code);
    *event = (MbPop3Event){
        .kind = MB_POP3_EVENT_REFUSED,
        .stage = ask->stage,
        .number = ask->number,
        .text = reply->line,
        .text_length = reply->line_length,
        .code = session->shown->len > 0 ? session->shown->str : NULL,
    };
    if (ask->stage == MB_POP3_STAGE_QUIT) {
        g_autofree char *text = mb_text_printable(reply->text, strlen(reply->text));

        mb_pop3_close(session, mb_pop3_reply_fault(reply, MB_ERROR_TEMPORARY), "QUIT refused: %s",
                      text);
    }
    mb_pop3_ask_answered(session);
    return true;
}

/* False: the reply opened something, or is of no interest. */
static bool accepted(MbPop3Session *session, const MbPop3Ask *ask, const MbPop3Reply *reply,
                     MbPop3Event *event)
{
    *event = (MbPop3Event){
        .stage = ask->stage,
        .number = ask->number,
        .text = reply->line,
        .text_length = reply->line_length,
    };
    switch (ask->stage) {
    case MB_POP3_STAGE_UIDL:
        if (ask->number > 0) {
            mb_pop3_uidl_parse(session, reply, event);
            break;
        }
        G_GNUC_FALLTHROUGH;
    case MB_POP3_STAGE_LIST:
        session->reading = READING_LISTING;
        session->items = session->listing_octets = 0;
        return false;
    case MB_POP3_STAGE_RETR:
    case MB_POP3_STAGE_TOP:
        session->reading = READING_MESSAGE;
        mb_pop3_unstuff_init(&session->unstuff);
        event->kind = MB_POP3_EVENT_BEGIN;
        return true;
    case MB_POP3_STAGE_STAT:
        event->kind = MB_POP3_EVENT_STAT;
        mb_pop3_stat_parse(reply, event);
        break;
    case MB_POP3_STAGE_DELE: event->kind = MB_POP3_EVENT_DELETED; break;
    case MB_POP3_STAGE_RSET: event->kind = MB_POP3_EVENT_RESET; break;
    case MB_POP3_STAGE_QUIT:
        event->kind = MB_POP3_EVENT_QUIT;
        mb_pop3_close_take(session, NULL);
        break;
    default: mb_pop3_ask_answered(session); return false;
    }
    mb_pop3_ask_answered(session);
    return true;
}

/* A server that is about to close says so unasked; anything else means that replies and commands no
 * longer match. */
static void unasked(MbPop3Session *session, const MbPop3Reply *reply)
{
    g_autofree char *text = mb_text_printable(reply->text, strlen(reply->text));

    mb_pop3_close_code(session, reply);
    if (reply->kind == REPLY_ERR)
        mb_pop3_close(session, mb_pop3_reply_fault(reply, MB_ERROR_TEMPORARY),
                      "the server ends the session: %s", text);
    else
        mb_pop3_close_nonsense(session, reply, "to any command");
}

static bool read_status(MbPop3Session *session, MbPop3Event *event)
{
    const MbPop3Ask *ask = mb_pop3_current_ask(session);
    MbPop3Reply reply;
    MbLine line;

    if (!take_line(session, &line))
        return false;
    mb_pop3_reply_parse(&reply, &line);
    mb_pop3_trace_reply(session, &reply);
    if (session->phase != PHASE_READY)
        return mb_pop3_login_reply(session, &reply, event);
    if (ask == NULL) {
        unasked(session, &reply);
        return false;
    }
    if (reply.kind == REPLY_OK)
        return accepted(session, ask, &reply, event);
    if (reply.kind == REPLY_ERR)
        return refused(session, ask, &reply, event);
    g_autofree char *what = g_strdup_printf("to %s", mb_pop3_stage_name(ask->stage));
    mb_pop3_close_nonsense(session, &reply, what);
    return false;
}

/* ---- events ---- */

static bool closed_event(MbPop3Session *session, MbPop3Event *event)
{
    const MbPop3Ask *ask = mb_pop3_current_ask(session);

    session->phase = PHASE_CLOSED;
    session->closing = false;
    *event = (MbPop3Event){
        .kind = MB_POP3_EVENT_CLOSED,
        .stage = ask != NULL ? ask->stage : MB_POP3_STAGE_IDLE,
        .number = ask != NULL ? ask->number : 0,
        .error = session->error,
        .code = session->close_code[0] != '\0' ? session->close_code : NULL,
        .cut = session->close_cut,
    };
    return true;
}

static bool read_some(MbPop3Session *session, MbPop3Event *event)
{
    if (session->phase == PHASE_HANDSHAKE) {
        if (session->in_length > 0)
            mb_pop3_refuse_surplus(session);
        return false;
    }
    switch (session->reading) {
    case READING_STATUS: return read_status(session, event);
    case READING_CAPA: return read_capa_line(session, event);
    case READING_LISTING: return read_listing_line(session, event);
    case READING_MESSAGE: return read_message(session, event);
    }
    g_assert_not_reached();
}

MbNext mb_pop3_session_next_event(MbPop3Session *session, MbPop3Event *event)
{
    while (session->phase != PHASE_CLOSED) {
        if (session->closing)
            return closed_event(session, event) ? MB_NEXT : MB_END;
        if (read_some(session, event))
            return MB_NEXT;
        if (session->closing || session->in_length > 0)
            continue;
        if (!session->in_ended)
            return MB_END;
        mb_pop3_close_lost(session);
    }
    return MB_END;
}
