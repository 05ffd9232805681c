#include "statement.h"

#include <check.h>
#include <mailbatch/base/text.h>
#include <mailbatch/compose/compose.h>
#include <mailbatch/mime/decode.h>
#include <mailbatch/mime/scan.h>
#include <mailbatch/mime/words.h>
#include <pthread.h>
#include <string.h>

#define FROM "news@example.org"

static MbComposeHead *new_head(void)
{
    MbComposeHead *head = mb_compose_head_new();
    MbComposeMailbox from = {.name = "News", .address = FROM};

    ck_assert(mb_compose_head_add_mailboxes(head, "From", &from, 1, NULL));
    ck_assert(mb_compose_head_add_date(head, 1763900000, 60, NULL));
    ck_assert(mb_compose_head_add_message_id(head, "<1@example.org>", NULL));
    return head;
}

/* The whole message as one string (which may hold anything). */
static GBytes *flat(const MbComposeMessage *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbWire) wire = mb_compose_message(message, &error);
    GBytes *bytes;

    ck_assert_msg(wire != NULL, "%s", error != NULL ? error->message : "");
    bytes = mb_wire_flatten(wire);
    ck_assert_uint_eq(g_bytes_get_size(bytes), mb_wire_length(wire));
    return bytes;
}

/* A message of one text. */
static GBytes *text_message(const char *text, size_t length, bool eightbit)
{
    g_autoptr(MbComposeHead) head = new_head();
    MbComposeBody body = {.type = "text/plain", .text = text, .length = length};

    return flat(&(MbComposeMessage){
        .head = head, .bodies = &body, .n_bodies = 1, .seed = "s", .eightbit = eightbit});
}

/* Octets a test feeds, with their length. */
typedef struct {
    const char *name;
    const char *text;
    size_t length; /* 0: strlen */
} Text;

static const Text texts[] = {
    {"empty", "", 0},
    {"a dot", ".", 0},
    {"dots at line starts", ".\n..\n.a\n", 0},
    {"no final newline", "abc", 0},
    {"LF", "a\nb\n", 0},
    {"CR", "a\rb\r", 0},
    {"CRLF", "a\r\nb\r\n", 0},
    {"mixed line ends", "a\n\rb\r\n\n\r\r\nc\r", 0},
    {"only line ends", "\n\r\r\n\n", 0},
    {"CR at the very end", "a\r", 0},
    {"trailing blanks", "a \nb\t\n \n", 0},
    {"umlauts", "Grüße aus Köln\nund Tschüß\n", 0},
    {"mostly beyond ASCII", "Здравствуйте, товарищи\nКак дела?\n", 0},
    {"emoji", "😀😀😀 😀\n", 0},
    {"NUL", "a\0b\n", 4},
    {"controls", "\x01\x02\x7F\x1B[31m\n", 0},
    {"equals signs", "a=b\n=20\n= \n", 0},
    {"From at a line's start", "From me\n>From you\nthe From\n", 0},
    {"a boundary of ours", "--=_m0123456789abcdef01234567\n--=_m0123456789abcdef01234567--\n", 0},
};

static size_t length_of(const Text *text)
{
    return text->length != 0 ? text->length : strlen(text->text);
}

/* Long lines: `unit` so often, with and without a line end. */
static GString *long_text(const char *unit, size_t times, const char *end)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < times; i++)
        g_string_append(text, unit);
    g_string_append(text, end);
    return text;
}

/* Line ends as CRLF, and one at the end of what is not empty. */
static GString *canonical(const char *text, size_t length)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' && i + 1 < length && text[i + 1] == '\n')
            continue;
        if (text[i] == '\r' || text[i] == '\n')
            g_string_append(out, "\r\n");
        else
            g_string_append_c(out, text[i]);
    }
    return out;
}

static void check_lines(const char *name, GBytes *bytes)
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

/* Scans the message; what its only text decodes to. */
static GString *decoded_body(GBytes *bytes)
{
    g_autoptr(MbTree) tree = mb_tree_new();
    g_autoptr(MbScan) scan = mb_scan_new();
    size_t length;
    const char *text = g_bytes_get_data(bytes, &length);
    const MbPart *root;
    GString *out = g_string_new(NULL);

    mb_scan_begin(scan, tree, NULL);
    mb_scan_push(scan, text, length);
    mb_scan_finish(scan, 0);
    root = mb_tree_part(tree, 0);
    mb_decode(root->encoding, text + root->body.offset, root->body.length, out, NULL);
    return out;
}

static void check_text(const char *name, const char *text, size_t length)
{
    for (int eightbit = 0; eightbit < 2; eightbit++) {
        g_autoptr(GBytes) bytes = text_message(text, length, eightbit == 1);
        g_autoptr(GString) want = canonical(text, length);
        g_autoptr(GString) got = decoded_body(bytes);
        size_t size;
        const char *data = g_bytes_get_data(bytes, &size);

        check_lines(name, bytes);
        if (eightbit == 0)
            ck_assert_msg(mb_text_is_ascii(data, size), "%s: 8-bit octets", name);
        if (want->len + 2 == got->len) /* the line end that every message gets */
            g_string_append(want, "\r\n");
        ck_assert_msg(want->len == got->len && memcmp(want->str, got->str, got->len) == 0,
                      "%s (eightbit %d): decodes to something else: %s", name, eightbit, got->str);
    }
}

START_TEST(line_ends_become_crlf_and_decode_to_what_went_in)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        check_text(texts[i].name, texts[i].text, length_of(&texts[i]));
    statement("M-1");
}
END_TEST

START_TEST(every_string_of_line_ends_is_normalised)
{
    static const char letters[] = {'\r', '\n', 'a', '.'};

    for (int n = 0; n < 4 * 4 * 4 * 4 * 4; n++) {
        char text[6] = {0};

        for (int i = 0, rest = n; i < 5; i++, rest /= 4)
            text[i] = letters[rest % 4];
        check_text(text, text, 5);
    }
}
END_TEST

START_TEST(no_line_is_longer_than_allowed)
{
    static const char *const units[] = {"x", "ü",  "😀", "= ",   "a b ",
                                        " ", "\t", ".", "\x01", "Zwölf Boxkämpfer "};
    static const size_t times[] = {1, 75, 76, 77, 249, 250, 997, 998, 999, 1000, 5000};
    static const char *const ends[] = {"", "\n", " \n", "\nnext"};

    for (size_t u = 0; u < G_N_ELEMENTS(units); u++)
        for (size_t t = 0; t < G_N_ELEMENTS(times); t++)
            for (size_t e = 0; e < G_N_ELEMENTS(ends); e++) {
                g_autoptr(GString) text = long_text(units[u], times[t], ends[e]);
                g_autofree char *name =
                    g_strdup_printf("\"%s\" %zu times and \"%s\"", units[u], times[t], ends[e]);

                check_text(name, text->str, text->len);
            }
    statement("M-4");
}
END_TEST

static bool holds(GBytes *bytes, const char *text)
{
    return memmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text, strlen(text)) !=
           NULL;
}

START_TEST(eight_bit_goes_out_only_when_asked_for)
{
    static const char text[] = "Grüße\n";
    g_autoptr(GBytes) seven = text_message(text, sizeof text - 1, false);
    g_autoptr(GBytes) eight = text_message(text, sizeof text - 1, true);
    g_autoptr(GBytes) ascii = text_message("hello\n", 6, true);

    ck_assert(mb_text_is_ascii(g_bytes_get_data(seven, NULL), g_bytes_get_size(seven)));
    ck_assert(!mb_text_is_ascii(g_bytes_get_data(eight, NULL), g_bytes_get_size(eight)));
    ck_assert(holds(ascii, "Encoding: 7bit\r\n\r\nhello\r\n"));
    ck_assert(holds(eight, "Encoding: 8bit\r\n"));
}
END_TEST

START_TEST(text_that_is_not_utf8_is_refused)
{
    g_autoptr(MbComposeHead) head = new_head();
    g_autoptr(GError) error = NULL, other = NULL;
    MbComposeBody body = {.type = "text/plain", .text = "a\xFC", .length = 2};

    ck_assert_ptr_null(mb_compose_message(
        &(MbComposeMessage){.head = head, .bodies = &body, .n_bodies = 1}, &error));
    ck_assert(g_error_matches(error, MB_COMPOSE_ERROR, MB_ERROR_DATA));
    ck_assert_ptr_null(mb_compose_part_text("text/plain", "a\xFC", 2, false, &other));
    ck_assert_ptr_nonnull(strstr(other->message, "offset 1"));
}
END_TEST

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

/* --- files and structure ------------------------------------------------------------------ */

static MbComposePart *file_part(const char *name, const char *content_id, size_t length)
{
    g_autofree char *content = g_malloc(length + 1);
    g_autoptr(GBytes) bytes = NULL;
    MbComposePart *part;

    for (size_t i = 0; i < length; i++)
        content[i] = (char)(i * 7);
    bytes = g_bytes_new(content, length);
    part = mb_compose_part_file(
        &(MbComposeFile){.content = bytes, .name = name, .content_id = content_id}, NULL);
    ck_assert_ptr_nonnull(part);
    return part;
}

static char *part_text(MbComposePart *part)
{
    g_autoptr(MbComposeHead) head = new_head();
    g_autoptr(GBytes) bytes =
        flat(&(MbComposeMessage){.head = head, .attachments = &part, .n_attachments = 1});

    return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

START_TEST(filenames_are_written_as_rfc_2231_says)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"report.pdf", "Content-Type: application/pdf; name=report.pdf\r\n"
                       "Content-Disposition: attachment; filename=report.pdf\r\n"},
        {"my report.PDF", "Content-Disposition: attachment; filename=\"my report.PDF\"\r\n"},
        {"a\"b\\c.txt", "Content-Disposition: attachment; filename=\"a\\\"b\\\\c.txt\"\r\n"},
        {"Grüße.pdf", "Content-Disposition: attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf\r\n"},
        {"x", "Content-Type: application/octet-stream; name=x\r\n"},
        {"x.tar.gz", "Content-Type: application/gzip;"},
    };
    g_autoptr(MbComposePart) long_named = file_part(
        "Ein sehr langer Dateiname, der über eine Zeile weit hinausreicht und Umlaute hat: äöü.pdf",
        NULL, 3);
    g_autofree char *text = part_text(long_named);
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MbComposePart) part = file_part(cases[i].name, NULL, 3);
        g_autofree char *got = part_text(part);

        ck_assert_msg(strstr(got, cases[i].want) != NULL, "%s: %s", cases[i].name, got);
    }
    ck_assert_ptr_nonnull(strstr(text, "filename*0*=UTF-8''Ein%20sehr"));
    for (guint i = 0; lines[i] != NULL; i++)
        ck_assert_msg(strlen(lines[i]) <= 78, "%s", lines[i]);
    statement("M-13");
}
END_TEST

START_TEST(bad_names_types_and_ids_are_refused)
{
    g_autoptr(GBytes) content = g_bytes_new("x", 1);
    const MbComposeFile bad[] = {
        {.content = content, .name = "a\r\nBcc: x"},
        {.content = content, .name = "a\xFF"},
        {.content = content, .type = "text"},
        {.content = content, .type = "text/plain; x=\"\r\n\""},
        {.content = content, .type = "a/b/c"},
        {.content = content, .content_id = "a>b"},
        {.content = content, .content_id = "a b"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_msg(mb_compose_part_file(&bad[i], &error) == NULL, "%zu", i);
        ck_assert(g_error_matches(error, MB_COMPOSE_ERROR, MB_ERROR_DATA));
    }
}
END_TEST

/* The shape as the scanner sees it. */
static char *shape(const MbComposeMessage *message, GBytes **kept)
{
    g_autoptr(MbTree) tree = mb_tree_new();
    g_autoptr(MbScan) scan = mb_scan_new();
    GBytes *bytes = flat(message);
    GString *out = g_string_new(NULL);

    mb_scan_begin(scan, tree, NULL);
    mb_scan_push(scan, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    mb_scan_finish(scan, 0);
    mb_tree_shape(tree, out);
    ck_assert_msg(mb_tree_worst(tree) == MB_SEVERITY_INFO, "%s: defects", out->str);
    if (kept != NULL)
        *kept = bytes;
    else
        g_bytes_unref(bytes);
    return g_string_free(out, FALSE);
}

START_TEST(levels_of_one_child_are_left_out)
{
    static const struct {
        size_t bodies, inlines, attachments;
        const char *want;
    } cases[] = {
        {1, 0, 0, "text/plain"},
        {2, 0, 0, "multipart/alternative(text/plain,text/html)"},
        {1, 0, 1, "multipart/mixed(text/plain,application/pdf)"},
        {0, 0, 1, "application/pdf"},
        {0, 0, 2, "multipart/mixed(application/pdf,application/pdf)"},
        {1, 1, 0, "multipart/related(text/plain,image/png)"},
        {2, 2, 0,
         "multipart/related(multipart/alternative(text/plain,text/html),image/png,image/png)"},
        {2, 1, 2,
         "multipart/mixed(multipart/related(multipart/alternative(text/plain,text/html),image/png),"
         "application/pdf,application/pdf)"},
        {2, 0, 1, "multipart/mixed(multipart/alternative(text/plain,text/html),application/pdf)"},
    };

    /* Small parts are copied, large ones shared; both with row's text and with parts built before.
     */
    for (size_t size = 0; size < 20000; size += 9999)
        for (int built = 0; built < 2; built++)
            for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(MbComposeHead) head = new_head();
                g_autoptr(MbComposePart) pdf = file_part("a.pdf", NULL, size);
                g_autoptr(MbComposePart) png = file_part("a.png", "a@b", size);
                g_autoptr(GString) text = long_text("Zeile ü\n", size / 8 + 1, "");
                g_autoptr(MbComposePart) plain =
                    mb_compose_part_text("text/plain", text->str, text->len, false, NULL);
                g_autoptr(MbComposePart) html =
                    mb_compose_part_text("text/html", text->str, text->len, false, NULL);
                MbComposePart *pdfs[] = {pdf, pdf}, *pngs[] = {png, png};
                MbComposeBody bodies[] = {
                    {built == 1 ? plain : NULL, "text/plain", text->str, text->len},
                    {built == 1 ? html : NULL, "text/html", text->str, text->len}};
                MbComposeMessage message = {.head = head,
                                            .bodies = bodies,
                                            .n_bodies = cases[i].bodies,
                                            .inlines = pngs,
                                            .n_inlines = cases[i].inlines,
                                            .attachments = pdfs,
                                            .n_attachments = cases[i].attachments,
                                            .seed = "seed"};
                g_autoptr(GBytes) bytes = NULL;
                g_autofree char *got = shape(&message, &bytes);

                ck_assert_str_eq(got, cases[i].want);
                check_lines(cases[i].want, bytes);
            }
}
END_TEST

START_TEST(a_boundary_never_occurs_in_content)
{
    g_autoptr(MbComposeHead) head = new_head();
    g_autoptr(MbComposePart) pdf = file_part("a.pdf", NULL, 10);
    MbComposeBody bodies[] = {{.type = "text/plain", .text = "x", .length = 1},
                              {.type = "text/html", .text = "y", .length = 1}};
    MbComposeMessage message = {.head = head,
                                .bodies = bodies,
                                .n_bodies = 2,
                                .attachments = &pdf,
                                .n_attachments = 1,
                                .seed = "known to the attacker"};
    g_autoptr(GBytes) first = flat(&message), again = flat(&message);
    g_autofree char *text = g_strndup(g_bytes_get_data(first, NULL), g_bytes_get_size(first));
    g_autofree char *got = NULL;

    ck_assert(g_bytes_equal(first, again));
    /* All of the message, its boundaries included, as the text of the next one. */
    bodies[0].text = bodies[1].text = text;
    bodies[0].length = bodies[1].length = strlen(text);
    got = shape(&message, NULL);
    ck_assert_str_eq(
        got, "multipart/mixed(multipart/alternative(text/plain,text/html),application/pdf)");
    statement("M-14");
}
END_TEST

START_TEST(large_parts_are_shared_not_copied)
{
    g_autoptr(MbComposeHead) head = new_head();
    g_autoptr(MbComposePart) pdf = file_part("a.pdf", NULL, 100000);
    MbComposeBody body = {.type = "text/plain", .text = "x", .length = 1};
    MbComposeMessage message = {.head = head,
                                .bodies = &body,
                                .n_bodies = 1,
                                .attachments = &pdf,
                                .n_attachments = 1,
                                .seed = "s"};
    g_autoptr(MbWire) one = mb_compose_message(&message, NULL);
    g_autoptr(MbWire) two = mb_compose_message(&message, NULL);

    ck_assert_uint_eq(mb_wire_segments(one), 3);
    ck_assert_ptr_eq(mb_wire_segment(one, 1).bytes, mb_wire_segment(two, 1).bytes);
    ck_assert_uint_eq(mb_wire_segment(one, 1).length, mb_compose_part_length(pdf));
}
END_TEST

static void *compose_often(void *data)
{
    MbComposePart *pdf = data;

    for (int i = 0; i < 300; i++) {
        g_autoptr(MbComposeHead) head = new_head();
        MbComposeBody body = {.type = "text/plain", .text = "Grüße", .length = 7};
        g_autoptr(MbWire) wire = mb_compose_message(&(MbComposeMessage){.head = head,
                                                                        .bodies = &body,
                                                                        .n_bodies = 1,
                                                                        .attachments = &pdf,
                                                                        .n_attachments = 1,
                                                                        .seed = "s"},
                                                    NULL);
        g_autoptr(GString) text = g_string_new(NULL);

        mb_compose_html_to_text("<p>a</p>", 8, text);
        if (wire == NULL || strcmp(text->str, "a\n") != 0)
            return data;
    }
    return NULL;
}

START_TEST(threads_share_parts)
{
    g_autoptr(MbComposePart) pdf = file_part("a.pdf", NULL, 50000);
    pthread_t threads[4];
    void *problem;

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compose_often, pdf), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &problem);
        ck_assert_ptr_null(problem);
    }
}
END_TEST

/* --- HTML --------------------------------------------------------------------------------- */

START_TEST(html_becomes_readable_text)
{
    static const struct {
        const char *html, *want;
    } cases[] = {
        {"", ""},
        {"<p>Hello  <b>world</b>,\n again.</p><p>Next</p>", "Hello world, again.\n\nNext\n"},
        {"a<br>b<br/><br>c", "a\nb\n\nc\n"},
        {"<h1>Title</h1>text<div>one</div><div>two</div>", "Title\n\ntext\none\ntwo\n"},
        {"<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>end",
         "* one\n* two\n  * deep\n\nend\n"},
        {"<ol><li>one</li><li>two</li></ol>", " 1. one\n 2. two\n"},
        {"<a href=\"https://x.example/a?b=1&amp;c=2\">click</a>!",
         "click <https://x.example/a?b=1&c=2>!\n"},
        {"<a href=\"https://x.example\">https://x.example</a> <a href=\"mailto:a@b.c\">a@b.c</a> "
         "<a "
         "href=\"#top\">up</a>",
         "https://x.example a@b.c up\n"},
        {"<img src=\"x\" alt=\"Logo\"> &amp; &lt;b&gt; &uuml;&nbsp;&euro;", "Logo & <b> ü €\n"},
        {"<style>p{}</style><script>x()</script><!-- no --><title>t</title>yes", "yes\n"},
        {"<div style=\"display:none\">preheader</div>seen<span hidden>not</span>", "seen\n"},
        {"<pre>a  b\n  c</pre>", "a  b\n  c\n"},
        {"<blockquote>quoted<br>text</blockquote>after", "> quoted\n> text\n\nafter\n"},
        {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a b\nc d\n"},
        {"<p>unclosed <b>tags <i>everywhere", "unclosed tags everywhere\n"},
        {"no tags at all", "no tags at all\n"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);

        mb_compose_html_to_text(cases[i].html, strlen(cases[i].html), out);
        ck_assert_msg(strcmp(out->str, cases[i].want) == 0, "%s\n  got  %s\n  want %s",
                      cases[i].html, out->str, cases[i].want);
    }
}
END_TEST

START_TEST(text_from_html_is_wrapped)
{
    g_autoptr(GString) html = long_text("word and ", 100, "<p>");
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    mb_compose_html_to_text(html->str, html->len, out);
    lines = g_strsplit(out->str, "\n", -1);
    ck_assert_uint_gt(g_strv_length(lines), 10);
    for (guint i = 0; lines[i] != NULL; i++)
        ck_assert_uint_le(strlen(lines[i]), 72);
}
END_TEST

START_TEST(hostile_html_comes_to_an_end)
{
    static const char *const units[] = {
        "<div>", "<ul><li>", "<table><tr><td>", "<", "&", "<a href=", "</p>", "<!--"};

    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        g_autoptr(GString) html = long_text(units[i], 20000, "");
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GArray) images = mb_compose_html_images(html->str, html->len);

        mb_compose_html_to_text(html->str, html->len, out);
        ck_assert_uint_eq(images->len, 0);
    }
}
END_TEST

START_TEST(local_images_are_found_where_they_stand)
{
    static const struct {
        const char *html, *want; /* the values' octets and paths */
    } cases[] = {
        {"<img src=\"a.png\">", "a.png=a.png"},
        {"<IMG alt='x>y' SRC = 'b/c%20d.png' /><img src=e.gif>",
         "b/c%20d.png=b/c d.png e.gif=e.gif"},
        {"<img src=\"https://x/a.png\"><img src=\"cid:x\"><img src=\"data:image/png;base64,x\">"
         "<img src=\"//x/y\"><img src=\"\"><img>",
         ""},
        {"<!-- <img src=\"a\"> --><script>'<img src=\"b\">'</script><image src=\"c\"><img "
         "src=\"d\">",
         "d=d"},
        {"<img src=\"a&amp;b.png\">", "a&amp;b.png=a&b.png"},
        {"<img src=\"{{ x }}.png\" alt=\"{{ \">\" }}\"><img {% if a > 1 %}x{% endif %} src=\"y\">",
         "{{ x }}.png={{ x }}.png y=y"},
        {"<img data-src=\"no\" src=\"yes\" src=\"twice\">", "yes=yes"},
        {"<img src=\"open", "open=open"},
        {"<img src=", ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GArray) images = mb_compose_html_images(cases[i].html, strlen(cases[i].html));
        g_autoptr(GString) got = g_string_new(NULL);

        for (guint k = 0; k < images->len; k++) {
            const MbComposeImage *image = &g_array_index(images, MbComposeImage, k);

            g_string_append_printf(got, "%s%.*s=%s", k > 0 ? " " : "", (int)image->length,
                                   cases[i].html + image->offset, image->path);
        }
        ck_assert_msg(strcmp(got->str, cases[i].want) == 0, "%s\n  got  %s\n  want %s",
                      cases[i].html, got->str, cases[i].want);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compose");
    TCase *bodies = tcase_create("bodies"), *head = tcase_create("head"),
          *parts = tcase_create("parts"), *html = tcase_create("html");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(bodies, 60);
    tcase_add_test(bodies, line_ends_become_crlf_and_decode_to_what_went_in);
    tcase_add_test(bodies, every_string_of_line_ends_is_normalised);
    tcase_add_test(bodies, no_line_is_longer_than_allowed);
    tcase_add_test(bodies, eight_bit_goes_out_only_when_asked_for);
    tcase_add_test(bodies, text_that_is_not_utf8_is_refused);
    tcase_set_timeout(head, 30);
    tcase_add_test(head, subjects_fold_and_split_between_characters);
    tcase_add_test(head, date_from_message_id_and_mime_version_stand_once);
    tcase_add_test(head, a_message_without_what_it_needs_is_refused);
    tcase_add_test(head, no_value_makes_a_header_of_its_own);
    tcase_add_test(head, bcc_is_never_written);
    tcase_add_test(head, names_are_quoted_or_encoded_as_a_whole);
    tcase_add_test(head, encoded_words_stand_outside_quotes_and_addresses);
    tcase_add_test(head, long_address_lists_fold);
    tcase_add_test(head, raw_values_fold_at_their_blanks);
    tcase_add_test(head, domains_become_a_labels_and_local_parts_stay);
    tcase_add_test(head, smtputf8_is_needed_for_local_parts_only);
    tcase_set_timeout(parts, 60);
    tcase_add_test(parts, filenames_are_written_as_rfc_2231_says);
    tcase_add_test(parts, bad_names_types_and_ids_are_refused);
    tcase_add_test(parts, levels_of_one_child_are_left_out);
    tcase_add_test(parts, a_boundary_never_occurs_in_content);
    tcase_add_test(parts, large_parts_are_shared_not_copied);
    tcase_add_test(parts, threads_share_parts);
    tcase_set_timeout(html, 60);
    tcase_add_test(html, html_becomes_readable_text);
    tcase_add_test(html, text_from_html_is_wrapped);
    tcase_add_test(html, hostile_html_comes_to_an_end);
    tcase_add_test(html, local_images_are_found_where_they_stand);
    suite_add_tcase(suite, bodies);
    suite_add_tcase(suite, head);
    suite_add_tcase(suite, parts);
    suite_add_tcase(suite, html);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
