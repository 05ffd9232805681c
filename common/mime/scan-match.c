/*
 *   delimiter  = line-end "--" boundary *blank [ text ] line-end       (RFC 2046, 5.1.1)
 *   close      = line-end "--" boundary "--" *blank [ text ] line-end
 *
 * A line that begins with several of the open boundaries belongs to the longest; of equal ones to
 * the innermost that is not closed.
 */
#include "scan-private.h"

#include <string.h>

#define GUESS_MAX    998 /* octets of a line that a boundary is guessed from */
#define READINGS_MAX 8   /* of one multipart's boundary */

bool scan_push_boundary(MbScan *scan, guint frame, const uint8_t *bytes, size_t length)
{
    ScanBoundary boundary = {frame, scan->boundary_bytes->len,
                             (guint)MIN(length, MB_SCAN_BOUNDARY_MAX)};
    guint readings = 0;

    for (guint i = scan->boundaries->len; i-- > 0;) {
        const ScanBoundary *other = &g_array_index(scan->boundaries, ScanBoundary, i);
        bool is_same = other->length == boundary.length &&
                       memcmp(scan->boundary_bytes->data + other->at, bytes, boundary.length) == 0;

        if (other->frame == frame && (is_same || ++readings == READINGS_MAX))
            return false;
        if (is_same && other->frame != frame) {
            scan_defect(scan, MB_DEFECT_BOUNDARY_SAME, scan_frame(scan, other->frame)->part,
                        scan_offset(scan, scan->at), 0, NULL);
            break;
        }
    }
    g_byte_array_append(scan->boundary_bytes, bytes, boundary.length);
    g_array_append_val(scan->boundaries, boundary);
    return true;
}

static bool ends_boundary(uint8_t c)
{
    return scan_is_blank(c) || c == '\r' || c == '\n';
}

/* What follows the boundary, at `tail`. SCAN_NO: the line only begins like a delimiter. */
static ScanVerdict match_tail(const MbScan *scan, size_t at, size_t tail, ScanMatch *match)
{
    size_t left = scan->length - tail;
    const uint8_t *bytes = scan->bytes + tail;

    match->is_close = false;
    match->is_exact = true;
    match->length = tail - at;
    if (left == 0)
        return scan->is_final ? SCAN_YES : SCAN_MORE;
    if (ends_boundary(bytes[0]))
        return tail == at + 2 && scan_is_blank(bytes[0]) ? SCAN_NO : SCAN_YES;
    if (bytes[0] != '-')
        return SCAN_NO;
    if (left < 3 && !scan->is_final)
        return SCAN_MORE;
    if (left < 2 || bytes[1] != '-')
        return SCAN_NO;
    match->is_close = true;
    match->is_exact = left == 2 || ends_boundary(bytes[2]);
    match->length += 2;
    return match->is_exact || tail > at + 2 ? SCAN_YES : SCAN_NO;
}

/* `at` is where "--" stands. */
static ScanVerdict match_one(MbScan *scan, size_t at, const ScanBoundary *boundary,
                             ScanMatch *match)
{
    size_t here = MIN(scan->length - (at + 2), boundary->length);

    scan->steps += 1 + here / 16;
    if (memcmp(scan->bytes + at + 2, scan->boundary_bytes->data + boundary->at, here) != 0)
        return SCAN_NO;
    if (here < boundary->length)
        return scan->is_final ? SCAN_NO : SCAN_MORE;
    match->frame = boundary->frame;
    return match_tail(scan, at, at + 2 + here, match);
}

/* Whether the frame still takes such a delimiter. */
static bool is_welcome(const ScanFrame *frame, const ScanMatch *match)
{
    return match->is_close ? !frame->is_closed : !frame->is_skipping;
}

static bool is_better(const MbScan *scan, const ScanMatch *match, size_t length,
                      const ScanMatch *best, size_t best_length)
{
    if (length != best_length)
        return length > best_length;
    return scan_frame(scan, best->frame)->is_closed && !scan_frame(scan, match->frame)->is_closed;
}

static void note_like(MbScan *scan, size_t at)
{
    if (scan->state != SCAN_AT_BODY || scan->region.is_like_noted)
        return;
    scan->region.is_like_noted = true;
    scan_defect(scan, MB_DEFECT_DELIMITER_LIKE, scan->region.part, scan_offset(scan, at), 0, NULL);
}

/* A multipart that named no boundary: its preamble's first line "--text" says it. */
static ScanVerdict guess(MbScan *scan, size_t at, ScanMatch *match)
{
    guint top = scan->frames->len - 1;
    size_t start = at + 2;
    size_t end = start;
    bool has_word = false;
    ScanBoundary boundary = {top, 0, 0};

    while (end < scan->length && !ends_boundary(scan->bytes[end]) && end - at < GUESS_MAX) {
        has_word = has_word || g_ascii_isalnum(scan->bytes[end]);
        end++;
    }
    if (end == scan->length && !scan->is_final && end - at < GUESS_MAX)
        return SCAN_MORE;
    if (!has_word || end - at >= GUESS_MAX ||
        (end - start > 2 && memcmp(scan->bytes + end - 2, "--", 2) == 0))
        return SCAN_NO;
    boundary.at = scan->boundary_bytes->len;
    boundary.length = (guint)(end - start);
    scan_frame(scan, top)->is_guessing = false;
    if (!scan_push_boundary(scan, top, scan->bytes + start, boundary.length))
        return SCAN_NO;
    return match_one(scan, at, &boundary, match);
}

static bool is_guessing(const MbScan *scan)
{
    const ScanFrame *top;

    if (scan->frames->len == 0 || scan->state != SCAN_AT_BODY)
        return false;
    top = scan_frame(scan, scan->frames->len - 1);
    return top->is_guessing && scan->region.kind == MB_BYTES_PREAMBLE;
}

ScanVerdict scan_match_at(MbScan *scan, size_t at, ScanMatch *match)
{
    guint best_length = 0;
    bool found = false;
    bool is_like = false;

    if (at + 1 == scan->length)
        return scan->is_final ? SCAN_NO : SCAN_MORE;
    if (scan->bytes[at + 1] != '-')
        return SCAN_NO;
    for (guint i = scan->boundaries->len; i-- > 0;) {
        const ScanBoundary *boundary = &g_array_index(scan->boundaries, ScanBoundary, i);
        ScanMatch one = {0};
        ScanVerdict verdict = match_one(scan, at, boundary, &one);

        if (verdict == SCAN_MORE)
            return SCAN_MORE;
        is_like = is_like || (verdict == SCAN_NO && one.length > 2);
        if (verdict == SCAN_NO || !is_welcome(scan_frame(scan, one.frame), &one))
            continue;
        if (found && !is_better(scan, &one, boundary->length, match, best_length))
            continue;
        *match = one;
        best_length = boundary->length;
        found = true;
    }
    if (found)
        return SCAN_YES;
    if (is_like)
        note_like(scan, at);
    return is_guessing(scan) ? guess(scan, at, match) : SCAN_NO;
}

/* Delimiters in the bytes ---------------------------------------------------------------------- */

/* The next "-" at the start of a line, or the window's length; and the line end before it. */
static size_t next_candidate(MbScan *scan, size_t from, size_t *eol)
{
    const uint8_t *bytes = scan->bytes;
    const uint8_t *dash;

    while ((dash = memchr(bytes + from, '-', scan->length - from)) != NULL) {
        size_t i = (size_t)(dash - bytes);

        scan->steps += 1 + (i - from) / 16;
        if (scan_offset(scan, i) == scan->region.line_start) {
            *eol = 0;
            return i;
        }
        if (i > scan->at && (bytes[i - 1] == '\n' || bytes[i - 1] == '\r')) {
            *eol = bytes[i - 1] == '\n' && i > scan->at + 1 && bytes[i - 2] == '\r' ? 2 : 1;
            return i;
        }
        for (from = i + 1; from < scan->length && bytes[from] == '-'; from++)
            ;
    }
    scan->steps += 1 + (scan->length - from) / 16;
    return scan->length;
}

static void found_delimiter(MbScan *scan, size_t at, size_t eol, const ScanMatch *match)
{
    ScanRegion *region = &scan->region;
    uint64_t end = scan_offset(scan, at - eol);

    scan_region_take(scan, at - eol);
    if (eol == 1 && scan->bytes[at - 1] == '\r')
        scan_defect(scan, MB_DEFECT_DELIMITER_CR, region->part, end, 1, NULL);
    if (scan_offset(scan, at) == region->line_start)
        end -= region->line_start_eol;
    scan_delimiter_begin(scan, at, scan_region_end(scan, end, true), match);
}

/* The line end before what may become a delimiter is not the body's until that is clear. */
static size_t held_back(const MbScan *scan)
{
    size_t left = scan->length - scan->at;
    const uint8_t *end = scan->bytes + scan->length;

    if (scan->is_final || left == 0 || (end[-1] != '\n' && end[-1] != '\r'))
        return 0;
    return left > 1 && end[-1] == '\n' && end[-2] == '\r' ? 2 : 1;
}

bool scan_body_step(MbScan *scan)
{
    size_t from = scan->at;
    ScanMatch match;
    size_t eol = 0;

    if (scan->boundaries->len == 0 && !is_guessing(scan)) {
        scan_region_take(scan, scan->length);
        return false;
    }
    for (;;) {
        size_t at = next_candidate(scan, from, &eol);
        ScanVerdict verdict;

        if (at == scan->length)
            break;
        verdict = scan_match_at(scan, at, &match);
        if (verdict == SCAN_YES) {
            found_delimiter(scan, at, eol, &match);
            return true;
        }
        if (verdict == SCAN_MORE) {
            scan_region_take(scan, at - eol);
            return false;
        }
        from = at + 1;
    }
    scan_region_take(scan, scan->length - held_back(scan));
    return false;
}

void scan_delimiter_begin(MbScan *scan, size_t at, uint64_t start, const ScanMatch *match)
{
    ScanFrame *frame = scan_frame(scan, match->frame);
    uint32_t part = frame->part;

    scan_frames_pop(scan, match->frame + 1, start);
    frame->is_seen = true;
    if (match->is_close) {
        frame->is_closed = true;
    } else if (scan_parts_full(scan, part)) {
        frame->is_skipping = true;
    } else {
        if (frame->is_closed)
            scan_defect(scan, MB_DEFECT_AFTER_END, part, start, 0, NULL);
        frame->is_closed = false;
        part = mb_tree_add_part(scan->tree, MB_PART_LEAF, part, scan->space, NULL, 0);
        mb_tree_part_mutable(scan->tree, part)->has_ranges = true;
    }
    scan->delimiter = (ScanDelimiter){*match, part, start, SCAN_NOWHERE};
    scan->at = at + match->length;
    scan->state = SCAN_IN_DELIMITER;
}

static void end_delimiter(MbScan *scan)
{
    const ScanDelimiter *delimiter = &scan->delimiter;
    const ScanFrame *frame = scan_frame(scan, delimiter->match.frame);
    MbPart *part = mb_tree_part_mutable(scan->tree, delimiter->part);
    uint64_t end = scan_offset(scan, scan->at);
    MbRange range = {delimiter->start, end - delimiter->start};

    scan_emit(scan, MB_BYTES_DELIMITER, delimiter->part, end);
    if (delimiter->text != SCAN_NOWHERE)
        scan_defect(scan, MB_DEFECT_DELIMITER_TEXT, delimiter->part, delimiter->text,
                    end - delimiter->text, NULL);
    if (delimiter->match.is_close) {
        part->end_delimiter = range;
        scan_region_begin(scan, MB_BYTES_EPILOGUE, frame->part);
    } else if (frame->is_skipping) {
        scan_region_begin(scan, MB_BYTES_GAP, frame->part);
    } else {
        part->delimiter = range;
        scan_block_begin(scan, delimiter->part, false);
    }
}

bool scan_delimiter_step(MbScan *scan)
{
    ScanDelimiter *delimiter = &scan->delimiter;
    ScanVerdict verdict;
    ScanLine line;

    for (; scan->at < scan->length; scan->at++) {
        uint8_t c = scan->bytes[scan->at];

        if (c == '\r' || c == '\n')
            break;
        /* Others take a delimiter with a vertical tab or form feed behind it for none. */
        if (delimiter->text == SCAN_NOWHERE && c != ' ' && c != '\t')
            delimiter->text = scan_offset(scan, scan->at);
    }
    verdict = scan_eol_at(scan, scan->at, &line);
    if (verdict == SCAN_YES) {
        if (line.eol == SCAN_EOL_CR)
            scan_defect(scan, MB_DEFECT_DELIMITER_CR, delimiter->part, scan_offset(scan, line.end),
                        1, NULL);
        scan->at = line.next;
    } else if (!scan->is_final) {
        return false;
    }
    end_delimiter(scan);
    return true;
}
