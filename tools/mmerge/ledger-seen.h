/*
 * Who was seen already in this list: names and the row each was first seen in. Kept in a temporary
 * file, so that a list of millions costs no memory.
 */
#pragma once

#include "ledger.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct MmSeen MmSeen;

MmSeen *mm_seen_new(GError **error);
void mm_seen_free(MmSeen *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmSeen, mm_seen_free)

/* `kind` keeps names of different sorts apart. *before: the row it was seen in first, 0 when it is
 * new. */
bool mm_seen_add(MmSeen *seen, const char *kind, const char *name, size_t length, uint64_t row,
                 uint64_t *before, GError **error);

/* The row that a name was first seen in; *row is 0 when it was not. */
bool mm_seen_find(MmSeen *seen, const char *kind, const char *name, size_t length, uint64_t *row,
                  GError **error);

/* To's addresses (all of them where there is no To), folded and sorted: the same set is the same
 * name. */
void mm_seen_name(const MmLedgerRecipient *recipients, size_t n, GString *name);
