/*
 * TLS on a stream: handshakes, records, the orderly end.
 *
 * The descriptor is reached through a BIO of our own, for OpenSSL's writes with write(), which
 * raises SIGPIPE.
 */
#include "internal.h"

#include <errno.h>
#include <mailbatch/base/text.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static BIO_METHOD *socket_method;
static pthread_once_t socket_method_once = PTHREAD_ONCE_INIT;

static bool is_retry(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static int socket_read(BIO *bio, char *buffer, int size)
{
    MbStream *stream = BIO_get_data(bio);
    ssize_t length = recv(stream->descriptor, buffer, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (is_retry(length))
        BIO_set_retry_read(bio);
    else if (length == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)length;
}

static int socket_write(BIO *bio, const char *bytes, int size)
{
    MbStream *stream = BIO_get_data(bio);
    ssize_t length = send(stream->descriptor, bytes, (size_t)size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (is_retry(length))
        BIO_set_retry_write(bio);
    return (int)length;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH)
        return 1;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return 0;
}

static void make_socket_method(void)
{
    int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;

    socket_method = BIO_meth_new(type, "mailbatch socket");
    if (socket_method == NULL)
        g_error("cannot set up TLS: %s", mb_tls_last_reason());
    BIO_meth_set_read(socket_method, socket_read);
    BIO_meth_set_write(socket_method, socket_write);
    BIO_meth_set_ctrl(socket_method, socket_control);
}

static void attach(MbStream *stream, MbTls *tls)
{
    BIO *bio;

    pthread_once(&socket_method_once, make_socket_method);
    ERR_clear_error();
    stream->tls = mb_tls_ref(tls);
    stream->ssl = SSL_new(tls->context);
    bio = BIO_new(socket_method);
    if (stream->ssl == NULL || bio == NULL)
        g_error("cannot set up TLS: %s", mb_tls_last_reason());
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(stream->ssl, bio, bio);
    SSL_set_ex_data(stream->ssl, mb_tls_stream_index(), stream);
    stream->gather = g_malloc(MB_TLS_RECORD);
}

static MbIo fail(MbStream *stream, MbErrorCode code, const char *problem, const char *detail,
                 GError **error)
{
    stream->broken = true;
    g_set_error(error, MB_NET_ERROR, code, "%s: %s: %s", stream->name, problem, detail);
    return MB_IO_FAILED;
}

static bool is_last_reason(int reason)
{
    unsigned long code = ERR_peek_last_error();

    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == reason;
}

/* --- handshakes --- */

static MbIo refuse_certificate(MbStream *stream, long verdict, GError **error)
{
    const char *shown = stream->fingerprint[0] != '\0' ? stream->fingerprint : "unknown";

    stream->broken = true;
    if (verdict == X509_V_ERR_APPLICATION_VERIFICATION)
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG,
                    "%s: certificate is not the one with the given fingerprint: the server "
                    "showed %s",
                    stream->name, shown);
    else
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG,
                    "%s: certificate is not to be trusted: %s: if you know it to be the right one, "
                    "give its file with --tls-trust, or --tls-fingerprint %s",
                    stream->name, X509_verify_cert_error_string(verdict), shown);
    return MB_IO_FAILED;
}

static MbIo handshake_failed(MbStream *stream, int kind, int saved_errno, GError **error)
{
    long verdict = SSL_get_verify_result(stream->ssl);

    if (kind == SSL_ERROR_SSL && is_last_reason(SSL_R_CERTIFICATE_VERIFY_FAILED))
        return refuse_certificate(stream, verdict, error);
    if (kind == SSL_ERROR_SSL &&
        (is_last_reason(SSL_R_WRONG_VERSION_NUMBER) || is_last_reason(SSL_R_HTTP_REQUEST)))
        return fail(stream, MB_ERROR_UNAVAILABLE, "TLS handshake failed",
                    "the peer talks in clear here, as a STARTTLS port does", error);
    if (kind == SSL_ERROR_ZERO_RETURN || kind == SSL_ERROR_SYSCALL ||
        is_last_reason(SSL_R_UNEXPECTED_EOF_WHILE_READING))
        return fail(stream, MB_ERROR_TEMPORARY, "TLS handshake failed",
                    saved_errno != 0 && kind == SSL_ERROR_SYSCALL
                        ? g_strerror(saved_errno)
                        : "the peer closed the connection",
                    error);
    return fail(stream, MB_ERROR_UNAVAILABLE, "TLS handshake failed", mb_tls_last_reason(), error);
}

static MbIo step_handshake(MbStream *stream, GError **error)
{
    int result;
    int saved;
    int kind;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(stream->ssl);
    saved = errno;
    if (result == 1) {
        stream->handshake_done = true;
        stream->cipher = g_strdup_printf("%s %s", SSL_get_version(stream->ssl),
                                         SSL_get_cipher_name(stream->ssl));
        return MB_IO_OK;
    }
    kind = SSL_get_error(stream->ssl, result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        stream->handshake_events = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return MB_IO_WAIT;
    }
    return handshake_failed(stream, kind, saved, error);
}

/* What arrived before the handshake was not protected by it: nothing of it may be taken for an
 * answer (RFC 3207, 6; RFC 2595, 4). */
static bool is_socket_empty(MbStream *stream, GError **error)
{
    char byte;

    if (recv(stream->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
        return true;
    if (stream->used)
        fail(stream, MB_ERROR_PROTOCOL, "unprotected text before the TLS handshake",
             "somebody may be injecting it", error);
    else
        fail(stream, MB_ERROR_UNAVAILABLE, "TLS handshake failed",
             "the peer talks in clear here, as a STARTTLS port does", error);
    return false;
}

/* Whom the certificate has to name: an address by its octets, whatever its spelling, or a host.
 * False rather than no check at all. */
static bool set_identity(MbStream *stream, const char *ascii)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(stream->ssl);
    uint8_t address[16];
    size_t length = mb_net_parse_address(ascii, address);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (length > 0) /* it has no SNI (RFC 6066, 3) */
        return X509_VERIFY_PARAM_set1_ip(param, address, length) == 1;
    return ascii[0] != '\0' && X509_VERIFY_PARAM_set1_host(param, ascii, 0) == 1 &&
           SSL_set_tlsext_host_name(stream->ssl, ascii) == 1;
}

static bool set_host(MbStream *stream, const char *host, GError **error)
{
    g_autofree char *ascii = mb_net_ascii_host(host, error);
    SSL_SESSION *session;

    if (ascii == NULL)
        return false;
    if (!set_identity(stream, ascii)) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG,
                    "%s: not a name that a certificate could be checked against", stream->name);
        return false;
    }
    stream->session_key = g_strdup_printf("%s %s", stream->name, ascii);
    session = mb_tls_take_session(stream->tls, stream->session_key);
    if (session != NULL) {
        SSL_set_session(stream->ssl, session);
        SSL_SESSION_free(session);
    }
    return true;
}

/* A resumed handshake shows no certificate; the session remembers it. A TLS 1.2 session may be used
 * again. */
static void note_resumption(MbStream *stream)
{
    X509 *certificate = SSL_get0_peer_certificate(stream->ssl);
    uint8_t digest[32];

    if (!SSL_session_reused(stream->ssl))
        return;
    mb_tls_note_fingerprint(stream, certificate, digest);
    if (SSL_version(stream->ssl) < TLS1_3_VERSION)
        mb_tls_keep_session(stream->tls, stream->session_key, SSL_get1_session(stream->ssl));
}

bool mb_stream_start_tls(MbStream *stream, MbTls *tls, const char *host, GError **error)
{
    gint64 deadline = mb_net_now_ms() + stream->tls_timeout_ms;
    MbIo io;

    g_assert(stream->ssl == NULL);
    if (!is_socket_empty(stream, error))
        return false;
    attach(stream, tls);
    if (!set_host(stream, host, error)) {
        stream->broken = true;
        return false;
    }
    SSL_set_connect_state(stream->ssl);
    while ((io = step_handshake(stream, error)) == MB_IO_WAIT) {
        g_autofree char *limit =
            g_strdup_printf("no answer within %u s", (stream->tls_timeout_ms + 999) / 1000);

        if (mb_net_wait(stream->descriptor, stream->handshake_events, deadline) <= 0) {
            fail(stream, MB_ERROR_TEMPORARY, "TLS handshake failed", limit, error);
            return false;
        }
    }
    if (io != MB_IO_OK)
        return false;
    note_resumption(stream);
    return true;
}

MbIo mb_stream_accept_tls(MbStream *stream, MbTls *tls, GError **error)
{
    if (stream->ssl == NULL) {
        attach(stream, tls);
        SSL_set_accept_state(stream->ssl);
    }
    return step_handshake(stream, error);
}

/* --- records --- */

/* What a read or write that did not succeed came to. */
static MbIo explain(MbStream *stream, int result, int saved_errno, bool *wants_other, int other,
                    GError **error)
{
    int kind = SSL_get_error(stream->ssl, result);

    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        *wants_other = kind == other;
        return MB_IO_WAIT;
    }
    if (kind == SSL_ERROR_ZERO_RETURN) {
        stream->ended = true;
        return MB_IO_END;
    }
    if (kind == SSL_ERROR_SSL && is_last_reason(SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        stream->ended = true;
        stream->was_cut = true;
        stream->broken = true;
        return MB_IO_END;
    }
    if (kind == SSL_ERROR_SYSCALL && saved_errno != 0)
        return fail(stream, MB_ERROR_TEMPORARY, "connection lost", g_strerror(saved_errno), error);
    return fail(stream, MB_ERROR_TEMPORARY, "connection lost", mb_tls_last_reason(), error);
}

MbIo mb_tls_read(MbStream *stream, void *buffer, size_t size, size_t *got, GError **error)
{
    size_t total = 0;

    stream->read_blocked = false;
    stream->read_wants_write = false;
    do {
        size_t length = 0;
        int saved;
        int result;
        MbIo io;

        ERR_clear_error();
        errno = 0;
        result = SSL_read_ex(stream->ssl, (char *)buffer + total, size - total, &length);
        saved = errno;
        if (result == 1) {
            total += length;
            continue;
        }
        /* After a first record only what is already here is of interest; an end is told by the next
         * call. */
        if (total > 0 && SSL_get_error(stream->ssl, result) == SSL_ERROR_WANT_READ) {
            stream->read_blocked = true;
            break;
        }
        io = explain(stream, result, saved, &stream->read_wants_write, SSL_ERROR_WANT_WRITE,
                     total > 0 ? NULL : error);
        if (io == MB_IO_WAIT)
            stream->read_blocked = true;
        if (total == 0)
            return io;
        break;
    } while (total < size);
    *got = total;
    return MB_IO_OK;
}

/* Small parts become one record; a long one is handed over where it stands. The rule depends on the
 * parts alone, so that what is offered again after a wait is the same again. */
static const void *gather(MbStream *stream, const struct iovec *parts, size_t count, size_t *length)
{
    size_t total = 0;

    if (count == 1 || parts[0].iov_len >= MB_TLS_RECORD) {
        *length = MIN(parts[0].iov_len, MB_TLS_RECORD);
        return parts[0].iov_base;
    }
    for (size_t i = 0; i < count && total < MB_TLS_RECORD; i++) {
        size_t piece = MIN(parts[i].iov_len, MB_TLS_RECORD - total);

        if (piece > 0)
            memcpy(stream->gather + total, parts[i].iov_base, piece);
        total += piece;
    }
    *length = total;
    return stream->gather;
}

MbIo mb_tls_write(MbStream *stream, const struct iovec *parts, size_t count, size_t *wrote,
                  GError **error)
{
    size_t length = 0;
    const void *bytes = count > 0 ? gather(stream, parts, count, &length) : NULL;
    int result;
    int saved;

    if (length == 0)
        return MB_IO_WAIT;
    ERR_clear_error();
    errno = 0;
    stream->write_wants_read = false;
    result = SSL_write_ex(stream->ssl, bytes, length, wrote);
    saved = errno;
    stream->record_waits = result != 1;
    if (result == 1)
        return MB_IO_OK;
    if (SSL_get_error(stream->ssl, result) == SSL_ERROR_SYSCALL) {
        stream->mute = true;
        g_set_error(error, MB_NET_ERROR, MB_ERROR_TEMPORARY, "%s: connection lost: %s",
                    stream->name, g_strerror(saved != 0 ? saved : EPIPE));
        return MB_IO_FAILED;
    }
    return explain(stream, result, saved, &stream->write_wants_read, SSL_ERROR_WANT_READ, error);
}

void mb_tls_say_end(MbStream *stream)
{
    if (stream->ssl == NULL || !stream->handshake_done || stream->broken || stream->mute)
        return;
    /* Nothing may complete a record whose octets the owner counts as unwritten: the end of a
     * message among them would arrive although it is called unsent. */
    if (stream->record_waits)
        return;
    ERR_clear_error();
    SSL_shutdown(stream->ssl);
}

void mb_tls_close(MbStream *stream)
{
    mb_tls_say_end(stream);
    SSL_free(stream->ssl);
    mb_tls_free(stream->tls);
    g_free(stream->session_key);
    g_free(stream->cipher);
    g_free(stream->gather);
}
