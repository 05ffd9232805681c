#include "ledger-internal.h"
#include "ledger-seen.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x6d6d6c31 /* "mml1" */
#define MARKS_SUFFIX   ".marks"
#define BOOT_ID_PATH   "/proc/sys/kernel/random/boot_id"

MB_DEFINE_QUARK(mm_ledger_error)

/* row.number: the spreadsheet's, -1 when the row is gone from the CSV. row.id is its place in the
 * marks, so it is never used twice. row.key is what Message-ID is made of, row.match what --key
 * says today. entry.claims counts the row's claims; entry.tries the attempts in entry.run. */
static const char *const migrations[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, started INTEGER NOT NULL,"
    " ended INTEGER, boot TEXT NOT NULL, pid INTEGER NOT NULL);"
    "CREATE TABLE row (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, key TEXT,"
    " match TEXT, digest BLOB NOT NULL, ordinal INTEGER NOT NULL);"
    "CREATE INDEX row_number ON row (number);"
    "CREATE TABLE entry (row INTEGER NOT NULL, n INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " state INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0, run INTEGER NOT NULL DEFAULT 0,"
    " claims INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0,"
    " updated INTEGER NOT NULL DEFAULT 0, code INTEGER NOT NULL DEFAULT 0,"
    " address TEXT NOT NULL, reply TEXT, PRIMARY KEY (row, n)) WITHOUT ROWID",
    NULL,
};

/* What it keeps of the file in memory: as much for a thousand rows as for a million. */
static const char use_little[] = "PRAGMA cache_size = -1024";

static const char *const state_names[MM_STATES] = {
    [MM_PENDING] = "pending",       [MM_CLAIMED] = "claimed",       [MM_SENT] = "sent",
    [MM_DEFERRED] = "deferred",     [MM_REFUSED] = "refused",       [MM_IN_DOUBT] = "in-doubt",
    [MM_INVALID] = "invalid",       [MM_SUPPRESSED] = "suppressed", [MM_BOUNCED] = "bounced",
    [MM_COMPLAINED] = "complained", [MM_DELIVERED] = "delivered",
};

const char *mm_state_name(MmState state)
{
    return state_names[state];
}

bool mm_state_from_name(const char *name, MmState *state)
{
    for (int i = 0; i < MM_STATES; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *state = (MmState)i;
            return true;
        }
    }
    return false;
}

uint8_t mm_ledger_mark_value(int64_t claims)
{
    return (uint8_t)(claims % 255 + 1);
}

char *mm_ledger_key_of(const char *key, const uint8_t *digest, int64_t ordinal)
{
    g_autofree char *hex = NULL;

    if (key != NULL)
        return g_strdup(key);
    hex = mb_text_hex(digest, MB_SHA256_LENGTH / 2);
    return g_strdup_printf("%s-%" G_GINT64_FORMAT, hex, ordinal + 1);
}

void mm_ledger_message_key(const MmLedger *ledger, const char *row_key,
                           char out[MM_MESSAGE_KEY_SIZE])
{
    uint8_t mac[MB_SHA256_LENGTH];
    g_autofree char *hex = NULL;

    mb_hmac_sha256(ledger->secret, sizeof ledger->secret, row_key, strlen(row_key), mac);
    hex = mb_text_hex(mac, (MM_MESSAGE_KEY_SIZE - 1) / 2);
    memcpy(out, hex, MM_MESSAGE_KEY_SIZE);
}

/* ---- meta ---- */

bool mm_ledger_put_meta(MmLedger *ledger, const char *name, const void *value, size_t length,
                        GError **error)
{
    MbStatement *put = mb_store_statement(
        ledger->store, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", error);

    if (put == NULL)
        return false;
    mb_statement_bind_text(put, 1, name);
    mb_statement_bind_blob(put, 2, value, length);
    return mb_statement_done(put, error);
}

GBytes *mm_ledger_get_meta(MmLedger *ledger, const char *name)
{
    MbStatement *get =
        mb_store_statement(ledger->store, "SELECT value FROM meta WHERE name = ?", NULL);
    GBytes *value = NULL;
    const void *bytes;
    size_t length;

    if (get == NULL)
        return NULL;
    mb_statement_bind_text(get, 1, name);
    if (mb_statement_step(get, NULL) == MB_NEXT) {
        bytes = mb_statement_blob(get, 0, &length);
        value = g_bytes_new(bytes, length);
    }
    mb_statement_reset(get);
    return value;
}

static char *get_meta_text(MmLedger *ledger, const char *name)
{
    g_autoptr(GBytes) value = mm_ledger_get_meta(ledger, name);
    const char *text;
    gsize length;

    if (value == NULL)
        return NULL;
    text = g_bytes_get_data(value, &length);
    return g_strndup(text, length);
}

/* ---- settling what a dead run left ---- */

MmState mm_ledger_derive(const MmLedger *ledger, int64_t row, int64_t claims, const char *boot)
{
    if (g_strcmp0(boot, ledger->boot) != 0)
        return MM_IN_DOUBT;
    if (ledger->marks == NULL || !mm_marks_covers(ledger->marks, row))
        return MM_IN_DOUBT;
    switch (mm_marks_get(ledger->marks, row, mm_ledger_mark_value(claims))) {
    case MM_MARK_NONE: return MM_PENDING;
    case MM_MARK_SENT: return MM_SENT;
    case MM_MARK_DEFERRED: return MM_DEFERRED;
    case MM_MARK_REFUSED: return MM_REFUSED;
    case MM_MARK_HANDED_OVER:
    case MM_MARK_MIXED: return MM_IN_DOUBT;
    }
    return MM_IN_DOUBT;
}

static const char *reply_after_crash(MmState state)
{
    switch (state) {
    case MM_SENT: return "accepted; the reply's text was lost when the run was killed";
    case MM_DEFERRED: return "deferred; the reply's text was lost when the run was killed";
    case MM_REFUSED: return "refused; the reply's text was lost when the run was killed";
    case MM_IN_DOUBT: return "the message was handed over and its reply never seen";
    default: return NULL;
    }
}

/* Open claims are rare: those of one run that died. They are read first and written after. */
static GArray *read_open_claims(MmLedger *ledger, GError **error)
{
    MbStatement *read =
        mb_store_statement(ledger->store,
                           "SELECT entry.row, entry.n, entry.claims, run.boot FROM entry"
                           " LEFT JOIN run ON run.id = entry.run WHERE entry.state = 1",
                           error);
    g_autoptr(GArray) outcomes = g_array_new(FALSE, TRUE, sizeof(MmOutcome));
    MbNext next = MB_FAILED;

    while (read != NULL && (next = mb_statement_step(read, error)) == MB_NEXT) {
        MmOutcome outcome = {
            .row = mb_statement_int(read, 0),
            .index = (int)mb_statement_int(read, 1),
        };
        outcome.state = mm_ledger_derive(ledger, outcome.row, mb_statement_int(read, 2),
                                         mb_statement_text(read, 3));
        outcome.reply = reply_after_crash(outcome.state);
        g_array_append_val(outcomes, outcome);
    }
    return next == MB_END ? g_steal_pointer(&outcomes) : NULL;
}

static bool settle(MmLedger *ledger, int64_t now, uint64_t *doubtful, GError **error)
{
    g_autoptr(GArray) outcomes = read_open_claims(ledger, error);

    if (outcomes == NULL)
        return false;
    for (guint i = 0; i < outcomes->len; i++) {
        if (g_array_index(outcomes, MmOutcome, i).state == MM_IN_DOUBT && doubtful != NULL)
            (*doubtful)++;
    }
    return outcomes->len == 0 || (mm_ledger_record(ledger, (const MmOutcome *)outcomes->data,
                                                   outcomes->len, now, error) &&
                                  mm_ledger_flush(ledger, error));
}

/* ---- opening ---- */

/* Where it is not to be had, as in a folder that became a root without /proc, every process is a
 * boot of its own: what it leaves is in doubt. */
static char *read_boot_id(void)
{
    uint8_t random[16];
    char *text = NULL;

    if (g_file_get_contents(BOOT_ID_PATH, &text, NULL, NULL))
        return g_strchomp(text);
    mb_random(random, sizeof random);
    return mb_text_hex(random, sizeof random);
}

/* The file that a link leads to: its marks must be found by each of its names. */
static char *real_path(const char *path)
{
    char *found = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? realpath(path, NULL) : NULL;
    char *real = g_strdup(found != NULL ? found : path);

    free(found);
    return real;
}

static MmLedger *ledger_new(void)
{
    MmLedger *ledger = g_new0(MmLedger, 1);

    ledger->boot = read_boot_id();
    ledger->held = g_array_new(FALSE, FALSE, sizeof(HeldOutcome));
    return ledger;
}

static bool load_meta(MmLedger *ledger, GError **error)
{
    g_autoptr(GBytes) secret = mm_ledger_get_meta(ledger, "secret");
    gsize length = 0;
    const void *bytes = secret != NULL ? g_bytes_get_data(secret, &length) : NULL;

    ledger->campaign = get_meta_text(ledger, "campaign");
    ledger->csv = get_meta_text(ledger, "csv");
    if (ledger->campaign == NULL || length != sizeof ledger->secret) {
        g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA,
                    "%s: holds no campaign: the program that began it was stopped",
                    mb_store_path(ledger->store));
        return false;
    }
    memcpy(ledger->secret, bytes, sizeof ledger->secret);
    return true;
}

static bool begin_campaign(MmLedger *ledger, const char *campaign, const char *csv, GError **error)
{
    uint8_t secret[MB_SHA256_LENGTH];

    mb_random(secret, sizeof secret);
    return mm_ledger_put_meta(ledger, "campaign", campaign, strlen(campaign), error) &&
           mm_ledger_put_meta(ledger, "secret", secret, sizeof secret, error) &&
           mm_ledger_put_meta(ledger, "csv", csv, strlen(csv), error);
}

static bool holds_rows(MmLedger *ledger)
{
    MbStatement *any = mb_store_statement(ledger->store, "SELECT 1 FROM row LIMIT 1", NULL);
    bool holds = any == NULL || mb_statement_step(any, NULL) != MB_END;

    if (any != NULL)
        mb_statement_reset(any);
    return holds;
}

/* Marks are made for rows that are on the disk: without rows it is not the ledger that made them.
 */
static bool has_its_rows(MmLedger *ledger, GError **error)
{
    if (!mm_marks_covers(ledger->marks, 1) || holds_rows(ledger))
        return true;
    g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA,
                "%s: has lost its rows, as when its -wal file is removed: who was mailed is not "
                "known; put a whole copy back, or begin anew with another --ledger",
                mb_store_path(ledger->store));
    return false;
}

/* One that never came to hold a row is anybody's. */
static bool check_campaign(MmLedger *ledger, const char *campaign, GError **error)
{
    g_autofree char *found = get_meta_text(ledger, "campaign");

    if (found == NULL || strcmp(found, campaign) == 0 || !holds_rows(ledger))
        return true;
    g_set_error(
        error, MM_LEDGER_ERROR, MB_ERROR_DATA,
        "%s: belongs to the campaign '%s', not to '%s': name another file with --ledger, or "
        "that campaign with --campaign",
        mb_store_path(ledger->store), found, campaign);
    return false;
}

static bool begin_run(MmLedger *ledger, int64_t now, GError **error)
{
    MbStatement *insert = mb_store_statement(
        ledger->store, "INSERT INTO run (started, boot, pid) VALUES (?, ?, ?)", error);

    if (insert == NULL)
        return false;
    mb_statement_bind_int(insert, 1, now);
    mb_statement_bind_text(insert, 2, ledger->boot);
    mb_statement_bind_int(insert, 3, getpid());
    if (!mb_statement_done(insert, error))
        return false;
    ledger->run = mb_store_last_id(ledger->store);
    return true;
}

/* By another name of the same file there are other marks, and another write-ahead log. */
static bool has_one_name(const char *path, GError **error)
{
    struct stat status;

    if (stat(path, &status) != 0 || status.st_nlink < 2)
        return true;
    g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_DATA,
                "%s: has a second name (a hard link), and what lies beside it goes by one only: "
                "remove the other name, or make a copy of it",
                path);
    return false;
}

static bool open_marks(MmLedger *ledger, const char *path, GError **error)
{
    g_autofree char *marks_path = g_strconcat(path, MARKS_SUFFIX, NULL);

    if (!has_one_name(path, error))
        return false;
    ledger->marks = mm_marks_open(marks_path, error);
    if (ledger->marks == NULL)
        g_prefix_error(error, "%s: ", path);
    return ledger->marks != NULL;
}

/* The marks were locked before there was a ledger to go with them. */
static void remove_new_marks(const char *path)
{
    g_autofree char *marks_path = g_strconcat(path, MARKS_SUFFIX, NULL);

    unlink(marks_path);
}

MmLedger *mm_ledger_open(const char *name, const char *campaign, const char *csv, int64_t now,
                         uint64_t *settled, GError **error)
{
    g_autoptr(MmLedger) ledger = ledger_new();
    g_autofree char *path = real_path(name);
    bool existed = access(path, F_OK) == 0;
    g_autofree char *found = NULL;

    if (!open_marks(ledger, path, error))
        return NULL;
    /* Marks of a ledger that was taken away say nothing of this one's rows. */
    if (!existed && !mm_marks_reset(ledger->marks, error))
        return NULL;
    ledger->store = mb_store_open(path, MB_STORE_CREATE, APPLICATION_ID, migrations, error);
    if (ledger->store == NULL) {
        if (!existed)
            remove_new_marks(path);
        return NULL;
    }
    if (!mb_store_run(ledger->store, use_little, error) || !has_its_rows(ledger, error) ||
        !check_campaign(ledger, campaign, error) || !mb_store_begin(ledger->store, true, error))
        return NULL;
    found = get_meta_text(ledger, "campaign");
    if ((g_strcmp0(found, campaign) != 0 && !begin_campaign(ledger, campaign, csv, error)) ||
        !mm_ledger_put_meta(ledger, "csv", csv, strlen(csv), error) ||
        !begin_run(ledger, now, error) || !mb_store_commit(ledger->store, error))
        return NULL;
    if (settled != NULL)
        *settled = 0;
    if (!load_meta(ledger, error) || !settle(ledger, now, settled, error))
        return NULL;
    return g_steal_pointer(&ledger);
}

static bool must_exist(const char *path, GError **error)
{
    if (access(path, R_OK) == 0)
        return true;
    mb_file_set_error(error, path, "cannot read the ledger", errno);
    return false;
}

MmLedger *mm_ledger_open_existing(const char *name, GError **error)
{
    g_autoptr(MmLedger) looked_at = mm_ledger_open_to_read(name, error);
    g_autoptr(MmLedger) ledger = NULL;
    g_autofree char *path = real_path(name);

    if (looked_at == NULL)
        return NULL;
    g_clear_pointer(&looked_at, mm_ledger_free);
    ledger = ledger_new();
    if (!open_marks(ledger, path, error))
        return NULL;
    ledger->store = mb_store_open(path, MB_STORE_CREATE, APPLICATION_ID, migrations, error);
    if (ledger->store == NULL || !load_meta(ledger, error) ||
        !settle(ledger, g_get_real_time() / G_USEC_PER_SEC, NULL, error))
        return NULL;
    return g_steal_pointer(&ledger);
}

MmLedger *mm_ledger_open_to_read(const char *name, GError **error)
{
    g_autoptr(MmLedger) ledger = ledger_new();
    g_autofree char *path = real_path(name);
    g_autofree char *marks_path = g_strconcat(path, MARKS_SUFFIX, NULL);
    g_autoptr(GError) marks_error = NULL;

    if (!must_exist(path, error))
        return NULL;
    ledger->store = mb_store_open(path, MB_STORE_READ_ONLY, APPLICATION_ID, migrations, error);
    if (ledger->store == NULL)
        return NULL;
    ledger->marks = mm_marks_open_to_read(marks_path, &ledger->owner_alive, &marks_error);
    if (marks_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&marks_error));
        return NULL;
    }
    return load_meta(ledger, error) ? g_steal_pointer(&ledger) : NULL;
}

static bool end_run(MmLedger *ledger, int64_t now, GError **error)
{
    MbStatement *end;

    if (ledger->run == 0)
        return true;
    end = mb_store_statement(ledger->store, "UPDATE run SET ended = ? WHERE id = ?", error);
    if (end == NULL)
        return false;
    mb_statement_bind_int(end, 1, now);
    mb_statement_bind_int(end, 2, ledger->run);
    return mb_statement_done(end, error);
}

bool mm_ledger_close(MmLedger *ledger, int64_t now, GError **error)
{
    bool closed = mm_ledger_flush(ledger, error) && settle(ledger, now, NULL, error) &&
                  end_run(ledger, now, error);

    mm_ledger_free(ledger);
    return closed;
}

void mm_ledger_free(MmLedger *ledger)
{
    if (ledger == NULL)
        return;
    mm_ledger_drop_held(ledger);
    g_array_unref(ledger->held);
    g_clear_pointer(&ledger->handled, mm_seen_free);
    if (ledger->changed_rows != NULL)
        g_string_free(ledger->changed_rows, TRUE);
    g_clear_pointer(&ledger->doubtful, g_hash_table_unref);
    mb_store_free(ledger->keys);
    mb_store_free(ledger->store);
    mm_marks_free(ledger->marks);
    mb_wipe(ledger->secret, sizeof ledger->secret);
    g_free(ledger->campaign);
    g_free(ledger->csv);
    g_free(ledger->boot);
    g_free(ledger);
}

const char *mm_ledger_campaign(const MmLedger *ledger)
{
    return ledger->campaign;
}

const char *mm_ledger_csv(const MmLedger *ledger)
{
    return ledger->csv;
}

bool mm_ledger_is_slow(const MmLedger *ledger)
{
    return !mb_store_is_wal(ledger->store);
}

MmMarks *mm_ledger_marks(MmLedger *ledger)
{
    return ledger->marks;
}
