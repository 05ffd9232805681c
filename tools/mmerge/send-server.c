#include "send-server.h"

#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account-file.h>
#include <mailbatch/login/account-override.h>
#include <mailbatch/smtp/session.h>
#include <string.h>

static bool usage(GError **error, const char *text)
{
    g_set_error_literal(error, MB_BASE_ERROR, MB_ERROR_USAGE, text);
    return false;
}

static bool by_url(MmSendOptions *options, GError **error)
{
    if (options->account_name != NULL || options->accounts_file != NULL)
        return usage(error, "--server stands for itself: without --account and --accounts");
    options->account = mb_account_new(MB_SERVICE_SMTP);
    return mb_account_set_url(options->account, options->server, error);
}

/* --- the accounts file -------------------------------------------------------------------- */

/* An option as it stands; NULL where it is not said, or holds patterns (msmtp's %H, or the * of
 * addresses that are allowed), which are not expanded. */
static char *plain_option(const MbAccountFile *file, const char *name, const char *option,
                          const char *patterns)
{
    const char *value = mb_account_file_option(file, name, option);
    g_autofree char *shown = NULL, *of = NULL;

    if (value == NULL || *value == '\0')
        return NULL;
    if (strpbrk(value, patterns) == NULL)
        return g_strdup(value);
    shown = mb_text_printable(value, strlen(value));
    of = mb_text_printable(name, strlen(name));
    mb_log_warning("account %s: %s %s: a pattern, ignored", of, option, shown);
    return NULL;
}

static bool read_envelope(MmSendOptions *options, const MbAccountFile *file, GError **error)
{
    const char *name = mb_account_file_name(file, options->account_name);
    g_autofree char *shown = mb_text_printable(name, strlen(name));
    g_autoptr(GError) wrong = NULL;

    options->sender = plain_option(file, name, "from", "*%");
    options->domain = plain_option(file, name, "domain", "%");
    if ((options->sender == NULL || mb_smtp_address_check(options->sender, &wrong)) &&
        (options->domain == NULL || mb_smtp_client_name_check(options->domain, &wrong)))
        return true;
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_CONFIG, "account %s: %s", shown, wrong->message);
    return false;
}

static bool read_account(MmSendOptions *options, const MbAccountFile *file, GError **error)
{
    const GPtrArray *notes = mb_account_file_notes(file);

    for (guint i = 0; i < notes->len; i++)
        mb_log_warning("%s", (const char *)notes->pdata[i]);
    options->account = mb_account_file_account(file, options->account_name, MB_SERVICE_SMTP, error);
    return options->account != NULL && read_envelope(options, file, error);
}

static bool by_account(MmSendOptions *options, GError **error)
{
    const char *home = g_get_home_dir();
    const char *config = g_get_user_config_dir();
    g_autofree char *own = mb_account_file_find(MB_SERVICE_SMTP, home, config);
    g_autoptr(MbAccountFile) file = NULL;

    if (options->account_name == NULL && options->accounts_file == NULL && own == NULL)
        return usage(error, "no server: say --server smtp://[user@]host or smtps://[user@]host, "
                            "or --account NAME for one of ~/.config/mailbatch/accounts or "
                            "~/.msmtprc");
    file = mb_account_file_open(options->accounts_file, MB_SERVICE_SMTP, home, config, error);
    return file != NULL && read_account(options, file, error);
}

/* --- both --------------------------------------------------------------------------------- */

bool mm_send_server(MmSendOptions *options, GError **error)
{
    const MbAccountOverride said = {
        .tls = options->tls,
        .trust = options->tls_trust,
        .fingerprint = options->tls_fingerprint,
        .passwordeval = options->passwordeval,
        .password_file = options->password_file,
        .auth = options->auth,
        .timeout = options->timeout,
    };

    if (!(options->server != NULL ? by_url(options, error) : by_account(options, error)) ||
        !mb_account_override(options->account, &said, error))
        return false;
    options->account->netrc = g_build_filename(g_get_home_dir(), ".netrc", NULL);
    if (options->account->user == NULL &&
        (said.passwordeval != NULL || said.password_file != NULL || said.auth != NULL))
        return usage(error, options->server != NULL
                                ? "a password, and no user: write --server smtp://user@host"
                                : "a password, and no user: the account names none");
    return true;
}
