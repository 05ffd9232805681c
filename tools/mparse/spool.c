#include "spool.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <unistd.h>

void mp_spool_clear(MpSpool *spool)
{
    if (spool->descriptor >= 0)
        close(spool->descriptor);
    *spool = MP_SPOOL_INIT;
}

void mp_spool_reset(MpSpool *spool)
{
    if (spool->length == 0)
        return;
    spool->length = 0;
    if (ftruncate(spool->descriptor, 0) != 0 || lseek(spool->descriptor, 0, SEEK_SET) != 0)
        mp_spool_clear(spool);
}

bool mp_spool_append(MpSpool *spool, const void *bytes, size_t length, GError **error)
{
    if (spool->descriptor < 0)
        spool->descriptor = mb_file_open_unnamed(error);
    if (spool->descriptor < 0)
        return false;
    if (!mb_file_write_all(spool->descriptor, bytes, length)) {
        mb_file_set_error(error, g_get_tmp_dir(), "cannot keep a long message", errno);
        return false;
    }
    spool->length += length;
    return true;
}

bool mp_spool_read(void *data, uint64_t offset, void *out, size_t length)
{
    const MpSpool *spool = data;
    char *to = out;

    while (length > 0) {
        ssize_t got = pread(spool->descriptor, to, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return true;
}
