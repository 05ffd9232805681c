/*
 * Another view of a message: GMime's, beside the scanner's. What one program shows and another does
 * not is where attachments hide, so each part that only one of them sees is a defect:
 * view-only-scan, view-only-other (it stands at the part that should hold it), view-differs (type
 * or transfer encoding), view-none.
 */
#pragma once

#include "walk.h"

#include <glib.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/mime/tree.h>
#include <mailbatch/source/source.h>

/* One a thread. */
MpViews *mp_views_new(void);
void mp_views_free(MpViews *views);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpViews, mp_views_free)

/* Parses the item again, and adds what differs to the tree's defects. GMime takes whole messages
 * only: a streamed item is view-none. `limits` are those of the scanner. */
void mp_views_compare(MpViews *views, const MbItem *item, MbTree *tree, const MbLimits *limits);

/* The shape that GMime sees, or NULL; then mp_views_error() says why there is none. Until the next
 * message. */
const char *mp_views_shape(const MpViews *views);
const char *mp_views_error(const MpViews *views);
