#include "letter.h"

#include "campaign.h"

#include <mailbatch/base/text.h>
#include <string.h>

static void free_field(void *data)
{
    MmField *field = data;

    g_free(field->name);
    g_free(field->value);
    g_free(field);
}

void mm_letter_free(MmLetter *letter)
{
    if (letter == NULL)
        return;
    g_ptr_array_unref(letter->fields);
    g_free(letter);
}

/* The line at `at`, without its end; `at` goes on behind it. */
static const char *take_line(const char **at, const char *end, size_t *length)
{
    const char *line = *at;
    const char *lf = memchr(line, '\n', (size_t)(end - line));
    const char *stop = lf != NULL ? lf : end;

    *at = lf != NULL ? lf + 1 : end;
    if (stop > line && stop[-1] == '\r')
        stop--;
    *length = (size_t)(stop - line);
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_blank_line(const char *line, size_t length)
{
    while (length > 0 && is_blank(line[length - 1]))
        length--;
    return length == 0;
}

/* Length of a field's name, 0 when the line is no field. */
static size_t name_length(const char *line, size_t length, size_t *colon)
{
    size_t n = 0;

    while (n < length && g_ascii_isgraph(line[n]) && line[n] != ':' && line[n] != '{')
        n++;
    *colon = n;
    while (*colon < length && is_blank(line[*colon]))
        (*colon)++;
    return *colon < length && line[*colon] == ':' ? n : 0;
}

static MmField *new_field(const char *line, size_t length, size_t name, size_t colon, guint number)
{
    MmField *field = g_new0(MmField, 1);
    size_t begin = colon + 1;

    while (begin < length && is_blank(line[begin]))
        begin++;
    field->name = g_strndup(line, name);
    field->value = g_strndup(line + begin, length - begin);
    field->line = number;
    field->column = (guint)begin + 1;
    return field;
}

static void continue_field(MmField *field, const char *line, size_t length)
{
    char *longer = g_strdup_printf("%s %.*s", field->value, (int)length, line);

    g_free(field->value);
    field->value = longer;
}

static bool refuse_line(const char *path, guint number, const char *line, size_t length,
                        GError **error)
{
    g_autofree char *shown = mb_text_printable(line, MIN(length, 60));

    g_set_error(
        error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
        "%s:%u: \"%s\" is no header field, as \"Subject: Hello\" (header fields come first, "
        "then a blank line, then the body; {%% if %%} stands within a field's value)",
        path, number, shown);
    return false;
}

/* One line of the header block. */
static bool take_header_line(MmLetter *letter, const char *path, guint number, const char *line,
                             size_t length, GError **error)
{
    size_t colon, name;

    if (memchr(line, '\0', length) != NULL)
        return refuse_line(path, number, line, length, error);
    if (is_blank(line[0])) {
        if (letter->fields->len == 0)
            return refuse_line(path, number, line, length, error);
        continue_field(g_ptr_array_index(letter->fields, letter->fields->len - 1), line, length);
        return true;
    }
    /* A comment of the template's author, on a line of its own. */
    if (length >= 4 && memcmp(line, "{#", 2) == 0 && memcmp(line + length - 2, "#}", 2) == 0)
        return true;
    name = name_length(line, length, &colon);
    if (name == 0)
        return refuse_line(path, number, line, length, error);
    g_ptr_array_add(letter->fields, new_field(line, length, name, colon, number));
    return true;
}

MmLetter *mm_letter_parse(const char *path, const char *bytes, size_t length, GError **error)
{
    g_autoptr(MmLetter) letter = g_new0(MmLetter, 1);
    const char *at = bytes, *end = bytes + length;
    guint number = 0;

    letter->fields = g_ptr_array_new_with_free_func(free_field);
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (at < end) {
        size_t line_length;
        const char *line = take_line(&at, end, &line_length);

        number++;
        if (is_blank_line(line, line_length))
            break;
        if (!take_header_line(letter, path, number, line, line_length, error))
            return NULL;
    }
    for (guint i = 0; i < letter->fields->len; i++)
        g_strchomp(((MmField *)g_ptr_array_index(letter->fields, i))->value);
    letter->body = at;
    letter->body_length = (size_t)(end - at);
    letter->body_line = number + 1;
    return g_steal_pointer(&letter);
}
