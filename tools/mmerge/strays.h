/*
 * Rows of a list that stand apart from the first ones of their group, kept in a temporary file
 * until their group's turn comes: a list of millions costs no memory.
 */
#pragma once

#include <glib.h>
#include <mailbatch/csv/csv.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct MmStrays MmStrays;

/* A row; borrowed for the call. False with an error gives up. */
typedef bool (*MmTakeRecord)(const MbCsvRow *record, void *user, GError **error);

MmStrays *mm_strays_new(GError **error);
void mm_strays_free(MmStrays *strays);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmStrays, mm_strays_free)

/* Keeps a row of the group whose first row is `first`; in the list's order. */
bool mm_strays_add(MmStrays *strays, const MbCsvRow *record, uint64_t first, GError **error);

/* Once all are kept. */
bool mm_strays_sort(MmStrays *strays, GError **error);

/* Whether the row of that number is one. Asking in the list's order is cheap. */
bool mm_strays_has(MmStrays *strays, uint64_t number, bool *has, GError **error);

/* Hands over those of a group, in the list's order. Of a bad row there are number, line, digest and
 * error only. */
bool mm_strays_of(MmStrays *strays, uint64_t first, MmTakeRecord take, void *user, GError **error);

G_END_DECLS
