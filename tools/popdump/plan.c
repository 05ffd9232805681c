#include "plan.h"

#include <string.h>

struct PdPlan {
    GArray *items;         /* PdItem */
    GHashTable *by_number; /* number → index + 1 */
    GHashTable *uidls;     /* char * → how often listed */
    GHashTable *spoilt;    /* numbers whose id cannot be used */
    GStringChunk *texts;
    uint64_t counts[PD_FATE_LATER + 1];
    uint64_t bytes;
};

PdPlan *pd_plan_new(void)
{
    PdPlan *plan = g_new0(PdPlan, 1);

    plan->items = g_array_new(FALSE, FALSE, sizeof(PdItem));
    plan->by_number = g_hash_table_new(NULL, NULL);
    plan->uidls = g_hash_table_new(g_str_hash, g_str_equal);
    plan->spoilt = g_hash_table_new(NULL, NULL);
    plan->texts = g_string_chunk_new(65536);
    return plan;
}

void pd_plan_free(PdPlan *plan)
{
    if (plan == NULL)
        return;
    g_array_unref(plan->items);
    g_hash_table_unref(plan->by_number);
    g_hash_table_unref(plan->uidls);
    g_hash_table_unref(plan->spoilt);
    g_string_chunk_free(plan->texts);
    g_free(plan);
}

/* The item of `number`, made when it is new. Valid until the next call. */
static PdItem *item_of(PdPlan *plan, uint64_t number)
{
    gpointer key = GSIZE_TO_POINTER(number);
    gsize index = GPOINTER_TO_SIZE(g_hash_table_lookup(plan->by_number, key));

    if (index == 0) {
        PdItem item = {.number = number, .fate = PD_FATE_LATER};

        g_array_append_val(plan->items, item);
        index = plan->items->len;
        g_hash_table_insert(plan->by_number, key, GSIZE_TO_POINTER(index));
    }
    return &g_array_index(plan->items, PdItem, index - 1);
}

void pd_plan_add_size(PdPlan *plan, uint64_t number, bool has_size, uint64_t size)
{
    PdItem *item = item_of(plan, number);

    item->has_size = has_size;
    item->size = has_size ? size : 0;
}

void pd_plan_add_uidl(PdPlan *plan, uint64_t number, const char *uidl)
{
    PdItem *item = item_of(plan, number);
    gpointer key = GSIZE_TO_POINTER(number);
    gpointer text, times;

    if (uidl == NULL || item->uidl != NULL || g_hash_table_contains(plan->spoilt, key)) {
        if (uidl == NULL || item->uidl == NULL || strcmp(item->uidl, uidl) != 0) {
            item->uidl = NULL;
            g_hash_table_add(plan->spoilt, key);
        }
        return;
    }
    if (!g_hash_table_lookup_extended(plan->uidls, uidl, &text, &times)) {
        text = g_string_chunk_insert(plan->texts, uidl);
        times = NULL;
    }
    g_hash_table_insert(plan->uidls, text, GSIZE_TO_POINTER(GPOINTER_TO_SIZE(times) + 1));
    item->uidl = text;
}

static int by_number(const void *a, const void *b)
{
    const PdItem *left = a;
    const PdItem *right = b;

    return left->number < right->number ? -1 : left->number > right->number;
}

/* Whether this copy of a listed id is one of those that the archive holds: the first ones are,
 * since mailboxes grow at their end. */
static bool is_known(const PdItem *item, const PdPlanRules *rules, GHashTable *met)
{
    guint64 archived;
    gsize earlier;

    if (item->uidl == NULL)
        return false;
    archived = rules->copies(rules->user, item->uidl);
    if (!item->repeated)
        return archived > 0;
    earlier = GPOINTER_TO_SIZE(g_hash_table_lookup(met, item->uidl));
    g_hash_table_insert(met, (gpointer)item->uidl, GSIZE_TO_POINTER(earlier + 1));
    return earlier < archived;
}

static PdFate decide(const PdPlan *plan, const PdItem *item, const PdPlanRules *rules,
                     GHashTable *met)
{
    if (is_known(item, rules, met))
        return PD_FATE_KNOWN;
    if (rules->left != NULL && item->uidl != NULL && g_hash_table_contains(rules->left, item->uidl))
        return PD_FATE_LEFT;
    if (rules->max_message > 0 && item->has_size && item->size > rules->max_message)
        return PD_FATE_TOO_LARGE;
    if (rules->skip_unnamed && item->uidl == NULL)
        return PD_FATE_LATER;
    if (rules->limit > 0 && plan->counts[PD_FATE_FETCH] + rules->fetched >= rules->limit)
        return PD_FATE_LATER;
    return PD_FATE_FETCH;
}

void pd_plan_decide(PdPlan *plan, const PdPlanRules *rules)
{
    g_autoptr(GHashTable) met = g_hash_table_new(g_str_hash, g_str_equal);

    g_array_sort(plan->items, by_number);
    g_hash_table_remove_all(plan->by_number);
    memset(plan->counts, 0, sizeof(plan->counts));
    plan->bytes = 0;
    for (guint i = 0; i < plan->items->len; i++) {
        PdItem *item = &g_array_index(plan->items, PdItem, i);

        if (item->uidl != NULL)
            item->repeated = GPOINTER_TO_SIZE(g_hash_table_lookup(plan->uidls, item->uidl)) > 1;
        item->fate = decide(plan, item, rules, met);
        plan->counts[item->fate]++;
        if (__builtin_add_overflow(plan->bytes, item->size, &plan->bytes))
            plan->bytes = UINT64_MAX;
    }
}

size_t pd_plan_length(const PdPlan *plan)
{
    return plan->items->len;
}

PdItem *pd_plan_item(const PdPlan *plan, size_t index)
{
    return &g_array_index(plan->items, PdItem, index);
}

uint64_t pd_plan_count(const PdPlan *plan, PdFate fate)
{
    return plan->counts[fate];
}

uint64_t pd_plan_listed_bytes(const PdPlan *plan)
{
    return plan->bytes;
}

GHashTable *pd_plan_uidls(const PdPlan *plan)
{
    return plan->uidls;
}
