#include "ledger-internal.h"

#include <string.h>

static const char not_for_them[] = "no longer a recipient of its row";
static const char came_later[] = "came to its row after that was sent";

typedef struct {
    int n;
    MmState state;
    bool tried;
    char *address;
} Entry;

static void clear_entry(void *entry)
{
    g_free(((Entry *)entry)->address);
}

static bool insert_entry(MmLedger *ledger, int64_t id, int n, const MmLedgerRecipient *recipient,
                         MmState state, const char *reply, GError **error)
{
    MbStatement *insert = mb_store_statement(
        ledger->store,
        "INSERT INTO entry (row, n, kind, state, address, reply) VALUES (?, ?, ?, ?, ?, ?)", error);

    if (insert == NULL)
        return false;
    mb_statement_bind_int(insert, 1, id);
    mb_statement_bind_int(insert, 2, n);
    mb_statement_bind_int(insert, 3, recipient != NULL ? recipient->kind : MM_TO);
    mb_statement_bind_int(insert, 4, state);
    mb_statement_bind_text(insert, 5, recipient != NULL ? recipient->address : "");
    mb_statement_bind_text(insert, 6, reply);
    return mb_statement_done(insert, error);
}

static MmState first_state(const MmLedgerRow *row, const MmLedgerRecipient *recipient)
{
    if (row->invalid != NULL)
        return MM_INVALID;
    return recipient->suppressed ? MM_SUPPRESSED : MM_PENDING;
}

bool mm_ledger_insert_entries(MmLedger *ledger, int64_t id, const MmLedgerRow *row, GError **error)
{
    /* A row that cannot even be addressed is listed all the same. */
    if (row->n_recipients == 0)
        return insert_entry(ledger, id, 0, NULL, row->invalid != NULL ? MM_INVALID : MM_PENDING,
                            row->invalid, error);
    for (size_t i = 0; i < row->n_recipients; i++) {
        const MmLedgerRecipient *recipient = &row->recipients[i];

        if (!insert_entry(ledger, id, (int)i, recipient, first_state(row, recipient), row->invalid,
                          error))
            return false;
    }
    return true;
}

/* ---- rows that were there before ---- */

static bool delete_entries(MmLedger *ledger, int64_t id, GError **error)
{
    MbStatement *statement =
        mb_store_statement(ledger->store, "DELETE FROM entry WHERE row = ?", error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, id);
    return mb_statement_done(statement, error);
}

static GArray *read_entries(MmLedger *ledger, int64_t id, GError **error)
{
    MbStatement *read = mb_store_statement(
        ledger->store, "SELECT n, state, attempts, address FROM entry WHERE row = ? ORDER BY n",
        error);
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    MbNext next = MB_FAILED;

    g_array_set_clear_func(entries, clear_entry);
    if (read != NULL)
        mb_statement_bind_int(read, 1, id);
    while (read != NULL && (next = mb_statement_step(read, error)) == MB_NEXT) {
        Entry entry = {
            .n = (int)mb_statement_int(read, 0),
            .state = (MmState)mb_statement_int(read, 1),
            .tried = mb_statement_int(read, 2) > 0,
            .address = g_strdup(mb_statement_text(read, 3)),
        };
        g_array_append_val(entries, entry);
    }
    return next == MB_END ? g_steal_pointer(&entries) : NULL;
}

static const MmLedgerRecipient *find_recipient(const MmLedgerRow *row, const char *address)
{
    for (size_t i = 0; i < row->n_recipients; i++)
        if (strcmp(row->recipients[i].address, address) == 0)
            return &row->recipients[i];
    return NULL;
}

static bool has_entry(const GArray *entries, const char *address)
{
    for (guint i = 0; i < entries->len; i++)
        if (strcmp(g_array_index(entries, Entry, i).address, address) == 0)
            return true;
    return false;
}

/* What an entry without a final outcome is today. */
static MmState state_today(const Entry *entry, const MmKnownRow *known, const MmLedgerRow *row,
                           const char **reply)
{
    const MmLedgerRecipient *recipient = find_recipient(row, entry->address);

    *reply = NULL;
    if (row->invalid != NULL) {
        *reply = row->invalid;
        return MM_INVALID;
    }
    if (recipient == NULL) {
        *reply = not_for_them;
        return MM_SUPPRESSED;
    }
    if (recipient->suppressed)
        return MM_SUPPRESSED;
    if (entry->state == MM_PENDING || entry->state == MM_DEFERRED)
        return entry->state;
    if (entry->tried)
        return MM_DEFERRED;
    if (!known->done)
        return MM_PENDING;
    *reply = came_later;
    return MM_SUPPRESSED;
}

static bool update_entry(MmLedger *ledger, const MmKnownRow *known, const Entry *entry,
                         const MmLedgerRow *row, GError **error)
{
    const char *reply;
    MmState state = state_today(entry, known, row, &reply);
    MbStatement *update;

    if (state == entry->state && reply == NULL)
        return true;
    update = mb_store_statement(
        ledger->store, "UPDATE entry SET state = ?3, reply = ?4 WHERE row = ?1 AND n = ?2", error);
    if (update == NULL)
        return false;
    mb_statement_bind_int(update, 1, known->id);
    mb_statement_bind_int(update, 2, entry->n);
    mb_statement_bind_int(update, 3, state);
    mb_statement_bind_text(update, 4, reply);
    return mb_statement_done(update, error);
}

/* Recipients that the row did not have before. */
static bool add_recipients(MmLedger *ledger, const MmKnownRow *known, const GArray *entries,
                           const MmLedgerRow *row, GError **error)
{
    int n = entries->len > 0 ? g_array_index(entries, Entry, entries->len - 1).n + 1 : 0;

    for (size_t i = 0; i < row->n_recipients; i++) {
        const MmLedgerRecipient *recipient = &row->recipients[i];
        bool late = known->done && row->invalid == NULL;

        if (has_entry(entries, recipient->address))
            continue;
        if (!insert_entry(ledger, known->id, n++, recipient,
                          late ? MM_SUPPRESSED : first_state(row, recipient),
                          late ? came_later : row->invalid, error))
            return false;
    }
    return true;
}

bool mm_ledger_update_entries(MmLedger *ledger, const MmKnownRow *known, const MmLedgerRow *row,
                              GError **error)
{
    g_autoptr(GArray) entries = NULL;

    if (!known->tried)
        return delete_entries(ledger, known->id, error) &&
               mm_ledger_insert_entries(ledger, known->id, row, error);
    entries = read_entries(ledger, known->id, error);
    for (guint i = 0; entries != NULL && i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        bool open = entry->state == MM_PENDING || entry->state == MM_DEFERRED ||
                    entry->state == MM_INVALID || entry->state == MM_SUPPRESSED;

        if (open && !update_entry(ledger, known, entry, row, error))
            return false;
    }
    return entries != NULL && add_recipients(ledger, known, entries, row, error);
}
