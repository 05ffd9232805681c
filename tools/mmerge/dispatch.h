/*
 * The run: claims become jobs, senders take them, outcomes go to the ledger. One thread, the
 * caller's, owns the ledger, the reading of rows, progress and signals; each sender renders and
 * sends on a thread of its own.
 */
#pragma once

#include "campaign.h"
#include "send-options.h"
#include "summary.h"
#include "transcript.h"

#include <mailbatch/login/secret.h>
#include <mailbatch/net/tls.h>

G_BEGIN_DECLS

typedef struct {
    const MmSendOptions *options;
    const MmCampaign *campaign;
    MmLedger *ledger;         /* NULL: a trial */
    const GArray *trial;      /* of a trial: uint64_t, the numbers of the rows to send */
    uint64_t total;           /* recipients to be sent to, for progress */
    MbTls *tls;               /* NULL: without */
    MbSecret *secret;         /* NULL: no login */
    MmTranscript *transcript; /* NULL: none */
    MmSummary *summary;
} MmRun;

typedef enum {
    MM_RUN_OVER,    /* all that could be done was done */
    MM_RUN_STOPPED, /* ended early, in order; the error says why */
    MM_RUN_KILLED,  /* ended at once: open claims are left to the marks */
} MmRunEnd;

/* Sends until nothing is left to do. SIGINT and SIGTERM are heeded while it runs: the first stops
 * in order, the second at once. */
MmRunEnd mm_dispatch(const MmRun *run, GError **error);

G_END_DECLS
