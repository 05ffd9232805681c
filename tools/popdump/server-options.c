#include "server-options.h"

#include "fetch.h"
#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account-file.h>
#include <mailbatch/login/account-override.h>
#include <string.h>

void pd_server_options_clear(PdServerOptions *options)
{
    char *const texts[] = {
        options->server,        options->tls,     options->trust,
        options->fingerprint,   options->auth,    options->passwordeval,
        options->password_file, options->timeout, options->accounts_file,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(options->accounts);
}

static void chosen_free(void *item)
{
    PdChosen *chosen = item;

    g_free(chosen->name);
    mb_account_free(chosen->account);
    g_clear_error(&chosen->fault);
    g_free(chosen);
}

static bool usage(GError **error, const char *text)
{
    g_set_error_literal(error, PD_FETCH_ERROR, MB_ERROR_USAGE, text);
    return false;
}

/* ---- what the command line says of any account ---- */

static bool apply(const PdServerOptions *options, MbAccount *account, GError **error)
{
    const MbAccountOverride said = {
        .tls = options->tls,
        .trust = options->trust,
        .fingerprint = options->fingerprint,
        .passwordeval = options->passwordeval,
        .password_file = options->password_file,
        .auth = options->auth,
        .timeout = options->timeout,
    };

    if (!mb_account_override(account, &said, error))
        return false;
    if (account->tls == MB_TLS_OFF && (options->trust != NULL || options->fingerprint != NULL))
        return usage(error, "--tls-trust and --tls-fingerprint make no sense with --tls off");
    account->netrc = g_build_filename(g_get_home_dir(), ".netrc", NULL);
    return true;
}

/* ---- --server ---- */

static bool choose_server(const PdServerOptions *options, PdChosen *chosen, GError **error)
{
    chosen->account = mb_account_new(MB_SERVICE_POP3);
    if (!mb_account_set_url(chosen->account, options->server, error) ||
        !apply(options, chosen->account, error))
        return false;
    if (chosen->account->user != NULL)
        return true;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE, "%s: no user: write pop3s://USER@HOST",
                options->server);
    return false;
}

/* ---- the accounts file ---- */

static bool file_fault(const char *name, const char *option, const char *value, GError **error)
{
    g_autofree char *shown = mb_text_printable(name, strlen(name));
    g_autofree char *text = mb_text_printable(value, strlen(value));

    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_CONFIG, "account %s: %s %s makes no sense", shown,
                option, text);
    return false;
}

/* mpop deletes unless `keep` stands there; here `keep off` has to be said. */
static bool read_policy(const MbAccountFile *file, PdChosen *chosen, GError **error)
{
    const char *keep = mb_account_file_option(file, chosen->name, "keep");
    const char *skip = mb_account_file_option(file, chosen->name, "skipsize");
    const char *pipelining = mb_account_file_option(file, chosen->name, "pipelining");

    chosen->not_pipelining = pipelining != NULL && strcmp(pipelining, "off") == 0;
    if (skip != NULL && strcmp(skip, "off") != 0 && strcmp(skip, "") != 0 &&
        !mb_text_parse_size(skip, &chosen->skip_size, NULL))
        return file_fault(chosen->name, "skipsize", skip, error);
    if (keep == NULL || strcmp(keep, "") == 0 || strcmp(keep, "on") == 0)
        return true;
    chosen->removes = true;
    if (strcmp(keep, "off") == 0)
        return true;
    return mb_text_parse_duration(keep, &chosen->older, NULL) ||
           file_fault(chosen->name, "keep", keep, error);
}

static void choose_account(const PdServerOptions *options, const MbAccountFile *file,
                           PdChosen *chosen)
{
    g_autofree char *shown = mb_text_printable(chosen->name, strlen(chosen->name));

    chosen->account = mb_account_file_account(file, chosen->name, MB_SERVICE_POP3, &chosen->fault);
    if (chosen->account == NULL)
        return;
    if (chosen->account->user == NULL)
        g_set_error(&chosen->fault, PD_FETCH_ERROR, MB_ERROR_CONFIG, "account %s: no user", shown);
    if (chosen->fault != NULL || !read_policy(file, chosen, &chosen->fault) ||
        !apply(options, chosen->account, &chosen->fault))
        g_clear_pointer(&chosen->account, mb_account_free);
}

static MbAccountFile *read_file(const PdServerOptions *options, GError **error)
{
    g_autoptr(MbAccountFile) file = mb_account_file_open(
        options->accounts_file, MB_SERVICE_POP3, g_get_home_dir(), g_get_user_config_dir(), error);
    const GPtrArray *notes;

    notes = file != NULL ? mb_account_file_notes(file) : NULL;
    for (guint i = 0; notes != NULL && i < notes->len; i++)
        mb_log_warning("%s", (const char *)notes->pdata[i]);
    return g_steal_pointer(&file);
}

static bool is_chosen(const GPtrArray *chosen, const char *name)
{
    for (guint i = 0; i < chosen->len; i++) {
        if (strcmp(((const PdChosen *)chosen->pdata[i])->name, name) == 0)
            return true;
    }
    return false;
}

static bool choose_accounts(const PdServerOptions *options, GPtrArray *chosen, GError **error)
{
    g_autoptr(MbAccountFile) file = read_file(options, error);
    const char *const *names;

    if (file == NULL)
        return false;
    names = options->all ? mb_account_file_names(file) : (const char *const *)options->accounts;
    for (size_t i = 0; names[i] != NULL; i++) {
        PdChosen *one;

        if (is_chosen(chosen, names[i]))
            continue;
        one = g_new0(PdChosen, 1);
        one->name = g_strdup(names[i]);
        g_ptr_array_add(chosen, one);
        choose_account(options, file, one);
    }
    if (chosen->len > 0)
        return true;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_CONFIG, "the accounts file: no account in it");
    return false;
}

static bool check(const PdServerOptions *options, GError **error)
{
    bool named = options->accounts != NULL || options->all;

    if (options->server != NULL && (named || options->accounts_file != NULL))
        return usage(error, "--server stands for itself: without --account, --all, --accounts");
    if (options->accounts != NULL && options->all)
        return usage(error, "--all means every account: without --account");
    if (options->server == NULL && !named)
        return usage(error, options->accounts_file != NULL
                                ? "--accounts: --account NAME or --all says which of them"
                                : "no server: --server pop3s://USER@HOST or --account NAME says "
                                  "which");
    return true;
}

GPtrArray *pd_server_choose(const PdServerOptions *options, GError **error)
{
    g_autoptr(GPtrArray) chosen = g_ptr_array_new_with_free_func(chosen_free);

    if (!check(options, error))
        return NULL;
    if (options->server == NULL)
        return choose_accounts(options, chosen, error) ? g_steal_pointer(&chosen) : NULL;
    g_ptr_array_add(chosen, g_new0(PdChosen, 1));
    return choose_server(options, chosen->pdata[0], error) ? g_steal_pointer(&chosen) : NULL;
}
