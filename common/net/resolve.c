/*
 * Finding a host's addresses, with a deadline: getaddrinfo() has none and cannot be called off, so
 * it runs in a thread of its own, which is left behind when it takes too long.
 */
#include "internal.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>

typedef struct {
    atomic_int references; /* the asker's and the thread's */
    char *host;
    char *service;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool done;
    int code; /* getaddrinfo()'s */
    int saved_errno;
    struct addrinfo *list;
} Lookup;

static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

static Lookup *lookup_new(const char *host, const char *service)
{
    Lookup *lookup = g_new0(Lookup, 1);
    pthread_condattr_t attributes;

    atomic_init(&lookup->references, 2);
    lookup->host = g_strdup(host);
    lookup->service = g_strdup(service);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return lookup;
}

static void lookup_unref(Lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->references, 1) > 1)
        return;
    if (lookup->list != NULL)
        freeaddrinfo(lookup->list);
    pthread_cond_destroy(&lookup->changed);
    pthread_mutex_destroy(&lookup->lock);
    g_free(lookup->host);
    g_free(lookup->service);
    g_free(lookup);
}

static void *look_up(void *user)
{
    Lookup *lookup = user;
    struct addrinfo *list = NULL;
    int code = getaddrinfo(lookup->host, lookup->service, &hints, &list);
    int saved_errno = errno;

    pthread_mutex_lock(&lookup->lock);
    lookup->code = code;
    lookup->saved_errno = saved_errno;
    lookup->list = code == 0 ? list : NULL;
    lookup->done = true;
    pthread_cond_signal(&lookup->changed);
    pthread_mutex_unlock(&lookup->lock);
    lookup_unref(lookup);
    return NULL;
}

/* Signals are for the threads that expect them. */
static void start(Lookup *lookup)
{
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, look_up, lookup) == 0)
        pthread_detach(thread);
    else
        look_up(lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Localhost is this machine whatever a resolver would say, and where there is none (RFC 6761, 6.3).
 */
static bool is_localhost(const char *host)
{
    static const char suffix[] = ".localhost";
    size_t length = strlen(host);

    return g_ascii_strcasecmp(host, suffix + 1) == 0 ||
           (length >= sizeof suffix &&
            g_ascii_strcasecmp(host + length - strlen(suffix), suffix) == 0);
}

int mb_net_resolve(const char *host, const char *service, guint timeout_ms, struct addrinfo **list)
{
    struct addrinfo numeric = hints;
    gint64 until = mb_net_now_ms() + timeout_ms;
    const struct timespec deadline = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
    Lookup *lookup;
    int code = EAI_SYSTEM;

    numeric.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(host, service, &numeric, list) == 0)
        return 0;
    /* No name, and not to listen: the loopback addresses of both families. */
    if (is_localhost(host))
        return getaddrinfo(NULL, service, &hints, list);
    lookup = lookup_new(host, service);
    start(lookup);
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->done &&
           pthread_cond_timedwait(&lookup->changed, &lookup->lock, &deadline) != ETIMEDOUT)
        ;
    errno = ETIMEDOUT;
    if (lookup->done) {
        code = lookup->code;
        *list = g_steal_pointer(&lookup->list);
        errno = lookup->saved_errno;
    }
    pthread_mutex_unlock(&lookup->lock);
    int saved_errno = errno;
    lookup_unref(lookup);
    errno = saved_errno;
    return code;
}
