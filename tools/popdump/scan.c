#include "scan.h"

#include "archive.h"
#include "head.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/archive/tar.h>
#include <mailbatch/base/file.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE (256 * 1024)

typedef struct {
    const PdScanVisitor *visitor;
    const PdScanOptions *options;
    PdScanResult *result;
    guint32 segment;
    MbTarParser *parser;
    MbDigest *content;
    MbDigest *plain;
    PdMember member;
    const char *problem; /* why the present member is not ours */
    bool wanted;
    GString *head;   /* of the present message, with `heads` */
    bool only_zeros; /* since the boundary */
    uint64_t position;
} Scan;

void pd_scan_result_clear(PdScanResult *result)
{
    g_clear_pointer(&result->damage, g_free);
}

static bool begin_member(Scan *scan, const MbTarEvent *event, GError **error)
{
    const PdScanVisitor *visitor = scan->visitor;

    pd_member_clear(&scan->member);
    scan->member = (PdMember){.segment = scan->segment};
    scan->problem = NULL;
    scan->wanted = false;
    g_string_truncate(scan->head, 0);
    if (!pd_member_from_tar(scan->parser, event, &scan->member, &scan->problem))
        return true;
    scan->problem = NULL;
    scan->wanted = visitor->data != NULL;
    return visitor->begin == NULL ||
           visitor->begin(visitor->user, &scan->member, &scan->wanted, error);
}

static bool end_member(Scan *scan, GError **error)
{
    const PdScanVisitor *visitor = scan->visitor;
    uint8_t sha256[MB_DIGEST_MAX];
    PdScanState state = PD_SCAN_WHOLE;

    mb_digest_finish(scan->content, sha256);
    if (scan->problem != NULL)
        state = PD_SCAN_FOREIGN;
    else if (memcmp(sha256, scan->member.sha256, MB_SHA256_LENGTH) != 0)
        state = PD_SCAN_CHANGED;
    else if (scan->options->heads)
        pd_head_read(scan->head->str, scan->head->len, &scan->member.sender, &scan->member.subject);
    return visitor->end == NULL ||
           visitor->end(visitor->user, &scan->member, state, scan->problem, error);
}

static bool take_event(Scan *scan, const MbTarEvent *event, GError **error)
{
    const PdScanVisitor *visitor = scan->visitor;

    switch (event->kind) {
    case MB_TAR_MEMBER: return begin_member(scan, event, error);
    case MB_TAR_DATA:
        mb_digest_update(scan->content, event->bytes, event->length);
        if (scan->options->heads && scan->head->len < PD_HEAD_MAX)
            g_string_append_len(scan->head, event->bytes,
                                (gssize)MIN(event->length, PD_HEAD_MAX - scan->head->len));
        return !scan->wanted || visitor->data(visitor->user, event->bytes, event->length, error);
    case MB_TAR_MEMBER_END: return end_member(scan, error);
    case MB_TAR_END: scan->result->ended = true; return true;
    }
    return true;
}

static bool is_zero(const char *bytes, size_t length)
{
    return length == 0 || (bytes[0] == '\0' && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* What of the chunk stands behind the boundary decides whether the tail is zeros alone. */
static void note_tail(Scan *scan, const char *bytes, size_t length)
{
    uint64_t boundary = mb_tar_parser_boundary(scan->parser);
    uint64_t begin = scan->position;
    uint64_t end = begin + length;

    if (boundary >= end) {
        scan->only_zeros = true;
        return;
    }
    if (boundary >= begin) {
        bytes += boundary - begin;
        length = (size_t)(end - boundary);
        scan->only_zeros = true;
    }
    scan->only_zeros = scan->only_zeros && is_zero(bytes, length);
}

static void set_damage(Scan *scan, const GError *reason)
{
    if (scan->result->damage == NULL)
        scan->result->damage = g_strdup(reason->message);
}

static bool take_chunk(Scan *scan, const char *bytes, size_t length, GError **error)
{
    g_autoptr(GError) reason = NULL;
    MbTarEvent event;
    MbNext next = MB_END;

    if (scan->plain != NULL)
        mb_digest_update(scan->plain, bytes, length);
    if (scan->result->damage == NULL) {
        mb_tar_parser_push(scan->parser, bytes, length);
        while ((next = mb_tar_parser_next(scan->parser, &event, &reason)) == MB_NEXT) {
            if (!take_event(scan, &event, error))
                return false;
        }
    }
    if (next == MB_FAILED)
        set_damage(scan, reason);
    note_tail(scan, bytes, length);
    scan->position += length;
    return true;
}

static bool scan_plain(Scan *scan, int descriptor, const char *path, GError **error)
{
    g_autofree char *chunk = g_malloc(CHUNK_SIZE);
    uint64_t until = scan->options->until != 0 ? scan->options->until : G_MAXUINT64;

    while (scan->position < until) {
        size_t wanted = (size_t)MIN(until - scan->position, CHUNK_SIZE);
        ssize_t got = pread(descriptor, chunk, wanted, (off_t)scan->position);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mb_file_set_error(error, path, "cannot read", errno);
            return false;
        }
        if (got == 0)
            return true;
        if (!take_chunk(scan, chunk, (size_t)got, error))
            return false;
    }
    return true;
}

/* The plain bytes before `from` are unpacked and passed over. */
static bool scan_packed(Scan *scan, int descriptor, const char *path, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(MbArchive) reader = mb_archive_open_unpacked(descriptor, path, &reason);
    uint64_t until = scan->options->until != 0 ? scan->options->until : G_MAXUINT64;
    uint64_t at = 0;
    MbArchiveEntry entry;
    const void *bytes;
    size_t length;
    MbNext next = MB_FAILED;

    if (reader != NULL)
        next = mb_archive_next_entry(reader, &entry, &reason);
    while (next == MB_NEXT && at < until &&
           (next = mb_archive_read(reader, &bytes, &length, &reason)) == MB_NEXT) {
        size_t skip = (size_t)MIN(length, scan->options->from - MIN(at, scan->options->from));

        length = (size_t)MIN(length, until - at);
        at += length;
        if (length > skip && !take_chunk(scan, (const char *)bytes + skip, length - skip, error))
            return false;
    }
    if (next == MB_FAILED && !g_error_matches(reason, MB_ARCHIVE_ERROR, MB_ERROR_DATA)) {
        g_propagate_error(error, g_steal_pointer(&reason));
        return false;
    }
    if (next == MB_FAILED)
        set_damage(scan, reason);
    return true;
}

static void finish(Scan *scan)
{
    PdScanResult *result = scan->result;

    result->boundary = mb_tar_parser_boundary(scan->parser);
    result->length = scan->position;
    result->zero_tail = scan->only_zeros && result->length > result->boundary;
    if (scan->plain != NULL)
        mb_digest_finish(scan->plain, result->sha256);
    if (result->damage == NULL && !mb_tar_parser_is_whole(scan->parser))
        result->damage = g_strdup_printf(
            "truncated: it ends within a member, at offset %" G_GUINT64_FORMAT, result->length);
}

bool pd_scan(const char *path, guint32 segment, const PdScanOptions *options,
             const PdScanVisitor *visitor, PdScanResult *result, GError **error)
{
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(options->from);
    g_autoptr(MbDigest) content = mb_digest_new(MB_DIGEST_SHA256);
    g_autoptr(GString) head = g_string_new(NULL);
    g_autoptr(MbDigest) plain = options->digest ? mb_digest_new(MB_DIGEST_SHA256) : NULL;
    Scan scan = {
        .visitor = visitor,
        .options = options,
        .result = result,
        .segment = segment,
        .parser = parser,
        .content = content,
        .head = head,
        .plain = plain,
        .position = options->from,
    };
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool done;

    *result = (PdScanResult){0};
    if (descriptor < 0) {
        mb_file_set_error(error, path, "cannot read", errno);
        return false;
    }
    if (options->cold)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    done = g_str_has_suffix(path, ".tar") ? scan_plain(&scan, descriptor, path, error)
                                          : scan_packed(&scan, descriptor, path, error);
    close(descriptor);
    finish(&scan);
    pd_member_clear(&scan.member);
    if (!done)
        pd_scan_result_clear(result);
    return done;
}
