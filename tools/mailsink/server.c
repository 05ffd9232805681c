#include "server-internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_AT_ONCE  64
#define ACCEPTS_AT_ONCE 64

static void free_door(gpointer data)
{
    MsDoor *door = data;

    mb_listener_free(door->listener);
    g_free(door);
}

static bool fail(GError **error, const char *what)
{
    g_set_error(error, MS_ERROR, MB_ERROR_INTERNAL, "%s: %s", what, g_strerror(errno));
    return false;
}

MsServer *ms_server_new(MsHouse *house, MbTls *tls, guint delay_ms, GError **error)
{
    MsServer *server;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0) {
        fail(error, "cannot watch connections");
        return NULL;
    }
    server = g_new0(MsServer, 1);
    server->house = house;
    server->tls = tls;
    server->delay = (gint64)delay_ms * 1000;
    server->epoll = epoll;
    server->doors = g_ptr_array_new_with_free_func(free_door);
    server->connections = g_hash_table_new(NULL, NULL);
    server->buffer = g_malloc(MS_READ_SIZE);
    g_queue_init(&server->chunks);
    g_queue_init(&server->lingering);
    g_queue_init(&server->dripping);
    return server;
}

void ms_server_free(MsServer *server)
{
    g_autoptr(GList) connections = NULL;

    if (server == NULL)
        return;
    server->doors_shut = false;
    connections = g_hash_table_get_keys(server->connections);
    for (GList *next = connections; next != NULL; next = next->next)
        ms_connection_free(next->data);
    g_hash_table_unref(server->connections);
    g_queue_clear_full(&server->chunks, g_free);
    g_ptr_array_unref(server->doors);
    close(server->epoll);
    g_free(server->buffer);
    g_free(server);
}

static bool watch_door(MsServer *server, MsDoor *door)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = door};

    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, mb_listener_descriptor(door->listener),
                     &event) == 0;
}

bool ms_server_listen(MsServer *server, MsProtocol protocol, bool tls_first, const char *address,
                      const char **bound, GError **error)
{
    MbListener *listener = mb_listener_new(address, error);
    MsDoor *door;

    if (listener == NULL)
        return false;
    door = g_new0(MsDoor, 1);
    door->source = MS_SOURCE_DOOR;
    door->listener = listener;
    door->protocol = protocol;
    door->tls_first = tls_first;
    g_ptr_array_add(server->doors, door);
    *bound = mb_listener_address(listener);
    return watch_door(server, door) || fail(error, "cannot watch a door");
}

/* Out of descriptors: nobody else is let in until somebody has left. */
static void shut_doors(MsServer *server, const char *why)
{
    if (server->house->complain != NULL)
        server->house->complain(why);
    server->doors_shut = true;
    for (guint i = 0; i < server->doors->len; i++) {
        MsDoor *door = server->doors->pdata[i];

        epoll_ctl(server->epoll, EPOLL_CTL_DEL, mb_listener_descriptor(door->listener), NULL);
    }
}

void ms_server_open_doors(MsServer *server)
{
    if (!server->doors_shut)
        return;
    server->doors_shut = false;
    for (guint i = 0; i < server->doors->len; i++)
        watch_door(server, server->doors->pdata[i]);
}

static void let_in(MsServer *server, MsDoor *door)
{
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        g_autoptr(GError) error = NULL;
        MbStream *stream = mb_listener_accept(door->listener, &error);

        if (error != NULL)
            shut_doors(server, error->message);
        if (stream == NULL)
            return;
        ms_connection_new(server, stream, door);
    }
}

/* Milliseconds until something is due, -1 when nothing is. */
static int time_left(const MsServer *server)
{
    const MsChunk *chunk = g_queue_peek_head((GQueue *)&server->chunks);
    const MsConnection *connection = g_queue_peek_head((GQueue *)&server->lingering);
    gint64 due = G_MAXINT64;
    gint64 left;

    if (chunk != NULL)
        due = chunk->due;
    if (connection != NULL)
        due = MIN(due, connection->linger_until);
    for (const GList *next = server->dripping.head; next != NULL; next = next->next)
        due = MIN(due, ((const MsConnection *)next->data)->next_octet);
    if (due == G_MAXINT64)
        return -1;
    left = due - g_get_monotonic_time();
    return left <= 0 ? 0 : (int)MIN((left + 999) / 1000, 60000);
}

static void do_what_is_due(MsServer *server)
{
    gint64 now = g_get_monotonic_time();
    MsChunk *chunk;
    MsConnection *connection;

    while ((chunk = g_queue_peek_head(&server->chunks)) != NULL && chunk->due <= now) {
        g_queue_pop_head(&server->chunks);
        if (chunk->connection != NULL)
            ms_connection_on_due(chunk->connection, chunk);
        g_free(chunk);
    }
    while ((connection = g_queue_peek_head(&server->lingering)) != NULL &&
           connection->linger_until <= now)
        ms_connection_free(connection);
    /* Each is taken out, and stands at the end again when another octet waits. */
    for (guint left = server->dripping.length; left > 0 && server->dripping.length > 0; left--) {
        connection = g_queue_peek_head(&server->dripping);
        if (connection->next_octet <= now) {
            ms_connection_on_drip(connection);
        } else {
            g_queue_pop_head(&server->dripping);
            g_queue_push_tail(&server->dripping, connection);
        }
    }
}

/* False when it is time to stop. */
static bool handle(MsServer *server, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        MsSource *source = events[i].data.ptr;

        if (*source == MS_SOURCE_STOP)
            return false;
        if (*source == MS_SOURCE_DOOR)
            let_in(server, (MsDoor *)source);
        else
            ms_connection_on_event((MsConnection *)source);
    }
    return true;
}

bool ms_server_run(MsServer *server, int stop, GError **error)
{
    MsSource stop_source = MS_SOURCE_STOP;
    struct epoll_event stop_event = {.events = EPOLLIN, .data.ptr = &stop_source};
    struct epoll_event events[EVENTS_AT_ONCE];
    bool running;
    int count;

    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, stop, &stop_event) != 0)
        return fail(error, "cannot watch for signals");
    do {
        do {
            count = epoll_wait(server->epoll, events, EVENTS_AT_ONCE, time_left(server));
        } while (count < 0 && errno == EINTR);
        if (count < 0)
            return fail(error, "cannot wait for connections");
        running = handle(server, events, count);
        do_what_is_due(server);
    } while (running);
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, stop, NULL);
    return true;
}
