#include "compile.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* The bracket that ended a stretch of plain text. */
typedef enum { OPEN_OUTPUT, OPEN_TAG, OPEN_COMMENT, OPEN_NONE } Opening;

typedef struct {
    Node *first, **end;
} NodeList;

static bool compile_nodes(Compiler *compiler, NodeList *list, size_t opened,
                          const char *const *ends, int *end);

static Node *add_node(Compiler *compiler, NodeList *list, NodeKind kind, size_t offset)
{
    Node *node = arena_take(&compiler->tmpl->arena, sizeof *node);

    *node = (Node){.kind = kind, .offset = offset};
    *list->end = node;
    list->end = &node->next;
    return node;
}

/* The next `{{`, `{%` or `{#` from `at` on. */
static Opening find_opening(const MbTemplate *tmpl, size_t at, size_t *found)
{
    const char *end = tmpl->source + tmpl->length;
    const char *from = tmpl->source + at;
    const char *brace;

    while ((brace = memchr(from, '{', (size_t)(end - from))) != NULL) {
        *found = (size_t)(brace - tmpl->source);
        switch (brace[1]) {
        case '{': return OPEN_OUTPUT;
        case '%': return OPEN_TAG;
        case '#': return OPEN_COMMENT;
        default: from = brace + 1;
        }
    }
    *found = tmpl->length;
    return OPEN_NONE;
}

static void add_text(Compiler *compiler, NodeList *list, size_t from, size_t to, bool trim_left,
                     bool trim_right)
{
    const char *source = compiler->tmpl->source;
    Node *node;

    while (trim_left && from < to && g_ascii_isspace(source[from]))
        from++;
    while (trim_right && to > from && g_ascii_isspace(source[to - 1]))
        to--;
    if (from == to)
        return;
    node = add_node(compiler, list, NODE_TEXT, from);
    node->text = source + from;
    node->length = to - from;
}

/* Behind a closing bracket: where text goes on, and whether its blanks are trimmed. */
static bool take_close(Compiler *compiler, TokenKind kind)
{
    if (compiler->lexer.token.kind == kind)
        return true;
    return compiler_expected(compiler, kind == TOKEN_CLOSE ? "`}}`" : "`%}`");
}

static bool compile_output(Compiler *compiler, NodeList *list, size_t offset)
{
    Node *node = add_node(compiler, list, NODE_OUTPUT, offset);

    if (!compiler_advance(compiler) || (node->expr = compile_expression(compiler)) == NULL)
        return false;
    if (expression_is_rows(node->expr)) {
        template_error(compiler->tmpl, node->expr->offset, compiler->error,
                       "a list is no text: use {%% for r in rows %%}, or rows|length");
        return false;
    }
    if (compiler->lexer.token.kind == TOKEN_NAME) {
        template_error(compiler->tmpl, compiler->lexer.token.offset, compiler->error,
                       "expected `}}`: a name with blanks is written row[\"First name\"]");
        return false;
    }
    return take_close(compiler, TOKEN_CLOSE);
}

static bool skip_comment(Compiler *compiler, size_t offset)
{
    const char *source = compiler->tmpl->source;
    const char *end = strstr(source + offset + 2, "#}");

    if (end == NULL) {
        template_error(compiler->tmpl, offset, compiler->error,
                       "a comment is opened here and never closed by `#}`");
        return false;
    }
    compiler->lexer.at = (size_t)(end - source) + 2;
    compiler->lexer.token.trims = end > source + offset + 2 && end[-1] == '-';
    return true;
}

/* --- tags --------------------------------------------------------------------------------- */

/* From the tag's last token to its end. */
static bool close_tag(Compiler *compiler)
{
    return take_close(compiler, TOKEN_CLOSE_TAG);
}

static bool close_after(Compiler *compiler)
{
    return compiler_advance(compiler) && close_tag(compiler);
}

static bool compile_if(Compiler *compiler, NodeList *list, size_t offset)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    static const char *const last_ends[] = {"endif", NULL};
    NodeList body, otherwise;
    Node *node = add_node(compiler, list, NODE_IF, offset);
    int end;

    body = (NodeList){.end = &node->body};
    otherwise = (NodeList){.end = &node->otherwise};
    if (!compiler_advance(compiler) || (node->expr = compile_expression(compiler)) == NULL ||
        !close_tag(compiler) || !compile_nodes(compiler, &body, offset, ends, &end))
        return false;
    if (end == 0) {
        bool good = compiler_enter(compiler) &&
                    compile_if(compiler, &otherwise, compiler->lexer.token.offset);

        compiler_leave(compiler);
        return good;
    }
    if (end == 1 &&
        (!close_after(compiler) || !compile_nodes(compiler, &otherwise, offset, last_ends, &end)))
        return false;
    return close_after(compiler);
}

/* Of rows in rows nobody has use, and what they yield grows with the square of the group. */
static bool check_outermost(Compiler *compiler, const Expr *rows)
{
    for (size_t i = 0; i < compiler->n_locals; i++)
        if (compiler->locals[i].is_row) {
            template_error(compiler->tmpl, rows->offset, compiler->error,
                           "a loop over `rows` stands in another one");
            return false;
        }
    return true;
}

static bool loop_head(Compiler *compiler, Node *node, Local *local)
{
    const Token *token = &compiler->lexer.token;

    if (!compiler_advance(compiler))
        return false;
    if (token->kind != TOKEN_NAME)
        return compiler_expected(compiler, "a name for the loop's items");
    *local = (Local){.name = token->text, .length = token->length};
    if (!compiler_advance(compiler))
        return false;
    if (!token_is(token, "in"))
        return compiler_expected(compiler, "`in`");
    if (!compiler_advance(compiler) || (node->expr = compile_expression(compiler)) == NULL)
        return false;
    local->is_row = expression_is_rows(node->expr);
    return (!local->is_row || check_outermost(compiler, node->expr)) && close_tag(compiler);
}

static bool compile_for(Compiler *compiler, NodeList *list, size_t offset)
{
    static const char *const ends[] = {"else", "endfor", NULL};
    static const char *const last_ends[] = {"endfor", NULL};
    Node *node = add_node(compiler, list, NODE_FOR, offset);
    NodeList body = {.end = &node->body}, otherwise = {.end = &node->otherwise};
    Local local;
    int end;

    if (!loop_head(compiler, node, &local))
        return false;
    if (compiler->n_locals == MAX_LOOPS) {
        template_error(compiler->tmpl, offset, compiler->error, "more than %d loops in one another",
                       MAX_LOOPS);
        return false;
    }
    node->index = compiler->n_locals;
    compiler->locals[compiler->n_locals++] = local;
    if (!compile_nodes(compiler, &body, offset, ends, &end))
        return false;
    compiler->n_locals--;
    if (end == 0 &&
        (!close_after(compiler) || !compile_nodes(compiler, &otherwise, offset, last_ends, &end)))
        return false;
    return close_after(compiler);
}

/* {% raw %} … {% endraw %}: text in which brackets mean nothing. */
static bool compile_raw(Compiler *compiler, NodeList *list, size_t offset)
{
    bool trim_left, trim_right;
    size_t begin, at;

    if (!close_after(compiler))
        return false;
    trim_left = compiler->lexer.token.trims;
    begin = at = compiler->lexer.at;
    for (;;) {
        Opening opening = find_opening(compiler->tmpl, at, &at);
        const char *source = compiler->tmpl->source;

        if (opening == OPEN_NONE) {
            template_error(compiler->tmpl, offset, compiler->error,
                           "`raw` is opened here and never closed by {%% endraw %%}");
            return false;
        }
        compiler->lexer.at = at + (source[at + 2] == '-' ? 3 : 2);
        if (opening == OPEN_TAG && lexer_next(&compiler->lexer, NULL) &&
            token_is(&compiler->lexer.token, "endraw"))
            break;
        at += 2;
    }
    trim_right = compiler->tmpl->source[at + 2] == '-';
    add_text(compiler, list, begin, at, trim_left, trim_right);
    return close_after(compiler);
}

static bool unexpected_tag(Compiler *compiler, const char *const *ends)
{
    static const char *const known[] = {"if", "for", "raw"};
    g_autofree char *found = token_describe(&compiler->lexer.token);
    const Token *token = &compiler->lexer.token;
    g_autofree char *name = g_strndup(token->text, token->length);
    const char *near = mb_text_nearest(name, known, G_N_ELEMENTS(known));

    if (g_str_has_prefix(name, "end") || strcmp(name, "else") == 0 || strcmp(name, "elif") == 0) {
        const char *const *last = ends;

        while (last != NULL && last[0] != NULL && last[1] != NULL)
            last++;
        if (ends == NULL)
            template_error(compiler->tmpl, token->offset, compiler->error,
                           "%s without anything it could belong to", found);
        else
            template_error(compiler->tmpl, token->offset, compiler->error,
                           "expected {%% %s %%}, but found %s", *last, found);
    } else {
        template_error(compiler->tmpl, token->offset, compiler->error, "unknown tag %s%s%s%s",
                       found, near != NULL ? ": did you mean `" : "", near != NULL ? near : "",
                       near != NULL ? "`?" : "");
    }
    return false;
}

/* A tag, its name being the lexer's token. *end is which of `ends` it is, or -1 when it was
 * compiled. */
static bool compile_tag(Compiler *compiler, NodeList *list, size_t offset, const char *const *ends,
                        int *end)
{
    bool good;

    *end = -1;
    if (!compiler_advance(compiler))
        return false;
    for (int i = 0; ends != NULL && ends[i] != NULL; i++)
        if (token_is(&compiler->lexer.token, ends[i])) {
            *end = i;
            return true;
        }
    if (!compiler_enter(compiler))
        return false;
    if (token_is(&compiler->lexer.token, "if"))
        good = compile_if(compiler, list, offset);
    else if (token_is(&compiler->lexer.token, "for"))
        good = compile_for(compiler, list, offset);
    else if (token_is(&compiler->lexer.token, "raw"))
        good = compile_raw(compiler, list, offset);
    else
        good = unexpected_tag(compiler, ends);
    compiler_leave(compiler);
    return good;
}

/* Statements up to a tag that is one of `ends` (NULL: up to the end of the source). */
static bool compile_nodes(Compiler *compiler, NodeList *list, size_t opened,
                          const char *const *ends, int *end)
{
    bool trim_left = compiler->lexer.token.trims;

    for (;;) {
        const char *source = compiler->tmpl->source;
        size_t from = compiler->lexer.at, to;
        Opening opening = find_opening(compiler->tmpl, from, &to);
        bool trim_right = opening != OPEN_NONE && source[to + 2] == '-';

        add_text(compiler, list, from, to, trim_left, trim_right);
        *end = -1;
        if (opening == OPEN_NONE && ends == NULL)
            return true;
        if (opening == OPEN_NONE) {
            while (ends[1] != NULL)
                ends++;
            template_error(compiler->tmpl, opened, compiler->error,
                           "opened here and never closed by {%% %s %%}", *ends);
            return false;
        }
        compiler->lexer.at = to + (trim_right ? 3 : 2);
        if (opening == OPEN_OUTPUT && !compile_output(compiler, list, to))
            return false;
        if (opening == OPEN_COMMENT && !skip_comment(compiler, to))
            return false;
        if (opening == OPEN_TAG && !compile_tag(compiler, list, to, ends, end))
            return false;
        if (*end >= 0)
            return true;
        trim_left = compiler->lexer.token.trims;
    }
}

bool compile_body(Compiler *compiler)
{
    NodeList list = {.end = &compiler->tmpl->body};
    int end;

    return compile_nodes(compiler, &list, 0, NULL, &end);
}
