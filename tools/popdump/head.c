#include "head.h"

#include "member.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/date.h>
#include <mailbatch/mime/words.h>
#include <string.h>

/* The end of the field that begins at `at`: behind its last line's end (RFC 5322, 2.2.3). */
static const char *field_end(const char *at, const char *end)
{
    for (;;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL)
            return end;
        at = newline + 1;
        if (at == end || (*at != ' ' && *at != '\t'))
            return at;
    }
}

static bool field_is(const char *at, const char *end, const char *name, const char **value)
{
    size_t length = strlen(name);

    if ((size_t)(end - at) <= length || g_ascii_strncasecmp(at, name, length) != 0)
        return false;
    at += length;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if (at == end || *at != ':')
        return false;
    *value = at + 1;
    return true;
}

static bool parse_time(const char *value, const char *end, int64_t *when)
{
    MbDate date;

    if (!mb_date_parse(value, (size_t)(end - value), &date, NULL) || !date.valid ||
        date.unix_time < 0 || date.unix_time > PD_TIME_MAX)
        return false;
    *when = date.unix_time;
    return true;
}

int64_t pd_head_time(const char *head, size_t length)
{
    const char *end = head + length;
    bool received_seen = false;
    int64_t sent = 0;
    int64_t when;

    for (const char *at = head, *next; at < end && *at != '\r' && *at != '\n'; at = next) {
        const char *value;

        next = field_end(at, end);
        if (!received_seen && field_is(at, next, "Received", &value)) {
            /* RFC 5322, 3.6.7: the time stands behind the last semicolon. */
            const char *semicolon = memrchr(value, ';', (size_t)(next - value));

            received_seen = true;
            if (semicolon != NULL && parse_time(semicolon + 1, next, &when))
                return when;
        } else if (sent == 0 && field_is(at, next, "Date", &value) &&
                   parse_time(value, next, &when)) {
            sent = when;
        }
    }
    return sent;
}

/* ---- sender and subject ---- */

static char *keep(const char *value, const char *end)
{
    g_autoptr(GString) text = g_string_new(NULL);

    while (value < end && g_ascii_isspace(*value))
        value++;
    for (size_t i = 0; value + i < end && i < PD_FIELD_MAX; i++) {
        if (value[i] != '\0')
            g_string_append_c(text, value[i]);
    }
    return g_strstrip(g_string_free(g_steal_pointer(&text), FALSE));
}

void pd_head_read(const char *head, size_t length, char **sender, char **subject)
{
    const char *end = head + MIN(length, PD_HEAD_MAX);

    *sender = *subject = NULL;
    for (const char *at = head, *next; at < end && *at != '\r' && *at != '\n'; at = next) {
        const char *value;

        next = field_end(at, end);
        if (*sender == NULL && field_is(at, next, "From", &value))
            *sender = keep(value, next);
        else if (*subject == NULL && field_is(at, next, "Subject", &value))
            *subject = keep(value, next);
        if (*sender != NULL && *subject != NULL)
            return;
    }
}

char *pd_head_decode(const char *value)
{
    GString *text = g_string_new(NULL);

    if (value != NULL)
        mb_words_decode(value, strlen(value), text, NULL);
    return g_string_free(text, FALSE);
}

char *pd_head_show_subject(const char *value)
{
    g_autofree char *text = pd_head_decode(value);
    GString *shown = g_string_new(NULL);

    mb_text_append_printable(shown, text, strlen(text), PD_SUBJECT_SHOWN);
    return g_string_free(shown, FALSE);
}

char *pd_head_show_sender(const char *value)
{
    g_autoptr(MbAddressList) list = NULL;
    const MbAddress *first;

    if (value == NULL)
        return g_strdup("");
    list = mb_address_list_parse(value, strlen(value), 1, NULL);
    first = mb_address_list_count(list) > 0 ? mb_address_list_at(list, 0) : NULL;
    if (first != NULL && first->name_length > 0)
        return mb_text_printable(first->name, first->name_length);
    if (first != NULL && first->address_length > 0)
        return mb_text_printable(first->address, first->address_length);
    return pd_head_show_subject(value);
}

/* ---- the header's digest ---- */

void pd_head_digest_init(PdHeadDigest *head)
{
    *head = (PdHeadDigest){.digest = mb_digest_new(MB_DIGEST_SHA256)};
}

static void take(PdHeadDigest *head, const char *bytes, size_t length)
{
    mb_digest_update(head->digest, bytes, length);
    head->length += length;
}

/* An empty line is CRLF or LF at a line's beginning: its first octet is held back until it is clear
 * what it is. */
void pd_head_digest_push(PdHeadDigest *head, const void *bytes, size_t length)
{
    const char *at = bytes;
    const char *end = at + length;

    while (at < end && !head->ended) {
        const char *newline;

        if (!head->in_line) {
            head->line[head->held++] = *at++;
            if (head->line[head->held - 1] == '\n') {
                head->ended = true;
                return;
            }
            if (head->held == 1 && head->line[0] == '\r')
                continue;
            take(head, head->line, head->held);
            head->held = 0;
            head->in_line = true;
            continue;
        }
        newline = memchr(at, '\n', (size_t)(end - at));
        head->in_line = newline == NULL;
        newline = newline != NULL ? newline + 1 : end;
        take(head, at, (size_t)(newline - at));
        at = newline;
    }
}

void pd_head_digest_finish(PdHeadDigest *head, uint8_t sha256[MB_SHA256_LENGTH])
{
    uint8_t all[MB_DIGEST_MAX];

    if (!head->ended)
        take(head, head->line, head->held);
    mb_digest_finish(head->digest, all);
    memcpy(sha256, all, MB_SHA256_LENGTH);
    mb_digest_free(head->digest);
    head->digest = NULL;
}
