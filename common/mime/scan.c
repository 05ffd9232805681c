#include "scan-private.h"

#include <string.h>

/* CRs before an LF that still make one line end: what a gateway that adds a CR, twice, leaves. */
#define CR_RUN 8

/* How far behind a line a CR is looked for, for the lines to come. */
#define CR_AHEAD ((size_t)1024)

/* How much of a push is joined with what the one before left; the rest is read in place. */
#define CARRY_PIECE ((size_t)65536)

MbScan *mb_scan_new(void)
{
    MbScan *scan = g_new0(MbScan, 1);

    scan->carry = g_byte_array_sized_new(256);
    scan->frames = g_array_new(FALSE, FALSE, sizeof(ScanFrame));
    scan->boundaries = g_array_new(FALSE, FALSE, sizeof(ScanBoundary));
    scan->boundary_bytes = g_byte_array_sized_new(256);
    scan->values = g_array_new(FALSE, FALSE, sizeof(ScanValue));
    scan->value_bytes = g_byte_array_sized_new(1024);
    scan->type = g_string_new(NULL);
    mb_params_init(&scan->params);
    return scan;
}

size_t mb_scan_held(const MbScan *scan)
{
    return scan->value_bytes->len;
}

void mb_scan_free(MbScan *scan)
{
    if (scan == NULL)
        return;
    g_byte_array_unref(scan->carry);
    g_array_unref(scan->frames);
    g_array_unref(scan->boundaries);
    g_byte_array_unref(scan->boundary_bytes);
    g_array_unref(scan->values);
    g_byte_array_unref(scan->value_bytes);
    g_string_free(scan->type, TRUE);
    mb_params_clear(&scan->params);
    mb_flaws_clear(&scan->flaws);
    g_free(scan);
}

void scan_emit(MbScan *scan, MbBytesKind kind, uint32_t part, uint64_t upto)
{
    if (upto <= scan->emitted)
        return;
    mb_tree_add_segment(scan->tree, scan->space, kind, part, upto - scan->emitted);
    scan->emitted = upto;
}

void scan_defect(MbScan *scan, unsigned code, uint32_t part, uint64_t offset, uint64_t length,
                 const char *detail)
{
    mb_tree_add_defect(scan->tree, code, part, scan->space, offset, length, detail);
}

void scan_limit(MbScan *scan, MbLimit limit)
{
    scan->budget->hit |= limit;
    mb_tree_note_limits(scan->tree, limit);
}

static size_t next_lf(MbScan *scan, size_t from)
{
    const uint8_t *lf;

    if (scan->lf_from <= from && from <= scan->lf)
        return scan->lf;
    lf = memchr(scan->bytes + from, '\n', scan->length - from);
    scan->lf_from = from;
    scan->lf = lf != NULL ? (size_t)(lf - scan->bytes) : scan->length;
    scan->steps += 1 + (scan->lf - from) / 16;
    return scan->lf;
}

/* The first CR in [from, lf), or NULL. Where there are none, a look is enough for several lines. */
static const uint8_t *next_cr(MbScan *scan, size_t from, size_t lf)
{
    if (from < scan->cr_from || from > scan->cr ||
        (scan->cr < lf && scan->bytes[scan->cr] != '\r')) {
        size_t end = MIN(scan->length, MAX(lf, from + CR_AHEAD));
        const uint8_t *cr = memchr(scan->bytes + from, '\r', end - from);

        scan->cr_from = from;
        scan->cr = cr != NULL ? (size_t)(cr - scan->bytes) : end;
    }
    return scan->cr < lf ? scan->bytes + scan->cr : NULL;
}

/* Whether a lone CR before `at` ends a line: only what looks like a line behind it says so. */
static ScanVerdict cr_ends_line(MbScan *scan, size_t at)
{
    size_t unused;

    if (at == scan->length)
        return scan->is_final ? SCAN_YES : SCAN_MORE;
    if (scan->bytes[at] == '\r' || scan_is_blank(scan->bytes[at]))
        return SCAN_YES;
    if (scan->bytes[at] == '-' && scan->boundaries->len > 0) {
        if (at + 1 == scan->length)
            return scan->is_final ? SCAN_NO : SCAN_MORE;
        if (scan->bytes[at + 1] == '-')
            return SCAN_YES;
    }
    return scan_name_at(scan, at, &unused, &unused);
}

ScanVerdict scan_eol_at(const MbScan *scan, size_t at, ScanLine *line)
{
    size_t after = at;

    if (at == scan->length)
        return SCAN_MORE;
    if (scan->bytes[at] == '\n') {
        *line = (ScanLine){at, at + 1, SCAN_EOL_LF};
        return SCAN_YES;
    }
    while (after < scan->length && scan->bytes[after] == '\r' && after - at < CR_RUN)
        after++;
    if (after == at)
        return SCAN_NO;
    if (after == scan->length && !scan->is_final)
        return SCAN_MORE;
    if (after < scan->length && scan->bytes[after] == '\n')
        *line = (ScanLine){at, after + 1, after - at == 1 ? SCAN_EOL_CRLF : SCAN_EOL_CRCRLF};
    else
        *line = (ScanLine){at, at + 1, SCAN_EOL_CR};
    return SCAN_YES;
}

bool scan_line_end(MbScan *scan, size_t from, ScanLine *line)
{
    size_t lf = next_lf(scan, from);
    const uint8_t *cr;

    scan->steps++;
    while ((cr = next_cr(scan, from, lf)) != NULL) {
        size_t at = (size_t)(cr - scan->bytes);
        ScanVerdict verdict = scan_eol_at(scan, at, line);

        if (verdict == SCAN_YES && line->eol == SCAN_EOL_CR)
            verdict = cr_ends_line(scan, at + 1);
        if (verdict == SCAN_YES)
            return true;
        line->end = at;
        if (verdict == SCAN_MORE)
            return false;
        scan->block.bare_cr = MIN(scan->block.bare_cr, scan_offset(scan, at));
        from = at + 1;
    }
    line->end = lf;
    if (lf == scan->length)
        return false;
    *line = (ScanLine){lf, lf + 1, SCAN_EOL_LF};
    return true;
}

/* One look at the window: true when something was done. */
static bool step(MbScan *scan)
{
    switch (scan->state) {
    case SCAN_AT_BODY: return scan_body_step(scan);
    case SCAN_IN_DELIMITER: return scan_delimiter_step(scan);
    default: return scan_header_step(scan);
    }
}

static void run(MbScan *scan, const uint8_t *bytes, size_t length, bool is_final)
{
    scan->bytes = bytes != NULL ? bytes : scan->carry->data;
    scan->length = length;
    scan->at = 0;
    scan->is_final = is_final;
    scan->lf_from = scan->cr_from = 1;
    scan->lf = scan->cr = 0;
    while (step(scan))
        scan->steps++;
    if (scan->state != SCAN_AT_BODY && scan->state != SCAN_IN_DELIMITER)
        scan_header_window_ends(scan);
}

/* The window is over; what is left of it comes again. */
static size_t leave(MbScan *scan)
{
    size_t left = scan->length - scan->at;

    scan->base += scan->at;
    scan->at = 0;
    return left;
}

static void begin(MbScan *scan, MbTree *tree, uint32_t space, MbBudget *budget)
{
    uint32_t root;

    mb_budget_init(&scan->own_budget, &mb_limits_default);
    scan->tree = tree;
    scan->space = space;
    scan->budget = budget != NULL ? budget : &scan->own_budget;
    scan->base = 0;
    scan->emitted = 0;
    scan->steps = 0;
    g_byte_array_set_size(scan->carry, 0);
    g_array_set_size(scan->frames, 0);
    g_array_set_size(scan->boundaries, 0);
    g_byte_array_set_size(scan->boundary_bytes, 0);

    root = mb_tree_add_part(tree, MB_PART_LEAF, mb_tree_space_owner(tree, space), space, NULL, 0);
    mb_tree_part_mutable(tree, root)->is_message = true;
    mb_tree_part_mutable(tree, root)->is_decoded = space != 0;
    mb_tree_part_mutable(tree, root)->has_ranges = true;
    scan->at = 0;
    scan_block_begin(scan, root, true);
}

void mb_scan_begin(MbScan *scan, MbTree *tree, MbBudget *budget)
{
    begin(scan, tree, 0, budget);
}

void mb_scan_begin_child(MbScan *scan, MbTree *tree, uint32_t space, MbBudget *budget)
{
    begin(scan, tree, space, budget);
}

void mb_scan_framing(MbScan *scan, uint64_t length)
{
    scan->base += length;
    scan_emit(scan, MB_BYTES_FRAMING, MB_TREE_NONE, scan->base);
    scan->at = 0;
    scan_block_begin(scan, scan->block.part, true);
}

void mb_scan_push(MbScan *scan, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    size_t left;

    while (scan->carry->len > 0 && length > 0) {
        size_t piece = MIN(length, CARRY_PIECE);

        g_byte_array_append(scan->carry, at, (guint)piece);
        run(scan, scan->carry->data, scan->carry->len, false);
        left = leave(scan);
        if (left > piece) {
            g_byte_array_remove_range(scan->carry, 0, scan->carry->len - (guint)left);
            left = 0;
        } else {
            g_byte_array_set_size(scan->carry, 0);
        }
        at += piece - left;
        length -= piece - left;
    }
    if (length == 0)
        return;
    run(scan, at, length, false);
    left = leave(scan);
    g_byte_array_append(scan->carry, at + length - left, (guint)left);
}

static void finish(MbScan *scan, uint64_t framing)
{
    uint64_t end;

    leave(scan);
    end = scan->base;
    if (scan->state == SCAN_AT_BODY)
        scan_region_end(scan, end, false);
    else
        scan_block_cut(scan, end, false);
    scan_frames_pop(scan, 0, end);
    scan_emit(scan, MB_BYTES_FRAMING, MB_TREE_NONE, end + framing);
}

void mb_scan_finish(MbScan *scan, uint64_t framing)
{
    run(scan, scan->carry->data, scan->carry->len, true);
    finish(scan, framing);
}

void mb_scan_buffer(MbScan *scan, MbTree *tree, const void *bytes, size_t length, MbBudget *budget)
{
    mb_tree_set_bytes(tree, bytes, length);
    mb_scan_begin(scan, tree, budget);
    run(scan, bytes, length, true);
    finish(scan, 0);
}

uint64_t mb_scan_steps(const MbScan *scan)
{
    return scan->steps;
}
