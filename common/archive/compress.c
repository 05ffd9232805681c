#include "internal.h"

#include <archive_entry.h>
#include <errno.h>
#include <mailbatch/archive/compress.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE (256 * 1024)

typedef struct {
    int descriptor;
    const char *name;
    uint64_t written;
    int failed; /* errno of a write */
} Output;

const char *mb_compress_suffix(MbCompress kind)
{
    switch (kind) {
    case MB_COMPRESS_GZIP: return ".gz";
    case MB_COMPRESS_ZSTD: return ".zst";
    case MB_COMPRESS_XZ: return ".xz";
    }
    return "";
}

static la_ssize_t on_write(struct archive *archive, void *user, const void *bytes, size_t length)
{
    Output *output = user;

    if (!mb_file_write_all(output->descriptor, bytes, length)) {
        output->failed = errno;
        archive_set_error(archive, errno, "%s", g_strerror(errno));
        return -1;
    }
    output->written += length;
    return (la_ssize_t)length;
}

static int add_filter(struct archive *archive, MbCompress kind)
{
    switch (kind) {
    case MB_COMPRESS_GZIP:
        archive_write_add_filter_gzip(archive);
        return archive_write_set_filter_option(archive, "gzip", "timestamp", NULL);
    case MB_COMPRESS_ZSTD: return archive_write_add_filter_zstd(archive);
    case MB_COMPRESS_XZ: return archive_write_add_filter_xz(archive);
    }
    return ARCHIVE_FATAL;
}

static struct archive *begin_frame(MbCompress kind, Output *output)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    bool begun;

    archive_entry_set_filetype(entry, AE_IFREG);
    begun = archive_write_set_format_raw(archive) == ARCHIVE_OK &&
            add_filter(archive, kind) == ARCHIVE_OK &&
            archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK &&
            archive_write_open2(archive, output, NULL, on_write, NULL, NULL) == ARCHIVE_OK &&
            archive_write_header(archive, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    (void)begun; /* a failure shows at the first write, with libarchive's words */
    return archive;
}

static bool write_failed(struct archive *archive, const Output *output, GError **error)
{
    const char *text = archive_error_string(archive);

    if (output->failed != 0)
        mb_file_set_error(error, output->name, "cannot write", output->failed);
    else
        g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_IO, "%s: cannot compress: %s", output->name,
                    text != NULL ? text : "no reason given");
    return false;
}

static bool end_frame(struct archive *archive, const Output *output, GError **error)
{
    bool closed =
        archive_write_close(archive) == ARCHIVE_OK || write_failed(archive, output, error);

    archive_write_free(archive);
    return closed;
}

typedef struct {
    MbCompress kind;
    int in;
    const char *in_name;
    uint64_t position;
    char *chunk;
} Input;

/* From the input's position up to `until`, or to its end. *got_all is false at the end of the file.
 */
static bool copy_frame(Input *input, uint64_t until, struct archive *archive, Output *output,
                       bool *at_end, GError **error)
{
    while (input->position < until) {
        size_t wanted = (size_t)MIN(until - input->position, CHUNK_SIZE);
        ssize_t got = pread(input->in, input->chunk, wanted, (off_t)input->position);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mb_file_set_error(error, input->in_name, "cannot read", errno);
            return false;
        }
        if (got == 0) {
            *at_end = true;
            return true;
        }
        if (archive_write_data(archive, input->chunk, (size_t)got) != got)
            return write_failed(archive, output, error);
        input->position += (uint64_t)got;
    }
    return true;
}

bool mb_compress_file(MbCompress kind, int in, const char *in_name, int out, const char *out_name,
                      const uint64_t *cuts, size_t cut_count, uint64_t *frames, GError **error)
{
    g_autofree char *chunk = g_malloc(CHUNK_SIZE);
    Input input = {kind, in, in_name, 0, chunk};
    Output output = {.descriptor = out, .name = out_name};
    bool at_end = false;
    bool done = true;

    for (size_t i = 0; i <= cut_count && done; i++) {
        struct archive *archive = begin_frame(kind, &output);

        done = copy_frame(&input, i < cut_count ? cuts[i] : G_MAXUINT64, archive, &output, &at_end,
                          error);
        done = end_frame(archive, &output, done ? error : NULL) && done;
        if (i < cut_count)
            frames[i] = output.written;
    }
    return done;
}
