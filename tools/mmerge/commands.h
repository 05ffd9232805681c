/*
 * The commands of mmerge. Each returns the exit status.
 */
#pragma once

#include <glib.h>

int mm_preview_main(int argc, char **argv);
int mm_check_main(int argc, char **argv);
int mm_send_main(int argc, char **argv);
int mm_status_main(int argc, char **argv);
int mm_resolve_main(int argc, char **argv);
int mm_bounces_main(int argc, char **argv);

/* Adds to what went wrong with opening `path` as a ledger where the ledger is, when `path` is a
 * list that has one beside it. */
void mm_suggest_ledger(const char *path, GError *error);
