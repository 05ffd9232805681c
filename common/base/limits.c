#include <mailbatch/base/limits.h>

/* Below this much output a high ratio is ordinary: a page of zeros is no bomb. */
#define RATIO_FREE_BYTES (G_GUINT64_CONSTANT(1) << 20)

const MbLimits mb_limits_default = {
    .max_depth = 200,
    .max_parts = 100000,
    .max_headers = 100000,
    .max_items = 10000000,
    .max_bytes = G_GUINT64_CONSTANT(64) << 30,
    .max_ratio = 1000,
};

void mb_budget_init(MbBudget *budget, const MbLimits *limits)
{
    *budget = (MbBudget){.limits = limits};
}

bool mb_budget_enter(MbBudget *budget)
{
    if (budget->depth >= budget->limits->max_depth) {
        budget->hit |= MB_LIMIT_DEPTH;
        return false;
    }
    budget->depth++;
    return true;
}

void mb_budget_leave(MbBudget *budget)
{
    g_assert(budget->depth > 0);
    budget->depth--;
}

bool mb_budget_take_items(MbBudget *budget, guint64 n)
{
    if (n > budget->limits->max_items || budget->items > budget->limits->max_items - n) {
        budget->hit |= MB_LIMIT_ITEMS;
        return false;
    }
    budget->items += n;
    return true;
}

bool mb_budget_take_bytes(MbBudget *budget, guint64 out, guint64 in_total)
{
    guint64 total;
    guint64 allowed;

    if (__builtin_add_overflow(budget->bytes, out, &total) || total > budget->limits->max_bytes) {
        budget->hit |= MB_LIMIT_BYTES;
        return false;
    }
    if (__builtin_mul_overflow(MAX(in_total, 1), budget->limits->max_ratio, &allowed))
        allowed = G_MAXUINT64;
    if (total > RATIO_FREE_BYTES && total > allowed) {
        budget->hit |= MB_LIMIT_RATIO;
        return false;
    }
    budget->bytes = total;
    return true;
}

const char *mb_limit_name(MbLimit limit)
{
    switch (limit) {
    case MB_LIMIT_DEPTH: return "depth";
    case MB_LIMIT_ITEMS: return "items";
    case MB_LIMIT_BYTES: return "bytes";
    case MB_LIMIT_RATIO: return "ratio";
    case MB_LIMIT_HEADERS: return "headers";
    }
    return "unknown";
}
