/*
 * A message on its way in: hashed as it comes, its first PD_SPOOL_MEMORY octets in memory, the rest
 * in an unlinked temporary file. Its size is known only when it is whole, and stands before its
 * content in a tar.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/digest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct PdSpool PdSpool;

/* `folder` is where a temporary file goes. */
PdSpool *pd_spool_new(const char *folder);
void pd_spool_free(PdSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdSpool, pd_spool_free)

/* Empty again. */
void pd_spool_reset(PdSpool *spool);
bool pd_spool_append(PdSpool *spool, const void *bytes, size_t length, GError **error);

uint64_t pd_spool_size(const PdSpool *spool);

/* The beginning, as far as it is in memory; borrowed until the next append or reset. */
const char *pd_spool_head(const PdSpool *spool, size_t *length);

/* The digest of all of it; once. */
void pd_spool_finish(PdSpool *spool, uint8_t sha256[MB_SHA256_LENGTH]);

/* Hands all of it to `write`, piece by piece; stops at its first false. */
bool pd_spool_replay(PdSpool *spool,
                     bool (*write)(void *user, const void *bytes, size_t length, GError **error),
                     void *user, GError **error);

G_END_DECLS
