/*
 * One record at a time out of lines: libcsv gives fields and row ends but no positions, so it is
 * fed one physical line at a time: what happened within a line happened at that line.
 *
 *   file   = header *record
 *   record = field *( delimiter field ) line-end
 *   field  = *blank ( quoted / plain ) *blank
 *   quoted = DQUOTE *( octet / 2DQUOTE ) DQUOTE      ; line ends and delimiters included
 */
#pragma once

#include "input.h"

#include <csv.h>

typedef struct {
    size_t offset, length; /* in CsvRecord.text */
} CsvSpan;

typedef enum {
    CSV_RECORD_BLANK, /* the line held nothing, between records */
    CSV_RECORD_OPEN,  /* a quote is open: the record goes on */
    CSV_RECORD_ENDED, /* the record is complete */
    CSV_RECORD_TOO_LONG,
    CSV_RECORD_BAD_QUOTE, /* text behind a closing quote */
    CSV_RECORD_NO_MEMORY,
} CsvRecordState;

/* The fields are for reading only. */
typedef struct {
    GString *text;       /* the values, each followed by NUL */
    GArray *spans;       /* CsvSpan, at most max_columns + 1 */
    uint64_t line;       /* where it begins */
    uint64_t field_line; /* where its open field began */
    bool invalid;        /* some line of it was, first here: */
    uint64_t bad_offset;
    uint8_t bad_octet;

    struct csv_parser parser;
    size_t max_octets, max_columns, octets;
    bool ended;
} CsvRecord;

void csv_record_init(CsvRecord *record, size_t max_octets, size_t max_columns);
void csv_record_clear(CsvRecord *record);
void csv_record_set_delimiter(CsvRecord *record, char delimiter);

/* Forgets what was fed. */
void csv_record_restart(CsvRecord *record);

/* Whether a record is under way. */
bool csv_record_is_open(const CsvRecord *record);

/* Feeds line number `number`. `last`: nothing follows; a missing line end is added. */
CsvRecordState csv_record_feed(CsvRecord *record, const CsvLine *line, uint64_t number, bool last);

/* Whether all values are empty. */
bool csv_record_is_empty(const CsvRecord *record);
