#include "accounts.h"

#include "layout.h"
#include "report.h"
#include "stop.h"
#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <pthread.h>
#include <string.h>

#define NAME_MAX_OCTETS 200

int pd_accounts_worse(int one, int other)
{
    /* Damage first, then what somebody has to look at, then what another run may mend. */
    static const int order[] = {
        MB_EXIT_INTERNAL, MB_EXIT_IO,          MB_EXIT_DATA,      MB_EXIT_CANNOT_CREATE,
        MB_EXIT_NO_INPUT, MB_EXIT_USAGE,       MB_EXIT_CONFIG,    MB_EXIT_LOGIN,
        MB_EXIT_PROTOCOL, MB_EXIT_UNAVAILABLE, MB_EXIT_TEMPORARY, MB_EXIT_LEFT_BEHIND,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        if (one == order[i] || other == order[i])
            return order[i];
    }
    return MAX(one, other);
}

static int status_of(const PdFetchOptions *options, const PdFetchSummary *summary,
                     const GError *error)
{
    if (error != NULL)
        return (int)mb_exit_of(error);
    if (summary->missed > 0)
        return MB_EXIT_DATA;
    if (summary->stopped || summary->in_doubt > 0)
        return MB_EXIT_TEMPORARY;
    if (summary->held && options->delete_archived)
        return MB_EXIT_LEFT_BEHIND;
    return summary->left > 0 || summary->kept > 0 ? MB_EXIT_LEFT_BEHIND : MB_EXIT_OK;
}

/* How a fetch ended. */
typedef struct {
    PdFetchOptions fetch;
    PdFetchSummary summary;
    GError *error;
    int status;
    char *folder, *label; /* of an account by name */
} Result;

static void result_clear(void *item)
{
    Result *result = item;

    g_clear_error(&result->error);
    g_free(result->folder);
    g_free(result->label);
}

static void say_end(const Result *result)
{
    if (result->error != NULL && result->status == MB_EXIT_TEMPORARY)
        mb_log_error("%s; run again to go on", result->error->message);
    else if (result->error != NULL)
        mb_log_error("%s", result->error->message);
    else if (result->summary.stopped)
        mb_log_error("%s: stopped; run again to go on", result->fetch.archive);
}

static void print_summary(const Result *result)
{
    PdReport report;

    pd_report_init(&report, &result->fetch);
    pd_report_summary(&report, &result->fetch, &result->summary, result->error, result->status);
    pd_report_clear(&report);
}

static int fetch_one(const PdFetchOptions *options)
{
    g_autoptr(PdTally) tally = pd_tally_new();
    Result result = {.fetch = *options};
    int status;

    result.fetch.tally = tally;
    pd_fetch_run(&result.fetch, &result.summary, &result.error);
    g_clear_pointer(&tally, pd_tally_free);
    status = result.status = status_of(&result.fetch, &result.summary, result.error);
    say_end(&result);
    print_summary(&result);
    result_clear(&result);
    return status;
}

/* ---- several ---- */

typedef struct {
    const PdAccountsOptions *options;
    GPtrArray *chosen;
    PdTally *tally;
    Result *results;      /* one for each */
    pthread_mutex_t lock; /* of `next` */
    guint next;
} Pool;

/* A name becomes a folder's, and never a way out of ARCHIVE. */
static bool check_name(const char *name, GError **error)
{
    g_autofree char *shown = mb_text_printable(name, strlen(name));
    bool good = *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
                strchr(name, '/') == NULL && strlen(name) <= NAME_MAX_OCTETS;

    for (const char *next = name; *next != '\0'; next++)
        good = good && !g_ascii_iscntrl(*next);
    if (!good)
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_CONFIG,
                    "account %s: its name cannot be a folder's: give it another one", shown);
    return good;
}

static void apply_policy(const PdAccountsOptions *options, const PdChosen *chosen,
                         PdFetchOptions *fetch)
{
    if (!options->delete_said && chosen->removes) {
        fetch->delete_archived = true;
        fetch->delete_older = chosen->older;
    }
    if (!options->max_said && chosen->skip_size > 0)
        fetch->max_message = chosen->skip_size;
    if (chosen->not_pipelining)
        fetch->window = 1;
}

static void fetch_account(Pool *pool, PdChosen *chosen, Result *result)
{
    result->label = mb_text_printable(chosen->name, strlen(chosen->name));
    result->folder = g_build_filename(pool->options->fetch.archive, chosen->name, NULL);
    result->fetch = pool->options->fetch;
    result->fetch.archive = result->folder;
    result->fetch.label = result->label;
    result->fetch.tally = pool->tally;
    result->fetch.account = chosen->account;
    result->summary.stopped = pd_stop_asked();
    apply_policy(pool->options, chosen, &result->fetch);
    mb_log_set_label(result->label);
    if (chosen->fault != NULL)
        result->error = g_error_copy(chosen->fault);
    else if (check_name(chosen->name, &result->error) && !result->summary.stopped)
        pd_fetch_run(&result->fetch, &result->summary, &result->error);
    result->status = status_of(&result->fetch, &result->summary, result->error);
    say_end(result);
    if (result->fetch.json)
        print_summary(result);
    mb_log_set_label(NULL);
}

static void *work(void *user)
{
    Pool *pool = user;

    for (;;) {
        guint mine;

        pthread_mutex_lock(&pool->lock);
        mine = pool->next++;
        pthread_mutex_unlock(&pool->lock);
        if (mine >= pool->chosen->len)
            return NULL;
        fetch_account(pool, pool->chosen->pdata[mine], &pool->results[mine]);
    }
}

static void run_pool(Pool *pool)
{
    unsigned count = MIN(pool->options->at_once, pool->chosen->len);
    g_autofree pthread_t *threads = g_new0(pthread_t, count);
    unsigned started = 0;

    /* This thread works too: without another one all the same. */
    while (started + 1 < count && pthread_create(&threads[started], NULL, work, pool) == 0)
        started++;
    work(pool);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

/* Where it does not disturb the progress line, and in the order of the accounts. */
static int finish(Pool *pool)
{
    int worst = MB_EXIT_OK;

    for (guint i = 0; i < pool->chosen->len; i++) {
        Result *result = &pool->results[i];

        if (!result->fetch.json)
            print_summary(result);
        worst = pd_accounts_worse(worst, result->status);
        result_clear(result);
    }
    return worst;
}

static int fetch_several(const PdAccountsOptions *options, GPtrArray *chosen)
{
    g_autofree Result *results = g_new0(Result, chosen->len);
    Pool pool = {.options = options, .chosen = chosen, .results = results};

    if (pd_layout_is_archive(options->fetch.archive)) {
        mb_log_error("%s: is one account's archive: name the folder that holds a folder for each "
                     "account",
                     options->fetch.archive);
        return MB_EXIT_CONFIG;
    }
    pool.tally = pd_tally_new();
    pthread_mutex_init(&pool.lock, NULL);
    run_pool(&pool);
    pthread_mutex_destroy(&pool.lock);
    pd_tally_free(pool.tally);
    return finish(&pool);
}

int pd_accounts_fetch(const PdAccountsOptions *options, GPtrArray *chosen)
{
    PdFetchOptions fetch = options->fetch;
    const PdChosen *first = chosen->pdata[0];

    pd_stop_watch();
    if (first->name != NULL)
        return fetch_several(options, chosen);
    fetch.account = first->account;
    return fetch_one(&fetch);
}
