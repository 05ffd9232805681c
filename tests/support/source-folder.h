/*
 * Tests of sources: a folder of the test's own, and what a source says of it.
 */
#pragma once

#include <glib.h>
#include <mailbatch/source/source.h>
#include <stdbool.h>

/* The folder; made before and removed after each test: a checked fixture. */
extern char *folder;
void make_folder(void);
void drop_folder(void);

/* Writes a file into the folder (a length of -1: up to the NUL); gives its path, to be freed. */
char *put_file(const char *name, const void *bytes, gssize length);

/* A shell command in the folder, which must succeed. */
void run_command(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The item's message, without framing; of a streamed one in pieces. */
void append_message(MbSource *source, const MbItem *item, GString *out, bool *streamed);

/* Everything a source says: `address{message}` an item, `!error` a failure, `~` for one that is
 * cut,
 * `?` for one that is no mail. The folder's path is left out. Items of an mbox must follow each
 * other without a gap. To be freed. */
char *tell_with(const char *path, const MbSourceOptions *options);
char *tell(const char *path);
