/*
 * The rows of a list by group: those with the same value in a column, wherever they stand. Groups
 * come in the order of their first rows, and a group's rows in the list's order.
 *
 * The list is looked through once before. Rows next to their group's first one are read in passing;
 * those that stand apart, the strays, wait in a temporary file, so that memory does not grow with
 * the list and a list that is sorted costs no file.
 */
#pragma once

#include "strays.h"

G_BEGIN_DECLS

typedef struct MmGroups MmGroups;

/* Goes through `csv`, which it borrows, and stands before its first row then. */
MmGroups *mm_groups_new(MbCsv *csv, int column, GError **error);
void mm_groups_free(MmGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmGroups, mm_groups_free)

/* Hands over the rows of the next group, one at least. A row that names no group (too few values,
 * an empty one, or one that is no text) is one by itself. */
MbNext mm_groups_next(MmGroups *groups, MmTakeRecord take, void *user, GError **error);

/* The value that those handed over last have in common, until the next ones are; NULL: a row that
 * names no group. */
const char *mm_groups_value(const MmGroups *groups);

/* The row behind those handed over last, which has been read already; NULL: none has. */
const MbCsvRow *mm_groups_ahead(const MmGroups *groups);

/* After the CSV was moved by its owner: the next group is that of `record`, which it has just given
 * and which is its group's first; NULL: that of the row that it will give. */
void mm_groups_stand_at(MmGroups *groups, const MbCsvRow *record);

/* The number of the first row of the record's group: its own when it is that. */
bool mm_groups_first(MmGroups *groups, const MbCsvRow *record, uint64_t *first, GError **error);

/* Groups handed over since they were looked through, and in all. */
void mm_groups_progress(const MmGroups *groups, uint64_t *done, uint64_t *total);

/* What the group that was handed over last is known by: the digest of its row when there is one
 * only, else that of its rows' digests. */
const uint8_t *mm_groups_digest(const MmGroups *groups);

G_END_DECLS
