/*
 *   variable = name [ "." name / "[" string "]" ]      ; columns belong to rows only, and rows are
 *                                                      ; nothing without a column
 */
#include "compile.h"

#include <mailbatch/base/text.h>
#include <string.h>

static void unknown_name(Compiler *compiler, const char *name, size_t offset)
{
    const MbTemplateNames *names = compiler->names;
    const char *near = mb_text_nearest(name, names->names, names->n_names);
    g_autofree char *shown = mb_text_printable(name, strlen(name));
    GString *known = g_string_new(NULL);

    if (strcmp(name, "rows") == 0 && names->no_rows != NULL) {
        g_string_append_printf(known, ": it %s", names->no_rows);
    } else if (near != NULL) {
        g_string_append(known, ": did you mean \"");
        mb_text_append_printable(known, near, strlen(near), 0);
        g_string_append(known, "\"?");
    } else {
        for (size_t i = 0; i < names->n_names && i < 12; i++) {
            g_string_append(known, i == 0 ? ": known are " : ", ");
            mb_text_append_printable(known, names->names[i], strlen(names->names[i]), 0);
        }
        if (names->n_names > 12)
            g_string_append(known, ", …");
    }
    template_error(compiler->tmpl, offset, compiler->error, "unknown name \"%s\"%s", shown,
                   known->str);
    g_string_free(known, TRUE);
}

/* The place of a name, noted as used; -1, and said, when there is none. */
static gssize find_name(Compiler *compiler, const char *text, size_t length, size_t offset)
{
    g_autofree char *name = g_strndup(text, length);
    gsize place = GPOINTER_TO_SIZE(g_hash_table_lookup(compiler->places, name));

    if (place == 0) {
        unknown_name(compiler, name, offset);
        return -1;
    }
    compiler->tmpl->used[place - 1] = true;
    if (compiler->names->constant == NULL || !compiler->names->constant[place - 1])
        compiler->tmpl->varies = true;
    return (gssize)place - 1;
}

/* `.name` or `["name"]` behind a row. */
static const Expr *field_of(Compiler *compiler, const Expr *row)
{
    bool bracket = compiler_at(compiler, "[");
    Expr *field = compiler_new_expr(compiler, EXPR_FIELD);
    const Token *token = &compiler->lexer.token;
    gssize place;

    if (!compiler_advance(compiler))
        return NULL;
    field->a = row;
    field->offset = token->offset;
    if (token->kind != (bracket ? TOKEN_STRING : TOKEN_NAME)) {
        compiler_expected(compiler, bracket ? "a column's name in quotes" : "a column's name");
        return NULL;
    }
    place = find_name(compiler, token->text, token->length, token->offset);
    if (place < 0 || !compiler_advance(compiler))
        return NULL;
    field->index = (size_t)place;
    compiler->tmpl->own[place] |= row->kind == EXPR_ROW;
    if (!bracket)
        return field;
    if (!compiler_at(compiler, "]")) {
        compiler_expected(compiler, "`]`");
        return NULL;
    }
    return compiler_advance(compiler) ? field : NULL;
}

static const Expr *loop_field(Compiler *compiler, const Token *name)
{
    static const char *const fields[] = {"index", "index0", "first", "last", "length"};
    Expr *expr = compiler_new_expr(compiler, EXPR_LOOP);

    expr->offset = name->offset;
    expr->index = compiler->n_locals - 1;
    if (!compiler_advance(compiler))
        return NULL;
    for (int i = 0; i < (int)G_N_ELEMENTS(fields); i++)
        if (token_is(&compiler->lexer.token, fields[i])) {
            expr->what = i;
            return compiler_advance(compiler) ? expr : NULL;
        }
    compiler_expected(compiler, "index, index0, first, last or length");
    return NULL;
}

static const Expr *local_variable(Compiler *compiler, size_t index, const Token *name)
{
    Expr *expr = compiler_new_expr(compiler, EXPR_LOCAL);

    expr->index = index;
    expr->offset = name->offset;
    if (!compiler->locals[index].is_row)
        return expr;
    if (compiler_at(compiler, ".") || compiler_at(compiler, "["))
        return field_of(compiler, expr);
    template_error(compiler->tmpl, name->offset, compiler->error,
                   "a row is no text: name a column of it, as in %.*s.name", (int)name->length,
                   name->text);
    return NULL;
}

const Expr *compile_variable(Compiler *compiler)
{
    const Token name = compiler->lexer.token;
    bool known, dotted;
    g_autofree char *text = g_strndup(name.text, name.length);
    gssize place;
    Expr *expr;

    if (!compiler_advance(compiler))
        return NULL;
    dotted = compiler_at(compiler, ".") || compiler_at(compiler, "[");
    for (size_t i = compiler->n_locals; i > 0; i--)
        if (compiler->locals[i - 1].length == name.length &&
            memcmp(compiler->locals[i - 1].name, name.text, name.length) == 0)
            return local_variable(compiler, i - 1, &name);
    if (compiler->n_locals > 0 && compiler_at(compiler, ".") && strcmp(text, "loop") == 0)
        return loop_field(compiler, &name);
    known = g_hash_table_contains(compiler->places, text);
    expr = compiler_new_expr(compiler, EXPR_NAME);
    expr->offset = name.offset;
    if (strcmp(text, "row") == 0 && dotted) {
        expr->kind = EXPR_ROW;
        return field_of(compiler, expr);
    }
    if (strcmp(text, "rows") == 0 && compiler->names->rows && !known) {
        expr->kind = EXPR_ROWS;
        compiler->tmpl->varies = true;
        return expr;
    }
    place = find_name(compiler, name.text, name.length, name.offset);
    if (place < 0)
        return NULL;
    expr->index = (size_t)place;
    compiler->tmpl->own[place] = true;
    return expr;
}
