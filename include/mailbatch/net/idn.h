/*
 * Domains beyond ASCII (RFC 5890). Local parts are never touched.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The domain as A-labels: "bücher.example" gives "xn--bcher-kva.example". The caller frees it. What
 * is no domain is MB_NET_ERROR, MB_ERROR_DATA, and names it. */
char *mb_idn_to_ascii(const char *domain, GError **error);

G_END_DECLS
