/*
 * libmagic's rules, once for all threads: by itself each of its handles maps the whole of them,
 * some 8 MiB.
 */
#pragma once

#include <magic.h>
#include <stdbool.h>

/* Loads what magic_load() would. The rules stay for as long as the process lives. */
bool mp_content_load_rules(magic_t magic);
