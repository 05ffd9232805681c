/*
 * A header that is complete, a message as one buffer, and what must hold for every line of it.
 */
#pragma once

#include <check.h>
#include <mailbatch/compose/compose.h>
#include <string.h>

#define FROM "news@example.org"

static inline MbComposeHead *new_head(void)
{
    MbComposeHead *head = mb_compose_head_new();
    MbComposeMailbox from = {.name = "News", .address = FROM};

    ck_assert(mb_compose_head_add_mailboxes(head, "From", &from, 1, NULL));
    ck_assert(mb_compose_head_add_date(head, 1763900000, 60, NULL));
    ck_assert(mb_compose_head_add_message_id(head, "<1@example.org>", NULL));
    return head;
}

/* The whole message as one string (which may hold anything). */
static inline GBytes *flat(const MbComposeMessage *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbWire) wire = mb_compose_message(message, &error);
    GBytes *bytes;

    ck_assert_msg(wire != NULL, "%s", error != NULL ? error->message : "");
    bytes = mb_wire_flatten(wire);
    ck_assert_uint_eq(g_bytes_get_size(bytes), mb_wire_length(wire));
    return bytes;
}

/* Long lines: `unit` so often, with and without a line end. */
static inline GString *long_text(const char *unit, size_t times, const char *end)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < times; i++)
        g_string_append(text, unit);
    g_string_append(text, end);
    return text;
}

static inline void check_lines(const char *name, GBytes *bytes)
{
    size_t length, start = 0;
    const char *text = g_bytes_get_data(bytes, &length);
    bool qp = memmem(text, length, "quoted-printable", 16) != NULL;
    bool in_body = false;

    ck_assert_msg(length >= 2 && memcmp(text + length - 2, "\r\n", 2) == 0, "%s: no final CRLF",
                  name);
    for (size_t i = 0; i < length; i++) {
        ck_assert_msg(text[i] != '\r' || (i + 1 < length && text[i + 1] == '\n'), "%s: bare CR",
                      name);
        if (text[i] != '\n')
            continue;
        ck_assert_msg(i > 0 && text[i - 1] == '\r', "%s: bare LF", name);
        ck_assert_msg(i - 1 - start <= 998, "%s: a line of %zu", name, i - 1 - start);
        if (in_body && qp) {
            ck_assert_msg(i - 1 - start <= 76, "%s: a QP line of %zu", name, i - 1 - start);
            ck_assert_msg(i - 1 == start || (text[i - 2] != ' ' && text[i - 2] != '\t'),
                          "%s: a blank at a QP line's end", name);
        }
        in_body |= i - 1 == start;
        start = i + 1;
    }
}
