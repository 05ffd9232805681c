#include "store-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_MAX (256 * 1024) /* then the content goes to its file */

struct MsIncoming {
    MsStore *store;
    GByteArray *buffer;
    guint64 size;
    int descriptor; /* of `part`; -1: all of it is in the buffer */
    char *part;
    GError *failure; /* the first that went wrong */
};

MsIncoming *ms_incoming_new(MsStore *store)
{
    MsIncoming *incoming = g_new0(MsIncoming, 1);

    incoming->store = store;
    incoming->buffer = g_byte_array_new();
    incoming->descriptor = -1;
    return incoming;
}

void ms_incoming_free(MsIncoming *incoming)
{
    if (incoming == NULL)
        return;
    ms_incoming_abort(incoming);
    g_byte_array_unref(incoming->buffer);
    g_free(incoming);
}

guint64 ms_incoming_size(const MsIncoming *incoming)
{
    return incoming->size;
}

static void close_part(MsIncoming *incoming)
{
    if (incoming->descriptor >= 0)
        close(incoming->descriptor);
    incoming->descriptor = -1;
}

void ms_incoming_abort(MsIncoming *incoming)
{
    close_part(incoming);
    if (incoming->part != NULL)
        unlink(incoming->part);
    g_clear_pointer(&incoming->part, g_free);
    g_clear_error(&incoming->failure);
    incoming->size = 0;
    if (incoming->buffer->len > 4 * BUFFER_MAX) {
        g_byte_array_unref(incoming->buffer);
        incoming->buffer = g_byte_array_new();
    }
    g_byte_array_set_size(incoming->buffer, 0);
}

static void fail(MsIncoming *incoming, const char *path, const char *what)
{
    if (incoming->failure == NULL)
        mb_file_set_error(&incoming->failure, path, what, errno);
}

/* Writes the buffer to the part's file, which is made when there is none yet. */
static void spill(MsIncoming *incoming)
{
    MsStore *store = incoming->store;

    if (incoming->failure == NULL && incoming->part == NULL) {
        incoming->part =
            g_strdup_printf("%s/tmp/%" G_GUINT64_FORMAT, store->folder, store->next_part++);
        incoming->descriptor = open(incoming->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (incoming->descriptor < 0)
            fail(incoming, incoming->part, "cannot be made");
    }
    if (incoming->failure == NULL &&
        !mb_file_write_all(incoming->descriptor, incoming->buffer->data, incoming->buffer->len))
        fail(incoming, incoming->part, "cannot be written");
    g_byte_array_set_size(incoming->buffer, 0);
}

void ms_incoming_write(MsIncoming *incoming, const void *bytes, size_t length)
{
    incoming->size += length;
    if (incoming->store->keep == MS_KEEP_NOTHING)
        return;
    if (incoming->buffer->len > G_MAXUINT / 2) {
        errno = EFBIG;
        fail(incoming, "message", "cannot be kept in memory");
        return;
    }
    g_byte_array_append(incoming->buffer, bytes, (guint)length);
    if (incoming->store->keep == MS_KEEP_FOLDER && incoming->buffer->len >= BUFFER_MAX)
        spill(incoming);
}

static const char *current_stamp(MsStore *store)
{
    time_t now = time(NULL);
    struct tm parts;

    if (store->stamp_second != now || store->stamp[0] == '\0') {
        gmtime_r(&now, &parts);
        strftime(store->stamp, sizeof(store->stamp), "%Y-%m-%dT%H:%M:%SZ", &parts);
        store->stamp_second = now;
    }
    return store->stamp;
}

static bool write_folder(MsIncoming *incoming, const MsEnvelope *envelope)
{
    MsStore *store = incoming->store;
    g_autofree char *path = ms_store_path(store, store->next_number);

    spill(incoming);
    close_part(incoming);
    if (incoming->failure != NULL)
        return false;
    if (rename(incoming->part, path) != 0) {
        fail(incoming, path, "cannot be made");
        return false;
    }
    g_clear_pointer(&incoming->part, g_free);
    ms_envelope_format(store->line, envelope, store->next_number, incoming->size,
                       current_stamp(store));
    if (!mb_file_write_all(store->log, store->line->str, store->line->len)) {
        fail(incoming, "envelopes.jsonl", "cannot be written");
        unlink(path);
        return false;
    }
    return true;
}

bool ms_incoming_commit(MsIncoming *incoming, const MsEnvelope *envelope, guint64 *number,
                        GError **error)
{
    MsStore *store = incoming->store;
    GBytes *content = NULL;

    if (store->keep == MS_KEEP_FOLDER)
        write_folder(incoming, envelope);
    if (incoming->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&incoming->failure));
        ms_incoming_abort(incoming);
        return false;
    }
    *number = store->next_number++;
    store->accepted++;
    store->accepted_octets += incoming->size;
    if (store->keep == MS_KEEP_MEMORY)
        content = g_bytes_new(incoming->buffer->data, incoming->buffer->len);
    if (store->keep != MS_KEEP_NOTHING)
        g_ptr_array_add(store->mails,
                        ms_mail_new(*number, incoming->size,
                                    g_strdupv((char **)envelope->recipients), content));
    ms_incoming_abort(incoming);
    return true;
}
