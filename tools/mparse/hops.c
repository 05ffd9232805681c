#include "hops.h"

#include <string.h>

#define NEAR ((size_t)16384) /* octets of texts: more than the hops of a usual message have */
#define SKEW ((int64_t)300)  /* seconds by which clocks of honest servers differ */

static const char received_name[] = "Received";

struct MpHops {
    GArray *list;    /* of MpHop */
    char near[NEAR]; /* their texts, as many as there is room for */
    size_t used;
    GStringChunk *far; /* the others */
    MbReceived received;
    GByteArray *scratch;
    MbFlaws flaws;
};

MpHops *mp_hops_new(void)
{
    MpHops *hops = g_new0(MpHops, 1);

    hops->list = g_array_new(FALSE, TRUE, sizeof(MpHop));
    hops->far = g_string_chunk_new(4096);
    hops->scratch = g_byte_array_new();
    mb_received_init(&hops->received);
    return hops;
}

void mp_hops_free(MpHops *hops)
{
    if (hops == NULL)
        return;
    g_array_unref(hops->list);
    g_string_chunk_free(hops->far);
    g_byte_array_unref(hops->scratch);
    mb_received_clear(&hops->received);
    mb_flaws_clear(&hops->flaws);
    g_free(hops);
}

size_t mp_hops_count(const MpHops *hops)
{
    return hops->list->len;
}

const MpHop *mp_hops_at(const MpHops *hops, size_t index)
{
    return &g_array_index(hops->list, MpHop, index);
}

static MbReceivedText moved(MbReceivedText text, const GString *from, const char *to)
{
    if (text.text != NULL)
        text.text = to + (text.text - from->str);
    return text;
}

/* A copy that stays until the next read. */
static const char *keep(MpHops *hops, const char *text, size_t length)
{
    char *kept = hops->near + hops->used;

    if (length > NEAR - hops->used)
        return g_string_chunk_insert_len(hops->far, text, (gssize)length);
    memcpy(kept, text, length);
    hops->used += length;
    return kept;
}

/* All texts of the field at once. */
static void keep_clauses(MpHops *hops, MpHop *hop)
{
    const MbReceived *received = &hops->received;
    const GString *all = received->storage;
    const char *kept = keep(hops, all->str, all->len);

    for (size_t i = 0; i < MB_RECEIVED_CLAUSES; i++) {
        hop->clause[i] = moved(received->clause[i], all, kept);
        hop->comment[i] = moved(received->comment[i], all, kept);
    }
}

static MpHop *add_hop(MpHops *hops)
{
    g_array_set_size(hops->list, hops->list->len + 1);
    return &g_array_index(hops->list, MpHop, hops->list->len - 1);
}

static void add(MpHops *hops, MbTree *tree, uint32_t field, bool notes)
{
    const MbReceived *received = &hops->received;
    uint64_t offset;
    size_t length;
    const uint8_t *value = mb_tree_field_value(tree, field, &length, &offset, hops->scratch);
    MpHop *hop;

    if (value == NULL)
        return;
    mb_flaws_reset(&hops->flaws);
    mb_received_parse(&hops->received, (const char *)value, length, &hops->flaws);
    hop = add_hop(hops);
    hop->field = field;
    keep_clauses(hops, hop);
    hop->date = received->date;
    hop->has_time = received->has_date && received->date.valid;
    if (received->date_length > 0)
        hop->raw_date = (MbReceivedText){
            keep(hops, (const char *)value + received->date_offset, received->date_length),
            received->date_length};
    if (notes)
        mb_tree_add_flaws(tree, mb_tree_field(tree, field)->part, offset, &hops->flaws);
}

/* `later` and the last hop before it that tells a time. */
static void measure(MbTree *tree, MpHop *earlier, const MpHop *later, bool notes)
{
    const MbField field = *mb_tree_field(tree, later->field);
    g_autofree char *detail = NULL;

    earlier->has_delay = true;
    earlier->delay = later->date.unix_time - earlier->date.unix_time;
    if (!notes || earlier->delay >= 0)
        return;
    detail = g_strdup_printf("%" G_GINT64_FORMAT " second%s", -earlier->delay,
                             earlier->delay == -1 ? "" : "s");
    mb_tree_add_defect(tree, earlier->delay < -SKEW ? MB_DEFECT_HOP_BACKWARDS : MB_DEFECT_HOP_SKEW,
                       field.part, mb_tree_part(tree, field.part)->space, field.offset,
                       field.length, detail);
}

static bool is_received(MbTree *tree, uint32_t field, GByteArray *scratch)
{
    size_t length;
    const uint8_t *name;

    if (mb_tree_field(tree, field)->name_length != strlen(received_name))
        return false;
    name = mb_tree_field_name(tree, field, &length, scratch);
    return name != NULL && (memcmp(name, received_name, length) == 0 ||
                            g_ascii_strncasecmp((const char *)name, received_name, length) == 0);
}

void mp_hops_read(MpHops *hops, MbTree *tree, uint32_t part, bool notes)
{
    const MbPart at = *mb_tree_part(tree, part);
    MpHop *before = NULL;

    g_array_set_size(hops->list, 0);
    hops->used = 0;
    g_string_chunk_clear(hops->far);
    /* Each server writes its field above those that are there. */
    for (uint32_t i = at.first_field + at.fields; i > at.first_field; i--) {
        if (is_received(tree, i - 1, hops->scratch))
            add(hops, tree, i - 1, notes);
    }
    for (guint i = 0; i < hops->list->len; i++) {
        MpHop *hop = &g_array_index(hops->list, MpHop, i);

        if (!hop->has_time)
            continue;
        if (before != NULL)
            measure(tree, before, hop, notes);
        before = hop;
    }
}
