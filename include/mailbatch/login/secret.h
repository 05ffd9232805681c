/*
 * The password of an account, as the connections of a run share it: asked for once, and once more
 * when it is an access token that has expired. Any thread may call. Commands (passwordeval) of all
 * accounts run one after the other, for they may talk to the user. NULL is a login without one:
 * nothing is accepted or renewed.
 *
 *   password = mb_secret_get(&edition)       before each login
 *   accepted: mb_secret_accepted(edition)
 *   refused:  mb_secret_renew(edition)       true: log in again, with what get() gives now
 */
#pragma once

#include <mailbatch/login/account.h>

G_BEGIN_DECLS

typedef struct MbSecret MbSecret;

/* `account` is borrowed. `stopped` (may be NULL) is asked before a command is run: true, and
 * MB_ERROR_TEMPORARY comes instead. */
MbSecret *mb_secret_new(const MbAccount *account, bool (*stopped)(void));
void mb_secret_free(MbSecret *secret); /* wipes the password */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbSecret, mb_secret_free)

/* The password, and which edition of it that is; errors are mb_account_password()'s. The caller
 * gives it to mb_wipe_free(). */
char *mb_secret_get(MbSecret *secret, guint *edition, GError **error);

/* The server took this edition. */
void mb_secret_accepted(MbSecret *secret, guint edition);

/* The server refused this edition. True when there is a newer one by now: passwordeval was asked
 * anew, which is done for access tokens (OAUTHBEARER, XOAUTH2) alone, and not again before one was
 * accepted. When it was asked in vain, the message of `refusal` says so too. */
bool mb_secret_renew(MbSecret *secret, guint edition, GError *refusal);

G_END_DECLS
