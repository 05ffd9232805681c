#include <limits.h>
#include <mailbatch/base/lanes.h>
#include <mailbatch/base/text.h>
#include <mailbatch/mime/charset.h>
#include <mailbatch/mime/decode.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define WORD_MAX      75 /* RFC 2047, 2 */
#define LABEL_MAX     64
#define HEADER_LENGTH 3 /* "=?" and the "?" behind the charset */

/* An encoded-word in the value: offsets from the value's start. */
typedef struct {
    size_t start, end;
    size_t charset, charset_length;
    size_t text, text_length;
    bool base64;
} Word;

/* Adjacent words of one charset, not converted yet. */
typedef struct {
    const char *value;
    size_t length;
    GString *out;
    MbFlaws *flaws;
    GString *bytes;
    char charset[LABEL_MAX];
    size_t start, end; /* where they stand; `end` 0: there is none */
} Decoder;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether a "?" stands behind one of the "=" that `equals` has a bit for. */
static bool is_word_start(const char *value, size_t length, size_t at, unsigned equals)
{
    for (; equals != 0; equals &= equals - 1) {
        size_t behind = at + (size_t)__builtin_ctz(equals) + 1;

        if (behind < length && value[behind] == '?')
            return true;
    }
    return false;
}

MbWordsForm mb_words_form(const char *value, size_t length)
{
    MbWordsForm form = MB_WORDS_PLAIN;

    for (size_t at = 0; at < length; at += MB_LANES) {
        size_t left = length - at;
        MbLanes block = mb_lanes_load_some(value + at, left);
        MbLanes equals = (MbLanes)(block == '=');
        unsigned taken = left >= MB_LANES ? UINT_MAX : (1u << left) - 1;
        MbLanes fold, other;

        /* Bytes above 0x7F are among those up to CR. */
        if ((mb_lanes_bits(equals | (MbLanes)((MbSignedLanes)block <= '\r')) & taken) == 0)
            continue;
        fold = (MbLanes)((block == '\n') | (block == '\r'));
        other = block | (MbLanes)(block == '\0');
        if ((mb_lanes_bits(other) & taken) != 0 ||
            is_word_start(value, length, at, mb_lanes_bits(equals)))
            return MB_WORDS_CODED;
        if (mb_lanes_any(fold))
            form = MB_WORDS_FOLDED;
    }
    return form;
}

/* Flaws of a charset stand at the words they came from. */
static void note_at(Decoder *decoder, const MbFlaws *found, size_t start, size_t end)
{
    for (size_t i = 0; i < mb_flaws_count(found); i++)
        mb_flaws_add(decoder->flaws, mb_flaws_at(found, i)->kind, start, end - start);
}

static bool has_control(const GString *text, size_t from)
{
    for (size_t i = from; i < text->len; i++) {
        uint8_t c = (uint8_t)text->str[i];

        if ((c < ' ' && c != '\t') || c == 0x7F)
            return true;
    }
    return false;
}

static void flush(Decoder *decoder)
{
    g_auto(MbFlaws) found = {0};
    size_t before = decoder->out->len;

    if (decoder->end == 0)
        return;
    mb_charset_to_utf8(decoder->charset, decoder->bytes->str, decoder->bytes->len, decoder->out,
                       NULL, decoder->flaws != NULL ? &found : NULL);
    note_at(decoder, &found, decoder->start, decoder->end);
    if (decoder->flaws != NULL && has_control(decoder->out, before))
        mb_flaws_add(decoder->flaws, MB_FLAW_WORD_CONTROL, decoder->start,
                     decoder->end - decoder->start);
    g_string_truncate(decoder->bytes, 0);
    decoder->end = 0;
}

/* Appends without the line ends of folds. */
static void unfold(const char *value, size_t at, size_t end, GString *out)
{
    gsize had = out->len;
    char *to;

    g_string_set_size(out, had + (end - at));
    to = out->str + had;
    while (at < end) {
        const char *line_end = memchr(value + at, '\n', end - at);
        size_t stop = line_end != NULL ? (size_t)(line_end - value) : end;
        size_t solid = stop;

        if (line_end != NULL && solid > at && value[solid - 1] == '\r')
            solid--;
        memcpy(to, value + at, solid - at);
        to += solid - at;
        at = line_end != NULL ? stop + 1 : end;
    }
    g_string_truncate(out, (gsize)(to - out->str));
}

/* Text outside words: line ends of folds go, bytes above 0x7F are converted. */
static void put_literal(Decoder *decoder, size_t start, size_t end)
{
    g_autoptr(GString) raw = NULL;
    const char *value = decoder->value;
    g_auto(MbFlaws) found = {0};

    if (memchr(value + start, '\0', end - start) != NULL)
        mb_flaws_add(decoder->flaws, MB_FLAW_RAW_NUL, start, end - start);
    if (mb_text_is_ascii(value + start, end - start)) {
        unfold(value, start, end, decoder->out);
        return;
    }
    raw = g_string_sized_new(end - start);
    unfold(value, start, end, raw);
    mb_flaws_add(decoder->flaws, MB_FLAW_RAW_8BIT, start, end - start);
    mb_charset_to_utf8(NULL, raw->str, raw->len, decoder->out, NULL, &found);
    note_at(decoder, &found, start, end);
}

/* Where the encoded text that begins at `at` ends: at "?=", unless another word begins before. */
static bool find_text_end(const Decoder *decoder, size_t at, size_t *end)
{
    const char *value = decoder->value;

    for (; at + 1 < decoder->length; at++) {
        if (value[at] == '?' && value[at + 1] == '=') {
            *end = at;
            return true;
        }
        if (value[at] == '=' && value[at + 1] == '?' &&
            (at + 2 == decoder->length || value[at + 2] != '='))
            return false;
    }
    return false;
}

/* The word that begins at `at`, where "=?" stands. */
static bool find_word(const Decoder *decoder, size_t at, Word *word)
{
    const char *value = decoder->value;
    size_t last = MIN(decoder->length, at + 2 + LABEL_MAX);
    size_t mark = at + 2;
    size_t end;

    while (mark < last && value[mark] != '?' && !is_blank(value[mark]))
        mark++;
    if (mark + 3 > decoder->length || mark == at + 2 || value[mark] != '?' ||
        value[mark + 2] != '?')
        return false;
    if (strchr("bBqQ", value[mark + 1]) == NULL || value[mark + 1] == '\0')
        return false;
    if (!find_text_end(decoder, mark + HEADER_LENGTH, &end))
        return false;
    word->start = at;
    word->end = end + 2;
    word->charset = at + 2;
    word->charset_length = mark - word->charset;
    word->text = mark + HEADER_LENGTH;
    word->text_length = end - word->text;
    word->base64 = g_ascii_tolower(value[mark + 1]) == 'b';
    return true;
}

static void decode_q(Decoder *decoder, const Word *word)
{
    const char *text = decoder->value + word->text;

    for (size_t i = 0; i < word->text_length; i++) {
        if (text[i] == '_') {
            g_string_append_c(decoder->bytes, ' ');
        } else if (text[i] == '\r' || text[i] == '\n') {
            continue;
        } else if (text[i] != '=') {
            g_string_append_c(decoder->bytes, text[i]);
        } else if (i + 2 < word->text_length && g_ascii_isxdigit(text[i + 1]) &&
                   g_ascii_isxdigit(text[i + 2])) {
            int byte = g_ascii_xdigit_value(text[i + 1]) << 4 | g_ascii_xdigit_value(text[i + 2]);

            g_string_append_c(decoder->bytes, (char)byte);
            i += 2;
        } else {
            mb_flaws_add(decoder->flaws, MB_FLAW_QP_BAD_ESCAPE, word->text + i, 1);
            g_string_append_c(decoder->bytes, '=');
        }
    }
}

static void decode_b(Decoder *decoder, const Word *word)
{
    g_auto(MbFlaws) found = {0};

    mb_decode(MB_ENCODING_BASE64, decoder->value + word->text, word->text_length, decoder->bytes,
              decoder->flaws != NULL ? &found : NULL);
    if (decoder->flaws != NULL)
        mb_flaws_add_all(decoder->flaws, &found, word->text);
}

/* Whether UTF-8 ends within a character. */
static bool ends_inside(const GString *bytes)
{
    size_t back = 0;
    uint8_t lead;

    while (back < 3 && back < bytes->len &&
           ((uint8_t)bytes->str[bytes->len - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back >= bytes->len)
        return false;
    lead = (uint8_t)bytes->str[bytes->len - 1 - back];
    return lead >= 0xF0 ? back < 3 : lead >= 0xE0 ? back < 2 : lead >= 0xC0 && back < 1;
}

static void note_form(Decoder *decoder, const Word *word)
{
    const char *value = decoder->value;
    size_t length = word->end - word->start;

    if (length > WORD_MAX)
        mb_flaws_add(decoder->flaws, MB_FLAW_WORD_LONG, word->start, length);
    for (size_t i = 0; i < word->text_length; i++) {
        if (is_blank(value[word->text + i])) {
            mb_flaws_add(decoder->flaws, MB_FLAW_WORD_BLANK, word->text + i, 1);
            break;
        }
    }
    if ((word->start > 0 && !is_blank(value[word->start - 1]) && value[word->start - 1] != '(') ||
        (word->end < decoder->length && !is_blank(value[word->end]) && value[word->end] != ')'))
        mb_flaws_add(decoder->flaws, MB_FLAW_WORD_GLUED, word->start, length);
}

static void put_word(Decoder *decoder, const Word *word)
{
    const char *label = decoder->value + word->charset;
    const char *language = memchr(label, '*', word->charset_length);
    size_t length = language != NULL ? (size_t)(language - label) : word->charset_length;

    if (decoder->flaws != NULL)
        note_form(decoder, word);
    if (decoder->end != 0 && (strlen(decoder->charset) != length ||
                              g_ascii_strncasecmp(decoder->charset, label, length) != 0))
        flush(decoder);
    if (decoder->end == 0) {
        decoder->start = word->start;
        length = MIN(length, LABEL_MAX - 1);
        memcpy(decoder->charset, label, length);
        decoder->charset[length] = '\0';
    } else if (g_ascii_strcasecmp(decoder->charset, "utf-8") == 0 && ends_inside(decoder->bytes)) {
        mb_flaws_add(decoder->flaws, MB_FLAW_WORD_SPLIT, word->start, word->end - word->start);
    }
    if (word->base64)
        decode_b(decoder, word);
    else
        decode_q(decoder, word);
    decoder->end = word->end;
}

/* Blanks between two words are not shown (RFC 2047, 6.2). */
static bool only_blanks(const char *value, size_t start, size_t end)
{
    while (start < end && is_blank(value[start]))
        start++;
    return start == end;
}

static void put_between(Decoder *decoder, size_t start, size_t end, bool before_word)
{
    if (start == end)
        return;
    if (before_word && decoder->end != 0 && only_blanks(decoder->value, start, end))
        return;
    flush(decoder);
    put_literal(decoder, start, end);
}

void mb_words_decode(const char *value, size_t length, GString *out, MbFlaws *flaws)
{
    Decoder decoder = {.value = value, .length = length, .out = out, .flaws = flaws};
    g_autoptr(GString) bytes = NULL;
    size_t literal = 0;
    size_t at = 0;

    switch (mb_words_form(value, length)) {
    case MB_WORDS_PLAIN: g_string_append_len(out, value, (gssize)length); return;
    case MB_WORDS_FOLDED: unfold(value, 0, length, out); return;
    case MB_WORDS_CODED: break;
    }
    bytes = decoder.bytes = g_string_new(NULL);
    while (at < length) {
        const char *mark = memchr(value + at, '=', length - at);
        Word word;

        if (mark == NULL)
            break;
        at = (size_t)(mark - value);
        if (at + 1 >= length || value[at + 1] != '?') {
            at++;
        } else if (find_word(&decoder, at, &word)) {
            put_between(&decoder, literal, word.start, true);
            put_word(&decoder, &word);
            literal = at = word.end;
        } else {
            mb_flaws_add(flaws, MB_FLAW_WORD_MALFORMED, at, 2);
            at += 2;
        }
    }
    put_between(&decoder, literal, length, false);
    flush(&decoder);
}
