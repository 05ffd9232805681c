/*
 * Entries of a zip that its directory does not name: a reader that goes by the directory, as all
 * that can seek do, never shows them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Whether a local header stands between or behind those that the directory names, or before the
 * first; *offset is where. `descriptor` is a file that can be sought, and keeps its position. False
 * also where there is no directory that can be read. (APPNOTE.TXT 6.3.10, 4.3) */
bool mb_zip_hides(int descriptor, uint64_t *offset);

G_END_DECLS
