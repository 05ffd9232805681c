#include "statement.h"
#include "suite.h"

#include <check.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/net/listener.h>
#include <mailbatch/net/pump.h>
#include <mailbatch/net/stream.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a server in a thread --- */

typedef enum {
    ECHO_BACK,       /* TLS, then whatever comes goes back until the end */
    END_IN_ORDER,    /* TLS, a line, close_notify */
    NOTIFY_ONLY,     /* TLS, a line, close_notify, and no FIN */
    CUT_OFF,         /* TLS, a line, a bare FIN */
    HANG,            /* nothing at all */
    TALK_IN_CLEAR,   /* an SMTP greeting where TLS is expected */
    CLOSE_AT_ONCE,   /* a FIN instead of a handshake */
    COUNT_LATER,     /* TLS, then counts what comes, once it is told to begin */
    PLAIN_THEN_MORE, /* a line in clear and, in the same breath, another */
} Behaviour;

typedef struct {
    MbListener *listener;
    MbTls *tls;
    Behaviour behaviour;
    int connections;
    pthread_t thread;
    pthread_mutex_t hold; /* COUNT_LATER begins when it is free */
    size_t counted;
    int kept; /* NOTIFY_ONLY: keeps the connection open */
} Server;

static bool wait_for(MbStream *stream, short events)
{
    struct pollfd entry = {.fd = mb_stream_descriptor(stream), .events = events};

    return poll(&entry, 1, 10000) > 0;
}

static bool send_text(MbStream *stream, const char *text)
{
    struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};

    while (part.iov_len > 0) {
        size_t wrote = 0;
        MbIo io = mb_stream_write(stream, &part, 1, &wrote, NULL);

        if (io == MB_IO_FAILED)
            return false;
        if (io == MB_IO_WAIT && !wait_for(stream, mb_stream_events(stream, false, true)))
            return false;
        part.iov_base = (char *)part.iov_base + wrote;
        part.iov_len -= wrote;
    }
    return true;
}

/* A read that waits. */
static MbIo read_some(MbStream *stream, void *buffer, size_t size, size_t *got, GError **error)
{
    MbIo io;

    while ((io = mb_stream_read(stream, buffer, size, got, error)) == MB_IO_WAIT)
        if (!wait_for(stream, mb_stream_events(stream, true, false)))
            break;
    return io;
}

static void echo(MbStream *stream)
{
    char buffer[65536];
    size_t got;

    while (read_some(stream, buffer, sizeof(buffer), &got, NULL) == MB_IO_OK) {
        size_t sent = 0;

        while (sent < got) {
            struct iovec part = {.iov_base = buffer + sent, .iov_len = got - sent};
            size_t wrote = 0;
            MbIo io = mb_stream_write(stream, &part, 1, &wrote, NULL);

            if (io == MB_IO_FAILED)
                return;
            if (io == MB_IO_WAIT)
                wait_for(stream, mb_stream_events(stream, false, true));
            sent += wrote;
        }
    }
}

static void count(Server *server, MbStream *stream)
{
    char buffer[65536];
    size_t got;

    pthread_mutex_lock(&server->hold);
    pthread_mutex_unlock(&server->hold);
    while (read_some(stream, buffer, sizeof(buffer), &got, NULL) == MB_IO_OK)
        server->counted += got;
}

static void wait_for_end(MbStream *stream)
{
    char buffer[4096];

    wait_for(stream, POLLIN);
    while (recv(mb_stream_descriptor(stream), buffer, sizeof(buffer), 0) > 0 || errno == EAGAIN)
        if (!wait_for(stream, POLLIN))
            break;
}

static void serve_one(Server *server, MbStream *stream)
{
    MbIo io;

    if (server->behaviour == TALK_IN_CLEAR)
        send_text(stream, "220 mail.example ESMTP\r\n");
    if (server->behaviour == PLAIN_THEN_MORE)
        send_text(stream, "220 go ahead\r\n250 AUTH PLAIN\r\n");
    if (server->behaviour == CLOSE_AT_ONCE)
        return;
    if (server->behaviour == HANG || server->behaviour == TALK_IN_CLEAR ||
        server->behaviour == PLAIN_THEN_MORE) {
        wait_for_end(stream);
        return;
    }
    while ((io = mb_stream_accept_tls(stream, server->tls, NULL)) == MB_IO_WAIT)
        if (!wait_for(stream, mb_stream_events(stream, true, false)))
            return;
    if (io != MB_IO_OK)
        return;
    if (server->behaviour == ECHO_BACK)
        echo(stream);
    else if (server->behaviour == COUNT_LATER)
        count(server, stream);
    else
        send_text(stream, "hello\r\n");
    if (server->behaviour == NOTIFY_ONLY)
        server->kept = dup(mb_stream_descriptor(stream));
    if (server->behaviour == CUT_OFF)
        shutdown(mb_stream_descriptor(stream), SHUT_WR);
}

static void *serve(void *user)
{
    Server *server = user;

    for (int i = 0; i < server->connections; i++) {
        struct pollfd entry = {.fd = mb_listener_descriptor(server->listener), .events = POLLIN};
        MbStream *stream;

        if (poll(&entry, 1, 10000) <= 0)
            break;
        stream = mb_listener_accept(server->listener, NULL);
        if (stream != NULL)
            serve_one(server, stream);
        mb_stream_free(stream);
    }
    return NULL;
}

static uint16_t start(Server *server, MbTls *tls, Behaviour behaviour, int connections)
{
    const char *address;

    server->listener = mb_listener_new("127.0.0.1:0", NULL);
    ck_assert_ptr_nonnull(server->listener);
    server->tls = tls;
    server->behaviour = behaviour;
    server->connections = connections;
    ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
    address = mb_listener_address(server->listener);
    return (uint16_t)g_ascii_strtoull(strrchr(address, ':') + 1, NULL, 10);
}

static void stop(Server *server)
{
    pthread_join(server->thread, NULL);
    mb_listener_free(server->listener);
}

static char *write_file(const char *text)
{
    char *path = NULL;
    int descriptor = g_file_open_tmp("mailbatch-XXXXXX", &path, NULL);

    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static MbTls *client_trusting(const char *pem)
{
    g_autofree char *path = write_file(pem);
    const MbTlsTrust trust = {.trust_file = path};
    MbTls *tls = mb_tls_client_new(&trust, NULL);

    ck_assert_ptr_nonnull(tls);
    g_unlink(path);
    return tls;
}

/* --- who is trusted --- */

typedef enum {
    TRUST_THE_SERVER,
    TRUST_THE_SYSTEM,
    TRUST_ANYBODY,
    PIN_THE_SERVER,
    PIN_ANOTHER,
    TRUST_EXPIRED, /* the server shows an expired certificate, and that one is trusted */
    PIN_EXPIRED,
} Trust;

typedef struct {
    const char *name;
    Trust trust;
    const char *host;
    bool ok;
    const char *says; /* part of the error */
} TrustRow;

static const TrustRow trust_rows[] = {
    {"trusted, right name", TRUST_THE_SERVER, "localhost", true, NULL},
    {"trusted, name in capitals, final dot", TRUST_THE_SERVER, "LocalHost.", true, NULL},
    {"trusted, right address", TRUST_THE_SERVER, "127.0.0.1", true, NULL},
    {"trusted, right IPv6 address", TRUST_THE_SERVER, "::1", true, NULL},
    {"wrong host", TRUST_THE_SERVER, "mail.example", false, "hostname mismatch"},
    {"wrong address", TRUST_THE_SERVER, "127.0.0.2", false, "IP address mismatch"},
    {"right address, spelt in short", TRUST_THE_SERVER, "127.1", true, NULL},
    {"wrong address, spelt in short", TRUST_THE_SERVER, "127.2", false, "IP address mismatch"},
    {"wrong address, spelt as a number", TRUST_THE_SERVER, "2130706434", false,
     "IP address mismatch"},
    {"no host at all", TRUST_THE_SERVER, "", false, "not a name"},
    {"IDN that is another host", TRUST_THE_SERVER, "bücher.example", false, "hostname mismatch"},
    {"unknown issuer", TRUST_THE_SYSTEM, "localhost", false, "self-signed certificate"},
    {"anybody, by the user's word", TRUST_ANYBODY, "mail.example", true, NULL},
    {"pinned", PIN_THE_SERVER, "localhost", true, NULL},
    {"pinned, name does not matter", PIN_THE_SERVER, "mail.example", true, NULL},
    {"pin mismatch", PIN_ANOTHER, "localhost", false, "not the one with the given fingerprint"},
    {"expired", TRUST_EXPIRED, "localhost", false, "certificate has expired"},
    {"expired, pinned", PIN_EXPIRED, "localhost", true, NULL},
};

#define EXPIRED_PIN                                                                                \
    "DC:3A:B4:CD:5A:27:1A:2D:1A:74:E1:04:28:3D:30:0B:FB:0F:5C:AC:68:13:00:C7:65:E4:72:36:68:C7:"   \
    "EA:71"

static MbTls *client_for(Trust trust, const char *pem, const char *fingerprint)
{
    MbTlsTrust chosen = {0};
    g_autofree char *expired = NULL;
    MbTls *tls;

    if (trust == TRUST_THE_SERVER)
        return client_trusting(pem);
    if (trust == TRUST_EXPIRED) {
        ck_assert(g_file_get_contents(MB_TEST_DATA "/net/expired.pem", &expired, NULL, NULL));
        return client_trusting(expired);
    }
    if (trust == TRUST_ANYBODY)
        chosen.no_certificate_check = true;
    else if (trust == PIN_THE_SERVER)
        chosen.fingerprint = fingerprint;
    else if (trust == PIN_EXPIRED)
        chosen.fingerprint = EXPIRED_PIN;
    else if (trust == PIN_ANOTHER)
        chosen.fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    tls = mb_tls_client_new(&chosen, NULL);
    ck_assert_ptr_nonnull(tls);
    return tls;
}

/* What a client that takes anybody is shown. */
static char *ask_fingerprint(MbTls *server_tls)
{
    const MbTlsTrust anybody = {.no_certificate_check = true};
    g_autoptr(MbTls) tls = mb_tls_client_new(&anybody, NULL);
    Server server = {0};
    uint16_t port = start(&server, server_tls, END_IN_ORDER, 1);
    g_autoptr(MbStream) stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
    char *fingerprint;

    ck_assert(mb_stream_start_tls(stream, tls, "localhost", NULL));
    fingerprint = g_strdup(mb_stream_peer_fingerprint(stream));
    ck_assert_uint_eq(strlen(fingerprint), 64);
    stop(&server);
    return fingerprint;
}

START_TEST(only_the_right_certificate_is_trusted)
{
    const TrustRow *row = &trust_rows[_i];
    bool expired = row->trust == TRUST_EXPIRED || row->trust == PIN_EXPIRED;
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
    g_autoptr(MbTls) old = mb_tls_server_new(MB_TEST_DATA "/net/expired.pem",
                                             MB_TEST_DATA "/net/expired-key.pem", NULL);
    g_autofree char *fingerprint = ask_fingerprint(own);
    g_autoptr(MbTls) client = client_for(row->trust, pem, fingerprint);
    g_autoptr(GError) error = NULL;
    Server server = {0};
    uint16_t port = start(&server, expired ? old : own, ECHO_BACK, 1);
    MbStream *stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
    bool started;

    ck_assert_ptr_nonnull(stream);
    started = mb_stream_start_tls(stream, client, row->host, &error);
    ck_assert_msg(started == row->ok, "%s: %s", row->name, error != NULL ? error->message : "ok");
    ck_assert_msg(mb_stream_is_tls(stream) == row->ok, "%s", row->name);
    if (!row->ok) {
        struct iovec secret = {.iov_base = (void *)"password", .iov_len = 8};
        size_t wrote;

        ck_assert_msg(g_error_matches(error, MB_NET_ERROR, MB_ERROR_CONFIG), "%s: %s", row->name,
                      error->message);
        ck_assert_msg(strstr(error->message, row->says) != NULL, "%s: %s", row->name,
                      error->message);
        ck_assert_msg(g_str_has_prefix(error->message, mb_stream_name(stream)), "%s", row->name);
        /* What failed never goes on in clear. */
        ck_assert_int_eq(mb_stream_write(stream, &secret, 1, &wrote, NULL), MB_IO_FAILED);
    }
    mb_stream_free(stream);
    stop(&server);
    if (row->ok)
        return;
    statement("M-20");
    statement("P-9");
}
END_TEST

START_TEST(settings_that_make_no_sense_are_refused)
{
    static const struct {
        const char *name;
        MbTlsTrust trust;
        const char *says;
    } rows[] = {
        {"no such file", {.trust_file = "/nonexistent/ca.pem"}, "/nonexistent/ca.pem: cannot read"},
        {"no certificate", {.trust_file = "/dev/null"}, "/dev/null: no trusted certificates"},
        {"short pin", {.fingerprint = "abcd"}, "abcd: not a fingerprint"},
        {"long pin",
         {.fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00"},
         "00112233"},
        {"no hex", {.fingerprint = "zz"}, "zz: not a fingerprint"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(mb_tls_client_new(&rows[i].trust, &error));
        ck_assert_msg(g_error_matches(error, MB_NET_ERROR, MB_ERROR_CONFIG), "%s", rows[i].name);
        ck_assert_msg(g_str_has_prefix(error->message, rows[i].says), "%s: %s", rows[i].name,
                      error->message);
    }
}
END_TEST

START_TEST(a_server_needs_certificate_and_key)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_tls_server_new("/nonexistent/cert.pem", "/dev/null", &error));
    ck_assert(g_str_has_prefix(error->message, "/nonexistent/cert.pem: cannot read"));
    g_clear_error(&error);
    ck_assert_ptr_null(mb_tls_server_new("/dev/null", "/dev/null", &error));
    ck_assert(g_str_has_prefix(error->message, "/dev/null: no certificate"));
    g_clear_error(&error);
    ck_assert_ptr_null(mb_tls_server_new(MB_TEST_DATA "/net/expired.pem", "/dev/null", &error));
    ck_assert(g_error_matches(error, MB_NET_ERROR, MB_ERROR_CONFIG));
}
END_TEST

/* --- handshakes that fail --- */

typedef struct {
    const char *name;
    Behaviour behaviour;
    bool greeted; /* the client reads a line in clear first */
    MbErrorCode code;
    const char *says;
} HandshakeRow;

static const HandshakeRow handshake_rows[] = {
    {"silence", HANG, false, MB_ERROR_TEMPORARY, "no answer within 1 s"},
    {"talks in clear", TALK_IN_CLEAR, false, MB_ERROR_UNAVAILABLE, "in clear here"},
    {"closes", CLOSE_AT_ONCE, false, MB_ERROR_TEMPORARY, "closed the connection"},
    {"surplus plaintext", PLAIN_THEN_MORE, true, MB_ERROR_PROTOCOL,
     "unprotected text before the TLS handshake"},
};

START_TEST(a_failed_handshake_is_explained)
{
    const HandshakeRow *row = &handshake_rows[_i];
    const MbDialOptions options = {.tls_timeout_ms = row->behaviour == HANG ? 150 : 10000};
    g_autoptr(MbTls) tls = mb_tls_client_new(NULL, NULL);
    g_autoptr(GError) error = NULL;
    Server server = {0};
    uint16_t port = start(&server, NULL, row->behaviour, 1);
    MbStream *stream = mb_stream_dial("127.0.0.1", port, &options, NULL);

    ck_assert_ptr_nonnull(stream);
    if (row->greeted) {
        char line[14];
        size_t got;

        ck_assert_int_eq(read_some(stream, line, sizeof(line), &got, NULL), MB_IO_OK);
    } else if (row->behaviour != HANG) {
        ck_assert(wait_for(stream, POLLIN));
    }
    ck_assert(!mb_stream_start_tls(stream, tls, "localhost", &error));
    ck_assert_msg(error->code == (int)row->code && strstr(error->message, row->says) != NULL,
                  "%s: %s", row->name, error->message);
    mb_stream_free(stream);
    stop(&server);
    if (row->greeted)
        statement("P-9");
    if (row->behaviour == HANG)
        statement("P-10");
}
END_TEST

/* --- data --- */

static void check_echo(MbStream *stream, size_t total)
{
    g_autofree uint8_t *out = g_malloc(total);
    g_autofree uint8_t *in = g_malloc(total);
    size_t sent = 0;
    size_t got = 0;

    for (size_t i = 0; i < total; i++)
        out[i] = (uint8_t)(i * 31 + i / 251);
    while (got < total) {
        size_t count = 0;
        size_t head = MIN(17, total - sent);
        struct iovec parts[2] = {
            {.iov_base = out + sent, .iov_len = head},
            {.iov_base = out + sent + head, .iov_len = total - sent - head},
        };
        MbIo io = sent < total ? mb_stream_write(stream, parts, 2, &count, NULL) : MB_IO_WAIT;

        ck_assert_int_ne(io, MB_IO_FAILED);
        if (io == MB_IO_OK)
            sent += count;
        io = mb_stream_read(stream, in + got, total - got, &count, NULL);
        ck_assert_int_ne(io, MB_IO_FAILED);
        ck_assert_int_ne(io, MB_IO_END);
        if (io == MB_IO_OK)
            got += count;
        else if (!mb_stream_has_pending(stream))
            wait_for(stream, mb_stream_events(stream, true, sent < total));
    }
    ck_assert_mem_eq(in, out, total);
}

START_TEST(what_goes_through_tls_comes_out_the_same)
{
    static const size_t sizes[] = {1, 16, 17, 18, 16383, 16384, 16385, 100000, 3000000};
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
    g_autoptr(MbTls) client = client_trusting(pem);
    Server server = {0};
    uint16_t port = start(&server, own, ECHO_BACK, 1);
    MbStream *stream = mb_stream_dial("localhost", port, NULL, NULL);

    ck_assert_ptr_nonnull(stream);
    ck_assert(mb_stream_start_tls(stream, client, "localhost", NULL));
    ck_assert(g_str_has_prefix(mb_stream_tls_cipher(stream), "TLSv1.3 "));
    ck_assert(mb_stream_is_loopback(stream));
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        check_echo(stream, sizes[i]);
    mb_stream_free(stream);
    stop(&server);
}
END_TEST

/* A session that says `total` octets in parts of uneven length, and expects them back. */
typedef struct {
    uint8_t *octets;
    size_t total;
    size_t written;
    size_t got;
} Mirror;

static void mirror_input(void *session, const void *bytes, size_t length)
{
    Mirror *mirror = session;

    ck_assert_uint_le(mirror->got + length, mirror->total);
    ck_assert_mem_eq(bytes, mirror->octets + mirror->got, length);
    mirror->got += length;
}

static void mirror_input_end(void *session, bool cut)
{
    (void)session;
    ck_assert(!cut);
}

static size_t mirror_output(void *session, struct iovec *parts, size_t max)
{
    Mirror *mirror = session;
    size_t at = mirror->written;
    size_t count = 0;

    while (at < mirror->total && count < max) {
        size_t piece = MIN(mirror->total - at, 1 + at % 40000);

        parts[count++] = (struct iovec){.iov_base = mirror->octets + at, .iov_len = piece};
        at += piece;
    }
    return count;
}

static void mirror_wrote(void *session, size_t length)
{
    ((Mirror *)session)->written += length;
}

START_TEST(the_pump_moves_octets_both_ways_over_tls)
{
    static const MbSessionOps ops = {.input = mirror_input,
                                     .input_end = mirror_input_end,
                                     .output = mirror_output,
                                     .wrote = mirror_wrote};
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
    g_autoptr(MbTls) client = client_trusting(pem);
    Mirror mirror = {.total = 20000000};
    Server server = {0};
    uint16_t port = start(&server, own, ECHO_BACK, 1);
    MbStream *stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
    MbPump *pump;

    mirror.octets = g_malloc(mirror.total);
    for (size_t i = 0; i < mirror.total; i++)
        mirror.octets[i] = (uint8_t)(i * 13 + i / 509);
    ck_assert(mb_stream_start_tls(stream, client, "localhost", NULL));
    pump = mb_pump_new(stream, &mirror, &ops, NULL);
    while (mirror.got < mirror.total)
        ck_assert_int_eq(mb_pump_step(pump, -1, -1, NULL), MB_NEXT);
    ck_assert_uint_eq(mirror.written, mirror.total);
    mb_pump_free(pump);
    mb_stream_free(stream);
    stop(&server);
    g_free(mirror.octets);
}
END_TEST

/* No poll() tells of it. */
START_TEST(an_end_behind_a_line_is_told_at_once)
{
    static const MbSessionOps ops = {.input = mirror_input,
                                     .input_end = mirror_input_end,
                                     .output = mirror_output,
                                     .wrote = mirror_wrote};
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
    g_autoptr(MbTls) client = client_trusting(pem);
    Mirror mirror = {.octets = (uint8_t *)"hello\r\n", .total = 7, .written = 7};
    Server server = {0};
    uint16_t port = start(&server, own, NOTIFY_ONLY, 1);
    g_autoptr(MbStream) stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
    g_autoptr(MbPump) pump = NULL;

    ck_assert(mb_stream_start_tls(stream, client, "localhost", NULL));
    stop(&server);
    pump = mb_pump_new(stream, &mirror, &ops, NULL);
    ck_assert_int_eq(mb_pump_step(pump, 1000, -1, NULL), MB_NEXT);
    ck_assert_uint_eq(mirror.got, 7);
    ck_assert_int_eq(mb_pump_step(pump, 1000, -1, NULL), MB_END);
    close(server.kept);
}
END_TEST

/* A record that was begun counts as unwritten: were it completed by the end, a message that is
 * called unsent would arrive. */
static void end_with_a_record_begun(void (*end)(MbStream *stream), const char *name)
{
    static const char zeros[16384];
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) tls = mb_tls_server_new_self_signed(&pem, NULL);
    g_autoptr(MbTls) client = client_trusting(pem);
    Server server = {.hold = PTHREAD_MUTEX_INITIALIZER};
    uint16_t port = start(&server, tls, COUNT_LATER, 1);
    MbStream *stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
    struct iovec part = {.iov_base = (void *)zeros, .iov_len = sizeof(zeros)};
    size_t written = 0;
    size_t wrote = 0;

    pthread_mutex_lock(&server.hold);
    ck_assert(mb_stream_start_tls(stream, client, "localhost", NULL));
    while (mb_stream_write(stream, &part, 1, &wrote, NULL) == MB_IO_OK)
        written += wrote;
    pthread_mutex_unlock(&server.hold);
    ck_assert(wait_for(stream, POLLOUT));
    end(stream);
    stop(&server);
    ck_assert_msg(server.counted <= written, "%s: %zu octets came of %zu", name, server.counted,
                  written);
}

static void end_then_free(MbStream *stream)
{
    mb_stream_end(stream);
    mb_stream_free(stream);
}

START_TEST(an_end_completes_no_record)
{
    end_with_a_record_begun(mb_stream_free, "freed");
    end_with_a_record_begun(end_then_free, "ended, then freed");
    statement("M-24");
}
END_TEST

START_TEST(a_cut_is_told_from_an_orderly_end)
{
    static const Behaviour behaviours[] = {END_IN_ORDER, CUT_OFF};

    for (size_t i = 0; i < G_N_ELEMENTS(behaviours); i++) {
        g_autofree char *pem = NULL;
        g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
        g_autoptr(MbTls) client = client_trusting(pem);
        Server server = {0};
        uint16_t port = start(&server, own, behaviours[i], 1);
        MbStream *stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
        char buffer[100];
        size_t got = 0;

        ck_assert(mb_stream_start_tls(stream, client, "localhost", NULL));
        ck_assert_int_eq(read_some(stream, buffer, sizeof(buffer), &got, NULL), MB_IO_OK);
        ck_assert_uint_eq(got, 7);
        ck_assert_int_eq(read_some(stream, buffer, sizeof(buffer), &got, NULL), MB_IO_END);
        ck_assert_int_eq(read_some(stream, buffer, sizeof(buffer), &got, NULL), MB_IO_END);
        ck_assert_int_eq(mb_stream_was_cut(stream), behaviours[i] == CUT_OFF);
        mb_stream_free(stream);
        stop(&server);
    }
}
END_TEST

/* --- several threads, one MbTls --- */

typedef struct {
    MbTls *tls;
    uint16_t port;
} Visitor;

static void *visit(void *user)
{
    Visitor *visitor = user;

    for (int i = 0; i < 5; i++) {
        MbStream *stream = mb_stream_dial("127.0.0.1", visitor->port, NULL, NULL);
        bool fine = stream != NULL && mb_stream_start_tls(stream, visitor->tls, "localhost", NULL);
        char buffer[100];
        size_t got;

        fine = fine && read_some(stream, buffer, sizeof(buffer), &got, NULL) == MB_IO_OK &&
               mb_stream_peer_fingerprint(stream) != NULL;
        mb_stream_free(stream);
        if (!fine)
            return NULL;
    }
    return user;
}

START_TEST(the_second_connection_resumes)
{
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
    g_autoptr(MbTls) client = client_trusting(pem);
    g_autofree char *fingerprint = NULL;
    Server server = {0};
    uint16_t port = start(&server, own, END_IN_ORDER, 3);

    for (int i = 0; i < 3; i++) {
        g_autoptr(MbStream) stream = mb_stream_dial("127.0.0.1", port, NULL, NULL);
        /* The last one under another name: a session is never carried from name to name. */
        const char *host = i < 2 ? "localhost" : "127.0.0.1";
        char buffer[100];
        size_t got;

        ck_assert(mb_stream_start_tls(stream, client, host, NULL));
        ck_assert_int_eq(mb_stream_is_resumed(stream), i == 1);
        if (fingerprint == NULL)
            fingerprint = g_strdup(mb_stream_peer_fingerprint(stream));
        ck_assert_str_eq(mb_stream_peer_fingerprint(stream), fingerprint);
        /* The tickets come with the first bytes. */
        ck_assert_int_eq(read_some(stream, buffer, sizeof(buffer), &got, NULL), MB_IO_OK);
    }
    stop(&server);
}
END_TEST

START_TEST(threads_share_what_is_trusted)
{
    g_autofree char *pem = NULL;
    g_autoptr(MbTls) own = mb_tls_server_new_self_signed(&pem, NULL);
    MbTls *client = client_trusting(pem);
    Server server = {0};
    Visitor visitor = {.tls = client, .port = start(&server, own, END_IN_ORDER, 20)};
    pthread_t threads[4];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, visit, &visitor), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        void *fine = NULL;

        pthread_join(threads[i], &fine);
        ck_assert_ptr_nonnull(fine);
    }
    mb_tls_free(client);
    stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net-tls");
    TCase *tcase = tcase_create("tls");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, only_the_right_certificate_is_trusted, 0, G_N_ELEMENTS(trust_rows));
    tcase_add_test(tcase, settings_that_make_no_sense_are_refused);
    tcase_add_test(tcase, a_server_needs_certificate_and_key);
    tcase_add_loop_test(tcase, a_failed_handshake_is_explained, 0, G_N_ELEMENTS(handshake_rows));
    tcase_add_test(tcase, what_goes_through_tls_comes_out_the_same);
    tcase_add_test(tcase, the_pump_moves_octets_both_ways_over_tls);
    tcase_add_test(tcase, an_end_behind_a_line_is_told_at_once);
    tcase_add_test(tcase, an_end_completes_no_record);
    tcase_add_test(tcase, a_cut_is_told_from_an_orderly_end);
    tcase_add_test(tcase, the_second_connection_resumes);
    tcase_add_test(tcase, threads_share_what_is_trusted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
