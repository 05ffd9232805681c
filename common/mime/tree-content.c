#include "tree-private.h"

#include <string.h>

#define CHUNK    65536
#define READ_MAX ((uint64_t)1 << 30)

void mb_tree_set_bytes(MbTree *tree, const void *bytes, size_t length)
{
    tree->spaces.items[0].bytes = bytes;
    tree->spaces.items[0].known = length;
}

void mb_tree_set_reader(MbTree *tree, MbTreeRead read, void *data)
{
    tree->spaces.items[0].read = read;
    tree->spaces.items[0].read_data = data;
}

void mb_tree_set_filter(MbTree *tree, const MbTreeFilter *filter)
{
    tree->filter = filter != NULL ? *filter : (MbTreeFilter){0};
}

bool mb_tree_is_buffer(const MbTree *tree, uint32_t space)
{
    return tree->spaces.items[space].bytes != NULL;
}

static const uint8_t *read_range(const TreeSpace *in, MbRange range, GByteArray *scratch)
{
    if (range.length == 0)
        return (const uint8_t *)"";
    if (in->read == NULL || range.length > READ_MAX || range.offset > UINT64_MAX - in->read_from)
        return NULL;
    g_byte_array_set_size(scratch, (guint)range.length);
    if (!in->read(in->read_data, in->read_from + range.offset, scratch->data, (size_t)range.length))
        return NULL;
    return scratch->data;
}

/* Inline: most of a message's bytes are in memory, and each field is asked for several times. */
static inline const uint8_t *bytes_of(const TreeSpace *in, MbRange range, GByteArray *scratch)
{
    bool inside = range.offset <= in->known && range.length <= in->known - range.offset;

    if (in->bytes != NULL)
        return inside ? in->bytes + range.offset : NULL;
    return read_range(in, range, scratch);
}

const uint8_t *mb_tree_bytes(MbTree *tree, uint32_t space, MbRange range, GByteArray *scratch)
{
    return bytes_of(&tree->spaces.items[space], range, scratch);
}

static inline const TreeSpace *space_of(const MbTree *tree, const MbField *field)
{
    return &tree->spaces.items[tree->parts.items[field->part].space];
}

static inline bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const uint8_t *mb_tree_field_value(MbTree *tree, uint32_t field, size_t *length, uint64_t *offset,
                                   GByteArray *scratch)
{
    const MbField *at = &tree->fields.items[field];
    MbRange range = {at->offset + at->value_start,
                     MIN(at->length - at->value_start, MB_TREE_VALUE_MAX)};
    const uint8_t *value = bytes_of(space_of(tree, at), range, scratch);
    size_t start = 0;
    size_t end = (size_t)range.length;

    if (value == NULL)
        return NULL;
    while (start < end && is_blank(value[start]))
        start++;
    while (end > start && is_blank(value[end - 1]))
        end--;
    *length = end - start;
    if (offset != NULL)
        *offset = range.offset + start;
    return value + start;
}

const uint8_t *mb_tree_field_name(MbTree *tree, uint32_t field, size_t *length, GByteArray *scratch)
{
    const MbField *at = &tree->fields.items[field];

    *length = at->name_length;
    return bytes_of(space_of(tree, at), (MbRange){at->offset, at->name_length}, scratch);
}

uint32_t mb_tree_find_field(MbTree *tree, uint32_t part, const char *name, uint32_t from)
{
    const MbPart *at = &tree->parts.items[part];
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    size_t wanted = strlen(name);

    if (from == MB_TREE_NONE || from < at->first_field)
        from = at->first_field;
    for (uint32_t i = from; i < at->first_field + at->fields; i++) {
        size_t length;
        const uint8_t *bytes;

        if (tree->fields.items[i].name_length != wanted)
            continue;
        bytes = mb_tree_field_name(tree, i, &length, scratch);
        if (bytes != NULL && g_ascii_strncasecmp((const char *)bytes, name, wanted) == 0)
            return i;
    }
    return MB_TREE_NONE;
}

typedef struct {
    const MbTreeFilter *filter; /* NULL: none */
    MbDecoder decoder;
    GByteArray *filtered;
    GByteArray *decoded;
    MbTreeSink sink;
    void *data;
} Pipe;

static uint8_t *room(GByteArray *array, size_t length)
{
    if (array->len < length)
        g_byte_array_set_size(array, (guint)length);
    return array->data;
}

static bool give(const Pipe *pipe, const void *bytes, size_t length)
{
    return length == 0 || pipe->sink(pipe->data, bytes, length);
}

static bool decode(Pipe *pipe, const uint8_t *bytes, size_t length, bool is_end)
{
    uint8_t *out;

    if (mb_encoding_is_identity(pipe->decoder.encoding))
        return give(pipe, bytes, length);
    out = room(pipe->decoded, mb_decoder_room(length));
    if (!give(pipe, out, mb_decoder_push(&pipe->decoder, bytes, length, out)))
        return false;
    return !is_end || give(pipe, out, mb_decoder_finish(&pipe->decoder, out));
}

static bool take(Pipe *pipe, const uint8_t *bytes, size_t length, bool is_end)
{
    const MbTreeFilter *filter = pipe->filter;
    uint8_t *out;
    size_t got;

    if (filter == NULL)
        return decode(pipe, bytes, length, is_end);
    out = room(pipe->filtered, length + 2 * MB_TREE_FILTER_ROOM);
    got = filter->push(filter->data, bytes, length, out);
    if (is_end)
        got += filter->finish(filter->data, out + got);
    return decode(pipe, out, got, is_end);
}

static bool run(Pipe *pipe, MbTree *tree, uint32_t space, MbRange body)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    uint64_t done = 0;

    do {
        MbRange range = {body.offset + done, MIN(body.length - done, CHUNK)};
        const uint8_t *bytes = mb_tree_bytes(tree, space, range, scratch);

        if (bytes == NULL)
            return false;
        done += range.length;
        if (!take(pipe, bytes, (size_t)range.length, done == body.length))
            return false;
    } while (done < body.length);
    return true;
}

static gint by_offset(gconstpointer left, gconstpointer right)
{
    const MbFlaw *a = *(const MbFlaw *const *)left;
    const MbFlaw *b = *(const MbFlaw *const *)right;

    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Flaws stand where the filter left their bytes; here they move to where those stand in the body.
 * What the filter gives for one byte are the last bytes that it was given. */
static void place_flaws(const MbTreeFilter *filter, MbTree *tree, uint32_t space, MbRange body,
                        MbFlaws *flaws)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    uint8_t out[1 + MB_TREE_FILTER_ROOM];
    const uint8_t *bytes = NULL;
    uint64_t given = 0;
    guint next = 0;

    for (size_t i = 0; i < mb_flaws_count(flaws); i++)
        g_ptr_array_add(order, &g_array_index(flaws->list, MbFlaw, i));
    g_ptr_array_sort(order, by_offset);
    filter->begin(filter->data);
    for (uint64_t at = 0; at < body.length && next < order->len; at++) {
        MbRange piece = {body.offset + at, MIN(body.length - at, CHUNK)};

        if (at % CHUNK == 0)
            bytes = mb_tree_bytes(tree, space, piece, scratch);
        if (bytes == NULL)
            return;
        given += filter->push(filter->data, bytes + at % CHUNK, 1, out);
        for (; next < order->len; next++) {
            MbFlaw *flaw = g_ptr_array_index(order, next);

            if (flaw->offset >= given)
                break;
            flaw->offset = at - (given - 1 - flaw->offset);
        }
    }
    for (; next < order->len; next++) {
        MbFlaw *flaw = g_ptr_array_index(order, next);

        flaw->offset = body.length - MIN(body.length, flaw->length);
    }
}

void mb_tree_place_flaws(MbTree *tree, uint32_t part, MbFlaws *flaws)
{
    MbPart at = tree->parts.items[part];

    if (at.space == 0 && tree->filter.push != NULL && mb_flaws_count(flaws) > 0)
        place_flaws(&tree->filter, tree, at.space, at.body, flaws);
}

const uint8_t *mb_tree_content(MbTree *tree, uint32_t index, size_t *length)
{
    const MbPart *part = &tree->parts.items[index];
    const TreeSpace *in = &tree->spaces.items[part->space];
    bool is_filtered = part->space == 0 && tree->filter.push != NULL;

    if (in->bytes == NULL || is_filtered ||
        (part->kind != MB_PART_MULTIPART && !mb_encoding_is_identity(part->encoding)))
        return NULL;
    *length = (size_t)part->body.length;
    return bytes_of(in, part->body, NULL);
}

bool mb_tree_decode(MbTree *tree, uint32_t index, MbTreeSink sink, void *data, MbFlaws *flaws)
{
    MbPart part = tree->parts.items[index];
    g_autoptr(GByteArray) filtered = g_byte_array_new();
    g_autoptr(GByteArray) decoded = g_byte_array_new();
    bool done;
    Pipe pipe = {.sink = sink, .data = data, .filtered = filtered, .decoded = decoded};

    mb_decoder_init(&pipe.decoder,
                    part.kind == MB_PART_MULTIPART ? MB_ENCODING_BINARY : part.encoding, flaws);
    if (part.space == 0 && tree->filter.push != NULL) {
        pipe.filter = &tree->filter;
        pipe.filter->begin(pipe.filter->data);
    }
    done = run(&pipe, tree, part.space, part.body);
    if (flaws != NULL)
        mb_tree_place_flaws(tree, index, flaws);
    return done;
}
