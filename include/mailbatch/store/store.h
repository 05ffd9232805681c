/*
 * SQLite behind a small door: open with the right durability, migrate, transactions, statements.
 *
 * SQL text itself stands with its owner (ledger, catalog, printers); this module runs it. A store
 * belongs to one thread at a time. Errors are MB_STORE_ERROR and name the file: a locked database
 * is MB_ERROR_TEMPORARY, a full disk MB_ERROR_IO, a file that is no database MB_ERROR_DATA.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_STORE_ERROR (mb_store_error_quark())
GQuark mb_store_error_quark(void);

typedef struct MbStore MbStore;
typedef struct MbStatement MbStatement;

typedef enum {
    MB_STORE_READ_ONLY, /* must exist; what a killed writer left in it is undone where it may be */
    MB_STORE_CREATE,    /* made with mode 0600 where it is missing */
} MbStoreMode;

/* `migrations` is a NULL-ended list of SQL scripts; script i takes the schema from version i to i+1
 * (PRAGMA user_version), each in a transaction. A file with a version beyond the list is refused
 * with MB_ERROR_DATA ("made by a newer version"), as is one whose application_id is not
 * `application`. Writers use WAL where the file system can, else a rollback journal
 * (mb_store_is_wal() tells), and synchronous=FULL. */
MbStore *mb_store_open(const char *path, MbStoreMode mode, guint32 application,
                       const char *const *migrations, GError **error);

/* A private database in a temporary file, removed when it is freed. */
MbStore *mb_store_open_temporary(GError **error);

void mb_store_free(MbStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbStore, mb_store_free)

const char *mb_store_path(const MbStore *store);
bool mb_store_is_wal(const MbStore *store);

/* Statements without results; several may stand in `sql`. */
bool mb_store_run(MbStore *store, const char *sql, GError **error);

/* Transactions take the write lock at once (BEGIN IMMEDIATE). A `durable` one is on the disk when
 * commit returns; the other costs no fsync in WAL mode: a power cut may undo it, a kill never does.
 * After a failed commit the transaction is still open: roll it back. */
bool mb_store_begin(MbStore *store, bool durable, GError **error);
bool mb_store_commit(MbStore *store, GError **error);
void mb_store_rollback(MbStore *store);

/* Prepared once and reused; owned by the store and freed with it. `sql` is the key: asking again
 * with the same pointer gives the same statement. Placeholders are numbered from 1. */
MbStatement *mb_store_statement(MbStore *store, const char *sql, GError **error);

/* Starts a use of the statement: resets it and clears its bindings. */
void mb_statement_reset(MbStatement *statement);

/* Bound text and blobs must stay valid until the statement is reset or stepped to its end. */
void mb_statement_bind_int(MbStatement *statement, int index, int64_t value);
void mb_statement_bind_text(MbStatement *statement, int index,
                            const char *text); /* NULL binds NULL */
void mb_statement_bind_blob(MbStatement *statement, int index, const void *bytes, size_t length);
void mb_statement_bind_null(MbStatement *statement, int index);

/* MB_NEXT with a row to read, MB_END, or MB_FAILED. */
MbNext mb_statement_step(MbStatement *statement, GError **error);

/* Steps a statement that returns no rows to its end, and resets it. */
bool mb_statement_done(MbStatement *statement, GError **error);

/* Columns from 0; texts and blobs are borrowed until the next step or reset. */
int64_t mb_statement_int(MbStatement *statement, int column);
const char *mb_statement_text(MbStatement *statement, int column); /* NULL for NULL */
const void *mb_statement_blob(MbStatement *statement, int column, size_t *length);
bool mb_statement_is_null(MbStatement *statement, int column);

int64_t mb_store_last_id(const MbStore *store);
int64_t mb_store_changes(const MbStore *store);

G_END_DECLS
