#include "comment.h"

#include <mailbatch/mime/address.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define MAX_DEFAULT 1000000
#define TEXT_ROOM   ((size_t)128)
#define BREAK       '\n' /* marks a blank between two words; folds are gone by then */

struct MbAddressList {
    GArray *items; /* of MbAddress */
};

typedef struct {
    const char *body;
    size_t length;
    size_t at;
    size_t max;
    MbFlaws *flaws;
    GArray *items;
    GString *text;       /* of the element in hand */
    size_t group;        /* the open group's index, or MB_ADDRESS_NO_GROUP */
    size_t depth;        /* of groups: nested ones are counted, not entered */
    bool literal_parens; /* a comment was not closed: from here on "(" is text */
} Parser;

/* Where the pieces of one element stand. */
typedef struct {
    size_t start, end;
    bool has_angle;
    size_t name_end;                   /* where the first "<" stands */
    size_t angle_start, angle_end;     /* between "<" and ">" */
    size_t comment_start, comment_end; /* the last comment, without its parentheses */
} Element;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

/* Behind the quoted-string that begins at `at`; `at` + 1 when it is not closed: then the quote is
 * text. */
static size_t skip_quoted(Parser *parser, size_t at)
{
    size_t end = at + 1;

    while (end < parser->length && parser->body[end] != '"')
        end += parser->body[end] == '\\' ? 2 : 1;
    if (end < parser->length)
        return end + 1;
    mb_flaws_add(parser->flaws, MB_FLAW_QUOTE_UNCLOSED, at, parser->length - at);
    return at + 1;
}

/* Behind the comment that begins at `at`; `at` + 1 when it is not closed, or when one before was
 * not. */
static size_t skip_comment(Parser *parser, size_t at)
{
    size_t end;

    if (parser->literal_parens)
        return at + 1;
    end = mb_comment_end(parser->body, parser->length, at);
    if (end > 0)
        return end;
    mb_flaws_add(parser->flaws, MB_FLAW_COMMENT_UNCLOSED, at, parser->length - at);
    parser->literal_parens = true;
    return at + 1;
}

/* Behind the domain literal that begins at `at`; `at` + 1 when it is none. */
static size_t skip_literal(const Parser *parser, size_t at)
{
    for (size_t end = at + 1; end < parser->length; end++) {
        if (parser->body[end] == ']')
            return end + 1;
        if (is_blank(parser->body[end]) || strchr("[,<>\"(@", parser->body[end]) != NULL)
            break;
    }
    return at + 1;
}

/* From behind "<" to behind ">". Without one the address ends at the comma. */
static void scan_angle(Parser *parser, Element *element)
{
    const char *body = parser->body;
    size_t at = parser->at;

    element->has_angle = true;
    element->name_end = at;
    while (at < parser->length && (body[at] == '<' || is_blank(body[at])))
        at++;
    element->angle_start = at;
    while (at < parser->length && body[at] != '>') {
        if (body[at] == '<' || (body[at] == ',' && body[element->angle_start] != '@'))
            break;
        if (body[at] == '"')
            at = skip_quoted(parser, at);
        else if (body[at] == '(')
            at = skip_comment(parser, at);
        else
            at += body[at] == '\\' ? 2 : 1;
    }
    at = MIN(at, parser->length);
    element->angle_end = at;
    if (at == parser->length || body[at] != '>')
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_UNCLOSED, element->angle_start,
                     at - element->angle_start);
    while (at < parser->length && body[at] == '>')
        at++;
    parser->at = at;
}

/* Scans up to what ends an element: "," ";" ":" the end, or the start of the next one when a comma
 * is missing. The stop is not taken. */
static void scan_element(Parser *parser, Element *element)
{
    const char *body = parser->body;

    *element = (Element){.start = parser->at};
    element->end = parser->at;
    while (parser->at < parser->length) {
        size_t at = parser->at;
        char c = body[at];

        if (c == ',' || c == ';' || (c == ':' && !element->has_angle))
            break;
        if (c == '(') {
            parser->at = skip_comment(parser, at);
            if (parser->at > at + 1) {
                element->comment_start = at + 1;
                element->comment_end = parser->at - 1;
                element->end = parser->at;
                continue;
            }
        }
        if (element->has_angle && !is_blank(c)) {
            parser->at = at;
            mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NO_COMMA, at, 0);
            break;
        }
        if (c == '<')
            scan_angle(parser, element);
        else if (c == '"')
            parser->at = skip_quoted(parser, at);
        else if (c == '[')
            parser->at = skip_literal(parser, at);
        else if (c == '\\')
            parser->at = MIN(at + 2, parser->length);
        else
            parser->at = is_blank(c) ? at + 1 : mb_skip_solid(body, at + 1, parser->length);
        if (!is_blank(c))
            element->end = parser->at;
    }
}

/* Appends a stretch without comments, folds and blanks around "." and "@"; other blanks become
 * BREAK. Quoted-strings stay as they are, or lose their quotes when it is a name. */
static void compact(Parser *parser, size_t start, size_t end, bool is_name, GString *out)
{
    const char *body = parser->body;
    size_t first = out->len;
    bool blank = false;

    for (size_t at = start; at < end;) {
        char c = body[at];
        size_t next = at + 1;

        if (is_blank(c)) {
            blank = true;
            at++;
            continue;
        }
        if (c == '(' && !parser->literal_parens) {
            at = skip_comment(parser, at);
            blank = true;
            continue;
        }
        if (blank && out->len > first &&
            (is_name || (strchr(".@", c) == NULL && strchr(".@", out->str[out->len - 1]) == NULL)))
            g_string_append_c(out, BREAK);
        blank = false;
        if (c == '"')
            next = MIN(skip_quoted(parser, at), end);
        else if (c == '\\')
            next = MIN(at + 2, end);
        else
            next = mb_skip_solid(body, next, end);
        if (c != '"' && c != '\\') {
            g_string_append_len(out, body + at, (gssize)(next - at));
            at = next;
            continue;
        }
        for (size_t i = at; i < next; i++) {
            bool is_quote = c == '"' && next > at + 1 && (i == at || i + 1 == next);

            if (is_name && is_quote)
                continue;
            if (is_name && body[i] == '\\' && i + 1 < next)
                i++;
            else if (body[i] == '\r' || body[i] == '\n')
                continue;
            g_string_append_c(out, body[i]);
        }
        at = next;
    }
}

/* Decodes a name that was compacted. Words side by side are joined by the decoder, so breaks are
 * blanks. */
static char *decode_name(Parser *parser, GString *raw, size_t offset, size_t *length)
{
    g_autoptr(GString) name = NULL;
    g_auto(MbFlaws) found = {0};
    size_t start = 0;

    while (start < raw->len && raw->str[start] == BREAK)
        start++;
    while (raw->len > start && raw->str[raw->len - 1] == BREAK)
        g_string_truncate(raw, raw->len - 1);
    for (size_t i = start; i < raw->len; i++) {
        if (raw->str[i] == BREAK)
            raw->str[i] = ' ';
    }
    if (raw->len == start)
        return NULL;
    if (mb_words_form(raw->str + start, raw->len - start) == MB_WORDS_PLAIN) {
        *length = raw->len - start;
        return g_strndup(raw->str + start, *length);
    }
    name = g_string_new(NULL);
    mb_words_decode(raw->str + start, raw->len - start, name, &found);
    mb_flaws_add_all(parser->flaws, &found, offset);
    *length = name->len;
    if (name->len == 0)
        return NULL;
    return g_string_free(g_steal_pointer(&name), FALSE);
}

/* An encoded-word may stand in a phrase, not inside quotes (RFC 2047, 5). */
static void check_quotes(Parser *parser, size_t start, size_t end)
{
    const char *body = parser->body;
    bool quoted = false;

    for (size_t i = start; i + 1 < end; i++) {
        if (body[i] == '\\')
            i++;
        else if (body[i] == '"')
            quoted = !quoted;
        else if (quoted && body[i] == '=' && body[i + 1] == '?')
            mb_flaws_add(parser->flaws, MB_FLAW_WORD_PLACE, i, 2);
    }
}

/* The last "@" that stands outside quotes; `length` when there is none. */
static size_t find_at(const char *text, size_t length)
{
    size_t found = length;
    bool quoted = false;

    if (length > 0 && memchr(text, '"', length) == NULL) {
        const char *last = memrchr(text, '@', length);

        return last != NULL ? (size_t)(last - text) : length;
    }
    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (text[i] == '@' && !quoted)
            found = i;
    }
    return found;
}

static void set_address(Parser *parser, MbAddress *address, const char *text, size_t length)
{
    size_t at = find_at(text, length);

    address->address = g_malloc(length + 1);
    if (length > 0)
        memcpy(address->address, text, length);
    address->address[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if (address->address[i] == BREAK)
            address->address[i] = ' ';
    }
    address->address_length = length;
    address->domain = MIN(at + 1, length);
    if (length > 0 && address->domain == length)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NO_DOMAIN, address->offset, address->length);
    if (at == 0 && length > 0)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_MALFORMED, address->offset, address->length);
    if (g_strstr_len(text, (gssize)length, "=?") != NULL)
        mb_flaws_add(parser->flaws, MB_FLAW_WORD_PLACE, address->offset, address->length);
}

/* name <route:address> */
static void build_angle(Parser *parser, const Element *element, MbAddress *address)
{
    GString *text = parser->text;
    const char *spec;
    const char *colon;

    check_quotes(parser, element->start, element->name_end);
    g_string_truncate(text, 0);
    compact(parser, element->start, element->name_end, true, text);
    address->name = decode_name(parser, text, element->start, &address->name_length);
    g_string_truncate(text, 0);
    compact(parser, element->angle_start, element->angle_end, false, text);
    spec = text->str;
    colon = *spec == '@' ? memchr(spec, ':', text->len) : NULL;
    if (colon != NULL) {
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_ROUTE, element->angle_start,
                     (size_t)(colon + 1 - spec));
        spec = colon + 1;
    }
    set_address(parser, address, spec, (size_t)(text->str + text->len - spec));
    if (memchr(spec, BREAK, (size_t)(text->str + text->len - spec)) != NULL)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_MALFORMED, address->offset, address->length);
}

/* An address without angle brackets; words beside it are its name, and a mistake. */
static void build_bare(Parser *parser, const Element *element, MbAddress *address)
{
    GString *text = parser->text;
    size_t at, start = 0, end;
    const char *mark;

    g_string_truncate(text, 0);
    compact(parser, element->start, element->end, false, text);
    at = find_at(text->str, text->len);
    end = text->len;
    if (at < text->len) {
        mark = memrchr(text->str, BREAK, at);
        start = mark != NULL ? (size_t)(mark - text->str) + 1 : 0;
        mark = memchr(text->str + at, BREAK, text->len - at);
        end = mark != NULL ? (size_t)(mark - text->str) : text->len;
    } else if (memchr(text->str, BREAK, text->len) != NULL || *text->str == '"') {
        start = end;
    }
    set_address(parser, address, text->str + start, end - start);
    if (start == 0 && end == text->len)
        return;
    mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_MALFORMED, element->start,
                 element->end - element->start);
    g_string_erase(text, (gssize)start, (gssize)(end - start));
    address->name = decode_name(parser, text, element->start, &address->name_length);
}

/* A comment behind an addr-spec is a name, as of old. */
static void take_comment(Parser *parser, const Element *element, MbAddress *address)
{
    GString *text = parser->text;

    if (address->name != NULL || element->comment_end <= element->comment_start)
        return;
    g_string_truncate(text, 0);
    for (size_t i = element->comment_start; i < element->comment_end; i++) {
        if (parser->body[i] == '\\' && i + 1 < element->comment_end)
            i++;
        if (parser->body[i] != '\r' && parser->body[i] != BREAK)
            g_string_append_c(text, parser->body[i]);
    }
    address->name = decode_name(parser, text, element->comment_start, &address->name_length);
}

/* A display name that shows another address than the one that counts. */
static void check_name(Parser *parser, const MbAddress *address)
{
    const char *at = address->name != NULL ? strchr(address->name, '@') : NULL;

    if (at == NULL || at == address->name || !g_ascii_isalnum(at[-1]) || !g_ascii_isalnum(at[1]))
        return;
    if (address->address_length > 0 && strcasestr(address->name, address->address) == NULL)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NAME_IS_ADDRESS, address->offset,
                     address->length);
}

static void add_mailbox(Parser *parser, const Element *element)
{
    MbAddress address = {
        .group = parser->group,
        .offset = element->start,
        .length = element->end - element->start,
    };

    if (address.length == 0)
        return;
    if (element->has_angle)
        build_angle(parser, element, &address);
    else
        build_bare(parser, element, &address);
    take_comment(parser, element, &address);
    check_name(parser, &address);
    g_array_append_val(parser->items, address);
}

static void add_group(Parser *parser, const Element *element)
{
    GString *text = parser->text;
    MbAddress group = {
        .is_group = true,
        .group = MB_ADDRESS_NO_GROUP,
        .offset = element->start,
        .length = parser->at - element->start,
    };

    if (parser->depth > 0)
        mb_flaws_add(parser->flaws, MB_FLAW_GROUP_NESTED, group.offset, group.length);
    g_string_truncate(text, 0);
    compact(parser, element->start, element->end, true, text);
    group.name = decode_name(parser, text, element->start, &group.name_length);
    parser->depth++;
    parser->group = parser->items->len;
    g_array_append_val(parser->items, group);
}

static void end_group(Parser *parser)
{
    if (parser->depth > 0 && --parser->depth == 0)
        parser->group = MB_ADDRESS_NO_GROUP;
}

static void clear_item(gpointer data)
{
    MbAddress *address = data;

    g_free(address->name);
    g_free(address->address);
}

MbAddressList *mb_address_list_parse(const char *body, size_t length, size_t max, MbFlaws *flaws)
{
    MbAddressList *list = g_new(MbAddressList, 1);
    g_autoptr(GString) text = g_string_sized_new(MIN(length, TEXT_ROOM));
    Parser parser = {.body = body, .length = length, .flaws = flaws, .text = text};

    list->items = parser.items = g_array_new(FALSE, FALSE, sizeof(MbAddress));
    g_array_set_clear_func(list->items, clear_item);
    parser.max = max > 0 ? max : MAX_DEFAULT;
    parser.group = MB_ADDRESS_NO_GROUP;
    if (memchr(body, '\0', length) != NULL)
        mb_flaws_add(flaws, MB_FLAW_RAW_NUL, 0, length);
    while (parser.at < length) {
        Element element;
        char c = body[parser.at];

        if (is_blank(c) || c == ',') {
            parser.at++;
            continue;
        }
        if (c == ';') {
            end_group(&parser);
            parser.at++;
            continue;
        }
        if (parser.items->len >= parser.max) {
            mb_flaws_add(flaws, MB_FLAW_ADDRESS_LIMIT, parser.at, length - parser.at);
            break;
        }
        scan_element(&parser, &element);
        if (parser.at < length && body[parser.at] == ':' && !element.has_angle) {
            parser.at++;
            add_group(&parser, &element);
        } else {
            add_mailbox(&parser, &element);
        }
    }
    if (parser.depth > 0)
        mb_flaws_add(flaws, MB_FLAW_GROUP_UNCLOSED, length, 0);
    return list;
}

void mb_address_list_free(MbAddressList *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->items);
    g_free(list);
}

size_t mb_address_list_count(const MbAddressList *list)
{
    return list->items->len;
}

const MbAddress *mb_address_list_at(const MbAddressList *list, size_t index)
{
    return &g_array_index(list->items, MbAddress, index);
}
