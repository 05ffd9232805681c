#include "scandump.h"

#include <string.h>

static void put_range(GString *out, const char *name, MbRange range)
{
    g_string_append_printf(out, " %s %" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT, name, range.offset,
                           range.length);
}

static bool put_segment(void *data, const MbSegment *segment)
{
    g_string_append_printf(data, "segment of %d:", (int)segment->part);
    put_range(data, mb_bytes_kind_name(segment->kind), segment->range);
    g_string_append_c(data, '\n');
    return true;
}

static void put_part(GString *out, const MbTree *tree, uint32_t index)
{
    const MbPart *part = mb_tree_part(tree, index);

    g_string_append_printf(out, "part %u %s %s in %d encoding %d complete %d fields %u:", index,
                           mb_part_kind_name(part->kind), mb_tree_type(tree, index),
                           (int)part->parent, part->encoding, part->is_complete, part->fields);
    put_range(out, "delimiter", part->delimiter);
    put_range(out, "header", part->header);
    put_range(out, "separator", part->separator);
    put_range(out, "body", part->body);
    put_range(out, "end", part->end_delimiter);
    g_string_append_c(out, '\n');
}

char *scandump(const MbTree *tree)
{
    GString *out = g_string_new(NULL);

    mb_tree_shape(tree, out);
    g_string_append_c(out, '\n');
    for (uint32_t i = 0; i < mb_tree_parts(tree); i++)
        put_part(out, tree, i);
    mb_tree_each_range(tree, 0, put_segment, out);
    for (uint32_t i = 0; i < mb_tree_fields(tree); i++) {
        const MbField *field = mb_tree_field(tree, i);

        put_range(out, "field", (MbRange){field->offset, field->length});
        g_string_append_printf(out, " of %u name %u value %u\n", field->part, field->name_length,
                               field->value_start);
    }
    for (size_t i = 0; i < mb_tree_defects(tree); i++) {
        const MbDefect *defect = mb_tree_defect(tree, i);

        put_range(out, mb_defect_code(defect->code), (MbRange){defect->offset, defect->length});
        g_string_append_printf(out, " of %d\n", (int)defect->part);
    }
    g_string_append_printf(out, "limits %u\n", mb_tree_limits_hit(tree));
    return g_string_free(out, FALSE);
}

char *scandump_codes(const MbTree *tree)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < mb_tree_defects(tree); i++)
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "",
                               mb_defect_code(mb_tree_defect(tree, i)->code));
    return g_string_free(out, FALSE);
}

void scandump_scan(MbScan *scan, MbTree *tree, const void *bytes, size_t length, size_t piece,
                   MbBudget *budget)
{
    const guint8 *at = bytes;

    mb_tree_clear(tree);
    if (piece == 0) {
        mb_scan_buffer(scan, tree, bytes, length, budget);
        return;
    }
    mb_scan_begin(scan, tree, budget);
    for (size_t done = 0; done < length; done += piece) {
        size_t here = MIN(piece, length - done);
        g_autofree guint8 *copy = g_memdup2(at + done, here);

        mb_scan_push(scan, copy, here);
    }
    mb_scan_finish(scan, 0);
    mb_tree_set_bytes(tree, bytes, length);
}

typedef struct {
    uint64_t next;
    const char *wrong;
} Walk;

static bool check_segment(void *data, const MbSegment *segment)
{
    Walk *walk = data;

    if (segment->range.offset != walk->next)
        walk->wrong = "segments do not follow each other";
    else if (segment->range.length == 0)
        walk->wrong = "an empty segment";
    walk->next = segment->range.offset + segment->range.length;
    return walk->wrong == NULL;
}

static bool is_inside(MbRange inner, MbRange outer)
{
    return inner.length == 0 || (inner.offset >= outer.offset &&
                                 inner.offset + inner.length <= outer.offset + outer.length);
}

const char *scandump_imbalance(const MbTree *tree, uint32_t space, uint64_t length)
{
    Walk walk = {0};

    mb_tree_each_range(tree, space, check_segment, &walk);
    if (walk.wrong != NULL)
        return walk.wrong;
    if (walk.next != length || mb_tree_space_length(tree, space) != length)
        return "segments do not cover the space";
    for (uint32_t i = 0; i < mb_tree_parts(tree); i++) {
        const MbPart *part = mb_tree_part(tree, i);
        const MbPart *parent =
            part->parent != MB_TREE_NONE ? mb_tree_part(tree, part->parent) : NULL;

        if (part->space != space || parent == NULL || parent->space != space)
            continue;
        if (!is_inside(part->delimiter, parent->body) || !is_inside(part->header, parent->body) ||
            !is_inside(part->separator, parent->body) || !is_inside(part->body, parent->body))
            return "a part reaches out of its parent's body";
    }
    return NULL;
}
