/*
 * The session's parts, for the files that share them:
 *   session.c      bytes in and out, commands and their replies matched
 *   window.c       the owner's side: submitting, ends, events
 *   dialogue.c     from the greeting to READY: EHLO, STARTTLS, AUTH
 *   transaction.c  messages: what is said, what each reply means, what became of each
 */
#pragma once

#include <mailbatch/login/sasl.h>
#include <mailbatch/smtp/session.h>

#include "content.h"
#include "outbox.h"

#define WINDOW_MAX     1000
#define WINDOW_DEFAULT 16

/* A reply kept without an allocation each time: the text's buffer is used again. */
typedef struct {
    MbSmtpReply reply; /* points into the two below */
    GString *text;
    char enhanced[12];
} MbSmtpStoredReply;

void mb_smtp_stored_reply_set(MbSmtpStoredReply *stored, const MbSmtpReply *reply);
void mb_smtp_stored_reply_clear(MbSmtpStoredReply *stored);

/* What is said next for a message. */
typedef enum {
    STEP_BEGIN,    /* nothing yet; RSET first, where the transaction before may still be open */
    STEP_ENVELOPE, /* MAIL and RCPTs */
    STEP_DATA,     /* DATA, or BDAT … LAST */
    STEP_GO,       /* nothing before DATA's reply */
    STEP_CONTENT,
    STEP_DONE, /* all that there is to say was said */
} MbSmtpStep;

typedef enum {
    ANSWER_NONE,
    ANSWER_YES,
    ANSWER_NO,
} MbSmtpAnswer;

/* A message in the window. Slots are used again, with their buffers. */
typedef struct {
    uint64_t tag;
    MbWire *wire;
    GString *commands; /* MAIL and RCPTs as they will be said */
    GArray *ends;      /* size_t: the offset after each of them */
    size_t n_recipients;
    GArray *rcpt_replies;    /* MbSmtpStoredReply; only grows */
    GPtrArray *rcpt_shown;   /* const MbSmtpReply *: what the event shows */
    MbSmtpStoredReply reply; /* of MAIL, DATA or the end: the last that refused, or the final one */
    MbSmtpStep step;
    size_t said;       /* commands of the envelope said */
    size_t unanswered; /* commands said and not yet answered */
    size_t n_rcpt_answered, n_rcpt_accepted;
    MbSmtpAnswer mail, data, end; /* `data` is DATA's own reply; `end` the final one */
    bool lone_dot;                /* DATA was answered 354 though there is nobody to send to */
    bool rset_refused;            /* so a refused MAIL says nothing about the message */
    bool cut;                     /* a 421 to one of its commands, at `cut_at` */
    MbSmtpStage cut_at;
    MbSmtpContent content;
    uint64_t end_at; /* offset after the end's last octet, once that is appended; else UINT64_MAX */
    uint64_t last_octet; /* offset after the last octet said for it */
    bool reported;
} MbSmtpSlot;

typedef enum {
    COMMAND_GREETING, /* not said, but answered */
    COMMAND_EHLO,
    COMMAND_HELO,
    COMMAND_STARTTLS,
    COMMAND_AUTH,        /* and its continuations */
    COMMAND_AUTH_CANCEL, /* "*" */
    COMMAND_RSET,
    COMMAND_MAIL,
    COMMAND_RCPT,
    COMMAND_DATA,
    COMMAND_END, /* content and final dot */
    COMMAND_BDAT,
    COMMAND_QUIT,
} MbSmtpCommand;

/* A command that was said and whose reply is awaited. */
typedef struct {
    MbSmtpCommand command;
    MbSmtpSlot *slot; /* NULL outside transactions */
    size_t recipient;
    uint64_t said_at; /* offset after its last octet; UINT64_MAX while it is not all appended */
} MbSmtpPending;

typedef enum {
    STATE_SETUP,
    STATE_AWAIT_TLS, /* START_TLS was told: every octet now is an attack */
    STATE_READY,
    STATE_CLOSED,
} MbSmtpState;

struct MbSmtpSession {
    char *client_name, *server_name, *user, *password, *mechanism;
    bool start_tls, secure, no_chunking;
    guint window_wanted;
    void (*trace)(void *user, char direction, const char *line, size_t length);
    void *trace_user;

    MbSmtpState state;
    MbSmtpReplyParser *parser;
    MbSmtpOutbox outbox;
    MbSmtpPending *pending; /* a ring */
    size_t pending_first, pending_count, pending_size;
    uint64_t replies; /* taken, whole ones */

    MbSmtpCapabilities offered;
    GPtrArray *auth_offered; /* char *, NULL-ended once it is filled */
    MbSasl *sasl;
    GError *sasl_error;

    MbSmtpSlot *slots; /* a ring of `window` */
    guint window, slots_first, slots_count;
    guint speaking;            /* counted from the first slot: whose words are said now */
    guint to_tell;             /* counted from the first slot: whose end next_end() tells next */
    bool pipelining, chunking; /* what is made of the offers */
    bool need_reset;           /* the next transaction begins with RSET */
    bool draining;             /* RSET was refused: answers are taken, nothing new is begun */
    bool ending;               /* 421 was said: nothing is written any more */
    bool quit_wanted, quit_said;

    bool tell_ready, tell_tls, told_closed;
    MbSmtpStage closed_at;
    MbSmtpStoredReply closed_by;
    GError *error;
};

/* session.c */
void mb_smtp_session_say(MbSmtpSession *session, MbSmtpCommand command, MbSmtpSlot *slot,
                         size_t recipient, const char *line, size_t length);
MbSmtpPending *mb_smtp_session_await(MbSmtpSession *session, MbSmtpCommand command,
                                     MbSmtpSlot *slot, size_t recipient);
void mb_smtp_session_trace_line(MbSmtpSession *session, char direction, const char *line,
                                size_t length);
/* No more octets either way. Takes `error` (NULL after our own QUIT); what is in flight is settled
 * by what is known. */
void mb_smtp_session_close_take(MbSmtpSession *session, MbSmtpStage at, const MbSmtpReply *reply,
                                GError *error);
void mb_smtp_session_break(MbSmtpSession *session, MbSmtpStage at, const MbSmtpReply *reply,
                           const char *problem);
/* Closes, because `closed_by` refused our RSET. */
void mb_smtp_session_refuse_rset(MbSmtpSession *session);
MbSmtpStage mb_smtp_command_stage(MbSmtpCommand command);

/* dialogue.c */
void mb_smtp_dialogue_begin(MbSmtpSession *session);
void mb_smtp_dialogue_secured(MbSmtpSession *session);
void mb_smtp_dialogue_reply(MbSmtpSession *session, MbSmtpCommand command,
                            const MbSmtpReply *reply);
void mb_smtp_capabilities_clear(MbSmtpSession *session);

/* transaction.c */
static inline MbSmtpSlot *mb_smtp_slot(const MbSmtpSession *session, guint index)
{
    return &session->slots[(session->slots_first + index) % session->window];
}

void mb_smtp_slots_new(MbSmtpSession *session);
void mb_smtp_slots_free(MbSmtpSession *session);
bool mb_smtp_slot_fill(MbSmtpSlot *slot, const MbSmtpMessage *message,
                       const MbSmtpCapabilities *offered, GError **error);
void mb_smtp_slot_empty(MbSmtpSlot *slot);
void mb_smtp_transaction_generate(MbSmtpSession *session);
void mb_smtp_transaction_reply(MbSmtpSession *session, const MbSmtpPending *pending,
                               const MbSmtpReply *reply);
bool mb_smtp_slot_is_settled(const MbSmtpSlot *slot);
void mb_smtp_slot_describe(const MbSmtpSession *session, MbSmtpSlot *slot, MbSmtpEvent *event);
