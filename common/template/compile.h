/*
 * From source to statements and expressions.
 */
#pragma once

#include "lex.h"

typedef struct {
    const char *name; /* borrowed from the source */
    size_t length;
    bool is_row; /* a loop over `rows`: it has columns */
} Local;

typedef struct {
    MbTemplate *tmpl;
    const MbTemplateNames *names;
    GHashTable *places; /* name → place + 1 */
    Lexer lexer;
    Local locals[MAX_LOOPS];
    size_t n_locals;
    guint depth;
    GError **error;
} Compiler;

/* From the lexer's token on; afterwards the token behind the expression is the lexer's. NULL at an
 * error. */
const Expr *compile_expression(Compiler *compiler);

/* The same for a name and what belongs to it. */
const Expr *compile_variable(Compiler *compiler);

/* An expression that begins at the lexer's token. */
Expr *compiler_new_expr(Compiler *compiler, ExprKind kind);

/* Whether the lexer's token is this name or sign. */
bool compiler_at(Compiler *compiler, const char *text);

/* Whether it is `rows`. */
bool expression_is_rows(const Expr *expr);

/* All statements of the source. */
bool compile_body(Compiler *compiler);

/* The lexer's next token; false at an error. */
bool compiler_advance(Compiler *compiler);

/* Fails at the lexer's token: `expected WHAT, but found …`. Returns false. */
bool compiler_expected(Compiler *compiler, const char *what);

/* One level deeper; false, and said, when that is too deep. */
bool compiler_enter(Compiler *compiler);
void compiler_leave(Compiler *compiler);
