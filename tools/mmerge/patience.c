#include "patience.h"

#include "sender.h"

guint mm_patience_silence(const MmPatience *patience, const MbSmtpSession *session)
{
    guint silence = mb_smtp_session_patience(session);

    return patience->longest_ms > 0 ? MIN(silence, patience->longest_ms) : silence;
}

static gint64 pace_ms(const MmPatience *patience)
{
    return patience->longest_ms > 0 ? MIN(MM_PACE_MS, patience->longest_ms) : MM_PACE_MS;
}

int mm_patience_limit(const MmPatience *patience, const MbSmtpSession *session, int wait_ms)
{
    MbSmtpProgress now = mb_smtp_session_progress(session);
    gint64 left = wait_ms;

    if (now.is_waiting)
        left = MIN(left, (gint64)mm_patience_silence(patience, session) - patience->waited_ms);
    if (now.is_writing)
        left = MIN(left, pace_ms(patience) - patience->paced_ms);
    return (int)MAX(left, 1);
}

static bool check_reply(MmPatience *patience, const MbSmtpSession *session,
                        const MbSmtpProgress *now, gint64 waited_ms, const char *name,
                        GError **error)
{
    guint most = mm_patience_silence(patience, session);

    if (now->replies != patience->replies || now->written != patience->written || !now->is_waiting)
        patience->waited_ms = 0;
    else
        patience->waited_ms += waited_ms;
    if (patience->waited_ms < most)
        return true;
    g_set_error(error, MM_SENDER_ERROR, MB_ERROR_TEMPORARY, "%s: no whole reply within %u s", name,
                (most + 999) / 1000);
    return false;
}

static bool check_pace(MmPatience *patience, const MbSmtpProgress *now, gint64 waited_ms,
                       const char *name, GError **error)
{
    uint64_t octets = now->written - patience->paced_from;

    if (!now->is_writing) {
        patience->paced_ms = 0;
        patience->paced_from = now->written;
        return true;
    }
    patience->paced_ms += waited_ms;
    if (patience->paced_ms < pace_ms(patience))
        return true;
    if (octets * 1000 < (uint64_t)patience->paced_ms * MM_PACE_OCTETS) {
        g_set_error(error, MM_SENDER_ERROR, MB_ERROR_TEMPORARY,
                    "%s: too slow: it took %" G_GUINT64_FORMAT " octets in %" G_GINT64_FORMAT " s",
                    name, octets, (patience->paced_ms + 999) / 1000);
        return false;
    }
    patience->paced_ms = 0;
    patience->paced_from = now->written;
    return true;
}

bool mm_patience_check(MmPatience *patience, const MbSmtpSession *session, gint64 waited_ms,
                       const char *name, GError **error)
{
    MbSmtpProgress now = mb_smtp_session_progress(session);
    bool good = check_reply(patience, session, &now, waited_ms, name, error) &&
                check_pace(patience, &now, waited_ms, name, error);

    patience->replies = now.replies;
    patience->written = now.written;
    return good;
}
