#include <mailbatch/base/json.h>
#include <mailbatch/base/lanes.h>
#include <math.h>
#include <string.h>

void mb_json_init(MbJson *json, GString *out)
{
    *json = (MbJson){.out = out};
}

void mb_json_grow(GString *out, size_t length)
{
    gsize had = out->len;

    g_string_set_size(out, had + length);
    out->len = had;
}

static void append(MbJson *json, const char *text, size_t length)
{
    char *to = mb_json_room(json, length);

    memcpy(to, text, length);
    mb_json_wrote(json, to + length, true);
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

/* What does not stand for itself in a string. */
static inline MbLanes is_special(MbLanes block)
{
    return (MbLanes)(((MbSignedLanes)block < 0x20) | (MbSignedLanes)(block == 0x7F) |
                     (MbSignedLanes)(block == '"') | (MbSignedLanes)(block == '\\'));
}

/* Copies what stands for itself, up to the first byte that does not. */
static inline char *copy_plain(char *to, const uint8_t **from, const uint8_t *end)
{
    const uint8_t *at = *from;
    MbLanes block, special;

    for (; (size_t)(end - at) >= MB_LANES; at += MB_LANES, to += MB_LANES) {
        block = mb_lanes_load(at);
        special = is_special(block);
        memcpy(to, &block, MB_LANES);
        if (mb_lanes_any(special)) {
            *from = at + mb_lanes_first(special);
            return to + mb_lanes_first(special);
        }
    }
    if (at < end) {
        /* The NULs behind the last bytes are special. */
        block = mb_lanes_load_short(at, (size_t)(end - at));
        memcpy(to, &block, MB_LANES);
        to += mb_lanes_first(is_special(block));
        at += mb_lanes_first(is_special(block));
    }
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

bool mb_json_bytes(MbJson *json, const void *bytes, size_t length)
{
    bool is_utf8 = true;
    const uint8_t *at = bytes;
    const uint8_t *end = at + length;
    GString *out = json->out;
    char *to = mb_json_room(json, length + 2);

    json->last = (gsize)(to - out->str);
    *to++ = '"';
    for (;;) {
        to = copy_plain(to, &at, end);
        if (at == end)
            break;
        to = *at < 0x80 ? put_escaped(to, *at++) : put_character(to, &at, end, &is_utf8);
        /* What is escaped took more room than it had. */
        out->len = (gsize)(to - out->str);
        to = mb_json_more(json, (size_t)(end - at) + 1);
    }
    *to++ = '"';
    mb_json_wrote(json, to, true);
    return is_utf8;
}

void mb_json_key_of(MbJson *json, const char *key, size_t length)
{
    char *to = mb_json_room(json, length + 3);

    *to++ = '"';
    memcpy(to, key, length);
    memcpy(to + length, "\":", 2);
    mb_json_wrote(json, to + length + 2, false);
}

void mb_json_string(MbJson *json, const char *text)
{
    if (text == NULL)
        mb_json_null(json);
    else
        mb_json_bytes(json, text, strlen(text));
}

void mb_json_again(MbJson *json, gsize from, gsize length)
{
    char *to = mb_json_room(json, length);

    memcpy(to, json->out->str + from, length);
    mb_json_wrote(json, to + length, true);
}

void mb_json_base64(MbJson *json, const void *bytes, size_t length)
{
    g_autofree char *text = g_base64_encode(bytes, length);

    mb_json_string(json, text);
}

#define DIGITS_MAX 20

static size_t count_digits(uint64_t value)
{
    static const uint64_t powers[DIGITS_MAX] = {
        0,
        10,
        100,
        1000,
        10000,
        100000,
        1000000,
        10000000,
        100000000,
        1000000000,
        10000000000,
        100000000000,
        1000000000000,
        10000000000000,
        100000000000000,
        1000000000000000,
        10000000000000000,
        100000000000000000,
        1000000000000000000,
        10000000000000000000u,
    };
    /* 1233/4096 is a little more than the logarithm of 2 to base 10. */
    size_t most = (size_t)(64 - __builtin_clzll(value | 1)) * 1233 >> 12;

    return most + (value >= powers[most]);
}

/* Two digits a division. */
static char *put_digits(char *to, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char *end = to + count_digits(value);
    char *at = end;

    while (value >= 100) {
        at -= 2;
        memcpy(at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(at - 2, pairs + value * 2, 2);
    else
        at[-1] = (char)('0' + value);
    return end;
}

void mb_json_unsigned(MbJson *json, uint64_t value)
{
    char *to = mb_json_room(json, DIGITS_MAX);

    mb_json_wrote(json, put_digits(to, value), true);
}

void mb_json_signed(MbJson *json, int64_t value)
{
    char *to = mb_json_room(json, 1 + DIGITS_MAX);

    if (value < 0)
        *to++ = '-';
    to = put_digits(to, value < 0 ? -(uint64_t)value : (uint64_t)value);
    mb_json_wrote(json, to, true);
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
