#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void mb_file_set_error(GError **error, const char *path, const char *what, int saved_errno)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    g_set_error(error, MB_BASE_ERROR, (gint)mb_code_of_errno(saved_errno), "%s: %s: %s", shown,
                what, g_strerror(saved_errno));
}

static GBytes *read_descriptor(int descriptor, const char *path, guint64 max_length, GError **error)
{
    g_autoptr(GByteArray) content = g_byte_array_new();
    guint8 buffer[65536];

    for (;;) {
        ssize_t got = read(descriptor, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mb_file_set_error(error, path, "cannot read", errno);
            return NULL;
        }
        if (got == 0)
            return g_byte_array_free_to_bytes(g_steal_pointer(&content));
        if (content->len + (guint64)got > max_length) {
            g_autofree char *size = mb_text_format_size(max_length);
            g_set_error(error, MB_BASE_ERROR, MB_ERROR_DATA, "%s: too large: more than %s", path,
                        size);
            return NULL;
        }
        g_byte_array_append(content, buffer, (guint)got);
    }
}

GBytes *mb_file_read(const char *path, guint64 max_length, GError **error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    GBytes *content;

    if (descriptor < 0) {
        mb_file_set_error(error, path, "cannot read", errno);
        return NULL;
    }
    content = read_descriptor(descriptor, path, MIN(max_length, G_MAXUINT32 / 2), error);
    close(descriptor);
    return content;
}

bool mb_file_write_all(int descriptor, const void *bytes, gsize length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t wrote = write(descriptor, at, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        at += wrote;
        length -= (gsize)wrote;
    }
    return true;
}

bool mb_file_sync_folder(const char *folder, GError **error)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = descriptor >= 0 && fsync(descriptor) == 0;

    if (!synced)
        mb_file_set_error(error, folder, "cannot sync", errno);
    if (descriptor >= 0)
        close(descriptor);
    return synced;
}

static void set_write_error(GError **error, const char *path, const char *what)
{
    int saved_errno = errno;
    MbErrorCode code = mb_code_of_errno(saved_errno);
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    if (code == MB_ERROR_NO_INPUT)
        code = MB_ERROR_CANNOT_CREATE;
    g_set_error(error, MB_BASE_ERROR, (gint)code, "%s: %s: %s", shown, what,
                g_strerror(saved_errno));
}

bool mb_file_replace(const char *path, const void *bytes, gsize length, int mode, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    int descriptor = g_mkstemp_full(temporary, O_RDWR | O_CLOEXEC, mode);
    bool written;

    if (descriptor < 0) {
        set_write_error(error, path, "cannot create");
        return false;
    }
    written = mb_file_write_all(descriptor, bytes, length) && fsync(descriptor) == 0;
    if (!written)
        set_write_error(error, path, "cannot write");
    if (close(descriptor) != 0 && written) {
        set_write_error(error, path, "cannot write");
        written = false;
    }
    if (written && rename(temporary, path) != 0) {
        set_write_error(error, path, "cannot rename");
        written = false;
    }
    if (!written) {
        unlink(temporary);
        return false;
    }
    return mb_file_sync_folder(folder, error);
}

int mb_file_open_unnamed(GError **error)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "mailbatch-XXXXXX", NULL);
    int descriptor = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);

    if (descriptor < 0)
        mb_file_set_error(error, g_get_tmp_dir(), "cannot make a temporary file", errno);
    else
        unlink(path);
    return descriptor;
}

static bool is_private(const char *path, const char *what, const struct stat *status,
                       GError **error)
{
    if (!S_ISREG(status->st_mode))
        g_set_error(error, MB_BASE_ERROR, MB_ERROR_NO_INPUT, "%s: not a regular file", path);
    else if ((status->st_mode & 077) != 0)
        g_set_error(error, MB_BASE_ERROR, MB_ERROR_CONFIG,
                    "%s: %s that others may read: chmod 600 it", path, what);
    else
        return true;
    return false;
}

/* Permissions are those of the file that was opened. */
bool mb_file_read_secret(const char *path, const char *what, char *buffer, gsize size,
                         gsize *length, GError **error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    gsize sum = 0;
    ssize_t got = -1;
    bool good = false;

    if (file < 0 || fstat(file, &status) != 0) {
        mb_file_set_error(error, path, "cannot be read", errno);
    } else if (is_private(path, what, &status, error)) {
        while (sum < size && (got = read(file, buffer + sum, size - sum)) > 0)
            sum += (gsize)got;
        good = got == 0;
        if (got < 0)
            mb_file_set_error(error, path, "cannot be read", errno);
        else if (!good)
            g_set_error(error, MB_BASE_ERROR, MB_ERROR_CONFIG, "%s: too large for %s", path, what);
    }
    if (file >= 0)
        close(file);
    if (good)
        *length = sum;
    else
        mb_wipe(buffer, sum);
    return good;
}
