/*
 * Ctrl-C and SIGTERM for work that goes item by item: once, and the item in hand is the last;
 * twice, and the process ends at once. A closed pipe becomes an error of the write like any other.
 */
#pragma once

#include <glib.h>
#include <signal.h>

G_BEGIN_DECLS

/* Takes SIGINT and SIGTERM over, and ignores SIGPIPE. System calls that wait are interrupted. What
 * it returns becomes 1 with the first of them, and is valid for ever. */
const volatile sig_atomic_t *mb_stop_watch(void);

G_END_DECLS
