/*
 * The octets of a CSV file as UTF-8 lines: BOM, charset, physical line ends, places of octets that
 * are invalid.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CsvInput CsvInput;

typedef struct {
    const char *text; /* with its line end, if it has one; borrowed until the next push or line */
    size_t length;
    bool invalid;        /* some octet is not of the encoding */
    uint64_t bad_offset; /* in the file, of the first such octet */
    uint8_t bad_octet;
} CsvLine;

/* `encoding` NULL: UTF-8, or what the BOM says. NULL when iconv does not know it. */
CsvInput *csv_input_new(const char *encoding);
void csv_input_free(CsvInput *input);

void csv_input_push(CsvInput *input, const void *bytes, size_t length);
void csv_input_finish(CsvInput *input);

/* The next line, when it is complete or the input is finished. */
bool csv_input_line(CsvInput *input, CsvLine *line);

/* Octets that wait for a line end. */
size_t csv_input_waiting(const CsvInput *input);

/* Where to begin again to read on behind the last line: at an octet of the file, with so many
 * octets of text made from there passed over. False where the encoding has no such place (its
 * octets mean nothing without those before). */
bool csv_input_place(const CsvInput *input, uint64_t *offset, size_t *skip);

/* Before the first push: what comes is the file from such a place on, in the encoding that
 * csv_input_encoding() said. */
void csv_input_start_at(CsvInput *input, const char *encoding, uint64_t offset, size_t skip);

/* The name of the encoding in use. */
const char *csv_input_encoding(const CsvInput *input);
