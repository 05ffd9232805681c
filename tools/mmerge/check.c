/*
 * mmerge check: the whole list rendered and looked at, without a network.
 */
#include "advice.h"
#include "commands.h"
#include "oddities.h"
#include "preflight.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define TOOL "mmerge check"

typedef struct {
    bool json;
    GString *line;
    MmOddities *oddities;
    MmAdvice advice;
} Check;

static void say_json(Check *check, const MmVerdict *verdict)
{
    MbJson json;

    g_string_truncate(check->line, 0);
    mb_json_init(&json, check->line);
    mb_json_begin_map(&json);
    mb_json_put_string(&json, "event", "row");
    mb_json_put_unsigned(&json, "row", verdict->row->number);
    mb_json_put_string(&json, "verdict",
                       verdict->invalid != NULL ? "invalid"
                       : verdict->suppressed    ? "suppressed"
                                                : "good");
    if (verdict->row->rows != NULL)
        mb_json_put_unsigned(&json, "rows", verdict->row->n_records);
    if (verdict->invalid != NULL)
        mb_json_put_string(&json, "reason", verdict->invalid);
    if (verdict->duplicate_of != 0)
        mb_json_put_unsigned(&json, "duplicate_of", verdict->duplicate_of);
    if (verdict->message != NULL) {
        mb_json_put_unsigned(&json, "recipients", verdict->message->n_recipients);
        mb_json_put_unsigned(&json, "bytes", verdict->message->length);
    }
    mb_json_end_map(&json);
    puts(check->line->str);
}

static bool say_full(GError **error)
{
    g_set_error_literal(error, MM_CAMPAIGN_ERROR, MB_ERROR_IO,
                        "standard output: cannot be written");
    return false;
}

static bool take(const MmVerdict *verdict, void *user, GError **error)
{
    Check *check = user;

    if (check->json)
        say_json(check, verdict);
    else if (verdict->invalid != NULL)
        mb_log_error("%s", verdict->invalid);
    mm_oddities_add(check->oddities, verdict);
    mm_advice_add(&check->advice, verdict);
    return !ferror(stdout) || say_full(error);
}

static void report_totals(const MmPreflightTotals *totals, bool grouped)
{
    g_autofree char *bytes = mb_text_format_size(totals->bytes);

    printf("%" G_GUINT64_FORMAT " rows", totals->rows);
    if (grouped)
        printf(" in %" G_GUINT64_FORMAT " groups", totals->messages);
    printf(": %" G_GUINT64_FORMAT " good (%" G_GUINT64_FORMAT " recipients, %s)", totals->good,
           totals->recipients, bytes);
    if (totals->bad > 0)
        printf(", %" G_GUINT64_FORMAT " bad", totals->bad);
    if (totals->duplicates > 0)
        printf(", %" G_GUINT64_FORMAT " with a To that was there before", totals->duplicates);
    if (totals->suppressed > 0)
        printf(", %" G_GUINT64_FORMAT " suppressed", totals->suppressed);
    if (totals->blank_rows > 0)
        printf(", %" G_GUINT64_FORMAT " blank rows passed over", totals->blank_rows);
    putchar('\n');
}

static void report_json(Check *check, const MmPreflightTotals *totals, bool grouped)
{
    MbJson json;

    g_string_truncate(check->line, 0);
    mb_json_init(&json, check->line);
    mb_json_begin_map(&json);
    mb_json_put_string(&json, "event", "summary");
    mb_json_put_unsigned(&json, "rows", totals->rows);
    if (grouped)
        mb_json_put_unsigned(&json, "groups", totals->messages);
    mb_json_put_unsigned(&json, "good", totals->good);
    mb_json_put_unsigned(&json, "bad", totals->bad);
    mb_json_put_unsigned(&json, "duplicates", totals->duplicates);
    mb_json_put_unsigned(&json, "suppressed", totals->suppressed);
    mb_json_put_unsigned(&json, "blank_rows", totals->blank_rows);
    mb_json_put_unsigned(&json, "recipients", totals->recipients);
    mb_json_put_unsigned(&json, "bytes", totals->bytes);
    mm_oddities_put_json(check->oddities, &json);
    mm_advice_put_json(&check->advice, &json);
    mb_json_put_bool(&json, "stop", totals->stop);
    mb_json_end_map(&json);
    puts(check->line->str);
}

static int run(const MmCampaign *campaign, bool json)
{
    g_autoptr(MbProgress) progress = mb_progress_new(mm_campaign_units(campaign), 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(MmOddities) oddities = mm_oddities_new(campaign);
    Check check = {.json = json, .line = line, .oddities = oddities};
    static const MmRenderOptions unsealed = {.unsealed = true};
    g_autofree char *unaligned = NULL;
    MmPreflightTotals totals;

    if (!mm_preflight(campaign, &unsealed, take, &check, progress, &totals, &error))
        return mb_log_fail(error);
    g_clear_pointer(&progress, mb_progress_free);
    unaligned = mm_preflight_unaligned(campaign, &totals);
    if (unaligned != NULL)
        mb_log_warning("%s", unaligned);
    if (json) {
        report_json(&check, &totals, mm_campaign_is_grouped(campaign));
    } else {
        report_totals(&totals, mm_campaign_is_grouped(campaign));
        mm_oddities_print(oddities);
        mm_advice_print(&check.advice);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mb_log_error("standard output: cannot be written");
        return MB_EXIT_IO;
    }
    return totals.bad > 0 || totals.stop ? MB_EXIT_DATA : MB_EXIT_OK;
}

int mm_check_main(int argc, char **argv)
{
    MmCampaignOptions options = {0};
    gboolean quiet = FALSE, verbose = FALSE, json = FALSE;
    const GOptionEntry more[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "A JSON line a row on stdout", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Say more", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    g_autofree GOptionEntry *entries = mm_campaign_entries(&options, more);
    g_autoptr(MmCampaign) campaign = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "TEMPLATE CSV",
                            "Renders the whole list and says what would fail; no network.", NULL,
                            entries, 2, 2)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    if (quiet)
        mb_progress_hide();
    if (verbose)
        mb_log_set_level(MB_LOG_VERBOSE);
    campaign = mm_campaign_open_operands(argv + 1, &options, &error);
    status = campaign != NULL ? run(campaign, json) : mb_log_fail(error);
    mm_campaign_options_clear(&options);
    return status;
}
