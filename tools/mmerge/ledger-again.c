#include "ledger-internal.h"
#include "ledger-seen.h"

#include "mailbox.h"

#include <string.h>

/* Kinds of names. */
#define WHOLE_TO "to"   /* all of To, of every row that is done */
#define GONE     "gone" /* each address in To of those that are gone */

/* One row with its recipients; borrowed for the call. */
typedef bool (*TakeRow)(MmLedger *ledger, const MmLedgerRow *row, int64_t id, void *user,
                        GError **error);

/* The columns of a query over rows and their entries that each_row() takes apart. */
#define ROWS_AND_ENTRIES                                                                           \
    "SELECT row.id, row.number, row.match, row.digest, entry.address, entry.kind, entry.state"     \
    " FROM row CROSS JOIN entry ON entry.row = row.id WHERE "

typedef struct {
    int64_t id;
    MmLedgerRow row;
    uint8_t digest[MB_SHA256_LENGTH];
    GStringChunk *texts;
    GArray *recipients; /* MmLedgerRecipient */
} Gathered;

static bool hand_over(MmLedger *ledger, Gathered *gathered, TakeRow take, void *user,
                      GError **error)
{
    bool good;

    gathered->row.recipients = (const MmLedgerRecipient *)(void *)gathered->recipients->data;
    gathered->row.n_recipients = gathered->recipients->len;
    good = gathered->id == 0 || take(ledger, &gathered->row, gathered->id, user, error);
    g_array_set_size(gathered->recipients, 0);
    g_string_chunk_clear(gathered->texts);
    return good;
}

static void gather_row(Gathered *gathered, MbStatement *select)
{
    const char *key = mb_statement_text(select, 2);
    size_t length;
    const void *digest = mb_statement_blob(select, 3, &length);

    memcpy(gathered->digest, digest, MIN(length, sizeof gathered->digest));
    gathered->id = mb_statement_int(select, 0);
    gathered->row = (MmLedgerRow){
        .number = (uint64_t)mb_statement_int(select, 1),
        .key = key != NULL ? g_string_chunk_insert(gathered->texts, key) : NULL,
        .digest = gathered->digest,
    };
}

static void gather_recipient(Gathered *gathered, MbStatement *select)
{
    MmLedgerRecipient recipient = {
        .address = g_string_chunk_insert(gathered->texts, mb_statement_text(select, 4)),
        .kind = (MmKind)mb_statement_int(select, 5),
        .suppressed = mb_statement_int(select, 6) == MM_SUPPRESSED,
    };

    g_array_append_val(gathered->recipients, recipient);
}

/* Calls `take` for each row of the query; `last_before` is bound to its placeholder, if any. */
static bool each_row(MmLedger *ledger, const char *sql, bool bind, TakeRow take, void *user,
                     GError **error)
{
    MbStatement *select = mb_store_statement(ledger->store, sql, error);
    Gathered gathered = {.texts = g_string_chunk_new(256),
                         .recipients = g_array_new(FALSE, FALSE, sizeof(MmLedgerRecipient))};
    MbNext next = MB_FAILED;
    bool good = select != NULL;

    if (good && bind)
        mb_statement_bind_int(select, 1, ledger->last_before);
    while (good && (next = mb_statement_step(select, error)) == MB_NEXT) {
        if (gathered.id != mb_statement_int(select, 0)) {
            good = hand_over(ledger, &gathered, take, user, error);
            gather_row(&gathered, select);
        }
        gather_recipient(&gathered, select);
    }
    good = good && next == MB_END && hand_over(ledger, &gathered, take, user, error);
    if (select != NULL)
        mb_statement_reset(select);
    g_string_chunk_free(gathered.texts);
    g_array_unref(gathered.recipients);
    return good;
}

/* ---- whom done rows were for ---- */

static bool note_done(MmLedger *ledger, const MmLedgerRow *row, int64_t id, void *user,
                      GError **error)
{
    GString *name = user;
    uint64_t before;

    mm_seen_name(row->recipients, row->n_recipients, name);
    return mm_seen_add(ledger->handled, WHOLE_TO, name->str, name->len, (uint64_t)id, &before,
                       error);
}

bool mm_ledger_note_handled(MmLedger *ledger, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);

    ledger->handled = mm_seen_new(error);
    return ledger->handled != NULL &&
           each_row(ledger, ROWS_AND_ENTRIES MM_IS_DONE " ORDER BY row.id, entry.n", false,
                    note_done, name, error);
}

bool mm_ledger_judge_again(MmLedger *ledger, int64_t id, MmLedgerRow *row, GError **error)
{
    g_autoptr(GString) name = NULL;
    uint64_t other;

    if (ledger->handled == NULL || row->again || row->invalid != NULL)
        return true;
    name = g_string_new(NULL);
    mm_seen_name(row->recipients, row->n_recipients, name);
    if (!mm_seen_find(ledger->handled, WHOLE_TO, name->str, name->len, &other, error))
        return false;
    if (other != 0 && other != (uint64_t)id)
        row->invalid = "another row with the same To was handled already (--duplicates send mails "
                       "it all the same)";
    return true;
}

/* ---- rows that were edited ---- */

typedef struct {
    int64_t gone, edited;
} Pair;

static bool note_gone(MmLedger *ledger, const MmLedgerRow *row, int64_t id, void *user,
                      GError **error)
{
    (void)user;
    for (size_t i = 0; i < row->n_recipients; i++) {
        g_autofree char *address = mm_address_fold(row->recipients[i].address);
        uint64_t before;

        if (row->recipients[i].kind == MM_TO &&
            !mm_seen_add(ledger->handled, GONE, address, strlen(address), (uint64_t)id, &before,
                         error))
            return false;
    }
    return true;
}

static bool find_gone(MmLedger *ledger, const MmLedgerRow *row, uint64_t *gone, GError **error)
{
    *gone = 0;
    for (size_t i = 0; i < row->n_recipients && *gone == 0; i++) {
        g_autofree char *address = mm_address_fold(row->recipients[i].address);

        if (row->recipients[i].kind == MM_TO &&
            !mm_seen_find(ledger->handled, GONE, address, strlen(address), gone, error))
            return false;
    }
    return true;
}

static bool run_with_id(MmLedger *ledger, const char *sql, int64_t id, GError **error)
{
    MbStatement *statement = mb_store_statement(ledger->store, sql, error);

    if (statement == NULL)
        return false;
    mb_statement_bind_int(statement, 1, id);
    return mb_statement_done(statement, error);
}

/* Asks for the gone row and the ordinal of the new one; MB_END when another has taken its place. */
static MbNext read_gone(MmLedger *ledger, const Pair *pair, MmKnownRow *known, int64_t *ordinal,
                        GError **error)
{
    MbStatement *read = mb_store_statement(
        ledger->store,
        "SELECT gone.key, gone.digest, gone.ordinal, edited.ordinal FROM row AS gone,"
        " row AS edited WHERE gone.id = ?1 AND gone.number = 0 AND edited.id = ?2",
        error);
    MbNext next = MB_FAILED;
    size_t length;

    if (read == NULL)
        return MB_FAILED;
    mb_statement_bind_int(read, 1, pair->gone);
    mb_statement_bind_int(read, 2, pair->edited);
    next = mb_statement_step(read, error);
    if (next == MB_NEXT) {
        *known = (MmKnownRow){.id = pair->gone, .done = true, .tried = true};
        known->key =
            mm_ledger_key_of(mb_statement_text(read, 0), mb_statement_blob(read, 1, &length),
                             mb_statement_int(read, 2));
        *ordinal = mb_statement_int(read, 3);
    }
    mb_statement_reset(read);
    return next;
}

static bool pair_row(MmLedger *ledger, const MmLedgerRow *row, int64_t id, void *user,
                     GError **error)
{
    Pair pair = {.edited = id};
    MmKnownRow known = {0};
    uint64_t gone;
    int64_t ordinal;
    MbNext next;
    bool good;

    (void)user;
    if (!find_gone(ledger, row, &gone, error))
        return false;
    pair.gone = (int64_t)gone;
    next = gone != 0 ? read_gone(ledger, &pair, &known, &ordinal, error) : MB_END;
    if (next != MB_NEXT)
        return next == MB_END;
    good = mm_ledger_set_row(ledger, &known, row, ordinal, error) &&
           mm_ledger_update_entries(ledger, &known, row, error) &&
           run_with_id(ledger, "DELETE FROM entry WHERE row = ?", id, error) &&
           run_with_id(ledger, "DELETE FROM row WHERE id = ?", id, error);
    ledger->changes.added--;
    g_free(known.key);
    return good;
}

bool mm_ledger_pair_gone(MmLedger *ledger, GError **error)
{
    return each_row(ledger,
                    ROWS_AND_ENTRIES "row.number = 0 AND " MM_IS_DONE " ORDER BY row.id, entry.n",
                    false, note_gone, NULL, error) &&
           each_row(ledger, ROWS_AND_ENTRIES "row.id > ?1 ORDER BY row.id, entry.n", true, pair_row,
                    NULL, error);
}
