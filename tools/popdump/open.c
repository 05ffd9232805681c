/* Opening: the folder, the lock, recovery, the account. */
#include "archive-private.h"

#include "catalog-uidl.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static PdArchive *new_archive(const char *path)
{
    PdArchive *archive = g_new0(PdArchive, 1);
    g_autofree char *open_folder = g_build_filename(path, "open", NULL);

    archive->path = g_strdup(path);
    archive->lock = -1;
    archive->segment_size = PD_SEGMENT_SIZE;
    archive->batch_messages = PD_BATCH_MESSAGES;
    archive->spool = pd_spool_new(open_folder);
    archive->header = g_string_sized_new(2048);
    archive->pending = pd_members_new();
    archive->lost = pd_members_new();
    archive->copies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    archive->proven = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    archive->notes = g_ptr_array_new_with_free_func(g_free);
    archive->recovery.notes = archive->notes;
    archive->segment_number = 1;
    archive->next_sequence = 1;
    return archive;
}

void pd_archive_free(PdArchive *archive)
{
    if (archive == NULL)
        return;
    pd_committer_free(archive->committer);
    pd_segment_free(archive->segment);
    pd_journal_free(archive->journal);
    pd_catalog_free(archive->catalog);
    pd_spool_free(archive->spool);
    g_string_free(archive->header, TRUE);
    g_array_unref(archive->pending);
    g_array_unref(archive->lost);
    g_hash_table_unref(archive->copies);
    g_hash_table_unref(archive->proven);
    g_ptr_array_unref(archive->notes);
    if (archive->lock >= 0)
        close(archive->lock);
    g_clear_error(&archive->broken);
    g_free(archive->host);
    g_free(archive->user);
    g_free(archive->path);
    g_free(archive);
}

static bool set_error(GError **error, MbErrorCode code, const char *path, const char *text)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    g_set_error(error, PD_ARCHIVE_ERROR, (gint)code, "%s: %s", shown, text);
    return false;
}

static bool take_lock(PdArchive *archive, GError **error)
{
    g_autofree char *path = g_build_filename(archive->path, PD_LOCK_NAME, NULL);

    archive->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (archive->lock < 0 && (errno == EACCES || errno == EPERM || errno == EROFS))
        return set_error(error, MB_ERROR_CANNOT_CREATE, archive->path,
                         "cannot be written to: popdump needs the right to write there");
    if (archive->lock < 0) {
        mb_file_set_error(error, path, "cannot open", errno);
        return false;
    }
    if (flock(archive->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return set_error(
            error, MB_ERROR_TEMPORARY, archive->path,
            "locked: another popdump works on this archive, try again when it is done");
    mb_file_set_error(error, path, "cannot lock", errno);
    return false;
}

static bool enter_account(PdArchive *archive, const char *kind, const char *host, const char *user,
                          GError **error)
{
    MbJson *json = pd_journal_begin(archive->journal, kind);

    mb_json_put_string(json, "format", "popdump archive 1");
    mb_json_put_string(json, "host", host);
    mb_json_put_string(json, "user", user);
    if (!pd_archive_enter_line_durably(archive, error))
        return false;
    archive->host = g_strdup(host);
    archive->user = g_strdup(user);
    return true;
}

static bool check_account(PdArchive *archive, const PdArchiveOptions *options, GError **error)
{
    g_autofree char *shown = NULL;
    g_autofree char *host = NULL;
    g_autofree char *user = NULL;

    if (archive->host == NULL || archive->user == NULL)
        return enter_account(
            archive, pd_journal_position(archive->journal)->lines == 0 ? "created" : "bound",
            options->host, options->user, error);
    if (g_ascii_strcasecmp(archive->host, options->host) == 0 &&
        strcmp(archive->user, options->user) == 0)
        return true;
    shown = mb_text_printable(archive->path, strlen(archive->path));
    host = mb_text_printable(archive->host, strlen(archive->host));
    user = mb_text_printable(archive->user, strlen(archive->user));
    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_CONFIG,
                "%s: another account's archive: it holds the mail of %s at %s; give each account a "
                "folder of its own",
                shown, user, host);
    return false;
}

typedef struct {
    PdArchive *archive;
    const GArray *files; /* NULL: do not look */
} Known;

static void count_uidl(void *user, const char *uidl, guint32 segment, guint64 count)
{
    Known *known = user;

    if (known->files != NULL && pd_layout_find(known->files, segment) == NULL)
        return;
    pd_archive_count_copy(known->archive, uidl, count);
}

/* A second name of a message counts as long as the message is there. */
static void count_healed(void *user, const char *uidl, uint64_t sequence, guint32 segment)
{
    (void)sequence;
    count_uidl(user, uidl, segment, 1);
}

/* Lost, and fetched again by an earlier run. */
static void forget_refetched(PdArchive *archive)
{
    for (guint i = 0; i < archive->lost->len; i++) {
        PdMember *lost = &g_array_index(archive->lost, PdMember, i);

        if (lost->uidl != NULL && !lost->uidl_repeated &&
            pd_archive_copies(archive, lost->uidl) > 0)
            lost->sequence = 0;
    }
}

/* What the catalog knows once it is up to date. */
static bool load(PdArchive *archive, GError **error)
{
    g_autoptr(GArray) files = pd_layout_segments(archive->path, error);
    Known known = {archive, files};
    uint64_t last;

    if (files == NULL || !pd_catalog_each_uidl(archive->catalog, count_uidl, &known, error) ||
        !pd_catalog_each_healed(archive->catalog, count_healed, &known, error) ||
        !pd_catalog_last_session(archive->catalog, &archive->session, error) ||
        !pd_catalog_last_sequence(archive->catalog, &last, error) ||
        !pd_catalog_count(archive->catalog, &archive->messages, error))
        return false;
    archive->next_sequence = last + 1;
    forget_refetched(archive);
    return true;
}

/* A catalog that is missing or spoilt is bad data in the archive, and can be mended. */
static bool open_catalog(PdArchive *archive, PdCatalogMode mode, GError **error)
{
    g_autoptr(GError) reason = NULL;
    MbExit status;

    archive->catalog = pd_catalog_open(archive->path, mode, &reason);
    if (archive->catalog != NULL)
        return true;
    status = mb_exit_of(reason);
    if (status != MB_EXIT_DATA && status != MB_EXIT_NO_INPUT) {
        g_propagate_error(error, g_steal_pointer(&reason));
        return false;
    }
    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA, "%s; `popdump rebuild` makes it anew",
                reason->message);
    return false;
}

static bool is_archive(const char *path, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return set_error(error, MB_ERROR_NO_INPUT, path, "there is no such archive");
    if (!pd_layout_is_archive(path))
        return set_error(error, MB_ERROR_DATA, path,
                         "not an archive: it has no journal, no catalog and no segments");
    return true;
}

static bool lock_for_writing(PdArchive *archive, GError **error)
{
    archive->writable = true;
    if (!take_lock(archive, error))
        return false;
    pd_layout_remove_temporaries(archive->path);
    return true;
}

PdArchive *pd_archive_lock_existing(const char *path, GError **error)
{
    g_autoptr(PdArchive) archive = new_archive(path);

    if (!is_archive(path, error) || !lock_for_writing(archive, error))
        return NULL;
    return g_steal_pointer(&archive);
}

bool pd_archive_bring_up(PdArchive *archive, const PdArchiveOptions *options, GError **error)
{
    if (!open_catalog(archive, PD_CATALOG_WRITE, error))
        return false;
    if (!pd_recover_journal(archive, error) ||
        !pd_catalog_account(archive->catalog, &archive->host, &archive->user, error) ||
        (options != NULL && !check_account(archive, options, error)))
        return false;
    return pd_recover_segments(archive, error) && load(archive, error);
}

PdArchive *pd_archive_open(const PdArchiveOptions *options, GError **error)
{
    g_autoptr(PdArchive) archive = new_archive(options->path);

    if (options->segment_size != 0)
        archive->segment_size = options->segment_size;
    if (options->batch_messages != 0)
        archive->batch_messages = options->batch_messages;
    archive->compress = options->compress;
    if (!pd_layout_is_archive(options->path) && !pd_layout_is_fresh(options->path)) {
        set_error(error, MB_ERROR_DATA, options->path,
                  "not an archive: there are other things in this folder; name a new or empty one");
        return NULL;
    }
    if (!pd_layout_create(options->path, error) || !lock_for_writing(archive, error) ||
        !pd_archive_bring_up(archive, options, error))
        return NULL;
    return g_steal_pointer(&archive);
}

PdArchive *pd_archive_open_existing(const char *path, PdOpenMode mode, GError **error)
{
    g_autoptr(PdArchive) archive = NULL;

    if (mode == PD_OPEN_WRITE) {
        archive = pd_archive_lock_existing(path, error);
        return archive != NULL && pd_archive_bring_up(archive, NULL, error)
                   ? g_steal_pointer(&archive)
                   : NULL;
    }
    if (!is_archive(path, error))
        return NULL;
    archive = new_archive(path);
    if (!open_catalog(archive, PD_CATALOG_READ, error) ||
        !pd_catalog_account(archive->catalog, &archive->host, &archive->user, error) ||
        !load(archive, error))
        return NULL;
    return g_steal_pointer(&archive);
}
