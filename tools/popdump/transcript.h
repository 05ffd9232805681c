/*
 * The dialogue as the journal keeps it: secrets hidden by the session, content left out, and of a
 * long run the beginning and the end.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

#define PD_TRANSCRIPT_HEAD 32768 /* octets kept of the beginning */
#define PD_TRANSCRIPT_TAIL 8192  /* and of the end, at least */

typedef struct {
    GString *head;
    GString *tail;
    guint64 left_out; /* lines between the two */
} PdTranscript;

void pd_transcript_init(PdTranscript *transcript);
void pd_transcript_clear(PdTranscript *transcript);

/* As MbPop3Options.trace, with the transcript as its user. */
void pd_transcript_add(void *transcript, char direction, const char *line, size_t length);

/* All of it; the caller frees it. */
char *pd_transcript_text(const PdTranscript *transcript);
