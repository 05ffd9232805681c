/*
 * -x DIR: decoded leaf parts as files, and a line of manifest.jsonl for each. A file's name is
 * `NNNNNN-PART-SHA256`: the message's number in this run, the part's id, the content's digest;
 * nothing of it comes from the mail. A file appears only when it is complete.
 */
#pragma once

#include "options.h"
#include "walk.h"

#include <glib.h>
#include <stdbool.h>

typedef struct MpExtract MpExtract;

/* Makes the folder when it is missing. `options` is borrowed. */
MpExtract *mp_extract_new(const MpOptions *options, GError **error);
void mp_extract_free(MpExtract *extract);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpExtract, mp_extract_free)

/* All leaf parts of the message that --only asks for; `part` (may be NULL) names one of them, then
 * that alone. */
bool mp_extract_message(MpExtract *extract, const MpMessage *message, const char *part,
                        GError **error);

/* The manifest's last bytes. */
bool mp_extract_finish(MpExtract *extract, GError **error);
