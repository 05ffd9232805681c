#include "internal.h"

#include <string.h>

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* Decimal digits up to a blank or the end; false when there are none, when something else follows,
 * or beyond 64 bits. *at is moved behind them. */
static bool read_digits(const char **at, const char *end, uint64_t *value)
{
    const char *p = *at;
    uint64_t sum = 0;

    for (; p < end && g_ascii_isdigit(*p); p++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum))
            return false;
    }
    if (p == *at || (p < end && *p != ' '))
        return false;
    *at = p;
    *value = sum;
    return true;
}

static bool read_message_number(const char **at, const char *end, uint64_t *number)
{
    uint64_t value;

    if (!read_digits(at, end, &value) || value == 0 || value > MB_POP3_NUMBER_MAX)
        return false;
    *number = value;
    return true;
}

/* Lenient: RFC 1939 allows 0x21 to 0x7E and 70 octets; servers exceed both. Controls stay out. */
static bool is_unique_id(const char *text, size_t length)
{
    if (length == 0 || length > MB_POP3_UIDL_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((guchar)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return true;
}

/*
 *   scan-listing = message-number SP size *( SP … )                                   (RFC 1939, 5)
 *   unique-id-listing = message-number SP unique-id                                   (RFC 1939, 7)
 */
void mb_pop3_listing_parse(MbPop3Session *session, MbPop3Stage stage, const MbLine *line,
                           MbPop3Event *event)
{
    const char *at = line->text;
    const char *end = line->text + line->length;
    bool good = !line->too_long;

    *event = (MbPop3Event){
        .kind = stage == MB_POP3_STAGE_UIDL ? MB_POP3_EVENT_UIDL : MB_POP3_EVENT_LISTING,
        .stage = stage,
        .text = line->text,
        .text_length = line->length,
    };
    if (!read_message_number(&at, end, &event->number)) {
        event->malformed = true;
        return;
    }
    at = skip_blanks(at, end);
    if (stage == MB_POP3_STAGE_LIST) {
        event->malformed = !good || !read_digits(&at, end, &event->size);
        return;
    }
    while (end > at && end[-1] == ' ')
        end--;
    event->malformed = !good || !is_unique_id(at, (size_t)(end - at));
    if (event->malformed)
        return;
    g_string_truncate(session->shown, 0);
    g_string_append_len(session->shown, at, end - at);
    event->text = session->shown->str;
    event->text_length = session->shown->len;
}

void mb_pop3_uidl_parse(MbPop3Session *session, const MbPop3Reply *reply, MbPop3Event *event)
{
    MbLine line = {
        .text = reply->text,
        .length = (size_t)(reply->line + reply->line_length - reply->text),
    };

    mb_pop3_listing_parse(session, MB_POP3_STAGE_UIDL, &line, event);
}

void mb_pop3_stat_parse(const MbPop3Reply *reply, MbPop3Event *event)
{
    const char *at = reply->text;
    const char *end = reply->line + reply->line_length;

    event->malformed = !read_digits(&at, end, &event->number);
    at = skip_blanks(at, end);
    if (event->malformed || event->number > MB_POP3_NUMBER_MAX) {
        event->malformed = true;
        event->number = 0;
        return;
    }
    event->malformed = !read_digits(&at, end, &event->size);
}
