#include "commands.h"
#include "dispatch.h"
#include "intake.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* All that a run opens. */
typedef struct {
    const MmSendOptions *options;
    MmCampaign *campaign;
    char *ledger_path;
    char *name;
    bool fresh; /* the ledger's file was not there before */
    MmLedger *ledger;
    GArray *trial;
    MbTls *tls;
    MbSecret *secret;
    MmTranscript *transcript;
    MmSummary *summary;
} Send;

static int64_t now_s(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

static bool is_local(const char *host)
{
    return strcmp(host, "localhost") == 0 || g_str_has_prefix(host, "127.") ||
           strcmp(host, "::1") == 0;
}

/* Before anything else happens: who has no password is told at once. */
static bool open_secret(Send *send, GError **error)
{
    guint edition;
    char *password;

    if (send->options->account->user == NULL)
        return true;
    send->secret = mb_secret_new(send->options->account, NULL);
    password = mb_secret_get(send->secret, &edition, error);
    mb_wipe_free(password);
    return password != NULL;
}

static bool open_server(Send *send, GError **error)
{
    const MbAccount *account = send->options->account;

    if (account->tls != MB_TLS_OFF) {
        MbTlsTrust trust = mb_account_trust(account);
        send->tls = mb_tls_client_new(&trust, error);
        if (send->tls == NULL)
            return false;
    } else if (!is_local(account->host)) {
        mb_log_warning("%s: mail and login go there in clear", account->host);
    }
    if (account->tls != MB_TLS_OFF && account->no_certificate_check)
        mb_log_warning("%s: the certificate is not checked (tls_certcheck off)", account->host);
    if (!open_secret(send, error))
        return false;
    if (send->options->transcript != NULL)
        send->transcript =
            mm_transcript_open(send->options->transcript, send->options->connections > 1, error);
    return send->options->transcript == NULL || send->transcript != NULL;
}

/* A ledger that this run made and that never came to hold a row is no use to anybody. It goes while
 * it is locked, its marks last: what another process makes in its place must stay. */
static void remove_fresh_ledger(const Send *send)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".marks"};
    MmLedgerCounts counts;

    if (!send->fresh || !mm_ledger_count(send->ledger, &counts, NULL) || counts.rows > 0)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(send->ledger_path, suffixes[i], NULL);
        g_unlink(path);
    }
}

static bool open_ledger(Send *send, GError **error)
{
    const MmSendOptions *options = send->options;
    MmIntakeOptions intake = {.accept_changes = options->accept_changes};
    uint64_t doubtful = 0;

    send->fresh = !g_file_test(send->ledger_path, G_FILE_TEST_EXISTS);
    send->ledger = mm_ledger_open(send->ledger_path, send->name,
                                  mm_campaign_csv_path(send->campaign), now_s(), &doubtful, error);
    if (send->ledger == NULL)
        return false;
    if (mm_ledger_is_slow(send->ledger))
        mb_log_warning(
            "%s: this file system has no shared memory, a rollback journal is used: slower",
            send->ledger_path);
    if (!mm_intake(send->campaign, send->ledger, &intake, error)) {
        remove_fresh_ledger(send);
        mm_ledger_free(g_steal_pointer(&send->ledger));
        return false;
    }
    if (doubtful > 0)
        mb_log_warning("the run before was cut short: %" G_GUINT64_FORMAT
                       " recipients are in doubt by that",
                       doubtful);
    return !options->resend || mm_ledger_release_doubtful(send->ledger, &doubtful, error);
}

/* Beside the list. What /dev/stdin is today is not what it is tomorrow. */
static char *default_ledger(const char *csv, GError **error)
{
    if (!g_str_has_prefix(csv, "/dev/") && !g_str_has_prefix(csv, "/proc/"))
        return g_strconcat(csv, ".mmerge.db", NULL);
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_USAGE,
                "%s: a list without a name of its own needs --ledger FILE", csv);
    return NULL;
}

static bool open_all(Send *send, char *const *operands, GError **error)
{
    const MmSendOptions *options = send->options;

    send->summary = mm_summary_new();
    send->campaign = mm_campaign_open_operands(operands, &options->campaign, error);
    if (send->campaign == NULL || !open_server(send, error))
        return false;
    if (options->redirect_to != NULL) {
        MmIntakeOptions intake = {.limit = (guint64)options->limit};
        send->trial = mm_intake_trial(send->campaign, &intake, error);
        return send->trial != NULL;
    }
    send->ledger_path =
        options->ledger != NULL ? g_strdup(options->ledger) : default_ledger(operands[1], error);
    if (send->ledger_path == NULL)
        return false;
    send->name = options->campaign_name != NULL ? g_strdup(options->campaign_name)
                                                : mm_campaign_default_name(send->campaign);
    return open_ledger(send, error);
}

static void close_all(Send *send)
{
    g_autoptr(GError) error = NULL;

    if (!mm_transcript_close(send->transcript, &error))
        mb_log_warning("%s", error->message);
    mb_secret_free(send->secret);
    mb_tls_free(send->tls);
    mm_ledger_free(send->ledger);
    mm_campaign_free(send->campaign);
    mm_summary_free(send->summary);
    g_clear_pointer(&send->trial, g_array_unref);
    g_free(send->ledger_path);
    g_free(send->name);
}

static uint64_t unsent(const MmLedgerCounts *counts)
{
    return counts->entries[MM_PENDING] + counts->entries[MM_CLAIMED] + counts->entries[MM_DEFERRED];
}

static int exit_code(const Send *send, const MmLedgerCounts *counts, const GError *error)
{
    const MmSummary *summary = send->summary;

    if (error != NULL)
        return mb_exit_of(error) == MB_EXIT_UNAVAILABLE && mm_summary_done(summary) > 0
                   ? MB_EXIT_TEMPORARY
                   : (int)mb_exit_of(error);
    if (send->trial != NULL) {
        if (mm_summary_count(summary, MM_SENT) + mm_summary_count(summary, MM_REFUSED) <
            send->trial->len)
            return MB_EXIT_TEMPORARY;
        return mm_summary_count(summary, MM_REFUSED) > 0 ? MB_EXIT_LEFT_BEHIND : MB_EXIT_OK;
    }
    if (counts->entries[MM_IN_DOUBT] + counts->entries[MM_DEFERRED] > 0 ||
        (send->options->limit == 0 && unsent(counts) > 0))
        return MB_EXIT_TEMPORARY;
    return counts->entries[MM_REFUSED] + counts->entries[MM_INVALID] > 0 ? MB_EXIT_LEFT_BEHIND
                                                                         : MB_EXIT_OK;
}

/* Sends, and leaves the ledger settled. `counts` is what it holds then. */
static MmRunEnd run(Send *send, MmLedgerCounts *counts, GError **error)
{
    MmRun dispatch = {
        .options = send->options,
        .campaign = send->campaign,
        .ledger = send->ledger,
        .trial = send->trial,
        .tls = send->tls,
        .secret = send->secret,
        .transcript = send->transcript,
        .summary = send->summary,
    };
    MmRunEnd end;

    if (send->trial != NULL) {
        dispatch.total = send->trial->len;
        return mm_dispatch(&dispatch, error);
    }
    if (!mm_ledger_count(send->ledger, counts, error))
        return MM_RUN_STOPPED;
    if (unsent(counts) == 0)
        return MM_RUN_OVER;
    /* How many recipients the next rows have is not known. */
    dispatch.total = send->options->limit == 0 ? unsent(counts) : 0;
    end = mm_dispatch(&dispatch, error);
    if (!mm_ledger_flush(send->ledger, *error == NULL ? error : NULL) ||
        !mm_ledger_count(send->ledger, counts, *error == NULL ? error : NULL))
        return MM_RUN_STOPPED;
    return end;
}

/* As it was typed: who gave a path has it not in PATH. */
static char *program_name(void)
{
    GString *name = g_string_new(NULL);

    mm_summary_append_quoted(
        name, strchr(program_invocation_name, '/') != NULL ? program_invocation_name : "mmerge");
    return g_string_free(name, FALSE);
}

/* Where the password that was refused came from. */
static void explain_login(const Send *send, GError *error)
{
    const MbAccount *account = send->options->account;
    g_autofree char *message = error->message;

    if (account->password_file != NULL)
        error->message = g_strdup_printf("%s (the password is the first line of %s)", message,
                                         account->password_file);
    else if (send->options->passwordeval != NULL)
        error->message = g_strdup_printf("%s (the password is what this prints: %s)", message,
                                         account->passwordeval);
    else if (account->password != NULL || account->passwordeval != NULL)
        error->message =
            g_strdup_printf("%s (the password is what the accounts file says)", message);
    else
        error->message = g_strdup_printf("%s (the password is ~/.netrc's)", message);
}

static int report(const Send *send, const MmLedgerCounts *counts, GError *error,
                  const char *arguments, double seconds)
{
    bool trial = send->trial != NULL;
    g_autofree char *program = program_name();
    g_autofree char *go_on = g_strdup_printf("%s send%s", program, arguments);
    bool written = true;
    MmReport told;

    if (error != NULL && mb_exit_of(error) == MB_EXIT_LOGIN)
        explain_login(send, error);
    told = (MmReport){
        .campaign = send->name,
        .ledger = send->ledger_path,
        .counts = trial ? NULL : counts,
        .program = program,
        .stopped = error != NULL ? error->message : NULL,
        .go_on = !trial && unsent(counts) > 0 ? go_on : NULL,
        .seconds = seconds,
        .exit_code = exit_code(send, counts, error),
    };
    if (error != NULL)
        mb_log_error("%s", error->message);
    /* A run that could not get to its first message has said all there is to say. */
    if (error == NULL || told.exit_code == MB_EXIT_TEMPORARY ||
        mm_summary_done(send->summary) > 0 || send->options->json)
        written = mm_summary_print(send->summary, &told, send->options->json);
    if (!written)
        mb_log_error("standard output: cannot be written");
    return written || told.exit_code != MB_EXIT_OK ? told.exit_code : MB_EXIT_IO;
}

static int send_campaign(const MmSendOptions *options, char **operands, const char *arguments)
{
    Send send = {.options = options};
    g_autoptr(GError) error = NULL;
    MmLedgerCounts counts = {0};
    gint64 begin = g_get_monotonic_time();
    MmRunEnd end;
    int status;

    if (!open_all(&send, operands, &error)) {
        close_all(&send);
        return mb_log_fail(error);
    }
    end = run(&send, &counts, &error);
    if (end != MM_RUN_KILLED && send.ledger != NULL)
        mm_ledger_close(g_steal_pointer(&send.ledger), now_s(), error == NULL ? &error : NULL);
    status = report(&send, &counts, error, arguments,
                    (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
    if (end == MM_RUN_KILLED)
        _exit(status); /* the senders are still at it: nothing they use may go away under them */
    close_all(&send);
    return status;
}

/* The arguments of the command that goes on. That those in doubt are sent again was said once, and
 * is not said for those of the next time. */
static char *quote_arguments(int argc, char **argv)
{
    GString *line = g_string_new(NULL);

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--in-doubt") == 0 && i + 1 < argc) {
            i++;
            continue;
        }
        if (g_str_has_prefix(argv[i], "--in-doubt="))
            continue;
        g_string_append_c(line, ' ');
        mm_summary_append_quoted(line, argv[i]);
    }
    return g_string_free(line, FALSE);
}

int mm_send_main(int argc, char **argv)
{
    g_auto(MmSendOptions) options = {0};
    g_autofree char *arguments = quote_arguments(argc, argv);
    MbParsed parsed = mm_send_options_parse(&options, &argc, &argv);

    if (parsed != MB_PARSED_RUN)
        return parsed == MB_PARSED_DONE ? MB_EXIT_OK : options.exit_code;
    if (options.quiet) {
        mb_log_set_level(MB_LOG_QUIET);
        mb_progress_hide();
    } else if (options.verbose) {
        mb_log_set_level(MB_LOG_VERBOSE);
    }
    if (g_strcmp0(options.transcript, "-") == 0)
        mb_progress_hide(); /* they would write over each other */
    /* A reader of the report who goes away does not end what is in flight. */
    signal(SIGPIPE, SIG_IGN);
    return send_campaign(&options, argv + 1, arguments);
}
