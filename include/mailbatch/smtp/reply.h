/*
 * SMTP replies (RFC 5321, 4.2), fed line by line.
 *
 *   Greeting    = ( "220 " … ) / ( "220-" … CRLF *( "220-" … CRLF ) "220" … CRLF )
 *   Reply-line  = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 *   Reply-code  = %x32-35 %x30-35 %x30-39
 *   Enhanced    = ( "2" / "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT                 (RFC 2034, RFC 3463)
 *
 * Lenient, on purpose: a code without a text, a bare LF, bytes above 0x7F, codes of the lines that differ (the last counts).
 * Not lenient: a line without a three-digit code is a protocol error.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>

G_BEGIN_DECLS

#define MB_SMTP_ERROR (mb_smtp_error_quark())
GQuark mb_smtp_error_quark(void);

#define MB_SMTP_REPLY_LINE_MAX  4096  /* octets kept of a line; the rest is dropped */
#define MB_SMTP_REPLY_LINES_MAX 128   /* lines kept of a reply; more is a protocol error */

typedef struct {
    int code;           /* 220 … 599 */
    char *enhanced;     /* "5.1.1", or NULL */
    char *text;         /* the lines' texts without code and enhanced status, joined by '\n'; raw bytes; NUL became '?' */
} MbSmtpReply;

void mb_smtp_reply_clear(MbSmtpReply *reply);
void mb_smtp_reply_copy(MbSmtpReply *to, const MbSmtpReply *from);

/* "550 5.1.1 no such user": on one line, safe to show; the caller frees it. */
char *mb_smtp_reply_printable(const MbSmtpReply *reply);

G_END_DECLS
