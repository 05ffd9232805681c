#include "compose.h"
#include "statement.h"
#include "suite.h"

#include <mailbatch/mime/words.h>

/* Octets a test feeds, with their length. */
typedef struct {
    const char *name;
    const char *text;
    size_t length; /* 0: strlen */
} Text;

static size_t length_of(const Text *text)
{
    return text->length != 0 ? text->length : strlen(text->text);
}

/* --- the header --------------------------------------------------------------------------- */

static char *head_text(const MbComposeHead *head)
{
    MbComposeBody body = {.type = "text/plain", .text = "", .length = 0};
    g_autoptr(GBytes) bytes =
        flat(&(MbComposeMessage){.head = head, .bodies = &body, .n_bodies = 1, .seed = "s"});
    size_t length;
    const char *text = g_bytes_get_data(bytes, &length);
    const char *end = memmem(text, length, "\r\n\r\n", 4);

    return g_strndup(text, (size_t)(end + 2 - text));
}

static guint count(const char *text, const char *what)
{
    guint n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* Every word stands alone, is short enough, and holds whole characters. */
static void check_words(const char *subject, const char *field)
{
    for (const char *at = field; (at = strstr(at, "=?")) != NULL;) {
        const char *end = strstr(strchr(strchr(at + 2, '?') + 1, '?') + 1, "?=") + 2;
        g_autoptr(GString) one = g_string_new(NULL);

        ck_assert_msg(end - at <= 75, "%s: an encoded-word of %d", subject, (int)(end - at));
        mb_words_decode(at, (size_t)(end - at), one, NULL);
        ck_assert_msg(g_utf8_validate(one->str, (gssize)one->len, NULL) &&
                          strstr(one->str, "\xEF\xBF\xBD") == NULL,
                      "%s: a character is split", subject);
        at = end;
    }
}

START_TEST(subjects_fold_and_split_between_characters)
{
    static const char *const units[] = {"ü",  "😀",  "ü x ", "word ", "x",        "日本語",
                                        "aü", "=?", "\"",   "_",     "e\xCC\x81"};

    for (size_t u = 0; u < G_N_ELEMENTS(units); u++)
        for (size_t times = 1; times < 200; times += times < 40 ? 1 : 37) {
            g_autoptr(GString) subject = long_text(units[u], times, "");
            g_autoptr(MbComposeHead) head = new_head();
            g_autoptr(GString) back = g_string_new(NULL);
            g_autofree char *text = NULL;
            char *value;

            g_strchomp(subject->str);
            ck_assert(mb_compose_head_add_text(head, "Subject", subject->str, strlen(subject->str),
                                               NULL));
            text = head_text(head);
            value = strstr(text, "\r\nSubject: ") + 11;
            *strstr(value, "\r\nMIME-Version") = '\0';
            for (const char *line = value, *end; line != NULL;
                 line = end != NULL ? end + 2 : NULL) {
                size_t n =
                    (end = strstr(line, "\r\n")) != NULL ? (size_t)(end - line) : strlen(line);

                ck_assert_msg(n + (line == value ? 9 : 0) <= 78 ||
                                  strstr(subject->str, " ") == NULL,
                              "%s: a line of %zu", subject->str, n);
                ck_assert_msg(n <= 998, "%s: a line of %zu", subject->str, n);
            }
            check_words(subject->str, value);
            mb_words_decode(value, strlen(value), back, NULL);
            ck_assert_str_eq(back->str, subject->str);
        }
    statement("M-5");
}
END_TEST

START_TEST(date_from_message_id_and_mime_version_stand_once)
{
    static const char *const once[] = {"From",       "Date",        "Message-ID", "Subject",
                                       "To",         "Cc",          "Sender",     "Reply-To",
                                       "References", "In-Reply-To", "subject"};
    static const char *const ours[] = {"MIME-Version", "Content-Type", "content-foo"};
    g_autoptr(MbComposeHead) head = new_head();
    g_autofree char *text = head_text(head);

    ck_assert_uint_eq(count(text, "Date: "), 1);
    ck_assert_ptr_nonnull(strstr(text, "Date: Sun, 23 Nov 2025 13:13:20 +0100\r\n"));
    ck_assert_uint_eq(count(text, "From: "), 1);
    ck_assert_uint_eq(count(text, "Message-ID: <1@example.org>\r\n"), 1);
    ck_assert_uint_eq(count(text, "MIME-Version: 1.0\r\n"), 1);
    for (size_t i = 0; i < G_N_ELEMENTS(once); i++) {
        g_autoptr(GError) error = NULL;

        if (i >= 3 && i < 10)
            ck_assert(mb_compose_head_add_text(head, once[i], "x", 1, NULL));
        ck_assert_msg(!mb_compose_head_add_text(head, once[i], "x", 1, &error), "%s", once[i]);
        ck_assert(g_error_matches(error, MB_COMPOSE_ERROR, MB_ERROR_DATA));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++)
        ck_assert_msg(!mb_compose_head_add_text(head, ours[i], "x", 1, NULL), "%s", ours[i]);
}
END_TEST

START_TEST(each_message_has_its_own_date)
{
    static const struct {
        int64_t seconds;
        int zone;
        const char *want;
    } rows[] = {
        {1763900000, 60, "Date: Sun, 23 Nov 2025 13:13:20 +0100\r\n"},
        {1763900000, 60, "Date: Sun, 23 Nov 2025 13:13:20 +0100\r\n"},
        {1763900001, 60, "Date: Sun, 23 Nov 2025 13:13:21 +0100\r\n"},
        {1763900001, 0, "Date: Sun, 23 Nov 2025 12:13:21 +0000\r\n"},
    };
    g_autoptr(MbComposeHead) head = new_head();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        MbComposeBody body = {.type = "text/plain", .text = "a", .length = 1};
        MbComposeMailbox from = {.address = FROM};
        g_autoptr(GBytes) bytes = NULL;
        size_t length;
        const char *text;

        mb_compose_head_reset(head);
        ck_assert(mb_compose_head_add_mailboxes(head, "From", &from, 1, NULL));
        ck_assert(mb_compose_head_add_message_id(head, "<1@example.org>", NULL));
        ck_assert(mb_compose_head_add_date(head, rows[i].seconds, rows[i].zone, NULL));
        bytes =
            flat(&(MbComposeMessage){.head = head, .bodies = &body, .n_bodies = 1, .seed = "s"});
        text = g_bytes_get_data(bytes, &length);
        ck_assert_msg(memmem(text, length, rows[i].want, strlen(rows[i].want)) != NULL, "%zu", i);
    }
}
END_TEST

START_TEST(a_message_without_what_it_needs_is_refused)
{
    g_autoptr(MbComposeHead) head = mb_compose_head_new();
    MbComposeMailbox from = {.address = FROM};
    MbComposeBody body = {.type = "text/plain", .text = "", .length = 0};
    MbComposeMessage message = {.head = head, .bodies = &body, .n_bodies = 1};
    g_autoptr(GError) no_from = NULL, no_date = NULL, no_id = NULL;

    ck_assert_ptr_null(mb_compose_message(&message, &no_from));
    ck_assert_str_eq(no_from->message, "the message has no From");
    mb_compose_head_add_mailboxes(head, "From", &from, 1, NULL);
    ck_assert_ptr_null(mb_compose_message(&message, &no_date));
    ck_assert_str_eq(no_date->message, "the message has no Date");
    mb_compose_head_add_date(head, 0, 0, NULL);
    ck_assert_ptr_null(mb_compose_message(&message, &no_id));
    ck_assert_str_eq(no_id->message, "the message has no Message-ID");
    statement("M-7");
}
END_TEST

START_TEST(no_value_makes_a_header_of_its_own)
{
    static const Text values[] = {
        {"CR", "a\rBcc: x@example.org", 0},
        {"LF", "a\nBcc: x@example.org", 0},
        {"CRLF", "a\r\nBcc: x@example.org", 0},
        {"NUL", "a\0b", 3},
        {"CRLF at the end", "a\r\n", 0},
        {"LF at the start", "\nBcc: x", 0},
        {"a fold", "a\r\n b", 0},
    };
    static const char *const ids[] = {"<a@b>\r\nBcc: x", "a@b",   "<a b@c>", "<@b>", "<a@>",
                                      "<a<b@c>",         "<aü@b>"};
    static const char *const names[] = {"X Y", "X:Y", "X\r\nBcc", "", "Xü"};

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(MbComposeHead) head = new_head();
        g_autofree char *before = head_text(head);
        g_autofree char *after = NULL;
        size_t length = length_of(&values[i]);
        MbComposeMailbox bad_name = {.name = values[i].text, .address = FROM};
        MbComposeMailbox bad_address = {.address = values[i].text};

        ck_assert(!mb_compose_head_add_text(head, "Subject", values[i].text, length, NULL));
        ck_assert(!mb_compose_head_add_raw(head, "List-Id", values[i].text, length, NULL));
        if (memchr(values[i].text, '\0', length) == NULL)
            ck_assert(!mb_compose_head_add_mailboxes(head, "To", &bad_name, 1, NULL));
        ck_assert(!mb_compose_head_add_mailboxes(head, "To", &bad_address, 1, NULL));
        after = head_text(head);
        ck_assert_str_eq(before, after);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(MbComposeHead) head = mb_compose_head_new();

        ck_assert_msg(!mb_compose_head_add_message_id(head, ids[i], NULL), "%s", ids[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(MbComposeHead) head = mb_compose_head_new();

        ck_assert_msg(!mb_compose_head_add_text(head, names[i], "x", 1, NULL), "%s", names[i]);
    }
    statement("M-8");
}
END_TEST

START_TEST(bcc_is_never_written)
{
    static const char *const names[] = {"Bcc", "BCC", "bcc", "Resent-Bcc", "Bcc ", "Bcc\t"};
    g_autoptr(MbComposeHead) head = new_head();
    MbComposeMailbox hidden = {.address = "hidden@example.org"};
    g_autofree char *text = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        ck_assert(!mb_compose_head_add_text(head, names[i], "hidden@example.org", 18, NULL));
        ck_assert(!mb_compose_head_add_raw(head, names[i], "hidden@example.org", 18, NULL));
        ck_assert(!mb_compose_head_add_mailboxes(head, names[i], &hidden, 1, NULL));
    }
    text = head_text(head);
    ck_assert_ptr_null(strstr(text, "hidden"));
    statement("M-9");
}
END_TEST

START_TEST(names_are_quoted_or_encoded_as_a_whole)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"Smith, \"Bob\" (x)", "To: \"Smith, \\\"Bob\\\" (x)\" <b@example.org>\r\n"},
        {"Bob", "To: Bob <b@example.org>\r\n"},
        {"Bob Smith", "To: Bob Smith <b@example.org>\r\n"},
        {"a@b, <c@d>", "To: \"a@b, <c@d>\" <b@example.org>\r\n"},
        {"back\\slash", "To: \"back\\\\slash\" <b@example.org>\r\n"},
        {"", "To: b@example.org\r\n"},
        {NULL, "To: b@example.org\r\n"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MbComposeHead) head = new_head();
        MbComposeMailbox to = {.name = cases[i].name, .address = "b@example.org"};
        g_autofree char *text = NULL;

        ck_assert(mb_compose_head_add_mailboxes(head, "To", &to, 1, NULL));
        text = head_text(head);
        ck_assert_msg(strstr(text, cases[i].want) != NULL, "%s: %s", cases[i].want, text);
    }
}
END_TEST

START_TEST(encoded_words_stand_outside_quotes_and_addresses)
{
    static const char *const names[] = {
        "Müller, \"Zoë\" (ö)", "Zoë <x@y>", "=?UTF-8?Q?x?=", "Ünïcödé \\ \"",
        "日本語の名前がとても長い場合はどうなりますか日本語の名前がとても長い場合"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(MbComposeHead) head = new_head();
        MbComposeMailbox to = {.name = names[i], .address = "b@example.org"};
        g_autofree char *text = NULL;
        g_autoptr(GString) back = g_string_new(NULL);
        char *value, *quote;

        ck_assert(mb_compose_head_add_mailboxes(head, "To", &to, 1, NULL));
        text = head_text(head);
        value = strstr(text, "\r\nTo: ") + 6;
        *strstr(value, "\r\nMIME-Version") = '\0';
        ck_assert_msg(g_str_has_suffix(value, "<b@example.org>"), "%s", value);
        quote = strchr(value, '"');
        ck_assert_msg(quote == NULL, "%s: %s", names[i], value);
        check_words(names[i], value);
        *strrchr(value, '<') = '\0';
        mb_words_decode(value, strlen(value), back, NULL);
        ck_assert_str_eq(g_strstrip(back->str), names[i]);
    }
    statement("M-10");
}
END_TEST

START_TEST(long_address_lists_fold)
{
    g_autoptr(MbComposeHead) head = new_head();
    MbComposeMailbox many[100];
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
        many[i] = (MbComposeMailbox){.name = i % 2 == 0 ? "Zoë Müller" : "Bob, Smith",
                                     .address = "someone@example.org"};
    ck_assert(mb_compose_head_add_mailboxes(head, "Cc", many, G_N_ELEMENTS(many), NULL));
    text = head_text(head);
    ck_assert_uint_eq(count(text, "someone@example.org"), 100);
    lines = g_strsplit(text, "\r\n", -1);
    for (guint i = 0; lines[i] != NULL; i++)
        ck_assert_msg(strlen(lines[i]) <= 78, "%s", lines[i]);
}
END_TEST

START_TEST(raw_values_fold_at_their_blanks)
{
    g_autoptr(MbComposeHead) head = new_head();
    g_autoptr(GString) value =
        long_text("<https://example.org/unsubscribe/12345>, ", 10, "<mailto:a@b>");
    g_autoptr(GString) word = long_text("x", 1000, "");
    g_autofree char *text = NULL, *joined = NULL;
    g_auto(GStrv) lines = NULL;

    ck_assert(mb_compose_head_add_raw(head, "List-Unsubscribe", value->str, value->len, NULL));
    ck_assert(!mb_compose_head_add_raw(head, "List-Help", word->str, word->len, NULL));
    ck_assert(!mb_compose_head_add_raw(head, "List-Help", "ü", 2, NULL));
    text = head_text(head);
    ck_assert_ptr_null(strstr(text, "List-Help"));
    lines = g_strsplit(text, "\r\n ", -1);
    joined = g_strjoinv(" ", lines);
    ck_assert_ptr_nonnull(strstr(joined, value->str));
    ck_assert_uint_gt(g_strv_length(lines), 5);
}
END_TEST

/* --- addresses ---------------------------------------------------------------------------- */

START_TEST(domains_become_a_labels_and_local_parts_stay)
{
    static const struct {
        const char *address, *want;
        bool smtputf8;
    } good[] = {
        {"bob@example.org", "bob@example.org", false},
        {"Bob.X+y@Example.ORG", "Bob.X+y@Example.ORG", false},
        {"bob@bücher.example", "bob@xn--bcher-kva.example", false},
        {"bob@BÜCHER.example", "bob@xn--bcher-kva.example", false},
        {"bob@faß.example", "bob@xn--fa-hia.example", false},
        {"bob@日本.example", "bob@xn--wgv71a.example", false},
        {"zoë@example.org", "zoë@example.org", true},
        {"zoë@bücher.example", "zoë@bücher.example", true},
        {"\"a b\"@example.org", "\"a b\"@example.org", false},
        {"bob@[127.0.0.1]", "bob@[127.0.0.1]", false},
    };
    static const char *const bad[] = {"",
                                      "bob",
                                      "@example.org",
                                      "bob@",
                                      "bob@@example.org",
                                      "b ob@x.org",
                                      "bob@exa mple.org",
                                      "bob@example..org",
                                      "<bob@example.org>",
                                      "bob@x.org, c@x.org",
                                      "bob\r\n@x.org",
                                      "bob@x.org\r\nRCPT TO:<c@x.org>",
                                      "bob@ü..x",
                                      "bo(b@x.org",
                                      "bob@-ü-.x\xFF"};
    g_autoptr(GString) local = long_text("x", 65, "@example.org");

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GString) out = g_string_new("<");
        g_autoptr(GError) error = NULL;
        bool smtputf8 = false;

        ck_assert_msg(
            mb_compose_address(good[i].address, strlen(good[i].address), out, &smtputf8, &error),
            "%s: %s", good[i].address, error != NULL ? error->message : "");
        ck_assert_str_eq(out->str + 1, good[i].want);
        ck_assert_msg(smtputf8 == good[i].smtputf8, "%s", good[i].address);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GString) out = g_string_new("<");
        g_autoptr(GError) error = NULL;

        ck_assert_msg(!mb_compose_address(bad[i], strlen(bad[i]), out, NULL, &error), "%s", bad[i]);
        ck_assert_ptr_nonnull(error);
        ck_assert_str_eq(out->str, "<");
    }
    ck_assert(!mb_compose_address(local->str, local->len, local, NULL, NULL));
    ck_assert(!mb_compose_address("a\0@b.c", 6, local, NULL, NULL));
}
END_TEST

START_TEST(smtputf8_is_needed_for_local_parts_only)
{
    g_autoptr(MbComposeHead) plain = new_head();
    g_autoptr(MbComposeHead) utf8 = new_head();
    MbComposeMailbox named = {.name = "Zoë", .address = "z@xn--bcher-kva.example"};
    MbComposeMailbox local = {.address = "zoë@example.org"};

    ck_assert(mb_compose_head_add_mailboxes(plain, "To", &named, 1, NULL));
    ck_assert(!mb_compose_head_needs_smtputf8(plain));
    ck_assert(mb_compose_head_add_mailboxes(utf8, "To", &local, 1, NULL));
    ck_assert(mb_compose_head_needs_smtputf8(utf8));
    mb_compose_head_reset(utf8);
    ck_assert(!mb_compose_head_needs_smtputf8(utf8));
    statement("M-11");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compose-head");
    TCase *head = tcase_create("head");

    tcase_set_timeout(head, 60);
    tcase_add_test(head, subjects_fold_and_split_between_characters);
    tcase_add_test(head, date_from_message_id_and_mime_version_stand_once);
    tcase_add_test(head, each_message_has_its_own_date);
    tcase_add_test(head, a_message_without_what_it_needs_is_refused);
    tcase_add_test(head, no_value_makes_a_header_of_its_own);
    tcase_add_test(head, bcc_is_never_written);
    tcase_add_test(head, names_are_quoted_or_encoded_as_a_whole);
    tcase_add_test(head, encoded_words_stand_outside_quotes_and_addresses);
    tcase_add_test(head, long_address_lists_fold);
    tcase_add_test(head, raw_values_fold_at_their_blanks);
    tcase_add_test(head, domains_become_a_labels_and_local_parts_stay);
    tcase_add_test(head, smtputf8_is_needed_for_local_parts_only);
    suite_add_tcase(suite, head);
    return run_suite(suite);
}
