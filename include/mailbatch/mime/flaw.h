/*
 * What is wrong inside a value: a header's body, or an encoded body. Decoders take an MbFlaws (or
 * NULL) and note there what they met and where; decoding goes on. Offsets count from the first byte
 * of what the decoder was given. A noisy input stays cheap: of each kind the first MB_FLAWS_KEPT
 * places are kept, the others are counted; a flaw that begins where the last of its kind ended
 * makes that one longer.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_FLAWS_KEPT 8

/* X(NAME, code as it is reported, weight, meaning for people). Weight: I info, W warn, E error. */
#define MB_FLAW_TABLE(X)                                                                           \
    X(ENCODING_UNKNOWN, "encoding-unknown", W, "transfer encoding is not known, taken as it is")   \
    X(ENCODING_SPELLING, "encoding-spelling", W, "transfer encoding is oddly written")             \
    X(BASE64_FOREIGN, "base64-foreign", W, "bytes outside the base64 alphabet were skipped")       \
    X(BASE64_PADDING_INSIDE, "base64-padding-inside", W, "base64 goes on after its padding")       \
    X(BASE64_PADDING_EXTRA, "base64-padding-extra", I, "more = than base64 needs")                 \
    X(BASE64_JUNK, "base64-junk-after-padding", W, "junk after base64's padding was skipped")      \
    X(BASE64_UNPADDED, "base64-unpadded", I, "base64 ends without its padding")                    \
    X(BASE64_ODD, "base64-odd-length", W, "one base64 character too many: six bits are lost")      \
    X(BASE64_BITS, "base64-trailing-bits", I, "unused bits at the end of base64 are set")          \
    X(QP_BAD_ESCAPE, "qp-bad-escape", W, "= without two hexadecimal digits, kept as it is")        \
    X(QP_LOWER_HEX, "qp-lower-hex", I, "quoted-printable with lower-case digits")                  \
    X(QP_TRAILING_BLANK, "qp-trailing-blank", I,                                                   \
      "blanks at a quoted-printable line's end, dropped")                                          \
    X(QP_RAW_BYTE, "qp-raw-byte", I, "control or 8-bit byte inside quoted-printable, kept")        \
    X(QP_LONG_LINE, "qp-long-line", I, "quoted-printable line of more than 76 characters")         \
    X(EIGHT_BIT, "8bit-in-7bit", I, "8-bit bytes where 7bit was declared")                         \
    X(WORD_MALFORMED, "word-malformed", W, "looks like an encoded-word, but is none")              \
    X(WORD_LONG, "word-long", I, "encoded-word of more than 75 characters")                        \
    X(WORD_BLANK, "word-blank", I, "blank inside an encoded-word")                                 \
    X(WORD_GLUED, "word-glued", I, "encoded-word without a blank beside it")                       \
    X(WORD_SPLIT, "word-split-character", I, "a character is split between two encoded-words")     \
    X(WORD_CONTROL, "word-control", W, "an encoded-word hides a control character")                \
    X(WORD_PLACE, "word-place", W, "encoded-word where none may stand")                            \
    X(CHARSET_UNKNOWN, "charset-unknown", W, "charset is not known")                               \
    X(CHARSET_LIE, "charset-lie", W, "bytes are not what the declared charset says")               \
    X(CHARSET_SUPERSET, "charset-superset", I, "windows-1252 under the name of iso-8859-1")        \
    X(CHARSET_LOSSY, "charset-lossy", W, "bytes could not be converted")                           \
    X(CHARSET_UTF7, "charset-utf7", W, "UTF-7 hides characters from filters")                      \
    X(RAW_8BIT, "header-8bit", I, "8-bit bytes in a header")                                       \
    X(RAW_NUL, "header-nul", W, "NUL in a header")                                                 \
    X(TYPE_MALFORMED, "type-malformed", W, "content type is not type/subtype")                     \
    X(PARAM_MALFORMED, "param-malformed", W, "not a parameter, skipped")                           \
    X(PARAM_NO_SEMICOLON, "param-no-semicolon", W, "parameter without a semicolon before it")      \
    X(PARAM_BLANK, "param-blank", W, "blank around = or in an unquoted value")                     \
    X(PARAM_UNQUOTED, "param-unquoted", I, "value should be quoted")                               \
    X(PARAM_UNCLOSED, "param-unclosed", W, "quotes are not closed")                                \
    X(PARAM_AFTER_QUOTES, "param-after-quotes", W, "text after a quoted value")                    \
    X(PARAM_DUPLICATE, "param-duplicate", W, "parameter given more than once")                     \
    X(PARAM_TWO_FORMS, "param-two-forms", W, "plain and extended form of a parameter differ")      \
    X(PARAM_GAP, "param-gap", W, "a section of a split parameter is missing")                      \
    X(PARAM_ORDER, "param-order", I, "sections of a split parameter are out of order")             \
    X(PARAM_SECTION, "param-section", W, "section number of a split parameter is malformed")       \
    X(PARAM_PERCENT, "param-percent", W, "% without two hexadecimal digits, kept as it is")        \
    X(PARAM_CHARSET, "param-charset", W, "extended parameter without charset'language'")           \
    X(PARAM_MANY, "param-many", W, "more parameters than are read, the rest is skipped")           \
    X(PARAM_WORD, "param-encoded-word", I, "encoded-word in a parameter")                          \
    X(COMMENT_UNCLOSED, "comment-unclosed", W, "comment is not closed")                            \
    X(QUOTE_UNCLOSED, "quote-unclosed", W, "quotes are not closed")                                \
    X(ADDRESS_MALFORMED, "address-malformed", W, "not an address")                                 \
    X(ADDRESS_NO_DOMAIN, "address-no-domain", I, "address without a domain")                       \
    X(ADDRESS_NO_COMMA, "address-no-comma", W, "addresses without a comma between them")           \
    X(ADDRESS_ROUTE, "address-route", I, "address with a source route")                            \
    X(ADDRESS_UNCLOSED, "address-unclosed", W, "address lacks its >")                              \
    X(ADDRESS_NAME_IS_ADDRESS, "address-name-is-address", W, "display name shows another address") \
    X(GROUP_NESTED, "group-nested", W, "group inside a group")                                     \
    X(GROUP_UNCLOSED, "group-unclosed", I, "group lacks its ;")                                    \
    X(ADDRESS_LIMIT, "address-limit", W, "more addresses than the limit, the rest is not listed")  \
    X(DATE_MALFORMED, "date-malformed", W, "not a date")                                           \
    X(DATE_IMPOSSIBLE, "date-impossible", W, "no such day or time")                                \
    X(DATE_WEEKDAY, "date-weekday", I, "weekday does not fit the date")                            \
    X(DATE_OBSOLETE, "date-obsolete", I, "obsolete form of a date")                                \
    X(DATE_ISO, "date-iso", W, "ISO 8601 where RFC 5322 wants its own form")                       \
    X(DATE_ZONE, "date-zone", I, "zone is missing, unknown or -0000")                              \
    X(DATE_LEAP, "date-leap-second", I, "second 60")                                               \
    X(DATE_TRAILING, "date-trailing", I, "text after the date")                                    \
    X(RECEIVED_NO_DATE, "received-no-date", I, "trace field without a date")                       \
    X(RECEIVED_NO_SEMICOLON, "received-no-semicolon", I,                                           \
      "trace field without a semicolon before its date")                                           \
    X(NAME_BIDI, "name-bidi", W, "file name with a control that turns the direction of text")      \
    X(NAME_CONTROL, "name-control", W, "file name with NUL or another control character")          \
    X(NAME_PATH, "name-path", W, "file name with a folder, a drive or .. in it")                   \
    X(NAME_TRAILING, "name-trailing", W, "file name ends with dots or blanks")                     \
    X(NAME_LONG, "name-long", W, "file name of more than 255 bytes")                               \
    X(NAME_DOUBLE, "name-double-extension", W,                                                     \
      "file name hides what it is behind a second extension")                                      \
    X(NAME_RESERVED, "name-reserved", W, "file name that is a device on some systems")

typedef enum {
#define X(name, code, weight, text) MB_FLAW_##name,
    MB_FLAW_TABLE(X)
#undef X
        MB_FLAW_KINDS,
} MbFlawKind;

typedef struct {
    MbFlawKind kind;
    uint64_t offset;
    uint64_t length; /* may be 0: something is missing here */
} MbFlaw;

/* Caller's storage; all zero is an empty one. Read the fields, write by the functions. */
typedef struct {
    GArray *list; /* of MbFlaw, in the order they were met; NULL when there is none */
    uint32_t counts[MB_FLAW_KINDS]; /* how often each kind was met */
} MbFlaws;

void mb_flaws_clear(MbFlaws *flaws); /* frees, and makes it an empty one */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MbFlaws, mb_flaws_clear)

/* Forgets what is in it, and keeps the memory for the next value. */
void mb_flaws_reset(MbFlaws *flaws);

/* Notes one; NULL `flaws` is fine. The same as the last of its kind counts once, one that begins
 * where that ends makes it longer. */
void mb_flaws_add(MbFlaws *flaws, MbFlawKind kind, uint64_t offset, uint64_t length);

/* Notes all of `from`, `offset` bytes further on. */
void mb_flaws_add_all(MbFlaws *flaws, const MbFlaws *from, uint64_t offset);

bool mb_flaws_has(const MbFlaws *flaws, MbFlawKind kind);
size_t mb_flaws_count(const MbFlaws *flaws); /* kept ones */
const MbFlaw *mb_flaws_at(const MbFlaws *flaws, size_t index);

const char *mb_flaw_code(MbFlawKind kind); /* "base64-odd-length" */
const char *mb_flaw_text(MbFlawKind kind); /* for people */
char mb_flaw_weight(MbFlawKind kind);      /* 'I' info, 'W' warn, 'E' error */

G_END_DECLS
