#include <errno.h>
#include <mailbatch/archive/tar.h>
#include <mailbatch/base/text.h>
#include <string.h>

/*
 * archive  = *member 2zero-block
 * member   = [x-block pax-records] header-block content padding
 * record   = length SP keyword "=" value LF          (POSIX.1-2017, pax Extended Header)
 */
typedef enum {
    STATE_HEADER, /* a block is wanted: header or zeros */
    STATE_PAX,    /* within the records of an extended header */
    STATE_CONTENT,
    STATE_PADDING, /* of a member's content */
    STATE_END,
    STATE_DAMAGED,
} State;

typedef struct {
    char *name;
    GString *value;
} Attribute;

struct MbTarParser {
    State state;
    const char *input;
    size_t input_length;
    uint64_t position; /* of the input's first byte */
    uint64_t boundary;
    char block[MB_TAR_BLOCK]; /* when a block is split over pushes */
    size_t block_length;
    bool zero_before; /* the last block was the first of two zero blocks */
    char pax_type;
    uint64_t pax_left; /* with its padding */
    uint64_t pax_size;
    GString *pax;
    bool has_size, has_mtime, has_path;
    uint64_t left; /* of content or padding */
    MbTarEvent member;
    GString *path;
    GArray *attributes;
};

static void clear_attribute(void *item)
{
    Attribute *attribute = item;

    g_free(attribute->name);
    g_string_free(attribute->value, TRUE);
}

MbTarParser *mb_tar_parser_new(uint64_t base)
{
    MbTarParser *parser = g_new0(MbTarParser, 1);

    parser->position = base;
    parser->boundary = base;
    parser->member.offset = base;
    parser->pax = g_string_new(NULL);
    parser->path = g_string_new(NULL);
    parser->attributes = g_array_new(FALSE, FALSE, sizeof(Attribute));
    g_array_set_clear_func(parser->attributes, clear_attribute);
    return parser;
}

void mb_tar_parser_free(MbTarParser *parser)
{
    if (parser == NULL)
        return;
    g_string_free(parser->pax, TRUE);
    g_string_free(parser->path, TRUE);
    g_array_unref(parser->attributes);
    g_free(parser);
}

void mb_tar_parser_push(MbTarParser *parser, const void *bytes, size_t length)
{
    g_assert(parser->input_length == 0 || parser->state == STATE_DAMAGED);
    parser->input = bytes;
    parser->input_length = length;
    if (parser->state == STATE_END)
        parser->input_length = 0;
}

static const char *take(MbTarParser *parser, size_t length)
{
    const char *bytes = parser->input;

    parser->input += length;
    parser->input_length -= length;
    parser->position += length;
    return bytes;
}

static MbNext damaged(MbTarParser *parser, GError **error, const char *problem)
{
    parser->state = STATE_DAMAGED;
    g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA,
                "tar: damaged at offset %" G_GUINT64_FORMAT ": %s", parser->member.offset, problem);
    return MB_FAILED;
}

/* Octal in ASCII, ended by NUL or space; GNU's base-256 when the first bit is set. */
static bool parse_number(const char *field, size_t length, uint64_t *value)
{
    const unsigned char *bytes = (const unsigned char *)field;
    uint64_t sum = 0;
    size_t i = 0;

    if (bytes[0] & 0x80) {
        sum = bytes[0] & 0x7f;
        for (i = 1; i < length; i++) {
            if (sum >> 55 != 0)
                return false;
            sum = sum << 8 | bytes[i];
        }
        *value = sum;
        return true;
    }
    while (i < length && bytes[i] == ' ')
        i++;
    for (; i < length && bytes[i] >= '0' && bytes[i] <= '7'; i++) {
        if (sum >> 60 != 0)
            return false;
        sum = sum << 3 | (uint64_t)(bytes[i] - '0');
    }
    *value = sum;
    return i == length || bytes[i] == '\0' || bytes[i] == ' ';
}

bool mb_tar_is_header(const void *block)
{
    const unsigned char *bytes = block;
    uint64_t stated;
    uint64_t sum = 8 * ' ';

    if (memcmp(bytes + 257, "ustar", 5) != 0 ||
        !parse_number((const char *)bytes + 148, 8, &stated))
        return false;
    for (size_t i = 0; i < MB_TAR_BLOCK; i++) {
        if (i < 148 || i >= 156)
            sum += bytes[i];
    }
    return sum == stated;
}

static bool is_zero(const char *block)
{
    return block[0] == '\0' && memcmp(block, block + 1, MB_TAR_BLOCK - 1) == 0;
}

static bool parse_decimal(const char *text, size_t length, uint64_t *value)
{
    uint64_t sum = 0;

    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]) || sum > (G_MAXUINT64 - 9) / 10)
            return false;
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    }
    *value = sum;
    return true;
}

/* Seconds; a fraction is dropped. */
static bool parse_time(const char *text, size_t length, int64_t *value)
{
    bool negative = length > 0 && text[0] == '-';
    const char *point = memchr(text, '.', length);
    size_t whole = point != NULL ? (size_t)(point - text) : length;
    uint64_t magnitude;

    if (!parse_decimal(text + negative, whole - negative, &magnitude) || magnitude > G_MAXINT64)
        return false;
    *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

static void add_attribute(MbTarParser *parser, const char *name, size_t name_length,
                          const char *value, size_t length)
{
    Attribute attribute = {g_strndup(name, name_length), g_string_sized_new(length)};

    for (size_t i = 0; i < length; i++) {
        if (value[i] == '%' && length - i > 2 && g_ascii_isxdigit(value[i + 1]) &&
            g_ascii_isxdigit(value[i + 2])) {
            int high = g_ascii_xdigit_value(value[i + 1]);
            int low = g_ascii_xdigit_value(value[i + 2]);

            g_string_append_c(attribute.value, (char)(high << 4 | low));
            i += 2;
        } else {
            g_string_append_c(attribute.value, value[i]);
        }
    }
    g_array_append_val(parser->attributes, attribute);
}

static bool apply_record(MbTarParser *parser, const char *key, size_t key_length, const char *value,
                         size_t length)
{
    static const char xattr[] = "SCHILY.xattr.";

    if (key_length == 4 && memcmp(key, "path", 4) == 0) {
        if (length == 0 || memchr(value, '\0', length) != NULL)
            return false;
        g_string_truncate(parser->path, 0);
        g_string_append_len(parser->path, value, (gssize)length);
        return parser->has_path = true;
    }
    if (key_length == 4 && memcmp(key, "size", 4) == 0)
        return parser->has_size = parse_decimal(value, length, &parser->member.size);
    if (key_length == 5 && memcmp(key, "mtime", 5) == 0)
        return parser->has_mtime = parse_time(value, length, &parser->member.mtime);
    if (key_length > strlen(xattr) && memcmp(key, xattr, strlen(xattr)) == 0)
        add_attribute(parser, key + strlen(xattr), key_length - strlen(xattr), value, length);
    return true;
}

static bool parse_pax(MbTarParser *parser)
{
    const char *at = parser->pax->str;
    size_t left = parser->pax_size;

    while (left > 0) {
        const char *space = memchr(at, ' ', MIN(left, 20));
        uint64_t length;
        const char *equals;

        if (space == NULL || !parse_decimal(at, (size_t)(space - at), &length) || length > left ||
            length < (size_t)(space - at) + 2 || at[length - 1] != '\n')
            return false;
        equals = memchr(space, '=', length - (size_t)(space - at));
        if (equals == NULL || equals == space + 1)
            return false;
        if (!apply_record(parser, space + 1, (size_t)(equals - space - 1), equals + 1,
                          (size_t)(at + length - 1 - equals - 1)))
            return false;
        at += length;
        left -= length;
    }
    return true;
}

static MbEntryKind kind_of(char type)
{
    switch (type) {
    case '0':
    case '\0':
    case '7': return MB_ENTRY_FILE;
    case '1':
    case '2': return MB_ENTRY_LINK;
    case '5': return MB_ENTRY_FOLDER;
    default: return MB_ENTRY_OTHER;
    }
}

static void set_path(MbTarParser *parser, const char *block)
{
    if (parser->has_path)
        return;
    g_string_truncate(parser->path, 0);
    if (memcmp(block + 257, "ustar\0", 6) == 0 && block[345] != '\0') {
        g_string_append_len(parser->path, block + 345, (gssize)strnlen(block + 345, 155));
        g_string_append_c(parser->path, '/');
    }
    g_string_append_len(parser->path, block, (gssize)strnlen(block, 100));
}

static void forget_member(MbTarParser *parser)
{
    parser->has_path = parser->has_size = parser->has_mtime = false;
    g_array_set_size(parser->attributes, 0);
}

static MbNext begin_pax(MbTarParser *parser, char type, uint64_t size, GError **error)
{
    if (size > MB_TAR_PAX_MAX)
        return damaged(parser, error, "a pax header of over 1 MiB");
    parser->pax_type = type;
    parser->pax_size = size;
    parser->pax_left = size + mb_tar_padding(size);
    g_string_truncate(parser->pax, 0);
    parser->state = parser->pax_left > 0 ? STATE_PAX : STATE_HEADER;
    return MB_END;
}

static MbNext begin_member(MbTarParser *parser, const char *block, uint64_t size, MbTarEvent *event,
                           GError **error)
{
    MbTarEvent *member = &parser->member;
    uint64_t mtime;

    if (!parser->has_size)
        member->size = size;
    if (!parser->has_mtime) {
        if (!parse_number(block + 136, 12, &mtime) || mtime > G_MAXINT64)
            return damaged(parser, error, "the time is no number");
        member->mtime = (int64_t)mtime;
    }
    set_path(parser, block);
    if (parser->path->len == 0)
        return damaged(parser, error, "a member without a name");
    member->entry = kind_of(block[156]);
    if (member->entry == MB_ENTRY_LINK || member->entry == MB_ENTRY_FOLDER)
        member->size = 0;
    member->path = parser->path->str;
    member->data = parser->position;
    if (__builtin_add_overflow(member->data, member->size, &member->end) ||
        __builtin_add_overflow(member->end, mb_tar_padding(member->size), &member->end))
        return damaged(parser, error, "a size beyond all files");
    parser->left = member->size;
    parser->state = STATE_CONTENT;
    *event = *member;
    event->kind = MB_TAR_MEMBER;
    return MB_NEXT;
}

/* MB_END: the block is understood, and nothing is to be told. */
static MbNext take_block(MbTarParser *parser, const char *block, MbTarEvent *event, GError **error)
{
    uint64_t size;

    if (is_zero(block)) {
        if (!parser->zero_before) {
            parser->zero_before = true;
            return MB_END;
        }
        parser->state = STATE_END;
        parser->input_length = 0;
        *event = (MbTarEvent){.kind = MB_TAR_END, .offset = parser->boundary};
        return MB_NEXT;
    }
    if (parser->zero_before)
        return damaged(parser, error, "a lone block of zeros");
    if (!mb_tar_is_header(block))
        return damaged(parser, error, "no tar header stands here");
    if (!parse_number(block + 124, 12, &size))
        return damaged(parser, error, "the size is no number");
    if (block[156] == 'x' || block[156] == 'g')
        return begin_pax(parser, block[156], size, error);
    return begin_member(parser, block, size, event, error);
}

static MbNext header(MbTarParser *parser, MbTarEvent *event, GError **error)
{
    size_t missing = MB_TAR_BLOCK - parser->block_length;

    if (parser->block_length == 0 && parser->input_length >= MB_TAR_BLOCK)
        return take_block(parser, take(parser, MB_TAR_BLOCK), event, error);
    missing = MIN(missing, parser->input_length);
    memcpy(parser->block + parser->block_length, take(parser, missing), missing);
    parser->block_length += missing;
    if (parser->block_length < MB_TAR_BLOCK)
        return MB_END;
    parser->block_length = 0;
    return take_block(parser, parser->block, event, error);
}

static MbNext pax(MbTarParser *parser, GError **error)
{
    size_t length = (size_t)MIN(parser->pax_left, parser->input_length);

    g_string_append_len(parser->pax, take(parser, length), (gssize)length);
    parser->pax_left -= length;
    if (parser->pax_left > 0)
        return MB_END;
    parser->state = STATE_HEADER;
    if (parser->pax_type == 'x' && !parse_pax(parser))
        return damaged(parser, error, "a pax header that makes no sense");
    return MB_END;
}

static MbNext content(MbTarParser *parser, MbTarEvent *event)
{
    size_t length = (size_t)MIN(parser->left, parser->input_length);

    if (parser->left == 0) {
        parser->left = mb_tar_padding(parser->member.size);
        parser->state = STATE_PADDING;
        return MB_END;
    }
    *event = parser->member;
    event->kind = MB_TAR_DATA;
    event->bytes = take(parser, length);
    event->length = length;
    parser->left -= length;
    return MB_NEXT;
}

static MbNext padding(MbTarParser *parser, MbTarEvent *event)
{
    size_t length = (size_t)MIN(parser->left, parser->input_length);

    take(parser, length);
    parser->left -= length;
    if (parser->left > 0)
        return MB_END;
    *event = parser->member;
    event->kind = MB_TAR_MEMBER_END;
    parser->boundary = parser->member.end;
    parser->member.offset = parser->boundary;
    parser->state = STATE_HEADER;
    return MB_NEXT;
}

/* Whether the present state can go on without a byte of input. */
static bool needs_input(const MbTarParser *parser)
{
    return !((parser->state == STATE_CONTENT || parser->state == STATE_PADDING) &&
             parser->left == 0);
}

MbNext mb_tar_parser_next(MbTarParser *parser, MbTarEvent *event, GError **error)
{
    MbNext next = MB_END;

    if (parser->state == STATE_DAMAGED)
        return damaged(parser, error, "nothing can be read behind the damage");
    while (next == MB_END && parser->state != STATE_END) {
        if (needs_input(parser) && parser->input_length == 0)
            return MB_END;
        if (parser->state == STATE_HEADER && parser->position == parser->boundary)
            forget_member(parser);
        switch (parser->state) {
        case STATE_HEADER: next = header(parser, event, error); break;
        case STATE_PAX: next = pax(parser, error); break;
        case STATE_CONTENT: next = content(parser, event); break;
        case STATE_PADDING: next = padding(parser, event); break;
        case STATE_END:
        case STATE_DAMAGED: break;
        }
    }
    return next;
}

const char *mb_tar_parser_attribute(const MbTarParser *parser, const char *name, size_t *length)
{
    for (guint i = 0; i < parser->attributes->len; i++) {
        const Attribute *attribute = &g_array_index(parser->attributes, Attribute, i);

        if (strcmp(attribute->name, name) == 0) {
            if (length != NULL)
                *length = attribute->value->len;
            return attribute->value->str;
        }
    }
    return NULL;
}

uint64_t mb_tar_parser_boundary(const MbTarParser *parser)
{
    return parser->boundary;
}

bool mb_tar_parser_is_whole(const MbTarParser *parser)
{
    return parser->state == STATE_END ||
           (parser->state == STATE_HEADER && parser->position == parser->boundary);
}
