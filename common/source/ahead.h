/*
 * Looks ahead of a window, however far. Of a file that can be sought it is read where it is; of any
 * other stream what lies between is kept in a temporary file, from which the window reads it later:
 * each byte is kept once, however often and wherever one looks.
 */
#pragma once

#include "window.h"

#include <signal.h>

typedef struct {
    MbInput input; /* the stream */
    const volatile sig_atomic_t *stop;
    int spool;          /* -1: nothing was kept yet */
    uint64_t kept;      /* bytes in it … */
    uint64_t given;     /* … of which the window has these */
    GByteArray *unkept; /* read behind them, and not written: the disk is full */
    bool at_end;        /* of the stream */
    GError *error;      /* of the stream, for the window when it gets there */
} MbAhead;

/* Puts itself between the window and its input. When `stop` (may be NULL) is set, nothing is kept
 * any more. */
void mb_ahead_init(MbAhead *ahead, MbWindow *window, const volatile sig_atomic_t *stop);
void mb_ahead_clear(MbAhead *ahead);

/* Copies what stands at the stream's `offset`, which is in the window or behind it; returns how
 * many bytes, less than `length` at the stream's end only. `file` is the stream's descriptor when
 * it can be sought, else -1; `most` is how many bytes may be kept. -1: they cannot be had; `error`
 * is set when a temporary file is the reason. */
gssize mb_ahead_read(MbAhead *ahead, const MbWindow *window, int file, uint64_t most,
                     uint64_t offset, void *out, size_t length, GError **error);
