#include "catalog-uidl.h"

#include "catalog-private.h"

#include <string.h>

static const char sql_see[] = "INSERT OR IGNORE INTO seen VALUES (?1, ?2)";
static const char sql_seen[] = "SELECT time FROM seen WHERE uidl = ?1";
static const char sql_gone[] = "INSERT OR IGNORE INTO gone VALUES (?1)";
static const char sql_back[] = "DELETE FROM gone WHERE sequence = ?1";
static const char sql_heal[] = "INSERT OR REPLACE INTO healed VALUES (?1, ?2)";
static const char sql_healed[] =
    "SELECT healed.uidl, healed.sequence, segment FROM healed"
    " JOIN message ON message.sequence = healed.sequence ORDER BY healed.sequence, healed.uidl";
static const char sql_hold[] = "INSERT OR IGNORE INTO hold VALUES (1)";
static const char sql_release[] = "DELETE FROM hold";
static const char sql_held[] = "SELECT count(*) FROM hold";
static const char sql_named[] =
    "SELECT message.sequence, session, uidl, gone.sequence IS NOT NULL FROM message"
    " LEFT JOIN gone ON gone.sequence = message.sequence"
    " LEFT JOIN fate ON fate.sequence = message.sequence"
    " WHERE uidl IS NOT NULL AND uidl_repeated = 0 AND coalesce(fate.state, 0) <> 2"
    " ORDER BY message.sequence";

static bool run_plain(PdCatalog *catalog, const char *sql, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql, error);

    return statement != NULL && mb_statement_done(statement, error);
}

static bool apply_seen(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    const char *text = pd_json_text(line, "uidls");
    int64_t time = pd_catalog_parse_time(pd_json_text(line, "time"));
    g_auto(GStrv) words = g_strsplit(text != NULL ? text : "", " ", -1);

    for (size_t i = 0; words[i] != NULL; i++) {
        MbStatement *statement = mb_store_statement(catalog->store, sql_see, error);
        gsize length = 0;
        g_autofree guchar *uidl = g_base64_decode(words[i], &length);

        if (statement == NULL)
            return false;
        if (length == 0)
            continue;
        mb_statement_bind_blob(statement, 1, uidl, length);
        mb_statement_bind_int(statement, 2, time);
        if (!mb_statement_done(statement, error))
            return false;
    }
    return true;
}

static bool apply_sequences(PdCatalog *catalog, const PdJsonLine *line, const char *sql,
                            GError **error)
{
    const char *text = pd_json_text(line, "sequences");
    g_autoptr(GArray) sequences = text != NULL ? pd_sequences_parse(text) : NULL;

    for (guint i = 0; sequences != NULL && i < sequences->len; i++) {
        MbStatement *statement = mb_store_statement(catalog->store, sql, error);

        if (statement == NULL)
            return false;
        mb_statement_bind_int(statement, 1, (int64_t)g_array_index(sequences, uint64_t, i));
        if (!mb_statement_done(statement, error))
            return false;
    }
    return true;
}

static bool apply_healed(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_heal, error);
    const char *text = pd_json_text(line, "uidl");
    g_autofree guchar *uidl = NULL;
    uint64_t sequence;
    gsize length = 0;

    if (statement == NULL)
        return false;
    if (text == NULL || !pd_json_number(line, "sequence", &sequence))
        return true;
    uidl = g_base64_decode(text, &length);
    mb_statement_bind_blob(statement, 1, uidl, length);
    mb_statement_bind_int(statement, 2, (int64_t)sequence);
    return mb_statement_done(statement, error);
}

bool pd_catalog_apply_uidls(PdCatalog *catalog, const char *kind, const PdJsonLine *line,
                            GError **error)
{
    if (strcmp(kind, "seen") == 0)
        return apply_seen(catalog, line, error);
    if (strcmp(kind, "gone") == 0)
        return apply_sequences(catalog, line, sql_gone, error);
    if (strcmp(kind, "back") == 0)
        return apply_sequences(catalog, line, sql_back, error);
    if (strcmp(kind, "healed") == 0)
        return apply_healed(catalog, line, error);
    if (strcmp(kind, "held") == 0)
        return run_plain(catalog, sql_hold, error);
    if (strcmp(kind, "released") == 0)
        return run_plain(catalog, sql_release, error);
    return true;
}

MbNext pd_catalog_seen(PdCatalog *catalog, const char *uidl, int64_t *time, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_seen, error);
    MbNext next;

    if (statement == NULL)
        return MB_FAILED;
    mb_statement_bind_blob(statement, 1, uidl, strlen(uidl));
    next = mb_statement_step(statement, error);
    if (next == MB_NEXT)
        *time = mb_statement_int(statement, 0);
    mb_statement_reset(statement);
    return next;
}

bool pd_catalog_each_named(PdCatalog *catalog, PdNamedVisit visit, void *user, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_named, error);
    g_autoptr(GString) uidl = g_string_new(NULL);
    MbNext next = MB_FAILED;
    bool good = true;

    while (good && statement != NULL && (next = mb_statement_step(statement, error)) == MB_NEXT) {
        PdNamed named = {
            .sequence = (uint64_t)mb_statement_int(statement, 0),
            .session = (uint64_t)mb_statement_int(statement, 1),
            .gone = mb_statement_int(statement, 3) != 0,
        };
        size_t length;
        const char *bytes = mb_statement_blob(statement, 2, &length);

        g_string_truncate(uidl, 0);
        g_string_append_len(uidl, bytes != NULL ? bytes : "", (gssize)length);
        named.uidl = uidl->str;
        good = visit(user, &named, error);
    }
    if (statement != NULL)
        mb_statement_reset(statement);
    return good && next == MB_END;
}

bool pd_catalog_each_healed(PdCatalog *catalog, PdHealedVisit visit, void *user, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_healed, error);
    MbNext next = MB_FAILED;

    while (statement != NULL && (next = mb_statement_step(statement, error)) == MB_NEXT) {
        size_t length;
        const char *bytes = mb_statement_blob(statement, 0, &length);
        g_autofree char *uidl = g_strndup(bytes != NULL ? bytes : "", length);

        visit(user, uidl, (uint64_t)mb_statement_int(statement, 1),
              (guint32)mb_statement_int(statement, 2));
    }
    return next == MB_END;
}

bool pd_catalog_is_held(PdCatalog *catalog, bool *held, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_held, error);

    if (statement == NULL || mb_statement_step(statement, error) != MB_NEXT)
        return false;
    *held = mb_statement_int(statement, 0) > 0;
    mb_statement_reset(statement);
    return true;
}
