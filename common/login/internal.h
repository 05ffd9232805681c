/*
 * What login's files share.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* The first line that a shell command prints; `source` is named in errors, the command never is.
 * The caller gives it to mb_wipe_free(). */
char *mb_login_command_line(const char *command, const char *source, GError **error);

/* Reads until the end or until the buffer is full; the length, or -1 with errno. Once there is a
 * whole line, also until `ended` (-1: none) is readable: what a command leaves running behind it
 * may hold the pipe open for ever. */
ssize_t mb_login_read(int descriptor, int ended, char *buffer, size_t size);

/* Whether nobody else can get at the file: MB_ERROR_CONFIG otherwise, naming `path`. */
bool mb_login_is_private(int descriptor, const char *path, GError **error);

/* The password for `user` at `host` in a netrc file: of the first entry whose machine is `host`, or
 * that is the default one, and whose login, if it names one, is `user`. NULL without an error when
 * there is none, or no file. The caller gives it to mb_wipe_free(). */
char *mb_login_netrc_password(const char *path, const char *host, const char *user, GError **error);
