/*
 * Tokens of an expression or a tag.
 */
#pragma once

#include "tree.h"

typedef enum {
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_SIGN,      /* one of == != <= >= or a single character */
    TOKEN_CLOSE,     /* }} */
    TOKEN_CLOSE_TAG, /* %} */
    TOKEN_END,       /* of the source */
} TokenKind;

typedef struct {
    TokenKind kind;
    size_t offset;
    const char *text; /* a string's: between its quotes, escapes still in it */
    size_t length;
    bool trims; /* a closing bracket with `-` */
} Token;

typedef struct {
    const MbTemplate *tmpl;
    size_t at; /* where the next token begins */
    Token token;
} Lexer;

/* Reads the next token into lexer->token. */
bool lexer_next(Lexer *lexer, GError **error);

bool token_is(const Token *token, const char *text);

/* For messages: `"foo"` or `the end of the file`. The caller frees it. */
char *token_describe(const Token *token);
