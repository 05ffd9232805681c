#include "scan-private.h"

#include <string.h>

void scan_region_begin(MbScan *scan, MbBytesKind kind, uint32_t part)
{
    uint64_t here = scan_offset(scan, scan->at);

    scan->region = (ScanRegion){
        .kind = kind,
        .part = part,
        .start = here,
        .text = SCAN_NOWHERE,
        .nul = SCAN_NOWHERE,
        .line_start = here,
        .junk = SCAN_NOWHERE,
    };
    scan->state = SCAN_AT_BODY;
}

bool scan_parts_full(MbScan *scan, uint32_t part)
{
    if (mb_tree_parts(scan->tree) < MIN(scan->budget->limits->max_parts, UINT32_MAX - 1))
        return false;
    if ((mb_tree_limits_hit(scan->tree) & MB_LIMIT_ITEMS) == 0)
        scan_defect(scan, MB_DEFECT_LIMIT_PARTS, part, scan_offset(scan, scan->at), 0, NULL);
    scan_limit(scan, MB_LIMIT_ITEMS);
    return true;
}

static void drop_boundaries(MbScan *scan, guint boundaries, guint bytes)
{
    g_array_set_size(scan->boundaries, boundaries);
    g_byte_array_set_size(scan->boundary_bytes, bytes);
}

static void skip_held_junk(MbScan *scan, uint32_t part, const ScanBodyStart *start)
{
    if (start->junk == SCAN_NOWHERE)
        return;
    scan_emit(scan, MB_BYTES_GAP, part, start->junk_end);
    scan_emit(scan, MB_BYTES_SEPARATOR, part, start->start);
    scan_defect(scan, MB_DEFECT_HEADER_JUNK, part, start->junk, start->junk_end - start->junk,
                NULL);
}

static void begin_embedded(MbScan *scan, uint32_t part)
{
    uint64_t here = scan_offset(scan, scan->at);
    uint32_t child;

    /* Junk that took the place of the separator: the embedded header cannot begin inside it. */
    if (scan->emitted < here) {
        scan_defect(scan, MB_DEFECT_HEADER_JUNK, part, scan->emitted, here - scan->emitted, NULL);
        scan_emit(scan, MB_BYTES_GAP, part, here);
    }
    child = mb_tree_add_part(scan->tree, MB_PART_LEAF, part, scan->space, NULL, 0);
    mb_tree_part_mutable(scan->tree, child)->is_message = true;
    mb_tree_part_mutable(scan->tree, child)->has_ranges = true;
    scan_block_begin(scan, child, true);
}

/* Whether the container can be opened; when not, it stays a leaf. */
static bool may_open(MbScan *scan, uint32_t part, MbPartKind kind)
{
    if (kind == MB_PART_LEAF)
        return false;
    if (kind == MB_PART_MESSAGE &&
        !mb_encoding_is_identity(mb_tree_part(scan->tree, part)->encoding))
        return false;
    if (scan_parts_full(scan, part))
        return false;
    if (mb_budget_enter(scan->budget))
        return true;
    scan_limit(scan, MB_LIMIT_DEPTH);
    scan_defect(scan, MB_DEFECT_LIMIT_DEPTH, part, scan_offset(scan, scan->at), 0, NULL);
    return false;
}

static void begin_leaf(MbScan *scan, uint32_t part, const ScanBodyStart *start)
{
    scan_region_begin(scan, MB_BYTES_BODY, part);
    scan->region.start = start->start;
    scan->region.line_start_eol = start->eol;
    scan->region.junk = start->junk;
    scan->region.junk_end = start->junk_end;
}

void scan_body_begin(MbScan *scan, uint32_t part, const ScanBodyStart *start)
{
    ScanFrame frame = {
        .part = part,
        .boundaries = scan->boundaries->len,
        .bytes = scan->boundary_bytes->len,
    };
    MbPartKind kind = scan_decide(scan, part, &frame.is_guessing);

    if (!may_open(scan, part, kind)) {
        drop_boundaries(scan, frame.boundaries, frame.bytes);
        if (kind == MB_PART_MESSAGE)
            mb_tree_part_mutable(scan->tree, part)->kind = kind;
        begin_leaf(scan, part, start);
        return;
    }
    skip_held_junk(scan, part, start);
    mb_tree_part_mutable(scan->tree, part)->kind = kind;
    frame.is_multipart = kind == MB_PART_MULTIPART;
    g_array_append_val(scan->frames, frame);
    if (!frame.is_multipart) {
        begin_embedded(scan, part);
        return;
    }
    mb_tree_part_mutable(scan->tree, part)->is_complete = false;
    scan_region_begin(scan, MB_BYTES_PREAMBLE, part);
    scan->region.start = start->start;
    scan->region.line_start_eol = start->eol;
    if (start->has_text)
        scan->region.text = start->start;
}

/* The header ended without separator and body: what it says counts all the same. */
void scan_body_none(MbScan *scan, uint32_t part)
{
    guint boundaries = scan->boundaries->len;
    guint bytes = scan->boundary_bytes->len;
    bool is_guessing;

    mb_tree_part_mutable(scan->tree, part)->kind = scan_decide(scan, part, &is_guessing);
    drop_boundaries(scan, boundaries, bytes);
}

/* Moves on inside the region; what is looked for in all of its bytes is looked for here. */
void scan_region_take(MbScan *scan, size_t end)
{
    ScanRegion *region = &scan->region;
    const uint8_t *bytes = scan->bytes + scan->at;
    size_t length = end - scan->at;
    const uint8_t *nul;

    if (region->kind == MB_BYTES_BODY && region->nul == SCAN_NOWHERE && length > 0) {
        nul = memchr(bytes, '\0', length);
        if (nul != NULL)
            region->nul = scan_offset(scan, (size_t)(nul - scan->bytes));
    } else if (region->kind != MB_BYTES_BODY) {
        for (size_t i = 0; i < length && region->text == SCAN_NOWHERE; i++) {
            if (!scan_is_blank(bytes[i]) && bytes[i] != '\r' && bytes[i] != '\n')
                region->text = scan_offset(scan, scan->at + i);
        }
    }
    scan->at = end;
}

static void end_body(MbScan *scan, uint64_t end)
{
    ScanRegion *region = &scan->region;
    MbPart *part = mb_tree_part_mutable(scan->tree, region->part);

    part->body = (MbRange){region->start, end - region->start};
    scan_emit(scan, MB_BYTES_BODY, region->part, end);
    if (region->nul < end)
        scan_defect(scan, MB_DEFECT_BODY_NUL, region->part, region->nul, 1, NULL);
}

/* Text around the parts is listed as a part of its own sort. */
static void end_surrounding(MbScan *scan, uint64_t end)
{
    ScanRegion *region = &scan->region;
    bool is_preamble = region->kind == MB_BYTES_PREAMBLE;
    uint32_t pseudo = region->part;
    MbPart *part;

    if (region->text < end && !scan_parts_full(scan, region->part)) {
        pseudo = mb_tree_add_part(scan->tree, is_preamble ? MB_PART_PREAMBLE : MB_PART_EPILOGUE,
                                  region->part, scan->space, NULL, 0);
        part = mb_tree_part_mutable(scan->tree, pseudo);
        part->has_ranges = true;
        part->encoding = MB_ENCODING_BINARY;
        part->body = (MbRange){region->start, end - region->start};
        scan_defect(scan, is_preamble ? MB_DEFECT_PREAMBLE : MB_DEFECT_EPILOGUE, pseudo,
                    region->text, end - region->text, NULL);
    }
    scan_emit(scan, region->kind, pseudo, end);
}

/* A body that stayed empty behind a junk line and the separator: they are the body. The separator's
 * line end then stands before the delimiter. */
static uint64_t body_is_junk(MbScan *scan, uint64_t end, bool by_delimiter)
{
    ScanRegion *region = &scan->region;
    MbPart *part = mb_tree_part_mutable(scan->tree, region->part);

    part->header.length = region->junk - part->header.offset;
    part->separator = (MbRange){region->junk, 0};
    region->start = region->junk;
    scan_defect(scan, MB_DEFECT_NO_SEPARATOR, region->part, region->junk, 0, NULL);
    return by_delimiter ? region->junk_end : end;
}

uint64_t scan_region_end(MbScan *scan, uint64_t end, bool by_delimiter)
{
    ScanRegion *region = &scan->region;
    ScanBodyStart start = {
        .start = region->start, .junk = region->junk, .junk_end = region->junk_end};

    if (region->junk != SCAN_NOWHERE && end == region->start)
        end = body_is_junk(scan, end, by_delimiter);
    else
        skip_held_junk(scan, region->part, &start);
    if (region->kind == MB_BYTES_BODY)
        end_body(scan, end);
    else if (region->kind == MB_BYTES_GAP)
        scan_emit(scan, MB_BYTES_GAP, region->part, end);
    else
        end_surrounding(scan, end);
    return end;
}

/* An embedded message of no bytes: its part is taken back. */
static void drop_empty(MbScan *scan, uint32_t message, uint64_t end)
{
    MbTree *tree = scan->tree;
    MbPart *part = mb_tree_part_mutable(tree, message);

    if (part->body.length > 0 || part->first_child != tree->parts.count - 1)
        return;
    tree->parts.count--;
    part->first_child = part->last_child = MB_TREE_NONE;
    part->children[0] = 0;
    scan_defect(scan, MB_DEFECT_NESTED_EMPTY, message, end, 0, NULL);
}

void scan_frames_pop(MbScan *scan, guint left, uint64_t end)
{
    while (scan->frames->len > left) {
        ScanFrame frame = *scan_frame(scan, scan->frames->len - 1);
        MbPart *part = mb_tree_part_mutable(scan->tree, frame.part);

        part->body.length = end - part->body.offset;
        part->is_complete = !frame.is_multipart || frame.is_closed;
        if (!part->is_complete)
            scan_defect(scan, frame.is_seen ? MB_DEFECT_END_MISSING : MB_DEFECT_BOUNDARY_NEVER,
                        frame.part, end, 0, NULL);
        if (!frame.is_multipart)
            drop_empty(scan, frame.part, end);
        drop_boundaries(scan, frame.boundaries, frame.bytes);
        g_array_set_size(scan->frames, scan->frames->len - 1);
        mb_budget_leave(scan->budget);
    }
}
