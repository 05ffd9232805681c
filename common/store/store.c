#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <mailbatch/base/file.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Another process that holds the lock for longer than this is told to the user. */
#define BUSY_MS 5000

MB_DEFINE_QUARK(mb_store_error)

static MbErrorCode code_of(int result)
{
    switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return MB_ERROR_TEMPORARY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return MB_ERROR_DATA;
    case SQLITE_CANTOPEN: return MB_ERROR_NO_INPUT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return MB_ERROR_CANNOT_CREATE;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM: return MB_ERROR_IO;
    default: return MB_ERROR_INTERNAL;
    }
}

/* What the kernel said last of the database's file or of its journal; 0: nothing. */
static int last_errno(const MbStore *store)
{
    int saved = sqlite3_system_errno(store->db), of_file = 0, of_journal = 0;
    sqlite3_file *journal = NULL;

    if (saved != 0)
        return saved;
    sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_LAST_ERRNO, &of_file);
    sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &journal);
    if (journal != NULL && journal->pMethods != NULL)
        journal->pMethods->xFileControl(journal, SQLITE_FCNTL_LAST_ERRNO, &of_journal);
    return of_file != 0 ? of_file : of_journal;
}

void mb_store_set_error(const MbStore *store, GError **error)
{
    int result = sqlite3_extended_errcode(store->db);
    int saved_errno = last_errno(store);
    const char *problem = sqlite3_errmsg(store->db);
    MbErrorCode code = code_of(result);

    switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: problem = "in use by another process"; break;
    case SQLITE_READONLY:
        problem = result == SQLITE_READONLY_ROLLBACK
                      ? "was left half-written by a program that was killed, and only who may "
                        "write it and its folder can undo that: run this as they"
                      : "may not be written";
        break;
    case SQLITE_CANTOPEN:
        problem = "cannot open it or a file beside it";
        if (saved_errno == ENOENT) /* of a second try, to read only: it says nothing */
            saved_errno = 0;
        else if (saved_errno != 0)
            code = mb_code_of_errno(saved_errno);
        if (store->writable && code == MB_ERROR_NO_INPUT)
            code = MB_ERROR_CANNOT_CREATE;
        break;
    case SQLITE_NOTADB: problem = "is no database of ours, or is damaged"; break;
    case SQLITE_CORRUPT:
        /* SQLite takes a read that failed for damage (SQLITE_IOERR_CORRUPTFS). */
        problem = saved_errno == EIO ? "cannot read" : "is damaged: put a good copy in its place";
        code = saved_errno == EIO ? MB_ERROR_IO : code;
        break;
    default: break;
    }
    if (saved_errno != 0 && (code == MB_ERROR_IO || (result & 0xFF) == SQLITE_CANTOPEN))
        g_set_error(error, MB_STORE_ERROR, (gint)code, "%s: %s: %s", store->path, problem,
                    g_strerror(saved_errno));
    else
        g_set_error(error, MB_STORE_ERROR, (gint)code, "%s: %s", store->path, problem);
}

static bool run(MbStore *store, const char *sql, GError **error)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    mb_store_set_error(store, error);
    return false;
}

bool mb_store_run(MbStore *store, const char *sql, GError **error)
{
    return run(store, sql, error);
}

static bool pragma_int(MbStore *store, const char *sql, int64_t *value, GError **error)
{
    MbStatement *statement = mb_store_statement(store, sql, error);

    if (statement == NULL || mb_statement_step(statement, error) != MB_NEXT)
        return false;
    *value = mb_statement_int(statement, 0);
    mb_statement_reset(statement);
    return true;
}

/* SQLite makes new files with the umask's mode; ours hold addresses. */
static bool create_private(const char *path, GError **error)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (descriptor >= 0) {
        close(descriptor);
        return true;
    }
    g_set_error(error, MB_STORE_ERROR, MB_ERROR_CANNOT_CREATE, "%s: cannot create: %s", path,
                g_strerror(errno));
    return false;
}

static bool has_beside_it(const char *path, const char *suffix)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);

    return access(name, F_OK) == 0;
}

/* To read a database in WAL mode SQLite writes beside it. Where it may not, and nothing is there
 * that says otherwise, nobody else does: the file is read as it stands. The caller frees the name;
 * NULL: no such case. */
static char *immutable_name(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *escaped = g_uri_escape_string(path, "/", FALSE);

    if (access(folder, W_OK) == 0 || has_beside_it(path, "-wal") || has_beside_it(path, "-journal"))
        return NULL;
    return g_strdup_printf("file:%s?immutable=1", escaped);
}

/* Who was killed in a transaction leaves a rollback journal, which SQLite plays back for the next
 * who reads, but not for one who only may read. What fails here is told by the reading. */
static void undo_what_was_left(const char *path)
{
    sqlite3 *db = NULL;

    if (has_beside_it(path, "-journal") &&
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        sqlite3_exec(db, "SELECT 1 FROM sqlite_master", NULL, NULL, NULL);
    }
    sqlite3_close(db);
}

static bool open_file(MbStore *store, MbStoreMode mode, GError **error)
{
    g_autofree char *immutable = mode == MB_STORE_READ_ONLY ? immutable_name(store->path) : NULL;
    const char *name = immutable != NULL ? immutable : store->path;
    int flags = mode == MB_STORE_READ_ONLY ? SQLITE_OPEN_READONLY
                                           : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    store->writable = mode != MB_STORE_READ_ONLY;
    if (mode == MB_STORE_READ_ONLY && access(store->path, R_OK) != 0) {
        g_set_error(error, MB_STORE_ERROR, MB_ERROR_NO_INPUT, "%s: cannot read: %s", store->path,
                    g_strerror(errno));
        return false;
    }
    if (mode == MB_STORE_READ_ONLY)
        undo_what_was_left(store->path);
    if (mode == MB_STORE_CREATE && !create_private(store->path, error))
        return false;
    flags |= SQLITE_OPEN_NOMUTEX | (immutable != NULL ? SQLITE_OPEN_URI : 0);
    if (sqlite3_open_v2(name, &store->db, flags, NULL) != SQLITE_OK) {
        mb_store_set_error(store, error);
        return false;
    }
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return true;
}

/* For a change of the journal SQLite does not wait by itself: two that wait would dead-lock. */
static bool ask_for_wal(MbStore *store, GError **error)
{
    gint64 until = g_get_monotonic_time() + BUSY_MS * 1000;
    MbStatement *statement = mb_store_statement(store, "PRAGMA journal_mode=WAL", error);
    g_autoptr(GError) failure = NULL;

    if (statement == NULL)
        return false;
    while (mb_statement_step(statement, &failure) != MB_NEXT) {
        if (!g_error_matches(failure, MB_STORE_ERROR, MB_ERROR_TEMPORARY) ||
            g_get_monotonic_time() >= until) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
        g_clear_error(&failure);
        g_usleep(5000);
    }
    store->wal = g_strcmp0(mb_statement_text(statement, 0), "wal") == 0;
    mb_statement_reset(statement);
    return true;
}

/* The write-ahead log wants shared memory between all who have the file open, which machines that
 * share a folder do not have (https://www.sqlite.org/wal.html). */
static bool is_on_network(const char *path)
{
    static const guint32 kinds[] = {
        NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
        AFS_SUPER_MAGIC, CODA_SUPER_MAGIC, CEPH_SUPER_MAGIC, V9FS_MAGIC,
    };
    struct statfs status;

    if (statfs(path, &status) != 0)
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if ((guint32)status.f_type == kinds[i])
            return true;
    return false;
}

static bool set_up_journal(MbStore *store, GError **error)
{
    if (is_on_network(store->path) ? !run(store, "PRAGMA journal_mode=DELETE", error)
                                   : !ask_for_wal(store, error))
        return false;
    store->full_sync = true;
    /* What is sorted or undone goes to a temporary file when it is much: memory stays flat. */
    return run(store, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=FILE",
               error);
}

static bool check_application(MbStore *store, guint32 application, guint n_migrations,
                              int64_t *version, GError **error)
{
    int64_t found;

    if (!pragma_int(store, "PRAGMA application_id", &found, error) ||
        !pragma_int(store, "PRAGMA user_version", version, error))
        return false;
    if (found != application && !(found == 0 && *version == 0)) {
        g_set_error(error, MB_STORE_ERROR, MB_ERROR_DATA, "%s: is a database of another kind",
                    store->path);
        return false;
    }
    if (*version > n_migrations) {
        g_set_error(error, MB_STORE_ERROR, MB_ERROR_DATA,
                    "%s: was made by a newer version of this program", store->path);
        return false;
    }
    return true;
}

/* A foreign database has tables although its identifiers are zero. */
static bool check_empty(MbStore *store, GError **error)
{
    int64_t tables;

    if (!pragma_int(store, "SELECT count(*) FROM sqlite_master", &tables, error))
        return false;
    if (tables == 0)
        return true;
    g_set_error(error, MB_STORE_ERROR, MB_ERROR_DATA, "%s: is a database of another kind",
                store->path);
    return false;
}

/* One step up, unless another process has taken it since the version was read. */
static bool migrate_once(MbStore *store, guint32 application, const char *const *migrations,
                         int64_t *version, GError **error)
{
    guint wanted = g_strv_length((char **)migrations);
    g_autofree char *mark = NULL;
    int64_t before = *version;

    if (!check_application(store, application, wanted, version, error))
        return false;
    if (*version != before)
        return mb_store_commit(store, error);
    mark = g_strdup_printf("PRAGMA application_id=%u; PRAGMA user_version=%u", application,
                           (guint)before + 1);
    if (!run(store, migrations[before], error) || !run(store, mark, error) ||
        !mb_store_commit(store, error))
        return false;
    *version = before + 1;
    return true;
}

static bool migrate(MbStore *store, guint32 application, const char *const *migrations,
                    int64_t version, GError **error)
{
    while (migrations[version] != NULL) {
        if (!mb_store_begin(store, true, error))
            return false;
        if (!migrate_once(store, application, migrations, &version, error)) {
            mb_store_rollback(store);
            return false;
        }
    }
    return true;
}

/* What the file is, all at one moment: another process may be making it. */
static bool check_kind(MbStore *store, guint32 application, guint wanted, int64_t *version,
                       GError **error)
{
    return run(store, "BEGIN", error) &&
           check_application(store, application, wanted, version, error) &&
           (*version != 0 || check_empty(store, error)) && run(store, "COMMIT", error);
}

static MbStore *store_new(const char *path)
{
    MbStore *store = g_new0(MbStore, 1);

    store->path = g_strdup(path);
    store->statements = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)mb_statement_free);
    return store;
}

MbStore *mb_store_open(const char *path, MbStoreMode mode, guint32 application,
                       const char *const *migrations, GError **error)
{
    g_autoptr(MbStore) store = store_new(path);
    int64_t version;
    guint wanted = g_strv_length((char **)migrations);

    if (!open_file(store, mode, error) || !check_kind(store, application, wanted, &version, error))
        return NULL;
    if (mode == MB_STORE_READ_ONLY) {
        if (version == wanted)
            return g_steal_pointer(&store);
        g_set_error(error, MB_STORE_ERROR, MB_ERROR_DATA,
                    version == 0 ? "%s: is empty: the program that began it was stopped, or its "
                                   "-wal file was taken away"
                                 : "%s: was made by an older version: open it for writing once",
                    path);
        return NULL;
    }
    if (!set_up_journal(store, error) || !migrate(store, application, migrations, version, error))
        return NULL;
    return g_steal_pointer(&store);
}

MbStore *mb_store_open_temporary(GError **error)
{
    g_autoptr(MbStore) store = store_new("temporary database");

    /* An empty name is a private file that SQLite removes when it is closed. */
    if (sqlite3_open_v2("", &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        !run(store, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", error)) {
        if (error != NULL && *error == NULL)
            mb_store_set_error(store, error);
        return NULL;
    }
    return g_steal_pointer(&store);
}

void mb_store_free(MbStore *store)
{
    if (store == NULL)
        return;
    g_hash_table_unref(store->statements);
    sqlite3_close(store->db);
    g_free(store->path);
    g_free(store);
}

const char *mb_store_path(const MbStore *store)
{
    return store->path;
}

bool mb_store_is_wal(const MbStore *store)
{
    return store->wal;
}

bool mb_store_begin(MbStore *store, bool durable, GError **error)
{
    MbStatement *statement;

    /* SQLite takes a change of this only outside a transaction. */
    if (store->full_sync != durable) {
        if (!run(store, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", error))
            return false;
        store->full_sync = durable;
    }
    statement = mb_store_statement(store, "BEGIN IMMEDIATE", error);
    return statement != NULL && mb_statement_done(statement, error);
}

bool mb_store_commit(MbStore *store, GError **error)
{
    MbStatement *statement = mb_store_statement(store, "COMMIT", error);

    return statement != NULL && mb_statement_done(statement, error);
}

void mb_store_rollback(MbStore *store)
{
    if (!sqlite3_get_autocommit(store->db))
        run(store, "ROLLBACK", NULL);
}

int64_t mb_store_last_id(const MbStore *store)
{
    return sqlite3_last_insert_rowid(store->db);
}

int64_t mb_store_changes(const MbStore *store)
{
    return sqlite3_changes64(store->db);
}
