/*
 * Messages out of an archive, as files of a kind that other programs read. Each is compared with
 * its digest on its way: one that is not what was archived is not left behind.
 */
#pragma once

#include "archive.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    PD_EXTRACT_EML,     /* DIR/msgs/YYYY/MM/….eml: the archived octets */
    PD_EXTRACT_MBOX,    /* DIR/archive.mbox: mboxrd, LF line ends */
    PD_EXTRACT_MAILDIR, /* DIR/new/…: LF line ends */
} PdExtractFormat;

typedef struct {
    const char *to; /* the folder; made where it is missing */
    PdExtractFormat format;
    const char *const *members; /* names or sequence numbers, NULL-ended; none: all */
    void (*progress)(void *user, uint64_t messages, uint64_t bytes); /* NULL: none */
    void *user;
} PdExtractOptions;

typedef struct {
    uint64_t messages, bytes;
    GPtrArray *failed; /* char *: a line each; freed by the caller */
} PdExtractSummary;

/* `archive` is open for reading. Nothing that exists is overwritten (MB_ERROR_CANNOT_CREATE). What
 * cannot be had (damaged, no such member) is told in the summary, and the rest extracted; an error
 * is what ends it. */
bool pd_extract(PdArchive *archive, const PdExtractOptions *options, PdExtractSummary *summary,
                GError **error);

G_END_DECLS
