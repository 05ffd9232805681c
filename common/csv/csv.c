#include "internal.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MAX_RECORD (16 * 1024 * 1024)
#define DEFAULT_COLUMNS    10000

MB_DEFINE_QUARK(mb_csv_error)

/* --- making and feeding ------------------------------------------------------------------- */

void csv_start(MbCsv *csv)
{
    csv_record_init(&csv->record, csv->max_record, csv->max_columns);
    csv->input = csv_input_new(csv->encoding);
    csv->finished = false;
    csv->line = csv->number = csv->blank_rows = csv->offset = 0;
    g_string_truncate(csv->header_text, 0);
}

void csv_stop(MbCsv *csv)
{
    csv_record_clear(&csv->record);
    g_clear_pointer(&csv->input, csv_input_free);
}

MbCsv *mb_csv_new(const MbCsvOptions *options, GError **error)
{
    static const MbCsvOptions none;
    MbCsv *csv = g_new0(MbCsv, 1);

    if (options == NULL)
        options = &none;
    csv->name = g_strdup(options->name != NULL ? options->name : "CSV");
    csv->encoding = g_strdup(options->encoding);
    csv->wanted_delimiter = options->delimiter;
    csv->max_record = options->max_record != 0 ? options->max_record : DEFAULT_MAX_RECORD;
    csv->max_columns = options->max_columns != 0 ? options->max_columns : DEFAULT_COLUMNS;
    csv->descriptor = -1;
    csv->header_text = g_string_new(NULL);
    csv->values = g_array_new(FALSE, FALSE, sizeof(MbCsvValue));
    csv->warnings = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(csv->warnings, NULL);
    csv_start(csv);
    if (csv->input != NULL)
        return csv;
    g_set_error(error, MB_CSV_ERROR, MB_ERROR_USAGE,
                "%s: unknown encoding \"%s\": see `iconv --list` for the names", csv->name,
                csv->encoding);
    mb_csv_free(csv);
    return NULL;
}

void mb_csv_free(MbCsv *csv)
{
    if (csv == NULL)
        return;
    csv_stop(csv);
    if (csv->descriptor >= 0)
        close(csv->descriptor);
    g_clear_error(&csv->failure);
    g_clear_error(&csv->row_error);
    csv_header_free(csv->header);
    g_string_free(csv->header_text, TRUE);
    g_array_unref(csv->values);
    g_ptr_array_unref(csv->warnings);
    g_free(csv->window);
    g_free(csv->encoding);
    g_free(csv->name);
    g_free(csv);
}

void mb_csv_push(MbCsv *csv, const void *bytes, size_t length)
{
    csv->offset += length;
    csv_input_push(csv->input, bytes, length);
}

void mb_csv_finish(MbCsv *csv)
{
    csv->finished = true;
    csv_input_finish(csv->input);
}

void csv_fail(MbCsv *csv, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (csv->failure == NULL)
        g_set_error(&csv->failure, MB_CSV_ERROR, MB_ERROR_DATA, "%s: %s", csv->name, message);
}

/* --- a line ------------------------------------------------------------------------------- */

static void fail_too_long(MbCsv *csv, uint64_t line)
{
    g_autofree char *limit = mb_text_format_size(csv->max_record);

    csv_fail(csv,
             "line %" G_GUINT64_FORMAT
             ": the row that begins here is over %s: is a quote not closed?",
             line, limit);
}

/* What has no line end yet. */
static void check_waiting(MbCsv *csv)
{
    if (csv_input_waiting(csv->input) > csv->max_record)
        fail_too_long(csv, csv_record_is_open(&csv->record) ? csv->record.line : csv->line + 1);
}

static bool is_last_line(const MbCsv *csv)
{
    return csv->finished && csv_input_waiting(csv->input) == 0;
}

/* One line into the record: whether it ended with it. False also for a failure. */
static bool take_line(MbCsv *csv, const CsvLine *line)
{
    switch (csv_record_feed(&csv->record, line, csv->line, is_last_line(csv))) {
    case CSV_RECORD_ENDED: csv->number++; return true;
    case CSV_RECORD_BLANK:
        csv->number++;
        csv->blank_rows++;
        break;
    case CSV_RECORD_OPEN: break;
    case CSV_RECORD_TOO_LONG: fail_too_long(csv, csv->record.line); break;
    case CSV_RECORD_BAD_QUOTE:
        csv_fail(csv,
                 "line %" G_GUINT64_FORMAT
                 ": text behind a closing quote: write a quote inside quotes as \"\"",
                 csv->line);
        break;
    case CSV_RECORD_NO_MEMORY:
        csv_fail(csv, "line %" G_GUINT64_FORMAT ": out of memory", csv->line);
        break;
    }
    return false;
}

/* --- the header --------------------------------------------------------------------------- */

static void warn(MbCsv *csv, char *text)
{
    g_ptr_array_set_size(csv->warnings, (int)csv->warnings->len - 1);
    g_ptr_array_add(csv->warnings, text);
    g_ptr_array_add(csv->warnings, NULL);
}

/* The lines of the header are kept until its quotes are closed: only then the delimiter is known.
 */
static bool gather_header(MbCsv *csv, const CsvLine *line)
{
    if (csv->header_text->len == 0) {
        csv->header_line = csv->line;
        if (csv_header_is_blank(line->text, line->length)) {
            csv->number++;
            csv->blank_rows++;
            return false;
        }
    }
    if (line->invalid)
        csv_fail(csv,
                 "line %" G_GUINT64_FORMAT ": octet 0x%02X at offset %" G_GUINT64_FORMAT
                 " is not %s: save it as UTF-8, or name its encoding with --encoding",
                 csv->line, line->bad_octet, line->bad_offset, csv_input_encoding(csv->input));
    if (memchr(line->text, '\0', line->length) != NULL)
        csv_fail(csv,
                 "line %" G_GUINT64_FORMAT
                 ": holds NUL octets: if it is UTF-16, say --encoding UTF-16LE (or UTF-16BE)",
                 csv->line);
    g_string_append_len(csv->header_text, line->text, (gssize)line->length);
    if (csv->header_text->len > csv->max_record)
        fail_too_long(csv, csv->header_line);
    return csv->failure == NULL &&
           (is_last_line(csv) ||
            csv_header_is_closed(csv->header_text->str, csv->header_text->len));
}

static bool name_columns(MbCsv *csv, CsvHeader *header)
{
    const GArray *spans = csv->record.spans;
    g_autoptr(GError) error = NULL;

    if (spans->len > csv->max_columns)
        csv_fail(csv, "line %" G_GUINT64_FORMAT ": over %zu columns", csv->header_line,
                 csv->max_columns);
    for (guint i = 0; i < spans->len && csv->failure == NULL; i++) {
        CsvSpan span = g_array_index(spans, CsvSpan, i);

        if (!csv_header_add(header, csv->record.text->str + span.offset, span.length, &error))
            csv_fail(csv, "line %" G_GUINT64_FORMAT ": %s", csv->header_line, error->message);
    }
    return csv->failure == NULL;
}

static void read_header(MbCsv *csv)
{
    CsvLine whole = {.text = csv->header_text->str, .length = csv->header_text->len};
    CsvHeader *header;

    csv->delimiter = csv->wanted_delimiter;
    if (csv->delimiter == '\0')
        csv->delimiter = csv_header_delimiter(whole.text, whole.length);
    csv_record_set_delimiter(&csv->record, csv->delimiter);
    if (!take_line(csv, &whole)) {
        csv_fail(csv, "line %" G_GUINT64_FORMAT ": a quote of the header is not closed",
                 csv->header_line);
        return;
    }
    header = csv_header_new();
    if (!name_columns(csv, header)) {
        csv_header_free(header);
        return;
    }
    csv->header = header;
    if (csv_header_is_padded(whole.text, whole.length, csv->delimiter))
        warn(csv, g_strdup_printf("%s: line %" G_GUINT64_FORMAT
                                  ": blanks around column names were left out",
                                  csv->name, csv->header_line));
}

/* --- rows --------------------------------------------------------------------------------- */

static void set_row_error(MbCsv *csv, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void set_row_error(MbCsv *csv, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (csv->row_error == NULL)
        g_set_error(&csv->row_error, MB_CSV_ERROR, MB_ERROR_DATA,
                    "%s: row %" G_GUINT64_FORMAT ": %s", csv->name, csv->number, message);
}

static void check_row(MbCsv *csv)
{
    size_t n = csv_header_count(csv->header);

    g_clear_error(&csv->row_error);
    if (csv->record.invalid)
        set_row_error(csv,
                      "octet 0x%02X at offset %" G_GUINT64_FORMAT
                      " is not %s: save the file as UTF-8, or name its encoding with --encoding",
                      csv->record.bad_octet, csv->record.bad_offset,
                      csv_input_encoding(csv->input));
    if (csv->record.spans->len != n)
        set_row_error(csv,
                      "%s%u value%s where the header names %zu column%s (line %" G_GUINT64_FORMAT
                      ", delimiter `%s`)",
                      csv->record.spans->len > csv->max_columns ? "over " : "",
                      csv->record.spans->len, csv->record.spans->len == 1 ? "" : "s", n,
                      n == 1 ? "" : "s", csv->record.line,
                      csv->delimiter == '\t' ? "tab" : (char[]){csv->delimiter, '\0'});
    for (guint i = 0; i < csv->record.spans->len && csv->row_error == NULL; i++) {
        CsvSpan span = g_array_index(csv->record.spans, CsvSpan, i);

        if (memchr(csv->record.text->str + span.offset, '\0', span.length) != NULL)
            set_row_error(csv, "column \"%s\": holds a NUL octet",
                          csv_header_names(csv->header)[i]);
    }
}

static void fill_row(MbCsv *csv, MbCsvRow *row)
{
    check_row(csv);
    g_array_set_size(csv->values, csv->record.spans->len);
    for (guint i = 0; i < csv->record.spans->len; i++) {
        CsvSpan span = g_array_index(csv->record.spans, CsvSpan, i);

        g_array_index(csv->values, MbCsvValue, i) =
            (MbCsvValue){.text = csv->record.text->str + span.offset, .length = span.length};
    }
    *row = (MbCsvRow){.number = csv->number,
                      .line = csv->record.line,
                      .n_values = csv->record.spans->len,
                      .values = (const MbCsvValue *)(void *)csv->values->data,
                      .error = csv->row_error};
    /* The NUL behind each value keeps ("ab", "c") and ("a", "bc") apart. */
    mb_sha256(csv->record.text->str, csv->record.text->len, row->digest);
}

/* What ended too early. */
static MbNext end_of_input(MbCsv *csv)
{
    if (csv_record_is_open(&csv->record) && csv->header != NULL)
        csv_fail(csv, "line %" G_GUINT64_FORMAT ": a quote is opened here and never closed",
                 csv->record.field_line);
    else if (csv->header == NULL && csv->header_text->len > 0)
        csv_fail(csv, "line %" G_GUINT64_FORMAT ": a quote of the header is not closed",
                 csv->header_line);
    else if (csv->header == NULL)
        csv_fail(csv, "%s",
                 csv->line == 0 ? "is empty: the first line must name the columns"
                                : "has no header: the first line must name the columns");
    return csv->failure != NULL ? MB_FAILED : MB_END;
}

/* Lines out of what was fed, until a row is complete (or the header, with `row` NULL). */
static MbNext take_lines(MbCsv *csv, MbCsvRow *row)
{
    CsvLine line;

    while (csv->failure == NULL && csv_input_line(csv->input, &line)) {
        csv->line++;
        if (csv->header == NULL) {
            if (gather_header(csv, &line))
                read_header(csv);
            if (csv->header != NULL && row == NULL)
                return MB_NEXT;
        } else if (take_line(csv, &line)) {
            if (!csv_record_is_empty(&csv->record)) {
                fill_row(csv, row);
                return MB_NEXT;
            }
            csv->blank_rows++;
        }
    }
    if (csv->failure == NULL)
        check_waiting(csv);
    if (csv->failure != NULL)
        return MB_FAILED;
    return csv->finished ? end_of_input(csv) : MB_END;
}

/* The file's next window; false at a failure. */
static bool read_window(MbCsv *csv)
{
    ssize_t got;

    do
        got = read(csv->descriptor, csv->window, CSV_WINDOW);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        mb_file_set_error(&csv->failure, csv->name, "cannot read", errno);
        return false;
    }
    if (got == 0)
        mb_csv_finish(csv);
    else
        mb_csv_push(csv, csv->window, (size_t)got);
    return true;
}

/* Also, with `row` NULL, on to the end of the header. */
MbNext mb_csv_next(MbCsv *csv, MbCsvRow *row, GError **error)
{
    MbNext next = take_lines(csv, row);

    while (next == MB_END && csv->descriptor >= 0 && !csv->finished)
        next = read_window(csv) ? take_lines(csv, row) : MB_FAILED;
    if (next == MB_FAILED && error != NULL)
        *error = g_error_copy(csv->failure);
    return next;
}

/* --- what is known ------------------------------------------------------------------------ */

const char *const *mb_csv_columns(const MbCsv *csv)
{
    return csv->header != NULL ? csv_header_names(csv->header) : NULL;
}

size_t mb_csv_n_columns(const MbCsv *csv)
{
    return csv->header != NULL ? csv_header_count(csv->header) : 0;
}

int mb_csv_column(const MbCsv *csv, const char *name)
{
    return csv->header != NULL ? csv_header_find(csv->header, name) : -1;
}

char mb_csv_delimiter(const MbCsv *csv)
{
    return csv->delimiter;
}

const char *const *mb_csv_warnings(const MbCsv *csv)
{
    return (const char *const *)csv->warnings->pdata;
}

uint64_t mb_csv_blank_rows(const MbCsv *csv)
{
    return csv->blank_rows;
}

uint64_t mb_csv_offset(const MbCsv *csv)
{
    return csv->offset;
}

uint64_t mb_csv_size(const MbCsv *csv)
{
    return csv->size;
}
