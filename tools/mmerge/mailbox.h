/*
 * The addresses of a rendered header field. The template is rendered MB_TEMPLATE_MARKED, so that a
 * comma, quote or bracket of the template separates, and one inside a name from the CSV does not
 * (M-10):
 *
 *   To: {{ name }} <{{ email }}>     one mailbox, whatever the name holds
 *   Cc: {{ copies }}                 a list, as the value says
 */
#pragma once

#include "campaign.h"

#include <mailbatch/compose/compose.h>

#define MM_MAX_RECIPIENTS 1000 /* of one field */

/* Appends MbComposeMailbox to `mailboxes`; their texts live in `texts`. *smtputf8 as
 * mb_compose_address(). Blank values add nothing. */
bool mm_mailboxes_parse(const char *marked, size_t length, GStringChunk *texts, GArray *mailboxes,
                        bool *smtputf8, GError **error);

/* The address with its domain in lower case, for comparing (M-12). The caller frees it. */
char *mm_address_fold(const char *address);
