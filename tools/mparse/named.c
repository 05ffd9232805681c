#include "named.h"

#include <mailbatch/base/error.h>

typedef struct {
    MpOutput *output;
    GError **error;
} Content;

static bool write_content(void *data, const void *bytes, size_t length)
{
    const Content *content = data;

    return mp_output_write(content->output, bytes, length, content->error);
}

static void set_unreadable(GError **error)
{
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_IO, "a message could not be read again");
}

static bool write_range(MpOutput *output, MbTree *tree, uint32_t space, MbRange range,
                        GError **error)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    uint64_t done = 0;

    while (done < range.length) {
        MbRange piece = {range.offset + done, MIN(range.length - done, 1 << 20)};
        const uint8_t *bytes = mb_tree_bytes(tree, space, piece, scratch);

        if (bytes == NULL) {
            set_unreadable(error);
            return false;
        }
        if (!mp_output_write(output, bytes, (size_t)piece.length, error))
            return false;
        done += piece.length;
    }
    return true;
}

bool mp_named_write(MpOutput *output, const MpMessage *message, const char *part, bool raw,
                    GError **error)
{
    const MbItem *item = message->item;
    MbTree *tree = message->tree;
    Content content = {output, error};
    uint32_t index;

    if (part == NULL)
        return write_range(output, tree, 0,
                           (MbRange){item->head, item->length - item->head - item->tail}, error);
    index = mb_tree_find_id(tree, part);
    if (raw)
        return write_range(output, tree, mb_tree_part(tree, index)->space,
                           mb_tree_part(tree, index)->body, error);
    if (mb_tree_decode(tree, index, write_content, &content, NULL))
        return true;
    if (*error == NULL)
        set_unreadable(error);
    return false;
}
