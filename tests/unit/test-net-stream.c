#include "statement.h"
#include "suite.h"

#include <check.h>
#include <dlfcn.h>
#include <mailbatch/net/idn.h>
#include <mailbatch/net/listener.h>
#include <mailbatch/net/stream.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint16_t port_of(const MbListener *listener)
{
    const char *address = mb_listener_address(listener);

    return (uint16_t)g_ascii_strtoull(strrchr(address, ':') + 1, NULL, 10);
}

/* --- dialling --- */

START_TEST(a_name_falls_back_from_ipv6_to_ipv4)
{
    /* Only 127.0.0.1 listens, while localhost may be ::1 too. */
    g_autoptr(MbListener) listener = mb_listener_new("127.0.0.1:0", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(MbStream) stream = mb_stream_dial("localhost", port_of(listener), NULL, &error);
    g_autofree char *want = g_strdup_printf("localhost:%u", port_of(listener));

    ck_assert_msg(stream != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_str_eq(mb_stream_peer_address(stream), "127.0.0.1");
    ck_assert_str_eq(mb_stream_name(stream), want);
    ck_assert(mb_stream_is_loopback(stream));
    ck_assert(!mb_stream_is_tls(stream));
    ck_assert_ptr_null(mb_stream_tls_cipher(stream));
    ck_assert_ptr_null(mb_stream_peer_fingerprint(stream));
}
END_TEST

START_TEST(localhost_is_this_machine_without_a_resolver)
{
    static const char *const names[] = {"localhost", "LocalHost", "mail.localhost", "localhost."};
    g_autoptr(MbListener) listener = mb_listener_new("127.0.0.1:0", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MbStream) stream = mb_stream_dial(names[i], port_of(listener), NULL, &error);

        ck_assert_msg(stream != NULL, "%s: %s", names[i], error != NULL ? error->message : "");
        ck_assert_msg(mb_stream_is_loopback(stream), "%s", names[i]);
    }
}
END_TEST

START_TEST(an_ipv6_address_is_reached)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbListener) listener = mb_listener_new("[::1]:0", &error);
    g_autoptr(MbStream) stream = NULL;
    g_autofree char *want = NULL;

    if (listener == NULL) /* a machine without IPv6 */
        return;
    stream = mb_stream_dial("::1", port_of(listener), NULL, &error);
    ck_assert_msg(stream != NULL, "%s", error != NULL ? error->message : "");
    want = g_strdup_printf("[::1]:%u", port_of(listener));
    ck_assert_str_eq(mb_stream_name(stream), want);
    ck_assert_str_eq(mb_listener_address(listener), want);
    ck_assert(mb_stream_is_loopback(stream));
}
END_TEST

START_TEST(a_server_that_is_not_there_is_named)
{
    MbListener *listener = mb_listener_new("127.0.0.1:0", NULL);
    uint16_t port = port_of(listener);
    g_autofree char *want =
        g_strdup_printf("127.0.0.1:%u: cannot connect: 127.0.0.1: Connection refused", port);
    g_autoptr(GError) error = NULL;

    mb_listener_free(listener);
    ck_assert_ptr_null(mb_stream_dial("127.0.0.1", port, NULL, &error));
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE));
    ck_assert_str_eq(error->message, want);
}
END_TEST

START_TEST(a_server_that_does_not_answer_times_out)
{
    const MbDialOptions options = {.connect_timeout_ms = 100};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int full = socket(AF_INET, SOCK_STREAM, 0);
    MbStream *streams[4] = {NULL};
    g_autoptr(GError) error = NULL;

    /* A backlog that is full drops what comes. */
    ck_assert_int_eq(bind(full, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(full, 0), 0);
    ck_assert_int_eq(getsockname(full, (struct sockaddr *)&address, &length), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(streams) && error == NULL; i++)
        streams[i] = mb_stream_dial("127.0.0.1", ntohs(address.sin_port), &options, &error);
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE));
    ck_assert(g_str_has_suffix(error->message, "Connection timed out"));
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        mb_stream_free(streams[i]);
    close(full);
    statement("P-10");
}
END_TEST

static pthread_mutex_t name_server = PTHREAD_MUTEX_INITIALIZER;

/* Takes the place of the C library's: "slow.invalid" waits for its name server. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    if (g_strcmp0(host, "slow.invalid") == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0) {
        pthread_mutex_lock(&name_server);
        pthread_mutex_unlock(&name_server);
        host = "127.0.0.1";
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(host, service, hints, list);
}

START_TEST(a_name_server_that_does_not_answer_times_out)
{
    const MbDialOptions options = {.connect_timeout_ms = 100};
    g_autoptr(MbListener) listener = mb_listener_new("127.0.0.1:0", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(MbStream) stream = NULL;

    pthread_mutex_lock(&name_server);
    ck_assert_ptr_null(mb_stream_dial("slow.invalid", port_of(listener), &options, &error));
    pthread_mutex_unlock(&name_server);
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE));
    ck_assert(g_str_has_prefix(error->message, "slow.invalid:"));
    ck_assert(g_str_has_suffix(error->message, ": cannot find the host: Connection timed out"));
    stream = mb_stream_dial("slow.invalid", port_of(listener), NULL, NULL);
    ck_assert_ptr_nonnull(stream);
    statement("P-10");
}
END_TEST

START_TEST(a_name_that_is_none_is_refused)
{
    static const char *const names[] = {"no-such-host.invalid", "b\xC3\xBC\xC3\xBC.invalid", "a b",
                                        "host\r\nHELO x", ""};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;

        if (names[i][0] == '\0')
            continue;
        ck_assert_ptr_null(mb_stream_dial(names[i], 25, NULL, &error));
        ck_assert_ptr_nonnull(error);
        ck_assert_ptr_null(strchr(error->message, '\n'));
    }
}
END_TEST

START_TEST(domains_become_a_labels)
{
    static const struct {
        const char *domain;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"mail.example", "mail.example"},
        {"b\xC3\xBC"
         "cher.example",
         "xn--bcher-kva.example"},
        {"BU\xCC\x88"
         "CHER.example", /* decomposed, in capitals */
         "xn--bcher-kva.example"},
        {"stra\xC3\x9F"
         "e.example",
         "xn--strae-oqa.example"},
        {"\xFF.example", NULL},
        {"\xC3\xBC..example", NULL},
        {"\xC3\xBC_x.example", "xn--_x-wka.example"},
        {"a\xEF\xBC\xA0"
         "b.example",
         NULL},                                            /* a full-width @ */
        {"a\xEF\xBC\x9E\xE3\x80\x80SIZE=1.example", NULL}, /* > and a blank */
        {"\xE2\x84\x80.example", NULL},                    /* a/c in one character */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *label = mb_idn_to_ascii(rows[i].domain, &error);

        ck_assert_msg((label != NULL) == (rows[i].want != NULL), "%s", rows[i].domain);
        if (label != NULL)
            ck_assert_str_eq(label, rows[i].want);
        else
            ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_DATA));
    }
}
END_TEST

/* --- listening --- */

START_TEST(addresses_to_listen_on)
{
    static const struct {
        const char *address;
        const char *bound; /* its beginning; NULL: refused */
    } rows[] = {
        {"127.0.0.1:0", "127.0.0.1:"},
        {":0", "127.0.0.1:"},
        {"127.0.0.2:0", "127.0.0.2:"},
        {"127.0.0.1", NULL},
        {"127.0.0.1:", NULL},
        {"127.0.0.1:70000", NULL},
        {"127.0.0.1:25x", NULL},
        {"127.0.0.1:-1", NULL},
        {"::1:25", NULL},
        {"[::1:25", NULL},
        {"[]:25", NULL},
        {"", NULL},
        {"192.0.2.1:0", NULL},
        {"no-such-host.invalid:25", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MbListener) listener = mb_listener_new(rows[i].address, &error);

        ck_assert_msg((listener != NULL) == (rows[i].bound != NULL), "%s", rows[i].address);
        if (listener == NULL)
            ck_assert_ptr_nonnull(error);
        else
            ck_assert_msg(g_str_has_prefix(mb_listener_address(listener), rows[i].bound), "%s: %s",
                          rows[i].address, mb_listener_address(listener));
    }
}
END_TEST

START_TEST(accepting_never_waits)
{
    g_autoptr(MbListener) listener = mb_listener_new(":0", NULL);
    g_autoptr(GError) error = NULL;
    struct pollfd entry = {.fd = mb_listener_descriptor(listener), .events = POLLIN};
    g_autoptr(MbStream) client = NULL;
    g_autoptr(MbStream) server = NULL;
    char byte;
    size_t got;

    ck_assert_ptr_null(mb_listener_accept(listener, &error));
    ck_assert_ptr_null(error);
    client = mb_stream_dial("127.0.0.1", port_of(listener), NULL, NULL);
    ck_assert_int_eq(poll(&entry, 1, 10000), 1);
    server = mb_listener_accept(listener, &error);
    ck_assert_ptr_nonnull(server);
    ck_assert_str_eq(mb_stream_name(server), "127.0.0.1");
    ck_assert_int_eq(mb_stream_read(server, &byte, 1, &got, NULL), MB_IO_WAIT);
}
END_TEST

/* --- plain bytes --- */

START_TEST(writing_to_a_closed_peer_is_an_error_and_no_signal)
{
    struct iovec part = {.iov_base = (void *)"x", .iov_len = 1};
    g_autoptr(GError) error = NULL;
    MbStream *stream;
    size_t wrote;
    size_t got;
    char byte;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stream = mb_stream_new_take(ends[0], "mail.example:25");
    close(ends[1]);
    ck_assert_int_eq(mb_stream_write(stream, &part, 1, &wrote, &error), MB_IO_FAILED);
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_TEMPORARY));
    ck_assert_str_eq(error->message, "mail.example:25: connection lost: Broken pipe");
    ck_assert_int_eq(mb_stream_read(stream, &byte, 1, &got, NULL), MB_IO_END);
    ck_assert(!mb_stream_was_cut(stream));
    mb_stream_free(stream);
}
END_TEST

START_TEST(after_our_end_the_peer_is_still_heard)
{
    struct iovec part = {.iov_base = (void *)"x", .iov_len = 1};
    MbStream *stream;
    char buffer[16];
    size_t size = 0;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stream = mb_stream_new_take(ends[0], "peer");
    mb_stream_end(stream);
    ck_assert_int_eq(recv(ends[1], buffer, sizeof(buffer), 0), 0);
    ck_assert_int_eq(mb_stream_write(stream, &part, 1, &size, NULL), MB_IO_FAILED);
    ck_assert_int_eq(send(ends[1], "bye", 3, 0), 3);
    ck_assert_int_eq(mb_stream_read(stream, buffer, sizeof(buffer), &size, NULL), MB_IO_OK);
    ck_assert_uint_eq(size, 3);
    mb_stream_free(stream);
    close(ends[1]);
}
END_TEST

START_TEST(parts_arrive_in_order)
{
    struct iovec parts[] = {{(void *)"one ", 4}, {(void *)"", 0}, {(void *)"two", 3}};
    MbStream *stream;
    char buffer[16] = {0};
    size_t wrote = 0;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stream = mb_stream_new_take(ends[0], "peer");
    ck_assert_int_eq(mb_stream_write(stream, parts, 3, &wrote, NULL), MB_IO_OK);
    ck_assert_uint_eq(wrote, 7);
    ck_assert_int_eq(recv(ends[1], buffer, sizeof(buffer), 0), 7);
    ck_assert_str_eq(buffer, "one two");
    mb_stream_free(stream);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net-stream");
    TCase *tcase = tcase_create("stream");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_name_falls_back_from_ipv6_to_ipv4);
    tcase_add_test(tcase, localhost_is_this_machine_without_a_resolver);
    tcase_add_test(tcase, an_ipv6_address_is_reached);
    tcase_add_test(tcase, a_server_that_is_not_there_is_named);
    tcase_add_test(tcase, a_server_that_does_not_answer_times_out);
    tcase_add_test(tcase, a_name_server_that_does_not_answer_times_out);
    tcase_add_test(tcase, a_name_that_is_none_is_refused);
    tcase_add_test(tcase, domains_become_a_labels);
    tcase_add_test(tcase, addresses_to_listen_on);
    tcase_add_test(tcase, accepting_never_waits);
    tcase_add_test(tcase, writing_to_a_closed_peer_is_an_error_and_no_signal);
    tcase_add_test(tcase, after_our_end_the_peer_is_still_heard);
    tcase_add_test(tcase, parts_arrive_in_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
