#include "intake.h"

#include <mailbatch/base/log.h>
#include <string.h>

typedef struct {
    MmLedger *ledger;
    bool again; /* --duplicates send */
    GArray *numbers;
    guint64 limit;
    char *first_wrong;
    guint64 n_wrong;
} Intake;

static void note_wrong(Intake *intake, const char *problem)
{
    if (intake->n_wrong++ == 0)
        intake->first_wrong = g_strdup(problem);
}

static bool take_row(const MmVerdict *verdict, void *user, GError **error)
{
    Intake *intake = user;
    const MmMessage *message = verdict->message;
    MmLedgerRow row = {
        .number = verdict->row->number,
        .key = verdict->row->key,
        .digest = verdict->row->digest,
        .recipients = message != NULL ? message->recipients : NULL,
        .n_recipients = message != NULL ? message->n_recipients : 0,
        .invalid = verdict->invalid,
        /* Equal rows have the same To, or neither can be made. */
        .unique = verdict->invalid == NULL && verdict->duplicate_of == 0,
        .again = intake->again,
    };

    if (verdict->invalid != NULL)
        note_wrong(intake, verdict->invalid);
    if (intake->ledger != NULL)
        return mm_ledger_add_row(intake->ledger, &row, error);
    if (verdict->invalid == NULL && !verdict->suppressed &&
        (intake->limit == 0 || intake->numbers->len < intake->limit))
        g_array_append_val(intake->numbers, row.number);
    return true;
}

/* One line, whatever is wrong with how many. */
static void say_stop(const Intake *intake, GError **error)
{
    if (intake->n_wrong > 1)
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "%s (and %" G_GUINT64_FORMAT
                    " more: `mmerge check` lists them); nothing was sent",
                    intake->first_wrong, intake->n_wrong - 1);
    else
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s; nothing was sent",
                    intake->first_wrong != NULL ? intake->first_wrong : "the list has mistakes");
}

static bool examine(const MmCampaign *campaign, Intake *intake, GError **error)
{
    static const MmRenderOptions judge = {.judge = true};
    g_autoptr(MbProgress) progress =
        mb_progress_new(mm_campaign_is_grouped(campaign) ? "groups checked" : "rows checked", 0);
    g_autofree char *unaligned = NULL;
    MmPreflightTotals totals = {0};

    if (!mm_preflight(campaign, &judge, take_row, intake, progress, &totals, error))
        return false;
    if (totals.stop) {
        say_stop(intake, error);
        return false;
    }
    if (intake->n_wrong > 0)
        mb_log_warning("%" G_GUINT64_FORMAT " %s are left out, the first: %s", intake->n_wrong,
                       mm_campaign_units(campaign), intake->first_wrong);
    unaligned = mm_preflight_unaligned(campaign, &totals);
    if (unaligned != NULL)
        mb_log_warning("%s", unaligned);
    if (totals.suppressed > 0)
        mb_log_note("%" G_GUINT64_FORMAT " %s are suppressed", totals.suppressed,
                    mm_campaign_units(campaign));
    return true;
}

/* The verdict must be that of the rows that were examined. */
static bool stands_still(const MmCampaign *campaign, const uint8_t *verdict, GError **error)
{
    uint8_t after[MB_SHA256_LENGTH];

    if (!mm_campaign_verdict(campaign, after, error))
        return false;
    if (memcmp(after, verdict, sizeof after) == 0)
        return true;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "%s: it changed while it was being checked: start again",
                mm_campaign_csv_path(campaign));
    return false;
}

static bool fill_ledger(const MmCampaign *campaign, MmLedger *ledger,
                        const MmIntakeOptions *options, const uint8_t *verdict, GError **error)
{
    Intake intake = {.ledger = ledger, .again = mm_campaign_duplicates(campaign) == MM_SEND};
    MmLedgerChanges changes = {0};
    bool good;

    if (!mm_ledger_begin_rows(ledger, mm_campaign_key(campaign), mm_campaign_is_grouped(campaign),
                              error))
        return false;
    good = examine(campaign, &intake, error) && stands_still(campaign, verdict, error);
    if (!good)
        mm_ledger_abandon_rows(ledger);
    else
        good = mm_ledger_end_rows(ledger, verdict, options->accept_changes, &changes, error);
    if (good && changes.known > 0)
        mb_log_note("%" G_GUINT64_FORMAT " %s are known, %" G_GUINT64_FORMAT
                    " new, %" G_GUINT64_FORMAT " gone",
                    changes.known, mm_campaign_units(campaign), changes.added, changes.dropped);
    if (good && changes.changed > 0)
        mb_log_warning("%" G_GUINT64_FORMAT
                       " %s that were handled already have changed or are gone: they stay done",
                       changes.changed, mm_campaign_units(campaign));
    g_free(intake.first_wrong);
    return good;
}

bool mm_intake(const MmCampaign *campaign, MmLedger *ledger, const MmIntakeOptions *options,
               GError **error)
{
    uint8_t verdict[MB_SHA256_LENGTH];

    if (!mm_campaign_verdict(campaign, verdict, error))
        return false;
    if (mm_ledger_is_checked(ledger, verdict))
        return true;
    return fill_ledger(campaign, ledger, options, verdict, error);
}

GArray *mm_intake_trial(const MmCampaign *campaign, const MmIntakeOptions *options, GError **error)
{
    Intake intake = {.limit = options->limit};
    bool good;

    intake.numbers = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    good = examine(campaign, &intake, error);
    g_free(intake.first_wrong);
    if (good)
        return intake.numbers;
    g_array_unref(intake.numbers);
    return NULL;
}
