/*
 * The open segment as it is written: appended to through a buffer, made durable on demand.
 *
 * What is appended reaches the file at member boundaries where the buffer allows, so that a `tar
 * tf` beside it sees whole members. After any failure the descriptor is not to be used again (a
 * failed fsync may have dropped the pages).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct PdSegment PdSegment;

/* Opens open/N.tar and cuts it to `length` octets. Where it is missing and `length` is 0 it is made
 * when there is something to write: GNU tar refuses an empty file. */
PdSegment *pd_segment_open(const char *root, guint32 number, uint64_t length, GError **error);
void pd_segment_free(PdSegment *segment); /* what is buffered is lost */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdSegment, pd_segment_free)

guint32 pd_segment_number(const PdSegment *segment);
uint64_t pd_segment_length(const PdSegment *segment); /* with what is buffered */
const char *pd_segment_path(const PdSegment *segment);

bool pd_segment_append(PdSegment *segment, const void *bytes, size_t length, GError **error);

/* A member is complete: a good moment to hand a full buffer over. */
bool pd_segment_end_member(PdSegment *segment, GError **error);

/* Hands everything to the kernel: what was appended survives a kill. */
bool pd_segment_flush(PdSegment *segment, GError **error);

/* Makes durable what the kernel has: fdatasync, the first time of the folder too. Another thread
 * may append meanwhile, once something was flushed. */
bool pd_segment_sync(PdSegment *segment, GError **error);

G_END_DECLS
