/*
 * Defects by part: those that the structure and the values have are sorted once, so that printing
 * them where they stand costs no search through all.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/tree.h>

typedef struct {
    GArray *order; /* of uint32_t: indexes of the tree's defects, by part */
} MpDefectIndex;

void mp_defect_index_init(MpDefectIndex *index);
void mp_defect_index_clear(MpDefectIndex *index);

/* Of the defects that are there now. */
void mp_defect_index_read(MpDefectIndex *index, const MbTree *tree);

/* Those of the part (MB_TREE_NONE: of the message as a whole), then all from `first_new` on, which
 * were found since while that part was read. */
void mp_defect_index_each(const MpDefectIndex *index, const MbTree *tree, uint32_t part,
                          size_t first_new, void (*take)(void *data, const MbDefect *defect),
                          void *data);
