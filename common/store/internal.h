/*
 * What store.c and statement.c share.
 */
#pragma once

#include <mailbatch/store/store.h>
#include <sqlite3.h>

struct MbStore {
    sqlite3 *db;
    char *path;
    bool wal;
    bool writable;
    bool full_sync;         /* what PRAGMA synchronous is set to now */
    GHashTable *statements; /* SQL's pointer → MbStatement */
};

struct MbStatement {
    MbStore *store;
    sqlite3_stmt *compiled;
};

void mb_statement_free(MbStatement *statement);

/* Describes the last failure of the store's connection. */
void mb_store_set_error(const MbStore *store, GError **error);
