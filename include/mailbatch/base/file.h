/*
 * Small files as a whole, and writes that either happen or do not.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* The whole of a regular file of at most `max_length` bytes. Errors name the path. "-" is not
 * special. */
GBytes *mb_file_read(const char *path, guint64 max_length, GError **error);

/* Reads a small file that holds a secret into `buffer`, which the caller wipes; less than `size`
 * octets. Refused, with MB_ERROR_CONFIG: one that its group or others may read, or a larger one;
 * `what` says what it is, as in "a private key". */
bool mb_file_read_secret(const char *path, const char *what, char *buffer, gsize size,
                         gsize *length, GError **error);

/* Writes `path` by way of a temporary file beside it: written, fsynced, renamed, folder fsynced.
 * After an error `path` is what it was, unless only the folder could not be synced: then it is the
 * new file, and a power cut may undo that. `mode` is that of the new file, as in 0600. */
bool mb_file_replace(const char *path, const void *bytes, gsize length, int mode, GError **error);

/* Makes a rename or a new name in `folder` durable. */
bool mb_file_sync_folder(const char *folder, GError **error);

/* A file without a name in the folder for temporary ones, open for reading and writing; it goes
 * with its descriptor. -1 with `error`. */
int mb_file_open_unnamed(GError **error);

/* Writes everything, through short writes and EINTR. False leaves errno. */
bool mb_file_write_all(int descriptor, const void *bytes, gsize length);

/* An error for a system call that just failed: `path: what: strerror`, code by mb_code_of_errno().
 */
void mb_file_set_error(GError **error, const char *path, const char *what, int saved_errno);

G_END_DECLS
