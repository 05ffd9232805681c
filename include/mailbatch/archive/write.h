/*
 * Members of a pax tar, as bytes (POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended
 * Header").
 *
 * The same member gives the same bytes, wherever and whenever: uid and gid 0, no names, mode 0600.
 * The caller writes what comes out and so knows every offset. Costs well under a microsecond a
 * member; libarchive's writer takes 9.
 *
 *   mb_tar_append_header(out, &member, &error);    pax record where needed, then the ustar block
 *   … member.size octets of content …
 *   mb_tar_append_padding(out, member.size);       to the next 512
 *   mb_tar_append_end(out);                        once, at the very end
 */
#pragma once

#include <glib.h>
#include <mailbatch/archive/read.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_TAR_BLOCK 512

/* Becomes the pax keyword `SCHILY.xattr.NAME`, which neither GNU tar nor bsdtar warns about. The
 * value may be any octets; it stands percent-encoded: graphic ASCII but `%` as it is, all else
 * `%XX`. */
typedef struct {
    const char *name; /* "user.mailbatch.uidl" */
    const void *value;
    size_t length;
} MbTarAttribute;

typedef struct {
    const char *path; /* relative, no NUL; over 100 octets it moves into the pax record */
    uint64_t size;    /* octets of content; over 8 GiB − 1 it moves into the pax record */
    int64_t mtime;    /* seconds since 1970; negative or beyond 2242 it moves into the pax record */
    const MbTarAttribute *attributes;
    size_t attribute_count;
} MbTarMember;

/* Appends the member's header blocks. MB_ERROR_DATA for an empty path. */
bool mb_tar_append_header(GString *out, const MbTarMember *member, GError **error);

/* The octets that fill up the last block of `size` octets of content: 0 to 511. */
size_t mb_tar_padding(uint64_t size);
void mb_tar_append_padding(GString *out, uint64_t size);

/* The two zero blocks. */
void mb_tar_append_end(GString *out);

G_END_DECLS
