/*
 * What the two files of verify share.
 */
#pragma once

#include "catalog.h"
#include "layout.h"
#include "verify.h"

typedef struct {
    uint64_t messages, length;
    char *sha256, *manifest_sha256;
} PdSeal;

typedef struct {
    const char *root;
    const PdVerifyOptions *options;
    PdVerifySummary *summary;
    PdCatalog *catalog; /* NULL: missing or unreadable */
    GArray *files;
    GHashTable *seals; /* number → PdSeal */
} PdVerify;

void pd_verify_report(PdVerify *verify, PdFinding finding, const char *object, const char *format,
                      ...) G_GNUC_PRINTF(4, 5);

/* One segment: its file (NULL: there is none), against all that is known of it. */
bool pd_verify_segment(PdVerify *verify, guint32 number, const PdSegmentFile *file,
                       uint64_t committed, GError **error);
