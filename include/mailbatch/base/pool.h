/*
 * Threads that do jobs, and give them back in the order in which they came: a reader cuts the input
 * into jobs, the pool does them side by side, and what is written never depends on how many threads
 * there are. On pthread's own mutex and conditions.
 *
 *     while (there is input)
 *         while (!mb_pool_push(pool, job))
 *             finish(mb_pool_take(pool, true));
 *     while ((job = mb_pool_take(pool, true)) != NULL)
 *         finish(job);
 *
 * One thread, the owner, pushes and takes; where it would wait it can help. Signals are left to it:
 * the pool's threads block all.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef struct MbPool MbPool;

/* Runs in one of the threads; `worker` is that thread's own. */
typedef void (*MbPoolWork)(void *job, void *worker);

/* A thread for each of `workers` (borrowed, as long as the pool lives); at most `capacity` jobs are
 * pushed and not yet taken. NULL with MB_BASE_ERROR, MB_ERROR_TEMPORARY when a thread cannot be
 * had. */
MbPool *mb_pool_new(void *const *workers, size_t count, size_t capacity, MbPoolWork work,
                    GError **error);

/* Stops, and waits for the jobs that are being done. All jobs stay the owner's: those not taken are
 * lost sight of here. */
void mb_pool_free(MbPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbPool, mb_pool_free)

/* False when `capacity` jobs are out. */
bool mb_pool_push(MbPool *pool, void *job);

/* The oldest job, once it is done: NULL when there is none, or (without `wait`) when it is not done
 * yet. Whoever takes a job says by this that the one taken before is finished with. After
 * mb_pool_stop() jobs come as they are, done or not. */
void *mb_pool_take(MbPool *pool, bool wait);

/* The owner does the youngest job that no thread has begun, which its own cache still holds; false
 * when only `leave` or fewer wait: those are the threads'. */
bool mb_pool_help(MbPool *pool, void *worker, size_t leave);

/* For the job that the owner does: whether all earlier ones were taken. It does not wait for its
 * turn, it takes them. */
bool mb_pool_is_oldest(MbPool *pool, const void *job);

/* From within a thread's work: waits until every earlier job was taken and finished with, so that
 * `job` may go past its buffer and write by itself. False after mb_pool_stop(). */
bool mb_pool_await_turn(MbPool *pool, const void *job);

/* No job is begun any more, no turn comes; waits for the jobs that are being done. */
void mb_pool_stop(MbPool *pool);

G_END_DECLS
