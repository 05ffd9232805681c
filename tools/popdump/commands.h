/*
 * The commands of popdump. argv[0] is "popdump command"; the exit status is returned.
 */
#pragma once

int pd_fetch_main(int argc, char **argv);
int pd_list_main(int argc, char **argv);
int pd_verify_main(int argc, char **argv);
int pd_extract_main(int argc, char **argv);
int pd_seal_main(int argc, char **argv);
int pd_rebuild_main(int argc, char **argv);
