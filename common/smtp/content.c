/*
 *   If the first character of a line is a period, one additional period is inserted at the
 *   beginning of the line.                                                     (RFC 5321, 4.5.2)
 *   The end of mail data: CRLF "." CRLF; the first CRLF also ends the last line. (4.1.1.4)
 */
#include "content.h"

#include <string.h>

#define STRETCH                                                                                    \
    ((size_t)256 * 1024) /* most octets looked at before asking whether there is room              \
                          */

void mb_smtp_content_begin(MbSmtpContent *content, const MbWire *wire, bool dots)
{
    *content = (MbSmtpContent){.wire = wire, .dots = dots, .line_start = true, .last = "\r\n"};
}

/* How many octets from the front may go as they are: up to the next dot at a line's start. A search
 * for dots is far quicker than one for lines: Base64 has none. */
static size_t plain_length(const char *bytes, size_t length)
{
    size_t at = 1; /* the octet at 0 has been dealt with */

    while (at < length) {
        const char *dot = memchr(bytes + at, '.', length - at);
        if (dot == NULL)
            break;
        if (dot[-1] == '\n')
            return (size_t)(dot - bytes);
        at = (size_t)(dot - bytes) + 1;
    }
    return length;
}

static void write_stretch(MbSmtpContent *content, MbSmtpOutbox *outbox, const char *bytes,
                          size_t length)
{
    if (content->dots) {
        if (content->line_start && bytes[0] == '.')
            mb_smtp_outbox_text(outbox, ".", 1, false);
        length = plain_length(bytes, length);
        content->line_start = bytes[length - 1] == '\n';
        content->last[0] = length > 1 ? bytes[length - 2] : content->last[1];
        content->last[1] = bytes[length - 1];
    }
    mb_smtp_outbox_borrow(outbox, bytes, length);
    content->offset += length;
}

static void write_end(const MbSmtpContent *content, MbSmtpOutbox *outbox)
{
    if (content->last[0] != '\r' || content->last[1] != '\n')
        mb_smtp_outbox_text(outbox, "\r\n", 2, false);
    mb_smtp_outbox_text(outbox, ".\r\n", 3, false);
}

bool mb_smtp_content_write(MbSmtpContent *content, MbSmtpOutbox *outbox)
{
    while (content->segment < mb_wire_segments(content->wire)) {
        MbWireSegment segment = mb_wire_segment(content->wire, content->segment);

        while (content->offset < segment.length) {
            if (mb_smtp_outbox_is_full(outbox))
                return false;
            write_stretch(content, outbox, (const char *)segment.bytes + content->offset,
                          MIN(segment.length - content->offset, STRETCH));
        }
        content->segment++;
        content->offset = 0;
    }
    if (content->dots)
        write_end(content, outbox);
    return true;
}
