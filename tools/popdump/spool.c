#include "spool.h"

#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK_SIZE (256 * 1024)

struct PdSpool {
    char *folder;
    GString *head;
    MbDigest *digest;
    int descriptor; /* -1 while all of it fits into memory */
    uint64_t in_file;
};

PdSpool *pd_spool_new(const char *folder)
{
    PdSpool *spool = g_new0(PdSpool, 1);

    spool->folder = g_strdup(folder);
    spool->head = g_string_sized_new(64 * 1024);
    spool->digest = mb_digest_new(MB_DIGEST_SHA256);
    spool->descriptor = -1;
    return spool;
}

void pd_spool_free(PdSpool *spool)
{
    if (spool == NULL)
        return;
    if (spool->descriptor >= 0)
        close(spool->descriptor);
    mb_digest_free(spool->digest);
    g_string_free(spool->head, TRUE);
    g_free(spool->folder);
    g_free(spool);
}

void pd_spool_reset(PdSpool *spool)
{
    uint8_t ignored[MB_DIGEST_MAX];

    if (pd_spool_size(spool) > 0)
        mb_digest_finish(spool->digest, ignored);
    g_string_truncate(spool->head, 0);
    spool->in_file = 0;
    if (spool->descriptor >= 0)
        close(spool->descriptor);
    spool->descriptor = -1;
}

static int open_unlinked(const char *folder)
{
    g_autofree char *name = g_build_filename(folder, "spool-XXXXXX", NULL);
    int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return descriptor;
    descriptor = mkostemp(name, O_CLOEXEC);
    if (descriptor >= 0)
        unlink(name);
    return descriptor;
}

static bool append_to_file(PdSpool *spool, const char *bytes, size_t length, GError **error)
{
    if (spool->descriptor < 0)
        spool->descriptor = open_unlinked(spool->folder);
    if (spool->descriptor < 0 || !mb_file_write_all(spool->descriptor, bytes, length)) {
        mb_file_set_error(error, spool->folder, "cannot write a temporary file", errno);
        return false;
    }
    spool->in_file += length;
    return true;
}

bool pd_spool_append(PdSpool *spool, const void *bytes, size_t length, GError **error)
{
    size_t fits = MIN(length, PD_SPOOL_MEMORY - spool->head->len);

    if (length > fits && !append_to_file(spool, (const char *)bytes + fits, length - fits, error))
        return false;
    g_string_append_len(spool->head, bytes, (gssize)fits);
    mb_digest_update(spool->digest, bytes, length);
    return true;
}

uint64_t pd_spool_size(const PdSpool *spool)
{
    return spool->head->len + spool->in_file;
}

const char *pd_spool_head(const PdSpool *spool, size_t *length)
{
    *length = spool->head->len;
    return spool->head->str;
}

void pd_spool_finish(PdSpool *spool, uint8_t sha256[MB_SHA256_LENGTH])
{
    mb_digest_finish(spool->digest, sha256);
}

bool pd_spool_replay(PdSpool *spool,
                     bool (*write)(void *user, const void *bytes, size_t length, GError **error),
                     void *user, GError **error)
{
    g_autofree char *chunk = NULL;
    uint64_t position = 0;

    if (spool->head->len > 0 && !write(user, spool->head->str, spool->head->len, error))
        return false;
    if (spool->in_file > 0)
        chunk = g_malloc(CHUNK_SIZE);
    while (position < spool->in_file) {
        size_t wanted = (size_t)MIN(spool->in_file - position, CHUNK_SIZE);
        ssize_t got = pread(spool->descriptor, chunk, wanted, (off_t)position);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            mb_file_set_error(error, spool->folder, "cannot read a temporary file back",
                              got < 0 ? errno : EIO);
            return false;
        }
        if (!write(user, chunk, (size_t)got, error))
            return false;
        position += (uint64_t)got;
    }
    return true;
}
