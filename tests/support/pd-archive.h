/*
 * Archives for tests: made in a temporary folder, filled, copied, compared.
 */
#pragma once

#include "archive.h"
#include "catalog.h"
#include "layout.h"

#include <check.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A new temporary folder; the caller removes it with pd_test_remove() and frees the name. */
char *pd_test_folder(void);
void pd_test_remove(const char *path);

/* Everything below `from` anew below `to`, which must not be there. */
void pd_test_copy(const char *from, const char *to);

/* Opens (or makes) ROOT/archive as alice's at pop.example.org; fails the test when that fails. */
PdArchive *pd_test_open(const char *path);
PdArchive *pd_test_open_sized(const char *path, uint64_t segment_size, PdCompress compress);

/* The i-th message of a fixed sequence (of growing and shrinking sizes), CRLF line ends; and its
 * UIDL. Freed by the caller. */
GBytes *pd_test_message(unsigned number);
char *pd_test_uidl(unsigned number);

/* Archives the messages first…last; not committed. */
void pd_test_add(PdArchive *archive, unsigned first, unsigned last);
void pd_test_add_one(PdArchive *archive, const char *uidl, const void *bytes, size_t length);

/* A session's beginning, as fetching has it. */
void pd_test_session(PdArchive *archive);

void pd_test_commit(PdArchive *archive);

/* All rows of the catalog that segments and journal give, as text. */
char *pd_test_dump(const char *path);

/* All files below `path` but journal, catalog and lock, as "name sha256" lines, in order. */
char *pd_test_digests(const char *path);

char *pd_test_file(const char *root, const char *name);
off_t pd_test_size(const char *root, const char *name);
void pd_test_truncate(const char *root, const char *name, off_t length);
/* Adds 1 to the octet at `offset`; a negative one counts from the end. Read-only files too. */
void pd_test_spoil(const char *root, const char *name, off_t offset);
void pd_test_append(const char *root, const char *name, const void *bytes, size_t length);
