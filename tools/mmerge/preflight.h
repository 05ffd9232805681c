/*
 * The whole list, before anything is sent: every row is rendered, duplicates are found (on disk,
 * however long the list), and each row gets its verdict.
 */
#pragma once

#include "campaign.h"

#include <mailbatch/base/progress.h>

G_BEGIN_DECLS

typedef struct {
    const MmRow *row;
    const MmMessage *message; /* NULL when it could not be made */
    const char *invalid;      /* why it must not be sent, naming file and row; NULL: it may be */
    uint64_t duplicate_of;    /* number of the row with the same To before it; 0: none. Unless
                                 --duplicates is send, `invalid` says so too */
    bool suppressed;          /* no recipient is left: nothing to send, and nothing wrong */
} MmVerdict;

typedef struct {
    uint64_t rows;       /* of the list */
    uint64_t messages;   /* that they make: as many, or with --group-by as there are groups; what
                            follows counts these */
    uint64_t blank_rows; /* passed over, not in `rows` */
    uint64_t good;       /* to be sent: not invalid, not suppressed as a whole */
    uint64_t bad;        /* could not be rendered or addressed */
    uint64_t duplicates; /* same To as one before, whatever --duplicates says */
    uint64_t suppressed; /* with no recipient left */
    uint64_t recipients; /* of the good ones, those suppressed not counted */
    uint64_t bytes;      /* of the good ones; 0 when they were only judged */
    uint64_t unaligned;  /* of the good ones: signed, and not by a domain that From's belongs to */
    uint64_t unaligned_row;   /* the first of them */
    char unaligned_from[256]; /* and its From's domain */
    bool stop;                /* something is wrong that --bad-rows and --duplicates do not skip */
} MmPreflightTotals;

/* A line for people about those not aligned, or NULL. The caller frees it. */
char *mm_preflight_unaligned(const MmCampaign *campaign, const MmPreflightTotals *totals);

/* Goes through the list. `each` (may be NULL) takes every row's verdict, in the CSV's order; what
 * it points to is borrowed for the call; returns false with an error to give up. `progress` may be
 * NULL. False when the CSV cannot be read to its end. */
bool mm_preflight(const MmCampaign *campaign, const MmRenderOptions *options,
                  bool (*each)(const MmVerdict *verdict, void *user, GError **error), void *user,
                  MbProgress *progress, MmPreflightTotals *totals, GError **error);

G_END_DECLS
