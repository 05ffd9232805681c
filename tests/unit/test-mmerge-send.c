/*
 * What a reply means for a row, how fast rows may go, and what a run adds up to.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "job.h"
#include "pacer.h"
#include "statement.h"
#include "suite.h"

static MmJob *new_job(size_t n, unsigned attempt)
{
    MmClaim *claim = g_new0(MmClaim, 1);

    claim->row = 7;
    claim->attempt = attempt;
    claim->n_entries = n;
    claim->entries = g_malloc0_n(n, sizeof *claim->entries);
    for (size_t i = 0; i < n; i++) {
        claim->entries[i].index = (int)i;
        claim->entries[i].address = g_strdup_printf("p%zu@example.net", i);
    }
    return mm_job_new(claim);
}

static const MbSmtpReply ok = {250, (char *)"2.0.0", (char *)"queued"};
static const MbSmtpReply later = {451, (char *)"4.3.0", (char *)"later"};
static const MbSmtpReply never = {550, (char *)"5.1.1", (char *)"who"};
static const MbSmtpReply enough = {421, (char *)"4.7.0", (char *)"enough"};
static const MbSmtpReply quota = {550, (char *)"5.4.5", (char *)"Daily limit"};

static const struct {
    const char *name;
    MbSmtpFate fate;
    MbSmtpStage stage;
    const MbSmtpReply *reply;
    const MbSmtpReply *own[2];
    MmState want[2];
    MmMark mark;
    bool account;
} outcome_rows[] = {
    {"accepted",
     MB_SMTP_ACCEPTED,
     MB_SMTP_STAGE_END,
     &ok,
     {&ok, &ok},
     {MM_SENT, MM_SENT},
     MM_MARK_SENT,
     false},
    {"one recipient refused",
     MB_SMTP_ACCEPTED,
     MB_SMTP_STAGE_END,
     &ok,
     {&ok, &never},
     {MM_SENT, MM_REFUSED},
     MM_MARK_MIXED,
     false},
    {"one recipient deferred",
     MB_SMTP_ACCEPTED,
     MB_SMTP_STAGE_END,
     &ok,
     {&later, &ok},
     {MM_DEFERRED, MM_SENT},
     MM_MARK_MIXED,
     false},
    {"MAIL refused",
     MB_SMTP_REFUSED,
     MB_SMTP_STAGE_MAIL,
     &never,
     {NULL, NULL},
     {MM_REFUSED, MM_REFUSED},
     MM_MARK_REFUSED,
     false},
    {"MAIL deferred",
     MB_SMTP_REFUSED,
     MB_SMTP_STAGE_MAIL,
     &later,
     {NULL, NULL},
     {MM_DEFERRED, MM_DEFERRED},
     MM_MARK_DEFERRED,
     false},
    {"content deferred, one recipient refused before",
     MB_SMTP_REFUSED,
     MB_SMTP_STAGE_END,
     &later,
     {&never, &ok},
     {MM_REFUSED, MM_DEFERRED},
     MM_MARK_MIXED,
     false},
    {"all recipients refused",
     MB_SMTP_REFUSED,
     MB_SMTP_STAGE_RCPT,
     &never,
     {&never, &later},
     {MM_REFUSED, MM_DEFERRED},
     MM_MARK_MIXED,
     false},
    {"421 to a recipient",
     MB_SMTP_REFUSED,
     MB_SMTP_STAGE_RCPT,
     &enough,
     {&ok, &enough},
     {MM_DEFERRED, MM_DEFERRED},
     MM_MARK_DEFERRED,
     false},
    {"lost before the end",
     MB_SMTP_UNSENT,
     MB_SMTP_STAGE_DATA,
     NULL,
     {&ok, NULL},
     {MM_PENDING, MM_PENDING},
     MM_MARK_NONE,
     false},
    {"lost after the end",
     MB_SMTP_IN_DOUBT,
     MB_SMTP_STAGE_END,
     NULL,
     {&ok, &ok},
     {MM_IN_DOUBT, MM_IN_DOUBT},
     MM_MARK_HANDED_OVER,
     false},
    {"lost after the end, one recipient refused",
     MB_SMTP_IN_DOUBT,
     MB_SMTP_STAGE_END,
     NULL,
     {&ok, &never},
     {MM_IN_DOUBT, MM_REFUSED},
     MM_MARK_MIXED,
     false},
    {"the day's quota",
     MB_SMTP_REFUSED,
     MB_SMTP_STAGE_END,
     &quota,
     {&ok, &ok},
     {MM_PENDING, MM_PENDING},
     MM_MARK_NONE,
     true},
};

START_TEST(a_fate_gives_each_recipient_its_outcome)
{
    g_autoptr(MmJob) job = new_job(2, 1);
    MbSmtpEvent event = {
        .kind = MB_SMTP_EVENT_MESSAGE,
        .fate = outcome_rows[_i].fate,
        .stage = outcome_rows[_i].stage,
        .reply = outcome_rows[_i].reply,
        .n_recipients = 2,
        .recipient_replies = outcome_rows[_i].own,
    };

    mm_job_take_event(job, &event);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(job->outcomes[i].state == outcome_rows[_i].want[i], "%s: recipient %d is %s",
                      outcome_rows[_i].name, i, mm_state_name(job->outcomes[i].state));
    ck_assert_msg(mm_job_mark(job) == outcome_rows[_i].mark, "%s: mark", outcome_rows[_i].name);
    ck_assert_msg(job->account_wide == outcome_rows[_i].account, "%s: account",
                  outcome_rows[_i].name);
    statement("M-24");
}
END_TEST

START_TEST(what_is_deferred_waits_longer_each_time)
{
    static const int64_t base[] = {60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
    MbSmtpEvent event = {.fate = MB_SMTP_REFUSED, .stage = MB_SMTP_STAGE_MAIL, .reply = &later};
    const MbSmtpReply *none[1] = {NULL};

    event.recipient_replies = none;
    for (unsigned attempt = 1; attempt <= G_N_ELEMENTS(base); attempt++) {
        g_autoptr(MmJob) job = new_job(1, attempt);
        int64_t now = g_get_real_time() / G_USEC_PER_SEC;
        mm_job_take_event(job, &event);
        ck_assert_int_ge(job->outcomes[0].not_before - now, base[attempt - 1] * 4 / 5);
        ck_assert_int_le(job->outcomes[0].not_before - now, base[attempt - 1] * 6 / 5 + 2);
    }
    statement("M-25");
}
END_TEST

START_TEST(a_rate_holds_over_any_sliding_window)
{
    g_autoptr(MmPacer) pacer = mm_pacer_new(5, 60);
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(gint64));
    gint64 now = 1000000;

    mm_pacer_add_past(pacer, now - 70 * G_USEC_PER_SEC);
    mm_pacer_add_past(pacer, now - 30 * G_USEC_PER_SEC);
    for (gint64 past = now - 70 * G_USEC_PER_SEC; past < now; past += 40 * G_USEC_PER_SEC)
        g_array_append_val(times, past);
    for (int i = 0; i < 2000; i++) {
        gint64 wait = mm_pacer_take(pacer, now);
        if (wait == 0)
            g_array_append_val(times, now);
        now += wait + g_rand_int_range(random, 0, 20) * G_USEC_PER_SEC;
    }
    ck_assert_uint_gt(times->len, 500);
    for (guint i = 5; i < times->len; i++)
        ck_assert_int_ge(g_array_index(times, gint64, i) - g_array_index(times, gint64, i - 5),
                         60 * G_USEC_PER_SEC);
    statement("M-28");
}
END_TEST

#define TAKERS 8

typedef struct {
    MmPacer *pacer;
    gint64 now;
    int taken;
} Taker;

static void *take_often(void *user)
{
    Taker *taker = user;

    for (int i = 0; i < 20000; i++)
        taker->taken += mm_pacer_take(taker->pacer, taker->now) == 0;
    return NULL;
}

/* How many get through when all of them ask at `now`, again and again. */
static int take_together(MmPacer *pacer, gint64 now)
{
    Taker takers[TAKERS];
    pthread_t threads[TAKERS];
    int taken = 0;

    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (Taker){.pacer = pacer, .now = now};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_often, &takers[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(threads[i], NULL);
        taken += takers[i].taken;
    }
    return taken;
}

START_TEST(a_rate_holds_at_any_concurrency)
{
    static const struct {
        gint64 now_us;
        int want;
    } steps[] = {{1, 100},
                 {60 * G_USEC_PER_SEC, 0},
                 {60 * G_USEC_PER_SEC + 1, 100},
                 {90 * G_USEC_PER_SEC, 0},
                 {200 * G_USEC_PER_SEC, 100}};
    g_autoptr(MmPacer) pacer = mm_pacer_new(100, 60);

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        ck_assert_int_eq(take_together(pacer, steps[i].now_us), steps[i].want);
    statement("M-28");
}
END_TEST

START_TEST(asking_how_long_counts_nothing)
{
    g_autoptr(MmPacer) pacer = mm_pacer_new(1, 60);

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(mm_pacer_wait(pacer, 1000), 0);
    ck_assert_int_eq(mm_pacer_take(pacer, 1000), 0);
    ck_assert_int_eq(mm_pacer_wait(pacer, 2000), 60 * G_USEC_PER_SEC - 1000);
    ck_assert_int_eq(mm_pacer_take(pacer, 2000), 60 * G_USEC_PER_SEC - 1000);
}
END_TEST

static const struct {
    const char *text;
    guint count, seconds; /* 0: not a rate */
} rate_rows[] = {
    {"2/second", 2, 1},
    {"30/minute", 30, 60},
    {"1000/hour", 1000, 3600},
    {"500/day", 500, 86400},
    {"", 0, 0},
    {"5", 0, 0},
    {"/day", 0, 0},
    {"0/day", 0, 0},
    {"-1/day", 0, 0},
    {"5/week", 0, 0},
    {"5/", 0, 0},
    {"5 /day", 0, 0},
    {"99999999999999999999/day", 0, 0},
    {"5/day ", 0, 0},
};

START_TEST(a_rate_is_read_or_refused)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rate_rows); i++) {
        g_autoptr(GError) error = NULL;
        guint count = 0, seconds = 0;
        bool good = mm_rate_parse(rate_rows[i].text, &count, &seconds, &error);
        ck_assert_msg(good == (rate_rows[i].count > 0), "%s", rate_rows[i].text);
        ck_assert(good || error->code == MB_ERROR_USAGE);
        ck_assert_uint_eq(count, rate_rows[i].count);
        ck_assert_uint_eq(seconds, rate_rows[i].seconds);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge-send");
    TCase *tcase = tcase_create("send");

    tcase_add_loop_test(tcase, a_fate_gives_each_recipient_its_outcome, 0,
                        G_N_ELEMENTS(outcome_rows));
    tcase_add_test(tcase, what_is_deferred_waits_longer_each_time);
    tcase_add_test(tcase, a_rate_holds_over_any_sliding_window);
    tcase_add_test(tcase, a_rate_holds_at_any_concurrency);
    tcase_add_test(tcase, asking_how_long_counts_nothing);
    tcase_add_test(tcase, a_rate_is_read_or_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
