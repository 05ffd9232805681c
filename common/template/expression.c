/*
 *   expression  = or [ "if" or [ "else" expression ] ]
 *   or          = and *( "or" and )
 *   and         = not *( "and" not )
 *   not         = "not" not / comparison
 *   comparison  = filtered [ ( "==" / "!=" / "<" / "<=" / ">" / ">=" / "in" / "not" "in" ) filtered
 * ] filtered    = primary *( "|" name [ "(" [ argument *( "," argument ) ] ")" ] ) argument    = [
 * name "=" ] expression primary     = string / [ "-" ] number / "true" / "false" / "none" / "("
 * expression ")" / list / variable list        = "[" [ expression *( "," expression ) ] "]"
 *   variable    = name [ "." name / "[" string "]" ]
 */
#include "compile.h"
#include "filter.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* Takes the token when it is `text`. *failed is set when the next one is wrong. */
static bool take(Compiler *compiler, const char *text, bool *failed)
{
    if (!compiler_at(compiler, text))
        return false;
    *failed |= !compiler_advance(compiler);
    return true;
}

static const Expr *const *keep_arguments(Compiler *compiler, const GPtrArray *list)
{
    const Expr **kept = arena_take(&compiler->tmpl->arena, MAX(list->len, 1) * sizeof *kept);

    for (guint i = 0; i < list->len; i++)
        kept[i] = g_ptr_array_index(list, i);
    return kept;
}

/* --- literals ----------------------------------------------------------------------------- */

static const Expr *literal_string(Compiler *compiler)
{
    Expr *expr = compiler_new_expr(compiler, EXPR_LITERAL);
    const Token *token = &compiler->lexer.token;
    char *text = arena_take(&compiler->tmpl->arena, token->length + 1);
    size_t length = 0;

    for (size_t i = 0; i < token->length; i++) {
        char c = token->text[i];

        if (c == '\\' && i + 1 < token->length) {
            c = token->text[++i];
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
        }
        text[length++] = c;
    }
    text[length] = '\0';
    expr->value = value_of_text(text, length);
    return compiler_advance(compiler) ? expr : NULL;
}

static const Expr *literal_number(Compiler *compiler, double sign)
{
    Expr *expr = compiler_new_expr(compiler, EXPR_LITERAL);
    const Token *token = &compiler->lexer.token;

    if (token->kind != TOKEN_NUMBER) {
        compiler_expected(compiler, "a number");
        return NULL;
    }
    expr->value = (Value){.kind = VALUE_NUMBER, .number = sign * g_ascii_strtod(token->text, NULL)};
    return compiler_advance(compiler) ? expr : NULL;
}

static const Expr *literal_list(Compiler *compiler)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    Expr *list = compiler_new_expr(compiler, EXPR_LIST);
    bool failed = !compiler_advance(compiler);

    while (!failed && !compiler_at(compiler, "]")) {
        const Expr *item = compile_expression(compiler);

        if (item == NULL)
            return NULL;
        g_ptr_array_add(items, (void *)item);
        if (!take(compiler, ",", &failed) && !compiler_at(compiler, "]"))
            failed = !compiler_expected(compiler, "`,` or `]`");
    }
    if (failed || !compiler_advance(compiler))
        return NULL;
    list->arguments = keep_arguments(compiler, items);
    list->n_arguments = items->len;
    return list;
}

/* --- operators ---------------------------------------------------------------------------- */

static bool keyword(Compiler *compiler)
{
    static const char *const words[] = {"if",  "else", "elif", "and",  "or",
                                        "not", "in",   "for",  "endif"};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (compiler_at(compiler, words[i]))
            return true;
    return false;
}

static const Expr *constant(Compiler *compiler, ValueKind kind, bool flag)
{
    Expr *expr = compiler_new_expr(compiler, EXPR_LITERAL);

    expr->value = (Value){.kind = kind};
    if (kind == VALUE_BOOL)
        expr->value.flag = flag;
    return compiler_advance(compiler) ? expr : NULL;
}

static const Expr *primary(Compiler *compiler)
{
    const Token *token = &compiler->lexer.token;
    const Expr *expr;

    if (token->kind == TOKEN_STRING)
        return literal_string(compiler);
    if (token->kind == TOKEN_NUMBER)
        return literal_number(compiler, 1);
    if (compiler_at(compiler, "-"))
        return compiler_advance(compiler) ? literal_number(compiler, -1) : NULL;
    if (compiler_at(compiler, "["))
        return literal_list(compiler);
    if (compiler_at(compiler, "(")) {
        if (!compiler_advance(compiler) || (expr = compile_expression(compiler)) == NULL)
            return NULL;
        if (!compiler_at(compiler, ")")) {
            compiler_expected(compiler, "`)`");
            return NULL;
        }
        return compiler_advance(compiler) ? expr : NULL;
    }
    if (compiler_at(compiler, "true") || compiler_at(compiler, "True"))
        return constant(compiler, VALUE_BOOL, true);
    if (compiler_at(compiler, "false") || compiler_at(compiler, "False"))
        return constant(compiler, VALUE_BOOL, false);
    if (compiler_at(compiler, "none") || compiler_at(compiler, "None"))
        return constant(compiler, VALUE_NONE, false);
    if (token->kind == TOKEN_NAME && !keyword(compiler))
        return compile_variable(compiler);
    compiler_expected(compiler, "a name or a value");
    return NULL;
}

/* The place of an argument that may be named; false, and said, for an unknown or second one. */
static bool argument_place(Compiler *compiler, const Filter *filter, bool *taken, size_t *place)
{
    Lexer ahead = compiler->lexer;
    size_t n = 0;

    while (n < MAX_ARGUMENTS && filter->parameters[n] != NULL)
        n++;
    if (ahead.token.kind == TOKEN_NAME && lexer_next(&ahead, NULL) && token_is(&ahead.token, "=")) {
        for (*place = 0; *place < n; (*place)++)
            if (token_is(&compiler->lexer.token, filter->parameters[*place]))
                break;
        if (*place < n && !taken[*place])
            return compiler_advance(compiler) && compiler_advance(compiler);
        template_error(compiler->tmpl, compiler->lexer.token.offset, compiler->error,
                       "%s: no such argument, or given twice", filter->name);
        return false;
    }
    for (*place = 0; *place < n && taken[*place];)
        (*place)++;
    if (*place < n)
        return true;
    template_error(compiler->tmpl, compiler->lexer.token.offset, compiler->error,
                   "%s: takes at most %zu argument%s", filter->name, n, n == 1 ? "" : "s");
    return false;
}

static bool filter_arguments(Compiler *compiler, Expr *expr)
{
    const Expr **arguments = arena_take(&compiler->tmpl->arena, MAX_ARGUMENTS * sizeof *arguments);
    bool taken[MAX_ARGUMENTS] = {false};
    bool failed = false;
    size_t place;

    memset(arguments, 0, MAX_ARGUMENTS * sizeof *arguments);
    if (take(compiler, "(", &failed)) {
        while (!failed && !compiler_at(compiler, ")")) {
            if (!argument_place(compiler, expr->filter, taken, &place))
                return false;
            taken[place] = true;
            if ((arguments[place] = compile_expression(compiler)) == NULL)
                return false;
            if (!take(compiler, ",", &failed) && !compiler_at(compiler, ")"))
                return compiler_expected(compiler, "`,` or `)`");
        }
        if (failed || !compiler_advance(compiler))
            return false;
    }
    expr->arguments = arguments;
    expr->n_arguments = MAX_ARGUMENTS;
    for (size_t i = 0; i < expr->filter->min_arguments; i++)
        if (!taken[i]) {
            template_error(compiler->tmpl, expr->offset, compiler->error,
                           "%s: needs its argument \"%s\"", expr->filter->name,
                           expr->filter->parameters[i]);
            return false;
        }
    return !failed;
}

static const Expr *filtered(Compiler *compiler)
{
    const Expr *expr = primary(compiler);
    guint n = 0;

    while (expr != NULL && compiler_at(compiler, "|")) {
        const Token *token = &compiler->lexer.token;
        Expr *filter;

        n++;
        if (!compiler_enter(compiler) || !compiler_advance(compiler))
            return NULL;
        filter = compiler_new_expr(compiler, EXPR_FILTER);
        filter->filter = token->kind == TOKEN_NAME ? filter_find(token->text, token->length) : NULL;
        if (filter->filter == NULL) {
            g_autofree char *name = g_strndup(token->text, token->length);
            const char *near = mb_text_nearest(name, filter_names(),
                                               g_strv_length((char **)(void *)filter_names()));
            g_autofree char *shown = token_describe(token);

            template_error(compiler->tmpl, token->offset, compiler->error,
                           "unknown filter %s%s%s%s", shown, near != NULL ? ": did you mean `" : "",
                           near != NULL ? near : "", near != NULL ? "`?" : "");
            return NULL;
        }
        if (filter->filter->needs_key && compiler->tmpl->token_key == NULL) {
            template_error(compiler->tmpl, token->offset, compiler->error,
                           "%s: there is no key to make it with", filter->filter->name);
            return NULL;
        }
        filter->a = expr;
        if (!compiler_advance(compiler) || !filter_arguments(compiler, filter))
            return NULL;
        expr = filter;
    }
    compiler->depth -= n;
    if (expr != NULL && (compiler_at(compiler, ".") || compiler_at(compiler, "["))) {
        template_error(compiler->tmpl, compiler->lexer.token.offset, compiler->error,
                       "only a row has columns: write row[\"name\"]");
        return NULL;
    }
    return expr;
}

/* Takes a comparison's operator; -1 when there is none. */
static int comparison_operator(Compiler *compiler, bool *failed)
{
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">=", "in"};

    for (int i = 0; i < (int)G_N_ELEMENTS(signs); i++)
        if (take(compiler, signs[i], failed))
            return i;
    if (!take(compiler, "not", failed))
        return -1;
    if (!*failed && !take(compiler, "in", failed))
        *failed = !compiler_expected(compiler, "`in`");
    return COMPARE_NOT_IN;
}

static const Expr *comparison(Compiler *compiler)
{
    const Expr *left = filtered(compiler);
    bool failed = false;
    Expr *expr;

    if (left == NULL)
        return NULL;
    expr = compiler_new_expr(compiler, EXPR_COMPARE);
    expr->what = comparison_operator(compiler, &failed);
    if (failed)
        return NULL;
    if (expr->what < 0)
        return left;
    expr->a = left;
    expr->b = filtered(compiler);
    if (expr->b == NULL)
        return NULL;
    if (comparison_operator(compiler, &failed) >= 0 && !failed)
        template_error(compiler->tmpl, expr->offset, compiler->error,
                       "compare two things at a time, joined by `and`");
    else if (!failed)
        return expr;
    return NULL;
}

static const Expr *negation(Compiler *compiler)
{
    Expr *expr = compiler_new_expr(compiler, EXPR_NOT);

    if (!compiler_at(compiler, "not"))
        return comparison(compiler);
    if (!compiler_advance(compiler) || !compiler_enter(compiler))
        return NULL;
    expr->a = negation(compiler);
    compiler_leave(compiler);
    return expr->a != NULL ? expr : NULL;
}

/* Operands of `and` or of `or`. */
static const Expr *chain(Compiler *compiler, const char *word, ExprKind kind,
                         const Expr *(*operand)(Compiler *))
{
    const Expr *left = operand(compiler);
    guint n = 0;

    while (left != NULL && compiler_at(compiler, word)) {
        Expr *expr = compiler_new_expr(compiler, kind);

        n++;
        expr->a = left;
        if (!compiler_enter(compiler) || !compiler_advance(compiler) ||
            (expr->b = operand(compiler)) == NULL)
            return NULL;
        left = expr;
    }
    compiler->depth -= n;
    return left;
}

static const Expr *conjunction(Compiler *compiler)
{
    return chain(compiler, "and", EXPR_AND, negation);
}

static const Expr *conditional(Compiler *compiler)
{
    const Expr *then = chain(compiler, "or", EXPR_OR, conjunction);
    bool failed = false;
    Expr *expr;

    if (then == NULL || !compiler_at(compiler, "if"))
        return then;
    expr = compiler_new_expr(compiler, EXPR_CONDITIONAL);
    expr->a = then;
    if (!compiler_advance(compiler) ||
        (expr->b = chain(compiler, "or", EXPR_OR, conjunction)) == NULL)
        return NULL;
    if (take(compiler, "else", &failed) && !failed)
        expr->c = compile_expression(compiler);
    return failed || (*compiler->error != NULL) ? NULL : expr;
}

const Expr *compile_expression(Compiler *compiler)
{
    const Expr *expr;

    if (!compiler_enter(compiler))
        return NULL;
    expr = conditional(compiler);
    compiler_leave(compiler);
    return expr;
}

bool expression_is_rows(const Expr *expr)
{
    return expr->kind == EXPR_ROWS;
}
