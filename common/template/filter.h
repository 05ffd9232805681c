/*
 * The filters: `value|name(arguments)`.
 */
#pragma once

#include "tree.h"

/* One rendering under way. */
typedef struct {
    const MbTemplate *tmpl;
    const MbTemplateScope *scope;
    GString *out;
    size_t start; /* out's length before */
    size_t steps;
    const Value *rows; /* the items of `rows`, once they were asked for */
    Arena arena;
    struct {
        Value item;
        size_t index, length;
    } loops[MAX_LOOPS];
    GError **error;
} Render;

/* Computes `out` from `in`; the arguments that were not given are VALUE_NONE. */
typedef bool (*FilterFunction)(Render *render, const Expr *expr, const Value *in,
                               const Value *arguments, Value *out);

struct Filter {
    const char *name;
    FilterFunction run;
    size_t min_arguments;
    const char *parameters[MAX_ARGUMENTS + 1]; /* their names, NULL-ended */
    bool needs_key;
};

const Filter *filter_find(const char *name, size_t length);

/* All names, for suggestions; NULL-ended. */
const char *const *filter_names(void);

/* --- for the filters themselves ----------------------------------------------------------- */

/* The value as text; false, and said, for a list or a row. */
bool value_text(Render *render, const Expr *expr, const Value *value, const char **text,
                size_t *length);

/* Whether the text is a plain decimal number. */
bool text_number(const char *text, size_t length, double *number);

Value value_of_text(const char *text, size_t length);

bool filter_date(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                 Value *out);
bool filter_number(Render *render, const Expr *expr, const Value *in, const Value *arguments,
                   Value *out);
