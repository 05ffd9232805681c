/*
 * The client's side of a POP3 connection (RFC 1939, 2449, 2595, 5034), with a window of RETRs. Does no I/O.
 *
 * The owner moves bytes (net/pump.h, with mb_pop3_session_ops), takes events and asks for more:
 *
 *   START_TLS                     do the handshake, then mb_pop3_session_tls_started()
 *   READY                         logged in; CAPA was asked, again after STLS and after the login
 *   STAT                          the answer to ask_stat()
 *   LISTING, UIDL …, LISTED       an item each, then the end, for ask_list() and ask_uidl()
 *   BEGIN, DATA …, END            a message, un-stuffed, as RETR or TOP gave it
 *   REFUSED                       one command's -ERR: the session goes on
 *   DELETED, RESET, QUIT          a command's +OK
 *   CLOSED                        nothing more will happen; `error` says why
 *
 * Answers come in the order of asking. Commands are pipelined up to the window when PIPELINING is offered (RFC 2449, 6.6), one by one otherwise.
 * Everything a server sends is bounded here: the length of a status line, of a listing's line, the number of a listing's items, of CAPA's lines.
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

#define MB_POP3_STATUS_MAX 8192     /* octets kept of a status line (RFC 2449 says 512) */
#define MB_POP3_UIDL_MAX   1024     /* octets kept of a unique-id (RFC 1939 says 70) */
#define MB_POP3_LIST_MAX   10000000 /* items in a listing */
#define MB_POP3_CAPA_MAX   256      /* lines of CAPA */

typedef struct MbPop3Session MbPop3Session;

typedef struct {
    const char *server_name; /* for SASL and messages; required */
    bool start_tls;          /* require STLS before anything else */
    bool secure;             /* TLS already, or clear is the user's word */
    const char *user;        /* required */
    const char *password;    /* borrowed until READY or freed */
    const char *mechanism;   /* SASL mechanism, or "USER"; NULL: SASL where offered, USER/PASS otherwise */
    guint window;            /* commands asked ahead; 0: 64 with PIPELINING; without it always 1 */
    void (*trace)(void *user, char direction, const char *line, size_t length); /* as in smtp/session.h; NULL: none */
    void *trace_user;
} MbPop3Options;

typedef struct {
    bool capa;          /* CAPA was understood */
    bool pipelining, uidl, top, stls, user, resp_codes;
    int expire_days;    /* EXPIRE: -1 not said or NEVER, else days */
    bool expire_per_user;
    int login_delay;    /* LOGIN-DELAY seconds; -1 not said */
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
    MB_POP3_ODD_LONG_LINE = 1 << 4, /* over 998 octets */
    MB_POP3_ODD_NO_FINAL_CRLF = 1 << 5, /* cannot happen but for the empty message */
    MB_POP3_ODD_EMPTY = 1 << 6,     /* +OK followed at once by "." */
    MB_POP3_ODD_UNSTUFFED = 1 << 7, /* a line that began with a single "." and more: was not stuffed */
} MbPop3Oddity;

typedef enum {
    MB_POP3_EVENT_START_TLS,
    MB_POP3_EVENT_READY,
    MB_POP3_EVENT_STAT,
    MB_POP3_EVENT_LISTING, /* one item of LIST: number, size */
    MB_POP3_EVENT_UIDL,    /* one item of UIDL: number, uidl */
    MB_POP3_EVENT_LISTED,  /* the end of either: stage, number = items */
    MB_POP3_EVENT_BEGIN,
    MB_POP3_EVENT_DATA,
    MB_POP3_EVENT_END,
    MB_POP3_EVENT_REFUSED,
    MB_POP3_EVENT_DELETED,
    MB_POP3_EVENT_RESET,
    MB_POP3_EVENT_QUIT,    /* QUIT's +OK: deletions are done */
    MB_POP3_EVENT_CLOSED,
} MbPop3EventKind;

typedef struct {
    MbPop3EventKind kind;
    MbPop3Stage stage;  /* of the command this answers */
    uint64_t number;    /* the message's number; STAT: messages; LISTED: items */
    uint64_t size;      /* LISTING, STAT: as the server says, never to be believed; END: octets un-stuffed */
    bool malformed;     /* LISTING, UIDL, STAT: could not be understood (number 0, above 2^31, no size …): `text` is the line */
    const char *text;   /* the unique-id (UIDL), the status line (REFUSED, DELETED, QUIT …); NUL-terminated; borrowed until the next call */
    size_t text_length;
    const void *bytes;  /* DATA; borrowed until the next call */
    size_t length;
    unsigned oddities;  /* END: MbPop3Oddity flags */
    /* CLOSED: NULL after a QUIT that was asked for and answered. [AUTH], refused login: MB_ERROR_LOGIN; [IN-USE], [SYS/TEMP], [LOGIN-DELAY]:
     * MB_ERROR_TEMPORARY; [SYS/PERM]: MB_ERROR_UNAVAILABLE; lost: MB_ERROR_TEMPORARY; nonsense: MB_ERROR_PROTOCOL;
     * STLS required and not offered: MB_ERROR_UNAVAILABLE */
    const GError *error;
    bool cut;           /* CLOSED within a message: what was delivered of it is incomplete */
} MbPop3Event;

MbPop3Session *mb_pop3_session_new(const MbPop3Options *options, GError **error);
void mb_pop3_session_free(MbPop3Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbPop3Session, mb_pop3_session_free)

extern const MbSessionOps mb_pop3_session_ops;

void mb_pop3_session_tls_started(MbPop3Session *session);

/* MB_NEXT with an event, MB_END when there is none now. DATA events refer to the input buffer where they can: nothing is copied. */
MbNext mb_pop3_session_next_event(MbPop3Session *session, MbPop3Event *event);

const MbPop3Capabilities *mb_pop3_session_capabilities(const MbPop3Session *session);

/* Ask; answers come in this order. Valid from READY on. Any number may be asked: what exceeds the window waits here. */
void mb_pop3_session_ask_stat(MbPop3Session *session);
void mb_pop3_session_ask_list(MbPop3Session *session);
void mb_pop3_session_ask_uidl(MbPop3Session *session);
void mb_pop3_session_ask_retr(MbPop3Session *session, uint64_t number);
void mb_pop3_session_ask_top(MbPop3Session *session, uint64_t number, unsigned lines);
void mb_pop3_session_ask_dele(MbPop3Session *session, uint64_t number);
void mb_pop3_session_ask_rset(MbPop3Session *session);
void mb_pop3_session_ask_noop(MbPop3Session *session);
void mb_pop3_session_quit(MbPop3Session *session); /* after all that was asked */

/* Commands asked and not yet answered. */
size_t mb_pop3_session_pending(const MbPop3Session *session);

G_END_DECLS
