#include "sums.h"

#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/file.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE  (256 * 1024)
#define SUMS_MAX    (64 << 20)
#define DIGEST_TEXT 64

static char *digest_file(const char *path, GError **error)
{
    g_autoptr(MbDigest) digest = mb_digest_new(MB_DIGEST_SHA256);
    g_autofree char *chunk = g_malloc(CHUNK_SIZE);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    while (descriptor >= 0 && (got = read(descriptor, chunk, CHUNK_SIZE)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        mb_digest_update(digest, chunk, (size_t)got);
    }
    if (got < 0)
        mb_file_set_error(error, path, "cannot read", errno);
    if (descriptor >= 0)
        close(descriptor);
    return got == 0 ? mb_digest_finish_hex(digest) : NULL;
}

/* Other people's files are not read on the word of a line in it. */
static bool is_sum(const char *line)
{
    return strspn(line, "0123456789abcdef") == DIGEST_TEXT &&
           g_str_has_prefix(line + DIGEST_TEXT, "  seg/") &&
           pd_layout_is_sealed_part(line + DIGEST_TEXT + strlen("  seg/"));
}

/* name → digest; what makes no sense is left out and counted. */
static GHashTable *read_sums(const char *root, GPtrArray *strange, GError **error)
{
    g_autoptr(GHashTable) sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *path = g_build_filename(root, PD_SUMS_NAME, NULL);
    g_autoptr(GBytes) bytes = NULL;
    g_auto(GStrv) lines = NULL;
    g_autofree char *text = NULL;
    const char *content;
    gsize length;

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&sums);
    bytes = mb_file_read(path, SUMS_MAX, error);
    if (bytes == NULL)
        return NULL;
    content = g_bytes_get_data(bytes, &length);
    text = g_strndup(content != NULL ? content : "", length);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (is_sum(*line))
            g_hash_table_replace(sums, g_strdup(*line + DIGEST_TEXT + 2),
                                 g_strndup(*line, DIGEST_TEXT));
        else if (**line != '\0' && strange != NULL)
            g_ptr_array_add(strange, g_strdup(*line));
    }
    return g_steal_pointer(&sums);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *list_names(const char *root)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *folder = g_build_filename(root, "seg", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (pd_layout_is_sealed_part(name))
            g_ptr_array_add(names, g_strconcat("seg/", name, NULL));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

bool pd_sums_write(const char *root, guint32 number, GError **error)
{
    g_autoptr(GHashTable) known = read_sums(root, NULL, error);
    g_autoptr(GPtrArray) names = list_names(root);
    g_autofree char *path = g_build_filename(root, PD_SUMS_NAME, NULL);
    g_autofree char *own = g_strdup_printf("seg/%06u.", number);
    g_autoptr(GString) text = g_string_new(NULL);

    if (known == NULL)
        return false;
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *file = g_build_filename(root, name, NULL);
        g_autofree char *digest = NULL;

        if (number != 0 && !g_str_has_prefix(name, own))
            digest = g_strdup(g_hash_table_lookup(known, name));
        if (digest == NULL)
            digest = digest_file(file, error);
        if (digest == NULL)
            return false;
        g_string_append_printf(text, "%s  %s\n", digest, name);
    }
    return mb_file_replace(path, text->str, text->len, 0600, error);
}

bool pd_sums_check(const char *root, PdSumVisit visit, void *user, GError **error)
{
    g_autoptr(GPtrArray) strange = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) sums = read_sums(root, strange, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter iter;
    void *name;

    if (sums == NULL)
        return false;
    for (guint i = 0; i < strange->len; i++) {
        if (!visit(user, strange->pdata[i], NULL, NULL, error))
            return false;
    }
    g_hash_table_iter_init(&iter, sums);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(root, names->pdata[i], NULL);
        g_autofree char *found = NULL;

        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            found = digest_file(path, error);
            if (found == NULL)
                return false;
        }
        if (!visit(user, names->pdata[i], g_hash_table_lookup(sums, names->pdata[i]), found, error))
            return false;
    }
    return true;
}
