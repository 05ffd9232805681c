/*
 * Digests, by libcrypto (its SHA-256 uses the processor's SHA instructions where there are any).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MB_DIGEST_MD5,
    MB_DIGEST_SHA1,
    MB_DIGEST_SHA256,
} MbDigestKind;

#define MB_DIGEST_MAX    32
#define MB_SHA256_LENGTH 32

typedef struct MbDigest MbDigest;

MbDigest *mb_digest_new(MbDigestKind kind);
void mb_digest_free(MbDigest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbDigest, mb_digest_free)

void mb_digest_update(MbDigest *digest, const void *bytes, size_t length);

/* Writes the digest into `out` (MB_DIGEST_MAX bytes suffice), returns its length and starts anew.
 */
size_t mb_digest_finish(MbDigest *digest, uint8_t *out);

/* The digest as lower-case hex, a new string; starts anew. */
char *mb_digest_finish_hex(MbDigest *digest);

/* SHA-256 of one buffer. */
void mb_sha256(const void *bytes, size_t length, uint8_t out[MB_SHA256_LENGTH]);

/* HMAC-SHA-256 of one buffer. */
void mb_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length,
                    uint8_t out[MB_SHA256_LENGTH]);

/* Random bytes fit for identifiers and keys. */
void mb_random(void *out, size_t length);

/* Overwrites secrets so that no optimiser removes it. */
void mb_wipe(void *bytes, size_t length);

/* Wipes and frees a NUL-terminated secret; NULL is fine. */
void mb_wipe_free(char *secret);

/* "md5", "sha1", "sha256", and back; false for an unknown name. */
const char *mb_digest_name(MbDigestKind kind);
bool mb_digest_from_name(const char *name, MbDigestKind *kind);

G_END_DECLS
