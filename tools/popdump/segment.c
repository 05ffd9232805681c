#include "segment.h"

#include "archive.h"
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (1024 * 1024)

struct PdSegment {
    guint32 number;
    char *folder;
    char *path;
    int descriptor;
    uint64_t written;
    uint64_t member_end; /* of the last complete one, handed over or not */
    uint64_t whole;      /* up to here the file holds whole members */
    GString *buffer;
    bool new_name; /* the folder is still to be synced */
};

static bool failed(const PdSegment *segment, const char *what, GError **error)
{
    mb_file_set_error(error, segment->path, what, errno);
    return false;
}

static bool open_file(PdSegment *segment, GError **error)
{
    segment->descriptor = open(segment->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return segment->descriptor >= 0 || failed(segment, "cannot open", error);
}

PdSegment *pd_segment_open(const char *root, guint32 number, uint64_t length, GError **error)
{
    g_autoptr(PdSegment) segment = g_new0(PdSegment, 1);
    g_autofree char *name = pd_layout_open(number);
    struct stat status;

    segment->number = number;
    segment->folder = g_build_filename(root, "open", NULL);
    segment->path = g_build_filename(root, name, NULL);
    segment->buffer = g_string_sized_new(BUFFER_SIZE);
    segment->new_name = lstat(segment->path, &status) != 0;
    segment->descriptor = -1;
    if (segment->new_name && length == 0)
        return g_steal_pointer(&segment);
    if (!open_file(segment, error))
        return NULL;
    if (ftruncate(segment->descriptor, (off_t)length) != 0 ||
        lseek(segment->descriptor, (off_t)length, SEEK_SET) < 0)
        failed(segment, "cannot cut to its last whole message", error);
    else {
        segment->written = segment->member_end = segment->whole = length;
        return g_steal_pointer(&segment);
    }
    return NULL;
}

void pd_segment_free(PdSegment *segment)
{
    if (segment == NULL)
        return;
    if (segment->descriptor >= 0)
        close(segment->descriptor);
    g_string_free(segment->buffer, TRUE);
    g_free(segment->folder);
    g_free(segment->path);
    g_free(segment);
}

guint32 pd_segment_number(const PdSegment *segment)
{
    return segment->number;
}

uint64_t pd_segment_length(const PdSegment *segment)
{
    return segment->written + segment->buffer->len;
}

const char *pd_segment_path(const PdSegment *segment)
{
    return segment->path;
}

/* After a failed write: any tar is to read what is there. Recovery does without, where it fails. */
static void cut_back(const PdSegment *segment)
{
    if (segment->whole == 0)
        unlink(segment->path);
    else if (ftruncate(segment->descriptor, (off_t)segment->whole) != 0)
        return;
}

static bool write_out(PdSegment *segment, const void *bytes, size_t length, GError **error)
{
    if (length == 0)
        return true;
    if (segment->descriptor < 0 && !open_file(segment, error))
        return false;
    if (!mb_file_write_all(segment->descriptor, bytes, length)) {
        failed(segment, "cannot write", error);
        cut_back(segment);
        return false;
    }
    segment->written += length;
    if (segment->member_end <= segment->written)
        segment->whole = segment->member_end;
    return true;
}

bool pd_segment_flush(PdSegment *segment, GError **error)
{
    if (!write_out(segment, segment->buffer->str, segment->buffer->len, error))
        return false;
    g_string_truncate(segment->buffer, 0);
    return true;
}

bool pd_segment_append(PdSegment *segment, const void *bytes, size_t length, GError **error)
{
    if (segment->buffer->len + length > 2 * BUFFER_SIZE && !pd_segment_flush(segment, error))
        return false;
    if (length > BUFFER_SIZE)
        return write_out(segment, bytes, length, error);
    g_string_append_len(segment->buffer, bytes, (gssize)length);
    return true;
}

bool pd_segment_end_member(PdSegment *segment, GError **error)
{
    segment->member_end = pd_segment_length(segment);
    return segment->buffer->len < BUFFER_SIZE || pd_segment_flush(segment, error);
}

bool pd_segment_sync(PdSegment *segment, GError **error)
{
    if (segment->descriptor < 0)
        return true;
    if (fdatasync(segment->descriptor) != 0)
        return failed(segment, "cannot make it durable", error);
    if (segment->new_name && !mb_file_sync_folder(segment->folder, error))
        return false;
    segment->new_name = false;
    return true;
}
