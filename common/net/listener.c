#include "internal.h"

#include <errno.h>
#include <mailbatch/base/text.h>
#include <mailbatch/net/listener.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct MbListener {
    int descriptor;
    char *address;
};

/* Splits "host:port", "[v6]:port" or ":port"; false when it is none of these. */
static bool split_address(const char *address, char **host, char **port)
{
    const char *colon = strrchr(address, ':');
    size_t length;

    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 || g_ascii_strtoull(colon + 1, NULL, 10) > 65535)
        return false;
    length = (size_t)(colon - address);
    if (length == 0) {
        *host = g_strdup("127.0.0.1");
    } else if (address[0] == '[') {
        if (length < 3 || address[length - 1] != ']')
            return false;
        *host = g_strndup(address + 1, length - 2);
    } else {
        if (memchr(address, ':', length) != NULL)
            return false;
        *host = g_strndup(address, length);
    }
    *port = g_strdup(colon + 1);
    return true;
}

static int bind_one(const struct addrinfo *address)
{
    int on = 1;
    int descriptor =
        socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(descriptor, address->ai_addr, address->ai_addrlen) != 0 ||
        listen(descriptor, SOMAXCONN) != 0) {
        int saved = errno;

        close(descriptor);
        errno = saved;
        return -1;
    }
    return descriptor;
}

static char *bound_address(int descriptor)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];

    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0 ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return g_strdup("?");
    return g_strdup_printf(address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

MbListener *mb_listener_new(const char *address, GError **error)
{
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;
    g_autofree char *shown = mb_text_printable(address, strlen(address));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    MbListener *listener;
    int descriptor = -1;
    int code;

    if (!split_address(address, &host, &port)) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_USAGE,
                    "%s: not an address to listen on: give host:port, [v6]:port or :port", shown);
        return NULL;
    }
    code = getaddrinfo(host, port, &hints, &list);
    if (code != 0) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE, "%s: cannot find the host: %s",
                    shown, code == EAI_SYSTEM ? g_strerror(errno) : gai_strerror(code));
        return NULL;
    }
    for (const struct addrinfo *next = list; next != NULL && descriptor < 0; next = next->ai_next)
        descriptor = bind_one(next);
    if (descriptor < 0)
        g_set_error(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE, "%s: cannot listen: %s", shown,
                    g_strerror(errno));
    freeaddrinfo(list);
    if (descriptor < 0)
        return NULL;
    listener = g_new0(MbListener, 1);
    listener->descriptor = descriptor;
    listener->address = bound_address(descriptor);
    return listener;
}

void mb_listener_free(MbListener *listener)
{
    if (listener == NULL)
        return;
    close(listener->descriptor);
    g_free(listener->address);
    g_free(listener);
}

int mb_listener_descriptor(const MbListener *listener)
{
    return listener->descriptor;
}

const char *mb_listener_address(const MbListener *listener)
{
    return listener->address;
}

/* A connection that was reset while it waited is nobody's error (accept(2), "Error handling"). */
static bool is_passing(int saved_errno)
{
    static const int passing[] = {EINTR,     ECONNABORTED, EPROTO,     ENETDOWN,     ENOPROTOOPT,
                                  EHOSTDOWN, ENONET,       EOPNOTSUPP, EHOSTUNREACH, ENETUNREACH};

    for (size_t i = 0; i < G_N_ELEMENTS(passing); i++)
        if (passing[i] == saved_errno)
            return true;
    return false;
}

MbStream *mb_listener_accept(MbListener *listener, GError **error)
{
    for (;;) {
        int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (descriptor >= 0)
            return mb_stream_new_connected(descriptor, NULL);
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return NULL;
        if (is_passing(errno))
            continue;
        g_set_error(error, MB_NET_ERROR, mb_code_of_errno(errno),
                    "%s: cannot accept a connection: %s", listener->address, g_strerror(errno));
        return NULL;
    }
}
