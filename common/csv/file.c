#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <sys/stat.h>
#include <unistd.h>

MbCsv *mb_csv_open(const char *path, const MbCsvOptions *options, GError **error)
{
    MbCsvOptions named = options != NULL ? *options : (MbCsvOptions){0};
    g_autoptr(MbCsv) csv = NULL;
    struct stat status;

    if (named.name == NULL)
        named.name = path;
    csv = mb_csv_new(&named, error);
    if (csv == NULL)
        return NULL;
    csv->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (csv->descriptor < 0 || fstat(csv->descriptor, &status) != 0) {
        mb_file_set_error(error, csv->name, "cannot read", errno);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        g_set_error(error, MB_CSV_ERROR, MB_ERROR_NO_INPUT,
                    "%s: is no regular file (it has to be read more than once)", csv->name);
        return NULL;
    }
    csv->size = (uint64_t)status.st_size;
    csv->window = g_malloc(CSV_WINDOW);
    if (mb_csv_next(csv, NULL, error) != MB_NEXT)
        return NULL;
    return g_steal_pointer(&csv);
}

bool mb_csv_rewind(MbCsv *csv, GError **error)
{
    CsvHeader *before = g_steal_pointer(&csv->header);
    bool same = false;

    g_assert(csv->descriptor >= 0);
    g_clear_error(&csv->failure);
    csv_stop(csv);
    csv_start(csv);
    g_ptr_array_set_size(csv->warnings, 0);
    g_ptr_array_add(csv->warnings, NULL);
    if (lseek(csv->descriptor, 0, SEEK_SET) < 0)
        mb_file_set_error(&csv->failure, csv->name, "cannot read again", errno);
    if (mb_csv_next(csv, NULL, error) == MB_NEXT) {
        same = csv_header_equal(before, csv->header);
        if (!same) {
            csv_fail(csv, "its header changed while it was being read");
            g_propagate_error(error, g_error_copy(csv->failure));
        }
    }
    csv_header_free(before);
    return same;
}

bool mb_csv_mark(const MbCsv *csv, MbCsvPlace *place)
{
    MbCsvPlace here = {.line = csv->line, .number = csv->number, .blank_rows = csv->blank_rows};

    if (csv->descriptor < 0 || csv->failure != NULL || csv_record_is_open(&csv->record) ||
        !csv_input_place(csv->input, &here.offset, &here.skip))
        return false;
    *place = here;
    return true;
}

bool mb_csv_go_to(MbCsv *csv, const MbCsvPlace *place, GError **error)
{
    g_autofree char *encoding = g_strdup(csv_input_encoding(csv->input));

    g_clear_error(&csv->failure);
    csv_stop(csv);
    csv_start(csv);
    csv_input_start_at(csv->input, encoding, place->offset, place->skip);
    csv_record_set_delimiter(&csv->record, csv->delimiter);
    csv->line = place->line;
    csv->number = place->number;
    csv->blank_rows = place->blank_rows;
    csv->offset = place->offset;
    if (lseek(csv->descriptor, (off_t)place->offset, SEEK_SET) >= 0)
        return true;
    mb_file_set_error(&csv->failure, csv->name, "cannot read again", errno);
    g_propagate_error(error, g_error_copy(csv->failure));
    return false;
}
