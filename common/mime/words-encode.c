#include "fold.h"

#include <mailbatch/mime/encode.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define PREFIX_Q     "=?UTF-8?Q?"
#define PREFIX_B     "=?UTF-8?B?"
#define OVERHEAD     12 /* prefix and "?=" */
#define WORD_MAX     75 /* RFC 2047, 2 */
#define CHAR_MAX_Q   12 /* what the longest character takes in Q: there is room for one at least */
#define LONGEST_GAP  40 /* a longer run of blanks is encoded, so that it may be broken */
#define LONGEST_NAME 74 /* a longer quoted-string is encoded instead */

static const char digits[] = "0123456789ABCDEF";

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The alphabet that is safe in phrases too (RFC 2047, 5 (3)). */
static bool is_q_literal(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!*+-/", c) != NULL);
}

static size_t q_length(const char *text, size_t length)
{
    size_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += is_q_literal(text[i]) || text[i] == ' ' ? 1 : 3;
    return sum;
}

static void put_q(GString *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];

        if (is_q_literal(text[i])) {
            g_string_append_c(out, text[i]);
        } else if (byte == ' ') {
            g_string_append_c(out, '_');
        } else {
            g_string_append_c(out, '=');
            g_string_append_c(out, digits[byte >> 4]);
            g_string_append_c(out, digits[byte & 0xF]);
        }
    }
}

/* How many bytes of whole characters fit into `room` characters of encoded text, one at least. */
static size_t fitting(const char *text, size_t length, size_t room, bool base64)
{
    size_t taken = 0;
    size_t used = 0;

    while (taken < length) {
        size_t next = (size_t)(g_utf8_next_char(text + taken) - text) - taken;

        used += base64 ? next : q_length(text + taken, next);
        if (taken > 0 && (base64 ? (used + 2) / 3 * 4 : used) > room)
            break;
        taken += next;
    }
    return taken;
}

/* A run of text as encoded-words; `gap` is what stands between it and what came before. */
static void put_words(MbFold *fold, const char *gap, size_t gap_length, const char *text,
                      size_t length)
{
    bool base64 = q_length(text, length) > (length + 2) / 3 * 4;

    while (length > 0) {
        size_t room, taken;

        mb_fold_gap(fold, gap, gap_length, OVERHEAD + CHAR_MAX_Q);
        room = MB_FOLD_COLUMNS > fold->column ? MB_FOLD_COLUMNS - fold->column : 0;
        room = CLAMP(room, OVERHEAD + CHAR_MAX_Q, WORD_MAX) - OVERHEAD;
        taken = fitting(text, length, room, base64);
        mb_fold_append(fold, base64 ? PREFIX_B : PREFIX_Q, OVERHEAD - 2);
        if (base64)
            mb_base64_append(fold->out, text, taken);
        else
            put_q(fold->out, text, taken);
        g_string_append(fold->out, "?=");
        fold->column += (base64 ? (taken + 2) / 3 * 4 : q_length(text, taken)) + 2;
        text += taken;
        length -= taken;
        gap = " ";
        gap_length = 1;
    }
}

/* Whether a word may not stand as it is. `room` is what a line of its own would give it. */
static bool needs_encoding(const char *word, size_t length, size_t room)
{
    if (length > room)
        return true;
    for (size_t i = 0; i < length; i++) {
        if ((uint8_t)word[i] >= 0x7F || (uint8_t)word[i] < ' ')
            return true;
        if (word[i] == '=' && i + 1 < length && word[i + 1] == '?')
            return true;
    }
    return false;
}

static size_t skip(const char *text, size_t at, size_t length, bool blanks)
{
    while (at < length && is_blank(text[at]) == blanks)
        at++;
    return at;
}

typedef struct {
    size_t gap;   /* where the blanks before it begin */
    size_t start; /* where it begins */
    size_t end;
    bool encode;
} Word;

/* The next word from `at` on, with the blanks before it. Blanks that folding might lose, at both
 * ends of the text and in long runs, belong to an encoded word. */
static Word next_word(const char *text, size_t length, size_t at, size_t column)
{
    Word word = {.gap = at};
    size_t after;

    word.start = skip(text, at, length, true);
    word.end = skip(text, word.start, length, false);
    after = skip(text, word.end, length, true);
    word.encode = needs_encoding(text + word.start, word.end - word.start,
                                 at == 0 ? MB_FOLD_COLUMNS - MIN(column, MB_FOLD_COLUMNS)
                                         : MB_FOLD_COLUMNS - LONGEST_GAP);
    if (after == length && after > word.end) {
        word.end = after;
        word.encode = true;
    }
    if ((at == 0 && word.start > 0) || word.start - at > LONGEST_GAP) {
        word.start = at;
        word.encode = true;
    }
    return word;
}

size_t mb_words_encode(const char *text, size_t length, size_t column, GString *out)
{
    size_t clean_length;
    g_autofree char *value = mb_fold_clean(text, length, &clean_length);
    MbFold fold = {out, column};
    size_t at = 0;

    while (at < clean_length) {
        Word word = next_word(value, clean_length, at, column);
        size_t end = word.end;

        while (word.encode && end < clean_length) {
            Word next = next_word(value, clean_length, end, column);

            if (!next.encode)
                break;
            end = next.end;
        }
        if (word.encode) {
            put_words(&fold, value + word.gap, word.start - word.gap, value + word.start,
                      end - word.start);
        } else {
            mb_fold_gap(&fold, value + word.gap, word.start - word.gap, word.end - word.start);
            mb_fold_append(&fold, value + word.start, word.end - word.start);
        }
        at = end;
    }
    return fold.column;
}

static bool is_atom_text(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Atoms with single blanks between them, which need neither quotes nor encoding. */
static bool is_atoms(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (is_atom_text(text[i]))
            continue;
        if (text[i] != ' ' || i == 0 || i + 1 == length || text[i + 1] == ' ')
            return false;
    }
    return length > 0;
}

static void put_quoted(MbFold *fold, const char *text, size_t length)
{
    size_t before = fold->out->len;

    g_string_append_c(fold->out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\')
            g_string_append_c(fold->out, '\\');
        g_string_append_c(fold->out, text[i]);
    }
    g_string_append_c(fold->out, '"');
    fold->column += fold->out->len - before;
}

static size_t quoted_length(const char *text, size_t length)
{
    size_t sum = length + 2;

    for (size_t i = 0; i < length; i++)
        sum += text[i] == '"' || text[i] == '\\';
    return sum;
}

size_t mb_words_encode_phrase(const char *text, size_t length, size_t column, GString *out)
{
    size_t clean_length;
    g_autofree char *value = mb_fold_clean(text, length, &clean_length);
    MbFold fold = {out, column};
    size_t quoted = quoted_length(value, clean_length);

    if (clean_length == 0)
        return column;
    if (needs_encoding(value, clean_length, LONGEST_NAME) || quoted > LONGEST_NAME) {
        put_words(&fold, "", 0, value, clean_length);
    } else if (is_atoms(value, clean_length)) {
        mb_fold_gap(&fold, "", 0, clean_length);
        mb_fold_append(&fold, value, clean_length);
    } else {
        mb_fold_gap(&fold, "", 0, quoted);
        put_quoted(&fold, value, clean_length);
    }
    return fold.column;
}
