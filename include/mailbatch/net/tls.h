/*
 * What TLS trusts, and what a server shows. One MbTls serves many streams and threads (one
 * SSL_CTX). Streams keep what they need of it: it may be freed before them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef struct MbTls MbTls;

typedef struct {
    const char
        *trust_file; /* PEM certificates trusted instead of the system's; NULL: the system's */
    const char
        *fingerprint; /* SHA-256 of the leaf certificate as hex, colons allowed: trust exactly
                         that one, whatever its issuer, name or dates; NULL: check chain and host */
    bool no_certificate_check; /* take any certificate (msmtp's tls_certcheck off); default false */
} MbTlsTrust;

/* For clients. TLS 1.2 or later. A file that cannot be read or a fingerprint that is none is
 * MB_NET_ERROR, MB_ERROR_CONFIG. Session tickets are kept, so that reconnecting resumes. */
MbTls *mb_tls_client_new(const MbTlsTrust *trust, GError **error);

/* For servers: certificate chain and key in PEM. */
MbTls *mb_tls_server_new(const char *certificate_file, const char *key_file, GError **error);

/* For servers without a certificate of their own: a fresh self-signed one for localhost, 127.0.0.1
 * and ::1. *certificate (may be NULL) gets its PEM text, to be trusted by clients; the caller frees
 * it. */
MbTls *mb_tls_server_new_self_signed(char **certificate, GError **error);

void mb_tls_free(MbTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbTls, mb_tls_free)

G_END_DECLS
