/*
 * What a failed delivery says about its address: is it no good, or was it this time?
 *
 * By the enhanced status (RFC 3463) where it tells, and by words that servers are known to use
 * where it does not, or is wrong.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef enum {
    MM_VERDICT_HARD, /* mail will never arrive there: nobody should write to it again */
    MM_VERDICT_SOFT, /* a full mailbox, a refused content, a host that was away: another mail may */
} MmVerdict;

/* `status` is as in "5.1.1", `text` the server's own words; either may be NULL. */
MmVerdict mm_verdict(const char *status, const char *text);

/* The enhanced status that a reply or Diagnostic-Code holds (RFC 2034, 4), as a new string; NULL
 * when there is none. */
char *mm_verdict_find_status(const char *text);

G_END_DECLS
