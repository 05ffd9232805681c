#include "comment.h"

#include <mailbatch/base/lanes.h>
#include <mailbatch/mime/received.h>
#include <string.h>

#define NO_CLAUSE MB_RECEIVED_CLAUSES

static const char *const names[MB_RECEIVED_CLAUSES] = {"from", "by", "via", "with", "id", "for"};

typedef struct {
    size_t at, length; /* in the storage */
} Piece;

/* Text as it is put together: a line end and the blanks behind it are one blank. */
typedef struct {
    char *start, *to;
    bool in_fold;
} Text;

/* How far the clauses have come: what a ";" may bring back. */
typedef struct {
    MbReceivedClause in_hand; /* its words and comments come; NO_CLAUSE before the first */
    unsigned closed;          /* a bit for each clause that is complete */
    unsigned commented;       /* those of them that have a comment */
    Text words;               /* of the clause in hand: at the end of the storage */
    Text comments;            /* of the clause in hand */
} Progress;

typedef struct {
    Progress now;
    Piece clause[MB_RECEIVED_CLAUSES]; /* of those that are closed */
    Piece comment[MB_RECEIVED_CLAUSES];
} Clauses;

typedef struct {
    const char *value;
    size_t length;
    size_t at;
    char *storage;
    size_t date; /* where the clauses end; the date, or the ";" before it, stands there */
} Reading;

const char *mb_received_clause_name(MbReceivedClause clause)
{
    return names[clause];
}

void mb_received_init(MbReceived *received)
{
    *received = (MbReceived){.storage = g_string_new(NULL), .comments = g_string_new(NULL)};
}

void mb_received_clear(MbReceived *received)
{
    GString *all[] = {received->storage, received->comments};

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

/* ---- words ---- */

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
        char c;

        at = mb_skip_solid(reading->value, at, reading->length);
        if (at == reading->length)
            break;
        c = reading->value[at];
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

/* Up to four letters in lower case, as one number; nothing else becomes a letter. */
static uint32_t fold_letters(const char *word, size_t length)
{
    uint32_t letters = 0;

    for (size_t i = 0; i < length; i++)
        letters = letters << 8 | (uint8_t)(word[i] | 0x20);
    return letters;
}

#define LETTERS(a, b, c, d)                                                                        \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* Whether the date begins with the word: "Mon,". */
static bool is_weekday(const char *word, size_t length)
{
    if (length < 4 || word[3] != ',')
        return false;
    switch (fold_letters(word, 3)) {
    case LETTERS(0, 's', 'u', 'n'):
    case LETTERS(0, 'm', 'o', 'n'):
    case LETTERS(0, 't', 'u', 'e'):
    case LETTERS(0, 'w', 'e', 'd'):
    case LETTERS(0, 't', 'h', 'u'):
    case LETTERS(0, 'f', 'r', 'i'):
    case LETTERS(0, 's', 'a', 't'): return true;
    default: return false;
    }
}

static MbReceivedClause clause_named(const char *word, size_t length)
{
    if (length < 2 || length > 4)
        return NO_CLAUSE;
    switch (fold_letters(word, length)) {
    case LETTERS('f', 'r', 'o', 'm'): return MB_RECEIVED_FROM;
    case LETTERS(0, 0, 'b', 'y'): return MB_RECEIVED_BY;
    case LETTERS(0, 'v', 'i', 'a'): return MB_RECEIVED_VIA;
    case LETTERS('w', 'i', 't', 'h'): return MB_RECEIVED_WITH;
    case LETTERS(0, 0, 'i', 'd'): return MB_RECEIVED_ID;
    case LETTERS(0, 'f', 'o', 'r'): return MB_RECEIVED_FOR;
    default: return NO_CLAUSE;
    }
}

/* The clause that begins with the word, unless there is one of that name. */
static MbReceivedClause clause_of(const Clauses *clauses, const char *word, size_t length)
{
    MbReceivedClause clause = clause_named(word, length);

    if (clause == clauses->now.in_hand || (clauses->now.closed >> clause & 1) != 0)
        return NO_CLAUSE;
    return clause;
}

/* ---- clauses ---- */

static void put_folded(Text *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool is_end = bytes[i] == '\r' || bytes[i] == '\n';
        bool is_rest = text->in_fold && is_blank(bytes[i]);

        if (!is_end && !is_rest)
            *text->to++ = bytes[i];
        else if (!text->in_fold)
            *text->to++ = ' ';
        text->in_fold = is_end || is_rest;
    }
}

static bool has_fold(MbLanes block)
{
    return mb_lanes_any((MbLanes)((block == '\n') | (block == '\r')));
}

/* At most a block without line ends; what is written behind it is overwritten. */
static bool put_short(Text *text, const char *bytes, size_t length)
{
    MbLanes block = mb_lanes_load_some(bytes, length);

    if (has_fold(block))
        return false;
    memcpy(text->to, &block, MB_LANES);
    text->to += length;
    return true;
}

static void put(Text *text, const char *bytes, size_t length)
{
    if (text->to > text->start)
        put_folded(text, " ", 1);
    while (!text->in_fold && length > 0) {
        size_t piece = MIN(length, MB_LANES);

        if (!put_short(text, bytes, piece))
            break;
        bytes += piece;
        length -= piece;
    }
    put_folded(text, bytes, length);
}

static void put_comment(Clauses *clauses, const char *comment, size_t length)
{
    size_t inner = length - 1 - (length > 1 && comment[length - 1] == ')');

    if (clauses->now.in_hand != NO_CLAUSE)
        put(&clauses->now.comments, comment + 1, inner);
}

static Piece piece_of(const Reading *reading, const Text *text)
{
    *text->to = '\0';
    return (Piece){(size_t)(text->start - reading->storage), (size_t)(text->to - text->start)};
}

static void close_clause(Reading *reading, Clauses *clauses)
{
    Progress *now = &clauses->now;
    Text comments = now->comments;
    char *end = now->words.to;

    if (now->in_hand == NO_CLAUSE)
        return;
    clauses->clause[now->in_hand] = piece_of(reading, &now->words);
    now->closed |= 1u << now->in_hand;
    end++;
    if (comments.to > comments.start) {
        Text beside = {end, end + (comments.to - comments.start), false};

        memcpy(end, comments.start, (size_t)(comments.to - comments.start));
        clauses->comment[now->in_hand] = piece_of(reading, &beside);
        now->commented |= 1u << now->in_hand;
        end = beside.to + 1;
    }
    now->words = (Text){end, end, false};
    /* What a ";" may bring back stays where it is. */
    now->comments = (Text){comments.to, comments.to, false};
    now->in_hand = NO_CLAUSE;
}

static void take_word(Reading *reading, Clauses *clauses, const char *word, size_t length)
{
    MbReceivedClause clause = clause_of(clauses, word, length);

    if (clause != NO_CLAUSE) {
        close_clause(reading, clauses);
        clauses->now.in_hand = clause;
    } else if (clauses->now.in_hand != NO_CLAUSE) {
        put(&clauses->now.words, word, length);
    }
}

/* The date stands behind the last ";" outside of quotes, brackets and comments, and no clause
 * beyond that one counts; without any it begins with its weekday. */
static void read_clauses(Reading *reading, Clauses *clauses)
{
    Progress before = clauses->now;
    bool has_weekday = false, has_semicolon = false;

    reading->date = reading->length;
    while (reading->at < reading->length) {
        const char *word = reading->value + reading->at;
        size_t start = reading->at;

        if (is_blank(*word)) {
            reading->at++;
        } else if (*word == ';') {
            before = clauses->now;
            reading->date = reading->at++;
            has_semicolon = true;
        } else if (*word == '(') {
            reading->at = comment_end(reading, start);
            if (!has_weekday)
                put_comment(clauses, word, reading->at - start);
        } else {
            reading->at = word_end(reading, start);
            if (!has_weekday && is_weekday(word, reading->at - start)) {
                has_weekday = true;
                if (!has_semicolon)
                    reading->date = start;
            } else if (!has_weekday) {
                take_word(reading, clauses, word, reading->at - start);
            }
        }
    }
    if (has_semicolon)
        clauses->now = before;
    close_clause(reading, clauses);
}

/* ---- the date ---- */

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

/* ---- the value ---- */

static MbReceivedText text_of(const Reading *reading, bool is_there, const Piece *piece)
{
    if (!is_there)
        return (MbReceivedText){0};
    return (MbReceivedText){reading->storage + piece->at, piece->length};
}

/* Every byte with a blank before it, what ends the texts, and what put_short() writes behind. */
static size_t room(size_t length)
{
    return 2 * length + 4 * MB_RECEIVED_CLAUSES + MB_LANES;
}

static char *reserve(GString *text, size_t length)
{
    if (text->allocated_len <= room(length))
        g_string_set_size(text, room(length));
    return text->str;
}

void mb_received_parse(MbReceived *received, const char *value, size_t length, MbFlaws *flaws)
{
    Reading reading = {
        .value = value, .length = length, .storage = reserve(received->storage, length)};
    char *comments = reserve(received->comments, length);
    Clauses clauses;
    Progress *now = &clauses.now;

    now->in_hand = NO_CLAUSE;
    now->closed = now->commented = 0;
    now->words = (Text){reading.storage, reading.storage, false};
    now->comments = (Text){comments, comments, false};
    read_clauses(&reading, &clauses);
    g_string_set_size(received->storage, (gsize)(now->words.to - reading.storage));
    for (size_t i = 0; i < MB_RECEIVED_CLAUSES; i++) {
        received->clause[i] = text_of(&reading, (now->closed >> i & 1) != 0, &clauses.clause[i]);
        received->comment[i] =
            text_of(&reading, (now->commented >> i & 1) != 0, &clauses.comment[i]);
    }
    received->has_date = false;
    received->date = (MbDate){0};
    received->date_offset = received->date_length = 0;
    read_date(received, value, reading.date, length, flaws);
}
