#include "walk.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/mime/scan.h>
#include <unistd.h>

struct MpWalk {
    const MbLimits *limits;
    MbBudget budget; /* of the present item */
    MbTree *tree;
    MbScan *scan;
    MbFlaws flaws;
    MbMboxUnquoter unquoter;
    MbMboxDialect dialect;
    int spool;     /* a streamed item's bytes without framing, or -1 */
    uint64_t head; /* framing before them */
};

MpWalk *mp_walk_new(const MbLimits *limits)
{
    MpWalk *walk = g_new0(MpWalk, 1);

    walk->limits = limits;
    walk->tree = mb_tree_new();
    walk->scan = mb_scan_new();
    walk->spool = -1;
    return walk;
}

void mp_walk_free(MpWalk *walk)
{
    if (walk == NULL)
        return;
    if (walk->spool >= 0)
        close(walk->spool);
    mb_flaws_clear(&walk->flaws);
    mb_scan_free(walk->scan);
    mb_tree_free(walk->tree);
    g_free(walk);
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
    mb_scan_push(walk->scan, item->bytes + item->head, (size_t)text);
    mb_scan_finish(walk->scan, item->tail);
}

static bool open_spool(MpWalk *walk, GError **error)
{
    g_autofree char *name = NULL;

    if (walk->spool >= 0 && ftruncate(walk->spool, 0) == 0 && lseek(walk->spool, 0, SEEK_SET) == 0)
        return true;
    if (walk->spool >= 0)
        close(walk->spool);
    walk->spool = g_file_open_tmp("mparse-XXXXXX", &name, error);
    if (walk->spool < 0)
        return false;
    g_unlink(name);
    return true;
}

static bool read_spool(void *data, uint64_t offset, void *out, size_t length)
{
    const MpWalk *walk = data;
    char *to = out;

    if (offset < walk->head)
        return false;
    offset -= walk->head;
    while (length > 0) {
        ssize_t got = pread(walk->spool, to, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return true;
}

static bool scan_stream(MpWalk *walk, MbSource *source, const MbItem *item, GError **error)
{
    const uint8_t *bytes;
    size_t length;
    bool done = true;

    if (!open_spool(walk, error))
        return false;
    walk->head = item->head;
    mb_tree_set_reader(walk->tree, read_spool, walk);
    mb_scan_begin(walk->scan, walk->tree, &walk->budget);
    mb_scan_framing(walk->scan, item->head);
    while (done && mb_source_read(source, &bytes, &length)) {
        done = mb_file_write_all(walk->spool, bytes, length);
        if (done)
            mb_scan_push(walk->scan, bytes, length);
        else
            mb_file_set_error(error, g_get_tmp_dir(), "cannot keep a long message", errno);
    }
    mb_scan_finish(walk->scan, done ? item->tail : 0);
    return done;
}

/* What is inside ------------------------------------------------------------------------------- */

typedef struct {
    MpWalk *walk;
    GByteArray *bytes;
    uint64_t encoded; /* length of what is decoded */
    bool is_over;
} Child;

static bool take_child(void *data, const void *bytes, size_t length)
{
    Child *child = data;

    child->is_over = child->bytes->len + length > MP_CHILD_MAX ||
                     !mb_budget_take_bytes(&child->walk->budget, length, child->encoded);
    if (child->is_over)
        return false;
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

static void report_limit(MpWalk *walk, uint32_t part, unsigned code, MbLimit limit)
{
    const MbPart *at = mb_tree_part(walk->tree, part);

    walk->budget.hit |= limit;
    mb_tree_note_limits(walk->tree, limit);
    mb_tree_add_defect(walk->tree, code, part, at->space, at->body.offset, at->body.length, NULL);
}

static void open_message(MpWalk *walk, uint32_t part, guint32 depth)
{
    MbRange body = mb_tree_part(walk->tree, part)->body;
    Child child = {walk, g_byte_array_new(), body.length, false};
    g_autoptr(GBytes) bytes = NULL;
    bool is_whole;
    uint32_t space;

    mb_flaws_reset(&walk->flaws);
    is_whole = mb_tree_decode(walk->tree, part, take_child, &child, &walk->flaws);
    mb_tree_add_flaws(walk->tree, part, body.offset, &walk->flaws);
    bytes = g_byte_array_free_to_bytes(child.bytes);
    if (!is_whole) {
        report_limit(walk, part, MB_DEFECT_LIMIT_BYTES, MB_LIMIT_BYTES);
        return;
    }
    space = mb_tree_open_space(walk->tree, part, bytes);
    walk->budget.depth = depth;
    mb_scan_begin_child(walk->scan, walk->tree, space, &walk->budget);
    mb_scan_push(walk->scan, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    mb_scan_finish(walk->scan, 0);
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
            report_limit(walk, part, MB_DEFECT_LIMIT_DEPTH, MB_LIMIT_DEPTH);
        else
            open_message(walk, part, below);
    }
}

bool mp_walk_item(MpWalk *walk, MbSource *source, const MbItem *item, guint32 depth,
                  MpMessage *message, GError **error)
{
    bool done = true;

    mb_tree_clear(walk->tree);
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
