/*
 * What is wrong inside header values: dates, addresses, encoded-words, and fields that may stand
 * once and do not. The same for every format that shows defects.
 */
#pragma once

#include "hops.h"

#include <mailbatch/mime/tree.h>
#include <stdbool.h>

#define MP_ADDRESSES_MAX 100000 /* of a field that are looked at: memory stays flat */

/* Reads the fields of all parts, and adds what is wrong to the tree's defects. Once a message,
 * before its defects are printed; time and memory are linear in its headers. `hops` holds the
 * root's when it returns, for who shows them. */
void mp_values_check(MbTree *tree, MpHops *hops);

/* Whether fields of that name hold addresses. */
bool mp_values_is_address_field(const uint8_t *name, size_t length);
