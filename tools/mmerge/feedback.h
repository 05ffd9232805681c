/*
 * What came back: a mail that tells what became of another (RFC 3464's delivery reports, RFC 5965's
 * complaints), and what less orderly servers send.
 *
 * Nothing of it is believed here: a report is a stranger's word. Who marks entries by it has to
 * find the Message-ID or VERP address, which only the receivers of that message know, and an
 * address of the same row.
 */
#pragma once

#include "verdict.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MM_FATE_FAILED,
    MM_FATE_DELAYED,
    MM_FATE_DELIVERED,
    MM_FATE_COMPLAINED,
    MM_FATE_HANDED_ON, /* relayed or expanded: nobody will tell what became of it */
} MmFate;

/* One recipient's. */
typedef struct {
    MmFate fate;
    char *address; /* whom the sender wrote to: Original-Recipient, or X-Failed-Recipients; NULL:
                      only `final` is known, or none */
    char *final;   /* Final-Recipient, where it was forwarded to perhaps; or NULL */
    char *status;  /* "5.1.1", or NULL */
    char *text;    /* the server's words, one line, safe to show; or NULL */
} MmFeedbackItem;

typedef struct {
    GArray *items;     /* MmFeedbackItem; empty: it is no report */
    GPtrArray *to;     /* addresses this mail was sent to: one of them may be a VERP address */
    char *message_id;  /* of the message it is about, with its brackets; or NULL */
    char *envelope_id; /* Original-Envelope-Id, or NULL */
} MmFeedback;

/* A reader serves mail after mail and keeps its memory. */
typedef struct MmFeedbackReader MmFeedbackReader;

MmFeedbackReader *mm_feedback_reader_new(void);
void mm_feedback_reader_free(MmFeedbackReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmFeedbackReader, mm_feedback_reader_free)

/* Reads a whole message, without an mbox's framing. Of each part the first MiB is looked at, of a
 * report the first 10,000 recipients. Never fails. The caller frees it. */
MmFeedback *mm_feedback_read(MmFeedbackReader *reader, const void *bytes, size_t length);

/* The same for a message that is too long for a buffer: the first `length` octets of a file, whose
 * position stays. What cannot be read is not there. */
MmFeedback *mm_feedback_read_file(MmFeedbackReader *reader, int descriptor, uint64_t length);
void mm_feedback_free(MmFeedback *feedback);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmFeedback, mm_feedback_free)

G_END_DECLS
