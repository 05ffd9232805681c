/*
 * File names that mail gives to its parts, and what they hide. A name is never used as a path here:
 * this only says what is wrong with it.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

#define MB_FILENAME_EXTENSION_MAX 12 /* with its NUL */

/* Notes what is wrong with a decoded name (UTF-8, NULs may stand inside): name-bidi, name-control,
 * name-path, name-trailing, name-long, name-double-extension, name-reserved; each at the byte of
 * the name where it begins. An empty name has no flaw. */
void mb_filename_check(const char *name, size_t length, MbFlaws *flaws);

/* The last extension, lower case, without the dot; "" when there is none or it is longer than
 * extensions are. Dots and blanks at the end, which some systems drop, are not looked at. */
void mb_filename_extension(const char *name, size_t length,
                           char extension[MB_FILENAME_EXTENSION_MAX]);

G_END_DECLS
