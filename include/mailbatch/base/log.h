/*
 * What a tool says on stderr. For tools only: library code returns errors and never prints.
 * Lines are `tool: text`; a progress line on the terminal is cleared first and drawn again after.
 * Thread-safe once mb_log_init() has returned.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    MB_LOG_QUIET,   /* errors only */
    MB_LOG_NORMAL,  /* and warnings */
    MB_LOG_VERBOSE, /* and notes */
} MbLogLevel;

/* `tool` is the program's name, borrowed for the life of the process. */
void mb_log_init(const char *tool);
void mb_log_set_level(MbLogLevel level);
MbLogLevel mb_log_level(void);

/* What this thread says from now on is about `label`, which stands before each of its lines:
 * borrowed until the next call; NULL: nothing. */
void mb_log_set_label(const char *label);

void mb_log_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void mb_log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void mb_log_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Says `error` (as mb_log_error) and returns the exit status that fits it. */
int mb_log_fail(const GError *error);

G_END_DECLS
