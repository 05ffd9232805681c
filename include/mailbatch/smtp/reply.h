/*
 * SMTP replies (RFC 5321, 4.2), fed line by line.
 *
 *   Greeting    = ( "220 " … ) / ( "220-" … CRLF *( "220-" … CRLF ) "220" … CRLF )
 *   Reply-line  = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 *   Reply-code  = %x32-35 %x30-35 %x30-39
 *   Enhanced    = ( "2" / "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT         (RFC 2034, RFC 3463)
 *
 * Lenient, on purpose: a code without a text, a bare LF, bytes above 0x7F, codes of the lines that
 * differ (the last counts). Not lenient: a line without a three-digit code is a protocol error.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>

G_BEGIN_DECLS

#define MB_SMTP_ERROR (mb_smtp_error_quark())
GQuark mb_smtp_error_quark(void);

#define MB_SMTP_REPLY_LINE_MAX                                                                     \
    16384 /* octets kept of a line, the rest is dropped: a SASL challenge has up to 12,288         \
             (RFC 4954, 4) */
#define MB_SMTP_REPLY_TEXT_MAX  65536      /* octets of text kept of a reply; the rest is dropped */
#define MB_SMTP_REPLY_LINES_MAX 128        /* lines of a reply; more is a protocol error */
#define MB_SMTP_REPLY_MAX       (1U << 20) /* octets of a reply at all; more is a protocol error */

typedef struct {
    int code;       /* 220 … 599 */
    char *enhanced; /* "5.1.1", or NULL */
    char *text; /* the lines' texts without code and enhanced status, joined by '\n'; raw bytes; NUL
                   became '?' */
} MbSmtpReply;

/* Whether the code says 2yz, 4yz or 5yz. */
static inline bool mb_smtp_reply_is(const MbSmtpReply *reply, int hundreds)
{
    return reply != NULL && reply->code / 100 == hundreds;
}

void mb_smtp_reply_clear(MbSmtpReply *reply);
void mb_smtp_reply_copy(MbSmtpReply *to, const MbSmtpReply *from);

/* "550 5.1.1 no such user": on one line, safe to show; the caller frees it. */
char *mb_smtp_reply_printable(const MbSmtpReply *reply);

typedef struct MbSmtpReplyParser MbSmtpReplyParser;

MbSmtpReplyParser *mb_smtp_reply_parser_new(void);
void mb_smtp_reply_parser_free(MbSmtpReplyParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbSmtpReplyParser, mb_smtp_reply_parser_free)

/* Every line as it came, without its end, before it is judged; NULL: none. */
void mb_smtp_reply_parser_trace(MbSmtpReplyParser *parser,
                                void (*trace)(void *user, const char *line, size_t length),
                                void *user);

/* Takes bytes from the front of the input up to the end of the next reply; *used says how many.
 * MB_NEXT: *reply is complete and borrowed until the next call; MB_END: all was taken and more is
 * needed; MB_FAILED: what came is no reply (MB_ERROR_PROTOCOL), and nothing after it can be
 * trusted. */
MbNext mb_smtp_reply_parser_push(MbSmtpReplyParser *parser, const void *bytes, size_t length,
                                 size_t *used, const MbSmtpReply **reply, GError **error);

/* Whether part of a reply has been taken. */
bool mb_smtp_reply_parser_is_inside(const MbSmtpReplyParser *parser);

G_END_DECLS
