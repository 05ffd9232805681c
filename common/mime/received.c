#include "comment.h"

#include <mailbatch/mime/received.h>
#include <string.h>

#define NO_CLAUSE MB_RECEIVED_CLAUSES

static const char *const names[MB_RECEIVED_CLAUSES] = {"from", "by", "via", "with", "id", "for"};

typedef struct {
    size_t at, length; /* in the storage */
    bool is_there;
} Piece;

typedef struct {
    const char *value;
    size_t length;
    GString *storage;
    GString *words, *comments; /* of the clause in hand */
    Piece clause[MB_RECEIVED_CLAUSES];
    Piece comment[MB_RECEIVED_CLAUSES];
} Reading;

const char *mb_received_clause_name(MbReceivedClause clause)
{
    return names[clause];
}

void mb_received_init(MbReceived *received)
{
    *received = (MbReceived){
        .storage = g_string_new(NULL), .words = g_string_new(NULL), .comments = g_string_new(NULL)};
}

void mb_received_clear(MbReceived *received)
{
    GString *all[] = {received->storage, received->words, received->comments};

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i] != NULL)
            g_string_free(all[i], TRUE);
    }
    *received = (MbReceived){0};
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the comment that begins at `at`; the end when it is not closed. */
static size_t comment_end(const Reading *reading, size_t at)
{
    size_t end = mb_comment_end(reading->value, reading->length, at);

    return end > 0 ? end : reading->length;
}

/* Behind the word that begins at `at`; quotes and angle brackets hold it together. */
static size_t word_end(const Reading *reading, size_t at)
{
    char closing = '\0';

    for (; at < reading->length; at++) {
        char c = reading->value[at];

        if (mb_is_solid(c))
            continue;
        if (c == '\\') {
            at++;
        } else if (closing != '\0') {
            if (c == closing)
                closing = '\0';
        } else if (c == '"') {
            closing = '"';
        } else if (c == '<') {
            closing = '>';
        } else if (is_blank(c) || c == ';' || c == '(') {
            break;
        }
    }
    return MIN(at, reading->length);
}

/* Whether the date begins with the word: "Mon,". */
static bool is_weekday(const char *word, size_t length)
{
    static const char days[] = "SunMonTueWedThuFriSat";

    if (length < 4 || word[3] != ',')
        return false;
    for (size_t i = 0; i < sizeof(days) - 1; i += 3) {
        if ((word[0] | 0x20) == (days[i] | 0x20) && g_ascii_strncasecmp(word, days + i, 3) == 0)
            return true;
    }
    return false;
}

/* A line end and the blanks behind it are one blank. */
static void append(const Reading *reading, Piece *piece, const GString *text)
{
    GString *storage = reading->storage;
    bool in_fold = false;

    *piece = (Piece){storage->len, 0, true};
    if (memchr(text->str, '\n', text->len) == NULL && memchr(text->str, '\r', text->len) == NULL) {
        g_string_append_len(storage, text->str, (gssize)text->len + 1);
        piece->length = text->len;
        return;
    }
    for (size_t i = 0; i < text->len; i++) {
        bool is_end = text->str[i] == '\r' || text->str[i] == '\n';

        if (!is_end && !(in_fold && is_blank(text->str[i])))
            g_string_append_c(storage, text->str[i]);
        else if (!in_fold)
            g_string_append_c(storage, ' ');
        in_fold = is_end || (in_fold && is_blank(text->str[i]));
    }
    piece->length = storage->len - piece->at;
    g_string_append_c(storage, '\0');
}

static MbReceivedClause clause_of(const Reading *reading, const char *word, size_t length)
{
    if (length < 2 || length > 4)
        return NO_CLAUSE;
    for (size_t i = 0; i < MB_RECEIVED_CLAUSES; i++) {
        if ((word[0] | 0x20) == names[i][0] && (word[1] | 0x20) == names[i][1] &&
            strlen(names[i]) == length && !reading->clause[i].is_there &&
            g_ascii_strncasecmp(word, names[i], length) == 0)
            return (MbReceivedClause)i;
    }
    return NO_CLAUSE;
}

/* The words and comments of one clause, from `at` up to the next clause or the date. */
static size_t read_clause(Reading *reading, size_t at)
{
    GString *words = reading->words;
    GString *comments = reading->comments;

    g_string_truncate(words, 0);
    g_string_truncate(comments, 0);
    while (at < reading->length) {
        const char *word = reading->value + at;
        size_t end;

        if (is_blank(*word) || *word == ';') {
            at++;
            continue;
        }
        end = *word == '(' ? comment_end(reading, at) : word_end(reading, at);
        if (*word == '(') {
            size_t inner = end - at - 1 - (end > at + 1 && reading->value[end - 1] == ')');

            if (comments->len > 0)
                g_string_append_c(comments, ' ');
            g_string_append_len(comments, word + 1, (gssize)inner);
        } else {
            if (is_weekday(word, end - at) || clause_of(reading, word, end - at) != NO_CLAUSE)
                break;
            if (words->len > 0)
                g_string_append_c(words, ' ');
            g_string_append_len(words, word, (gssize)(end - at));
        }
        at = end;
    }
    return at;
}

/* The last ";" outside of quotes, brackets and comments; `length` when there is none. */
static size_t find_semicolon(const Reading *reading)
{
    size_t found = reading->length;
    size_t at = 0;

    while (at < reading->length) {
        char c = reading->value[at];

        if (c == ';')
            found = at;
        if (c == ';' || is_blank(c))
            at++;
        else
            at = c == '(' ? comment_end(reading, at) : word_end(reading, at);
    }
    return found;
}

/* Returns where the clauses end: at a date, or at the end. */
static size_t read_clauses(Reading *reading)
{
    size_t at = 0;

    while (at < reading->length) {
        const char *word = reading->value + at;
        MbReceivedClause clause;
        size_t end;

        if (is_blank(*word) || *word == '(' || *word == ';') {
            at = *word == '(' ? comment_end(reading, at) : at + 1;
            continue;
        }
        end = word_end(reading, at);
        if (is_weekday(word, end - at))
            break;
        clause = clause_of(reading, word, end - at);
        if (clause != NO_CLAUSE) {
            reading->clause[clause].is_there = true;
            end = read_clause(reading, end);
            reading->clause[clause].is_there = false;
            append(reading, &reading->clause[clause], reading->words);
            if (reading->comments->len > 0)
                append(reading, &reading->comment[clause], reading->comments);
        }
        at = end;
    }
    return at;
}

static void read_date(MbReceived *received, const char *value, size_t at, size_t length,
                      MbFlaws *flaws)
{
    size_t start = at;
    MbFlaws own = {0};

    while (at < length && (is_blank(value[at]) || value[at] == ';'))
        at++;
    while (length > at && is_blank(value[length - 1]))
        length--;
    if (length == at) {
        mb_flaws_add(flaws, MB_FLAW_RECEIVED_NO_DATE, 0, length);
        return;
    }
    if (at == start)
        mb_flaws_add(flaws, MB_FLAW_RECEIVED_NO_SEMICOLON, at, 0);
    received->has_date = mb_date_parse(value + at, length - at, &received->date, &own);
    received->date_offset = at;
    received->date_length = length - at;
    mb_flaws_add_all(flaws, &own, at);
    mb_flaws_clear(&own);
}

static MbReceivedText text_of(const Reading *reading, Piece piece)
{
    if (!piece.is_there)
        return (MbReceivedText){0};
    return (MbReceivedText){reading->storage->str + piece.at, piece.length};
}

void mb_received_parse(MbReceived *received, const char *value, size_t length, MbFlaws *flaws)
{
    Reading reading = {.value = value,
                       .length = length,
                       .storage = received->storage,
                       .words = received->words,
                       .comments = received->comments};
    size_t end;

    g_string_truncate(received->storage, 0);
    *received = (MbReceived){
        .storage = received->storage, .words = received->words, .comments = received->comments};
    reading.length = find_semicolon(&reading);
    end = read_clauses(&reading);
    for (size_t i = 0; i < MB_RECEIVED_CLAUSES; i++) {
        received->clause[i] = text_of(&reading, reading.clause[i]);
        received->comment[i] = text_of(&reading, reading.comment[i]);
    }
    read_date(received, value, reading.length < length ? reading.length : end, length, flaws);
}
