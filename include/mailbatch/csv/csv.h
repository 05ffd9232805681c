/*
 * Rows of a CSV file by column name (RFC 4180, and what spreadsheets write).
 *
 * The first row that is not blank is the header. Understood: a BOM of UTF-8 or UTF-16, CRLF, LF and
 * CR line ends, line ends and delimiters within quotes, `""`, a missing final line end. Blanks
 * around unquoted values are trimmed; a quote inside an unquoted value stands for itself. Anything
 * else is an error that names its line, never a silent shift of columns.
 *
 *   fed bytes:  new, then push … push, finish; after each of them next() until it is not MB_NEXT
 *   a file:     open, then next() until it is not MB_NEXT; rewind to read it again
 *
 * Memory is bounded by the longest record, however long the file is. An MbCsv belongs to one thread
 * at a time.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_CSV_ERROR (mb_csv_error_quark())
GQuark mb_csv_error_quark(void);

typedef struct MbCsv MbCsv;

typedef struct {
    const char *name;     /* of the file, for messages; NULL: "CSV" */
    const char *encoding; /* as iconv names it; NULL: UTF-8, or what the BOM says */
    char delimiter;     /* 0: a comma, else the semicolon or tab when only that splits the header */
    size_t max_record;  /* bytes of one record; 0: 16 MiB */
    size_t max_columns; /* 0: 10,000 */
} MbCsvOptions;

typedef struct {
    const char *text; /* NUL-terminated UTF-8; borrowed until the next call that takes the MbCsv */
    size_t length;
} MbCsvValue;

/* One row. Its pointers are borrowed until the next call that takes the MbCsv. */
typedef struct {
    uint64_t number; /* as a spreadsheet numbers it: the header is row 1 when no blank line precedes
                        it, blank lines count, a record over several lines is one row */
    uint64_t line;   /* of the file where the row begins, from 1 */
    size_t n_values; /* the header's number of columns when `error` is NULL */
    const MbCsvValue *values;         /* in the header's order */
    uint8_t digest[MB_SHA256_LENGTH]; /* of the values, so that rows that read the same have the
                                         same digest */
    const GError *error; /* what is wrong with this row alone (MB_ERROR_DATA): too few or too many
                            values, invalid octets with their offset in the file, a NUL; the rows
                            after it can still be read. The message begins `file: row N: ` */
} MbCsvRow;

/* Copies nothing but the name. Fails for an unknown encoding (MB_ERROR_USAGE). `options` may be
 * NULL. */
MbCsv *mb_csv_new(const MbCsvOptions *options, GError **error);

/* Opens a regular file and reads its header. An empty file, or one without a header, fails with
 * MB_ERROR_DATA; one that cannot be read with MB_ERROR_NO_INPUT. */
MbCsv *mb_csv_open(const char *path, const MbCsvOptions *options, GError **error);

void mb_csv_free(MbCsv *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbCsv, mb_csv_free)

/* Adds input; it is copied. Call next() until MB_END before the next push, so that memory stays
 * flat. */
void mb_csv_push(MbCsv *csv, const void *bytes, size_t length);

/* No more input will come. */
void mb_csv_finish(MbCsv *csv);

/* MB_NEXT: `row` is filled; look at row->error. MB_END: no row is complete yet, or after finish (or
 * of a file) the end. MB_FAILED: nothing after this place can be trusted (an unclosed quote, text
 * behind a closing quote, a bad header, a record over the limit, a failed read); the same error
 * comes again. Rows whose values are all empty are passed over as spreadsheets' blank rows, and
 * counted. */
MbNext mb_csv_next(MbCsv *csv, MbCsvRow *row, GError **error);

/* Back to the first row of a file that was opened; the header must still read the same. */
bool mb_csv_rewind(MbCsv *csv, GError **error);

/* A place between two rows of a file; plain data. */
typedef struct {
    uint64_t offset;
    size_t skip;
    uint64_t line, number, blank_rows;
} MbCsvPlace;

/* The place behind the row that next() gave last. False where there is none: of an encoding that
 * cannot be entered in the middle, or early in a converted file. */
bool mb_csv_mark(const MbCsv *csv, MbCsvPlace *place);

/* Goes there, so that next() gives the row behind it, as long as the file is the same. */
bool mb_csv_go_to(MbCsv *csv, const MbCsvPlace *place, GError **error);

/* The header's names, trimmed, valid UTF-8, all different; NULL-ended; NULL before the header was
 * read. */
const char *const *mb_csv_columns(const MbCsv *csv);
size_t mb_csv_n_columns(const MbCsv *csv);

/* The place of a column, exactly as spelled; -1 when there is none. */
int mb_csv_column(const MbCsv *csv, const char *name);

/* The delimiter in use; 0 before the header was read. */
char mb_csv_delimiter(const MbCsv *csv);

/* What was tolerated so far, a line each (`file: line 1: column " email" was read as "email"`);
 * NULL-ended. */
const char *const *mb_csv_warnings(const MbCsv *csv);

/* Blank rows passed over so far. */
uint64_t mb_csv_blank_rows(const MbCsv *csv);

/* Bytes consumed so far, and the file's size when it was opened (0 when fed), for progress. */
uint64_t mb_csv_offset(const MbCsv *csv);
uint64_t mb_csv_size(const MbCsv *csv);

G_END_DECLS
