/*
 * What the servers' sessions have in common. They do no I/O: the loop (server.h) feeds them octets
 * and writes what stands in `out`.
 *
 *   ms_session_connect() once, before anything else; then, unless that said otherwise:
 *   greet()     once, when the connection stands (behind TLS where that comes first)
 *   input()     octets from the client; returns how many it took. It stops early while `out` is
 * full, after STARTTLS, at the end; the rest is offered again produce()   more of a long answer,
 * until `out` is full; the loop calls it before input() secured()   the handshake that
 * MS_WISH_START_TLS asked for is done
 */
#pragma once

#include "fault.h"
#include "store.h"
#include <mailbatch/net/lines.h>

#define MS_OUT_FULL ((size_t)256 * 1024)
#define MS_LINE_MAX 65536 /* access tokens pass the 12,288 octets of RFC 4954, 4 */

typedef enum {
    MS_WISH_NONE,
    MS_WISH_START_TLS, /* once `out` is written */
    MS_WISH_CLOSE,     /* once `out` is written, in an orderly way */
    MS_WISH_DROP,      /* once `out` is written, as if the connection broke */
} MsWish;

/* What can be left out of what is offered. */
typedef enum {
    MS_HIDE_PIPELINING = 1 << 0,
    MS_HIDE_8BITMIME = 1 << 1,
    MS_HIDE_SMTPUTF8 = 1 << 2,
    MS_HIDE_SIZE = 1 << 3,
    MS_HIDE_CHUNKING = 1 << 4,
    MS_HIDE_DSN = 1 << 5,
    MS_HIDE_STARTTLS = 1 << 6, /* and STLS */
    MS_HIDE_AUTH = 1 << 7,     /* and SASL */
    MS_HIDE_CAPA = 1 << 8,
    MS_HIDE_UIDL = 1 << 9,
    MS_HIDE_TOP = 1 << 10,
    MS_HIDE_USER = 1 << 11,
    MS_HIDE_ENHANCED = 1 << 12,
} MsHide;

/* What all sessions share. */
typedef struct {
    MsStore *store;
    MsFaults *faults;
    GHashTable *users; /* name → password; empty: any login is taken */
    guint hidden;      /* MsHide flags */
    guint64 max_size;  /* octets of a message; 0: no limit */
    guint64 connections;
    void (*complain)(
        const char *text); /* about what is not the client's fault; NULL: nobody listens */
} MsHouse;

typedef struct MsSession MsSession;

typedef struct {
    void (*greet)(MsSession *session);
    size_t (*input)(MsSession *session, const void *bytes, size_t length);
    void (*produce)(MsSession *session);
    void (*secured)(MsSession *session);
    void (*free)(MsSession *session);
} MsSessionOps;

struct MsSession {
    const MsSessionOps *ops;
    MsHouse *house;
    MsProtocol protocol;
    guint64 connection; /* its number */
    GString *out;
    MsWish wish;
    bool silent;            /* a fault: nothing is said any more */
    const GString *endless; /* a fault: this over and over; NULL: none */
    bool drips;             /* a fault: each octet leaves by itself … */
    guint drip_ms;          /* … so long after the one before */
    bool secure;            /* TLS */
    bool spoiled;           /* a fault spoke in place of the greeting */
};

MsSession *ms_smtp_session_new(MsHouse *house, bool secure);
MsSession *ms_pop3_session_new(MsHouse *house, bool secure);
void ms_session_free(MsSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsSession, ms_session_free)

/* Meets the faults of the connection itself; false when there is nothing to be done on it any more
 * but what `wish` says. */
bool ms_session_connect(MsSession *session);

/* For the two implementations. */
void ms_session_init(MsSession *session, const MsSessionOps *ops, MsHouse *house,
                     MsProtocol protocol, bool secure);
void ms_session_say(MsSession *session, const char *text);
bool ms_session_hides(const MsSession *session, MsHide what);

/* Does what a fault says instead of a command. False when the command is to be carried out: there
 * is no fault, or one that concerns its answer. */
bool ms_session_suffer(MsSession *session, const MsFault *fault);

/* After a command: MS_LOSE and MS_MUTE take back what was said since `before`, MS_LOSE drops the
 * connection too, MS_MORE adds its text. */
void ms_session_follow(MsSession *session, const MsFault *fault, size_t before);

/* Greets with `text`, unless a fault has it otherwise. */
void ms_session_greet(MsSession *session, const char *text);

/* After input: `left` octets stand behind a command that starts TLS, where nothing may stand before
 * its answer (RFC 3207, 6; RFC 2595, 4). Then `refusal` is all that is said, and the connection
 * ends. */
void ms_session_refuse_surplus(MsSession *session, size_t left, const char *refusal);

/* Whether name and password are those of a user. */
bool ms_house_admits(const MsHouse *house, const char *name, const char *password);

/* SASL PLAIN (RFC 4616): name and password out of its base64 response; false when it is none. The
 * caller frees both. */
bool ms_plain_decode(const char *response, char **name, char **password);

/* Text out of base64, without NULs in it; NULL when it is none ("=" is the empty text). */
char *ms_base64_decode(const char *text);
