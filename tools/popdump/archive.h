/*
 * An ARCHIVE folder: mail that can be proven to be there. This is what fetching sees of it; the
 * parts have files of their own (segment, manifest, journal, catalog, spool, seal, recover,
 * verify).
 *
 *   archive = pd_archive_open(&options, &error);          lock, recovery, what is known
 *   pd_archive_begin_session(archive, &evidence, &error); durable before the first RETR
 *   for each message that pd_archive_copies() does not know:
 *       pd_archive_begin_message, append …, end_message   spooled, hashed, appended to the open
 * segment pd_archive_commit_if_due                          every 64 messages, 16 MiB or 2 s
 *   pd_archive_commit                                     what is left
 *   pd_archive_prove, pd_archive_intend_delete, DELE …, pd_archive_record_delete
 *   pd_archive_end_session
 *   pd_archive_free
 *
 * Only what a commit returned true for is safe. After MB_ERROR_IO (disk full, failed fsync) the
 * archive is broken for good in this process: every later call fails alike, nothing more is
 * written, and the run has to end without a DELE; the next open recovers. One thread at a time; a
 * thread of the archive's own makes one batch durable while the next one comes in.
 *
 * What a kill costs: every batch is handed to the kernel when it is full, and the next open adopts
 * what stands whole in the segment. So only the messages of the batch that was coming in are
 * fetched again. While the disk is at work the batches that come in are put together, 16 MiB at
 * most: a power failure may cost them, and those on their way to the disk.
 *
 * Members and manifests depend on nothing but the messages, their UIDLs and sizes as the server
 * gave them, their order and the segment size. Times, sessions and deletions stand in the journal.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* MB_ERROR_TEMPORARY: the lock is held. MB_ERROR_CONFIG: another account's archive. MB_ERROR_DATA:
 * not an archive, or damaged in a way that needs the user. MB_ERROR_CANNOT_CREATE, MB_ERROR_IO: the
 * disk. */
#define PD_ARCHIVE_ERROR (pd_archive_error_quark())
GQuark pd_archive_error_quark(void);

typedef struct PdArchive PdArchive;

typedef enum {
    PD_COMPRESS_GZIP, /* without a time stamp */
    PD_COMPRESS_ZSTD, /* independent frames at member boundaries */
    PD_COMPRESS_XZ,
    PD_COMPRESS_NONE,
} PdCompress;

/* "gzip", "zstd", "xz", "none", and back; false for an unknown name. */
const char *pd_compress_name(PdCompress compress);
bool pd_compress_from_name(const char *name, PdCompress *compress);

#define PD_SEGMENT_SIZE   (G_GUINT64_CONSTANT(256) << 20)
#define PD_BATCH_MESSAGES 64
#define PD_BATCH_BYTES    (G_GUINT64_CONSTANT(16) << 20)
#define PD_BATCH_MS       2000
#define PD_SPOOL_MEMORY                                                                            \
    (1024 * 1024) /* octets of a message kept in memory; the rest goes to an unlinked file */

typedef struct {
    const char *path; /* the folder; made (mode 0700, with its parents' last step only) where it is
                         missing */
    const char *host; /* the account: required, compared without case … */
    const char *user; /* … and exactly */
    uint64_t segment_size; /* octets of tar after which a segment is sealed; 0: PD_SEGMENT_SIZE */
    PdCompress compress;
    guint batch_messages; /* 0: PD_BATCH_MESSAGES; for tests */
} PdArchiveOptions;       /* strings are borrowed during the call */

/* Creates or opens for writing, recovers, and reads which UIDLs are known. */
PdArchive *pd_archive_open(const PdArchiveOptions *options, GError **error);

/* Opens an archive that must exist, whoever's it is: MB_ERROR_NO_INPUT without a folder,
 * MB_ERROR_DATA when it is none. For writing (lock and recovery: seal) or only for reading (no
 * lock, nothing is changed: list, extract). */
typedef enum {
    PD_OPEN_READ,
    PD_OPEN_WRITE,
} PdOpenMode;
PdArchive *pd_archive_open_existing(const char *path, PdOpenMode mode, GError **error);

/* For segments sealed from now on; gzip when nothing was said. */
void pd_archive_set_compress(PdArchive *archive, PdCompress compress);

/* Gives up the lock. What was not committed is left to the next open, which adopts whole members.
 */
void pd_archive_free(PdArchive *archive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdArchive, pd_archive_free)

/* What opening found and mended. Borrowed for the archive's life. */
typedef struct {
    uint64_t adopted; /* whole members found beyond the last commit */
    uint64_t cut;     /* octets of an incomplete last member, cut off */
    uint64_t damaged; /* members moved to damaged/ */
    uint64_t lost; /* messages that the catalog knows and the segments no longer hold: they count as
                    * unknown, so that they are fetched again; MB_EXIT_DATA when
                    * some are not on the server any more (pd_archive_lost()) */
    const GPtrArray *notes; /* char *: a line each for the user, in order; none when all was well */
} PdRecovery;
const PdRecovery *pd_archive_recovery(const PdArchive *archive);

/* The names of the members lost that were not fetched again by now; the caller frees the array with
 * g_ptr_array_unref(). */
GPtrArray *pd_archive_lost(const PdArchive *archive);

/* How many messages are archived (committed or waiting for the commit) under `uidl`: no more of it
 * is to be fetched when the server lists it no more often than this. */
guint64 pd_archive_copies(const PdArchive *archive, const char *uidl);

/* ---- a session, for the journal ---- */

typedef struct {
    const char *server;      /* URL as connected to, without a password */
    const char *peer;        /* address:port */
    const char *greeting;    /* as it came; NULL: unknown */
    const char *const *capa; /* lines as they came, NULL-ended; NULL: none */
    const char *tls;         /* protocol and cipher; NULL: clear */
    const char *certificate; /* SHA-256 of the peer's certificate, hex; NULL: clear */
    uint64_t listed;         /* messages the server lists */
    uint64_t listed_bytes;   /* the sum of LIST's sizes, as claimed */
} PdEvidence;

/* Writes and fsyncs the session's record. From here on messages belong to this session; its time is
 * the time at which a message not known before was first seen. */
bool pd_archive_begin_session(PdArchive *archive, const PdEvidence *evidence, GError **error);

typedef struct {
    uint64_t fetched, fetched_bytes; /* messages archived in this session and their octets */
    uint64_t left_behind;            /* refused by the server, over the limit */
    uint64_t deleted;
    bool clean;             /* QUIT was answered by +OK */
    const char *error;      /* why it ended, when it did not end well; else NULL */
    const char *transcript; /* the dialogue, secrets hidden; NULL: none kept */
} PdSessionEnd;

/* Commits, then writes and fsyncs the session's end. */
bool pd_archive_end_session(PdArchive *archive, const PdSessionEnd *end, GError **error);

/* ---- a message ---- */

/* What fetching knows of a message when it has come whole. */
typedef struct {
    const char *uidl; /* as the server gave it, any octets but NUL; NULL: none, or not usable as an
                         identity */
    bool uidl_repeated; /* this session lists the UIDL more than once: archived, never deleted by it
                         */
    bool has_server_size; /* LIST gave a size … */
    uint64_t server_size; /* … this one; recorded, never believed */
    unsigned oddities;    /* MbPop3Oddity flags */
} PdMessage;              /* strings are borrowed during the call */

bool pd_archive_begin_message(PdArchive *archive, GError **error);
bool pd_archive_append(PdArchive *archive, const void *bytes, size_t length, GError **error);

/* Hands the message over to the open segment, which is sealed first when the message would carry it
 * over its size. *sequence (may be NULL) gets the message's number in this archive, from 1. Not yet
 * durable. */
bool pd_archive_end_message(PdArchive *archive, const PdMessage *message, uint64_t *sequence,
                            GError **error);

/* Forgets what was appended since begin_message: the message did not come whole. Never fails. */
void pd_archive_abandon_message(PdArchive *archive);

/* Octets appended since begin_message. */
uint64_t pd_archive_message_size(const PdArchive *archive);

/* ---- commit ---- */

/* fdatasync of the segment, then the catalog's commit, of all that waits. Nothing to do is success.
 */
bool pd_archive_commit(PdArchive *archive, GError **error);

/* When a batch is full or old enough, begins to do so in the archive's own thread; where that has
 * an earlier one at hand, hands the batch to the kernel only, and waits from 16 MiB on. Cheap
 * otherwise. False too when the earlier batch failed. */
bool pd_archive_commit_if_due(PdArchive *archive, GError **error);

/* Milliseconds until commit_if_due() is to be called again; -1 when nothing waits. As a poll
 * timeout. */
int pd_archive_commit_wait(const PdArchive *archive);

/* Messages waiting for the commit, or being committed. */
uint64_t pd_archive_waiting(const PdArchive *archive);

/* Messages committed since the archive was opened, in the order of end_message(); *bytes gets the
 * octets of their content. */
uint64_t pd_archive_committed(const PdArchive *archive, uint64_t *bytes);

/* Commits, then closes and compresses the open segment. An empty one stays open. */
bool pd_archive_seal(PdArchive *archive, GError **error);

/* ---- deletion ---- */

typedef enum {
    PD_STATE_KEPT,    /* on the server, as far as we know */
    PD_STATE_INTENT,  /* a DELE was about to be sent, and nothing is known of its fate */
    PD_STATE_DELETED, /* QUIT was answered by +OK */
    PD_STATE_UNKNOWN, /* DELE was sent, QUIT's answer never came: the next UIDL tells */
} PdState;

typedef struct {
    uint64_t sequence;
    uint64_t size;      /* octets archived */
    int64_t first_seen; /* seconds since 1970: `older=` counts from here */
    bool uidl_repeated;
    PdState state;
} PdArchived;

/* The newest committed message under `uidl`; false when there is none, with `error` only when the
 * catalog cannot be read. */
bool pd_archive_find(PdArchive *archive, const char *uidl, PdArchived *found, GError **error);

/* Reads committed messages back from the disk, past the page cache, and compares them with their
 * digests: proven[i] tells for sequences[i]. A sealed segment is read once for all of them. True
 * whether proven or not; false with `error` only when the proof could not be tried. A message that
 * fails is noted in the journal. */
bool pd_archive_prove(PdArchive *archive, const uint64_t *sequences, size_t count, bool *proven,
                      GError **error);

/* Writes the intents into the journal and fsyncs it: once this is true, DELE may be sent for these
 * and no others. Refuses (MB_ERROR_INTERNAL) a message that was not proven by this process. */
bool pd_archive_intend_delete(PdArchive *archive, const uint64_t *sequences, size_t count,
                              GError **error);

/* What became of them: PD_STATE_DELETED after QUIT's +OK, PD_STATE_UNKNOWN when the connection was
 * lost before it, PD_STATE_KEPT when DELE was refused, RSET, or a UIDL that was in doubt is listed
 * again. Into journal and catalog, fsynced. */
bool pd_archive_record_delete(PdArchive *archive, const uint64_t *sequences, size_t count,
                              PdState state, GError **error);

/* Settles what earlier sessions left in doubt: with the UIDLs of a complete listing, those still
 * listed are PD_STATE_KEPT, the others PD_STATE_DELETED. `listed` is a set of char *; *settled (may
 * be NULL) counts. */
bool pd_archive_settle(PdArchive *archive, GHashTable *listed, uint64_t *settled, GError **error);

/* ---- what is in it ---- */

uint64_t pd_archive_messages(const PdArchive *archive); /* committed and waiting */
const char *pd_archive_path(const PdArchive *archive);
const char *pd_archive_host(
    const PdArchive *archive); /* NULL: lost with the journal, the next fetch binds it */
const char *pd_archive_user(const PdArchive *archive);

G_END_DECLS
