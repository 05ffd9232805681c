/*
 * Where to connect and as whom: a server URL and its TLS policy, and where the password comes from.
 * Errors are MB_LOGIN_ERROR; passwords never stand in them.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_LOGIN_ERROR (mb_login_error_quark())
GQuark mb_login_error_quark(void);

typedef enum {
    MB_TLS_ON,       /* TLS from the first byte */
    MB_TLS_STARTTLS, /* STARTTLS or STLS, required */
    MB_TLS_OFF,      /* in clear, by the user's word */
} MbTlsMode;

typedef enum {
    MB_SERVICE_SMTP,
    MB_SERVICE_POP3,
} MbService;

typedef struct {
    MbService service;
    char *host;
    uint16_t port;
    MbTlsMode tls;
    bool tls_off_said;   /* `off` was asked for by name: the login may go in clear */
    char *user;          /* NULL: no login */
    char *password;      /* out of an accounts file; comes before the next two */
    char *password_file; /* first line is the password */
    char *passwordeval;  /* a shell command whose first line of output is the password */
    char *netrc;         /* a file in the form of ~/.netrc: looked at where none of these is said */
    char *auth;          /* a mechanism by name, NULL: the best that is offered */
    char *trust_file;    /* this and the next two: MbTlsTrust of net/tls.h */
    char *fingerprint;
    bool no_certificate_check;
    guint timeout_ms; /* 0: the defaults */
} MbAccount;

MbAccount *mb_account_new(MbService service);
void mb_account_free(MbAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbAccount, mb_account_free)

/* Fills host, port, user and tls from `smtp://[user@]host[:587]`, `smtps://…[:465]`,
 * `pop3://…[:110]`, `pop3s://…[:995]`; user and host may be percent-encoded, an IPv6 host stands in
 * brackets. `smtp` and `pop3` mean STARTTLS required. A password in the URL is refused
 * (MB_ERROR_USAGE) without being shown; so are a path and an unknown scheme. */
bool mb_account_set_url(MbAccount *account, const char *url, GError **error);

/* `on`, `starttls`, `off`. */
bool mb_account_set_tls(MbAccount *account, const char *mode, GError **error);

/* "user@host": whom the account stands for. The caller frees it. */
char *mb_account_identity(const MbAccount *account);

/* The password as it stands, from its command, its file or the netrc, whichever is said first; NULL
 * with an error when there is none to be had (a file that others may read is refused:
 * MB_ERROR_CONFIG). Runs the command each time: connections share it as an MbSecret. The caller
 * gives it to mb_wipe_free(). */
char *mb_account_password(const MbAccount *account, GError **error);

/* What the account says about trust, as an MbTlsTrust of net/tls.h that borrows from it. A macro,
 * so that login need not know net. */
#define mb_account_trust(account)                                                                  \
    ((MbTlsTrust){.trust_file = (account)->trust_file,                                             \
                  .fingerprint = (account)->fingerprint,                                           \
                  .no_certificate_check = (account)->no_certificate_check})

G_END_DECLS
