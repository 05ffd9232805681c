#include "ledger-seen.h"

#include <mailbatch/store/store.h>

static const char make_seen[] =
    "CREATE TABLE seen (kind TEXT NOT NULL, name BLOB NOT NULL, row INTEGER NOT NULL,"
    " PRIMARY KEY (kind, name)) WITHOUT ROWID";
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
    if (seen->store != NULL && mb_store_run(seen->store, make_seen, error) &&
        mb_store_begin(seen->store, false, error))
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

bool mm_seen_add(MmSeen *seen, const char *kind, const char *name, size_t length, uint64_t row,
                 uint64_t *before, GError **error)
{
    MbStatement *add = statement(seen, add_seen, kind, name, length, error);
    MbStatement *find;

    *before = 0;
    if (add == NULL)
        return false;
    mb_statement_bind_int(add, 3, (int64_t)row);
    if (!mb_statement_done(add, error))
        return false;
    if (mb_store_changes(seen->store) > 0)
        return true;
    find = statement(seen, find_seen, kind, name, length, error);
    if (find == NULL || mb_statement_step(find, error) != MB_NEXT)
        return false;
    *before = (uint64_t)mb_statement_int(find, 0);
    mb_statement_reset(find);
    return true;
}
