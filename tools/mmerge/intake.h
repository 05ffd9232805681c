/*
 * Before anything is sent: the whole list is rendered and examined, and the ledger takes its rows
 * in.
 */
#pragma once

#include "campaign.h"
#include "preflight.h"

G_BEGIN_DECLS

typedef struct {
    bool accept_changes;
    guint64 limit; /* of a trial: rows; 0: all */
} MmIntakeOptions;

/* Goes through the list unless the ledger has it already, and leaves it in the ledger. What must
 * stop the campaign
 * (--bad-rows, --duplicates, changes of rows that were sent) is an error, of one line. */
bool mm_intake(const MmCampaign *campaign, MmLedger *ledger, const MmIntakeOptions *options,
               GError **error);

/* The same for a trial: the numbers (uint64_t) of the rows that would be sent. */
GArray *mm_intake_trial(const MmCampaign *campaign, const MmIntakeOptions *options, GError **error);

G_END_DECLS
