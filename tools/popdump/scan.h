/*
 * A segment, read from the disk member by member, plain or compressed: the one reader behind
 * recovery, rebuild, verify, proof and extraction. Constant memory.
 */
#pragma once

#include "member.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    PD_SCAN_WHOLE,   /* its digest is right */
    PD_SCAN_CHANGED, /* its content does not have the digest its header states */
    PD_SCAN_FOREIGN, /* a member that popdump did not write; `problem` says why */
} PdScanState;

/* Any of the calls may be NULL. Each returns false, with `error`, to stop the scan with that error.
 */
typedef struct {
    /* A header of ours was read. *wanted (true before) set to false: no data() for this one; it is
     * hashed all the same. */
    bool (*begin)(void *user, const PdMember *member, bool *wanted, GError **error);
    bool (*data)(void *user, const void *bytes, size_t length, GError **error);
    /* Content and padding are complete. Of PD_SCAN_FOREIGN only offset, data, end and size of
     * `member` are set. */
    bool (*end)(void *user, const PdMember *member, PdScanState state, const char *problem,
                GError **error);
    void *user;
} PdScanVisitor;

typedef struct {
    uint64_t from;  /* plain offset to begin at: a member boundary */
    uint64_t until; /* plain offset to stop at; 0: the end of the file */
    bool cold;  /* drop the file from the page cache first: what is read then comes from the disk */
    bool heads; /* read sender and subject of each message (head.h) */
    bool digest; /* hash the plain tar, end blocks and all, from `from` on */
} PdScanOptions;

typedef struct {
    uint64_t boundary; /* where the last whole member ends */
    uint64_t length;   /* octets of plain tar that were read, counted from 0 */
    bool ended;        /* the two zero blocks were there */
    bool zero_tail;    /* behind `boundary` there is nothing but zeros, at least one */
    char *damage;      /* NULL, or why reading ended before the end of the file: `truncated: …`,
                          `damaged: …` */
    uint8_t sha256[MB_SHA256_LENGTH]; /* with `digest` */
} PdScanResult;

void pd_scan_result_clear(PdScanResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PdScanResult, pd_scan_result_clear)

/* Reads `path`. Damage of the file is a result, not an error; an error is a file that cannot be
 * opened or read, or what a visitor returned. `segment` goes into the members. */
bool pd_scan(const char *path, guint32 segment, const PdScanOptions *options,
             const PdScanVisitor *visitor, PdScanResult *result, GError **error);

G_END_DECLS
