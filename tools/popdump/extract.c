#include "extract.h"

#include "archive-private.h"
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    PdArchive *archive;
    const PdExtractOptions *options;
    PdExtractSummary *summary;
    GHashTable *wanted; /* names and numbers asked for; NULL: all */
    GHashTable *found;  /* of those; a set */

    FILE *out;  /* of the message, or the mbox */
    char *path; /* of it */
    char *final_path;
    off_t begin;   /* mbox: where the message begins */
    char previous; /* the last octet written or held back */
    bool held_cr;
    GString *start; /* mbox: the beginning of a line that may need quoting */
    bool line_start;
    bool in_message;
} Extract;

static bool io_error(const char *path, const char *what, GError **error)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    g_set_error(error, PD_ARCHIVE_ERROR,
                errno == ENOSPC || errno == EDQUOT || errno == EIO ? MB_ERROR_IO
                                                                   : MB_ERROR_CANNOT_CREATE,
                "%s: %s: %s", shown, what, g_strerror(errno));
    return false;
}

static bool make_folders(const char *path, GError **error)
{
    return g_mkdir_with_parents(path, 0700) == 0 || io_error(path, "cannot make the folder", error);
}

/* ---- where a message goes ---- */

static bool create_file(Extract *extract, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(extract->path);
    int descriptor;

    if (!make_folders(folder, error))
        return false;
    if (g_file_test(extract->final_path, G_FILE_TEST_EXISTS)) {
        errno = EEXIST;
        return io_error(extract->final_path, "is not overwritten", error);
    }
    descriptor = open(extract->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    extract->out = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (extract->out == NULL && descriptor >= 0)
        close(descriptor);
    return extract->out != NULL || io_error(extract->path, "cannot make", error);
}

static void set_paths(Extract *extract, const PdMember *member)
{
    const char *to = extract->options->to;
    char name[PD_MEMBER_PATH_MAX];

    pd_member_path(member, name);
    g_free(extract->path);
    g_free(extract->final_path);
    if (extract->options->format == PD_EXTRACT_MAILDIR) {
        /* The Maildir specification's unique names: time, something unique, "host". */
        g_autofree char *unique =
            g_strdup_printf("%" G_GINT64_FORMAT ".S%" G_GUINT64_FORMAT "_%.16s.popdump",
                            MAX(member->mtime, 0), member->sequence, strrchr(name, '-') + 1);

        extract->path = g_build_filename(to, "tmp", unique, NULL);
        extract->final_path = g_build_filename(to, "new", unique, NULL);
    } else {
        extract->final_path = g_build_filename(to, name, NULL);
        extract->path = g_strconcat(extract->final_path, PD_TEMPORARY_SUFFIX, NULL);
    }
}

static bool begin_mbox(Extract *extract, const PdMember *member, GError **error)
{
    time_t when = (time_t)member->mtime;
    char date[64];
    struct tm fields = {0};

    gmtime_r(&when, &fields);
    asctime_r(&fields, date);
    extract->begin = ftello(extract->out);
    return fprintf(extract->out, "From MAILER-DAEMON %s", date) > 0 ||
           io_error(extract->path, "cannot write", error);
}

static bool is_wanted(Extract *extract, const PdMember *member)
{
    char path[PD_MEMBER_PATH_MAX];
    char number[24];
    const char *names[] = {path, number};
    bool wanted = extract->wanted == NULL;

    if (wanted)
        return true;
    pd_member_path(member, path);
    g_snprintf(number, sizeof(number), "%" G_GUINT64_FORMAT, member->sequence);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_hash_table_contains(extract->wanted, names[i])) {
            g_hash_table_add(extract->found, g_strdup(names[i]));
            wanted = true;
        }
    }
    return wanted;
}

static bool begin_message(void *user, const PdMember *member, bool *wanted, GError **error)
{
    Extract *extract = user;

    *wanted = is_wanted(extract, member);
    if (!*wanted)
        return true;
    extract->in_message = true;
    extract->held_cr = false;
    extract->previous = '\n';
    extract->line_start = true;
    g_string_truncate(extract->start, 0);
    if (extract->options->format == PD_EXTRACT_MBOX)
        return begin_mbox(extract, member, error);
    set_paths(extract, member);
    return create_file(extract, error);
}

/* ---- its octets ---- */

/* mboxrd: a line of any number of ">" and then "From " gets one more ">". */
static void put_mbox(Extract *extract, char octet)
{
    GString *start = extract->start;

    if (!extract->line_start) {
        putc(octet, extract->out);
        extract->line_start = octet == '\n';
        return;
    }
    g_string_append_c(start, octet);
    if (strncmp("From ", start->str + strspn(start->str, ">"),
                start->len - strspn(start->str, ">")) == 0) {
        if (!g_str_has_suffix(start->str, "From "))
            return;
        putc('>', extract->out);
    }
    fwrite(start->str, 1, start->len, extract->out);
    extract->line_start = octet == '\n';
    g_string_truncate(start, 0);
}

static void put(Extract *extract, char octet)
{
    extract->previous = octet;
    if (extract->options->format == PD_EXTRACT_MBOX)
        put_mbox(extract, octet);
    else
        putc(octet, extract->out);
}

static void put_lines(Extract *extract, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (extract->held_cr && bytes[i] != '\n')
            put(extract, '\r');
        extract->held_cr = bytes[i] == '\r';
        if (!extract->held_cr)
            put(extract, bytes[i]);
    }
}

static bool take_data(void *user, const void *bytes, size_t length, GError **error)
{
    Extract *extract = user;

    if (extract->options->format == PD_EXTRACT_EML)
        fwrite(bytes, 1, length, extract->out);
    else
        put_lines(extract, bytes, length);
    return !ferror(extract->out) || io_error(extract->path, "cannot write", error);
}

/* ---- its end ---- */

static void fail(Extract *extract, const char *name, const char *why)
{
    g_autofree char *shown = mb_text_printable(name, strlen(name));

    g_ptr_array_add(extract->summary->failed, g_strdup_printf("%s: %s", shown, why));
}

/* Takes back what was written of a message that is not whole. */
static bool drop_message(Extract *extract, GError **error)
{
    bool good = true;

    extract->in_message = false;
    if (extract->options->format == PD_EXTRACT_MBOX) {
        good = fflush(extract->out) == 0 && ftruncate(fileno(extract->out), extract->begin) == 0 &&
               fseeko(extract->out, extract->begin, SEEK_SET) == 0;
        return good || io_error(extract->path, "cannot take a damaged message back", error);
    }
    if (extract->out != NULL)
        fclose(extract->out);
    extract->out = NULL;
    unlink(extract->path);
    return true;
}

static bool end_mbox(Extract *extract, GError **error)
{
    if (extract->start->len > 0)
        fwrite(extract->start->str, 1, extract->start->len, extract->out);
    if (extract->previous != '\n')
        putc('\n', extract->out);
    putc('\n', extract->out);
    return !ferror(extract->out) || io_error(extract->path, "cannot write", error);
}

static bool end_file(Extract *extract, const PdMember *member, GError **error)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)member->mtime}};
    bool good = fflush(extract->out) == 0;

    if (good)
        futimens(fileno(extract->out), times);
    good = fclose(extract->out) == 0 && good;
    extract->out = NULL;
    if (!good) {
        io_error(extract->path, "cannot write", error);
        unlink(extract->path);
        return false;
    }
    return rename(extract->path, extract->final_path) == 0 ||
           io_error(extract->final_path, "cannot rename", error);
}

static bool end_message(void *user, const PdMember *member, PdScanState state, const char *problem,
                        GError **error)
{
    Extract *extract = user;
    char path[PD_MEMBER_PATH_MAX];

    (void)problem;
    if (state == PD_SCAN_FOREIGN || !extract->in_message)
        return true;
    if (state == PD_SCAN_CHANGED) {
        pd_member_path(member, path);
        fail(extract, path, "damaged: not what was archived, and left out");
        return drop_message(extract, error);
    }
    extract->in_message = false;
    if (extract->held_cr)
        put(extract, '\r');
    if (!(extract->options->format == PD_EXTRACT_MBOX ? end_mbox(extract, error)
                                                      : end_file(extract, member, error)))
        return false;
    extract->summary->messages++;
    extract->summary->bytes += member->size;
    if (extract->options->progress != NULL)
        extract->options->progress(extract->options->user, extract->summary->messages,
                                   extract->summary->bytes);
    return true;
}

/* ---- all of them ---- */

static bool prepare(Extract *extract, GError **error)
{
    const char *to = extract->options->to;
    static const char *const folders[] = {"tmp", "new", "cur"};
    int descriptor;

    if (!make_folders(to, error))
        return false;
    for (size_t i = 0; extract->options->format == PD_EXTRACT_MAILDIR && i < 3; i++) {
        g_autofree char *folder = g_build_filename(to, folders[i], NULL);

        if (!make_folders(folder, error))
            return false;
    }
    if (extract->options->format != PD_EXTRACT_MBOX)
        return true;
    extract->path = g_build_filename(to, "archive.mbox", NULL);
    descriptor = open(extract->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    extract->out = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    return extract->out != NULL || io_error(extract->path, "cannot make", error);
}

/* The segments that hold what was asked for, as the catalog knows them; NULL without `wanted`: all.
 */
static bool choose_segments(Extract *extract, GHashTable **chosen, GError **error)
{
    const char *const *members = extract->options->members;

    *chosen = NULL;
    if (extract->wanted == NULL)
        return true;
    *chosen = g_hash_table_new(NULL, NULL);
    for (size_t i = 0; members[i] != NULL; i++) {
        const char *slash = strrchr(members[i], '/');
        uint64_t sequence = g_ascii_strtoull(slash != NULL ? slash + 1 : members[i], NULL, 10);
        PdRow row;
        MbNext next = pd_catalog_find_sequence(extract->archive->catalog, sequence, &row, error);

        if (next == MB_FAILED)
            return false;
        if (next == MB_END)
            continue;
        g_hash_table_add(*chosen, GUINT_TO_POINTER(row.member.segment));
        pd_member_clear(&row.member);
    }
    return true;
}

static bool extract_segment(Extract *extract, const PdSegmentFile *file, uint64_t committed,
                            GError **error)
{
    g_autofree char *path = g_build_filename(extract->archive->path, file->name, NULL);
    PdScanVisitor visitor = {begin_message, take_data, end_message, extract};
    /* Behind the last commit of the open segment a fetch may be writing. */
    PdScanOptions options = {.until = file->place == PD_PLACE_OPEN ? committed : 0};
    g_auto(PdScanResult) result = {0};

    if (!pd_scan(path, file->number, &options, &visitor, &result, error))
        return false;
    if (result.damage != NULL)
        fail(extract, file->name, result.damage);
    else if (result.length < committed)
        fail(extract, file->name, "truncated: shorter than the catalog says");
    return !extract->in_message || drop_message(extract, error);
}

static bool extract_segments(Extract *extract, GError **error)
{
    g_autoptr(GArray) files = pd_layout_segments(extract->archive->path, error);
    g_autoptr(GArray) rows =
        files != NULL ? pd_catalog_segments(extract->archive->catalog, error) : NULL;
    g_autoptr(GHashTable) chosen = NULL;

    if (rows == NULL || !choose_segments(extract, &chosen, error))
        return false;
    for (guint i = 0; i < rows->len; i++) {
        const PdSegmentRow *row = &g_array_index(rows, PdSegmentRow, i);
        const PdSegmentFile *file = pd_layout_find(files, row->number);

        if (row->length == 0 ||
            (chosen != NULL && !g_hash_table_contains(chosen, GUINT_TO_POINTER(row->number))))
            continue;
        if (file == NULL) {
            g_autofree char *name = pd_layout_sealed(row->number, ".*");

            fail(extract, name, "the segment's file is missing");
        } else if (!extract_segment(extract, file, row->length, error)) {
            return false;
        }
    }
    return true;
}

static void tell_missing(Extract *extract)
{
    const char *const *members = extract->options->members;

    for (size_t i = 0; members != NULL && members[i] != NULL; i++) {
        if (!g_hash_table_contains(extract->found, members[i]))
            fail(extract, members[i], "no such member in this archive");
    }
}

bool pd_extract(PdArchive *archive, const PdExtractOptions *options, PdExtractSummary *summary,
                GError **error)
{
    Extract extract = {
        .archive = archive,
        .options = options,
        .summary = summary,
        .found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .start = g_string_new(NULL),
    };
    bool good;

    *summary = (PdExtractSummary){.failed = g_ptr_array_new_with_free_func(g_free)};
    if (options->members != NULL && options->members[0] != NULL) {
        extract.wanted = g_hash_table_new(g_str_hash, g_str_equal);
        for (size_t i = 0; options->members[i] != NULL; i++)
            g_hash_table_add(extract.wanted, (void *)options->members[i]);
    }
    good = prepare(&extract, error) && extract_segments(&extract, error);
    if (good)
        tell_missing(&extract);
    if (extract.in_message)
        drop_message(&extract, NULL);
    if (extract.out != NULL && fclose(extract.out) != 0 && good)
        good = io_error(extract.path, "cannot write", error);
    if (extract.wanted != NULL)
        g_hash_table_unref(extract.wanted);
    g_hash_table_unref(extract.found);
    g_string_free(extract.start, TRUE);
    g_free(extract.path);
    g_free(extract.final_path);
    return good;
}
