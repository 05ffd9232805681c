#include "encode-private.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/encode.h>
#include <string.h>

/* A line holds 75 characters and the "=" of a soft line break (RFC 2045, 6.7 (5)). */
#define LINE_ROOM 75

static const char digits[] = "0123456789ABCDEF";

typedef struct {
    GString *out;
    char line[LINE_ROOM]; /* gathered here: an append for each run costs more than what it copies */
    size_t column;
    guint flags;
} QpWriter;

static void end_line(QpWriter *writer, const char *end)
{
    mb_text_append(writer->out, writer->line, writer->column);
    mb_text_append(writer->out, end, strlen(end));
    writer->column = 0;
}

static void put(QpWriter *writer, const char *text, size_t length)
{
    if (writer->column + length > LINE_ROOM)
        end_line(writer, "=\r\n");
    memcpy(writer->line + writer->column, text, length);
    writer->column += length;
}

static void put_escaped(QpWriter *writer, uint8_t byte)
{
    char text[3] = {'=', digits[byte >> 4], digits[byte & 0xF]};

    put(writer, text, sizeof(text));
}

static bool is_literal(uint8_t byte)
{
    return (byte >= ' ' && byte < 0x7F && byte != '=') || byte == '\t';
}

static bool ends_line(const QpWriter *writer, const uint8_t *at, const uint8_t *end)
{
    return at == end || ((writer->flags & MB_QP_BINARY) == 0 && (*at == '\r' || *at == '\n'));
}

/* Whether what stands here would mean something to a relay or an mbox at the start of a line. */
static bool needs_guard(const QpWriter *writer, const uint8_t *at, const uint8_t *end)
{
    if ((writer->flags & MB_QP_DOT) != 0 && *at == '.')
        return true;
    return (writer->flags & MB_QP_FROM) != 0 && end - at >= 5 && memcmp(at, "From ", 5) == 0;
}

/* Writes the literal bytes from `at` on that fit on this line, and returns where they end. */
static const uint8_t *put_run(QpWriter *writer, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *limit = at + MIN((size_t)(end - at), LINE_ROOM - writer->column);
    const uint8_t *stop = at;

    while (limit - stop >= 8) {
        unsigned plain = encode_plain_octets(stop);

        stop += plain;
        if (plain < 8)
            break;
    }
    while (stop < limit && is_literal(*stop))
        stop++;
    if (stop > at && (stop[-1] == ' ' || stop[-1] == '\t') && ends_line(writer, stop, end))
        stop--;
    put(writer, (const char *)at, (size_t)(stop - at));
    return stop;
}

void mb_qp_encode(const void *bytes, size_t length, guint flags, GString *out)
{
    const uint8_t *at = bytes;
    const uint8_t *end = at + length;
    QpWriter writer;

    writer.out = out;
    writer.column = 0;
    writer.flags = flags;

    while (at < end) {
        const uint8_t *stop;

        if ((flags & MB_QP_BINARY) == 0 && (*at == '\r' || *at == '\n')) {
            at += *at == '\r' && end - at > 1 && at[1] == '\n' ? 2 : 1;
            end_line(&writer, "\r\n");
            continue;
        }
        if (writer.column >= LINE_ROOM)
            end_line(&writer, "=\r\n");
        stop = writer.column == 0 && needs_guard(&writer, at, end) ? at : put_run(&writer, at, end);
        if (stop == at)
            put_escaped(&writer, *at++);
        else
            at = stop;
    }
    end_line(&writer, "");
}
