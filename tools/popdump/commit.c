/* Commits: one batch at a time becomes durable in a thread of its own, while the next comes in. */
#include "archive-private.h"

#include <mailbatch/base/queue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define BUSY_WAIT_MS 50 /* how late a commit that is done may be noticed */

typedef struct {
    GArray *members; /* PdMember; their octets are with the kernel */
    PdSegment *segment;
    guint32 number;
    uint64_t length;
    GError *error; /* once it is done: NULL, it is durable */
} Batch;

/* The owner hands a batch to the thread and touches neither it nor catalog and journal until it is
 * given back. */
struct PdCommitter {
    PdCatalog *catalog;
    pthread_t thread;
    MbQueue *given, *done; /* Batch, at most one in either */
    Batch batch;
    bool busy;
};

/* ---- a batch ---- */

static bool enter(PdCatalog *catalog, const Batch *batch, GError **error)
{
    for (guint i = 0; i < batch->members->len; i++) {
        if (!pd_catalog_add(catalog, &g_array_index(batch->members, PdMember, i), error))
            return false;
    }
    return pd_catalog_set_length(catalog, batch->number, batch->length, error);
}

static bool make_durable(PdCatalog *catalog, const Batch *batch, GError **error)
{
    if (!pd_segment_sync(batch->segment, error) || !pd_catalog_begin(catalog, error))
        return false;
    if (enter(catalog, batch, error) && pd_catalog_commit(catalog, error))
        return true;
    pd_catalog_rollback(catalog);
    return false;
}

/* ---- the thread ---- */

static void *work(void *user)
{
    const struct sched_param parameters = {0};
    PdCommitter *committer = user;
    Batch *batch;

    /* Woken, it interrupts nobody: neither the reader nor a server beside us. */
    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &parameters);
    while ((batch = mb_queue_pop(committer->given)) != NULL) {
        make_durable(committer->catalog, batch, &batch->error);
        mb_queue_push(committer->done, batch);
    }
    return NULL;
}

/* Signals are the main thread's. */
static bool start_thread(PdCommitter *committer)
{
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&committer->thread, NULL, work, committer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

static void free_parts(PdCommitter *committer)
{
    mb_queue_free(committer->given);
    mb_queue_free(committer->done);
    g_array_unref(committer->batch.members);
    g_clear_error(&committer->batch.error);
    g_free(committer);
}

/* NULL when there can be no thread. */
static PdCommitter *committer_new(PdCatalog *catalog)
{
    PdCommitter *committer = g_new0(PdCommitter, 1);

    committer->catalog = catalog;
    committer->given = mb_queue_new(1, NULL);
    committer->done = mb_queue_new(1, NULL);
    committer->batch.members = pd_members_new();
    if (start_thread(committer))
        return committer;
    free_parts(committer);
    return NULL;
}

void pd_committer_free(PdCommitter *committer)
{
    if (committer == NULL)
        return;
    mb_queue_close(committer->given);
    pthread_join(committer->thread, NULL);
    free_parts(committer);
}

/* ---- the archive's side ---- */

static bool is_busy(const PdArchive *archive)
{
    return archive->committer != NULL && archive->committer->busy;
}

static void count(PdArchive *archive, const GArray *members)
{
    archive->committed += members->len;
    for (guint i = 0; i < members->len; i++)
        archive->committed_bytes += g_array_index(members, PdMember, i).size;
}

/* Takes the batch that is at hand back when it is done, or waits for it. */
static bool take_back(PdArchive *archive, bool wait, GError **error)
{
    PdCommitter *committer = archive->committer;
    Batch *batch;

    if (!is_busy(archive))
        return true;
    batch = wait ? mb_queue_pop(committer->done) : mb_queue_try_pop(committer->done);
    if (batch == NULL)
        return true;
    committer->busy = false;
    if (batch->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&batch->error));
        return pd_archive_break(archive, error);
    }
    count(archive, batch->members);
    g_array_set_size(batch->members, 0);
    return true;
}

bool pd_archive_quiet(PdArchive *archive, GError **error)
{
    return take_back(archive, true, error);
}

/* What waits is with the kernel from now on: a kill does not lose it. */
static bool hand_over(PdArchive *archive, GError **error)
{
    if (!pd_segment_flush(archive->segment, error))
        return pd_archive_break(archive, error);
    archive->handed_over = archive->pending->len;
    return true;
}

static bool close_batch(PdArchive *archive, Batch *batch, GError **error)
{
    if (!hand_over(archive, error))
        return false;
    batch->segment = archive->segment;
    batch->number = pd_segment_number(archive->segment);
    batch->length = pd_segment_length(archive->segment);
    archive->pending_bytes = 0;
    archive->handed_over = 0;
    return true;
}

static bool commit_beside(PdArchive *archive, GError **error)
{
    Batch *batch = &archive->committer->batch;
    GArray *empty = batch->members;

    if (!close_batch(archive, batch, error))
        return false;
    batch->members = archive->pending;
    archive->pending = empty;
    archive->committer->busy = true;
    mb_queue_push(archive->committer->given, batch);
    return true;
}

bool pd_archive_commit(PdArchive *archive, GError **error)
{
    Batch batch = {.members = archive->pending};

    if (!pd_archive_usable(archive, error) || !pd_archive_quiet(archive, error))
        return false;
    if (archive->pending->len == 0)
        return true;
    if (!close_batch(archive, &batch, error))
        return false;
    if (!make_durable(archive->catalog, &batch, error))
        return pd_archive_break(archive, error);
    count(archive, archive->pending);
    g_array_set_size(archive->pending, 0);
    return true;
}

static bool is_old(const PdArchive *archive)
{
    return archive->pending->len > 0 &&
           g_get_monotonic_time() - archive->pending_since >= PD_BATCH_MS * G_GINT64_CONSTANT(1000);
}

/* While the disk is at work on one batch the next one grows, so that a slow disk is asked less
 * often and not waited for. */
bool pd_archive_commit_if_due(PdArchive *archive, GError **error)
{
    bool large = archive->pending_bytes >= PD_BATCH_BYTES;
    bool full = large || archive->pending->len - archive->handed_over >= archive->batch_messages;

    if (!pd_archive_usable(archive, error) || !take_back(archive, large, error))
        return false;
    if (is_busy(archive))
        return !full || hand_over(archive, error);
    if (!full && archive->handed_over == 0 && !is_old(archive))
        return true;
    if (archive->committer == NULL)
        archive->committer = committer_new(archive->catalog);
    return archive->committer != NULL ? commit_beside(archive, error)
                                      : pd_archive_commit(archive, error);
}

int pd_archive_commit_wait(const PdArchive *archive)
{
    gint64 age;

    if (is_busy(archive))
        return BUSY_WAIT_MS;
    if (archive->pending->len == 0)
        return -1;
    age = (g_get_monotonic_time() - archive->pending_since) / 1000;
    return age >= PD_BATCH_MS ? 0 : PD_BATCH_MS - (int)age;
}

uint64_t pd_archive_waiting(const PdArchive *archive)
{
    return archive->pending->len + (is_busy(archive) ? archive->committer->batch.members->len : 0);
}

uint64_t pd_archive_committed(const PdArchive *archive, uint64_t *bytes)
{
    *bytes = archive->committed_bytes;
    return archive->committed;
}
