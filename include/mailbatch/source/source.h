/*
 * Messages out of anything that holds some: a message file (eml), mbox of every dialect, Maildir,
 * an archive (tar, zip, 7z …, compressed or not), popdump's ARCHIVE, a folder of these, a stream;
 * one in another. What a thing is, is told by its content, never by its name. Folders are walked in
 * the order of their names' bytes, a Maildir's cur/ before its new/.
 *
 *     source = mb_source_open(path, NULL, &error);
 *     while ((next = mb_source_next(source, &item, &error)) != MB_END)
 *         if (next == MB_FAILED)  -- an item that cannot be read: say so, clear `error`, go on
 *         else if (item->bytes != NULL)  …
 *         else  while (mb_source_read(source, &bytes, &length))  …
 *
 * Every byte is in one item: an mbox's items follow each other without a gap, From_ lines and the
 * empty lines between messages are an item's framing. Files are read in large windows, not mapped.
 * A zip is read by its directory where it can be sought; an entry that is not in it is told as
 * MB_FAILED. A file that changes while it is read gives what was read. One thread at a time; what
 * it hands out may go to others (mb_source_hold()).
 *
 * mbox: a line "From …" begins a message when it has the form of a From_ line and a header follows
 * it, or when it is at least near to one and stands behind an empty line (a bare "From " counts); a
 * Content-Length that leads exactly to the next From_ line or the end is believed, any other is
 * not, nor one in a header longer than `buffer_max`. No message is lost, none counted twice,
 * whatever Content-Length says. Where it leads further than a buffer reaches, a file is looked into
 * there; of a stream that cannot be sought what lies between is kept in a temporary file, up to the
 * budget's bytes; when that file cannot be written, lines alone decide, and that is told as
 * MB_FAILED.
 *
 * Errors (MB_SOURCE_ERROR): MB_ERROR_NO_INPUT, MB_ERROR_IO, MB_ERROR_DATA; the message names the
 * item's address.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/source/locator.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_SOURCE_ERROR (mb_source_error_quark())
GQuark mb_source_error_quark(void);

typedef enum {
    MB_ITEM_EML,     /* the file, entry or stream is the message */
    MB_ITEM_MBOX,    /* one of an mbox's messages */
    MB_ITEM_MAILDIR, /* a file of a Maildir */
} MbItemKind;

/* How a line that begins with "From " is written inside a message. */
typedef enum {
    MB_MBOX_RD,  /* any ">…From " has one ">" more than the text (also without Content-Length: the
                    default) */
    MB_MBOX_O,   /* "From " alone became ">From " */
    MB_MBOX_CL,  /* as MB_MBOX_O, and Content-Length is right */
    MB_MBOX_CL2, /* as it is: Content-Length tells where the message ends */
} MbMboxDialect;

const char *
mb_mbox_dialect_name(MbMboxDialect dialect); /* "mboxrd", "mboxo", "mboxcl", "mboxcl2" */
bool mb_mbox_dialect_from_name(const char *name, MbMboxDialect *dialect);

/* All borrowed from the source until its next call of mb_source_next(). */
typedef struct {
    MbItemKind kind;
    const MbLocator *locator; /* where it is: path, containers, index */
    uint64_t offset;          /* of the item in the innermost container (file or entry) */
    uint64_t
        length; /* bytes with framing; of a streamed item known when mb_source_read() said false */
    const uint8_t *bytes; /* all of it, framing too; NULL: too long for a buffer, read it by
                             mb_source_read() */
    uint64_t head; /* framing at its start: the From_ line, blank lines or a mark before it */
    uint64_t tail; /* framing at its end: the empty line before the next From_ line; as `length` */
    MbMboxDialect dialect; /* as `length` */
    bool from_inside; /* a From_ line inside was passed over, because Content-Length says so; as
                         `length` */
    bool is_cut;      /* the container ended or broke within it; the next call says why */
    bool is_mail;     /* its first lines look like a message's */
    bool is_direct;   /* named by the user, not found in a folder or archive */
} MbItem;

typedef struct {
    MbBudget
        *budget; /* depth, items, bytes and ratio of all that unfolds; NULL: mb_limits_default */
    size_t buffer_max; /* longer items are streamed (0: 64 MiB; at least 64 KiB) */
    bool force_mbox;   /* what is no archive is an mbox of `dialect` */
    MbMboxDialect dialect;
    const volatile sig_atomic_t *stop; /* borrowed, may be NULL: when a signal handler has set it, a
                                          read that waits ends as if the stream did */
} MbSourceOptions;

typedef struct MbSource MbSource;

/* `path` is a file, a folder, "-" for standard input, or an address as mb_locator_append() writes
 * it (when no file of that name exists): then only what it names is handed out. Nothing is read yet
 * but what tells that it is there; `options` may be NULL and is copied. NULL with `error` when
 * there is no such file, or it is a device. */
MbSource *mb_source_open(const char *path, const MbSourceOptions *options, GError **error);

/* From a descriptor, which stays the caller's; `name` stands as the path. */
MbSource *mb_source_open_descriptor(int descriptor, const char *name,
                                    const MbSourceOptions *options, GError **error);

void mb_source_free(MbSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbSource, mb_source_free)

/* The part that the address named ("1.2.1"), or NULL. */
const char *mb_source_part(const MbSource *source);

/* The next item. MB_FAILED: something could not be read, `error` says what; the call after it goes
 * on behind it. What is left of a streamed item is skipped. */
MbNext mb_source_next(MbSource *source, const MbItem **item, GError **error);

/* The next piece of a streamed item: its bytes between head and tail framing. False at its end: the
 * item's length, tail and is_cut are known now. */
bool mb_source_read(MbSource *source, const uint8_t **bytes, size_t *length);

/* The present item's bytes kept for as long as the reference lives, for another thread too; no
 * copy. Only for items with `bytes`. The memory goes with the last reference of the same window. */
GBytes *mb_source_hold(MbSource *source);

/* Bytes read so far from files and streams named by the user or found in folders: for progress and
 * accounting. */
uint64_t mb_source_bytes_in(const MbSource *source);

/* The bytes of all files that are to be read, where that is known beforehand (one regular file);
 * else 0. */
uint64_t mb_source_bytes_total(const MbSource *source);

/* False when nothing in these bytes is a quoted From_ line, whatever stands before them. */
bool mb_mbox_may_be_quoted(const void *bytes, size_t length);

/* Takes the quoting of From_ lines away, chunk by chunk. Caller's storage; all zero is a new one.
 */
typedef struct {
    uint8_t state;
    uint32_t held;
} MbMboxUnquoter;

/* Writes at most `length` + 64 bytes to `out`; returns how many. */
size_t mb_mbox_unquote(MbMboxUnquoter *unquoter, MbMboxDialect dialect, const void *bytes,
                       size_t length, void *out);
size_t mb_mbox_unquote_finish(MbMboxUnquoter *unquoter, void *out);

G_END_DECLS
