#include "tree-private.h"

#include <string.h>

/* The way from the root down to `part`. */
static GArray *way_down(const MbTree *tree, uint32_t part)
{
    GArray *way = g_array_new(FALSE, FALSE, sizeof(uint32_t));

    for (; part != MB_TREE_NONE; part = tree->parts.items[part].parent)
        g_array_append_val(way, part);
    for (guint i = 0; i < way->len / 2; i++) {
        uint32_t *low = &g_array_index(way, uint32_t, i);
        uint32_t *high = &g_array_index(way, uint32_t, way->len - 1 - i);
        uint32_t held = *low;

        *low = *high;
        *high = held;
    }
    return way;
}

/* A multipart that is a message's body has no number of its own: its parts continue the message's
 * (RFC 3501, 6.4.5), and IMAP calls it TEXT. */
void mb_tree_id(const MbTree *tree, uint32_t part, GString *out)
{
    g_autoptr(GArray) way = way_down(tree, part);
    gsize start = out->len;

    for (guint i = 0; i < way->len; i++) {
        const MbPart *at = &tree->parts.items[g_array_index(way, uint32_t, i)];
        bool last = i + 1 == way->len;

        if (mb_part_is_pseudo(at->kind)) {
            if (tree->parts.items[at->parent].is_message)
                g_string_append(out, out->len > start ? ".TEXT" : "TEXT");
            g_string_append_printf(out, "~%s%u", mb_part_kind_name(at->kind), at->number);
        } else if (at->kind == MB_PART_MULTIPART && at->is_message) {
            if (last)
                g_string_append(out, out->len > start ? ".TEXT" : "TEXT");
        } else {
            if (out->len > start)
                g_string_append_c(out, '.');
            g_string_append_printf(out, "%u", at->number);
        }
    }
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
