/*
 * What is trusted: the contexts of client and server, the check of a certificate, and the sessions
 * kept for resumption (a TLS 1.3 ticket is used once: RFC 8446, C.4).
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define SESSIONS_A_HOST 16
#define SESSION_HOSTS   64
#define READ_BUFFER     65536

static int stream_index = -1;
static pthread_once_t stream_index_once = PTHREAD_ONCE_INIT;

static void make_stream_index(void)
{
    stream_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

int mb_tls_stream_index(void)
{
    pthread_once(&stream_index_once, make_stream_index);
    return stream_index;
}

const char *mb_tls_last_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason != NULL ? reason : "unknown reason";
}

static void free_sessions(gpointer data)
{
    g_queue_free_full(data, (GDestroyNotify)SSL_SESSION_free);
}

SSL_SESSION *mb_tls_take_session(MbTls *tls, const char *key)
{
    SSL_SESSION *session = NULL;
    GQueue *kept;

    pthread_mutex_lock(&tls->lock);
    kept = g_hash_table_lookup(tls->sessions, key);
    if (kept != NULL)
        session = g_queue_pop_tail(kept);
    pthread_mutex_unlock(&tls->lock);
    return session;
}

void mb_tls_keep_session(MbTls *tls, const char *key, SSL_SESSION *session)
{
    SSL_SESSION *surplus = session;
    GQueue *kept;

    pthread_mutex_lock(&tls->lock);
    kept = g_hash_table_lookup(tls->sessions, key);
    if (kept == NULL && g_hash_table_size(tls->sessions) < SESSION_HOSTS) {
        kept = g_queue_new();
        g_hash_table_insert(tls->sessions, g_strdup(key), kept);
    }
    if (kept != NULL) {
        g_queue_push_tail(kept, session);
        surplus = kept->length > SESSIONS_A_HOST ? g_queue_pop_head(kept) : NULL;
    }
    pthread_mutex_unlock(&tls->lock);
    SSL_SESSION_free(surplus);
}

/* OpenSSL hands over a reference; 1 means it is ours now. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    MbStream *stream = SSL_get_ex_data(ssl, mb_tls_stream_index());

    if (stream == NULL || stream->session_key == NULL)
        return 0;
    mb_tls_keep_session(stream->tls, stream->session_key, session);
    return 1;
}

void mb_tls_note_fingerprint(MbStream *stream, const X509 *certificate, uint8_t digest[32])
{
    static const char hex[] = "0123456789abcdef";
    unsigned length = 0;

    memset(digest, 0, 32);
    if (certificate == NULL || X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
        return;
    for (size_t i = 0; i < 32; i++) {
        stream->fingerprint[2 * i] = hex[digest[i] >> 4];
        stream->fingerprint[2 * i + 1] = hex[digest[i] & 15];
    }
    stream->fingerprint[64] = '\0';
}

/* In place of OpenSSL's own verification, so that a pin needs no chain and a refused certificate
 * can be named. */
static int verify(X509_STORE_CTX *store, void *user)
{
    MbTls *tls = user;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    MbStream *stream = SSL_get_ex_data(ssl, mb_tls_stream_index());
    uint8_t digest[32];

    mb_tls_note_fingerprint(stream, X509_STORE_CTX_get0_cert(store), digest);
    if (tls->pinned) {
        bool same = memcmp(digest, tls->pin, sizeof(digest)) == 0;

        X509_STORE_CTX_set_error(store, same ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
        return same ? 1 : 0;
    }
    if (tls->unchecked)
        return 1;
    return X509_verify_cert(store);
}

static bool parse_fingerprint(const char *text, uint8_t pin[32])
{
    size_t digits = 0;
    uint8_t value[32] = {0};

    for (const char *next = text; *next != '\0'; next++) {
        int digit = g_ascii_xdigit_value(*next);

        if (*next == ':' || *next == ' ')
            continue;
        if (digit < 0 || digits == 64)
            return false;
        value[digits / 2] = (uint8_t)(value[digits / 2] << 4 | digit);
        digits++;
    }
    if (digits != 64)
        return false;
    memcpy(pin, value, sizeof(value));
    return true;
}

static MbTls *new_tls(const SSL_METHOD *method)
{
    MbTls *tls = g_new0(MbTls, 1);

    ERR_clear_error();
    tls->context = SSL_CTX_new(method);
    if (tls->context == NULL)
        g_error("cannot set up TLS: %s", mb_tls_last_reason());
    atomic_init(&tls->references, 1);
    pthread_mutex_init(&tls->lock, NULL);
    tls->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_sessions);
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(tls->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Many records in one system call. */
    SSL_CTX_set_read_ahead(tls->context, 1);
    SSL_CTX_set_default_read_buffer_len(tls->context, READ_BUFFER);
    return tls;
}

static bool is_readable(const char *path, const char *what, GError **error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor >= 0) {
        close(descriptor);
        return true;
    }
    g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG, "%s: cannot read the %s: %s", path, what,
                g_strerror(errno));
    return false;
}

static bool load_trust(MbTls *tls, const char *path, GError **error)
{
    if (path == NULL) {
        SSL_CTX_set_default_verify_paths(tls->context);
        return true;
    }
    if (!is_readable(path, "trusted certificates", error))
        return false;
    if (SSL_CTX_load_verify_file(tls->context, path) != 1) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG,
                    "%s: no trusted certificates in it: %s: give a PEM file", path,
                    mb_tls_last_reason());
        return false;
    }
    /* Whatever stands in the user's own file is an anchor, a server's own certificate too. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls->context), X509_V_FLAG_PARTIAL_CHAIN);
    return true;
}

MbTls *mb_tls_client_new(const MbTlsTrust *trust, GError **error)
{
    static const MbTlsTrust usual = {0};
    const MbTlsTrust *chosen = trust != NULL ? trust : &usual;
    g_autoptr(MbTls) tls = new_tls(TLS_client_method());

    if (!load_trust(tls, chosen->trust_file, error))
        return NULL;
    if (chosen->fingerprint != NULL && !parse_fingerprint(chosen->fingerprint, tls->pin)) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG,
                    "%s: not a fingerprint: give SHA-256 as 64 hexadecimal digits",
                    chosen->fingerprint);
        return NULL;
    }
    tls->pinned = chosen->fingerprint != NULL;
    tls->unchecked = chosen->no_certificate_check;
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls->context, verify, tls);
    SSL_CTX_set_session_cache_mode(tls->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls->context, on_new_session);
    return g_steal_pointer(&tls);
}

MbTls *mb_tls_server_new(const char *certificate_file, const char *key_file, GError **error)
{
    g_autoptr(MbTls) tls = new_tls(TLS_server_method());

    if (!is_readable(certificate_file, "certificate", error) ||
        !is_readable(key_file, "key", error))
        return NULL;
    if (SSL_CTX_use_certificate_chain_file(tls->context, certificate_file) != 1) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG, "%s: no certificate in it: %s",
                    certificate_file, mb_tls_last_reason());
        return NULL;
    }
    if (SSL_CTX_use_PrivateKey_file(tls->context, key_file, SSL_FILETYPE_PEM) != 1) {
        g_set_error(error, MB_NET_ERROR, MB_ERROR_CONFIG,
                    "%s: no key in it that fits the certificate: %s", key_file,
                    mb_tls_last_reason());
        return NULL;
    }
    return g_steal_pointer(&tls);
}

MbTls *mb_tls_server_new_with(X509 *certificate, EVP_PKEY *key)
{
    g_autoptr(MbTls) tls = new_tls(TLS_server_method());

    if (SSL_CTX_use_certificate(tls->context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(tls->context, key) != 1)
        return NULL;
    return g_steal_pointer(&tls);
}

MbTls *mb_tls_ref(MbTls *tls)
{
    atomic_fetch_add(&tls->references, 1);
    return tls;
}

void mb_tls_free(MbTls *tls)
{
    if (tls == NULL || atomic_fetch_sub(&tls->references, 1) > 1)
        return;
    g_hash_table_unref(tls->sessions);
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    g_free(tls);
}
