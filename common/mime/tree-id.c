#include "tree-private.h"

#include <string.h>

#define DIGITS_MAX 10

static void append_number(GString *out, uint32_t number)
{
    char digits[DIGITS_MAX];
    char *at = digits + DIGITS_MAX;

    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    g_string_append_len(out, at, digits + DIGITS_MAX - at);
}

/* One part's place among its siblings. A multipart that is a message's body has no number of its
 * own: its parts continue the message's (RFC 3501, 6.4.5), and IMAP calls it TEXT. */
static void append_step(const MbTree *tree, const MbPart *at, bool last, gsize start, GString *out)
{
    bool is_text = at->kind == MB_PART_MULTIPART && at->is_message;

    if (mb_part_is_pseudo(at->kind)) {
        if (tree->parts.items[at->parent].is_message)
            g_string_append(out, out->len > start ? ".TEXT" : "TEXT");
        g_string_append_c(out, '~');
        g_string_append(out, mb_part_kind_name(at->kind));
        append_number(out, at->number);
    } else if (is_text && last) {
        g_string_append(out, out->len > start ? ".TEXT" : "TEXT");
    } else if (!is_text) {
        if (out->len > start)
            g_string_append_c(out, '.');
        append_number(out, at->number);
    }
}

#define WAY_MAX 32 /* parts are seldom deeper */

void mb_tree_id(const MbTree *tree, uint32_t part, GString *out)
{
    uint32_t near[WAY_MAX];
    g_autofree uint32_t *far = NULL;
    uint32_t *way = near;
    gsize start = out->len;
    size_t depth = 0;

    for (uint32_t at = part; at != MB_TREE_NONE; at = tree->parts.items[at].parent)
        depth++;
    if (depth > WAY_MAX)
        way = far = g_new(uint32_t, depth);
    for (size_t i = depth; i > 0; part = tree->parts.items[part].parent)
        way[--i] = part;
    for (size_t i = 0; i < depth; i++)
        append_step(tree, &tree->parts.items[way[i]], i + 1 == depth, start, out);
}

uint32_t mb_tree_find_id(const MbTree *tree, const char *id)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (tree->parts.count == 0)
        return MB_TREE_NONE;
    if (id[0] == '\0' || strcmp(id, "TEXT") == 0)
        return 0;
    for (uint32_t part = 0; part < tree->parts.count; part++) {
        g_string_truncate(text, 0);
        mb_tree_id(tree, part, text);
        if (strcmp(text->str, id) == 0)
            return part;
    }
    return MB_TREE_NONE;
}

/* The next part that has a place in the shape, among `part` and the siblings behind it. */
static uint32_t shaped(const MbTree *tree, uint32_t part)
{
    while (part != MB_TREE_NONE && mb_part_is_pseudo(tree->parts.items[part].kind))
        part = tree->parts.items[part].next;
    return part;
}

void mb_tree_shape(const MbTree *tree, GString *out)
{
    uint32_t part = tree->parts.count > 0 ? 0 : MB_TREE_NONE;

    while (part != MB_TREE_NONE) {
        const MbPart *at = &tree->parts.items[part];
        uint32_t child = shaped(tree, at->first_child);

        g_string_append(out, mb_tree_type(tree, part));
        if (child != MB_TREE_NONE) {
            g_string_append_c(out, '(');
            part = child;
            continue;
        }
        for (part = shaped(tree, at->next); part == MB_TREE_NONE; part = shaped(tree, at->next)) {
            if (at->parent == MB_TREE_NONE)
                return;
            g_string_append_c(out, ')');
            at = &tree->parts.items[at->parent];
        }
        g_string_append_c(out, ',');
    }
}
