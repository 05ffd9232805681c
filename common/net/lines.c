#include <mailbatch/net/lines.h>
#include <string.h>

struct MbLines {
    GString *kept;
    size_t ceiling;
    bool dropped;   /* bytes beyond the ceiling were thrown away */
    bool last_cr;   /* the last byte so far was a CR, kept or thrown away */
    bool delivered; /* `kept` is a line the caller has had */
};

MbLines *mb_lines_new(size_t ceiling)
{
    MbLines *lines = g_new0(MbLines, 1);

    lines->kept = g_string_new(NULL);
    lines->ceiling = ceiling;
    return lines;
}

void mb_lines_free(MbLines *lines)
{
    if (lines == NULL)
        return;
    g_string_free(lines->kept, TRUE);
    g_free(lines);
}

void mb_lines_reset(MbLines *lines)
{
    g_string_truncate(lines->kept, 0);
    lines->dropped = false;
    lines->last_cr = false;
    lines->delivered = false;
}

size_t mb_lines_pending(const MbLines *lines)
{
    return lines->delivered ? 0 : lines->kept->len;
}

/* One byte more than the ceiling is kept, for it may be the CR of the line's end. */
static void keep(MbLines *lines, const char *bytes, size_t length)
{
    size_t room = lines->ceiling + 1 - lines->kept->len;

    if (length == 0)
        return;
    lines->last_cr = bytes[length - 1] == '\r';
    if (length > room)
        lines->dropped = true;
    g_string_append_len(lines->kept, bytes, (gssize)MIN(length, room));
}

static void deliver(MbLines *lines, MbLine *line)
{
    GString *kept = lines->kept;

    line->bare_lf = !lines->last_cr;
    line->too_long = lines->dropped;
    if (lines->last_cr && !lines->dropped)
        g_string_truncate(kept, kept->len - 1);
    if (kept->len > lines->ceiling) {
        g_string_truncate(kept, lines->ceiling);
        line->too_long = true;
    }
    line->text = kept->str;
    line->length = kept->len;
    lines->delivered = true;
}

size_t mb_lines_push(MbLines *lines, const void *bytes, size_t length, MbLine *line, bool *complete)
{
    const char *start = bytes;
    const char *end;

    if (lines->delivered)
        mb_lines_reset(lines);
    *complete = false;
    if (length == 0)
        return 0;
    end = memchr(start, '\n', length);
    if (end == NULL) {
        keep(lines, start, length);
        return length;
    }
    keep(lines, start, (size_t)(end - start));
    deliver(lines, line);
    *complete = true;
    return (size_t)(end - start) + 1;
}
