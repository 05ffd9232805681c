/*
 * The loop: doors, connections, the delay. One thread.
 */
#pragma once

#include "session.h"
#include <mailbatch/net/listener.h>
#include <mailbatch/net/tls.h>

typedef struct MsServer MsServer;

/* Borrows `house` and `tls`. What a client says is heard `delay_ms` later, and so is its answer:
 * however many commands came together, their replies leave together. */
MsServer *ms_server_new(MsHouse *house, MbTls *tls, guint delay_ms, GError **error);
void ms_server_free(MsServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsServer, ms_server_free)

/* Opens a door; *bound is where, borrowed for the server's life. */
bool ms_server_listen(MsServer *server, MsProtocol protocol, bool tls_first, const char *address,
                      const char **bound, GError **error);

/* Serves until `stop` is readable. */
bool ms_server_run(MsServer *server, int stop, GError **error);
