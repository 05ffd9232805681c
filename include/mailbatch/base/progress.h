/*
 * One line of progress on a terminal: done, total, rate, time left. Nothing is drawn when the
 * descriptor is no terminal, or after mb_progress_hide(). Redrawn at most ten times a second.
 * One progress at a time; log lines (log.h) step around it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct MbProgress MbProgress;

/* `what` is the plural of what is counted ("messages"), borrowed. `total` 0 is an unknown total.
 * Draws on stderr. */
MbProgress *mb_progress_new(const char *what, guint64 total);
void mb_progress_free(MbProgress *progress); /* clears the line */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbProgress, mb_progress_free)

/* From now on nothing is drawn by any progress (`--quiet`). */
void mb_progress_hide(void);

/* `done` things and `bytes` bytes so far (0 bytes: not shown). Cheap to call for every message. */
void mb_progress_update(MbProgress *progress, guint64 done, guint64 bytes);
void mb_progress_set_total(MbProgress *progress, guint64 total);

/* Where only the bytes are known beforehand, part and time left go by them; 0: unknown. */
void mb_progress_set_bytes_total(MbProgress *progress, guint64 bytes_total);

/* The text of the line, for tests: as after `elapsed_ms` milliseconds. The caller frees it. */
char *mb_progress_text(const char *what, guint64 done, guint64 total, guint64 bytes,
                       guint64 bytes_total, guint64 elapsed_ms);

G_END_DECLS
