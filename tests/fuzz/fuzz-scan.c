/*
 * The scanner: whatever the bytes, they are all accounted for, and the tree does not depend on
 * where the input is cut. The first byte says how large the pieces are, and whether limits are low.
 */
#include "fuzz.h"
#include "scandump.h"

#include <string.h>

static void check_ids(const MbTree *tree)
{
    g_autoptr(GString) id = g_string_new(NULL);
    uint32_t last = mb_tree_parts(tree) - 1;

    mb_tree_id(tree, last, id);
    g_assert(mb_tree_find_id(tree, id->str) == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(MbScan) scan = mb_scan_new();
    g_autoptr(MbTree) tree = mb_tree_new();
    g_autofree char *whole = NULL;
    g_autofree char *pieces = NULL;
    MbLimits limits = mb_limits_default;
    MbBudget budget;

    if (size == 0)
        return 0;
    if ((data[0] & 0x80) != 0)
        limits = (MbLimits){.max_depth = 3, .max_parts = 3, .max_headers = 3};
    mb_budget_init(&budget, &limits);
    scandump_scan(scan, tree, data, size, 0, &budget);
    g_assert_cmpstr(scandump_imbalance(tree, 0, size), ==, NULL);
    g_assert_cmpuint(budget.depth, ==, 0);
    check_ids(tree);
    whole = scandump(tree);

    mb_budget_init(&budget, &limits);
    scandump_scan(scan, tree, data, size, 1 + (data[0] & 0x1F), &budget);
    pieces = scandump(tree);
    g_assert_cmpstr(whole, ==, pieces);
    return 0;
}
