#include <mailbatch/mime/date.h>
#include <string.h>

#define YEAR_MAX_DIGITS 6

typedef struct {
    const char *text;
    size_t length;
    size_t at;
    MbFlaws *flaws;
    int weekday; /* 0 Sunday, as the text says; -1: it does not */
} Reader;

static const char weekdays[][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
static const char months[][4] = {"jan", "feb", "mar", "apr", "may", "jun",
                                 "jul", "aug", "sep", "oct", "nov", "dec"};

/* RFC 5322, 4.3: obs-zone, and UTC. */
static const struct {
    const char *name;
    int minutes;
} zones[] = {
    {"UT", 0},     {"UTC", 0},    {"GMT", 0},    {"Z", 0},      {"EST", -300}, {"EDT", -240},
    {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
};

static char peek(const Reader *reader)
{
    return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks_and_comments(Reader *reader)
{
    size_t depth = 0;

    for (; reader->at < reader->length; reader->at++) {
        char c = peek(reader);

        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth > 0 && c == '\\')
            reader->at++;
        else if (depth == 0 && !is_blank(c))
            return;
    }
    reader->at = reader->length;
}

static void skip_blanks(Reader *reader)
{
    while (is_blank(peek(reader)))
        reader->at++;
    if (peek(reader) == '(')
        skip_blanks_and_comments(reader);
}

/* A number of at most `max_digits`; returns its digits, 0 when there is none. */
static size_t read_number(Reader *reader, size_t max_digits, int *number)
{
    size_t digits = 0;
    int value = 0;

    while (digits < max_digits && g_ascii_isdigit(peek(reader))) {
        value = value * 10 + (peek(reader) - '0');
        reader->at++;
        digits++;
    }
    if (digits > 0)
        *number = value;
    return digits;
}

static size_t word_length(const Reader *reader)
{
    size_t end = reader->at;

    while (end < reader->length && g_ascii_isalpha(reader->text[end]))
        end++;
    return end - reader->at;
}

/* Three letters in lower case, as one number; nothing else becomes a letter. */
static uint32_t fold_three(const char *text)
{
    return ((uint32_t)(uint8_t)text[0] | (uint32_t)(uint8_t)text[1] << 8 |
            (uint32_t)(uint8_t)text[2] << 16) |
           0x202020;
}

/* The index of three letters in a table of names, or -1. */
static int find_three(const char *text, const char (*names)[4], int count)
{
    uint32_t letters = fold_three(text);

    for (int i = 0; i < count; i++) {
        if (fold_three(names[i]) == letters)
            return i;
    }
    return -1;
}

/* The same of the word here; longer forms count too. */
static int find_word(const Reader *reader, const char (*names)[4], int count)
{
    if (word_length(reader) < 3)
        return -1;
    return find_three(reader->text + reader->at, names, count);
}

static bool take(Reader *reader, char c)
{
    if (peek(reader) != c)
        return false;
    reader->at++;
    return true;
}

static bool read_month(Reader *reader, MbDate *date)
{
    int month = find_word(reader, months, 12);

    if (month < 0)
        return false;
    if (word_length(reader) > 3)
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, reader->at, word_length(reader));
    reader->at += word_length(reader);
    date->month = month + 1;
    take(reader, '.');
    return true;
}

static bool read_year(Reader *reader, MbDate *date)
{
    size_t start = reader->at;
    size_t digits = read_number(reader, YEAR_MAX_DIGITS, &date->year);

    if (digits < 2)
        return false;
    if (digits < 4) {
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, start, digits);
        date->year += digits == 3 || date->year >= 50 ? 1900 : 2000;
    }
    return true;
}

/* hour ":" minute [ ":" second [ "." fraction ] ]; a dot for the colon is seen too. */
static bool read_time(Reader *reader, MbDate *date)
{
    size_t start = reader->at;
    char separator;
    int fraction;

    if (read_number(reader, 2, &date->hour) == 0)
        return false;
    skip_blanks(reader);
    separator = peek(reader);
    if (separator != ':' && separator != '.')
        return false;
    reader->at++;
    skip_blanks(reader);
    if (read_number(reader, 2, &date->minute) == 0)
        return false;
    skip_blanks(reader);
    if (take(reader, separator)) {
        skip_blanks(reader);
        if (read_number(reader, 2, &date->second) == 0)
            return false;
        if (take(reader, '.') || take(reader, ','))
            while (read_number(reader, YEAR_MAX_DIGITS, &fraction) > 0)
                ;
    }
    if (separator == '.')
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, start, reader->at - start);
    return true;
}

static void read_numeric_zone(Reader *reader, MbDate *date)
{
    size_t start = reader->at;
    bool west = peek(reader) == '-';
    int hours = 0, minutes = 0;
    size_t digits;

    reader->at++;
    digits = read_number(reader, 2, &hours);
    if (take(reader, ':'))
        digits = 5;
    digits += read_number(reader, 2, &minutes);
    if (digits == 3) { /* +100 is an hour, not ten */
        minutes += hours % 10 * 10;
        hours /= 10;
    }
    date->zone_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    if (digits != 4)
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, start, reader->at - start);
    if (digits == 0 || (west && date->zone_minutes == 0)) {
        date->zone = MB_ZONE_UNKNOWN;
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_ZONE, start, reader->at - start);
    }
    if (minutes > 59)
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_IMPOSSIBLE, start, reader->at - start);
}

static void read_zone(Reader *reader, MbDate *date)
{
    size_t start, length;

    skip_blanks(reader);
    start = reader->at;
    length = word_length(reader);
    if (peek(reader) == '+' || peek(reader) == '-') {
        read_numeric_zone(reader, date);
        return;
    }
    reader->at += length;
    for (size_t i = 0; i < G_N_ELEMENTS(zones); i++) {
        if (strlen(zones[i].name) == length &&
            g_ascii_strncasecmp(reader->text + start, zones[i].name, length) == 0) {
            date->zone_minutes = zones[i].minutes;
            mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, start, length);
            if (zones[i].minutes == 0 && (peek(reader) == '+' || peek(reader) == '-'))
                read_numeric_zone(reader, date);
            return;
        }
    }
    date->zone = length > 0 ? MB_ZONE_UNKNOWN : MB_ZONE_MISSING;
    mb_flaws_add(reader->flaws, MB_FLAW_DATE_ZONE, start, length);
}

/* day month year time zone, with blanks or hyphens between. */
static bool read_rfc(Reader *reader, MbDate *date)
{
    if (read_number(reader, 2, &date->day) == 0)
        return false;
    skip_blanks(reader);
    take(reader, '-');
    if (!read_month(reader, date))
        return false;
    skip_blanks(reader);
    if (take(reader, '-'))
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, reader->at - 1, 1);
    if (!read_year(reader, date))
        return false;
    skip_blanks(reader);
    take(reader, ',');
    skip_blanks(reader);
    if (!read_time(reader, date))
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_MALFORMED, reader->at, 0);
    read_zone(reader, date);
    return true;
}

/* Weekday Month day time [zone] year: ctime's order, and Month day, year time. */
static bool read_ctime(Reader *reader, MbDate *date)
{
    size_t before;

    mb_flaws_add(reader->flaws, MB_FLAW_DATE_OBSOLETE, reader->at, 0);
    if (!read_month(reader, date))
        return false;
    skip_blanks(reader);
    if (read_number(reader, 2, &date->day) == 0)
        return false;
    take(reader, ',');
    skip_blanks(reader);
    before = reader->at;
    if (!read_time(reader, date)) {
        reader->at = before;
        date->hour = 0;
        if (!read_year(reader, date))
            return false;
        skip_blanks(reader);
        if (!read_time(reader, date))
            mb_flaws_add(reader->flaws, MB_FLAW_DATE_MALFORMED, reader->at, 0);
        read_zone(reader, date);
        return true;
    }
    skip_blanks(reader);
    if (g_ascii_isdigit(peek(reader))) {
        if (!read_year(reader, date))
            return false;
        read_zone(reader, date);
        return true;
    }
    read_zone(reader, date);
    skip_blanks(reader);
    return read_year(reader, date);
}

/* ISO 8601: year-month-day [ "T" time [ zone ] ]. */
static bool read_iso(Reader *reader, MbDate *date)
{
    mb_flaws_add(reader->flaws, MB_FLAW_DATE_ISO, reader->at, reader->length - reader->at);
    if (read_number(reader, 4, &date->year) != 4 || !take(reader, '-'))
        return false;
    if (read_number(reader, 2, &date->month) == 0 || !take(reader, '-'))
        return false;
    if (read_number(reader, 2, &date->day) == 0)
        return false;
    if (!take(reader, 'T'))
        take(reader, 't');
    skip_blanks(reader);
    if (reader->at < reader->length && !read_time(reader, date))
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_MALFORMED, reader->at, 0);
    read_zone(reader, date);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* Whether the fields name a moment, and which. */
static void resolve(Reader *reader, MbDate *date)
{
    int64_t days;

    date->valid = date->month >= 1 && date->month <= 12 && date->day >= 1 && date->hour <= 23 &&
                  date->minute <= 59 && date->second <= 60;
    if (!date->valid || date->day > days_in_month(date->year, date->month)) {
        date->valid = false;
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_IMPOSSIBLE, 0, reader->length);
        return;
    }
    if (date->second == 60)
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_LEAP, 0, reader->length);
    days = mb_date_days(date->year, date->month, date->day);
    date->unix_time = days * 86400 + date->hour * 3600 + date->minute * 60 + date->second -
                      (int64_t)date->zone_minutes * 60;
    if (reader->weekday >= 0 && ((days + 4) % 7 + 7) % 7 != reader->weekday)
        mb_flaws_add(reader->flaws, MB_FLAW_DATE_WEEKDAY, 0, reader->length);
}

static bool looks_iso(const Reader *reader)
{
    const char *text = reader->text + reader->at;

    return reader->length - reader->at >= 5 && g_ascii_isdigit(text[0]) &&
           g_ascii_isdigit(text[1]) && g_ascii_isdigit(text[2]) && g_ascii_isdigit(text[3]) &&
           text[4] == '-';
}

static bool read_date(Reader *reader, MbDate *date)
{
    skip_blanks(reader);
    reader->weekday = find_word(reader, weekdays, 7);
    if (reader->weekday >= 0) {
        reader->at += word_length(reader);
        skip_blanks(reader);
        take(reader, '.');
        take(reader, ',');
        skip_blanks(reader);
    }
    if (looks_iso(reader))
        return read_iso(reader, date);
    if (find_word(reader, months, 12) >= 0)
        return read_ctime(reader, date);
    return read_rfc(reader, date);
}

/* Two digits, or a value over 99. */
static int two_digits(const char *text)
{
    unsigned tens = (unsigned)text[0] - '0';
    unsigned ones = (unsigned)text[1] - '0';

    return tens > 9 || ones > 9 ? 100 : (int)(tens * 10 + ones);
}

/* What most programs write, "Mon, 23 Nov 2026 16:34:51 +0100", and no more behind it than a comment
 * of letters; all else is for the reader. */
static bool read_usual(Reader *reader, MbDate *date)
{
    const char *text = reader->text;
    int high, low, zone_hours, zone_minutes;
    size_t at = 5;

    if (reader->length < 30 || text[3] != ',' || text[4] != ' ')
        return false;
    reader->weekday = find_three(text, weekdays, 7);
    at += text[5] == ' ';
    if (text[at + 1] == ' ') {
        date->day = g_ascii_digit_value(text[at]);
        at += 2;
    } else {
        date->day = two_digits(text + at);
        at += 3;
    }
    if (reader->length < at + 23 || text[at - 1] != ' ' || text[at + 3] != ' ' ||
        text[at + 8] != ' ' || text[at + 11] != ':' || text[at + 14] != ':' ||
        text[at + 17] != ' ' || (text[at + 18] != '+' && text[at + 18] != '-'))
        return false;
    date->month = find_three(text + at, months, 12) + 1;
    high = two_digits(text + at + 4);
    low = two_digits(text + at + 6);
    date->hour = two_digits(text + at + 9);
    date->minute = two_digits(text + at + 12);
    date->second = two_digits(text + at + 15);
    zone_hours = two_digits(text + at + 19);
    zone_minutes = two_digits(text + at + 21);
    if (reader->weekday < 0 || date->day < 1 || date->day > 31 || date->month < 1 || high > 99 ||
        low > 99 || date->hour > 23 || date->minute > 59 || date->second > 59 || zone_hours > 99 ||
        zone_minutes > 59)
        return false;
    date->year = high * 100 + low;
    date->zone_minutes = zone_hours * 60 + zone_minutes;
    reader->at = at + 23;
    if (text[at + 18] == '-')
        date->zone_minutes = -date->zone_minutes;
    /* -0000 says that the zone is not known; a fifth digit, that this is no zone. */
    return (text[at + 18] == '+' || date->zone_minutes != 0) &&
           (reader->at == reader->length || text[reader->at] == ' ');
}

bool mb_date_parse(const char *value, size_t length, MbDate *date, MbFlaws *flaws)
{
    Reader reader = {.text = value, .length = length, .flaws = flaws};
    MbDate found = {0};

    if (!read_usual(&reader, &found)) {
        reader.at = 0;
        found = (MbDate){0};
        if (!read_date(&reader, &found)) {
            *date = (MbDate){0};
            mb_flaws_add(flaws, MB_FLAW_DATE_MALFORMED, 0, length);
            return false;
        }
    }
    resolve(&reader, &found);
    skip_blanks(&reader);
    if (reader.at < length)
        mb_flaws_add(flaws, MB_FLAW_DATE_TRAILING, reader.at, length - reader.at);
    *date = found;
    return true;
}
