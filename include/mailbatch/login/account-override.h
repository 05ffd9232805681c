/*
 * What a command line says of an account, whoever described it first: an URL or an accounts file.
 */
#pragma once

#include <mailbatch/login/account.h>

G_BEGIN_DECLS

/* As typed, NULL: not said. All borrowed. */
typedef struct {
    const char *tls, *trust, *fingerprint;
    const char *passwordeval, *password_file; /* either takes the place of any other source */
    const char *auth;
    const char *timeout; /* a duration, from 1s to 24h */
} MbAccountOverride;

/* Errors are MB_ERROR_USAGE; the account may then have some of it. */
bool mb_account_override(MbAccount *account, const MbAccountOverride *said, GError **error);

G_END_DECLS
