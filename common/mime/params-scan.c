#include "comment.h"
#include "params-private.h"

#include <string.h>

#define SECTION_DIGITS 9

typedef struct {
    struct MbParamsArena *arena;
    const char *body;
    size_t length;
    size_t at;
    MbFlaws *flaws;
} Scanner;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static bool has_more(const Scanner *scanner)
{
    return scanner->at < scanner->length;
}

static char peek(const Scanner *scanner)
{
    return scanner->body[scanner->at];
}

/* Where the comment that begins at `at` ends. */
static size_t comment_end(const Scanner *scanner, size_t at)
{
    size_t end = mb_comment_end(scanner->body, scanner->length, at);

    if (end > 0)
        return end;
    mb_flaws_add(scanner->flaws, MB_FLAW_COMMENT_UNCLOSED, at, scanner->length - at);
    return scanner->length;
}

/* Skips blanks and comments; whether there were any. */
static bool skip_blanks(Scanner *scanner)
{
    size_t start = scanner->at;

    while (has_more(scanner)) {
        if (is_blank(peek(scanner)))
            scanner->at++;
        else if (peek(scanner) == '(')
            scanner->at = comment_end(scanner, scanner->at);
        else
            break;
    }
    return scanner->at > start;
}

/* Where a run without blanks, semicolons, quotes, "=" and comments ends. */
static size_t name_end(const Scanner *scanner, size_t at)
{
    static const bool ends[UCHAR_MAX + 1] = {
        [' '] = true,  ['\t'] = true, ['\r'] = true, ['\n'] = true, ['\v'] = true,
        ['\f'] = true, [';'] = true,  ['='] = true,  ['"'] = true,  ['('] = true,
    };

    while (at < scanner->length && !ends[(unsigned char)scanner->body[at]])
        at++;
    return at;
}

/* Whether `name =` stands at `at`: a parameter begins there, semicolon or not. */
static bool is_param_start(const Scanner *scanner, size_t at)
{
    size_t end = name_end(scanner, at);

    if (end == at)
        return false;
    while (end < scanner->length && is_blank(scanner->body[end]))
        end++;
    return end < scanner->length && scanner->body[end] == '=';
}

static size_t put_text(Scanner *scanner, const char *text, size_t length, bool lower)
{
    GString *out = scanner->arena->text;
    size_t start = out->len;

    for (size_t i = 0; i < length; i++) {
        if (lower)
            g_string_append_c(out, g_ascii_tolower(text[i]));
        else if (text[i] != '\r' && text[i] != '\n')
            g_string_append_c(out, text[i]);
    }
    return start;
}

static void end_text(Scanner *scanner)
{
    g_string_append_c(scanner->arena->text, '\0');
}

/* Whether the value is whole already: what follows it is no part of it. */
static bool is_whole(const char *value, size_t length, MbParamsKind kind)
{
    const char *slash = memchr(value, '/', length);

    if (kind != MB_PARAMS_TYPE)
        return length > 0;
    return slash != NULL && slash != value && slash + 1 < value + length;
}

/* "type/subtype" or a token, up to a semicolon or the first parameter. */
static void scan_value(Scanner *scanner, MbParamsKind kind)
{
    GString *text = scanner->arena->text;
    size_t start = text->len;
    const char *slash;

    skip_blanks(scanner);
    while (has_more(scanner) && peek(scanner) != ';') {
        size_t end = name_end(scanner, scanner->at);

        if (is_param_start(scanner, scanner->at)) {
            if (text->len > start)
                mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_NO_SEMICOLON, scanner->at, 0);
            break;
        }
        if (end == scanner->at) {
            scanner->at++; /* a quote or a lone "=" */
        } else if (is_whole(text->str + start, text->len - start, kind)) {
            mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_MALFORMED, scanner->at, end - scanner->at);
            scanner->at = end;
        } else {
            put_text(scanner, scanner->body + scanner->at, end - scanner->at, true);
            scanner->at = end;
        }
        skip_blanks(scanner);
    }
    slash = memrchr(text->str + start, '/', text->len - start);
    if (kind == MB_PARAMS_TYPE &&
        (!is_whole(text->str + start, text->len - start, kind) ||
         memchr(text->str + start, '/', text->len - start) != slash || slash[1] == '\0' ||
         strpbrk(text->str + start, "()<>@,:\\\"[]?=") != NULL))
        mb_flaws_add(scanner->flaws, MB_FLAW_TYPE_MALFORMED, 0, scanner->at);
    scanner->arena->value = start;
    end_text(scanner);
}

/* Takes the asterisks and the section off a name (RFC 2231, 3 and 4). */
static void split_name(Scanner *scanner, MbRawParam *raw, const char *name, size_t length)
{
    const char *star;
    uint32_t section = 0;
    size_t digits = 0;

    raw->section = MB_NO_SECTION;
    raw->name_length = length;
    if (length > 1 && name[length - 1] == '*') {
        raw->flags |= MB_PARAM_EXTENDED;
        raw->name_length = --length;
    }
    star = memrchr(name, '*', length);
    if (star == NULL || star == name)
        return;
    for (const char *digit = star + 1; digit < name + length && g_ascii_isdigit(*digit); digit++) {
        section = section * 10 + (uint32_t)(*digit - '0');
        if (++digits > SECTION_DIGITS)
            break;
    }
    if (digits == 0 || digits > SECTION_DIGITS || star + 1 + digits != name + length) {
        mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_SECTION, raw->offset, raw->name_length);
        return;
    }
    if (digits > 1 && star[1] == '0')
        mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_SECTION, raw->offset, raw->name_length);
    raw->section = section;
    raw->flags |= MB_PARAM_SPLIT;
    raw->name_length = (size_t)(star - name);
}

/* Where the quoted value ends that begins behind the quote at `at`; the length when it is not
 * closed. */
static size_t quote_end(const Scanner *scanner, size_t at)
{
    while (at < scanner->length && scanner->body[at] != '"')
        at += scanner->body[at] == '\\' ? 2 : 1;
    return MIN(at, scanner->length);
}

static void scan_quoted(Scanner *scanner)
{
    GString *text = scanner->arena->text;
    size_t start = ++scanner->at;
    size_t end = quote_end(scanner, start);
    bool closed = end < scanner->length;

    if (!closed) {
        const char *semicolon = memchr(scanner->body + start, ';', scanner->length - start);

        mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_UNCLOSED, start - 1,
                     scanner->length - start + 1);
        if (semicolon != NULL)
            end = (size_t)(semicolon - scanner->body);
    }
    for (size_t i = start; i < end; i++) {
        char c = scanner->body[i];

        if (c == '\\' && i + 1 < end)
            g_string_append_c(text, scanner->body[++i]);
        else if (c != '\r' && c != '\n')
            g_string_append_c(text, c);
    }
    scanner->at = closed ? end + 1 : end;
}

/* An unquoted value: up to a semicolon, a comment behind a blank, or what looks like the next
 * parameter. Blanks and specials inside belong to it. */
static guint scan_unquoted(Scanner *scanner)
{
    const char *body = scanner->body;
    size_t start = scanner->at;
    size_t solid = start; /* behind its last character that is no blank */
    size_t at = start;
    size_t odd = SIZE_MAX;
    bool blanks = false;

    while (at < scanner->length && body[at] != ';') {
        size_t next = at;

        while (next < scanner->length && is_blank(body[next]))
            next++;
        if (next > at) {
            if (next == scanner->length || body[next] == ';' || body[next] == '(' ||
                is_param_start(scanner, next))
                break;
            blanks = true;
            odd = MIN(odd, at);
            at = next;
        }
        if (mb_is_tspecial(body[at]))
            odd = MIN(odd, at);
        solid = ++at;
    }
    put_text(scanner, body + start, solid - start, false);
    scanner->at = solid;
    if (odd == SIZE_MAX)
        return 0;
    mb_flaws_add(scanner->flaws, blanks ? MB_FLAW_PARAM_BLANK : MB_FLAW_PARAM_UNQUOTED, odd,
                 solid - odd);
    return MB_PARAM_BLANKS;
}

/* What stands between a value and the next semicolon, and is no blank or comment. */
static void skip_rest(Scanner *scanner)
{
    size_t start;

    skip_blanks(scanner);
    if (!has_more(scanner) || peek(scanner) == ';')
        return;
    start = scanner->at;
    if (is_param_start(scanner, start)) {
        mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_NO_SEMICOLON, start, 0);
        return;
    }
    while (has_more(scanner) && peek(scanner) != ';' &&
           !(is_blank(scanner->body[scanner->at - 1]) && is_param_start(scanner, scanner->at)))
        scanner->at = MAX(name_end(scanner, scanner->at), scanner->at + 1);
    mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_AFTER_QUOTES, start, scanner->at - start);
}

static void scan_param(Scanner *scanner)
{
    MbRawParam raw = {.offset = scanner->at, .order = scanner->arena->raws->len};
    size_t end = name_end(scanner, scanner->at);
    size_t name_length = end - scanner->at;
    bool blanks;

    scanner->at = end;
    blanks = skip_blanks(scanner);
    if (name_length == 0 || !has_more(scanner) || peek(scanner) != '=') {
        if (name_length == 0 && scanner->at == end)
            scanner->at++;
        mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_MALFORMED, raw.offset, scanner->at - raw.offset);
        return;
    }
    split_name(scanner, &raw, scanner->body + raw.offset, name_length);
    raw.name = put_text(scanner, scanner->body + raw.offset, raw.name_length, true);
    end_text(scanner);
    scanner->at++;
    blanks |= skip_blanks(scanner);
    if (blanks)
        mb_flaws_add(scanner->flaws, MB_FLAW_PARAM_BLANK, raw.offset, scanner->at - raw.offset);
    raw.value = scanner->arena->text->len;
    if (has_more(scanner) && peek(scanner) == '"') {
        raw.flags |= MB_PARAM_QUOTED;
        scan_quoted(scanner);
    } else {
        raw.flags |= scan_unquoted(scanner);
    }
    raw.value_length = scanner->arena->text->len - raw.value;
    end_text(scanner);
    raw.length = scanner->at - raw.offset;
    g_array_append_val(scanner->arena->raws, raw);
    skip_rest(scanner);
}

void mb_params_scan(struct MbParamsArena *arena, MbParamsKind kind, const char *body, size_t length,
                    MbFlaws *flaws)
{
    Scanner scanner = {arena, body, length, 0, flaws};

    scan_value(&scanner, kind);
    for (;;) {
        skip_blanks(&scanner);
        if (!has_more(&scanner))
            return;
        if (arena->raws->len == MB_PARAMS_MAX) {
            mb_flaws_add(flaws, MB_FLAW_PARAM_MANY, scanner.at, length - scanner.at);
            return;
        }
        if (peek(&scanner) == ';')
            scanner.at++;
        else
            scan_param(&scanner);
    }
}
