/*
 * stderr as log lines and the progress line share it. Internal to base.
 */
#pragma once

#include <glib.h>

/* Writes a whole line (with its newline), clearing and redrawing the progress line around it. */
void mb_terminal_write_line(const char *line);

/* Replaces the progress line; NULL or "" removes it. */
void mb_terminal_set_progress(const char *text);
