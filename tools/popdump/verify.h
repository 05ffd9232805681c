/*
 * Everything read back: segments against their own digests, manifests, seals, catalog; the
 * journal's chain; SHA256SUMS. Changes nothing.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    PD_FINDING_NOTE, /* nothing is wrong: an interrupted run left something that the next one mends
                      */
    PD_FINDING_MISSING, /* known to have been archived, and not there */
    PD_FINDING_CHANGED, /* there, and not what it was */
    PD_FINDING_EXTRA,   /* there, and nothing knows of it */
    PD_FINDING_DAMAGED, /* cannot be read */
    PD_FINDINGS,
} PdFinding;

const char *pd_finding_name(PdFinding finding);

typedef struct {
    uint64_t segments, messages, bytes; /* read back; of messages only the whole ones */
    uint64_t count[PD_FINDINGS];
} PdVerifySummary;

typedef struct {
    /* A finding: `object` is a file of the archive or a member's name, printable as it is. */
    void (*report)(void *user, PdFinding finding, const char *object, const char *detail);
    /* After each message; may be NULL. */
    void (*progress)(void *user, uint64_t messages, uint64_t bytes);
    void *user;
} PdVerifyOptions;

/* True when it could be done, whatever was found: *summary tells. MB_ERROR_TEMPORARY while another
 * popdump writes, MB_ERROR_NO_INPUT without a folder, MB_ERROR_DATA when it is no archive. */
bool pd_verify(const char *root, const PdVerifyOptions *options, PdVerifySummary *summary,
               GError **error);

G_END_DECLS
