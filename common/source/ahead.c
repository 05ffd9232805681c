#include "ahead.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <string.h>
#include <unistd.h>

#define PIECE 131072 /* kept at once */

/* pread() that goes on until there is nothing more. -1: it failed. */
static gssize read_at(int file, void *out, size_t length, uint64_t offset)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count = pread(file, (char *)out + done, length - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return (gssize)done;
}

static gssize take_kept(MbAhead *ahead, void *out, size_t length, GError **error)
{
    size_t count = (size_t)MIN(length, ahead->kept - ahead->given);

    if (read_at(ahead->spool, out, count, ahead->given) != (gssize)count) {
        mb_file_set_error(error, g_get_tmp_dir(), "cannot read what was kept", errno);
        return -1;
    }
    ahead->given += count;
    if (ahead->given == ahead->kept && ftruncate(ahead->spool, 0) == 0 &&
        lseek(ahead->spool, 0, SEEK_SET) == 0)
        ahead->kept = ahead->given = 0;
    return (gssize)count;
}

/* What the window reads: what was kept, then what was read and could not be, then the stream. */
static gssize read_input(void *user, void *out, size_t length, GError **error)
{
    MbAhead *ahead = user;

    if (ahead->given < ahead->kept)
        return take_kept(ahead, out, length, error);
    if (ahead->unkept != NULL && ahead->unkept->len > 0) {
        length = MIN(length, ahead->unkept->len);
        memcpy(out, ahead->unkept->data, length);
        g_byte_array_remove_range(ahead->unkept, 0, (guint)length);
        return (gssize)length;
    }
    if (ahead->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&ahead->error));
        return -1;
    }
    return ahead->at_end ? 0 : ahead->input.read(ahead->input.user, out, length, error);
}

void mb_ahead_init(MbAhead *ahead, MbWindow *window, const volatile sig_atomic_t *stop)
{
    *ahead = (MbAhead){.input = window->input, .stop = stop, .spool = -1};
    window->input = (MbInput){read_input, ahead};
}

void mb_ahead_clear(MbAhead *ahead)
{
    if (ahead->spool >= 0)
        close(ahead->spool);
    if (ahead->unkept != NULL)
        g_byte_array_unref(ahead->unkept);
    g_clear_error(&ahead->error);
    *ahead = (MbAhead){.spool = -1};
}

/* Keeps one more piece of the stream. */
static bool keep_piece(MbAhead *ahead, GError **error)
{
    g_autofree uint8_t *piece = g_malloc(PIECE);
    gssize count = ahead->input.read(ahead->input.user, piece, PIECE, &ahead->error);

    if (count <= 0) {
        ahead->at_end = true;
        return true;
    }
    if (mb_file_write_all(ahead->spool, piece, (size_t)count)) {
        ahead->kept += (uint64_t)count;
        return true;
    }
    mb_file_set_error(
        error, g_get_tmp_dir(),
        "cannot keep what follows a long message, to see what its Content-Length says", errno);
    ahead->unkept = g_byte_array_new_take(g_steal_pointer(&piece), (gsize)count);
    return false;
}

/* Keeps the stream up to `end` bytes behind the window. */
static bool keep(MbAhead *ahead, uint64_t end, GError **error)
{
    if (ahead->unkept != NULL)
        return false; /* once is enough to be told */
    if (ahead->spool < 0)
        ahead->spool = mb_file_open_unnamed(error);
    if (ahead->spool < 0)
        return false;
    while (!ahead->at_end && ahead->kept - ahead->given < end) {
        if ((ahead->stop != NULL && *ahead->stop != 0) || !keep_piece(ahead, error))
            return false;
    }
    return true;
}

gssize mb_ahead_read(MbAhead *ahead, const MbWindow *window, int file, uint64_t most,
                     uint64_t offset, void *out, size_t length, GError **error)
{
    uint64_t behind = window->offset + mb_window_length(window);
    size_t done = offset < behind ? (size_t)MIN(length, behind - offset) : 0;
    off_t here = file >= 0 ? lseek(file, 0, SEEK_CUR) : -1;
    gssize count;

    if (done > 0)
        memcpy(out, mb_window_bytes(window) + (offset - window->offset), done);
    if (done == length || window->at_end)
        return (gssize)done;
    offset += done - behind;
    if (here >= 0) {
        count = read_at(file, (char *)out + done, length - done, (uint64_t)here + offset);
    } else {
        if (offset > most || !keep(ahead, offset + length, error))
            return -1;
        length = (size_t)MIN(length - done,
                             ahead->kept - ahead->given - MIN(offset, ahead->kept - ahead->given));
        count = read_at(ahead->spool, (char *)out + done, length, ahead->given + offset);
    }
    return count < 0 ? -1 : (gssize)done + count;
}
