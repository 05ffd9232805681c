#include "address-private.h"

#include <mailbatch/base/lanes.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define MAX_DEFAULT 1000000
#define NOWHERE     SIZE_MAX

struct MbAddressList {
    GArray *items;    /* of MbAddress */
    GString *storage; /* their texts, each with a NUL behind it */
    GString *text;    /* of the element in hand */
};

/* A text put into the storage from `at` on is complete. */
static void end_text(AddressParser *parser, size_t at, size_t *text_at, size_t *length)
{
    *text_at = at;
    *length = parser->storage->len - at;
    g_string_append_c(parser->storage, '\0');
}

/* Decodes a name that was compacted. Words side by side are joined by the decoder, so breaks are
 * blanks. */
static void set_name(AddressParser *parser, MbAddress *address, size_t offset)
{
    GString *raw = parser->text;
    GString *storage = parser->storage;
    g_auto(MbFlaws) found = {0};
    size_t before = storage->len;
    size_t start = 0;

    while (start < raw->len && raw->str[start] == ADDRESS_BREAK)
        start++;
    while (raw->len > start && raw->str[raw->len - 1] == ADDRESS_BREAK)
        g_string_truncate(raw, raw->len - 1);
    for (size_t i = start; i < raw->len; i++) {
        if (raw->str[i] == ADDRESS_BREAK)
            raw->str[i] = ' ';
    }
    mb_words_decode(raw->str + start, raw->len - start, storage, &found);
    mb_flaws_add_all(parser->flaws, &found, offset);
    if (storage->len > before)
        end_text(parser, before, &address->name_at, &address->name_length);
}

/* An encoded-word may stand in a phrase, not inside quotes (RFC 2047, 5). */
static void check_quotes(AddressParser *parser, size_t start, size_t end)
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

static void set_address(AddressParser *parser, MbAddress *address, const char *text, size_t length)
{
    size_t at = find_at(text, length);
    size_t before = parser->storage->len;

    g_string_append_len(parser->storage, text, (gssize)length);
    for (size_t i = before; i < parser->storage->len; i++) {
        if (parser->storage->str[i] == ADDRESS_BREAK)
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
static void build_angle(AddressParser *parser, const AddressElement *element, MbAddress *address)
{
    GString *text = parser->text;
    const char *spec;
    const char *colon;

    check_quotes(parser, element->start, element->name_end);
    g_string_truncate(text, 0);
    address_compact(parser, element->start, element->name_end, true, text);
    set_name(parser, address, element->start);
    g_string_truncate(text, 0);
    address_compact(parser, element->angle_start, element->angle_end, false, text);
    spec = text->str;
    colon = *spec == '@' ? memchr(spec, ':', text->len) : NULL;
    if (colon != NULL) {
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_ROUTE, element->angle_start,
                     (size_t)(colon + 1 - spec));
        spec = colon + 1;
    }
    set_address(parser, address, spec, (size_t)(text->str + text->len - spec));
    if (memchr(spec, ADDRESS_BREAK, (size_t)(text->str + text->len - spec)) != NULL)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_MALFORMED, address->offset, address->length);
}

/* An address without angle brackets; words beside it are its name, and a mistake. */
static void build_bare(AddressParser *parser, const AddressElement *element, MbAddress *address)
{
    GString *text = parser->text;
    size_t at, start = 0, end;
    const char *mark;

    g_string_truncate(text, 0);
    address_compact(parser, element->start, element->end, false, text);
    at = find_at(text->str, text->len);
    end = text->len;
    if (at < text->len) {
        mark = memrchr(text->str, ADDRESS_BREAK, at);
        start = mark != NULL ? (size_t)(mark - text->str) + 1 : 0;
        mark = memchr(text->str + at, ADDRESS_BREAK, text->len - at);
        end = mark != NULL ? (size_t)(mark - text->str) : text->len;
    } else if (memchr(text->str, ADDRESS_BREAK, text->len) != NULL || *text->str == '"') {
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
static void take_comment(AddressParser *parser, const AddressElement *element, MbAddress *address)
{
    GString *text = parser->text;

    if (address->name_at != NOWHERE || element->comment_end <= element->comment_start)
        return;
    g_string_truncate(text, 0);
    for (size_t i = element->comment_start; i < element->comment_end; i++) {
        if (parser->body[i] == '\\' && i + 1 < element->comment_end)
            i++;
        if (parser->body[i] != '\r' && parser->body[i] != ADDRESS_BREAK)
            g_string_append_c(text, parser->body[i]);
    }
    set_name(parser, address, element->comment_start);
}

/* A display name that shows another address than the one that counts. */
static void check_name(AddressParser *parser, const MbAddress *address)
{
    const char *name, *at;

    if (address->name_at == NOWHERE)
        return;
    name = parser->storage->str + address->name_at;
    at = strchr(name, '@');
    if (at == NULL || at == name || !g_ascii_isalnum(at[-1]) || !g_ascii_isalnum(at[1]))
        return;
    if (address->address_length > 0 &&
        strcasestr(name, parser->storage->str + address->address_at) == NULL)
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NAME_IS_ADDRESS, address->offset,
                     address->length);
}

static void add_mailbox(AddressParser *parser, const AddressElement *element)
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

static void add_group(AddressParser *parser, const AddressElement *element)
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
    address_compact(parser, element->start, element->end, true, parser->text);
    set_name(parser, &group, element->start);
    parser->depth++;
    parser->group = parser->items->len;
    g_array_append_val(parser->items, group);
}

static void end_group(AddressParser *parser)
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
    AddressParser parser = {
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
        AddressElement element;
        char c = body[parser.at];

        if (address_is_blank(c) || c == ',') {
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
        address_scan(&parser, &element);
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
