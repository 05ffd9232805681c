/*
 *   Reply-line  = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 *   Reply-code  = %x32-35 %x30-35 %x30-39                               (RFC 5321, 4.2)
 *   Enhanced    = ( "2" / "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT         (RFC 2034, 4)
 *
 * A line at a time; MbLines cuts what is over-long, so nothing here grows with what the peer sends.
 */
#include <mailbatch/base/text.h>
#include <mailbatch/net/lines.h>
#include <mailbatch/smtp/reply.h>
#include <string.h>

#include "internal.h"

MB_DEFINE_QUARK(mb_smtp_error)

#define ENHANCED_SIZE 12 /* "5.123.123" and some */

struct MbSmtpReplyParser {
    MbLines *lines;
    GString *text;
    char enhanced[ENHANCED_SIZE];
    MbSmtpReply reply; /* points into the two above */
    guint n_lines;     /* of the reply that has begun */
    size_t octets;     /* taken since the reply before */
    bool complete;     /* `reply` was handed out: the next line begins another */
    void (*trace)(void *user, const char *line, size_t length);
    void *trace_user;
};

void mb_smtp_reply_clear(MbSmtpReply *reply)
{
    g_clear_pointer(&reply->enhanced, g_free);
    g_clear_pointer(&reply->text, g_free);
    reply->code = 0;
}

void mb_smtp_reply_copy(MbSmtpReply *to, const MbSmtpReply *from)
{
    to->code = from->code;
    to->enhanced = g_strdup(from->enhanced);
    to->text = g_strdup(from->text);
}

char *mb_smtp_reply_printable(const MbSmtpReply *reply)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%03d", reply->code);
    if (reply->enhanced != NULL)
        g_string_append_printf(out, " %s", reply->enhanced);
    if (reply->text != NULL && *reply->text != '\0') {
        g_autofree char *joined = g_strdelimit(g_strdup(reply->text), "\n", ' ');
        g_string_append_c(out, ' ');
        mb_text_append_printable(out, g_strchomp(joined), strlen(joined), 500);
    }
    return g_string_free(out, FALSE);
}

void mb_smtp_stored_reply_set(MbSmtpStoredReply *stored, const MbSmtpReply *reply)
{
    if (stored->text == NULL)
        stored->text = g_string_sized_new(128);
    g_string_assign(stored->text, reply->text);
    stored->reply = (MbSmtpReply){.code = reply->code, .text = stored->text->str};
    if (reply->enhanced != NULL) {
        g_strlcpy(stored->enhanced, reply->enhanced, sizeof stored->enhanced);
        stored->reply.enhanced = stored->enhanced;
    }
}

void mb_smtp_stored_reply_clear(MbSmtpStoredReply *stored)
{
    if (stored->text != NULL)
        g_string_free(stored->text, TRUE);
    *stored = (MbSmtpStoredReply){0};
}

MbSmtpReplyParser *mb_smtp_reply_parser_new(void)
{
    MbSmtpReplyParser *parser = g_new0(MbSmtpReplyParser, 1);

    parser->lines = mb_lines_new(MB_SMTP_REPLY_LINE_MAX);
    parser->text = g_string_sized_new(256);
    return parser;
}

void mb_smtp_reply_parser_free(MbSmtpReplyParser *parser)
{
    if (parser == NULL)
        return;
    mb_lines_free(parser->lines);
    g_string_free(parser->text, TRUE);
    g_free(parser);
}

void mb_smtp_reply_parser_trace(MbSmtpReplyParser *parser,
                                void (*trace)(void *user, const char *line, size_t length),
                                void *user)
{
    parser->trace = trace;
    parser->trace_user = user;
}

bool mb_smtp_reply_parser_is_inside(const MbSmtpReplyParser *parser)
{
    return (parser->n_lines > 0 && !parser->complete) || mb_lines_pending(parser->lines) > 0;
}

/* The length of an enhanced status at the front of `text`, 0 for none. */
static size_t enhanced_length(const char *text, size_t length)
{
    size_t at = 1;

    if (length < 5 || strchr("245", text[0]) == NULL || text[0] == '\0')
        return 0;
    for (int part = 0; part < 2; part++) {
        size_t digits = 0;
        if (at >= length || text[at++] != '.')
            return 0;
        while (at + digits < length && g_ascii_isdigit(text[at + digits]))
            digits++;
        if (digits < 1 || digits > 3)
            return 0;
        at += digits;
    }
    return at == length || text[at] == ' ' ? at : 0;
}

static bool parse_code(const MbLine *line, int *code, GError **error)
{
    const char *text = line->text;

    if (line->length >= 3 && text[0] >= '2' && text[0] <= '5' && text[1] >= '0' && text[1] <= '5' &&
        g_ascii_isdigit(text[2]) && (line->length == 3 || text[3] == ' ' || text[3] == '-')) {
        *code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        return true;
    }
    g_autofree char *shown = mb_text_printable(text, MIN(line->length, 80));
    g_set_error(error, MB_SMTP_ERROR, MB_ERROR_PROTOCOL, "not an SMTP reply: %s", shown);
    return false;
}

static void append_text(MbSmtpReplyParser *parser, const char *text, size_t length)
{
    size_t enhanced = enhanced_length(text, length);
    size_t room;

    if (enhanced > 0) {
        if (parser->enhanced[0] == '\0') {
            memcpy(parser->enhanced, text, enhanced);
            parser->enhanced[enhanced] = '\0';
        }
        enhanced += enhanced < length; /* its blank */
        text += enhanced;
        length -= enhanced;
    }
    if (parser->n_lines > 1)
        g_string_append_c(parser->text, '\n');
    room =
        parser->text->len < MB_SMTP_REPLY_TEXT_MAX ? MB_SMTP_REPLY_TEXT_MAX - parser->text->len : 0;
    g_string_append_len(parser->text, text, (gssize)MIN(length, room));
}

/* 1 the reply is complete, 0 more lines follow, -1 no reply. */
static int take_line(MbSmtpReplyParser *parser, const MbLine *line, GError **error)
{
    int code = 0;

    if (parser->complete || parser->n_lines == 0) {
        parser->complete = false;
        parser->n_lines = 0;
        parser->enhanced[0] = '\0';
        g_string_truncate(parser->text, 0);
    }
    if (!parse_code(line, &code, error))
        return -1;
    if (++parser->n_lines > MB_SMTP_REPLY_LINES_MAX) {
        g_set_error(error, MB_SMTP_ERROR, MB_ERROR_PROTOCOL, "a reply of more than %d lines",
                    MB_SMTP_REPLY_LINES_MAX);
        return -1;
    }
    if (line->length > 4)
        append_text(parser, line->text + 4, line->length - 4);
    else if (parser->n_lines > 1)
        append_text(parser, "", 0);
    parser->reply.code = code;
    if (line->length > 3 && line->text[3] == '-')
        return 0;
    for (char *nul = parser->text->str;
         (nul = memchr(nul, '\0', parser->text->len - (size_t)(nul - parser->text->str))) != NULL;)
        *nul = '?';
    parser->reply.text = parser->text->str;
    parser->reply.enhanced = parser->enhanced[0] != '\0' ? parser->enhanced : NULL;
    parser->complete = true;
    return 1;
}

MbNext mb_smtp_reply_parser_push(MbSmtpReplyParser *parser, const void *bytes, size_t length,
                                 size_t *used, const MbSmtpReply **reply, GError **error)
{
    size_t at = 0;

    while (at < length) {
        MbLine line;
        bool complete = false;
        size_t took;
        int done;

        took =
            mb_lines_push(parser->lines, (const char *)bytes + at, length - at, &line, &complete);
        at += took;
        parser->octets += took;
        if (parser->octets > MB_SMTP_REPLY_MAX) {
            *used = at;
            g_set_error(error, MB_SMTP_ERROR, MB_ERROR_PROTOCOL,
                        "a reply without an end: over %u octets", MB_SMTP_REPLY_MAX);
            return MB_FAILED;
        }
        if (!complete)
            break;
        if (parser->trace != NULL)
            parser->trace(parser->trace_user, line.text, line.length);
        done = take_line(parser, &line, error);
        if (done == 0)
            continue;
        *used = at;
        parser->octets = 0;
        if (done < 0)
            return MB_FAILED;
        *reply = &parser->reply;
        return MB_NEXT;
    }
    *used = at;
    return MB_END;
}
