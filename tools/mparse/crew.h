/*
 * Messages to printed text by many threads, in the order of the messages: what is written is the
 * same for any number of threads. The owner hands over what it reads, item after item; small ones
 * are copied into jobs of some hundred KiB for a pool's threads, each of which has a walk and a
 * printer of its own. A message too long for a buffer is read, and printed, by the owner itself.
 *
 * Memory does not grow with the input: what is handed over and not yet written is bounded, and a
 * job that prints much writes by itself once its turn has come.
 *
 * What goes to stderr about an item waits with it, so that it keeps its place too.
 */
#pragma once

#include "extract.h"
#include "output.h"
#include "print.h"

#include <glib.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/source/source.h>
#include <stdbool.h>

typedef struct MpCrew MpCrew;

/* All are borrowed; `extract` may be NULL. With `threads` 1 everything is done by the owner. */
MpCrew *mp_crew_new(const MpOptions *options, unsigned threads, MpOutput *output,
                    MpExtract *extract);
void mp_crew_free(MpCrew *crew);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpCrew, mp_crew_free)

/* The source's present item: a message, or what is none. `depth` is where it stands; `is_content`:
 * what the source's address names is written instead of being printed. False: the output failed,
 * and the run is over. */
bool mp_crew_item(MpCrew *crew, MbSource *source, const MbItem *item, guint32 depth,
                  bool is_content, GError **error);

/* Something could not be read: said, counted, and recorded by the printer. */
bool mp_crew_failure(MpCrew *crew, const char *text, GError **error);

/* Said on stderr when everything before has been written. */
bool mp_crew_say(MpCrew *crew, const char *text, GError **error);

/* Waits until all that was handed over is written. */
bool mp_crew_wait(MpCrew *crew, GError **error);

/* Items and failures handed over so far. */
uint64_t mp_crew_items(const MpCrew *crew);
uint64_t mp_crew_failures(const MpCrew *crew);

/* Of what has been written. */
MpSummary *mp_crew_summary(MpCrew *crew);

/* Whether a part that an address names was not there. */
bool mp_crew_missed_part(const MpCrew *crew);
