/*
 *   block     = [ BOM ] *( From_ / blank ) *( field / junk ) ( separator / none )
 *   field     = name *blank ":" text eol *( blank text eol )
 *   junk      = a line that is none of these, and its folds
 *   separator = eol
 *
 * Junk is skipped when a field or (once) the separator follows; otherwise it begins the body.
 */
#include "scan-private.h"

#include <string.h>

/* So many junk lines in a row are a body without its separator, whatever follows. */
#define JUNK_LINES_MAX 16

#define LINE_MAX_OCTETS 998 /* RFC 5322, 2.1.1 */

void scan_block_begin(MbScan *scan, uint32_t part, bool is_message)
{
    uint64_t here = scan_offset(scan, scan->at);

    scan->block = (ScanBlock){
        .part = part,
        .is_message = is_message,
        .is_leading = true,
        .field = MB_TREE_NONE,
        .start = here,
        .line = here,
        .junk = SCAN_NOWHERE,
        .blank_fold = SCAN_NOWHERE,
        .blanks = SCAN_NOWHERE,
        .eol_at = {SCAN_NOWHERE, SCAN_NOWHERE, SCAN_NOWHERE, SCAN_NOWHERE},
        .bare_cr = SCAN_NOWHERE,
        .vertical_tab = SCAN_NOWHERE,
        .long_line = SCAN_NOWHERE,
        .nul = SCAN_NOWHERE,
        .nul_checked = here,
    };
    scan_values_reset(scan);
    scan->state = SCAN_AT_LINE;
}

static void check_name(MbScan *scan, size_t at, size_t name_length, size_t value)
{
    uint32_t part = scan->block.part;

    if (value != at + name_length + 1)
        scan_defect(scan, MB_DEFECT_HEADER_NAME_BLANK, part, scan_offset(scan, at + name_length),
                    value - 1 - (at + name_length), NULL);
    for (size_t i = at; i < at + name_length; i++) {
        if (scan->bytes[i] > ' ' && scan->bytes[i] < 0x7F)
            continue;
        scan_defect(scan, MB_DEFECT_HEADER_NAME_BYTES, part, scan_offset(scan, i), 1, NULL);
        return;
    }
}

/* The header goes on behind the junk lines before `offset`: they belong to nothing. */
static void skip_junk(MbScan *scan, uint64_t offset)
{
    ScanBlock *block = &scan->block;

    if (block->junk == SCAN_NOWHERE)
        return;
    scan_emit(scan, MB_BYTES_HEADER, block->part, block->junk);
    scan_emit(scan, MB_BYTES_GAP, block->part, offset);
    scan_defect(scan, MB_DEFECT_HEADER_JUNK, block->part, block->junk, offset - block->junk, NULL);
    block->junk = SCAN_NOWHERE;
    block->junk_lines = 0;
}

static void close_field(MbScan *scan, uint64_t end)
{
    MbField *field;

    if (scan->block.field == MB_TREE_NONE)
        return;
    field = &scan->tree->fields.items[scan->block.field];
    field->length = end - field->offset;
}

static void begin_field(MbScan *scan, size_t name_length, size_t value)
{
    ScanBlock *block = &scan->block;
    uint64_t offset = scan_offset(scan, scan->at);
    MbField field = {
        .offset = offset,
        .length = value - scan->at,
        .name_length = (uint32_t)name_length,
        .value_start = (uint32_t)(value - scan->at),
        .part = block->part,
        .kind = scan_name_kind(scan->bytes + scan->at, name_length),
    };

    skip_junk(scan, offset);
    check_name(scan, scan->at, name_length, value);
    block->field = MB_TREE_NONE;
    block->fields++;
    block->is_leading = false;
    block->line_is_blank = false;
    if (mb_tree_fields(scan->tree) < MIN(scan->budget->limits->max_headers, UINT32_MAX - 1)) {
        block->field = mb_tree_add_field(scan->tree, &field);
    } else if (!block->over_limit) {
        block->over_limit = true;
        scan_limit(scan, MB_LIMIT_HEADERS);
        scan_defect(scan, MB_DEFECT_LIMIT_HEADERS, block->part, offset, 0, NULL);
    }
    if (field.kind == MB_FIELD_CONTENT_TYPE || field.kind == MB_FIELD_CONTENT_ENCODING)
        scan_value_begin(scan, field.kind, block->field, scan_offset(scan, value));
    else
        scan_value_begin(scan, MB_FIELD_OTHER, MB_TREE_NONE, 0);
    scan->at = value;
    scan->state = SCAN_IN_FIELD;
}

void scan_note_line_end(MbScan *scan, const ScanLine *line)
{
    ScanBlock *block = &scan->block;
    uint64_t end = scan_offset(scan, line->end);

    block->last_eol = (uint32_t)(line->next - line->end);
    if (block->eol_at[line->eol] == SCAN_NOWHERE)
        block->eol_at[line->eol] = end;
    if (end - block->line > LINE_MAX_OCTETS && block->long_line == SCAN_NOWHERE)
        block->long_line = block->line;
}

/* Content of the open line: bytes of a structural field are kept, blank folds recognised. */
static void take_text(MbScan *scan, size_t end)
{
    const uint8_t *bytes = scan->bytes + scan->at;
    size_t length = end - scan->at;

    if (scan->value_is_open)
        scan_value_add(scan, bytes, length);
    for (size_t i = 0; scan->block.line_is_blank && i < length; i++)
        scan->block.line_is_blank = scan_is_blank(bytes[i]);
    scan->at = end;
}

/* SCAN_IN_FIELD and SCAN_IN_JUNK: up to the line's end. */
static bool in_line(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    ScanLine line;
    bool is_whole = scan_line_end(scan, scan->at, &line);

    if (!is_whole && (scan->is_final || line.end > scan->at))
        take_text(scan, line.end);
    if (!is_whole)
        return false;
    take_text(scan, line.end);
    scan_note_line_end(scan, &line);
    if (scan->value_is_open)
        scan_value_add(scan, scan->bytes + line.end, line.next - line.end);
    scan->at = line.next;
    if (scan->state == SCAN_IN_FIELD) {
        close_field(scan, scan_offset(scan, scan->at));
        block->blank_fold = block->line_is_blank ? block->line : SCAN_NOWHERE;
    }
    block->line = scan_offset(scan, scan->at);
    scan->state = SCAN_AT_LINE;
    return true;
}

/* An embedded message without a single byte is reported with the part that holds it. */
static bool is_nothing(const MbScan *scan)
{
    const ScanBlock *block = &scan->block;

    return block->is_leading && scan_offset(scan, scan->at) == block->start &&
           mb_tree_part(scan->tree, block->part)->parent != MB_TREE_NONE;
}

/* What was found before `end`, where the header ends. */
static void report_lines(MbScan *scan, uint64_t end)
{
    ScanBlock *block = &scan->block;
    const struct {
        uint64_t at;
        MbDefectCode code;
    } found[] = {
        {block->eol_at[SCAN_EOL_CR], MB_DEFECT_LINE_END_CR},
        {block->eol_at[SCAN_EOL_CRCRLF], MB_DEFECT_LINE_END_CRCRLF},
        {block->bare_cr, MB_DEFECT_BARE_CR},
        {block->vertical_tab, MB_DEFECT_HEADER_VT},
        {block->long_line, MB_DEFECT_HEADER_LONG_LINE},
        {block->nul, MB_DEFECT_HEADER_NUL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(found); i++) {
        if (found[i].at < end)
            scan_defect(scan, found[i].code, block->part, found[i].at, 1, NULL);
    }
    if (block->eol_at[SCAN_EOL_LF] != SCAN_NOWHERE && block->eol_at[SCAN_EOL_CRLF] != SCAN_NOWHERE)
        scan_defect(scan, MB_DEFECT_LINE_END_MIXED, block->part,
                    MAX(block->eol_at[SCAN_EOL_LF], block->eol_at[SCAN_EOL_CRLF]), 1, NULL);
    if (block->is_message && block->fields == 0 && !is_nothing(scan))
        scan_defect(scan, MB_DEFECT_NO_HEADER, block->part, block->start, 0, NULL);
}

/* NULs are looked for a window at a time, in one go. */
static void check_nuls(MbScan *scan, uint64_t upto)
{
    ScanBlock *block = &scan->block;
    uint64_t from = MAX(block->nul_checked, scan->base);
    const uint8_t *nul;

    if (block->nul == SCAN_NOWHERE && upto > from) {
        nul = memchr(scan->bytes + (from - scan->base), '\0', (size_t)(upto - from));
        if (nul != NULL)
            block->nul = scan_offset(scan, (size_t)(nul - scan->bytes));
    }
    block->nul_checked = MAX(block->nul_checked, upto);
}

void scan_header_window_ends(MbScan *scan)
{
    check_nuls(scan, scan_offset(scan, scan->at));
}

void scan_settle(MbScan *scan, uint64_t header_end, uint64_t separator_end)
{
    ScanBlock *block = &scan->block;
    MbPart *part = mb_tree_part_mutable(scan->tree, block->part);

    part->header = (MbRange){block->start, header_end - block->start};
    part->separator = (MbRange){header_end, separator_end - header_end};
    part->body = (MbRange){separator_end, 0};
    scan_emit(scan, MB_BYTES_HEADER, block->part, header_end);
    scan_emit(scan, MB_BYTES_SEPARATOR, block->part, separator_end);
    check_nuls(scan, MIN(header_end, scan_offset(scan, scan->at)));
    report_lines(scan, separator_end);
}

/* The body begins with the junk lines; a fold of blanks before them was meant as the separator. */
static void body_at_junk(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    uint64_t junk = block->junk;
    bool is_read = scan_offset(scan, scan->at) > junk;
    ScanBodyStart start = {
        .start = junk,
        .eol = is_read ? block->last_eol : 0,
        .has_text = is_read,
        .junk = SCAN_NOWHERE,
    };
    MbField *field;

    if (block->blank_fold == SCAN_NOWHERE) {
        scan_settle(scan, junk, junk);
        if (block->fields > 0)
            scan_defect(scan, MB_DEFECT_NO_SEPARATOR, block->part, junk, 0, NULL);
    } else {
        if (block->field != MB_TREE_NONE) {
            field = &scan->tree->fields.items[block->field];
            field->length = block->blank_fold - field->offset;
        }
        scan_settle(scan, block->blank_fold, junk);
        scan_defect(scan, MB_DEFECT_BLANK_SEPARATOR, block->part, block->blank_fold,
                    junk - block->blank_fold, NULL);
    }
    scan_body_begin(scan, block->part, &start);
}

static bool junk_line(MbScan *scan)
{
    ScanBlock *block = &scan->block;

    if (block->junk == SCAN_NOWHERE)
        block->junk = scan_offset(scan, scan->at);
    block->is_leading = false;
    block->junk_lines++;
    if (block->junk_lines >= JUNK_LINES_MAX || block->blank_fold != SCAN_NOWHERE) {
        body_at_junk(scan);
        return true;
    }
    scan_value_begin(scan, MB_FIELD_OTHER, MB_TREE_NONE, 0);
    scan->state = SCAN_IN_JUNK;
    return true;
}

/* One junk line before the separator is skipped, unless nothing comes after: then it is the body,
 * which the region finds out. Several, or where no field was met, are the body at once. */
static bool separator_line(MbScan *scan, const ScanLine *line)
{
    ScanBlock *block = &scan->block;
    uint64_t from = scan_offset(scan, scan->at);
    ScanBodyStart start = {.start = scan_offset(scan, line->next), .junk = block->junk};
    MbPart *part;

    if (block->junk != SCAN_NOWHERE && (block->junk_lines > 1 || block->fields == 0)) {
        body_at_junk(scan);
        return true;
    }
    scan_note_line_end(scan, line);
    scan->at = line->next;
    if (block->junk == SCAN_NOWHERE) {
        scan_settle(scan, from, start.start);
    } else {
        start.junk_end = from;
        scan_settle(scan, block->junk, block->junk);
        part = mb_tree_part_mutable(scan->tree, block->part);
        part->header.length = from - block->start;
        part->separator = (MbRange){from, start.start - from};
        part->body.offset = start.start;
    }
    scan_body_begin(scan, block->part, &start);
    return true;
}

/* A line that begins with a blank goes on with the one before. */
static bool folded_line(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    uint8_t c = scan->bytes[scan->at];

    if (block->junk == SCAN_NOWHERE && block->fields == 0)
        return junk_line(scan);
    if (c == '\v' || c == '\f')
        block->vertical_tab = MIN(block->vertical_tab, scan_offset(scan, scan->at));
    block->line_is_blank = block->junk == SCAN_NOWHERE;
    scan->state = block->junk == SCAN_NOWHERE ? SCAN_IN_FIELD : SCAN_IN_JUNK;
    return true;
}

/* Neither delimiter nor empty. */
static bool text_line(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    size_t name_length = 0;
    size_t value = 0;
    bool is_leading = block->is_message && block->is_leading;
    ScanVerdict verdict = is_leading ? scan_lead_bom(scan) : SCAN_NO;

    if (verdict == SCAN_NO)
        verdict = scan_name_at(scan, scan->at, &name_length, &value);
    else if (verdict == SCAN_YES)
        return true;
    if (verdict == SCAN_MORE)
        return false;
    if (verdict == SCAN_YES && block->junk_lines > 1 &&
        !scan_name_is_well_known(scan->bytes + scan->at, name_length))
        verdict = SCAN_NO;
    if (verdict == SCAN_NO && is_leading) {
        verdict = scan_lead_from(scan);
        if (verdict != SCAN_NO)
            return verdict == SCAN_YES;
        if (block->blanks != SCAN_NOWHERE) {
            scan_lead_body(scan);
            return true;
        }
    }
    if (verdict == SCAN_YES) {
        scan_lead_skip(scan);
        begin_field(scan, name_length, value);
        return true;
    }
    return scan_is_blank(scan->bytes[scan->at]) ? folded_line(scan) : junk_line(scan);
}

static bool at_line(MbScan *scan)
{
    ScanBlock *block = &scan->block;
    ScanVerdict verdict;
    ScanMatch match;
    ScanLine line;

    if (scan->at == scan->length)
        return false;
    if (scan->bytes[scan->at] == '-' && scan->boundaries->len > 0) {
        verdict = scan_match_at(scan, scan->at, &match);
        if (verdict == SCAN_MORE)
            return false;
        if (verdict == SCAN_YES) {
            uint64_t end = scan_block_cut(scan, scan_offset(scan, scan->at), true);

            scan_delimiter_begin(scan, scan->at, end, &match);
            return true;
        }
    }
    verdict = scan_eol_at(scan, scan->at, &line);
    if (verdict == SCAN_MORE)
        return false;
    if (verdict == SCAN_NO)
        return text_line(scan);
    if (block->is_message && block->is_leading) {
        scan_lead_blank(scan, &line);
        return true;
    }
    return separator_line(scan, &line);
}

bool scan_header_step(MbScan *scan)
{
    switch (scan->state) {
    case SCAN_IN_FIELD:
    case SCAN_IN_JUNK: return in_line(scan);
    case SCAN_IN_FRAMING: return scan_lead_framing(scan);
    default: return at_line(scan);
    }
}

uint64_t scan_block_cut(MbScan *scan, uint64_t end, bool by_delimiter)
{
    ScanBlock *block = &scan->block;

    if (scan->state == SCAN_IN_FRAMING)
        scan_emit(scan, MB_BYTES_FRAMING, block->part, end);
    if (block->junk != SCAN_NOWHERE || block->blanks != SCAN_NOWHERE) {
        if (block->junk != SCAN_NOWHERE)
            body_at_junk(scan);
        else
            scan_lead_body(scan);
        if (scan->state == SCAN_AT_BODY)
            return scan_region_end(scan, by_delimiter ? end - scan->region.line_start_eol : end,
                                   by_delimiter);
        return scan_block_cut(scan, end, by_delimiter);
    }
    close_field(scan, end);
    if (scan->state == SCAN_IN_FRAMING)
        block->start = end;
    scan_settle(scan, end, end);
    if (block->fields > 0)
        scan_defect(scan, MB_DEFECT_HEADER_CUT, block->part, end, 0, NULL);
    scan_body_none(scan, block->part);
    return end;
}
