#include "layout.h"

#include "archive.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/stat.h>

static const char *const folders[] = {"seg", "open", "journal", "damaged"};

char *pd_layout_open(guint32 number)
{
    return g_strdup_printf("open/%06u.tar", number);
}

char *pd_layout_sealed(guint32 number, const char *suffix)
{
    return g_strdup_printf("seg/%06u.tar%s", number, suffix);
}

char *pd_layout_manifest(guint32 number)
{
    return g_strdup_printf("seg/%06u.manifest.jsonl", number);
}

static bool has(const char *root, const char *name)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    struct stat status;

    return stat(path, &status) == 0;
}

bool pd_layout_is_archive(const char *root)
{
    return has(root, PD_JOURNAL_NAME) || has(root, PD_CATALOG_NAME) ||
           (has(root, "seg") && has(root, "open"));
}

/* An archive whose making was interrupted has some of its folders, its lock, an empty catalog. */
bool pd_layout_is_fresh(const char *root)
{
    g_autoptr(GDir) dir = g_dir_open(root, 0, NULL);
    const char *name;

    if (dir == NULL)
        return !g_file_test(root, G_FILE_TEST_EXISTS);
    while ((name = g_dir_read_name(dir)) != NULL) {
        bool ours = strcmp(name, "lost+found") == 0 || strcmp(name, PD_LOCK_NAME) == 0;

        for (size_t i = 0; i < G_N_ELEMENTS(folders) && !ours; i++)
            ours = strcmp(name, folders[i]) == 0;
        if (!ours)
            return false;
    }
    return true;
}

static bool make_folder(const char *path, bool *made, GError **error)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    *made = mkdir(path, 0700) == 0;
    if (*made || (errno == EEXIST && g_file_test(path, G_FILE_TEST_IS_DIR)))
        return true;
    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_CANNOT_CREATE, "%s: cannot make the folder: %s",
                shown, g_strerror(errno));
    return false;
}

bool pd_layout_create(const char *root, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(root);
    bool made;
    bool any = false;

    if (!make_folder(root, &made, error) || (made && !mb_file_sync_folder(parent, error)))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(root, folders[i], NULL);

        if (!make_folder(path, &made, error))
            return false;
        any = any || made;
    }
    return !any || mb_file_sync_folder(root, error);
}

static void clear_file(void *item)
{
    g_free(((PdSegmentFile *)item)->name);
}

static bool parse_name(const char *folder, const char *name, PdSegmentFile *file)
{
    static const char *const packed[] = {".tar.gz", ".tar.zst", ".tar.xz"};
    char *end;
    guint64 number = g_ascii_strtoull(name, &end, 10);

    if (end - name < 6 || number == 0 || number > PD_SEGMENT_MAX || !g_ascii_isdigit(name[0]))
        return false;
    file->number = (guint32)number;
    if (strcmp(end, ".tar") == 0) {
        file->place = strcmp(folder, "open") == 0 ? PD_PLACE_OPEN : PD_PLACE_PLAIN;
        return true;
    }
    file->place = PD_PLACE_PACKED;
    for (size_t i = 0; i < G_N_ELEMENTS(packed); i++) {
        if (strcmp(end, packed[i]) == 0)
            return strcmp(folder, "seg") == 0;
    }
    return false;
}

static bool read_folder(const char *root, const char *folder, GArray *files, GError **error)
{
    g_autofree char *path = g_build_filename(root, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (dir == NULL) {
        g_autofree char *shown = mb_text_printable(path, strlen(path));

        g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA,
                    "%s: missing: an archive has this folder (put it back from a copy)", shown);
        return false;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        PdSegmentFile file;

        if (parse_name(folder, name, &file)) {
            file.name = g_strconcat(folder, "/", name, NULL);
            g_array_append_val(files, file);
        }
    }
    return true;
}

static int compare_files(const void *a, const void *b)
{
    const PdSegmentFile *one = a;
    const PdSegmentFile *two = b;

    if (one->number != two->number)
        return one->number < two->number ? -1 : 1;
    if (one->place != two->place)
        return one->place < two->place ? -1 : 1;
    return strcmp(one->name, two->name);
}

GArray *pd_layout_segments(const char *root, GError **error)
{
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(PdSegmentFile));

    g_array_set_clear_func(files, clear_file);
    if (!read_folder(root, "seg", files, error) || !read_folder(root, "open", files, error))
        return NULL;
    g_array_sort(files, compare_files);
    return g_steal_pointer(&files);
}

const PdSegmentFile *pd_layout_find(const GArray *files, guint32 number)
{
    for (guint i = 0; i < files->len; i++) {
        const PdSegmentFile *file = &g_array_index(files, PdSegmentFile, i);

        if (file->number == number)
            return file;
    }
    return NULL;
}

bool pd_layout_is_sealed_part(const char *name)
{
    PdSegmentFile file;

    return parse_name("seg", name, &file) ||
           (strspn(name, "0123456789") >= 6 &&
            strcmp(name + strspn(name, "0123456789"), ".manifest.jsonl") == 0);
}

/* A name of ours, a dot and six letters is what mb_file_replace() leaves when it is interrupted. */
static bool is_temporary(const char *name)
{
    static const char *const endings[] = {".manifest.jsonl", ".torn", PD_SUMS_NAME};
    size_t length = strlen(name);
    g_autofree char *whole = NULL;

    if (g_str_has_suffix(name, PD_TEMPORARY_SUFFIX))
        return true;
    if (length < 8 || name[length - 7] != '.')
        return false;
    whole = g_strndup(name, length - 7);
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
        if (g_str_has_suffix(whole, endings[i]))
            return true;
    }
    return false;
}

void pd_layout_remove_temporaries(const char *root)
{
    static const char *const places[] = {".", "seg", "open", "journal", "damaged"};

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *folder = g_build_filename(root, places[i], NULL);
        g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
        const char *name;

        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *path = g_build_filename(folder, name, NULL);

            if (is_temporary(name))
                g_unlink(path);
        }
    }
}
