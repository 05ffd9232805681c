#include "source-folder.h"

#include <check.h>
#include <glib/gstdio.h>

char *folder;

void make_folder(void)
{
    g_autoptr(GError) error = NULL;

    folder = g_dir_make_tmp("mb-source-XXXXXX", &error);
    ck_assert_ptr_nonnull(folder);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *full = g_build_filename(path, name, NULL);

        if (g_file_test(full, G_FILE_TEST_IS_DIR) && !g_file_test(full, G_FILE_TEST_IS_SYMLINK))
            remove_tree(full);
        else
            g_unlink(full);
    }
    g_rmdir(path);
}

void drop_folder(void)
{
    remove_tree(folder);
    g_clear_pointer(&folder, g_free);
}

char *put_file(const char *name, const void *bytes, gssize length)
{
    char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0700), 0);
    ck_assert(g_file_set_contents(path, bytes, length, NULL));
    return path;
}

void run_command(const char *format, ...)
{
    g_autofree char *command = NULL;
    g_autofree char *line = NULL;
    const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    int status = -1;
    va_list list;

    va_start(list, format);
    command = g_strdup_vprintf(format, list);
    va_end(list);
    line = g_strdup_printf("set -e; cd '%s'; %s", folder, command);
    argv[2] = line;
    ck_assert(g_spawn_sync(NULL, (char **)(void *)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
                           NULL, &status, NULL));
    ck_assert_msg(status == 0, "%s", command);
}

void append_message(MbSource *source, const MbItem *item, GString *out, bool *streamed)
{
    const uint8_t *bytes;
    size_t length;

    if (item->bytes != NULL) {
        g_string_append_len(out, (const char *)item->bytes + item->head,
                            (gssize)(item->length - item->head - item->tail));
        return;
    }
    *streamed = true;
    while (mb_source_read(source, &bytes, &length))
        g_string_append_len(out, (const char *)bytes, (gssize)length);
}

char *tell_with(const char *path, const MbSourceOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbSource) source = mb_source_open(path, options, &error);
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(GStrv) pieces = NULL;
    const MbItem *item;
    uint64_t end = 0;
    MbNext next = MB_FAILED;
    bool streamed = false;

    if (source == NULL)
        g_string_append_printf(out, "!%s", error->message);
    while (source != NULL && (next = mb_source_next(source, &item, &error)) != MB_END) {
        g_autofree char *address = NULL;

        if (next == MB_FAILED) {
            g_string_append_printf(out, "!%s ", error->message);
            g_clear_error(&error);
            continue;
        }
        if (item->kind == MB_ITEM_MBOX && item->locator->index > 1 &&
            mb_source_part(source) == NULL)
            ck_assert_uint_eq(item->offset, end);
        address = mb_locator_text(item->locator);
        g_string_append_printf(out, "%s{", address);
        append_message(source, item, out, &streamed);
        ck_assert_uint_ge(item->length, item->head + item->tail);
        end = item->offset + item->length;
        g_string_append_printf(out, "}%s%s ", item->is_cut ? "~" : "", item->is_mail ? "" : "?");
    }
    pieces = g_strsplit(out->str, folder, -1);
    return g_strjoinv("", pieces);
}

char *tell(const char *path)
{
    return tell_with(path, NULL);
}
