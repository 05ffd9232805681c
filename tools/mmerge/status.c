#include "campaign.h"
#include "commands.h"
#include "groups.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <mailbatch/csv/csv.h>
#include <stdio.h>
#include <string.h>

#define TOOL "mmerge status"

typedef struct {
    gboolean json, csv;
    char *state, *encoding, *delimiter;
} StatusOptions;

static void options_clear(StatusOptions *options)
{
    g_free(options->state);
    g_free(options->encoding);
    g_free(options->delimiter);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StatusOptions, options_clear)

static const char *const kind_names[] = {"to", "cc", "bcc"};

/* --- counts and entries ------------------------------------------------------------------- */

static bool print_entry(const MmLedgerEntry *entry, void *user)
{
    GString *line = user;

    g_string_truncate(line, 0);
    if (entry->number > 0)
        g_string_append_printf(line, "%7" G_GUINT64_FORMAT, entry->number);
    else
        g_string_append(line, "   gone");
    g_string_append_printf(line, "  %-10s  ", mm_state_name(entry->state));
    mb_text_append_printable(line, entry->address, strlen(entry->address), 0);
    if (entry->reply != NULL) {
        g_string_append(line, "  ");
        mb_text_append_printable(line, entry->reply, strlen(entry->reply), 300);
    }
    puts(line->str);
    return !ferror(stdout);
}

static bool print_text(MmLedger *ledger, const MmState *state, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *column = mm_ledger_group_column(ledger);
    MmLedgerCounts counts;

    if (!mm_ledger_count(ledger, &counts, error))
        return false;
    mb_text_append_printable(line, mm_ledger_campaign(ledger), strlen(mm_ledger_campaign(ledger)),
                             0);
    printf("campaign %s: %" G_GUINT64_FORMAT " %s\n", line->str, counts.rows,
           column != NULL ? "groups" : "rows");
    for (int i = 0; i < MM_STATES; i++)
        if (counts.entries[i] > 0)
            printf("%10" G_GUINT64_FORMAT "  %s\n", counts.entries[i], mm_state_name((MmState)i));
    putchar('\n');
    return mm_ledger_each(ledger, state, print_entry, line, error);
}

static bool print_json_entry(const MmLedgerEntry *entry, void *user)
{
    GString *line = user;
    MbJson json;

    g_string_truncate(line, 0);
    mb_json_init(&json, line);
    mb_json_begin_map(&json);
    mb_json_put_string(&json, "address", entry->address);
    mb_json_put_string(&json, "state", mm_state_name(entry->state));
    mb_json_put_unsigned(&json, "row", entry->number);
    mb_json_put_string(&json, "reply", entry->reply);
    mb_json_put_string(&json, "kind", kind_names[entry->kind]);
    mb_json_put_string(&json, "key", entry->key);
    mb_json_put_unsigned(&json, "attempts", entry->attempts);
    mb_json_put_signed(&json, "updated", entry->updated);
    if (entry->state == MM_DEFERRED)
        mb_json_put_signed(&json, "not_before", entry->not_before);
    mb_json_end_map(&json);
    puts(line->str);
    return !ferror(stdout);
}

/* --- the rows, as input for a follow-up --------------------------------------------------- */

/* The records that are wanted, and how often: by their digest, so that they are found wherever they
 * stand today. */
typedef struct {
    GHashTable *counts; /* digest, GBytes → number */
    uint64_t number;    /* of the row noted last */
    uint64_t left;
} Wanted;

static bool note_row(const MmLedgerEntry *entry, void *user)
{
    Wanted *wanted = user;
    GBytes *digest;
    gsize count;

    if (entry->number == 0 || entry->number == wanted->number)
        return true;
    digest = g_bytes_new(entry->digest, MB_SHA256_LENGTH);
    count = GPOINTER_TO_SIZE(g_hash_table_lookup(wanted->counts, digest));
    g_hash_table_insert(wanted->counts, digest, GSIZE_TO_POINTER(count + 1));
    wanted->number = entry->number;
    wanted->left++;
    return true;
}

static bool take_wanted(Wanted *wanted, const uint8_t *of)
{
    g_autoptr(GBytes) digest = g_bytes_new(of, MB_SHA256_LENGTH);
    gsize count = GPOINTER_TO_SIZE(g_hash_table_lookup(wanted->counts, digest));

    if (count == 0)
        return false;
    g_hash_table_insert(wanted->counts, g_steal_pointer(&digest), GSIZE_TO_POINTER(count - 1));
    wanted->left--;
    return true;
}

/* RFC 4180, 2: quoted where it must be. */
static void append_value(GString *line, const char *text, size_t length, char delimiter)
{
    bool quote = length > 0 && (text[0] == ' ' || text[length - 1] == ' ');

    for (size_t i = 0; i < length && !quote; i++)
        quote = text[i] == delimiter || text[i] == '"' || text[i] == '\n' || text[i] == '\r' ||
                text[i] == '\t';
    if (!quote) {
        g_string_append_len(line, text, (gssize)length);
        return;
    }
    g_string_append_c(line, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            g_string_append_c(line, '"');
        g_string_append_c(line, text[i]);
    }
    g_string_append_c(line, '"');
}

static void print_header(const MbCsv *csv)
{
    g_autoptr(GString) line = g_string_new(NULL);
    const char *const *columns = mb_csv_columns(csv);
    char delimiter = mb_csv_delimiter(csv);

    for (size_t i = 0; columns[i] != NULL; i++) {
        if (i > 0)
            g_string_append_c(line, delimiter);
        append_value(line, columns[i], strlen(columns[i]), delimiter);
    }
    printf("%s\r\n", line->str);
}

static void append_row(GString *out, const MbCsv *csv, const MbCsvRow *row)
{
    char delimiter = mb_csv_delimiter(csv);

    for (size_t i = 0; i < row->n_values; i++) {
        if (i > 0)
            g_string_append_c(out, delimiter);
        append_value(out, row->values[i].text, row->values[i].length, delimiter);
    }
    g_string_append(out, "\r\n");
}

/* Rows that are wanted, or not, together. */
typedef struct {
    const MbCsv *csv;
    GString *lines;
    GString *left_out; /* why each bad row is, a line each */
} Together;

static bool take_record(const MbCsvRow *row, void *user, GError **error)
{
    Together *together = user;

    (void)error;
    if (row->error != NULL)
        g_string_append_printf(together->left_out, "%s\n", row->error->message);
    else
        append_row(together->lines, together->csv, row);
    return true;
}

static void print_together(Together *together)
{
    g_auto(GStrv) left_out = g_strsplit(together->left_out->str, "\n", -1);

    fputs(together->lines->str, stdout);
    for (guint i = 0; left_out[i] != NULL; i++)
        if (*left_out[i] != '\0')
            mb_log_warning("left out: %s", left_out[i]);
}

static void begin_together(Together *together)
{
    g_string_truncate(together->lines, 0);
    g_string_truncate(together->left_out, 0);
}

static bool print_rows(MbCsv *csv, Wanted *wanted, Together *together, GError **error)
{
    MbCsvRow row;
    MbNext next;

    while ((next = mb_csv_next(csv, &row, error)) == MB_NEXT) {
        if (!take_wanted(wanted, row.digest))
            continue;
        begin_together(together);
        take_record(&row, together, NULL);
        print_together(together);
    }
    return next == MB_END;
}

/* A group is in the ledger what its rows are together. */
static bool print_groups(MbCsv *csv, const char *column, Wanted *wanted, Together *together,
                         GError **error)
{
    g_autoptr(MmGroups) groups = NULL;
    MbNext next;

    if (mb_csv_column(csv, column) < 0) {
        g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA,
                    "the CSV has no column \"%s\" any more, by which its rows were grouped",
                    column);
        return false;
    }
    groups = mm_groups_new(csv, mb_csv_column(csv, column), error);
    if (groups == NULL)
        return false;
    begin_together(together);
    while ((next = mm_groups_next(groups, take_record, together, error)) == MB_NEXT) {
        if (take_wanted(wanted, mm_groups_digest(groups)))
            print_together(together);
        begin_together(together);
    }
    return next == MB_END;
}

static bool print_wanted(MmLedger *ledger, MbCsv *csv, Wanted *wanted, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL), left_out = g_string_new(NULL);
    Together together = {.csv = csv, .lines = lines, .left_out = left_out};
    g_autofree char *column = mm_ledger_group_column(ledger);

    print_header(csv);
    return column != NULL ? print_groups(csv, column, wanted, &together, error)
                          : print_rows(csv, wanted, &together, error);
}

static bool print_csv(MmLedger *ledger, const MmState *state, const StatusOptions *options,
                      GError **error)
{
    MbCsvOptions csv_options = {.encoding = options->encoding};
    g_autoptr(GHashTable) counts =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    Wanted wanted = {.counts = counts};
    g_autoptr(MbCsv) csv = NULL;

    if (!mm_campaign_delimiter(options->delimiter, &csv_options.delimiter, error))
        return false;
    csv = mb_csv_open(mm_ledger_csv(ledger), &csv_options, error);
    if (csv == NULL || !mm_ledger_each(ledger, state, note_row, &wanted, error))
        return false;
    if (!print_wanted(ledger, csv, &wanted, error))
        return false;
    if (wanted.left == 0)
        return true;
    g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA,
                "%s: %" G_GUINT64_FORMAT " rows of the ledger do not stand there any more as they "
                "were: put them back, or run `mmerge send` so that the ledger knows them",
                mm_ledger_csv(ledger), wanted.left);
    return false;
}

void mm_suggest_ledger(const char *path, GError *error)
{
    g_autofree char *ledger = g_strconcat(path, ".mmerge.db", NULL);
    g_autofree char *message = error->message;

    error->message = g_file_test(ledger, G_FILE_TEST_IS_REGULAR)
                         ? g_strdup_printf("%s: the ledger is %s", message, ledger)
                         : g_steal_pointer(&message);
}

/* --- the command -------------------------------------------------------------------------- */

static int status(const char *path, const StatusOptions *options, const MmState *state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(MmLedger) ledger = mm_ledger_open_to_read(path, &error);
    bool good = ledger != NULL;

    if (good && options->csv)
        good = print_csv(ledger, state, options, &error);
    else if (good && options->json)
        good = mm_ledger_each(ledger, state, print_json_entry, line, &error);
    else if (good)
        good = print_text(ledger, state, &error);
    if (ledger == NULL)
        mm_suggest_ledger(path, error);
    if (!good)
        return mb_log_fail(error);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mb_log_error("standard output: cannot be written");
        return MB_EXIT_IO;
    }
    return MB_EXIT_OK;
}

int mm_status_main(int argc, char **argv)
{
    g_auto(StatusOptions) options = {0};
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "One JSON line a recipient", NULL},
        {"csv", 0, 0, G_OPTION_ARG_NONE, &options.csv,
         "The rows as they stand in the CSV, as input for a follow-up", NULL},
        {"state", 0, 0, G_OPTION_ARG_STRING, &options.state,
         "Only sent, refused, deferred, in-doubt, pending, invalid, suppressed, bounced, "
         "complained "
         "or delivered",
         "S"},
        {"encoding", 0, 0, G_OPTION_ARG_STRING, &options.encoding, "Of the CSV, for --csv", "NAME"},
        {"delimiter", 0, 0, G_OPTION_ARG_STRING, &options.delimiter,
         "Of the CSV, for --csv: a character, or tab", "C"},
        G_OPTION_ENTRY_NULL,
    };
    MbParsed parsed =
        mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "LEDGER",
                        "counts by state, and the entries of a ledger", NULL, entries, 1, 1);
    MmState state = MM_PENDING;

    if (parsed != MB_PARSED_RUN)
        return parsed == MB_PARSED_DONE ? MB_EXIT_OK : MB_EXIT_USAGE;
    if (options.state != NULL && !mm_state_from_name(options.state, &state))
        return mb_option_usage(TOOL,
                               "--state %s: there is no such state: it is one of sent, refused, "
                               "deferred, in-doubt, pending, invalid, suppressed, bounced, "
                               "complained, delivered",
                               options.state);
    if (options.json && options.csv)
        return mb_option_usage(TOOL, "--json and --csv: say one of them");
    return status(argv[1], &options, options.state != NULL ? &state : NULL);
}
