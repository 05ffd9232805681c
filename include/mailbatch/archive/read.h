/*
 * Entries out of any archive: tar (ustar, pax, GNU), zip, 7z, rar, cab, lha, cpio, ar, xar, iso,
 * each also inside gzip, bzip2, xz, lzma, lzip, zstd, lz4 or compress; and a file that is only
 * compressed (`inbox.mbox.gz`), which is an archive of one entry. By libarchive; nothing is ever
 * unpacked to a disk, and no program is started.
 *
 *   reader = mb_archive_open_path("mail.tar.gz", &budget, &error);
 *   while ((next = mb_archive_next_entry(reader, &entry, &error)) == MB_NEXT)
 *       while ((more = mb_archive_read(reader, &bytes, &length, &error)) == MB_NEXT)
 *           …
 *
 * Damage is an error at the place where it is met: every entry and chunk that was handed out before
 * stands. The message says `truncated` where the input ended too early and `damaged` where it makes
 * no sense, `encrypted` where it takes a password; all are MB_ERROR_DATA. An entry that cannot be
 * read (encrypted, its checksum wrong) fails in mb_archive_read(), and mb_archive_next_entry() may
 * then still find the next one; mb_archive_is_over() tells whether it can.
 *
 * A zip or 7z that comes through a pipe or a callback without `seek`: zip is read by its local
 * headers, 7z cannot be read at all (MB_ERROR_DATA, and the message says so).
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_ARCHIVE_ERROR (mb_archive_error_quark())
GQuark mb_archive_error_quark(void);

typedef struct MbArchive MbArchive;

typedef enum {
    MB_ENTRY_FILE,
    MB_ENTRY_FOLDER,
    MB_ENTRY_LINK,  /* hard or symbolic: `link` says to what; it has no content */
    MB_ENTRY_OTHER, /* a device, a socket, a pipe */
} MbEntryKind;

typedef struct {
    const char *path;   /* the raw bytes of the name: any charset, `..` and a leading `/` as they
                         * stand; never   empty; of a file that is only compressed: the name it was
                         * opened by without the   compressor's suffix, else "data" */
    size_t path_length; /* octets; there is no NUL within */
    MbEntryKind kind;
    const char *link; /* MB_ENTRY_LINK, else NULL */
    bool has_size;    /* zip through a pipe and compressed files do not say */
    uint64_t size;    /* octets, as the archive says */
    bool has_mtime;
    int64_t mtime;  /* seconds since 1970 */
    bool encrypted; /* cannot be read */
} MbArchiveEntry;   /* strings are borrowed until the next call that takes the reader */

/* An owner's stream. `read` points *bytes at what comes next (borrowed until its next call) and
 * returns the count; 0 at the end, -1 with `error` set. `seek` (may be NULL) goes to an offset from
 * the start and returns false when it cannot; `length` is what it may go to (ignored without seek).
 */
typedef struct {
    gssize (*read)(void *user, const void **bytes, GError **error);
    bool (*seek)(void *user, uint64_t offset);
    uint64_t length;
    void *user;
} MbArchiveStream;

/* Opening reads the first blocks. MB_ERROR_NO_INPUT when it cannot be opened, MB_ERROR_DATA (`not
 * an archive`) when no format fits. `name` (of the calls that take one) stands in messages and is
 * copied. `budget` is borrowed for the reader's life: entries are taken from its items, content
 * from its bytes and ratio; the reader does not enter or leave its depth. NULL: no limits. A limit
 * that is hit ends the iteration like an end (MB_END) and is noted in the budget. */
MbArchive *mb_archive_open_path(const char *path, MbBudget *budget, GError **error);

/* From the descriptor's present offset on; it stays the caller's and must stay open. */
MbArchive *mb_archive_open_descriptor(int descriptor, const char *name, MbBudget *budget,
                                      GError **error);

/* A reference to `bytes` is kept. */
MbArchive *mb_archive_open_bytes(GBytes *bytes, const char *name, MbBudget *budget, GError **error);

/* `stream` is copied; its `user` must outlive the reader. */
MbArchive *mb_archive_open_stream(const MbArchiveStream *stream, const char *name, MbBudget *budget,
                                  GError **error);

/* Reads a file that may be compressed (by what stands in it) as plain bytes: an archive of one
 * entry with the format "raw", also when those bytes are a tar. mb_archive_next_entry() first, then
 * mb_archive_read(). An empty file has no entry. From the descriptor's start. A plain file comes as
 * it is. */
MbArchive *mb_archive_open_unpacked(int descriptor, const char *name, GError **error);

void mb_archive_free(MbArchive *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbArchive, mb_archive_free)

/* The next entry; what was not read of the one before is skipped. `entry` is untouched but for
 * MB_NEXT. */
MbNext mb_archive_next_entry(MbArchive *reader, MbArchiveEntry *entry, GError **error);

/* The next chunk of the entry's content, 1 octet at least; holes of sparse files read as zeros.
 * MB_END at its end. The chunk is borrowed until the next call. After MB_FAILED the entry is over.
 */
MbNext mb_archive_read(MbArchive *reader, const void **bytes, size_t *length, GError **error);

/* After MB_FAILED: whether nothing can follow, so that asking for the next entry is pointless. */
bool mb_archive_is_over(const MbArchive *reader);

/* A pax attribute of the present entry (`SCHILY.xattr.user.mailbatch.uidl` is asked for as
 * "user.mailbatch.uidl"): its raw value, borrowed until the next entry, or NULL. */
const void *mb_archive_attribute(MbArchive *reader, const char *name, size_t *length);

/* "tar", "zip", "7z", … or "raw" for a file that is only compressed; "" before the first entry. */
const char *mb_archive_format(const MbArchive *reader);

/* Whether a file that begins with these bytes is an archive or compressed, by what stands there and
 * never by its name: 512 bytes decide (32 KiB + 6 for iso images). Mail, mbox and other text never
 * are. */
bool mb_archive_looks_like(const void *bytes, size_t length);

/* Whether an archive that begins with these bytes can be read only by going back and forth: 7z. */
bool mb_archive_needs_seeking(const void *bytes, size_t length);

G_END_DECLS
