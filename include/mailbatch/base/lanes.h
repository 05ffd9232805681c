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
#ifdef __SSE2__
#include <emmintrin.h>
#endif

G_BEGIN_DECLS

#define MB_LANES ((size_t)16)

typedef uint8_t MbLanes __attribute__((vector_size(16)));
typedef int8_t MbSignedLanes __attribute__((vector_size(16))); /* above 0x7F is below 0 */
typedef uint64_t MbLaneHalves __attribute__((vector_size(16)));

static inline MbLanes mb_lanes_load(const void *bytes)
{
    MbLanes block;

    memcpy(&block, bytes, MB_LANES);
    return block;
}

#ifdef __SSE2__

/* A bit for each byte for which a comparison holds, or that is above 0x7F; GCC finds the
 * instruction by its name only. */
static inline unsigned mb_lanes_bits(MbLanes holds)
{
    return (unsigned)_mm_movemask_epi8((__m128i)holds);
}

#else

static inline unsigned mb_lanes_bits(MbLanes holds)
{
    unsigned bits = 0;

    for (size_t i = 0; i < MB_LANES; i++)
        bits |= (unsigned)(holds[i] >> 7) << i;
    return bits;
}

#endif

/* Index of the first byte for which a comparison holds; it holds for one. In a loop over many
 * blocks ask mb_lanes_any() first: a branch costs nothing when it is foreseen, a sum waits for its
 * terms. */
static inline size_t mb_lanes_first(MbLanes holds)
{
    return (size_t)__builtin_ctz(mb_lanes_bits(holds));
}

static inline bool mb_lanes_any(MbLanes holds)
{
    return mb_lanes_bits(holds) != 0;
}

/* How many bytes a comparison holds for. */
static inline size_t mb_lanes_count(MbLanes holds)
{
    return (size_t)__builtin_popcount(mb_lanes_bits(holds));
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
        MbLanes pairs = mb_lanes_pairs(at, first, second);

        if (mb_lanes_any(pairs))
            return at + mb_lanes_first(pairs);
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

/* A block, or what is left: `length` > 0. */
static inline MbLanes mb_lanes_load_some(const void *bytes, size_t length)
{
    return length >= MB_LANES ? mb_lanes_load(bytes) : mb_lanes_load_short(bytes, length);
}

G_END_DECLS
