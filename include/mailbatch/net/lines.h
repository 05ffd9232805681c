/*
 * Lines out of bytes, with a ceiling: CRLF ends a line, a bare LF is accepted as an end too and
 * counted; a bare CR is part of the line. A line longer than the ceiling is cut: its head is kept,
 * the rest is thrown away up to its end, and the line says so. Fed bytes; does no I/O.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct MbLines MbLines;

typedef struct {
    const char *text; /* without its end; NUL-terminated, though NULs may stand inside; borrowed
                         until the next call */
    size_t length;
    bool too_long; /* cut at the ceiling */
    bool bare_lf;  /* ended by LF without CR */
} MbLine;

/* `ceiling` is the longest line kept, in bytes without its end. */
MbLines *mb_lines_new(size_t ceiling);
void mb_lines_free(MbLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbLines, mb_lines_free)

/* Takes bytes from the front of the input up to and including the first line end. Returns how many
 * it took; *complete tells whether `line` was filled. Loop until all is taken. */
size_t mb_lines_push(MbLines *lines, const void *bytes, size_t length, MbLine *line,
                     bool *complete);

/* Bytes of an unfinished line kept so far. */
size_t mb_lines_pending(const MbLines *lines);

/* Forgets an unfinished line (after STARTTLS). */
void mb_lines_reset(MbLines *lines);

G_END_DECLS
