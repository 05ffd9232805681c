#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

static atomic_int wake_descriptor = -1;
static atomic_int count;

static void on_signal(int number)
{
    static const uint64_t one = 1;
    int saved = errno;
    int descriptor = atomic_load(&wake_descriptor);

    if (number == SIGHUP && atomic_load(&count) > 0)
        return;
    atomic_fetch_add(&count, 1);
    if (descriptor >= 0 && write(descriptor, &one, sizeof one) < 0)
        errno = saved;
    errno = saved;
}

void mm_interrupt_begin(int descriptor)
{
    struct sigaction before, action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    atomic_store(&count, 0);
    atomic_store(&wake_descriptor, descriptor);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* nohup's word counts. */
    sigaction(SIGHUP, NULL, &before);
    if (before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}

int mm_interrupt_count(void)
{
    return atomic_load(&count);
}

void mm_interrupt_end(void)
{
    atomic_store(&wake_descriptor, -1);
}
