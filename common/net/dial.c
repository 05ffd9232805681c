/*
 * Connecting by name: the addresses interleaved by family (RFC 8305, 4), a new one tried when the
 * one before failed or has not answered for a quarter of a second (RFC 8305, 5), the first that
 * connects wins.
 */
#include "internal.h"

#include <errno.h>
#include <mailbatch/base/text.h>
#include <mailbatch/net/idn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ATTEMPTS_MAX     16
#define ATTEMPT_DELAY_MS 250

static const MbDialOptions dial_defaults = {.connect_timeout_ms = 10000, .tls_timeout_ms = 30000};

typedef struct {
    const struct addrinfo *address;
    int descriptor; /* -1: not started, or over */
    gint64 deadline_ms;
} Attempt;

typedef struct {
    const char *name;
    guint timeout_ms;
    Attempt attempts[ATTEMPTS_MAX];
    size_t count;
    size_t started;
    gint64 next_start_ms;
    GString *failures; /* "address: reason" each */
} Dial;

size_t mb_net_parse_address(const char *host, uint8_t bytes[16])
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    size_t length = 0;

    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return 0;
    if (list->ai_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)list->ai_addr;

        length = sizeof(v4->sin_addr);
        memcpy(bytes, &v4->sin_addr, length);
    } else if (list->ai_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)list->ai_addr;

        length = sizeof(v6->sin6_addr);
        memcpy(bytes, &v6->sin6_addr, length);
    }
    freeaddrinfo(list);
    return length;
}

char *mb_net_ascii_host(const char *host, GError **error)
{
    g_autofree char *ascii = NULL;
    g_autoptr(GError) failure = NULL;
    size_t length;

    ascii = mb_text_is_ascii(host, strlen(host)) ? g_strdup(host) : mb_idn_to_ascii(host, &failure);
    if (ascii == NULL) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG, "server %s", failure->message);
        return NULL;
    }
    length = strlen(ascii);
    if (length > 1 && ascii[length - 1] == '.')
        ascii[length - 1] = '\0';
    return g_steal_pointer(&ascii);
}

/* Fills `attempts` with the addresses, families taking turns, the first one's family first. */
static void interleave(Dial *dial, const struct addrinfo *list)
{
    const struct addrinfo *same = list;
    const struct addrinfo *other = list;
    int family = list->ai_family;

    while (dial->count < ATTEMPTS_MAX && (same != NULL || other != NULL)) {
        while (same != NULL && same->ai_family != family)
            same = same->ai_next;
        while (other != NULL && other->ai_family == family)
            other = other->ai_next;
        if (same != NULL) {
            dial->attempts[dial->count++] = (Attempt){.address = same, .descriptor = -1};
            same = same->ai_next;
        }
        if (other != NULL && dial->count < ATTEMPTS_MAX) {
            dial->attempts[dial->count++] = (Attempt){.address = other, .descriptor = -1};
            other = other->ai_next;
        }
    }
}

static void note_failure(Dial *dial, Attempt *attempt, const char *reason)
{
    char host[NI_MAXHOST] = "?";

    if (attempt->descriptor >= 0)
        close(attempt->descriptor);
    attempt->descriptor = -1;
    getnameinfo(attempt->address->ai_addr, attempt->address->ai_addrlen, host, sizeof(host), NULL,
                0, NI_NUMERICHOST);
    g_string_append_printf(dial->failures, "%s%s: %s", dial->failures->len > 0 ? ", " : "", host,
                           reason);
    dial->next_start_ms = 0;
}

/* True when the attempt connected at once. */
static bool start_attempt(Dial *dial, Attempt *attempt)
{
    const struct addrinfo *address = attempt->address;
    gint64 now = mb_net_now_ms();

    dial->next_start_ms = now + ATTEMPT_DELAY_MS;
    attempt->deadline_ms = now + dial->timeout_ms;
    attempt->descriptor =
        socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (attempt->descriptor < 0) {
        note_failure(dial, attempt, g_strerror(errno));
        return false;
    }
    if (connect(attempt->descriptor, address->ai_addr, address->ai_addrlen) == 0)
        return true;
    if (errno != EINPROGRESS)
        note_failure(dial, attempt, g_strerror(errno));
    return false;
}

/* True when a ready attempt turns out to be connected. */
static bool finish_attempt(Dial *dial, Attempt *attempt)
{
    int code = 0;
    socklen_t length = sizeof(code);

    if (getsockopt(attempt->descriptor, SOL_SOCKET, SO_ERROR, &code, &length) != 0)
        code = errno;
    if (code == 0)
        return true;
    note_failure(dial, attempt, g_strerror(code));
    return false;
}

/* Waits for any attempt, the next start or a deadline. The connected attempt, or NULL. */
static Attempt *wait_for_any(Dial *dial)
{
    struct pollfd entries[ATTEMPTS_MAX];
    Attempt *open[ATTEMPTS_MAX];
    nfds_t count = 0;
    gint64 until = dial->started < dial->count ? dial->next_start_ms : G_MAXINT64;

    for (size_t i = 0; i < dial->started; i++) {
        if (dial->attempts[i].descriptor < 0)
            continue;
        open[count] = &dial->attempts[i];
        until = MIN(until, open[count]->deadline_ms);
        entries[count] = (struct pollfd){.fd = open[count]->descriptor, .events = POLLOUT};
        count++;
    }
    if (count == 0)
        return NULL;
    if (poll(entries, count, (int)CLAMP(until - mb_net_now_ms(), 0, G_MAXINT)) < 0)
        return NULL;
    for (nfds_t i = 0; i < count; i++) {
        if (entries[i].revents != 0 && finish_attempt(dial, open[i]))
            return open[i];
        if (open[i]->descriptor >= 0 && mb_net_now_ms() >= open[i]->deadline_ms)
            note_failure(dial, open[i], g_strerror(ETIMEDOUT));
    }
    return NULL;
}

static bool is_anything_open(const Dial *dial)
{
    for (size_t i = 0; i < dial->started; i++)
        if (dial->attempts[i].descriptor >= 0)
            return true;
    return dial->started < dial->count;
}

/* The connected descriptor, or -1 with the reasons in `failures`. */
static int race(Dial *dial)
{
    Attempt *winner = NULL;
    int descriptor = -1;

    while (winner == NULL && is_anything_open(dial)) {
        if (dial->started < dial->count && mb_net_now_ms() >= dial->next_start_ms) {
            Attempt *next = &dial->attempts[dial->started++];

            if (start_attempt(dial, next))
                winner = next;
            continue;
        }
        winner = wait_for_any(dial);
    }
    for (size_t i = 0; i < dial->started; i++) {
        if (&dial->attempts[i] == winner)
            descriptor = winner->descriptor;
        else if (dial->attempts[i].descriptor >= 0)
            close(dial->attempts[i].descriptor);
    }
    return descriptor;
}

static struct addrinfo *find_addresses(const Dial *dial, const char *host, uint16_t port,
                                       GError **error)
{
    g_autofree char *ascii = mb_net_ascii_host(host, error);
    struct addrinfo *list = NULL;
    char service[8];
    int code;

    if (ascii == NULL)
        return NULL;
    g_snprintf(service, sizeof(service), "%u", port);
    code = mb_net_resolve(ascii, service, dial->timeout_ms, &list);
    if (code == 0)
        return list;
    g_set_error(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE, "%s: cannot find the host: %s",
                dial->name, code == EAI_SYSTEM ? g_strerror(errno) : gai_strerror(code));
    return NULL;
}

MbStream *mb_stream_dial(const char *host, uint16_t port, const MbDialOptions *options,
                         GError **error)
{
    const MbDialOptions *chosen = options != NULL ? options : &dial_defaults;
    g_autofree char *shown = mb_text_printable(host, strlen(host));
    g_autofree char *name = strchr(shown, ':') != NULL ? g_strdup_printf("[%s]:%u", shown, port)
                                                       : g_strdup_printf("%s:%u", shown, port);
    Dial dial = {.name = name, .timeout_ms = chosen->connect_timeout_ms};
    struct addrinfo *list;
    MbStream *stream = NULL;
    int descriptor;

    if (dial.timeout_ms == 0)
        dial.timeout_ms = dial_defaults.connect_timeout_ms;
    list = find_addresses(&dial, host, port, error);
    if (list == NULL)
        return NULL;
    dial.failures = g_string_new(NULL);
    interleave(&dial, list);
    descriptor = race(&dial);
    freeaddrinfo(list);
    if (descriptor >= 0) {
        stream = mb_stream_new_connected(descriptor, name);
        if (chosen->tls_timeout_ms != 0)
            stream->tls_timeout_ms = chosen->tls_timeout_ms;
    } else {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_UNAVAILABLE, "%s: cannot connect: %s", name,
                    dial.failures->str);
    }
    g_string_free(dial.failures, TRUE);
    return stream;
}
