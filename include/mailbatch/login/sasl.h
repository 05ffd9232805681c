/*
 * SASL, the client's side: which mechanism, and its exchange (RFC 4422). On gsasl, apart from the
 * two that gsasl does not know: OAUTHBEARER (RFC 7628) and XOAUTH2, its older form, for both of
 * which the password is an access token.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef struct MbSasl MbSasl;

typedef struct {
    const char *user;      /* borrowed until mb_sasl_free() */
    const char *password;  /* borrowed until mb_sasl_free() */
    const char *mechanism; /* by name, or NULL: the strongest of those offered */
    const char *service;   /* "smtp" or "pop" */
    const char *host;
    bool secure; /* TLS, or the user's word that clear is fine: PLAIN and LOGIN are allowed */
} MbSaslOptions;

/* Chooses among `offered` (NULL-ended names): SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5 in
 * that order, unless one is named; OAUTHBEARER and XOAUTH2 only when named. None that fits is
 * MB_LOGIN_ERROR with MB_ERROR_LOGIN and names what was offered. */
MbSasl *mb_sasl_new(const MbSaslOptions *options, const char *const *offered, GError **error);
void mb_sasl_free(MbSasl *sasl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbSasl, mb_sasl_free)

/* Whether the password of this mechanism (NULL: the best) is an access token, which expires. */
bool mb_sasl_is_token(const char *mechanism);

/* "PLAIN": borrowed. */
const char *mb_sasl_mechanism(const MbSasl *sasl);

/* Whether the client speaks first. */
bool mb_sasl_is_client_first(const MbSasl *sasl);

/* The command that begins the exchange, without its line end: "AUTH PLAIN AGFu…". A first response
 * goes with it where the line then has at most `max` octets ("=" stands for an empty one: RFC 4954,
 * 4; RFC 5034, 4); else the first mb_sasl_step() gives it. The caller gives the line to
 * mb_wipe_free(). */
char *mb_sasl_begin(MbSasl *sasl, size_t max, GError **error);

/* The next response, base64, for the server's `challenge` (base64; NULL before the first). The
 * caller gives it to mb_wipe_free(). A challenge that is no base64 or makes no sense is
 * MB_ERROR_PROTOCOL; the caller then sends "*". At most 16 steps. */
char *mb_sasl_step(MbSasl *sasl, const char *challenge, GError **error);

/* What the server said of a token when it refused it, printable; NULL: nothing, or no token.
 * Borrowed. */
const char *mb_sasl_refusal(const MbSasl *sasl);

/* Whether the exchange is complete from the client's side. With SCRAM that includes the server's
 * proof that it knows the password too: a server that reports success earlier has not proven it. */
bool mb_sasl_is_done(const MbSasl *sasl);

G_END_DECLS
