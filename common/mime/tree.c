#include "tree-private.h"

#include <string.h>

/* What a tree keeps of an array between messages; a larger one is given back. */
#define KEEP_BYTES ((size_t)256 << 10)

#define ARRAY_RESET(array)                                                                         \
    array_reset((void **)&(array).items, &(array).count, &(array).room, sizeof(*(array).items))

#define DEFAULT_TYPE "text/plain"

void tree_grow(void *items, uint32_t *room, size_t size)
{
    void **memory = items;
    uint32_t next = *room == 0 ? 16 : *room * 2;

    g_assert(next > *room);
    *memory = g_realloc_n(*memory, next, size);
    *room = next;
}

static void array_reset(void **items, uint32_t *count, uint32_t *room, size_t size)
{
    *count = 0;
    if (*room * size <= KEEP_BYTES)
        return;
    g_clear_pointer(items, g_free);
    *room = 0;
}

static void spaces_drop(MbTree *tree)
{
    for (uint32_t i = 0; i < tree->spaces.count; i++)
        g_clear_pointer(&tree->spaces.items[i].held, g_bytes_unref);
    tree->spaces.count = 0;
}

static uint32_t space_add(MbTree *tree, uint32_t owner)
{
    TreeSpace *space = TREE_PUSH(tree->spaces);

    *space = (TreeSpace){.owner = owner, .first_segment = tree->segments.count};
    return tree->spaces.count - 1;
}

MbTree *mb_tree_new(void)
{
    MbTree *tree = g_new0(MbTree, 1);

    tree->strings = g_string_sized_new(256);
    mb_tree_clear(tree);
    return tree;
}

void mb_tree_free(MbTree *tree)
{
    if (tree == NULL)
        return;
    spaces_drop(tree);
    g_free(tree->parts.items);
    g_free(tree->fields.items);
    g_free(tree->segments.items);
    g_free(tree->defects.items);
    g_free(tree->spaces.items);
    g_string_free(tree->strings, TRUE);
    g_free(tree);
}

void mb_tree_clear(MbTree *tree)
{
    spaces_drop(tree);
    ARRAY_RESET(tree->parts);
    ARRAY_RESET(tree->fields);
    ARRAY_RESET(tree->segments);
    ARRAY_RESET(tree->defects);
    if (tree->strings->allocated_len > KEEP_BYTES) {
        g_string_free(tree->strings, TRUE);
        tree->strings = g_string_sized_new(256);
    }
    g_string_truncate(tree->strings, 0);
    g_string_append_len(tree->strings, "\0" DEFAULT_TYPE, sizeof("\0" DEFAULT_TYPE));
    tree->filter = (MbTreeFilter){0};
    tree->limits = 0;
    tree->worst = MB_SEVERITY_INFO;
    space_add(tree, MB_TREE_NONE);
}

const char *mb_bytes_kind_name(MbBytesKind kind)
{
    static const char *const names[MB_BYTES_KINDS] = {
        "framing", "header", "separator", "body", "delimiter", "preamble", "epilogue", "gap",
    };

    return names[kind];
}

const char *mb_part_kind_name(MbPartKind kind)
{
    static const char *const names[MB_PART_KINDS] = {
        "leaf", "multipart", "message", "preamble", "epilogue",
    };

    return names[kind];
}

uint32_t mb_tree_open_space(MbTree *tree, uint32_t part, GBytes *bytes)
{
    uint32_t index = space_add(tree, part);
    TreeSpace *space = &tree->spaces.items[index];
    gsize length;

    space->held = g_bytes_ref(bytes);
    space->bytes = g_bytes_get_data(bytes, &length);
    space->known = length;
    return index;
}

uint32_t mb_tree_open_space_reader(MbTree *tree, uint32_t part, MbTreeRead read, void *data,
                                   uint64_t from)
{
    uint32_t index = space_add(tree, part);
    TreeSpace *space = &tree->spaces.items[index];

    space->read = read;
    space->read_data = data;
    space->read_from = from;
    return index;
}

uint32_t mb_tree_spaces(const MbTree *tree)
{
    return tree->spaces.count;
}

uint64_t mb_tree_space_length(const MbTree *tree, uint32_t space)
{
    return tree->spaces.items[space].length;
}

uint32_t mb_tree_space_owner(const MbTree *tree, uint32_t space)
{
    return tree->spaces.items[space].owner;
}

uint32_t mb_tree_parts(const MbTree *tree)
{
    return tree->parts.count;
}

const MbPart *mb_tree_part(const MbTree *tree, uint32_t part)
{
    return &tree->parts.items[part];
}

MbPart *mb_tree_part_mutable(MbTree *tree, uint32_t part)
{
    return &tree->parts.items[part];
}

uint32_t mb_tree_following(const MbTree *tree, uint32_t part, uint32_t *depth)
{
    const MbPart *at = &tree->parts.items[part];
    uint32_t unused = 0;

    depth = depth != NULL ? depth : &unused;
    if (at->first_child != MB_TREE_NONE) {
        ++*depth;
        return at->first_child;
    }
    while (at->next == MB_TREE_NONE) {
        if (at->parent == MB_TREE_NONE)
            return MB_TREE_NONE;
        at = &tree->parts.items[at->parent];
        --*depth;
    }
    return at->next;
}

/* The strings are one block, so that clearing a tree frees nothing. */
static uint32_t keep_string(MbTree *tree, const char *text, size_t length)
{
    size_t at = tree->strings->len;

    if (at + length >= UINT32_MAX)
        return 0;
    g_string_append_len(tree->strings, text, (gssize)length);
    g_string_append_c(tree->strings, '\0');
    return (uint32_t)at;
}

void mb_tree_set_type(MbTree *tree, uint32_t part, const char *type, size_t length)
{
    uint32_t at = tree->strings->len < UINT32_MAX ? (uint32_t)tree->strings->len : 0;

    if (at == 0 || length >= UINT32_MAX - at)
        return;
    for (size_t i = 0; i < length; i++) {
        if (type[i] == '\0')
            g_string_append(tree->strings, "\xEF\xBF\xBD");
        else
            g_string_append_c(tree->strings, g_ascii_tolower(type[i]));
    }
    g_string_append_c(tree->strings, '\0');
    tree->parts.items[part].type_at = at;
}

const char *mb_tree_type(const MbTree *tree, uint32_t part)
{
    return tree->strings->str + tree->parts.items[part].type_at;
}

static unsigned sort_of(MbPartKind kind)
{
    return kind == MB_PART_PREAMBLE ? 1 : kind == MB_PART_EPILOGUE ? 2 : 0;
}

uint32_t mb_tree_add_part(MbTree *tree, MbPartKind kind, uint32_t parent, uint32_t space,
                          const char *type, size_t type_length)
{
    uint32_t index = tree->parts.count;
    MbPart *part = TREE_PUSH(tree->parts);

    *part = (MbPart){
        .kind = kind,
        .space = space,
        .parent = parent,
        .next = MB_TREE_NONE,
        .first_child = MB_TREE_NONE,
        .last_child = MB_TREE_NONE,
        .number = 1,
        .first_field = tree->fields.count,
        .content_type = MB_TREE_NONE,
        .content_encoding = MB_TREE_NONE,
        .is_complete = true,
        .type_at = 1,
    };
    if (parent != MB_TREE_NONE) {
        MbPart *above = &tree->parts.items[parent];

        part->number = ++above->children[sort_of(kind)];
        if (above->last_child == MB_TREE_NONE)
            above->first_child = index;
        else
            tree->parts.items[above->last_child].next = index;
        above->last_child = index;
    }
    if (type != NULL)
        mb_tree_set_type(tree, index, type, type_length);
    return index;
}

uint32_t mb_tree_fields(const MbTree *tree)
{
    return tree->fields.count;
}

const MbField *mb_tree_field(const MbTree *tree, uint32_t field)
{
    return &tree->fields.items[field];
}

uint32_t mb_tree_add_field(MbTree *tree, const MbField *field)
{
    MbPart *part = &tree->parts.items[field->part];

    if (part->fields == 0)
        part->first_field = tree->fields.count;
    part->fields++;
    *TREE_PUSH(tree->fields) = *field;
    return tree->fields.count - 1;
}

uint32_t mb_tree_find_kind(const MbTree *tree, uint32_t part, MbFieldKind kind)
{
    const MbPart *at = &tree->parts.items[part];

    for (uint32_t i = 0; i < at->fields; i++) {
        if (tree->fields.items[at->first_field + i].kind == kind)
            return at->first_field + i;
    }
    return MB_TREE_NONE;
}

void mb_tree_add_segment(MbTree *tree, uint32_t space, MbBytesKind kind, uint32_t part,
                         uint64_t length)
{
    TreeSpace *in = &tree->spaces.items[space];
    MbSegment *last = in->segments > 0 ? &tree->segments.items[tree->segments.count - 1] : NULL;

    if (length == 0)
        return;
    if (last != NULL && last->kind == kind && last->part == part) {
        last->range.length += length;
    } else {
        if (in->segments == 0)
            in->first_segment = tree->segments.count;
        *TREE_PUSH(tree->segments) = (MbSegment){kind, part, {in->length, length}};
        in->segments++;
    }
    in->length += length;
}

void mb_tree_each_range(const MbTree *tree, uint32_t space,
                        bool (*each)(void *data, const MbSegment *segment), void *data)
{
    const TreeSpace *in = &tree->spaces.items[space];

    for (uint32_t i = 0; i < in->segments; i++) {
        if (!each(data, &tree->segments.items[in->first_segment + i]))
            return;
    }
}

void mb_tree_account(const MbTree *tree, uint32_t space, uint64_t sums[MB_BYTES_KINDS])
{
    const TreeSpace *in = &tree->spaces.items[space];

    for (uint32_t i = 0; i < in->segments; i++) {
        const MbSegment *segment = &tree->segments.items[in->first_segment + i];

        sums[segment->kind] += segment->range.length;
    }
}

size_t mb_tree_defects(const MbTree *tree)
{
    return tree->defects.count;
}

const MbDefect *mb_tree_defect(const MbTree *tree, size_t index)
{
    return &tree->defects.items[index];
}

const char *mb_tree_defect_detail(const MbTree *tree, const MbDefect *defect)
{
    return tree->strings->str + defect->detail_at;
}

void mb_tree_add_defect(MbTree *tree, unsigned code, uint32_t part, uint32_t space, uint64_t offset,
                        uint64_t length, const char *detail)
{
    MbSeverity severity = mb_defect_severity(code);

    tree->worst = MAX(tree->worst, severity);
    if (tree->defects.count > MB_TREE_DEFECTS_MAX)
        return;
    if (tree->defects.count == MB_TREE_DEFECTS_MAX)
        code = MB_DEFECT_LIMIT_DEFECTS;
    *TREE_PUSH(tree->defects) = (MbDefect){
        .code = code,
        .part = part,
        .space = space,
        .detail_at = detail != NULL ? keep_string(tree, detail, strlen(detail)) : 0,
        .offset = offset,
        .length = length,
    };
}

void mb_tree_add_flaws(MbTree *tree, uint32_t part, uint64_t offset, const MbFlaws *flaws)
{
    uint32_t space = tree->parts.items[part].space;

    for (size_t i = 0; i < mb_flaws_count(flaws); i++) {
        const MbFlaw *flaw = mb_flaws_at(flaws, i);

        mb_tree_add_defect(tree, mb_defect_of_flaw(flaw->kind), part, space, offset + flaw->offset,
                           flaw->length, NULL);
    }
}

MbSeverity mb_tree_worst(const MbTree *tree)
{
    return tree->worst;
}

guint mb_tree_limits_hit(const MbTree *tree)
{
    return tree->limits;
}

void mb_tree_note_limits(MbTree *tree, guint limits)
{
    tree->limits |= limits;
}
