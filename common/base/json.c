#include <mailbatch/base/json.h>
#include <math.h>
#include <string.h>

void mb_json_init(MbJson *json, GString *out)
{
    *json = (MbJson){.out = out};
}

/* Room for `length` more bytes; who writes them adds them to `out->len` and ends with put_end(). */
static inline char *room(GString *out, size_t length)
{
    gsize had = out->len;

    if (had + length >= out->allocated_len) {
        g_string_set_size(out, had + length);
        out->len = had;
    }
    return out->str + had;
}

static inline void put_end(GString *out, const char *end)
{
    out->len = (gsize)(end - out->str);
    out->str[out->len] = '\0';
}

static inline char *separate(MbJson *json, char *to)
{
    if (json->need_comma)
        *to++ = ',';
    json->need_comma = true;
    return to;
}

/* memcpy() for what is mostly short; a call would cost more than the bytes. */
static G_ALWAYS_INLINE inline char *copy(char *to, const void *bytes, size_t length)
{
    const char *from = bytes;

    if (length > 32) {
        memcpy(to, from, length);
    } else if (length >= 16) {
        memcpy(to, from, 16);
        memcpy(to + length - 16, from + length - 16, 16);
    } else if (length >= 8) {
        memcpy(to, from, 8);
        memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
    } else {
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
    }
    return to + length;
}

static void append(MbJson *json, const char *text, size_t length)
{
    char *to = separate(json, room(json->out, length + 1));

    put_end(json->out, copy(to, text, length));
}

static void open_scope(MbJson *json, char bracket)
{
    append(json, &bracket, 1);
    json->depth++;
    json->need_comma = false;
}

static void close_scope(MbJson *json, char bracket)
{
    g_assert(json->depth > 0);
    json->need_comma = false;
    append(json, &bracket, 1);
    json->depth--;
}

void mb_json_begin_map(MbJson *json)
{
    open_scope(json, '{');
}

void mb_json_end_map(MbJson *json)
{
    close_scope(json, '}');
}

void mb_json_begin_array(MbJson *json)
{
    open_scope(json, '[');
}

void mb_json_end_array(MbJson *json)
{
    close_scope(json, ']');
}

#define ESCAPED_MAX 6 /* \\u001f */

static char *put_escaped(char *to, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";

    *to++ = '\\';
    switch (c) {
    case '"':
    case '\\': *to++ = (char)c; return to;
    case '\n': *to++ = 'n'; return to;
    case '\r': *to++ = 'r'; return to;
    case '\t': *to++ = 't'; return to;
    default: break;
    }
    memcpy(to, "u00", 3);
    to[3] = hex[c >> 4];
    to[4] = hex[c & 0xF];
    return to + 5;
}

#define EACH(byte) (0x0101010101010101u * (byte))

/* Whether none of eight bytes is a control, a quote, a backslash, DEL or beyond ASCII. */
static bool are_plain(uint64_t bytes)
{
    uint64_t quote = bytes ^ EACH('"');
    uint64_t backslash = bytes ^ EACH('\\');
    uint64_t rest = bytes ^ EACH(0x7F);
    uint64_t zero = (quote - EACH(1)) | (backslash - EACH(1)) | (rest - EACH(1));

    /* A borrow can only say no where yes would be right. */
    return ((zero | (bytes - EACH(0x20)) | bytes) & EACH(0x80)) == 0;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Copies what stands for itself, up to the first byte that does not. */
static char *copy_plain(char *to, const uint8_t **from, const uint8_t *end)
{
    const uint8_t *at = *from;

    while (end - at >= 8) {
        uint64_t bytes;

        memcpy(&bytes, at, 8);
        if (!are_plain(bytes))
            break;
        memcpy(to, &bytes, 8);
        to += 8;
        at += 8;
    }
    while (at < end && is_plain(*at))
        *to++ = (char)*at++;
    *from = at;
    return to;
}

/* A character beyond ASCII, or what stands for bytes that are none. */
static char *put_character(char *to, const uint8_t **at, const uint8_t *end, bool *is_utf8)
{
    gunichar c = g_utf8_get_char_validated((const char *)*at, end - *at);
    size_t length = 1;

    if ((gint32)c < 0) {
        memcpy(to, "\xEF\xBF\xBD", 3);
        to += 3;
        *is_utf8 = false;
    } else {
        length = (size_t)g_utf8_skip[**at];
        memcpy(to, *at, length);
        to += length;
    }
    *at += length;
    return to;
}

static bool append_quoted(MbJson *json, const void *bytes, size_t length)
{
    bool is_utf8 = true;
    const uint8_t *at = bytes;
    const uint8_t *end = at + length;
    GString *out = json->out;
    char *to = separate(json, room(out, length + ESCAPED_MAX + 3));

    json->last = (gsize)(to - out->str);
    *to++ = '"';
    for (;;) {
        to = copy_plain(to, &at, end);
        if (at == end)
            break;
        to = *at < 0x80 ? put_escaped(to, *at++) : put_character(to, &at, end, &is_utf8);
        /* What is escaped took more room than it had. */
        put_end(out, to);
        to = room(out, (size_t)(end - at) + ESCAPED_MAX + 3);
    }
    *to++ = '"';
    put_end(out, to);
    return is_utf8;
}

static char *put_key(MbJson *json, char *to, const char *key, size_t length)
{
    to = separate(json, to);
    *to++ = '"';
    to = copy(to, key, length);
    memcpy(to, "\":", 2);
    return to + 2;
}

void mb_json_key_of(MbJson *json, const char *key, size_t length)
{
    put_end(json->out, put_key(json, room(json->out, length + 4), key, length));
    json->need_comma = false;
}

void mb_json_string(MbJson *json, const char *text)
{
    if (text == NULL)
        mb_json_null(json);
    else
        mb_json_bytes(json, text, strlen(text));
}

void mb_json_put_last_of(MbJson *json, const char *key, size_t length)
{
    GString *out = json->out;
    size_t quoted = out->len - json->last;
    char *to = put_key(json, room(out, length + 4 + quoted), key, length);

    put_end(out, copy(to, out->str + json->last, quoted));
}

bool mb_json_bytes(MbJson *json, const void *bytes, size_t length)
{
    return append_quoted(json, bytes, length);
}

void mb_json_base64(MbJson *json, const void *bytes, size_t length)
{
    g_autofree char *text = g_base64_encode(bytes, length);

    mb_json_string(json, text);
}

#define DIGITS_MAX 20

/* Two digits a division. */
static char *put_digits(char *end, uint64_t value)
{
    while (value >= 100) {
        uint64_t pair = value % 100;

        value /= 100;
        *--end = (char)('0' + pair % 10);
        *--end = (char)('0' + pair / 10);
    }
    if (value >= 10) {
        *--end = (char)('0' + value % 10);
        value /= 10;
    }
    *--end = (char)('0' + value);
    return end;
}

void mb_json_unsigned(MbJson *json, uint64_t value)
{
    char digits[DIGITS_MAX];
    const char *start = put_digits(digits + DIGITS_MAX, value);

    append(json, start, (size_t)(digits + DIGITS_MAX - start));
}

void mb_json_signed(MbJson *json, int64_t value)
{
    char digits[1 + DIGITS_MAX];
    char *start =
        put_digits(digits + 1 + DIGITS_MAX, value < 0 ? -(uint64_t)value : (uint64_t)value);

    if (value < 0)
        *--start = '-';
    append(json, start, (size_t)(digits + 1 + DIGITS_MAX - start));
}

void mb_json_double(MbJson *json, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (!isfinite(value)) {
        mb_json_null(json);
        return;
    }
    g_ascii_formatd(text, sizeof text, "%.6g", value);
    append(json, text, strlen(text));
}

void mb_json_bool(MbJson *json, bool value)
{
    append(json, value ? "true" : "false", value ? 4 : 5);
}

void mb_json_null(MbJson *json)
{
    append(json, "null", 4);
}

void mb_json_put_unsigned_of(MbJson *json, const char *key, size_t length, uint64_t value)
{
    char digits[DIGITS_MAX];
    const char *start = put_digits(digits + DIGITS_MAX, value);
    char *to = room(json->out, length + 4 + DIGITS_MAX);

    to = put_key(json, to, key, length);
    put_end(json->out, copy(to, start, (size_t)(digits + DIGITS_MAX - start)));
}
