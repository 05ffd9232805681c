/* Closing a segment: manifest, end blocks, rename; then compression with read-back, the seal's
 * line, SHA256SUMS. */
#include "archive-private.h"

#include "manifest.h"
#include "scan.h"
#include "sums.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/archive/compress.h>
#include <mailbatch/archive/write.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME_SIZE (4 << 20) /* octets of plain tar after which zstd begins another frame */

/* ---- manifest ---- */

typedef struct {
    GString *text;
    uint64_t messages;
    GArray *cuts; /* uint64_t */
    uint64_t last_cut;
} Manifest;

static bool add_line(void *user, const PdRow *row, GError **error)
{
    Manifest *manifest = user;

    (void)error;
    pd_manifest_append(manifest->text, &row->member);
    manifest->messages++;
    if (row->member.offset >= manifest->last_cut + FRAME_SIZE) {
        manifest->last_cut = row->member.offset;
        g_array_append_val(manifest->cuts, manifest->last_cut);
    }
    return true;
}

static bool make_manifest(PdArchive *archive, guint32 number, Manifest *manifest, GError **error)
{
    *manifest = (Manifest){g_string_new(NULL), 0, g_array_new(FALSE, FALSE, sizeof(uint64_t)), 0};
    return pd_catalog_each(archive->catalog, number, add_line, manifest, error);
}

static void clear_manifest(Manifest *manifest)
{
    g_string_free(manifest->text, TRUE);
    g_array_unref(manifest->cuts);
}

static bool write_manifest(PdArchive *archive, guint32 number, const Manifest *manifest,
                           GError **error)
{
    g_autofree char *name = pd_layout_manifest(number);
    g_autofree char *path = g_build_filename(archive->path, name, NULL);

    return mb_file_replace(path, manifest->text->str, manifest->text->len, 0400, error);
}

bool pd_seal_write_manifest(PdArchive *archive, guint32 number, GError **error)
{
    Manifest manifest;
    bool good = make_manifest(archive, number, &manifest, error) &&
                write_manifest(archive, number, &manifest, error);

    clear_manifest(&manifest);
    return good;
}

/* ---- closing ---- */

static bool sync_folders(PdArchive *archive, GError **error)
{
    g_autofree char *seg = g_build_filename(archive->path, "seg", NULL);
    g_autofree char *open_folder = g_build_filename(archive->path, "open", NULL);

    return mb_file_sync_folder(seg, error) && mb_file_sync_folder(open_folder, error);
}

static bool close_segment(PdArchive *archive, GError **error)
{
    g_autoptr(GString) end = g_string_new(NULL);
    guint32 number = pd_segment_number(archive->segment);
    g_autofree char *from = g_strdup(pd_segment_path(archive->segment));
    g_autofree char *name = pd_layout_sealed(number, "");
    g_autofree char *to = g_build_filename(archive->path, name, NULL);

    mb_tar_append_end(end);
    if (!pd_seal_write_manifest(archive, number, error) ||
        !pd_segment_append(archive->segment, end->str, end->len, error) ||
        !pd_segment_flush(archive->segment, error) || !pd_segment_sync(archive->segment, error))
        return false;
    g_clear_pointer(&archive->segment, pd_segment_free);
    if (rename(from, to) != 0) {
        mb_file_set_error(error, to, "cannot seal", errno);
        return false;
    }
    archive->segment_number = number + 1;
    archive->segment_length = 0;
    return sync_folders(archive, error) && pd_seal_finish(archive, number, error);
}

bool pd_archive_seal(PdArchive *archive, GError **error)
{
    if (!pd_archive_commit(archive, error))
        return false;
    if (archive->segment == NULL && archive->segment_length > 0)
        archive->segment =
            pd_segment_open(archive->path, archive->segment_number, archive->segment_length, error);
    else if (archive->segment == NULL || pd_segment_length(archive->segment) == 0)
        return true;
    return (archive->segment != NULL && close_segment(archive, error)) ||
           pd_archive_break(archive, error);
}

/* ---- compression ---- */

static MbCompress kind_of(PdCompress compress)
{
    return compress == PD_COMPRESS_ZSTD ? MB_COMPRESS_ZSTD
           : compress == PD_COMPRESS_XZ ? MB_COMPRESS_XZ
                                        : MB_COMPRESS_GZIP;
}

static bool digest_of(const char *path, guint32 number, bool cold, PdScanResult *result,
                      GError **error)
{
    PdScanVisitor visitor = {0};
    PdScanOptions options = {.digest = true, .cold = cold};

    return pd_scan(path, number, &options, &visitor, result, error);
}

static bool compress_into(PdArchive *archive, const char *plain, const char *packed,
                          Manifest *manifest, GError **error)
{
    bool framed = archive->compress == PD_COMPRESS_ZSTD;
    size_t cut_count = framed ? manifest->cuts->len : 0;
    const uint64_t *cuts = (const uint64_t *)(void *)manifest->cuts->data;
    g_autofree uint64_t *frames = g_new0(uint64_t, cut_count + 1);
    int in = open(plain, O_RDONLY | O_CLOEXEC);
    int out = open(packed, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0400);
    bool good = in >= 0 && out >= 0;

    if (!good)
        mb_file_set_error(error, in < 0 ? plain : packed, "cannot open", errno);
    good = good && mb_compress_file(kind_of(archive->compress), in, plain, out, packed, cuts,
                                    cut_count, frames, error);
    if (good && fsync(out) != 0) {
        mb_file_set_error(error, packed, "cannot make it durable", errno);
        good = false;
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (good && framed)
        pd_manifest_append_frames(manifest->text, cuts, frames, cut_count);
    return good;
}

static bool read_back(const char *packed, guint32 number, const PdScanResult *want, GError **error)
{
    g_auto(PdScanResult) got = {0};

    if (!digest_of(packed, number, true, &got, error))
        return false;
    if (got.damage == NULL && got.length == want->length &&
        memcmp(got.sha256, want->sha256, MB_SHA256_LENGTH) == 0)
        return true;
    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_IO,
                "%s: what was compressed does not read back as it was: the plain segment is kept",
                packed);
    return false;
}

/* The plain file becomes a compressed one; *path is replaced by its path. */
static bool pack(PdArchive *archive, guint32 number, char **path, Manifest *manifest,
                 const PdScanResult *want, GError **error)
{
    g_autofree char *name =
        pd_layout_sealed(number, mb_compress_suffix(kind_of(archive->compress)));
    g_autofree char *packed = g_build_filename(archive->path, name, NULL);
    g_autofree char *temporary = g_strconcat(packed, PD_TEMPORARY_SUFFIX, NULL);

    if (!compress_into(archive, *path, temporary, manifest, error) ||
        !read_back(temporary, number, want, error)) {
        unlink(temporary);
        return false;
    }
    /* The frames' index stands in the manifest. */
    if (archive->compress == PD_COMPRESS_ZSTD && !write_manifest(archive, number, manifest, error))
        return false;
    if (rename(temporary, packed) != 0) {
        mb_file_set_error(error, packed, "cannot rename", errno);
        return false;
    }
    if (!sync_folders(archive, error))
        return false;
    if (unlink(*path) != 0) {
        mb_file_set_error(error, *path, "cannot remove", errno);
        return false;
    }
    g_free(*path);
    *path = g_steal_pointer(&packed);
    return sync_folders(archive, error);
}

static bool enter_seal(PdArchive *archive, guint32 number, const Manifest *manifest,
                       const PdScanResult *result, GError **error)
{
    g_autofree char *digest = mb_text_hex(result->sha256, sizeof(result->sha256));
    uint8_t sha256[MB_SHA256_LENGTH];
    g_autofree char *manifest_digest = NULL;
    MbJson *json = pd_journal_begin(archive->journal, "seal");

    mb_sha256(manifest->text->str, manifest->text->len, sha256);
    manifest_digest = mb_text_hex(sha256, sizeof(sha256));
    mb_json_put_unsigned(json, "segment", number);
    mb_json_put_unsigned(json, "messages", manifest->messages);
    mb_json_put_unsigned(json, "length", result->boundary);
    mb_json_put_string(json, "sha256", digest);
    mb_json_put_string(json, "manifest_sha256", manifest_digest);
    return pd_archive_enter_line_durably(archive, error);
}

/* A manifest that stands was written when the segment was closed, and counts. An index of frames in
 * it belongs to a compressed file. */
static bool keep_manifest(PdArchive *archive, const PdSegmentFile *file, Manifest *manifest,
                          GError **error)
{
    g_autofree char *name = pd_layout_manifest(file->number);
    g_autofree char *path = g_build_filename(archive->path, name, NULL);
    g_autoptr(GBytes) bytes = NULL;
    const char *frames;

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return write_manifest(archive, file->number, manifest, error);
    bytes = mb_file_read(path, PD_MANIFEST_MAX, error);
    if (bytes == NULL)
        return false;
    g_string_truncate(manifest->text, 0);
    g_string_append_len(manifest->text, g_bytes_get_data(bytes, NULL),
                        (gssize)g_bytes_get_size(bytes));
    frames = pd_manifest_find_frames(manifest->text->str, manifest->text->len);
    if (frames == NULL || file->place == PD_PLACE_PACKED)
        return true;
    g_string_truncate(manifest->text, (gsize)(frames - manifest->text->str));
    return write_manifest(archive, file->number, manifest, error);
}

/* Read-only only now: a file that is still in open/ has to be written to by the next run. */
static bool protect(const PdSegmentFile *file, const char *path, GError **error)
{
    if (file->place != PD_PLACE_PLAIN || chmod(path, 0400) == 0)
        return true;
    mb_file_set_error(error, path, "cannot make it read-only", errno);
    return false;
}

bool pd_seal_finish(PdArchive *archive, guint32 number, GError **error)
{
    g_autoptr(GArray) files = pd_layout_segments(archive->path, error);
    const PdSegmentFile *file = files != NULL ? pd_layout_find(files, number) : NULL;
    g_auto(PdScanResult) result = {0};
    g_autofree char *path = NULL;
    Manifest manifest;
    bool good;

    if (files == NULL)
        return false;
    g_assert(file != NULL);
    path = g_build_filename(archive->path, file->name, NULL);
    if (!digest_of(path, number, false, &result, error))
        return false;
    good = make_manifest(archive, number, &manifest, error) && protect(file, path, error) &&
           keep_manifest(archive, file, &manifest, error);
    if (good && file->place == PD_PLACE_PLAIN && archive->compress != PD_COMPRESS_NONE)
        good = pack(archive, number, &path, &manifest, &result, error);
    /* The journal's line comes last: until it stands, the next run does all of this again. */
    good = good && pd_sums_write(archive->path, number, error) &&
           enter_seal(archive, number, &manifest, &result, error);
    clear_manifest(&manifest);
    return good;
}
