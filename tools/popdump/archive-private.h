/*
 * The archive as its own files see it: archive.c (messages, commits, sessions), open.c (opening),
 * commit.c, recover.c, seal.c, prove.c.
 */
#pragma once

#include "archive.h"
#include "catalog.h"
#include "journal.h"
#include "layout.h"
#include "segment.h"
#include "spool.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PdCommitter PdCommitter;

struct PdArchive {
    char *path;
    char *host, *user;
    uint64_t segment_size;
    PdCompress compress;
    guint batch_messages;
    bool writable;
    int lock;       /* -1: none */
    GError *broken; /* why nothing can be written any more */

    PdCatalog *catalog;
    PdJournal *journal;
    PdSegment *segment;      /* NULL before the first message */
    guint32 segment_number;  /* of the open one, or of the one to come */
    uint64_t segment_length; /* of it, as recovery left it */

    PdSpool *spool;
    bool in_message;
    GString *header;
    GArray *pending; /* PdMember */
    uint64_t pending_bytes;
    guint handed_over;      /* the first so many of them are with the kernel */
    gint64 pending_since;   /* monotonic, microseconds */
    PdCommitter *committer; /* NULL before the first batch that is committed beside the network;
                               while it is busy catalog and journal are not touched */
    uint64_t committed, committed_bytes; /* since opening: messages, octets of their content */

    uint64_t next_sequence;
    uint64_t session;
    uint64_t messages;
    GHashTable *copies; /* UIDL → how many */
    GHashTable *proven; /* sequence (as a pointer to uint64_t) */

    bool rebuilding; /* the catalog is made anew: adopting is no news */
    PdRecovery recovery;
    GPtrArray *notes;
    GArray *lost; /* PdMember; one that was fetched again has sequence 0 */
};

/* open.c: locks an archive that must exist, and reads nothing yet. */
PdArchive *pd_archive_lock_existing(const char *path, GError **error);

/* open.c: catalog, journal, recovery. `options` (NULL: whoever's it is) say whose archive it has to
 * be. */
bool pd_archive_bring_up(PdArchive *archive, const PdArchiveOptions *options, GError **error);

/* Keeps the error as the reason for which everything else fails, and returns false. */
bool pd_archive_break(PdArchive *archive, GError **error);

/* False, with that reason, when the archive is broken or was opened for reading. */
bool pd_archive_usable(const PdArchive *archive, GError **error);

/* So many more messages are archived under `uidl`. */
void pd_archive_count_copy(PdArchive *archive, const char *uidl, guint64 count);

/* commit.c: waits until nothing is being committed; false when that failed. To be called before the
 * catalog is used. */
bool pd_archive_quiet(PdArchive *archive, GError **error);

/* commit.c: ends the thread; what it has begun it finishes. */
void pd_committer_free(PdCommitter *committer);

/* Ends the journal's line, applies it to the catalog and notes the journal's position there. Within
 * a catalog transaction. */
bool pd_archive_enter_line(PdArchive *archive, GError **error);

/* The same as a transaction of its own, the journal fsynced before. */
bool pd_archive_enter_line_durably(PdArchive *archive, GError **error);

/* recover.c: the journal's lines that the catalog does not have yet; opens the journal. */
bool pd_recover_journal(PdArchive *archive, GError **error);

/* recover.c: what stands in the segments and not in the catalog, and the other way round; finds the
 * open segment. */
bool pd_recover_segments(PdArchive *archive, GError **error);

/* A line for the user. */
void pd_recover_note(PdArchive *archive, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* recover-open.c: what of the open segment stands beyond `committed` octets is adopted, cut or
 * moved to damaged/. *end gets its length after that. */
bool pd_recover_open_segment(PdArchive *archive, guint32 number, uint64_t committed, uint64_t *end,
                             GError **error);

/* recover.c: enters adopted members and the segment's new length. */
bool pd_recover_adopt(PdArchive *archive, guint32 number, GArray *members, uint64_t length,
                      GError **error);

/* recover.c: enters messages that their segment no longer holds. */
bool pd_recover_lose(PdArchive *archive, guint32 number, uint64_t length, GError **error);

/* seal.c: seg/N.tar stands, end blocks and all: compresses it, reads it back, enters the seal,
 * writes SHA256SUMS. May be repeated at any point where it was interrupted. */
bool pd_seal_finish(PdArchive *archive, guint32 number, GError **error);

/* seal.c: seg/N.manifest.jsonl, from the catalog. */
bool pd_seal_write_manifest(PdArchive *archive, guint32 number, GError **error);
