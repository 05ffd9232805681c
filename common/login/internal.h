/*
 * What login's files share.
 */
#pragma once

#include <glib.h>

/* The first line that a shell command prints; `source` is named in errors, the command never is.
 * The caller gives it to mb_wipe_free(). */
char *mb_login_command_line(const char *command, const char *source, GError **error);
