#include "preflight.h"

#include "ledger-seen.h"
#include "rehearsal.h"

#include <mailbatch/base/text.h>
#include <string.h>

typedef struct {
    const MmCampaign *campaign;
    MmSeen *seen;
    MmPreflightTotals *totals;
    GString *name;
} Preflight;

static bool find_duplicate(Preflight *preflight, MmVerdict *verdict, char **why, GError **error)
{
    const MmRow *row = verdict->row;
    uint64_t before;

    /* A group has its key to itself. */
    if (row->key != NULL && !mm_campaign_is_grouped(preflight->campaign)) {
        if (!mm_seen_add(preflight->seen, "k", row->key, strlen(row->key), row->number, &before,
                         error))
            return false;
        if (before != 0) {
            g_autofree char *key = mb_text_printable(row->key, strlen(row->key));

            *why = g_strdup_printf("%s: row %" G_GUINT64_FORMAT ": the key \"%s\" stands in row "
                                   "%" G_GUINT64_FORMAT " already",
                                   mm_campaign_csv_path(preflight->campaign), row->number, key,
                                   before);
            preflight->totals->bad++;
            return true;
        }
    }
    mm_seen_name(verdict->message->recipients, verdict->message->n_recipients, preflight->name);
    if (!mm_seen_add(preflight->seen, "t", preflight->name->str, preflight->name->len, row->number,
                     &before, error))
        return false;
    verdict->duplicate_of = before;
    if (before == 0)
        return true;
    preflight->totals->duplicates++;
    if (mm_campaign_duplicates(preflight->campaign) != MM_SEND)
        *why = g_strdup_printf("%s: row %" G_GUINT64_FORMAT
                               ": has the same To as row %" G_GUINT64_FORMAT "%s",
                               mm_campaign_csv_path(preflight->campaign), row->number, before,
                               mm_campaign_duplicates(preflight->campaign) == MM_STOP
                                   ? " (--duplicates skip or send to go on)"
                                   : "");
    return true;
}

/* Recipients that are left. */
static size_t count_left(const MmMessage *message)
{
    size_t n = 0;

    for (size_t i = 0; i < message->n_recipients; i++)
        n += !message->recipients[i].suppressed;
    return n;
}

static void note_alignment(MmPreflightTotals *totals, const MmRow *row, const MmMessage *message)
{
    if ((message->traits & (MM_SIGNED | MM_ALIGNED)) != MM_SIGNED)
        return;
    if (totals->unaligned++ > 0)
        return;
    totals->unaligned_row = row->number;
    g_strlcpy(totals->unaligned_from, message->from_domain, sizeof totals->unaligned_from);
}

char *mm_preflight_unaligned(const MmCampaign *campaign, const MmPreflightTotals *totals)
{
    g_autofree char *domains = NULL;

    if (totals->unaligned == 0)
        return NULL;
    domains = mm_campaign_signing_domains(campaign);
    return g_strdup_printf(
        "--dkim signs for %s, From is at %s (row %" G_GUINT64_FORMAT "; %" G_GUINT64_FORMAT
        " in all): receivers that go by DMARC take such mail for unsigned",
        domains, totals->unaligned_from, totals->unaligned_row, totals->unaligned);
}

static bool judge(Preflight *preflight, const MmRehearsed *rehearsed, MmVerdict *verdict,
                  char **why, GError **error)
{
    MmPreflightTotals *totals = preflight->totals;
    const MmMessage *message = &rehearsed->message;
    size_t left;

    *verdict = (MmVerdict){.row = rehearsed->row};
    totals->messages++;
    totals->rows += rehearsed->row->n_records;
    if (rehearsed->problem != NULL) {
        *why = g_strdup(rehearsed->problem);
        totals->bad++;
    } else {
        verdict->message = message;
        if (!find_duplicate(preflight, verdict, why, error))
            return false;
    }
    verdict->invalid = *why;
    if (*why != NULL)
        return true;
    left = count_left(message);
    verdict->suppressed = left == 0;
    if (verdict->suppressed) {
        totals->suppressed++;
        return true;
    }
    totals->good++;
    totals->recipients += left;
    totals->bytes += message->length;
    note_alignment(totals, rehearsed->row, message);
    return true;
}

static bool decide_stop(const MmCampaign *campaign, const MmPreflightTotals *totals)
{
    return (totals->bad > 0 && mm_campaign_bad_rows(campaign) == MM_STOP) ||
           (totals->duplicates > 0 && mm_campaign_duplicates(campaign) == MM_STOP);
}

/* How many rows there are is not known before the end: what the first 256, 512, 1024 … take up of
 * the file tells. */
static void show_progress(MbProgress *progress, const MmRehearsal *rehearsal, uint64_t n)
{
    uint64_t done, total;

    if (progress == NULL)
        return;
    if (n >= 256 && (n & (n - 1)) == 0) {
        mm_rehearsal_progress(rehearsal, &done, &total);
        mb_progress_set_total(progress,
                              MAX(n, (uint64_t)((double)n * (double)total / (double)MAX(done, 1))));
    }
    mb_progress_update(progress, n, 0);
}

static bool go_through(Preflight *preflight, const MmRenderOptions *options,
                       bool (*each)(const MmVerdict *verdict, void *user, GError **error),
                       void *user, MbProgress *progress, GError **error)
{
    g_autoptr(MmRehearsal) rehearsal = mm_rehearsal_new(preflight->campaign, options, error);
    const MmRehearsed *rehearsed;
    MbNext next = MB_FAILED;

    while (rehearsal != NULL &&
           (next = mm_rehearsal_next(rehearsal, &rehearsed, error)) == MB_NEXT) {
        g_autofree char *why = NULL;
        MmVerdict verdict;

        if (!judge(preflight, rehearsed, &verdict, &why, error) ||
            (each != NULL && !each(&verdict, user, error)))
            return false;
        show_progress(progress, rehearsal, preflight->totals->messages);
    }
    if (next == MB_END)
        preflight->totals->blank_rows = mm_rehearsal_blank(rehearsal);
    return next == MB_END;
}

bool mm_preflight(const MmCampaign *campaign, const MmRenderOptions *options,
                  bool (*each)(const MmVerdict *verdict, void *user, GError **error), void *user,
                  MbProgress *progress, MmPreflightTotals *totals, GError **error)
{
    g_autoptr(MmSeen) seen = mm_seen_new(error);
    g_autoptr(GString) name = g_string_new(NULL);
    Preflight preflight = {.campaign = campaign, .seen = seen, .totals = totals, .name = name};

    memset(totals, 0, sizeof *totals);
    if (seen == NULL || !go_through(&preflight, options, each, user, progress, error))
        return false;
    if (totals->rows == 0) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s: has no rows below its header",
                    mm_campaign_csv_path(campaign));
        return false;
    }
    totals->stop = decide_stop(campaign, totals);
    return true;
}
