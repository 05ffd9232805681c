/*
 * What the server's listing says of messages that were there before, seen from the archive: when
 * most of them are gone at once, the server has given its messages new unique-ids (it was moved),
 * or it is another mailbox. Nothing is deleted then, and what the archive holds already is known
 * again by size and header, and gets its new id as a second name.
 *
 *   pd_absence_find                 once a session, after pd_archive_settle()
 *   pd_absence_hold                 when too many are gone: written down, so that a run that is cut
 *                                   here goes on healing
 *   pd_absence_candidates, pd_absence_read_heads, pd_absence_heal …
 *   pd_absence_record               what is gone now, what is back; ends a hold
 */
#pragma once

#include "archive.h"

G_BEGIN_DECLS

#define PD_ABSENCE_LEAST 5 /* messages gone; fewer are somebody's own doing */

typedef struct {
    uint64_t expected; /* messages that the last listing had, as far as the archive knows */
    uint64_t missing;  /* of them: not listed now */
    bool held;         /* an earlier session had begun to heal, and was cut */
    bool habit; /* the server lists no message twice: whatever was fetched before the last session
                   that fetched anything is gone, too */
    GArray *gone, *back; /* uint64_t: sequences whose state changes */
} PdAbsence;

void pd_absence_clear(PdAbsence *absence);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PdAbsence, pd_absence_clear)

/* Compares. `listed` is a set of char *. *absence is cleared by the caller. */
bool pd_absence_find(PdArchive *archive, GHashTable *listed, PdAbsence *absence, GError **error);

/* Whether that is to be held: more than half of at least PD_ABSENCE_LEAST, and no habit; or held
 * before. */
bool pd_absence_is_most(const PdAbsence *absence);

bool pd_absence_hold(PdArchive *archive, const PdAbsence *absence, GError **error);
bool pd_absence_record(PdArchive *archive, const PdAbsence *absence, GError **error);

typedef struct {
    uint64_t sequence;
    uint64_t size;
    uint64_t server_size; /* 0: none */
    uint8_t sha256[32];
    uint8_t head[32]; /* the header's digest (head.h), once read */
    bool has_head;
    bool used;
} PdCandidate;

/* The archived messages that are gone (now, or since earlier) and have no new name, whose size, or
 * the size that the server said, is one of `sizes` (a set of pointers to uint64_t); an array of
 * PdCandidate. */
GArray *pd_absence_candidates(PdArchive *archive, const PdAbsence *absence, GHashTable *sizes,
                              GError **error);

/* Reads their headers back from the segments; one that is damaged keeps has_head false. */
bool pd_absence_read_heads(PdArchive *archive, GArray *candidates, GError **error);

typedef struct {
    const char *uidl; /* the new one; borrowed */
    uint64_t sequence;
    uint64_t number; /* in the session; the caller's own */
} PdHealed;

/* `count` messages have other names from now on: known by them, and never deleted by them. `how` is
 * "top" or "retr". Durable. */
bool pd_absence_heal(PdArchive *archive, const PdHealed *healed, size_t count, const char *how,
                     GError **error);

/* Writes down when these unique-ids (char *) were first listed: those that are neither archived nor
 * seen before. `older=` counts from then once they are fetched. */
bool pd_absence_see(PdArchive *archive, GPtrArray *uidls, GError **error);

G_END_DECLS
