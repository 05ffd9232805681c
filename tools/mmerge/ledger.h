/*
 * The ledger: who has been mailed. One file, one campaign.
 *
 * A row of the CSV is one message; an entry is one envelope recipient of it, and what is decided is
 * decided an entry. Before any byte of a message leaves, its entries are claimed, durably; what
 * came of it is recorded after. Between the two stand the marks (marks.h), which survive a kill:
 * they tell whether the end of the message was handed over, and what was answered. From claims and
 * marks the next run derives what is in doubt; the dying writes nothing.
 *
 * Call order of a run:
 *   mm_ledger_open()                      locks, and settles what a dead run left
 *   mm_ledger_is_checked()                the rows are known already: skip the next three
 *   mm_ledger_begin_rows(), mm_ledger_add_row() …, mm_ledger_end_rows()
 *   loop: mm_ledger_claim(), send, mm_ledger_record()
 *   mm_ledger_close()
 *
 * A ledger belongs to one thread, the writer. mm_ledger_marks() may be used by every worker.
 * Times are seconds since 1970. Errors are MM_LEDGER_ERROR or MB_STORE_ERROR: another process holds
 * it: MB_ERROR_TEMPORARY; another campaign's, or changed rows: MB_ERROR_DATA.
 */
#pragma once

#include "marks.h"

#include <glib.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MM_LEDGER_ERROR (mm_ledger_error_quark())
GQuark mm_ledger_error_quark(void);

typedef struct MmLedger MmLedger;

/* The numbers stand in the file: append, never renumber. */
typedef enum {
    MM_PENDING = 0,
    MM_CLAIMED = 1,
    MM_SENT = 2,
    MM_DEFERRED = 3,
    MM_REFUSED = 4,
    MM_IN_DOUBT = 5,
    MM_INVALID = 6,
    MM_SUPPRESSED = 7,
    /* Reported after it was sent (mm_ledger_return()). */
    MM_BOUNCED = 8,
    MM_COMPLAINED = 9,
    MM_DELIVERED = 10,
} MmState;
#define MM_STATES 11

/* "pending", "claimed", "sent", "deferred", "refused", "in-doubt", "invalid", "suppressed",
 * "bounced", "complained", "delivered", and back. */
const char *mm_state_name(MmState state);
bool mm_state_from_name(const char *name, MmState *state);

typedef enum {
    MM_TO = 0,
    MM_CC = 1,
    MM_BCC = 2,
} MmKind;

typedef struct {
    const char *address; /* as in the envelope */
    MmKind kind;
    bool suppressed;
} MmLedgerRecipient;

typedef struct {
    uint64_t number;       /* the spreadsheet's */
    const char *key;       /* --key's value; NULL: the digest and its ordinal stand for it */
    const uint8_t *digest; /* SHA-256 of the record */
    const MmLedgerRecipient *recipients;
    size_t n_recipients;
    const char *invalid; /* why it cannot be sent, or NULL */
    bool unique;         /* no row before it has this digest; false: it is found out */
    bool again;          /* to be sent also when another row with the same To was (--duplicates
                            send) */
} MmLedgerRow;

/* What the comparison with the rows known before has found. */
typedef struct {
    uint64_t added;   /* rows that are new */
    uint64_t known;   /* rows that were there before */
    uint64_t dropped; /* rows that are not done and gone from the CSV: forgotten, or suppressed
                         when they were tried */
    uint64_t changed; /* done rows whose record is gone from the CSV, or changed under its key */
} MmLedgerChanges;

typedef struct {
    uint64_t rows;
    uint64_t entries[MM_STATES];
} MmLedgerCounts;

/* Opens or makes the ledger at `path` for `campaign`, locks it, settles what a dead run left
 * (`*settled`, may be NULL, gets how many entries became in doubt by that) and starts a run. `csv`
 * is remembered for `status --csv`. */
MmLedger *mm_ledger_open(const char *path, const char *campaign, const char *csv, int64_t now,
                         uint64_t *settled, GError **error);

/* For `resolve` and `bounces`: opens what is there, locks and settles, starts no run. Beside what
 * is no ledger nothing is made. */
MmLedger *mm_ledger_open_existing(const char *path, GError **error);

/* For `status`: no lock, no change; while a run is going on its entries are claimed, after it died
 * they show as what the next run will make of them. */
MmLedger *mm_ledger_open_to_read(const char *path, GError **error);

/* Ends the run: outcomes still held are committed, claims still open are released or in doubt by
 * their marks. False with an error when that could not be written (the file is as after a kill
 * then). Frees in any case. */
bool mm_ledger_close(MmLedger *ledger, int64_t now, GError **error);

/* Frees without a word to the file, as a kill would; NULL is fine. */
void mm_ledger_free(MmLedger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmLedger, mm_ledger_free)

const char *mm_ledger_campaign(const MmLedger *ledger);
const char *mm_ledger_csv(const MmLedger *ledger);

/* The column by which its rows are groups of the CSV's rows; NULL: they are not. The caller frees
 * it. */
char *mm_ledger_group_column(MmLedger *ledger);

/* Whether the file system made us fall back to a rollback journal. */
bool mm_ledger_is_slow(const MmLedger *ledger);

/* The key of Message-IDs: HMAC-SHA-256 of the campaign's secret and the row's key, the same on
 * every retry, as 32 lower-case hex digits and NUL. Any thread. */
#define MM_MESSAGE_KEY_SIZE 33
void mm_ledger_message_key(const MmLedger *ledger, const char *row_key,
                           char out[MM_MESSAGE_KEY_SIZE]);

/* ---- the rows ---- */

/* Whether rows were taken in whose verdict (digest of template, CSV and options) was this one. */
bool mm_ledger_is_checked(MmLedger *ledger, const uint8_t verdict[MB_SHA256_LENGTH]);

/* Takes all rows of the CSV in, in its order, in one transaction: nothing is kept unless end_rows()
 * says so. Rows are matched by digest and ordinal, else by key when keys are of the same column as
 * before (`key_column`, NULL: no keys; `grouped`: a row is all rows of the CSV with its key). Of a
 * row that was tried, open entries follow today's recipients and suppressions; a recipient that
 * came to a row that is done is suppressed. */
bool mm_ledger_begin_rows(MmLedger *ledger, const char *key_column, bool grouped, GError **error);
bool mm_ledger_add_row(MmLedger *ledger, const MmLedgerRow *row, GError **error);

/* Done rows that are gone or changed stop it with MB_ERROR_DATA (the message names the first few)
 * unless `accept_changes`: then they stay done and are never mailed again; a new row with an
 * address in To of one that is gone is that row, edited. `changes` may be NULL; filled in any case.
 */
bool mm_ledger_end_rows(MmLedger *ledger, const uint8_t verdict[MB_SHA256_LENGTH],
                        bool accept_changes, MmLedgerChanges *changes, GError **error);

/* Gives up what begin_rows() began. */
void mm_ledger_abandon_rows(MmLedger *ledger);

/* ---- claims and outcomes ---- */

/* One message to send. */
typedef struct {
    int64_t row;     /* the row's identity in the ledger, also its place in the marks */
    uint64_t number; /* the spreadsheet's */
    char *key;       /* what mm_ledger_message_key() wants */
    uint8_t digest[MB_SHA256_LENGTH]; /* the record must still have it */
    uint8_t mark;                     /* the value its marks carry */
    unsigned attempt;                 /* 1 for the first; the highest of its entries */
    size_t n_entries;
    struct MmClaimEntry {
        int index; /* the entry within its row */
        MmKind kind;
        char *address;
    } * entries; /* those to ask now: all at first, the deferred ones later */
} MmClaim;

void mm_claim_free(MmClaim *claim);

/* The longest pause of a deferred entry, in seconds: an hour, and a fifth more. */
#define MM_DEFER_MAX_S 4320

/* What came of one entry. */
typedef struct {
    int64_t row;
    int index;
    MmState state;      /* MM_SENT, MM_DEFERRED, MM_REFUSED, MM_IN_DOUBT; MM_PENDING: released, the
                           attempt is not counted */
    int64_t not_before; /* MM_DEFERRED: not again before; at most MM_DEFER_MAX_S ahead */
    int code;           /* the reply's code, 0 for none */
    const char *reply;  /* safe to show; NULL for none */
} MmOutcome;

/* Claims up to `n` rows with entries that are pending, or deferred and due at `now`, whose number
 * is greater than `after`, in the CSV's order. Outcomes recorded before go into the same
 * transaction; when it returns, the claims are on the disk. An array of MmClaim, empty when there
 * is none; NULL with an error. `max_attempts` (0: no bound) leaves out what was tried so often in
 * this run. */
GPtrArray *mm_ledger_claim(MmLedger *ledger, size_t n, uint64_t after, unsigned max_attempts,
                           int64_t now, GError **error);

/* Keeps outcomes; copied. They are committed by the next claim, flush or close, and at the latest
 * when 256 wait. */
bool mm_ledger_record(MmLedger *ledger, const MmOutcome *outcomes, size_t n, int64_t now,
                      GError **error);
bool mm_ledger_flush(MmLedger *ledger, GError **error);

/* When the earliest deferred entry that this run may try again is due; 0: there is none. */
int64_t mm_ledger_next_due(MmLedger *ledger, unsigned max_attempts, int64_t now, GError **error);

/* ---- what stands there ---- */

bool mm_ledger_count(MmLedger *ledger, MmLedgerCounts *counts, GError **error);

typedef struct {
    uint64_t number; /* 0: no longer in the CSV */
    const char *key;
    const uint8_t *digest;
    const char *address;
    MmKind kind;
    MmState state;
    unsigned attempts;
    int64_t not_before;
    int64_t updated; /* 0: never touched */
    int code;
    const char *reply; /* or why it is invalid; NULL for none */
} MmLedgerEntry;

/* Calls `each` for every entry in the order of the CSV, of one state or of all (`state` NULL). What
 * the entry points to is borrowed for the call. `each` returns false to stop. */
bool mm_ledger_each(MmLedger *ledger, const MmState *state,
                    bool (*each)(const MmLedgerEntry *entry, void *user), void *user,
                    GError **error);

/* Settles, by the next flush or close, what is in doubt and goes by `name`: a row's key, an
 * address, a Message-ID (with or without its angle brackets) or the key in it. *n gets how many
 * entries: 0 when none in doubt does. */
bool mm_ledger_resolve(MmLedger *ledger, const char *name, bool sent, int64_t now, uint64_t *n,
                       GError **error);

/* All that is in doubt and still in the CSV becomes pending (`--in-doubt resend`). */
bool mm_ledger_release_doubtful(MmLedger *ledger, uint64_t *n, GError **error);

/* ---- what came back ---- */

/* What a report says of one recipient. A report is a stranger's word: it counts when it holds what
 * only those know who got the message, and names somebody whom the message went to. */
typedef struct {
    const char *message_id; /* of the message it is about, with or without angle brackets; or NULL:
                               it is known by */
    const char *proof;      /* the key of mm_verp_read(), or its first digits */
    const char *envelope;   /* whom the VERP address names: stands in the row; or NULL */
    const char *address;    /* Original-Recipient; NULL: only `final`, or nothing, is said. What is
                               said stands in the row, or the report is not about it */
    const char *final;      /* Final-Recipient, or NULL. Of a message with one recipient it may be
                               another: it was forwarded */
    MmState state;          /* MM_BOUNCED, MM_COMPLAINED or MM_DELIVERED */
    const char *reply;      /* "5.1.1 user unknown", safe to show; NULL: nothing is said */
} MmReturned;

typedef enum {
    MM_RETURN_MARKED,
    MM_RETURN_KNOWN,      /* it was known already, or worse was */
    MM_RETURN_STRANGER,   /* this ledger knows no such message */
    MM_RETURN_NOT_THEIRS, /* the message did not go to that address */
    MM_RETURN_NOT_SENT,   /* the row's entry is neither sent nor in doubt */
} MmReturnResult;

/* Marks, by the next flush or close, the entry that is sent, in doubt or was marked before: a
 * complaint outweighs a bounce, a bounce for good one for now, and that a delivery. When it was
 * mailed stays as it is. `*row` (0: gone from the CSV) and `*address` (the caller frees it) get
 * whose entry it is where the result is not MM_RETURN_STRANGER or _NOT_THEIRS, else 0 and NULL. */
bool mm_ledger_return(MmLedger *ledger, const MmReturned *returned, MmReturnResult *result,
                      uint64_t *row, char **address, GError **error);

/* Whether nobody should write to that address again: a complaint, or a bounce for good. */
bool mm_ledger_is_hard(MmState state, const char *reply);

/* For the workers; borrowed, valid until the ledger is closed or its rows are taken in anew. */
MmMarks *mm_ledger_marks(MmLedger *ledger);

G_END_DECLS
