/*
 * Which server `mmerge send` sends through, and as whom: --server or an account of the accounts
 * file, and what other options say of either.
 */
#pragma once

#include "send-options.h"

G_BEGIN_DECLS

/* Fills `account`, `sender` and `domain`. What the accounts file holds and is not obeyed is said as
 * a warning. MB_ERROR_USAGE is the command line's fault, MB_ERROR_CONFIG the file's. */
bool mm_send_server(MmSendOptions *options, GError **error);

G_END_DECLS
