/*
 * The rows of a list, each made into its message, in the CSV's order: by a thread of its own that
 * goes some way ahead, while its owner looks for duplicates and keeps the ledger.
 */
#pragma once

#include "campaign.h"

G_BEGIN_DECLS

/* A row and what came of it. */
typedef struct {
    MmRow *row;
    char *problem;     /* why it could not be made, naming file and row; NULL: it could */
    MmMessage message; /* without `wire`; only when there is no problem */
} MmRehearsed;

typedef struct MmRehearsal MmRehearsal;

/* Borrows both. NULL when the CSV cannot be opened, or there is no thread to be had
 * (MB_ERROR_TEMPORARY). */
MmRehearsal *mm_rehearsal_new(const MmCampaign *campaign, const MmRenderOptions *options,
                              GError **error);

/* Ends its thread wherever that is. */
void mm_rehearsal_free(MmRehearsal *rehearsal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmRehearsal, mm_rehearsal_free)

/* The next one, borrowed until the call after it. MB_FAILED: the CSV cannot be read on. */
MbNext mm_rehearsal_next(MmRehearsal *rehearsal, const MmRehearsed **next, GError **error);

/* Where in the CSV about the present one stands: as mm_rows_progress(). */
void mm_rehearsal_progress(const MmRehearsal *rehearsal, uint64_t *done, uint64_t *total);

/* Blank rows passed over, once MB_END was returned. */
uint64_t mm_rehearsal_blank(const MmRehearsal *rehearsal);

G_END_DECLS
