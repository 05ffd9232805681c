/*
 * The commands of mmerge. Each returns the exit status.
 */
#pragma once

int mm_preview_main(int argc, char **argv);
int mm_check_main(int argc, char **argv);
int mm_send_main(int argc, char **argv);
int mm_status_main(int argc, char **argv);
int mm_resolve_main(int argc, char **argv);
