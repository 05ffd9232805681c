/*
 * One budget for everything that unfolds: archives in archives, messages in messages, parts in
 * parts. It is handed down by pointer, so that nested limits never multiply. A limit that is hit is
 * noted and degrades the result; it never rejects the input.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef enum {
    MB_LIMIT_DEPTH = 1 << 0,
    MB_LIMIT_ITEMS = 1 << 1,
    MB_LIMIT_BYTES = 1 << 2,
    MB_LIMIT_RATIO = 1 << 3,
    MB_LIMIT_HEADERS = 1 << 4,
} MbLimit;

typedef struct {
    guint32 max_depth;   /* levels of nesting, all kinds together (200) */
    guint64 max_parts;   /* parts in one message (100,000) */
    guint64 max_headers; /* header fields in one message (100,000) */
    guint64 max_items;   /* entries of archives, in all, below one PATH (10,000,000) */
    guint64 max_bytes;   /* bytes that decoding or unpacking of one item may yield (64 GiB) */
    guint32 max_ratio;   /* bytes out of a byte in, once more than 1 MiB came out (1,000) */
} MbLimits;

/* The defaults named above. */
extern const MbLimits mb_limits_default;

typedef struct {
    const MbLimits *limits; /* borrowed */
    guint32 depth;          /* where we are now */
    guint64 items;          /* taken so far */
    guint64 bytes;          /* taken so far for this item */
    guint hit;              /* MbLimit flags that were hit so far */
} MbBudget;

void mb_budget_init(MbBudget *budget, const MbLimits *limits);

/* One level down; false, and noted, when that is too deep. Each true is matched by a leave. */
bool mb_budget_enter(MbBudget *budget);
void mb_budget_leave(MbBudget *budget);

/* Whether `n` more archive entries are within the limit; counted when they are, noted when not. */
bool mb_budget_take_items(MbBudget *budget, guint64 n);

/* Whether `out` more bytes, unpacked so far from `in_total` bytes, are within bytes and ratio. */
bool mb_budget_take_bytes(MbBudget *budget, guint64 out, guint64 in_total);

/* "depth", "items", …: the name used in reports. */
const char *mb_limit_name(MbLimit limit);

G_END_DECLS
