#include "tally.h"

#include <mailbatch/base/progress.h>
#include <pthread.h>

struct PdTally {
    pthread_mutex_t lock;
    MbProgress *progress;
    gint64 expected;
    guint64 messages, bytes;
};

PdTally *pd_tally_new(void)
{
    PdTally *tally = g_new0(PdTally, 1);

    pthread_mutex_init(&tally->lock, NULL);
    tally->progress = mb_progress_new("messages", 0);
    return tally;
}

void pd_tally_free(PdTally *tally)
{
    if (tally == NULL)
        return;
    mb_progress_free(tally->progress);
    pthread_mutex_destroy(&tally->lock);
    g_free(tally);
}

void pd_tally_expect(PdTally *tally, gint64 messages)
{
    if (tally == NULL)
        return;
    pthread_mutex_lock(&tally->lock);
    tally->expected += messages;
    mb_progress_set_total(tally->progress, (guint64)MAX(tally->expected, 0));
    pthread_mutex_unlock(&tally->lock);
}

void pd_tally_count(PdTally *tally, guint64 bytes)
{
    if (tally == NULL)
        return;
    pthread_mutex_lock(&tally->lock);
    tally->messages++;
    tally->bytes += bytes;
    mb_progress_update(tally->progress, tally->messages, tally->bytes);
    pthread_mutex_unlock(&tally->lock);
}
