/*
 * Trace fields (RFC 5321, 4.4): a hop of a message's way.
 *
 *   received = "from" host [comment] "by" host [comment] [ "via" w ] [ "with" w ] [ "id" w ]
 *              [ "for" address ] ";" date-time
 *
 * Each clause begins with its word, at the top level (not in quotes, angle brackets or comments),
 * where that word comes for the first time; clauses may stand in any order. What a comment beside
 * a clause says is its own: there the peer's address stands. Linear in the length of the value.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/date.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef enum {
    MB_RECEIVED_FROM,
    MB_RECEIVED_BY,
    MB_RECEIVED_VIA,
    MB_RECEIVED_WITH,
    MB_RECEIVED_ID,
    MB_RECEIVED_FOR,
    MB_RECEIVED_CLAUSES,
} MbReceivedClause;

const char *mb_received_clause_name(MbReceivedClause clause); /* "from", "by", … */

/* Bytes as they stand, a blank between words, folds undone; NUL-terminated, though NULs may stand
 * inside. */
typedef struct {
    const char *text; /* NULL: none */
    size_t length;
} MbReceivedText;

typedef struct {
    MbReceivedText clause[MB_RECEIVED_CLAUSES];
    MbReceivedText comment[MB_RECEIVED_CLAUSES]; /* beside it, without the outer parentheses */
    bool has_date;
    MbDate date;
    size_t date_offset; /* in the value */
    size_t date_length;
    GString *storage;  /* the texts above, and nothing else */
    GString *comments; /* private */
} MbReceived;

/* Caller's storage, used again and again. */
void mb_received_init(MbReceived *received);
void mb_received_clear(MbReceived *received);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MbReceived, mb_received_clear)

/* Parses a field's body. What `received` points to is borrowed from it until the next parse or
 * clear. Without a ";" the date is looked for behind a weekday (received-no-semicolon). */
void mb_received_parse(MbReceived *received, const char *value, size_t length, MbFlaws *flaws);

G_END_DECLS
