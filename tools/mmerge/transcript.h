/*
 * The SMTP dialogue on paper, in the notation of swaks:
 *
 *   === what happened      -> what we said      <-  what the server said      <** its refusals
 *
 * Within TLS the dashes are tildes (` ~> `, `<~  `, `<~* `). With several connections each line
 * begins with the connection's number. Secrets never get here: the session hides them. May be used
 * by every worker.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef struct MmTranscript MmTranscript;

/* Makes `path` anew, mode 0600; "-" is stderr. `numbered`: with connections' numbers. */
MmTranscript *mm_transcript_open(const char *path, bool numbered, GError **error);

/* False when not all of it could be written. Frees in any case; NULL is fine. */
bool mm_transcript_close(MmTranscript *transcript, GError **error);

/* All of these do nothing when `transcript` is NULL. */
void mm_transcript_note(MmTranscript *transcript, unsigned connection, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* `direction` is '>' (ours) or '<' (theirs). */
void mm_transcript_line(MmTranscript *transcript, unsigned connection, bool tls, char direction,
                        const char *line, size_t length);

G_END_DECLS
