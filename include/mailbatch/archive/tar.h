/*
 * A tar as it is fed, with the exact place of everything: for reading back what write.h made, for
 * recovery after a crash, and wherever libarchive's view (no offsets, nothing of a torn end) is too
 * coarse. Does no I/O.
 *
 *   mb_tar_parser_push(parser, bytes, length);
 *   while ((next = mb_tar_parser_next(parser, &event, &error)) == MB_NEXT)
 *       …
 *
 * Understands ustar and pax (path, size, mtime, SCHILY.xattr); GNU's own types are members of
 * another kind. A block whose checksum is wrong, a pax record that makes no sense: MB_FAILED with
 * MB_ERROR_DATA, the offset in the message, and the parser stays there.
 */
#pragma once

#include <glib.h>
#include <mailbatch/archive/read.h>
#include <mailbatch/archive/write.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_TAR_PAX_MAX (1024 * 1024) /* octets of one pax record block */

typedef struct MbTarParser MbTarParser;

typedef enum {
    MB_TAR_MEMBER,     /* its headers are whole */
    MB_TAR_DATA,       /* a chunk of its content */
    MB_TAR_MEMBER_END, /* content and padding are whole; `end` is where the next member begins */
    MB_TAR_END,        /* two zero blocks; what follows them is ignored */
} MbTarEventKind;

typedef struct {
    MbTarEventKind kind;
    MbEntryKind entry; /* MEMBER: what it is */
    const char *path;  /* MEMBER, MEMBER_END: borrowed until the next member */
    uint64_t size;     /* octets of content */
    int64_t mtime;     /* seconds since 1970 */
    uint64_t offset;   /* where its first header block begins; END: where the zero blocks begin */
    uint64_t data;     /* where its content begins */
    uint64_t end;      /* where its padding ends */
    const void *bytes; /* DATA: borrowed from the input pushed */
    size_t length;
} MbTarEvent;

/* `base` is the offset of the first byte that will be pushed. */
MbTarParser *mb_tar_parser_new(uint64_t base);
void mb_tar_parser_free(MbTarParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbTarParser, mb_tar_parser_free)

/* The next input; it must stay valid until mb_tar_parser_next() has returned MB_END, and only then
 * may more be pushed. */
void mb_tar_parser_push(MbTarParser *parser, const void *bytes, size_t length);

/* MB_NEXT with an event; MB_END: more input is needed (or nothing comes after MB_TAR_END);
 * MB_FAILED: damaged. */
MbNext mb_tar_parser_next(MbTarParser *parser, MbTarEvent *event, GError **error);

/* An attribute of the present member, percent-decoded; borrowed until the next member,
 * NUL-terminated. NULL: it has none. */
const char *mb_tar_parser_attribute(const MbTarParser *parser, const char *name, size_t *length);

/* Where the last whole member ends: a torn tail begins here. */
uint64_t mb_tar_parser_boundary(const MbTarParser *parser);

/* Whether the input may end here: between members, or after the end blocks. */
bool mb_tar_parser_is_whole(const MbTarParser *parser);

/* Whether these MB_TAR_BLOCK octets are a header block: magic and checksum. To find the next member
 * behind damage. */
bool mb_tar_is_header(const void *block);

G_END_DECLS
