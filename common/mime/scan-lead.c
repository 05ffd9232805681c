/*
 * What stands before a message's header: a byte order mark, From_ lines, blank lines.
 */
#include "scan-private.h"

#include <string.h>

/* Blank lines before a message's header wait: a field behind them makes them a gap; otherwise the
 * first of them is the separator of a message without header. */
void scan_lead_blank(MbScan *scan, const ScanLine *line)
{
    ScanBlock *block = &scan->block;

    scan_note_line_end(scan, line);
    if (block->blanks == SCAN_NOWHERE) {
        block->blanks = scan_offset(scan, scan->at);
        block->blanks_end = scan_offset(scan, line->next);
    }
    scan->at = line->next;
    block->line = scan_offset(scan, scan->at);
}

void scan_lead_body(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    ScanBodyStart start = {.start = block->blanks_end, .junk = SCAN_NOWHERE};

    if (scan_offset(scan, scan->at) > start.start)
        start.eol = block->last_eol;
    block->start = block->blanks;
    scan_settle(scan, block->blanks, block->blanks_end);
    scan_body_begin(scan, block->part, &start);
}

void scan_lead_skip(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    uint64_t here = scan_offset(scan, scan->at);

    if (block->blanks == SCAN_NOWHERE)
        return;
    scan_emit(scan, MB_BYTES_GAP, block->part, here);
    scan_defect(scan, MB_DEFECT_LEADING_BLANK, block->part, block->blanks, here - block->blanks,
                NULL);
    block->start = here;
    block->blanks = SCAN_NOWHERE;
}

/* Whether the bytes at `at` begin with `text`. */
static ScanVerdict begins_with(const MbScan *scan, size_t at, const char *text)
{
    size_t length = strlen(text);
    size_t here = MIN(scan->length - at, length);

    if (memcmp(scan->bytes + at, text, here) != 0)
        return SCAN_NO;
    return here == length ? SCAN_YES : scan->is_final ? SCAN_NO : SCAN_MORE;
}

/* It would look like the beginning of a field's name. */
ScanVerdict scan_lead_bom(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    ScanVerdict verdict = begins_with(scan, scan->at, "\xEF\xBB\xBF");

    if (verdict != SCAN_YES)
        return verdict;
    scan_lead_skip(scan);
    scan_defect(scan, MB_DEFECT_BOM, block->part, scan_offset(scan, scan->at), 3, NULL);
    scan->at += 3;
    block->start = block->line = scan_offset(scan, scan->at);
    scan_emit(scan, MB_BYTES_FRAMING, block->part, block->start);
    return SCAN_YES;
}

ScanVerdict scan_lead_from(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    bool is_root = mb_tree_part(scan->tree, block->part)->parent == MB_TREE_NONE;
    bool is_quoted = scan->bytes[scan->at] == '>';
    ScanVerdict verdict = begins_with(scan, scan->at, is_quoted ? ">From " : "From ");

    if (verdict != SCAN_YES)
        return verdict;
    scan_lead_skip(scan);
    if (is_quoted || block->is_framed || !is_root)
        scan_defect(scan, MB_DEFECT_FROM_LINE, block->part, scan_offset(scan, scan->at), 5, NULL);
    block->is_framed = true;
    scan->state = SCAN_IN_FRAMING;
    return SCAN_YES;
}

bool scan_lead_framing(MbScan *scan)
{
    ScanLine line;
    bool is_whole = scan_line_end(scan, scan->at, &line);

    scan->at = is_whole ? line.next : line.end;
    if (!is_whole)
        return false;
    scan_emit(scan, MB_BYTES_FRAMING, scan->block.part, scan_offset(scan, scan->at));
    scan->block.start = scan->block.line = scan_offset(scan, scan->at);
    scan->state = SCAN_AT_LINE;
    return true;
}
