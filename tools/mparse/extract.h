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

typedef struct MpExtract MpExtract;     /* of the run: the folder and its manifest */
typedef struct MpExtractor MpExtractor; /* of a thread: writes the files */

/* Makes the folder when it is missing. `options` is borrowed. */
MpExtract *mp_extract_new(const MpOptions *options, GError **error);
void mp_extract_free(MpExtract *extract);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpExtract, mp_extract_free)

/* Before the first message, and as often as one likes: opens the manifest. */
bool mp_extract_begin(MpExtract *extract, GError **error);

/* Lines for the manifest, in the order of the messages. */
bool mp_extract_write(MpExtract *extract, const char *lines, size_t length, GError **error);

/* The manifest's last bytes. */
bool mp_extract_finish(MpExtract *extract, GError **error);

/* `number` tells the threads apart. */
MpExtractor *mp_extractor_new(MpExtract *extract, unsigned number);
void mp_extractor_free(MpExtractor *extractor);

/* Writes all leaf parts of the message that --only asks for; `part` (may be NULL) names one, then
 * that alone, or what is in it. The lines for the manifest are appended. */
bool mp_extract_message(MpExtractor *extractor, const MpMessage *message, const char *part,
                        GString *manifest, GError **error);
