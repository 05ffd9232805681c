/*
 * The client's side of an SMTP connection, with a window of messages in flight. Does no I/O.
 *
 * The owner moves bytes (net/pump.h, with mb_smtp_session_ops) and takes events:
 *
 *   loop: while room(): submit()
 *         step the pump
 *         while next_event():
 *           READY      connected, greeted, secured, logged in: there is room from now on
 *           START_TLS  do the handshake on the stream, then mb_smtp_session_tls_started()
 *           MESSAGE    what became of a message, and of each recipient
 *           CLOSED     nothing more will happen; `error` says why
 *
 * Messages are answered in the order of submission, each exactly once, whatever happens. Where
 * PIPELINING is offered, content, dot and the next MAIL/RCPT/DATA leave in one group (RFC 2920,
 * 3.1); with CHUNKING whole messages follow each other without waiting (RFC 3030), with RSET
 * between them, so that a transaction that is refused cannot take in the next one's recipients.
 * Without PIPELINING every command waits for its reply. After any refusal, RSET goes before the
 * next MAIL.
 *
 * The end of a message: the owner must know when its last octet is about to be handed over, for
 * after that nobody here can tell whether it was accepted. mb_smtp_session_next_end() tells before
 * the write (call it from the pump's before_write). The fate IN_DOUBT counts what the kernel took,
 * so a message that was told may still come back as UNSENT.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/wire.h>
#include <mailbatch/net/pump.h>
#include <mailbatch/smtp/reply.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct MbSmtpSession MbSmtpSession;

typedef struct {
    const char *client_name; /* EHLO's argument; NULL: "localhost"; checked (M-8) */
    const char *server_name; /* for SASL and messages; required */
    bool start_tls;          /* require STARTTLS before anything else */
    bool secure;      /* the stream is TLS already, or clear is the user's word: login allowed */
    const char *user; /* NULL: no login */
    const char *password;  /* borrowed until the session is ready or freed */
    const char *mechanism; /* NULL: the best offered */
    guint window;          /* most messages in flight, at most 1,000; 0: 16 with PIPELINING. Without
                              PIPELINING always 1 */
    bool no_chunking; /* DATA even where CHUNKING is offered: at most one message in doubt, not a
                         window full */
    /* Every line in either direction, for transcripts: secrets already hidden, content left out
     * ("<1234 octets>"). NULL: none. `direction` is '>' (ours), '<' (theirs). */
    void (*trace)(void *user, char direction, const char *line, size_t length);
    void *trace_user;
} MbSmtpOptions;

/* What EHLO said. */
typedef struct {
    bool pipelining, eightbitmime, smtputf8, chunking, dsn, starttls, enhanced_codes, size;
    uint64_t max_size;       /* SIZE's number; 0: none said */
    const char *const *auth; /* mechanisms offered, NULL-ended; borrowed until the next EHLO */
} MbSmtpCapabilities;

/* How far a message got, and so what may be done with it. The names are shown to users. */
typedef enum {
    MB_SMTP_ACCEPTED, /* the final reply was 2xx; see each recipient for refusals */
    MB_SMTP_REFUSED,  /* a 4xx or 5xx reply decided it: `reply`, given at `stage` */
    MB_SMTP_UNSENT,   /* the connection ended, or the session was quit, before its end was handed
                         over: not delivered */
    MB_SMTP_IN_DOUBT, /* its end was handed over and no reply came: nobody here knows */
} MbSmtpFate;

typedef enum {
    MB_SMTP_STAGE_CONNECT,
    MB_SMTP_STAGE_GREETING,
    MB_SMTP_STAGE_EHLO,
    MB_SMTP_STAGE_STARTTLS,
    MB_SMTP_STAGE_AUTH,
    MB_SMTP_STAGE_MAIL,
    MB_SMTP_STAGE_RCPT,
    MB_SMTP_STAGE_DATA, /* DATA's reply: nothing of the content was sent */
    MB_SMTP_STAGE_END,  /* the final reply, after the last octet */
    MB_SMTP_STAGE_RSET,
    MB_SMTP_STAGE_QUIT,
} MbSmtpStage;

const char *mb_smtp_stage_name(MbSmtpStage stage);

typedef struct {
    const char *sender; /* "" for the null reverse-path */
    const char *const
        *recipients; /* NULL-ended; at least one. Addresses are bare: no angle brackets */
    MbWire *wire;    /* a reference is taken; CRLF line ends, no dot-stuffing */
    bool smtputf8;   /* an address or header needs it: must be offered */
    const char
        *envid; /* DSN's ENVID and NOTIFY, or NULL; xtext is applied here. Left out where DSN is */
    const char *notify; /* not offered. "NEVER" or "FAILURE,DELAY,SUCCESS" (RFC 3461, 4) */
    uint64_t tag;       /* the owner's name for it */
} MbSmtpMessage;

typedef enum {
    MB_SMTP_EVENT_READY,
    MB_SMTP_EVENT_START_TLS,
    MB_SMTP_EVENT_MESSAGE,
    MB_SMTP_EVENT_CLOSED,
} MbSmtpEventKind;

typedef struct {
    MbSmtpEventKind kind;
    /* MESSAGE; all borrowed until the next call of next_event() */
    uint64_t tag;
    MbSmtpFate fate;
    MbSmtpStage stage;        /* where `reply` was given */
    const MbSmtpReply *reply; /* the deciding reply; NULL when none came */
    size_t n_recipients;
    /* RCPT's reply each; NULL where none came, or where it only echoes a refused MAIL. A recipient
     * whose reply is here and is not 2xx has that as its outcome, whatever the fate; any other
     * shares the message's fate and `reply`. */
    const MbSmtpReply *const *recipient_replies;
    /* CLOSED */
    MbSmtpStage closed_at;        /* what was being waited for */
    const MbSmtpReply *closed_by; /* the reply that ended it (421, greeting 554, 535 …), or NULL */
    const GError
        *error; /* NULL after a QUIT that we asked for; a refused login is MB_ERROR_LOGIN (454:
                   MB_ERROR_TEMPORARY), garbage MB_ERROR_PROTOCOL, a lost connection
                   MB_ERROR_TEMPORARY, what is required but not offered MB_ERROR_UNAVAILABLE */
} MbSmtpEvent;

MbSmtpSession *mb_smtp_session_new(const MbSmtpOptions *options, GError **error);
void mb_smtp_session_free(MbSmtpSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbSmtpSession, mb_smtp_session_free)

/* input, input_end, output, wrote: for the pump, or called directly in tests. */
extern const MbSessionOps mb_smtp_session_ops;

/* After START_TLS, once the handshake succeeded: EHLO is said again, everything learnt in clear is
 * forgotten. */
void mb_smtp_session_tls_started(MbSmtpSession *session);

/* MB_NEXT with an event, MB_END when there is none now. Never MB_FAILED. */
MbNext mb_smtp_session_next_event(MbSmtpSession *session, MbSmtpEvent *event);

/* Valid from READY on. */
const MbSmtpCapabilities *mb_smtp_session_capabilities(const MbSmtpSession *session);

/* How many more messages may be submitted now; 0 before READY. */
guint mb_smtp_session_room(const MbSmtpSession *session);
guint mb_smtp_session_in_flight(const MbSmtpSession *session);

/* How long to wait for the peer now, in milliseconds (RFC 5321, 4.5.3.2): ten minutes for the final
 * reply, three for a block of content to be taken, two for DATA's reply, five for the others, some
 * seconds once a 421 or QUIT was said. For mb_pump_set_idle(), whenever it has changed. */
guint mb_smtp_session_patience(const MbSmtpSession *session);

/* What tells waiting from getting on: a peer that drips octets is never silent. */
typedef struct {
    uint64_t replies; /* whole replies taken so far */
    uint64_t written; /* octets taken by the kernel so far */
    bool is_writing;  /* more of what was generated is still to be written */
    bool is_waiting;  /* a reply is awaited */
} MbSmtpProgress;

MbSmtpProgress mb_smtp_session_progress(const MbSmtpSession *session);

/* Queues a message. What fails here fails locally, before any octet leaves, with MB_ERROR_DATA: an
 * address that does not pass mb_smtp_address_check() (M-8); one that needs SMTPUTF8 where it is not
 * offered (M-11); 8-bit content without 8BITMIME (M-6); a wire longer than SIZE (M-28). A domain
 * beyond ASCII goes as A-label unless the message needs SMTPUTF8. Without room: MB_ERROR_TEMPORARY.
 */
bool mb_smtp_session_submit(MbSmtpSession *session, const MbSmtpMessage *message, GError **error);

/* Whether `address` may stand between the angle brackets of MAIL and RCPT: `local@domain`, or a
 * bare local part; at most 254 octets; no control characters, and outside quotes no blanks or
 * specials. MB_ERROR_DATA otherwise. "" passes only as a sender. */
bool mb_smtp_address_check(const char *address, GError **error);

/* Whether `name` may stand behind EHLO: a domain or an address literal. MB_ERROR_CONFIG otherwise.
 */
bool mb_smtp_client_name_check(const char *name, GError **error);

/* The tag of the next message whose last octet (of CRLF.CRLF, or of the BDAT LAST chunk) lies
 * within the next `length` bytes of output() and was not told yet; false when there is none. */
bool mb_smtp_session_next_end(MbSmtpSession *session, size_t length, uint64_t *tag);

/* No more submissions: QUIT once what is in flight is answered. Before READY the session just
 * closes. */
void mb_smtp_session_quit(MbSmtpSession *session);

G_END_DECLS
