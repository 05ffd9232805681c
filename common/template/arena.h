/*
 * Memory that is freed all at once. Small things come from a buffer of the owner's first.
 */
#pragma once

#include <stddef.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct {
    char *next, *end;
    ArenaBlock *blocks;
} Arena;

/* `buffer` (may be NULL) serves until it is full; aligned for pointers. */
void arena_init(Arena *arena, void *buffer, size_t length);
void arena_clear(Arena *arena);

/* Aligned for any of our types, not zeroed. */
void *arena_take(Arena *arena, size_t length);
