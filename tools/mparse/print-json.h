/*
 * The JSON printer's state, and what its two files write for each other.
 */
#pragma once

#include "facts.h"
#include "print.h"

#include <mailbatch/base/json.h>

typedef struct {
    MpPrinter printer;
    const MpOptions *options;
    MpFacts *facts;
    GByteArray *scratch;
    GString *text; /* ids, decoded values */
    MbDigest *digests[MP_HASHES];
    MbJson json;
    const MpMessage *message;
} MpJson;

/* Bytes as text; what is no UTF-8 goes out in base64 beside it. */
void mp_json_raw(MpJson *json, const char *key, const void *bytes, size_t length);
void mp_json_range(MpJson *json, const char *key, MbRange range);
void mp_json_id(MpJson *json, const char *key, uint32_t part);

/* "headers": those of the part that --headers asks for. */
void mp_json_fields(MpJson *json, uint32_t part);

/* "part": the root with all that is below it. */
void mp_json_parts(MpJson *json);
