#include "server-internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static uint32_t epoll_events(short events)
{
    return ((events & POLLIN) != 0 ? (uint32_t)EPOLLIN : 0U) |
           ((events & POLLOUT) != 0 ? (uint32_t)EPOLLOUT : 0U);
}

/* What is worth being woken for. */
static uint32_t wanted_events(const MsConnection *connection)
{
    const MsSession *session = connection->session;
    bool reading = !connection->ended && connection->pending->len == 0 &&
                   connection->delayed_octets < MS_PENDING_MAX &&
                   (session->wish == MS_WISH_NONE || connection->lingering);
    bool writing = !connection->lingering && session->out->len > connection->sent &&
                   connection->next_octet == 0;

    return epoll_events(mb_stream_events(connection->stream, reading, writing));
}

static void watch(MsConnection *connection)
{
    struct epoll_event event = {.events = wanted_events(connection), .data.ptr = connection};

    if (event.events == connection->events)
        return;
    connection->events = event.events;
    epoll_ctl(connection->server->epoll, EPOLL_CTL_MOD, mb_stream_descriptor(connection->stream),
              &event);
}

void ms_connection_free(MsConnection *connection)
{
    MsServer *server = connection->server;

    if (connection->lingering)
        g_queue_remove(&server->lingering, connection);
    if (connection->next_octet != 0)
        g_queue_remove(&server->dripping, connection);
    for (GList *next = server->chunks.head; connection->delayed > 0 && next != NULL;
         next = next->next) {
        MsChunk *chunk = next->data;

        if (chunk->connection != connection)
            continue;
        chunk->connection = NULL;
        connection->delayed--;
    }
    g_hash_table_remove(server->connections, connection);
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, mb_stream_descriptor(connection->stream), NULL);
    mb_stream_free(connection->stream);
    ms_session_free(connection->session);
    g_byte_array_unref(connection->pending);
    g_free(connection);
    ms_server_open_doors(server);
}

/* As if the line broke: TLS says no goodbye. */
static void drop(MsConnection *connection)
{
    shutdown(mb_stream_descriptor(connection->stream), SHUT_RDWR);
    ms_connection_free(connection);
}

/* Says the end, then waits for the client's: closing while octets are unread would reset the
 * connection, and could take the last reply from the client. */
static void linger(MsConnection *connection)
{
    connection->lingering = true;
    connection->linger_until = g_get_monotonic_time() + MS_LINGER_TIME;
    g_byte_array_set_size(connection->pending, 0);
    g_queue_push_tail(&connection->server->lingering, connection);
    mb_stream_end(connection->stream);
}

static void wait_for_next_octet(MsConnection *connection)
{
    guint pause_ms = connection->session->drip_ms;

    if (pause_ms == 0)
        return;
    connection->next_octet = g_get_monotonic_time() + (gint64)pause_ms * 1000;
    g_queue_push_tail(&connection->server->dripping, connection);
}

/* Writes what the session said, as far as the kernel takes it. False when the connection is lost.
 */
static bool flush(MsConnection *connection)
{
    const MsSession *session = connection->session;
    GString *out = session->out;

    while (out->len > connection->sent && connection->next_octet == 0) {
        struct iovec part = {.iov_base = out->str + connection->sent,
                             .iov_len = session->drips ? 1 : out->len - connection->sent};
        size_t wrote = 0;
        MbIo io = mb_stream_write(connection->stream, &part, 1, &wrote, NULL);

        if (io == MB_IO_WAIT) {
            connection->write_blocked = true;
            g_string_erase(out, 0, (gssize)connection->sent);
            connection->sent = 0;
            return true;
        }
        if (io != MB_IO_OK)
            return false;
        connection->sent += wrote;
        if (session->drips)
            wait_for_next_octet(connection);
    }
    g_string_erase(out, 0, (gssize)connection->sent);
    connection->sent = 0;
    return true;
}

/* Gives the session what it has not taken yet. True when it took or said something. */
static bool feed_pending(MsConnection *connection)
{
    MsSession *session = connection->session;
    size_t said = session->out->len;
    size_t taken = 0;

    if (session->endless != NULL)
        while (session->out->len < MS_OUT_FULL)
            g_string_append_len(session->out, session->endless->str, (gssize)session->endless->len);
    else if (session->ops->produce != NULL && session->wish == MS_WISH_NONE)
        session->ops->produce(session);
    if (connection->pending->len > 0 && session->wish == MS_WISH_NONE)
        taken = session->ops->input(session, connection->pending->data, connection->pending->len);
    if (taken > 0)
        g_byte_array_remove_range(connection->pending, 0, (guint)taken);
    return taken > 0 || session->out->len > said || session->wish != MS_WISH_NONE;
}

static bool step_handshake(MsConnection *connection);

/* What is to be done once everything said is written. False when the connection is gone. */
static bool grant_wish(MsConnection *connection)
{
    MsSession *session = connection->session;
    MsWish wish = session->wish;

    if (wish == MS_WISH_NONE) {
        bool over = connection->ended && connection->pending->len == 0 && connection->delayed == 0;

        if (over)
            ms_connection_free(connection);
        return !over;
    }
    if (wish == MS_WISH_CLOSE && !connection->ended) {
        linger(connection);
        return true;
    }
    if (wish == MS_WISH_CLOSE) {
        ms_connection_free(connection);
        return false;
    }
    /* After STARTTLS nothing may have been said before its reply (RFC 3207, 6). */
    if (wish == MS_WISH_DROP || connection->pending->len > 0 || connection->delayed > 0) {
        drop(connection);
        return false;
    }
    session->wish = MS_WISH_NONE;
    connection->handshaking = true;
    return step_handshake(connection);
}

/* Moves on as far as it goes without waiting. False when the connection is gone. */
static bool advance(MsConnection *connection)
{
    MsSession *session = connection->session;

    connection->write_blocked = false;
    if (connection->handshaking)
        return true;
    do {
        if (!flush(connection)) {
            ms_connection_free(connection);
            return false;
        }
    } while (!connection->write_blocked && connection->next_octet == 0 &&
             !connection->handshaking && feed_pending(connection) &&
             (session->out->len > 0 || session->wish == MS_WISH_NONE));
    if (session->out->len == 0 && !connection->lingering && !connection->handshaking &&
        !grant_wish(connection))
        return false;
    return true;
}

static void push_chunk(MsConnection *connection, const char *bytes, size_t length)
{
    MsServer *server = connection->server;
    MsChunk *chunk = g_malloc(sizeof(MsChunk) + length);

    chunk->connection = connection;
    chunk->due = g_get_monotonic_time() + server->delay;
    chunk->length = length;
    if (length > 0)
        memcpy(chunk->bytes, bytes, length);
    g_queue_push_tail(&server->chunks, chunk);
    connection->delayed++;
    connection->delayed_octets += length;
}

/* The session hears it now, or later when it has to finish something first. */
static void hear(MsConnection *connection, const char *bytes, size_t length)
{
    MsSession *session = connection->session;
    size_t taken = 0;

    if (connection->pending->len == 0 && session->wish == MS_WISH_NONE)
        taken = session->ops->input(session, bytes, length);
    if (taken < length && session->wish != MS_WISH_CLOSE && session->wish != MS_WISH_DROP)
        g_byte_array_append(connection->pending, (const guint8 *)bytes + taken,
                            (guint)(length - taken));
}

static void greet(MsConnection *connection)
{
    if (connection->server->delay > 0)
        push_chunk(connection, NULL, 0);
    else
        connection->session->ops->greet(connection->session);
}

static bool step_handshake(MsConnection *connection)
{
    MbIo io = mb_stream_accept_tls(connection->stream, connection->server->tls, NULL);

    if (io == MB_IO_WAIT)
        return true;
    if (io != MB_IO_OK) {
        ms_connection_free(connection);
        return false;
    }
    connection->handshaking = false;
    if (connection->tls_first) {
        connection->tls_first = false;
        greet(connection);
    } else {
        connection->session->ops->secured(connection->session);
    }
    return true;
}

/* False when the connection is gone. */
static bool read_some(MsConnection *connection)
{
    MsServer *server = connection->server;
    size_t got = 0;
    MbIo io;

    io = mb_stream_read(connection->stream, server->buffer, MS_READ_SIZE, &got, NULL);
    if (io == MB_IO_WAIT)
        return true;
    if (io == MB_IO_FAILED || (io == MB_IO_END && connection->lingering)) {
        ms_connection_free(connection);
        return false;
    }
    if (io == MB_IO_END)
        connection->ended = true;
    else if (connection->lingering)
        return true;
    else if (server->delay > 0)
        push_chunk(connection, server->buffer, got);
    else
        hear(connection, server->buffer, got);
    return true;
}

/* Moves on, and reads what TLS holds already: epoll does not know of it. */
static void go_on(MsConnection *connection)
{
    for (;;) {
        if (!connection->lingering && !advance(connection))
            return;
        if (connection->handshaking || (wanted_events(connection) & EPOLLIN) == 0 ||
            !mb_stream_has_pending(connection->stream))
            break;
        if (!read_some(connection))
            return;
    }
    watch(connection);
}

void ms_connection_on_event(MsConnection *connection)
{
    if (connection->handshaking && !step_handshake(connection))
        return;
    if (!connection->handshaking && (wanted_events(connection) & EPOLLIN) != 0 &&
        !read_some(connection))
        return;
    go_on(connection);
}

void ms_connection_on_due(MsConnection *connection, const MsChunk *chunk)
{
    connection->delayed--;
    connection->delayed_octets -= chunk->length;
    if (connection->lingering)
        return;
    if (chunk->length == 0)
        connection->session->ops->greet(connection->session);
    else
        hear(connection, chunk->bytes, chunk->length);
    go_on(connection);
}

void ms_connection_on_drip(MsConnection *connection)
{
    g_queue_remove(&connection->server->dripping, connection);
    connection->next_octet = 0;
    go_on(connection);
}

void ms_connection_new(MsServer *server, MbStream *stream, const MsDoor *door)
{
    MsConnection *connection = g_new0(MsConnection, 1);
    struct epoll_event event = {.data.ptr = connection};
    bool goes_on;

    connection->source = MS_SOURCE_CONNECTION;
    connection->server = server;
    connection->stream = stream;
    connection->pending = g_byte_array_new();
    connection->session = door->protocol == MS_SMTP
                              ? ms_smtp_session_new(server->house, door->tls_first)
                              : ms_pop3_session_new(server->house, door->tls_first);
    g_hash_table_add(server->connections, connection);
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, mb_stream_descriptor(stream), &event);
    goes_on = ms_session_connect(connection->session);
    if (goes_on && door->tls_first) {
        connection->tls_first = true;
        connection->handshaking = true;
        if (!step_handshake(connection))
            return;
    } else if (goes_on) {
        greet(connection);
    }
    go_on(connection);
}
