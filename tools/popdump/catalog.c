#include "catalog-private.h"

#include "layout.h"

#include <string.h>

#define APPLICATION 0x6d627064 /* "mbpd" */

/* message comes from the segments, session, fate and lost from the journal; nothing is known here
 * alone. */
static const char *const migrations[] = {
    "CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), host TEXT, user TEXT,"
    " lines INTEGER NOT NULL, offset INTEGER NOT NULL, hash TEXT NOT NULL);"
    "CREATE TABLE segment (number INTEGER PRIMARY KEY, sealed INTEGER NOT NULL DEFAULT 0,"
    " length INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE session (number INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " next_sequence INTEGER NOT NULL);"
    "CREATE TABLE message (sequence INTEGER PRIMARY KEY, segment INTEGER NOT NULL,"
    " header INTEGER NOT NULL, data INTEGER NOT NULL, tail INTEGER NOT NULL, size INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL, uidl BLOB, uidl_repeated INTEGER NOT NULL, server_size INTEGER,"
    " oddities INTEGER NOT NULL, mtime INTEGER NOT NULL, session INTEGER NOT NULL,"
    " sender BLOB, subject BLOB);"
    "CREATE INDEX message_uidl ON message (uidl, sequence);"
    "CREATE INDEX message_segment ON message (segment, sequence);"
    "CREATE TABLE fate (sequence INTEGER PRIMARY KEY, state INTEGER NOT NULL);"
    "CREATE TABLE lost (sequence INTEGER PRIMARY KEY, size INTEGER NOT NULL, sha256 BLOB,"
    " uidl BLOB, mtime INTEGER NOT NULL);"
    "CREATE TABLE seen (uidl BLOB PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE gone (sequence INTEGER PRIMARY KEY);"
    "CREATE TABLE healed (uidl BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE hold (id INTEGER PRIMARY KEY CHECK (id = 1));",
    NULL,
};

#define ROW                                                                                        \
    "SELECT message.sequence, segment, header, data, tail, size, sha256, message.uidl,"            \
    " uidl_repeated,"                                                                              \
    " server_size, oddities, mtime, session,"                                                      \
    " coalesce(min(session.time, seen.time), session.time, seen.time, 0),"                         \
    " coalesce(fate.state, 0), sender, subject"                                                    \
    " FROM message LEFT JOIN session ON session.number = message.session"                          \
    " LEFT JOIN fate ON fate.sequence = message.sequence"                                          \
    " LEFT JOIN seen ON seen.uidl = message.uidl "

static const char sql_account[] = "SELECT host, user, lines, offset, hash FROM account";
static const char sql_set_journal[] =
    "INSERT INTO account VALUES (1, NULL, NULL, ?1, ?2, ?3) ON CONFLICT (id) DO UPDATE"
    " SET lines = ?1, offset = ?2, hash = ?3";
static const char sql_segments[] = "SELECT number, sealed, length FROM segment ORDER BY number";
static const char sql_set_length[] =
    "INSERT INTO segment (number, length) VALUES (?1, ?2) ON CONFLICT (number) DO UPDATE"
    " SET length = ?2";
static const char sql_add[] =
    "INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
    " coalesce((SELECT number FROM session WHERE next_sequence <= ?1"
    " ORDER BY number DESC LIMIT 1), 0), ?13, ?14)";
static const char sql_beyond[] = ROW "WHERE segment = ?1 AND tail > ?2 ORDER BY message.sequence";
static const char sql_each_lost[] =
    "SELECT sequence, size, sha256, uidl, mtime FROM lost"
    " WHERE sequence NOT IN (SELECT sequence FROM message) ORDER BY sequence";
static const char sql_uidls[] = "SELECT uidl, segment, count(*) FROM message"
                                " WHERE uidl IS NOT NULL GROUP BY uidl, segment";
static const char sql_each[] = ROW "ORDER BY message.sequence";
static const char sql_each_in[] = ROW "WHERE segment = ?1 ORDER BY message.sequence";
static const char sql_find_sequence[] = ROW "WHERE message.sequence = ?1";
static const char sql_find_uidl[] =
    ROW "WHERE message.uidl = ?1 ORDER BY message.sequence DESC LIMIT 1";
static const char sql_doubtful[] = ROW "WHERE fate.state IN (1, 3) ORDER BY message.sequence";
static const char sql_last_sequence[] =
    "SELECT max(coalesce((SELECT max(sequence) FROM message), 0),"
    " coalesce((SELECT max(sequence) FROM lost), 0),"
    " coalesce((SELECT max(next_sequence) - 1 FROM session), 0))";
static const char sql_count[] = "SELECT count(*) FROM message";
static const char sql_last_session[] = "SELECT coalesce(max(number), 0) FROM session";

PdCatalog *pd_catalog_open(const char *root, PdCatalogMode mode, GError **error)
{
    g_autofree char *path = g_build_filename(root, PD_CATALOG_NAME, NULL);
    MbStore *store;
    PdCatalog *catalog;

    store = mb_store_open(path, mode == PD_CATALOG_READ ? MB_STORE_READ_ONLY : MB_STORE_CREATE,
                          APPLICATION, migrations, error);
    if (store == NULL)
        return NULL;
    catalog = g_new0(PdCatalog, 1);
    catalog->store = store;
    return catalog;
}

void pd_catalog_free(PdCatalog *catalog)
{
    if (catalog == NULL)
        return;
    mb_store_free(catalog->store);
    g_free(catalog);
}

bool pd_catalog_begin(PdCatalog *catalog, GError **error)
{
    return mb_store_begin(catalog->store, true, error);
}

bool pd_catalog_commit(PdCatalog *catalog, GError **error)
{
    return mb_store_commit(catalog->store, error);
}

void pd_catalog_rollback(PdCatalog *catalog)
{
    mb_store_rollback(catalog->store);
}

bool pd_catalog_account(PdCatalog *catalog, char **host, char **user, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_account, error);
    MbNext next = statement != NULL ? mb_statement_step(statement, error) : MB_FAILED;

    if (next == MB_FAILED)
        return false;
    *host = next == MB_NEXT ? g_strdup(mb_statement_text(statement, 0)) : NULL;
    *user = next == MB_NEXT ? g_strdup(mb_statement_text(statement, 1)) : NULL;
    mb_statement_reset(statement);
    return true;
}

bool pd_catalog_journal(PdCatalog *catalog, PdJournalPosition *position, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_account, error);
    MbNext next = statement != NULL ? mb_statement_step(statement, error) : MB_FAILED;

    if (next == MB_FAILED)
        return false;
    pd_journal_start(position);
    if (next == MB_NEXT && mb_statement_int(statement, 2) > 0) {
        position->lines = (uint64_t)mb_statement_int(statement, 2);
        position->offset = (uint64_t)mb_statement_int(statement, 3);
        g_strlcpy(position->hash, mb_statement_text(statement, 4), sizeof(position->hash));
    }
    mb_statement_reset(statement);
    return true;
}

bool pd_catalog_set_journal(PdCatalog *catalog, const PdJournalPosition *position, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_set_journal, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, (int64_t)position->lines);
    mb_statement_bind_int(statement, 2, (int64_t)position->offset);
    mb_statement_bind_text(statement, 3, position->hash);
    return mb_statement_done(statement, error);
}

GArray *pd_catalog_segments(PdCatalog *catalog, GError **error)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(PdSegmentRow));
    MbStatement *statement = mb_store_statement(catalog->store, sql_segments, error);
    MbNext next = MB_FAILED;

    while (statement != NULL && (next = mb_statement_step(statement, error)) == MB_NEXT) {
        PdSegmentRow row = {
            .number = (guint32)mb_statement_int(statement, 0),
            .sealed = (uint64_t)mb_statement_int(statement, 1),
            .length = (uint64_t)mb_statement_int(statement, 2),
        };

        g_array_append_val(rows, row);
    }
    if (statement != NULL)
        mb_statement_reset(statement);
    return next == MB_END ? g_steal_pointer(&rows) : NULL;
}

bool pd_catalog_set_length(PdCatalog *catalog, guint32 number, uint64_t length, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_set_length, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, number);
    mb_statement_bind_int(statement, 2, (int64_t)length);
    return mb_statement_done(statement, error);
}

bool pd_catalog_add(PdCatalog *catalog, const PdMember *member, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_add, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, (int64_t)member->sequence);
    mb_statement_bind_int(statement, 2, member->segment);
    mb_statement_bind_int(statement, 3, (int64_t)member->offset);
    mb_statement_bind_int(statement, 4, (int64_t)member->data);
    mb_statement_bind_int(statement, 5, (int64_t)member->end);
    mb_statement_bind_int(statement, 6, (int64_t)member->size);
    mb_statement_bind_blob(statement, 7, member->sha256, MB_SHA256_LENGTH);
    if (member->uidl != NULL)
        mb_statement_bind_blob(statement, 8, member->uidl, strlen(member->uidl));
    mb_statement_bind_int(statement, 9, member->uidl_repeated);
    if (member->has_server_size)
        mb_statement_bind_int(statement, 10, (int64_t)member->server_size);
    mb_statement_bind_int(statement, 11, member->oddities);
    mb_statement_bind_int(statement, 12, member->mtime);
    if (member->sender != NULL)
        mb_statement_bind_blob(statement, 13, member->sender, strlen(member->sender));
    if (member->subject != NULL)
        mb_statement_bind_blob(statement, 14, member->subject, strlen(member->subject));
    return mb_statement_done(statement, error);
}

static char *text_of(MbStatement *statement, int column)
{
    size_t length;
    const char *bytes;

    if (mb_statement_is_null(statement, column))
        return NULL;
    bytes = mb_statement_blob(statement, column, &length);
    return g_strndup(bytes != NULL ? bytes : "", length);
}

static void copy_digest(MbStatement *statement, int column, uint8_t out[MB_SHA256_LENGTH])
{
    size_t length = 0;
    const void *bytes = mb_statement_blob(statement, column, &length);

    memset(out, 0, MB_SHA256_LENGTH);
    if (bytes != NULL)
        memcpy(out, bytes, MIN(length, MB_SHA256_LENGTH));
}

static void fill_row(MbStatement *statement, PdRow *row)
{
    PdMember *member = &row->member;

    *row = (PdRow){
        .member =
            {
                .sequence = (uint64_t)mb_statement_int(statement, 0),
                .segment = (guint32)mb_statement_int(statement, 1),
                .offset = (uint64_t)mb_statement_int(statement, 2),
                .data = (uint64_t)mb_statement_int(statement, 3),
                .end = (uint64_t)mb_statement_int(statement, 4),
                .size = (uint64_t)mb_statement_int(statement, 5),
                .uidl = text_of(statement, 7),
                .uidl_repeated = mb_statement_int(statement, 8) != 0,
                .has_server_size = !mb_statement_is_null(statement, 9),
                .server_size = (uint64_t)mb_statement_int(statement, 9),
                .oddities = (unsigned)mb_statement_int(statement, 10),
                .mtime = mb_statement_int(statement, 11),
                .sender = text_of(statement, 15),
                .subject = text_of(statement, 16),
            },
        .session = (uint64_t)mb_statement_int(statement, 12),
        .first_seen = mb_statement_int(statement, 13),
        .state = (PdState)(mb_statement_int(statement, 14) & 3),
    };
    copy_digest(statement, 6, member->sha256);
}

/* Visits the rows of a statement whose parameters are bound. */
static bool visit_rows(MbStatement *statement, PdRowVisit visit, void *user, GError **error)
{
    MbNext next;

    while ((next = mb_statement_step(statement, error)) == MB_NEXT) {
        PdRow row;
        bool good;

        fill_row(statement, &row);
        good = visit(user, &row, error);
        pd_member_clear(&row.member);
        if (!good) {
            mb_statement_reset(statement);
            return false;
        }
    }
    mb_statement_reset(statement);
    return next == MB_END;
}

static bool collect(void *user, const PdRow *row, GError **error)
{
    (void)error;
    pd_members_add(user, &row->member);
    return true;
}

bool pd_catalog_beyond(PdCatalog *catalog, guint32 segment, uint64_t length, GArray *lost,
                       GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_beyond, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, segment);
    mb_statement_bind_int(statement, 2, (int64_t)length);
    return visit_rows(statement, collect, lost, error);
}

bool pd_catalog_each_uidl(PdCatalog *catalog, PdUidlVisit visit, void *user, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_uidls, error);
    MbNext next = MB_FAILED;

    while (statement != NULL && (next = mb_statement_step(statement, error)) == MB_NEXT) {
        g_autofree char *uidl = text_of(statement, 0);

        visit(user, uidl, (guint32)mb_statement_int(statement, 1),
              (guint64)mb_statement_int(statement, 2));
    }
    return next == MB_END;
}

bool pd_catalog_each(PdCatalog *catalog, guint32 segment, PdRowVisit visit, void *user,
                     GError **error)
{
    MbStatement *statement =
        mb_store_statement(catalog->store, segment == 0 ? sql_each : sql_each_in, error);

    if (statement == NULL)
        return false;
    if (segment != 0)
        mb_statement_bind_int(statement, 1, segment);
    return visit_rows(statement, visit, user, error);
}

static MbNext find_one(MbStatement *statement, PdRow *row, GError **error)
{
    MbNext next = mb_statement_step(statement, error);

    if (next == MB_NEXT)
        fill_row(statement, row);
    mb_statement_reset(statement);
    return next;
}

MbNext pd_catalog_find_sequence(PdCatalog *catalog, uint64_t sequence, PdRow *row, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_find_sequence, error);

    if (statement == NULL)
        return MB_FAILED;
    mb_statement_bind_int(statement, 1, (int64_t)sequence);
    return find_one(statement, row, error);
}

MbNext pd_catalog_find_uidl(PdCatalog *catalog, const char *uidl, PdRow *row, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_find_uidl, error);

    if (statement == NULL)
        return MB_FAILED;
    mb_statement_bind_blob(statement, 1, uidl, strlen(uidl));
    return find_one(statement, row, error);
}

static bool one_number(PdCatalog *catalog, const char *sql, uint64_t *number, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql, error);

    if (statement == NULL || mb_statement_step(statement, error) != MB_NEXT)
        return false;
    *number = (uint64_t)mb_statement_int(statement, 0);
    mb_statement_reset(statement);
    return true;
}

bool pd_catalog_count(PdCatalog *catalog, uint64_t *messages, GError **error)
{
    return one_number(catalog, sql_count, messages, error);
}

bool pd_catalog_last_sequence(PdCatalog *catalog, uint64_t *sequence, GError **error)
{
    return one_number(catalog, sql_last_sequence, sequence, error);
}

bool pd_catalog_last_session(PdCatalog *catalog, uint64_t *session, GError **error)
{
    return one_number(catalog, sql_last_session, session, error);
}

bool pd_catalog_each_doubtful(PdCatalog *catalog, PdRowVisit visit, void *user, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_doubtful, error);

    return statement != NULL && visit_rows(statement, visit, user, error);
}

bool pd_catalog_each_lost(PdCatalog *catalog, PdRowVisit visit, void *user, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_each_lost, error);
    MbNext next = MB_FAILED;
    bool good = true;

    while (good && statement != NULL && (next = mb_statement_step(statement, error)) == MB_NEXT) {
        PdRow row = {.member = {.sequence = (uint64_t)mb_statement_int(statement, 0),
                                .size = (uint64_t)mb_statement_int(statement, 1),
                                .uidl = text_of(statement, 3),
                                .mtime = mb_statement_int(statement, 4)}};

        copy_digest(statement, 2, row.member.sha256);
        good = visit(user, &row, error);
        pd_member_clear(&row.member);
    }
    if (statement != NULL)
        mb_statement_reset(statement);
    return good && next == MB_END;
}
