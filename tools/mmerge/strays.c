#include "strays.h"

#include <mailbatch/store/store.h>
#include <string.h>

static const char make_strays[] =
    "PRAGMA cache_size = -1024; PRAGMA temp_store = FILE;"
    "CREATE TABLE stray (number INTEGER PRIMARY KEY, first INTEGER NOT NULL, line INTEGER NOT NULL,"
    " digest BLOB NOT NULL, record BLOB NOT NULL, error TEXT)";
static const char sort_strays[] = "CREATE INDEX stray_first ON stray (first)";
static const char add_stray[] = "INSERT INTO stray VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char next_stray[] = "SELECT min(number) FROM stray WHERE number >= ?1";
static const char strays_of[] =
    "SELECT number, line, digest, record, error FROM stray WHERE first = ?1 ORDER BY number";

struct MmStrays {
    MbStore *store;
    GString *record; /* as it is put */
    bool any;
    uint64_t asked, next; /* the first one from row `asked` on */
};

MmStrays *mm_strays_new(GError **error)
{
    MmStrays *strays = g_new0(MmStrays, 1);

    strays->record = g_string_new(NULL);
    strays->store = mb_store_open_temporary(error);
    /* One transaction that is never committed: the file is nobody's but ours. */
    if (strays->store != NULL && mb_store_run(strays->store, make_strays, error) &&
        mb_store_begin(strays->store, false, error))
        return strays;
    mm_strays_free(strays);
    return NULL;
}

void mm_strays_free(MmStrays *strays)
{
    if (strays == NULL)
        return;
    mb_store_free(strays->store);
    g_string_free(strays->record, TRUE);
    g_free(strays);
}

/* Values end with NUL, which none of them holds; of a bad record its error is all that counts. */
static void put_record(const MbCsvRow *record, GString *out)
{
    g_string_truncate(out, 0);
    for (size_t i = 0; record->error == NULL && i < record->n_values; i++)
        g_string_append_len(out, record->values[i].text, (gssize)record->values[i].length + 1);
}

bool mm_strays_add(MmStrays *strays, const MbCsvRow *record, uint64_t first, GError **error)
{
    MbStatement *add = mb_store_statement(strays->store, add_stray, error);

    if (add == NULL)
        return false;
    strays->any = true;
    put_record(record, strays->record);
    mb_statement_bind_int(add, 1, (int64_t)record->number);
    mb_statement_bind_int(add, 2, (int64_t)first);
    mb_statement_bind_int(add, 3, (int64_t)record->line);
    mb_statement_bind_blob(add, 4, record->digest, sizeof record->digest);
    mb_statement_bind_blob(add, 5, strays->record->str, strays->record->len);
    mb_statement_bind_text(add, 6, record->error != NULL ? record->error->message : NULL);
    return mb_statement_done(add, error);
}

bool mm_strays_sort(MmStrays *strays, GError **error)
{
    return !strays->any || mb_store_run(strays->store, sort_strays, error);
}

static bool find_next(MmStrays *strays, uint64_t number, GError **error)
{
    MbStatement *find = mb_store_statement(strays->store, next_stray, error);

    if (find == NULL)
        return false;
    mb_statement_bind_int(find, 1, (int64_t)number);
    if (mb_statement_step(find, error) != MB_NEXT)
        return false;
    strays->asked = number;
    strays->next = mb_statement_is_null(find, 0) ? UINT64_MAX : (uint64_t)mb_statement_int(find, 0);
    mb_statement_reset(find);
    return true;
}

bool mm_strays_has(MmStrays *strays, uint64_t number, bool *has, GError **error)
{
    *has = false;
    if (strays->any && (number < strays->asked || number > strays->next) &&
        !find_next(strays, number, error))
        return false;
    *has = strays->any && number == strays->next;
    return true;
}

/* The record as it was put, its values in `values`. */
static MbCsvRow get_record(MbStatement *found, GArray *values, GError **bad)
{
    MbCsvRow record = {.number = (uint64_t)mb_statement_int(found, 0),
                       .line = (uint64_t)mb_statement_int(found, 1)};
    const char *error = mb_statement_text(found, 4);
    size_t length, digest_length;
    const void *digest = mb_statement_blob(found, 2, &digest_length);
    const char *text = mb_statement_blob(found, 3, &length);

    memcpy(record.digest, digest, MIN(digest_length, sizeof record.digest));
    g_array_set_size(values, 0);
    for (size_t at = 0; at < length;) {
        MbCsvValue value = {.text = text + at, .length = strlen(text + at)};

        g_array_append_val(values, value);
        at += value.length + 1;
    }
    record.n_values = values->len;
    record.values = (const MbCsvValue *)(void *)values->data;
    if (error != NULL)
        *bad = g_error_new_literal(MB_CSV_ERROR, MB_ERROR_DATA, error);
    record.error = *bad;
    return record;
}

bool mm_strays_of(MmStrays *strays, uint64_t first, MmTakeRecord take, void *user, GError **error)
{
    MbStatement *find;
    g_autoptr(GArray) values = NULL;
    MbNext next = MB_FAILED;

    if (!strays->any)
        return true;
    find = mb_store_statement(strays->store, strays_of, error);
    if (find == NULL)
        return false;
    values = g_array_new(FALSE, FALSE, sizeof(MbCsvValue));
    mb_statement_bind_int(find, 1, (int64_t)first);
    while ((next = mb_statement_step(find, error)) == MB_NEXT) {
        g_autoptr(GError) bad = NULL;
        MbCsvRow record = get_record(find, values, &bad);

        if (!take(&record, user, error))
            break;
    }
    mb_statement_reset(find);
    return next == MB_END;
}
