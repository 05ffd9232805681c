/*
 * A second view: the structure as GMime 3.2 sees it, in the same tree type, to compare with the
 * scanner's. Parts have types and fields, offsets only where GMime tells them, and no segments.
 *
 * GMime is kept from what hurts it: it gets one message at a time; address fields that are not
 * needed for structure are never parsed; nesting over the budget's depth, header lines without
 * a colon of more than 4 KiB, and a BOM are refused or stepped over before it sees them.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/mime/tree.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

#define MB_GMIME_ERROR (mb_gmime_error_quark())
GQuark mb_gmime_error_quark(void);

/* Fills the empty `tree`. Fails with MB_ERROR_DATA when GMime finds no message in the bytes, and
 * then `tree` stays empty. Thread-safe. `budget` may be NULL. */
bool mb_gmime_view(const void *bytes, size_t length, MbTree *tree, MbBudget *budget,
                   GError **error);

G_END_DECLS
