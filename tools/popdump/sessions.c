/* Whether there is another session after this one, and when. */
#include "run.h"

#include "stop.h"
#include <mailbatch/base/log.h>
#include <mailbatch/net/stream.h>
#include <poll.h>
#include <string.h>

#define LOST_WAIT_MS  1000 /* before the first new try after a connection was lost */
#define BUSY_WAIT_MS  3000 /* … when the server said that it is not possible now */
#define LONGEST_MS    120000
#define LOOK_LEAST    50 /* messages listed; a shorter listing is taken for all there is */
#define LONGEST_CHUNK 3600000

/* Ends early when a signal comes; false then, and when the run has waited enough. */
static bool wait_ms(PdRun *run, uint64_t ms)
{
    uint64_t most = run->options->wait_s * 1000;
    gint64 until = g_get_monotonic_time() / 1000 + (gint64)ms;
    struct pollfd stop = {.fd = pd_stop_descriptor(), .events = POLLIN};

    if (ms > most - MIN(run->waited_ms, most))
        return false;
    run->waited_ms += ms;
    for (;;) {
        gint64 left = until - g_get_monotonic_time() / 1000;

        if (pd_stop_asked())
            return false;
        if (left <= 0)
            return true;
        poll(&stop, 1, (int)MIN(left, LONGEST_CHUNK));
    }
}

/* How long until the server allows another login (RFC 2449, 6.5). */
static uint64_t login_delay_ms(const PdRun *run)
{
    gint64 since;

    if (run->login_delay <= 0 || run->login_at == 0)
        return 0;
    since = (g_get_monotonic_time() - run->login_at) / 1000;
    return (uint64_t)MAX((gint64)run->login_delay * 1000 + 1 - since, 0);
}

static bool code_is(const PdRun *run, const char *code)
{
    return run->close_code != NULL && strcmp(run->close_code, code) == 0;
}

static uint64_t wait_before_try(const PdRun *run, const GError *error, bool was_ready)
{
    uint64_t wait = was_ready || error->domain != MB_POP3_ERROR ? LOST_WAIT_MS : BUSY_WAIT_MS;

    for (unsigned i = 1; i < run->failures && wait < LONGEST_MS; i++)
        wait *= 2;
    wait = MIN(wait, LONGEST_MS);
    if (code_is(run, "LOGIN-DELAY") && run->login_delay > 0)
        wait = MAX(wait, (uint64_t)run->login_delay * 1000);
    return MAX(wait, login_delay_ms(run));
}

/* A lost connection and a server that is busy may be better next time; a server that was there
 * before will be back. */
static bool may_help(const PdRun *run, const GError *error)
{
    if (run->stopping || pd_stop_asked())
        return false;
    if (error->domain == MB_POP3_ERROR)
        return error->code == MB_ERROR_TEMPORARY;
    return error->domain == MB_NET_ERROR &&
           (error->code == MB_ERROR_TEMPORARY ||
            (error->code == MB_ERROR_UNAVAILABLE && run->login_at != 0));
}

static bool try_again(PdRun *run, const GError *error, bool was_ready)
{
    unsigned most = run->options->tries != 0 ? run->options->tries : PD_TRIES;
    uint64_t wait;

    if (!may_help(run, error) || ++run->failures >= most)
        return false;
    wait = wait_before_try(run, error, was_ready);
    if (wait > run->options->wait_s * 1000 - MIN(run->waited_ms, run->options->wait_s * 1000)) {
        mb_log_note("%s: the next try would be in %" G_GUINT64_FORMAT " s: longer than --wait",
                    run->options->account->host, (wait + 999) / 1000);
        return false;
    }
    mb_log_warning("%s; again in %" G_GUINT64_FORMAT " s (try %u of %u)", error->message,
                   (wait + 999) / 1000, run->failures + 1, most);
    if (!wait_ms(run, wait)) {
        run->summary->stopped = pd_stop_asked();
        return false;
    }
    run->reason = PD_SESSION_AGAIN;
    return true;
}

/* Some servers list a part only, and nothing twice: Gmail about 250 messages. When nothing that was
 * archived before is listed, there may be more behind. */
static bool may_have_more(const PdRun *run, uint64_t listed, uint64_t fetched)
{
    const PdFetchOptions *options = run->options;

    return fetched > 0 && listed >= LOOK_LEAST && run->hidden == 0 && run->quit_done &&
           run->looks < options->looks &&
           (options->limit == 0 || run->summary->archived < options->limit);
}

/* After a session that ended well; false: that was the last one. */
static bool go_on(PdRun *run, uint64_t listed, uint64_t fetched)
{
    if (run->options->dry_run || run->stopping || pd_stop_asked())
        return false;
    if (run->want_more)
        run->reason = PD_SESSION_DELETE;
    else if (may_have_more(run, listed, fetched))
        run->reason = PD_SESSION_LOOK;
    else
        return false;
    if (run->reason == PD_SESSION_LOOK)
        pd_look_remember(run);
    pd_run_disconnect(run);
    if (!wait_ms(run, login_delay_ms(run))) {
        if (run->reason == PD_SESSION_DELETE || pd_stop_asked())
            run->summary->stopped = true;
        if (!pd_stop_asked())
            mb_log_warning("%s: the server wants %d s between logins: longer than --wait",
                           run->options->account->host, run->login_delay);
        return false;
    }
    run->looks += run->reason == PD_SESSION_LOOK;
    return true;
}

/* After a session that ended only to be followed by another one: each leaves a message that no
 * later one asks for, or is the first that asks one by one. */
static bool follows(PdRun *run, const GError *error)
{
    if (!run->again)
        return false;
    run->again = false;
    if (run->stopping || pd_stop_asked() || !wait_ms(run, login_delay_ms(run)))
        return false;
    mb_log_warning("%s; again", error->message);
    run->reason = PD_SESSION_AGAIN;
    return true;
}

/* The first look for more is a guess: that it was not possible is no failure of the run. */
static bool was_a_guess(const PdRun *run, const GError *error)
{
    return run->reason == PD_SESSION_LOOK && run->looks == 1 && !run->listed &&
           (error->domain == MB_POP3_ERROR || error->domain == MB_NET_ERROR);
}

/* After a look that ended where the server was asked whether it lists the same: it may tell by its
 * listing. */
static bool looks_by_listing(PdRun *run, const GError *error)
{
    if (run->reason != PD_SESSION_LOOK || !run->look.useless || run->look.last == NULL)
        return false;
    g_clear_pointer(&run->look.last, g_free);
    if (error->domain != MB_POP3_ERROR && error->domain != MB_NET_ERROR)
        return false;
    return !run->stopping && !pd_stop_asked() && wait_ms(run, login_delay_ms(run));
}

bool pd_run_sessions(PdRun *run, GError **error)
{
    for (;;) {
        g_autoptr(GError) failed = NULL;
        uint64_t before = run->summary->archived + run->summary->deleted;
        uint64_t archived = run->summary->archived;
        bool good = pd_run_session(run, &failed);
        bool was_ready = run->ready;
        uint64_t listed = run->plan != NULL ? pd_plan_length(run->plan) : 0;

        if (run->session != NULL)
            run->login_delay = mb_pop3_session_capabilities(run->session)->login_delay;
        if (run->summary->archived + run->summary->deleted > before)
            run->failures = 0;
        if (good && !go_on(run, listed, run->summary->archived - archived)) {
            pd_run_disconnect(run);
            return true;
        }
        if (good)
            continue;
        if (looks_by_listing(run, failed)) {
            mb_log_note("%s; again, by its listing", failed->message);
            pd_run_disconnect(run);
            continue;
        }
        if (was_a_guess(run, failed)) {
            mb_log_warning("%s; whether the server has more than it listed is not known",
                           failed->message);
            pd_run_disconnect(run);
            return true;
        }
        pd_run_disconnect(run);
        if (!follows(run, failed) && !try_again(run, failed, was_ready)) {
            g_propagate_error(error, g_steal_pointer(&failed));
            return false;
        }
    }
}
