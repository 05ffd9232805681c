/*
 * MAIL and RCPT as text, checked, so that nothing a row says can become a command of its own.
 */
#pragma once

#include <glib.h>
#include <mailbatch/smtp/session.h>
#include <stdbool.h>

/* Appends "MAIL FROM:<…> …\r\n" and a "RCPT TO:<…> …\r\n" for each recipient to `commands`, and the
 * offset after each to `ends` (size_t). Fails as mb_smtp_session_submit() says; `commands` and
 * `ends` are then of no use. */
bool mb_smtp_envelope_format(const MbSmtpMessage *message, const MbSmtpCapabilities *offered,
                             GString *commands, GArray *ends, GError **error);
