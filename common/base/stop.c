#include <mailbatch/base/stop.h>

static volatile sig_atomic_t asked;

static void ask(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

const volatile sig_atomic_t *mb_stop_watch(void)
{
    const struct sigaction action = {.sa_handler = ask, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return &asked;
}
