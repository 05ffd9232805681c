#include "filter.h"

#include <mailbatch/base/text.h>
#include <stddef.h>
#include <string.h>

#define SCRATCH 2048 /* bytes of filters' results before memory is asked for */

static bool evaluate(Render *render, const Expr *expr, Value *out);

/* --- values ------------------------------------------------------------------------------- */

Value value_of_text(const char *text, size_t length)
{
    return (Value){.kind = VALUE_TEXT, .text = text, .length = length};
}

static Value value_of_bool(bool flag)
{
    return (Value){.kind = VALUE_BOOL, .flag = flag};
}

static Value value_of_number(double number)
{
    return (Value){.kind = VALUE_NUMBER, .number = number};
}

static bool is_true(const Value *value)
{
    switch (value->kind) {
    case VALUE_NONE: return false;
    case VALUE_BOOL: return value->flag;
    case VALUE_NUMBER: return value->number != 0;
    case VALUE_TEXT: return value->length > 0;
    case VALUE_LIST: return value->n_items > 0;
    case VALUE_ROW: return true;
    }
    return false;
}

bool value_text(Render *render, const Expr *expr, const Value *value, const char **text,
                size_t *length)
{
    char *digits;

    switch (value->kind) {
    case VALUE_TEXT:
        *text = value->text;
        *length = value->length;
        return true;
    case VALUE_NUMBER:
        digits = arena_take(&render->arena, G_ASCII_DTOSTR_BUF_SIZE);
        g_ascii_formatd(digits, G_ASCII_DTOSTR_BUF_SIZE, "%.15g", value->number);
        *text = digits;
        *length = strlen(digits);
        return true;
    case VALUE_BOOL: *text = value->flag ? "true" : "false"; break;
    case VALUE_NONE: *text = ""; break;
    case VALUE_LIST:
        template_error(render->tmpl, expr->offset, render->error,
                       "a list is no text: use join, or {%% for %%}");
        return false;
    case VALUE_ROW:
        template_error(render->tmpl, expr->offset, render->error,
                       "a row is no text: name a column of it");
        return false;
    }
    *length = strlen(*text);
    return true;
}

bool text_number(const char *text, size_t length, double *number)
{
    size_t i = 0, digits = 0;
    char copy[64];
    g_autofree char *long_copy = NULL;

    while (length > 0 && g_ascii_isspace(text[length - 1]))
        length--;
    while (i < length && g_ascii_isspace(text[i]))
        i++;
    text += i;
    length -= i;
    i = length > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    for (; i < length && g_ascii_isdigit(text[i]); i++)
        digits++;
    if (i < length && text[i] == '.' && digits > 0)
        for (i++; i < length && g_ascii_isdigit(text[i]); i++)
            digits++;
    if (digits == 0 || i != length)
        return false;
    /* The text need not end where a number does. */
    if (length < sizeof copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    } else {
        long_copy = g_strndup(text, length);
    }
    *number = g_ascii_strtod(long_copy != NULL ? long_copy : copy, NULL);
    return true;
}

/* --- comparisons -------------------------------------------------------------------------- */

static bool equal(const Value *a, const Value *b)
{
    double number;

    if (a->kind > b->kind)
        return equal(b, a);
    switch (a->kind) {
    case VALUE_NONE: return !is_true(b) && (b->kind == VALUE_NONE || b->kind == VALUE_TEXT);
    case VALUE_BOOL:
        if (b->kind == VALUE_TEXT)
            return b->length == (a->flag ? 4u : 5u) &&
                   g_ascii_strncasecmp(b->text, a->flag ? "true" : "false", b->length) == 0;
        return b->kind == VALUE_BOOL && a->flag == b->flag;
    case VALUE_NUMBER:
        if (b->kind == VALUE_TEXT)
            return text_number(b->text, b->length, &number) && number == a->number;
        return b->kind == VALUE_NUMBER && a->number == b->number;
    case VALUE_TEXT:
        return b->kind == VALUE_TEXT && a->length == b->length &&
               memcmp(a->text, b->text, a->length) == 0;
    default: return false;
    }
}

static bool as_number(Render *render, const Expr *expr, const Value *value, double *number)
{
    g_autofree char *shown = NULL;

    if (value->kind == VALUE_NUMBER) {
        *number = value->number;
        return true;
    }
    if (value->kind == VALUE_TEXT && text_number(value->text, value->length, number))
        return true;
    shown = value->kind == VALUE_TEXT ? mb_text_printable(value->text, value->length)
                                      : g_strdup("this");
    template_error(render->tmpl, expr->offset, render->error, "\"%s\" is no number", shown);
    return false;
}

/* *order as of memcmp. */
static bool order(Render *render, const Expr *expr, const Value *a, const Value *b, int *result)
{
    double x, y;
    int bytes;

    if (a->kind == VALUE_TEXT && b->kind == VALUE_TEXT &&
        !(text_number(a->text, a->length, &x) && text_number(b->text, b->length, &y))) {
        bytes = memcmp(a->text, b->text, MIN(a->length, b->length));
        *result = bytes != 0 ? bytes : (a->length > b->length) - (a->length < b->length);
        return true;
    }
    if (!as_number(render, expr, a, &x) || !as_number(render, expr, b, &y))
        return false;
    *result = (x > y) - (x < y);
    return true;
}

static bool contains(Render *render, const Expr *expr, const Value *whole, const Value *item,
                     bool *found)
{
    const char *text;
    size_t length;

    *found = false;
    if (whole->kind == VALUE_LIST) {
        for (size_t i = 0; i < whole->n_items && !*found; i++)
            *found = equal(&whole->items[i], item);
        return true;
    }
    if (whole->kind != VALUE_TEXT) {
        template_error(render->tmpl, expr->offset, render->error,
                       "`in` needs a list or a text on its right");
        return false;
    }
    if (!value_text(render, expr, item, &text, &length))
        return false;
    *found = memmem(whole->text, whole->length, text, length) != NULL;
    return true;
}

static bool compare(Render *render, const Expr *expr, Value *out)
{
    Value a, b;
    bool result = false;
    int sign = 0;

    if (!evaluate(render, expr->a, &a) || !evaluate(render, expr->b, &b))
        return false;
    switch (expr->what) {
    case COMPARE_EQUAL: result = equal(&a, &b); break;
    case COMPARE_UNEQUAL: result = !equal(&a, &b); break;
    case COMPARE_IN:
    case COMPARE_NOT_IN:
        if (!contains(render, expr, &b, &a, &result))
            return false;
        result ^= expr->what == COMPARE_NOT_IN;
        break;
    default:
        if (!order(render, expr, &a, &b, &sign))
            return false;
        result = expr->what == COMPARE_LESS         ? sign < 0
                 : expr->what == COMPARE_LESS_EQUAL ? sign <= 0
                 : expr->what == COMPARE_GREATER    ? sign > 0
                                                    : sign >= 0;
    }
    *out = value_of_bool(result);
    return true;
}

/* --- expressions -------------------------------------------------------------------------- */

static Value loop_value(const Render *render, const Expr *expr)
{
    size_t index = render->loops[expr->index].index;
    size_t length = render->loops[expr->index].length;

    switch (expr->what) {
    case LOOP_INDEX: return value_of_number((double)index + 1);
    case LOOP_INDEX0: return value_of_number((double)index);
    case LOOP_FIRST: return value_of_bool(index == 0);
    case LOOP_LAST: return value_of_bool(index + 1 == length);
    default: return value_of_number((double)length);
    }
}

static Value rows_value(Render *render)
{
    const MbTemplateScope *scope = render->scope;
    size_t n = scope->rows != NULL ? scope->n_rows : 1;

    if (render->rows == NULL) {
        Value *items = arena_take(&render->arena, MAX(n, 1) * sizeof *items);

        for (size_t i = 0; i < n; i++)
            items[i] = (Value){.kind = VALUE_ROW,
                               .row = scope->rows != NULL ? scope->rows[i] : scope->values};
        render->rows = items;
    }
    return (Value){.kind = VALUE_LIST, .items = render->rows, .n_items = n};
}

static bool list_value(Render *render, const Expr *expr, Value *out)
{
    Value *items = arena_take(&render->arena, MAX(expr->n_arguments, 1) * sizeof *items);

    for (size_t i = 0; i < expr->n_arguments; i++)
        if (!evaluate(render, expr->arguments[i], &items[i]))
            return false;
    *out = (Value){.kind = VALUE_LIST, .items = items, .n_items = expr->n_arguments};
    return true;
}

static bool filter_value(Render *render, const Expr *expr, Value *out)
{
    Value in, arguments[MAX_ARGUMENTS];

    if (!evaluate(render, expr->a, &in))
        return false;
    for (size_t i = 0; i < MAX_ARGUMENTS; i++) {
        arguments[i] = (Value){.kind = VALUE_NONE};
        if (expr->arguments[i] != NULL && !evaluate(render, expr->arguments[i], &arguments[i]))
            return false;
    }
    return expr->filter->run(render, expr, &in, arguments, out);
}

static bool conditional_value(Render *render, const Expr *expr, Value *out)
{
    if (!evaluate(render, expr->b, out))
        return false;
    if (is_true(out))
        return evaluate(render, expr->a, out);
    if (expr->c != NULL)
        return evaluate(render, expr->c, out);
    *out = (Value){.kind = VALUE_NONE};
    return true;
}

static bool take_step(Render *render, size_t offset)
{
    if (render->steps++ < render->tmpl->max_steps)
        return true;
    template_error(render->tmpl, offset, render->error, "takes more than %zu steps",
                   render->tmpl->max_steps);
    return false;
}

static bool evaluate(Render *render, const Expr *expr, Value *out)
{
    const MbTemplateValue *value;

    if (!take_step(render, expr->offset))
        return false;
    switch (expr->kind) {
    case EXPR_LITERAL: *out = expr->value; return true;
    case EXPR_NAME:
        value = &render->scope->values[expr->index];
        *out = value_of_text(value->text, value->length);
        return true;
    case EXPR_LOCAL: *out = render->loops[expr->index].item; return true;
    case EXPR_LOOP: *out = loop_value(render, expr); return true;
    case EXPR_ROW: *out = (Value){.kind = VALUE_ROW, .row = render->scope->values}; return true;
    case EXPR_ROWS: *out = rows_value(render); return true;
    case EXPR_FIELD:
        if (!evaluate(render, expr->a, out))
            return false;
        value = &out->row[expr->index];
        *out = value_of_text(value->text, value->length);
        return true;
    case EXPR_LIST: return list_value(render, expr, out);
    case EXPR_NOT:
        if (!evaluate(render, expr->a, out))
            return false;
        *out = value_of_bool(!is_true(out));
        return true;
    case EXPR_AND:
        return evaluate(render, expr->a, out) && (!is_true(out) || evaluate(render, expr->b, out));
    case EXPR_OR:
        return evaluate(render, expr->a, out) && (is_true(out) || evaluate(render, expr->b, out));
    case EXPR_COMPARE: return compare(render, expr, out);
    case EXPR_CONDITIONAL: return conditional_value(render, expr, out);
    case EXPR_FILTER: return filter_value(render, expr, out);
    }
    return false;
}

/* --- statements --------------------------------------------------------------------------- */

static void escape_html(GString *out, const char *text, size_t length)
{
    size_t done = 0;

    for (size_t i = 0; i < length; i++) {
        const char *entity;

        switch (text[i]) {
        case '&': entity = "&amp;"; break;
        case '<': entity = "&lt;"; break;
        case '>': entity = "&gt;"; break;
        case '"': entity = "&quot;"; break;
        case '\'': entity = "&#39;"; break;
        default: continue;
        }
        mb_text_append(out, text + done, i - done);
        g_string_append(out, entity);
        done = i + 1;
    }
    mb_text_append(out, text + done, length - done);
}

/* `plain`: what stays beside letters and digits. */
static void escape_url(GString *out, const char *text, size_t length, const char *plain)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (g_ascii_isalnum(c) || (c != '\0' && strchr(plain, c) != NULL))
            g_string_append_c(out, (char)c);
        else
            g_string_append_printf(out, "%%%02X", c);
    }
}

static bool write_value(Render *render, const Expr *expr, const Value *value)
{
    const char *text;
    size_t length;

    if (!value_text(render, expr, value, &text, &length))
        return false;
    switch (render->tmpl->mode) {
    case MB_TEMPLATE_TEXT: mb_text_append(render->out, text, length); break;
    case MB_TEMPLATE_HTML:
        if (value->safe)
            mb_text_append(render->out, text, length);
        else
            escape_html(render->out, text, length);
        break;
    case MB_TEMPLATE_MARKED:
        if (memchr(text, MB_TEMPLATE_VALUE_BEGIN, length) != NULL ||
            memchr(text, MB_TEMPLATE_VALUE_END, length) != NULL) {
            template_error(render->tmpl, expr->offset, render->error,
                           "the value holds a control character");
            return false;
        }
        g_string_append_c(render->out, MB_TEMPLATE_VALUE_BEGIN);
        mb_text_append(render->out, text, length);
        g_string_append_c(render->out, MB_TEMPLATE_VALUE_END);
        break;
    case MB_TEMPLATE_URL: /* RFC 3986, 2 */
        escape_url(render->out, text, length, value->safe ? "-._~:/?#[]@!$&'()*+,;=%" : "-._~");
        break;
    }
    return true;
}

static bool render_nodes(Render *render, const Node *node);

static bool render_for(Render *render, const Node *node)
{
    Value list;

    if (!evaluate(render, node->expr, &list))
        return false;
    if (list.kind != VALUE_LIST) {
        template_error(render->tmpl, node->expr->offset, render->error,
                       "is no list: make one with split");
        return false;
    }
    if (list.n_items == 0)
        return render_nodes(render, node->otherwise);
    for (size_t i = 0; i < list.n_items; i++) {
        render->loops[node->index].item = list.items[i];
        render->loops[node->index].index = i;
        render->loops[node->index].length = list.n_items;
        if (!take_step(render, node->offset) || !render_nodes(render, node->body))
            return false;
    }
    return true;
}

static bool render_node(Render *render, const Node *node)
{
    Value value;

    switch (node->kind) {
    case NODE_TEXT: mb_text_append(render->out, node->text, node->length); return true;
    case NODE_OUTPUT:
        return evaluate(render, node->expr, &value) && write_value(render, node->expr, &value);
    case NODE_IF:
        return evaluate(render, node->expr, &value) &&
               render_nodes(render, is_true(&value) ? node->body : node->otherwise);
    case NODE_FOR: return render_for(render, node);
    }
    return false;
}

static bool render_nodes(Render *render, const Node *node)
{
    for (; node != NULL; node = node->next) {
        if (!render_node(render, node))
            return false;
        if (render->out->len - render->start > render->tmpl->max_output) {
            template_error(render->tmpl, node->offset, render->error, "yields more than %zu bytes",
                           render->tmpl->max_output);
            return false;
        }
    }
    return true;
}

bool mb_template_render(const MbTemplate *tmpl, const MbTemplateScope *scope, GString *out,
                        GError **error)
{
    max_align_t scratch[SCRATCH / sizeof(max_align_t)];
    GError *problem = NULL;
    Render render;
    bool good;

    render.tmpl = tmpl;
    render.scope = scope;
    render.out = out;
    render.start = out->len;
    render.steps = 0;
    render.rows = NULL;
    render.error = &problem;
    arena_init(&render.arena, scratch, sizeof scratch);
    good = render_nodes(&render, tmpl->body);
    arena_clear(&render.arena);
    if (good)
        return true;
    g_string_truncate(out, render.start);
    g_propagate_error(error, problem);
    return false;
}
