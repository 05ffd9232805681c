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

static inline void mb_json_begin_map(MbJson *json);
static inline void mb_json_end_map(MbJson *json);
static inline void mb_json_begin_array(MbJson *json);
static inline void mb_json_end_array(MbJson *json);

/* Keys are our own ASCII names. Inline, since most are literals: what the compiler knows of their
 * length costs nothing at run time. */
static inline void mb_json_key(MbJson *json, const char *key);

void mb_json_string(MbJson *json, const char *text);                /* NULL writes null */
bool mb_json_bytes(MbJson *json, const void *bytes, size_t length); /* false: was no UTF-8 */
void mb_json_base64(MbJson *json, const void *bytes, size_t length);
void mb_json_unsigned(MbJson *json, uint64_t value);
void mb_json_signed(MbJson *json, int64_t value);
void mb_json_double(MbJson *json, double value);
void mb_json_bool(MbJson *json, bool value);
void mb_json_null(MbJson *json);

/* What is below is how the writer is made, and key and value in one call. */

/* Bytes behind what was asked for that may be written to, and then left. */
#define MB_JSON_SLACK 32

void mb_json_grow(GString *out, size_t length);
void mb_json_key_of(MbJson *json, const char *key, size_t length);
void mb_json_again(MbJson *json, gsize from, gsize length);

/* Room for `length` more bytes; who writes them says so with mb_json_wrote(). */
static inline char *mb_json_more(MbJson *json, size_t length)
{
    GString *out = json->out;

    if (G_UNLIKELY(out->len + length + MB_JSON_SLACK >= out->allocated_len))
        mb_json_grow(out, length + MB_JSON_SLACK);
    return out->str + out->len;
}

/* The same, behind the comma that is due. */
static inline char *mb_json_room(MbJson *json, size_t length)
{
    char *to = mb_json_more(json, length + 1);

    *to = ',';
    return to + json->need_comma;
}

static inline void mb_json_wrote(MbJson *json, char *end, bool need_comma)
{
    *end = '\0';
    json->out->len = (gsize)(end - json->out->str);
    json->need_comma = need_comma;
}

static inline void mb_json_open(MbJson *json, char bracket)
{
    char *to = mb_json_room(json, 1);

    *to = bracket;
    mb_json_wrote(json, to + 1, false);
    json->depth++;
}

static inline void mb_json_close(MbJson *json, char bracket)
{
    char *to = mb_json_more(json, 1);

    g_assert(json->depth > 0);
    *to = bracket;
    mb_json_wrote(json, to + 1, true);
    json->depth--;
}

static inline void mb_json_begin_map(MbJson *json)
{
    mb_json_open(json, '{');
}

static inline void mb_json_end_map(MbJson *json)
{
    mb_json_close(json, '}');
}

static inline void mb_json_begin_array(MbJson *json)
{
    mb_json_open(json, '[');
}

static inline void mb_json_end_array(MbJson *json)
{
    mb_json_close(json, ']');
}

static inline void mb_json_key(MbJson *json, const char *key)
{
    size_t length = strlen(key);
    char *to;

    if (!__builtin_constant_p(length)) {
        mb_json_key_of(json, key, length);
        return;
    }
    to = mb_json_room(json, length + 3);
    *to++ = '"';
    memcpy(to, key, length);
    memcpy(to + length, "\":", 2);
    mb_json_wrote(json, to + length + 2, false);
}

static inline void mb_json_put_unsigned(MbJson *json, const char *key, uint64_t value)
{
    mb_json_key(json, key);
    mb_json_unsigned(json, value);
}

/* The key, and once more the string behind which nothing was written yet. */
static inline void mb_json_put_last(MbJson *json, const char *key)
{
    gsize from = json->last;
    gsize length = json->out->len - from;

    mb_json_key(json, key);
    mb_json_again(json, from, length);
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
