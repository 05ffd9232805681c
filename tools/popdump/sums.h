/*
 * SHA256SUMS: of every segment and manifest in seg/, as `sha256sum -c` reads it from within the
 * folder. Derived; made anew at each seal.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* Writes the file: new digests for those of segment `number` (0: for all), the others' as they
 * stand, and none for what is gone. */
bool pd_sums_write(const char *root, guint32 number, GError **error);

/* Called for each file that SHA256SUMS names: `found` NULL when it is missing, else its digest now.
 */
typedef bool (*PdSumVisit)(void *user, const char *name, const char *stated, const char *found,
                           GError **error);

/* Reads every file named. A missing SHA256SUMS is an empty one; lines that make no sense are told
 * with `name` and NULL twice. */
bool pd_sums_check(const char *root, PdSumVisit visit, void *user, GError **error);

G_END_DECLS
