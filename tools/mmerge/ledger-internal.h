/*
 * What the ledger's files share: ledger.c opens and settles, ledger-rows.c takes the CSV's rows in,
 * ledger-entries.c their recipients, ledger-again.c knows whom a row before has reached already,
 * ledger-claims.c claims and records, ledger-report.c reads and resolves, ledger-returns.c marks
 * what came back.
 */
#pragma once

#include "ledger.h"

#include <mailbatch/store/store.h>

struct MmLedger {
    MbStore *store;
    MmMarks *marks;   /* NULL when read without a marks file */
    bool owner_alive; /* read only: another process is at it */
    char *campaign;
    char *csv;
    char *boot; /* this boot's id */
    uint8_t secret[MB_SHA256_LENGTH];
    int64_t run;    /* 0: none */
    GArray *held;   /* HeldOutcome: recorded, not yet committed */
    size_t claimed; /* rows, since the marks were last unloaded */
    /* ledger-rows.c */
    bool taking_rows;
    bool may_repeat;        /* rows may be equal */
    int64_t last_before;    /* the last row's id before they came; 0: there was none */
    struct MmSeen *handled; /* ledger-again.c: To of the rows that are done → id */
    MmLedgerChanges changes;
    GString *changed_rows; /* the first few, for the message */
    char *grouped_before;  /* "with --group-by order": where that is another today, or NULL */
    /* ledger-report.c */
    GHashTable *doubtful; /* name → GArray of EntryId; built by the first resolve */
    bool resolving;       /* a transaction is open */
    /* ledger-returns.c */
    MbStore *keys; /* message key → row; built by the first return */
};

typedef struct {
    MmOutcome outcome; /* its reply is owned */
    int64_t now;
} HeldOutcome;

/* The key inside `<key@domain>` or `key@domain`, or the key itself; NULL when it is no Message-ID
 * of ours. The caller frees it. */
char *mm_ledger_key_in(const char *message_id);

/* Opens the transaction that the next flush commits, for what is settled from outside. */
bool mm_ledger_begin_settling(MmLedger *ledger, GError **error);

/* The row's key as users and Message-IDs know it; the caller frees it. */
char *mm_ledger_key_of(const char *key, const uint8_t *digest, int64_t ordinal);

/* What the next run makes of a claim that nobody owns any more; MM_PENDING: it is released. */
MmState mm_ledger_derive(const MmLedger *ledger, int64_t row, int64_t claims, const char *boot);

/* The value that marks of a row's claim number `claims` carry: never 0. */
uint8_t mm_ledger_mark_value(int64_t claims);

/* A row that is done was sent (whatever came of that), refused or may have been: it is never mailed
 * again. One that was tried keeps its key. */
#define MM_IS_DONE                                                                                 \
    "EXISTS (SELECT 1 FROM entry WHERE entry.row = row.id AND state IN (2, 4, 5, 8, 9, 10))"
#define MM_IS_TRIED                                                                                \
    "EXISTS (SELECT 1 FROM entry WHERE entry.row = row.id AND (attempts > 0 OR state IN (2, 3, "   \
    "4, 5, 8, 9, 10)))"

/* A row of the CSV that was there before. */
typedef struct {
    int64_t id;
    char *key; /* of one that was tried: what its Message-ID is made of; owned */
    bool done, tried;
    bool same_digest;
} MmKnownRow;

/* Gives the row its place, record and key in today's CSV. */
bool mm_ledger_set_row(MmLedger *ledger, const MmKnownRow *known, const MmLedgerRow *row,
                       int64_t ordinal, GError **error);

/* The entries of a new row; and of a known one, whose recipients may be others today. */
bool mm_ledger_insert_entries(MmLedger *ledger, int64_t id, const MmLedgerRow *row, GError **error);
bool mm_ledger_update_entries(MmLedger *ledger, const MmKnownRow *known, const MmLedgerRow *row,
                              GError **error);

/* Notes whom the rows that are done were for. */
bool mm_ledger_note_handled(MmLedger *ledger, GError **error);

/* Makes a row invalid whose To another row that is done has reached: duplicates that have changed
 * places must not both be mailed. `id` is its own, 0 when it is new. */
bool mm_ledger_judge_again(MmLedger *ledger, int64_t id, MmLedgerRow *row, GError **error);

/* --accept-changes: new rows that are for the same people as done rows that are gone are those
 * rows, edited. */
bool mm_ledger_pair_gone(MmLedger *ledger, GError **error);

/* Writes the held outcomes inside the transaction that is open. */
bool mm_ledger_write_held(MmLedger *ledger, GError **error);
void mm_ledger_drop_held(MmLedger *ledger);

bool mm_ledger_put_meta(MmLedger *ledger, const char *name, const void *value, size_t length,
                        GError **error);

/* The value, or NULL when there is none. */
GBytes *mm_ledger_get_meta(MmLedger *ledger, const char *name);
