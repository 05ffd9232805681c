/*
 * What loop (server.c) and connection (connection.c) share.
 */
#pragma once

#include "server.h"

/* What an event of epoll belongs to; the first member of each. */
typedef enum {
    MS_SOURCE_STOP,
    MS_SOURCE_DOOR,
    MS_SOURCE_CONNECTION,
} MsSource;

typedef struct {
    MsSource source;
    MbListener *listener;
    MsProtocol protocol;
    bool tls_first;
} MsDoor;

typedef struct {
    MsSource source;
    MsServer *server;
    MbStream *stream;
    MsSession *session;
    bool handshaking;
    bool tls_first; /* greet after the handshake */
    bool ended;     /* the client says nothing more */
    bool lingering; /* our end was said; what still comes is thrown away */
    bool write_blocked;
    gint64 next_octet;   /* µs; of a session that drips: nothing is written before */
    gint64 linger_until; /* µs */
    GByteArray *pending; /* heard, but not yet taken by the session */
    size_t sent;         /* octets of session->out that are with the kernel */
    guint delayed;       /* chunks that wait for their time */
    size_t delayed_octets;
    uint32_t events; /* what epoll watches */
} MsConnection;

/* What a connection will hear when its time has come. */
typedef struct {
    MsConnection *connection; /* NULL: it is gone */
    gint64 due;               /* µs */
    size_t length;            /* 0: greet */
    char bytes[];
} MsChunk;

struct MsServer {
    MsHouse *house;
    MbTls *tls;
    gint64 delay; /* µs */
    int epoll;
    GPtrArray *doors;
    GHashTable *connections;
    GQueue chunks;    /* in the order of their time */
    GQueue lingering; /* the same */
    GQueue dripping;  /* connections with an octet that waits for its time */
    char *buffer;
    bool doors_shut; /* no descriptors left: nobody is accepted */
};

#define MS_READ_SIZE   ((size_t)256 * 1024)
#define MS_PENDING_MAX ((size_t)64 * 1024 * 1024) /* heard and delayed */
#define MS_LINGER_TIME ((gint64)2 * G_USEC_PER_SEC)

void ms_connection_new(MsServer *server, MbStream *stream, const MsDoor *door);
void ms_connection_free(MsConnection *connection);
/* They may free it. */
void ms_connection_on_event(MsConnection *connection);
void ms_connection_on_due(MsConnection *connection, const MsChunk *chunk);
/* The next octet of one that drips may go. */
void ms_connection_on_drip(MsConnection *connection);

void ms_server_open_doors(MsServer *server);
