#include "commands.h"

#include <locale.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>

static const MbCommand commands[] = {
    {"preview", "TEMPLATE CSV", "show messages as they would go out", mm_preview_main},
    {"check", "TEMPLATE CSV", "examine the whole list, without a network", mm_check_main},
    {"send", "TEMPLATE CSV", "send every row that the ledger does not hold as done", mm_send_main},
    {"status", "LEDGER", "say who was mailed, and who was not", mm_status_main},
    {"resolve", "LEDGER", "settle what is in doubt", mm_resolve_main},
    {"bounces", "LEDGER MAIL…", "mark what came back, and print whom to suppress", mm_bounces_main},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    mb_log_init("mmerge");
    return mb_command_main(argc, argv, "mmerge", MAILBATCH_VERSION,
                           "Mail merge over SMTP: nobody twice, nobody skipped in silence.",
                           commands);
}
