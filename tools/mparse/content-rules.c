#include "content-rules.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

#define FILES_MAX  8
#define COMPILED   ".mgc"
#define LOCAL_MOST 65536 /* of a file of rules in words, which has only comments as a rule */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static GMappedFile *files[FILES_MAX];
static void *rules[FILES_MAX];
static size_t sizes[FILES_MAX];
static size_t count; /* 0: each handle loads for itself */

/* Whether there is nothing in it but comments, or no such file. */
static bool has_no_rule(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    gsize length;

    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return true;
    if (!g_file_get_contents(path, &text, &length, NULL) || length > LOCAL_MOST)
        return false;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        const char *rule = g_strstrip(*line);

        if (*rule != '\0' && *rule != '#')
            return false;
    }
    return true;
}

/* False when this place of rules has to be read by libmagic itself. */
static bool map_place(const char *path)
{
    g_autofree char *compiled =
        g_str_has_suffix(path, COMPILED) ? g_strdup(path) : g_strconcat(path, COMPILED, NULL);
    GMappedFile *file = g_mapped_file_new(compiled, FALSE, NULL);

    if (file == NULL)
        return has_no_rule(path);
    if (count == FILES_MAX) {
        g_mapped_file_unref(file);
        return false;
    }
    files[count] = file;
    rules[count] = g_mapped_file_get_contents(file);
    sizes[count++] = g_mapped_file_get_length(file);
    return true;
}

static void map_all(void)
{
    g_auto(GStrv) places = g_strsplit(magic_getpath(NULL, 0), ":", -1);

    for (char **place = places; *place != NULL; place++) {
        if (**place != '\0' && !map_place(*place)) {
            count = 0;
            return;
        }
    }
}

bool mp_content_load_rules(magic_t magic)
{
    pthread_once(&once, map_all);
    return (count > 0 && magic_load_buffers(magic, rules, sizes, count) == 0) ||
           magic_load(magic, NULL) == 0;
}
