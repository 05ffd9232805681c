#include "source-private.h"

#include <dirent.h>
#include <errno.h>
#include <mailbatch/base/file.h>
#include <string.h>
#include <sys/stat.h>

static void free_entry(gpointer data)
{
    g_free(((MbFolderEntry *)data)->path);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The folder's names, sorted by their bytes. */
static GPtrArray *read_names(const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    DIR *folder = opendir(path);
    struct dirent *entry;

    if (folder == NULL) {
        mb_file_set_error(error, path, "cannot be read", errno);
        return NULL;
    }
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    if (errno != 0) {
        mb_file_set_error(error, path, "cannot be read", errno);
        closedir(folder);
        return NULL;
    }
    closedir(folder);
    if (names->len > 1)
        qsort(names->pdata, names->len, sizeof(gpointer), compare_names);
    return g_steal_pointer(&names);
}

static bool is_folder(const char *path, const char *name)
{
    g_autofree char *full = g_build_filename(path, name, NULL);
    struct stat info;

    return lstat(full, &info) == 0 && S_ISDIR(info.st_mode);
}

static void add(GArray *entries, const char *path, const char *name, bool is_maildir)
{
    MbFolderEntry entry = {g_build_filename(path, name, NULL), is_maildir};

    g_array_append_val(entries, entry);
}

/* Folders first: cur/ and new/, then the subfolders of Maildir++. Its other files are indexes. */
static void list_maildir(const char *path, const GPtrArray *names, GArray *entries)
{
    add(entries, path, "cur", true);
    add(entries, path, "new", true);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (strcmp(name, "cur") != 0 && strcmp(name, "new") != 0 && strcmp(name, "tmp") != 0 &&
            is_folder(path, name))
            add(entries, path, name, false);
    }
}

/* 000001.tar, 000001.tar.gz: digits, ".tar", and perhaps a suffix. */
static bool is_segment(const char *name)
{
    size_t digits = strspn(name, "0123456789");

    return digits > 0 && g_str_has_prefix(name + digits, ".tar") &&
           (name[digits + 4] == '\0' ||
            (name[digits + 4] == '.' &&
             strspn(name + digits + 5, "abcdefghijklmnopqrstuvwxyz0123456789") ==
                 strlen(name + digits + 5)));
}

/* Where a segment stands plain and compressed, the plain one counts (it sorts first). */
static bool list_segments(const char *path, const char *folder, GArray *entries, GError **error)
{
    g_autofree char *full = g_build_filename(path, folder, NULL);
    g_autoptr(GPtrArray) names = NULL;
    const char *last = "";

    if (!is_folder(path, folder))
        return true;
    names = read_names(full, error);
    if (names == NULL)
        return false;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        size_t digits = strspn(name, "0123456789");

        if (!is_segment(name) || (strspn(last, "0123456789") == digits && digits > 0 &&
                                  strncmp(last, name, digits) == 0))
            continue;
        add(entries, full, name, false);
        last = name;
    }
    return true;
}

/* popdump's ARCHIVE: segments, sealed and open, and a journal or catalog beside them. */
static bool is_popdump(const char *path)
{
    g_autofree char *catalog = g_build_filename(path, "catalog.db", NULL);

    return is_folder(path, "seg") && is_folder(path, "open") &&
           (is_folder(path, "journal") || g_file_test(catalog, G_FILE_TEST_EXISTS));
}

bool mb_source_list_folder(const char *path, GArray *entries, GError **error)
{
    g_autoptr(GPtrArray) names = NULL;

    g_array_set_clear_func(entries, free_entry);
    if (is_popdump(path))
        return list_segments(path, "seg", entries, error) &&
               list_segments(path, "open", entries, error);
    names = read_names(path, error);
    if (names == NULL)
        return false;
    if (is_folder(path, "cur") && is_folder(path, "new")) {
        list_maildir(path, names, entries);
        return true;
    }
    for (guint i = 0; i < names->len; i++)
        add(entries, path, g_ptr_array_index(names, i), false);
    return true;
}
