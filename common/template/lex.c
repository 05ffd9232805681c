#include "lex.h"

#include <mailbatch/base/text.h>
#include <string.h>

static bool is_name_start(char c)
{
    return g_ascii_isalpha(c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_part(char c)
{
    return is_name_start(c) || g_ascii_isdigit(c);
}

static bool take_string(Lexer *lexer, GError **error)
{
    const char *source = lexer->tmpl->source;
    char quote = source[lexer->at];
    size_t end = lexer->at + 1;

    while (end < lexer->tmpl->length && source[end] != quote)
        end += source[end] == '\\' ? 2 : 1;
    if (end >= lexer->tmpl->length) {
        template_error(lexer->tmpl, lexer->at, error, "a quote is opened here and never closed");
        return false;
    }
    lexer->token.kind = TOKEN_STRING;
    lexer->token.text = source + lexer->at + 1;
    lexer->token.length = end - lexer->at - 1;
    lexer->at = end + 1;
    return true;
}

static void take_name(Lexer *lexer)
{
    lexer->token.kind = TOKEN_NAME;
    while (lexer->at < lexer->tmpl->length && is_name_part(lexer->tmpl->source[lexer->at]))
        lexer->at++;
}

static void take_number(Lexer *lexer)
{
    const char *source = lexer->tmpl->source;
    size_t end = lexer->at + 1;

    while (g_ascii_isdigit(source[end]))
        end++;
    if (source[end] == '.' && g_ascii_isdigit(source[end + 1]))
        for (end++; g_ascii_isdigit(source[end]);)
            end++;
    lexer->token.kind = TOKEN_NUMBER;
    lexer->at = end;
}

static bool take_sign(Lexer *lexer, GError **error)
{
    static const char *const pairs[] = {"==", "!=", "<=", ">="};
    const char *text = lexer->tmpl->source + lexer->at;
    size_t dash = text[0] == '-' ? 1 : 0;

    lexer->token.kind = TOKEN_SIGN;
    if (strncmp(text + dash, "}}", 2) == 0 || strncmp(text + dash, "%}", 2) == 0) {
        lexer->token.kind = text[dash] == '}' ? TOKEN_CLOSE : TOKEN_CLOSE_TAG;
        lexer->token.trims = dash == 1;
        lexer->at += dash + 2;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (strncmp(text, pairs[i], 2) == 0) {
            lexer->at += 2;
            return true;
        }
    if (*text != '\0' && strchr("<>|()[],.=-", *text) != NULL) {
        lexer->at++;
        return true;
    }
    if (*text != '\0' && strchr("+*/~%", *text) != NULL)
        template_error(lexer->tmpl, lexer->at, error, "`%c`: templates do not calculate", *text);
    else
        template_error(lexer->tmpl, lexer->at, error, "unexpected character `%c`",
                       g_ascii_isprint(*text) ? *text : '?');
    return false;
}

bool lexer_next(Lexer *lexer, GError **error)
{
    const MbTemplate *tmpl = lexer->tmpl;
    bool good = true;
    char c;

    while (lexer->at < tmpl->length && g_ascii_isspace(tmpl->source[lexer->at]))
        lexer->at++;
    lexer->token = (Token){.offset = lexer->at, .text = tmpl->source + lexer->at};
    if (lexer->at >= tmpl->length) {
        lexer->token.kind = TOKEN_END;
        return true;
    }
    c = tmpl->source[lexer->at];
    if (c == '"' || c == '\'')
        return take_string(lexer, error);
    if (is_name_start(c))
        take_name(lexer);
    else if (g_ascii_isdigit(c))
        take_number(lexer);
    else
        good = take_sign(lexer, error);
    lexer->token.length = lexer->at - lexer->token.offset;
    return good;
}

bool token_is(const Token *token, const char *text)
{
    return (token->kind == TOKEN_NAME || token->kind == TOKEN_SIGN) &&
           token->length == strlen(text) && memcmp(token->text, text, token->length) == 0;
}

char *token_describe(const Token *token)
{
    g_autofree char *shown = mb_text_printable(token->text, token->length);

    return token->kind == TOKEN_END ? g_strdup("the end of the file")
                                    : g_strdup_printf("`%s`", shown);
}
