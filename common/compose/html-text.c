/*
 * HTML for people who read text: a walk over libxml2's tree, without recursion.
 */
#include <libxml/HTMLparser.h>
#include <mailbatch/compose/compose.h>
#include <pthread.h>
#include <string.h>

#define COLUMNS    72
#define MAX_INDENT 24 /* columns; deeper lists stay there */

typedef enum {
    KIND_INLINE,
    KIND_BLOCK,     /* on a line of its own */
    KIND_PARAGRAPH, /* with blank lines around */
    KIND_HIDDEN,    /* nothing of it is shown */
} Kind;

static const struct {
    const char *name;
    Kind kind;
} elements[] = {
    {"address", KIND_BLOCK},    {"article", KIND_BLOCK},
    {"aside", KIND_BLOCK},      {"blockquote", KIND_PARAGRAPH},
    {"center", KIND_BLOCK},     {"dd", KIND_BLOCK},
    {"div", KIND_BLOCK},        {"dl", KIND_PARAGRAPH},
    {"dt", KIND_BLOCK},         {"fieldset", KIND_BLOCK},
    {"figcaption", KIND_BLOCK}, {"figure", KIND_PARAGRAPH},
    {"footer", KIND_BLOCK},     {"form", KIND_BLOCK},
    {"h1", KIND_PARAGRAPH},     {"h2", KIND_PARAGRAPH},
    {"h3", KIND_PARAGRAPH},     {"h4", KIND_PARAGRAPH},
    {"h5", KIND_PARAGRAPH},     {"h6", KIND_PARAGRAPH},
    {"head", KIND_HIDDEN},      {"header", KIND_BLOCK},
    {"hr", KIND_PARAGRAPH},     {"li", KIND_BLOCK},
    {"main", KIND_BLOCK},       {"nav", KIND_BLOCK},
    {"object", KIND_HIDDEN},    {"ol", KIND_PARAGRAPH},
    {"p", KIND_PARAGRAPH},      {"pre", KIND_PARAGRAPH},
    {"script", KIND_HIDDEN},    {"section", KIND_BLOCK},
    {"style", KIND_HIDDEN},     {"table", KIND_PARAGRAPH},
    {"template", KIND_HIDDEN},  {"title", KIND_HIDDEN},
    {"tr", KIND_BLOCK},         {"ul", KIND_PARAGRAPH},
};

typedef struct {
    GString *out;
    size_t start;  /* out's length before */
    GString *word; /* not written yet: it may have to go onto the next line */
    size_t word_columns;
    size_t column;      /* of the line under way */
    int newlines;       /* owed before the next word: 1 a line's end, 2 a blank line */
    bool blank;         /* owed before the next word */
    GString *indent;    /* in front of every line */
    const char *marker; /* a list item's, instead of the last two columns of the indent, once */
    char number[16];
    guint preformatted;
    GPtrArray *targets;  /* of links, in order of their footnotes */
    GHashTable *numbers; /* target → its place there, from 1 */
} Writer;

/* --- words and lines ---------------------------------------------------------------------- */

static void begin_line(Writer *writer)
{
    g_string_append_len(writer->out, writer->indent->str, (gssize)writer->indent->len);
    writer->column = writer->indent->len;
    if (writer->marker != NULL) {
        size_t length = strlen(writer->marker);

        if (writer->indent->len >= length)
            g_string_truncate(writer->out, writer->out->len - length);
        g_string_append_len(writer->out, writer->marker, (gssize)length);
        writer->marker = NULL;
    }
}

static void end_line(Writer *writer)
{
    while (writer->out->len > writer->start && writer->out->str[writer->out->len - 1] == ' ')
        g_string_truncate(writer->out, writer->out->len - 1);
    g_string_append_c(writer->out, '\n');
}

static void flush_word(Writer *writer)
{
    if (writer->word->len == 0)
        return;
    if (writer->out->len == writer->start) {
        begin_line(writer);
    } else if (writer->newlines > 0) {
        for (; writer->newlines > 0; writer->newlines--)
            end_line(writer);
        begin_line(writer);
    } else if (writer->blank && writer->column + 1 + writer->word_columns > COLUMNS &&
               writer->column > writer->indent->len && writer->preformatted == 0) {
        end_line(writer);
        begin_line(writer);
    } else if (writer->blank) {
        g_string_append_c(writer->out, ' ');
        writer->column++;
    }
    g_string_append_len(writer->out, writer->word->str, (gssize)writer->word->len);
    writer->column += writer->word_columns;
    g_string_truncate(writer->word, 0);
    writer->word_columns = 0;
    writer->newlines = 0;
    writer->blank = false;
}

static void owe_newlines(Writer *writer, int newlines)
{
    flush_word(writer);
    writer->newlines = MAX(writer->newlines, newlines);
    writer->blank = false;
}

static void put_text(Writer *writer, const char *text)
{
    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);

        if (writer->preformatted > 0 && c == '\n') {
            flush_word(writer);
            writer->newlines++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            if (writer->preformatted > 0) {
                g_string_append_c(writer->word, ' ');
                writer->word_columns++;
                continue;
            }
            flush_word(writer);
            writer->blank = writer->newlines == 0;
        } else if (c != 0xAD && c != 0x200B && c != 0xFEFF && (c >= ' ' && c != 0x7F)) {
            g_string_append_unichar(writer->word, c == 0xA0 ? ' ' : c);
            writer->word_columns += g_unichar_iswide(c) ? 2 : 1;
        }
    }
}

static void put_word(Writer *writer, const char *text)
{
    flush_word(writer);
    writer->blank = writer->newlines == 0 && writer->out->len > writer->start;
    put_text(writer, text);
}

/* --- elements ----------------------------------------------------------------------------- */

static bool is(const xmlNode *node, const char *name)
{
    return node != NULL && node->type == XML_ELEMENT_NODE &&
           g_ascii_strcasecmp((const char *)node->name, name) == 0;
}

/* The value, or NULL; freed with xmlFree(). */
static char *attribute(xmlNode *node, const char *name)
{
    return (char *)xmlGetProp(node, BAD_CAST name);
}

static bool is_hidden(xmlNode *node)
{
    char *style = attribute(node, "style");
    char *hidden = attribute(node, "hidden");
    bool result = hidden != NULL;

    if (style != NULL) {
        g_autofree char *lower = g_ascii_strdown(style, -1);
        const char *display = strstr(lower, "display");

        result |=
            display != NULL && g_str_has_prefix(display + 7 + strspn(display + 7, " \t:"), "none");
    }
    xmlFree(style);
    xmlFree(hidden);
    return result;
}

static Kind kind_of(xmlNode *node)
{
    if (is_hidden(node))
        return KIND_HIDDEN;
    for (size_t i = 0; i < G_N_ELEMENTS(elements); i++)
        if (is(node, elements[i].name))
            return elements[i].kind;
    return KIND_INLINE;
}

static void indent_by(Writer *writer, const char *text)
{
    if (writer->indent->len + 2 <= MAX_INDENT)
        g_string_append(writer->indent, text);
}

static void outdent(Writer *writer, size_t to)
{
    g_string_truncate(writer->indent, MIN(writer->indent->len, to));
}

/* How deep the element's lists and quotes make the indent. */
static size_t indent_of(const xmlNode *node)
{
    size_t sum = 0;

    for (; node != NULL; node = node->parent)
        if (is(node, "li") || is(node, "dd") || is(node, "blockquote"))
            sum += is(node, "li") && is(node->parent, "ol") ? 4 : 2;
    return sum;
}

static void begin_item(Writer *writer, xmlNode *node)
{
    int number = 1;

    if (!is(node->parent, "ol")) {
        indent_by(writer, "  ");
        writer->marker = "* ";
        return;
    }
    for (const xmlNode *before = node->prev; before != NULL && number < 9999; before = before->prev)
        number += is(before, "li");
    indent_by(writer, "    ");
    g_snprintf(writer->number, sizeof writer->number, "%2d. ", number);
    writer->marker = writer->number;
}

static void put_attribute(Writer *writer, xmlNode *node, const char *name)
{
    char *value = attribute(node, name);

    if (value != NULL)
        put_text(writer, value);
    xmlFree(value);
}

static void put_rule(Writer *writer)
{
    for (size_t i = writer->indent->len; i < COLUMNS; i++)
        g_string_append_c(writer->word, '-');
    writer->word_columns = COLUMNS - writer->indent->len;
}

/* False when nothing of the element is shown. */
static bool open_element(Writer *writer, xmlNode *node)
{
    Kind kind = kind_of(node);

    if (kind == KIND_HIDDEN)
        return false;
    if (kind != KIND_INLINE)
        owe_newlines(writer, kind == KIND_PARAGRAPH && indent_of(node->parent) == 0 ? 2 : 1);
    if (is(node, "br")) {
        flush_word(writer);
        writer->newlines = MIN(writer->newlines + 1, 2);
        writer->blank = false;
    } else if (is(node, "hr")) {
        put_rule(writer);
    } else if (is(node, "li")) {
        begin_item(writer, node);
    } else if (is(node, "dd")) {
        indent_by(writer, "  ");
    } else if (is(node, "blockquote")) {
        indent_by(writer, "> ");
    } else if (is(node, "pre")) {
        writer->preformatted++;
    } else if (is(node, "img")) {
        put_attribute(writer, node, "alt");
    } else if ((is(node, "td") || is(node, "th")) && node->prev != NULL) {
        put_word(writer, "");
    }
    return true;
}

/* The number of the footnote that says the target. */
static guint footnote(Writer *writer, const char *target)
{
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(writer->numbers, target));

    if (number == 0) {
        char *copy = g_strdup(target);

        g_ptr_array_add(writer->targets, copy);
        number = writer->targets->len;
        g_hash_table_insert(writer->numbers, copy, GUINT_TO_POINTER(number));
    }
    return number;
}

/* ` [1]` behind a link's text, unless the text is the target. */
static void put_target(Writer *writer, xmlNode *node)
{
    char *href = attribute(node, "href");
    xmlChar *text = xmlNodeGetContent(node);
    const char *target = href != NULL ? g_strstrip(href) : "";
    const char *shown = g_str_has_prefix(target, "mailto:") ? target + 7 : target;
    bool same = text != NULL && strcmp(g_strstrip((char *)text), shown) == 0;

    if (*target != '\0' && *target != '#' && !same) {
        g_autofree char *mark = g_strdup_printf("[%u]", footnote(writer, shown));

        put_word(writer, mark);
    }
    xmlFree(text);
    xmlFree(href);
}

static void put_footnotes(Writer *writer)
{
    flush_word(writer);
    writer->newlines = 2;
    for (guint i = 0; i < writer->targets->len; i++) {
        g_autofree char *mark = g_strdup_printf("[%u]", i + 1);

        put_text(writer, mark);
        put_word(writer, g_ptr_array_index(writer->targets, i));
        owe_newlines(writer, 1);
    }
}

static void close_element(Writer *writer, xmlNode *node)
{
    Kind kind = kind_of(node);

    if (is(node, "a"))
        put_target(writer, node);
    if (is(node, "pre"))
        writer->preformatted--;
    if (kind != KIND_INLINE)
        owe_newlines(writer, kind == KIND_PARAGRAPH && indent_of(node->parent) == 0 ? 2 : 1);
    if (is(node, "li") || is(node, "dd") || is(node, "blockquote")) {
        outdent(writer, indent_of(node->parent));
        writer->marker = NULL;
    }
}

static void walk(Writer *writer, xmlNode *root)
{
    xmlNode *node = root;

    while (node != NULL) {
        bool down = false;

        if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
            put_text(writer, (const char *)node->content);
        else if (node->type == XML_ELEMENT_NODE)
            down = open_element(writer, node);
        if (down && node->children != NULL) {
            node = node->children;
            continue;
        }
        if (down)
            close_element(writer, node);
        while (node != root && node->next == NULL) {
            node = node->parent;
            close_element(writer, node);
        }
        node = node == root ? NULL : node->next;
    }
    flush_word(writer);
}

static pthread_once_t parser_once = PTHREAD_ONCE_INIT;

void mb_compose_html_to_text(const char *html, size_t length, GString *out)
{
    Writer writer = {.out = out, .start = out->len};
    xmlDoc *document;

    pthread_once(&parser_once, xmlInitParser);
    if (length == 0 || length > G_MAXINT)
        return;
    document = htmlReadMemory(html, (int)length, NULL, "UTF-8",
                              HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                  HTML_PARSE_NONET);
    if (document == NULL)
        return;
    writer.word = g_string_new(NULL);
    writer.indent = g_string_new(NULL);
    writer.targets = g_ptr_array_new_with_free_func(g_free);
    writer.numbers = g_hash_table_new(g_str_hash, g_str_equal);
    if (xmlDocGetRootElement(document) != NULL)
        walk(&writer, xmlDocGetRootElement(document));
    put_footnotes(&writer);
    if (out->len > writer.start)
        end_line(&writer);
    g_string_free(writer.word, TRUE);
    g_string_free(writer.indent, TRUE);
    g_hash_table_unref(writer.numbers);
    g_ptr_array_unref(writer.targets);
    xmlFreeDoc(document);
}
