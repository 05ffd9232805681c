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
    tree->read = read;
    tree->read_data = data;
}

void mb_tree_set_quoting(MbTree *tree, MbQuoting quoting)
{
    tree->quoting = quoting;
}

const uint8_t *mb_tree_bytes(MbTree *tree, uint32_t space, MbRange range, GByteArray *scratch)
{
    const TreeSpace *in = &tree->spaces.items[space];

    if (in->bytes != NULL) {
        bool inside = range.offset <= in->known && range.length <= in->known - range.offset;
        return inside ? in->bytes + range.offset : NULL;
    }
    if (range.length == 0)
        return (const uint8_t *)"";
    if (space != 0 || tree->read == NULL || range.length > READ_MAX)
        return NULL;
    g_byte_array_set_size(scratch, (guint)range.length);
    if (!tree->read(tree->read_data, range.offset, scratch->data, (size_t)range.length))
        return NULL;
    return scratch->data;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const uint8_t *mb_tree_field_value(MbTree *tree, uint32_t field, size_t *length,
                                   GByteArray *scratch)
{
    const MbField *at = &tree->fields.items[field];
    MbRange range = {at->offset + at->value_start, at->length - at->value_start};
    const uint8_t *value = mb_tree_bytes(tree, tree->parts.items[at->part].space, range, scratch);
    size_t start = 0;
    size_t end = (size_t)range.length;

    if (value == NULL)
        return NULL;
    while (start < end && is_blank(value[start]))
        start++;
    while (end > start && is_blank(value[end - 1]))
        end--;
    *length = end - start;
    return value + start;
}

const uint8_t *mb_tree_field_name(MbTree *tree, uint32_t field, size_t *length, GByteArray *scratch)
{
    const MbField *at = &tree->fields.items[field];
    MbRange range = {at->offset, at->name_length};

    *length = at->name_length;
    return mb_tree_bytes(tree, tree->parts.items[at->part].space, range, scratch);
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

/* Takes mbox's ">" away from lines that begin with ">From ", wherever the input is cut: what may
 * become such a line is held back. */
typedef struct {
    MbQuoting quoting;
    bool at_start; /* of a line */
    GByteArray *held;
    GByteArray *out;
} Unquoter;

/* Whether `line` may still become, or is, a quoted From_ line: -1 no, 0 not clear, 1 it is. */
static int quoted_from(MbQuoting quoting, const uint8_t *line, size_t length)
{
    size_t quotes = 0;
    size_t rest;

    while (quotes < length && line[quotes] == '>')
        quotes++;
    if (quoting == MB_QUOTING_ONE && quotes > 1)
        return -1;
    if (quotes == length)
        return 0;
    if (quotes == 0)
        return -1;
    rest = MIN(length - quotes, 5);
    if (memcmp(line + quotes, "From ", rest) != 0)
        return -1;
    return rest == 5 ? 1 : 0;
}

static void unquote(Unquoter *unquoter, const uint8_t *bytes, size_t length)
{
    size_t at = 0;

    while (at < length) {
        const uint8_t *end;
        size_t run;

        if (unquoter->at_start) {
            int is_quoted;

            g_byte_array_append(unquoter->held, bytes + at, 1);
            at++;
            is_quoted = quoted_from(unquoter->quoting, unquoter->held->data, unquoter->held->len);
            if (is_quoted == 0)
                continue;
            run = is_quoted > 0 ? 1 : 0;
            g_byte_array_append(unquoter->out, unquoter->held->data + run,
                                unquoter->held->len - (guint)run);
            unquoter->at_start = unquoter->held->data[unquoter->held->len - 1] == '\n';
            g_byte_array_set_size(unquoter->held, 0);
            continue;
        }
        end = memchr(bytes + at, '\n', length - at);
        run = end != NULL ? (size_t)(end - bytes) + 1 - at : length - at;
        g_byte_array_append(unquoter->out, bytes + at, (guint)run);
        unquoter->at_start = end != NULL;
        at += run;
    }
}

typedef struct {
    MbDecoder decoder;
    Unquoter unquoter;
    GByteArray *room;
    MbTreeSink sink;
    void *data;
} Pipe;

static bool pipe_decode(Pipe *pipe, const uint8_t *bytes, size_t length, bool end)
{
    size_t got;

    if (mb_encoding_is_identity(pipe->decoder.encoding))
        return length == 0 || pipe->sink(pipe->data, bytes, length);
    g_byte_array_set_size(pipe->room, (guint)mb_decoder_room(length));
    got = mb_decoder_push(&pipe->decoder, bytes, length, pipe->room->data);
    if (got > 0 && !pipe->sink(pipe->data, pipe->room->data, got))
        return false;
    if (!end)
        return true;
    got = mb_decoder_finish(&pipe->decoder, pipe->room->data);
    return got == 0 || pipe->sink(pipe->data, pipe->room->data, got);
}

static bool pipe_push(Pipe *pipe, const uint8_t *bytes, size_t length, bool end)
{
    Unquoter *unquoter = &pipe->unquoter;

    if (unquoter->quoting == MB_QUOTING_NONE)
        return pipe_decode(pipe, bytes, length, end);
    g_byte_array_set_size(unquoter->out, 0);
    unquote(unquoter, bytes, length);
    if (end)
        g_byte_array_append(unquoter->out, unquoter->held->data, unquoter->held->len);
    return pipe_decode(pipe, unquoter->out->data, unquoter->out->len, end);
}

static bool pipe_run(Pipe *pipe, MbTree *tree, const MbPart *part)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    uint64_t done = 0;

    do {
        MbRange range = {part->body.offset + done, MIN(part->body.length - done, CHUNK)};
        const uint8_t *bytes = mb_tree_bytes(tree, part->space, range, scratch);

        if (bytes == NULL)
            return false;
        done += range.length;
        if (!pipe_push(pipe, bytes, (size_t)range.length, done == part->body.length))
            return false;
    } while (done < part->body.length);
    return true;
}

bool mb_tree_decode(MbTree *tree, uint32_t index, MbTreeSink sink, void *data, MbFlaws *flaws)
{
    MbPart part = tree->parts.items[index];
    Pipe pipe = {.sink = sink, .data = data, .room = g_byte_array_new()};
    bool done;

    mb_decoder_init(&pipe.decoder,
                    part.kind == MB_PART_MULTIPART ? MB_ENCODING_BINARY : part.encoding, flaws);
    pipe.unquoter = (Unquoter){
        .quoting = part.space == 0 ? tree->quoting : MB_QUOTING_NONE,
        .at_start = true,
        .held = g_byte_array_new(),
        .out = g_byte_array_new(),
    };
    done = pipe_run(&pipe, tree, &part);
    g_byte_array_unref(pipe.unquoter.held);
    g_byte_array_unref(pipe.unquoter.out);
    g_byte_array_unref(pipe.room);
    return done;
}
