#include "send-options.h"

#include "pacer.h"
#include "send-server.h"

#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <mailbatch/smtp/session.h>
#include <string.h>

#define TOOL "mmerge send"

#define NO_LIMIT G_MAXINT64 /* until it is said */

static bool usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool usage(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL)
        *error = g_error_new_valist(MB_BASE_ERROR, MB_ERROR_USAGE, format, arguments);
    va_end(arguments);
    return false;
}

static bool check_failures(MmSendOptions *options, GError **error)
{
    const char *text = options->max_failures;
    char *end = NULL;
    guint64 number;

    options->max_failed_percent = text == NULL ? 10 : 0;
    if (text == NULL)
        return true;
    number = g_ascii_isdigit(text[0]) ? g_ascii_strtoull(text, &end, 10) : 0;
    if (number > 0 && strcmp(end, "%") == 0 && number <= 100)
        options->max_failed_percent = (guint)number;
    else if (number > 0 && *end == '\0')
        options->max_failed = number;
    else
        return usage(error, "--max-failures %s: write a number or a percentage, as in 20 or 10%%",
                     text);
    return true;
}

static bool check_dsn(MmSendOptions *options, GError **error)
{
    g_auto(GStrv) words = g_strsplit(options->dsn != NULL ? options->dsn : "", ",", -1);

    if (options->dsn == NULL)
        return true;
    for (size_t i = 0; words[i] != NULL; i++) {
        bool alone = strcmp(words[i], "never") == 0 && words[1] == NULL;
        if (!alone && strcmp(words[i], "failure") != 0 && strcmp(words[i], "delay") != 0 &&
            strcmp(words[i], "success") != 0)
            return usage(error, "--dsn %s: write never, or some of failure,delay,success",
                         options->dsn);
    }
    if (words[0] == NULL)
        return usage(error, "--dsn: write never, or some of failure,delay,success");
    options->notify = g_ascii_strup(options->dsn, -1);
    return true;
}

static bool check_numbers(const MmSendOptions *options, GError **error)
{
    const struct {
        const char *name;
        gint64 value, least, most;
    } rows[] = {
        {"--connections", options->connections, 1, 100},
        {"--window", options->window, 0, 1000},
        {"--per-connection", options->per_connection, 0, G_MAXINT},
        {"--limit", options->limit, 1, G_MAXINT64},
        {"--retry", options->retry, 1, 1000},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
            return usage(error,
                         "%s %" G_GINT64_FORMAT ": from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                         rows[i].name, rows[i].value, rows[i].least, rows[i].most);
    return true;
}

static bool check_pace(MmSendOptions *options, GError **error)
{
    guint64 wait = 30 * 60;

    if (options->rate != NULL &&
        !mm_rate_parse(options->rate, &options->rate_count, &options->rate_seconds, error))
        return false;
    if (options->wait != NULL && !mb_text_parse_duration(options->wait, &wait, error))
        return false;
    options->wait_s = (guint)MIN(wait, G_MAXINT);
    if (options->in_doubt != NULL && strcmp(options->in_doubt, "hold") != 0 &&
        strcmp(options->in_doubt, "resend") != 0)
        return usage(error, "--in-doubt %s: hold or resend", options->in_doubt);
    options->resend = g_strcmp0(options->in_doubt, "resend") == 0;
    return true;
}

static bool check_redirect(const MmSendOptions *options, GError **error)
{
    g_autoptr(GError) wrong = NULL;

    if (options->redirect_to == NULL)
        return true;
    if (options->redirect_to[0] == '\0' || strchr(options->redirect_to, '@') == NULL)
        return usage(error, "--redirect-to %s: not an address", options->redirect_to);
    if (!mb_smtp_address_check(options->redirect_to, &wrong))
        return usage(error, "--redirect-to: %s", wrong->message);
    if (options->ledger != NULL || options->campaign_name != NULL || options->resend)
        return usage(error, "--redirect-to is a trial and keeps no ledger: leave out --ledger, "
                            "--campaign and --in-doubt");
    return true;
}

static bool check(MmSendOptions *options, GError **error)
{
    return check_numbers(options, error) && check_failures(options, error) &&
           check_dsn(options, error) && check_pace(options, error) &&
           check_redirect(options, error) && mm_send_server(options, error);
}

/* The caller frees it. */
static GOptionEntry *make_entries(MmSendOptions *options)
{
    const GOptionEntry own[] = {
        {"server", 0, 0, G_OPTION_ARG_STRING, &options->server,
         "Where to: smtps://[user@]host[:465] or smtp://[user@]host[:587]", "URL"},
        {"account", 0, 0, G_OPTION_ARG_STRING, &options->account_name,
         "An account of the accounts file (default, where there is a file and no --server)",
         "NAME"},
        {"accounts", 0, 0, G_OPTION_ARG_FILENAME, &options->accounts_file,
         "The accounts file, as msmtp has it (~/.config/mailbatch/accounts, ~/.msmtprc)", "FILE"},
        {"tls", 0, 0, G_OPTION_ARG_STRING, &options->tls,
         "TLS: on, starttls or off (by the URL: smtps is on, smtp is starttls, required)", "MODE"},
        {"tls-trust", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_trust,
         "Certificates to trust, PEM (the system's)", "FILE"},
        {"tls-fingerprint", 0, 0, G_OPTION_ARG_STRING, &options->tls_fingerprint,
         "Trust exactly the certificate with this SHA-256", "HEX"},
        {"passwordeval", 0, 0, G_OPTION_ARG_STRING, &options->passwordeval,
         "A command that prints the password", "CMD"},
        {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &options->password_file,
         "A file, readable by you alone, whose first line is the password", "FILE"},
        {"auth", 0, 0, G_OPTION_ARG_STRING, &options->auth,
         "The login's mechanism (the best offered)", "MECH"},
        {"ledger", 0, 0, G_OPTION_ARG_FILENAME, &options->ledger,
         "The campaign's memory (CSV.mmerge.db)", "FILE"},
        {"campaign", 0, 0, G_OPTION_ARG_STRING, &options->campaign_name,
         "Its name (stem of template and CSV)", "NAME"},
        {"accept-changes", 0, 0, G_OPTION_ARG_NONE, &options->accept_changes,
         "Rows that were sent and have changed since stay sent", NULL},
        {"connections", 0, 0, G_OPTION_ARG_INT, &options->connections, "Side by side (1)", "N"},
        {"window", 0, 0, G_OPTION_ARG_INT, &options->window,
         "Most messages in flight on a connection (as the server allows)", "N"},
        {"per-connection", 0, 0, G_OPTION_ARG_INT, &options->per_connection,
         "Messages, then a new connection; 0: no bound (100)", "N"},
        {"timeout", 0, 0, G_OPTION_ARG_STRING, &options->timeout,
         "Longest wait for a reply (10m for the last one of a message, 5m or less for others)",
         "TIME"},
        {"rate", 0, 0, G_OPTION_ARG_STRING, &options->rate,
         "At most N/second, /minute, /hour or /day, over any stretch of that length, across runs",
         "RATE"},
        {"limit", 0, 0, G_OPTION_ARG_INT64, &options->limit, "Only the next N unsent rows", "N"},
        {"redirect-to", 0, 0, G_OPTION_ARG_STRING, &options->redirect_to,
         "A trial: everything to one address, the ledger left alone", "ADDR"},
        {"dsn", 0, 0, G_OPTION_ARG_STRING, &options->dsn,
         "Delivery reports: never, or some of failure,delay,success", "WHEN"},
        {"retry", 0, 0, G_OPTION_ARG_INT, &options->retry,
         "Tries in this run for what is deferred (5)", "N"},
        {"wait", 0, 0, G_OPTION_ARG_STRING, &options->wait,
         "Longest wait for deferred rows, and for a server that went away (30m)", "TIME"},
        {"in-doubt", 0, 0, G_OPTION_ARG_STRING, &options->in_doubt,
         "What to do with those in doubt: hold or resend (hold)", "WHAT"},
        {"max-failures", 0, 0, G_OPTION_ARG_STRING, &options->max_failures,
         "Stop at N refusals, or N% once 50 were tried (10%)", "N"},
        {"transcript", 0, 0, G_OPTION_ARG_FILENAME, &options->transcript,
         "Write down the SMTP dialogue, secrets hidden", "FILE"},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &options->quiet, "No progress, no warnings", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, "Say more", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &options->json, "The report as JSON lines", NULL},
        G_OPTION_ENTRY_NULL,
    };

    return mm_campaign_entries(&options->campaign, own);
}

MbParsed mm_send_options_parse(MmSendOptions *options, int *argc, char ***argv)
{
    g_autofree GOptionEntry *entries = make_entries(options);
    g_autoptr(GError) error = NULL;
    MbParsed parsed;

    options->exit_code = MB_EXIT_USAGE;
    options->limit = NO_LIMIT;
    options->connections = 1;
    options->per_connection = 100;
    options->retry = 5;
    parsed = mb_option_parse(argc, argv, TOOL, MAILBATCH_VERSION, "TEMPLATE CSV",
                             "send every row that the ledger does not hold as done", NULL, entries,
                             2, 2);
    if (parsed != MB_PARSED_RUN)
        return parsed;
    if (options->quiet)
        mb_log_set_level(MB_LOG_QUIET); /* before there is anything to warn about */
    if (check(options, &error)) {
        if (options->limit == NO_LIMIT)
            options->limit = 0;
        return parsed;
    }
    options->exit_code = error->code == MB_ERROR_USAGE ? mb_option_usage(TOOL, "%s", error->message)
                                                       : mb_log_fail(error);
    return MB_PARSED_USAGE;
}

void mm_send_options_clear(MmSendOptions *options)
{
    char **const texts[] = {
        &options->server,        &options->tls,
        &options->tls_trust,     &options->tls_fingerprint,
        &options->passwordeval,  &options->password_file,
        &options->auth,          &options->ledger,
        &options->campaign_name, &options->rate,
        &options->redirect_to,   &options->dsn,
        &options->wait,          &options->in_doubt,
        &options->max_failures,  &options->transcript,
        &options->notify,        &options->timeout,
        &options->account_name,  &options->accounts_file,
        &options->sender,        &options->domain,
    };

    mm_campaign_options_clear(&options->campaign);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_clear_pointer(texts[i], g_free);
    g_clear_pointer(&options->account, mb_account_free);
}
