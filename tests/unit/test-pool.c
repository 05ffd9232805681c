#include "suite.h"

#include <check.h>
#include <mailbatch/base/pool.h>
#include <unistd.h>

#define JOBS    500
#define THREADS 8

/* A job gives its number back; some write by themselves when their turn has come. */
typedef struct {
    unsigned number;
    bool writes_itself;
    bool was_done;
    MbPool *pool;
    GString *out;
} Job;

static gint done_by[THREADS];
static gint done_by_owner;

static void write_number(Job *job)
{
    g_string_append_printf(job->out, "%u ", job->number);
}

static void finish(Job *job)
{
    ck_assert(job->was_done);
    if (!job->writes_itself)
        write_number(job);
}

static bool await_turn(Job *job, const void *worker)
{
    if (worker != &done_by_owner)
        return mb_pool_await_turn(job->pool, job);
    while (!mb_pool_is_oldest(job->pool, job))
        finish(mb_pool_take(job->pool, true));
    return true;
}

static void work(void *data, void *worker)
{
    Job *job = data;

    g_atomic_int_inc((gint *)worker);
    /* Later jobs are done sooner than the first of each round. */
    if (job->number % 16 == 0)
        usleep(2000);
    if (job->writes_itself && await_turn(job, worker))
        write_number(job);
    job->was_done = true;
}

static MbPool *new_pool(size_t threads, size_t capacity)
{
    void *workers[THREADS];
    g_autoptr(GError) error = NULL;
    MbPool *pool;

    for (size_t i = 0; i < threads; i++)
        workers[i] = &done_by[i];
    pool = mb_pool_new(workers, threads, capacity, work, &error);
    ck_assert_ptr_nonnull(pool);
    return pool;
}

START_TEST(jobs_come_back_in_the_order_they_went)
{
    static const struct {
        size_t threads, capacity;
        unsigned every; /* job that writes by itself */
        bool helps;     /* the owner */
    } rows[] = {
        {1, 1, 0, false},  {1, 1, 1, false},  {2, 3, 2, false}, {8, 8, 3, false},
        {8, 40, 1, false}, {8, 40, 7, false}, {1, 1, 1, true},  {1, 16, 0, true},
        {1, 16, 1, true},  {2, 32, 3, true},  {8, 40, 7, true},
    };

    for (size_t row = 0; row < G_N_ELEMENTS(rows); row++) {
        MbPool *pool = new_pool(rows[row].threads, rows[row].capacity);
        g_autofree Job *jobs = g_new0(Job, JOBS);
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GString) want = g_string_new(NULL);
        Job *job;

        ck_assert_ptr_null(mb_pool_take(pool, true));
        for (unsigned i = 0; i < JOBS; i++) {
            g_string_append_printf(want, "%u ", i);
            jobs[i] = (Job){.number = i,
                            .writes_itself = rows[row].every > 0 && i % rows[row].every == 0,
                            .pool = pool,
                            .out = out};
            while (!mb_pool_push(pool, &jobs[i])) {
                if (!rows[row].helps || !mb_pool_help(pool, &done_by_owner, rows[row].threads))
                    finish(mb_pool_take(pool, true));
                else if ((job = mb_pool_take(pool, false)) != NULL)
                    finish(job);
            }
            while ((job = mb_pool_take(pool, false)) != NULL)
                finish(job);
        }
        while (rows[row].helps && mb_pool_help(pool, &done_by_owner, 0))
            ;
        while ((job = mb_pool_take(pool, true)) != NULL)
            finish(job);
        mb_pool_free(pool);
        ck_assert_str_eq(out->str, want->str);
    }
}
END_TEST

START_TEST(several_threads_take_part)
{
    unsigned took_part = 0;
    MbPool *pool = new_pool(THREADS, THREADS);
    g_autofree Job *jobs = g_new0(Job, THREADS);
    g_autoptr(GString) out = g_string_new(NULL);

    for (size_t i = 0; i < THREADS; i++)
        done_by[i] = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] = (Job){.number = 16 * i, .pool = pool, .out = out};
        ck_assert(mb_pool_push(pool, &jobs[i]));
    }
    ck_assert(!mb_pool_push(pool, jobs));
    while (mb_pool_take(pool, true) != NULL)
        ;
    mb_pool_free(pool);
    for (size_t i = 0; i < THREADS; i++)
        took_part += done_by[i] > 0;
    ck_assert_uint_gt(took_part, 1);
}
END_TEST

START_TEST(the_owner_helps_with_what_is_left_over)
{
    MbPool *pool = new_pool(1, 8);
    g_autofree Job *jobs = g_new0(Job, 8);
    g_autoptr(GString) out = g_string_new(NULL);
    Job *job;

    done_by_owner = 0;
    /* The thread is at the first one, which is asleep; or it will be. */
    for (unsigned i = 0; i < 4; i++) {
        jobs[i] = (Job){.number = 16 * i, .pool = pool, .out = out};
        ck_assert(mb_pool_push(pool, &jobs[i]));
    }
    ck_assert(!mb_pool_help(pool, &done_by_owner, 4));
    ck_assert_int_eq(done_by_owner, 0);
    while (mb_pool_help(pool, &done_by_owner, 0))
        ;
    ck_assert(!mb_pool_is_oldest(pool, &jobs[1]));
    while ((job = mb_pool_take(pool, true)) != NULL)
        finish(job);
    mb_pool_stop(pool);
    ck_assert(!mb_pool_help(pool, &done_by_owner, 0));
    mb_pool_free(pool);
    ck_assert_str_eq(out->str, "0 16 32 48 ");
    ck_assert_int_gt(done_by_owner, 0);
}
END_TEST

/* What the owner did before a thread came by lies in slots that are others' by then: the thread
 * begins with the oldest job that waits, not with the one in such a slot. */
START_TEST(the_oldest_is_begun_first_after_help)
{
    g_autofree Job *jobs = g_new0(Job, JOBS);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) want = g_string_new(NULL);
    MbPool *pool = new_pool(1, 4);
    Job *job;

    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = (Job){.number = 16 * i + 1, .writes_itself = true, .pool = pool, .out = out};
        g_string_append_printf(want, "%u ", jobs[i].number);
        while (!mb_pool_push(pool, &jobs[i])) {
            if (!mb_pool_help(pool, &done_by_owner, 1))
                finish(mb_pool_take(pool, true));
        }
        /* Now and then all that there is, so that the thread finds nothing. */
        while (i % 3 == 0 && mb_pool_help(pool, &done_by_owner, 0))
            ;
        while ((job = mb_pool_take(pool, i % 3 == 0)) != NULL)
            finish(job);
    }
    while ((job = mb_pool_take(pool, true)) != NULL)
        finish(job);
    mb_pool_free(pool);
    ck_assert_str_eq(out->str, want->str);
}
END_TEST

/* The oldest is never taken: who waits behind it is sent home. */
START_TEST(a_stop_wakes_those_who_wait_for_their_turn)
{
    MbPool *pool = new_pool(2, 8);
    g_autofree Job *jobs = g_new0(Job, 8);
    g_autoptr(GString) out = g_string_new(NULL);
    unsigned taken = 0;

    for (unsigned i = 0; i < 8; i++) {
        jobs[i] = (Job){.number = i + 1, .writes_itself = i > 0, .pool = pool, .out = out};
        ck_assert(mb_pool_push(pool, &jobs[i]));
    }
    mb_pool_stop(pool);
    while (mb_pool_take(pool, true) != NULL)
        taken++;
    mb_pool_free(pool);
    ck_assert_uint_eq(taken, 8);
    ck_assert_str_eq(out->str, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");

    tcase_add_test(tcase, jobs_come_back_in_the_order_they_went);
    tcase_add_test(tcase, several_threads_take_part);
    tcase_add_test(tcase, the_owner_helps_with_what_is_left_over);
    tcase_add_test(tcase, the_oldest_is_begun_first_after_help);
    tcase_add_test(tcase, a_stop_wakes_those_who_wait_for_their_turn);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
