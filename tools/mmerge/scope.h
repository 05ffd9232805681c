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

/* When to come back after an account-wide refusal, in seconds: a guess by the provider's habits. */
guint mm_scope_pause(const MbSmtpReply *reply);

G_END_DECLS
