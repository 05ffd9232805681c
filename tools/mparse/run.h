/*
 * A run over all PATHs: items, walk, printer, extraction, sums.
 */
#pragma once

#include "options.h"

/* Returns the exit status. */
int mp_run(const MpOptions *options);
