/* What opening mends: journal, catalog and segments are brought together again. */
#include "archive-private.h"

#include "scan.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <mailbatch/mime/date.h>
#include <string.h>
#include <sys/stat.h>

void pd_recover_note(PdArchive *archive, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(archive->notes, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* ---- the journal ---- */

static bool apply_line(void *user, const PdJsonLine *line, const PdJournalPosition *after,
                       GError **error)
{
    PdArchive *archive = user;

    return pd_catalog_apply(archive->catalog, line, error) &&
           pd_catalog_set_journal(archive->catalog, after, error);
}

bool pd_recover_journal(PdArchive *archive, GError **error)
{
    PdJournalPosition known;
    PdJournalPosition reached;
    uint64_t torn;

    if (!pd_catalog_journal(archive->catalog, &known, error) ||
        !pd_catalog_begin(archive->catalog, error))
        return false;
    if (!pd_journal_read(archive->path, &known, apply_line, archive, &reached, &torn, error) ||
        !pd_catalog_commit(archive->catalog, error)) {
        pd_catalog_rollback(archive->catalog);
        return false;
    }
    if (torn > 0)
        pd_recover_note(archive, "journal: an unfinished last line was moved to damaged/");
    archive->journal = pd_journal_open(archive->path, &reached, error);
    return archive->journal != NULL;
}

/* ---- what the catalog does not know ---- */

bool pd_recover_adopt(PdArchive *archive, guint32 number, GArray *members, uint64_t length,
                      GError **error)
{
    bool good;

    if (length == 0)
        return true;
    if (!pd_catalog_begin(archive->catalog, error))
        return false;
    good = true;
    if (members->len > 0) {
        MbJson *json = pd_journal_begin(archive->journal, "adopted");

        mb_json_put_unsigned(json, "segment", number);
        mb_json_put_unsigned(json, "messages", members->len);
        good = pd_archive_enter_line(archive, error) && pd_journal_sync(archive->journal, error);
    }
    for (guint i = 0; good && i < members->len; i++)
        good = pd_catalog_add(archive->catalog, &g_array_index(members, PdMember, i), error);
    good = good && pd_catalog_set_length(archive->catalog, number, length, error) &&
           pd_catalog_commit(archive->catalog, error);
    if (!good)
        pd_catalog_rollback(archive->catalog);
    if (good)
        archive->recovery.adopted += members->len;
    return good;
}

/* ---- what the catalog knows and no segment holds ---- */

static bool enter_lost(PdArchive *archive, const PdMember *member, GError **error)
{
    g_autofree char *digest = mb_text_hex(member->sha256, sizeof(member->sha256));
    MbJson *json = pd_journal_begin(archive->journal, "lost");
    char path[PD_MEMBER_PATH_MAX];
    char time[MB_DATE_TEXT_MAX];

    pd_member_path(member, path);
    mb_date_format_utc(member->mtime, time);
    mb_json_put_unsigned(json, "sequence", member->sequence);
    mb_json_put_string(json, "member", path);
    mb_json_put_unsigned(json, "size", member->size);
    mb_json_put_string(json, "sha256", digest);
    mb_json_put_string(json, "message_time", time);
    if (member->uidl != NULL) {
        mb_json_key(json, "uidl");
        mb_json_base64(json, member->uidl, strlen(member->uidl));
    }
    return pd_archive_enter_line(archive, error);
}

static void count_lost(PdArchive *archive, const GArray *lost)
{
    archive->recovery.lost += lost->len;
    for (guint i = 0; i < lost->len; i++)
        pd_members_add(archive->lost, &g_array_index(lost, PdMember, i));
}

bool pd_recover_lose(PdArchive *archive, guint32 number, uint64_t length, GError **error)
{
    g_autoptr(GArray) lost = pd_members_new();
    bool good = true;

    if (!pd_catalog_beyond(archive->catalog, number, length, lost, error) ||
        !pd_catalog_begin(archive->catalog, error))
        return false;
    for (guint i = 0; good && i < lost->len; i++)
        good = enter_lost(archive, &g_array_index(lost, PdMember, i), error);
    good = good && pd_journal_sync(archive->journal, error) &&
           pd_catalog_set_length(archive->catalog, number, length, error) &&
           pd_catalog_commit(archive->catalog, error);
    if (!good) {
        pd_catalog_rollback(archive->catalog);
        return false;
    }
    if (lost->len > 0)
        pd_recover_note(
            archive,
            "segment %06u: shorter than it was: %u message%s lost; what the server still "
            "has is fetched again",
            number, lost->len, lost->len == 1 ? " is" : "s are");
    count_lost(archive, lost);
    return true;
}

/* A segment without a file: its messages count as lost for now, and are there again when the file
 * is put back. */
static bool miss_segment(PdArchive *archive, const PdSegmentRow *row, GError **error)
{
    guint32 number = row->number;
    g_autoptr(GArray) lost = pd_members_new();

    if (!pd_catalog_beyond(archive->catalog, number, 0, lost, error))
        return false;
    if (lost->len > 0)
        pd_recover_note(archive,
                        "segment %06u: its file is missing, and with it %u message%s; put it back "
                        "from a copy; what the server still has is fetched again",
                        number, lost->len, lost->len == 1 ? "" : "s");
    else if (row->sealed > 0)
        archive->recovery.damaged++;
    if (lost->len == 0 && row->sealed > 0)
        pd_recover_note(
            archive,
            "segment %06u: the journal tells of it and its file is missing: put it back "
            "from a copy, then rebuild",
            number);
    count_lost(archive, lost);
    return true;
}

/* ---- sealed segments ---- */

typedef struct {
    GArray *members;
    uint64_t bad;
} Adoption;

static bool adopt_whole(void *user, const PdMember *member, PdScanState state, const char *problem,
                        GError **error)
{
    Adoption *adoption = user;

    (void)problem;
    (void)error;
    if (state == PD_SCAN_WHOLE) {
        pd_members_add(adoption->members, member);
    } else {
        adoption->bad++;
    }
    return true;
}

/* A sealed segment that the catalog does not know as sealed, or not at all. It is read-only: what
 * is damaged in it stays, and verify tells. */
static bool adopt_sealed(PdArchive *archive, const PdSegmentFile *file, uint64_t committed,
                         GError **error)
{
    g_autofree char *path = g_build_filename(archive->path, file->name, NULL);
    g_autoptr(GArray) members = pd_members_new();
    Adoption adoption = {members, 0};
    PdScanVisitor visitor = {.end = adopt_whole, .user = &adoption};
    PdScanOptions options = {.from = committed, .heads = true};
    g_auto(PdScanResult) result = {0};

    if (!pd_scan(path, file->number, &options, &visitor, &result, error))
        return false;
    archive->recovery.damaged += adoption.bad;
    if (adoption.bad > 0 || result.damage != NULL)
        pd_recover_note(archive, "%s: damaged: `popdump verify` says where%s%s", file->name,
                        result.damage != NULL ? ": " : "",
                        result.damage != NULL ? result.damage : "");
    return pd_recover_adopt(archive, file->number, members, MAX(result.boundary, committed), error);
}

static bool check_length(PdArchive *archive, const PdSegmentFile *file, uint64_t committed,
                         GError **error)
{
    g_autofree char *path = g_build_filename(archive->path, file->name, NULL);
    PdScanVisitor visitor = {0};
    PdScanOptions options = {0};
    g_auto(PdScanResult) result = {0};
    struct stat status;

    if (file->place != PD_PLACE_PLAIN || stat(path, &status) != 0 ||
        (uint64_t)status.st_size >= committed)
        return true;
    return pd_scan(path, file->number, &options, &visitor, &result, error) &&
           pd_recover_lose(archive, file->number, result.boundary, error);
}

static bool recover_sealed(PdArchive *archive, const PdSegmentFile *file, const PdSegmentRow *row,
                           GError **error)
{
    uint64_t committed = row != NULL ? row->length : 0;

    /* An older catalog may know of the seal, by the journal, and not of all messages. */
    if (row == NULL || row->sealed == 0 || row->length < row->sealed) {
        if (!adopt_sealed(archive, file, committed, error))
            return false;
    } else if (!check_length(archive, file, committed, error)) {
        return false;
    }
    return (row != NULL && row->sealed != 0) || pd_seal_finish(archive, file->number, error);
}

/* ---- all of them ---- */

static const PdSegmentRow *find_row(const GArray *rows, guint32 number)
{
    for (guint i = 0; i < rows->len; i++) {
        const PdSegmentRow *row = &g_array_index(rows, PdSegmentRow, i);

        if (row->number == number)
            return row;
    }
    return NULL;
}

static bool is_whole(void *user, const PdMember *member, PdScanState state, const char *problem,
                     GError **error)
{
    (void)member;
    (void)problem;
    (void)error;
    *(bool *)user = *(bool *)user && state == PD_SCAN_WHOLE;
    return true;
}

/* Reads both from the disk. The plain one is the one to trust, if it is whole; the other one is
 * finished when it holds the same. *drop is the one that is not needed, NULL: cannot tell. */
static bool compare_twins(PdArchive *archive, const PdSegmentFile *plain,
                          const PdSegmentFile *packed, const PdSegmentFile **drop, GError **error)
{
    g_autofree char *plain_path = g_build_filename(archive->path, plain->name, NULL);
    g_autofree char *packed_path = g_build_filename(archive->path, packed->name, NULL);
    PdScanOptions options = {.cold = true, .digest = true};
    bool whole = true;
    PdScanVisitor look = {.end = is_whole, .user = &whole};
    PdScanVisitor pass = {0};
    g_auto(PdScanResult) want = {0};
    g_auto(PdScanResult) got = {0};

    if (!pd_scan(plain_path, plain->number, &options, &look, &want, error) ||
        !pd_scan(packed_path, packed->number, &options, &pass, &got, error))
        return false;
    whole = whole && want.damage == NULL && want.ended;
    *drop = !whole ? NULL : packed;
    if (whole && got.damage == NULL && got.length == want.length &&
        memcmp(got.sha256, want.sha256, MB_SHA256_LENGTH) == 0)
        *drop = plain;
    return true;
}

/* Of one number only one file may count; nothing goes without a whole one that stays. */
static bool settle_twins(PdArchive *archive, const GArray *files, GError **error)
{
    for (guint i = 1; i < files->len; i++) {
        const PdSegmentFile *first = &g_array_index(files, PdSegmentFile, i - 1);
        const PdSegmentFile *second = &g_array_index(files, PdSegmentFile, i);
        const PdSegmentFile *drop = NULL;
        g_autofree char *path = NULL;

        if (first->number != second->number)
            continue;
        if (first->place == PD_PLACE_PLAIN && second->place == PD_PLACE_PACKED &&
            !compare_twins(archive, first, second, &drop, error))
            return false;
        if (drop == NULL) {
            g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA,
                        "%s: %s and %s are the same segment, and the first is not to be trusted: "
                        "move one of them out of the archive",
                        archive->path, first->name, second->name);
            return false;
        }
        path = g_build_filename(archive->path, drop->name, NULL);
        if (g_unlink(path) != 0) {
            mb_file_set_error(error, path, "cannot remove", errno);
            return false;
        }
    }
    return true;
}

/* A file a number; free with g_array_unref(). */
static GArray *settled_segments(PdArchive *archive, GError **error)
{
    g_autoptr(GArray) files = pd_layout_segments(archive->path, error);

    return files != NULL && settle_twins(archive, files, error)
               ? pd_layout_segments(archive->path, error)
               : NULL;
}

static bool recover_file(PdArchive *archive, const PdSegmentFile *file, const PdSegmentRow *row,
                         GError **error)
{
    uint64_t committed = row != NULL ? row->length : 0;

    if (file->number >= archive->segment_number) {
        archive->segment_number = file->number + (file->place != PD_PLACE_OPEN);
        archive->segment_length = 0;
    }
    if (file->place != PD_PLACE_OPEN)
        return recover_sealed(archive, file, row, error);
    if (file->number != archive->segment_number) {
        g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA,
                    "%s: %s: a later segment stands beside it: move it out of the archive, and "
                    "rebuild",
                    archive->path, file->name);
        return false;
    }
    return pd_recover_open_segment(archive, file->number, committed, &archive->segment_length,
                                   error);
}

bool pd_recover_segments(PdArchive *archive, GError **error)
{
    g_autoptr(GArray) files = settled_segments(archive, error);
    g_autoptr(GArray) rows = files != NULL ? pd_catalog_segments(archive->catalog, error) : NULL;

    if (rows == NULL)
        return false;
    for (guint i = 0; i < files->len; i++) {
        const PdSegmentFile *file = &g_array_index(files, PdSegmentFile, i);

        if (!recover_file(archive, file, find_row(rows, file->number), error))
            return false;
    }
    for (guint i = 0; i < rows->len; i++) {
        const PdSegmentRow *row = &g_array_index(rows, PdSegmentRow, i);

        if (row->number >= archive->segment_number && pd_layout_find(files, row->number) == NULL)
            archive->segment_number = row->number + 1;
        if (pd_layout_find(files, row->number) == NULL && !miss_segment(archive, row, error))
            return false;
    }
    if (archive->recovery.adopted > 0 && !archive->rebuilding)
        pd_recover_note(archive, "%" G_GUINT64_FORMAT " message%s beyond the last commit adopted",
                        archive->recovery.adopted, archive->recovery.adopted == 1 ? "" : "s");
    return true;
}
