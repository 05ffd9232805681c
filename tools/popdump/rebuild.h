/*
 * The catalog, the manifests and SHA256SUMS, made anew from segments and journal.
 */
#pragma once

#include "archive.h"

G_BEGIN_DECLS

/* The old catalog is kept beside the new one as catalog.db.old. A journal whose chain is broken is
 * kept in damaged/, and goes on from its last good line. The result is open for writing; its
 * recovery tells what was found. */
PdArchive *pd_rebuild(const char *root, GError **error);

G_END_DECLS
