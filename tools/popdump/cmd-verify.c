#include "commands.h"
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

static void print_finding(void *user, PdFinding finding, const char *object, const char *detail)
{
    Printer *printer = user;
    MbJson json;

    g_string_truncate(printer->line, 0);
    if (printer->json) {
        mb_json_init(&json, printer->line);
        mb_json_begin_map(&json);
        mb_json_put_string(&json, "finding", pd_finding_name(finding));
        mb_json_put_string(&json, "object", object);
        mb_json_put_string(&json, "detail", detail);
        mb_json_end_map(&json);
    } else {
        g_string_append_printf(printer->line, "%s: %s: %s", pd_finding_name(finding), object,
                               detail);
    }
    puts(printer->line->str);
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

int pd_verify_main(int argc, char **argv)
{
    gboolean json = FALSE;
    gboolean quiet = FALSE;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "The report as JSON lines", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    Printer printer = {0};
    PdVerifyOptions options = {print_finding, show_progress, &printer};
    PdVerifySummary summary;
    g_autoptr(GError) error = NULL;
    bool good;

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "ARCHIVE",
                            "Reads everything back and says what is missing, changed or extra.",
                            "Exit status 0: all is there, byte for byte; 65: something is not.",
                            entries, 1, 1)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    printer.json = json;
    printer.line = g_string_new(NULL);
    printer.progress = quiet ? NULL : mb_progress_new("messages", 0);
    good = pd_verify(argv[1], &options, &summary, &error);
    mb_progress_free(printer.progress);
    if (good)
        print_summary(&printer, &summary);
    g_string_free(printer.line, TRUE);
    if (!good)
        return mb_log_fail(error);
    if (ferror(stdout) || fflush(stdout) != 0) {
        mb_log_error("standard output: cannot write");
        return MB_EXIT_IO;
    }
    return problems(&summary) == 0 ? MB_EXIT_OK : MB_EXIT_DATA;
}
