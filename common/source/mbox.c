#include "mbox.h"

#include <glib.h>
#include <mailbatch/base/lanes.h>
#include <string.h>

#define FROM_LENGTH    5 /* "From " */
#define NAME_MAX_FIELD 80
#define CONTENT_LENGTH "content-length"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static size_t line_end(const uint8_t *bytes, size_t length, size_t at)
{
    const uint8_t *end = memchr(bytes + at, '\n', length - at);

    return end != NULL ? (size_t)(end - bytes) : length;
}

bool mb_mbox_is_field(const uint8_t *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && at < NAME_MAX_FIELD && bytes[at] > ' ' && bytes[at] < 0x7F &&
           bytes[at] != ':')
        at++;
    if (at == 0)
        return false;
    while (at < length && (bytes[at] == ' ' || bytes[at] == '\t'))
        at++;
    return at < length && bytes[at] == ':';
}

static bool is_month(const char *text)
{
    for (size_t i = 0; i + 3 <= sizeof(months) - 1; i += 3) {
        if ((*text | 0x20) == (months[i] | 0x20) && g_ascii_strncasecmp(text, months + i, 3) == 0)
            return true;
    }
    return false;
}

/* A month's name and a time of day: no one writes both into prose behind "From ". */
bool mb_mbox_is_dated(const MbMboxView *view, size_t at)
{
    size_t end = line_end(view->bytes, MIN(view->length, at + MB_MBOX_CONTEXT / 2), at);
    const char *text = (const char *)view->bytes;
    bool month = false;
    bool time = false;

    for (size_t i = at + FROM_LENGTH; i + 3 < end; i++) {
        if (text[i] == ' ' && is_month(text + i + 1))
            month = true;
        else if (g_ascii_isdigit(text[i]) && text[i + 1] == ':' && g_ascii_isdigit(text[i + 2]))
            time = true;
    }
    return month && time;
}

static bool behind_empty_line(const MbMboxView *view, size_t at)
{
    const uint8_t *bytes = view->bytes;

    if (at < 2 || bytes[at - 1] != '\n')
        return at == 0;
    if (bytes[at - 2] == '\n')
        return true;
    return bytes[at - 2] == '\r' && (at == 2 || bytes[at - 3] == '\n');
}

/* What stands in the line: nothing, one word, or words of which one is an address. Prose does not
 * look so. */
static bool is_near(const MbMboxView *view, size_t at, size_t end)
{
    const char *text = (const char *)view->bytes + at + FROM_LENGTH;
    size_t length = end - at - FROM_LENGTH;

    while (length > 0 && (text[length - 1] == '\r' || text[length - 1] == ' '))
        length--;
    return memchr(text, ' ', length) == NULL || memchr(text, '@', length) != NULL;
}

/* Whether the From_ line at `at` begins a message. `end` is where it ends. */
static bool is_separator(const MbMboxView *view, size_t at, size_t end)
{
    size_t next = MIN(end + 1, view->length);
    const uint8_t *header = view->bytes + next;
    size_t left = view->length - next;
    bool empty = behind_empty_line(view, at);
    bool dated = mb_mbox_is_dated(view, at);

    if (dated && empty)
        return true;
    if (left == 0)
        return dated || (empty && is_near(view, at, end));
    if (left >= FROM_LENGTH && (*header == '>' || *header == 'F') &&
        memmem(header, MIN(left, 16), "From ", FROM_LENGTH) != NULL)
        return dated || (empty && is_near(view, at, end));
    if (!mb_mbox_is_field(header, left))
        return empty && is_near(view, at, end) && (*header == '\n' || *header == '\r');
    return dated || (empty && is_near(view, at, end));
}

const uint8_t *mb_mbox_find_from(uint8_t before, const uint8_t *bytes, size_t length)
{
    const uint8_t *end = bytes + length;

    for (const uint8_t *at = bytes; end - at > FROM_LENGTH; at++) {
        at = mb_lanes_find_pair(at, (size_t)(end - at) - FROM_LENGTH + 1, before, 'F');
        if (at == NULL)
            break;
        if (memcmp(at + 1, "From ", FROM_LENGTH) == 0)
            return at;
    }
    return NULL;
}

size_t mb_mbox_find(const MbMboxView *view, size_t from, size_t *undecided)
{
    size_t at = from > 0 ? from - 1 : 0;

    while (at < view->length) {
        const uint8_t *found = mb_mbox_find_from('\n', view->bytes + at, view->length - at);
        size_t start, end;

        if (found == NULL)
            break;
        start = (size_t)(found - view->bytes) + 1;
        if (!view->is_end && view->length - start < MB_MBOX_CONTEXT) {
            *undecided = start;
            return view->length;
        }
        end = line_end(view->bytes, view->length, start);
        if (is_separator(view, start, end))
            return start;
        at = start;
    }
    *undecided = view->is_end ? view->length : view->length - MIN(view->length, FROM_LENGTH);
    *undecided = MAX(*undecided, MIN(from, view->length));
    return view->length;
}

bool mb_mbox_starts(const MbMboxView *view)
{
    size_t end;

    if (view->length < FROM_LENGTH || memcmp(view->bytes, "From ", FROM_LENGTH) != 0)
        return false;
    end = line_end(view->bytes, view->length, 0);
    if (end + 1 >= view->length)
        return true;
    return mb_mbox_is_dated(view, 0) ||
           mb_mbox_is_field(view->bytes + end + 1, view->length - end - 1) ||
           is_separator(view, 0, end);
}

size_t mb_mbox_from_line(const uint8_t *bytes, size_t length)
{
    if (length < FROM_LENGTH || memcmp(bytes, "From ", FROM_LENGTH) != 0)
        return 0;
    return MIN(line_end(bytes, length, 0) + 1, length);
}

/* The number of a Content-Length field, when it is one and nothing else. */
static bool read_number(const uint8_t *text, size_t length, uint64_t *number)
{
    uint64_t value = 0;
    size_t at = 0;
    size_t digits = 0;

    while (at < length && (text[at] == ' ' || text[at] == '\t'))
        at++;
    for (; at < length && g_ascii_isdigit(text[at]); at++, digits++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[at] - '0'), &value))
            return false;
    }
    while (at < length && g_ascii_isspace(text[at]))
        at++;
    *number = value;
    return digits > 0 && at == length;
}

/* The next line behind `at` that is empty or begins as Content-Length does; `length`: none. */
static size_t next_telling_line(const uint8_t *bytes, size_t length, size_t at)
{
    for (; length - at > MB_LANES; at += MB_LANES) {
        MbLanes first = mb_lanes_load(bytes + at + 1);
        MbLanes tells = (MbLanes)((first == '\n') | (first == '\r') | ((first | 0x20) == 'c')) &
                        (MbLanes)(mb_lanes_load(bytes + at) == '\n');

        if (mb_lanes_any(tells))
            return at + mb_lanes_first(tells) + 1;
    }
    for (; at < length; at++) {
        if (bytes[at] == '\n')
            return at + 1;
    }
    return length;
}

static bool is_content_length(const uint8_t *line, size_t length)
{
    size_t name = strlen(CONTENT_LENGTH);

    return (*line | 0x20) == 'c' && length > name && line[name] == ':' &&
           g_ascii_strncasecmp((const char *)line, CONTENT_LENGTH, name) == 0;
}

MbMboxHeader mb_mbox_read_header(const uint8_t *bytes, size_t length, size_t start)
{
    MbMboxHeader header = {.body = length};
    size_t name = strlen(CONTENT_LENGTH);

    for (size_t at = start; at < length; at = next_telling_line(bytes, length, at)) {
        size_t solid = at + (bytes[at] == '\r');

        if (solid < length && bytes[solid] == '\n') {
            header.body = solid + 1;
            header.has_body = true;
            break;
        }
        if (is_content_length(bytes + at, length - at)) {
            size_t end = line_end(bytes, length, at);

            header.has_content_length =
                read_number(bytes + at + name + 1, end - at - name - 1, &header.content_length);
        }
    }
    return header;
}
