/*
 * Ctrl-C, SIGTERM and the terminal's end, counted, and a descriptor that becomes readable with
 * them.
 */
#pragma once

/* Takes the signals over; `descriptor` is an eventfd, or -1. */
void mm_interrupt_begin(int descriptor);

/* How often they have come. SIGHUP, which a closing terminal sends more than once, counts as the
 * first only. */
int mm_interrupt_count(void);

/* They have no effect any more: what is left is to close the ledger and to report. */
void mm_interrupt_end(void);
