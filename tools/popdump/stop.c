#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <mailbatch/base/error.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t signals;
static int ends[2] = {-1, -1};

static void on_signal(int number)
{
    int saved = errno;
    ssize_t ignored;

    (void)number;
    if (signals > 0)
        _exit(MB_EXIT_TEMPORARY);
    signals = 1;
    ignored = write(ends[1], "", 1);
    (void)ignored;
    errno = saved;
}

void pd_stop_watch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;

    if (ends[0] >= 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    /* nohup's word counts. */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}

bool pd_stop_asked(void)
{
    return signals > 0;
}

int pd_stop_descriptor(void)
{
    return ends[0];
}
