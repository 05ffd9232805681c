#include "commands.h"

#include <locale.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>

static const MbCommand commands[] = {
    {"fetch", "[OPTION]... ARCHIVE", "fetch what is not yet archived", pd_fetch_main},
    {"list", "[OPTION]... ARCHIVE", "what is archived", pd_list_main},
    {"verify", "[OPTION]... ARCHIVE", "whether all of it is there, byte for byte", pd_verify_main},
    {"extract", "[OPTION]... ARCHIVE [MEMBER]...", "messages as files, mbox or Maildir",
     pd_extract_main},
    {"seal", "ARCHIVE", "close and compress the open segment now", pd_seal_main},
    {"rebuild", "ARCHIVE", "make the catalog anew from the segments", pd_rebuild_main},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    mb_log_init("popdump");
    return mb_command_main(argc, argv, "popdump", MAILBATCH_VERSION,
                           "Archives POP3 mailboxes to tar: a backup that can be proven.\n"
                           "'popdump COMMAND --help' says more; so does popdump(1).",
                           commands);
}
