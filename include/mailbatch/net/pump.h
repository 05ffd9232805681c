/*
 * The pump moves bytes between a session (which does no I/O) and a stream, so that reading always
 * goes on while writing is blocked: a full window can never dead-lock.
 *
 * The owner loops: mb_pump_step(), then the session's next_event() until there is none. A step
 * calls input() at most once, and the bytes it hands over stay valid until the next step: events
 * may point into them.
 */
#pragma once

#include <glib.h>
#include <mailbatch/net/stream.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* A session as the pump sees it. */
typedef struct {
    /* Bytes from the peer; valid until the next step. */
    void (*input)(void *session, const void *bytes, size_t length);
    /* No more will come. `cut` as in mb_stream_was_cut(); true too when the connection was lost. */
    void (*input_end)(void *session, bool cut);
    /* What to write next: fills up to `max` parts, returns how many (0: nothing now). Stays valid
     * until wrote(). */
    size_t (*output)(void *session, struct iovec *parts, size_t max);
    /* The first `length` bytes of that are with the kernel now. */
    void (*wrote)(void *session, size_t length);
    /* Whether the session can take more input now; NULL: always. */
    bool (*wants_input)(void *session);
    /* Whether an answer is outstanding; NULL: always. While none is, no clock runs. */
    bool (*expects)(void *session);
} MbSessionOps;

typedef struct {
    guint idle_ms;           /* longest silence while something is expected (300,000) */
    guint64 min_bytes_per_s; /* averaged over a minute of waiting for input: less is a time-out (0:
                                off) */
    guint throughput_ms;     /* what that is averaged over instead of a minute (0: 60,000) */
    /* Called before each write with the number of octets, from the front of what output() gave,
     * that the kernel may take by it; NULL: not called. It may be called again for octets that the
     * kernel did not take. False stops the pump with MB_ERROR_IO: nothing of it is written. */
    bool (*before_write)(void *user, size_t length);
    void *user;
} MbPumpOptions;

typedef struct MbPump MbPump;

/* Borrows everything; the stream may be exchanged for none. `options` NULL: the defaults. */
MbPump *mb_pump_new(MbStream *stream, void *session, const MbSessionOps *ops,
                    const MbPumpOptions *options);
void mb_pump_free(MbPump *pump);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbPump, mb_pump_free)

/* Writes what the session has, reads what has come, and waits at most `wait_ms` (-1: as long as
 * idle_ms allows) when there is neither; `wake` (-1: none) is a descriptor that ends the wait when
 * readable. MB_NEXT: go on; MB_END: the peer has closed, input_end() was called; MB_FAILED: lost or
 * timed out (input_end(cut) was called too; time-outs are MB_ERROR_TEMPORARY). */
MbNext mb_pump_step(MbPump *pump, int wait_ms, int wake, GError **error);

/* Writes what the session has, as much of it as the kernel takes now, and reads nothing: before
 * work that the peer need not wait for. A failure is the next step's. */
void mb_pump_flush(MbPump *pump);

/* Restarts the idle clock with another limit: the final reply to a message may take ten minutes
 * (RFC 5321, 4.5.3.2.6). */
void mb_pump_set_idle(MbPump *pump, guint idle_ms);

G_END_DECLS
