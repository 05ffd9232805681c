/*
 * One account into one archive: connect, log in, list, fetch what is new, commit, delete what was
 * asked for, QUIT. Policy and printing stand with the command (fetch.c); here is the run.
 */
#pragma once

#include "archive.h"
#include <glib.h>
#include <mailbatch/login/account.h>
#include <stdbool.h>
#include <stdint.h>

/* Errors of the run's own; those of archive, session, stream and login pass as they are. */
#define PD_FETCH_ERROR (pd_fetch_error_quark())
GQuark pd_fetch_error_quark(void);

typedef struct {
    const MbAccount *account;
    const char *archive;   /* the folder */
    uint64_t segment_size; /* octets; 0: PD_SEGMENT_SIZE */
    PdCompress compress;
    uint64_t max_message;  /* octets; 0: no limit */
    uint64_t limit;        /* new messages at most; 0: no limit */
    uint64_t window;       /* 0: as the server allows */
    bool dry_run;          /* list only: nothing is fetched, deleted or written */
    bool quiet_server;     /* RSET before QUIT */
    bool delete_archived;  /* remove from the server what is proven archived … */
    uint64_t delete_older; /* … and was first seen so many seconds ago */
    uint64_t expunge;      /* a clean QUIT every so many deletions; 0: one at the end */
    bool json;             /* the report as JSON lines */
    bool quiet;            /* no summary */
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
    uint64_t missed;   /* archived once, and missing in the archive when the run began … */
    uint64_t lost;     /* … of them: not fetched again */
    bool stopped;      /* by a signal */
} PdFetchSummary;

/* True when the run did what it could; false with `error` when it ended early. `summary` is right
 * in both cases. Prints warnings, progress and, with `json`, the events. */
bool pd_fetch_run(const PdFetchOptions *options, PdFetchSummary *summary, GError **error);
