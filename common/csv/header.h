/*
 * The header of a CSV file: which octet delimits, and what the columns are called.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct CsvHeader CsvHeader;

/* Whether a line holds nothing but blanks. */
bool csv_header_is_blank(const char *line, size_t length);

/* Whether no quote is open at the end of these lines. */
bool csv_header_is_closed(const char *text, size_t length);

/* A comma, else the semicolon or tab when only that splits the header. */
char csv_header_delimiter(const char *text, size_t length);

/* Whether a name has blanks around it. */
bool csv_header_is_padded(const char *text, size_t length, char delimiter);

CsvHeader *csv_header_new(void);
void csv_header_free(CsvHeader *header);

/* Trims and adds a name. Fails for an empty one and for one that was there before; the message
 * names the column. */
bool csv_header_add(CsvHeader *header, const char *name, size_t length, GError **error);

const char *const *csv_header_names(const CsvHeader *header);
size_t csv_header_count(const CsvHeader *header);
int csv_header_find(const CsvHeader *header, const char *name);
bool csv_header_equal(const CsvHeader *a, const CsvHeader *b);
