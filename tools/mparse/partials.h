/*
 * Fragments of messages (message/partial, RFC 2046, 5.2.2), over all items of a run.
 *
 * What joining means here: nothing is made up. Every fragment is shown as the part it is; at the
 * end each set is reported, whole or not, with the addresses of its fragments in order. A set is
 * joined only when it is complete: then the joined message is what mparse writes for these
 * addresses, one behind the other.
 */
#pragma once

#include "options.h"
#include "walk.h"

#include <glib.h>
#include <mailbatch/mime/params.h>
#include <stdbool.h>
#include <stdint.h>

#define MP_PARTIALS_MAX   100000             /* fragments that are kept in mind … */
#define MP_PARTIALS_BYTES ((size_t)16 << 20) /* … and bytes of their ids and addresses */

typedef struct {
    char *address;    /* of the part */
    uint64_t message; /* its number in the run */
    uint64_t number;  /* 1 … */
    uint64_t total;   /* 0: it does not say */
} MpFragment;

typedef struct {
    const char *id; /* may hold NULs and any byte */
    size_t id_length;
    uint64_t total;              /* 0: no fragment says */
    bool is_complete;            /* each number once, and they agree on the total */
    const MpFragment *fragments; /* by number, then as they were met */
    size_t count;
} MpPartialSet;

/* Threads may share one. */
MpPartials *mp_partials_new(void);
void mp_partials_free(MpPartials *partials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpPartials, mp_partials_free)

/* The id, number and total of a message/partial's type. False: no usable id and number. */
bool mp_partials_read(const MbParams *type, const MbParam **id, uint64_t *number, uint64_t *total);

/* Keeps the fragments of a message in mind. */
void mp_partials_note(MpPartials *partials, const MpMessage *message);

/* Whether there were more than are kept: then no set can be told. */
bool mp_partials_is_full(MpPartials *partials);

/* Calls `each` for all sets, in the order of their first fragments: the same for any number of
 * threads. When all threads are done. */
void mp_partials_each(MpPartials *partials, void (*each)(void *data, const MpPartialSet *set),
                      void *data);
