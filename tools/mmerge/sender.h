/*
 * A sender: one worker, one connection at a time. It takes jobs from its owner while the window has
 * room, sets the marks, and gives each job back with the outcome of every recipient. A lost or
 * worn-out connection is replaced, with growing pauses; what is provably unsent comes back as
 * pending. A login that is refused is tried once more where the token may have expired.
 *
 *   mm_sender_start()
 *   mm_sender_wake() whenever there are new jobs
 *   mm_sender_finish(), mm_sender_join()
 *
 * The callbacks of MmSenderOptions run on the worker's thread.
 */
#pragma once

#include "job.h"
#include "transcript.h"

#include <mailbatch/login/account.h>
#include <mailbatch/login/secret.h>
#include <mailbatch/net/tls.h>

G_BEGIN_DECLS

#define MM_SENDER_ERROR (mm_sender_error_quark())
GQuark mm_sender_error_quark(void);

typedef struct MmSender MmSender;

typedef struct {
    const MbAccount *account;
    MbTls *tls;               /* NULL when the account does without */
    MbSecret *secret;         /* NULL without login */
    const char *client_name;  /* EHLO's argument; NULL: "localhost" */
    guint window;             /* 0: as the server allows */
    guint per_connection;     /* messages, then a new one; 0: no bound */
    guint patience_s;         /* longest time spent reconnecting without getting anywhere */
    const char *notify;       /* DSN, or NULL */
    MmMarks *marks;           /* NULL: a trial */
    MmTranscript *transcript; /* NULL: none */

    void *user;
    /* The next job, made ready (wire and sender); NULL when there is none now, *wait_us says when
     * to ask again (-1: when woken). */
    MmJob *(*take)(void *user, gint64 *wait_us);
    /* A message is about to go: 0, and it counts against the rate; else how many microseconds it
     * has to wait. */
    gint64 (*pace)(void *user);
    /* A job comes back; it is the owner's again. */
    void (*give)(void *user, MmJob *job);
    /* After a round of those: others may look now. */
    void (*flush)(void *user);
    /* It was lost or could not be made; a new try follows in `retry_s`. */
    void (*trouble)(void *user, const GError *error, guint retry_s);
    /* The worker ends; `error` NULL after mm_sender_finish(). */
    void (*ended)(void *user, const GError *error);
} MmSenderOptions;

/* `options` is borrowed. `number` is the connection's in transcripts, from 1. */
MmSender *mm_sender_start(const MmSenderOptions *options, unsigned number, GError **error);

void mm_sender_wake(MmSender *sender);

/* What is in flight is finished, nothing more is taken. */
void mm_sender_finish(MmSender *sender);

/* Waits for its end and frees. */
void mm_sender_join(MmSender *sender);

G_END_DECLS
