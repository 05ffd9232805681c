/*
 * catalog.db: which messages there are, where they stand and what became of them on the server. A
 * function of segments and journal: whatever is in it can be made again from those. All of
 * popdump's SQL is here.
 */
#pragma once

#include "archive.h"
#include "journal.h"
#include "member.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct PdCatalog PdCatalog;

typedef enum {
    PD_CATALOG_READ,
    PD_CATALOG_WRITE, /* made where it is missing */
} PdCatalogMode;

PdCatalog *pd_catalog_open(const char *root, PdCatalogMode mode, GError **error);
void pd_catalog_free(PdCatalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdCatalog, pd_catalog_free)

/* Everything that writes stands between these two; commit is durable. */
bool pd_catalog_begin(PdCatalog *catalog, GError **error);
bool pd_catalog_commit(PdCatalog *catalog, GError **error);
void pd_catalog_rollback(PdCatalog *catalog);

/* ---- what it is bound to ---- */

/* *host and *user are new strings, NULL when nothing is known. */
bool pd_catalog_account(PdCatalog *catalog, char **host, char **user, GError **error);

/* How far the journal was applied; the start of the journal when nothing was. */
bool pd_catalog_journal(PdCatalog *catalog, PdJournalPosition *position, GError **error);
bool pd_catalog_set_journal(PdCatalog *catalog, const PdJournalPosition *position, GError **error);

/* Applies a line of the journal: the account, sessions, seals, deletions, losses. Applying twice
 * changes nothing. */
bool pd_catalog_apply(PdCatalog *catalog, const PdJsonLine *line, GError **error);

/* ---- segments ---- */

typedef struct {
    guint32 number;
    uint64_t sealed; /* the length at which it was sealed, without its end blocks; 0: open */
    uint64_t length; /* of the plain tar up to the last committed member's end */
} PdSegmentRow;

/* All, in order; PdSegmentRow. */
GArray *pd_catalog_segments(PdCatalog *catalog, GError **error);
bool pd_catalog_set_length(PdCatalog *catalog, guint32 number, uint64_t length, GError **error);

/* ---- messages ---- */

/* Adds a message; one that is there under the same sequence is replaced. Its session is the last
 * that began before it. */
bool pd_catalog_add(PdCatalog *catalog, const PdMember *member, GError **error);

/* Fills `lost` (of pd_members_new()) with the messages of a segment that end beyond
 * `length`. */
bool pd_catalog_beyond(PdCatalog *catalog, guint32 segment, uint64_t length, GArray *lost,
                       GError **error);

/* Known UIDLs: called for each UIDL and segment with the count of messages. `uidl` is borrowed. */
typedef void (*PdUidlVisit)(void *user, const char *uidl, guint32 segment, guint64 count);
bool pd_catalog_each_uidl(PdCatalog *catalog, PdUidlVisit visit, void *user, GError **error);

typedef struct {
    PdMember member;
    uint64_t session;   /* 0: none */
    int64_t first_seen; /* seconds since 1970; 0: not known */
    PdState state;
} PdRow;

/* Called for each message; what `row` points to is borrowed. False with `error` stops. */
typedef bool (*PdRowVisit)(void *user, const PdRow *row, GError **error);

/* All, or those of one segment (0: all), in order of sequence. */
bool pd_catalog_each(PdCatalog *catalog, guint32 segment, PdRowVisit visit, void *user,
                     GError **error);

/* MB_NEXT: found (*row is the caller's, to be cleared by pd_member_clear(&row->member)); MB_END:
 * not there. */
MbNext pd_catalog_find_sequence(PdCatalog *catalog, uint64_t sequence, PdRow *row, GError **error);
/* The newest. */
MbNext pd_catalog_find_uidl(PdCatalog *catalog, const char *uidl, PdRow *row, GError **error);

bool pd_catalog_count(PdCatalog *catalog, uint64_t *messages, GError **error);

/* The highest sequence ever used; 0: none. */
bool pd_catalog_last_sequence(PdCatalog *catalog, uint64_t *sequence, GError **error);
bool pd_catalog_last_session(PdCatalog *catalog, uint64_t *session, GError **error);

/* Those in PD_STATE_INTENT or PD_STATE_UNKNOWN. */
bool pd_catalog_each_doubtful(PdCatalog *catalog, PdRowVisit visit, void *user, GError **error);

/* Messages that were lost (the journal says so) and are not back. Only sequence, uidl, sha256, size
 * and mtime of the member are set. */
bool pd_catalog_each_lost(PdCatalog *catalog, PdRowVisit visit, void *user, GError **error);

const char *pd_state_name(PdState state);
bool pd_state_from_name(const char *name, PdState *state);

G_END_DECLS
