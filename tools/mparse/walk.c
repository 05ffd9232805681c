#include "walk.h"

#include "spool.h"

#include <mailbatch/base/error.h>
#include <mailbatch/mime/scan.h>

#define PIECE ((size_t)16384) /* is scanned before it is seen how large the tree became */

/* Beyond one of these a message is heavy: a part, a field, a parameter takes many times the length
 * of the least that makes one, "--b", "a:", ";a". */
#define LIGHT_PARTS    2048
#define LIGHT_FIELDS   8192
#define LIGHT_HEADER   ((uint64_t)128 << 10) /* of one part */
#define LIGHT_CHILDREN ((uint64_t)1 << 20)

/* What is decoded of a message's children beyond it goes into a temporary file. */
#define CHILDREN_IN_MEMORY ((uint64_t)8 << 20)

struct MpWalk {
    const MbLimits *limits;
    MbBudget budget; /* of the present item */
    MbTree *tree;
    MbScan *scan;
    MbFlaws flaws;
    MbMboxUnquoter unquoter;
    MbMboxDialect dialect;
    MpSpool spool;    /* a streamed item's bytes without framing */
    uint64_t head;    /* framing before them */
    MpSpool children; /* decoded, one behind the other */
    uint64_t held;    /* bytes of children in memory */
    bool is_heavy;
    void (*wait)(void *data); /* before a heavy message goes on; NULL: nobody waits */
    void *wait_data;
};

MpWalk *mp_walk_new(const MbLimits *limits)
{
    MpWalk *walk = g_new0(MpWalk, 1);

    walk->limits = limits;
    walk->tree = mb_tree_new();
    walk->scan = mb_scan_new();
    walk->spool = walk->children = MP_SPOOL_INIT;
    return walk;
}

void mp_walk_free(MpWalk *walk)
{
    if (walk == NULL)
        return;
    mp_spool_clear(&walk->spool);
    mp_spool_clear(&walk->children);
    mb_flaws_clear(&walk->flaws);
    mb_scan_free(walk->scan);
    mb_tree_free(walk->tree);
    g_free(walk);
}

void mp_walk_set_wait(MpWalk *walk, void (*wait)(void *data), void *data)
{
    walk->wait = wait;
    walk->wait_data = data;
}

bool mp_walk_is_heavy(const MpWalk *walk)
{
    return walk->is_heavy;
}

/* Heavy messages ------------------------------------------------------------------------------ */

static void weigh(MpWalk *walk, bool is_heavy)
{
    if (!is_heavy || walk->is_heavy)
        return;
    walk->is_heavy = true;
    if (walk->wait != NULL)
        walk->wait(walk->wait_data);
}

/* Of the parts from `first` on, which stand in `length` bytes. */
static void weigh_headers(MpWalk *walk, uint32_t first, uint64_t length)
{
    if (length <= LIGHT_HEADER)
        return;
    for (uint32_t part = first; part < mb_tree_parts(walk->tree) && !walk->is_heavy; part++)
        weigh(walk, mb_tree_part(walk->tree, part)->header.length > LIGHT_HEADER);
}

static void push(MpWalk *walk, const uint8_t *bytes, uint64_t length)
{
    while (length > 0) {
        size_t piece = (size_t)(walk->is_heavy ? length : MIN(length, PIECE));

        mb_scan_push(walk->scan, bytes, piece);
        weigh(walk, mb_tree_parts(walk->tree) > LIGHT_PARTS ||
                        mb_tree_fields(walk->tree) > LIGHT_FIELDS ||
                        mb_scan_held(walk->scan) > LIGHT_HEADER);
        bytes += piece;
        length -= piece;
    }
}

/* mbox's quoting of "From " ------------------------------------------------------------------- */

static void unquote_begin(void *data)
{
    ((MpWalk *)data)->unquoter = (MbMboxUnquoter){0};
}

static size_t unquote_push(void *data, const void *bytes, size_t length, void *out)
{
    MpWalk *walk = data;

    return mb_mbox_unquote(&walk->unquoter, walk->dialect, bytes, length, out);
}

static size_t unquote_finish(void *data, void *out)
{
    return mb_mbox_unquote_finish(&((MpWalk *)data)->unquoter, out);
}

static bool may_be_quoted(const MbItem *item)
{
    return item->bytes == NULL || mb_mbox_may_be_quoted(item->bytes, (size_t)item->length);
}

static void set_filter(MpWalk *walk, const MbItem *item)
{
    const MbTreeFilter filter = {unquote_begin, unquote_push, unquote_finish, walk};

    walk->dialect = item->dialect;
    if (item->kind == MB_ITEM_MBOX && item->dialect != MB_MBOX_CL2 && may_be_quoted(item))
        mb_tree_set_filter(walk->tree, &filter);
}

/* Items ---------------------------------------------------------------------------------------- */

static void scan_buffer(MpWalk *walk, const MbItem *item)
{
    uint64_t text = item->length - item->head - item->tail;

    mb_tree_set_bytes(walk->tree, item->bytes, (size_t)item->length);
    mb_scan_begin(walk->scan, walk->tree, &walk->budget);
    mb_scan_framing(walk->scan, item->head);
    push(walk, item->bytes + item->head, text);
    mb_scan_finish(walk->scan, item->tail);
    weigh_headers(walk, 0, text);
}

static bool read_item(void *data, uint64_t offset, void *out, size_t length)
{
    MpWalk *walk = data;

    return offset >= walk->head && mp_spool_read(&walk->spool, offset - walk->head, out, length);
}

static bool scan_stream(MpWalk *walk, MbSource *source, const MbItem *item, GError **error)
{
    const uint8_t *bytes;
    size_t length;
    bool done = true;

    walk->head = item->head;
    mb_tree_set_reader(walk->tree, read_item, walk);
    mb_scan_begin(walk->scan, walk->tree, &walk->budget);
    mb_scan_framing(walk->scan, item->head);
    while (done && mb_source_read(source, &bytes, &length)) {
        done = mp_spool_append(&walk->spool, bytes, length, error);
        if (done)
            push(walk, bytes, length);
    }
    mb_scan_finish(walk->scan, done ? item->tail : 0);
    weigh_headers(walk, 0, walk->spool.length);
    return done;
}

/* What is inside ------------------------------------------------------------------------------- */

typedef struct {
    MpWalk *walk;
    GByteArray *bytes; /* NULL: they go into the file */
    uint64_t encoded;  /* length of what is decoded */
    uint64_t length;
    GError *error; /* of the file */
} Child;

static bool take_child(void *data, const void *bytes, size_t length)
{
    Child *child = data;

    if (!mb_budget_take_bytes(&child->walk->budget, length, child->encoded))
        return false;
    child->length += length;
    if (child->bytes == NULL)
        return mp_spool_append(&child->walk->children, bytes, length, &child->error);
    g_byte_array_append(child->bytes, bytes, (guint)length);
    return true;
}

static guint32 depth_of(const MbTree *tree, uint32_t part)
{
    guint32 depth = 0;

    for (; part != MB_TREE_NONE; part = mb_tree_part(tree, part)->parent)
        depth++;
    return depth;
}

static void report_limit(MpWalk *walk, uint32_t part, unsigned code, MbLimit limit,
                         const char *detail)
{
    const MbPart *at = mb_tree_part(walk->tree, part);

    walk->budget.hit |= limit;
    mb_tree_note_limits(walk->tree, limit);
    mb_tree_add_defect(walk->tree, code, part, at->space, at->body.offset, at->body.length, detail);
}

/* What the file holds from `from` on is scanned. */
static void push_file(MpWalk *walk, uint64_t from)
{
    g_autofree uint8_t *piece = g_malloc(PIECE);

    while (from < walk->children.length) {
        size_t length = (size_t)MIN(PIECE, walk->children.length - from);

        if (!mp_spool_read(&walk->children, from, piece, length))
            break;
        push(walk, piece, length);
        from += length;
    }
}

static void open_message(MpWalk *walk, uint32_t part, guint32 depth)
{
    MbRange body = mb_tree_part(walk->tree, part)->body;
    bool is_large = walk->held + body.length > CHILDREN_IN_MEMORY;
    Child child = {walk, is_large ? NULL : g_byte_array_new(), body.length, 0, NULL};
    uint64_t from = walk->children.length;
    uint32_t first = mb_tree_parts(walk->tree);
    g_autoptr(GBytes) bytes = NULL;
    bool is_whole;
    uint32_t space;

    weigh(walk, walk->held + body.length > LIGHT_CHILDREN);
    mb_flaws_reset(&walk->flaws);
    is_whole = mb_tree_decode(walk->tree, part, take_child, &child, &walk->flaws);
    mb_tree_add_flaws(walk->tree, part, body.offset, &walk->flaws);
    if (child.bytes != NULL)
        bytes = g_byte_array_free_to_bytes(child.bytes);
    if (!is_whole) {
        report_limit(walk, part, MB_DEFECT_LIMIT_BYTES, MB_LIMIT_BYTES,
                     child.error != NULL ? child.error->message : NULL);
        g_clear_error(&child.error);
        return;
    }
    space = bytes != NULL
                ? mb_tree_open_space(walk->tree, part, bytes)
                : mb_tree_open_space_reader(walk->tree, part, mp_spool_read, &walk->children, from);
    walk->held += bytes != NULL ? child.length : 0;
    walk->budget.depth = depth;
    mb_scan_begin_child(walk->scan, walk->tree, space, &walk->budget);
    if (bytes != NULL)
        push(walk, g_bytes_get_data(bytes, NULL), child.length);
    else
        push_file(walk, from);
    mb_scan_finish(walk->scan, 0);
    weigh_headers(walk, first, child.length);
}

/* Parts that are added on the way are looked at in their turn. */
static void open_children(MpWalk *walk, guint32 depth)
{
    for (uint32_t part = 0; part < mb_tree_parts(walk->tree); part++) {
        const MbPart *at = mb_tree_part(walk->tree, part);
        guint32 below;

        if (at->kind != MB_PART_MESSAGE || at->first_child != MB_TREE_NONE ||
            mb_encoding_is_identity(at->encoding) || at->body.length == 0)
            continue;
        below = depth + depth_of(walk->tree, part);
        if (below >= walk->limits->max_depth)
            report_limit(walk, part, MB_DEFECT_LIMIT_DEPTH, MB_LIMIT_DEPTH, NULL);
        else
            open_message(walk, part, below);
    }
}

bool mp_walk_item(MpWalk *walk, MbSource *source, const MbItem *item, guint32 depth,
                  MpMessage *message, GError **error)
{
    bool done = true;

    mb_tree_clear(walk->tree);
    mp_spool_reset(&walk->spool);
    mp_spool_reset(&walk->children);
    walk->held = 0;
    walk->is_heavy = false;
    mb_budget_init(&walk->budget, walk->limits);
    walk->budget.depth = depth;
    *message = (MpMessage){item, walk->tree, 1, NULL};
    if (item->bytes != NULL)
        scan_buffer(walk, item);
    else
        done = scan_stream(walk, source, item, error);
    set_filter(walk, item); /* only now is a streamed item's dialect known */
    open_children(walk, depth);
    return done;
}
