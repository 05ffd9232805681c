/*
 * An archived message: what its tar member says of it, and where that stands.
 */
#pragma once

#include <glib.h>
#include <mailbatch/archive/tar.h>
#include <mailbatch/base/digest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define PD_MEMBER_PATH_MAX 64
#define PD_TIME_MAX        G_GINT64_CONSTANT(253402300799) /* 9999-12-31: a path has four digits */

typedef struct {
    uint64_t sequence; /* from 1, over all segments */
    uint8_t sha256[MB_SHA256_LENGTH];
    uint64_t size;          /* octets */
    int64_t mtime;          /* Received, else Date, else 0 */
    char *uidl;             /* NULL: none */
    char *sender, *subject; /* From and Subject as they stand (head.h); NULL: none, or not read */
    bool uidl_repeated;
    bool has_server_size;
    uint64_t server_size;
    unsigned oddities; /* MbPop3Oddity flags */
    guint32 segment;
    uint64_t offset; /* of the first header block, in the plain tar */
    uint64_t data;   /* of the content */
    uint64_t end;    /* of the padding */
} PdMember;

void pd_member_clear(PdMember *member);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PdMember, pd_member_clear)

/* An array of members that owns their strings, and a copy put into it. */
GArray *pd_members_new(void);
void pd_members_add(GArray *members, const PdMember *member);

/* "msgs/2026/11/000000042-0123456789abcdef.eml" */
void pd_member_path(const PdMember *member, char path[PD_MEMBER_PATH_MAX]);

/* Appends the member's tar header. */
bool pd_member_append_header(GString *out, const PdMember *member, GError **error);

/* What a MB_TAR_MEMBER event of `parser` says; false when it is not one of ours, *problem (static)
 * says why. `member` is to be clear before, and is the caller's after; its segment is left alone.
 */
bool pd_member_from_tar(const MbTarParser *parser, const MbTarEvent *event, PdMember *member,
                        const char **problem);

/* "nul", "bare-cr", …; NULL beyond the last. As in the oddities attribute, joined by commas. */
const char *pd_oddity_name(unsigned bit);

G_END_DECLS
