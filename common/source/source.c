#include "source-private.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_DEFAULT (64u << 20)
#define BUFFER_LEAST   65536

MB_DEFINE_QUARK(mb_source_error)

static MbSource *new_source(const MbSourceOptions *options)
{
    MbSource *source = g_new0(MbSource, 1);

    if (options != NULL)
        source->options = *options;
    if (source->options.buffer_max == 0)
        source->options.buffer_max = BUFFER_DEFAULT;
    source->options.buffer_max = MAX(source->options.buffer_max, BUFFER_LEAST);
    mb_budget_init(&source->own_budget, &mb_limits_default);
    source->budget = source->options.budget != NULL ? source->options.budget : &source->own_budget;
    source->layers = g_ptr_array_new();
    source->containers = g_ptr_array_new();
    g_ptr_array_add(source->containers, NULL);
    return source;
}

static bool exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

/* The path to read: as it was given, or that of the address it is. */
static const char *resolve(MbSource *source, const char *path)
{
    if (strcmp(path, "-") == 0 || exists(path) || !mb_locator_parse(path, &source->wanted))
        return path;
    if (strcmp(source->wanted.path, "-") != 0 && !exists(source->wanted.path)) {
        mb_locator_clear(&source->wanted);
        return path;
    }
    return source->wanted.path;
}

MbSource *mb_source_open(const char *path, const MbSourceOptions *options, GError **error)
{
    g_autoptr(MbSource) source = new_source(options);
    const char *real = resolve(source, path);

    if (strcmp(real, "-") == 0) {
        source->path = g_strdup(real);
        mb_source_push_descriptor(source, STDIN_FILENO, false, true, false);
    } else if (!mb_source_push_path(source, real, true, false, error)) {
        return NULL;
    }
    source->bytes_total = mb_source_top(source)->size_hint;
    return g_steal_pointer(&source);
}

MbSource *mb_source_open_descriptor(int descriptor, const char *name,
                                    const MbSourceOptions *options, GError **error)
{
    g_autoptr(MbSource) source = new_source(options);
    struct stat info;

    source->path = g_strdup(name);
    if (fstat(descriptor, &info) != 0 || S_ISDIR(info.st_mode) || S_ISBLK(info.st_mode)) {
        mb_source_set_error(source, error, MB_ERROR_NO_INPUT, "not a file or stream");
        return NULL;
    }
    mb_source_push_descriptor(source, descriptor, false, true, false);
    source->bytes_total = mb_source_top(source)->size_hint;
    return g_steal_pointer(&source);
}

void mb_source_free(MbSource *source)
{
    if (source == NULL)
        return;
    while (mb_source_top(source) != NULL)
        mb_source_pop(source);
    g_ptr_array_unref(source->layers);
    g_ptr_array_unref(source->containers);
    mb_locator_clear(&source->wanted);
    mb_block_unref(source->spare);
    g_free(source->path);
    g_free(source);
}

const char *mb_source_part(const MbSource *source)
{
    return source->wanted.part;
}

/* Says once that what the address names was not there. */
static MbNext end(MbSource *source, GError **error)
{
    g_autofree char *address = NULL;

    if (source->wanted.path == NULL || source->is_found || source->is_told)
        return MB_END;
    source->is_told = true;
    address = mb_locator_text(&source->wanted);
    g_set_error(error, MB_SOURCE_ERROR, MB_ERROR_NO_INPUT, "%s: there is no such item", address);
    return MB_FAILED;
}

MbNext mb_source_next(MbSource *source, const MbItem **item, GError **error)
{
    const uint8_t *bytes;
    size_t length;

    while (mb_source_top(source) != NULL && mb_source_top(source)->is_streamed)
        mb_source_read_message(source, &bytes, &length);
    while (mb_source_top(source) != NULL) {
        MbNext next = mb_source_step(source, error);

        while (next == MB_END && mb_source_top(source) != NULL &&
               mb_source_top(source)->is_streamed)
            mb_source_read_message(source, &bytes, &length);
        if (next == MB_NEXT)
            *item = &source->item;
        if (next != MB_END)
            return next;
    }
    return end(source, error);
}

bool mb_source_read(MbSource *source, const uint8_t **bytes, size_t *length)
{
    return mb_source_top(source) != NULL && mb_source_read_message(source, bytes, length);
}

GBytes *mb_source_hold(MbSource *source)
{
    return mb_window_hold(&mb_source_top(source)->window, source->item.bytes,
                          (size_t)source->item.length);
}

uint64_t mb_source_bytes_in(const MbSource *source)
{
    return source->bytes_in;
}

uint64_t mb_source_bytes_total(const MbSource *source)
{
    return source->bytes_total;
}
