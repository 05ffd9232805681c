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

G_BEGIN_DECLS

typedef struct {
    GString *out;    /* borrowed; what is written is appended */
    guint depth;     /* open maps and arrays */
    bool need_comma; /* before the next value or key */
} MbJson;

void mb_json_init(MbJson *json, GString *out);

void mb_json_begin_map(MbJson *json);
void mb_json_end_map(MbJson *json);
void mb_json_begin_array(MbJson *json);
void mb_json_end_array(MbJson *json);

/* Keys are our own ASCII names. */
void mb_json_key(MbJson *json, const char *key);

void mb_json_string(MbJson *json, const char *text); /* NULL writes null */
void mb_json_bytes(MbJson *json, const void *bytes, size_t length);
void mb_json_base64(MbJson *json, const void *bytes, size_t length);
void mb_json_unsigned(MbJson *json, uint64_t value);
void mb_json_signed(MbJson *json, int64_t value);
void mb_json_double(MbJson *json, double value);
void mb_json_bool(MbJson *json, bool value);
void mb_json_null(MbJson *json);

/* key and value in one call. */
void mb_json_put_string(MbJson *json, const char *key, const char *text);
void mb_json_put_bytes(MbJson *json, const char *key, const void *bytes, size_t length);
void mb_json_put_unsigned(MbJson *json, const char *key, uint64_t value);
void mb_json_put_signed(MbJson *json, const char *key, int64_t value);
void mb_json_put_bool(MbJson *json, const char *key, bool value);

G_END_DECLS
