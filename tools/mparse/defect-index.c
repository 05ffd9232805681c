#include "defect-index.h"

void mp_defect_index_init(MpDefectIndex *index)
{
    index->order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

void mp_defect_index_clear(MpDefectIndex *index)
{
    g_clear_pointer(&index->order, g_array_unref);
}

static int by_part(const void *a, const void *b, void *data)
{
    const MbTree *tree = data;
    uint32_t left = mb_tree_defect(tree, *(const uint32_t *)a)->part;
    uint32_t right = mb_tree_defect(tree, *(const uint32_t *)b)->part;

    if (left != right)
        return left < right ? -1 : 1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

void mp_defect_index_read(MpDefectIndex *index, const MbTree *tree)
{
    g_array_set_size(index->order, 0);
    for (uint32_t i = 0; i < mb_tree_defects(tree); i++)
        g_array_append_val(index->order, i);
    g_array_sort_with_data(index->order, by_part, (void *)(uintptr_t)tree);
}

void mp_defect_index_each(const MpDefectIndex *index, const MbTree *tree, uint32_t part,
                          size_t first_new, void (*take)(void *data, const MbDefect *defect),
                          void *data)
{
    const uint32_t *order = (const uint32_t *)(void *)index->order->data;
    size_t low = 0;
    size_t high = index->order->len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mb_tree_defect(tree, order[middle])->part < part)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < index->order->len; low++) {
        const MbDefect *defect = mb_tree_defect(tree, order[low]);

        if (defect->part != part)
            break;
        take(data, defect);
    }
    for (; first_new < mb_tree_defects(tree); first_new++)
        take(data, mb_tree_defect(tree, first_new));
}
