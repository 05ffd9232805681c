#include "commands.h"
#include "extract.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define TOOL "popdump extract"

static void show_progress(void *user, uint64_t messages, uint64_t bytes)
{
    if (user != NULL)
        mb_progress_update(user, messages, bytes);
}

static bool parse_format(const char *name, PdExtractFormat *format)
{
    static const char *const names[] = {"eml", "mbox", "maildir"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *format = (PdExtractFormat)i;
            return true;
        }
    }
    return false;
}

static int run(const char *path, PdExtractOptions *options, bool quiet)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PdArchive) archive = pd_archive_open_existing(path, PD_OPEN_READ, &error);
    g_autoptr(MbProgress) progress = NULL;
    g_autoptr(GPtrArray) failed = NULL;
    g_autofree char *size = NULL;
    PdExtractSummary summary;
    bool good;

    if (archive == NULL)
        return mb_log_fail(error);
    progress = quiet ? NULL : mb_progress_new("messages", 0);
    options->progress = show_progress;
    options->user = progress;
    good = pd_extract(archive, options, &summary, &error);
    g_clear_pointer(&progress, mb_progress_free);
    failed = summary.failed;
    for (guint i = 0; i < failed->len; i++)
        mb_log_error("%s", (const char *)failed->pdata[i]);
    if (!good)
        return mb_log_fail(error);
    size = mb_text_format_size(summary.bytes);
    if (!quiet)
        fprintf(stderr, "%" G_GUINT64_FORMAT " messages, %s, into %s\n", summary.messages, size,
                options->to);
    return failed->len == 0 ? MB_EXIT_OK : MB_EXIT_DATA;
}

int pd_extract_main(int argc, char **argv)
{
    g_autofree char *to = NULL;
    g_autofree char *format = NULL;
    gboolean quiet = FALSE;
    const GOptionEntry entries[] = {
        {"to", 0, 0, G_OPTION_ARG_FILENAME, &to, "Folder to write into (.)", "DIR"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &format, "eml, mbox or maildir (eml)", "FORMAT"},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress, no summary", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    PdExtractOptions options = {.format = PD_EXTRACT_EML};

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "ARCHIVE [MEMBER]...",
                            "Writes messages as files, as an mbox or as a Maildir.",
                            "MEMBER is a name as 'popdump list' shows it, or its number; without "
                            "one, all.",
                            entries, 1, -1)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    if (format != NULL && !parse_format(format, &options.format))
        return mb_option_usage(TOOL, "--format %s: neither eml, mbox nor maildir", format);
    options.to = to != NULL ? to : ".";
    options.members = (const char *const *)argv + 2;
    return run(argv[1], &options, quiet);
}
