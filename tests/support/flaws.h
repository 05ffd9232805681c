/*
 * Flaws as a test's tables write them.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>

/* `code@offset+length` a flaw, in order; appended. */
static inline void put_flaws(GString *out, const MbFlaws *flaws)
{
    for (size_t i = 0; i < mb_flaws_count(flaws); i++) {
        const MbFlaw *flaw = mb_flaws_at(flaws, i);

        g_string_append_printf(out, " %s@%d+%d", mb_flaw_code(flaw->kind), (int)flaw->offset,
                               (int)flaw->length);
    }
}
