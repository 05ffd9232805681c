#include "address-private.h"
#include "comment.h"

#include <string.h>

/* Behind the quoted-string that begins at `at`; `at` + 1 when it is not closed: then the quote is
 * text. */
static size_t skip_quoted(AddressParser *parser, size_t at)
{
    size_t end = at + 1;

    while (end < parser->length && parser->body[end] != '"')
        end += parser->body[end] == '\\' ? 2 : 1;
    if (end < parser->length)
        return end + 1;
    mb_flaws_add(parser->flaws, MB_FLAW_QUOTE_UNCLOSED, at, parser->length - at);
    return at + 1;
}

/* Behind the comment that begins at `at`; `at` + 1 when it is not closed, or when one before was
 * not. */
static size_t skip_comment(AddressParser *parser, size_t at)
{
    size_t end;

    if (parser->literal_parens)
        return at + 1;
    end = mb_comment_end(parser->body, parser->length, at);
    if (end > 0)
        return end;
    mb_flaws_add(parser->flaws, MB_FLAW_COMMENT_UNCLOSED, at, parser->length - at);
    parser->literal_parens = true;
    return at + 1;
}

/* Behind the domain literal that begins at `at`; `at` + 1 when it is none. */
static size_t skip_literal(const AddressParser *parser, size_t at)
{
    for (size_t end = at + 1; end < parser->length; end++) {
        if (parser->body[end] == ']')
            return end + 1;
        if (address_is_blank(parser->body[end]) || strchr("[,<>\"(@", parser->body[end]) != NULL)
            break;
    }
    return at + 1;
}

/* From behind "<" to behind ">". Without one the address ends at the comma. */
static void scan_angle(AddressParser *parser, AddressElement *element)
{
    const char *body = parser->body;
    size_t at = parser->at;

    element->has_angle = true;
    element->name_end = at;
    while (at < parser->length && (body[at] == '<' || address_is_blank(body[at])))
        at++;
    element->angle_start = at;
    while (at < parser->length && body[at] != '>') {
        if (body[at] == '<' || (body[at] == ',' && body[element->angle_start] != '@'))
            break;
        if (body[at] == '"')
            at = skip_quoted(parser, at);
        else if (body[at] == '(')
            at = skip_comment(parser, at);
        else
            at += body[at] == '\\' ? 2 : 1;
    }
    at = MIN(at, parser->length);
    element->angle_end = at;
    if (at == parser->length || body[at] != '>')
        mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_UNCLOSED, element->angle_start,
                     at - element->angle_start);
    while (at < parser->length && body[at] == '>')
        at++;
    parser->at = at;
}

void address_scan(AddressParser *parser, AddressElement *element)
{
    const char *body = parser->body;

    *element = (AddressElement){.start = parser->at};
    element->end = parser->at;
    while (parser->at < parser->length) {
        size_t at = parser->at;
        char c = body[at];

        if (c == ',' || c == ';' || (c == ':' && !element->has_angle))
            break;
        if (c == '(') {
            parser->at = skip_comment(parser, at);
            if (parser->at > at + 1) {
                element->comment_start = at + 1;
                element->comment_end = parser->at - 1;
                element->end = parser->at;
                continue;
            }
        }
        if (element->has_angle && !address_is_blank(c)) {
            parser->at = at;
            mb_flaws_add(parser->flaws, MB_FLAW_ADDRESS_NO_COMMA, at, 0);
            break;
        }
        if (c == '<')
            scan_angle(parser, element);
        else if (c == '"')
            parser->at = skip_quoted(parser, at);
        else if (c == '[')
            parser->at = skip_literal(parser, at);
        else if (c == '\\')
            parser->at = MIN(at + 2, parser->length);
        else
            parser->at = address_is_blank(c) ? at + 1 : mb_skip_solid(body, at + 1, parser->length);
        if (!address_is_blank(c))
            element->end = parser->at;
    }
}

void address_compact(AddressParser *parser, size_t start, size_t end, bool is_name, GString *out)
{
    const char *body = parser->body;
    size_t first = out->len;
    bool blank = false;

    for (size_t at = start; at < end;) {
        char c = body[at];
        size_t next = at + 1;

        if (address_is_blank(c)) {
            blank = true;
            at++;
            continue;
        }
        if (c == '(' && !parser->literal_parens) {
            at = skip_comment(parser, at);
            blank = true;
            continue;
        }
        if (blank && out->len > first &&
            (is_name || (strchr(".@", c) == NULL && strchr(".@", out->str[out->len - 1]) == NULL)))
            g_string_append_c(out, ADDRESS_BREAK);
        blank = false;
        if (c == '"')
            next = MIN(skip_quoted(parser, at), end);
        else if (c == '\\')
            next = MIN(at + 2, end);
        else
            next = mb_skip_solid(body, next, end);
        if (c != '"' && c != '\\') {
            g_string_append_len(out, body + at, (gssize)(next - at));
            at = next;
            continue;
        }
        for (size_t i = at; i < next; i++) {
            bool is_quote = c == '"' && next > at + 1 && (i == at || i + 1 == next);

            if (is_name && is_quote)
                continue;
            if (is_name && body[i] == '\\' && i + 1 < next)
                i++;
            else if (body[i] == '\r' || body[i] == '\n')
                continue;
            g_string_append_c(out, body[i]);
        }
        at = next;
    }
}
