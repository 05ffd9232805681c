/*
 * Where messages begin in an mbox, told from its bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MB_MBOX_CONTEXT 8192 /* bytes behind a From_ line's start that decide whether it is one */

typedef struct {
    const uint8_t *bytes;
    size_t length;
    bool is_end; /* nothing follows behind `length` */
} MbMboxView;

/* The first "From " behind an octet `before`, which is where it points; NULL when there is none. */
const uint8_t *mb_mbox_find_from(uint8_t before, const uint8_t *bytes, size_t length);

/* The start of the first From_ line at or behind `from` (> 0) that begins a message; `length` when
 * there is none. *more is set when the view ends before that can be said: *more is then the first
 * offset that is not decided. */
size_t mb_mbox_find(const MbMboxView *view, size_t from, size_t *undecided);

/* Whether the bytes begin with a From_ line, and a header or nothing behind it. */
bool mb_mbox_starts(const MbMboxView *view);

/* Whether a line that begins with "From " at `at` is one that only mail programs write: with a
 * date. */
bool mb_mbox_is_dated(const MbMboxView *view, size_t at);

/* Octets of the From_ line at the start of a message, with its line end; 0 when there is none. */
size_t mb_mbox_from_line(const uint8_t *bytes, size_t length);

typedef struct {
    size_t body;   /* where it begins, behind the empty line; `length` when there is none */
    bool has_body; /* an empty line was found */
    bool has_content_length; /* one that is a number */
    uint64_t content_length;
} MbMboxHeader;

/* Reads over a header that begins at `start`. */
MbMboxHeader mb_mbox_read_header(const uint8_t *bytes, size_t length, size_t start);

/* Whether a header field stands at the start of the bytes: a name, blanks perhaps, a colon. */
bool mb_mbox_is_field(const uint8_t *bytes, size_t length);
