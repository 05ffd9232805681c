#include "ledger-internal.h"

#include "mailbox.h"
#include "verdict.h"
#include "verp.h"

#include <string.h>

#define KEY            (MM_MESSAGE_KEY_SIZE - 1)
#define CANDIDATES_MAX 100 /* rows whose keys begin with the same MM_VERP_PROOF digits */

/* ---- rows by their key ---- */

static const char make_keys[] = "PRAGMA cache_size = -4096;"
                                "CREATE TABLE key (key TEXT NOT NULL, row INTEGER NOT NULL)";
static const char add_key[] = "INSERT INTO key VALUES (?1, ?2)";
/* The digits end before "g". */
static const char find_keys[] = "SELECT row FROM key WHERE key >= ?1 AND key < ?1 || 'g' LIMIT ?2";

static bool note_keys(MmLedger *ledger, MbStore *keys, GError **error)
{
    MbStatement *select = mb_store_statement(
        ledger->store, "SELECT id, key, digest, ordinal FROM row ORDER BY id", error);
    MbStatement *add = mb_store_statement(keys, add_key, error);
    MbNext next = MB_FAILED;
    bool good = select != NULL && add != NULL;

    while (good && (next = mb_statement_step(select, error)) == MB_NEXT) {
        char message_key[MM_MESSAGE_KEY_SIZE];
        size_t length;
        g_autofree char *key =
            mm_ledger_key_of(mb_statement_text(select, 1), mb_statement_blob(select, 2, &length),
                             mb_statement_int(select, 3));

        mm_ledger_message_key(ledger, key, message_key);
        mb_statement_reset(add);
        mb_statement_bind_text(add, 1, message_key);
        mb_statement_bind_int(add, 2, mb_statement_int(select, 0));
        good = mb_statement_done(add, error);
    }
    if (select != NULL)
        mb_statement_reset(select);
    return good && next == MB_END;
}

/* In a temporary file, so that a list of millions costs no memory. */
static bool index_keys(MmLedger *ledger, GError **error)
{
    g_autoptr(MbStore) keys = NULL;

    if (ledger->keys != NULL)
        return true;
    keys = mb_store_open_temporary(error);
    if (keys == NULL || !mb_store_run(keys, make_keys, error) ||
        !mb_store_begin(keys, false, error) || !note_keys(ledger, keys, error) ||
        !mb_store_run(keys, "CREATE INDEX key_key ON key (key, row)", error) ||
        !mb_store_commit(keys, error))
        return false;
    ledger->keys = g_steal_pointer(&keys);
    return true;
}

/* What a Message-ID or a VERP address proves; NULL: nothing. */
static char *proof_of(const MmReturned *returned)
{
    size_t length;

    if (returned->message_id != NULL)
        return mm_ledger_key_in(returned->message_id);
    length = returned->proof != NULL ? strlen(returned->proof) : 0;
    return length >= MM_VERP_PROOF && length <= KEY ? g_strdup(returned->proof) : NULL;
}

static GArray *find_rows(MmLedger *ledger, const char *proof, GError **error)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
    MbStatement *find = mb_store_statement(ledger->keys, find_keys, error);
    MbNext next = MB_FAILED;

    if (find == NULL)
        return NULL;
    mb_statement_bind_text(find, 1, proof);
    mb_statement_bind_int(find, 2, CANDIDATES_MAX);
    while ((next = mb_statement_step(find, error)) == MB_NEXT) {
        int64_t row = mb_statement_int(find, 0);

        g_array_append_val(rows, row);
    }
    mb_statement_reset(find);
    return next == MB_END ? g_steal_pointer(&rows) : NULL;
}

/* ---- the entry ---- */

typedef struct {
    int64_t row;
    int index; /* -1: there is none */
    MmState state;
    uint64_t number;
    char *address, *reply;
} Found;

static void found_clear(Found *found)
{
    g_free(found->address);
    g_free(found->reply);
    *found = (Found){.index = -1};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

static bool is_same(const char *left, const char *right)
{
    g_autofree char *a = mm_address_fold(left), *b = mm_address_fold(right);

    return strcmp(a, b) == 0;
}

static void take_found(Found *found, int64_t row, MbStatement *select)
{
    found_clear(found);
    found->row = row;
    found->index = (int)mb_statement_int(select, 0);
    found->state = (MmState)mb_statement_int(select, 1);
    found->address = g_strdup(mb_statement_text(select, 2));
    found->reply = g_strdup(mb_statement_text(select, 3));
    found->number = (uint64_t)MAX(mb_statement_int(select, 4), 0);
}

#define ENTRY                                                                                      \
    "SELECT entry.n, entry.state, entry.address, entry.reply, row.number FROM entry JOIN row ON"   \
    " row.id = entry.row WHERE entry.row = ?1 AND "

/* Servers change the case of a local part on the way: another case will do where no other entry has
 * it. */
static bool find_address(MmLedger *ledger, int64_t row, const char *address, Found *found,
                         GError **error)
{
    MbStatement *select =
        mb_store_statement(ledger->store, ENTRY "entry.address = ?2 COLLATE NOCASE", error);
    MbNext next = MB_FAILED;
    int n = 0;

    if (select == NULL)
        return false;
    mb_statement_bind_int(select, 1, row);
    mb_statement_bind_text(select, 2, address);
    while ((next = mb_statement_step(select, error)) == MB_NEXT) {
        bool same = is_same(address, mb_statement_text(select, 2));

        if (same || n == 0)
            take_found(found, row, select);
        n = same ? 1 : n + 1;
        if (same)
            break;
    }
    mb_statement_reset(select);
    if (n > 1)
        found_clear(found);
    return next != MB_FAILED;
}

/* The row's entry when the message went to nobody else. */
static bool find_single(MmLedger *ledger, int64_t row, Found *found, GError **error)
{
    MbStatement *select = mb_store_statement(
        ledger->store, ENTRY "entry.state NOT IN (6, 7) ORDER BY entry.n LIMIT 2", error);
    MbNext next = MB_FAILED;
    int n = 0;

    if (select == NULL)
        return false;
    mb_statement_bind_int(select, 1, row);
    while ((next = mb_statement_step(select, error)) == MB_NEXT && n++ == 0)
        take_found(found, row, select);
    mb_statement_reset(select);
    if (n > 1)
        found_clear(found);
    return next != MB_FAILED;
}

/* A VERP address names the first of the message's recipients: that need not be whom the report is
 * about. */
static bool find_entry(MmLedger *ledger, int64_t row, const MmReturned *returned, Found *found,
                       GError **error)
{
    const char *said = returned->address != NULL ? returned->address : returned->final;
    g_auto(Found) first = {.index = -1};

    if (returned->envelope != NULL) {
        if (!find_address(ledger, row, returned->envelope, &first, error))
            return false;
        if (first.index < 0)
            return true;
    }
    if (said != NULL && !find_address(ledger, row, said, found, error))
        return false;
    return found->index >= 0 || returned->address != NULL || find_single(ledger, row, found, error);
}

/* ---- marking ---- */

bool mm_ledger_is_hard(MmState state, const char *reply)
{
    g_autofree char *status = reply != NULL ? mm_verdict_find_status(reply) : NULL;

    return state == MM_COMPLAINED ||
           (state == MM_BOUNCED && mm_verdict(status, reply) == MM_VERDICT_HARD);
}

/* A higher one is kept, so that the order in which reports are read does not matter. */
static int weight_of(MmState state, const char *reply)
{
    switch (state) {
    case MM_SENT:
    case MM_IN_DOUBT: return 0;
    case MM_DELIVERED: return 1;
    case MM_BOUNCED: return mm_ledger_is_hard(state, reply) ? 3 : 2;
    case MM_COMPLAINED: return 4;
    default: return -1;
    }
}

static MmReturnResult judge(const Found *found, const MmReturned *returned)
{
    int before = weight_of(found->state, found->reply);

    if (before < 0)
        return MM_RETURN_NOT_SENT;
    return weight_of(returned->state, returned->reply) > before ? MM_RETURN_MARKED
                                                                : MM_RETURN_KNOWN;
}

/* `updated` says when it was mailed: rates count by it. */
static bool mark(MmLedger *ledger, const Found *found, const MmReturned *returned, GError **error)
{
    MbStatement *update = mb_store_statement(
        ledger->store,
        "UPDATE entry SET state = ?3, code = 0, reply = ?4 WHERE row = ?1 AND n = ?2", error);

    if (update == NULL)
        return false;
    mb_statement_bind_int(update, 1, found->row);
    mb_statement_bind_int(update, 2, found->index);
    mb_statement_bind_int(update, 3, returned->state);
    mb_statement_bind_text(update, 4, returned->reply);
    return mb_statement_done(update, error);
}

bool mm_ledger_return(MmLedger *ledger, const MmReturned *returned, MmReturnResult *result,
                      uint64_t *row, char **address, GError **error)
{
    g_autofree char *proof = proof_of(returned);
    g_autoptr(GArray) rows = NULL;
    g_auto(Found) found = {.index = -1};

    *row = 0;
    *address = NULL;
    *result = MM_RETURN_STRANGER;
    if (proof == NULL)
        return true;
    if (!index_keys(ledger, error) || !mm_ledger_begin_settling(ledger, error))
        return false;
    rows = find_rows(ledger, proof, error);
    if (rows == NULL)
        return false;
    if (rows->len > 0)
        *result = MM_RETURN_NOT_THEIRS;
    for (guint i = 0; i < rows->len && found.index < 0; i++)
        if (!find_entry(ledger, g_array_index(rows, int64_t, i), returned, &found, error))
            return false;
    if (found.index < 0)
        return true;
    *result = judge(&found, returned);
    *row = found.number;
    *address = g_strdup(found.address);
    return *result != MM_RETURN_MARKED || mark(ledger, &found, returned, error);
}
