/*
 * Transfer decoders (RFC 2045, 6), fed bytes. They never fail and never stop: what is wrong is
 * noted with its offset (flaw.h), and the reading that keeps more content is taken: base64 goes on
 * after padding in the middle; foreign bytes are skipped and noted quoted-printable  a broken
 * escape stands as it is; blanks at a line's end are dropped (RFC 2045, 6.7 (3)) 7bit 8bit binary
 * the bytes themselves
 *
 *     MbDecoder decoder;
 *     mb_decoder_init(&decoder, MB_ENCODING_BASE64, &flaws);
 *     while (bytes)  n = mb_decoder_push(&decoder, bytes, length, out);  -- out holds
 * mb_decoder_room(length) n = mb_decoder_finish(&decoder, out);                             -- out
 * holds mb_decoder_room(0)
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MB_ENCODING_7BIT,
    MB_ENCODING_8BIT,
    MB_ENCODING_BINARY,
    MB_ENCODING_BASE64,
    MB_ENCODING_QP,
    MB_ENCODING_UNKNOWN, /* decoded as binary */
} MbEncoding;

/* The encoding that a Content-Transfer-Encoding's body names. What is oddly written, but clear, is
 * taken and noted: `(c)base64`, `"base64"`, `base64;x`, `x-base64`, `base-64`, `quoted printable`.
 * An empty value is 7bit. */
MbEncoding mb_encoding_parse(const char *value, size_t length, MbFlaws *flaws);

/* "7bit", "8bit", "binary", "base64", "quoted-printable", "unknown". */
const char *mb_encoding_name(MbEncoding encoding);

/* Whether the encoded bytes are the content. */
static inline bool mb_encoding_is_identity(MbEncoding encoding)
{
    return encoding != MB_ENCODING_BASE64 && encoding != MB_ENCODING_QP;
}

#define MB_DECODER_HELD 1000 /* blanks that wait until it is clear whether a line ends there */

/* Caller's storage, plain data, nothing to free. The fields are the decoder's own. */
typedef struct {
    MbEncoding encoding;
    MbFlaws *flaws;  /* borrowed; may be NULL */
    uint64_t offset; /* input bytes so far */
    uint64_t mark;   /* offset of what may become a flaw: padding, escape, blanks */
    uint32_t bits;   /* base64: bits of the open quartet */
    uint32_t count;  /* base64: characters in the open quartet; qp: held bytes */
    uint32_t state;
    uint32_t column; /* qp: characters on this line */
    uint8_t held[MB_DECODER_HELD];
} MbDecoder;

void mb_decoder_init(MbDecoder *decoder, MbEncoding encoding, MbFlaws *flaws);

/* How many bytes the next push of `length` bytes, or finish (0), may write at most. */
static inline size_t mb_decoder_room(size_t length)
{
    return length + MB_DECODER_HELD + 4;
}

/* Decodes a chunk; returns the bytes written. `out` may be `bytes` only for identity encodings. */
size_t mb_decoder_push(MbDecoder *decoder, const void *bytes, size_t length, void *out);

/* The end of input; returns the bytes written. */
size_t mb_decoder_finish(MbDecoder *decoder, void *out);

/* A whole buffer at once, appended to `out`. */
void mb_decode(MbEncoding encoding, const void *bytes, size_t length, GString *out, MbFlaws *flaws);

G_END_DECLS
