/*
 * What the ledger's files share: ledger.c opens and settles, ledger-rows.c takes the CSV's rows in,
 * ledger-claims.c claims and records, ledger-report.c reads and resolves.
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
    int64_t run;  /* 0: none */
    GArray *held; /* HeldOutcome: recorded, not yet committed */
    /* ledger-rows.c */
    bool taking_rows;
    bool had_rows;
    GHashTable *ordinals; /* a digest's first 8 bytes → how many rows had them */
    MmLedgerChanges changes;
    /* ledger-report.c */
    GHashTable *doubtful; /* name → GArray of EntryId; built by the first resolve */
    bool resolving;       /* a transaction is open */
};

typedef struct {
    MmOutcome outcome; /* its reply is owned */
    int64_t now;
} HeldOutcome;

/* The row's key as users and Message-IDs know it; the caller frees it. */
char *mm_ledger_key_of(const char *key, const uint8_t *digest, int64_t ordinal);

/* What the next run makes of a claim that nobody owns any more; MM_PENDING: it is released. */
MmState mm_ledger_derive(const MmLedger *ledger, int64_t row, int64_t claims, const char *boot);

/* The value that marks of a row's claim number `claims` carry: never 0. */
uint8_t mm_ledger_mark_value(int64_t claims);

/* Writes the held outcomes inside the transaction that is open. */
bool mm_ledger_write_held(MmLedger *ledger, GError **error);
void mm_ledger_drop_held(MmLedger *ledger);

bool mm_ledger_put_meta(MmLedger *ledger, const char *name, const void *value, size_t length,
                        GError **error);

/* The value, or NULL when there is none. */
GBytes *mm_ledger_get_meta(MmLedger *ledger, const char *name);
