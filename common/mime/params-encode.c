#include "fold.h"

#include <mailbatch/mime/params.h>
#include <string.h>

#define CHARSET "UTF-8''"

static const char digits[] = "0123456789ABCDEF";

/* RFC 2045, 5.1: token without tspecials. */
static bool is_token_char(char c)
{
    return c > ' ' && (uint8_t)c < 0x7F && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* RFC 2231, 7: attribute-char. */
static bool is_attribute_char(char c)
{
    return is_token_char(c) && strchr("*'%", c) == NULL;
}

/* Whether a value may go without quotes. The three of RFC 2231 may by RFC 2045, but readers take a
 * bare `a'b.txt` for a charset. */
static bool is_plain_token(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_attribute_char(value[i]))
            return false;
    }
    return length > 0;
}

/* What cannot stand in a quoted-string, or would be read as an encoded-word there. */
static bool needs_extended(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((uint8_t)value[i] >= 0x7F || ((uint8_t)value[i] < ' ' && value[i] != '\t'))
            return true;
        if (value[i] == '=' && i + 1 < length && value[i + 1] == '?')
            return true;
    }
    return false;
}

static void put_percent(GString *out, const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)value[i];

        if (is_attribute_char(value[i])) {
            g_string_append_c(out, value[i]);
        } else {
            g_string_append_c(out, '%');
            g_string_append_c(out, digits[byte >> 4]);
            g_string_append_c(out, digits[byte & 0xF]);
        }
    }
}

static void put_quoted(GString *out, const char *value, size_t length)
{
    g_string_append_c(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (value[i] == '"' || value[i] == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, value[i]);
    }
    g_string_append_c(out, '"');
}

static size_t written_length(const char *value, size_t length, bool extended)
{
    size_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        if (extended)
            sum += is_attribute_char(value[i]) ? 1 : 3;
        else
            sum += value[i] == '"' || value[i] == '\\' ? 2 : 1;
    }
    return sum;
}

/* How many bytes of whole characters fit into `room` written characters, one character at least. */
static size_t fitting(const char *value, size_t length, size_t room, bool extended)
{
    size_t taken = 0;
    size_t used = 0;

    while (taken < length) {
        size_t next = (size_t)(g_utf8_next_char(value + taken) - value) - taken;

        used += written_length(value + taken, next, extended);
        if (taken > 0 && used > room)
            break;
        taken += next;
    }
    return taken;
}

static void put_piece(MbFold *fold, const char *piece, size_t length)
{
    mb_fold_append(fold, ";", 1);
    mb_fold_gap(fold, " ", 1, length + 1); /* and the next one's semicolon */
    mb_fold_append(fold, piece, length);
}

/* RFC 2231, 3: name*0=, name*1=, …, each within one line. */
static void put_sections(MbFold *fold, const char *name, const char *value, size_t length,
                         bool extended)
{
    g_autoptr(GString) piece = g_string_new(NULL);

    for (guint section = 0; length > 0; section++) {
        size_t room, taken;

        g_string_printf(piece, "%s*%u%s=%s", name, section, extended ? "*" : "",
                        extended && section == 0 ? CHARSET : "");
        /* A blank before, quotes around or nothing, and the next piece's semicolon. */
        room = MB_FOLD_COLUMNS - MIN(piece->len + 4, MB_FOLD_COLUMNS);
        taken = fitting(value, length, room, extended);
        if (extended)
            put_percent(piece, value, taken);
        else
            put_quoted(piece, value, taken);
        put_piece(fold, piece->str, piece->len);
        value += taken;
        length -= taken;
    }
}

size_t mb_params_encode(const char *name, const char *value, size_t length, size_t column,
                        GString *out)
{
    size_t clean_length;
    g_autofree char *text = mb_fold_clean(value, length, &clean_length);
    bool extended = needs_extended(text, clean_length);
    g_autoptr(GString) piece = g_string_new(name);
    MbFold fold = {out, column};

    g_string_append(piece, extended ? "*=" CHARSET : "=");
    if (piece->len + written_length(text, clean_length, extended) + 4 > MB_FOLD_COLUMNS) {
        put_sections(&fold, name, text, clean_length, extended);
        return fold.column;
    }
    if (extended)
        put_percent(piece, text, clean_length);
    else if (is_plain_token(text, clean_length))
        g_string_append_len(piece, text, (gssize)clean_length);
    else
        put_quoted(piece, text, clean_length);
    put_piece(&fold, piece->str, piece->len);
    return fold.column;
}
