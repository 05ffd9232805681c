/*
 * An address as a report writes it, in the form that the ledger has it in.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of a field's value, `rfc822; <user@example.net>`: what stands behind the type, without brackets
 * and without what follows a blank; an address of the type utf-8 (RFC 6533, 3) is decoded, a domain
 * is written as mb_compose_address() has it. NULL: there is no address in it. The caller frees it.
 */
char *mm_report_address(const char *value);

G_END_DECLS
