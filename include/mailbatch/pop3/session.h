/*
 * The client's side of a POP3 connection (RFC 1939, 2449, 2595, 5034), with a window of RETRs. Does
 * no I/O.
 *
 * The owner moves bytes (net/pump.h, with mb_pop3_session_ops), takes events and asks for more:
 *
 *   START_TLS                     do the handshake, then mb_pop3_session_tls_started()
 *   READY                         logged in; CAPA was asked, again after STLS and after the login
 *   STAT                          the answer to ask_stat()
 *   LISTING, UIDL …, LISTED       an item each, then the end, for ask_list() and ask_uidl()
 *   UIDL                          the answer to ask_uidl_of()
 *   BEGIN, DATA …, END            a message, un-stuffed, as RETR or TOP gave it
 *   REFUSED                       one command's -ERR: the session goes on
 *   DELETED, RESET, QUIT          a command's +OK
 *   CLOSED                        nothing more will happen; `error` says why
 *
 * Answers come in the order of asking. Commands are pipelined up to the window when PIPELINING is
 * offered (RFC 2449, 6.6), one by one otherwise. Everything a server sends is bounded here: the
 * length of a status line, of a listing's line, the number of a listing's items, of CAPA's lines. A
 * message has no bound: the owner sets one.
 *
 * Input is borrowed: what input() was given must stay as it is until next_event() has returned
 * MB_END, and wants_input() is false until then (the pump keeps to it). So DATA points into the
 * owner's buffer.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/net/pump.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_POP3_ERROR (mb_pop3_error_quark())
GQuark mb_pop3_error_quark(void);

#define MB_POP3_STATUS_MAX  8192       /* octets kept of a status line (RFC 2449 says 512) */
#define MB_POP3_LINE_MAX    (1U << 20) /* octets a status line or a listing's line may have at all */
#define MB_POP3_UIDL_MAX    1024       /* octets of a unique-id (RFC 1939 says 70) */
#define MB_POP3_LIST_MAX    4000000    /* items in a listing */
#define MB_POP3_LISTING_MAX (1ULL << 29) /* octets of a listing */
#define MB_POP3_CAPA_MAX    256          /* lines of CAPA */
#define MB_POP3_NUMBER_MAX  0x7fffffff   /* the largest message number */

typedef struct MbPop3Session MbPop3Session;

typedef struct {
    /* Strings are copied, but for the password. */
    const char *server_name; /* for SASL and messages; required */
    bool start_tls;          /* require STLS before anything else */
    bool secure;           /* TLS already, or clear is the user's word: plain logins are allowed */
    const char *user;      /* required, as is `password` */
    const char *password;  /* borrowed until READY, CLOSED or freed */
    const char *mechanism; /* SASL mechanism, or "USER"; NULL: SASL where offered, else USER/PASS */
    guint window;          /* commands sent ahead; 0: 64 with PIPELINING; without it always 1 */
    /* Every line in either direction, for transcripts: secrets already hidden, listings and content
     * left out ("<1234 octets>"). NULL: none. `direction` is '>' (ours) or '<' (theirs). */
    void (*trace)(void *user, char direction, const char *line, size_t length);
    void *trace_user;
} MbPop3Options;

typedef struct {
    bool capa; /* CAPA was understood */
    bool pipelining, uidl, top, stls, user, resp_codes;
    int expire_days; /* EXPIRE: -1 not said or NEVER, else days */
    bool expire_per_user;
    int login_delay;          /* LOGIN-DELAY seconds; -1 not said */
    const char *const *sasl;  /* NULL-ended; borrowed until the next CAPA */
    const char *const *lines; /* all lines as they came, NULL-ended */
    const char *greeting;     /* as it came */
} MbPop3Capabilities;

typedef enum {
    MB_POP3_STAGE_GREETING,
    MB_POP3_STAGE_CAPA,
    MB_POP3_STAGE_STLS,
    MB_POP3_STAGE_LOGIN,
    MB_POP3_STAGE_STAT,
    MB_POP3_STAGE_LIST,
    MB_POP3_STAGE_UIDL,
    MB_POP3_STAGE_RETR,
    MB_POP3_STAGE_TOP,
    MB_POP3_STAGE_DELE,
    MB_POP3_STAGE_RSET,
    MB_POP3_STAGE_NOOP,
    MB_POP3_STAGE_QUIT,
    MB_POP3_STAGE_IDLE, /* nothing was asked */
} MbPop3Stage;

const char *mb_pop3_stage_name(MbPop3Stage stage);

/* What was odd about a message's bytes as they came; recorded, never repaired. */
typedef enum {
    MB_POP3_ODD_NUL = 1 << 0,
    MB_POP3_ODD_BARE_CR = 1 << 1,
    MB_POP3_ODD_BARE_LF = 1 << 2,
    MB_POP3_ODD_8BIT = 1 << 3,
    MB_POP3_ODD_LONG_LINE = 1 << 4, /* over 998 octets without its LF or CRLF (RFC 5322, 2.1.1) */
    MB_POP3_ODD_EMPTY = 1 << 5,     /* +OK followed at once by "." */
    MB_POP3_ODD_UNSTUFFED =
        1 << 6, /* a line that began with a single "." and more: was not stuffed */
} MbPop3Oddity;

#define MB_POP3_ODDITIES 7 /* how many there are: 1 << 0 … 1 << 6 */

/* "nul", "bare-cr", "bare-lf", "8bit", "long-line", "empty", "unstuffed": for records. */
const char *mb_pop3_oddity_name(MbPop3Oddity oddity);

typedef enum {
    MB_POP3_EVENT_START_TLS,
    MB_POP3_EVENT_READY,
    MB_POP3_EVENT_STAT,
    MB_POP3_EVENT_LISTING, /* one item of LIST: number, size */
    MB_POP3_EVENT_UIDL,    /* one item of UIDL, or the answer for one message: number, uidl */
    MB_POP3_EVENT_LISTED,  /* the end of either: stage, number = items */
    MB_POP3_EVENT_BEGIN,
    MB_POP3_EVENT_DATA,
    MB_POP3_EVENT_END,
    MB_POP3_EVENT_REFUSED,
    MB_POP3_EVENT_DELETED,
    MB_POP3_EVENT_RESET,
    MB_POP3_EVENT_QUIT, /* QUIT's +OK: deletions are done */
    MB_POP3_EVENT_CLOSED,
} MbPop3EventKind;

typedef struct {
    MbPop3EventKind kind;
    MbPop3Stage stage; /* of the command this answers */
    uint64_t number;   /* the message's number; STAT: messages; LISTED: items */
    uint64_t
        size; /* LISTING, STAT: as the server says, never to be believed; END: octets un-stuffed */
    bool malformed; /* LISTING, UIDL, STAT: could not be understood: `text` is the line as it came.
                       `number` is 0 when that is what was wrong (0 itself, above the maximum);
                       otherwise it is good, and size (beyond 64 bits) or unique-id (empty, too
                       long, with control characters) was not. Numbers may repeat, and may stand
                       above the count: the owner checks */
    const char
        *text; /* UIDL: the unique-id; LISTING: the line; STAT, BEGIN, REFUSED, DELETED, RESET,
                  QUIT: the status line; NUL-terminated; borrowed until the next call */
    size_t text_length;
    const char *code;  /* REFUSED, CLOSED by a reply: "SYS/TEMP" of "-ERR [SYS/TEMP] …" (RFC 2449,
                          8),  else NULL */
    const void *bytes; /* DATA, at least one byte; borrowed until the next call */
    size_t length;
    unsigned oddities; /* END: MbPop3Oddity flags */
    /* CLOSED: NULL after a QUIT that was asked for and answered with +OK. [AUTH] or a refused
     * login: MB_ERROR_LOGIN; [IN-USE], [SYS/TEMP], [LOGIN-DELAY], a locked maildrop, a connection
     * that was lost, QUIT refused: MB_ERROR_TEMPORARY; [SYS/PERM], STLS required and not offered:
     * MB_ERROR_UNAVAILABLE; nonsense: MB_ERROR_PROTOCOL */
    const GError *error;
    bool cut; /* CLOSED within a message: what was delivered of it is incomplete */
} MbPop3Event;

MbPop3Session *mb_pop3_session_new(const MbPop3Options *options, GError **error);
void mb_pop3_session_free(MbPop3Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbPop3Session, mb_pop3_session_free)

/* input, input_end, output, wrote, wants_input, expects: for the pump, or called directly in tests.
 */
extern const MbSessionOps mb_pop3_session_ops;

/* After START_TLS, once the handshake succeeded: everything learnt in clear is forgotten and CAPA
 * is asked again. Bytes that came between +OK and this call end the session (RFC 2595, 4). */
void mb_pop3_session_tls_started(MbPop3Session *session);

/* MB_NEXT with an event, MB_END when there is none now. Never MB_FAILED. After CLOSED always
 * MB_END. */
MbNext mb_pop3_session_next_event(MbPop3Session *session, MbPop3Event *event);

/* Borrowed from the session; its lists and texts until the next call of next_event(). */
const MbPop3Capabilities *mb_pop3_session_capabilities(const MbPop3Session *session);

/* How many commands are sent ahead at most; 1 before READY. */
guint mb_pop3_session_window(const MbPop3Session *session);

/* Ask; answers come in this order. Valid from READY on until quit(). Any number may be asked: what
 * exceeds the window waits here. */
void mb_pop3_session_ask_stat(MbPop3Session *session);
void mb_pop3_session_ask_list(MbPop3Session *session);
void mb_pop3_session_ask_uidl(MbPop3Session *session);
void mb_pop3_session_ask_uidl_of(MbPop3Session *session, uint64_t number);
void mb_pop3_session_ask_retr(MbPop3Session *session, uint64_t number);
void mb_pop3_session_ask_top(MbPop3Session *session, uint64_t number, unsigned lines);
void mb_pop3_session_ask_dele(MbPop3Session *session, uint64_t number);
void mb_pop3_session_ask_rset(MbPop3Session *session);
void mb_pop3_session_ask_noop(MbPop3Session *session);
void mb_pop3_session_quit(MbPop3Session *session); /* after all that was asked */

/* Commands asked and not yet answered. */
size_t mb_pop3_session_pending(const MbPop3Session *session);

/* Forgets what was asked but is not yet under way to the server; returns how many that were. For a
 * run that is to end: what was sent is still answered. */
size_t mb_pop3_session_withdraw(MbPop3Session *session);

G_END_DECLS
