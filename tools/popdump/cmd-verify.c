#include "accounts.h"
#include "against.h"
#include "commands.h"
#include "server-options.h"
#include "stop.h"
#include "verify.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <stdbool.h>
#include <stdio.h>

#define TOOL "popdump verify"

typedef struct {
    bool json;
    MbProgress *progress;
    GString *line;
} Printer;

static void print_line(Printer *printer, const char *finding, const char *object,
                       const char *detail)
{
    MbJson json;

    g_string_truncate(printer->line, 0);
    if (printer->json) {
        mb_json_init(&json, printer->line);
        mb_json_begin_map(&json);
        mb_json_put_string(&json, "finding", finding);
        mb_json_put_string(&json, "object", object);
        mb_json_put_string(&json, "detail", detail);
        mb_json_end_map(&json);
    } else {
        g_string_append_printf(printer->line, "%s: %s: %s", finding, object, detail);
    }
    puts(printer->line->str);
}

static void print_finding(void *user, PdFinding finding, const char *object, const char *detail)
{
    print_line(user, pd_finding_name(finding), object, detail);
}

static void print_difference(void *user, PdAgainst kind, const char *object, const char *detail)
{
    print_line(user, pd_against_name(kind), object, detail);
}

static void show_progress(void *user, uint64_t messages, uint64_t bytes)
{
    Printer *printer = user;

    if (printer->progress != NULL)
        mb_progress_update(printer->progress, messages, bytes);
}

static uint64_t problems(const PdVerifySummary *summary)
{
    uint64_t sum = 0;

    for (int i = PD_FINDING_NOTE + 1; i < PD_FINDINGS; i++)
        sum += summary->count[i];
    return sum;
}

static void print_summary(const Printer *printer, const PdVerifySummary *summary)
{
    g_autofree char *size = mb_text_format_size(summary->bytes);
    MbJson json;

    if (!printer->json) {
        printf("%s: %" G_GUINT64_FORMAT " messages, %s in %" G_GUINT64_FORMAT " segments read back",
               problems(summary) == 0 ? "clean" : "NOT CLEAN", summary->messages, size,
               summary->segments);
        for (int i = PD_FINDING_NOTE + 1; i < PD_FINDINGS; i++) {
            if (summary->count[i] > 0)
                printf("; %" G_GUINT64_FORMAT " %s", summary->count[i],
                       pd_finding_name((PdFinding)i));
        }
        putchar('\n');
        return;
    }
    g_string_truncate(printer->line, 0);
    mb_json_init(&json, printer->line);
    mb_json_begin_map(&json);
    mb_json_put_bool(&json, "clean", problems(summary) == 0);
    mb_json_put_unsigned(&json, "messages", summary->messages);
    mb_json_put_unsigned(&json, "bytes", summary->bytes);
    mb_json_put_unsigned(&json, "segments", summary->segments);
    for (int i = 0; i < PD_FINDINGS; i++)
        mb_json_put_unsigned(&json, pd_finding_name((PdFinding)i), summary->count[i]);
    mb_json_end_map(&json);
    puts(printer->line->str);
}

/* ---- the server ---- */

static void print_comparison(const Printer *printer, const PdAgainstSummary *summary)
{
    MbJson json;

    if (!printer->json) {
        printf("server: %" G_GUINT64_FORMAT " listed, %" G_GUINT64_FORMAT " of them not archived, "
               "%" G_GUINT64_FORMAT " of another size; %" G_GUINT64_FORMAT " archived ones gone\n",
               summary->listed, summary->count[PD_AGAINST_NOT_ARCHIVED],
               summary->count[PD_AGAINST_SIZE_DIFFERS], summary->count[PD_AGAINST_GONE]);
        return;
    }
    g_string_truncate(printer->line, 0);
    mb_json_init(&json, printer->line);
    mb_json_begin_map(&json);
    mb_json_put_unsigned(&json, "listed", summary->listed);
    mb_json_put_unsigned(&json, "unnamed", summary->unnamed);
    for (int i = 0; i < PD_AGAINST_KINDS; i++)
        mb_json_put_unsigned(&json, pd_against_name((PdAgainst)i), summary->count[i]);
    mb_json_end_map(&json);
    puts(printer->line->str);
}

/* *status gets what the comparison comes to; false: it could not be made, and that is said. */
static bool compare_with_server(const char *archive, PdChosen *chosen, Printer *printer,
                                int *status)
{
    g_autoptr(GError) error = NULL;
    PdAgainstSummary summary;

    pd_stop_watch();
    if (chosen->fault != NULL) {
        *status = mb_log_fail(chosen->fault);
        return false;
    }
    if (!pd_against_server(archive, chosen->account, print_difference, printer, &summary, &error)) {
        *status = mb_log_fail(error);
        return false;
    }
    print_comparison(printer, &summary);
    if (summary.unnamed > 0)
        mb_log_warning("%s: no usable unique-id for %" G_GUINT64_FORMAT
                       " of the messages: they are not compared",
                       chosen->account->host, summary.unnamed);
    if (summary.count[PD_AGAINST_SIZE_DIFFERS] > 0)
        *status = MB_EXIT_DATA;
    else if (summary.count[PD_AGAINST_NOT_ARCHIVED] > 0)
        *status = MB_EXIT_LEFT_BEHIND;
    return true;
}

/* ---- the archive ---- */

static int verify(const char *archive, Printer *printer, bool quiet)
{
    PdVerifyOptions options = {print_finding, show_progress, printer};
    PdVerifySummary summary;
    g_autoptr(GError) error = NULL;
    bool good;

    printer->progress = quiet ? NULL : mb_progress_new("messages", 0);
    good = pd_verify(archive, &options, &summary, &error);
    mb_progress_free(printer->progress);
    if (!good)
        return mb_log_fail(error);
    print_summary(printer, &summary);
    return problems(&summary) == 0 ? MB_EXIT_OK : MB_EXIT_DATA;
}

static int run(const char *archive, PdChosen *chosen, Printer *printer, bool quiet)
{
    int status = MB_EXIT_OK;

    if (chosen != NULL && !compare_with_server(archive, chosen, printer, &status))
        return status;
    status = pd_accounts_worse(status, verify(archive, printer, quiet));
    if (ferror(stdout) || fflush(stdout) != 0) {
        mb_log_error("standard output: cannot write");
        return MB_EXIT_IO;
    }
    return status;
}

static bool asks_a_server(const PdServerOptions *server)
{
    return server->server != NULL || server->accounts != NULL || server->accounts_file != NULL;
}

int pd_verify_main(int argc, char **argv)
{
    g_auto(PdServerOptions) server = {0};
    gboolean against = FALSE;
    gboolean json = FALSE;
    gboolean quiet = FALSE;
    const GOptionEntry entries[] = {
        {"against-server", 0, 0, G_OPTION_ARG_NONE, &against,
         "Also compare with what the server lists", NULL},
        PD_SERVER_ENTRIES(server),
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "The report as JSON lines", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    Printer printer = {0};
    g_autoptr(GPtrArray) chosen = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    switch (mb_option_parse(
        &argc, &argv, TOOL, MAILBATCH_VERSION, "ARCHIVE",
        "Reads everything back and says what is missing, changed or extra.",
        "Exit status 0: all is there, byte for byte; 65: something is not; with --against-server\n"
        "10: the server has messages that are not archived.",
        entries, 1, 1)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    if (!against && asks_a_server(&server))
        return mb_option_usage(TOOL, "a server is asked with --against-server only");
    chosen = against ? pd_server_choose(&server, &error) : NULL;
    if (chosen != NULL && chosen->len > 1)
        return mb_option_usage(TOOL, "an archive belongs to one account: name one");
    if (against && chosen == NULL)
        return error->code == MB_ERROR_USAGE ? mb_option_usage(TOOL, "%s", error->message)
                                             : mb_log_fail(error);
    printer.json = json;
    printer.line = g_string_new(NULL);
    status = run(argv[1], chosen != NULL ? chosen->pdata[0] : NULL, &printer, quiet);
    g_string_free(printer.line, TRUE);
    return status;
}
