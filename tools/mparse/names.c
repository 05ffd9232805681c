#include "names.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/filename.h>
#include <string.h>

#define NAMES_CHECKED 16 /* candidates of a part; more are listed */

static size_t add(const MbParams *params, const char *name, const char *source, MpName *names,
                  size_t max, size_t count)
{
    for (size_t i = 0; i < params->count; i++) {
        if (strcmp(params->params[i].name, name) != 0)
            continue;
        if (count < max)
            names[count] = (MpName){&params->params[i], source};
        count++;
    }
    return count;
}

size_t mp_names_list(const MbParams *disposition, const MbParams *type, MpName *names, size_t max)
{
    size_t count = add(disposition, "filename", "disposition", names, max, 0);

    return add(type, "name", "type", names, max, count);
}

static bool differ(const MbParam *left, const MbParam *right)
{
    return left->value_length != right->value_length ||
           memcmp(left->value, right->value, left->value_length) != 0;
}

static void check_one(MbTree *tree, uint32_t part, const MbParam *param, uint64_t offset,
                      MbFlaws *flaws)
{
    uint32_t space = mb_tree_part(tree, part)->space;
    bool met[MB_FLAW_KINDS] = {false};

    mb_flaws_reset(flaws);
    mb_filename_check(param->value, param->value_length, flaws);
    for (size_t i = 0; i < mb_flaws_count(flaws); i++) {
        MbFlawKind kind = mb_flaws_at(flaws, i)->kind;
        g_autofree char *shown = NULL;

        if (met[kind])
            continue;
        met[kind] = true;
        shown = mb_text_printable(param->value, MIN(param->value_length, 200));
        mb_tree_add_defect(tree, mb_defect_of_flaw(kind), part, space, offset + param->offset,
                           param->length, shown);
    }
}

void mp_names_check(MbTree *tree, uint32_t part, const MbParams *disposition,
                    uint64_t disposition_offset, const MbParams *type, uint64_t type_offset,
                    MbFlaws *scratch)
{
    MpName names[NAMES_CHECKED];
    size_t count =
        MIN(mp_names_list(disposition, type, names, NAMES_CHECKED), (size_t)NAMES_CHECKED);
    const MbParam *said = mb_params_get(disposition, "filename");
    const MbParam *typed = mb_params_get(type, "name");

    for (size_t i = 0; i < count; i++) {
        bool is_type = strcmp(names[i].source, "type") == 0;
        bool is_seen = false;

        for (size_t k = 0; k < i && !is_seen; k++)
            is_seen = !differ(names[i].param, names[k].param);
        if (!is_seen)
            check_one(tree, part, names[i].param, is_type ? type_offset : disposition_offset,
                      scratch);
    }
    if (said != NULL && typed != NULL && differ(said, typed)) {
        g_autofree char *shown = mb_text_printable(typed->value, MIN(typed->value_length, 200));

        mb_tree_add_defect(tree, MB_DEFECT_NAMES_DIFFER, part, mb_tree_part(tree, part)->space,
                           type_offset + typed->offset, typed->length, shown);
    }
}
