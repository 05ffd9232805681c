/*
 * Mails that may be reports, out of whatever holds mails: files, mbox, Maildir, tar, popdump's
 * ARCHIVE, standard input. One pass, in bounded memory: what is longer than a few MiB goes through
 * a temporary file.
 */
#pragma once

#include "feedback.h"

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct {
    uint64_t mails;      /* read so far */
    uint64_t unreadable; /* items that could not be read, each said on stderr */
    uint64_t bytes;      /* read so far, of the present MAIL */
    int exit_code;       /* what the first of these means; 0: none */
} MmInboxTotals;

/* A mail that was read: `where` is its address as mb_locator_append() writes it. False with `error`
 * ends it all. */
typedef bool (*MmInboxTake)(void *user, const MmFeedback *feedback, const char *where,
                            GError **error);

/* Hands all mails of `path` to `take`, with what they report (nothing, mostly). What cannot be
 * read, or is no mail, is said and counted, and the rest goes on. `stop`, set by a signal handler,
 * ends it behind the present mail. False: `take` said so, or there is no room for a temporary file.
 */
bool mm_inbox_read(const char *path, const volatile sig_atomic_t *stop, MmFeedbackReader *reader,
                   MmInboxTake take, void *user, MmInboxTotals *totals, GError **error);

G_END_DECLS
