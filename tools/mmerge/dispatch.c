#include "dispatch.h"

#include "interrupt.h"
#include "scope.h"
#include "worker.h"

#include <errno.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/progress.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH     128 /* rows a claim */
#define AHEAD     256 /* jobs out at once, a connection */
#define NEWS_MAX  4096
#define GATHER_MS 2
#define HELD_MOST (16 * 1024 * 1024) /* octets of rows that are out: then no more are read */

typedef struct {
    const MmRun *run;
    MmExchange exchange;
    GPtrArray *workers;
    guint alive;
    MmRows *rows;
    MbProgress *progress;

    guint ahead;           /* most jobs out at once */
    guint out;             /* jobs that have not come back */
    size_t held;           /* octets of their rows */
    GQueue claimed;        /* MmClaim: not read yet */
    uint64_t after;        /* rows up to this one were claimed in this round */
    bool round_over;       /* nothing to claim until something is due or released */
    int64_t due, due_told; /* when the earliest deferred one is, and was said; 0: none */
    gint64 real_offset_us; /* of the time of day to the monotonic one when the run began */
    int64_t give_up;       /* waiting ends; 0: it has not begun */
    uint64_t left;         /* --limit: rows that may still be claimed */
    guint next_trial;      /* of run->trial */
    bool finishing;        /* senders were told */
    bool killed;
    guint given_up;   /* connections that ended for good while others went on */
    GError *first_up; /* why the first of them did */
    GError *stopped;  /* why nothing new is begun */
} Dispatch;

static int64_t now_s(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* Takes `error`; the first reason stands. */
static void stop_take(Dispatch *dispatch, GError *error)
{
    if (dispatch->stopped == NULL)
        dispatch->stopped = error;
    else
        g_error_free(error);
}

/* --- claims become jobs ------------------------------------------------------------------- */

static bool add_job(Dispatch *dispatch, MmClaim *claim, GError **error)
{
    MmRow *row = NULL;
    MmJob *job;
    MbNext next = mm_rows_find(dispatch->rows, claim->number, &row, error);

    if (next == MB_NEXT && dispatch->run->ledger != NULL &&
        memcmp(row->digest, claim->digest, sizeof claim->digest) != 0) {
        mm_row_free(row);
        next = MB_END;
    }
    if (next != MB_NEXT) {
        if (next == MB_END)
            g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                        "%s: row %" G_GUINT64_FORMAT
                        ": it has changed since the run began: start it again",
                        mm_campaign_csv_path(dispatch->run->campaign), claim->number);
        mm_claim_free(claim);
        return false;
    }
    job = mm_job_new(claim);
    job->owned = row;
    job->destroy = (GDestroyNotify)mm_row_free;
    dispatch->held += row->octets;
    mb_queue_push(dispatch->exchange.jobs, job);
    dispatch->out++;
    return true;
}

static MmClaim *trial_claim(const MmRun *run, uint64_t number)
{
    MmClaim *claim = g_new0(MmClaim, 1);

    claim->number = number;
    claim->attempt = 1;
    claim->n_entries = 1;
    claim->entries = g_malloc0(sizeof *claim->entries);
    claim->entries[0].address = g_strdup(run->options->redirect_to);
    return claim;
}

static GPtrArray *trial_claims(Dispatch *dispatch, guint n)
{
    const GArray *trial = dispatch->run->trial;
    GPtrArray *claims = g_ptr_array_new();

    for (; claims->len < n && dispatch->next_trial < trial->len; dispatch->next_trial++)
        g_ptr_array_add(claims, trial_claim(dispatch->run,
                                            g_array_index(trial, uint64_t, dispatch->next_trial)));
    return claims;
}

/* The next claims, in the CSV's order; a second round takes what was released or is due again. */
static GPtrArray *next_claims(Dispatch *dispatch, guint n, GError **error)
{
    const MmRun *run = dispatch->run;
    unsigned tries = (unsigned)run->options->retry;
    GPtrArray *claims;

    if (run->ledger == NULL)
        return trial_claims(dispatch, n);
    claims = mm_ledger_claim(run->ledger, n, dispatch->after, tries, now_s(), error);
    if (claims != NULL && claims->len == 0 && dispatch->after > 0) {
        g_ptr_array_unref(claims);
        dispatch->after = 0;
        claims = mm_ledger_claim(run->ledger, n, 0, tries, now_s(), error);
    }
    if (claims != NULL)
        g_ptr_array_set_free_func(claims, NULL);
    return claims;
}

static bool read_claimed(Dispatch *dispatch, GError **error)
{
    bool good = true, any = false;

    while (good && dispatch->held < HELD_MOST && !g_queue_is_empty(&dispatch->claimed)) {
        good = add_job(dispatch, g_queue_pop_head(&dispatch->claimed), error);
        any |= good;
    }
    for (guint i = 0; any && i < dispatch->workers->len; i++)
        mm_worker_wake(dispatch->workers->pdata[i]);
    return good;
}

static bool refill(Dispatch *dispatch, GError **error)
{
    if (!read_claimed(dispatch, error))
        return false;
    while (!dispatch->round_over && dispatch->left > 0 && g_queue_is_empty(&dispatch->claimed) &&
           dispatch->out + BATCH <= dispatch->ahead) {
        g_autoptr(GPtrArray) claims =
            next_claims(dispatch, (guint)MIN(BATCH, dispatch->left), error);

        if (claims == NULL)
            return false;
        dispatch->round_over = claims->len == 0;
        for (guint i = 0; i < claims->len; i++) {
            MmClaim *claim = claims->pdata[i];
            dispatch->after = claim->number;
            dispatch->left--;
            g_queue_push_tail(&dispatch->claimed, claim);
        }
        if (!read_claimed(dispatch, error))
            return false;
    }
    /* Asking costs a commit: only once nothing else is on its way. */
    if (dispatch->round_over && dispatch->out == 0 && dispatch->due == 0 &&
        dispatch->run->ledger != NULL) {
        GError *failed = NULL;
        dispatch->due = mm_ledger_next_due(
            dispatch->run->ledger, (unsigned)dispatch->run->options->retry, now_s(), &failed);
        if (failed != NULL) {
            g_propagate_error(error, failed);
            return false;
        }
    }
    return true;
}

/* --- jobs come back ----------------------------------------------------------------------- */

static void check_failures(Dispatch *dispatch)
{
    uint64_t refused = atomic_load(&dispatch->exchange.refused);
    uint64_t tried = atomic_load(&dispatch->exchange.tried);

    if (dispatch->stopped == NULL && atomic_load(&dispatch->exchange.too_many))
        dispatch->stopped = g_error_new(
            MM_SENDER_ERROR, MB_ERROR_TEMPORARY,
            "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
            " recipients were refused for good: look at why (--max-failures says when to stop)",
            refused, tried);
}

static void stop_for_account(Dispatch *dispatch, const MmJob *job)
{
    const char *reply = "";

    for (size_t i = 0; i < job->claim->n_entries; i++)
        if (job->outcomes[i].reply != NULL && job->outcomes[i].state == MM_PENDING)
            reply = job->outcomes[i].reply;
    stop_take(dispatch, mm_scope_stop(reply, job->pause_s));
}

static size_t count_released(const MmJob *job)
{
    size_t n = 0;

    for (size_t i = 0; i < job->claim->n_entries; i++)
        n += job->outcomes[i].state == MM_PENDING;
    return n;
}

static void settle(Dispatch *dispatch, MmJob *job)
{
    size_t released = count_released(job);
    GError *error = NULL;

    dispatch->out--;
    if (job->owned != NULL)
        dispatch->held -= ((const MmRow *)job->owned)->octets;
    mm_summary_add(dispatch->run->summary, job);
    if (dispatch->run->ledger != NULL && !mm_ledger_record(dispatch->run->ledger, job->outcomes,
                                                           job->claim->n_entries, now_s(), &error))
        stop_take(dispatch, error);
    if (released > 0) {
        dispatch->left++;
        dispatch->after = MIN(dispatch->after, job->claim->number - 1); /* and it comes first */
        dispatch->round_over &= dispatch->run->ledger == NULL; /* it can be claimed again */
    }
    dispatch->due = 0;
    if (job->account_wide)
        stop_for_account(dispatch, job);
    else if (job->error != NULL && released == job->claim->n_entries)
        stop_take(dispatch, g_error_copy(job->error));
    mm_job_free(job);
}

static void collect(Dispatch *dispatch)
{
    GError *error = NULL;
    bool mixed = false;
    MmJob *job;

    while ((job = mb_queue_try_pop(dispatch->exchange.results)) != NULL) {
        mixed |= mm_job_mark(job) == MM_MARK_MIXED;
        settle(dispatch, job);
    }
    /* What each recipient got stands in no mark: a kill would leave all of them in doubt. */
    if (mixed && dispatch->run->ledger != NULL && !mm_ledger_flush(dispatch->run->ledger, &error))
        stop_take(dispatch, error);
    check_failures(dispatch);
    mb_progress_update(dispatch->progress, mm_summary_done(dispatch->run->summary), 0);
}

static void hear_news(Dispatch *dispatch)
{
    MmNews *news;

    while ((news = mb_queue_try_pop(dispatch->exchange.news)) != NULL) {
        if (news->kind == MM_NEWS_ENDED) {
            dispatch->alive--;
            if (news->error != NULL && dispatch->alive == 0)
                stop_take(dispatch, g_steal_pointer(&news->error));
            else if (news->error != NULL && dispatch->given_up++ == 0)
                dispatch->first_up = g_steal_pointer(&news->error);
        } else if (news->retry_s > 0) {
            mb_log_warning("%s; trying again in %u s", news->error->message, news->retry_s);
        } else {
            mb_log_note("%s; connecting again", news->error->message);
        }
        mm_news_free(news);
    }
}

/* --- the loop ----------------------------------------------------------------------------- */

static void heed_signals(Dispatch *dispatch)
{
    int count = mm_interrupt_count();

    if (count > 0 && dispatch->stopped == NULL) {
        dispatch->stopped = g_error_new_literal(MM_SENDER_ERROR, MB_ERROR_TEMPORARY, "interrupted");
        if (dispatch->out > 0)
            mb_log_warning("finishing what is in flight; once more to stop at once");
    }
    dispatch->killed = count > 1;
}

/* What no sender has taken yet goes back unsent. */
static void withdraw_jobs(Dispatch *dispatch)
{
    MmClaim *claim;
    MmJob *job;

    while ((claim = g_queue_pop_head(&dispatch->claimed)) != NULL) {
        dispatch->out++;
        settle(dispatch, mm_job_new(claim));
    }
    while ((job = mb_queue_try_pop(dispatch->exchange.jobs)) != NULL)
        settle(dispatch, job);
}

/* By how much the time of day was set forward (or, below 0, back) since the run began. */
static int64_t skew_s(const Dispatch *dispatch)
{
    return (g_get_real_time() - g_get_monotonic_time() - dispatch->real_offset_us) / G_USEC_PER_SEC;
}

static bool waits_for_due(Dispatch *dispatch)
{
    if (dispatch->due == 0 || dispatch->left == 0 || dispatch->run->ledger == NULL)
        return false;
    if (dispatch->give_up == 0)
        dispatch->give_up = now_s() + dispatch->run->options->wait_s;
    return dispatch->due <= dispatch->give_up + skew_s(dispatch);
}

/* Whether nothing is left to be done in this run. */
static bool is_over(Dispatch *dispatch)
{
    return dispatch->out == 0 && g_queue_is_empty(&dispatch->claimed) &&
           (dispatch->stopped != NULL || dispatch->left == 0 ||
            (dispatch->round_over && !waits_for_due(dispatch)));
}

static void finish_workers(Dispatch *dispatch)
{
    if (dispatch->finishing)
        return;
    dispatch->finishing = true;
    for (guint i = 0; i < dispatch->workers->len; i++)
        mm_worker_finish(dispatch->workers->pdata[i]);
}

/* Results come one by one, and a thread that is woken for each costs more than what they are:
 * some more are let come. The senders have enough to do meanwhile, and the marks know what was
 * answered. */
static void gather(Dispatch *dispatch)
{
    uint64_t count;
    ssize_t got;

    if (!dispatch->finishing && mm_interrupt_count() == 0)
        poll(NULL, 0, GATHER_MS);
    do
        got = read(dispatch->exchange.wake, &count, sizeof count);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        atomic_exchange(&dispatch->exchange.told, false);
}

/* Wakes once a second: the clock may have been set, and on a terminal the progress moves. */
static void sleep_until_news(Dispatch *dispatch)
{
    struct pollfd entry = {.fd = dispatch->exchange.wake, .events = POLLIN};
    bool waiting = dispatch->round_over && dispatch->due > 0 && !dispatch->finishing;
    int64_t wait_s = waiting ? dispatch->due - now_s() : 1;

    if (wait_s > 1 && dispatch->due_told != dispatch->due)
        mb_log_warning("the deferred are tried again in %d s, or in a later run (Ctrl-C)",
                       (int)wait_s);
    dispatch->due_told = dispatch->due;
    if (poll(&entry, 1, wait_s > 0 ? 1000 : 0) > 0)
        gather(dispatch);
    if (dispatch->due > 0 &&
        (dispatch->due <= now_s() || dispatch->due > now_s() + MM_DEFER_MAX_S)) {
        dispatch->round_over = false;
        dispatch->due = 0;
    }
}

static void loop(Dispatch *dispatch)
{
    while (!dispatch->killed) {
        GError *error = NULL;

        collect(dispatch);
        hear_news(dispatch);
        heed_signals(dispatch);
        if (dispatch->stopped == NULL && !dispatch->finishing && !refill(dispatch, &error))
            stop_take(dispatch, error);
        if (dispatch->stopped != NULL || dispatch->alive == 0)
            withdraw_jobs(dispatch);
        if (dispatch->stopped != NULL || is_over(dispatch))
            finish_workers(dispatch);
        if (dispatch->alive == 0)
            break;
        sleep_until_news(dispatch);
    }
}

static bool start_workers(Dispatch *dispatch, GError **error)
{
    for (unsigned i = 1; i <= (unsigned)dispatch->run->options->connections; i++) {
        MmWorker *worker = mm_worker_start(dispatch->run, &dispatch->exchange, i, error);
        if (worker == NULL)
            return false;
        g_ptr_array_add(dispatch->workers, worker);
        dispatch->alive++;
    }
    return true;
}

static bool make_pacer(Dispatch *dispatch, GError **error)
{
    const MmSendOptions *options = dispatch->run->options;

    if (options->rate_count == 0)
        return true;
    dispatch->exchange.pacer = mm_pacer_new_after(options->rate_count, options->rate_seconds,
                                                  dispatch->run->ledger, now_s(), error);
    return dispatch->exchange.pacer != NULL;
}

static bool prepare(Dispatch *dispatch, GError **error)
{
    const MmRun *run = dispatch->run;
    guint connections = (guint)run->options->connections;

    dispatch->ahead = MAX(AHEAD * connections, 2 * BATCH);
    dispatch->left = run->options->limit > 0 ? (uint64_t)run->options->limit : UINT64_MAX / 2;
    dispatch->real_offset_us = g_get_real_time() - g_get_monotonic_time();
    dispatch->workers = g_ptr_array_new();
    dispatch->exchange.jobs = mb_queue_new(dispatch->ahead, NULL);
    dispatch->exchange.results = mb_queue_new(dispatch->ahead + connections, NULL);
    dispatch->exchange.news = mb_queue_new(NEWS_MAX, (GDestroyNotify)mm_news_free);
    dispatch->exchange.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    dispatch->progress = mb_progress_new("recipients", run->total);
    dispatch->rows = mm_rows_open(run->campaign, error);
    if (dispatch->rows == NULL)
        return false;
    if (dispatch->exchange.wake < 0) {
        g_set_error(error, MM_SENDER_ERROR, MB_ERROR_TEMPORARY, "eventfd: %s", g_strerror(errno));
        return false;
    }
    return make_pacer(dispatch, error);
}

static void clear(Dispatch *dispatch)
{
    finish_workers(dispatch);
    for (guint i = 0; i < dispatch->workers->len; i++)
        mm_worker_join(dispatch->workers->pdata[i]);
    withdraw_jobs(dispatch);
    collect(dispatch);
    g_ptr_array_unref(dispatch->workers);
    mb_queue_free(dispatch->exchange.jobs);
    mb_queue_free(dispatch->exchange.results);
    mb_queue_free(dispatch->exchange.news);
    mm_pacer_free(dispatch->exchange.pacer);
    mm_rows_free(dispatch->rows);
    mb_progress_free(dispatch->progress);
    if (dispatch->exchange.wake >= 0)
        close(dispatch->exchange.wake);
}

MmRunEnd mm_dispatch(const MmRun *run, GError **error)
{
    Dispatch dispatch = {.run = run};
    GError *failed = NULL;

    if (prepare(&dispatch, &failed)) {
        mm_interrupt_begin(dispatch.exchange.wake);
        mm_summary_begin(run->summary);
        if (start_workers(&dispatch, &failed))
            loop(&dispatch);
        mm_interrupt_end();
    }
    if (failed != NULL)
        stop_take(&dispatch, failed);
    if (dispatch.killed) {
        /* The workers go down with the process; what they have said is in the marks. */
        collect(&dispatch);
        mb_progress_free(dispatch.progress);
        g_propagate_error(error, dispatch.stopped);
        return MM_RUN_KILLED;
    }
    clear(&dispatch);
    if (dispatch.stopped == NULL && dispatch.given_up > 0)
        mb_log_warning("%u of %d connections were given up: %s", dispatch.given_up,
                       run->options->connections, dispatch.first_up->message);
    g_clear_error(&dispatch.first_up);
    if (dispatch.stopped == NULL)
        return MM_RUN_OVER;
    g_propagate_error(error, dispatch.stopped);
    return MM_RUN_STOPPED;
}
