/*
 * Encoded-words (RFC 2047, with the languages of RFC 2231, 5).
 *
 *   encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
 *
 * Decoding is lenient: adjacent words of one charset are joined as bytes before they are
 * converted, so that a character split between them survives; blanks inside, words without a blank
 * beside them, over-long ones, base64 padded in the middle are decoded and noted. The raw value
 * stays the caller's. Encoding writes UTF-8, B or Q, whichever is shorter.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef enum {
    MB_WORDS_PLAIN,  /* can be used as it stands */
    MB_WORDS_FOLDED, /* ASCII without NULs: only line ends are to go */
    MB_WORDS_CODED,  /* holds the start of an encoded-word, a byte above 0x7F or a NUL */
} MbWordsForm;

/* What decoding would have to do. */
MbWordsForm mb_words_form(const char *value, size_t length);

/* Appends the value as UTF-8: unfolded (a line end before a blank goes), words decoded, raw 8-bit
 * bytes taken as UTF-8 when valid, else by detection (charset.h). NULs and other controls are kept:
 * who shows the text escapes it (base/text.h). */
void mb_words_decode(const char *value, size_t length, GString *out, MbFlaws *flaws);

/* Appends UTF-8 text as the body of an unstructured field (Subject, Comments …) and folds it; CR,
 * LF and NUL in `text` become blanks, so no text ever makes a second field; invalid UTF-8 becomes
 * U+FFFD. `column` says how many characters the line holds already ("Subject: " is 9). Lines stay
 * within 78, an encoded-word within 75, a character within one word. Returns the column it ends at.
 */
size_t mb_words_encode(const char *text, size_t length, size_t column, GString *out);

/* The same for a phrase (a display name): as atoms when it can be, else a quoted-string, else
 * encoded-words with the restricted alphabet of RFC 2047, 5 (3). Never an encoded-word inside
 * quotes. */
size_t mb_words_encode_phrase(const char *text, size_t length, size_t column, GString *out);

G_END_DECLS
