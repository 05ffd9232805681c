#include "crew.h"

#include "job.h"

#include <mailbatch/base/error.h>

#define JOBS_A_THREAD 16 /* while one thread is at the oldest job, the others go on */
#define FLIGHT_LEAST  ((size_t)32 << 20) /* bytes handed over and not yet written … */
#define FLIGHT_THREAD ((size_t)1 << 20)  /* … or this a thread, where that is more */

struct MpCrew {
    const MpOptions *options;
    MpOutput *output;
    MpExtract *extract;
    MpWorker *own;      /* the owner's */
    MpWorker **workers; /* the pool's */
    unsigned threads;   /* of the pool; 0: there is none. The owner is one more */
    MbPool *pool;       /* started when there is more than one job to do */
    MpJob *open;        /* that is being filled, or NULL */
    GPtrArray *spare;
    size_t flight;
    size_t flight_max;
    uint64_t items;
    uint64_t messages;
    uint64_t failures;
    MpSummary summary;
    bool missed_part;
    GError *problem; /* met while the owner did a job */
};

static bool await_in_pool(void *data, MpJob *job)
{
    return mb_pool_await_turn(((MpCrew *)data)->pool, job);
}

static bool start_pool(MpCrew *crew, GError **error)
{
    crew->workers = g_new0(MpWorker *, crew->threads);
    for (unsigned i = 0; i < crew->threads; i++)
        crew->workers[i] = mp_worker_new(crew->options, crew->extract, i + 1, await_in_pool, crew);
    crew->pool = mb_pool_new((void *const *)crew->workers, crew->threads,
                             (size_t)crew->threads * JOBS_A_THREAD, mp_job_work, error);
    return crew->pool != NULL;
}

static bool await_as_owner(void *data, MpJob *job);

MpCrew *mp_crew_new(const MpOptions *options, unsigned threads, MpOutput *output,
                    MpExtract *extract)
{
    MpCrew *crew = g_new0(MpCrew, 1);

    crew->options = options;
    crew->output = output;
    crew->extract = extract;
    crew->spare = g_ptr_array_new_with_free_func((GDestroyNotify)mp_job_free);
    crew->own = mp_worker_new(options, extract, 0, await_as_owner, crew);
    crew->threads = MAX(threads, 1) - 1;
    crew->flight_max = MAX(FLIGHT_LEAST, threads * FLIGHT_THREAD);
    return crew;
}

void mp_crew_free(MpCrew *crew)
{
    MpJob *job;

    if (crew == NULL)
        return;
    if (crew->pool != NULL) {
        mb_pool_stop(crew->pool);
        while ((job = mb_pool_take(crew->pool, false)) != NULL)
            mp_job_free(job);
    }
    mb_pool_free(crew->pool);
    for (unsigned i = 0; crew->workers != NULL && i < crew->threads; i++)
        mp_worker_free(crew->workers[i]);
    g_free(crew->workers);
    mp_worker_free(crew->own);
    mp_job_free(crew->open);
    g_ptr_array_unref(crew->spare);
    g_clear_error(&crew->problem);
    g_free(crew);
}

static MpJob *new_job(MpCrew *crew)
{
    if (crew->spare->len > 0)
        return g_ptr_array_steal_index(crew->spare, crew->spare->len - 1);
    return mp_job_new(crew->output, crew->extract);
}

static void add_summary(MpSummary *sum, const MpSummary *more)
{
    sum->messages += more->messages;
    sum->message_bytes += more->message_bytes;
    for (size_t kind = 0; kind < MB_BYTES_KINDS; kind++)
        sum->kinds[kind] += more->kinds[kind];
    sum->decoded_spaces += more->decoded_spaces;
    sum->decoded_bytes += more->decoded_bytes;
    sum->others += more->others;
    sum->failures += more->failures;
    sum->defective += more->defective;
    sum->limits |= more->limits;
}

/* Writes a job that is done, in its turn. */
static bool finish_job(MpCrew *crew, MpJob *job, GError **error)
{
    bool done = job->error == NULL && mp_job_write(job, &job->error);

    add_summary(&crew->summary, &job->summary);
    crew->missed_part |= job->missed_part;
    if (!done)
        g_propagate_error(error, g_steal_pointer(&job->error));
    mp_job_clear(job);
    g_ptr_array_add(crew->spare, job);
    return done;
}

/* Finishes the oldest job. */
static bool finish_oldest(MpCrew *crew, bool wait, bool *was_one, GError **error)
{
    MpJob *job = mb_pool_take(crew->pool, wait);

    *was_one = job != NULL;
    if (job == NULL)
        return true;
    crew->flight -= job->bytes;
    return finish_job(crew, job, error);
}

/* The owner writes the jobs before its own. */
static bool await_as_owner(void *data, MpJob *job)
{
    MpCrew *crew = data;
    bool was_one = true;

    while (crew->problem == NULL && !mb_pool_is_oldest(crew->pool, job))
        finish_oldest(crew, true, &was_one, &crew->problem);
    return crew->problem == NULL;
}

/* The owner does a job, or waits for the oldest one. */
static bool go_on(MpCrew *crew, size_t leave, bool *was_one, GError **error)
{
    *was_one = true;
    if (!mb_pool_help(crew->pool, crew->own, leave))
        return finish_oldest(crew, true, was_one, error);
    if (crew->problem == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&crew->problem));
    return false;
}

/* The owner does a job by itself, behind all others. */
static bool do_own(MpCrew *crew, MpJob *job, GError **error)
{
    job->is_alone = true;
    mp_job_work(job, crew->own);
    return finish_job(crew, job, error);
}

/* Hands the open job over, and finishes what has been done meanwhile. */
static bool push_open(MpCrew *crew, GError **error)
{
    MpJob *job = g_steal_pointer(&crew->open);
    bool was_one = true;

    if (job == NULL)
        return true;
    if (crew->pool == NULL && !start_pool(crew, error)) {
        mp_job_free(job);
        return false;
    }
    job->is_alone = false;
    while (!mb_pool_push(crew->pool, job)) {
        if (!go_on(crew, crew->threads, &was_one, error) ||
            !finish_oldest(crew, false, &was_one, error)) {
            mp_job_free(job);
            return false;
        }
    }
    crew->flight += job->bytes;
    was_one = true;
    while (was_one) {
        if (!finish_oldest(crew, crew->flight > crew->flight_max, &was_one, error))
            return false;
    }
    return true;
}

bool mp_crew_wait(MpCrew *crew, GError **error)
{
    bool was_one = true;

    if (crew->pool == NULL)
        return crew->open == NULL || do_own(crew, g_steal_pointer(&crew->open), error);
    if (!push_open(crew, error))
        return false;
    while (was_one) {
        if (!go_on(crew, 0, &was_one, error))
            return false;
    }
    return true;
}

static bool do_now(MpCrew *crew, const MpEntry *entry, GError **error)
{
    MpJob *job;

    if (!mp_crew_wait(crew, error))
        return false;
    job = new_job(crew);
    g_array_append_vals(job->entries, entry, 1);
    return do_own(crew, job, error);
}

static MpJob *open_job(MpCrew *crew)
{
    if (crew->open == NULL)
        crew->open = new_job(crew);
    return crew->open;
}

/* Before an item is copied: only one that is longer by itself goes over the limit. */
static bool make_room(MpCrew *crew, size_t length, GError **error)
{
    bool was_one = true;

    if (crew->open != NULL)
        length += crew->open->bytes;
    while (was_one && crew->flight > 0 && crew->flight + length > crew->flight_max) {
        if (!finish_oldest(crew, true, &was_one, error))
            return false;
    }
    return true;
}

static bool added(MpCrew *crew, GError **error)
{
    return !mp_job_is_full(crew->open) || push_open(crew, error);
}

bool mp_crew_item(MpCrew *crew, MbSource *source, const MbItem *item, guint32 depth,
                  bool is_content, GError **error)
{
    bool is_message = item->is_mail || item->is_direct;
    const MpEntry entry = {
        .kind = MP_ENTRY_ITEM,
        .present = item,
        .depth = depth,
        .number = is_message ? ++crew->messages : 0,
        .part = mb_source_part(source),
        .source = source,
        .is_content = is_content,
    };

    crew->items++;
    if (is_message && crew->extract != NULL && !mp_extract_begin(crew->extract, error))
        return false;
    if (crew->threads == 0 || is_content || (is_message && item->bytes == NULL))
        return do_now(crew, &entry, error);
    if (is_message && !make_room(crew, (size_t)item->length, error))
        return false;
    mp_job_add_copy(open_job(crew), item, depth, entry.number, entry.part);
    return added(crew, error);
}

static bool add_text(MpCrew *crew, MpEntryKind kind, const char *text, GError **error)
{
    MpJob *job;

    if (crew->threads > 0) {
        mp_job_add_text(open_job(crew), kind, text);
        return added(crew, error);
    }
    job = new_job(crew);
    mp_job_add_text(job, kind, text);
    return do_own(crew, job, error);
}

bool mp_crew_failure(MpCrew *crew, const char *text, GError **error)
{
    crew->failures++;
    return add_text(crew, MP_ENTRY_FAILURE, text, error);
}

bool mp_crew_say(MpCrew *crew, const char *text, GError **error)
{
    return add_text(crew, MP_ENTRY_SAY, text, error);
}

uint64_t mp_crew_items(const MpCrew *crew)
{
    return crew->items;
}

uint64_t mp_crew_failures(const MpCrew *crew)
{
    return crew->failures;
}

MpSummary *mp_crew_summary(MpCrew *crew)
{
    return &crew->summary;
}

bool mp_crew_missed_part(const MpCrew *crew)
{
    return crew->missed_part;
}
