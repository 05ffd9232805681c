#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/text.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

MB_DEFINE_QUARK(mb_net_error)

gint64 mb_net_now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

int mb_net_wait(int descriptor, short events, gint64 deadline_ms)
{
    for (;;) {
        gint64 left = deadline_ms - mb_net_now_ms();
        struct pollfd entry = {.fd = descriptor, .events = events};
        int ready = poll(&entry, 1, left <= 0 ? 0 : (int)MIN(left, G_MAXINT));

        if (ready >= 0 || errno != EINTR)
            return ready;
    }
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (address->ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;

        return IN6_IS_ADDR_LOOPBACK(v6) ||
               (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
    }
    return address->ss_family == AF_UNIX;
}

static void learn_peer(MbStream *stream)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    char host[NI_MAXHOST];
    int on = 1;

    if (getpeername(stream->descriptor, (struct sockaddr *)&address, &length) != 0)
        return;
    stream->is_loopback = is_loopback(&address);
    if (getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), NULL, 0,
                    NI_NUMERICHOST) == 0)
        stream->peer_address = g_strdup(host);
    if (address.ss_family != AF_UNIX) {
        /* Whoever writes here writes whole groups: Nagle's delay would only cost round trips. */
        setsockopt(stream->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(stream->descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
}

MbStream *mb_stream_new_connected(int descriptor, const char *name)
{
    MbStream *stream = g_new0(MbStream, 1);
    int flags = fcntl(descriptor, F_GETFL);

    if (flags >= 0)
        fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    stream->descriptor = descriptor;
    stream->tls_timeout_ms = 30000;
    learn_peer(stream);
    if (name != NULL)
        stream->name = g_strdup(name);
    else
        stream->name = g_strdup(stream->peer_address != NULL ? stream->peer_address : "peer");
    return stream;
}

MbStream *mb_stream_new_take(int descriptor, const char *name)
{
    return mb_stream_new_connected(descriptor, name);
}

void mb_stream_free(MbStream *stream)
{
    if (stream == NULL)
        return;
    mb_tls_close(stream);
    close(stream->descriptor);
    g_free(stream->name);
    g_free(stream->peer_address);
    g_free(stream);
}

static MbIo connection_lost(MbStream *stream, int saved_errno, GError **error)
{
    g_set_error(error, MB_NET_ERROR, MB_ERROR_TEMPORARY, "%s: connection lost: %s", stream->name,
                g_strerror(saved_errno));
    return MB_IO_FAILED;
}

void mb_stream_be_eager(MbStream *stream)
{
    stream->eager = true;
}

/* The kernel forgets it with each answer. */
static void acknowledge(const MbStream *stream)
{
    int on = 1;

    setsockopt(stream->descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static bool would_block(int saved_errno)
{
    return saved_errno == EAGAIN || saved_errno == EWOULDBLOCK;
}

static MbIo plain_read(MbStream *stream, void *buffer, size_t size, size_t *got, GError **error)
{
    ssize_t length;

    do {
        length = recv(stream->descriptor, buffer, size, 0);
    } while (length < 0 && errno == EINTR);
    if (length < 0 && would_block(errno))
        return MB_IO_WAIT;
    if (length < 0) {
        stream->broken = true;
        return connection_lost(stream, errno, error);
    }
    if (length == 0) {
        stream->ended = true;
        return MB_IO_END;
    }
    *got = (size_t)length;
    return MB_IO_OK;
}

static MbIo plain_write(MbStream *stream, const struct iovec *parts, size_t count, size_t *wrote,
                        GError **error)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    ssize_t length;

    do {
        length = sendmsg(stream->descriptor, &message, MSG_NOSIGNAL);
    } while (length < 0 && errno == EINTR);
    if (length < 0 && would_block(errno))
        return MB_IO_WAIT;
    if (length < 0) {
        stream->mute = true;
        return connection_lost(stream, errno, error);
    }
    *wrote = (size_t)length;
    return length == 0 ? MB_IO_WAIT : MB_IO_OK;
}

static bool is_usable(const MbStream *stream, GError **error)
{
    if (!stream->broken && (stream->ssl == NULL || stream->handshake_done))
        return true;
    g_set_error(error, MB_NET_ERROR, MB_ERROR_TEMPORARY, "%s: connection is lost", stream->name);
    return false;
}

MbIo mb_stream_read(MbStream *stream, void *buffer, size_t size, size_t *got, GError **error)
{
    MbIo io;

    g_assert(size > 0);
    if (stream->ended)
        return MB_IO_END;
    if (!is_usable(stream, error))
        return MB_IO_FAILED;
    io = stream->ssl != NULL ? mb_tls_read(stream, buffer, size, got, error)
                             : plain_read(stream, buffer, size, got, error);
    if (io == MB_IO_OK)
        stream->used = true;
    if (io == MB_IO_WAIT && stream->eager)
        acknowledge(stream);
    return io;
}

MbIo mb_stream_write(MbStream *stream, const struct iovec *parts, size_t count, size_t *wrote,
                     GError **error)
{
    if (stream->mute)
        return connection_lost(stream, EPIPE, error);
    if (!is_usable(stream, error))
        return MB_IO_FAILED;
    if (stream->ssl != NULL)
        return mb_tls_write(stream, parts, count, wrote, error);
    return plain_write(stream, parts, count, wrote, error);
}

bool mb_stream_is_tls(const MbStream *stream)
{
    return stream->ssl != NULL && stream->handshake_done;
}

bool mb_stream_is_resumed(const MbStream *stream)
{
    return mb_stream_is_tls(stream) && SSL_session_reused(stream->ssl) == 1;
}

const char *mb_stream_tls_cipher(const MbStream *stream)
{
    return stream->cipher;
}

const char *mb_stream_peer_fingerprint(const MbStream *stream)
{
    return stream->fingerprint[0] != '\0' ? stream->fingerprint : NULL;
}

const char *mb_stream_name(const MbStream *stream)
{
    return stream->name;
}

const char *mb_stream_peer_address(const MbStream *stream)
{
    return stream->peer_address;
}

bool mb_stream_is_loopback(const MbStream *stream)
{
    return stream->is_loopback;
}

void mb_stream_end(MbStream *stream)
{
    mb_tls_say_end(stream);
    stream->mute = true;
    shutdown(stream->descriptor, SHUT_WR);
}

bool mb_stream_was_cut(const MbStream *stream)
{
    return stream->was_cut;
}

int mb_stream_descriptor(const MbStream *stream)
{
    return stream->descriptor;
}

short mb_stream_events(const MbStream *stream, bool want_read, bool want_write)
{
    short events = 0;

    if (stream->ssl != NULL && !stream->handshake_done)
        return stream->handshake_events;
    if (want_read)
        events |= stream->read_wants_write ? POLLOUT : POLLIN;
    if (want_write)
        events |= stream->write_wants_read ? POLLIN : POLLOUT;
    return events;
}

bool mb_stream_has_pending(const MbStream *stream)
{
    /* An end that was met behind data is still to be told, and no poll() will tell it. With
     * read-ahead, what is buffered may be a part of a record: only a read can tell. */
    return stream->ssl != NULL && stream->handshake_done &&
           (stream->ended || stream->broken ||
            (!stream->read_blocked && SSL_has_pending(stream->ssl) != 0));
}
