#include "journal.h"

#include "archive.h"
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <mailbatch/mime/date.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct PdJournal {
    char *folder;
    char *path;
    int descriptor;
    bool new_name;
    PdJournalPosition position;
    GString *line;
    MbJson json;
};

void pd_journal_start(PdJournalPosition *position)
{
    *position = (PdJournalPosition){0};
    memset(position->hash, '0', PD_HASH_TEXT - 1);
}

static void advance(PdJournalPosition *position, const char *line, size_t length)
{
    uint8_t sha256[MB_SHA256_LENGTH];
    g_autofree char *hex = NULL;

    mb_sha256(line, length, sha256);
    hex = mb_text_hex(sha256, sizeof(sha256));
    memcpy(position->hash, hex, PD_HASH_TEXT);
    position->lines++;
    position->offset += length + 1;
}

static bool damaged(const char *path, uint64_t line, const char *problem, GError **error)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA, "%s: line %" G_GUINT64_FORMAT ": %s", shown,
                line, problem);
    return false;
}

static bool take_line(const char *path, const char *text, size_t length, PdJournalVisit visit,
                      void *user, PdJournalPosition *reached, GError **error)
{
    g_autoptr(PdJsonLine) line = pd_json_parse(text, length);
    const char *previous = line != NULL ? pd_json_text(line, "previous") : NULL;
    PdJournalPosition after = *reached;

    if (previous == NULL)
        return damaged(path, reached->lines + 1, "damaged: this is no line of a journal", error);
    if (strcmp(previous, reached->hash) != 0)
        return damaged(
            path, reached->lines + 1,
            "the chain is broken: the line before this one was changed, added or removed", error);
    advance(&after, text, length);
    if (visit != NULL && !visit(user, line, &after, error))
        return false;
    *reached = after;
    return true;
}

static bool read_lines(FILE *file, const char *path, PdJournalVisit visit, void *user,
                       PdJournalPosition *reached, uint64_t *torn, GError **error)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    bool good = true;

    *torn = 0;
    while (good && (length = getline(&text, &capacity, file)) > 0) {
        if (text[length - 1] != '\n')
            *torn = (uint64_t)length;
        else
            good = take_line(path, text, (size_t)length - 1, visit, user, reached, error);
    }
    if (good && ferror(file)) {
        mb_file_set_error(error, path, "cannot read", errno);
        good = false;
    }
    free(text);
    return good;
}

bool pd_journal_read(const char *root, const PdJournalPosition *from, PdJournalVisit visit,
                     void *user, PdJournalPosition *reached, uint64_t *torn, GError **error)
{
    g_autofree char *path = g_build_filename(root, PD_JOURNAL_NAME, NULL);
    FILE *file = fopen(path, "re");
    struct stat status;
    bool good;

    *reached = *from;
    *torn = 0;
    if (file == NULL && errno == ENOENT && from->lines == 0)
        return true;
    if (file == NULL && errno != ENOENT) {
        mb_file_set_error(error, path, "cannot read", errno);
        return false;
    }
    if (file == NULL || fstat(fileno(file), &status) != 0 ||
        (uint64_t)status.st_size < from->offset) {
        if (file != NULL)
            fclose(file);
        return damaged(path, from->lines,
                       "missing: the journal is shorter than the catalog says; put it back from a "
                       "copy, or accept the loss with `popdump rebuild`",
                       error);
    }
    fseeko(file, (off_t)from->offset, SEEK_SET);
    good = read_lines(file, path, visit, user, reached, torn, error);
    fclose(file);
    return good;
}

static bool failed(const PdJournal *journal, const char *what, GError **error)
{
    mb_file_set_error(error, journal->path, what, errno);
    return false;
}

/* A line that was being written when the power went: nothing was done on its word. */
static bool move_torn(PdJournal *journal, const char *root, uint64_t size, GError **error)
{
    uint64_t torn = size - journal->position.offset;
    g_autofree char *bytes = g_malloc(torn);
    g_autofree char *copy = g_strdup_printf("%s/damaged/journal-%" G_GUINT64_FORMAT ".torn", root,
                                            journal->position.offset);
    ssize_t got = pread(journal->descriptor, bytes, torn, (off_t)journal->position.offset);

    if (got < 0)
        return failed(journal, "cannot read", error);
    if (!mb_file_replace(copy, bytes, (gsize)got, 0600, error))
        return false;
    if (ftruncate(journal->descriptor, (off_t)journal->position.offset) != 0)
        return failed(journal, "cannot cut its torn last line", error);
    return true;
}

PdJournal *pd_journal_open(const char *root, const PdJournalPosition *end, GError **error)
{
    g_autoptr(PdJournal) journal = g_new0(PdJournal, 1);
    struct stat status;

    journal->folder = g_build_filename(root, "journal", NULL);
    journal->path = g_build_filename(root, PD_JOURNAL_NAME, NULL);
    journal->line = g_string_new(NULL);
    journal->position = *end;
    journal->new_name = stat(journal->path, &status) != 0;
    journal->descriptor =
        open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->descriptor < 0 || fstat(journal->descriptor, &status) != 0) {
        failed(journal, "cannot open", error);
        return NULL;
    }
    if ((uint64_t)status.st_size > end->offset &&
        !move_torn(journal, root, (uint64_t)status.st_size, error))
        return NULL;
    return g_steal_pointer(&journal);
}

void pd_journal_free(PdJournal *journal)
{
    if (journal == NULL)
        return;
    if (journal->descriptor >= 0)
        close(journal->descriptor);
    g_string_free(journal->line, TRUE);
    g_free(journal->folder);
    g_free(journal->path);
    g_free(journal);
}

MbJson *pd_journal_begin(PdJournal *journal, const char *kind)
{
    char now[MB_DATE_TEXT_MAX];

    mb_date_format_utc(g_get_real_time() / G_USEC_PER_SEC, now);
    g_string_truncate(journal->line, 0);
    mb_json_init(&journal->json, journal->line);
    mb_json_begin_map(&journal->json);
    mb_json_put_string(&journal->json, "previous", journal->position.hash);
    mb_json_put_unsigned(&journal->json, "n", journal->position.lines + 1);
    mb_json_put_string(&journal->json, "time", now);
    mb_json_put_string(&journal->json, "kind", kind);
    return &journal->json;
}

bool pd_journal_end(PdJournal *journal, GError **error)
{
    size_t length;

    mb_json_end_map(&journal->json);
    length = journal->line->len;
    g_string_append_c(journal->line, '\n');
    if (!mb_file_write_all(journal->descriptor, journal->line->str, journal->line->len))
        return failed(journal, "cannot write", error);
    advance(&journal->position, journal->line->str, length);
    return true;
}

bool pd_journal_sync(PdJournal *journal, GError **error)
{
    if (fdatasync(journal->descriptor) != 0)
        return failed(journal, "cannot make it durable", error);
    if (journal->new_name && !mb_file_sync_folder(journal->folder, error))
        return false;
    journal->new_name = false;
    return true;
}

PdJsonLine *pd_journal_last(const PdJournal *journal)
{
    return pd_json_parse(journal->line->str, journal->line->len);
}

const PdJournalPosition *pd_journal_position(const PdJournal *journal)
{
    return &journal->position;
}

static int compare_sequences(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t two = *(const uint64_t *)b;

    return one < two ? -1 : one > two;
}

char *pd_sequences_format(const uint64_t *sequences, size_t count)
{
    g_autofree uint64_t *sorted = g_memdup2(sequences, count * sizeof(*sequences));
    GString *text = g_string_new(NULL);

    if (count > 0)
        qsort(sorted, count, sizeof(*sorted), compare_sequences);
    for (size_t i = 0, last; i < count; i = last + 1) {
        for (last = i; last + 1 < count && sorted[last + 1] <= sorted[last] + 1; last++)
            ;
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, i > 0 ? "," : "", sorted[i]);
        if (sorted[last] > sorted[i])
            g_string_append_printf(text, "-%" G_GUINT64_FORMAT, sorted[last]);
    }
    return g_string_free(text, FALSE);
}

GArray *pd_sequences_parse(const char *text)
{
    g_autoptr(GArray) sequences = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    while (*text != '\0') {
        char *end;
        uint64_t first = g_ascii_strtoull(text, &end, 10);
        uint64_t last = first;

        if (end == text)
            return NULL;
        if (*end == '-') {
            text = end + 1;
            last = g_ascii_strtoull(text, &end, 10);
            if (end == text)
                return NULL;
        }
        if (*end == ',')
            end++;
        else if (*end != '\0')
            return NULL;
        if (last < first || last - first > G_MAXINT32 || last > G_MAXINT64)
            return NULL;
        for (uint64_t i = first; i <= last; i++)
            g_array_append_val(sequences, i);
        text = end;
    }
    return g_steal_pointer(&sequences);
}
