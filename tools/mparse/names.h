/*
 * The file names of a part: every candidate, and what is wrong with them.
 */
#pragma once

#include <mailbatch/mime/params.h>
#include <mailbatch/mime/tree.h>

typedef struct {
    const MbParam *param;
    const char *source; /* "disposition" or "type" */
} MpName;

/* The candidates in the order in which programs believe them: Content-Disposition's filename, then
 * Content-Type's name; each as often as it is given. At most `max` are written to `names`; returns
 * how many there are. Borrowed from the parameters. */
size_t mp_names_list(const MbParams *disposition, const MbParams *type, MpName *names, size_t max);

/* Adds what is wrong with a part's names to the tree's defects. The offsets are those of the two
 * fields' values in the part's space. */
void mp_names_check(MbTree *tree, uint32_t part, const MbParams *disposition,
                    uint64_t disposition_offset, const MbParams *type, uint64_t type_offset,
                    MbFlaws *scratch);
