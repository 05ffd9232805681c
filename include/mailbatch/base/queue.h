/*
 * A bounded queue of pointers between threads, on pthread's own mutex and conditions
 * (ThreadSanitizer understands those).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef struct MbQueue MbQueue;

/* At most `capacity` items wait; `destroy` (may be NULL) frees those left at mb_queue_free(). */
MbQueue *mb_queue_new(size_t capacity, GDestroyNotify destroy);
void mb_queue_free(MbQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbQueue, mb_queue_free)

/* Waits for room, then hands `item` over. False when the queue is closed: the item stays the
 * caller's. */
bool mb_queue_push(MbQueue *queue, void *item);

/* Waits for an item. NULL when the queue is closed and empty. */
void *mb_queue_pop(MbQueue *queue);

/* An item when there is one; NULL at once otherwise. */
void *mb_queue_try_pop(MbQueue *queue);

/* No more pushes; what waits can still be popped. Idempotent. */
void mb_queue_close(MbQueue *queue);

G_END_DECLS
