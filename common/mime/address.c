#include "comment.h"

#include <mailbatch/mime/address.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define MAX_DEFAULT 1000000
#define NOWHERE     SIZE_MAX
#define BREAK       '\n' /* marks a blank between two words; folds are gone by then */

struct MbAddressList {
    GArray *items;    /* of MbAddress */
    GString *storage; /* their texts, each with a NUL behind it */
    GString *text;    /* of the element in hand */
};

typedef struct {
    const char *body;
    size_t length;
    size_t at;
    size_t max;
    MbFlaws *flaws;
    GArray *items;
    GString *storage;
    GString *text;
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

/* A text put into the storage from `at` on is complete. */
static void end_text(Parser *parser, size_t at, size_t *text_at, size_t *length)
{
    *text_at = at;
    *length = parser->storage->len - at;
    g_string_append_c(parser->storage, '\0');
}

/* Decodes a name that was compacted. Words side by side are joined by the decoder, so breaks are
 * blanks. */
static void set_name(Parser *parser, MbAddress *address, size_t offset)
{
    GString *raw = parser->text;
    GString *storage = parser->storage;
    g_auto(MbFlaws) found = {0};
    size_t before = storage->len;
    size_t start = 0;

    while (start < raw->len && raw->str[start] == BREAK)
        start++;
    while (raw->len > start && raw->str[raw->len - 1] == BREAK)
        g_string_truncate(raw, raw->len - 1);
    for (size_t i = start; i < raw->len; i++) {
        if (raw->str[i] == BREAK)
            raw->str[i] = ' ';
    }
    mb_words_decode(raw->str + start, raw->len - start, storage, &found);
    mb_flaws_add_all(parser->flaws, &found, offset);
    if (storage->len > before)
        end_text(parser, before, &address->name_at, &address->name_length);
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
    size_t before = parser->storage->len;

    g_string_append_len(parser->storage, text, (gssize)length);
    for (size_t i = before; i < parser->storage->len; i++) {
        if (parser->storage->str[i] == BREAK)
            parser->storage->str[i] = ' ';
    }
    end_text(parser, before, &address->address_at, &address->address_length);
    address->domain = MIN(at + 1, length);
    if (length > 0 && address->domain == length)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NO_DOMAIN, address->offset, address->length);
    if (at == 0 && length > 0)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_MALFORMED, address->offset, address->length);
    if (mb_lanes_find_pair((const uint8_t *)text, length, '=', '?') != NULL)
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
    set_name(parser, address, element->start);
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
    set_name(parser, address, element->start);
}

/* A comment behind an addr-spec is a name, as of old. */
static void take_comment(Parser *parser, const Element *element, MbAddress *address)
{
    GString *text = parser->text;

    if (address->name_at != NOWHERE || element->comment_end <= element->comment_start)
        return;
    g_string_truncate(text, 0);
    for (size_t i = element->comment_start; i < element->comment_end; i++) {
        if (parser->body[i] == '\\' && i + 1 < element->comment_end)
            i++;
        if (parser->body[i] != '\r' && parser->body[i] != BREAK)
            g_string_append_c(text, parser->body[i]);
    }
    set_name(parser, address, element->comment_start);
}

/* A display name that shows another address than the one that counts. */
static void check_name(Parser *parser, const MbAddress *address)
{
    const char *name = parser->storage->str + address->name_at;
    const char *at = address->name_at != NOWHERE ? strchr(name, '@') : NULL;

    if (at == NULL || at == name || !g_ascii_isalnum(at[-1]) || !g_ascii_isalnum(at[1]))
        return;
    if (address->address_length > 0 &&
        strcasestr(name, parser->storage->str + address->address_at) == NULL)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NAME_IS_ADDRESS, address->offset,
                     address->length);
}

static void add_mailbox(Parser *parser, const Element *element)
{
    MbAddress address = {
        .name_at = NOWHERE,
        .address_at = NOWHERE,
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
    MbAddress group = {
        .name_at = NOWHERE,
        .address_at = NOWHERE,
        .is_group = true,
        .group = MB_ADDRESS_NO_GROUP,
        .offset = element->start,
        .length = parser->at - element->start,
    };

    if (parser->depth > 0)
        mb_flaws_add(parser->flaws, MB_FLAW_GROUP_NESTED, group.offset, group.length);
    g_string_truncate(parser->text, 0);
    compact(parser, element->start, element->end, true, parser->text);
    set_name(parser, &group, element->start);
    parser->depth++;
    parser->group = parser->items->len;
    g_array_append_val(parser->items, group);
}

static void end_group(Parser *parser)
{
    if (parser->depth > 0 && --parser->depth == 0)
        parser->group = MB_ADDRESS_NO_GROUP;
}

MbAddressList *mb_address_list_new(void)
{
    MbAddressList *list = g_new(MbAddressList, 1);

    list->items = g_array_new(FALSE, FALSE, sizeof(MbAddress));
    list->storage = g_string_new(NULL);
    list->text = g_string_new(NULL);
    return list;
}

static void set_texts(MbAddressList *list)
{
    for (guint i = 0; i < list->items->len; i++) {
        MbAddress *address = &g_array_index(list->items, MbAddress, i);

        if (address->name_at != NOWHERE)
            address->name = list->storage->str + address->name_at;
        if (address->address_at != NOWHERE)
            address->address = list->storage->str + address->address_at;
    }
}

void mb_address_list_read(MbAddressList *list, const char *body, size_t length, size_t max,
                          MbFlaws *flaws)
{
    Parser parser = {
        .body = body,
        .length = length,
        .max = max > 0 ? max : MAX_DEFAULT,
        .flaws = flaws,
        .items = list->items,
        .storage = list->storage,
        .text = list->text,
        .group = MB_ADDRESS_NO_GROUP,
    };

    g_array_set_size(list->items, 0);
    g_string_truncate(list->storage, 0);
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
    set_texts(list);
}

MbAddressList *mb_address_list_parse(const char *body, size_t length, size_t max, MbFlaws *flaws)
{
    MbAddressList *list = mb_address_list_new();

    mb_address_list_read(list, body, length, max, flaws);
    return list;
}

void mb_address_list_free(MbAddressList *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->items);
    g_string_free(list->storage, TRUE);
    g_string_free(list->text, TRUE);
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
