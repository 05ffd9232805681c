#include <locale.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>

static const MbCommand commands[] = {
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
