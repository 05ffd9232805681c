/*
 * A connected byte stream, plain or TLS behind one type, on a non-blocking descriptor.
 *
 * Dialling and handshakes wait, within their timeouts; reading and writing never do. One thread at
 * a time. Errors are MB_NET_ERROR: a host that cannot be reached is MB_ERROR_UNAVAILABLE, a
 * certificate that is not to be trusted MB_ERROR_CONFIG, a lost connection MB_ERROR_TEMPORARY.
 * Messages start with host:port.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/net/tls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

#define MB_NET_ERROR (mb_net_error_quark())
GQuark mb_net_error_quark(void);

typedef struct MbStream MbStream;

/* What reading or writing came to. */
typedef enum {
    MB_IO_FAILED = -1, /* the connection is lost; see the error */
    MB_IO_END,         /* the peer closed in an orderly way (TLS: close_notify, or a bare FIN; see
                          mb_stream_was_cut()) */
    MB_IO_WAIT,        /* nothing now: poll for mb_stream_events() */
    MB_IO_OK,
} MbIo;

typedef struct {
    guint connect_timeout_ms; /* finding the addresses, and then connecting to one (10,000) */
    guint tls_timeout_ms;     /* the handshake (30,000) */
} MbDialOptions;

/* Connects to `host` (name, IPv4, IPv6; an IDN goes as A-label). Its addresses are tried IPv6 and
 * IPv4 in turn (RFC 8305, 4), the next one as soon as one fails, or has not answered for a quarter
 * of a second; the first that connects wins. Finding the addresses takes at most as long as
 * connecting to one. `options` NULL, or a field that is 0, means the defaults. */
MbStream *mb_stream_dial(const char *host, uint16_t port, const MbDialOptions *options,
                         GError **error);

/* Takes over a connected descriptor, as from mb_listener_accept(). `name` is used in messages. */
MbStream *mb_stream_new_take(int descriptor, const char *name);

/* Closes (TLS: with close_notify, without waiting) and frees. */
void mb_stream_free(MbStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbStream, mb_stream_free)

/* The client's handshake, with SNI and the checks of `tls`; waits. The caller makes sure that no
 * plaintext is left unread above the stream (RFC 3207, 6); bytes that already wait in the socket
 * make it fail. */
bool mb_stream_start_tls(MbStream *stream, MbTls *tls, const char *host, GError **error);

/* The server's handshake, a step: MB_IO_OK when done, MB_IO_WAIT to poll and call again. */
MbIo mb_stream_accept_tls(MbStream *stream, MbTls *tls, GError **error);

bool mb_stream_is_tls(const MbStream *stream);

/* Whether the handshake resumed an earlier session. */
bool mb_stream_is_resumed(const MbStream *stream);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384", and the peer certificate's SHA-256 as hex; NULL without TLS.
 * Borrowed for the stream's life. */
const char *mb_stream_tls_cipher(const MbStream *stream);
const char *mb_stream_peer_fingerprint(const MbStream *stream);

/* "host:port" as it was dialled, and the peer's numeric address. Borrowed for the stream's life. */
const char *mb_stream_name(const MbStream *stream);
const char *mb_stream_peer_address(const MbStream *stream);

/* Whether the peer's address is on the loopback interface. */
bool mb_stream_is_loopback(const MbStream *stream);

/* From now on what was read is acknowledged before more is waited for: a peer that sends an answer
 * in pieces, and each only when the one before has come (Nagle), is not held up for 40 ms. */
void mb_stream_be_eager(MbStream *stream);

/* Reads what is there, up to `size` bytes; *got says how much on MB_IO_OK (at least 1). */
MbIo mb_stream_read(MbStream *stream, void *buffer, size_t size, size_t *got, GError **error);

/* Writes as much as fits at once; *wrote says how much on MB_IO_OK (at least 1). With TLS, what is
 * offered must be offered again, unchanged, after MB_IO_WAIT. */
MbIo mb_stream_write(MbStream *stream, const struct iovec *parts, size_t count, size_t *wrote,
                     GError **error);

/* Says that nothing more will be written (TLS: close_notify; then FIN); reading goes on. */
void mb_stream_end(MbStream *stream);

/* Whether the end was a FIN without TLS's close_notify: what came before may have been cut. */
bool mb_stream_was_cut(const MbStream *stream);

int mb_stream_descriptor(const MbStream *stream);

/* What to poll for, POLLIN and POLLOUT, given what the owner wants to do (TLS may need the other).
 */
short mb_stream_events(const MbStream *stream, bool want_read, bool want_write);

/* Whether bytes wait inside TLS, so that a read would return at once although poll() would wait. */
bool mb_stream_has_pending(const MbStream *stream);

G_END_DECLS
