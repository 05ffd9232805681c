#include "fetch.h"

#include "accounts.h"
#include "commands.h"
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define TOOL        "popdump fetch"
#define WINDOW_MOST 1000
#define TRIES_MOST  1000
#define LOOKS_MOST  1000000
#define JOBS_MOST   256
#define NOT_GIVEN   G_MININT64

static const char description[] =
    "The archive is a folder of tar segments that any tar reads. Nothing is removed from the\n"
    "server unless --delete says so, and then only what was read back from the disk and compared.\n"
    "Run it again at any time: what is archived is not fetched twice.";

/* The command line as it was typed. */
typedef struct {
    PdServerOptions server;
    char *segment_size, *compress, *max_message, *wait, *delete_rule;
    gint64 window, limit, expunge, retry, looks, at_once; /* or NOT_GIVEN */
    gboolean delete_archived, keep, dry_run, quiet_server, quiet, verbose, json;
} Typed;

static void typed_clear(Typed *typed)
{
    pd_server_options_clear(&typed->server);
    g_free(typed->segment_size);
    g_free(typed->compress);
    g_free(typed->max_message);
    g_free(typed->wait);
    g_free(typed->delete_rule);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Typed, typed_clear)

/* An option with a value that may be left out would swallow ARCHIVE with GLib: "--delete=RULE" is
 * taken apart before. */
static char *take_delete_rule(int argc, char **argv)
{
    static char bare[] = "--delete";
    static const char prefix[] = "--delete=";
    char *rule = NULL;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!g_str_has_prefix(argv[i], prefix))
            continue;
        g_free(rule);
        rule = g_strdup(argv[i] + strlen(prefix));
        argv[i] = bare;
    }
    return rule;
}

static MbParsed parse(int *argc, char ***argv, Typed *typed)
{
    const GOptionEntry entries[] = {
        PD_SERVER_ENTRIES(typed->server),
        {"all", 0, 0, G_OPTION_ARG_NONE, &typed->server.all, "Every account of the accounts file",
         NULL},
        {"jobs", 'j', 0, G_OPTION_ARG_INT64, &typed->at_once, "Accounts at once (8)", "N"},
        {"window", 0, 0, G_OPTION_ARG_INT64, &typed->window,
         "Messages asked for ahead (64; 1 without PIPELINING)", "N"},
        {"retry", 0, 0, G_OPTION_ARG_INT64, &typed->retry,
         "Tries in a row that bring nothing new (5)", "N"},
        {"wait", 0, 0, G_OPTION_ARG_STRING, &typed->wait,
         "Wait at most so long between tries, in all (10m)", "TIME"},
        {"looks", 0, 0, G_OPTION_ARG_INT64, &typed->looks,
         "Logins more for what the server may not have listed (1000)", "N"},
        {"segment-size", 0, 0, G_OPTION_ARG_STRING, &typed->segment_size,
         "Seal a segment before it passes this (256M)", "SIZE"},
        {"compress", 0, 0, G_OPTION_ARG_STRING, &typed->compress,
         "zstd, gzip, xz or none, when sealed (gzip)", "HOW"},
        {"max-message", 0, 0, G_OPTION_ARG_STRING, &typed->max_message,
         "Leave larger messages on the server", "SIZE"},
        {"limit", 0, 0, G_OPTION_ARG_INT64, &typed->limit, "The first N new messages only", "N"},
        {"delete", 0, 0, G_OPTION_ARG_NONE, &typed->delete_archived,
         "Remove from the server what is proven archived; --delete=older=30d: what was first seen "
         "as long ago",
         NULL},
        {"keep", 0, 0, G_OPTION_ARG_NONE, &typed->keep,
         "Remove nothing, whatever the accounts file says", NULL},
        {"expunge", 0, 0, G_OPTION_ARG_INT64, &typed->expunge,
         "With --delete: a clean QUIT every N deletions", "N"},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &typed->dry_run,
         "Only say what would be fetched and deleted", NULL},
        {"quiet-server", 0, 0, G_OPTION_ARG_NONE, &typed->quiet_server,
         "RSET before QUIT: leave no trace where the protocol allows", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &typed->quiet, "No progress, no summary", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &typed->verbose, "Say more", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &typed->json, "The report as JSON lines", NULL},
        G_OPTION_ENTRY_NULL,
    };

    return mb_option_parse(argc, argv, TOOL, MAILBATCH_VERSION, "ARCHIVE",
                           "Fetches what is not yet archived from a POP3 mailbox.", description,
                           entries, 1, 1);
}

/* ---- from text to meaning; usage errors ---- */

static bool read_numbers(const Typed *typed, PdAccountsOptions *accounts, GError **error)
{
    PdFetchOptions *options = &accounts->fetch;
    uint64_t retry = PD_TRIES;
    uint64_t looks = PD_LOOKS;
    uint64_t at_once = PD_ACCOUNTS_AT_ONCE;
    const struct {
        const char *name;
        gint64 value;
        uint64_t least, most;
        uint64_t *option;
    } numbers[] = {
        {"--window", typed->window, 1, WINDOW_MOST, &options->window},
        {"--limit", typed->limit, 1, G_MAXINT64, &options->limit},
        {"--expunge", typed->expunge, 1, G_MAXINT64, &options->expunge},
        {"--retry", typed->retry, 1, TRIES_MOST, &retry},
        {"--looks", typed->looks, 0, LOOKS_MOST, &looks},
        {"--jobs", typed->at_once, 1, JOBS_MOST, &at_once},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (numbers[i].value == NOT_GIVEN)
            continue;
        if (numbers[i].value < (gint64)numbers[i].least ||
            (uint64_t)numbers[i].value > numbers[i].most) {
            g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE,
                        "%s %" G_GINT64_FORMAT ": a number from %" G_GUINT64_FORMAT
                        " to %" G_GUINT64_FORMAT " is wanted",
                        numbers[i].name, numbers[i].value, numbers[i].least, numbers[i].most);
            return false;
        }
        *numbers[i].option = (uint64_t)numbers[i].value;
    }
    options->tries = (unsigned)retry;
    options->looks = (unsigned)looks;
    accounts->at_once = (unsigned)at_once;
    options->wait_s = PD_WAIT_S;
    return typed->wait == NULL || mb_text_parse_duration(typed->wait, &options->wait_s, error);
}

static bool read_delete(const Typed *typed, PdFetchOptions *options, GError **error)
{
    static const char older[] = "older=";
    guint64 seconds;

    options->delete_archived = typed->delete_archived;
    if (typed->expunge != NOT_GIVEN && !typed->delete_archived && typed->server.server != NULL) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE, "--expunge makes sense with --delete");
        return false;
    }
    if (typed->keep && typed->delete_archived) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE, "--keep and --delete: which of them?");
        return false;
    }
    if (typed->delete_rule == NULL)
        return true;
    if (!g_str_has_prefix(typed->delete_rule, older)) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE,
                    "--delete=%s: only --delete and --delete=older=TIME are known",
                    typed->delete_rule);
        return false;
    }
    if (!mb_text_parse_duration(typed->delete_rule + strlen(older), &seconds, error))
        return false;
    options->delete_older = seconds;
    return true;
}

static bool read_size(const char *name, const char *text, uint64_t *size, GError **error)
{
    guint64 value;

    if (text == NULL)
        return true;
    if (!mb_text_parse_size(text, &value, error)) {
        g_prefix_error(error, "%s: ", name);
        return false;
    }
    if (value == 0) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE, "%s %s: at least 1 is wanted", name,
                    text);
        return false;
    }
    *size = value;
    return true;
}

static bool read_sizes(const Typed *typed, PdFetchOptions *options, GError **error)
{
    if (!read_size("--segment-size", typed->segment_size, &options->segment_size, error) ||
        !read_size("--max-message", typed->max_message, &options->max_message, error))
        return false;
    if (typed->compress != NULL && !pd_compress_from_name(typed->compress, &options->compress)) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_USAGE,
                    "--compress %s: zstd, gzip, xz or none is wanted", typed->compress);
        return false;
    }
    return true;
}

static bool read_options(const Typed *typed, PdAccountsOptions *accounts, GError **error)
{
    PdFetchOptions *options = &accounts->fetch;

    accounts->delete_said = typed->delete_archived || typed->keep;
    accounts->max_said = typed->max_message != NULL;
    options->compress = PD_COMPRESS_GZIP;
    options->dry_run = typed->dry_run;
    options->quiet_server = typed->quiet_server;
    options->json = typed->json;
    options->quiet = typed->quiet;
    return read_numbers(typed, accounts, error) && read_delete(typed, options, error) &&
           read_sizes(typed, options, error);
}

int pd_fetch_main(int argc, char **argv)
{
    g_auto(Typed) typed = {
        .delete_rule = take_delete_rule(argc, argv),
        .window = NOT_GIVEN,
        .limit = NOT_GIVEN,
        .expunge = NOT_GIVEN,
        .retry = NOT_GIVEN,
        .looks = NOT_GIVEN,
        .at_once = NOT_GIVEN,
    };
    g_autoptr(GPtrArray) chosen = NULL;
    g_autoptr(GError) error = NULL;
    PdAccountsOptions options = {0};

    switch (parse(&argc, &argv, &typed)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    if (read_options(&typed, &options, &error))
        chosen = pd_server_choose(&typed.server, &error);
    if (chosen == NULL && error->code == MB_ERROR_USAGE)
        return mb_option_usage(TOOL, "%s", error->message);
    if (chosen == NULL)
        return mb_log_fail(error);
    options.fetch.archive = argv[1];
    if (typed.verbose)
        mb_log_set_level(MB_LOG_VERBOSE);
    if (typed.quiet || typed.json)
        mb_progress_hide();
    return pd_accounts_fetch(&options, chosen);
}
