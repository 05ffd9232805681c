/* What the journal's lines mean to the catalog. */
#include "catalog-private.h"

#include "catalog-uidl.h"

#include <string.h>

static const char sql_bind[] =
    "INSERT INTO account VALUES (1, ?1, ?2, 0, 0, '') ON CONFLICT (id) DO UPDATE"
    " SET host = ?1, user = ?2";
static const char sql_set_sealed[] =
    "INSERT INTO segment (number, sealed) VALUES (?1, ?2) ON CONFLICT (number) DO UPDATE"
    " SET sealed = ?2";
static const char sql_session[] = "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3)";
static const char sql_remove[] = "DELETE FROM message WHERE sequence = ?1";
static const char sql_lost[] = "INSERT OR REPLACE INTO lost VALUES (?1, ?2, ?3, ?4, ?5)";
static const char sql_set_fate[] = "INSERT OR REPLACE INTO fate VALUES (?1, ?2)";

static const char *const state_names[] = {"kept", "intent", "deleted", "unknown"};

const char *pd_state_name(PdState state)
{
    return state_names[state];
}

bool pd_state_from_name(const char *name, PdState *state)
{
    for (size_t i = 0; i < G_N_ELEMENTS(state_names); i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *state = (PdState)i;
            return true;
        }
    }
    return false;
}

static bool apply_account(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_bind, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_text(statement, 1, pd_json_text(line, "host"));
    mb_statement_bind_text(statement, 2, pd_json_text(line, "user"));
    return mb_statement_done(statement, error);
}

int64_t pd_catalog_parse_time(const char *text)
{
    g_autoptr(GDateTime) time = text != NULL ? g_date_time_new_from_iso8601(text, NULL) : NULL;

    return time != NULL ? g_date_time_to_unix(time) : 0;
}

static bool apply_session(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_session, error);
    uint64_t number;
    uint64_t next_sequence;

    if (statement == NULL)
        return false;
    if (!pd_json_number(line, "session", &number) ||
        !pd_json_number(line, "next_sequence", &next_sequence))
        return true;
    mb_statement_bind_int(statement, 1, (int64_t)number);
    mb_statement_bind_int(statement, 2, pd_catalog_parse_time(pd_json_text(line, "time")));
    mb_statement_bind_int(statement, 3, (int64_t)next_sequence);
    return mb_statement_done(statement, error);
}

static bool apply_seal(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_set_sealed, error);
    uint64_t segment;
    uint64_t length;

    if (statement == NULL)
        return false;
    if (!pd_json_number(line, "segment", &segment) || !pd_json_number(line, "length", &length))
        return true;
    mb_statement_bind_int(statement, 1, (int64_t)segment);
    mb_statement_bind_int(statement, 2, (int64_t)length);
    return mb_statement_done(statement, error);
}

static bool apply_fate(PdCatalog *catalog, const PdJsonLine *line, PdState state, GError **error)
{
    const char *text = pd_json_text(line, "sequences");
    g_autoptr(GArray) sequences = text != NULL ? pd_sequences_parse(text) : NULL;

    for (guint i = 0; sequences != NULL && i < sequences->len; i++) {
        MbStatement *statement = mb_store_statement(catalog->store, sql_set_fate, error);

        if (statement == NULL)
            return false;
        mb_statement_bind_int(statement, 1, (int64_t)g_array_index(sequences, uint64_t, i));
        mb_statement_bind_int(statement, 2, state);
        if (!mb_statement_done(statement, error))
            return false;
    }
    return true;
}

static void bind_hex(MbStatement *statement, int index, const char *hex, uint8_t *room)
{
    size_t length = hex != NULL ? strlen(hex) / 2 : 0;

    for (size_t i = 0; i < length && i < MB_SHA256_LENGTH; i++)
        room[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    mb_statement_bind_blob(statement, index, room, MB_SHA256_LENGTH);
}

static bool apply_lost(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    MbStatement *statement = mb_store_statement(catalog->store, sql_remove, error);
    const char *uidl64 = pd_json_text(line, "uidl");
    uint8_t sha256[MB_SHA256_LENGTH] = {0};
    g_autofree guchar *uidl = NULL;
    uint64_t sequence;
    uint64_t size = 0;
    gsize length = 0;

    if (statement == NULL)
        return false;
    if (!pd_json_number(line, "sequence", &sequence))
        return true;
    mb_statement_bind_int(statement, 1, (int64_t)sequence);
    if (!mb_statement_done(statement, error))
        return false;
    statement = mb_store_statement(catalog->store, sql_lost, error);
    if (statement == NULL)
        return false;
    pd_json_number(line, "size", &size);
    mb_statement_bind_int(statement, 1, (int64_t)sequence);
    mb_statement_bind_int(statement, 2, (int64_t)size);
    bind_hex(statement, 3, pd_json_text(line, "sha256"), sha256);
    if (uidl64 != NULL) {
        uidl = g_base64_decode(uidl64, &length);
        mb_statement_bind_blob(statement, 4, uidl, length);
    }
    mb_statement_bind_int(statement, 5, pd_catalog_parse_time(pd_json_text(line, "message_time")));
    return mb_statement_done(statement, error);
}

bool pd_catalog_apply(PdCatalog *catalog, const PdJsonLine *line, GError **error)
{
    const char *kind = pd_json_text(line, "kind");
    const char *state_name = pd_json_text(line, "state");
    PdState state;

    if (kind == NULL)
        return true;
    if (strcmp(kind, "created") == 0 || strcmp(kind, "bound") == 0)
        return apply_account(catalog, line, error);
    if (strcmp(kind, "session") == 0)
        return apply_session(catalog, line, error);
    if (strcmp(kind, "seal") == 0)
        return apply_seal(catalog, line, error);
    if (strcmp(kind, "intent") == 0)
        return apply_fate(catalog, line, PD_STATE_INTENT, error);
    if (strcmp(kind, "delete_result") == 0 && state_name != NULL &&
        pd_state_from_name(state_name, &state))
        return apply_fate(catalog, line, state, error);
    if (strcmp(kind, "lost") == 0)
        return apply_lost(catalog, line, error);
    return pd_catalog_apply_uidls(catalog, kind, line, error);
}
