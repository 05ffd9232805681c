#include <errno.h>
#include <mailbatch/archive/zip.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_SIZE       22u /* of the end record, without its comment */
#define COMMENT_MAX    65535u
#define DIRECTORY_MAX  ((uint64_t)256 << 20)
#define ENTRY_SIZE     46u
#define LOCAL_SIZE     30u
#define DESCRIPTOR_MAX 24u /* sizes again, behind the data */

typedef struct {
    uint64_t start, end;
} Extent;

static uint64_t number(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

/* Less than `length` only at the file's end. */
static size_t read_at(int descriptor, uint64_t offset, void *out, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count =
            pread(descriptor, (char *)out + done, length - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    return done;
}

/* The directory's bytes, and what is to be added to its offsets; NULL when there is none, or it is
 * one of zip64. */
static GByteArray *read_directory(int descriptor, uint64_t *base, uint64_t *at)
{
    g_autofree uint8_t *tail = g_malloc(END_SIZE + COMMENT_MAX);
    GByteArray *directory;
    struct stat info;
    size_t length, end;
    uint64_t size, offset, place;

    if (fstat(descriptor, &info) != 0 || info.st_size < (off_t)END_SIZE)
        return NULL;
    length = (size_t)MIN((uint64_t)info.st_size, END_SIZE + COMMENT_MAX);
    if (read_at(descriptor, (uint64_t)info.st_size - length, tail, length) != length)
        return NULL;
    for (end = length - END_SIZE; memcmp(tail + end, "PK\5\6", 4) != 0; end--) {
        if (end == 0)
            return NULL;
    }
    size = number(tail + end + 12, 4);
    offset = number(tail + end + 16, 4);
    place = (uint64_t)info.st_size - length + end;
    if (offset == UINT32_MAX || size > DIRECTORY_MAX || size > place || offset > place - size)
        return NULL;
    *at = place - size;
    *base = *at - offset;
    directory = g_byte_array_new();
    g_byte_array_set_size(directory, (guint)size);
    if (read_at(descriptor, *at, directory->data, (size_t)size) == size)
        return directory;
    g_byte_array_unref(directory);
    return NULL;
}

static gint by_start(gconstpointer left, gconstpointer right)
{
    const Extent *a = left;
    const Extent *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

/* False where an entry is not where the directory says. */
static bool add_extent(int descriptor, const uint8_t *entry, uint64_t base, GArray *extents)
{
    uint8_t local[LOCAL_SIZE];
    uint64_t packed = number(entry + 20, 4);
    uint64_t offset = number(entry + 42, 4);
    Extent extent = {.start = base + offset};

    if (packed == UINT32_MAX || offset == UINT32_MAX ||
        read_at(descriptor, extent.start, local, LOCAL_SIZE) != LOCAL_SIZE ||
        memcmp(local, "PK\3\4", 4) != 0)
        return false;
    extent.end = extent.start + LOCAL_SIZE + number(local + 26, 2) + number(local + 28, 2) + packed;
    g_array_append_val(extents, extent);
    return true;
}

static bool read_extents(int descriptor, const GByteArray *directory, uint64_t base,
                         GArray *extents)
{
    size_t at = 0;

    while (directory->len - at >= ENTRY_SIZE) {
        const uint8_t *entry = directory->data + at;

        if (memcmp(entry, "PK\1\2", 4) != 0)
            break;
        if (!add_extent(descriptor, entry, base, extents))
            return false;
        at += ENTRY_SIZE + number(entry + 28, 2) + number(entry + 30, 2) + number(entry + 32, 2);
        if (at > directory->len)
            return false;
    }
    g_array_sort(extents, by_start);
    return true;
}

/* A local header at `from`, or behind what may describe the data before it. */
static bool has_header(int descriptor, uint64_t from, uint64_t to, uint64_t *offset)
{
    uint8_t bytes[DESCRIPTOR_MAX + 4];
    size_t length = from < to ? (size_t)MIN(to - from, sizeof(bytes)) : 0;
    const uint8_t *found;

    length = read_at(descriptor, from, bytes, length);
    found = memmem(bytes, length, "PK\3\4", 4);
    if (found != NULL)
        *offset = from + (uint64_t)(found - bytes);
    return found != NULL;
}

bool mb_zip_hides(int descriptor, uint64_t *offset)
{
    g_autoptr(GArray) extents = g_array_new(FALSE, FALSE, sizeof(Extent));
    g_autoptr(GByteArray) directory = NULL;
    uint64_t base, end;
    uint64_t at = 0;

    directory = read_directory(descriptor, &base, &end);
    if (directory == NULL || !read_extents(descriptor, directory, base, extents))
        return false;
    for (guint i = 0; i < extents->len; i++) {
        const Extent *extent = &g_array_index(extents, Extent, i);

        if (has_header(descriptor, at, extent->start, offset))
            return true;
        at = MAX(at, extent->end);
    }
    return has_header(descriptor, at, end, offset);
}
