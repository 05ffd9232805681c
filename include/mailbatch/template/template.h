/*
 * Templates: Jinja's small core, compiled once, rendered for every row.
 *
 *   tags         {{ expression }}   {# comment #}   {% raw %} {% endraw %}
 *                {% if x %} {% elif y %} {% else %} {% endif %}
 *                {% for x in list %} {% else %} {% endfor %}
 *                `-` inside a bracket trims blanks and line ends on its side
 *   expressions  "text" 'text' 12 -3.5 true false none [a, b] (a), names, row.name, row["name"],
 *                a|filter, == != < <= > >= in, not in, and, or, not, a if c else b,
 *                loop.index .index0 .first .last .length
 *   filters      default(x) upper lower title trim truncate(n, killwords, end) replace(old, new)
 *                date(format) number(decimals, point, group) url html safe join(separator)
 *                split(separator) length token
 *
 * Every name is checked when the template is compiled, in branches not taken too. A column whose
 * name is no identifier is reached as `row["First name"]`. Of `rows` there is one loop at a time,
 * and its variable stands before `.name` or `["name"]` only. Values are texts. A text compares with
 * a number as a number; two texts are equal when they are the same octets, and are ordered as
 * numbers when both look like one. Dates are named in English whatever the locale, so that a
 * message does not depend on where it was made.
 *
 * A compiled template is immutable and may be rendered by many threads at once.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_TEMPLATE_ERROR (mb_template_error_quark())
GQuark mb_template_error_quark(void);

typedef struct MbTemplate MbTemplate;

/* How values, not the template's own text, are written. */
typedef enum {
    MB_TEMPLATE_TEXT, /* as they are */
    MB_TEMPLATE_HTML, /* & < > " ' escaped, unless the expression ends in |safe or |html */
    /* Between MB_TEMPLATE_VALUE_BEGIN and MB_TEMPLATE_VALUE_END, so that the caller can tell a
     * comma of the template from a comma in a name; a value that holds one of these fails to
     * render. */
    MB_TEMPLATE_MARKED,
    /* As `url` does, once; with |safe what is a URL's stays, and the rest is %-encoded: no value
     * ends the URL that it stands in. */
    MB_TEMPLATE_URL,
} MbTemplateMode;

#define MB_TEMPLATE_VALUE_BEGIN '\002'
#define MB_TEMPLATE_VALUE_END   '\003'

/* The names a template may use, in the order of the values given to render. */
typedef struct {
    const char *const *names;
    size_t n_names;
    const bool *constant; /* per name: the same for every row (NULL: none is) */
    bool rows;            /* whether `rows` is known: a list whose items have all these names */
    const char *no_rows;  /* where it is not: what to say of it ("needs --group-by"); may be NULL */
} MbTemplateNames;

typedef struct {
    const char *file; /* for messages: `file:line:column: …`; NULL: "template" */
    guint line;       /* of the source's first character; 0: 1 */
    guint column;     /* likewise */
    MbTemplateMode mode;
    size_t max_output; /* bytes one rendering may yield; 0: 64 MiB */
    GBytes *token_key; /* for the filter `token`: 32 hex digits of the text's HMAC-SHA-256, which
                          nobody can make up who has not this key; NULL: the filter is an error */
    size_t max_steps;  /* expressions and loop turns of one rendering; 0: 10,000,000 */
} MbTemplateOptions;

typedef struct {
    const char *text; /* UTF-8 */
    size_t length;
} MbTemplateValue;

typedef struct {
    const MbTemplateValue *values; /* one a name */
    const MbTemplateValue *const
        *rows; /* for `rows`: one array a row; NULL: `rows` is the one row above */
    size_t n_rows;
} MbTemplateScope;

/* `source` is copied where needed. Errors are MB_ERROR_DATA: a syntax error, an unknown name (with
 * the nearest known one), filter or tag, wrong arguments, nesting over 100; source that is not
 * UTF-8. */
MbTemplate *mb_template_compile(const char *source, size_t length, const MbTemplateNames *names,
                                const MbTemplateOptions *options, GError **error);

void mb_template_free(MbTemplate *tmpl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbTemplate, mb_template_free)

/* Appends the rendering to `out`. What fails for these values alone (a date that is none, a limit)
 * is MB_ERROR_DATA with `file:line:column: `; `out` then has its former length. */
bool mb_template_render(const MbTemplate *tmpl, const MbTemplateScope *scope, GString *out,
                        GError **error);

/* Whether the output can differ between rows: a name is used that is not constant. */
bool mb_template_varies(const MbTemplate *tmpl);

/* Whether name `index` is used anywhere. */
bool mb_template_uses(const MbTemplate *tmpl, size_t index);

/* Whether it is used of the row itself, not of those in `rows` alone: scopes that differ in none of
 * these values, and have the same `rows`, render the same. */
bool mb_template_uses_own(const MbTemplate *tmpl, size_t index);

G_END_DECLS
