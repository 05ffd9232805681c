#include "ledger-internal.h"
#include "ledger-seen.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* How many of the changed rows a message names. */
#define NAMED_MAX 5

bool mm_ledger_is_checked(MmLedger *ledger, const uint8_t verdict[MB_SHA256_LENGTH])
{
    g_autoptr(GBytes) found = mm_ledger_get_meta(ledger, "verdict");
    gsize length;
    const void *bytes;

    if (found == NULL)
        return false;
    bytes = g_bytes_get_data(found, &length);
    return length == MB_SHA256_LENGTH && memcmp(bytes, verdict, length) == 0;
}

static bool ask_number(MmLedger *ledger, const char *sql, int64_t *number, GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, sql, error);

    if (select == NULL || mb_statement_step(select, error) != MB_NEXT)
        return false;
    *number = mb_statement_int(select, 0);
    mb_statement_reset(select);
    return true;
}

static bool is_other_column(MmLedger *ledger, const char *key_column)
{
    g_autoptr(GBytes) before = mm_ledger_get_meta(ledger, "key");
    g_autoptr(GBytes) now = g_bytes_new(key_column, strlen(key_column));

    return before == NULL || !g_bytes_equal(before, now);
}

/* Number 0 is "not seen in this CSV", -1 "gone, and accepted"; the indexes serve this comparison
 * only. `number > 0` stands in one, so that of a million equal rows each finds its place at once.
 * The values of another column say nothing of who a row is. */
static bool begin_comparison(MmLedger *ledger, const char *key_column, GError **error)
{
    if (!mb_store_run(ledger->store,
                      "UPDATE row SET number = 0 WHERE number > 0;"
                      "CREATE INDEX row_match ON row (match) WHERE match IS NOT NULL;"
                      "CREATE INDEX row_digest ON row (digest, number > 0, ordinal)",
                      error))
        return false;
    if (is_other_column(ledger, key_column) &&
        !mb_store_run(ledger->store, "UPDATE row SET match = NULL", error))
        return false;
    return mm_ledger_note_handled(ledger, error);
}

/* Said only where it is so: a ledger without groups stays as ever. */
static bool put_grouped(MmLedger *ledger, bool grouped, GError **error)
{
    g_autoptr(GBytes) before = mm_ledger_get_meta(ledger, "grouped");

    return (!grouped && before == NULL) ||
           mm_ledger_put_meta(ledger, "grouped", "1", grouped ? 1 : 0, error);
}

char *mm_ledger_group_column(MmLedger *ledger)
{
    g_autoptr(GBytes) grouped = mm_ledger_get_meta(ledger, "grouped");
    g_autoptr(GBytes) key = mm_ledger_get_meta(ledger, "key");

    if (grouped == NULL || g_bytes_get_size(grouped) == 0 || key == NULL)
        return NULL;
    return g_strndup(g_bytes_get_data(key, NULL), g_bytes_get_size(key));
}

/* Who forgets the option, or says it too late, sees rows that have changed and no reason. */
static char *describe_grouping(MmLedger *ledger, const char *key_column, bool grouped)
{
    g_autofree char *before = mm_ledger_group_column(ledger);
    g_autofree char *shown = before != NULL ? mb_text_printable(before, strlen(before)) : NULL;

    if (g_strcmp0(before, grouped ? key_column : NULL) == 0)
        return NULL;
    return before != NULL ? g_strconcat("with --group-by ", shown, NULL)
                          : g_strdup("without --group-by");
}

bool mm_ledger_begin_rows(MmLedger *ledger, const char *key_column, bool grouped, GError **error)
{
    if (key_column == NULL)
        key_column = "";
    if (!mm_ledger_flush(ledger, error) || !mb_store_begin(ledger->store, true, error))
        return false;
    ledger->taking_rows = true;
    ledger->may_repeat = false;
    ledger->changes = (MmLedgerChanges){0};
    ledger->changed_rows = g_string_new(NULL);
    ledger->grouped_before = describe_grouping(ledger, key_column, grouped);
    if (ask_number(ledger, "SELECT ifnull(max(id), 0) FROM row", &ledger->last_before, error) &&
        (ledger->last_before == 0 || begin_comparison(ledger, key_column, error)) &&
        mm_ledger_put_meta(ledger, "key", key_column, strlen(key_column), error) &&
        put_grouped(ledger, grouped, error))
        return true;
    mm_ledger_abandon_rows(ledger);
    return false;
}

static void end_comparison(MmLedger *ledger)
{
    g_clear_pointer(&ledger->handled, mm_seen_free);
    g_clear_pointer(&ledger->grouped_before, g_free);
    g_string_free(g_steal_pointer(&ledger->changed_rows), TRUE);
    ledger->taking_rows = false;
}

void mm_ledger_abandon_rows(MmLedger *ledger)
{
    if (!ledger->taking_rows)
        return;
    mb_store_rollback(ledger->store);
    end_comparison(ledger);
}

/* How many rows before this one had the same digest. */
static bool find_ordinal(MmLedger *ledger, const uint8_t *digest, int64_t *ordinal, GError **error)
{
    MbStatement *last = mb_store_statement(
        ledger->store, "SELECT max(ordinal) + 1 FROM row WHERE digest = ?1 AND (number > 0) = 1",
        error);

    if (last == NULL)
        return false;
    mb_statement_bind_blob(last, 1, digest, MB_SHA256_LENGTH);
    if (mb_statement_step(last, error) != MB_NEXT)
        return false;
    *ordinal = mb_statement_int(last, 0);
    mb_statement_reset(last);
    return true;
}

/* Of the first list no row is looked for: equal rows are found afterwards, sorted on disk, and
 * their number does not grow the process. */
static bool number_equal_rows(MmLedger *ledger, GError **error)
{
    return mb_store_run(ledger->store,
                        "UPDATE row SET ordinal = equal.ordinal FROM (SELECT id,"
                        " row_number() OVER (PARTITION BY digest ORDER BY id) - 1 AS ordinal"
                        " FROM row) AS equal WHERE equal.ordinal > 0 AND equal.id = row.id",
                        error);
}

/* ---- rows ---- */

static bool insert_row(MmLedger *ledger, const MmLedgerRow *row, int64_t ordinal, GError **error)
{
    MbStatement *insert = mb_store_statement(
        ledger->store,
        "INSERT INTO row (number, key, digest, ordinal, match) VALUES (?1, ?2, ?3, ?4, ?2)", error);

    if (insert == NULL)
        return false;
    mb_statement_bind_int(insert, 1, (int64_t)row->number);
    mb_statement_bind_text(insert, 2, row->key);
    mb_statement_bind_blob(insert, 3, row->digest, MB_SHA256_LENGTH);
    mb_statement_bind_int(insert, 4, ordinal);
    if (!mb_statement_done(insert, error))
        return false;
    ledger->changes.added++;
    return mm_ledger_insert_entries(ledger, mb_store_last_id(ledger->store), row, error);
}

/* Finds what `find` asks for: id, key, digest, ordinal, whether it is done, whether it was tried.
 */
static MbNext take_known(MbStatement *find, const uint8_t *digest, MmKnownRow *known,
                         GError **error)
{
    MbNext next = mb_statement_step(find, error);
    const void *before;
    size_t length;

    if (next == MB_NEXT) {
        before = mb_statement_blob(find, 2, &length);
        known->id = mb_statement_int(find, 0);
        known->same_digest =
            length == MB_SHA256_LENGTH && memcmp(before, digest, MB_SHA256_LENGTH) == 0;
        known->done = mb_statement_int(find, 4) != 0;
        known->tried = mb_statement_int(find, 5) != 0;
        if (known->tried)
            known->key =
                mm_ledger_key_of(mb_statement_text(find, 1), before, mb_statement_int(find, 3));
    }
    mb_statement_reset(find);
    return next;
}

#define KNOWN_ROW "SELECT id, key, digest, ordinal, " MM_IS_DONE ", " MM_IS_TRIED " FROM row"

/* By its record first, so that another --key or another order changes nothing; else by its key. */
static MbNext find_row(MmLedger *ledger, const MmLedgerRow *row, int64_t ordinal, MmKnownRow *known,
                       GError **error)
{
    MbStatement *find = mb_store_statement(
        ledger->store, KNOWN_ROW " WHERE digest = ?1 AND (number > 0) = 0 AND ordinal = ?2", error);
    MbNext next;

    if (find == NULL)
        return MB_FAILED;
    mb_statement_bind_blob(find, 1, row->digest, MB_SHA256_LENGTH);
    mb_statement_bind_int(find, 2, ordinal);
    next = take_known(find, row->digest, known, error);
    if (next != MB_END || row->key == NULL)
        return next;
    find = mb_store_statement(
        ledger->store, KNOWN_ROW " WHERE match = ?1 AND number <= 0 ORDER BY 5 DESC, id LIMIT 1",
        error);
    if (find == NULL)
        return MB_FAILED;
    mb_statement_bind_text(find, 1, row->key);
    return take_known(find, row->digest, known, error);
}

bool mm_ledger_set_row(MmLedger *ledger, const MmKnownRow *known, const MmLedgerRow *row,
                       int64_t ordinal, GError **error)
{
    MbStatement *update = mb_store_statement(
        ledger->store,
        "UPDATE row SET number = ?2, key = ?3, digest = ?4, ordinal = ?5, match = ?6 WHERE id = ?1",
        error);

    if (update == NULL)
        return false;
    mb_statement_bind_int(update, 1, known->id);
    mb_statement_bind_int(update, 2, (int64_t)row->number);
    /* What was tried keeps its key, and so its Message-ID. */
    mb_statement_bind_text(update, 3, known->tried ? known->key : row->key);
    mb_statement_bind_blob(update, 4, row->digest, MB_SHA256_LENGTH);
    mb_statement_bind_int(update, 5, ordinal);
    mb_statement_bind_text(update, 6, row->key);
    return mb_statement_done(update, error);
}

static bool update_row(MmLedger *ledger, const MmLedgerRow *row, int64_t ordinal,
                       const MmKnownRow *known, GError **error)
{
    ledger->changes.known++;
    if (known->done && !known->same_digest && ledger->changes.changed++ < NAMED_MAX)
        g_string_append_printf(ledger->changed_rows, "%srow %" G_GUINT64_FORMAT,
                               ledger->changed_rows->len > 0 ? ", " : "", row->number);
    return mm_ledger_set_row(ledger, known, row, ordinal, error) &&
           mm_ledger_update_entries(ledger, known, row, error);
}

bool mm_ledger_add_row(MmLedger *ledger, const MmLedgerRow *row, GError **error)
{
    int64_t ordinal = 0;
    MmKnownRow known = {0};
    MmLedgerRow judged = *row;
    MbNext found = MB_END;
    bool good;

    g_assert(ledger->taking_rows);
    ledger->may_repeat |= !row->unique;
    if (ledger->last_before > 0 && !find_ordinal(ledger, row->digest, &ordinal, error))
        return false;
    if (ledger->last_before > 0)
        found = find_row(ledger, row, ordinal, &known, error);
    if (found == MB_FAILED)
        return false;
    good = known.done || mm_ledger_judge_again(ledger, known.id, &judged, error);
    if (good && found == MB_NEXT)
        good = update_row(ledger, &judged, ordinal, &known, error);
    else if (good)
        good = insert_row(ledger, &judged, ordinal, error);
    g_free(known.key);
    return good;
}

/* ---- the end ---- */

static void append_gone_names(MmLedger *ledger, GString *names)
{
    MbStatement *select = mb_store_statement(
        ledger->store,
        "SELECT address FROM row JOIN entry ON entry.row = row.id AND entry.n = 0"
        " WHERE number = 0 AND " MM_IS_DONE " ORDER BY row.id LIMIT ?",
        NULL);

    if (select == NULL)
        return;
    mb_statement_bind_int(select, 1, NAMED_MAX);
    while (mb_statement_step(select, NULL) == MB_NEXT) {
        const char *address = mb_statement_text(select, 0);
        g_autofree char *shown = mb_text_printable(address, strlen(address));
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", shown);
    }
    mb_statement_reset(select);
}

static void set_changed_error(MmLedger *ledger, GError **error)
{
    GString *names = ledger->changed_rows;

    append_gone_names(ledger, names);
    g_set_error(
        error, MM_LEDGER_ERROR, MB_ERROR_DATA,
        "%s: %" G_GUINT64_FORMAT " rows that were handled already have changed or are gone "
        "from the CSV%s%s%s%s%s: put them back, or go on with --accept-changes (they stay done)",
        mb_store_path(ledger->store), ledger->changes.changed, names->len > 0 ? " (" : "",
        names->str,
        names->len == 0                       ? ""
        : ledger->changes.changed > NAMED_MAX ? ", …)"
                                              : ")",
        ledger->grouped_before != NULL ? "; before, they were taken " : "",
        ledger->grouped_before != NULL ? ledger->grouped_before : "");
}

/* What is still open of rows that are gone is listed as suppressed; what was never tried is
 * forgotten. */
static bool put_away_gone(MmLedger *ledger, GError **error)
{
    return mb_store_run(ledger->store,
                        "DELETE FROM entry WHERE row IN (SELECT id FROM row WHERE number = 0 AND"
                        " NOT " MM_IS_TRIED ");"
                        "DELETE FROM row WHERE number = 0 AND NOT EXISTS"
                        " (SELECT 1 FROM entry WHERE entry.row = row.id);"
                        "UPDATE row SET number = -1 WHERE number = 0;"
                        "UPDATE entry SET state = 7, reply = 'its row is gone from the CSV' WHERE"
                        " state IN (0, 3, 6) AND row IN (SELECT id FROM row WHERE number = -1);"
                        "DROP INDEX row_match; DROP INDEX row_digest",
                        error);
}

static bool compare_gone(MmLedger *ledger, bool accept_changes, GError **error)
{
    int64_t gone, done;

    if (ledger->last_before == 0)
        return !ledger->may_repeat || number_equal_rows(ledger, error);
    if (!ask_number(ledger, "SELECT count(*) FROM row WHERE number = 0", &gone, error) ||
        !ask_number(ledger, "SELECT count(*) FROM row WHERE number = 0 AND " MM_IS_DONE, &done,
                    error))
        return false;
    ledger->changes.dropped = (uint64_t)(gone - done);
    ledger->changes.changed += (uint64_t)done;
    if (ledger->changes.changed > 0 && !accept_changes) {
        set_changed_error(ledger, error);
        return false;
    }
    return (done == 0 || mm_ledger_pair_gone(ledger, error)) && put_away_gone(ledger, error);
}

bool mm_ledger_end_rows(MmLedger *ledger, const uint8_t verdict[MB_SHA256_LENGTH],
                        bool accept_changes, MmLedgerChanges *changes, GError **error)
{
    bool compared = compare_gone(ledger, accept_changes, error);

    if (changes != NULL)
        *changes = ledger->changes;
    if (!compared || !mm_ledger_put_meta(ledger, "verdict", verdict, MB_SHA256_LENGTH, error) ||
        !mb_store_commit(ledger->store, error)) {
        mm_ledger_abandon_rows(ledger);
        return false;
    }
    end_comparison(ledger);
    return true;
}
