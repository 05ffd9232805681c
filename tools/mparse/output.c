#include "output.h"

#include "sqlite-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAIN_AT ((gsize)65536)

struct MpOutput {
    char *path;      /* NULL: stdout */
    char *temporary; /* NULL: written directly */
    int descriptor;
    bool is_pipe_closed;
    bool is_watched;      /* a terminal: what is written shows at once */
    MpDatabase *database; /* or NULL */
    GString *buffer;
};

static bool is_special(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static bool open_file(MpOutput *output, GError **error)
{
    g_autofree char *shown = NULL;
    int saved_errno;

    if (is_special(output->path)) {
        output->descriptor = open(output->path, O_WRONLY | O_CLOEXEC);
    } else {
        output->temporary = g_strconcat(output->path, ".XXXXXX", NULL);
        output->descriptor = g_mkstemp_full(output->temporary, O_WRONLY | O_CLOEXEC, 0666);
    }
    saved_errno = errno;
    if (output->descriptor >= 0)
        return true;
    shown = mb_text_printable(output->path, strlen(output->path));
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_CANNOT_CREATE, "%s: cannot write: %s", shown,
                g_strerror(saved_errno));
    g_clear_pointer(&output->temporary, g_free);
    return false;
}

/* The database opens the file by itself. */
static bool open_database(MpOutput *output, GError **error)
{
    g_autofree char *shown = NULL;

    if (output->temporary != NULL) {
        output->database = mp_database_open(output->temporary, error);
        return output->database != NULL;
    }
    shown = mb_text_printable(output->path, strlen(output->path));
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_CANNOT_CREATE,
                "%s: cannot write: a database must be a regular file", shown);
    return false;
}

MpOutput *mp_output_open(const char *path, bool is_database, GError **error)
{
    g_autoptr(MpOutput) output = g_new0(MpOutput, 1);

    output->path = g_strdup(path);
    output->descriptor = STDOUT_FILENO;
    output->buffer = g_string_sized_new(2 * DRAIN_AT);
    if (path != NULL && !open_file(output, error))
        return NULL;
    if (is_database && !open_database(output, error))
        return NULL;
    output->is_watched = output->database == NULL && isatty(output->descriptor);
    return g_steal_pointer(&output);
}

void mp_output_free(MpOutput *output)
{
    if (output == NULL)
        return;
    mp_database_free(output->database);
    if (output->descriptor > STDOUT_FILENO)
        close(output->descriptor);
    if (output->temporary != NULL)
        g_unlink(output->temporary);
    g_free(output->path);
    g_free(output->temporary);
    g_string_free(output->buffer, TRUE);
    g_free(output);
}

GString *mp_output_buffer(MpOutput *output)
{
    return output->buffer;
}

static bool write_bytes(MpOutput *output, const void *bytes, size_t length, GError **error)
{
    if (output->database != NULL)
        return mp_database_write(output->database, bytes, length, error);
    if (mb_file_write_all(output->descriptor, bytes, length))
        return true;
    output->is_pipe_closed = errno == EPIPE;
    mb_file_set_error(error, output->path != NULL ? output->path : "stdout", "cannot write", errno);
    return false;
}

bool mp_output_is_pipe_closed(const MpOutput *output)
{
    return output->is_pipe_closed;
}

static bool flush(MpOutput *output, GError **error)
{
    if (output->buffer->len > 0 &&
        !write_bytes(output, output->buffer->str, output->buffer->len, error))
        return false;
    if (output->buffer->allocated_len > 16 * DRAIN_AT) {
        g_free(output->buffer->str);
        output->buffer->allocated_len = 2 * DRAIN_AT;
        output->buffer->str = g_malloc(output->buffer->allocated_len);
    }
    output->buffer->len = 0;
    output->buffer->str[0] = '\0';
    return true;
}

bool mp_output_write(MpOutput *output, const void *bytes, size_t length, GError **error)
{
    if (output->buffer->len + length < DRAIN_AT && !output->is_watched) {
        g_string_append_len(output->buffer, bytes, (gssize)length);
        return true;
    }
    return flush(output, error) && write_bytes(output, bytes, length, error);
}

bool mp_output_finish(MpOutput *output, GError **error)
{
    if (!flush(output, error))
        return false;
    if (output->database != NULL && !mp_database_finish(output->database, error))
        return false;
    g_clear_pointer(&output->database, mp_database_free);
    if (output->temporary == NULL)
        return true;
    if (close(output->descriptor) != 0 || g_rename(output->temporary, output->path) != 0) {
        output->descriptor = -1;
        mb_file_set_error(error, output->path, "cannot write", errno);
        return false;
    }
    output->descriptor = -1;
    g_clear_pointer(&output->temporary, g_free);
    return true;
}
