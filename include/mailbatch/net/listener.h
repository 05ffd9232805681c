/*
 * A listening socket.
 */
#pragma once

#include <glib.h>
#include <mailbatch/net/stream.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct MbListener MbListener;

/* `address` is "host:port", "[v6]:port" or ":port" (which is 127.0.0.1:port); port 0 takes a free
 * one. */
MbListener *mb_listener_new(const char *address, GError **error);
void mb_listener_free(MbListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbListener, mb_listener_free)

int mb_listener_descriptor(const MbListener *listener);

/* "127.0.0.1:40123": the address it is bound to. Borrowed. */
const char *mb_listener_address(const MbListener *listener);

/* The next connection; NULL without an error when none waits. */
MbStream *mb_listener_accept(MbListener *listener, GError **error);

G_END_DECLS
