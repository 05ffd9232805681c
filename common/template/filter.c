#include "filter.h"

#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define TOKEN_OCTETS 16

/* Text that grows in the rendering's arena. */
typedef struct {
    Arena *arena;
    char *text;
    size_t length, room;
} Growing;

static void grow(Growing *growing, const char *text, size_t length)
{
    if (growing->length + length > growing->room) {
        size_t room = MAX(growing->room * 2, growing->length + length);
        char *larger = arena_take(growing->arena, room);

        if (growing->length > 0)
            memcpy(larger, growing->text, growing->length);
        growing->text = larger;
        growing->room = room;
    }
    if (length > 0)
        memcpy(growing->text + growing->length, text, length);
    growing->length += length;
}

static Value grown(const Growing *growing)
{
    return value_of_text(growing->length > 0 ? growing->text : "", growing->length);
}

static bool too_large(Render *render, const Expr *expr, size_t length)
{
    if (length <= render->tmpl->max_output)
        return false;
    template_error(render->tmpl, expr->offset, render->error, "yields more than %zu bytes",
                   render->tmpl->max_output);
    return true;
}

/* An argument that must be a whole number ≥ 0; `otherwise` when it was not given. */
static bool count_argument(Render *render, const Expr *expr, const Value *argument,
                           size_t otherwise, size_t *count)
{
    *count = otherwise;
    if (argument->kind == VALUE_NONE)
        return true;
    if (argument->kind == VALUE_NUMBER && argument->number >= 0 && argument->number <= 1e9) {
        *count = (size_t)argument->number;
        return true;
    }
    template_error(render->tmpl, expr->offset, render->error, "%s: needs a number of characters",
                   expr->filter->name);
    return false;
}

static bool text_argument(Render *render, const Expr *expr, const Value *argument,
                          const char *otherwise, const char **text, size_t *length)
{
    *text = otherwise;
    *length = strlen(otherwise);
    return argument->kind == VALUE_NONE || value_text(render, expr, argument, text, length);
}

/* --- the simple ones ---------------------------------------------------------------------- */

static bool filter_default(Render *render, const Expr *expr, const Value *in,
                           const Value *arguments, Value *out)
{
    bool empty = in->kind == VALUE_NONE || (in->kind == VALUE_TEXT && in->length == 0) ||
                 (in->kind == VALUE_LIST && in->n_items == 0);

    (void)render;
    (void)expr;
    *out = empty ? arguments[0] : *in;
    return true;
}

static bool filter_safe(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                        Value *out)
{
    const char *text;
    size_t length;

    (void)arguments;
    if (!value_text(render, expr, in, &text, &length))
        return false;
    *out = value_of_text(text, length);
    out->safe = true;
    return true;
}

static bool filter_html(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                        Value *out)
{
    static const char *const entities[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    Growing growing = {.arena = &render->arena};
    const char *text;
    size_t length;

    (void)arguments;
    if (!value_text(render, expr, in, &text, &length))
        return false;
    for (size_t i = 0; i < length && !in->safe; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *entity = c < G_N_ELEMENTS(entities) ? entities[c] : NULL;

        grow(&growing, entity != NULL ? entity : text + i, entity != NULL ? strlen(entity) : 1);
    }
    *out = in->safe ? *in : grown(&growing);
    out->safe = true;
    return !too_large(render, expr, out->length);
}

static bool filter_url(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                       Value *out)
{
    static const char digits[] = "0123456789ABCDEF";
    Growing growing = {.arena = &render->arena};
    const char *text;
    size_t length;

    (void)arguments;
    if (!value_text(render, expr, in, &text, &length))
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool plain = g_ascii_isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL);

        grow(&growing, plain ? text + i : escape, plain ? 1 : 3);
    }
    *out = grown(&growing);
    out->safe = render->tmpl->mode == MB_TEMPLATE_URL;
    return !too_large(render, expr, out->length);
}

static bool filter_token(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                         Value *out)
{
    Growing growing = {.arena = &render->arena};
    uint8_t digest[MB_SHA256_LENGTH];
    g_autofree char *hex = NULL;
    gsize key_length;
    const void *key = g_bytes_get_data(render->tmpl->token_key, &key_length);
    const char *text;
    size_t length;

    (void)arguments;
    if (!value_text(render, expr, in, &text, &length))
        return false;
    mb_hmac_sha256(key, key_length, text, length, digest);
    hex = mb_text_hex(digest, TOKEN_OCTETS);
    grow(&growing, hex, strlen(hex));
    *out = grown(&growing);
    return true;
}

static bool filter_length(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                          Value *out)
{
    const char *text;
    size_t length;

    (void)arguments;
    *out = (Value){.kind = VALUE_NUMBER};
    if (in->kind == VALUE_LIST) {
        out->number = (double)in->n_items;
        return true;
    }
    if (!value_text(render, expr, in, &text, &length))
        return false;
    out->number = (double)g_utf8_strlen(text, (gssize)length);
    return true;
}

/* --- letters ------------------------------------------------------------------------------ */

typedef enum { CASE_UPPER, CASE_LOWER, CASE_TITLE } Case;

/* Character by character, the same in every locale. */
static bool change_case(Render *render, const Expr *expr, const Value *in, Case wanted, Value *out)
{
    Growing growing = {.arena = &render->arena};
    bool inside = false;
    const char *text, *end;
    size_t length;

    if (!value_text(render, expr, in, &text, &length))
        return false;
    for (end = text + length; text < end; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        bool up = wanted == CASE_UPPER || (wanted == CASE_TITLE && !inside);
        char bytes[6];

        inside = g_unichar_isalnum(c) || (inside && (c == '\'' || c == 0x2019));
        if (c == 0xDF && wanted == CASE_UPPER) /* ß has no capital that is in use */
            grow(&growing, "SS", 2);
        else
            grow(&growing, bytes,
                 (size_t)g_unichar_to_utf8(!up                    ? g_unichar_tolower(c)
                                           : wanted == CASE_UPPER ? g_unichar_toupper(c)
                                                                  : g_unichar_totitle(c),
                                           bytes));
    }
    *out = grown(&growing);
    return true;
}

static bool filter_upper(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                         Value *out)
{
    (void)arguments;
    return change_case(render, expr, in, CASE_UPPER, out);
}

static bool filter_lower(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                         Value *out)
{
    (void)arguments;
    return change_case(render, expr, in, CASE_LOWER, out);
}

static bool filter_title(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                         Value *out)
{
    (void)arguments;
    return change_case(render, expr, in, CASE_TITLE, out);
}

/* Without the blanks around. */
static Value trimmed(const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end && g_unichar_isspace(g_utf8_get_char(text)))
        text = g_utf8_next_char(text);
    while (end > text) {
        const char *last = g_utf8_prev_char(end);

        if (!g_unichar_isspace(g_utf8_get_char(last)))
            break;
        end = last;
    }
    return value_of_text(text, (size_t)(end - text));
}

static bool filter_trim(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                        Value *out)
{
    const char *text;
    size_t length;

    (void)arguments;
    if (!value_text(render, expr, in, &text, &length))
        return false;
    *out = trimmed(text, length);
    return true;
}

static bool filter_truncate(Render *render, const Expr *expr, const Value *in,
                            const Value *arguments, Value *out)
{
    Growing growing = {.arena = &render->arena};
    const char *text, *end, *tail;
    size_t length, tail_length, wanted, kept, tail_count;
    bool cut_words = arguments[1].kind == VALUE_BOOL && arguments[1].flag;

    if (!value_text(render, expr, in, &text, &length) ||
        !count_argument(render, expr, &arguments[0], 255, &wanted) ||
        !text_argument(render, expr, &arguments[2], "…", &tail, &tail_length))
        return false;
    *out = value_of_text(text, length);
    if ((size_t)g_utf8_strlen(text, (gssize)length) <= wanted)
        return true;
    tail_count = (size_t)g_utf8_strlen(tail, (gssize)tail_length);
    kept = wanted > tail_count ? wanted - tail_count : 0;
    end = g_utf8_offset_to_pointer(text, (glong)kept);
    if (!cut_words && *end != ' ') {
        const char *blank = memrchr(text, ' ', (size_t)(end - text));

        end = blank != NULL ? blank : end;
    }
    *out = trimmed(text, (size_t)(end - text));
    grow(&growing, out->text, out->length);
    grow(&growing, tail, tail_length);
    *out = grown(&growing);
    return true;
}

static bool filter_replace(Render *render, const Expr *expr, const Value *in,
                           const Value *arguments, Value *out)
{
    Growing growing = {.arena = &render->arena};
    const char *text, *from, *to, *found;
    size_t length, from_length, to_length;

    if (!value_text(render, expr, in, &text, &length) ||
        !value_text(render, expr, &arguments[0], &from, &from_length) ||
        !value_text(render, expr, &arguments[1], &to, &to_length))
        return false;
    if (from_length == 0) {
        template_error(render->tmpl, expr->offset, render->error, "replace: nothing to look for");
        return false;
    }
    while ((found = memmem(text, length, from, from_length)) != NULL) {
        grow(&growing, text, (size_t)(found - text));
        grow(&growing, to, to_length);
        length -= (size_t)(found - text) + from_length;
        text = found + from_length;
        if (too_large(render, expr, growing.length))
            return false;
    }
    grow(&growing, text, length);
    *out = grown(&growing);
    return !too_large(render, expr, out->length);
}

/* --- lists -------------------------------------------------------------------------------- */

/* Pieces are trimmed; empty ones are left out. */
static bool filter_split(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                         Value *out)
{
    const char *text, *separator;
    size_t length, separator_length, n = 0, room = 0;
    Value *items = NULL;

    if (!value_text(render, expr, in, &text, &length) ||
        !text_argument(render, expr, &arguments[0], ",", &separator, &separator_length))
        return false;
    while (length > 0) {
        const char *found =
            separator_length > 0 ? memmem(text, length, separator, separator_length) : NULL;
        size_t piece = found != NULL ? (size_t)(found - text) : length;
        Value item = trimmed(text, piece);

        if (item.length > 0 && n == room) {
            Value *larger = arena_take(&render->arena, (room = MAX(room * 2, 8)) * sizeof *larger);

            if (n > 0)
                memcpy(larger, items, n * sizeof *items);
            items = larger;
        }
        if (item.length > 0)
            items[n++] = item;
        piece += found != NULL ? separator_length : 0;
        text += piece;
        length -= piece;
    }
    *out = (Value){.kind = VALUE_LIST, .items = items, .n_items = n};
    return true;
}

static bool filter_join(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                        Value *out)
{
    Growing growing = {.arena = &render->arena};
    const char *separator, *text;
    size_t separator_length, length;

    if (!text_argument(render, expr, &arguments[0], "", &separator, &separator_length))
        return false;
    if (in->kind != VALUE_LIST) {
        template_error(render->tmpl, expr->offset, render->error, "join: needs a list");
        return false;
    }
    for (size_t i = 0; i < in->n_items; i++) {
        if (!value_text(render, expr, &in->items[i], &text, &length))
            return false;
        if (i > 0)
            grow(&growing, separator, separator_length);
        grow(&growing, text, length);
        if (too_large(render, expr, growing.length))
            return false;
    }
    *out = grown(&growing);
    return true;
}

/* --- the table ---------------------------------------------------------------------------- */

static const Filter filters[] = {
    {"default", filter_default, 1, {"value", "empty"}, false},
    {"upper", filter_upper, 0, {NULL}, false},
    {"lower", filter_lower, 0, {NULL}, false},
    {"title", filter_title, 0, {NULL}, false},
    {"trim", filter_trim, 0, {NULL}, false},
    {"truncate", filter_truncate, 0, {"length", "killwords", "end"}, false},
    {"replace", filter_replace, 2, {"old", "new"}, false},
    {"date", filter_date, 0, {"format"}, false},
    {"number", filter_number, 0, {"decimals", "point", "group"}, false},
    {"url", filter_url, 0, {NULL}, false},
    {"html", filter_html, 0, {NULL}, false},
    {"safe", filter_safe, 0, {NULL}, false},
    {"join", filter_join, 0, {"separator"}, false},
    {"split", filter_split, 0, {"separator"}, false},
    {"length", filter_length, 0, {NULL}, false},
    {"token", filter_token, 0, {NULL}, true},
};

const Filter *filter_find(const char *name, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(filters); i++)
        if (strlen(filters[i].name) == length && memcmp(filters[i].name, name, length) == 0)
            return &filters[i];
    return NULL;
}

const char *const *filter_names(void)
{
    static const char *const names[] = {"default", "upper", "lower",  "title", "trim", "truncate",
                                        "replace", "date",  "number", "url",   "html", "safe",
                                        "join",    "split", "length", "token", NULL};

    G_STATIC_ASSERT(G_N_ELEMENTS(names) == G_N_ELEMENTS(filters) + 1);
    return names;
}
