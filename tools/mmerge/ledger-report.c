#include "ledger-internal.h"

#include <string.h>

static bool count_rows(MmLedger *ledger, MmLedgerCounts *counts, GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, "SELECT count(*) FROM row", error);

    if (select == NULL || mb_statement_step(select, error) != MB_NEXT)
        return false;
    counts->rows = (uint64_t)mb_statement_int(select, 0);
    mb_statement_reset(select);
    return true;
}

/* Whether what is claimed is in somebody's hands. */
static bool owner_is_there(const MmLedger *ledger)
{
    return ledger->owner_alive || ledger->run != 0;
}

static const char count_sql[] =
    "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),"
    " count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3),"
    " count(*) FILTER (WHERE state = 4), count(*) FILTER (WHERE state = 5),"
    " count(*) FILTER (WHERE state = 6), count(*) FILTER (WHERE state = 7),"
    " count(*) FILTER (WHERE state = 8), count(*) FILTER (WHERE state = 9),"
    " count(*) FILTER (WHERE state = 10) FROM entry";

/* As they stand in the file. */
static bool count_states(MmLedger *ledger, MmLedgerCounts *counts, GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, count_sql, error);

    if (select == NULL || mb_statement_step(select, error) != MB_NEXT)
        return false;
    for (int i = 0; i < MM_STATES; i++)
        counts->entries[i] = (uint64_t)mb_statement_int(select, i);
    mb_statement_reset(select);
    return true;
}

static bool count_entry(const MmLedgerEntry *entry, void *user)
{
    MmLedgerCounts *counts = user;

    counts->entries[entry->state]++;
    return true;
}

bool mm_ledger_count(MmLedger *ledger, MmLedgerCounts *counts, GError **error)
{
    *counts = (MmLedgerCounts){0};
    if (ledger->run != 0 && !mm_ledger_flush(ledger, error))
        return false;
    if (!count_rows(ledger, counts, error) || !count_states(ledger, counts, error))
        return false;
    if (counts->entries[MM_CLAIMED] == 0 || owner_is_there(ledger))
        return true;
    memset(counts->entries, 0, sizeof counts->entries);
    return mm_ledger_each(ledger, NULL, count_entry, counts, error);
}

/* ---- every entry ---- */

static const char each_sql[] =
    "SELECT row.id, row.number, row.key, row.digest, row.ordinal, entry.address, entry.kind,"
    " entry.state, entry.attempts, entry.not_before, entry.updated, entry.code, entry.reply,"
    " entry.claims, run.boot FROM row CROSS JOIN entry ON entry.row = row.id"
    " LEFT JOIN run ON run.id = entry.run ORDER BY row.number, row.id, entry.n";

static MmState shown_state(const MmLedger *ledger, MbStatement *select, MmState state,
                           unsigned attempts)
{
    if (state != MM_CLAIMED || owner_is_there(ledger))
        return state;
    state = mm_ledger_derive(ledger, mb_statement_int(select, 0), mb_statement_int(select, 13),
                             mb_statement_text(select, 14));
    return state == MM_PENDING && attempts > 0 ? MM_DEFERRED : state;
}

static void read_entry(MmLedger *ledger, MbStatement *select, MmLedgerEntry *entry)
{
    size_t length;

    *entry = (MmLedgerEntry){
        .number = (uint64_t)mb_statement_int(select, 1),
        .digest = mb_statement_blob(select, 3, &length),
        .address = mb_statement_text(select, 5),
        .kind = (MmKind)mb_statement_int(select, 6),
        .attempts = (unsigned)mb_statement_int(select, 8),
        .not_before = mb_statement_int(select, 9),
        .updated = mb_statement_int(select, 10),
        .code = (int)mb_statement_int(select, 11),
        .reply = mb_statement_text(select, 12),
    };
    entry->state =
        shown_state(ledger, select, (MmState)mb_statement_int(select, 7), entry->attempts);
}

bool mm_ledger_each(MmLedger *ledger, const MmState *state,
                    bool (*each)(const MmLedgerEntry *entry, void *user), void *user,
                    GError **error)
{
    MbStatement *select;
    MbNext next = MB_FAILED;
    bool wanted = true;

    if (ledger->run != 0 && !mm_ledger_flush(ledger, error))
        return false;
    select = mb_store_statement(ledger->store, each_sql, error);
    while (wanted && select != NULL && (next = mb_statement_step(select, error)) == MB_NEXT) {
        MmLedgerEntry entry;
        g_autofree char *key = NULL;
        read_entry(ledger, select, &entry);
        if (state != NULL && entry.state != *state)
            continue;
        key = mm_ledger_key_of(mb_statement_text(select, 2), entry.digest,
                               mb_statement_int(select, 4));
        entry.key = key;
        wanted = each(&entry, user);
    }
    if (select != NULL)
        mb_statement_reset(select);
    return next != MB_FAILED;
}

/* ---- resolving ---- */

typedef struct {
    int64_t row;
    int index;
} EntryId;

static void add_name(GHashTable *doubtful, const char *name, EntryId id)
{
    GArray *entries = g_hash_table_lookup(doubtful, name);

    if (entries == NULL) {
        entries = g_array_new(FALSE, FALSE, sizeof(EntryId));
        g_hash_table_insert(doubtful, g_strdup(name), entries);
    }
    g_array_append_val(entries, id);
}

/* Addresses are compared as people write them: without regard to case. */
static char *fold_address(const char *address)
{
    return g_utf8_validate(address, -1, NULL) ? g_utf8_casefold(address, -1)
                                              : g_ascii_strdown(address, -1);
}

static bool collect_doubtful(MmLedger *ledger, GError **error)
{
    MbStatement *select =
        mb_store_statement(ledger->store,
                           "SELECT row.id, row.key, row.digest, row.ordinal, entry.n, "
                           "entry.address, row.match FROM entry"
                           " JOIN row ON row.id = entry.row WHERE entry.state = 5",
                           error);
    MbNext next = MB_FAILED;

    ledger->doubtful =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    while (select != NULL && (next = mb_statement_step(select, error)) == MB_NEXT) {
        EntryId id = {mb_statement_int(select, 0), (int)mb_statement_int(select, 4)};
        char message_key[MM_MESSAGE_KEY_SIZE];
        const char *match = mb_statement_text(select, 6);
        size_t length;
        g_autofree char *key =
            mm_ledger_key_of(mb_statement_text(select, 1), mb_statement_blob(select, 2, &length),
                             mb_statement_int(select, 3));
        g_autofree char *address = fold_address(mb_statement_text(select, 5));
        mm_ledger_message_key(ledger, key, message_key);
        add_name(ledger->doubtful, key, id);
        add_name(ledger->doubtful, message_key, id);
        if (g_strcmp0(match, key) != 0 && match != NULL)
            add_name(ledger->doubtful, match, id);
        if (strcmp(address, key) != 0 && g_strcmp0(address, match) != 0)
            add_name(ledger->doubtful, address, id);
    }
    return next == MB_END;
}

char *mm_ledger_key_in(const char *name)
{
    const char *start = *name == '<' ? name + 1 : name;

    if (strspn(start, "0123456789abcdef") < MM_MESSAGE_KEY_SIZE - 1 ||
        (start[MM_MESSAGE_KEY_SIZE - 1] != '@' && start[MM_MESSAGE_KEY_SIZE - 1] != '\0'))
        return NULL;
    return g_strndup(start, MM_MESSAGE_KEY_SIZE - 1);
}

static const GArray *find_doubtful(MmLedger *ledger, const char *name)
{
    g_autofree char *address = fold_address(name);
    g_autofree char *message_key = mm_ledger_key_in(name);
    const GArray *found = g_hash_table_lookup(ledger->doubtful, name);

    if (found == NULL)
        found = g_hash_table_lookup(ledger->doubtful, address);
    if (found == NULL && message_key != NULL)
        found = g_hash_table_lookup(ledger->doubtful, message_key);
    return found;
}

bool mm_ledger_begin_settling(MmLedger *ledger, GError **error)
{
    if (!ledger->resolving)
        ledger->resolving = mb_store_begin(ledger->store, true, error);
    return ledger->resolving;
}

bool mm_ledger_resolve(MmLedger *ledger, const char *name, bool sent, int64_t now, uint64_t *n,
                       GError **error)
{
    const GArray *found;
    MbStatement *update;

    *n = 0;
    if ((ledger->doubtful == NULL && !collect_doubtful(ledger, error)) ||
        !mm_ledger_begin_settling(ledger, error))
        return false;
    update = mb_store_statement(ledger->store,
                                "UPDATE entry SET state = CASE WHEN ?3 = 0 AND row IN (SELECT id"
                                " FROM row WHERE number <= 0) THEN 7 ELSE ?3 END, updated = ?4,"
                                " code = 0, reply = ?5 WHERE row = ?1 AND n = ?2 AND state = 5",
                                error);
    if (update == NULL)
        return false;
    found = find_doubtful(ledger, name);
    for (guint i = 0; found != NULL && i < found->len; i++) {
        const EntryId *id = &g_array_index(found, EntryId, i);
        mb_statement_reset(update);
        mb_statement_bind_int(update, 1, id->row);
        mb_statement_bind_int(update, 2, id->index);
        mb_statement_bind_int(update, 3, sent ? MM_SENT : MM_PENDING);
        mb_statement_bind_int(update, 4, now);
        mb_statement_bind_text(update, 5, sent ? "resolved as sent" : "resolved as unsent");
        if (!mb_statement_done(update, error))
            return false;
        *n += (uint64_t)mb_store_changes(ledger->store);
    }
    return true;
}

bool mm_ledger_release_doubtful(MmLedger *ledger, uint64_t *n, GError **error)
{
    if (!mm_ledger_flush(ledger, error) ||
        !mb_store_run(ledger->store,
                      "UPDATE entry SET state = 0, reply = 'sent again by --in-doubt resend'"
                      " WHERE state = 5 AND row IN (SELECT id FROM row WHERE number > 0)",
                      error))
        return false;
    *n = (uint64_t)mb_store_changes(ledger->store);
    return true;
}
