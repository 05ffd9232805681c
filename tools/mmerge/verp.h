/*
 * Variable envelope return paths: an envelope sender that tells, when a report comes back to it,
 * which message it is about.
 *
 *   verp  = base "+" proof "-" *( plain / "+" 2HEXDIG ) "=" domain "@" sender-domain
 *         / base "+" key "@" sender-domain
 *
 * `proof` is the beginning of the message's key (mm_ledger_message_key()), so that nobody who has
 * not received the message can make one up; the recipient stands in it for people to read. Where
 * that is too long for a local part (64 octets), the key alone is used.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

#define MM_VERP_PROOF 10 /* hex digits */

/* Appends the sender for `recipient`. False, and nothing appended, when even the key does not fit
 * behind the sender's local part (31 octets are free to it), or the sender is none. */
bool mm_verp_make(const char *sender, const char *message_key, const char *recipient, GString *out);

typedef struct {
    char *proof;     /* the key, or its first MM_VERP_PROOF digits */
    char *recipient; /* NULL: it stands for the whole message */
} MmVerp;

/* Reads what mm_verp_make() may have written; false when `address` is none of these. */
bool mm_verp_read(const char *address, MmVerp *verp);
void mm_verp_clear(MmVerp *verp);

G_END_DECLS
