#include "header.h"

#include <mailbatch/base/text.h>
#include <mailbatch/csv/csv.h>
#include <string.h>

struct CsvHeader {
    GPtrArray *names;   /* NULL-ended */
    GHashTable *places; /* name → place + 1 */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_end(char c)
{
    return c == '\n' || c == '\r';
}

bool csv_header_is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_blank(line[i]) && !is_end(line[i]))
            return false;
    return true;
}

bool csv_header_is_closed(const char *text, size_t length)
{
    bool quoted = false;

    for (size_t i = 0; i < length; i++)
        quoted ^= text[i] == '"';
    return !quoted;
}

char csv_header_delimiter(const char *text, size_t length)
{
    bool quoted = false;
    size_t commas = 0, semicolons = 0, tabs = 0;

    for (size_t i = 0; i < length; i++) {
        quoted ^= text[i] == '"';
        if (quoted)
            continue;
        commas += text[i] == ',';
        semicolons += text[i] == ';';
        tabs += text[i] == '\t';
    }
    if (commas == 0 && semicolons > 0 && tabs == 0)
        return ';';
    if (commas == 0 && tabs > 0 && semicolons == 0)
        return '\t';
    return ',';
}

bool csv_header_is_padded(const char *text, size_t length, char delimiter)
{
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        bool edge;

        if (text[i] == '"')
            quoted = !quoted;
        if (!is_blank(text[i]) || text[i] == delimiter)
            continue;
        /* A blank beside a delimiter, a line's end or a quote that delimits. */
        edge = i == 0 || text[i - 1] == delimiter || i + 1 == length || text[i + 1] == delimiter ||
               is_end(text[i + 1]) || text[i - 1] == '"' || text[i + 1] == '"';
        if (edge && !(quoted && i > 0 && text[i - 1] == delimiter))
            return true;
    }
    return false;
}

CsvHeader *csv_header_new(void)
{
    CsvHeader *header = g_new0(CsvHeader, 1);

    header->names = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(header->names, NULL);
    header->places = g_hash_table_new(g_str_hash, g_str_equal);
    return header;
}

void csv_header_free(CsvHeader *header)
{
    if (header == NULL)
        return;
    g_hash_table_unref(header->places);
    g_ptr_array_unref(header->names);
    g_free(header);
}

bool csv_header_add(CsvHeader *header, const char *name, size_t length, GError **error)
{
    size_t place = csv_header_count(header) + 1;
    char *copy = g_strndup(name, length);
    g_autofree char *shown = NULL;

    g_strstrip(copy);
    shown = mb_text_printable(copy, strlen(copy));
    if (*copy == '\0') {
        g_set_error(error, MB_CSV_ERROR, MB_ERROR_DATA,
                    "column %zu has no name: name it, or remove the column", place);
        g_free(copy);
        return false;
    }
    if (g_hash_table_contains(header->places, copy)) {
        g_set_error(error, MB_CSV_ERROR, MB_ERROR_DATA,
                    "columns %d and %zu are both called \"%s\": rename one",
                    csv_header_find(header, copy) + 1, place, shown);
        g_free(copy);
        return false;
    }
    g_hash_table_insert(header->places, copy, GSIZE_TO_POINTER(place));
    g_ptr_array_index(header->names, header->names->len - 1) = copy;
    g_ptr_array_add(header->names, NULL);
    return true;
}

const char *const *csv_header_names(const CsvHeader *header)
{
    return (const char *const *)header->names->pdata;
}

size_t csv_header_count(const CsvHeader *header)
{
    return header->names->len - 1;
}

int csv_header_find(const CsvHeader *header, const char *name)
{
    return (int)GPOINTER_TO_SIZE(g_hash_table_lookup(header->places, name)) - 1;
}

bool csv_header_equal(const CsvHeader *a, const CsvHeader *b)
{
    bool same = csv_header_count(a) == csv_header_count(b);

    for (size_t i = 0; same && i < csv_header_count(a); i++)
        same = strcmp(csv_header_names(a)[i], csv_header_names(b)[i]) == 0;
    return same;
}
