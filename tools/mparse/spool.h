/*
 * Bytes that are too many for memory, in a temporary file without a name.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int descriptor; /* -1: none yet */
    uint64_t length;
} MpSpool;

#define MP_SPOOL_INIT                                                                              \
    (MpSpool)                                                                                      \
    {                                                                                              \
        .descriptor = -1                                                                           \
    }

void mp_spool_clear(MpSpool *spool);

/* Empty again; its room on the disk is given back. */
void mp_spool_reset(MpSpool *spool);

/* False with `error` when they cannot be kept. */
bool mp_spool_append(MpSpool *spool, const void *bytes, size_t length, GError **error);

/* Exactly `length` bytes at `offset`: an MbTreeRead. */
bool mp_spool_read(void *spool, uint64_t offset, void *out, size_t length);
