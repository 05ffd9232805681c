/*
 * mmerge check: the whole list rendered and looked at, without a network.
 */
#include "commands.h"
#include "preflight.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define TOOL "mmerge check"

/* The row in which something was at its strangest. */
typedef struct {
    uint64_t row, value;
} Extreme;

typedef struct {
    const MmCampaign *campaign;
    bool json;
    GString *line;
    Extreme largest, smallest, most_recipients, most_empty;
    uint64_t non_ascii, needs_smtputf8, first_smtputf8;
} Check;

static void take_extreme(Extreme *extreme, uint64_t row, uint64_t value)
{
    if (value > extreme->value || extreme->row == 0)
        *extreme = (Extreme){row, value};
}

static void look_at(Check *check, const MmVerdict *verdict)
{
    uint64_t number = verdict->row->number, empty = 0, length;
    bool ascii = true;

    for (size_t i = 0; i < mm_campaign_n_columns(check->campaign); i++) {
        const MbTemplateValue *value = &verdict->row->values[i];

        empty += value->length == 0;
        ascii = ascii && mb_text_is_ascii(value->text, value->length);
    }
    check->non_ascii += !ascii;
    if (empty > 0)
        take_extreme(&check->most_empty, number, empty);
    length = mb_wire_length(verdict->message->wire);
    take_extreme(&check->largest, number, length);
    if (check->smallest.row == 0 || length < check->smallest.value)
        check->smallest = (Extreme){number, length};
    take_extreme(&check->most_recipients, number, verdict->message->n_recipients);
    if (verdict->message->smtputf8 && check->needs_smtputf8++ == 0)
        check->first_smtputf8 = number;
}

static void say_json(Check *check, const MmVerdict *verdict)
{
    MbJson json;

    g_string_truncate(check->line, 0);
    mb_json_init(&json, check->line);
    mb_json_begin_map(&json);
    mb_json_put_unsigned(&json, "row", verdict->row->number);
    mb_json_put_string(&json, "verdict",
                       verdict->invalid != NULL ? "invalid"
                       : verdict->suppressed    ? "suppressed"
                                                : "good");
    if (verdict->invalid != NULL)
        mb_json_put_string(&json, "reason", verdict->invalid);
    if (verdict->duplicate_of != 0)
        mb_json_put_unsigned(&json, "duplicate_of", verdict->duplicate_of);
    if (verdict->message != NULL)
        mb_json_put_unsigned(&json, "bytes", mb_wire_length(verdict->message->wire));
    mb_json_end_map(&json);
    puts(check->line->str);
}

static bool take(const MmVerdict *verdict, void *user, GError **error)
{
    Check *check = user;

    (void)error;
    if (check->json)
        say_json(check, verdict);
    else if (verdict->invalid != NULL)
        mb_log_error("%s", verdict->invalid);
    if (verdict->message != NULL)
        look_at(check, verdict);
    return true;
}

static void report_totals(const MmPreflightTotals *totals)
{
    g_autofree char *bytes = mb_text_format_size(totals->bytes);

    printf("%" G_GUINT64_FORMAT " rows: %" G_GUINT64_FORMAT " good (%" G_GUINT64_FORMAT
           " recipients, %s)",
           totals->rows, totals->good, totals->recipients, bytes);
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

static void report_strangest(const Check *check)
{
    g_autofree char *largest = mb_text_format_size(check->largest.value);
    g_autofree char *smallest = mb_text_format_size(check->smallest.value);

    if (check->largest.row == 0)
        return;
    printf("largest message: row %" G_GUINT64_FORMAT " (%s); smallest: row %" G_GUINT64_FORMAT
           " (%s)\n",
           check->largest.row, largest, check->smallest.row, smallest);
    if (check->most_recipients.value > 1)
        printf("most recipients: row %" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT ")\n",
               check->most_recipients.row, check->most_recipients.value);
    if (check->most_empty.row != 0)
        printf("most empty values: row %" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT ")\n",
               check->most_empty.row, check->most_empty.value);
    if (check->non_ascii > 0)
        printf("rows with letters beyond ASCII: %" G_GUINT64_FORMAT "\n", check->non_ascii);
    if (check->needs_smtputf8 > 0)
        printf("rows that need a server with SMTPUTF8: %" G_GUINT64_FORMAT
               ", first row %" G_GUINT64_FORMAT "\n",
               check->needs_smtputf8, check->first_smtputf8);
}

static int run(const MmCampaign *campaign, bool json)
{
    g_autoptr(MbProgress) progress = mb_progress_new("rows", 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    Check check = {.campaign = campaign, .json = json, .line = line};
    MmPreflightTotals totals;

    if (!mm_preflight(campaign, NULL, take, &check, progress, &totals, &error))
        return mb_log_fail(error);
    g_clear_pointer(&progress, mb_progress_free);
    if (!json) {
        report_totals(&totals);
        report_strangest(&check);
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
    campaign = mm_campaign_open(argv[1], argv[2], &options, &error);
    if (campaign != NULL)
        mm_campaign_warn(campaign);
    status = campaign != NULL ? run(campaign, json) : mb_log_fail(error);
    mm_campaign_options_clear(&options);
    return status;
}
