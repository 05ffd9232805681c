/*
 * Where the product goes: stdout, or a file that comes into being only when all of it was written.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct MpOutput MpOutput;

/* `path` NULL is stdout. A regular file is written beside itself and renamed by mp_output_finish();
 * anything else (/dev/null, a fifo) directly. `is_database`: what is written are rows (rows.h), and
 * the file is a database. */
MpOutput *mp_output_open(const char *path, bool is_database, GError **error);

/* Closes; what was not finished is removed. */
void mp_output_free(MpOutput *output);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpOutput, mp_output_free)

/* The buffer that printers append to: the same one as long as the output lives. */
GString *mp_output_buffer(MpOutput *output);

/* Bytes behind those in the buffer; a few wait there for more, but on a terminal. */
bool mp_output_write(MpOutput *output, const void *bytes, size_t length, GError **error);

/* Whether writing failed because nobody reads the other end of a pipe any more. */
bool mp_output_is_pipe_closed(const MpOutput *output);

/* Writes what is left; the file gets its name. */
bool mp_output_finish(MpOutput *output, GError **error);
