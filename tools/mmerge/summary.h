/*
 * What came of a run: counted as it happens, told at the end.
 */
#pragma once

#include "job.h"

G_BEGIN_DECLS

typedef struct MmSummary MmSummary;

MmSummary *mm_summary_new(void);
void mm_summary_free(MmSummary *summary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmSummary, mm_summary_free)

/* Sending begins: what `sending_seconds` counts from, to the last outcome. */
void mm_summary_begin(MmSummary *summary);

/* Counts a job's outcomes. */
void mm_summary_add(MmSummary *summary, const MmJob *job);

/* Recipients that were answered so far: sent, deferred, refused, in doubt; and those of one state.
 */
uint64_t mm_summary_done(const MmSummary *summary);
uint64_t mm_summary_count(const MmSummary *summary, MmState state);

typedef struct {
    const char *campaign;         /* NULL: a trial */
    const MmLedgerCounts *counts; /* what the ledger holds now; NULL: a trial */
    const char *stopped;          /* why it ended early, or NULL */
    const char *program;          /* what to type for mmerge, quoted */
    const char *go_on;            /* the command that goes on, or NULL: nothing is left */
    const char *ledger;           /* its path, for what can be looked up there */
    double seconds;
    int exit_code;
} MmReport;

/* On stdout, for people or as JSON lines. False when it could not be written. */
bool mm_summary_print(const MmSummary *summary, const MmReport *report, bool json);

/* `word` as a shell takes it. */
void mm_summary_append_quoted(GString *line, const char *word);

G_END_DECLS
