#include "ledger-internal.h"

#include <string.h>

/* Outcomes that may wait for a commit. The marks hold them meanwhile, so a kill loses their texts
 * only. */
#define HELD_MAX 256

/* Rows claimed before their marks are given back to the kernel: 128 KiB of them. */
#define UNLOAD_ROWS 65536

void mm_claim_free(MmClaim *claim)
{
    if (claim == NULL)
        return;
    for (size_t i = 0; i < claim->n_entries; i++)
        g_free(claim->entries[i].address);
    g_free(claim->entries);
    g_free(claim->key);
    g_free(claim);
}

/* ---- outcomes ---- */

static void held_clear(HeldOutcome *held)
{
    g_free((char *)held->outcome.reply);
}

void mm_ledger_drop_held(MmLedger *ledger)
{
    for (guint i = 0; i < ledger->held->len; i++)
        held_clear(&g_array_index(ledger->held, HeldOutcome, i));
    g_array_set_size(ledger->held, 0);
}

/* A release gives the entry back as it was; it counts no attempt. */
static const char release_sql[] =
    "UPDATE entry SET state = CASE WHEN attempts > 0 THEN 3 ELSE 0 END"
    " WHERE row = ? AND n = ? AND state = 1";

static const char outcome_sql[] =
    "UPDATE entry SET state = ?3, attempts = attempts + 1, tries = tries + 1, not_before = ?4,"
    " updated = ?5, code = ?6, reply = ?7 WHERE row = ?1 AND n = ?2 AND state = 1";

static bool write_outcome(MmLedger *ledger, const HeldOutcome *held, GError **error)
{
    const MmOutcome *outcome = &held->outcome;
    bool release = outcome->state == MM_PENDING;
    MbStatement *update =
        mb_store_statement(ledger->store, release ? release_sql : outcome_sql, error);

    if (update == NULL)
        return false;
    mb_statement_bind_int(update, 1, outcome->row);
    mb_statement_bind_int(update, 2, outcome->index);
    if (!release) {
        mb_statement_bind_int(update, 3, outcome->state);
        mb_statement_bind_int(update, 4, outcome->not_before);
        mb_statement_bind_int(update, 5, held->now);
        mb_statement_bind_int(update, 6, outcome->code);
        mb_statement_bind_text(update, 7, outcome->reply);
    }
    return mb_statement_done(update, error);
}

bool mm_ledger_write_held(MmLedger *ledger, GError **error)
{
    for (guint i = 0; i < ledger->held->len; i++) {
        if (!write_outcome(ledger, &g_array_index(ledger->held, HeldOutcome, i), error))
            return false;
    }
    return true;
}

bool mm_ledger_flush(MmLedger *ledger, GError **error)
{
    if (ledger->resolving) {
        if (!mb_store_commit(ledger->store, error)) {
            mb_store_rollback(ledger->store);
            return false;
        }
        ledger->resolving = false;
    }
    if (ledger->held->len == 0)
        return true;
    if (!mb_store_begin(ledger->store, false, error))
        return false;
    if (!mm_ledger_write_held(ledger, error) || !mb_store_commit(ledger->store, error)) {
        mb_store_rollback(ledger->store);
        return false;
    }
    mm_ledger_drop_held(ledger);
    return true;
}

bool mm_ledger_record(MmLedger *ledger, const MmOutcome *outcomes, size_t n, int64_t now,
                      GError **error)
{
    for (size_t i = 0; i < n; i++) {
        HeldOutcome held = {.outcome = outcomes[i], .now = now};
        held.outcome.reply = g_strdup(outcomes[i].reply);
        g_array_append_val(ledger->held, held);
    }
    return ledger->held->len < HELD_MAX || mm_ledger_flush(ledger, error);
}

/* ---- claims ---- */

/* Rows in the CSV's order; CROSS JOIN keeps SQLite from turning the loops round. What is due later
 * than any pause lasts was written before the clock was set back: it is due. */
static const char claimable_sql[] =
    "SELECT row.id, row.number, row.key, row.digest, row.ordinal, entry.n, entry.kind,"
    " entry.address, entry.attempts, (SELECT max(claims) FROM entry AS all_of WHERE all_of.row ="
    " row.id) FROM row CROSS JOIN entry ON entry.row = row.id WHERE row.number > ?1 AND"
    " (entry.state = 0 OR (entry.state = 3 AND entry.not_before NOT BETWEEN ?2 + 1 AND ?5)) AND"
    " NOT (?4 > 0 AND entry.run = ?3 AND entry.tries >= ?4) ORDER BY row.number, entry.n";

static MmClaim *claim_new(MbStatement *row, int64_t *claims)
{
    MmClaim *claim = g_new0(MmClaim, 1);
    size_t length;
    const void *digest = mb_statement_blob(row, 3, &length);

    claim->row = mb_statement_int(row, 0);
    claim->number = (uint64_t)mb_statement_int(row, 1);
    memcpy(claim->digest, digest, MIN(length, sizeof claim->digest));
    claim->key =
        mm_ledger_key_of(mb_statement_text(row, 2), claim->digest, mb_statement_int(row, 4));
    *claims = mb_statement_int(row, 9) + 1;
    claim->mark = mm_ledger_mark_value(*claims);
    return claim;
}

static void claim_add_entry(MmClaim *claim, MbStatement *row)
{
    struct MmClaimEntry *entry;

    claim->entries = g_renew(struct MmClaimEntry, claim->entries, claim->n_entries + 1);
    entry = &claim->entries[claim->n_entries++];
    entry->index = (int)mb_statement_int(row, 5);
    entry->kind = (MmKind)mb_statement_int(row, 6);
    entry->address = g_strdup(mb_statement_text(row, 7));
    claim->attempt = MAX(claim->attempt, (unsigned)mb_statement_int(row, 8) + 1);
}

static bool read_claimable(MmLedger *ledger, size_t n, uint64_t after, unsigned max_attempts,
                           int64_t now, GPtrArray *found, GArray *claims, GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, claimable_sql, error);
    MmClaim *claim = NULL;
    MbNext next;

    if (select == NULL)
        return false;
    mb_statement_bind_int(select, 1, (int64_t)after);
    mb_statement_bind_int(select, 2, now);
    mb_statement_bind_int(select, 3, ledger->run);
    mb_statement_bind_int(select, 4, max_attempts);
    mb_statement_bind_int(select, 5, now + MM_DEFER_MAX_S);
    while ((next = mb_statement_step(select, error)) == MB_NEXT) {
        if (claim == NULL || claim->row != mb_statement_int(select, 0)) {
            int64_t count;
            if (found->len == n)
                break;
            claim = claim_new(select, &count);
            g_ptr_array_add(found, claim);
            g_array_append_val(claims, count);
        }
        claim_add_entry(claim, select);
    }
    mb_statement_reset(select);
    return next != MB_FAILED;
}

static bool write_claim(MmLedger *ledger, const MmClaim *claim, int64_t claims, GError **error)
{
    MbStatement *update = mb_store_statement(
        ledger->store,
        "UPDATE entry SET state = 1, claims = ?3, tries = CASE WHEN run = ?4 THEN tries ELSE 0 END,"
        " run = ?4 WHERE row = ?1 AND n = ?2",
        error);

    if (update == NULL)
        return false;
    for (size_t i = 0; i < claim->n_entries; i++) {
        mb_statement_reset(update);
        mb_statement_bind_int(update, 1, claim->row);
        mb_statement_bind_int(update, 2, claim->entries[i].index);
        mb_statement_bind_int(update, 3, claims);
        mb_statement_bind_int(update, 4, ledger->run);
        if (!mb_statement_done(update, error))
            return false;
    }
    return true;
}

static bool reserve_marks(MmLedger *ledger, GError **error)
{
    MbStatement *last = mb_store_statement(ledger->store, "SELECT max(id) FROM row", error);
    int64_t rows;

    if (last == NULL || mb_statement_step(last, error) != MB_NEXT)
        return false;
    rows = mb_statement_int(last, 0);
    mb_statement_reset(last);
    return mm_marks_covers(ledger->marks, rows) ||
           mm_marks_reserve(ledger->marks, (uint64_t)rows, error);
}

/* Claims are numbered, and a mark is set only for one that is on the disk: a mark of a claim that
 * the ledger knows nothing of, this one or any later, was set with a newer copy of it. (The number
 * in a mark comes round after 255; a value is one more than its number.) */
static bool is_newest(const MmLedger *ledger, const MmClaim *claim, int64_t claims, GError **error)
{
    uint8_t value;
    MmMark mark = mm_marks_look(ledger->marks, claim->row, &value);

    if (claims > UINT8_MAX || mark == MM_MARK_NONE || (value != 1 ? value - 1 : 255) < claims)
        return true;
    g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA,
                "%s: is an older copy, or has lost its -wal file: row %" G_GUINT64_FORMAT
                " was sent already by what stands beside it (.marks): put the newest copy back",
                mb_store_path(ledger->store), claim->number);
    return false;
}

static bool claim_in_transaction(MmLedger *ledger, size_t n, uint64_t after, unsigned max_attempts,
                                 int64_t now, GPtrArray *found, GError **error)
{
    g_autoptr(GArray) claims = g_array_new(FALSE, FALSE, sizeof(int64_t));

    if (!mm_ledger_write_held(ledger, error) || !reserve_marks(ledger, error) ||
        !read_claimable(ledger, n, after, max_attempts, now, found, claims, error))
        return false;
    for (guint i = 0; i < found->len; i++) {
        const MmClaim *claim = g_ptr_array_index(found, i);
        int64_t number = g_array_index(claims, int64_t, i);

        if (!is_newest(ledger, claim, number, error) || !write_claim(ledger, claim, number, error))
            return false;
    }
    return mb_store_commit(ledger->store, error);
}

GPtrArray *mm_ledger_claim(MmLedger *ledger, size_t n, uint64_t after, unsigned max_attempts,
                           int64_t now, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)mm_claim_free);

    if (!mb_store_begin(ledger->store, true, error))
        return NULL;
    if (!claim_in_transaction(ledger, n, after, max_attempts, now, found, error)) {
        mb_store_rollback(ledger->store);
        return NULL;
    }
    mm_ledger_drop_held(ledger);
    ledger->claimed += found->len;
    if (ledger->claimed >= UNLOAD_ROWS) {
        mm_marks_unload(ledger->marks);
        ledger->claimed = 0;
    }
    return g_steal_pointer(&found);
}

/* As claimable_sql has it. */
static const char next_due_sql[] =
    "SELECT min(CASE WHEN not_before > ?3 THEN 1 ELSE not_before END) FROM entry CROSS JOIN row ON"
    " row.id = entry.row WHERE state = 3 AND NOT (?2 > 0 AND run = ?1 AND tries >= ?2) AND"
    " number > 0";

int64_t mm_ledger_next_due(MmLedger *ledger, unsigned max_attempts, int64_t now, GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, next_due_sql, error);
    int64_t due = 0;

    if (select == NULL || !mm_ledger_flush(ledger, error))
        return 0;
    mb_statement_bind_int(select, 1, ledger->run);
    mb_statement_bind_int(select, 2, max_attempts);
    mb_statement_bind_int(select, 3, now + MM_DEFER_MAX_S);
    if (mb_statement_step(select, error) == MB_NEXT && !mb_statement_is_null(select, 0))
        due = MAX(mb_statement_int(select, 0), 1);
    mb_statement_reset(select);
    return due;
}
