/*
 * A header field's lines while they are written: folding before a blank (RFC 5322, 2.2.3).
 */
#pragma once

#include <glib.h>
#include <stddef.h>

#define MB_FOLD_COLUMNS 78

typedef struct {
    GString *out;
    size_t column;
} MbFold;

/* Writes the blanks `gap` before something of `length` characters, on a new line when it would pass
 * the last column. When the gap is empty, a blank that ends what was written so far becomes the
 * fold. */
void mb_fold_gap(MbFold *fold, const char *gap, size_t gap_length, size_t length);

void mb_fold_append(MbFold *fold, const char *text, size_t length);

/* The text without what would break a line (CR, LF and NUL become blanks), as valid UTF-8; the
 * caller frees it. */
char *mb_fold_clean(const char *text, size_t length, size_t *clean_length);
