/*
 * A job of the crew: items in a row, and what printing them gives. Filled by the owner, done by one
 * worker, written and emptied by the owner.
 */
#pragma once

#include "extract.h"
#include "output.h"
#include "print.h"
#include "views.h"
#include "walk.h"

#include <glib.h>
#include <mailbatch/base/pool.h>

typedef enum {
    MP_ENTRY_ITEM,
    MP_ENTRY_FAILURE, /* `text` is what could not be read */
    MP_ENTRY_SAY,     /* `text` goes to stderr */
} MpEntryKind;

typedef struct {
    MpEntryKind kind;
    const MbItem *present; /* the source's own, which streaming completes, or NULL: */
    MbItem item;           /* a copy, with bytes and locator of the job's */
    MbLocator locator;
    guint32 depth;
    uint64_t number;  /* of a message */
    const char *part; /* that the address names, or NULL */
    const char *text;
    MbSource *source; /* of an item that is streamed */
    bool is_content;  /* what is named is written, and not printed: needs the turn */
} MpEntry;

typedef struct {
    GArray *entries; /* of MpEntry */
    uint8_t *buffer; /* small items' bytes */
    size_t used;
    GPtrArray *large; /* other items' bytes, containers' names */
    GStringChunk *strings;
    size_t bytes; /* of all items, names and texts */

    GString *out;         /* what is printed: the worker's room, or NULL before there is any */
    struct MpRooms *home; /* where that room goes back to */
    GString *manifest;    /* lines of -x */
    GPtrArray *says;      /* lines for stderr */
    MpSummary summary;
    bool missed_part;
    GError *error; /* the output failed */

    MpOutput *output; /* for who has the turn */
    MpExtract *extract;
    bool is_alone; /* no job is before it */
} MpJob;

/* Waits until all jobs before this one are written; false: it never will be its turn. */
typedef bool (*MpAwaitTurn)(void *data, MpJob *job);

/* A thread's own. */
typedef struct {
    MpAwaitTurn await_turn;
    void *await_data;
    const MpOptions *options;
    MpWalk *walk;
    MpPrinter *printer;
    MpViews *views;         /* NULL: the scanner's only */
    MpExtractor *extractor; /* NULL: nothing is extracted */
    MpJob *job;             /* the present one */
    struct MpRooms *rooms;  /* for what is printed, which this thread's cache holds */
} MpWorker;

MpWorker *mp_worker_new(const MpOptions *options, MpExtract *extract, unsigned number,
                        MpAwaitTurn await_turn, void *await_data);
void mp_worker_free(MpWorker *worker);

MpJob *mp_job_new(MpOutput *output, MpExtract *extract);
void mp_job_free(MpJob *job);

/* Ready to be filled again; memory is kept unless it is much. */
void mp_job_clear(MpJob *job);

bool mp_job_is_full(const MpJob *job);

/* Adds an item whose bytes are kept, and its locator. */
void mp_job_add_copy(MpJob *job, const MbItem *item, guint32 depth, uint64_t number,
                     const char *part);
void mp_job_add_text(MpJob *job, MpEntryKind kind, const char *text);

/* Does the job: MbPoolWork. */
void mp_job_work(void *job, void *worker);

/* Writes what there is so far, by who has the turn. */
bool mp_job_write(MpJob *job, GError **error);
