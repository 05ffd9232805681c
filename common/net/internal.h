/*
 * What the files of net share: the inside of a stream and of what TLS trusts.
 */
#pragma once

#include <mailbatch/net/stream.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#define MB_TLS_RECORD 16384 /* the longest TLS record's content (RFC 8446, 5.1) */

struct MbStream {
    int descriptor;
    char *name;         /* host:port, as people typed it */
    char *peer_address; /* numeric, NULL when unknown */
    bool is_loopback;
    bool eager;        /* what was read is acknowledged before more is waited for */
    bool used;         /* bytes were read: the connection is past its first word */
    bool broken;       /* nothing more may be read or written */
    bool record_waits; /* a TLS record that the owner counts as unwritten waits to be flushed */
    bool mute;         /* nothing more may be written; what the peer said last can still be read */
    bool ended;        /* the peer's end was seen */
    bool was_cut;
    guint tls_timeout_ms;

    SSL *ssl; /* NULL: plain */
    MbTls *tls;
    char *session_key; /* under which sessions are kept for resumption */
    char *cipher;
    char fingerprint[2 * 32 + 1];
    bool handshake_done;
    short handshake_events; /* what the unfinished handshake waits for */
    bool read_blocked;      /* the last read found nothing, whatever TLS has buffered */
    bool read_wants_write;
    bool write_wants_read;
    uint8_t *gather; /* MB_TLS_RECORD bytes, to make one record of many small parts */
};

struct MbTls {
    atomic_int references;
    SSL_CTX *context;
    bool pinned;
    bool unchecked;
    uint8_t pin[32];
    pthread_mutex_t lock; /* guards `sessions` */
    GHashTable *sessions; /* key → GQueue of SSL_SESSION */
};

/* A host name as it goes on the wire: an IDN as A-labels, no final dot. The caller frees it. */
char *mb_net_ascii_host(const char *host, GError **error);

/* The octets of a literal address, 4 or 16, however it is written (127.1, ::1, fe80::1%lo); 0 when
 * `host` is a name. */
size_t mb_net_parse_address(const char *host, uint8_t bytes[16]);

/* Sets name, numeric address and options of a connected socket. */
MbStream *mb_stream_new_connected(int descriptor, const char *name);

/* getaddrinfo() for a stream to the numeric `service`, within `timeout_ms`: after it, EAI_SYSTEM
 * with ETIMEDOUT. Literal addresses take no thread. The caller frees the list. */
int mb_net_resolve(const char *host, const char *service, guint timeout_ms, struct addrinfo **list);

/* Waits until `descriptor` is ready for `events` or the deadline (monotonic, in ms) passes: 1, 0,
 * or -1 with errno. */
int mb_net_wait(int descriptor, short events, gint64 deadline_ms);
gint64 mb_net_now_ms(void);

MbTls *mb_tls_ref(MbTls *tls);

/* A server's, from memory; NULL when certificate and key do not fit. */
MbTls *mb_tls_server_new_with(X509 *certificate, EVP_PKEY *key);

/* The reason of OpenSSL's last error, as text that lasts. */
const char *mb_tls_last_reason(void);

/* A session to resume, taken out of the cache; NULL when there is none. */
SSL_SESSION *mb_tls_take_session(MbTls *tls, const char *key);
void mb_tls_keep_session(MbTls *tls, const char *key, SSL_SESSION *session);

/* Fills the stream's fingerprint, and `digest`, from the peer's certificate (may be NULL). */
void mb_tls_note_fingerprint(MbStream *stream, const X509 *certificate, uint8_t digest[32]);

/* Index of the MbStream among an SSL's extra data. */
int mb_tls_stream_index(void);

/* The TLS half of the stream's calls. */
MbIo mb_tls_read(MbStream *stream, void *buffer, size_t size, size_t *got, GError **error);
MbIo mb_tls_write(MbStream *stream, const struct iovec *parts, size_t count, size_t *wrote,
                  GError **error);
/* close_notify, when TLS is on and can still be written to. */
void mb_tls_say_end(MbStream *stream);
void mb_tls_close(MbStream *stream);
