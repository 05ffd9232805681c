/*
 * The scanner's state, shared by its files:
 *   scan.c         the window, the loop, the beginning and the end
 *   scan-lead.c    what stands before a message's header
 *   scan-header.c  header blocks, line by line
 *   scan-type.c    what a header block says about structure: type, encoding, boundaries
 *   scan-body.c    regions: body, preamble, epilogue, gap; containers opened and left
 *   scan-match.c   delimiters: found, matched, read
 *
 * Bytes are addressed in two ways: as an index into the window (size_t), and as an offset in the
 * space (uint64_t), which stays true from push to push. Segments are given out lazily: everything
 * before `emitted` has its kind; what is in doubt (junk lines, blank lines) waits behind it.
 */
#pragma once

#include "tree-private.h"

#include <mailbatch/mime/params.h>
#include <mailbatch/mime/scan.h>

#define SCAN_NOWHERE UINT64_MAX

/* Results of a look at bytes that may not all be here. */
typedef enum {
    SCAN_MORE = -1,
    SCAN_NO = 0,
    SCAN_YES = 1,
} ScanVerdict;

typedef enum {
    SCAN_AT_LINE,      /* start of a header line */
    SCAN_IN_FIELD,     /* inside a field's line */
    SCAN_IN_JUNK,      /* inside a line that is no field */
    SCAN_IN_FRAMING,   /* inside a From_ line */
    SCAN_AT_BODY,      /* inside a region */
    SCAN_IN_DELIMITER, /* behind the boundary on its line */
} ScanState;

typedef enum {
    SCAN_EOL_LF,
    SCAN_EOL_CRLF,
    SCAN_EOL_CR,
    SCAN_EOL_CRCRLF,
    SCAN_EOL_KINDS,
} ScanEol;

typedef struct {
    size_t end;  /* of the text; where the window ends first, up to here it belongs to the line */
    size_t next; /* behind the line end */
    ScanEol eol;
} ScanLine;

/* The header block that is being read. */
typedef struct {
    uint32_t part;
    bool is_message;     /* From_ lines and blank lines may stand before it */
    bool is_leading;     /* no line but those was met */
    bool is_framed;      /* a From_ line was met */
    bool line_is_blank;  /* so far, of a continuation line */
    bool over_limit;     /* fields are no longer listed */
    uint32_t field;      /* the open one, or MB_TREE_NONE */
    uint64_t fields;     /* met, listed or not */
    uint64_t start;      /* of the first line that counts */
    uint64_t line;       /* start of this line */
    uint64_t junk;       /* first of the junk lines just before, or SCAN_NOWHERE */
    uint32_t junk_lines; /* in a row */
    uint64_t blank_fold; /* start of the line just before, when it was a fold of blanks only */
    uint64_t blanks;     /* first of the leading blank lines, or SCAN_NOWHERE */
    uint64_t blanks_end; /* where that first one ends */
    uint32_t last_eol;   /* length of the line end just before */
    uint64_t eol_at[SCAN_EOL_KINDS]; /* first of each kind, or SCAN_NOWHERE */
    uint64_t bare_cr;
    uint64_t vertical_tab;
    uint64_t long_line;
    uint64_t nul;
    uint64_t nul_checked; /* up to here */
} ScanBlock;

/* A run of bytes between a header block or delimiter and the next delimiter. */
typedef struct {
    MbBytesKind kind; /* body, preamble, epilogue, gap */
    uint32_t part;    /* the leaf, or the multipart it belongs to */
    uint64_t start;
    uint64_t text;       /* first byte that is no blank: preamble and epilogue; or SCAN_NOWHERE */
    uint64_t nul;        /* first NUL: body; or SCAN_NOWHERE */
    uint64_t line_start; /* an offset where a line begins though its line end is behind us */
    uint32_t line_start_eol; /* the length of that line end, when it lies in the region */
    uint64_t junk;           /* a junk line and the separator behind it: they are the body */
    uint64_t junk_end;       /* when that turns out to be empty */
    bool is_like_noted;
} ScanRegion;

/* Where a body begins, and what is known of it then. */
typedef struct {
    uint64_t start;
    uint32_t eol;  /* length of the last line end, when it belongs to what was read of the body */
    bool has_text; /* more than blanks was read of it */
    uint64_t junk; /* as in ScanRegion */
    uint64_t junk_end;
} ScanBodyStart;

/* A container that is open. */
typedef struct {
    uint32_t part;
    bool is_multipart;
    bool is_seen;     /* one of its delimiters was */
    bool is_closed;   /* its end delimiter was the last one seen */
    bool is_guessing; /* it named no boundary: the first line with "--" will */
    bool is_skipping; /* too many parts: what follows is a gap */
    guint boundaries; /* how many stood below it on the stack of boundaries */
    guint bytes;      /* how much of boundary_bytes stood below it */
} ScanFrame;

typedef struct {
    guint frame;
    guint at; /* in boundary_bytes */
    guint length;
} ScanBoundary;

typedef struct {
    guint frame;
    bool is_close;
    bool is_exact; /* nothing but blanks may follow; else glued text does */
    size_t length; /* of the boundary line up to behind the boundary (and its "--") */
} ScanMatch;

typedef struct {
    ScanMatch match;
    uint32_t part;  /* it stands before, or ends */
    uint64_t start; /* with the line end before it */
    uint64_t text;  /* first byte behind the boundary that is no blank, or SCAN_NOWHERE */
} ScanDelimiter;

/* A structural field's body, kept until the block ends. */
typedef struct {
    MbFieldKind kind;
    uint32_t field; /* or MB_TREE_NONE, when over the limit */
    uint64_t offset;
    guint at; /* in `values` */
    guint length;
    bool is_cut;
} ScanValue;

struct MbScan {
    MbTree *tree;
    MbBudget *budget;
    MbBudget own_budget;
    uint32_t space;

    const uint8_t *bytes; /* the window */
    size_t length;
    size_t at;
    bool is_final;
    uint64_t base;  /* offset of bytes[0] */
    size_t lf_from; /* in [lf_from, lf) there is no LF; at lf there is, or the window ends */
    size_t lf;
    size_t cr_from; /* the same for CR, but the window need not end at `cr` where there is none */
    size_t cr;
    GByteArray *carry;

    ScanState state;
    uint64_t emitted;
    uint64_t steps;
    ScanBlock block;
    ScanRegion region;
    ScanDelimiter delimiter;
    GArray *frames;     /* of ScanFrame */
    GArray *boundaries; /* of ScanBoundary, innermost last */
    GByteArray *boundary_bytes;
    GArray *values; /* of ScanValue */
    GByteArray *value_bytes;
    bool value_is_open;
    GString *type; /* scratch */
    MbParams params;
    MbFlaws flaws;
};

static inline uint64_t scan_offset(const MbScan *scan, size_t index)
{
    return scan->base + index;
}

static inline ScanFrame *scan_frame(const MbScan *scan, guint index)
{
    return &((ScanFrame *)(void *)scan->frames->data)[index];
}

static inline bool scan_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

/* scan.c */
void scan_emit(MbScan *scan, MbBytesKind kind, uint32_t part, uint64_t upto);
void scan_defect(MbScan *scan, unsigned code, uint32_t part, uint64_t offset, uint64_t length,
                 const char *detail);
void scan_limit(MbScan *scan, MbLimit limit);

/* Finds the end of the line that `from` stands in. False when the window ends before it is clear.
 */
bool scan_line_end(MbScan *scan, size_t from, ScanLine *line);

/* A line end of any kind that begins at `at`. */
ScanVerdict scan_eol_at(const MbScan *scan, size_t at, ScanLine *line);

/* scan-header.c */
void scan_block_begin(MbScan *scan, uint32_t part, bool is_message);
bool scan_header_step(MbScan *scan);
void scan_header_window_ends(MbScan *scan);

/* The block ends before its empty line: a delimiter or the end of the data stands at `end`. Returns
 * where what stands before the delimiter ends. */
uint64_t scan_block_cut(MbScan *scan, uint64_t end, bool by_delimiter);

void scan_note_line_end(MbScan *scan, const ScanLine *line);

/* What the block's bytes before the body are: header up to `header_end`, separator up to
 * `separator_end`; the part gets its ranges. */
void scan_settle(MbScan *scan, uint64_t header_end, uint64_t separator_end);

/* scan-name.c */
/* Whether a field begins at `at`; then its name's length and where its value begins. */
ScanVerdict scan_name_at(MbScan *scan, size_t at, size_t *name_length, size_t *value);
MbFieldKind scan_name_kind(const uint8_t *name, size_t length);

/* Names that show, even after several lines of junk, that the header goes on. */
bool scan_name_is_well_known(const uint8_t *name, size_t length);

/* scan-lead.c */
ScanVerdict scan_lead_bom(MbScan *scan);  /* SCAN_YES: it was one, and is behind us */
ScanVerdict scan_lead_from(MbScan *scan); /* SCAN_YES: a From_ line, read by scan_lead_framing() */
bool scan_lead_framing(MbScan *scan);
void scan_lead_blank(MbScan *scan, const ScanLine *line);
void scan_lead_skip(MbScan *scan); /* a field follows the blank lines */
void scan_lead_body(MbScan *scan); /* none does: the first was the separator */

/* scan-type.c */
void scan_values_reset(MbScan *scan);
void scan_value_begin(MbScan *scan, MbFieldKind kind, uint32_t field, uint64_t offset);
void scan_value_add(MbScan *scan, const uint8_t *bytes, size_t length);

/* Decides what the part of the block is, by its fields; sets type and encoding. For a multipart its
 * boundaries are pushed, for the frame that the caller pushes next. */
MbPartKind scan_decide(MbScan *scan, uint32_t part, bool *is_guessing);

/* scan-body.c */
void scan_body_begin(MbScan *scan, uint32_t part, const ScanBodyStart *start);
void scan_body_none(MbScan *scan, uint32_t part);
void scan_region_begin(MbScan *scan, MbBytesKind kind, uint32_t part);
void scan_region_take(MbScan *scan, size_t end);
uint64_t scan_region_end(MbScan *scan, uint64_t end, bool by_delimiter);
void scan_frames_pop(MbScan *scan, guint left, uint64_t end);
bool scan_parts_full(MbScan *scan, uint32_t part);

/* scan-match.c */
/* Adds a boundary for the innermost frame (or the next one to be pushed); false when it has it. */
bool scan_push_boundary(MbScan *scan, guint frame, const uint8_t *bytes, size_t length);
bool scan_body_step(MbScan *scan);
bool scan_delimiter_step(MbScan *scan);

/* Whether the line at `at` is a delimiter of an open multipart, and of which. */
ScanVerdict scan_match_at(MbScan *scan, size_t at, ScanMatch *match);
void scan_delimiter_begin(MbScan *scan, size_t at, uint64_t start, const ScanMatch *match);
