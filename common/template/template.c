#include "compile.h"
#include "filter.h"

#include <mailbatch/base/text.h>
#include <string.h>

MB_DEFINE_QUARK(mb_template_error)

#define DEFAULT_MAX_OUTPUT (64 * 1024 * 1024)
#define DEFAULT_MAX_STEPS  10000000

/* --- messages ----------------------------------------------------------------------------- */

void template_error(const MbTemplate *tmpl, size_t offset, GError **error, const char *format, ...)
{
    guint line = tmpl->line, column = tmpl->column;
    g_autofree char *message = NULL;
    va_list arguments;

    if (error == NULL || *error != NULL)
        return;
    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < offset; i++) {
        if (tmpl->source[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)tmpl->source[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    g_set_error(error, MB_TEMPLATE_ERROR, MB_ERROR_DATA, "%s:%u:%u: %s", tmpl->file, line, column,
                message);
}

bool compiler_advance(Compiler *compiler)
{
    return lexer_next(&compiler->lexer, compiler->error);
}

bool compiler_expected(Compiler *compiler, const char *what)
{
    g_autofree char *found = token_describe(&compiler->lexer.token);

    template_error(compiler->tmpl, compiler->lexer.token.offset, compiler->error,
                   "expected %s, but found %s", what, found);
    return false;
}

bool compiler_enter(Compiler *compiler)
{
    if (++compiler->depth <= MAX_NESTING)
        return true;
    template_error(compiler->tmpl, compiler->lexer.token.offset, compiler->error,
                   "nested more than %d deep", MAX_NESTING);
    return false;
}

void compiler_leave(Compiler *compiler)
{
    compiler->depth--;
}

Expr *compiler_new_expr(Compiler *compiler, ExprKind kind)
{
    Expr *expr = arena_take(&compiler->tmpl->arena, sizeof *expr);

    *expr = (Expr){.kind = kind, .offset = compiler->lexer.token.offset};
    return expr;
}

bool compiler_at(Compiler *compiler, const char *text)
{
    return token_is(&compiler->lexer.token, text);
}

/* --- a template's life -------------------------------------------------------------------- */

static MbTemplate *new_template(const char *source, size_t length, const MbTemplateNames *names,
                                const MbTemplateOptions *options)
{
    static const MbTemplateOptions none;
    MbTemplate *tmpl = g_new0(MbTemplate, 1);

    if (options == NULL)
        options = &none;
    tmpl->file = g_strdup(options->file != NULL ? options->file : "template");
    tmpl->line = options->line != 0 ? options->line : 1;
    tmpl->column = options->column != 0 ? options->column : 1;
    tmpl->mode = options->mode;
    tmpl->max_output = options->max_output != 0 ? options->max_output : DEFAULT_MAX_OUTPUT;
    tmpl->max_steps = options->max_steps != 0 ? options->max_steps : DEFAULT_MAX_STEPS;
    tmpl->token_key = options->token_key != NULL ? g_bytes_ref(options->token_key) : NULL;
    tmpl->source = g_malloc(length + 1);
    memcpy(tmpl->source, source, length);
    tmpl->source[length] = '\0';
    tmpl->length = length;
    tmpl->n_names = names->n_names;
    tmpl->used = g_new0(bool, names->n_names + 1);
    tmpl->own = g_new0(bool, names->n_names + 1);
    arena_init(&tmpl->arena, NULL, 0);
    return tmpl;
}

static bool check_source(const MbTemplate *tmpl, GError **error)
{
    const char *nul = memchr(tmpl->source, '\0', tmpl->length);
    size_t bad;

    if (!mb_text_is_utf8(tmpl->source, tmpl->length, &bad)) {
        template_error(tmpl, bad, error, "octet 0x%02X is not UTF-8: save the file as UTF-8",
                       (unsigned char)tmpl->source[bad]);
        return false;
    }
    if (nul != NULL) {
        template_error(tmpl, (size_t)(nul - tmpl->source), error, "holds a NUL octet");
        return false;
    }
    return true;
}

MbTemplate *mb_template_compile(const char *source, size_t length, const MbTemplateNames *names,
                                const MbTemplateOptions *options, GError **error)
{
    g_autoptr(MbTemplate) tmpl = new_template(source, length, names, options);
    g_autoptr(GHashTable) places = g_hash_table_new(g_str_hash, g_str_equal);
    GError *problem = NULL;
    Compiler compiler = {
        .tmpl = tmpl, .names = names, .places = places, .lexer = {.tmpl = tmpl}, .error = &problem};

    for (size_t i = names->n_names; i > 0; i--)
        g_hash_table_insert(places, (char *)names->names[i - 1], GSIZE_TO_POINTER(i));
    if (check_source(tmpl, &problem) && compile_body(&compiler))
        return g_steal_pointer(&tmpl);
    g_propagate_error(error, problem);
    return NULL;
}

void mb_template_free(MbTemplate *tmpl)
{
    if (tmpl == NULL)
        return;
    arena_clear(&tmpl->arena);
    g_clear_pointer(&tmpl->token_key, g_bytes_unref);
    g_free(tmpl->used);
    g_free(tmpl->own);
    g_free(tmpl->source);
    g_free(tmpl->file);
    g_free(tmpl);
}

bool mb_template_varies(const MbTemplate *tmpl)
{
    return tmpl->varies;
}

bool mb_template_uses(const MbTemplate *tmpl, size_t index)
{
    return index < tmpl->n_names && tmpl->used[index];
}

bool mb_template_uses_own(const MbTemplate *tmpl, size_t index)
{
    return index < tmpl->n_names && tmpl->own[index];
}
