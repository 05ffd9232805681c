#include "window.h"

#include <mailbatch/source/source.h>
#include <string.h>

#define BLOCK_SIZE 524288 /* fits the second-level cache */

/* NULL bytes: there was no memory. */
static MbBlock *new_block(uint8_t *bytes, size_t size)
{
    MbBlock *block;

    if (bytes == NULL)
        return NULL;
    block = g_new(MbBlock, 1);
    *block = (MbBlock){bytes, size, 1};
    return block;
}

void mb_block_unref(MbBlock *block)
{
    if (block == NULL || !g_atomic_int_dec_and_test(&block->references))
        return;
    g_free(block->bytes);
    g_free(block);
}

static void release_block(gpointer block)
{
    mb_block_unref(block);
}

void mb_window_init(MbWindow *window, MbInput input, MbBlock **spare)
{
    *window = (MbWindow){.input = input, .block = *spare};
    *spare = NULL;
    if (window->block == NULL)
        window->block = new_block(g_malloc(BLOCK_SIZE), BLOCK_SIZE);
}

void mb_window_clear(MbWindow *window, MbBlock **spare)
{
    MbBlock *block = window->block;

    if (block != NULL && *spare == NULL && block->size == BLOCK_SIZE &&
        g_atomic_int_get(&block->references) == 1)
        *spare = block;
    else
        mb_block_unref(block);
    g_clear_error(&window->error);
    *window = (MbWindow){0};
}

/* Makes room for `want` bytes from the window's start on. A block that others hold is left to them.
 */
static bool make_room(MbWindow *window, size_t want)
{
    MbBlock *block = window->block;
    MbBlock *larger;
    size_t length = mb_window_length(window);
    size_t size;
    bool is_shared = g_atomic_int_get(&block->references) > 1;

    if (!is_shared && length == 0)
        window->start = window->end = 0;
    if (!is_shared && want <= block->size) {
        if (window->start + want > block->size || window->end == block->size) {
            memmove(block->bytes, mb_window_bytes(window), length);
            window->start = 0;
            window->end = length;
        }
        return true;
    }
    if (is_shared && window->start + want <= block->size && window->end < block->size)
        return true;
    if (want > SIZE_MAX / 2)
        return false;
    size = want <= BLOCK_SIZE ? BLOCK_SIZE : want + want / 2;
    larger = new_block(g_try_malloc(size), size);
    if (larger == NULL)
        return false;
    window->block = larger;
    memcpy(larger->bytes, block->bytes + window->start, length);
    window->start = 0;
    window->end = length;
    mb_block_unref(block);
    return true;
}

size_t mb_window_fill(MbWindow *window, size_t want)
{
    while (mb_window_length(window) < want && !window->at_end) {
        gssize count;

        if (!make_room(window, want)) {
            g_set_error(&window->error, MB_SOURCE_ERROR, MB_ERROR_TEMPORARY,
                        "no memory for a buffer of %zu bytes", want);
            window->at_end = true;
            break;
        }
        count = window->input.read(window->input.user, window->block->bytes + window->end,
                                   window->block->size - window->end, &window->error);
        if (count > 0)
            window->end += (size_t)count;
        else
            window->at_end = true;
    }
    return mb_window_length(window);
}

void mb_window_skip(MbWindow *window, size_t length)
{
    window->start += length;
    window->offset += length;
}

GBytes *mb_window_hold(MbWindow *window, const uint8_t *bytes, size_t length)
{
    g_atomic_int_inc(&window->block->references);
    return g_bytes_new_with_free_func(bytes, length, release_block, window->block);
}
