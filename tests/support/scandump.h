/*
 * All that a scan found, as text, so that two scans can be compared.
 */
#pragma once

#include <mailbatch/mime/scan.h>

/* Parts with their ranges, segments of space 0, fields, defects. The caller frees it. */
char *scandump(const MbTree *tree);

/* The codes of all defects, in order, with blanks between. The caller frees it. */
char *scandump_codes(const MbTree *tree);

/* Scans `bytes` in pieces of `piece` bytes (0: one push), each in memory of its own, so that a look
 * beyond it is seen by AddressSanitizer. */
void scandump_scan(MbScan *scan, MbTree *tree, const void *bytes, size_t length, size_t piece,
                   MbBudget *budget);

/* Whether the segments of a space follow each other without gap or overlap and cover `length`, and
 * every part's ranges lie inside its parent's body. NULL, or what is wrong (static text). */
const char *scandump_imbalance(const MbTree *tree, uint32_t space, uint64_t length);
