#include "job.h"

#include "scope.h"

#include <mailbatch/base/digest.h>

#define DEFER_S     60u
#define DEFER_MAX_S 3600u

MmJob *mm_job_new(MmClaim *claim)
{
    MmJob *job = g_new0(MmJob, 1);

    job->claim = claim;
    job->outcomes = g_new0(MmOutcome, claim->n_entries);
    job->replies = g_new0(char *, claim->n_entries + 1);
    for (size_t i = 0; i < claim->n_entries; i++) {
        job->outcomes[i].row = claim->row;
        job->outcomes[i].index = claim->entries[i].index;
        job->outcomes[i].state = MM_PENDING;
    }
    return job;
}

void mm_job_free(MmJob *job)
{
    if (job == NULL)
        return;
    for (size_t i = 0; i < job->claim->n_entries; i++)
        g_free(job->replies[i]);
    if (job->destroy != NULL)
        job->destroy(job->owned);
    mm_claim_free(job->claim);
    mb_wire_unref(job->wire);
    g_clear_error(&job->error);
    g_free(job->sender);
    g_free(job->outcomes);
    g_free(job->replies);
    g_free(job);
}

/* 60 s, doubling, at most an hour, a fifth more or less. */
static int64_t due_after(unsigned attempt, int64_t now)
{
    guint delay = attempt >= 7 ? DEFER_MAX_S : MIN(DEFER_S << (MAX(attempt, 1) - 1), DEFER_MAX_S);
    guint16 dice;

    mb_random(&dice, sizeof dice);
    return now + delay * 4 / 5 + (int64_t)delay * 2 / 5 * dice / G_MAXUINT16;
}

static void settle_entry(MmJob *job, size_t i, MmState state, int code, const char *reply)
{
    MmOutcome *outcome = &job->outcomes[i];

    g_free(job->replies[i]);
    job->replies[i] = g_strdup(reply);
    outcome->state = state;
    outcome->code = code;
    outcome->reply = job->replies[i];
    outcome->not_before = state == MM_DEFERRED
                              ? due_after(job->claim->attempt, g_get_real_time() / G_USEC_PER_SEC)
                              : 0;
}

void mm_job_settle(MmJob *job, MmState state, int code, const char *reply)
{
    for (size_t i = 0; i < job->claim->n_entries; i++)
        settle_entry(job, i, state, code, reply);
}

/* What a refusing reply makes of an entry. */
static MmState state_of_refusal(MmJob *job, const MbSmtpReply *reply, MbSmtpStage stage)
{
    if (mm_scope_of(reply, stage) == MM_SCOPE_ACCOUNT) {
        job->account_wide = true;
        job->pause_s = MAX(job->pause_s, mm_scope_pause(reply, g_get_real_time() / G_USEC_PER_SEC));
        return MM_PENDING;
    }
    return reply->code / 100 == 5 ? MM_REFUSED : MM_DEFERRED;
}

static MmState state_of_fate(MmJob *job, const MbSmtpEvent *event)
{
    switch (event->fate) {
    case MB_SMTP_ACCEPTED: return MM_SENT;
    case MB_SMTP_REFUSED: return state_of_refusal(job, event->reply, event->stage);
    case MB_SMTP_IN_DOUBT: return MM_IN_DOUBT;
    default: return MM_PENDING;
    }
}

MmMark mm_job_mark(const MmJob *job)
{
    MmState state = job->outcomes[0].state;

    for (size_t i = 1; i < job->claim->n_entries; i++)
        if (job->outcomes[i].state != state)
            return MM_MARK_MIXED;
    switch (state) {
    case MM_SENT: return MM_MARK_SENT;
    case MM_DEFERRED: return MM_MARK_DEFERRED;
    case MM_REFUSED: return MM_MARK_REFUSED;
    case MM_IN_DOUBT: return MM_MARK_HANDED_OVER;
    default: return MM_MARK_NONE;
    }
}

/* More recipients than the server takes in one message (RFC 5321, 4.5.3.1.10; 552 from old ones):
 * once some are accepted, the others go in the next one, which is no second try. */
static bool is_one_too_many(const MbSmtpReply *reply)
{
    if (mm_scope_of(reply, MB_SMTP_STAGE_RCPT) == MM_SCOPE_ACCOUNT)
        return false;
    return (reply->code == 452 && g_strcmp0(reply->enhanced, "4.5.3") == 0) ||
           (reply->code == 552 && g_strcmp0(reply->enhanced, "5.5.3") == 0);
}

void mm_job_take_event(MmJob *job, const MbSmtpEvent *event)
{
    MmState fate = state_of_fate(job, event);
    g_autofree char *shown = event->reply != NULL ? mb_smtp_reply_printable(event->reply) : NULL;

    for (size_t i = 0; i < job->claim->n_entries; i++) {
        const MbSmtpReply *own = event->recipient_replies[i];
        if (own != NULL && own->code / 100 != 2) {
            g_autofree char *text = mb_smtp_reply_printable(own);
            MmState state = fate == MM_SENT && is_one_too_many(own)
                                ? MM_PENDING
                                : state_of_refusal(job, own, MB_SMTP_STAGE_RCPT);

            settle_entry(job, i, state, own->code, text);
        } else {
            settle_entry(job, i, fate, event->reply != NULL ? event->reply->code : 0, shown);
        }
    }
}
