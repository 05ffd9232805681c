/*
 * As much of iCalendar (RFC 5545) as a message needs to know.
 *
 *   contentline = name *( ";" param ) ":" value CRLF, folded before its 76th octet (3.1)
 *   method      = "METHOD" ":" iana-token (3.7.2)
 */
#include <mailbatch/compose/compose.h>
#include <string.h>

#define FOLD_OCTETS 75

/* A line without its end; `at` goes on behind it. */
static const char *take_line(const char **at, const char *end, size_t *length)
{
    const char *line = *at;
    const char *stop = memchr(line, '\n', (size_t)(end - line));

    *at = stop != NULL ? stop + 1 : end;
    *length = (size_t)((stop != NULL ? stop : end) - line);
    if (*length > 0 && line[*length - 1] == '\r')
        (*length)--;
    return line;
}

static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '-')
            return false;
    return length > 0 && length <= 40;
}

bool mb_compose_calendar_method(const char *text, size_t length, GString *method)
{
    static const char name[] = "METHOD:";
    const char *at = text, *end = text + length;

    while (at < end) {
        size_t line_length, skip = strlen(name);
        const char *line = take_line(&at, end, &line_length);

        if (line_length <= skip || g_ascii_strncasecmp(line, name, skip) != 0)
            continue;
        while (line_length > skip && line[line_length - 1] == ' ')
            line_length--;
        if (!is_token(line + skip, line_length - skip))
            return false;
        for (; skip < line_length; skip++)
            g_string_append_c(method, g_ascii_toupper(line[skip]));
        return true;
    }
    return false;
}

static void put_folded(GString *out, const char *line, size_t length)
{
    size_t room = FOLD_OCTETS;

    while (length > room) {
        size_t take = room;

        while (take > 1 && ((unsigned char)line[take] & 0xC0) == 0x80) /* within a character */
            take--;
        g_string_append_len(out, line, (gssize)take);
        g_string_append(out, "\r\n ");
        line += take;
        length -= take;
        room = FOLD_OCTETS - 1;
    }
    g_string_append_len(out, line, (gssize)length);
    g_string_append(out, "\r\n");
}

void mb_compose_calendar_fold(const char *text, size_t length, GString *out)
{
    const char *at = text, *end = text + length;

    while (at < end) {
        size_t line_length;
        const char *line = take_line(&at, end, &line_length);

        if (line_length > 0) /* an empty one is no content line */
            put_folded(out, line, line_length);
    }
}
