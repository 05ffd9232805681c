#include "ledger-seen.h"

#include "mailbox.h"

#include <mailbatch/store/store.h>
#include <string.h>

static const char make_seen[] =
    "CREATE TABLE seen (kind TEXT NOT NULL, name BLOB NOT NULL, row INTEGER NOT NULL,"
    " PRIMARY KEY (kind, name)) WITHOUT ROWID";
/* What it keeps in memory: as much for a thousand rows as for a million. */
static const char use_little[] = "PRAGMA cache_size = -512";
static const char add_seen[] = "INSERT OR IGNORE INTO seen VALUES (?1, ?2, ?3)";
static const char find_seen[] = "SELECT row FROM seen WHERE kind = ?1 AND name = ?2";

struct MmSeen {
    MbStore *store;
};

MmSeen *mm_seen_new(GError **error)
{
    MmSeen *seen = g_new0(MmSeen, 1);

    seen->store = mb_store_open_temporary(error);
    /* One transaction that is never committed: the file is nobody's but ours. */
    if (seen->store != NULL && mb_store_run(seen->store, use_little, error) &&
        mb_store_run(seen->store, make_seen, error) && mb_store_begin(seen->store, false, error))
        return seen;
    mm_seen_free(seen);
    return NULL;
}

void mm_seen_free(MmSeen *seen)
{
    if (seen == NULL)
        return;
    mb_store_free(seen->store);
    g_free(seen);
}

static MbStatement *statement(MmSeen *seen, const char *sql, const char *kind, const char *name,
                              size_t length, GError **error)
{
    MbStatement *made = mb_store_statement(seen->store, sql, error);

    if (made == NULL)
        return NULL;
    mb_statement_reset(made);
    mb_statement_bind_text(made, 1, kind);
    mb_statement_bind_blob(made, 2, name, length);
    return made;
}

bool mm_seen_find(MmSeen *seen, const char *kind, const char *name, size_t length, uint64_t *row,
                  GError **error)
{
    MbStatement *find = statement(seen, find_seen, kind, name, length, error);
    MbNext next = find != NULL ? mb_statement_step(find, error) : MB_FAILED;

    *row = next == MB_NEXT ? (uint64_t)mb_statement_int(find, 0) : 0;
    if (find != NULL)
        mb_statement_reset(find);
    return next != MB_FAILED;
}

bool mm_seen_add(MmSeen *seen, const char *kind, const char *name, size_t length, uint64_t row,
                 uint64_t *before, GError **error)
{
    MbStatement *add = statement(seen, add_seen, kind, name, length, error);

    *before = 0;
    if (add == NULL)
        return false;
    mb_statement_bind_int(add, 3, (int64_t)row);
    if (!mb_statement_done(add, error))
        return false;
    return mb_store_changes(seen->store) > 0 ||
           mm_seen_find(seen, kind, name, length, before, error);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void mm_seen_name(const MmLedgerRecipient *recipients, size_t n, GString *name)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
    bool has_to = n > 0 && recipients[0].kind == MM_TO;

    for (size_t i = 0; i < n; i++)
        if (!has_to || recipients[i].kind == MM_TO)
            g_ptr_array_add(addresses, mm_address_fold(recipients[i].address));
    if (addresses->len > 0)
        qsort(addresses->pdata, addresses->len, sizeof(char *), compare_names);
    g_string_truncate(name, 0);
    for (guint i = 0; i < addresses->len; i++) {
        g_string_append(name, g_ptr_array_index(addresses, i));
        g_string_append_c(name, '\n');
    }
}
