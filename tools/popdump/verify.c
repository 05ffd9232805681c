#include "verify-private.h"

#include "sums.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const finding_names[PD_FINDINGS] = {"note", "missing", "changed", "extra",
                                                       "damaged"};

const char *pd_finding_name(PdFinding finding)
{
    return finding_names[finding];
}

void pd_verify_report(PdVerify *verify, PdFinding finding, const char *object, const char *format,
                      ...)
{
    g_autofree char *detail = NULL;
    va_list arguments;

    va_start(arguments, format);
    detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    verify->summary->count[finding]++;
    verify->options->report(verify->options->user, finding, object, detail);
}

static void free_seal(void *item)
{
    PdSeal *seal = item;

    g_free(seal->sha256);
    g_free(seal->manifest_sha256);
    g_free(seal);
}

static bool take_line(void *user, const PdJsonLine *line, const PdJournalPosition *after,
                      GError **error)
{
    PdVerify *verify = user;
    uint64_t number;
    PdSeal *seal;

    (void)after;
    (void)error;
    if (g_strcmp0(pd_json_text(line, "kind"), "seal") != 0 ||
        !pd_json_number(line, "segment", &number) || number > PD_SEGMENT_MAX)
        return true;
    seal = g_new0(PdSeal, 1);
    pd_json_number(line, "messages", &seal->messages);
    pd_json_number(line, "length", &seal->length);
    seal->sha256 = g_strdup(pd_json_text(line, "sha256"));
    seal->manifest_sha256 = g_strdup(pd_json_text(line, "manifest_sha256"));
    g_hash_table_replace(verify->seals, GUINT_TO_POINTER((guint32)number), seal);
    return true;
}

static bool check_journal(PdVerify *verify, GError **error)
{
    g_autoptr(GError) reason = NULL;
    PdJournalPosition start;
    PdJournalPosition reached;
    uint64_t torn;

    pd_journal_start(&start);
    if (!pd_journal_read(verify->root, &start, take_line, verify, &reached, &torn, &reason)) {
        if (!g_error_matches(reason, PD_ARCHIVE_ERROR, MB_ERROR_DATA)) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return false;
        }
        pd_verify_report(verify, PD_FINDING_DAMAGED, PD_JOURNAL_NAME, "%s", reason->message);
        return true;
    }
    if (reached.lines == 0)
        pd_verify_report(verify, PD_FINDING_MISSING, PD_JOURNAL_NAME,
                         "sessions, seals and deletions are not known");
    if (torn > 0)
        pd_verify_report(verify, PD_FINDING_NOTE, PD_JOURNAL_NAME,
                         "an unfinished last line: the next fetch moves it to damaged/");
    return true;
}

/* The journal may have been cut, line by line: the catalog remembers how long it was. */
static bool check_position(PdVerify *verify, GError **error)
{
    g_autoptr(GError) reason = NULL;
    PdJournalPosition known;
    PdJournalPosition reached;
    uint64_t torn;

    if (verify->catalog == NULL)
        return true;
    if (!pd_catalog_journal(verify->catalog, &known, error))
        return false;
    if (known.lines > 0 &&
        !pd_journal_read(verify->root, &known, NULL, NULL, &reached, &torn, &reason))
        pd_verify_report(verify, PD_FINDING_CHANGED, PD_JOURNAL_NAME,
                         "it does not fit the catalog: %s", reason->message);
    return true;
}

static void open_catalog(PdVerify *verify)
{
    g_autoptr(GError) reason = NULL;

    verify->catalog = pd_catalog_open(verify->root, PD_CATALOG_READ, &reason);
    if (verify->catalog == NULL)
        pd_verify_report(verify, PD_FINDING_MISSING, PD_CATALOG_NAME,
                         "%s: `popdump rebuild` makes it anew", reason->message);
}

/* A segment that lost all it had has no file. */
static guint32 last_of(const PdSegmentRow *row)
{
    return row->length > 0 || row->sealed > 0 ? row->number : 0;
}

/* The highest number that a file, the catalog or a seal knows: none up to it may be missing. */
static guint32 last_number(PdVerify *verify, const GArray *rows)
{
    GHashTableIter iter;
    void *number;
    guint32 last = 0;

    for (guint i = 0; i < verify->files->len; i++)
        last = MAX(last, g_array_index(verify->files, PdSegmentFile, i).number);
    for (guint i = 0; rows != NULL && i < rows->len; i++)
        last = MAX(last, last_of(&g_array_index(rows, PdSegmentRow, i)));
    g_hash_table_iter_init(&iter, verify->seals);
    while (g_hash_table_iter_next(&iter, &number, NULL))
        last = MAX(last, GPOINTER_TO_UINT(number));
    return last;
}

static uint64_t committed_length(const GArray *rows, guint32 number)
{
    for (guint i = 0; rows != NULL && i < rows->len; i++) {
        if (g_array_index(rows, PdSegmentRow, i).number == number)
            return g_array_index(rows, PdSegmentRow, i).length;
    }
    return 0;
}

static bool check_segments(PdVerify *verify, GError **error)
{
    g_autoptr(GArray) rows = NULL;
    guint32 last;

    if (verify->catalog != NULL) {
        rows = pd_catalog_segments(verify->catalog, error);
        if (rows == NULL)
            return false;
    }
    last = last_number(verify, rows);
    for (guint32 number = 1; number <= last; number++) {
        if (!pd_verify_segment(verify, number, pd_layout_find(verify->files, number),
                               committed_length(rows, number), error))
            return false;
    }
    return true;
}

static bool check_sum(void *user, const char *name, const char *stated, const char *found,
                      GError **error)
{
    PdVerify *verify = user;
    g_autofree char *shown = mb_text_printable(name, strlen(name));

    (void)error;
    if (stated == NULL)
        pd_verify_report(verify, PD_FINDING_CHANGED, PD_SUMS_NAME, "a line that is no sum: %s",
                         shown);
    else if (found == NULL)
        pd_verify_report(verify, PD_FINDING_MISSING, shown, "named in %s", PD_SUMS_NAME);
    else if (strcmp(stated, found) != 0)
        pd_verify_report(verify, PD_FINDING_CHANGED, shown, "its SHA-256 is not the one in %s",
                         PD_SUMS_NAME);
    return true;
}

static bool tell_lost(void *user, const PdRow *row, GError **error)
{
    PdVerify *verify = user;
    char path[PD_MEMBER_PATH_MAX];
    PdRow again;

    pd_member_path(&row->member, path);
    if (row->member.uidl != NULL) {
        MbNext next = pd_catalog_find_uidl(verify->catalog, row->member.uidl, &again, error);

        if (next == MB_FAILED)
            return false;
        if (next == MB_NEXT) {
            pd_member_clear(&again.member);
            return true;
        }
    }
    pd_verify_report(verify, PD_FINDING_MISSING, path,
                     "lost with the end of its segment, and the server did not have it any more");
    return true;
}

static bool check_all(PdVerify *verify, GError **error)
{
    return check_journal(verify, error) && check_position(verify, error) &&
           check_segments(verify, error) && pd_sums_check(verify->root, check_sum, verify, error) &&
           (verify->catalog == NULL ||
            pd_catalog_each_lost(verify->catalog, tell_lost, verify, error));
}

static bool lock_shared(const char *root, int *lock, GError **error)
{
    g_autofree char *path = g_build_filename(root, PD_LOCK_NAME, NULL);

    *lock = open(path, O_RDONLY | O_CLOEXEC);
    if (*lock < 0 || flock(*lock, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return true;
    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_TEMPORARY,
                "%s: locked: another popdump works on this archive, try again when it is done",
                root);
    close(*lock);
    return false;
}

bool pd_verify(const char *root, const PdVerifyOptions *options, PdVerifySummary *summary,
               GError **error)
{
    PdVerify verify = {.root = root, .options = options, .summary = summary};
    bool good;
    int lock;

    *summary = (PdVerifySummary){0};
    if (!g_file_test(root, G_FILE_TEST_EXISTS) || !pd_layout_is_archive(root)) {
        bool exists = g_file_test(root, G_FILE_TEST_EXISTS);
        g_autofree char *shown = mb_text_printable(root, strlen(root));

        g_set_error(error, PD_ARCHIVE_ERROR, exists ? MB_ERROR_DATA : MB_ERROR_NO_INPUT, "%s: %s",
                    shown,
                    exists ? "not an archive: it has no journal, no catalog and no segments"
                           : "there is no such archive");
        return false;
    }
    if (!lock_shared(root, &lock, error))
        return false;
    verify.seals = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_seal);
    verify.files = pd_layout_segments(root, error);
    if (verify.files != NULL)
        open_catalog(&verify);
    good = verify.files != NULL && check_all(&verify, error);
    pd_catalog_free(verify.catalog);
    g_hash_table_unref(verify.seals);
    if (verify.files != NULL)
        g_array_unref(verify.files);
    if (lock >= 0)
        close(lock);
    return good;
}
