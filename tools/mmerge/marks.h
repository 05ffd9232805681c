/*
 * Marks: how far each claimed message got, in memory shared with a file, so that it survives a
 * SIGKILL without a single fsync. (A reboot may lose it: then every open claim counts as in doubt.)
 *
 * A row has one 16-bit cell: the claim's value, so that an older claim's mark is never taken for
 * this one's, and the phase. Cells are set with atomic stores by whichever worker owns the row. The
 * file is also what locks a ledger.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MM_MARK_NONE = 0,
    MM_MARK_HANDED_OVER = 1, /* set before the write that carries the last octet */
    MM_MARK_SENT = 2,        /* answered: accepted, all its recipients */
    MM_MARK_DEFERRED = 3,    /* answered: all deferred */
    MM_MARK_REFUSED = 4,     /* answered: all refused */
    MM_MARK_MIXED = 5,       /* answered, each recipient otherwise: only the ledger can tell */
} MmMark;

typedef struct MmMarks MmMarks;

/* Opens or makes `path` (mode 0600) and locks it; held by another process: MB_ERROR_TEMPORARY. */
MmMarks *mm_marks_open(const char *path, GError **error);

/* Opens without a lock, to read; NULL without an error when there is no such file. *locked tells
 * whether a process holds it. */
MmMarks *mm_marks_open_to_read(const char *path, bool *locked, GError **error);

/* Unlocks, unmaps, frees; NULL is fine. */
void mm_marks_free(MmMarks *marks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmMarks, mm_marks_free)

/* Makes room for rows 1 … `rows`, on the disk too, so that setting a mark never fails. Not while
 * workers run. */
bool mm_marks_reserve(MmMarks *marks, uint64_t rows, GError **error);

/* Forgets all of them, as for a ledger that holds no rows yet. Not while workers run. */
bool mm_marks_reset(MmMarks *marks, GError **error);

/* Gives the pages that hold the marks back to the kernel, which keeps what they say: the process
 * does not grow with the list. Any thread, also while others set marks. */
void mm_marks_unload(MmMarks *marks);

void mm_marks_set(MmMarks *marks, int64_t row, uint8_t value, MmMark mark);

/* Whether there is a cell for the row: where there is none, nothing is known. */
bool mm_marks_covers(const MmMarks *marks, int64_t row);

/* MM_MARK_NONE when the cell carries another value or lies beyond the file. */
MmMark mm_marks_get(const MmMarks *marks, int64_t row, uint8_t value);

/* The mark as it stands, and in *value whose it is; MM_MARK_NONE and 0 beyond the file. */
MmMark mm_marks_look(const MmMarks *marks, int64_t row, uint8_t *value);

G_END_DECLS
