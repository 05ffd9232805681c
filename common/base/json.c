#include <mailbatch/base/json.h>
#include <math.h>
#include <string.h>

void mb_json_init(MbJson *json, GString *out)
{
    *json = (MbJson){.out = out};
}

static void separate(MbJson *json)
{
    if (json->need_comma)
        g_string_append_c(json->out, ',');
    json->need_comma = true;
}

static void open_scope(MbJson *json, char bracket)
{
    separate(json);
    g_string_append_c(json->out, bracket);
    json->depth++;
    json->need_comma = false;
}

static void close_scope(MbJson *json, char bracket)
{
    g_assert(json->depth > 0);
    g_string_append_c(json->out, bracket);
    json->depth--;
    json->need_comma = true;
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

static void append_escaped(GString *out, unsigned char c)
{
    switch (c) {
    case '"': g_string_append(out, "\\\""); break;
    case '\\': g_string_append(out, "\\\\"); break;
    case '\n': g_string_append(out, "\\n"); break;
    case '\r': g_string_append(out, "\\r"); break;
    case '\t': g_string_append(out, "\\t"); break;
    default: g_string_append_printf(out, "\\u%04x", c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static void append_quoted(GString *out, const char *at, size_t length)
{
    const char *end = at + length;

    g_string_append_c(out, '"');
    while (at < end) {
        const char *start = at;
        while (at < end && is_plain((unsigned char)*at))
            at++;
        g_string_append_len(out, start, at - start);
        if (at == end)
            break;
        if ((unsigned char)*at < 0x80) {
            append_escaped(out, (unsigned char)*at++);
            continue;
        }
        gunichar c = g_utf8_get_char_validated(at, end - at);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append(out, "\xEF\xBF\xBD");
            at++;
            continue;
        }
        g_string_append_len(out, at, g_utf8_skip[(unsigned char)*at]);
        at += g_utf8_skip[(unsigned char)*at];
    }
    g_string_append_c(out, '"');
}

void mb_json_key(MbJson *json, const char *key)
{
    separate(json);
    append_quoted(json->out, key, strlen(key));
    g_string_append_c(json->out, ':');
    json->need_comma = false;
}

void mb_json_string(MbJson *json, const char *text)
{
    if (text == NULL)
        mb_json_null(json);
    else
        mb_json_bytes(json, text, strlen(text));
}

void mb_json_bytes(MbJson *json, const void *bytes, size_t length)
{
    separate(json);
    append_quoted(json->out, bytes, length);
}

void mb_json_base64(MbJson *json, const void *bytes, size_t length)
{
    g_autofree char *text = g_base64_encode(bytes, length);

    mb_json_string(json, text);
}

void mb_json_unsigned(MbJson *json, uint64_t value)
{
    separate(json);
    g_string_append_printf(json->out, "%" G_GUINT64_FORMAT, value);
}

void mb_json_signed(MbJson *json, int64_t value)
{
    separate(json);
    g_string_append_printf(json->out, "%" G_GINT64_FORMAT, value);
}

void mb_json_double(MbJson *json, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (!isfinite(value)) {
        mb_json_null(json);
        return;
    }
    separate(json);
    g_string_append(json->out, g_ascii_formatd(text, sizeof text, "%.6g", value));
}

void mb_json_bool(MbJson *json, bool value)
{
    separate(json);
    g_string_append(json->out, value ? "true" : "false");
}

void mb_json_null(MbJson *json)
{
    separate(json);
    g_string_append(json->out, "null");
}

void mb_json_put_string(MbJson *json, const char *key, const char *text)
{
    mb_json_key(json, key);
    mb_json_string(json, text);
}

void mb_json_put_bytes(MbJson *json, const char *key, const void *bytes, size_t length)
{
    mb_json_key(json, key);
    mb_json_bytes(json, bytes, length);
}

void mb_json_put_unsigned(MbJson *json, const char *key, uint64_t value)
{
    mb_json_key(json, key);
    mb_json_unsigned(json, value);
}

void mb_json_put_signed(MbJson *json, const char *key, int64_t value)
{
    mb_json_key(json, key);
    mb_json_signed(json, value);
}

void mb_json_put_bool(MbJson *json, const char *key, bool value)
{
    mb_json_key(json, key);
    mb_json_bool(json, value);
}
