/*
 * The JSON printer's state, and what its two files write for each other.
 */
#pragma once

#include "facts.h"
#include "hops.h"
#include "partials.h"
#include "print.h"
#include "values.h"

#include <mailbatch/base/json.h>
#include <mailbatch/mime/date.h>

typedef struct {
    MpPrinter printer;
    const MpOptions *options;
    MpFacts *facts;
    GByteArray *scratch;
    GString *text; /* ids, decoded values */
    MpValues *values;
    MbDigest *digests[MP_HASHES];
    MbJson json;
    const MpMessage *message;
} MpJson;

/* A record from its first key to its line end. */
void mp_json_begin(MpJson *json, GString *out, const char *record);
void mp_json_end(MpJson *json, GString *out);

void mp_json_raw_base64(MpJson *json, const char *key, const void *bytes, size_t length);

/* Bytes as text; what is no UTF-8 goes out in base64 beside it (false). Inline for its key. */
static inline bool mp_json_raw(MpJson *json, const char *key, const void *bytes, size_t length)
{
    bool is_text = mb_json_put_bytes(&json->json, key, bytes, length);

    if (!is_text)
        mp_json_raw_base64(json, key, bytes, length);
    return is_text;
}

void mp_json_range(MpJson *json, const char *key, MbRange range);
void mp_json_id(MpJson *json, const char *key, uint32_t part);

/* "headers": those of the part that --headers asks for. */
void mp_json_fields(MpJson *json, uint32_t part);

/* "part": the root with all that is below it. */
void mp_json_parts(MpJson *json);

/* Of a date's value that was parsed: raw, valid, utc, tz and zone, under `key`. */
void mp_json_date(MpJson *json, const char *key, const void *raw, size_t length,
                  const MbDate *date);

/* "hops": the way of the message whose root `part` is. Of part 0 they were read with the values,
 * and so it comes first. */
void mp_json_hops(MpJson *json, uint32_t part);

/* "addresses", when the field holds such: as a list, groups before their members. `offset` is the
 * value's. */
void mp_json_addresses(MpJson *json, uint32_t field, uint64_t offset);

/* "views": the shape that each other view has, or why it has none. */
void mp_json_views(MpJson *json);

/* A record of fragments of one message: those of a set. */
void mp_json_partial(MpJson *json, GString *out, const MpPartialSet *set);

/* "names", "magic", "encrypted": of the part whose facts were read. */
void mp_json_names(MpJson *json);
void mp_json_kind(MpJson *json);
