/*
 * JSON lines out: one object a line, UTF-8, keys in the order they are written.
 *
 * The writer checks nothing but nesting; it is for our own records. Strings are given as bytes:
 * valid UTF-8 is written as it is (controls and quotes escaped), invalid bytes become U+FFFD; who
 * must not lose them adds mb_json_base64() under a key of its own.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

G_BEGIN_DECLS

typedef struct {
    GString *out;    /* borrowed; what is written is appended */
    guint depth;     /* open maps and arrays */
    bool need_comma; /* before the next value or key */
    gsize last;      /* where the string begins in `out` that was written last */
} MbJson;

void mb_json_init(MbJson *json, GString *out);

void mb_json_begin_map(MbJson *json);
void mb_json_end_map(MbJson *json);
void mb_json_begin_array(MbJson *json);
void mb_json_end_array(MbJson *json);

/* Keys are our own ASCII names. */
void mb_json_key_of(MbJson *json, const char *key, size_t length);

/* Inline, and so are those below: the compiler knows a literal's length. */
static inline void mb_json_key(MbJson *json, const char *key)
{
    mb_json_key_of(json, key, strlen(key));
}

void mb_json_string(MbJson *json, const char *text);                /* NULL writes null */
bool mb_json_bytes(MbJson *json, const void *bytes, size_t length); /* false: was no UTF-8 */
void mb_json_base64(MbJson *json, const void *bytes, size_t length);
void mb_json_unsigned(MbJson *json, uint64_t value);
void mb_json_signed(MbJson *json, int64_t value);
void mb_json_double(MbJson *json, double value);
void mb_json_bool(MbJson *json, bool value);
void mb_json_null(MbJson *json);

/* key and value in one call. */
void mb_json_put_unsigned_of(MbJson *json, const char *key, size_t length, uint64_t value);

static inline void mb_json_put_unsigned(MbJson *json, const char *key, uint64_t value)
{
    mb_json_put_unsigned_of(json, key, strlen(key), value);
}

/* The key, and once more the string behind which nothing was written yet. */
void mb_json_put_last_of(MbJson *json, const char *key, size_t length);

static inline void mb_json_put_last(MbJson *json, const char *key)
{
    mb_json_put_last_of(json, key, strlen(key));
}

static inline void mb_json_put_string(MbJson *json, const char *key, const char *text)
{
    mb_json_key(json, key);
    mb_json_string(json, text);
}

static inline bool mb_json_put_bytes(MbJson *json, const char *key, const void *bytes,
                                     size_t length)
{
    mb_json_key(json, key);
    return mb_json_bytes(json, bytes, length);
}

static inline void mb_json_put_signed(MbJson *json, const char *key, int64_t value)
{
    mb_json_key(json, key);
    mb_json_signed(json, value);
}

static inline void mb_json_put_bool(MbJson *json, const char *key, bool value)
{
    mb_json_key(json, key);
    mb_json_bool(json, value);
}

G_END_DECLS
