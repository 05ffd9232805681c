#include <mailbatch/mime/encode.h>
#include <string.h>

/* A line holds 75 characters and the "=" of a soft line break (RFC 2045, 6.7 (5)). */
#define LINE_ROOM 75

static const char digits[] = "0123456789ABCDEF";

typedef struct {
    GString *out;
    size_t column;
    guint flags;
} QpWriter;

static void put(QpWriter *writer, const char *text, size_t length)
{
    if (writer->column + length > LINE_ROOM) {
        g_string_append_len(writer->out, "=\r\n", 3);
        writer->column = 0;
    }
    g_string_append_len(writer->out, text, (gssize)length);
    writer->column += length;
}

static void put_escaped(QpWriter *writer, uint8_t byte)
{
    char text[3] = {'=', digits[byte >> 4], digits[byte & 0xF]};

    put(writer, text, sizeof(text));
}

static bool is_literal(uint8_t byte)
{
    return (byte > ' ' && byte < 0x7F && byte != '=') || byte == ' ' || byte == '\t';
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
    const uint8_t *stop = at;
    size_t room = LINE_ROOM - writer->column;

    while (stop < end && (size_t)(stop - at) < room && is_literal(*stop))
        stop++;
    if (stop > at && (stop[-1] == ' ' || stop[-1] == '\t') && ends_line(writer, stop, end))
        stop--;
    g_string_append_len(writer->out, (const char *)at, stop - at);
    writer->column += (size_t)(stop - at);
    return stop;
}

void mb_qp_encode(const void *bytes, size_t length, guint flags, GString *out)
{
    const uint8_t *at = bytes;
    const uint8_t *end = at + length;
    QpWriter writer = {out, 0, flags};

    while (at < end) {
        const uint8_t *stop;

        if ((flags & MB_QP_BINARY) == 0 && (*at == '\r' || *at == '\n')) {
            at += *at == '\r' && end - at > 1 && at[1] == '\n' ? 2 : 1;
            g_string_append_len(out, "\r\n", 2);
            writer.column = 0;
            continue;
        }
        if (writer.column >= LINE_ROOM) {
            g_string_append_len(out, "=\r\n", 3);
            writer.column = 0;
        }
        stop = writer.column == 0 && needs_guard(&writer, at, end) ? at : put_run(&writer, at, end);
        if (stop == at)
            put_escaped(&writer, *at++);
        else
            at = stop;
    }
}
