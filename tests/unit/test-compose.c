#include "compose.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/base/text.h>
#include <mailbatch/compose/compose.h>
#include <mailbatch/mime/decode.h>
#include <mailbatch/mime/scan.h>
#include <string.h>

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

/* What is judged fails with the words of what is made. */
START_TEST(judged_is_what_could_be_made)
{
    static const struct {
        const char *name, *plain, *html;
        bool bare; /* a head that lacks all */
        bool good;
    } rows[] = {
        {"one text", "Grüße\n", NULL, false, true},
        {"two texts", "a\n", "<p>ü</p>\n", false, true},
        {"no From", "a\n", NULL, true, false},
        {"a text that is no UTF-8", "a\xFF\n", NULL, false, false},
        {"an HTML that is no UTF-8", "a\n", "<p>\xC3</p>\n", false, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(MbComposeHead) head = rows[i].bare ? mb_compose_head_new() : new_head();
        MbComposeBody bodies[2] = {
            {.type = "text/plain", .text = rows[i].plain, .length = strlen(rows[i].plain)},
            {.type = "text/html",
             .text = rows[i].html,
             .length = rows[i].html != NULL ? strlen(rows[i].html) : 0},
        };
        MbComposeMessage message = {
            .head = head, .bodies = bodies, .n_bodies = rows[i].html != NULL ? 2 : 1, .seed = "s"};
        g_autoptr(GError) judged = NULL, made = NULL;
        g_autoptr(MbWire) wire = mb_compose_message(&message, &made);

        ck_assert_msg((wire != NULL) == rows[i].good, "%s", rows[i].name);
        ck_assert_msg(mb_compose_message_check(&message, &judged) == rows[i].good, "%s",
                      rows[i].name);
        if (!rows[i].good)
            ck_assert_str_eq(judged->message, made->message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compose");
    TCase *bodies = tcase_create("bodies");

    tcase_set_timeout(bodies, 60);
    tcase_add_test(bodies, line_ends_become_crlf_and_decode_to_what_went_in);
    tcase_add_test(bodies, every_string_of_line_ends_is_normalised);
    tcase_add_test(bodies, no_line_is_longer_than_allowed);
    tcase_add_test(bodies, eight_bit_goes_out_only_when_asked_for);
    tcase_add_test(bodies, text_that_is_not_utf8_is_refused);
    tcase_add_test(bodies, judged_is_what_could_be_made);
    suite_add_tcase(suite, bodies);
    return run_suite(suite);
}
