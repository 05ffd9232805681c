/*
 * One progress line for all accounts that are being fetched. Safe for threads.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct PdTally PdTally;

PdTally *pd_tally_new(void);
void pd_tally_free(PdTally *tally);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdTally, pd_tally_free)

/* So many messages more are to come (or fewer). */
void pd_tally_expect(PdTally *tally, gint64 messages);

/* A message of `bytes` octets has come. */
void pd_tally_count(PdTally *tally, guint64 bytes);

G_END_DECLS
