/*
 * Rows for a database as bytes: written by the threads that read messages, in the order of the
 * table's columns, and taken apart by the one that holds the database.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MP_TABLE_SOURCES,
    MP_TABLE_MESSAGES,
    MP_TABLE_HEADERS,
    MP_TABLE_PARTS,
    MP_TABLE_HOPS,
    MP_TABLE_DEFECTS,
    MP_TABLE_FAILURES,
    MP_TABLES,
} MpTable;

void mp_row_begin(GString *out, MpTable table);
void mp_row_null(GString *out);
void mp_row_int(GString *out, int64_t value);
void mp_row_blob(GString *out, const void *bytes, size_t length);

/* What is no UTF-8, and NUL, becomes U+FFFD. */
void mp_row_bytes(GString *out, const void *bytes, size_t length);
void mp_row_text(GString *out, const char *text); /* NULL is null */

typedef enum {
    MP_CELL_END, /* the row has no more */
    MP_CELL_NULL,
    MP_CELL_INT,
    MP_CELL_TEXT, /* with a NUL behind it */
    MP_CELL_BLOB,
} MpCellKind;

typedef struct {
    MpCellKind kind;
    int64_t number;
    const char *bytes; /* borrowed from the rows */
    size_t length;
} MpCell;

/* Reading: whole rows only, `*at` moves on. */
bool mp_row_next(const char *rows, size_t length, size_t *at, MpTable *table);
MpCell mp_row_cell(const char *rows, size_t length, size_t *at);
