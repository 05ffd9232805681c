/*
 * Preloaded into a tool under test: the n-th system call on chosen files fails, and the clock is
 * another. It counts over all threads, and every call it counts is one line of the log, so that a
 * clean run enumerates the places where one can fail.
 *
 *   FAIL_CALLS_PREFIX   files whose path begins so are watched
 *   FAIL_CALLS_LOG      a line a watched call: "N CALL PATH", with " FAILED" behind those that did
 *   FAIL_CALLS_WHEN     the number that fails; "N+" also all that follow
 *   FAIL_CALLS_ERRNO    how, as a number
 *   FAIL_CALLS_CLOCK    a file that holds the seconds to add to the time of day, read at each call
 *   FAIL_CALLS_FSTYPE   what statfs() says of a watched file's file system, as a number
 *
 * Kernel calls are made directly: nothing here depends on the order in which libraries start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 1024

static _Atomic(char *) watched[DESCRIPTORS]; /* path of a descriptor that is watched */
static atomic_ulong count;

static bool is_watched(const char *path)
{
    const char *prefix = getenv("FAIL_CALLS_PREFIX");

    return prefix != NULL && path != NULL && strncmp(path, prefix, strlen(prefix)) == 0;
}

static char *path_of(int descriptor)
{
    return descriptor >= 0 && descriptor < DESCRIPTORS ? atomic_load(&watched[descriptor]) : NULL;
}

static void note(unsigned long number, const char *call, const char *path, bool failed)
{
    const char *log = getenv("FAIL_CALLS_LOG");
    char line[512];
    int length, descriptor;

    if (log == NULL)
        return;
    length =
        snprintf(line, sizeof line, "%lu %s %s%s\n", number, call, path, failed ? " FAILED" : "");
    descriptor = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    syscall(SYS_write, descriptor, line, (size_t)length);
    syscall(SYS_close, descriptor);
}

/* Counts a call on a watched file; errno is set when it is to fail. */
static bool fails(const char *call, const char *path)
{
    const char *when = getenv("FAIL_CALLS_WHEN");
    const char *error = getenv("FAIL_CALLS_ERRNO");
    unsigned long number, wanted;
    char *end = NULL;
    bool failed = false;

    if (path == NULL)
        return false;
    number = atomic_fetch_add(&count, 1) + 1;
    if (when != NULL && error != NULL) {
        wanted = strtoul(when, &end, 10);
        failed = number == wanted || (*end == '+' && number > wanted);
    }
    note(number, call, path, failed);
    if (failed)
        errno = (int)strtol(error, NULL, 10);
    return failed;
}

/* --- opening and closing ------------------------------------------------------------------ */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    bool watch = is_watched(path);
    int descriptor;

    if (watch && fails("open", path))
        return -1;
    descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (watch && descriptor >= 0 && descriptor < DESCRIPTORS)
        atomic_store(&watched[descriptor], strdup(path));
    return descriptor;
}

#define WITH_MODE                                                                                  \
    va_list arguments;                                                                             \
    mode_t mode;                                                                                   \
    va_start(arguments, flags);                                                                    \
    mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;                   \
    va_end(arguments)

int open(const char *path, int flags, ...)
{
    WITH_MODE;
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    WITH_MODE;
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    WITH_MODE;
    return open_at(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    WITH_MODE;
    return open_at(folder, path, flags, mode);
}

int close(int descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS)
        free(atomic_exchange(&watched[descriptor], NULL));
    return (int)syscall(SYS_close, descriptor);
}

/* --- writing ------------------------------------------------------------------------------ */

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    if (fails("write", path_of(descriptor)))
        return -1;
    return syscall(SYS_write, descriptor, bytes, length);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
    if (fails("pwrite", path_of(descriptor)))
        return -1;
    return syscall(SYS_pwrite64, descriptor, bytes, length, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset)
{
    return pwrite(descriptor, bytes, length, offset);
}

ssize_t pread(int descriptor, void *bytes, size_t length, off_t offset)
{
    if (fails("pread", path_of(descriptor)))
        return -1;
    return syscall(SYS_pread64, descriptor, bytes, length, offset);
}

ssize_t pread64(int descriptor, void *bytes, size_t length, off64_t offset)
{
    return pread(descriptor, bytes, length, offset);
}

int fsync(int descriptor)
{
    if (fails("fsync", path_of(descriptor)))
        return -1;
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor)
{
    if (fails("fdatasync", path_of(descriptor)))
        return -1;
    return (int)syscall(SYS_fdatasync, descriptor);
}

int ftruncate(int descriptor, off_t length)
{
    if (fails("ftruncate", path_of(descriptor)))
        return -1;
    return (int)syscall(SYS_ftruncate, descriptor, length);
}

int ftruncate64(int descriptor, off64_t length)
{
    return ftruncate(descriptor, length);
}

int posix_fallocate(int descriptor, off_t offset, off_t length)
{
    int before = errno, result = 0;

    if (fails("fallocate", path_of(descriptor)) ||
        syscall(SYS_fallocate, descriptor, 0, offset, length) != 0)
        result = errno;
    errno = before;
    return result;
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t length)
{
    return posix_fallocate(descriptor, offset, length);
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset)
{
    if (fails("mmap", path_of(descriptor)))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int descriptor,
             off64_t offset)
{
    return mmap(address, length, protection, flags, descriptor, offset);
}

int rename(const char *from, const char *to)
{
    if (fails("rename", is_watched(from) ? from : is_watched(to) ? to : NULL))
        return -1;
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path)
{
    if (fails("unlink", is_watched(path) ? path : NULL))
        return -1;
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* --- what kind of file system it is -------------------------------------------------------- */

int statfs(const char *path, struct statfs *status)
{
    const char *kind = getenv("FAIL_CALLS_FSTYPE");
    int result = (int)syscall(SYS_statfs, path, status);

    if (result == 0 && kind != NULL && is_watched(path))
        status->f_type = strtol(kind, NULL, 0);
    return result;
}

int statfs64(const char *path, struct statfs64 *status)
{
    return statfs(path, (struct statfs *)status);
}

/* --- the clock ---------------------------------------------------------------------------- */

static time_t clock_offset(void)
{
    const char *path = getenv("FAIL_CALLS_CLOCK");
    char text[32] = "";
    int descriptor;

    if (path == NULL)
        return 0;
    descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    if (descriptor < 0)
        return 0;
    syscall(SYS_read, descriptor, text, sizeof text - 1);
    syscall(SYS_close, descriptor);
    return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);

    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += clock_offset();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *now)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
