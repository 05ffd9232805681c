/*
 * A sealed segment's manifest: JSON lines, one a message, in the order of the tar; a function of
 * the segment and nothing else, so that it can be made anew and compared. With zstd a last line
 * gives the frames.
 */
#pragma once

#include "member.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define PD_MANIFEST_MAX (G_GUINT64_CONSTANT(1) << 30) /* octets that are read of one */

/* Appends the member's line. */
void pd_manifest_append(GString *out, const PdMember *member);

/* Appends the index of independent frames: {"frames":[[plain offset,offset in the file],…]}. */
void pd_manifest_append_frames(GString *out, const uint64_t *cuts, const uint64_t *frames,
                               size_t count);

/* Where that index begins in a whole manifest; NULL: there is none. */
const char *pd_manifest_find_frames(const char *text, size_t length);

/* Whether a line is that index. */
bool pd_manifest_is_frames(const char *line, size_t length);

G_END_DECLS
