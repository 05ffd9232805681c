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

static void say_end(const PdFetchOptions *options, const PdFetchSummary *summary,
                    const GError *error, int status)
{
    PdReport report;

    if (error != NULL && status == MB_EXIT_TEMPORARY)
        mb_log_error("%s; run again to go on", error->message);
    else if (error != NULL)
        mb_log_error("%s", error->message);
    else if (summary->stopped)
        mb_log_error("%s: stopped; run again to go on", options->archive);
    pd_report_init(&report, options);
    pd_report_summary(&report, options, summary, error, status);
    pd_report_clear(&report);
}

static int fetch_one(const PdFetchOptions *options)
{
    g_autoptr(GError) error = NULL;
    PdFetchSummary summary;
    int status;

    pd_fetch_run(options, &summary, &error);
    status = status_of(options, &summary, error);
    say_end(options, &summary, error, status);
    return status;
}

/* ---- several ---- */

typedef struct {
    const PdAccountsOptions *options;
    GPtrArray *chosen;
    PdTally *tally;
    pthread_mutex_t lock; /* of the next two */
    guint next;
    int worst;
    pthread_mutex_t asking; /* passwords are asked for one by one: a command may talk to the user */
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

/* Once for the run, however often it connects. */
static bool ask_password(Pool *pool, MbAccount *account, GError **error)
{
    if (account->password != NULL || account->passwordeval == NULL)
        return true;
    pthread_mutex_lock(&pool->asking);
    if (!pd_stop_asked())
        account->password = mb_account_password(account, error);
    pthread_mutex_unlock(&pool->asking);
    return account->password != NULL || (error != NULL && *error == NULL);
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

static int fetch_account(Pool *pool, PdChosen *chosen)
{
    PdFetchOptions fetch = pool->options->fetch;
    g_autofree char *shown = mb_text_printable(chosen->name, strlen(chosen->name));
    g_autofree char *folder = NULL;
    PdFetchSummary summary = {.stopped = pd_stop_asked()};
    g_autoptr(GError) error = NULL;
    int status;

    mb_log_set_label(shown);
    folder = g_build_filename(fetch.archive, chosen->name, NULL);
    fetch.archive = folder;
    fetch.label = shown;
    fetch.tally = pool->tally;
    fetch.account = chosen->account;
    apply_policy(pool->options, chosen, &fetch);
    if (chosen->fault != NULL)
        error = g_error_copy(chosen->fault);
    if (error == NULL && check_name(chosen->name, &error) && !summary.stopped &&
        ask_password(pool, chosen->account, &error))
        pd_fetch_run(&fetch, &summary, &error);
    status = status_of(&fetch, &summary, error);
    say_end(&fetch, &summary, error, status);
    mb_log_set_label(NULL);
    return status;
}

static void *work(void *user)
{
    Pool *pool = user;

    for (;;) {
        PdChosen *chosen = NULL;
        int status;

        pthread_mutex_lock(&pool->lock);
        if (pool->next < pool->chosen->len)
            chosen = pool->chosen->pdata[pool->next++];
        pthread_mutex_unlock(&pool->lock);
        if (chosen == NULL)
            return NULL;
        status = fetch_account(pool, chosen);
        pthread_mutex_lock(&pool->lock);
        pool->worst = pd_accounts_worse(pool->worst, status);
        pthread_mutex_unlock(&pool->lock);
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

static int fetch_several(const PdAccountsOptions *options, GPtrArray *chosen, PdTally *tally)
{
    Pool pool = {.options = options, .chosen = chosen, .tally = tally};

    if (pd_layout_is_archive(options->fetch.archive)) {
        mb_log_error("%s: is one account's archive: name the folder that holds a folder for each "
                     "account",
                     options->fetch.archive);
        return MB_EXIT_CONFIG;
    }
    pthread_mutex_init(&pool.lock, NULL);
    pthread_mutex_init(&pool.asking, NULL);
    run_pool(&pool);
    pthread_mutex_destroy(&pool.lock);
    pthread_mutex_destroy(&pool.asking);
    return pool.worst;
}

int pd_accounts_fetch(const PdAccountsOptions *options, GPtrArray *chosen)
{
    g_autoptr(PdTally) tally = pd_tally_new();
    PdFetchOptions fetch = options->fetch;
    const PdChosen *first = chosen->pdata[0];

    pd_stop_watch();
    if (first->name != NULL)
        return fetch_several(options, chosen, tally);
    fetch.account = first->account;
    fetch.tally = tally;
    return fetch_one(&fetch);
}
