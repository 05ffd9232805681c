#include <mailbatch/base/error.h>
#include <mailbatch/base/pool.h>
#include <pthread.h>
#include <signal.h>

typedef enum {
    WAITING,
    BUSY,
    DONE,
} State;

/* Jobs are numbered in the order they are pushed; job n lies in slot n % capacity. */
typedef struct {
    void *job;
    State state;
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
    size_t pushed, taken; /* numbers of the next job to be so */
    size_t begun;         /* jobs before this one are, and some behind it may be */
    size_t finished;      /* jobs before this one are finished with */
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

/* The oldest job that waits, or NULL. */
static Slot *next_waiting(MbPool *pool)
{
    while (pool->begun < pool->pushed && slot_of(pool, pool->begun)->state != WAITING)
        pool->begun++;
    return pool->begun < pool->pushed ? slot_of(pool, pool->begun) : NULL;
}

/* With the lock held, which is given up meanwhile. */
static void do_job(MbPool *pool, Slot *slot, void *worker)
{
    slot->state = BUSY;
    pool->busy++;
    pthread_mutex_unlock(&pool->lock);
    pool->work(slot->job, worker);
    pthread_mutex_lock(&pool->lock);
    pool->busy--;
    slot->state = DONE;
    pthread_cond_signal(&pool->done);
}

static void *serve(void *data)
{
    const Thread *thread = data;
    MbPool *pool = thread->pool;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stopped) {
        Slot *slot = next_waiting(pool);

        if (slot != NULL)
            do_job(pool, slot, thread->worker);
        else
            pthread_cond_wait(&pool->work_or_stop, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

bool mb_pool_help(MbPool *pool, void *worker, size_t leave)
{
    Slot *youngest = NULL;
    size_t waiting = 0;
    bool helps;

    pthread_mutex_lock(&pool->lock);
    for (size_t number = pool->begun; number < pool->pushed; number++) {
        if (slot_of(pool, number)->state != WAITING)
            continue;
        youngest = slot_of(pool, number);
        waiting++;
    }
    helps = waiting > leave && !pool->stopped;
    if (helps)
        do_job(pool, youngest, worker);
    pthread_mutex_unlock(&pool->lock);
    return helps;
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

        while (wait && slot->state != DONE && !pool->stopped)
            pthread_cond_wait(&pool->done, &pool->lock);
        if (slot->state == DONE || pool->stopped) {
            job = slot->job;
            pool->taken++;
            /* The owner may have done jobs that no thread came by: their slots are others' now. */
            pool->begun = MAX(pool->begun, pool->taken);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

bool mb_pool_is_oldest(MbPool *pool, const void *job)
{
    bool is_oldest;

    pthread_mutex_lock(&pool->lock);
    is_oldest = pool->taken < pool->pushed && slot_of(pool, pool->taken)->job == job;
    pthread_mutex_unlock(&pool->lock);
    return is_oldest;
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
