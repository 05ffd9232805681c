#include "arena.h"

#include <glib.h>

#define BLOCK 4096
#define ALIGN sizeof(void *)

struct ArenaBlock {
    ArenaBlock *next;
    char bytes[];
};

void arena_init(Arena *arena, void *buffer, size_t length)
{
    *arena = (Arena){.next = buffer, .end = buffer != NULL ? (char *)buffer + length : NULL};
}

void arena_clear(Arena *arena)
{
    while (arena->blocks != NULL) {
        ArenaBlock *block = arena->blocks;

        arena->blocks = block->next;
        g_free(block);
    }
}

void *arena_take(Arena *arena, size_t length)
{
    size_t rounded = (length + ALIGN - 1) & ~(ALIGN - 1);
    char *taken;

    if ((size_t)(arena->end - arena->next) < rounded) {
        size_t room = MAX(rounded, BLOCK);
        ArenaBlock *block = g_malloc(sizeof *block + room);

        block->next = arena->blocks;
        arena->blocks = block;
        arena->next = block->bytes;
        arena->end = block->bytes + room;
    }
    taken = arena->next;
    arena->next += rounded;
    return taken;
}
