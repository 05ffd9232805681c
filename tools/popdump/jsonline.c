#include "jsonline.h"

#include <string.h>

/* RFC 8259: object = "{" [ string ":" value *( "," string ":" value ) ] "}" */

typedef enum {
    KIND_TEXT,
    KIND_LITERAL, /* a number, true, false, null */
    KIND_NESTED,
} Kind;

typedef struct {
    Kind kind;
    char *text;
} Value;

struct PdJsonLine {
    GHashTable *values;
};

typedef struct {
    const char *at;
    const char *end;
} Cursor;

static void free_value(void *item)
{
    Value *value = item;

    g_free(value->text);
    g_free(value);
}

static void skip_space(Cursor *cursor)
{
    while (cursor->at < cursor->end && strchr(" \t\r\n", *cursor->at) != NULL &&
           *cursor->at != '\0')
        cursor->at++;
}

static bool take(Cursor *cursor, char wanted)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

static bool take_hex4(Cursor *cursor, gunichar *value)
{
    *value = 0;
    if (cursor->end - cursor->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*cursor->at++);

        if (digit < 0)
            return false;
        *value = *value << 4 | (gunichar)digit;
    }
    return true;
}

static bool take_unicode(Cursor *cursor, GString *out)
{
    gunichar first;
    gunichar second;

    if (!take_hex4(cursor, &first))
        return false;
    if (first >= 0xd800 && first < 0xdc00) {
        if (cursor->end - cursor->at < 6 || cursor->at[0] != '\\' || cursor->at[1] != 'u')
            return false;
        cursor->at += 2;
        if (!take_hex4(cursor, &second) || second < 0xdc00 || second > 0xdfff)
            return false;
        first = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }
    if (first == 0 || (first >= 0xdc00 && first <= 0xdfff))
        return false;
    g_string_append_unichar(out, first);
    return true;
}

static bool take_escape(Cursor *cursor, GString *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (cursor->at == cursor->end)
        return false;
    if (*cursor->at == 'u') {
        cursor->at++;
        return take_unicode(cursor, out);
    }
    found = *cursor->at != '\0' ? strchr(from, *cursor->at) : NULL;
    if (found == NULL)
        return false;
    cursor->at++;
    g_string_append_c(out, to[found - from]);
    return true;
}

static char *take_string(Cursor *cursor)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (!take(cursor, '"'))
        return NULL;
    while (cursor->at < cursor->end && *cursor->at != '"') {
        if (*cursor->at == '\\') {
            cursor->at++;
            if (!take_escape(cursor, out))
                return NULL;
        } else if ((unsigned char)*cursor->at < ' ') {
            return NULL;
        } else {
            g_string_append_c(out, *cursor->at++);
        }
    }
    if (!take(cursor, '"'))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* An array or object within: only its end matters. */
static bool skip_nested(Cursor *cursor)
{
    int depth = 0;

    do {
        if (cursor->at == cursor->end)
            return false;
        if (*cursor->at == '"') {
            g_autofree char *ignored = take_string(cursor);

            if (ignored == NULL)
                return false;
            continue;
        }
        depth += *cursor->at == '{' || *cursor->at == '[';
        depth -= *cursor->at == '}' || *cursor->at == ']';
        cursor->at++;
    } while (depth > 0);
    return true;
}

static Value *take_value(Cursor *cursor)
{
    g_autofree char *text = NULL;
    const char *begin;
    Kind kind = KIND_LITERAL;
    Value *value;

    skip_space(cursor);
    begin = cursor->at;
    if (begin == cursor->end)
        return NULL;
    if (*begin == '"') {
        kind = KIND_TEXT;
        text = take_string(cursor);
    } else if (*begin == '{' || *begin == '[') {
        kind = KIND_NESTED;
        text = skip_nested(cursor) ? g_strdup("") : NULL;
    } else {
        while (cursor->at < cursor->end && (g_ascii_isalnum(*cursor->at) || *cursor->at == '-' ||
                                            *cursor->at == '+' || *cursor->at == '.'))
            cursor->at++;
        text = cursor->at > begin ? g_strndup(begin, (gsize)(cursor->at - begin)) : NULL;
    }
    if (text == NULL)
        return NULL;
    value = g_new(Value, 1);
    *value = (Value){kind, g_steal_pointer(&text)};
    return value;
}

static bool take_pair(Cursor *cursor, GHashTable *values)
{
    g_autofree char *key = take_string(cursor);
    Value *value = key != NULL && take(cursor, ':') ? take_value(cursor) : NULL;

    if (value == NULL)
        return false;
    g_hash_table_replace(values, g_steal_pointer(&key), value);
    return true;
}

PdJsonLine *pd_json_parse(const char *line, size_t length)
{
    g_autoptr(GHashTable) values =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_value);
    Cursor cursor = {line, line + length};
    PdJsonLine *parsed;

    if (!take(&cursor, '{'))
        return NULL;
    if (!take(&cursor, '}')) {
        do {
            if (!take_pair(&cursor, values))
                return NULL;
        } while (take(&cursor, ','));
        if (!take(&cursor, '}'))
            return NULL;
    }
    skip_space(&cursor);
    if (cursor.at != cursor.end)
        return NULL;
    parsed = g_new(PdJsonLine, 1);
    parsed->values = g_steal_pointer(&values);
    return parsed;
}

void pd_json_free(PdJsonLine *line)
{
    if (line == NULL)
        return;
    g_hash_table_unref(line->values);
    g_free(line);
}

static const Value *find(const PdJsonLine *line, const char *key, Kind kind)
{
    const Value *value = g_hash_table_lookup(line->values, key);

    return value != NULL && value->kind == kind ? value : NULL;
}

const char *pd_json_text(const PdJsonLine *line, const char *key)
{
    const Value *value = find(line, key, KIND_TEXT);

    return value != NULL ? value->text : NULL;
}

bool pd_json_number(const PdJsonLine *line, const char *key, uint64_t *value)
{
    const Value *found = find(line, key, KIND_LITERAL);

    return found != NULL &&
           g_ascii_string_to_unsigned(found->text, 10, 0, G_MAXUINT64, value, NULL);
}

bool pd_json_true(const PdJsonLine *line, const char *key)
{
    const Value *value = find(line, key, KIND_LITERAL);

    return value != NULL && strcmp(value->text, "true") == 0;
}
