/*
 * What is wrong inside header values: dates, addresses, encoded-words, and fields that may stand
 * once and do not. The same for every format that shows defects.
 */
#pragma once

#include "hops.h"

#include <mailbatch/mime/address.h>
#include <mailbatch/mime/tree.h>
#include <stdbool.h>

#define MP_ADDRESSES_MAX 100000 /* of a field that are looked at: memory stays flat */

typedef struct MpValues MpValues;

MpValues *mp_values_new(void);
void mp_values_free(MpValues *values);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpValues, mp_values_free)

/* Reads the fields of all parts, and adds what is wrong to the tree's defects. Once a message,
 * before its defects are printed; time and memory are linear in its headers. What follows is about
 * the message that was checked last. */
void mp_values_check(MpValues *values, MbTree *tree);

/* Those of the root; who reads another message's into them has them no more. */
MpHops *mp_values_hops(MpValues *values);

/* A field's name, and its value, as mb_tree_field_name() and mb_tree_field_value() give them; found
 * once where they are in memory. */
const uint8_t *mp_values_name(MpValues *values, uint32_t field, size_t *length,
                              GByteArray *scratch);
const char *mp_values_value(MpValues *values, uint32_t field, size_t *length, uint64_t *offset,
                            GByteArray *scratch);

/* Whether the field's value is text as it stands: no encoded-words, folds, or bytes beyond ASCII.
 */
bool mp_values_is_plain(const MpValues *values, uint32_t field);

/* Of a message's field that holds addresses, MP_ADDRESSES_MAX at most; NULL of another one.
 * Borrowed until the next call. */
const MbAddressList *mp_values_addresses(MpValues *values, uint32_t field);
