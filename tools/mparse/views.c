#include "views.h"

#include <mailbatch/mime/gmime.h>
#include <string.h>

#define AHEAD 64 /* siblings among which a part is looked for that does not stand at its place */

typedef struct {
    uint32_t ours, theirs;
} Pair;

struct MpViews {
    MbTree *tree; /* GMime's */
    GString *shape;
    char *error;
    GArray *pairs; /* of Pair: to be compared */
    uint64_t head; /* what GMime's offsets begin behind */
    MbTree *ours;  /* of the present comparison */
};

MpViews *mp_views_new(void)
{
    MpViews *views = g_new0(MpViews, 1);

    views->tree = mb_tree_new();
    views->shape = g_string_new(NULL);
    views->pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    return views;
}

void mp_views_free(MpViews *views)
{
    if (views == NULL)
        return;
    mb_tree_free(views->tree);
    g_string_free(views->shape, TRUE);
    g_array_unref(views->pairs);
    g_free(views->error);
    g_free(views);
}

const char *mp_views_shape(const MpViews *views)
{
    return views->error == NULL ? views->shape->str : NULL;
}

const char *mp_views_error(const MpViews *views)
{
    return views->error;
}

/* The first sibling from `part` on that is no pseudo-part. */
static uint32_t real(const MbTree *tree, uint32_t part)
{
    while (part != MB_TREE_NONE && mb_part_is_pseudo(mb_tree_part(tree, part)->kind))
        part = mb_tree_part(tree, part)->next;
    return part;
}

static uint32_t next(const MbTree *tree, uint32_t part)
{
    return real(tree, mb_tree_part(tree, part)->next);
}

static uint32_t first(const MbTree *tree, uint32_t part)
{
    return real(tree, mb_tree_part(tree, part)->first_child);
}

static void add(const MpViews *views, unsigned code, uint32_t part, const char *detail)
{
    const MbPart *at = mb_tree_part(views->ours, part);
    MbRange range = at->header.length > 0 ? at->header : at->body;

    mb_tree_add_defect(views->ours, code, part, at->space, range.offset, range.length, detail);
}

/* Where a part's first field begins: that tells which part of the other view is the same. GMime
 * gives no other place. */
static bool place(const MbTree *tree, uint32_t part, uint64_t *offset)
{
    const MbPart *at = mb_tree_part(tree, part);

    if (at->fields == 0 || at->space != 0)
        return false;
    *offset = mb_tree_field(tree, at->first_field)->offset;
    return true;
}

static bool is_same(const MpViews *views, uint32_t ours, uint32_t theirs)
{
    uint64_t our_place, their_place;
    bool is_ours = place(views->ours, ours, &our_place);
    bool is_theirs = place(views->tree, theirs, &their_place);

    if (is_ours && is_theirs)
        return our_place == their_place + views->head;
    return is_ours == is_theirs &&
           strcmp(mb_tree_type(views->ours, ours), mb_tree_type(views->tree, theirs)) == 0;
}

/* The part and all below it. */
static void add_only_ours(const MpViews *views, uint32_t part)
{
    uint32_t depth = 1;

    for (uint32_t at = part; at != MB_TREE_NONE && depth > 0;) {
        const MbPart *seen;

        if (!mb_part_is_pseudo(mb_tree_part(views->ours, at)->kind))
            add(views, MB_DEFECT_VIEW_ONLY_SCAN, at, mb_tree_type(views->ours, at));
        seen = mb_tree_part(views->ours, at);
        if (seen->first_child != MB_TREE_NONE) {
            depth++;
            at = seen->first_child;
            continue;
        }
        while (depth > 1 && seen->next == MB_TREE_NONE) {
            depth--;
            at = seen->parent;
            seen = mb_tree_part(views->ours, at);
        }
        if (depth == 1)
            break;
        at = seen->next;
    }
}

static void add_only_theirs(const MpViews *views, uint32_t parent, uint32_t part)
{
    g_autofree char *detail = NULL;
    g_autoptr(GString) id = g_string_new(NULL);
    uint64_t offset;

    mb_tree_id(views->tree, part, id);
    if (place(views->tree, part, &offset))
        detail = g_strdup_printf("gmime has %s: %s at %" G_GUINT64_FORMAT, id->str,
                                 mb_tree_type(views->tree, part), offset + views->head);
    else
        detail = g_strdup_printf("gmime has %s: %s", id->str, mb_tree_type(views->tree, part));
    add(views, MB_DEFECT_VIEW_ONLY_OTHER, parent, detail);
    for (uint32_t child = first(views->tree, part); child != MB_TREE_NONE;
         child = next(views->tree, child)) {
        g_autofree char *below = NULL;

        g_string_truncate(id, 0);
        mb_tree_id(views->tree, child, id);
        below = g_strdup_printf("gmime has %s: %s", id->str, mb_tree_type(views->tree, child));
        add(views, MB_DEFECT_VIEW_ONLY_OTHER, parent, below);
    }
}

static void compare_pair(const MpViews *views, Pair pair)
{
    const char *ours = mb_tree_type(views->ours, pair.ours);
    const char *theirs = mb_tree_type(views->tree, pair.theirs);
    MbEncoding our_encoding = mb_tree_part(views->ours, pair.ours)->encoding;
    const MbPart *their_part = mb_tree_part(views->tree, pair.theirs);
    g_autofree char *detail = NULL;

    if (strcmp(ours, theirs) != 0)
        detail = g_strdup_printf("gmime: %s", theirs);
    else if (their_part->kind == MB_PART_LEAF && our_encoding != their_part->encoding &&
             (!mb_encoding_is_identity(our_encoding) ||
              !mb_encoding_is_identity(their_part->encoding)))
        detail = g_strdup_printf("gmime: %s", mb_encoding_name(their_part->encoding));
    if (detail != NULL)
        add(views, MB_DEFECT_VIEW_DIFFERS, pair.ours, detail);
}

/* The one among the next siblings of the other view that is the same; MB_TREE_NONE. */
static uint32_t look_ahead(const MpViews *views, Pair from, bool is_theirs)
{
    for (size_t i = 0; i < AHEAD; i++) {
        uint32_t *moving = is_theirs ? &from.theirs : &from.ours;

        *moving = next(is_theirs ? views->tree : views->ours, *moving);
        if (*moving == MB_TREE_NONE)
            break;
        if (is_same(views, from.ours, from.theirs))
            return *moving;
    }
    return MB_TREE_NONE;
}

static void compare_children(const MpViews *views, Pair parent)
{
    Pair at = {first(views->ours, parent.ours), first(views->tree, parent.theirs)};

    while (at.ours != MB_TREE_NONE && at.theirs != MB_TREE_NONE) {
        uint32_t later = MB_TREE_NONE;

        if (!is_same(views, at.ours, at.theirs)) {
            later = look_ahead(views, at, true);
            if (later != MB_TREE_NONE) {
                for (; at.theirs != later; at.theirs = next(views->tree, at.theirs))
                    add_only_theirs(views, parent.ours, at.theirs);
                continue;
            }
            later = look_ahead(views, at, false);
            if (later != MB_TREE_NONE) {
                for (; at.ours != later; at.ours = next(views->ours, at.ours))
                    add_only_ours(views, at.ours);
                continue;
            }
        }
        g_array_append_val(views->pairs, at);
        at = (Pair){next(views->ours, at.ours), next(views->tree, at.theirs)};
    }
    for (; at.ours != MB_TREE_NONE; at.ours = next(views->ours, at.ours))
        add_only_ours(views, at.ours);
    for (; at.theirs != MB_TREE_NONE; at.theirs = next(views->tree, at.theirs))
        add_only_theirs(views, parent.ours, at.theirs);
}

static void fail(MpViews *views, const char *why)
{
    views->error = g_strdup(why);
    mb_tree_add_defect(views->ours, MB_DEFECT_VIEW_NONE, 0, 0, 0,
                       mb_tree_space_length(views->ours, 0), why);
}

void mp_views_compare(MpViews *views, const MbItem *item, MbTree *tree, const MbLimits *limits)
{
    g_autoptr(GError) error = NULL;
    const Pair roots = {0, 0};
    MbBudget budget;

    views->ours = tree;
    views->head = item->head;
    g_clear_pointer(&views->error, g_free);
    mb_tree_clear(views->tree);
    g_string_truncate(views->shape, 0);
    mb_budget_init(&budget, limits);
    if (item->bytes == NULL) {
        fail(views, "the message is too long for one piece");
        return;
    }
    if (!mb_gmime_view(item->bytes + item->head, (size_t)(item->length - item->head - item->tail),
                       views->tree, &budget, &error)) {
        fail(views, error->message);
        return;
    }
    mb_tree_shape(views->tree, views->shape);
    mb_tree_note_limits(tree, mb_tree_limits_hit(views->tree));
    g_array_set_size(views->pairs, 0);
    g_array_append_val(views->pairs, roots);
    for (guint i = 0; i < views->pairs->len; i++) {
        Pair pair = g_array_index(views->pairs, Pair, i);

        compare_pair(views, pair);
        compare_children(views, pair);
    }
}
