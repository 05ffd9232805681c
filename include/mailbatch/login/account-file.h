/*
 * The accounts file of mpop and msmtp (mpop(1) and msmtp(1), CONFIGURATION FILES), so that the one
 * that is there already serves:
 *
 *   file     = *line
 *   line     = [ "#" comment ] / "defaults" / "account" SP name [ ":" name *( "," name ) ]
 *            / option [ SP argument ] / "eval" SP command
 *   argument = text / DQUOTE text DQUOTE
 *
 * Options under `defaults` hold for all accounts that follow; an account that names others (defined
 * above) has the options that those state themselves, the last one's first. `eval` stands for the
 * first line that a shell command prints.
 *
 * One syntax for both services: an option that only one of them knows is simply not asked for by
 * the other. What an account says about the connection becomes an MbAccount:
 *
 *   host, port, user, password, passwordeval, auth, timeout, tls, tls_starttls, tls_trust_file,
 *   tls_fingerprint (SHA-256), tls_certcheck
 *
 * everything else is to be had by name: keep, pipelining, skipsize (mpop), from, domain (msmtp) …
 *
 * Two things are stricter than there. Without a word about TLS it is required (`tls off` says
 * otherwise): TLS from the first byte, or STARTTLS when a port is given that is not 995 or 465. And
 * a fingerprint has to be SHA-256.
 */
#pragma once

#include <glib.h>
#include <mailbatch/login/account.h>

G_BEGIN_DECLS

#define MB_ACCOUNT_FILE_MAX 1048576 /* octets of a file */

typedef struct MbAccountFile MbAccountFile;

/* Reads `path`. `home` (may be NULL) is what `~` stands for in the names of files. Errors are
 * MB_LOGIN_ERROR, MB_ERROR_CONFIG, and begin with `path: line N:`: a file that cannot be read, that
 * holds a password and can be read by others, that others can write to, or that makes no sense. */
MbAccountFile *mb_account_file_read(const char *path, const char *home, GError **error);
/* The same for a user: `path`, or, where that is NULL, the file that mb_account_file_find() finds;
 * that there is none says which were looked for. */
MbAccountFile *mb_account_file_open(const char *path, MbService service, const char *home,
                                    const char *config_home, GError **error);
void mb_account_file_free(MbAccountFile *file); /* wipes the passwords */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbAccountFile, mb_account_file_free)

/* The accounts in the order of the file, NULL-ended; borrowed. */
const char *const *mb_account_file_names(const MbAccountFile *file);

/* The account that `name` stands for, NULL meaning "default" or the only one there is; NULL: there
 * is none. Borrowed. */
const char *mb_account_file_name(const MbAccountFile *file, const char *name);

/* What was ignored, for the user: a line each (char *), `path: line N: option: …`: options that no
 * one knows, and those that would change what happens if they were obeyed (proxy_host,
 * tls_crl_file …). Borrowed. */
const GPtrArray *mb_account_file_notes(const MbAccountFile *file);

/* What account `name` (NULL as above) says of an option, as it stands,
 * "" for an option without an argument; NULL: nothing, or no such account. Borrowed. */
const char *mb_account_file_option(const MbAccountFile *file, const char *name, const char *option);

/* The account `name` (NULL as above) as `service` uses it. MB_ERROR_CONFIG when there is none of
 * that name, it has no host, or an argument makes no sense. */
MbAccount *mb_account_file_account(const MbAccountFile *file, const char *name, MbService service,
                                   GError **error);

/* The user's own file: mailbatch/accounts below `config_home`, else ~/.mpoprc (~/.msmtprc), else
 * mpop/config (msmtp/config) below `config_home`; NULL when there is none. `config_home` NULL:
 * ~/.config. The caller frees it. */
char *mb_account_file_find(MbService service, const char *home, const char *config_home);

G_END_DECLS
