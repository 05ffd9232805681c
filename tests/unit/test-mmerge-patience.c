/*
 * How long a server is waited for: RFC 5321's times by stage, a deadline for whole replies, a pace
 * for what it takes. The clock is the test's.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "suite.h"

#define MINUTE 60000

typedef struct {
    MbSmtpSession *session;
    MmPatience patience;
    GError *error;
} Server;

static void server_says(Server *server, const char *text)
{
    mb_smtp_session_ops.input(server->session, text, strlen(text));
}

/* The kernel takes `octets`, or all that there is. */
static void server_takes(Server *server, size_t octets)
{
    struct iovec parts[16];
    size_t n;

    while (octets > 0 &&
           (n = mb_smtp_session_ops.output(server->session, parts, G_N_ELEMENTS(parts))) > 0) {
        size_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += parts[i].iov_len;
        sum = MIN(sum, octets);
        mb_smtp_session_ops.wrote(server->session, sum);
        octets -= sum;
    }
    mb_smtp_session_ops.output(server->session, parts, G_N_ELEMENTS(parts));
}

static bool wait_ms(Server *server, gint64 ms)
{
    return mm_patience_check(&server->patience, server->session, ms, "mail.test:25",
                             &server->error);
}

static void server_open(Server *server, guint longest_ms)
{
    MbSmtpOptions options = {.server_name = "mail.test", .secure = true};

    *server = (Server){.patience = {.longest_ms = longest_ms}};
    server->session = mb_smtp_session_new(&options, NULL);
    ck_assert_ptr_nonnull(server->session);
}

static void server_submit(Server *server, size_t octets)
{
    static const char *const recipients[] = {"b@y.test", NULL};
    g_autoptr(MbWire) wire = mb_wire_new();
    MbSmtpMessage message = {.sender = "a@x.test", .recipients = recipients, .wire = wire};
    MbSmtpEvent event;
    char *text = g_malloc(octets);

    memset(text, 'x', octets);
    text[octets - 2] = '\r';
    text[octets - 1] = '\n';
    mb_wire_append_take(wire, g_bytes_new_take(text, octets));
    ck_assert_int_eq(mb_smtp_session_next_event(server->session, &event), MB_NEXT);
    ck_assert_int_eq(event.kind, MB_SMTP_EVENT_READY);
    ck_assert(mb_smtp_session_submit(server->session, &message, NULL));
}

static void server_close(Server *server)
{
    mb_smtp_session_free(server->session);
    g_clear_error(&server->error);
}

#define HELLO "220 mail.test\r\n"
#define PLAIN "250 mail.test\r\n"
#define CHUNK "250-mail.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n"

/* To the point where the content is to be taken. */
static void server_to_content(Server *server, const char *ehlo, size_t octets)
{
    server_says(server, HELLO);
    server_takes(server, SIZE_MAX);
    server_says(server, ehlo);
    server_submit(server, octets);
    for (int i = 0; i < 3 && strcmp(ehlo, PLAIN) == 0; i++) {
        server_takes(server, SIZE_MAX);
        server_says(server, i < 2 ? "250 ok\r\n" : "354 go\r\n");
    }
    server_takes(server, 0);
}

START_TEST(the_times_are_those_of_the_rfc)
{
    static const struct {
        const char *says; /* then all is taken */
        gint64 want_ms;
    } steps[] = {
        {"", 5 * MINUTE},            /* greeting, 4.5.3.2.1 */
        {HELLO, 5 * MINUTE},         /* EHLO */
        {PLAIN, 5 * MINUTE},         /* MAIL, 4.5.3.2.2 */
        {"250 ok\r\n", 5 * MINUTE},  /* RCPT, 4.5.3.2.3 */
        {"250 ok\r\n", 2 * MINUTE},  /* DATA, 4.5.3.2.4 */
        {"354 go\r\n", 10 * MINUTE}, /* the final reply, 4.5.3.2.6 */
    };
    Server server;

    server_open(&server, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        server_says(&server, steps[i].says);
        if (strcmp(steps[i].says, PLAIN) == 0)
            server_submit(&server, 1000);
        server_takes(&server, SIZE_MAX);
        ck_assert_msg(mm_patience_silence(&server.patience, server.session) == steps[i].want_ms,
                      "step %zu: %u ms", i, mm_patience_silence(&server.patience, server.session));
        ck_assert_msg(wait_ms(&server, 0) && wait_ms(&server, steps[i].want_ms - 1), "step %zu", i);
    }
    server_close(&server);

    server_open(&server, 0);
    server_to_content(&server, PLAIN, 1 << 20);
    ck_assert_uint_eq(mm_patience_silence(&server.patience, server.session), 3 * MINUTE);
    server_close(&server);
    server_open(&server, 0);
    server_to_content(&server, CHUNK, 1 << 20);
    server_takes(&server, 100);
    server_says(&server, "250 ok\r\n250 ok\r\n");
    ck_assert_uint_eq(mm_patience_silence(&server.patience, server.session), 3 * MINUTE);
    server_takes(&server, SIZE_MAX);
    ck_assert_uint_eq(mm_patience_silence(&server.patience, server.session), 10 * MINUTE);
    server_close(&server);
}
END_TEST

START_TEST(what_the_user_says_is_shorter_never_longer)
{
    Server server;

    server_open(&server, 2000);
    ck_assert_uint_eq(mm_patience_silence(&server.patience, server.session), 2000);
    ck_assert(wait_ms(&server, 1999));
    ck_assert_int_eq(mm_patience_limit(&server.patience, server.session, 60000), 1);
    ck_assert(!wait_ms(&server, 1));
    ck_assert_int_eq(server.error->code, MB_ERROR_TEMPORARY);
    ck_assert_str_eq(server.error->message, "mail.test:25: no whole reply within 2 s");
    server_close(&server);
    server_open(&server, 20 * MINUTE);
    ck_assert_uint_eq(mm_patience_silence(&server.patience, server.session), 5 * MINUTE);
    server_close(&server);
}
END_TEST

START_TEST(octets_of_a_reply_are_no_reply)
{
    Server server;
    int minutes = 0;

    server_open(&server, 0);
    while (minutes < 100 && wait_ms(&server, MINUTE)) {
        server_says(&server, "2"); /* one of these a minute is no silence */
        minutes++;
    }
    ck_assert_int_eq(minutes, 4);
    server_close(&server);

    /* A reply that comes in time, slowly, is one. */
    server_open(&server, 0);
    for (size_t i = 0; i < strlen(HELLO); i++) {
        char octet[2] = {HELLO[i], '\0'};
        ck_assert(wait_ms(&server, 4 * MINUTE / (gint64)strlen(HELLO)));
        server_says(&server, octet);
    }
    server_takes(&server, SIZE_MAX);
    ck_assert(wait_ms(&server, 0) && wait_ms(&server, 4 * MINUTE));
    ck_assert(wait_ms(&server, MINUTE - 1));
    ck_assert(!wait_ms(&server, 1));
    server_close(&server);
}
END_TEST

START_TEST(who_takes_an_octet_a_second_is_given_up)
{
    Server server;
    int seconds = 0;

    server_open(&server, 0);
    server_to_content(&server, PLAIN, 1 << 20);
    while (seconds < 1000 && wait_ms(&server, 1000)) {
        server_takes(&server, 1);
        seconds++;
    }
    ck_assert_int_ge(seconds, 59);
    ck_assert_int_le(seconds, 61);
    ck_assert(strstr(server.error->message, "too slow: it took") != NULL);
    server_close(&server);
}
END_TEST

START_TEST(who_takes_the_least_pace_is_not_given_up)
{
    Server server;

    server_open(&server, 0);
    server_to_content(&server, PLAIN, 1 << 20);
    for (int seconds = 0; seconds < 3600; seconds++) {
        server_takes(&server, MM_PACE_OCTETS + 1);
        ck_assert_msg(wait_ms(&server, 1000), "%d s: %s", seconds, server.error->message);
    }
    server_close(&server);
}
END_TEST

START_TEST(between_messages_no_clock_runs)
{
    Server server;

    server_open(&server, 1000);
    server_says(&server, HELLO);
    server_takes(&server, SIZE_MAX);
    server_says(&server, PLAIN);
    for (int hours = 0; hours < 24; hours++)
        ck_assert(wait_ms(&server, 60 * MINUTE));
    ck_assert_int_eq(mm_patience_limit(&server.patience, server.session, 12345), 12345);
    server_close(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge-patience");
    TCase *tcase = tcase_create("patience");

    tcase_add_test(tcase, the_times_are_those_of_the_rfc);
    tcase_add_test(tcase, what_the_user_says_is_shorter_never_longer);
    tcase_add_test(tcase, octets_of_a_reply_are_no_reply);
    tcase_add_test(tcase, who_takes_an_octet_a_second_is_given_up);
    tcase_add_test(tcase, who_takes_the_least_pace_is_not_given_up);
    tcase_add_test(tcase, between_messages_no_clock_runs);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
