/*
 * What csv.c and file.c share.
 */
#pragma once

#include "header.h"
#include "input.h"
#include "record.h"

#include <mailbatch/csv/csv.h>

/* Octets of a file read at a time. */
#define CSV_WINDOW (256 * 1024)

struct MbCsv {
    char *name, *encoding;
    char wanted_delimiter;
    size_t max_record, max_columns;
    int descriptor; /* -1 when fed */
    uint64_t size, offset;
    char *window; /* what a file is read through */

    CsvInput *input;
    CsvRecord record;
    bool finished;
    GError *failure; /* nothing more can be read */
    GError *row_error;
    GArray *values; /* MbCsvValue, into the record's text */

    CsvHeader *header;    /* NULL until it was read */
    GString *header_text; /* its lines, until the delimiter is known */
    char delimiter;

    uint64_t line;   /* lines taken */
    uint64_t number; /* spreadsheet rows passed */
    uint64_t header_line;
    uint64_t blank_rows;
    GPtrArray *warnings; /* NULL-ended */
};

/* Makes ready for the first octet; leaves the header alone. */
void csv_start(MbCsv *csv);
void csv_stop(MbCsv *csv);

/* Nothing more can be read; the first reason stands. */
void csv_fail(MbCsv *csv, const char *format, ...) G_GNUC_PRINTF(2, 3);
