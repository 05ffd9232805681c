/*
 * How long a server is waited for: for a whole reply, however busily it drips octets of it, and for
 * it to take what we say, at a pace. Time is fed in, so that a process that was stopped (Ctrl-Z)
 * does not hold its own absence against the server.
 */
#pragma once

#include <mailbatch/smtp/session.h>

G_BEGIN_DECLS

#define MM_PACE_OCTETS 64    /* a second, at least, while there is something to write */
#define MM_PACE_MS     60000 /* averaged over so long a wait */

/* Zero but for `longest_ms`: a new connection. */
typedef struct {
    guint longest_ms; /* of any wait: --timeout; 0: as RFC 5321, 4.5.3.2 has it */
    uint64_t replies, written;
    gint64 waited_ms;    /* since the last whole reply or written octet */
    gint64 paced_ms;     /* waited with something to write, since `paced_from` */
    uint64_t paced_from; /* octets */
} MmPatience;

/* What mb_smtp_session_patience() says, but not longer than allowed. */
guint mm_patience_silence(const MmPatience *patience, const MbSmtpSession *session);

/* The next wait, in milliseconds: not beyond what is left; at most `wait_ms`. */
int mm_patience_limit(const MmPatience *patience, const MbSmtpSession *session, int wait_ms);

/* After a wait of `waited_ms`. False with MB_ERROR_TEMPORARY, its text beginning with `name`, when
 * that was enough. */
bool mm_patience_check(MmPatience *patience, const MbSmtpSession *session, gint64 waited_ms,
                       const char *name, GError **error);

G_END_DECLS
