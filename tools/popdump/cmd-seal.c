#include "archive.h"
#include "commands.h"

#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>

#define TOOL "popdump seal"

int pd_seal_main(int argc, char **argv)
{
    g_autofree char *compress_name = NULL;
    const GOptionEntry entries[] = {
        {"compress", 0, 0, G_OPTION_ARG_STRING, &compress_name, "gzip, zstd, xz or none (gzip)",
         "KIND"},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    PdCompress compress = PD_COMPRESS_GZIP;
    g_autoptr(PdArchive) archive = NULL;
    g_autoptr(GError) error = NULL;
    const PdRecovery *recovery;

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "ARCHIVE",
                            "Closes and compresses the open segment now.", NULL, entries, 1, 1)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    if (compress_name != NULL && !pd_compress_from_name(compress_name, &compress))
        return mb_option_usage(TOOL, "--compress %s: neither gzip, zstd, xz nor none",
                               compress_name);
    archive = pd_archive_open_existing(argv[1], PD_OPEN_WRITE, &error);
    if (archive == NULL)
        return mb_log_fail(error);
    recovery = pd_archive_recovery(archive);
    for (guint i = 0; i < recovery->notes->len; i++)
        mb_log_warning("%s: %s", argv[1], (const char *)recovery->notes->pdata[i]);
    pd_archive_set_compress(archive, compress);
    if (!pd_archive_seal(archive, &error))
        return mb_log_fail(error);
    return recovery->lost > 0 || recovery->damaged > 0 ? MB_EXIT_DATA : MB_EXIT_OK;
}
