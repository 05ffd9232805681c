#include <mailbatch/mime/flaw.h>

static const struct {
    const char *code;
    char weight;
    const char *text;
} table[] = {
#define X(name, code, weight, text) [MB_FLAW_##name] = {code, #weight[0], text},
    MB_FLAW_TABLE(X)
#undef X
};

void mb_flaws_clear(MbFlaws *flaws)
{
    mb_flaws_reset(flaws);
    g_clear_pointer(&flaws->list, g_array_unref);
}

void mb_flaws_reset(MbFlaws *flaws)
{
    /* The first of each kind is kept: an empty list has no counts. */
    if (flaws->list == NULL || flaws->list->len == 0)
        return;
    g_array_set_size(flaws->list, 0);
    for (size_t i = 0; i < MB_FLAW_KINDS; i++)
        flaws->counts[i] = 0;
}

/* The last kept flaw of this kind, NULL when there is none. */
static MbFlaw *last_of(MbFlaws *flaws, MbFlawKind kind)
{
    for (size_t i = flaws->list->len; i > 0; i--) {
        MbFlaw *flaw = &g_array_index(flaws->list, MbFlaw, i - 1);

        if (flaw->kind == kind)
            return flaw;
    }
    return NULL;
}

void mb_flaws_add(MbFlaws *flaws, MbFlawKind kind, uint64_t offset, uint64_t length)
{
    MbFlaw flaw = {kind, offset, length};
    MbFlaw *last;

    if (flaws == NULL)
        return;
    if (flaws->list == NULL)
        flaws->list = g_array_new(FALSE, FALSE, sizeof(MbFlaw));
    if (flaws->counts[kind] > 0) {
        last = last_of(flaws, kind);
        if (last != NULL && last->offset == offset && last->length == length)
            return; /* a place that was read twice */
        if (last != NULL && length > 0 && last->offset + last->length == offset) {
            last->length += length;
            return;
        }
    }
    if (flaws->counts[kind] < MB_FLAWS_KEPT)
        g_array_append_val(flaws->list, flaw);
    if (flaws->counts[kind] < UINT32_MAX)
        flaws->counts[kind]++;
}

void mb_flaws_add_all(MbFlaws *flaws, const MbFlaws *from, uint64_t offset)
{
    for (size_t i = 0; i < mb_flaws_count(from); i++) {
        const MbFlaw *flaw = mb_flaws_at(from, i);

        mb_flaws_add(flaws, flaw->kind, flaw->offset + offset, flaw->length);
    }
}

bool mb_flaws_has(const MbFlaws *flaws, MbFlawKind kind)
{
    return flaws->counts[kind] > 0;
}

size_t mb_flaws_count(const MbFlaws *flaws)
{
    return flaws->list != NULL ? flaws->list->len : 0;
}

const MbFlaw *mb_flaws_at(const MbFlaws *flaws, size_t index)
{
    return &g_array_index(flaws->list, MbFlaw, index);
}

const char *mb_flaw_code(MbFlawKind kind)
{
    return table[kind].code;
}

const char *mb_flaw_text(MbFlawKind kind)
{
    return table[kind].text;
}

char mb_flaw_weight(MbFlawKind kind)
{
    return table[kind].weight;
}
