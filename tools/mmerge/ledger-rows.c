#include "ledger-internal.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* How many of the changed rows a message names. */
#define NAMED_MAX 5

/* States that say something happened: such a row is done and keeps its entries. */
#define HAS_HISTORY                                                                                \
    "EXISTS (SELECT 1 FROM entry WHERE entry.row = row.id AND (attempts > 0 OR state IN (2, 3, "   \
    "4, 5)))"

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

bool mm_ledger_begin_rows(MmLedger *ledger, GError **error)
{
    MbStatement *any;

    if (!mm_ledger_flush(ledger, error) || !mb_store_begin(ledger->store, true, error))
        return false;
    ledger->taking_rows = true;
    ledger->changes = (MmLedgerChanges){0};
    ledger->ordinals = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    any = mb_store_statement(ledger->store, "SELECT EXISTS (SELECT 1 FROM row)", error);
    if (any == NULL || mb_statement_step(any, error) != MB_NEXT) {
        mm_ledger_abandon_rows(ledger);
        return false;
    }
    ledger->had_rows = mb_statement_int(any, 0) != 0;
    mb_statement_reset(any);
    if (!ledger->had_rows)
        return true;
    /* Number 0 is "not seen in this CSV", -1 "gone, and accepted"; the indexes serve this
     * comparison only. */
    if (mb_store_run(ledger->store,
                     "UPDATE row SET number = 0 WHERE number > 0;"
                     "CREATE INDEX row_key ON row (key) WHERE key IS NOT NULL;"
                     "CREATE INDEX row_digest ON row (digest, ordinal) WHERE key IS NULL",
                     error))
        return true;
    mm_ledger_abandon_rows(ledger);
    return false;
}

void mm_ledger_abandon_rows(MmLedger *ledger)
{
    if (!ledger->taking_rows)
        return;
    mb_store_rollback(ledger->store);
    g_clear_pointer(&ledger->ordinals, g_hash_table_unref);
    ledger->taking_rows = false;
}

/* How many rows before this one had the same digest. Half of one SHA-256 in eight is as good as all
 * of it here: a collision costs a number, not a mail. */
static int64_t take_ordinal(MmLedger *ledger, const uint8_t *digest)
{
    gint64 prefix;
    gsize ordinal;

    memcpy(&prefix, digest, sizeof prefix);
    ordinal = GPOINTER_TO_SIZE(g_hash_table_lookup(ledger->ordinals, &prefix));
    g_hash_table_insert(ledger->ordinals, g_memdup2(&prefix, sizeof prefix),
                        GSIZE_TO_POINTER(ordinal + 1));
    return (int64_t)ordinal;
}

/* ---- entries ---- */

static MmState first_state(const MmLedgerRow *row, const MmLedgerRecipient *recipient)
{
    if (row->invalid != NULL)
        return MM_INVALID;
    return recipient != NULL && recipient->suppressed ? MM_SUPPRESSED : MM_PENDING;
}

static bool insert_entry(MmLedger *ledger, int64_t id, int n, const MmLedgerRow *row,
                         const MmLedgerRecipient *recipient, GError **error)
{
    MbStatement *insert = mb_store_statement(
        ledger->store,
        "INSERT INTO entry (row, n, kind, state, address, reply) VALUES (?, ?, ?, ?, ?, ?)", error);

    if (insert == NULL)
        return false;
    mb_statement_bind_int(insert, 1, id);
    mb_statement_bind_int(insert, 2, n);
    mb_statement_bind_int(insert, 3, recipient != NULL ? recipient->kind : MM_TO);
    mb_statement_bind_int(insert, 4, first_state(row, recipient));
    mb_statement_bind_text(insert, 5, recipient != NULL ? recipient->address : "");
    mb_statement_bind_text(insert, 6, row->invalid);
    return mb_statement_done(insert, error);
}

static bool insert_entries(MmLedger *ledger, int64_t id, const MmLedgerRow *row, GError **error)
{
    /* A row that cannot even be addressed is listed all the same. */
    if (row->n_recipients == 0)
        return insert_entry(ledger, id, 0, row, NULL, error);
    for (size_t i = 0; i < row->n_recipients; i++) {
        if (!insert_entry(ledger, id, (int)i, row, &row->recipients[i], error))
            return false;
    }
    return true;
}

static bool insert_row(MmLedger *ledger, const MmLedgerRow *row, int64_t ordinal, GError **error)
{
    MbStatement *insert = mb_store_statement(
        ledger->store, "INSERT INTO row (number, key, digest, ordinal) VALUES (?, ?, ?, ?)", error);

    if (insert == NULL)
        return false;
    mb_statement_bind_int(insert, 1, (int64_t)row->number);
    mb_statement_bind_text(insert, 2, row->key);
    mb_statement_bind_blob(insert, 3, row->digest, MB_SHA256_LENGTH);
    mb_statement_bind_int(insert, 4, ordinal);
    if (!mb_statement_done(insert, error))
        return false;
    ledger->changes.added++;
    return insert_entries(ledger, mb_store_last_id(ledger->store), row, error);
}

/* ---- rows that were there before ---- */

typedef struct {
    int64_t id;
    bool done;
    bool same_digest;
    bool twice; /* the key stood in this CSV already */
} KnownRow;

static MbNext find_row(MmLedger *ledger, const MmLedgerRow *row, int64_t ordinal, KnownRow *known,
                       GError **error)
{
    MbStatement *find = mb_store_statement(
        ledger->store,
        row->key != NULL ? "SELECT id, digest, number, " HAS_HISTORY " FROM row WHERE key = ?1"
                         : "SELECT id, digest, number, " HAS_HISTORY
                           " FROM row WHERE digest = ?1 AND ordinal = ?2 AND key IS NULL",
        error);
    const void *digest;
    size_t length;
    MbNext next;

    if (find == NULL)
        return MB_FAILED;
    if (row->key != NULL) {
        mb_statement_bind_text(find, 1, row->key);
    } else {
        mb_statement_bind_blob(find, 1, row->digest, MB_SHA256_LENGTH);
        mb_statement_bind_int(find, 2, ordinal);
    }
    next = mb_statement_step(find, error);
    if (next == MB_NEXT) {
        known->id = mb_statement_int(find, 0);
        digest = mb_statement_blob(find, 1, &length);
        known->same_digest = length == MB_SHA256_LENGTH && memcmp(digest, row->digest, length) == 0;
        known->twice = mb_statement_int(find, 2) > 0;
        known->done = mb_statement_int(find, 3) != 0;
    }
    mb_statement_reset(find);
    return next;
}

static bool run_with_id(MmLedger *ledger, const char *sql, int64_t id, GError **error)
{
    MbStatement *statement = mb_store_statement(ledger->store, sql, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, id);
    return mb_statement_done(statement, error);
}

static bool set_number(MmLedger *ledger, int64_t id, const MmLedgerRow *row, GError **error)
{
    MbStatement *update = mb_store_statement(
        ledger->store, "UPDATE row SET number = ?2, digest = ?3 WHERE id = ?1", error);

    if (update == NULL)
        return false;
    mb_statement_bind_int(update, 1, id);
    mb_statement_bind_int(update, 2, (int64_t)row->number);
    mb_statement_bind_blob(update, 3, row->digest, MB_SHA256_LENGTH);
    return mb_statement_done(update, error);
}

/* What is still open of a row with history honours today's suppression list. */
static bool suppress_open_entries(MmLedger *ledger, int64_t id, const MmLedgerRow *row,
                                  GError **error)
{
    MbStatement *update = mb_store_statement(
        ledger->store,
        "UPDATE entry SET state = 7 WHERE row = ? AND address = ? AND state IN (0, 3)", error);

    if (update == NULL)
        return false;
    for (size_t i = 0; i < row->n_recipients; i++) {
        if (!row->recipients[i].suppressed)
            continue;
        mb_statement_reset(update);
        mb_statement_bind_int(update, 1, id);
        mb_statement_bind_text(update, 2, row->recipients[i].address);
        if (!mb_statement_done(update, error))
            return false;
    }
    return true;
}

static bool update_row(MmLedger *ledger, const MmLedgerRow *row, const KnownRow *known,
                       GError **error)
{
    ledger->changes.known++;
    if (known->done && !known->same_digest)
        ledger->changes.changed++;
    if (!set_number(ledger, known->id, row, error))
        return false;
    if (known->done)
        return suppress_open_entries(ledger, known->id, row, error);
    return run_with_id(ledger, "DELETE FROM entry WHERE row = ?", known->id, error) &&
           insert_entries(ledger, known->id, row, error);
}

bool mm_ledger_add_row(MmLedger *ledger, const MmLedgerRow *row, GError **error)
{
    int64_t ordinal = row->key == NULL ? take_ordinal(ledger, row->digest) : 0;
    KnownRow known = {0};

    g_assert(ledger->taking_rows);
    if (!ledger->had_rows)
        return insert_row(ledger, row, ordinal, error);
    switch (find_row(ledger, row, ordinal, &known, error)) {
    case MB_FAILED: return false;
    case MB_END: return insert_row(ledger, row, ordinal, error);
    case MB_NEXT: break;
    }
    /* Two rows of one key are one person: the caller's checks have said so already. */
    return known.twice || update_row(ledger, row, &known, error);
}

/* ---- the end ---- */

static bool count_gone(MmLedger *ledger, const char *sql, uint64_t *count, GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, sql, error);

    if (select == NULL || mb_statement_step(select, error) != MB_NEXT)
        return false;
    *count = (uint64_t)mb_statement_int(select, 0);
    mb_statement_reset(select);
    return true;
}

static void append_gone_names(MmLedger *ledger, GString *names)
{
    MbStatement *select = mb_store_statement(
        ledger->store,
        "SELECT address FROM row JOIN entry ON entry.row = row.id AND entry.n = 0"
        " WHERE number = 0 AND " HAS_HISTORY " ORDER BY row.id LIMIT ?",
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
    g_autoptr(GString) names = g_string_new(NULL);

    append_gone_names(ledger, names);
    g_set_error(
        error, MM_LEDGER_ERROR, MB_ERROR_DATA,
        "%s: %" G_GUINT64_FORMAT " rows that were handled already have changed or are gone "
        "from the CSV%s%s%s: put them back, or go on with --accept-changes (they stay done)",
        mb_store_path(ledger->store), ledger->changes.changed, names->len > 0 ? " (" : "",
        names->str, names->len > 0 ? ", …)" : "");
}

static bool compare_gone(MmLedger *ledger, bool accept_changes, GError **error)
{
    uint64_t gone_done;

    if (!ledger->had_rows)
        return true;
    if (!count_gone(ledger, "SELECT count(*) FROM row WHERE number = 0 AND " HAS_HISTORY,
                    &gone_done, error) ||
        !count_gone(ledger, "SELECT count(*) FROM row WHERE number = 0 AND NOT " HAS_HISTORY,
                    &ledger->changes.dropped, error))
        return false;
    ledger->changes.changed += gone_done;
    if (ledger->changes.changed > 0 && !accept_changes) {
        set_changed_error(ledger, error);
        return false;
    }
    return mb_store_run(ledger->store,
                        "DELETE FROM entry WHERE row IN (SELECT id FROM row WHERE number = 0 AND"
                        " NOT " HAS_HISTORY ");"
                        "DELETE FROM row WHERE number = 0 AND NOT EXISTS"
                        " (SELECT 1 FROM entry WHERE entry.row = row.id);"
                        "UPDATE row SET number = -1 WHERE number = 0;"
                        "DROP INDEX row_key; DROP INDEX row_digest",
                        error);
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
    g_clear_pointer(&ledger->ordinals, g_hash_table_unref);
    ledger->taking_rows = false;
    return true;
}
