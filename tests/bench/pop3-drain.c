/*
 * The bare client that popdump's speed is measured against: logs in, asks for every message and
 * throws the bytes away. It looks for nothing but the ends of the replies.
 *
 *   pop3-drain HOST PORT USER PASSWORD [CA-FILE | - [AHEAD]]
 *
 * CA-FILE: over TLS from the first octet. AHEAD: how many RETR are asked for before their replies
 * (0, the default: all of them at once; 1: each reply is waited for). Prints messages and octets.
 */
#include <mailbatch/net/stream.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (256 * 1024)

typedef struct {
    MbStream *stream;
    GString *commands; /* what is still to be written stands from `sent` on */
    size_t sent;
    char *room;
    size_t matched; /* octets of "\r\n.\r\n" that the input ends with */
    uint64_t ends, octets;
} Drain;

static void give_up(GError *error, const char *what)
{
    fprintf(stderr, "pop3-drain: %s\n", error != NULL ? error->message : what);
    exit(1);
}

static size_t step(Drain *drain)
{
    bool writing = drain->sent < drain->commands->len;
    short events = mb_stream_events(drain->stream, true, writing);
    struct pollfd slot = {mb_stream_descriptor(drain->stream), events, 0};
    g_autoptr(GError) error = NULL;
    size_t count = 0;
    MbIo io;

    if (!mb_stream_has_pending(drain->stream) && poll(&slot, 1, 60000) <= 0)
        give_up(NULL, "no answer for a minute");
    if (writing) {
        struct iovec part = {drain->commands->str + drain->sent,
                             drain->commands->len - drain->sent};

        io = mb_stream_write(drain->stream, &part, 1, &count, &error);
        if (io == MB_IO_FAILED)
            give_up(error, "cannot write");
        drain->sent += io == MB_IO_OK ? count : 0;
    }
    io = mb_stream_read(drain->stream, drain->room, ROOM, &count, &error);
    if (io == MB_IO_FAILED || io == MB_IO_END)
        give_up(error, "the server closed");
    return io == MB_IO_OK ? count : 0;
}

/* RFC 1939, 3: a line with nothing but "." ends a reply of several lines. */
static void count_ends(Drain *drain, const char *bytes, size_t length)
{
    static const char end[] = "\r\n.\r\n";
    const char *stop = bytes + length;

    while (drain->matched > 0 && bytes < stop) {
        if (*bytes == end[drain->matched])
            drain->matched++, bytes++;
        else
            drain->matched = *bytes == '\r' ? (size_t)(bytes++, 1) : 0;
        if (drain->matched == sizeof(end) - 1) {
            drain->ends++;
            drain->matched = 0;
        }
    }
    while (bytes < stop) {
        const char *found = memmem(bytes, (size_t)(stop - bytes), end, sizeof(end) - 1);

        if (found == NULL)
            break;
        drain->ends++;
        bytes = found + sizeof(end) - 1;
    }
    for (size_t tail = MIN((size_t)(stop - bytes), sizeof(end) - 2); tail > 0; tail--) {
        if (memcmp(stop - tail, end, tail) == 0) {
            drain->matched = tail;
            return;
        }
    }
}

/* A reply of one line: `text` gets it. */
static void answer(Drain *drain, const char *command, char *text, size_t size)
{
    size_t length = 0;

    if (command != NULL) {
        g_string_append(drain->commands, command);
    }
    do {
        size_t count = step(drain);

        if (length + count >= size)
            give_up(NULL, "a long reply");
        memcpy(text + length, drain->room, count);
        length += count;
    } while (length == 0 || text[length - 1] != '\n');
    text[length] = '\0';
    if (text[0] != '+')
        give_up(NULL, text);
}

static uint64_t log_in(Drain *drain, const char *user, const char *password)
{
    g_autofree char *line_user = g_strdup_printf("USER %s\r\n", user);
    g_autofree char *line_password = g_strdup_printf("PASS %s\r\n", password);
    char text[1024];

    answer(drain, NULL, text, sizeof(text));
    answer(drain, line_user, text, sizeof(text));
    answer(drain, line_password, text, sizeof(text));
    answer(drain, "STAT\r\n", text, sizeof(text));
    return g_ascii_strtoull(text + strlen("+OK "), NULL, 10);
}

static void fetch_all(Drain *drain, uint64_t messages, uint64_t ahead)
{
    uint64_t asked = 0;

    while (drain->ends < messages) {
        size_t count;

        if (drain->sent == drain->commands->len) {
            g_string_truncate(drain->commands, 0);
            drain->sent = 0;
        }
        for (; asked < messages && (ahead == 0 || asked - drain->ends < ahead); asked++)
            g_string_append_printf(drain->commands, "RETR %" G_GUINT64_FORMAT "\r\n", asked + 1);
        count = step(drain);
        drain->octets += count;
        count_ends(drain, drain->room, count);
    }
}

int main(int argc, char **argv)
{
    const char *trust = argc > 5 && strcmp(argv[5], "-") != 0 ? argv[5] : NULL;
    MbTlsTrust trusted = {.trust_file = trust};
    g_autoptr(GError) error = NULL;
    Drain drain = {.room = g_malloc(ROOM), .commands = g_string_new(NULL)};
    char text[1024];
    uint64_t messages;
    MbTls *tls;

    if (argc < 5)
        give_up(NULL, "usage: pop3-drain HOST PORT USER PASSWORD [CA-FILE | - [AHEAD]]");
    drain.stream =
        mb_stream_dial(argv[1], (uint16_t)g_ascii_strtoull(argv[2], NULL, 10), NULL, &error);
    if (drain.stream == NULL)
        give_up(error, "cannot connect");
    tls = trust != NULL ? mb_tls_client_new(&trusted, &error) : NULL;
    if (trust != NULL && (tls == NULL || !mb_stream_start_tls(drain.stream, tls, argv[1], &error)))
        give_up(error, "no TLS");
    messages = log_in(&drain, argv[3], argv[4]);
    fetch_all(&drain, messages, argc > 6 ? g_ascii_strtoull(argv[6], NULL, 10) : 0);
    answer(&drain, "QUIT\r\n", text, sizeof(text));
    printf("%" G_GUINT64_FORMAT " messages, %" G_GUINT64_FORMAT " octets\n", drain.ends,
           drain.octets);
    mb_stream_free(drain.stream);
    mb_tls_free(tls);
    g_string_free(drain.commands, TRUE);
    g_free(drain.room);
    return 0;
}
