/*
 * From an item's bytes to its complete tree. The one place that recurses: what is inside a part and
 * has a structure of its own (today encoded messages) is decoded, opened as a new space of the same
 * tree and scanned in turn, by a list of work, never by the stack.
 *
 * A walk serves item after item; what it gave is valid until the next one. What is decoded is held
 * in memory up to 8 MiB a message; what is more goes into a temporary file. When that cannot be
 * written the child stays closed, as one that is over a limit, and the defect says why.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/mime/tree.h>
#include <mailbatch/source/source.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct MpViews MpViews; /* views.h */

typedef struct {
    const MbItem *item; /* borrowed from the source */
    MbTree *tree;
    uint64_t number;      /* of the message in this run, from 1 on: the caller's business (1) */
    const MpViews *views; /* what other views there are, or NULL: the caller's business too */
} MpMessage;

typedef struct MpWalk MpWalk;

/* `limits` is borrowed. */
MpWalk *mp_walk_new(const MbLimits *limits);
void mp_walk_free(MpWalk *walk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpWalk, mp_walk_free)

/* A message may take many times its length: one of very many parts or fields, of huge header
 * fields, of large encoded messages. `wait` is called once a message that turns out so, before most
 * of that is taken: who has many walks lets one at a time go on. */
void mp_walk_set_wait(MpWalk *walk, void (*wait)(void *data), void *data);

/* Whether the present item is such a one. */
bool mp_walk_is_heavy(const MpWalk *walk);

/* Scans the source's present item, and opens what it holds; `depth` is where it stands. A streamed
 * item is kept in a temporary file meanwhile. When that file cannot be written, the message
 * holds what was read until then. `source` is needed only for a streamed item. */
bool mp_walk_item(MpWalk *walk, MbSource *source, const MbItem *item, guint32 depth,
                  MpMessage *message, GError **error);
