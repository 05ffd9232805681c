/* The open segment after a crash: whole messages are adopted, an incomplete last one is cut, damage
 * goes to damaged/. */
#include "archive-private.h"

#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SIZE  (256 * 1024)
#define RESYNCS_MAX 1000 /* places behind damage at which another member is looked for */

typedef struct {
    GArray *members;    /* PdMember: the whole ones */
    uint64_t first_bad; /* where damage begins; G_MAXUINT64: nowhere */
    uint64_t bad;
    bool zeros; /* nothing else stands behind the last whole member */
} Tail;

static bool sort_member(void *user, const PdMember *member, PdScanState state, const char *problem,
                        GError **error)
{
    Tail *tail = user;

    (void)problem;
    (void)error;
    if (state == PD_SCAN_WHOLE) {
        pd_members_add(tail->members, member);
    } else {
        tail->bad++;
        tail->first_bad = MIN(tail->first_bad, member->offset);
    }
    return true;
}

/* The next block at or behind `from` that is a header; G_MAXUINT64 when there is none. */
static uint64_t find_header(int descriptor, uint64_t from)
{
    g_autofree char *chunk = g_malloc(CHUNK_SIZE);

    for (;;) {
        ssize_t got = pread(descriptor, chunk, CHUNK_SIZE, (off_t)from);

        if (got < MB_TAR_BLOCK)
            return G_MAXUINT64;
        for (ssize_t at = 0; at + MB_TAR_BLOCK <= got; at += MB_TAR_BLOCK) {
            if (mb_tar_is_header(chunk + at))
                return from + (uint64_t)at;
        }
        from += (uint64_t)(got - got % MB_TAR_BLOCK);
    }
}

/* Reads from `committed` to the end, over damage. *boundary is where the last whole member before
 * any damage or cut ends. */
static bool read_tail(const char *path, int descriptor, guint32 number, uint64_t committed,
                      Tail *tail, uint64_t *boundary, GError **error)
{
    PdScanVisitor visitor = {.end = sort_member, .user = tail};
    /* Cold: pages that a failed fsync left marked clean are not what the disk holds. */
    PdScanOptions options = {.from = committed, .heads = true, .cold = true};

    *boundary = committed;
    if (fdatasync(descriptor) != 0) {
        mb_file_set_error(error, path, "cannot make it durable", errno);
        return false;
    }
    for (int i = 0; i < RESYNCS_MAX; i++) {
        g_auto(PdScanResult) result = {0};
        uint64_t next;

        if (!pd_scan(path, number, &options, &visitor, &result, error))
            return false;
        *boundary = MAX(*boundary, result.boundary);
        tail->zeros = result.zero_tail;
        if (result.damage == NULL && (!result.ended || result.zero_tail))
            return true;
        next = find_header(descriptor, result.boundary + MB_TAR_BLOCK);
        /* A header of the member that is cut is no other member's. */
        if (next == G_MAXUINT64 ||
            g_str_has_prefix(result.damage != NULL ? result.damage : "", "truncated"))
            return true;
        tail->bad++;
        tail->first_bad = MIN(tail->first_bad, result.boundary);
        options.from = next;
    }
    return true;
}

static bool copy_range(int from, const char *from_path, uint64_t begin, uint64_t end, int to,
                       const char *to_path, GError **error)
{
    g_autofree char *chunk = g_malloc(CHUNK_SIZE);

    while (begin < end) {
        ssize_t got = pread(from, chunk, (size_t)MIN(end - begin, CHUNK_SIZE), (off_t)begin);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            mb_file_set_error(error, from_path, "cannot read", got < 0 ? errno : EIO);
            return false;
        }
        if (!mb_file_write_all(to, chunk, (size_t)got)) {
            mb_file_set_error(error, to_path, "cannot write", errno);
            return false;
        }
        begin += (uint64_t)got;
    }
    return true;
}

static int create(const char *path, GError **error)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (descriptor < 0)
        mb_file_set_error(error, path, "cannot make", errno);
    return descriptor;
}

/* Closes; false with `error` when it cannot be made durable. */
static bool finish_file(int descriptor, const char *path, bool good, GError **error)
{
    if (good && fsync(descriptor) != 0) {
        mb_file_set_error(error, path, "cannot make it durable", errno);
        good = false;
    }
    close(descriptor);
    return good;
}

static bool save_damage(PdArchive *archive, guint32 number, int from, const char *from_path,
                        uint64_t begin, uint64_t end, GError **error)
{
    g_autofree char *folder = g_build_filename(archive->path, "damaged", NULL);
    g_autofree char *path =
        g_strdup_printf("%s/%06u-at-%" G_GUINT64_FORMAT ".tar", folder, number, begin);
    int to = create(path, error);

    if (to < 0)
        return false;
    return finish_file(to, path, copy_range(from, from_path, begin, end, to, path, error), error) &&
           mb_file_sync_folder(folder, error);
}

/* The segment without what is damaged in it: its whole members move together. A new file, renamed
 * over the old. */
static bool rewrite(PdArchive *archive, int from, const char *path, uint64_t keep, GArray *members,
                    uint64_t *end, GError **error)
{
    g_autofree char *folder = g_build_filename(archive->path, "open", NULL);
    g_autofree char *temporary = g_strconcat(path, PD_TEMPORARY_SUFFIX, NULL);
    int to = create(temporary, error);
    bool good = to >= 0 && copy_range(from, path, 0, keep, to, temporary, error);

    for (guint i = 0; good && i < members->len; i++) {
        PdMember *member = &g_array_index(members, PdMember, i);
        uint64_t shift = member->offset - keep;

        if (member->offset < keep)
            continue;
        good = copy_range(from, path, member->offset, member->end, to, temporary, error);
        member->offset -= shift;
        member->data -= shift;
        member->end -= shift;
        keep = member->end;
    }
    if (to < 0 || !finish_file(to, temporary, good, error))
        return false;
    if (rename(temporary, path) != 0) {
        mb_file_set_error(error, path, "cannot replace", errno);
        return false;
    }
    *end = keep;
    return mb_file_sync_folder(folder, error);
}

static bool mend(PdArchive *archive, guint32 number, int descriptor, const char *path,
                 uint64_t size, Tail *tail, uint64_t *boundary, GError **error)
{
    if (tail->bad > 0) {
        archive->recovery.damaged += tail->bad;
        pd_recover_note(archive,
                        "segment %06u: damaged from offset %" G_GUINT64_FORMAT
                        " on: a copy of that is in damaged/, its whole messages were kept",
                        number, tail->first_bad);
        return save_damage(archive, number, descriptor, path, tail->first_bad, size, error) &&
               rewrite(archive, descriptor, path, tail->first_bad, tail->members, boundary, error);
    }
    archive->recovery.cut += size - MIN(size, *boundary);
    if (size > *boundary && !tail->zeros)
        pd_recover_note(archive,
                        "segment %06u: an incomplete last message of %" G_GUINT64_FORMAT
                        " octets was cut off: it will be fetched again",
                        number, size - *boundary);
    if (ftruncate(descriptor, (off_t)*boundary) != 0 || fdatasync(descriptor) != 0) {
        mb_file_set_error(error, path, "cannot make it durable", errno);
        return false;
    }
    return true;
}

/* The catalog knows more than the file holds: what is whole up to the first damage stays, and what
 * follows is kept in damaged/. */
static bool recover_short(PdArchive *archive, guint32 number, int descriptor, const char *path,
                          uint64_t size, uint64_t *end, GError **error)
{
    PdScanVisitor visitor = {0};
    PdScanOptions options = {0};
    g_auto(PdScanResult) result = {0};

    if (!pd_scan(path, number, &options, &visitor, &result, error))
        return false;
    *end = result.boundary;
    if (size > *end && !result.zero_tail) {
        archive->recovery.damaged++;
        if (!save_damage(archive, number, descriptor, path, *end, size, error))
            return false;
    }
    if (ftruncate(descriptor, (off_t)*end) != 0 || fdatasync(descriptor) != 0) {
        mb_file_set_error(error, path, "cannot make it durable", errno);
        return false;
    }
    return pd_recover_lose(archive, number, result.boundary, error);
}

/* GNU tar refuses an empty file. */
static bool remove_empty(const char *path, GError **error)
{
    if (unlink(path) == 0)
        return true;
    mb_file_set_error(error, path, "cannot remove", errno);
    return false;
}

bool pd_recover_open_segment(PdArchive *archive, guint32 number, uint64_t committed, uint64_t *end,
                             GError **error)
{
    g_autofree char *name = pd_layout_open(number);
    g_autofree char *path = g_build_filename(archive->path, name, NULL);
    g_autoptr(GArray) members = pd_members_new();
    Tail tail = {.members = members, .first_bad = G_MAXUINT64};
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    uint64_t size;
    bool good;

    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        mb_file_set_error(error, path, "cannot open", errno);
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    size = (uint64_t)status.st_size;
    *end = committed;
    good = true;
    if (size < committed) {
        good = recover_short(archive, number, descriptor, path, size, end, error);
    } else if (size > committed) {
        good = read_tail(path, descriptor, number, committed, &tail, end, error) &&
               mend(archive, number, descriptor, path, size, &tail, end, error) &&
               pd_recover_adopt(archive, number, members, *end, error);
    }
    close(descriptor);
    return good && (*end > 0 || remove_empty(path, error));
}
