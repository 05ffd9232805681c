/*
 * Signs messages by DomainKeys Identified Mail (RFC 6376): rsa-sha256 (RFC 8301) and ed25519-sha256
 * (RFC 8463), relaxed canonicalisation of header and body.
 *
 *   campaign:  mb_dkim_signer_new(), mb_dkim_signer_add_key() once or twice
 *   message:   mb_dkim_seal(); or mb_dkim_body_update() for its octets in order,
 *              mb_dkim_body_finish(), mb_dkim_sign()
 *
 * What is signed is the message as it is composed, before SMTP's dot-stuffing. The same key, time
 * and message give the same field, always.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/wire.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_DKIM_ERROR (mb_dkim_error_quark())
GQuark mb_dkim_error_quark(void);

/* RFC 8301, 3.2: signers use at least 1024 bits, and should use 2048. */
#define MB_DKIM_MIN_RSA_BITS 1024

/* --- who signs ---------------------------------------------------------------------------- */

/* Keys with their domain and selector. Immutable once the keys are added; may be shared between
 * threads then. */
typedef struct MbDkimSigner MbDkimSigner;

MbDkimSigner *mb_dkim_signer_new(void);
void mb_dkim_signer_free(MbDkimSigner *signer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbDkimSigner, mb_dkim_signer_free)

/* `domain` (d=) and `selector` (s=) are domain names in ASCII, as the DNS has them; the key is read
 * from `path` (mb_signing_key_load()). Each key gives a signature field of its own. Fails with
 * MB_ERROR_CONFIG; errors name what is wrong. */
bool mb_dkim_signer_add_key(MbDkimSigner *signer, const char *domain, const char *selector,
                            const char *path, GError **error);

size_t mb_dkim_signer_keys(const MbDkimSigner *signer);
const char *mb_dkim_signer_domain(const MbDkimSigner *signer, size_t index);
/* Bits of an RSA key; 0 for Ed25519. */
unsigned mb_dkim_signer_rsa_bits(const MbDkimSigner *signer, size_t index);

/* The TXT record that receivers look for at SELECTOR._domainkey.DOMAIN. The caller frees it. */
char *mb_dkim_signer_record(const MbDkimSigner *signer, size_t index);

/* Whether mail from `from_domain` (ASCII) is aligned with d=`domain`: the same, or one a subdomain
 * of the other, as DMARC's relaxed alignment has it (RFC 7489, 3.1.1). That also lets siblings
 * below one registered domain pass, which takes a list of such domains to know: here they are not.
 */
bool mb_dkim_aligned(const char *domain, const char *from_domain);

/* --- the body's hash ---------------------------------------------------------------------- */

/* Hashes a body as relaxed canonicalisation sees it (RFC 6376, 3.4.4). Fed in pieces of any length.
 * One thread at a time. */
typedef struct MbDkimBody MbDkimBody;

MbDkimBody *mb_dkim_body_new(void);
void mb_dkim_body_free(MbDkimBody *body);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbDkimBody, mb_dkim_body_free)

void mb_dkim_body_update(MbDkimBody *body, const void *bytes, size_t length);

/* Writes the hash and starts anew. */
void mb_dkim_body_finish(MbDkimBody *body, uint8_t hash[MB_SHA256_LENGTH]);

/* --- the signature ------------------------------------------------------------------------ */

/* Appends a DKIM-Signature field a key to `out`, each with its CRLF; they belong before the header.
 * `header` is the message's header, lines ending CRLF, with or without the empty line; `body_hash`
 * as mb_dkim_body_finish() gave it; `unix_seconds` becomes t=. Fails (MB_ERROR_DATA) for a header
 * that is malformed or has not exactly one From. */
bool mb_dkim_sign(const MbDkimSigner *signer, const char *header, size_t header_length,
                  const uint8_t body_hash[MB_SHA256_LENGTH], int64_t unix_seconds, GString *out,
                  GError **error);

/* How many octets mb_dkim_sign() would append to `out`; nothing is signed. */
bool mb_dkim_measure(const MbDkimSigner *signer, const char *header, size_t header_length,
                     int64_t unix_seconds, size_t *length, GError **error);

/* --- whole messages ----------------------------------------------------------------------- */

/* Signs message after message, and remembers the body it saw last: a campaign whose bodies are all
 * the same has it hashed once. Borrows the signer. One thread at a time. */
typedef struct MbDkimSealer MbDkimSealer;

MbDkimSealer *mb_dkim_sealer_new(const MbDkimSigner *signer);
void mb_dkim_sealer_free(MbDkimSealer *sealer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbDkimSealer, mb_dkim_sealer_free)

/* The message with its signature fields in front: a new wire that shares the message's segments.
 * NULL with an error as mb_dkim_sign(). */
MbWire *mb_dkim_seal(MbDkimSealer *sealer, MbWire *message, int64_t unix_seconds, GError **error);

/* By how many octets mb_dkim_seal() would make the message longer; nothing is signed. */
bool mb_dkim_seal_length(MbDkimSealer *sealer, const MbWire *message, int64_t unix_seconds,
                         size_t *length, GError **error);

/* How many bodies were hashed so far. */
uint64_t mb_dkim_sealer_hashed(const MbDkimSealer *sealer);

G_END_DECLS
