#include "marks.h"

#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/error.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Rows for which room is made at a time, so that a growing list seldom remaps. */
#define GROWTH_ROWS 65536

typedef _Atomic uint16_t Cell;

struct MmMarks {
    int descriptor;
    char *path;
    Cell *cells; /* cell of row i at i; cell 0 is unused */
    size_t size; /* of the mapping, in bytes */
    bool read_only;
};

static MmMarks *marks_new(const char *path, int descriptor, bool read_only)
{
    MmMarks *marks = g_new0(MmMarks, 1);

    marks->path = g_strdup(path);
    marks->descriptor = descriptor;
    marks->read_only = read_only;
    return marks;
}

static void set_error(GError **error, const char *path, const char *what, MbErrorCode fallback)
{
    MbErrorCode code = mb_code_of_errno(errno);

    if (code == MB_ERROR_NO_INPUT)
        code = fallback;
    g_set_error(error, MM_LEDGER_ERROR, (gint)code, "%s: %s: %s", path, what, g_strerror(errno));
}

static bool map(MmMarks *marks, size_t size, GError **error)
{
    int protection = marks->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void *mapped;

    if (marks->cells != NULL)
        munmap(marks->cells, marks->size);
    marks->cells = NULL;
    marks->size = 0;
    if (size == 0)
        return true;
    mapped = mmap(NULL, size, protection, MAP_SHARED, marks->descriptor, 0);
    if (mapped == MAP_FAILED) {
        set_error(error, marks->path, "cannot map", MB_ERROR_IO);
        return false;
    }
    marks->cells = mapped;
    marks->size = size;
    return true;
}

static bool map_as_it_is(MmMarks *marks, GError **error)
{
    struct stat status;

    if (fstat(marks->descriptor, &status) != 0) {
        set_error(error, marks->path, "cannot read", MB_ERROR_NO_INPUT);
        return false;
    }
    return map(marks, (size_t)status.st_size / sizeof(Cell) * sizeof(Cell), error);
}

static bool is_still_there(const MmMarks *marks)
{
    struct stat opened, named;

    return fstat(marks->descriptor, &opened) == 0 && stat(marks->path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

MmMarks *mm_marks_open(const char *path, GError **error)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_autoptr(MmMarks) marks = NULL;

    if (descriptor < 0) {
        set_error(error, path, "cannot create", MB_ERROR_CANNOT_CREATE);
        return NULL;
    }
    marks = marks_new(path, descriptor, false);
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_TEMPORARY,
                        "%s: in use by another process: wait for it to end", path);
        else
            set_error(error, path, "cannot lock", MB_ERROR_IO);
        return NULL;
    }
    /* Whoever held it may have taken the file away meanwhile: a lock on that one keeps nobody out.
     */
    if (!is_still_there(marks)) {
        g_set_error(error, MM_LEDGER_ERROR, MB_ERROR_TEMPORARY,
                    "%s: another process has just removed it: try again", path);
        return NULL;
    }
    if (!map_as_it_is(marks, error))
        return NULL;
    return g_steal_pointer(&marks);
}

MmMarks *mm_marks_open_to_read(const char *path, bool *locked, GError **error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(MmMarks) marks = NULL;

    *locked = false;
    if (descriptor < 0) {
        if (errno != ENOENT)
            set_error(error, path, "cannot read", MB_ERROR_NO_INPUT);
        return NULL;
    }
    marks = marks_new(path, descriptor, true);
    *locked = flock(descriptor, LOCK_SH | LOCK_NB) != 0;
    if (!*locked)
        flock(descriptor, LOCK_UN);
    if (!map_as_it_is(marks, error))
        return NULL;
    return g_steal_pointer(&marks);
}

void mm_marks_free(MmMarks *marks)
{
    if (marks == NULL)
        return;
    if (marks->cells != NULL)
        munmap(marks->cells, marks->size);
    close(marks->descriptor);
    g_free(marks->path);
    g_free(marks);
}

bool mm_marks_reserve(MmMarks *marks, uint64_t rows, GError **error)
{
    uint64_t cells = (rows / GROWTH_ROWS + 1) * GROWTH_ROWS;
    size_t size;
    int result;

    if (mm_marks_covers(marks, (int64_t)rows))
        return true;
    size = (size_t)cells * sizeof(Cell);
    /* Blocks are taken now: a full disk must not be a signal at the first mark. */
    result = posix_fallocate(marks->descriptor, 0, (off_t)size);
    if (result != 0) {
        errno = result;
        set_error(error, marks->path, "cannot make room", MB_ERROR_CANNOT_CREATE);
        return false;
    }
    return map(marks, size, error);
}

bool mm_marks_reset(MmMarks *marks, GError **error)
{
    if (marks->size == 0)
        return true;
    if (!map(marks, 0, error))
        return false;
    if (ftruncate(marks->descriptor, 0) == 0)
        return true;
    set_error(error, marks->path, "cannot write", MB_ERROR_CANNOT_CREATE);
    return false;
}

void mm_marks_unload(MmMarks *marks)
{
    if (marks->cells != NULL)
        madvise((void *)marks->cells, marks->size, MADV_DONTNEED);
}

bool mm_marks_covers(const MmMarks *marks, int64_t row)
{
    return row >= 0 && (uint64_t)row < marks->size / sizeof(Cell);
}

void mm_marks_set(MmMarks *marks, int64_t row, uint8_t value, MmMark mark)
{
    g_assert(mm_marks_covers(marks, row));
    atomic_store(&marks->cells[row], (uint16_t)((unsigned)value << 8 | (unsigned)mark));
}

MmMark mm_marks_get(const MmMarks *marks, int64_t row, uint8_t value)
{
    uint8_t found;
    MmMark mark = mm_marks_look(marks, row, &found);

    return found == value ? mark : MM_MARK_NONE;
}

MmMark mm_marks_look(const MmMarks *marks, int64_t row, uint8_t *value)
{
    uint16_t cell = mm_marks_covers(marks, row) ? atomic_load(&marks->cells[row]) : 0;

    *value = (uint8_t)(cell >> 8);
    return (MmMark)(cell & 0xFF);
}
