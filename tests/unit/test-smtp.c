/*
 * Replies, addresses, content, and the order of a whole window.
 */
#include <check.h>
#include <mailbatch/smtp/session.h>
#include <stdlib.h>
#include <string.h>

#include "statement.h"
#include "suite.h"

typedef struct {
    const char *name;
    const char *bytes;
    size_t length; /* 0: strlen(bytes) */
    const char
        *want; /* "code|enhanced|text" each, ';' between; "!" for an error; "…" while inside */
} ReplyRow;

static const ReplyRow reply_rows[] = {
    {"one line", "250 ok\r\n", 0, "250||ok;"},
    {"code alone", "250\r\n", 0, "250||;"},
    {"code and blank", "250 \r\n", 0, "250||;"},
    {"bare line feed", "250 ok\n", 0, "250||ok;"},
    {"several lines", "250-a\r\n250-b\r\n250 c\r\n", 0, "250||a\nb\nc;"},
    {"several lines, some empty", "250-\r\n250-b\r\n250\r\n", 0, "250||\nb\n;"},
    {"two replies", "250 a\r\n354 b\r\n", 0, "250||a;354||b;"},
    {"enhanced status", "550 5.1.1 who\r\n", 0, "550|5.1.1|who;"},
    {"enhanced status on each line", "550-5.7.1 a\r\n550 5.7.1 b\r\n", 0, "550|5.7.1|a\nb;"},
    {"enhanced status alone", "250 2.0.0\r\n", 0, "250|2.0.0|;"},
    {"three digits each", "450 4.123.123 x\r\n", 0, "450|4.123.123|x;"},
    {"no enhanced status: four digits", "450 4.1234.1 x\r\n", 0, "450||4.1234.1 x;"},
    {"no enhanced status: a version", "220 2.0 x\r\n", 0, "220||2.0 x;"},
    {"no enhanced status: a date", "220 2.0.0beta x\r\n", 0, "220||2.0.0beta x;"},
    {"codes that differ: the last counts", "250-a\r\n550 b\r\n", 0, "550||a\nb;"},
    {"bytes above ASCII", "550 gr\xc3\xbc\xff\r\n", 0, "550||gr\xc3\xbc\xff;"},
    {"a NUL", "550 a\0b\r\n", 9, "550||a?b;"},
    {"unfinished", "250-a\r\n250 b", 0, "…"},
    {"no code", "hello\r\n", 0, "!"},
    {"no code in the second line", "250-a\r\nhello\r\n", 0, "!"},
    {"empty line", "\r\n", 0, "!"},
    {"two digits", "25 ok\r\n", 0, "!"},
    {"four digits", "2500 ok\r\n", 0, "!"},
    {"a code too low", "150 ok\r\n", 0, "!"},
    {"a code too high", "650 ok\r\n", 0, "!"},
    {"a reply, then garbage", "250 a\r\nfoo\r\n", 0, "250||a;!"},
};

static void push_all(MbSmtpReplyParser *parser, const char *bytes, size_t length, GString *out)
{
    while (length > 0) {
        const MbSmtpReply *reply = NULL;
        g_autoptr(GError) error = NULL;
        size_t used = 0;
        MbNext next = mb_smtp_reply_parser_push(parser, bytes, length, &used, &reply, &error);

        if (next == MB_FAILED) {
            ck_assert_int_eq(error->code, MB_ERROR_PROTOCOL);
            g_string_append(out, "!");
            return;
        }
        if (next == MB_NEXT)
            g_string_append_printf(out, "%d|%s|%s;", reply->code,
                                   reply->enhanced != NULL ? reply->enhanced : "", reply->text);
        bytes += used;
        length -= used;
    }
}

START_TEST(a_reply_is_the_same_split_anywhere)
{
    const ReplyRow *row = &reply_rows[_i];
    size_t length = row->length > 0 ? row->length : strlen(row->bytes);

    for (size_t split = 0; split <= length; split++) {
        g_autoptr(MbSmtpReplyParser) parser = mb_smtp_reply_parser_new();
        g_autoptr(GString) out = g_string_new(NULL);
        push_all(parser, row->bytes, split, out);
        if (strchr(out->str, '!') == NULL)
            push_all(parser, row->bytes + split, length - split, out);
        if (out->len == 0 && mb_smtp_reply_parser_is_inside(parser))
            g_string_append(out, "…");
        ck_assert_msg(strcmp(out->str, row->want) == 0, "%s, split at %zu: %s", row->name, split,
                      out->str);
    }
    statement("M-21");
}
END_TEST

START_TEST(a_reply_without_end_stays_small_and_ends)
{
    g_autoptr(MbSmtpReplyParser) parser = mb_smtp_reply_parser_new();
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *block = g_malloc(100000);

    memset(block, 'x', 100000);
    push_all(parser, "250 ", 4, out);
    for (int i = 0; i < 10; i++)
        push_all(parser, block, 100000, out);
    push_all(parser, "\r\n354 go\r\n", 10, out);
    ck_assert_uint_le(out->len, MB_SMTP_REPLY_LINE_MAX + 32);
    ck_assert(g_str_has_suffix(out->str, ";354||go;"));

    g_string_truncate(out, 0);
    for (int i = 0; i < 10; i++)
        push_all(parser, block, 100000, out);
    ck_assert_str_eq(out->str, "");
    push_all(parser, block, 100000, out);
    ck_assert_str_eq(out->str, "!");

    g_string_truncate(out, 0);
    for (int i = 0; i < 100 && strchr(out->str, '!') == NULL; i++)
        push_all(parser, "250-a\r\n250-b\r\n", 14, out);
    ck_assert_str_eq(out->str, "!");
    statement("M-21");
}
END_TEST

START_TEST(a_reply_is_shown_on_one_line)
{
    MbSmtpReply reply = {550, (char *)"5.1.1", (char *)"no\nsuch\x1b[31m user"};
    g_autofree char *shown = mb_smtp_reply_printable(&reply);
    MbSmtpReply copy = {0};

    ck_assert_str_eq(shown, "550 5.1.1 no such\\x1b[31m user");
    mb_smtp_reply_copy(&copy, &reply);
    ck_assert_str_eq(copy.enhanced, "5.1.1");
    mb_smtp_reply_clear(&copy);
    ck_assert_ptr_null(copy.text);
}
END_TEST

static const struct {
    const char *address;
    bool good;
} address_rows[] = {
    {"", true},
    {"a@b.test", true},
    {"a.b+c=d'e!x@b-c.test", true},
    {"a..b.@docomo.test", true},
    {"\"a b\"@c.test", true},
    {"\"a\\\"<>@b\"@c.test", true},
    {"a@[127.0.0.1]", true},
    {"a@[IPv6:::1]", true},
    {"postmaster", true},
    {"j\xc3\xbcrgen@b\xc3\xbc"
     "cher.example",
     true},
    {"a b@c.test", false},
    {" a@c.test", false},
    {"a@c.test ", false},
    {"a@c.test>", false},
    {"<a@c.test>", false},
    {"a@c.test\r\nDATA", false},
    {"a\n@c.test", false},
    {"a\rb@c.test", false},
    {"a\tb@c.test", false},
    {"\"a\r\n\"@c.test", false},
    {"a\x7f@c.test", false},
    {"a@b@c.test", false},
    {"@c.test", false},
    {"a@", false},
    {"a@b,c@d", false},
    {"a@.test", false},
    {"a@-x.test", false},
    {"\"a@c.test", false},
    {"\"a\\", false},
    {"\"a\"b@c.test", false},
    {"a@[1.2.3.4", false},
    {"a@[]", false},
    {"a@b\xff.test", false},
    {"a@b.test SIZE=1", false},
};

START_TEST(an_address_is_one_or_none)
{
    g_autofree char *longest = g_strnfill(254, 'a');
    g_autofree char *longer = g_strnfill(255, 'a');

    for (size_t i = 0; i < G_N_ELEMENTS(address_rows); i++) {
        g_autoptr(GError) error = NULL;
        bool good = mb_smtp_address_check(address_rows[i].address, &error);
        ck_assert_msg(good == address_rows[i].good, "%s: %d", address_rows[i].address, good);
        ck_assert(good || error->code == MB_ERROR_DATA);
    }
    longest[200] = longer[200] = '@';
    ck_assert(mb_smtp_address_check(longest, NULL));
    ck_assert(!mb_smtp_address_check(longer, NULL));
    statement("M-8");
}
END_TEST

/* What a session says for one message over `hello`, taken `write_max` octets at a time; replies are
 * given by rote. */
static GString *send_one(MbWire *wire, const char *hello, size_t write_max)
{
    MbSmtpOptions options = {.server_name = "mail.test"};
    g_autoptr(MbSmtpSession) session = mb_smtp_session_new(&options, NULL);
    const MbSessionOps *ops = &mb_smtp_session_ops;
    const char *const recipients[] = {"b@y.test", NULL};
    MbSmtpMessage message = {.sender = "a@x.test", .recipients = recipients, .wire = wire};
    GString *said = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const char *const replies[] = {"220 hi\r\n", hello, "250 ok\r\n250 ok\r\n354 go\r\n"};
    struct iovec parts[16];
    MbSmtpEvent event;

    for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
        if (i < 2 || strstr(hello, "CHUNKING") == NULL)
            ops->input(session, replies[i], strlen(replies[i]));
        while (mb_smtp_session_next_event(session, &event) == MB_NEXT)
            if (event.kind == MB_SMTP_EVENT_READY)
                ck_assert_msg(mb_smtp_session_submit(session, &message, &error), "%s",
                              error->message);
        for (size_t n; (n = ops->output(session, parts, G_N_ELEMENTS(parts))) > 0;) {
            size_t left = write_max;
            for (size_t k = 0; k < n && left > 0; k++) {
                size_t length = MIN(left, parts[k].iov_len);
                g_string_append_len(said, parts[k].iov_base, (gssize)length);
                left -= length;
            }
            ops->wrote(session, write_max - left);
        }
    }
    return said;
}

static GString *stuff(const GString *text)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < text->len; i++) {
        if (text->str[i] == '.' && (i == 0 || text->str[i - 1] == '\n'))
            g_string_append_c(out, '.');
        g_string_append_c(out, text->str[i]);
    }
    if (text->len > 0 && !g_str_has_suffix(text->str, "\r\n"))
        g_string_append(out, "\r\n");
    return g_string_append(out, ".\r\n");
}

/* Random lines of dots, letters and nothing, in segments of random size, some long enough not to be
 * copied. */
START_TEST(content_arrives_whatever_its_segments_and_writes)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4711);

    for (int round = 0; round < 300; round++) {
        g_autoptr(MbWire) wire = mb_wire_new();
        g_autoptr(GString) text = g_string_new(NULL);
        int lines = g_rand_int_range(random, 0, 400);
        size_t write_max = (size_t)g_rand_int_range(random, 1, round % 3 == 0 ? 9 : 5000);

        for (int i = 0; i < lines; i++) {
            static const char *const kinds[] = {
                "", ".", "..", "a", "a.b", ".a", "some words in a row", "x."};
            g_string_append(text, kinds[g_rand_int_range(random, 0, G_N_ELEMENTS(kinds))]);
            g_string_append(text, i + 1 < lines || round % 2 == 0 ? "\r\n" : "");
        }
        for (size_t at = 0; at < text->len;) {
            size_t length = (size_t)g_rand_int_range(random, 1, round % 5 == 0 ? 4 : 700);
            length = MIN(length, text->len - at);
            mb_wire_append_take(wire, g_bytes_new(text->str + at, length));
            at += length;
        }
        g_autoptr(GString) stuffed = stuff(text);
        g_autoptr(GString) said = send_one(wire, "250-x\r\n250 PIPELINING\r\n", write_max);
        ck_assert_msg(g_str_has_suffix(said->str, stuffed->str), "round %d", round);
        ck_assert_msg(g_str_has_suffix(strstr(said->str, "DATA\r\n") + 6, stuffed->str) &&
                          strlen(strstr(said->str, "DATA\r\n") + 6) == stuffed->len,
                      "round %d: more than the content was said", round);

        g_autoptr(GString) chunk =
            send_one(wire, "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n", write_max);
        g_autofree char *bdat = g_strdup_printf("BDAT %zu LAST\r\n%s", text->len, text->str);
        ck_assert_msg(g_str_has_suffix(chunk->str, bdat), "round %d: BDAT", round);
    }
    statement("M-2");
    statement("M-3");
}
END_TEST

START_TEST(large_segments_are_not_copied)
{
    MbSmtpOptions options = {.server_name = "mail.test"};
    g_autoptr(MbSmtpSession) session = mb_smtp_session_new(&options, NULL);
    const MbSessionOps *ops = &mb_smtp_session_ops;
    static const char hello[] = "220 hi\r\n",
                      offers[] = "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    const char *const recipients[] = {"b@y.test", NULL};
    g_autoptr(GBytes) attachment = g_bytes_new_take(g_strnfill(100000, 'x'), 100000);
    g_autoptr(MbWire) wire = mb_wire_new();
    MbSmtpMessage message = {.sender = "a@x.test", .recipients = recipients, .wire = wire};
    struct iovec parts[64];
    MbSmtpEvent event;
    size_t n, borrowed = 0;

    mb_wire_append(wire, attachment);
    ops->input(session, hello, strlen(hello));
    while ((n = ops->output(session, parts, 64)) > 0)
        ops->wrote(session, parts[0].iov_len);
    ops->input(session, offers, strlen(offers));
    ck_assert_int_eq(mb_smtp_session_next_event(session, &event), MB_NEXT);
    for (int i = 0; i < 8; i++)
        ck_assert(mb_smtp_session_submit(session, &message, NULL));
    n = ops->output(session, parts, 64);
    for (size_t i = 0; i < n; i++)
        borrowed +=
            parts[i].iov_base == g_bytes_get_data(attachment, NULL) && parts[i].iov_len == 100000;
    ck_assert_uint_eq(borrowed, 8);
    ck_assert_uint_eq(n, 16); /* a full window: commands and content in turn, one write */
    statement("M-22");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp");
    TCase *tcase = tcase_create("parts");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_reply_is_the_same_split_anywhere, 0, G_N_ELEMENTS(reply_rows));
    tcase_add_test(tcase, a_reply_without_end_stays_small_and_ends);
    tcase_add_test(tcase, a_reply_is_shown_on_one_line);
    tcase_add_test(tcase, an_address_is_one_or_none);
    tcase_add_test(tcase, content_arrives_whatever_its_segments_and_writes);
    tcase_add_test(tcase, large_segments_are_not_copied);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
