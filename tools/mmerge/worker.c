#include "worker.h"

#include <errno.h>
#include <unistd.h>

#define TRIED_AT_LEAST 50 /* before a percentage of failures means anything */

struct MmWorker {
    const MmRun *run;
    MmExchange *exchange;
    MmRenderer *renderer;
    MmJob *held; /* ready, but the rate does not allow it yet */
    MmSenderOptions options;
    MmSender *sender;
};

void mm_news_free(MmNews *news)
{
    if (news == NULL)
        return;
    g_clear_error(&news->error);
    g_free(news);
}

static bool make_message(MmWorker *worker, MmJob *job)
{
    char key[MM_MESSAGE_KEY_SIZE];
    MmRenderOptions options = {.only_to = worker->run->options->redirect_to,
                               .sender = worker->run->options->sender};
    MmMessage message;

    if (worker->run->ledger != NULL) {
        mm_ledger_message_key(worker->run->ledger, job->claim->key, key);
        options.message_key = key;
    }
    if (!mm_render(worker->renderer, job->owned, &options, &message, &job->error))
        return false;
    job->sender = g_strdup(message.sender);
    job->wire = mb_wire_ref(message.wire);
    job->smtputf8 = message.smtputf8;
    return true;
}

static void flush(void *user)
{
    static const uint64_t one = 1;
    MmWorker *worker = user;

    if (atomic_exchange(&worker->exchange->told, true))
        return;
    while (write(worker->exchange->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static bool too_many(const MmSendOptions *options, uint64_t tried, uint64_t refused)
{
    return (options->max_failed > 0 && refused >= options->max_failed) ||
           (options->max_failed_percent > 0 && tried >= TRIED_AT_LEAST &&
            refused * 100 > tried * options->max_failed_percent);
}

/* Counted here and not where the ledger is kept, so that not one more goes out meanwhile. */
static void count_refusals(MmWorker *worker, const MmJob *job)
{
    uint64_t tried = 0, refused = 0;

    for (size_t i = 0; i < job->claim->n_entries; i++) {
        tried += job->outcomes[i].state != MM_PENDING;
        refused += job->outcomes[i].state == MM_REFUSED;
    }
    tried += atomic_fetch_add(&worker->exchange->tried, tried);
    refused += atomic_fetch_add(&worker->exchange->refused, refused);
    if (too_many(worker->run->options, tried, refused)) {
        atomic_store(&worker->exchange->too_many, true);
        atomic_store(&worker->exchange->halt, true);
    }
}

static void give(void *user, MmJob *job)
{
    MmWorker *worker = user;

    count_refusals(worker, job);
    if (job->account_wide)
        atomic_store(&worker->exchange->halt, true);
    mb_queue_push(worker->exchange->results, job);
}

static MmJob *next_job(MmWorker *worker)
{
    MmJob *job;

    if (atomic_load(&worker->exchange->halt))
        return NULL;
    if (worker->held != NULL)
        return g_steal_pointer(&worker->held);
    while ((job = mb_queue_try_pop(worker->exchange->jobs)) != NULL) {
        if (make_message(worker, job))
            return job;
        give(worker, job);
        flush(worker);
    }
    return NULL;
}

static MmJob *take(void *user, gint64 *wait_us)
{
    MmWorker *worker = user;
    MmJob *job = next_job(worker);
    gint64 wait = 0;

    *wait_us = -1;
    if (job == NULL || worker->exchange->pacer == NULL)
        return job;
    wait = mm_pacer_wait(worker->exchange->pacer, g_get_monotonic_time());
    if (wait == 0)
        return job;
    *wait_us = wait;
    worker->held = job;
    return NULL;
}

/* Counted when it goes and not when it was taken: a connection may have to be made in between. */
static gint64 pace(void *user)
{
    MmWorker *worker = user;

    return worker->exchange->pacer != NULL
               ? mm_pacer_take(worker->exchange->pacer, g_get_monotonic_time())
               : 0;
}

static void tell(MmWorker *worker, int kind, const GError *error, guint retry_s)
{
    MmNews *news = g_new0(MmNews, 1);

    news->kind = kind;
    news->error = error != NULL ? g_error_copy(error) : NULL;
    news->retry_s = retry_s;
    mb_queue_push(worker->exchange->news, news);
    flush(worker);
}

static void trouble(void *user, const GError *error, guint retry_s)
{
    tell(user, MM_NEWS_TROUBLE, error, retry_s);
}

static void ended(void *user, const GError *error)
{
    tell(user, MM_NEWS_ENDED, error, 0);
}

MmWorker *mm_worker_start(const MmRun *run, MmExchange *exchange, unsigned number, GError **error)
{
    const MmSendOptions *options = run->options;
    MmWorker *worker = g_new0(MmWorker, 1);

    worker->run = run;
    worker->exchange = exchange;
    worker->renderer = mm_renderer_new(run->campaign);
    worker->options = (MmSenderOptions){
        .account = options->account,
        .tls = run->tls,
        .secret = run->secret,
        .client_name = options->domain,
        /* With a rate, messages must not gather in a window and leave together. */
        .window = options->window == 0 && exchange->pacer != NULL ? 1 : (guint)options->window,
        .per_connection = (guint)options->per_connection,
        .patience_s = options->wait_s,
        .notify = options->notify,
        .marks = run->ledger != NULL ? mm_ledger_marks(run->ledger) : NULL,
        .transcript = run->transcript,
        .user = worker,
        .take = take,
        .pace = pace,
        .give = give,
        .flush = flush,
        .trouble = trouble,
        .ended = ended,
    };
    worker->sender = mm_sender_start(&worker->options, number, error);
    if (worker->sender == NULL) {
        mm_renderer_free(worker->renderer);
        g_free(worker);
        return NULL;
    }
    return worker;
}

void mm_worker_wake(MmWorker *worker)
{
    mm_sender_wake(worker->sender);
}

void mm_worker_finish(MmWorker *worker)
{
    mm_sender_finish(worker->sender);
}

void mm_worker_join(MmWorker *worker)
{
    if (worker == NULL)
        return;
    mm_sender_join(worker->sender);
    if (worker->held != NULL)
        mb_queue_push(worker->exchange->results, g_steal_pointer(&worker->held));
    mm_renderer_free(worker->renderer);
    g_free(worker);
}
