/*
 * A worker of the run: a sender, with the scratch to make messages out of claimed rows. What it
 * shares with the dispatcher is the exchange: two queues and a wake-up.
 */
#pragma once

#include "dispatch.h"
#include "pacer.h"
#include "sender.h"

#include <mailbatch/base/queue.h>
#include <stdatomic.h>

G_BEGIN_DECLS

typedef struct {
    MbQueue *jobs;                       /* MmJob, to be sent; never full: the dispatcher counts */
    MbQueue *results;                    /* MmJob, come back */
    MbQueue *news;                       /* MmNews */
    int wake;                            /* eventfd of the dispatcher */
    atomic_bool told;                    /* it was written to and not read since */
    MmPacer *pacer;                      /* NULL: as fast as it goes */
    atomic_bool halt;                    /* nobody begins anything new */
    atomic_bool too_many;                /* … because too many were refused (--max-failures) */
    atomic_uint_fast64_t tried, refused; /* recipients */
} MmExchange;

/* What a sender has to say beside its jobs. */
typedef struct {
    enum {
        MM_NEWS_TROUBLE,
        MM_NEWS_ENDED,
    } kind;
    GError *error;
    guint retry_s;
} MmNews;

void mm_news_free(MmNews *news);

typedef struct MmWorker MmWorker;

/* Borrows both. */
MmWorker *mm_worker_start(const MmRun *run, MmExchange *exchange, unsigned number, GError **error);
void mm_worker_wake(MmWorker *worker);
void mm_worker_finish(MmWorker *worker);

/* Waits for its end; what it still held goes to the results. */
void mm_worker_join(MmWorker *worker);

G_END_DECLS
