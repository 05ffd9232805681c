#include "internal.h"

#include <string.h>

MbStatement *mb_store_statement(MbStore *store, const char *sql, GError **error)
{
    MbStatement *statement = g_hash_table_lookup(store->statements, sql);
    sqlite3_stmt *compiled;

    if (statement != NULL) {
        mb_statement_reset(statement);
        return statement;
    }
    if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &compiled, NULL) !=
        SQLITE_OK) {
        mb_store_set_error(store, error);
        return NULL;
    }
    statement = g_new0(MbStatement, 1);
    statement->store = store;
    statement->compiled = compiled;
    g_hash_table_insert(store->statements, (gpointer)sql, statement);
    return statement;
}

void mb_statement_free(MbStatement *statement)
{
    sqlite3_finalize(statement->compiled);
    g_free(statement);
}

void mb_statement_reset(MbStatement *statement)
{
    sqlite3_reset(statement->compiled);
    sqlite3_clear_bindings(statement->compiled);
}

/* Binding fails only for an index that does not stand in the statement: our own bug. */
static void must_bind(int result)
{
    g_assert(result == SQLITE_OK);
}

void mb_statement_bind_int(MbStatement *statement, int index, int64_t value)
{
    must_bind(sqlite3_bind_int64(statement->compiled, index, value));
}

void mb_statement_bind_text(MbStatement *statement, int index, const char *text)
{
    if (text == NULL) {
        mb_statement_bind_null(statement, index);
        return;
    }
    must_bind(sqlite3_bind_text64(statement->compiled, index, text, strlen(text), SQLITE_STATIC,
                                  SQLITE_UTF8));
}

void mb_statement_bind_blob(MbStatement *statement, int index, const void *bytes, size_t length)
{
    must_bind(sqlite3_bind_blob64(statement->compiled, index, length == 0 ? "" : bytes, length,
                                  SQLITE_STATIC));
}

void mb_statement_bind_null(MbStatement *statement, int index)
{
    must_bind(sqlite3_bind_null(statement->compiled, index));
}

MbNext mb_statement_step(MbStatement *statement, GError **error)
{
    switch (sqlite3_step(statement->compiled)) {
    case SQLITE_ROW: return MB_NEXT;
    case SQLITE_DONE: return MB_END;
    default:
        mb_store_set_error(statement->store, error);
        sqlite3_reset(statement->compiled);
        return MB_FAILED;
    }
}

bool mb_statement_done(MbStatement *statement, GError **error)
{
    MbNext next = mb_statement_step(statement, error);

    g_assert(next != MB_NEXT);
    sqlite3_reset(statement->compiled);
    return next == MB_END;
}

int64_t mb_statement_int(MbStatement *statement, int column)
{
    return sqlite3_column_int64(statement->compiled, column);
}

const char *mb_statement_text(MbStatement *statement, int column)
{
    return (const char *)sqlite3_column_text(statement->compiled, column);
}

const void *mb_statement_blob(MbStatement *statement, int column, size_t *length)
{
    const void *bytes = sqlite3_column_blob(statement->compiled, column);

    *length = (size_t)sqlite3_column_bytes(statement->compiled, column);
    return bytes;
}

bool mb_statement_is_null(MbStatement *statement, int column)
{
    return sqlite3_column_type(statement->compiled, column) == SQLITE_NULL;
}
