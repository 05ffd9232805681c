/*
 * Replays files through a fuzz target: each file as it is, and cut off after each of some lengths.
 * The arguments are files and folders of files.
 */
#include "fuzz.h"

#include <glib.h>
#include <stdio.h>

#define CUTS 16

static size_t replay_file(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length;

    if (!g_file_get_contents(path, &bytes, &length, NULL)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 0;
    }
    for (size_t cut = 0; cut <= CUTS; cut++) {
        size_t here = length * cut / CUTS;
        g_autofree uint8_t *copy = g_memdup2(bytes, here);

        LLVMFuzzerTestOneInput(copy, here);
    }
    return 1;
}

static size_t replay(const char *path)
{
    GDir *folder = g_dir_open(path, 0, NULL);
    const char *name;
    size_t files = 0;

    if (folder == NULL)
        return replay_file(path);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        files += replay_file(file);
    }
    g_dir_close(folder);
    return files;
}

int main(int argc, char **argv)
{
    size_t files = 0;

    for (int i = 1; i < argc; i++)
        files += replay(argv[i]);
    printf("%zu files replayed\n", files);
    return files > 0 ? 0 : 1;
}
