/*
 * One account into one archive: connect, log in, list, fetch what is new, commit, delete what was
 * asked for, QUIT; and again, when the connection was lost or the server has more. Several runs may
 * go on side by side, each in a thread of its own.
 */
#pragma once

#include "archive.h"
#include "tally.h"
#include <glib.h>
#include <mailbatch/login/account.h>
#include <stdbool.h>
#include <stdint.h>

/* Errors of the run's own; those of archive, session, stream and login pass as they are. */
#define PD_FETCH_ERROR (pd_fetch_error_quark())
GQuark pd_fetch_error_quark(void);

#define PD_TRIES  5
#define PD_WAIT_S 600
#define PD_LOOKS  1000

typedef struct {
    const MbAccount *account;
    const char *archive;   /* the folder */
    uint64_t segment_size; /* octets; 0: PD_SEGMENT_SIZE */
    PdCompress compress;
    uint64_t max_message;  /* octets; 0: no limit */
    uint64_t limit;        /* new messages at most; 0: no limit */
    uint64_t window;       /* 0: as the server allows */
    unsigned tries;        /* sessions in a row that may fail without a new message; 0: PD_TRIES */
    uint64_t wait_s;       /* waited at most between sessions, in all */
    unsigned looks;        /* sessions more for what a listing may leave out */
    bool dry_run;          /* list only: nothing is fetched, deleted or written */
    bool quiet_server;     /* RSET before QUIT */
    bool delete_archived;  /* remove from the server what is proven archived … */
    uint64_t delete_older; /* … and was first seen so many seconds ago */
    uint64_t expunge;      /* a clean QUIT every so many deletions; 0: one at the end */
    bool json;             /* the report as JSON lines */
    bool quiet;            /* no summary */
    const char *label;     /* the account's name, for reports; NULL: only one */
    PdTally *tally;        /* progress, shared by all accounts; NULL: none is shown */
} PdFetchOptions;          /* borrowed during the call */

typedef struct {
    uint64_t listed, listed_bytes;
    uint64_t known;
    uint64_t to_fetch;                 /* new, and neither too large nor beyond the limit */
    uint64_t archived, archived_bytes; /* committed */
    uint64_t later;                    /* beyond the limit */
    uint64_t left;                     /* refused or too large: they stay on the server */
    uint64_t without_uidl;
    uint64_t deleted;  /* QUIT was answered */
    uint64_t in_doubt; /* deletions whose QUIT was not */
    uint64_t kept;     /* asked to be deleted, and not: see the warnings */
    uint64_t missed;   /* archived once, missing when the run began, and nowhere else in it … */
    uint64_t lost;     /* … of them: not fetched again */
    uint64_t healed;   /* archived before, known again under new unique-ids */
    uint64_t sessions; /* logins */
    bool held;         /* most unique-ids were gone: nothing was deleted */
    bool stopped;      /* by a signal */
} PdFetchSummary;

/* True when the run did what it could; false with `error` when it ended early. `summary` is right
 * in both cases. Prints warnings, progress and, with `json`, the events. */
bool pd_fetch_run(const PdFetchOptions *options, PdFetchSummary *summary, GError **error);
