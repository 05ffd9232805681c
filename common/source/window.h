/*
 * A window that slides over a stream: bytes from its start on stay together in one block, which
 * grows up to a limit. Blocks are counted, so that what lies in one can be kept after the window
 * went on.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the bytes come from. `read` returns how many it wrote, 0 at the end, -1 with `error` set.
 */
typedef struct {
    gssize (*read)(void *user, void *out, size_t length, GError **error);
    void *user;
} MbInput;

typedef struct {
    uint8_t *bytes;
    size_t size;
    gint references;
} MbBlock;

typedef struct {
    MbInput input;
    MbBlock *block;
    size_t start, end; /* what of the block is in the window */
    uint64_t offset;   /* of `start` in the stream */
    bool at_end;       /* the stream has no more bytes behind `end` */
    GError *error;     /* why, when it broke */
} MbWindow;

/* `spare` holds a block for the next window, or NULL: windows come and go, a block a file would
 * cost more than most messages. */
void mb_window_init(MbWindow *window, MbInput input, MbBlock **spare);
void mb_window_clear(MbWindow *window, MbBlock **spare);
void mb_block_unref(MbBlock *block); /* NULL is fine */

static inline const uint8_t *mb_window_bytes(const MbWindow *window)
{
    return window->block->bytes + window->start;
}

static inline size_t mb_window_length(const MbWindow *window)
{
    return window->end - window->start;
}

/* Reads until the window holds `want` bytes or the stream is at its end; returns how many it holds.
 */
size_t mb_window_fill(MbWindow *window, size_t want);

/* Moves the window's start on. */
void mb_window_skip(MbWindow *window, size_t length);

/* A reference to bytes of the window. */
GBytes *mb_window_hold(MbWindow *window, const uint8_t *bytes, size_t length);
