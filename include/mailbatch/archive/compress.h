/*
 * A finished file, compressed and read back. By libarchive; the same input gives the same output.
 */
#pragma once

#include <glib.h>
#include <mailbatch/archive/read.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MB_COMPRESS_GZIP, /* no name, no time stamp */
    MB_COMPRESS_ZSTD,
    MB_COMPRESS_XZ,
} MbCompress;

/* ".gz", ".zst", ".xz" */
const char *mb_compress_suffix(MbCompress kind);

/* Compresses all of `in`, from its start, to the present offset of `out`. At each of `cuts`
 * (ascending offsets of `in`, 0 not among them) an independent frame begins, whose offset in `out`
 * goes to frames[i] (NULL with no cuts). Errors name the files; MB_ERROR_IO when `out` cannot be
 * written. Neither descriptor is closed or synced. */
bool mb_compress_file(MbCompress kind, int in, const char *in_name, int out, const char *out_name,
                      const uint64_t *cuts, size_t cut_count, uint64_t *frames, GError **error);

G_END_DECLS
