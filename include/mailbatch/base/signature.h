/*
 * Digital signatures with a private key out of a PEM file, by libcrypto.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MB_SIGNING_RSA_SHA256, /* RSASSA-PKCS1-v1_5 (RFC 8017, 8.2) */
    MB_SIGNING_ED25519,    /* PureEdDSA (RFC 8032, 5.1.6) */
} MbSigningKind;

/* A private key. Immutable; may be shared between threads. */
typedef struct MbSigningKey MbSigningKey;

/* Reads a private key from PEM, PKCS #1 or PKCS #8. Refused, with MB_ERROR_NO_INPUT when the file
 * cannot be read and MB_ERROR_CONFIG otherwise: a file that its group or others may read, a key
 * under a passphrase, a public key or a certificate, anything but RSA and Ed25519, and RSA below
 * `min_rsa_bits`. Errors name the path. */
MbSigningKey *mb_signing_key_load(const char *path, unsigned min_rsa_bits, GError **error);
void mb_signing_key_free(MbSigningKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbSigningKey, mb_signing_key_free)

MbSigningKind mb_signing_key_kind(const MbSigningKey *key);
unsigned mb_signing_key_bits(const MbSigningKey *key);

/* What verifies: for RSA the SubjectPublicKeyInfo in DER (RFC 5280), for Ed25519 the 32 octets of
 * the key (RFC 8463, 4). */
GBytes *mb_signing_key_public(const MbSigningKey *key);

/* Signs `length` octets: RSA over their SHA-256, Ed25519 over the octets themselves. The same input
 * gives the same signature. */
GBytes *mb_signing_key_sign(const MbSigningKey *key, const void *bytes, size_t length);

G_END_DECLS
