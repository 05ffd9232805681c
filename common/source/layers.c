#include "source-private.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/archive/zip.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_BYTES 65536 /* tell what a stream is */

void mb_source_set_error(MbSource *source, GError **error, MbErrorCode code, const char *problem)
{
    MbLocator where = {.path = source->path, .containers = (char **)source->containers->pdata};
    g_autofree char *address = mb_locator_text(&where);

    g_set_error(error, MB_SOURCE_ERROR, (gint)code, "%s: %s", address, problem);
}

static bool is_stopped(const MbSource *source)
{
    return source->options.stop != NULL && *source->options.stop != 0;
}

static gssize read_descriptor(void *user, void *out, size_t length, GError **error)
{
    const MbLayer *layer = user;
    MbSource *source = layer->source;
    ssize_t count;

    do
        count = read(layer->descriptor, out, length);
    while (count < 0 && errno == EINTR && !is_stopped(source));
    if (count < 0 && errno == EINTR)
        return 0;
    if (count < 0)
        mb_file_set_error(error, source->path, "reading failed", errno);
    else
        source->bytes_in += (uint64_t)count;
    return count;
}

/* The archive that is the layer below hands its entry's chunks over. */
static gssize read_entry(void *user, void *out, size_t length, GError **error)
{
    MbLayer *below = user;
    const void *bytes;
    size_t count;

    if (below->handed_out == 0) {
        MbNext next = mb_archive_read(below->archive, &bytes, &count, error);

        if (next != MB_NEXT)
            return next == MB_END ? 0 : -1;
        below->chunk = bytes;
        below->handed_out = count;
    }
    count = MIN(length, below->handed_out);
    memcpy(out, below->chunk, count);
    below->chunk += count;
    below->handed_out -= count;
    return (gssize)count;
}

/* An archive inside a stream reads the stream's window. */
static gssize read_window(void *user, const void **bytes, GError **error)
{
    MbLayer *layer = user;
    MbWindow *window = &layer->window;

    mb_window_skip(window, layer->item);
    layer->item = mb_window_fill(window, 1);
    if (layer->item == 0 && window->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&window->error));
        return -1;
    }
    *bytes = mb_window_bytes(window);
    return (gssize)layer->item;
}

static MbLayer *push(MbSource *source, MbLayerKind kind)
{
    MbLayer *layer = g_new0(MbLayer, 1);

    layer->source = source;
    layer->kind = kind;
    layer->descriptor = layer->spool = -1;
    g_ptr_array_add(source->layers, layer);
    return layer;
}

void mb_source_push_descriptor(MbSource *source, int descriptor, bool is_owned, bool is_direct,
                               bool is_maildir)
{
    MbLayer *layer = push(source, LAYER_NEW);
    struct stat info;

    layer->descriptor = descriptor;
    layer->owns_descriptor = is_owned;
    layer->is_direct = is_direct;
    layer->is_maildir = is_maildir;
    if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode))
        layer->size_hint = (uint64_t)info.st_size;
    mb_window_init(&layer->window, (MbInput){read_descriptor, layer}, &source->spare);
}

static bool push_folder(MbSource *source, const char *path, bool is_maildir, GError **error)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(MbFolderEntry));
    MbLayer *layer;

    if (!mb_source_list_folder(path, entries, error))
        return false;
    layer = push(source, LAYER_FOLDER);
    layer->is_maildir = is_maildir;
    layer->entries = g_steal_pointer(&entries);
    return true;
}

static bool is_readable_kind(mode_t mode, bool is_direct)
{
    return S_ISREG(mode) || S_ISDIR(mode) || (is_direct && S_ISFIFO(mode));
}

bool mb_source_push_path(MbSource *source, const char *path, bool is_direct, bool is_maildir,
                         GError **error)
{
    struct stat info;
    int descriptor;

    if (stat(path, &info) != 0) {
        mb_file_set_error(error, path, "cannot be read", errno);
        return false;
    }
    if (!is_readable_kind(info.st_mode, is_direct)) {
        g_autofree char *shown = mb_text_printable(path, strlen(path));

        g_set_error(error, MB_SOURCE_ERROR, MB_ERROR_NO_INPUT,
                    "%s: not a file or folder: devices and sockets are not read", shown);
        return false;
    }
    if (S_ISDIR(info.st_mode))
        return push_folder(source, path, is_maildir, error);
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) {
        mb_file_set_error(error, path, "cannot be read", errno);
        return false;
    }
    g_free(source->path);
    source->path = g_strdup(path);
    mb_source_push_descriptor(source, descriptor, true, is_direct, is_maildir);
    return true;
}

void mb_source_pop(MbSource *source)
{
    MbLayer *layer = mb_source_top(source);

    if (layer->archive != NULL) {
        mb_archive_free(layer->archive);
        mb_budget_leave(source->budget);
    }
    if (layer->kind != LAYER_FOLDER)
        mb_window_clear(&layer->window, &source->spare);
    if (layer->owns_descriptor)
        close(layer->descriptor);
    if (layer->spool >= 0)
        close(layer->spool);
    if (layer->ahead.input.read != NULL)
        mb_ahead_clear(&layer->ahead);
    g_clear_error(&layer->problem);
    if (layer->has_container) {
        g_free(g_ptr_array_steal_index(source->containers, source->containers->len - 2));
    }
    g_clear_pointer(&layer->entries, g_array_unref);
    g_ptr_array_set_size(source->layers, (gint)source->layers->len - 1);
    g_free(layer);
}

/* Keeps all of the layer's stream in a file without a name. What comes out of an archive was
 * counted there; what comes from outside is bounded by the same limit. */
static bool spool(MbSource *source, MbLayer *layer, GError **error)
{
    MbWindow *window = &layer->window;
    size_t length;

    layer->spool = mb_file_open_unnamed(error);
    if (layer->spool < 0)
        return false;
    while ((length = mb_window_fill(window, 1)) > 0) {
        if (window->offset + length > source->budget->limits->max_bytes) {
            source->budget->hit |= MB_LIMIT_BYTES;
            mb_source_set_error(source, error, MB_ERROR_DATA,
                                "too large to be kept in a temporary file: --max-size");
            return false;
        }
        if (!mb_file_write_all(layer->spool, mb_window_bytes(window), length)) {
            mb_file_set_error(error, g_get_tmp_dir(), "cannot keep an archive that is streamed",
                              errno);
            return false;
        }
        mb_window_skip(window, length);
    }
    if (window->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&window->error));
        return false;
    }
    return lseek(layer->spool, 0, SEEK_SET) == 0;
}

/* Opens the top layer's stream as an archive. A file is given by its descriptor, so that zip and 7z
 * can seek. */
static bool open_archive(MbSource *source, GError **error)
{
    MbLayer *layer = mb_source_top(source);
    MbLocator where = {.path = source->path, .containers = (char **)source->containers->pdata};
    g_autofree char *name = mb_locator_text(&where);
    MbArchiveStream stream = {.read = read_window, .user = layer};

    if (!mb_budget_enter(source->budget)) {
        mb_source_set_error(source, error, MB_ERROR_DATA, "too deep: archives inside archives");
        return false;
    }
    if (layer->size_hint > 0 && lseek(layer->descriptor, 0, SEEK_SET) == 0) {
        source->bytes_in += layer->size_hint - MIN(layer->size_hint, layer->window.end);
        layer->archive = mb_archive_open_descriptor(layer->descriptor, name, source->budget, error);
    } else if (mb_archive_needs_seeking(mb_window_bytes(&layer->window),
                                        mb_window_length(&layer->window))) {
        if (spool(source, layer, error))
            layer->archive = mb_archive_open_descriptor(layer->spool, name, source->budget, error);
    } else {
        layer->archive = mb_archive_open_stream(&stream, name, source->budget, error);
    }
    if (layer->archive == NULL)
        mb_budget_leave(source->budget);
    layer->kind = LAYER_ARCHIVE;
    return layer->archive != NULL;
}

/* Tells what the top layer's stream is. */
static MbNext look(MbSource *source, GError **error)
{
    MbLayer *layer = mb_source_top(source);
    size_t length = mb_window_fill(&layer->window, LOOK_BYTES);
    const uint8_t *bytes = mb_window_bytes(&layer->window);
    size_t leading = mb_source_leading(bytes, length);
    MbMboxView view = {bytes + leading, length - leading, layer->window.at_end};

    layer->kind = LAYER_MESSAGE;
    if (length == 0 && layer->window.error == NULL && layer->is_direct) {
        mb_source_set_error(source, error, MB_ERROR_DATA, "empty: there is no message in it");
        layer->is_done = true;
        return MB_FAILED;
    }
    if (layer->is_maildir)
        return MB_END;
    if (mb_archive_looks_like(bytes, length)) {
        if (open_archive(source, error))
            return MB_END;
        layer->is_done = true;
        layer->kind = LAYER_MESSAGE;
        layer->item = 0;
        return MB_FAILED;
    }
    if (length > 0 && (source->options.force_mbox || mb_mbox_starts(&view)))
        layer->kind = LAYER_MBOX;
    return MB_END;
}

static MbNext step_folder(MbSource *source, GError **error)
{
    MbLayer *layer = mb_source_top(source);
    const MbFolderEntry *entry;
    struct stat info;

    if (layer->next == layer->entries->len) {
        mb_source_pop(source);
        return MB_END;
    }
    entry = &g_array_index(layer->entries, MbFolderEntry, layer->next++);
    if (lstat(entry->path, &info) == 0 && S_ISLNK(info.st_mode) && stat(entry->path, &info) == 0 &&
        S_ISDIR(info.st_mode))
        return MB_END; /* a link to a folder may lead in circles */
    return mb_source_push_path(source, entry->path, false, entry->is_maildir || layer->is_maildir,
                               error)
               ? MB_END
               : MB_FAILED;
}

/* The name that the entry must have when only one address is wanted; NULL when any will do. */
static const char *wanted_entry(const MbSource *source)
{
    guint depth = source->containers->len - 1;

    if (source->wanted.containers == NULL || depth >= g_strv_length(source->wanted.containers))
        return NULL;
    return source->wanted.containers[depth];
}

static bool is_maildir_entry(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(folder);

    return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0;
}

/* Whether a zip holds entries that its directory, by which it was read, does not name. */
static bool tell_hidden(MbSource *source, const MbLayer *layer, GError **error)
{
    g_autofree char *problem = NULL;
    uint64_t offset;

    if (layer->size_hint == 0 || !mb_zip_hides(layer->descriptor, &offset))
        return false;
    problem = g_strdup_printf("an entry at offset %" G_GUINT64_FORMAT
                              " is not in the archive's directory: from a pipe it is read",
                              offset);
    mb_source_set_error(source, error, MB_ERROR_DATA, problem);
    return true;
}

static MbNext step_archive(MbSource *source, GError **error)
{
    MbLayer *below = mb_source_top(source);
    const char *wanted = wanted_entry(source);
    MbArchiveEntry entry;
    MbLayer *layer;
    MbNext next;

    if ((wanted != NULL && source->is_found) || mb_archive_is_over(below->archive)) {
        mb_source_pop(source);
        return MB_END;
    }
    below->handed_out = 0;
    next = mb_archive_next_entry(below->archive, &entry, error);
    if (next != MB_NEXT) {
        bool has_hidden = next == MB_END && wanted == NULL && tell_hidden(source, below, error);

        if (next == MB_END || mb_archive_is_over(below->archive))
            mb_source_pop(source);
        return has_hidden ? MB_FAILED : next;
    }
    if (entry.kind != MB_ENTRY_FILE || (wanted != NULL && strcmp(wanted, entry.path) != 0))
        return MB_END;
    g_ptr_array_insert(source->containers, (gint)source->containers->len - 1, g_strdup(entry.path));
    if (entry.encrypted) {
        source->is_found = true;
        mb_source_set_error(source, error, MB_ERROR_DATA,
                            "encrypted: it cannot be read without its password");
        g_free(g_ptr_array_steal_index(source->containers, source->containers->len - 2));
        return MB_FAILED;
    }
    layer = push(source, LAYER_NEW);
    layer->has_container = true;
    layer->is_maildir = is_maildir_entry(entry.path);
    mb_window_init(&layer->window, (MbInput){read_entry, below}, &source->spare);
    return MB_END;
}

MbNext mb_source_step(MbSource *source, GError **error)
{
    switch (mb_source_top(source)->kind) {
    case LAYER_FOLDER: return step_folder(source, error);
    case LAYER_NEW: return look(source, error);
    case LAYER_ARCHIVE: return step_archive(source, error);
    case LAYER_MBOX:
    case LAYER_MESSAGE: break;
    }
    return mb_source_step_messages(source, error);
}
