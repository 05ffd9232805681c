/*
 * Defects: what is wrong with a message, where, and how much it weighs.
 *
 * Two tables make one code space: the structure's own, below, and the flaws found inside values
 * (flaw.h), shifted behind them. Codes are for programs and stay; texts are for people. All
 * codes are listed in mparse(1).
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Info: deviations that ordinary mail has. Warn and error make mparse exit 1. */
typedef enum {
    MB_SEVERITY_INFO,
    MB_SEVERITY_WARN,
    MB_SEVERITY_ERROR,
} MbSeverity;

/* X(NAME, code as it is reported, weight, meaning for people). Weight: I info, W warn, E error.
 * Where there are two readings, the meaning says which was taken; the other is in the detail. */
#define MB_DEFECT_TABLE(X)                                                                         \
    X(NO_HEADER, "no-header", E, "no header field: everything is taken as body")                   \
    X(BOM, "bom", I, "byte order mark before the header")                                          \
    X(LEADING_BLANK, "leading-blank-lines", W, "blank lines before the header, skipped")           \
    X(FROM_LINE, "from-line", I, "quoted or repeated From_ line before the header")                \
    X(HEADER_JUNK, "header-junk", W, "line in the header that is no field, skipped")               \
    X(HEADER_NAME_BLANK, "header-name-blank", W, "blank between a field's name and its colon")     \
    X(HEADER_NAME_BYTES, "header-name-bytes", W, "control or 8-bit bytes in a field's name")       \
    X(HEADER_VT, "header-vertical-tab", W, "vertical tab or form feed used as a blank")            \
    X(HEADER_LONG_LINE, "header-long-line", I, "header line of more than 998 octets")              \
    X(HEADER_NUL, "header-nul-byte", W, "NUL in a header field")                                   \
    X(HEADER_VALUE_CUT, "header-value-limit", W, "field over the limit: only its start was read")  \
    X(LINE_END_CR, "line-end-cr", W, "line ended by a lone CR")                                    \
    X(LINE_END_CRCRLF, "line-end-crcrlf", W, "line ended by CR CR LF")                             \
    X(LINE_END_MIXED, "line-end-mixed", I, "line ends of the header are not all alike")            \
    X(BARE_CR, "bare-cr", W, "CR inside a header line, kept as part of it")                        \
    X(NO_SEPARATOR, "no-separator", W, "no empty line between header and body")                    \
    X(BLANK_SEPARATOR, "blank-separator", W,                                                       \
      "line of blanks between header and body, taken as the empty line")                           \
    X(HEADER_CUT, "header-cut", I, "header ends at a delimiter or at the end of the data")         \
    X(TYPE_TWICE, "type-twice", W, "more than one Content-Type")                                   \
    X(TYPE_NO_SUBTYPE, "type-no-subtype", W, "content type without a subtype")                     \
    X(TYPE_UNREADABLE, "type-unreadable", W, "content type makes no sense, taken as the default")  \
    X(FIELD_TWICE, "field-twice", W, "field that may stand only once stands again")                \
    X(FROM_GROUP, "from-group", I, "group in From")                                                \
    X(FROM_SEVERAL, "from-several", I, "several authors in From")                                  \
    X(ENCODING_TWICE, "encoding-twice", W, "more than one Content-Transfer-Encoding")              \
    X(ENCODING_COMPOSITE, "encoding-composite", W,                                                 \
      "multipart or message with a transfer encoding that is not allowed there")                   \
    X(BOUNDARY_MISSING, "boundary-missing", W,                                                     \
      "multipart without a boundary, taken from the body where it has one")                        \
    X(BOUNDARY_EMPTY, "boundary-empty", W, "multipart with an empty boundary")                     \
    X(BOUNDARY_LONG, "boundary-long", W, "boundary of more than 70 characters")                    \
    X(BOUNDARY_BLANK, "boundary-trailing-blank", W, "boundary ends with a blank")                  \
    X(BOUNDARY_TWO, "boundary-two-readings", W,                                                    \
      "the boundary can be read in more than one way, each is looked for")                         \
    X(BOUNDARY_SAME, "boundary-same-as-outer", W, "boundary is that of an enclosing multipart")    \
    X(BOUNDARY_NEVER, "boundary-never-found", W, "the boundary does not occur: no part")           \
    X(DELIMITER_TEXT, "delimiter-text", W, "text after a boundary on its line")                    \
    X(DELIMITER_LIKE, "delimiter-like", I,                                                         \
      "line begins with a boundary and goes on, not taken as a delimiter")                         \
    X(DELIMITER_CR, "delimiter-cr", W, "delimiter between lone CRs")                               \
    X(END_MISSING, "end-delimiter-missing", W, "multipart without its end delimiter: truncated?")  \
    X(AFTER_END, "part-after-end", W, "a part follows the end delimiter, taken as a part")         \
    X(PREAMBLE, "preamble-content", I, "text before the first part")                               \
    X(EPILOGUE, "epilogue-content", I, "text after the last part")                                 \
    X(BODY_NUL, "body-nul", W, "NUL in a body")                                                    \
    X(LIMIT_DEPTH, "limit-depth", W, "nested too deep, not opened")                                \
    X(LIMIT_PARTS, "limit-parts", W, "too many parts, the rest is not split")                      \
    X(LIMIT_HEADERS, "limit-headers", W, "too many header fields, the rest is not listed")         \
    X(LIMIT_BYTES, "limit-bytes", W, "decodes to more than the limit, not opened")                 \
    X(LIMIT_DEFECTS, "limit-defects", I, "too many defects, the rest is not listed")               \
    X(CONTENT_LENGTH, "content-length-wrong", I, "Content-Length does not fit the message")        \
    X(NESTED_EMPTY, "nested-empty", W, "embedded message is empty")                                \
    X(VIEW_DIFFERS, "view-differs", W, "another parser sees this part differently")                \
    X(VIEW_ONLY_SCAN, "view-only-scan", W, "another parser does not see this part")                \
    X(VIEW_ONLY_OTHER, "view-only-other", W, "only another parser sees a part here")               \
    X(VIEW_NONE, "view-none", W, "another parser finds no message, or was kept from it")           \
    X(HOP_SKEW, "hop-skew", I, "a hop is dated up to five minutes before the one it came from")    \
    X(HOP_BACKWARDS, "hop-backwards", W,                                                           \
      "a hop is dated more than five minutes before the one it came from")                         \
    X(NAMES_DIFFER, "names-differ", W,                                                             \
      "Content-Disposition and Content-Type give different file names")                            \
    X(CONTENT_NOT_TYPE, "content-not-type", W, "content is not what its declared type says")       \
    X(CONTENT_NOT_NAME, "content-not-extension", W,                                                \
      "content is not what the extension of its file name says")                                   \
    X(TYPE_NOT_NAME, "type-not-extension", I,                                                      \
      "declared type and the extension of the file name do not fit")                               \
    X(ENCRYPTED, "encrypted", I, "content is encrypted")                                           \
    X(ENCRYPTED_ARCHIVE, "encrypted-archive", W, "archive with encrypted entries")                 \
    X(EXTERNAL_BODY, "external-body", W, "content is elsewhere and was not fetched")               \
    X(PARTIAL, "partial-message", I, "fragment of a message")                                      \
    X(PARTIAL_BAD, "partial-malformed", W, "fragment without a usable id, number and total")

typedef enum {
#define X(name, code, weight, text) MB_DEFECT_##name,
    MB_DEFECT_TABLE(X)
#undef X
        MB_DEFECT_FLAWS, /* + MbFlawKind: a flaw inside a value */
} MbDefectCode;

/* One past the last code, of both tables. */
#define MB_DEFECT_CODES ((unsigned)MB_DEFECT_FLAWS + (unsigned)MB_FLAW_KINDS)

static inline unsigned mb_defect_of_flaw(MbFlawKind kind)
{
    return (unsigned)MB_DEFECT_FLAWS + (unsigned)kind;
}

const char *mb_defect_code(unsigned code); /* "header-junk" */
const char *mb_defect_text(unsigned code); /* for people */
MbSeverity mb_defect_severity(unsigned code);
const char *mb_severity_name(MbSeverity severity); /* "info", "warn", "error" */

G_END_DECLS
