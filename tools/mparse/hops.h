/*
 * A message's way: its trace fields (RFC 5321, 4.4) in the order of travel, with the time between.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/received.h>
#include <mailbatch/mime/tree.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t field;                              /* of the tree */
    MbReceivedText clause[MB_RECEIVED_CLAUSES];  /* borrowed until the next read */
    MbReceivedText comment[MB_RECEIVED_CLAUSES]; /* beside it: the peer's address, TLS, … */
    MbReceivedText raw_date;                     /* text NULL: none */
    bool has_time;                               /* `date` names a moment */
    MbDate date;
    bool has_delay;
    int64_t delay; /* seconds to the next hop that tells a time; below 0: time runs backwards */
} MpHop;

typedef struct MpHops MpHops;

MpHops *mp_hops_new(void);
void mp_hops_free(MpHops *hops);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpHops, mp_hops_free)

/* Reads the Received fields of a message (the root, or an embedded message's), the oldest first.
 * With `notes`, what is wrong with them is added to the tree's defects: once a message. */
void mp_hops_read(MpHops *hops, MbTree *tree, uint32_t part, bool notes);

size_t mp_hops_count(const MpHops *hops);
const MpHop *mp_hops_at(const MpHops *hops, size_t index);
