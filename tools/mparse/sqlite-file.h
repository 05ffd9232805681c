/*
 * The file that -f sqlite makes: its tables, and rows into them. All the SQL of mparse is here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct MpDatabase MpDatabase;

/* In the empty file `path`. */
MpDatabase *mp_database_open(const char *path, GError **error);
void mp_database_free(MpDatabase *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpDatabase, mp_database_free)

/* Rows as rows.h writes them, whole ones. */
bool mp_database_write(MpDatabase *database, const void *rows, size_t length, GError **error);

/* Indexes, and everything is in the file. */
bool mp_database_finish(MpDatabase *database, GError **error);
