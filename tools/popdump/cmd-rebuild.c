#include "commands.h"
#include "rebuild.h"

#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>

#define TOOL "popdump rebuild"

int pd_rebuild_main(int argc, char **argv)
{
    gboolean quiet = FALSE;
    const GOptionEntry entries[] = {
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "Only warnings and errors", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    g_autoptr(PdArchive) archive = NULL;
    g_autoptr(GError) error = NULL;
    const PdRecovery *recovery;

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "ARCHIVE",
                            "Makes the catalog anew from the segments and the journal.",
                            "The old catalog stays as catalog.db.old.", entries, 1, 1)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    archive = pd_rebuild(argv[1], &error);
    if (archive == NULL)
        return mb_log_fail(error);
    recovery = pd_archive_recovery(archive);
    for (guint i = 0; i < recovery->notes->len; i++)
        mb_log_warning("%s: %s", argv[1], (const char *)recovery->notes->pdata[i]);
    if (!quiet)
        g_printerr("%" G_GUINT64_FORMAT " messages in the catalog\n", pd_archive_messages(archive));
    return recovery->damaged > 0 || recovery->lost > 0 ? MB_EXIT_DATA : MB_EXIT_OK;
}
