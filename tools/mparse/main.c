#include "options.h"
#include "run.h"

#include <locale.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/log.h>

int main(int argc, char **argv)
{
    MpOptions options;
    MbParsed parsed;
    int status;

    setlocale(LC_ALL, "");
    mb_log_init("mparse");
    parsed = mp_options_parse(&argc, &argv, &options);
    if (parsed == MB_PARSED_RUN)
        status = mp_run(&options);
    else
        status = parsed == MB_PARSED_DONE ? MB_EXIT_OK : MB_EXIT_USAGE;
    mp_options_clear(&options);
    return status;
}
