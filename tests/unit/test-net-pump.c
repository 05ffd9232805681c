#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/net/pump.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A session that writes `to_write` zeros and counts what it gets. */
typedef struct {
    size_t to_write;
    size_t written;
    size_t got;
    bool ended;
    bool cut;
    bool quiet;      /* expects nothing */
    guint dawdle_ms; /* we look that much later than we wanted to */
    bool stopped;    /* wants no input */
    GString *text;
    const size_t *told; /* octets that before_write() was told of */
} Counter;

static const uint8_t zeros[65536];

static void counter_input(void *session, const void *bytes, size_t length)
{
    Counter *counter = session;

    counter->got += length;
    if (counter->text != NULL)
        g_string_append_len(counter->text, bytes, (gssize)length);
}

static void counter_input_end(void *session, bool cut)
{
    Counter *counter = session;

    ck_assert(!counter->ended);
    counter->ended = true;
    counter->cut = cut;
}

static size_t counter_output(void *session, struct iovec *parts, size_t max)
{
    Counter *counter = session;
    size_t left = counter->to_write - counter->written;
    size_t count = 0;

    while (left > 0 && count < max) {
        size_t piece = MIN(left, sizeof(zeros));

        parts[count++] = (struct iovec){.iov_base = (void *)zeros, .iov_len = piece};
        left -= piece;
    }
    return count;
}

static void counter_wrote(void *session, size_t length)
{
    Counter *counter = session;

    counter->written += length;
    ck_assert_uint_le(counter->written, counter->to_write);
    if (counter->told != NULL)
        ck_assert_uint_le(counter->written, *counter->told);
}

static bool counter_wants_input(void *session)
{
    return !((Counter *)session)->stopped;
}

static bool counter_expects(void *session)
{
    Counter *counter = session;

    g_usleep(counter->dawdle_ms * 1000);
    return !counter->quiet;
}

static const MbSessionOps counter_ops = {
    .input = counter_input,
    .input_end = counter_input_end,
    .output = counter_output,
    .wrote = counter_wrote,
    .wants_input = counter_wants_input,
    .expects = counter_expects,
};

typedef struct {
    int peer;
    MbStream *stream;
    Counter counter;
    MbPump *pump;
} Fixture;

static void set_up(Fixture *fixture, const MbPumpOptions *options)
{
    int ends[2];
    int size = 4096;

    memset(fixture, 0, sizeof(*fixture));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    fixture->peer = ends[1];
    fixture->stream = mb_stream_new_take(ends[0], "peer:25");
    fixture->pump = mb_pump_new(fixture->stream, &fixture->counter, &counter_ops, options);
}

static void tear_down(Fixture *fixture)
{
    mb_pump_free(fixture->pump);
    mb_stream_free(fixture->stream);
    if (fixture->peer >= 0)
        close(fixture->peer);
    if (fixture->counter.text != NULL)
        g_string_free(fixture->counter.text, TRUE);
}

/* --- the dead-lock that must not be --- */

#define FLOOD (4 * 1024 * 1024)

/* Writes all of its flood before it reads a byte: whoever does the same dead-locks with it. */
static void *stubborn_peer(void *user)
{
    int descriptor = *(int *)user;
    uint8_t *buffer = g_malloc0(65536);
    size_t sent = 0;
    size_t got = 0;

    while (sent < FLOOD) {
        ssize_t length = send(descriptor, buffer, MIN(65536, FLOOD - sent), MSG_NOSIGNAL);

        if (length <= 0)
            break;
        sent += (size_t)length;
    }
    while (got < FLOOD) {
        ssize_t length = recv(descriptor, buffer, 65536, 0);

        if (length <= 0)
            break;
        got += (size_t)length;
    }
    g_free(buffer);
    shutdown(descriptor, SHUT_WR);
    return got == FLOOD ? user : NULL;
}

START_TEST(reading_goes_on_while_writing_is_blocked)
{
    Fixture fixture;
    pthread_t thread;
    void *all_came = NULL;
    MbNext next;

    set_up(&fixture, NULL);
    fixture.counter.to_write = FLOOD;
    pthread_create(&thread, NULL, stubborn_peer, &fixture.peer);
    while ((next = mb_pump_step(fixture.pump, -1, -1, NULL)) == MB_NEXT)
        ;
    ck_assert_int_eq(next, MB_END);
    pthread_join(thread, &all_came);
    ck_assert_ptr_nonnull(all_came);
    ck_assert_uint_eq(fixture.counter.got, FLOOD);
    ck_assert_uint_eq(fixture.counter.written, FLOOD);
    ck_assert(fixture.counter.ended && !fixture.counter.cut);
    tear_down(&fixture);
    statement("M-22");
    statement("P-15");
}
END_TEST

/* --- clocks --- */

START_TEST(silence_ends_in_a_timeout)
{
    const MbPumpOptions options = {.idle_ms = 50};
    g_autoptr(GError) error = NULL;
    Fixture fixture;

    set_up(&fixture, &options);
    while (mb_pump_step(fixture.pump, -1, -1, &error) == MB_NEXT)
        ;
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_TEMPORARY));
    ck_assert_str_eq(error->message, "peer:25: no answer within 1 s");
    ck_assert(fixture.counter.ended && fixture.counter.cut);
    ck_assert_int_eq(mb_pump_step(fixture.pump, 0, -1, NULL), MB_END);
    tear_down(&fixture);
    statement("P-10");
}
END_TEST

START_TEST(silence_is_counted_over_short_waits)
{
    const MbPumpOptions options = {.idle_ms = 40};
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    int steps = 0;

    set_up(&fixture, &options);
    while (mb_pump_step(fixture.pump, 5, -1, &error) == MB_NEXT)
        steps++;
    ck_assert_int_ge(steps, 2);
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_TEMPORARY));
    tear_down(&fixture);
}
END_TEST

START_TEST(no_clock_runs_while_nothing_is_expected)
{
    const MbPumpOptions options = {.idle_ms = 10};
    Fixture fixture;

    set_up(&fixture, &options);
    fixture.counter.quiet = true;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(mb_pump_step(fixture.pump, 5, -1, NULL), MB_NEXT);
    tear_down(&fixture);
}
END_TEST

START_TEST(what_has_come_counts_however_late_we_look)
{
    const MbPumpOptions options = {.idle_ms = 20};
    g_autoptr(GError) error = NULL;
    Fixture fixture;

    set_up(&fixture, &options);
    ck_assert_int_eq(mb_pump_step(fixture.pump, 0, -1, NULL), MB_NEXT);
    fixture.counter.dawdle_ms = 50;
    ck_assert_int_eq(mb_pump_step(fixture.pump, 5, -1, NULL), MB_NEXT); /* 5 ms of silence */
    ck_assert_int_eq(send(fixture.peer, "250 ok\r\n", 8, 0), 8);
    for (int i = 0; i < 2 && fixture.counter.got == 0; i++)
        ck_assert_msg(mb_pump_step(fixture.pump, -1, -1, &error) == MB_NEXT, "%s",
                      error != NULL ? error->message : "ended");
    ck_assert_uint_eq(fixture.counter.got, 8);
    tear_down(&fixture);
    statement("M-24");
}
END_TEST

/* One octet at a time, either way, each well within the limit that they exceed together. */
START_TEST(any_octet_restarts_the_idle_clock)
{
    const MbPumpOptions options = {.idle_ms = 400};
    Fixture fixture;

    for (int ours = 0; ours < 2; ours++) {
        set_up(&fixture, &options);
        for (int i = 0; i < 6; i++) {
            gint64 until = g_get_monotonic_time() + 100 * 1000;

            while (g_get_monotonic_time() < until)
                ck_assert_int_eq(mb_pump_step(fixture.pump, 10, -1, NULL), MB_NEXT);
            if (ours == 0)
                ck_assert_int_eq(send(fixture.peer, "x", 1, 0), 1);
            else
                fixture.counter.to_write++;
        }
        tear_down(&fixture);
    }
}
END_TEST

static void *trickling_peer(void *user)
{
    int descriptor = *(int *)user;

    while (send(descriptor, "x", 1, MSG_NOSIGNAL) == 1)
        g_usleep(5000);
    return NULL;
}

START_TEST(a_trickle_below_the_minimum_ends_in_a_timeout)
{
    const MbPumpOptions options = {.idle_ms = 60000, .min_bytes_per_s = 10000, .throughput_ms = 60};
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    pthread_t thread;

    set_up(&fixture, &options);
    pthread_create(&thread, NULL, trickling_peer, &fixture.peer);
    while (mb_pump_step(fixture.pump, -1, -1, &error) == MB_NEXT)
        ;
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_TEMPORARY));
    ck_assert_ptr_nonnull(strstr(error->message, "peer:25: too slow: "));
    ck_assert_uint_gt(fixture.counter.got, 0);
    shutdown(mb_stream_descriptor(fixture.stream), SHUT_RDWR);
    pthread_join(thread, NULL);
    tear_down(&fixture);
    statement("P-10");
}
END_TEST

START_TEST(a_fast_beginning_is_no_credit_for_a_trickle)
{
    const MbPumpOptions options = {.idle_ms = 60000, .min_bytes_per_s = 10000, .throughput_ms = 60};
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    pthread_t thread;
    int size = 4 * 1024 * 1024;

    set_up(&fixture, &options);
    setsockopt(fixture.peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    for (size_t sent = 0; sent < 4 * 1024 * 1024; sent += sizeof(zeros)) {
        ck_assert_int_eq(send(fixture.peer, zeros, sizeof(zeros), 0), sizeof(zeros));
        ck_assert_int_eq(mb_pump_step(fixture.pump, -1, -1, NULL), MB_NEXT);
    }
    pthread_create(&thread, NULL, trickling_peer, &fixture.peer);
    while (mb_pump_step(fixture.pump, -1, -1, &error) == MB_NEXT)
        ;
    ck_assert_ptr_nonnull(strstr(error->message, "too slow"));
    shutdown(mb_stream_descriptor(fixture.stream), SHUT_RDWR);
    pthread_join(thread, NULL);
    tear_down(&fixture);
}
END_TEST

/* --- ends --- */

START_TEST(a_reset_is_a_cut)
{
    g_autoptr(GError) error = NULL;
    Fixture fixture;

    set_up(&fixture, NULL);
    fixture.counter.to_write = 100;
    ck_assert_int_eq(mb_pump_step(fixture.pump, 0, -1, NULL), MB_NEXT);
    close(fixture.peer); /* with octets unread */
    fixture.peer = -1;
    ck_assert_int_eq(mb_pump_step(fixture.pump, -1, -1, &error), MB_FAILED);
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_TEMPORARY));
    ck_assert(fixture.counter.ended && fixture.counter.cut);
    tear_down(&fixture);
}
END_TEST

START_TEST(what_the_peer_said_last_is_read_although_writing_fails)
{
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    MbNext next;

    set_up(&fixture, NULL);
    fixture.counter.text = g_string_new(NULL);
    ck_assert_int_eq(send(fixture.peer, "421 too many\r\n", 14, 0), 14);
    close(fixture.peer);
    fixture.peer = -1;
    fixture.counter.to_write = 100;
    while ((next = mb_pump_step(fixture.pump, -1, -1, &error)) == MB_NEXT)
        ;
    ck_assert_int_eq(next, MB_FAILED);
    ck_assert_str_eq(fixture.counter.text->str, "421 too many\r\n");
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_TEMPORARY));
    ck_assert(fixture.counter.ended && fixture.counter.cut);
    tear_down(&fixture);
}
END_TEST

START_TEST(an_orderly_end_is_no_failure)
{
    Fixture fixture;

    set_up(&fixture, NULL);
    close(fixture.peer);
    fixture.peer = -1;
    ck_assert_int_eq(mb_pump_step(fixture.pump, -1, -1, NULL), MB_END);
    ck_assert(fixture.counter.ended && !fixture.counter.cut);
    tear_down(&fixture);
}
END_TEST

typedef struct {
    size_t told;
    bool answer;
} Guard;

static bool guard_write(void *user, size_t length)
{
    Guard *guard = user;

    guard->told += length;
    return guard->answer;
}

START_TEST(each_write_is_told_before_it_happens)
{
    Guard guard = {.answer = true};
    const MbPumpOptions options = {.before_write = guard_write, .user = &guard};
    Fixture fixture;

    set_up(&fixture, &options);
    fixture.counter.to_write = 100;
    ck_assert_int_eq(mb_pump_step(fixture.pump, 0, -1, NULL), MB_NEXT);
    ck_assert_uint_eq(guard.told, 100);
    ck_assert_uint_eq(fixture.counter.written, 100);
    tear_down(&fixture);
}
END_TEST

START_TEST(a_no_before_the_write_lets_nothing_out)
{
    Guard guard = {.answer = false};
    const MbPumpOptions options = {.before_write = guard_write, .user = &guard};
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    char byte;

    set_up(&fixture, &options);
    fixture.counter.to_write = 100;
    ck_assert_int_eq(mb_pump_step(fixture.pump, 0, -1, &error), MB_FAILED);
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_IO));
    ck_assert_int_eq(recv(fixture.peer, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_uint_eq(fixture.counter.written, 0);
    tear_down(&fixture);
}
END_TEST

/* The mark of a message's end is set by what is told: less than was offered, and it comes late. */
START_TEST(no_write_takes_more_than_was_told)
{
    Guard guard = {.answer = true};
    const MbPumpOptions options = {.before_write = guard_write, .user = &guard};
    int size = 8 * 1024 * 1024;
    Fixture fixture;

    set_up(&fixture, &options);
    setsockopt(mb_stream_descriptor(fixture.stream), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    fixture.counter.to_write = sizeof(zeros) * 4 + 1;
    fixture.counter.told = &guard.told;
    mb_pump_step(fixture.pump, 0, -1, NULL);
    ck_assert_uint_gt(fixture.counter.written, 0);
    tear_down(&fixture);
}
END_TEST

START_TEST(a_wake_ends_the_wait)
{
    Fixture fixture;
    int wake[2];

    set_up(&fixture, NULL);
    ck_assert_int_eq(pipe(wake), 0);
    ck_assert_int_eq(write(wake[1], "x", 1), 1);
    ck_assert_int_eq(mb_pump_step(fixture.pump, -1, wake[0], NULL), MB_NEXT);
    close(wake[0]);
    close(wake[1]);
    tear_down(&fixture);
}
END_TEST

START_TEST(a_session_that_wants_no_input_gets_none)
{
    Fixture fixture;

    set_up(&fixture, NULL);
    fixture.counter.stopped = true;
    ck_assert_int_eq(send(fixture.peer, "hello", 5, 0), 5);
    ck_assert_int_eq(mb_pump_step(fixture.pump, 10, -1, NULL), MB_NEXT);
    ck_assert_uint_eq(fixture.counter.got, 0);
    fixture.counter.stopped = false;
    ck_assert_int_eq(mb_pump_step(fixture.pump, 10, -1, NULL), MB_NEXT);
    ck_assert_uint_eq(fixture.counter.got, 5);
    tear_down(&fixture);
}
END_TEST

START_TEST(a_flush_writes_what_fits_and_reads_nothing)
{
    Fixture fixture;
    g_autoptr(GError) error = NULL;
    char got[100];

    set_up(&fixture, NULL);
    fixture.counter.to_write = sizeof(got);
    ck_assert_int_eq(send(fixture.peer, "answer", 6, MSG_NOSIGNAL), 6);
    mb_pump_flush(fixture.pump);
    ck_assert_uint_eq(fixture.counter.written, sizeof(got));
    ck_assert_uint_eq(fixture.counter.got, 0);
    ck_assert_int_eq(recv(fixture.peer, got, sizeof(got), MSG_DONTWAIT), sizeof(got));
    ck_assert_int_eq(mb_pump_step(fixture.pump, 0, -1, &error), MB_NEXT);
    ck_assert_uint_eq(fixture.counter.got, 6);
    /* The peer takes no more: that is no reason to wait here. */
    fixture.counter.to_write += FLOOD;
    mb_pump_flush(fixture.pump);
    ck_assert_uint_lt(fixture.counter.written, fixture.counter.to_write);
    close(fixture.peer);
    fixture.peer = -1;
    mb_pump_flush(fixture.pump);
    ck_assert(!fixture.counter.ended);
    while (mb_pump_step(fixture.pump, 0, -1, &error) == MB_NEXT)
        ;
    ck_assert(fixture.counter.ended);
    tear_down(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net-pump");
    TCase *tcase = tcase_create("pump");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, reading_goes_on_while_writing_is_blocked);
    tcase_add_test(tcase, silence_ends_in_a_timeout);
    tcase_add_test(tcase, silence_is_counted_over_short_waits);
    tcase_add_test(tcase, no_clock_runs_while_nothing_is_expected);
    tcase_add_test(tcase, what_has_come_counts_however_late_we_look);
    tcase_add_test(tcase, any_octet_restarts_the_idle_clock);
    tcase_add_test(tcase, a_trickle_below_the_minimum_ends_in_a_timeout);
    tcase_add_test(tcase, a_fast_beginning_is_no_credit_for_a_trickle);
    tcase_add_test(tcase, a_reset_is_a_cut);
    tcase_add_test(tcase, what_the_peer_said_last_is_read_although_writing_fails);
    tcase_add_test(tcase, an_orderly_end_is_no_failure);
    tcase_add_test(tcase, each_write_is_told_before_it_happens);
    tcase_add_test(tcase, a_no_before_the_write_lets_nothing_out);
    tcase_add_test(tcase, no_write_takes_more_than_was_told);
    tcase_add_test(tcase, a_wake_ends_the_wait);
    tcase_add_test(tcase, a_session_that_wants_no_input_gets_none);
    tcase_add_test(tcase, a_flush_writes_what_fits_and_reads_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
