/*
 * A Markdown body becomes the source of an HTML body, once a campaign: the template's own text is
 * converted, its tags pass through, so that what a row says is always text and never Markdown.
 *
 * While Markdown is converted a word that stands nowhere else takes each tag's place. A line of
 * nothing but {% … %} and {# … #} is no paragraph: it is given to Markdown as an HTML comment,
 * which ends the block before it, or within a table as a row, and is taken out of these again. Such
 * tags before the first or behind the last bar of a table's row would be a cell of it: they get a
 * line of their own.
 */
#include "campaign-internal.h"

#include <string.h>

#define HEAD "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"></head>\n<body>\n"
#define FOOT "</body>\n</html>\n"

typedef struct {
    const char *start, *end;
    bool shows; /* {{ … }} */
} Tag;

typedef struct {
    GArray *tags; /* Tag */
    char *word;   /* WORD<number>Z stands for a tag */
    bool table;
} Converter;

/* The end of the tag that begins at `at`; NULL when it has none. Quoted closers do not count. */
static const char *tag_end(const char *at, const char *end)
{
    char closer = at[1] == '{' ? '}' : at[1];
    char quote = '\0';

    for (at += 2; at + 1 < end; at++) {
        if (quote != '\0') {
            if (*at == quote)
                quote = '\0';
        } else if (closer != '#' && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else if (at[0] == closer && at[1] == '}') {
            return at + 2;
        }
    }
    return NULL;
}

static const char *tag_begin(const char *at, const char *end)
{
    for (; at + 1 < end; at++)
        if (at[0] == '{' && (at[1] == '{' || at[1] == '%' || at[1] == '#'))
            return at;
    return NULL;
}

static char *unused_word(const char *text, size_t length)
{
    for (guint i = 0;; i++) {
        char *word = g_strdup_printf("mbtag%uq", i);

        if (g_strstr_len(text, (gssize)length, word) == NULL)
            return word;
        g_free(word);
    }
}

/* Copies the text with a word in each tag's place. Lines of the copy are as many as of the text
 * without its tags. */
static void take_tags(Converter *converter, const char *text, size_t length, GString *out)
{
    const char *end = text + length, *tag;

    while ((tag = tag_begin(text, end)) != NULL) {
        Tag found = {.start = tag, .end = tag_end(tag, end), .shows = tag[1] == '{'};

        if (found.end == NULL)
            break;
        g_string_append_len(out, text, tag - text);
        g_string_append_printf(out, "%s%uZ", converter->word, converter->tags->len);
        g_array_append_val(converter->tags, found);
        text = found.end;
    }
    g_string_append_len(out, text, end - text);
}

/* The tag whose word begins at `at`, and where that ends; NULL when there is none. */
static const Tag *tag_at(const Converter *converter, const char *at, const char **after)
{
    size_t length = strlen(converter->word);
    char *end;
    guint64 number;

    if (strncmp(at, converter->word, length) != 0)
        return NULL;
    number = g_ascii_strtoull(at + length, &end, 10);
    if (*end != 'Z' || number >= converter->tags->len)
        return NULL;
    *after = end + 1;
    return &g_array_index(converter->tags, Tag, number);
}

/* A line of tags alone, none of which shows anything. */
static bool is_control(const Converter *converter, const char *line, size_t length)
{
    const char *end = line + length;
    bool any = false;

    while (line < end) {
        const Tag *tag;

        if (*line == ' ' || *line == '\t' || *line == '\r') {
            line++;
            continue;
        }
        tag = tag_at(converter, line, &line);
        if (tag == NULL || tag->shows)
            return false;
        any = true;
    }
    return any;
}

/* | --- | :-: | */
static bool is_table_rule(const char *line, size_t length)
{
    return memchr(line, '|', length) != NULL && memchr(line, '-', length) != NULL &&
           strspn(line, "|-: \t\r") >= length;
}

static bool is_blank(const char *line, size_t length)
{
    return strspn(line, " \t\r") >= length;
}

/* Before its first bar and behind its last one. */
static void put_table_line(const Converter *converter, const char *line, size_t length,
                           GString *out)
{
    const char *first = memchr(line, '|', length), *last = memrchr(line, '|', length);
    const char *end = line + length;

    if (first != NULL && is_control(converter, line, (size_t)(first - line))) {
        g_string_append_len(out, line, first - line);
        g_string_append_c(out, '\n');
        line = first;
    }
    if (last != NULL && is_control(converter, last + 1, (size_t)(end - last) - 1)) {
        g_string_append_len(out, line, last + 1 - line);
        g_string_append_c(out, '\n');
        line = last + 1;
    }
    g_string_append_len(out, line, end - line);
}

static void put_line(Converter *converter, const char *line, size_t length, GString *out)
{
    size_t indent = strspn(line, " \t");

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (is_blank(line, length))
        converter->table = false;
    else if (is_table_rule(line, length))
        converter->table = true;
    if (converter->table) {
        put_table_line(converter, line, length, out);
        return;
    }
    if (!is_control(converter, line, length)) {
        g_string_append_len(out, line, (gssize)length);
        return;
    }
    g_string_append_len(out, line, (gssize)indent);
    g_string_append(out, "<!--");
    g_string_append_len(out, line + indent, (gssize)(length - indent));
    g_string_append(out, "-->");
}

static GString *mark_lines(Converter *converter, const GString *text)
{
    GString *out = g_string_sized_new(text->len + 64);

    for (const char *line = text->str; *line != '\0';) {
        size_t length = strcspn(line, "\n");

        put_line(converter, line, length, out);
        line += length;
        if (*line == '\n') {
            g_string_append_c(out, '\n');
            line++;
        }
    }
    return out;
}

/* --- and back ----------------------------------------------------------------------------- */

/* The end of a table row of which only the first cell is filled, and that by control tags alone;
 * NULL when it is another. */
static const char *control_row(const Converter *converter, const char *row)
{
    static const char begin[] = "<tr>\n", end[] = "</tr>\n", cell_end[] = "</td>\n";
    const char *at = row + strlen(begin);

    if (!g_str_has_prefix(row, begin))
        return NULL;
    for (bool first = true; g_str_has_prefix(at, "<td"); first = false) {
        const char *text = strchr(at, '>') + 1;
        size_t length = strcspn(text, "<");

        if (!g_str_has_prefix(text + length, cell_end) ||
            (first ? !is_control(converter, text, length) : length > 0))
            return NULL;
        at = text + length + strlen(cell_end);
    }
    return g_str_has_prefix(at, end) ? at + strlen(end) : NULL;
}

static void put_tags(const Converter *converter, const char *from, const char *to, GString *out)
{
    while (from < to) {
        const char *after;
        const Tag *tag = tag_at(converter, from, &after);

        if (tag == NULL) {
            from++;
        } else {
            g_string_append_len(out, tag->start, tag->end - tag->start);
            from = after;
        }
    }
}

/* The end of a comment, written as such or as the text of one, that holds control tags alone. */
static const char *control_comment(const Converter *converter, const char *at)
{
    static const struct {
        const char *begin, *end;
    } forms[] = {{"<!--", "-->"}, {"&lt;!--", "--&gt;"}};

    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        const char *text = at + strlen(forms[i].begin), *end;

        if (!g_str_has_prefix(at, forms[i].begin))
            continue;
        end = strstr(text, forms[i].end);
        if (end != NULL && is_control(converter, text, (size_t)(end - text)))
            return end + strlen(forms[i].end);
    }
    return NULL;
}

/* `<{{ url }}>`, Markdown's link that shows its own address, has passed as an HTML tag of that
 * name: it would show nothing, and be whatever tag a row says. NULL: it is none, or is to be one
 * (`safe`).
 */
static const char *bare_link(const Converter *converter, const char *at, GString *out)
{
    const char *after, *end;
    const Tag *tag = tag_at(converter, at + 1, &after);
    g_autofree char *value = NULL;

    if (tag == NULL || !tag->shows || *after != '>')
        return NULL;
    end = tag->end - 2;
    value = g_strndup(tag->start + 2, (gsize)(end - tag->start) - 2);
    g_strstrip(value);
    if (value[0] == '-')
        value[0] = ' ';
    if (g_str_has_suffix(value, "-"))
        value[strlen(value) - 1] = ' ';
    g_strstrip(value);
    if (value[0] == '\0' || g_str_has_suffix(value, "safe"))
        return NULL;
    g_string_append_printf(
        out,
        "<a href=\"{{ \"mailto:\" if \"@\" in (%s) and \"/\" not in (%s) else \"\" }}"
        "{{ %s }}\">{{ %s }}</a>",
        value, value, value, value);
    return after + 1;
}

static void restore(const Converter *converter, const GString *html, GString *out)
{
    for (const char *at = html->str; *at != '\0';) {
        const char *after = NULL;
        size_t plain = strcspn(at, "<&m");

        g_string_append_len(out, at, (gssize)plain);
        at += plain;
        if (*at == '<' && (after = bare_link(converter, at, out)) != NULL) {
            at = after;
            continue;
        }
        if (*at == '<' || *at == '&') {
            after = control_comment(converter, at);
            if (after == NULL)
                after = control_row(converter, at);
        } else if (*at == 'm') {
            tag_at(converter, at, &after);
        }
        if (after != NULL) {
            put_tags(converter, at, after, out);
            at = after;
        } else if (*at != '\0') {
            g_string_append_c(out, *at++);
        }
    }
}

bool campaign_markdown(const char *text, size_t length, GString *out, GError **error)
{
    Converter converter = {.tags = g_array_new(FALSE, FALSE, sizeof(Tag)),
                           .word = unused_word(text, length)};
    g_autoptr(GString) words = g_string_sized_new(length + 64), html = g_string_new(NULL);
    g_autoptr(GString) marked = NULL;
    bool good;

    g_assert(memchr(text, '\0', length) == NULL); /* the template's compiler refuses it */
    take_tags(&converter, text, length, words);
    marked = mark_lines(&converter, words);
    good = mb_compose_markdown_to_html(marked->str, marked->len, html, error);
    if (good) {
        g_string_append(out, HEAD);
        restore(&converter, html, out);
        g_string_append(out, FOOT);
    }
    g_array_unref(converter.tags);
    g_free(converter.word);
    return good;
}
