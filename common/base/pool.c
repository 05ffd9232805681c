#include <mailbatch/base/error.h>
#include <mailbatch/base/pool.h>
#include <pthread.h>
#include <signal.h>

/* Jobs are numbered in the order they are pushed; job n lies in slot n % capacity. */
typedef struct {
    void *job;
    bool is_done;
} Slot;

typedef struct {
    MbPool *pool;
    void *worker;
    pthread_t thread;
} Thread;

struct MbPool {
    pthread_mutex_t lock;
    pthread_cond_t work_or_stop; /* for threads without a job */
    pthread_cond_t done;         /* for the owner */
    pthread_cond_t turn;         /* for jobs that wait to be the oldest */
    Slot *slots;
    size_t capacity;
    size_t pushed, begun, taken; /* numbers of the next job to be so */
    size_t finished;             /* jobs before this one are finished with */
    bool stopped;
    size_t busy;
    MbPoolWork work;
    Thread *threads;
    size_t count;
};

static Slot *slot_of(const MbPool *pool, size_t number)
{
    return &pool->slots[number % pool->capacity];
}

static void *serve(void *data)
{
    const Thread *thread = data;
    MbPool *pool = thread->pool;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        Slot *slot;

        while (!pool->stopped && pool->begun == pool->pushed)
            pthread_cond_wait(&pool->work_or_stop, &pool->lock);
        if (pool->stopped)
            break;
        slot = slot_of(pool, pool->begun++);
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        pool->work(slot->job, thread->worker);
        pthread_mutex_lock(&pool->lock);
        pool->busy--;
        slot->is_done = true;
        pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static bool start_threads(MbPool *pool, void *const *workers, size_t count)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; pool->count < count; pool->count++) {
        Thread *thread = &pool->threads[pool->count];

        *thread = (Thread){.pool = pool, .worker = workers[pool->count]};
        if (pthread_create(&thread->thread, NULL, serve, thread) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->count == count;
}

MbPool *mb_pool_new(void *const *workers, size_t count, size_t capacity, MbPoolWork work,
                    GError **error)
{
    g_autoptr(MbPool) pool = g_new0(MbPool, 1);

    g_assert(count > 0 && capacity > 0);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_or_stop, NULL);
    pthread_cond_init(&pool->done, NULL);
    pthread_cond_init(&pool->turn, NULL);
    pool->slots = g_new0(Slot, capacity);
    pool->threads = g_new0(Thread, count);
    pool->capacity = capacity;
    pool->work = work;
    if (start_threads(pool, workers, count))
        return g_steal_pointer(&pool);
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_TEMPORARY, "cannot start thread %zu of %zu",
                pool->count + 1, count);
    return NULL;
}

void mb_pool_stop(MbPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopped = true;
    pthread_cond_broadcast(&pool->work_or_stop);
    pthread_cond_broadcast(&pool->turn);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void mb_pool_free(MbPool *pool)
{
    if (pool == NULL)
        return;
    mb_pool_stop(pool);
    for (size_t i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i].thread, NULL);
    pthread_cond_destroy(&pool->turn);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work_or_stop);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool->threads);
    g_free(pool->slots);
    g_free(pool);
}

bool mb_pool_push(MbPool *pool, void *job)
{
    bool has_room;

    pthread_mutex_lock(&pool->lock);
    has_room = pool->pushed - pool->taken < pool->capacity;
    if (has_room) {
        *slot_of(pool, pool->pushed++) = (Slot){.job = job};
        pthread_cond_signal(&pool->work_or_stop);
    }
    pthread_mutex_unlock(&pool->lock);
    return has_room;
}

void *mb_pool_take(MbPool *pool, bool wait)
{
    void *job = NULL;

    pthread_mutex_lock(&pool->lock);
    if (pool->finished != pool->taken) {
        pool->finished = pool->taken;
        pthread_cond_broadcast(&pool->turn);
    }
    if (pool->taken < pool->pushed) {
        Slot *slot = slot_of(pool, pool->taken);

        while (wait && !slot->is_done && !pool->stopped)
            pthread_cond_wait(&pool->done, &pool->lock);
        if (slot->is_done || pool->stopped) {
            job = slot->job;
            pool->taken++;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

bool mb_pool_await_turn(MbPool *pool, const void *job)
{
    bool is_ours;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stopped && (pool->finished == pool->pushed || pool->finished != pool->taken ||
                              slot_of(pool, pool->finished)->job != job))
        pthread_cond_wait(&pool->turn, &pool->lock);
    is_ours = !pool->stopped;
    pthread_mutex_unlock(&pool->lock);
    return is_ours;
}
