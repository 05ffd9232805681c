/*
 * Wire: a message as it will be written, in segments that may be shared.
 *
 * A row's own text is one segment; an attachment that thousands of rows carry is encoded once and
 * every wire refers to it. Bytes are final: CRLF line ends, encodings applied, no dot-stuffing.
 * Reference counted; immutable once built; may be shared between threads then.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef struct MbWire MbWire;

typedef struct {
    const void *bytes; /* borrowed from the wire */
    size_t length;
} MbWireSegment;

MbWire *mb_wire_new(void);
MbWire *mb_wire_ref(MbWire *wire);
void mb_wire_unref(MbWire *wire);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbWire, mb_wire_unref)

/* Adds a segment; the wire keeps a reference to `bytes`. Empty segments are left out. */
void mb_wire_append(MbWire *wire, GBytes *bytes);

/* Adds a segment and takes over the caller's reference. */
void mb_wire_append_take(MbWire *wire, GBytes *bytes);

/* A new wire: `head`, and what `wire` has, shared. */
MbWire *mb_wire_behind(GBytes *head, const MbWire *wire);

size_t mb_wire_segments(const MbWire *wire);
MbWireSegment mb_wire_segment(const MbWire *wire, size_t index);

/* The sum of the segments' lengths, in octets: what SIZE= says (RFC 1870, 3). */
size_t mb_wire_length(const MbWire *wire);

/* Whether any octet is above 0x7F; computed once, at first use of the segment's bytes. */
bool mb_wire_is_8bit(const MbWire *wire);

/* All of it in one buffer, for files and tests. */
GBytes *mb_wire_flatten(const MbWire *wire);

G_END_DECLS
