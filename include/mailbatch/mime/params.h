/*
 * Content-Type, Content-Disposition and their like: a value and parameters (RFC 2045, 5.1; RFC
 * 2183; RFC 2231).
 *
 *   content   := value *( ";" parameter )
 *   parameter := name [ "*" section ] [ "*" ] "=" ( token / quoted-string )
 *
 * Lenient where mail is (each noted): blanks around "=", unquoted values with blanks or specials,
 * quotes not closed, a missing ";", text after quotes, comments anywhere, names twice, sections out
 * of order or missing, encoded-words as values. Linear in the length of the value, apart from one
 * sort of the parameters.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
    MB_PARAM_QUOTED = 1 << 0,    /* the value stood in quotes */
    MB_PARAM_EXTENDED = 1 << 1,  /* charset and percent encoding: name*= */
    MB_PARAM_SPLIT = 1 << 2,     /* sections: name*0= */
    MB_PARAM_BLANKS = 1 << 3,    /* unquoted, with blanks or specials inside: a token ends there */
    MB_PARAM_WORDS = 1 << 4,     /* encoded-words were decoded */
    MB_PARAM_DUPLICATE = 1 << 5, /* the name was there before in the same form */
    MB_PARAM_LOSSY = 1 << 6,     /* `value` lost bytes in conversion; `raw` has them */
} MbParamFlags;

typedef struct {
    const char *name;  /* lower case, without section and asterisks */
    const char *value; /* UTF-8, decoded; NUL-terminated, though NULs may stand inside */
    size_t value_length;
    const char *raw; /* the bytes without quotes, escapes, percent encoding; words and charset as
                        they stood */
    size_t raw_length;
    const char *charset; /* declared by the extended form, or "" */
    guint flags;         /* MbParamFlags */
    size_t offset;       /* of the (first) parameter in the field's body, from its name on */
    size_t length;
} MbParam;

/* Caller's storage, used again and again: init once, parse any number of values, clear. */
typedef struct {
    const char *value; /* "text/plain", "attachment": lower case, without comments and blanks; ""
                          when missing */
    const MbParam *params; /* in order of their first appearance */
    size_t count;
    struct MbParamsArena *arena; /* private */
} MbParams;

#define MB_PARAMS_MAX 100000 /* parameters and sections of one field that are read */

void mb_params_init(MbParams *params);
void mb_params_clear(MbParams *params);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MbParams, mb_params_clear)

typedef enum {
    MB_PARAMS_TYPE,        /* Content-Type: the value is type/subtype */
    MB_PARAMS_DISPOSITION, /* Content-Disposition and others: a token */
} MbParamsKind;

/* Parses a field's body (folds and all). What `params` points to is borrowed from it until the next
 * parse or clear. A type that is no type/subtype is kept as it is and noted. */
void mb_params_parse(MbParams *params, MbParamsKind kind, const char *body, size_t length,
                     MbFlaws *flaws);

/* The parameter of that name (lower case) that counts: the extended form before the plain one, then
 * the first. NULL when there is none. Others of the name are in the list. */
const MbParam *mb_params_get(const MbParams *params, const char *name);

/* Appends `; name=value` to a field that is being written, on a new line when it would pass
 * column 78. ASCII goes as token or quoted-string (quotes and backslashes escaped), anything else
 * as name*=UTF-8''…; what is too long for a line goes in sections (RFC 2231, 3), and no character
 * is split between two. CR, LF and NUL in `value` become blanks. `name` is our own. Returns the
 * column it ends at. */
size_t mb_params_encode(const char *name, const char *value, size_t length, size_t column,
                        GString *out);

G_END_DECLS
