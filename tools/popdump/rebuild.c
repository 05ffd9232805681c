#include "rebuild.h"

#include "archive-private.h"
#include "sums.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <stdio.h>

/* SQLite finds its side files by name: they move along. */
static bool set_catalog_aside(const char *root, GError **error)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *from = g_strdup_printf("%s/%s%s", root, PD_CATALOG_NAME, suffixes[i]);
        g_autofree char *to = g_strdup_printf("%s/%s.old%s", root, PD_CATALOG_NAME, suffixes[i]);

        if (rename(from, to) != 0 && errno != ENOENT) {
            mb_file_set_error(error, from, "cannot set aside", errno);
            return false;
        }
    }
    return mb_file_sync_folder(root, error);
}

/* Behind a break in the chain nothing can be believed: it goes to damaged/, and the chain goes on
 * before it. */
static bool mend_journal(PdArchive *archive, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(PdJournal) journal = NULL;
    PdJournalPosition start;
    PdJournalPosition reached;
    uint64_t torn;

    pd_journal_start(&start);
    if (pd_journal_read(archive->path, &start, NULL, NULL, &reached, &torn, &reason))
        return true;
    if (!g_error_matches(reason, PD_ARCHIVE_ERROR, MB_ERROR_DATA)) {
        g_propagate_error(error, g_steal_pointer(&reason));
        return false;
    }
    archive->recovery.damaged++;
    pd_recover_note(archive, "%s; what follows was moved to damaged/", reason->message);
    journal = pd_journal_open(archive->path, &reached, error);
    return journal != NULL;
}

static bool rebuild_manifests(PdArchive *archive, GError **error)
{
    g_autoptr(GArray) files = pd_layout_segments(archive->path, error);
    g_autofree char *sums = g_build_filename(archive->path, PD_SUMS_NAME, NULL);
    bool has_sums = g_file_test(sums, G_FILE_TEST_EXISTS);

    for (guint i = 0; files != NULL && i < files->len; i++) {
        const PdSegmentFile *file = &g_array_index(files, PdSegmentFile, i);
        g_autofree char *name = pd_layout_manifest(file->number);
        g_autofree char *path = g_build_filename(archive->path, name, NULL);

        if (file->place == PD_PLACE_OPEN || g_file_test(path, G_FILE_TEST_EXISTS))
            continue;
        if (!pd_seal_write_manifest(archive, file->number, error) ||
            (has_sums && !pd_sums_write(archive->path, file->number, error)))
            return false;
    }
    return files != NULL && (has_sums || pd_sums_write(archive->path, 0, error));
}

PdArchive *pd_rebuild(const char *root, GError **error)
{
    g_autoptr(PdArchive) archive = pd_archive_lock_existing(root, error);

    if (archive == NULL)
        return NULL;
    archive->rebuilding = true;
    if (!mend_journal(archive, error) || !set_catalog_aside(root, error) ||
        !pd_archive_bring_up(archive, NULL, error) || !rebuild_manifests(archive, error))
        return NULL;
    return g_steal_pointer(&archive);
}
