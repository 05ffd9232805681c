/*
 * A compiled template: statements and expressions, allocated once, never changed afterwards.
 */
#pragma once

#include "arena.h"

#include <mailbatch/template/template.h>

#define MAX_NESTING   100 /* statements and expressions in one another */
#define MAX_LOOPS     16  /* for in for */
#define MAX_ARGUMENTS 4

typedef enum {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_ROW,
} ValueKind;

typedef struct Value Value;

/* Borrows: from the template, the row or the rendering's arena. */
struct Value {
    ValueKind kind;
    bool safe; /* a text that is HTML already */
    union {
        bool flag;
        double number;
        struct {
            const char *text;
            size_t length;
        };
        struct {
            const Value *items;
            size_t n_items;
        };
        const MbTemplateValue *row;
    };
};

typedef enum {
    EXPR_LITERAL,     /* value */
    EXPR_NAME,        /* index: of names */
    EXPR_LOCAL,       /* index: a loop's variable, by the loop's depth */
    EXPR_LOOP,        /* index: the loop's depth, what: LOOP_… */
    EXPR_ROW,         /* the row */
    EXPR_ROWS,        /* all rows of the group */
    EXPR_FIELD,       /* a: a row, index: of names */
    EXPR_LIST,        /* arguments */
    EXPR_NOT,         /* a */
    EXPR_AND,         /* a, b */
    EXPR_OR,          /* a, b */
    EXPR_COMPARE,     /* a, b, what: COMPARE_… */
    EXPR_CONDITIONAL, /* a if b else c */
    EXPR_FILTER,      /* a, arguments, filter */
} ExprKind;

enum { LOOP_INDEX, LOOP_INDEX0, LOOP_FIRST, LOOP_LAST, LOOP_LENGTH };

enum {
    COMPARE_EQUAL,
    COMPARE_UNEQUAL,
    COMPARE_LESS,
    COMPARE_LESS_EQUAL,
    COMPARE_GREATER,
    COMPARE_GREATER_EQUAL,
    COMPARE_IN,
    COMPARE_NOT_IN,
};

typedef struct Expr Expr;
typedef struct Filter Filter;

struct Expr {
    ExprKind kind;
    int what;
    size_t index;
    size_t offset; /* in the source, for messages */
    Value value;
    const Expr *a, *b, *c;
    const Expr *const *arguments;
    size_t n_arguments;
    const Filter *filter;
};

typedef enum {
    NODE_TEXT,   /* text */
    NODE_OUTPUT, /* expr */
    NODE_IF,     /* expr, body, otherwise (an elif is an if in there) */
    NODE_FOR,    /* expr, body, otherwise, index: its depth */
} NodeKind;

typedef struct Node Node;

struct Node {
    NodeKind kind;
    size_t index;
    size_t offset;
    const char *text;
    size_t length;
    const Expr *expr;
    Node *body, *otherwise, *next;
};

struct MbTemplate {
    char *file;
    guint line, column; /* of the source's first character */
    MbTemplateMode mode;
    size_t max_output, max_steps;
    GBytes *token_key;
    char *source;
    size_t length;
    size_t n_names;
    bool *used; /* per name */
    bool *own;  /* per name: of the row itself */
    bool varies;
    Node *body;
    Arena arena;
};

/* `file:line:column: ` and the message, for a place in the source. */
void template_error(const MbTemplate *tmpl, size_t offset, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
