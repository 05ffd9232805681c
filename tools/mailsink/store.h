/*
 * What came in: kept in memory, in a folder, or thrown away.
 *
 * A folder holds
 *   new/<number>.eml   exactly the octets received, un-stuffed, CRLF kept
 *   envelopes.jsonl    a line a message, in the order of arrival; it is never shortened: who was
 * deleted by POP3 stays listed, and no number is used again tmp/               what is still coming
 * in id                 the first half of every unique-id and is locked while a store has it open.
 * A file in new/ without a line belongs to nobody, and is served to those who see everything. What
 * was accepted survives the end of the process, but nothing is fsynced.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MsStore MsStore;

typedef struct {
    guint64 number;
    guint64 size;
    char **recipients; /* NULL-ended */
    GBytes *content;   /* NULL: it stands in the folder */
} MsMail;

MsMail *ms_mail_ref(MsMail *mail);
void ms_mail_unref(MsMail *mail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsMail, ms_mail_unref)

/* Who a message is from and for. Everything is borrowed for the call. */
typedef struct {
    const char *sender;
    const char *const *recipients; /* NULL-ended */
    const char *envid;             /* NULL: none was given */
    const char *user;              /* NULL: no login */
    guint64 connection;
    bool smtputf8;
    bool eightbitmime;
    bool chunking;
    bool tls;
} MsEnvelope;

MsStore *ms_store_new_memory(void);
MsStore *ms_store_new_discard(void);
MsStore *ms_store_open(const char *folder, GError **error);
void ms_store_free(MsStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsStore, ms_store_free)

/* How many were accepted since it was opened, and their octets. */
guint64 ms_store_accepted(const MsStore *store);
guint64 ms_store_accepted_octets(const MsStore *store);

/* The mail that `user` sees, oldest first: what was addressed to it when it is an address (the
 * domain's case does not matter), everything otherwise. The caller unrefs the array, which holds
 * references. */
GPtrArray *ms_store_list(const MsStore *store, const char *user);

/* Its unique-id, borrowed until the next call. */
const char *ms_store_unique_id(MsStore *store, const MsMail *mail);

/* Removes for good those of `mails` that are still there; false when a file could not be removed.
 */
bool ms_store_delete(MsStore *store, GPtrArray *mails, GError **error);

/* --- a message that comes in --- */

typedef struct MsIncoming MsIncoming;

/* One for a connection, used again and again. */
MsIncoming *ms_incoming_new(MsStore *store);
void ms_incoming_free(MsIncoming *incoming);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsIncoming, ms_incoming_free)

/* Octets of the content. What goes wrong is told by ms_incoming_commit(). */
void ms_incoming_write(MsIncoming *incoming, const void *bytes, size_t length);
guint64 ms_incoming_size(const MsIncoming *incoming);

/* Forgets what came so far. */
void ms_incoming_abort(MsIncoming *incoming);

/* Keeps the message and gives it its number, or fails and forgets it. */
bool ms_incoming_commit(MsIncoming *incoming, const MsEnvelope *envelope, guint64 *number,
                        GError **error);

/* --- a message that goes out --- */

typedef struct MsOutgoing MsOutgoing;

/* NULL with an error when it cannot be read any more. */
MsOutgoing *ms_outgoing_new(MsStore *store, MsMail *mail, GError **error);
void ms_outgoing_free(MsOutgoing *outgoing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsOutgoing, ms_outgoing_free)

/* The next octets, borrowed until the next call; 0 at the end, -1 when reading failed. */
gssize ms_outgoing_read(MsOutgoing *outgoing, const char **bytes);
