/*
 * A rate that holds over any sliding window: the n-th message before this one must lie a window
 * back. Shared by all workers. Times are microseconds of one clock that never goes back.
 */
#pragma once

#include "ledger.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct MmPacer MmPacer;

/* `500/day`, `30/minute`, `2/second`, `1000/hour`. Fails with MB_ERROR_USAGE. */
bool mm_rate_parse(const char *text, guint *count, guint *seconds, GError **error);

MmPacer *mm_pacer_new(guint count, guint seconds);
void mm_pacer_free(MmPacer *pacer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmPacer, mm_pacer_free)

/* One that counts what the ledger (NULL: none) says was sent before; `now_s` is the time of day, in
 * seconds since 1970. Its clock is the monotonic one. */
MmPacer *mm_pacer_new_after(guint count, guint seconds, MmLedger *ledger, int64_t now_s,
                            GError **error);

/* What earlier runs sent, in the order of time; before the first take. */
void mm_pacer_add_past(MmPacer *pacer, gint64 when_us);

/* How many microseconds to wait before the next one may go; 0: none. Nothing is counted. */
gint64 mm_pacer_wait(MmPacer *pacer, gint64 now_us);

/* 0: go ahead, and it is counted; else how many microseconds to wait before asking again. */
gint64 mm_pacer_take(MmPacer *pacer, gint64 now_us);

G_END_DECLS
