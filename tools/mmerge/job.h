/*
 * A job: one claimed message on its way through a sender, and what came of it.
 */
#pragma once

#include "ledger.h"

#include <mailbatch/base/wire.h>
#include <mailbatch/smtp/session.h>

G_BEGIN_DECLS

/* A message on its way. The owner fills the first part, the sender the second. */
typedef struct {
    MmClaim *claim; /* owned: whom to ask, and the place in the marks */
    void *owned;    /* the owner's, with its destroyer: what the message is made from */
    GDestroyNotify destroy;
    char *sender; /* envelope; owned */
    MbWire *wire; /* owned */
    bool smtputf8;

    MmOutcome *outcomes; /* one for each of the claim's entries */
    char **replies;      /* what the outcomes' replies point to; entries may be NULL */
    bool account_wide;   /* the server means the account: stop */
    guint pause_s;       /* and come back after */
    GError *error;       /* it could not be made or submitted: this message's own mistake */
} MmJob;

MmJob *mm_job_new(MmClaim *claim);
void mm_job_free(MmJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmJob, mm_job_free)

/* Gives every entry the same outcome; `reply` is copied, NULL: none. */
void mm_job_settle(MmJob *job, MmState state, int code, const char *reply);

/* Gives each entry its outcome by what the session says of the message. Deferred ones get their
 * `not_before`. */
void mm_job_take_event(MmJob *job, const MbSmtpEvent *event);

/* What the outcomes are as a mark. */
MmMark mm_job_mark(const MmJob *job);

G_END_DECLS
