/*
 * Addresses: what reads where the pieces stand, for what makes addresses of them.
 */
#pragma once

#include <mailbatch/mime/address.h>

#define ADDRESS_BREAK '\n' /* marks a blank between two words; folds are gone by then */

typedef struct {
    const char *body;
    size_t length;
    size_t at;
    size_t max;
    MbFlaws *flaws;
    GArray *items;
    GString *storage;
    GString *text;
    size_t group;        /* the open group's index, or MB_ADDRESS_NO_GROUP */
    size_t depth;        /* of groups: nested ones are counted, not entered */
    bool literal_parens; /* a comment was not closed: from here on "(" is text */
} AddressParser;

/* Where the pieces of one element stand. */
typedef struct {
    size_t start, end;
    bool has_angle;
    size_t name_end;                   /* where the first "<" stands */
    size_t angle_start, angle_end;     /* between "<" and ">" */
    size_t comment_start, comment_end; /* the last comment, without its parentheses */
} AddressElement;

static inline bool address_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

/* Scans up to what ends an element: "," ";" ":" the end, or the start of the next one when a comma
 * is missing. The stop is not taken. */
void address_scan(AddressParser *parser, AddressElement *element);

/* Appends a stretch without comments, folds and blanks around "." and "@"; other blanks become
 * ADDRESS_BREAK. Quoted-strings stay as they are, or lose their quotes when it is a name. */
void address_compact(AddressParser *parser, size_t start, size_t end, bool is_name, GString *out);
