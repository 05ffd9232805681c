/*
 * The journal: what happened, when, and with which evidence. JSON lines, only ever appended; each
 * begins with the SHA-256 of the line before it (`previous`; 64 zeros in the first), its number
 * `n`, `time` (UTC) and `kind`:
 *
 *   created, bound   host, user
 *   session          session, next_sequence, and what the server showed
 *   session_end      session, what was done, the transcript
 *   seal             segment, messages, length and sha256 of the plain tar, manifest's sha256
 *   adopted, cut     what recovery did
 *   lost             sequence …: a message that its segment no longer holds
 *   intent           sequences: DELE may follow
 *   delete_result    sequences, state
 *   proof_failed     sequence
 *   seen             uidls: listed for the first time, and not fetched in that session
 *   gone, back       sequences: archived messages that a listing is without, or has again
 *   held, released   most of them were gone at once; that was dealt with
 *   healed           uidl, sequence: a new name of an archived message
 *
 * The chain shows accidents; who can rewrite the folder can rewrite the chain too.
 */
#pragma once

#include "jsonline.h"

#include <glib.h>
#include <mailbatch/base/json.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define PD_HASH_TEXT 65

typedef struct {
    uint64_t lines;
    uint64_t offset;
    char hash[PD_HASH_TEXT]; /* of the last line, without its LF */
} PdJournalPosition;

/* The position before the first line. */
void pd_journal_start(PdJournalPosition *position);

/* Called for each line; `after` is the position behind it. False with `error` stops. */
typedef bool (*PdJournalVisit)(void *user, const PdJsonLine *line, const PdJournalPosition *after,
                               GError **error);

/* Reads from a position on and checks the chain. *reached gets the position behind the last whole
 * line, *torn the octets of a line without its end behind it. A broken chain, a line that is no
 * JSON, a journal shorter than `from` says: MB_ERROR_DATA naming file and line (`reached` says up
 * to where it was good). A missing journal is an empty one. */
bool pd_journal_read(const char *root, const PdJournalPosition *from, PdJournalVisit visit,
                     void *user, PdJournalPosition *reached, uint64_t *torn, GError **error);

typedef struct PdJournal PdJournal;

/* For appending at `end`, as pd_journal_read() reached it; a torn line behind it is moved to
 * damaged/. */
PdJournal *pd_journal_open(const char *root, const PdJournalPosition *end, GError **error);
void pd_journal_free(PdJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdJournal, pd_journal_free)

/* Begins a line; put keys into the map that is returned (borrowed), then end it. */
MbJson *pd_journal_begin(PdJournal *journal, const char *kind);

/* Writes the line. Durable once pd_journal_sync() has returned true. */
bool pd_journal_end(PdJournal *journal, GError **error);
bool pd_journal_sync(PdJournal *journal, GError **error);

/* The line written last, as pd_journal_read() would give it. The caller frees it. */
PdJsonLine *pd_journal_last(const PdJournal *journal);

const PdJournalPosition *pd_journal_position(const PdJournal *journal);

/* Sequences as text, "1-64,70", and back; NULL for text that is none. */
char *pd_sequences_format(const uint64_t *sequences, size_t count);
GArray *pd_sequences_parse(const char *text);

G_END_DECLS
