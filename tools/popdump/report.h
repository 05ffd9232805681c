/*
 * What fetch says: JSON events as they become true, warnings, the summary.
 *
 * An event for an archived message is held back until its batch is committed: what was said is
 * safe.
 */
#pragma once

#include "fetch.h"
#include "plan.h"
#include <glib.h>

typedef struct {
    bool json;
    bool quiet;
    const char *label; /* the account\'s name; NULL: not said */
    GString *waiting;  /* events of what is not committed, a line each */
    guint64 left_told; /* warnings about messages left behind so far */
} PdReport;

void pd_report_init(PdReport *report, const PdFetchOptions *options);
void pd_report_clear(PdReport *report);

void pd_report_archived(PdReport *report, const PdItem *item, uint64_t sequence, uint64_t size,
                        unsigned oddities);

/* The next `count` of them are committed. */
void pd_report_committed(PdReport *report, uint64_t count);

/* `why` is "refused" or "too-large"; `text` says more, NULL for none. */
void pd_report_left(PdReport *report, const PdItem *item, const char *why, const char *text);

/* `state` is "deleted", "in-doubt" or "would-delete". */
void pd_report_deletion(PdReport *report, const PdItem *item, const char *state);

/* A message is known again: `item` is archived as `sequence`. */
void pd_report_healed(PdReport *report, const PdItem *item, uint64_t sequence);

/* So many of the messages expected are gone: nothing is deleted. */
void pd_report_held(PdReport *report, uint64_t expected, uint64_t missing);

/* The closing words, on stdout. `error` NULL: the run came to its end. */
void pd_report_summary(PdReport *report, const PdFetchOptions *options,
                       const PdFetchSummary *summary, const GError *error, int status);
