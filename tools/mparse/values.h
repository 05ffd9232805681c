/*
 * What is wrong inside header values: dates, addresses, encoded-words, and fields that may stand
 * once and do not. The same for every format that shows defects.
 */
#pragma once

#include <mailbatch/mime/tree.h>

/* Reads the fields of all parts, and adds what is wrong to the tree's defects. Once a message,
 * before its defects are printed; time and memory are linear in its headers. */
void mp_values_check(MbTree *tree);
