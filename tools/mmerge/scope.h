/*
 * Whom a refusal concerns: one recipient, one message, the connection, or the whole account.
 */
#pragma once

#include <mailbatch/smtp/session.h>

G_BEGIN_DECLS

typedef enum {
    MM_SCOPE_RECIPIENT,
    MM_SCOPE_MESSAGE,
    MM_SCOPE_CONNECTION, /* 421: say it again on another one */
    MM_SCOPE_ACCOUNT, /* quota, throttling: nothing will be taken for a while; never counts against
                         a row */
} MmScope;

/* The scope of `reply` to a command of `stage`. */
MmScope mm_scope_of(const MbSmtpReply *reply, MbSmtpStage stage);

/* After an account-wide refusal at `now_s` (seconds since 1970): how many seconds to stay away.
 * What the reply itself says ("try again in 92 seconds"), else what the provider's page says, else
 * an hour for a rate and a day for a quota or a block. */
guint mm_scope_pause(const MbSmtpReply *reply, gint64 now_s);

/* "the server takes no more from this account for now: 550 …: come back after 2026-11-24 09:00",
 * MB_ERROR_TEMPORARY in MM_SENDER_ERROR; `shown` is the reply, made printable. */
GError *mm_scope_stop(const char *shown, guint pause_s);

/* The row of the table of account-wide replies that `reply` meets, -1 for none; and how many rows
 * there are. For tests. */
int mm_scope_row(const MbSmtpReply *reply);
size_t mm_scope_rows(void);

G_END_DECLS
