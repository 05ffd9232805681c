#include "sqlite-file.h"

#include "rows.h"

#include <mailbatch/store/store.h>

#define APPLICATION 0x6D706172u /* "mpar" */

/* Offsets and lengths are in bytes; a message's count from its start, space 0 is its raw bytes.
 * Times are seconds since 1970 UTC. */
static const char tables[] =
    "CREATE TABLE sources (id INTEGER PRIMARY KEY, path TEXT NOT NULL, container TEXT NOT NULL,"
    " kind TEXT NOT NULL, UNIQUE (path, container));"
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources,"
    " address TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, message_id TEXT,"
    " date TEXT, time INTEGER, zone INTEGER, sender TEXT, subject TEXT, shape TEXT NOT NULL,"
    " md5 TEXT, sha1 TEXT, sha256 TEXT);"
    "CREATE TABLE headers (message INTEGER NOT NULL REFERENCES messages, part TEXT NOT NULL,"
    " n INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, raw BLOB,"
    " space INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL);"
    "CREATE TABLE parts (message INTEGER NOT NULL REFERENCES messages, n INTEGER NOT NULL,"
    " part TEXT NOT NULL, parent INTEGER, kind TEXT NOT NULL, type TEXT NOT NULL, magic TEXT,"
    " name TEXT, disposition TEXT, is_attachment INTEGER NOT NULL, charset_declared TEXT,"
    " charset TEXT, lossy INTEGER, encoding TEXT NOT NULL, encrypted TEXT, size INTEGER,"
    " space INTEGER NOT NULL, header_offset INTEGER NOT NULL, header_length INTEGER NOT NULL,"
    " body_offset INTEGER NOT NULL, body_length INTEGER NOT NULL, md5 TEXT, sha1 TEXT,"
    " sha256 TEXT, PRIMARY KEY (message, n)) WITHOUT ROWID;"
    "CREATE TABLE hops (message INTEGER NOT NULL REFERENCES messages, n INTEGER NOT NULL,"
    " from_name TEXT, by_name TEXT, via TEXT, protocol TEXT, id TEXT, for_address TEXT, date TEXT,"
    " time INTEGER, delay INTEGER);"
    "CREATE TABLE defects (message INTEGER NOT NULL REFERENCES messages, part TEXT,"
    " code TEXT NOT NULL, severity TEXT NOT NULL, space INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " length INTEGER NOT NULL, detail TEXT NOT NULL);"
    "CREATE TABLE failures (problem TEXT NOT NULL);";

static const char indexes[] = "CREATE INDEX messages_by_id ON messages (message_id);"
                              "CREATE INDEX headers_by_message ON headers (message);"
                              "CREATE INDEX headers_by_name ON headers (name COLLATE NOCASE);"
                              "CREATE INDEX parts_by_digest ON parts (sha256);"
                              "CREATE INDEX hops_by_message ON hops (message);"
                              "CREATE INDEX defects_by_message ON defects (message);"
                              "CREATE INDEX defects_by_code ON defects (code);";

static const char *const inserts[MP_TABLES] = {
    [MP_TABLE_SOURCES] = "INSERT OR IGNORE INTO sources (path, container, kind) VALUES (?, ?, ?)",
    [MP_TABLE_MESSAGES] =
        "INSERT INTO messages VALUES (?1, (SELECT id FROM sources WHERE path = ?2 AND"
        " container = ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    [MP_TABLE_HEADERS] = "INSERT INTO headers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [MP_TABLE_PARTS] = "INSERT INTO parts VALUES"
                       " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [MP_TABLE_HOPS] = "INSERT INTO hops VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [MP_TABLE_DEFECTS] = "INSERT INTO defects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [MP_TABLE_FAILURES] = "INSERT INTO failures VALUES (?)",
};

struct MpDatabase {
    MbStore *store;
};

/* The file gets its name when it is complete: nothing has to survive a crash before. */
MpDatabase *mp_database_open(const char *path, GError **error)
{
    static const char *const migrations[] = {tables, NULL};
    g_autoptr(MpDatabase) database = g_new0(MpDatabase, 1);

    database->store = mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, error);
    if (database->store == NULL ||
        !mb_store_run(database->store, "PRAGMA journal_mode=OFF; PRAGMA foreign_keys=OFF", error) ||
        !mb_store_begin(database->store, false, error))
        return NULL;
    return g_steal_pointer(&database);
}

void mp_database_free(MpDatabase *database)
{
    if (database == NULL)
        return;
    mb_store_free(database->store);
    g_free(database);
}

static void bind(MbStatement *statement, int column, const MpCell *cell)
{
    switch (cell->kind) {
    case MP_CELL_INT: mb_statement_bind_int(statement, column, cell->number); break;
    case MP_CELL_TEXT: mb_statement_bind_text(statement, column, cell->bytes); break;
    case MP_CELL_BLOB: mb_statement_bind_blob(statement, column, cell->bytes, cell->length); break;
    default: mb_statement_bind_null(statement, column); break;
    }
}

bool mp_database_write(MpDatabase *database, const void *rows, size_t length, GError **error)
{
    size_t at = 0;
    MpTable table;

    while (mp_row_next(rows, length, &at, &table)) {
        MbStatement *statement = mb_store_statement(database->store, inserts[table], error);
        MpCell cell;

        if (statement == NULL)
            return false;
        mb_statement_reset(statement);
        for (int column = 1; (cell = mp_row_cell(rows, length, &at)).kind != MP_CELL_END; column++)
            bind(statement, column, &cell);
        if (!mb_statement_done(statement, error))
            return false;
    }
    return true;
}

bool mp_database_finish(MpDatabase *database, GError **error)
{
    return mb_store_run(database->store, indexes, error) && mb_store_commit(database->store, error);
}
