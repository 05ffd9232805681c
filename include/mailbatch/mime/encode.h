/*
 * Transfer encoders (RFC 2045, 6). What they write is final wire text: CRLF line ends, lines of at
 * most 76 characters; decoding it gives back the input.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/decode.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Exactly what base64 of `length` bytes takes in lines of 76, each ended by CRLF. Overflow is the
 * caller's (three quarters of SIZE_MAX). */
size_t mb_base64_lines_length(size_t length);

/* Encodes a whole buffer into `out` (mb_base64_lines_length() bytes); returns the bytes written. */
size_t mb_base64_encode_lines(const void *bytes, size_t length, char *out);

/* The same as new bytes, for an attachment that many messages share. NULL when memory lacks. */
GBytes *mb_base64_encode_bytes(const void *bytes, size_t length);

/* Without line ends, appended: for encoded-words, SASL and the like. */
void mb_base64_append(GString *out, const void *bytes, size_t length);

#define MB_BASE64_LINE 57 /* bytes that make a line of 76 */

/* The encoder for what comes in chunks. Caller's storage; all zero is a new one. */
typedef struct {
    uint8_t pending[MB_BASE64_LINE];
    size_t count;
} MbBase64Encoder;

/* Whole lines of what came so far; `out` holds mb_base64_lines_length(length + MB_BASE64_LINE). */
size_t mb_base64_push(MbBase64Encoder *encoder, const void *bytes, size_t length, char *out);
size_t mb_base64_finish(MbBase64Encoder *encoder,
                        char *out); /* `out` holds 78; the encoder is new again */

typedef enum {
    MB_QP_TEXT = 0,        /* CRLF, LF and CR are line ends, written as CRLF */
    MB_QP_BINARY = 1 << 0, /* CR and LF are content, and encoded */
    MB_QP_DOT = 1 << 1,    /* a dot at the start of a line is encoded */
    MB_QP_FROM = 1 << 2,   /* the F of "From " at the start of a line is encoded (RFC 4155) */
} MbQpFlags;

/* Appends quoted-printable: no line over 76, no =XX split, a blank before a line end is encoded.
 * Text that ends without a line end stays without one. */
void mb_qp_encode(const void *bytes, size_t length, guint flags, GString *out);

/* The encoding that text best goes in: 7bit when it is ASCII without NUL and lone CR, and its lines
 * have at most 998 octets; 8bit when `allow_8bit` and nothing else speaks against 7bit; else the
 * shorter of quoted-printable and base64. Line ends may be CRLF or LF. */
MbEncoding mb_encode_choose(const void *bytes, size_t length, bool allow_8bit);

G_END_DECLS
