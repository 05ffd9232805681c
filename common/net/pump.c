#include "internal.h"

#include <errno.h>
#include <mailbatch/net/pump.h>
#include <poll.h>
#include <sched.h>

#define READ_SIZE     ((size_t)128 * 1024)
#define WRITE_PARTS   64
#define WRITE_SIZE    ((size_t)256 * 1024) /* offered to the kernel at once */
#define WRITES_A_STEP 8                    /* then it is the reader's turn */
#define IDLE_MS       300000
#define THROUGHPUT_MS 60000

struct MbPump {
    MbStream *stream;
    void *session;
    const MbSessionOps *ops;
    MbPumpOptions options;
    uint8_t *buffer;
    bool write_blocked;  /* the kernel took less than was offered: poll before the next write */
    bool maybe_readable; /* the last read filled the buffer, or nothing is known */
    bool over;           /* input_end() was called */
    GError *write_error; /* writing failed; reading goes on as long as there is something */
    gint64 silent_ms;    /* waited since the last octet in either direction */
    gint64 measured_ms;  /* waited for input since `measured_bytes` was begun */
    guint64 measured_bytes;
};

MbPump *mb_pump_new(MbStream *stream, void *session, const MbSessionOps *ops,
                    const MbPumpOptions *options)
{
    MbPump *pump = g_new0(MbPump, 1);

    pump->stream = stream;
    pump->session = session;
    pump->ops = ops;
    if (options != NULL)
        pump->options = *options;
    if (pump->options.idle_ms == 0)
        pump->options.idle_ms = IDLE_MS;
    if (pump->options.throughput_ms == 0)
        pump->options.throughput_ms = THROUGHPUT_MS;
    pump->buffer = g_malloc(READ_SIZE);
    pump->maybe_readable = true;
    return pump;
}

void mb_pump_free(MbPump *pump)
{
    if (pump == NULL)
        return;
    g_clear_error(&pump->write_error);
    g_free(pump->buffer);
    g_free(pump);
}

void mb_pump_set_idle(MbPump *pump, guint idle_ms)
{
    pump->options.idle_ms = idle_ms != 0 ? idle_ms : IDLE_MS;
    pump->silent_ms = 0;
}

static MbNext end_input(MbPump *pump, bool cut, MbNext outcome)
{
    if (!pump->over)
        pump->ops->input_end(pump->session, cut);
    pump->over = true;
    return outcome;
}

static bool wants_input(const MbPump *pump)
{
    return pump->ops->wants_input == NULL || pump->ops->wants_input(pump->session);
}

static bool expects(const MbPump *pump)
{
    return pump->ops->expects == NULL || pump->ops->expects(pump->session);
}

/* Leaves in `parts` what one write may take; its octets. */
static size_t limit_parts(struct iovec *parts, size_t *count, size_t most)
{
    size_t total = 0;

    for (size_t i = 0; i < *count; i++) {
        if (parts[i].iov_len >= most - total) {
            parts[i].iov_len = most - total;
            *count = i + 1;
            return most;
        }
        total += parts[i].iov_len;
    }
    return total;
}

typedef enum {
    WROTE_NOTHING,
    WROTE_SOMETHING,
    WRITE_STOPPED, /* before_write() said no */
} Wrote;

static Wrote write_once(MbPump *pump, GError **error)
{
    struct iovec parts[WRITE_PARTS];
    size_t count = pump->ops->output(pump->session, parts, WRITE_PARTS);
    size_t most = mb_stream_is_tls(pump->stream) ? MB_TLS_RECORD : WRITE_SIZE;
    size_t offered = limit_parts(parts, &count, most);
    size_t taken = 0;
    MbIo io;

    if (offered == 0)
        return WROTE_NOTHING;
    if (pump->options.before_write != NULL &&
        !pump->options.before_write(pump->options.user, offered)) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_IO, "%s: stopped before writing",
                    mb_stream_name(pump->stream));
        return WRITE_STOPPED;
    }
    io = mb_stream_write(pump->stream, parts, count, &taken, &pump->write_error);
    if (io == MB_IO_WAIT)
        pump->write_blocked = true;
    if (io != MB_IO_OK)
        return WROTE_NOTHING;
    pump->ops->wrote(pump->session, taken);
    pump->silent_ms = 0;
    return WROTE_SOMETHING;
}

static Wrote write_some(MbPump *pump, GError **error)
{
    Wrote sum = WROTE_NOTHING;

    for (int i = 0; i < WRITES_A_STEP && !pump->write_blocked && pump->write_error == NULL; i++) {
        Wrote wrote = write_once(pump, error);

        if (wrote == WRITE_STOPPED)
            return wrote;
        if (wrote == WROTE_NOTHING)
            break;
        sum = wrote;
    }
    return sum;
}

void mb_pump_flush(MbPump *pump)
{
    if (!pump->over)
        write_some(pump, NULL);
}

static MbIo read_some(MbPump *pump, GError **error)
{
    size_t got = 0;
    MbIo io = mb_stream_read(pump->stream, pump->buffer, READ_SIZE, &got, error);

    pump->maybe_readable = io == MB_IO_OK && got == READ_SIZE;
    if (io != MB_IO_OK)
        return io;
    pump->silent_ms = 0;
    pump->measured_bytes += got;
    pump->ops->input(pump->session, pump->buffer, got);
    return io;
}

static bool has_output(MbPump *pump)
{
    struct iovec part;

    return pump->write_error == NULL && pump->ops->output(pump->session, &part, 1) > 0;
}

static void count_waiting(MbPump *pump, gint64 waited_ms, bool reading)
{
    if (!expects(pump)) {
        pump->silent_ms = 0;
        pump->measured_ms = 0;
        pump->measured_bytes = 0;
        return;
    }
    pump->silent_ms += waited_ms;
    if (reading)
        pump->measured_ms += waited_ms;
}

/* False when what was waited in vain is too long. */
static bool check_clocks(MbPump *pump, GError **error)
{
    if (!expects(pump))
        return true;
    if (pump->silent_ms >= pump->options.idle_ms) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_TEMPORARY, "%s: no answer within %u s",
                    mb_stream_name(pump->stream), (pump->options.idle_ms + 999) / 1000);
        return false;
    }
    if (pump->measured_ms < pump->options.throughput_ms)
        return true;
    if (pump->measured_bytes * 1000 / (guint64)pump->measured_ms < pump->options.min_bytes_per_s) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_TEMPORARY,
                    "%s: too slow: %" G_GUINT64_FORMAT " bytes in %" G_GINT64_FORMAT " s",
                    mb_stream_name(pump->stream), pump->measured_bytes, pump->measured_ms / 1000);
        return false;
    }
    pump->measured_ms = 0;
    pump->measured_bytes = 0;
    return true;
}

/* Sleeps until something can be done; false when the clocks ran out or poll() failed. */
static bool wait_for_work(MbPump *pump, int wait_ms, int wake, GError **error)
{
    bool reading = wants_input(pump);
    bool writing = has_output(pump);
    struct pollfd entries[2] = {
        {.fd = mb_stream_descriptor(pump->stream),
         .events = mb_stream_events(pump->stream, reading, writing)},
        {.fd = wake, .events = POLLIN},
    };
    gint64 began = mb_net_now_ms();
    gint64 limit = MAX((gint64)pump->options.idle_ms - pump->silent_ms, 0);
    int ready;

    if (pump->options.min_bytes_per_s > 0 && reading)
        limit = MIN(limit, MAX((gint64)pump->options.throughput_ms - pump->measured_ms, 0));
    if (!expects(pump))
        limit = G_MAXINT;
    if (wait_ms >= 0)
        limit = MIN(limit, wait_ms);
    if (entries[0].events == 0)
        entries[0].fd = -1;
    ready = poll(entries, 2, (int)MIN(limit, G_MAXINT));
    if (ready < 0 && errno != EINTR) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_INTERNAL, "%s: cannot wait: %s",
                    mb_stream_name(pump->stream), g_strerror(errno));
        return false;
    }
    /* Stopped (Ctrl-Z), we look late: that is not the peer's silence. */
    count_waiting(pump, MIN(mb_net_now_ms() - began, limit), reading);
    if (ready < 0)
        return true;
    if (ready > 0 && entries[0].revents != 0) {
        /* TLS may need either direction for the other: let both be tried. */
        if (mb_stream_is_tls(pump->stream) || (entries[0].revents & ~POLLIN) != 0)
            pump->write_blocked = false;
        pump->maybe_readable = true;
        return true; /* however late it is: what has come is looked at first */
    }
    return check_clocks(pump, error);
}

/* Writing failed: whatever the peer said last is still read, then the failure is told. */
static MbNext finish_after_write_error(MbPump *pump, GError **error)
{
    if (wants_input(pump) && read_some(pump, NULL) == MB_IO_OK)
        return MB_NEXT;
    g_propagate_error(error, g_steal_pointer(&pump->write_error));
    return end_input(pump, true, MB_FAILED);
}

MbNext mb_pump_step(MbPump *pump, int wait_ms, int wake, GError **error)
{
    bool waited = false, yielded = false;

    if (pump->over)
        return MB_END;
    for (;;) {
        Wrote wrote = write_some(pump, error);
        MbIo io = MB_IO_WAIT;

        if (wrote == WRITE_STOPPED)
            return end_input(pump, true, MB_FAILED);
        if (pump->write_error != NULL)
            return finish_after_write_error(pump, error);
        if (wants_input(pump) && (pump->maybe_readable || mb_stream_has_pending(pump->stream)))
            io = read_some(pump, error);
        if (io == MB_IO_END)
            return end_input(pump, mb_stream_was_cut(pump->stream), MB_END);
        if (io == MB_IO_FAILED)
            return end_input(pump, true, MB_FAILED);
        if (io == MB_IO_OK || wrote == WROTE_SOMETHING || waited)
            return MB_NEXT;
        /* Side by side with others on few processors, the answer is often there once these had
         * their turn: to sleep and be woken costs more (8 % of a run over 10 connections). */
        if (!yielded) {
            yielded = pump->maybe_readable = true;
            sched_yield();
            continue;
        }
        if (!wait_for_work(pump, wait_ms, wake, error))
            return end_input(pump, true, MB_FAILED);
        waited = true;
    }
}
