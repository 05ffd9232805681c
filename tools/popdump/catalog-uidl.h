/*
 * What the catalog knows of unique-ids beyond those in the segments: when one was first listed,
 * which archived messages the server no longer lists, and which ids are new names of old messages.
 * All of it comes from the journal.
 */
#pragma once

#include "catalog.h"

G_BEGIN_DECLS

/* Applies a line of kind seen, gone, back, held, released or healed; any other changes nothing. */
bool pd_catalog_apply_uidls(PdCatalog *catalog, const char *kind, const PdJsonLine *line,
                            GError **error);

/* When a message that is not archived was first listed; MB_END: not known. */
MbNext pd_catalog_seen(PdCatalog *catalog, const char *uidl, int64_t *time, GError **error);

/* A message under a unique-id that only it has, and that is not deleted by us. `uidl` is borrowed.
 */
typedef struct {
    uint64_t sequence, session;
    const char *uidl;
    bool gone; /* an earlier listing was without it */
} PdNamed;
typedef bool (*PdNamedVisit)(void *user, const PdNamed *named, GError **error);
bool pd_catalog_each_named(PdCatalog *catalog, PdNamedVisit visit, void *user, GError **error);

/* The new names: `uidl` stands for message `sequence`, which is there, in `segment`. */
typedef void (*PdHealedVisit)(void *user, const char *uidl, uint64_t sequence, guint32 segment);
bool pd_catalog_each_healed(PdCatalog *catalog, PdHealedVisit visit, void *user, GError **error);

/* Whether a session found most ids gone, and none since has come to an end with that. */
bool pd_catalog_is_held(PdCatalog *catalog, bool *held, GError **error);

G_END_DECLS
