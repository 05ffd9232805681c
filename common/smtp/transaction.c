/*
 * Messages in the window. What is said for each, in the order of its steps:
 *
 *   [RSET] MAIL RCPT… DATA              DATA ends a group: its reply is awaited (RFC 2920, 3.1)
 *   content . [RSET] MAIL RCPT… DATA    the next envelope rides with the content before it
 *   [RSET] MAIL RCPT… BDAT n LAST …     no waiting at all (RFC 3030, 2 and 4.2)
 *
 * RSET goes before a MAIL whenever the transaction before it was refused or, with BDAT, may yet be
 * refused: else its leftovers would take this message's recipients. Without PIPELINING each command
 * waits for the reply before it.
 *
 * A message's fate is decided by replies alone; where replies are missing, by whether its end was
 * handed over.
 */
#include <stdio.h>
#include <string.h>

#include "envelope.h"
#include "internal.h"

void mb_smtp_slots_new(MbSmtpSession *session)
{
    session->slots = g_new0(MbSmtpSlot, session->window);
    for (guint i = 0; i < session->window; i++) {
        MbSmtpSlot *slot = &session->slots[i];
        slot->commands = g_string_sized_new(256);
        slot->ends = g_array_new(FALSE, FALSE, sizeof(size_t));
        slot->rcpt_replies = g_array_new(FALSE, TRUE, sizeof(MbSmtpStoredReply));
        slot->rcpt_shown = g_ptr_array_new();
    }
}

void mb_smtp_slots_free(MbSmtpSession *session)
{
    for (guint i = 0; session->slots != NULL && i < session->window; i++) {
        MbSmtpSlot *slot = &session->slots[i];
        mb_wire_unref(slot->wire);
        g_string_free(slot->commands, TRUE);
        g_array_unref(slot->ends);
        for (guint k = 0; k < slot->rcpt_replies->len; k++)
            mb_smtp_stored_reply_clear(&g_array_index(slot->rcpt_replies, MbSmtpStoredReply, k));
        g_array_unref(slot->rcpt_replies);
        g_ptr_array_unref(slot->rcpt_shown);
        mb_smtp_stored_reply_clear(&slot->reply);
    }
    g_clear_pointer(&session->slots, g_free);
}

bool mb_smtp_slot_fill(MbSmtpSlot *slot, const MbSmtpMessage *message,
                       const MbSmtpCapabilities *offered, GError **error)
{
    mb_smtp_slot_empty(slot);
    if (!mb_smtp_envelope_format(message, offered, slot->commands, slot->ends, error))
        return false;
    slot->tag = message->tag;
    slot->wire = mb_wire_ref(message->wire);
    slot->n_recipients = slot->ends->len - 1;
    if (slot->rcpt_replies->len < slot->n_recipients)
        g_array_set_size(slot->rcpt_replies, (guint)slot->n_recipients);
    for (size_t i = 0; i < slot->n_recipients; i++)
        g_array_index(slot->rcpt_replies, MbSmtpStoredReply, i).reply.code = 0;
    return true;
}

void mb_smtp_slot_empty(MbSmtpSlot *slot)
{
    MbSmtpSlot kept = *slot;

    g_clear_pointer(&kept.wire, mb_wire_unref);
    g_string_truncate(kept.commands, 0);
    g_array_set_size(kept.ends, 0);
    kept.reply.reply.code = 0;
    *slot = (MbSmtpSlot){
        .commands = kept.commands,
        .ends = kept.ends,
        .rcpt_replies = kept.rcpt_replies,
        .rcpt_shown = kept.rcpt_shown,
        .reply = kept.reply,
        .end_at = UINT64_MAX,
    };
}

static bool may_speak(const MbSmtpSession *session)
{
    return session->pipelining || session->pending_count == 0;
}

static void slot_done(MbSmtpSession *session, MbSmtpSlot *slot)
{
    slot->step = STEP_DONE;
    slot->last_octet = session->outbox.appended;
    session->speaking++;
}

/* Gives a message up before its content: what may be open on the server is closed by the next RSET.
 */
static void abandon(MbSmtpSession *session, MbSmtpSlot *slot)
{
    session->need_reset = true;
    slot_done(session, slot);
}

static bool has_nobody(const MbSmtpSlot *slot)
{
    return slot->mail == ANSWER_NO ||
           (slot->n_rcpt_answered == slot->n_recipients && slot->n_rcpt_accepted == 0);
}

static bool step_begin(MbSmtpSession *session, MbSmtpSlot *slot)
{
    if (session->draining || !may_speak(session))
        return false;
    if (session->need_reset || (session->chunking && session->pending_count > 0))
        mb_smtp_session_say(session, COMMAND_RSET, slot, 0, "RSET\r\n", 6);
    session->need_reset = false;
    slot->step = STEP_ENVELOPE;
    return true;
}

static bool step_envelope(MbSmtpSession *session, MbSmtpSlot *slot)
{
    size_t begin, end;

    if (!may_speak(session) || (session->draining && slot->said == 0))
        return false;
    if (slot->said == slot->ends->len) {
        slot->step = STEP_DATA;
        return true;
    }
    begin = slot->said > 0 ? g_array_index(slot->ends, size_t, slot->said - 1) : 0;
    end = g_array_index(slot->ends, size_t, slot->said);
    mb_smtp_session_say(session, slot->said == 0 ? COMMAND_MAIL : COMMAND_RCPT, slot,
                        slot->said > 0 ? slot->said - 1 : 0, slot->commands->str + begin,
                        end - begin);
    slot->said++;
    return true;
}

static bool step_data(MbSmtpSession *session, MbSmtpSlot *slot)
{
    char line[48];
    int length;

    if (!session->chunking) {
        mb_smtp_session_say(session, COMMAND_DATA, slot, 0, "DATA\r\n", 6);
        slot->step = STEP_GO;
        return true;
    }
    length = snprintf(line, sizeof line, "BDAT %zu LAST\r\n", mb_wire_length(slot->wire));
    mb_smtp_session_say(session, COMMAND_BDAT, slot, 0, line, (size_t)length);
    mb_smtp_content_begin(&slot->content, slot->wire, false);
    slot->step = STEP_CONTENT;
    return true;
}

static bool step_content(MbSmtpSession *session, MbSmtpSlot *slot)
{
    MbSmtpPending *last;

    if (!mb_smtp_content_write(&slot->content, &session->outbox))
        return false;
    slot->end_at = session->outbox.appended;
    if (session->trace != NULL) {
        g_autofree char *line = g_strdup_printf("<%zu octets>", mb_wire_length(slot->wire));
        mb_smtp_session_trace_line(session, '>', line, strlen(line));
        if (!session->chunking)
            mb_smtp_session_trace_line(session, '>', ".", 1);
    }
    if (!session->chunking && session->pending_count > 0) {
        last = &session->pending[(session->pending_first + session->pending_count - 1) %
                                 session->pending_size];
        last->said_at = slot->end_at;
    }
    slot_done(session, slot);
    return true;
}

static bool generate_step(MbSmtpSession *session)
{
    MbSmtpSlot *slot;

    if (session->speaking >= session->slots_count) {
        if (session->quit_wanted && !session->quit_said && session->slots_count == 0 &&
            session->pending_count == 0) {
            session->quit_said = true;
            mb_smtp_session_say(session, COMMAND_QUIT, NULL, 0, "QUIT\r\n", 6);
        }
        return false;
    }
    slot = mb_smtp_slot(session, session->speaking);
    switch (slot->step) {
    case STEP_BEGIN: return step_begin(session, slot);
    case STEP_ENVELOPE: return step_envelope(session, slot);
    case STEP_DATA: return step_data(session, slot);
    case STEP_CONTENT: return step_content(session, slot);
    default: return false;
    }
}

void mb_smtp_transaction_generate(MbSmtpSession *session)
{
    while (session->state == STATE_READY && !session->ending &&
           !mb_smtp_outbox_is_full(&session->outbox) && generate_step(session))
        ;
}

static MbSmtpAnswer answer_of(const MbSmtpReply *reply)
{
    return mb_smtp_reply_is(reply, 2) ? ANSWER_YES : ANSWER_NO;
}

/* Keeps the reply that decides; what comes after a 421 decides nothing, unless it accepts. */
static void decide(MbSmtpSlot *slot, const MbSmtpReply *reply)
{
    if (!slot->cut || answer_of(reply) == ANSWER_YES)
        mb_smtp_stored_reply_set(&slot->reply, reply);
}

static void on_rset(MbSmtpSession *session, MbSmtpSlot *slot, const MbSmtpReply *reply)
{
    if (mb_smtp_reply_is(reply, 2))
        return;
    slot->rset_refused = true;
    session->draining = true;
    mb_smtp_stored_reply_set(&session->closed_by, reply);
}

static void on_rcpt(MbSmtpSlot *slot, size_t recipient, const MbSmtpReply *reply)
{
    mb_smtp_stored_reply_set(&g_array_index(slot->rcpt_replies, MbSmtpStoredReply, recipient),
                             reply);
    slot->n_rcpt_answered++;
    slot->n_rcpt_accepted += answer_of(reply) == ANSWER_YES;
}

static void on_data(MbSmtpSession *session, MbSmtpSlot *slot, const MbSmtpReply *reply)
{
    if (reply->code != 354) {
        slot->data = ANSWER_NO;
        if (slot->mail != ANSWER_NO)
            decide(slot, reply);
        abandon(session, slot);
        return;
    }
    slot->data = ANSWER_YES;
    if (slot->rset_refused && slot->mail == ANSWER_NO) {
        /* The server goes on with the transaction before: what it would take is nobody's. */
        mb_smtp_session_refuse_rset(session);
    } else if (slot->mail == ANSWER_NO && slot->n_rcpt_accepted > 0) {
        mb_smtp_session_break(session, MB_SMTP_STAGE_DATA, reply,
                              "the server wants the content of a message whose MAIL it refused");
    } else if (has_nobody(slot)) {
        /* It waits for content now; the lone dot ends that (RFC 2920, 3.1). */
        slot->lone_dot = true;
        mb_smtp_session_say(session, COMMAND_END, slot, 0, ".\r\n", 3);
        abandon(session, slot);
    } else {
        mb_smtp_session_await(session, COMMAND_END, slot, 0)->said_at = UINT64_MAX;
        mb_smtp_content_begin(&slot->content, slot->wire, true);
        slot->step = STEP_CONTENT;
    }
}

static void on_end(MbSmtpSession *session, MbSmtpSlot *slot, const MbSmtpReply *reply)
{
    slot->end = answer_of(reply);
    if (slot->end == ANSWER_NO || has_nobody(slot))
        session->need_reset = true;
    if (!slot->lone_dot && (slot->mail != ANSWER_NO || slot->n_rcpt_accepted > 0))
        decide(slot, reply);
}

static bool fits(MbSmtpCommand command, const MbSmtpReply *reply)
{
    if (command == COMMAND_DATA)
        return reply->code == 354 || reply->code / 100 >= 4;
    return reply->code / 100 != 3;
}

/* 421: the server closes, nothing queued behind is looked at (RFC 5321, 3.8). Replies that still
 * come are taken. */
static void on_421(MbSmtpSession *session, const MbSmtpPending *pending, const MbSmtpReply *reply)
{
    MbSmtpSlot *slot = pending->slot;

    if (pending->command != COMMAND_RSET && slot->mail != ANSWER_NO) {
        slot->cut = true;
        slot->cut_at = mb_smtp_command_stage(pending->command);
        mb_smtp_stored_reply_set(&slot->reply, reply);
    }
    session->ending = true;
    session->closed_at = mb_smtp_command_stage(pending->command);
    mb_smtp_stored_reply_set(&session->closed_by, reply);
}

void mb_smtp_transaction_reply(MbSmtpSession *session, const MbSmtpPending *pending,
                               const MbSmtpReply *reply)
{
    MbSmtpSlot *slot = pending->slot;

    slot->unanswered--;
    if (!fits(pending->command, reply)) {
        mb_smtp_session_break(session, mb_smtp_command_stage(pending->command), reply,
                              "a reply that does not fit");
        return;
    }
    if (reply->code == 421)
        on_421(session, pending, reply);
    switch (pending->command) {
    case COMMAND_RSET:
        if (reply->code != 421)
            on_rset(session, slot, reply);
        break;
    case COMMAND_MAIL:
        slot->mail = answer_of(reply);
        if (slot->mail == ANSWER_NO)
            decide(slot, reply);
        break;
    case COMMAND_RCPT: on_rcpt(slot, pending->recipient, reply); break;
    case COMMAND_DATA: on_data(session, slot, reply); break;
    default: on_end(session, slot, reply); break;
    }
    if (slot->said > 0 && slot->step <= STEP_DATA && has_nobody(slot))
        abandon(session, slot);
}

bool mb_smtp_slot_is_settled(const MbSmtpSlot *slot)
{
    return slot->step == STEP_DONE && slot->unanswered == 0;
}

static const MbSmtpReply *first_refusal(const MbSmtpSlot *slot)
{
    return &g_array_index(slot->rcpt_replies, MbSmtpStoredReply, 0).reply;
}

static void refused(MbSmtpEvent *event, MbSmtpStage stage, const MbSmtpReply *reply)
{
    event->fate = MB_SMTP_REFUSED;
    event->stage = stage;
    event->reply = reply;
}

static MbSmtpStage stage_of(const MbSmtpSlot *slot)
{
    if (slot->end_at != UINT64_MAX)
        return MB_SMTP_STAGE_END;
    if (slot->step >= STEP_DATA)
        return MB_SMTP_STAGE_DATA;
    return slot->said > 1 ? MB_SMTP_STAGE_RCPT : MB_SMTP_STAGE_MAIL;
}

/* Without the replies that would decide it. */
static void describe_loss(const MbSmtpSession *session, const MbSmtpSlot *slot, MbSmtpEvent *event)
{
    bool handed = slot->end_at <= session->outbox.written;

    event->fate = handed && !session->ending ? MB_SMTP_IN_DOUBT : MB_SMTP_UNSENT;
    event->stage = stage_of(slot);
    event->reply = NULL;
}

static void describe_fate(const MbSmtpSession *session, const MbSmtpSlot *slot, MbSmtpEvent *event)
{
    const MbSmtpReply *reply = &slot->reply.reply;

    if (slot->end == ANSWER_YES && slot->n_rcpt_accepted > 0 && !slot->lone_dot) {
        event->fate = MB_SMTP_ACCEPTED;
        event->stage = MB_SMTP_STAGE_END;
        event->reply = reply;
    } else if (slot->cut) {
        refused(event, slot->cut_at, reply);
    } else if (slot->mail == ANSWER_NO && slot->n_rcpt_accepted == 0 && slot->rset_refused) {
        event->fate = MB_SMTP_UNSENT;
        event->stage = MB_SMTP_STAGE_RSET;
    } else if (slot->mail == ANSWER_NO && slot->n_rcpt_accepted == 0) {
        refused(event, MB_SMTP_STAGE_MAIL, reply);
    } else if (slot->mail != ANSWER_NO && has_nobody(slot) && slot->n_recipients > 0) {
        refused(event, MB_SMTP_STAGE_RCPT, first_refusal(slot));
    } else if (slot->data == ANSWER_NO && slot->mail != ANSWER_NO) {
        refused(event, MB_SMTP_STAGE_DATA, reply);
    } else if (slot->end == ANSWER_NO) {
        refused(event, MB_SMTP_STAGE_END, reply);
    } else {
        describe_loss(session, slot, event);
    }
}

void mb_smtp_slot_describe(const MbSmtpSession *session, MbSmtpSlot *slot, MbSmtpEvent *event)
{
    *event = (MbSmtpEvent){.kind = MB_SMTP_EVENT_MESSAGE, .tag = slot->tag};
    describe_fate(session, slot, event);
    g_ptr_array_set_size(slot->rcpt_shown, 0);
    for (size_t i = 0; i < slot->n_recipients; i++) {
        MbSmtpReply *reply = &g_array_index(slot->rcpt_replies, MbSmtpStoredReply, i).reply;
        bool echo = slot->mail == ANSWER_NO && event->fate != MB_SMTP_ACCEPTED;
        g_ptr_array_add(slot->rcpt_shown, reply->code != 0 && !echo ? reply : NULL);
    }
    event->n_recipients = slot->n_recipients;
    event->recipient_replies = (const MbSmtpReply *const *)slot->rcpt_shown->pdata;
}
