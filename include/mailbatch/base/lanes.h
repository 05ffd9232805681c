/*
 * Sixteen bytes at a time, in the compiler's vector types: a comparison of a block gives 0xFF for
 * each byte for which it holds, 0 for the others.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

G_BEGIN_DECLS

#define MB_LANES ((size_t)16)

typedef uint8_t MbLanes __attribute__((vector_size(16)));
typedef uint64_t MbLaneHalves __attribute__((vector_size(16)));

static inline MbLanes mb_lanes_load(const void *bytes)
{
    MbLanes block;

    memcpy(&block, bytes, MB_LANES);
    return block;
}

/* Index of the first byte for which a comparison holds, MB_LANES when there is none. */
static inline size_t mb_lanes_first(MbLanes holds)
{
    MbLaneHalves half = (MbLaneHalves)holds;

    if (half[0] != 0)
        return (size_t)__builtin_ctzll(GUINT64_FROM_LE(half[0])) / 8;
    if (half[1] != 0)
        return 8 + (size_t)__builtin_ctzll(GUINT64_FROM_LE(half[1])) / 8;
    return MB_LANES;
}

static inline bool mb_lanes_any(MbLanes holds)
{
    MbLaneHalves half = (MbLaneHalves)holds;

    return (half[0] | half[1]) != 0;
}

/* How many bytes a comparison holds for. */
static inline size_t mb_lanes_count(MbLanes holds)
{
    MbLaneHalves half = (MbLaneHalves)holds;

    return (size_t)(__builtin_popcountll(half[0]) + __builtin_popcountll(half[1])) / 8;
}

static inline uint64_t mb_lanes_load8(const uint8_t *at)
{
    uint64_t bytes;

    memcpy(&bytes, at, 8);
    return GUINT64_FROM_LE(bytes);
}

static inline uint64_t mb_lanes_load4(const uint8_t *at)
{
    uint32_t bytes;

    memcpy(&bytes, at, 4);
    return GUINT32_FROM_LE(bytes);
}

static inline MbLanes mb_lanes_pairs(const uint8_t *at, uint8_t first, uint8_t second)
{
    return (MbLanes)(mb_lanes_load(at) == first) & (MbLanes)(mb_lanes_load(at + 1) == second);
}

/* Where two bytes stand in a row, or NULL. */
static inline const uint8_t *mb_lanes_find_pair(const uint8_t *at, size_t length, uint8_t first,
                                                uint8_t second)
{
    const uint8_t *end = at + length;

    while ((size_t)(end - at) > 2 * MB_LANES) {
        MbLanes pairs = mb_lanes_pairs(at, first, second);
        MbLanes more = mb_lanes_pairs(at + MB_LANES, first, second);

        if (mb_lanes_any(pairs | more))
            break;
        at += 2 * MB_LANES;
    }
    for (; (size_t)(end - at) > MB_LANES; at += MB_LANES) {
        size_t found = mb_lanes_first(mb_lanes_pairs(at, first, second));

        if (found < MB_LANES)
            return at + found;
    }
    for (; end - at > 1; at++) {
        if (at[0] == first && at[1] == second)
            return at;
    }
    return NULL;
}

/* 1 to 15 bytes, and NULs behind them. Nothing beyond them is read, nothing goes over memory. */
static inline MbLanes mb_lanes_load_short(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint64_t first, second = 0;

    if (length >= 8) {
        first = mb_lanes_load8(at);
        second = mb_lanes_load8(at + length - 8) >> 8 * (15 - length) >> 8;
    } else if (length >= 4) {
        first = mb_lanes_load4(at) | mb_lanes_load4(at + length - 4) << 8 * (length - 4);
    } else {
        first = at[0] | (uint64_t)at[length / 2] << 8 * (length / 2) |
                (uint64_t)at[length - 1] << 8 * (length - 1);
    }
    return (MbLanes)(MbLaneHalves){GUINT64_TO_LE(first), GUINT64_TO_LE(second)};
}

G_END_DECLS
