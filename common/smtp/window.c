/*
 * The owner's side of the session: submitting, ends, events.
 */
#include "internal.h"

/* RFC 5321, 4.5.3.2 */
#define PATIENCE_MS       (5 * 60 * 1000)
#define PATIENCE_DATA_MS  (2 * 60 * 1000)  /* 4.5.3.2.4 */
#define PATIENCE_BLOCK_MS (3 * 60 * 1000)  /* 4.5.3.2.5 */
#define PATIENCE_END_MS   (10 * 60 * 1000) /* 4.5.3.2.6 */
#define PATIENCE_BYE_MS   (5 * 1000)

const MbSmtpCapabilities *mb_smtp_session_capabilities(const MbSmtpSession *session)
{
    return &session->offered;
}

guint mb_smtp_session_room(const MbSmtpSession *session)
{
    bool open = session->state == STATE_READY && !session->quit_wanted && !session->draining &&
                !session->ending;

    return open ? session->window - session->slots_count : 0;
}

guint mb_smtp_session_in_flight(const MbSmtpSession *session)
{
    return session->slots_count;
}

guint mb_smtp_session_patience(const MbSmtpSession *session)
{
    const MbSmtpPending *pending = &session->pending[session->pending_first];

    if (session->ending || session->quit_said)
        return PATIENCE_BYE_MS;
    if (session->pending_count == 0)
        return PATIENCE_MS;
    switch (pending->command) {
    case COMMAND_DATA: return PATIENCE_DATA_MS;
    case COMMAND_END:
        return pending->said_at > session->outbox.written ? PATIENCE_BLOCK_MS : PATIENCE_END_MS;
    case COMMAND_BDAT:
        return pending->slot->end_at > session->outbox.written ? PATIENCE_BLOCK_MS
                                                               : PATIENCE_END_MS;
    default: return PATIENCE_MS;
    }
}

MbSmtpProgress mb_smtp_session_progress(const MbSmtpSession *session)
{
    return (MbSmtpProgress){
        .replies = session->replies,
        .written = session->outbox.written,
        .is_writing = session->outbox.appended > session->outbox.written,
        .is_waiting = session->pending_count > 0 || session->ending,
    };
}

static bool check_content(const MbSmtpSession *session, const MbSmtpMessage *message,
                          GError **error)
{
    const MbSmtpCapabilities *offered = &session->offered;
    size_t length = mb_wire_length(message->wire);

    if (offered->max_size > 0 && length > offered->max_size) {
        g_set_error(error, MB_SMTP_ERROR, MB_ERROR_DATA,
                    "message: %zu octets are more than the %" G_GUINT64_FORMAT
                    " that the server takes",
                    length, offered->max_size);
        return false;
    }
    if (!offered->eightbitmime && mb_wire_is_8bit(message->wire)) {
        g_set_error_literal(
            error, MB_SMTP_ERROR, MB_ERROR_DATA,
            "message: it has 8-bit content, and the server does not offer 8BITMIME");
        return false;
    }
    return true;
}

bool mb_smtp_session_submit(MbSmtpSession *session, const MbSmtpMessage *message, GError **error)
{
    MbSmtpSlot *slot;

    if (mb_smtp_session_room(session) == 0) {
        g_set_error(error, MB_SMTP_ERROR, MB_ERROR_TEMPORARY, "%s: takes no message now",
                    session->server_name);
        return false;
    }
    slot = mb_smtp_slot(session, session->slots_count);
    if (!check_content(session, message, error) ||
        !mb_smtp_slot_fill(slot, message, &session->offered, error))
        return false;
    session->slots_count++;
    return true;
}

bool mb_smtp_session_next_end(MbSmtpSession *session, size_t length, uint64_t *tag)
{
    while (session->to_tell < session->slots_count) {
        const MbSmtpSlot *slot = mb_smtp_slot(session, session->to_tell);

        if (slot->end_at == UINT64_MAX && slot->step != STEP_DONE)
            return false;
        if (slot->end_at != UINT64_MAX && slot->end_at > session->outbox.written + length)
            return false;
        session->to_tell++;
        if (slot->end_at != UINT64_MAX) {
            *tag = slot->tag;
            return true;
        }
    }
    return false;
}

void mb_smtp_session_quit(MbSmtpSession *session)
{
    session->quit_wanted = true;
    if (session->state == STATE_SETUP || session->state == STATE_AWAIT_TLS)
        mb_smtp_session_close_take(session, MB_SMTP_STAGE_QUIT, NULL, NULL);
}

/* The message shown by the last event goes: what it lent is no longer needed. */
static void release_reported(MbSmtpSession *session)
{
    MbSmtpSlot *slot;

    if (session->slots_count == 0 || !(slot = mb_smtp_slot(session, 0))->reported)
        return;
    mb_smtp_slot_empty(slot);
    session->slots_first = (session->slots_first + 1) % session->window;
    session->slots_count--;
    session->speaking -= session->speaking > 0;
    session->to_tell -= session->to_tell > 0;
}

static bool next_message(MbSmtpSession *session, MbSmtpEvent *event)
{
    MbSmtpSlot *slot;

    if (session->slots_count == 0)
        return false;
    slot = mb_smtp_slot(session, 0);
    /* Settled by an early refusal, its octets may still be on their way out of the wire. */
    if (session->state != STATE_CLOSED &&
        (!mb_smtp_slot_is_settled(slot) || slot->last_octet > session->outbox.written))
        return false;
    mb_smtp_slot_describe(session, slot, event);
    slot->reported = true;
    return true;
}

MbNext mb_smtp_session_next_event(MbSmtpSession *session, MbSmtpEvent *event)
{
    release_reported(session);
    *event = (MbSmtpEvent){0};
    if (session->tell_tls) {
        session->tell_tls = false;
        event->kind = MB_SMTP_EVENT_START_TLS;
        return MB_NEXT;
    }
    if (session->tell_ready) {
        session->tell_ready = false;
        event->kind = MB_SMTP_EVENT_READY;
        return MB_NEXT;
    }
    if (next_message(session, event))
        return MB_NEXT;
    if (session->state != STATE_CLOSED || session->told_closed)
        return MB_END;
    session->told_closed = true;
    event->kind = MB_SMTP_EVENT_CLOSED;
    event->closed_at = session->closed_at;
    event->closed_by = session->closed_by.reply.code != 0 ? &session->closed_by.reply : NULL;
    event->error = session->error;
    return MB_NEXT;
}
