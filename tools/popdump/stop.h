/*
 * Ctrl-C. Once: what is in flight is finished, a batch committed, and the run ends so that the next
 * one goes on. Twice: the process ends at once; that is what SIGKILL does, and loses as little.
 */
#pragma once

#include <stdbool.h>

/* Takes over SIGINT, SIGTERM and, unless it is ignored, SIGHUP; ignores SIGPIPE. Once a process. */
void pd_stop_watch(void);

bool pd_stop_asked(void);

/* Readable from the first signal on; -1 when nothing is watched. */
int pd_stop_descriptor(void);
