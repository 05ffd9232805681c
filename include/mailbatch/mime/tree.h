/*
 * The tree of a message: parts, header fields, defects, and a place for every byte.
 *
 * Spaces. Offsets belong to a space. Space 0 is the message's raw bytes; an embedded message that
 * is not encoded lives in its parent's space; each decoded child opens a space of its own
 * (mb_tree_open_space()), balanced by itself.
 *
 * Segments. The bytes of a space are cut into segments, in order, without gap or overlap; each has
 * one kind and one part. mb_tree_each_range() hands them out; joined they are the file.
 *
 * An arena a message: everything is kept in arrays that mb_tree_clear() empties without freeing, so
 * that one tree serves message after message. Parts are numbers, linked by parent, next and first
 * child. Pointers into a tree are borrowed until it is changed, cleared or freed.
 *
 * Nothing is decoded before it is asked for. One thread at a time.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/decode.h>
#include <mailbatch/mime/defect.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_TREE_NONE UINT32_MAX /* no part, no header field */

typedef struct {
    uint64_t offset;
    uint64_t length;
} MbRange;

typedef enum {
    MB_BYTES_FRAMING,   /* From_ lines, BOM, what the source put around the message */
    MB_BYTES_HEADER,    /* header fields with their line ends */
    MB_BYTES_SEPARATOR, /* the empty line */
    MB_BYTES_BODY,      /* of a leaf */
    MB_BYTES_DELIMITER, /* boundary line, with the line end before it */
    MB_BYTES_PREAMBLE,
    MB_BYTES_EPILOGUE,
    MB_BYTES_GAP, /* belongs to nothing: there is a defect that says why */
    MB_BYTES_KINDS,
} MbBytesKind;

const char *mb_bytes_kind_name(MbBytesKind kind); /* "framing", "header", … */

typedef enum {
    MB_PART_LEAF,
    MB_PART_MULTIPART,
    MB_PART_MESSAGE,  /* message/rfc822 and its like; its only child is the embedded message */
    MB_PART_PREAMBLE, /* pseudo-part: text before the first part */
    MB_PART_EPILOGUE, /* pseudo-part: text after the last part */
    MB_PART_KINDS,
} MbPartKind;

const char *mb_part_kind_name(MbPartKind kind); /* "leaf", "multipart", … */

static inline bool mb_part_is_pseudo(MbPartKind kind)
{
    return kind >= MB_PART_PREAMBLE;
}

/* Header fields that the structure needs, recognised on the way. */
typedef enum {
    MB_FIELD_OTHER,
    MB_FIELD_CONTENT_TYPE,
    MB_FIELD_CONTENT_ENCODING,
    MB_FIELD_CONTENT_DISPOSITION,
    MB_FIELD_CONTENT_ID,
    MB_FIELD_CONTENT_LENGTH,
} MbFieldKind;

typedef struct {
    uint64_t offset; /* of the name, in the part's space */
    uint64_t length; /* with folds and the last line end */
    uint32_t name_length;
    uint32_t value_start; /* from `offset`: first byte behind the colon */
    uint32_t part;
    MbFieldKind kind;
} MbField;

/* A part. Read the fields; the scanner and mb_tree_*() write them. Ranges are in `space`; a length
 * of 0 means that there is none. */
typedef struct {
    MbPartKind kind;
    uint32_t space;
    uint32_t parent; /* MB_TREE_NONE for the root */
    uint32_t next;
    uint32_t first_child;
    uint32_t last_child;
    uint32_t number; /* 1 … among its siblings of the same sort: parts, preambles, epilogues */
    uint32_t first_field; /* its fields are `fields` in a row from here */
    uint32_t fields;
    uint32_t content_type; /* the field its type was taken from, or MB_TREE_NONE */
    uint32_t content_encoding;
    MbEncoding encoding;
    bool is_message;      /* root of a message: the whole, or the child of a MB_PART_MESSAGE */
    bool is_decoded;      /* opened from decoded bytes: the first part of its space */
    bool has_ranges;      /* false in views that know no offsets */
    bool is_complete;     /* multipart: its end delimiter was seen; others: true */
    uint32_t type_at;     /* private: mb_tree_type() */
    uint32_t children[3]; /* how many parts, preambles and epilogues it has */
    MbRange delimiter;    /* the one before it */
    MbRange header;       /* from the first to the last byte of the header block */
    MbRange separator;
    MbRange body;          /* everything behind the separator, of containers too */
    MbRange end_delimiter; /* of a multipart, the last one seen */
} MbPart;

typedef struct {
    uint32_t code; /* MbDefectCode, or mb_defect_of_flaw() */
    uint32_t part; /* MB_TREE_NONE: of the message as a whole */
    uint32_t space;
    uint32_t detail_at; /* private: mb_tree_defect_detail() */
    uint64_t offset;
    uint64_t length;
} MbDefect;

typedef struct MbTree MbTree;

MbTree *mb_tree_new(void);
void mb_tree_free(MbTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbTree, mb_tree_free)

/* Empties it for the next message and keeps its memory (what one huge message left is given back).
 */
void mb_tree_clear(MbTree *tree);

/* Spaces and their bytes ---------------------------------------------------------------------- */

/* Reads exactly `length` bytes at `offset` of a space; false when that is not possible. */
typedef bool (*MbTreeRead)(void *data, uint64_t offset, void *out, size_t length);

/* The bytes of space 0: a buffer, borrowed until mb_tree_clear() … */
void mb_tree_set_bytes(MbTree *tree, const void *bytes, size_t length);

/* … or, for a message that is too large for one, a reader. */
void mb_tree_set_reader(MbTree *tree, MbTreeRead read, void *data);

/* What the content of space 0 goes through before its transfer encoding is undone: the place for
 * mbox's quoting of "From " lines, which is the source's business. Ranges stay raw. */
typedef struct {
    void (*begin)(void *data);
    /* Each writes at most `length` + MB_TREE_FILTER_ROOM bytes and returns how many. */
    size_t (*push)(void *data, const void *bytes, size_t length, void *out);
    size_t (*finish)(void *data, void *out);
    void *data;
} MbTreeFilter;

#define MB_TREE_FILTER_ROOM 64

/* Copied; NULL: none. */
void mb_tree_set_filter(MbTree *tree, const MbTreeFilter *filter);

/* A new space for the decoded content of `part`; a reference to `bytes` is kept. Its root is then
 * scanned into it: mb_scan_begin_child(). */
uint32_t mb_tree_open_space(MbTree *tree, uint32_t part, GBytes *bytes);

/* The same for content that is too large for memory: `read` gives it, from its offset `from` on. */
uint32_t mb_tree_open_space_reader(MbTree *tree, uint32_t part, MbTreeRead read, void *data,
                                   uint64_t from);

uint32_t mb_tree_spaces(const MbTree *tree);
uint64_t mb_tree_space_length(const MbTree *tree, uint32_t space); /* as scanned */
uint32_t mb_tree_space_owner(const MbTree *tree, uint32_t space);  /* part; MB_TREE_NONE: space 0 */

/* Whether a space is a buffer: then what mb_tree_bytes() and those that build on it give stays
 * where it is as long as the buffer does. */
bool mb_tree_is_buffer(const MbTree *tree, uint32_t space);

/* The bytes of a range: in place where the space is a buffer, else read into `scratch`. NULL when
 * they cannot be had (outside the space, over 1 GiB from a reader, or the reader failed). Valid
 * until the tree changes or `scratch` does. */
const uint8_t *mb_tree_bytes(MbTree *tree, uint32_t space, MbRange range, GByteArray *scratch);

/* Parts --------------------------------------------------------------------------------------- */

uint32_t mb_tree_parts(const MbTree *tree);
const MbPart *mb_tree_part(const MbTree *tree, uint32_t part); /* 0 is the root */

/* The next part in the order of the message (parents first), from 0 on; MB_TREE_NONE at the end.
 * `depth` (may be NULL) follows. No recursion. */
uint32_t mb_tree_following(const MbTree *tree, uint32_t part, uint32_t *depth);

/* Lower-case "type/subtype"; NULs inside became U+FFFD. Pseudo-parts have "text/plain". */
const char *mb_tree_type(const MbTree *tree, uint32_t part);

/* The first field of that kind, or MB_TREE_NONE. */
uint32_t mb_tree_find_kind(const MbTree *tree, uint32_t part, MbFieldKind kind);

/* IMAP's section number (RFC 3501, 6.4.5): "1.2"; "TEXT" and "2.TEXT" for the multipart that is a
 * message's body; "TEXT~preamble1" for what IMAP cannot name. Appended. */
void mb_tree_id(const MbTree *tree, uint32_t part, GString *out);

/* The part of that id, or MB_TREE_NONE. "" and "TEXT" of a message without parts name its root. */
uint32_t mb_tree_find_id(const MbTree *tree, const char *id);

/* "multipart/mixed(text/plain,text/html)": one line without line end, appended. */
void mb_tree_shape(const MbTree *tree, GString *out);

/* Header fields ------------------------------------------------------------------------------- */

#define MB_TREE_VALUE_MAX ((uint64_t)8 << 20) /* of a field's body; 80,000 addresses need half */

uint32_t mb_tree_fields(const MbTree *tree);
const MbField *mb_tree_field(const MbTree *tree, uint32_t field);

/* A field's body as it stands, without the colon, blanks around and the last line end; of a longer
 * one its first MB_TREE_VALUE_MAX bytes (the field's range says what there is). NULL as
 * mb_tree_bytes(). `offset` (may be NULL) is where it begins. */
const uint8_t *mb_tree_field_value(MbTree *tree, uint32_t field, size_t *length, uint64_t *offset,
                                   GByteArray *scratch);
const uint8_t *mb_tree_field_name(MbTree *tree, uint32_t field, size_t *length,
                                  GByteArray *scratch);

/* The first field of `part` with that name (any case), from field `from` on (MB_TREE_NONE: from the
 * first); or MB_TREE_NONE. */
uint32_t mb_tree_find_field(MbTree *tree, uint32_t part, const char *name, uint32_t from);

/* Content ------------------------------------------------------------------------------------- */

typedef bool (*MbTreeSink)(void *data, const void *bytes, size_t length);

/* The decoded content of a leaf (or pseudo-part), or the bytes of a container's body, in pieces of
 * at most some hundred KiB. `flaws` (may be NULL, must be empty) have offsets within the
 * body as it stands. False when the sink said so or the bytes cannot be read. */
bool mb_tree_decode(MbTree *tree, uint32_t part, MbTreeSink sink, void *data, MbFlaws *flaws);

/* The same where it stands: in memory, and neither encoded nor filtered. NULL: it does not. Valid
 * as mb_tree_bytes(). */
const uint8_t *mb_tree_content(MbTree *tree, uint32_t part, size_t *length);

/* Flaws that somebody found in the content of a part that is not encoded: their offsets, which
 * count from the content's start, become those within the body as it stands. */
void mb_tree_place_flaws(MbTree *tree, uint32_t part, MbFlaws *flaws);

/* Segments ------------------------------------------------------------------------------------ */

typedef struct {
    MbBytesKind kind;
    uint32_t part; /* MB_TREE_NONE: around the message */
    MbRange range;
} MbSegment;

/* Calls `each` for all segments of a space in order; stops when it returns false. */
void mb_tree_each_range(const MbTree *tree, uint32_t space,
                        bool (*each)(void *data, const MbSegment *segment), void *data);

/* Adds the lengths of a space's segments to sums[kind]. */
void mb_tree_account(const MbTree *tree, uint32_t space, uint64_t sums[MB_BYTES_KINDS]);

/* Defects ------------------------------------------------------------------------------------- */

#define MB_TREE_DEFECTS_MAX 10000 /* a message keeps; then one limit-defects */

size_t mb_tree_defects(const MbTree *tree);
const MbDefect *mb_tree_defect(const MbTree *tree, size_t index);

/* For people, or "" when there is nothing to add to the code's text. */
const char *mb_tree_defect_detail(const MbTree *tree, const MbDefect *defect);

/* Notes one; `detail` may be NULL and is copied. */
void mb_tree_add_defect(MbTree *tree, unsigned code, uint32_t part, uint32_t space, uint64_t offset,
                        uint64_t length, const char *detail);

/* Notes all flaws of a value that begins at `offset` of the part's space. */
void mb_tree_add_flaws(MbTree *tree, uint32_t part, uint64_t offset, const MbFlaws *flaws);

/* The heaviest one noted; MB_SEVERITY_INFO when there is none. */
MbSeverity mb_tree_worst(const MbTree *tree);

/* MbLimit flags (base/limits.h) that this message ran into. */
guint mb_tree_limits_hit(const MbTree *tree);

/* For builders: the scanner and other views ---------------------------------------------------- */

/* Adds a part below `parent` (MB_TREE_NONE: a root), as its last child. `type` may be NULL
 * ("text/plain"). Links and numbers are set, the rest is empty. */
uint32_t mb_tree_add_part(MbTree *tree, MbPartKind kind, uint32_t parent, uint32_t space,
                          const char *type, size_t type_length);

void mb_tree_set_type(MbTree *tree, uint32_t part, const char *type, size_t length);
MbPart *mb_tree_part_mutable(MbTree *tree, uint32_t part);

/* Adds a field to the part that is the last one with fields. */
uint32_t mb_tree_add_field(MbTree *tree, const MbField *field);

/* Adds the next bytes of a space; joined with the segment before when kind and part are the same.
 * Segments of two spaces are not mixed: one space is finished before the next begins. */
void mb_tree_add_segment(MbTree *tree, uint32_t space, MbBytesKind kind, uint32_t part,
                         uint64_t length);

void mb_tree_note_limits(MbTree *tree, guint limits);

G_END_DECLS
