#include "statement.h"
#include "suite.h"

#include <check.h>
#include <glib/gstdio.h>
#include <mailbatch/base/log.h>
#include <print.h>
#include <string.h>
#include <walk.h>

static char *folder;

static void setup(void)
{
    folder = g_dir_make_tmp("test-mparse-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void teardown(void)
{
    g_autofree char *file = g_build_filename(folder, "mail", NULL);

    g_unlink(file);
    g_rmdir(folder);
    g_free(folder);
}

/* What a printer let go of on the way, and the most that it held then. */
typedef struct {
    GString *text;
    gsize most;
} Drained;

static Drained *drain_data; /* of the next print_mail(), or NULL */

static void count_drained(void *data, GString *out)
{
    Drained *drained = data;

    drained->most = MAX(drained->most, out->len);
    g_string_append_len(drained->text, out->str, (gssize)out->len);
    g_string_truncate(out, 0);
}

static guint32 walk_depth; /* of the containers that print_mail()'s mail lies in */

/* Writes the mail to a file and gives what the format makes of it; `limits` may be NULL. */
static char *print_mail(const GString *mail, MpFormat format, size_t buffer_max,
                        const MbLimits *limits)
{
    g_autofree char *path = g_build_filename(folder, "mail", NULL);
    const MbSourceOptions source_options = {.buffer_max = buffer_max};
    MpOptions options = {
        .format = format,
        .all_headers = true,
        .show_text = true,
        .hash = {true, true, true},
        .limits = limits != NULL ? *limits : mb_limits_default,
    };
    g_autoptr(MpWalk) walk = mp_walk_new(&options.limits);
    g_autoptr(MpPrinter) printer = mp_printer_new(&options);
    g_autoptr(MbSource) source = NULL;
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);
    const MbItem *item;
    MpMessage message;

    ck_assert(g_file_set_contents(path, mail->str, (gssize)mail->len, NULL));
    source = mb_source_open(path, &source_options, &error);
    ck_assert_ptr_nonnull(source);
    printer->drain = drain_data != NULL ? count_drained : NULL;
    printer->drain_data = drain_data;
    while (mb_source_next(source, &item, &error) == MB_NEXT) {
        ck_assert(mp_walk_item(walk, source, item, walk_depth, &message, &error));
        printer->message(printer, &message, out);
    }
    ck_assert_ptr_null(error);
    return g_string_free(out, FALSE);
}

static void append_encoded(GString *mail, const char *bytes, size_t length)
{
    g_autofree char *text = g_base64_encode((const guchar *)bytes, length);
    size_t all = strlen(text);

    for (size_t at = 0; at < all; at += 76)
        g_string_append_printf(mail, "%.76s\r\n", text + at);
}

/* A message with an encoded message with an attachment of `size` bytes. */
static GString *nested_mail(size_t size)
{
    g_autofree char *content = g_malloc(size);
    g_autoptr(GString) inner = g_string_new("From: in@b.example\r\n"
                                            "Content-Type: application/octet-stream\r\n"
                                            "Content-Transfer-Encoding: base64\r\n\r\n");
    GString *mail = g_string_new("From: out@b.example\r\nSubject: =?utf-8?q?h=C3=A9?=\r\n"
                                 "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                                 "--b\r\n\r\nhello\r\n--b\r\nContent-Type: message/rfc822\r\n"
                                 "Content-Transfer-Encoding: base64\r\n\r\n");

    for (size_t i = 0; i < size; i++)
        content[i] = (char)(i * 31);
    append_encoded(inner, content, size);
    append_encoded(mail, inner->str, inner->len);
    g_string_append(mail, "--b--\r\n");
    return mail;
}

START_TEST(a_streamed_message_is_printed_like_a_buffered_one)
{
    GString *mail = nested_mail(300000);

    for (int format = MP_FORMAT_TREE; format <= MP_FORMAT_JSON; format++) {
        g_autofree char *buffered = print_mail(mail, (MpFormat)format, 0, NULL);
        g_autofree char *streamed = print_mail(mail, (MpFormat)format, 65536, NULL);

        ck_assert_str_eq(buffered, streamed);
        ck_assert_ptr_nonnull(strstr(buffered, "application/octet-stream"));
    }
    g_string_free(mail, TRUE);
}
END_TEST

START_TEST(what_is_over_a_limit_stays_closed_and_is_reported)
{
    static const struct {
        const char *name;
        MbLimits limits;
        const char *code, *limit;
    } cases[] = {
        {"bytes", {10, 100, 100, 100, 1000, 1000}, "\"limit-bytes\"", "\"limits_hit\":[\"bytes\"]"},
        {"depth",
         {2, 100, 100, 100, 1000000, 1000},
         "\"limit-depth\"",
         "\"limits_hit\":[\"depth\"]"},
    };
    GString *mail = nested_mail(3000);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *out = print_mail(mail, MP_FORMAT_JSON, 0, &cases[i].limits);

        ck_assert_msg(strstr(out, cases[i].code) != NULL, "%s: %s", cases[i].name, out);
        ck_assert_msg(strstr(out, cases[i].limit) != NULL, "%s: %s", cases[i].name, out);
        ck_assert_msg(strstr(out, "(text/plain,message/rfc822)") != NULL, "%s: %s", cases[i].name,
                      out);
    }
    g_string_free(mail, TRUE);
}
END_TEST

START_TEST(flaws_of_values_are_reported_with_their_place_in_tree_and_json)
{
    static const struct {
        const char *name, *header, *code;
        unsigned offset;
    } rows[] = {
        {"several From", "From: a@b.example\nfrom: c@d.example\n", "field-twice", 18},
        {"group From", "From: team: a@b.example;\n", "from-group", 0},
        {"several authors", "From: a@b.example, c@d.example\n", "from-several", 0},
        {"glued addresses", "From: <a@b.example><c@d.example>\n", "address-no-comma", 19},
        {"glued, after a fold", "To: x@y.example,\n <a@b.example><c@d.example>\n",
         "address-no-comma", 31},
        {"address no one sees", "From: \"x@y.example\" <a@b.example>\n", "address-name-is-address",
         6},
        {"split character", "Subject: =?utf-8?q?a=C3?= =?utf-8?q?=A9?=\n", "word-split-character",
         26},
        {"word in quotes", "From: \"=?utf-8?q?x?=\" <a@b.example>\n", "word-place", 7},
        {"word in an address", "From: <=?utf-8?q?x?=@b.example>\n", "word-place", 6},
        {"NUL in a word", "Subject: =?utf-8?q?a=00b?=\n", "word-control", 9},
        {"newline in a word", "Subject: =?utf-8?q?a=0Ab?=\n", "word-control", 9},
        {"word in a field that is not shown", "X-Note: =?utf-8?q?a=0Ab?=\n", "word-control", 8},
        {"zone unknown", "Date: 1 Feb 2020 12:00:00 -0000\n", "date-zone", 26},
        {"31 February", "Date: 31 Feb 2020 12:00:00 +0000\n", "date-impossible", 6},
        {"ISO 8601", "Date: 2020-02-01T12:00:00Z\n", "date-iso", 6},
        {"leap second", "Date: 31 Dec 2016 23:59:60 +0000\n", "date-leap-second", 6},
        {"two-digit year", "Date: 1 Feb 20 12:00:00 +0000\n", "date-obsolete", 12},
        {"no date", "Date: soon\n", "date-malformed", 6},
        {"second date", "Date: 1 Feb 2020 12:00:00 +0000\nDate: soon\n", "date-malformed", 38},
        {"resent", "Resent-Date: soon\n", "date-malformed", 13},
        {"two dispositions", "Content-Disposition: inline\nContent-Disposition: attachment\n",
         "field-twice", 28},
        {"two types", "Content-Type: text/html\nContent-Type: text/plain\n", "type-twice", 37},
        {"two encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n",
         "encoding-twice", 58},
    };

    mb_log_set_level(MB_LOG_VERBOSE);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *in_tree = g_strdup_printf(" %s at %u: ", rows[i].code, rows[i].offset);
        g_autofree char *in_json = g_strdup_printf("\"offset\":%u,", rows[i].offset);
        g_autoptr(GString) mail = g_string_new(rows[i].header);
        g_autofree char *tree = NULL;
        g_autofree char *json = NULL;
        const char *defect;

        g_string_append(mail, "\ntext\n");
        tree = print_mail(mail, MP_FORMAT_TREE, 0, NULL);
        json = print_mail(mail, MP_FORMAT_JSON, 0, NULL);
        ck_assert_msg(strstr(tree, in_tree) != NULL, "%s: %s", rows[i].name, tree);
        defect = strstr(json, rows[i].code);
        ck_assert_msg(defect != NULL && strstr(defect, in_json) != NULL, "%s: %s", rows[i].name,
                      json);
        ck_assert_msg(strstr(defect + 1, rows[i].code) == NULL, "%s: twice: %s", rows[i].name,
                      json);
    }
    mb_log_set_level(MB_LOG_NORMAL);
    statement("F-14");
    statement("F-19");
}
END_TEST

START_TEST(flaws_in_an_embedded_message_stand_at_it)
{
    static const char head[] = "From: a@b.example\nContent-Type: message/rfc822\n";
    g_autoptr(GString) plain = g_string_new(head);
    g_autoptr(GString) encoded = g_string_new(head);
    g_autofree char *out = NULL;
    g_autofree char *decoded = NULL;

    g_string_append(plain, "\nDate: soon\nFrom: x@y.example\n\ntext\n");
    out = print_mail(plain, MP_FORMAT_TREE, 0, NULL);
    ck_assert_msg(strstr(out, "! warn date-malformed at 54: ") != NULL, "%s", out);
    g_string_append(encoded, "Content-Transfer-Encoding: base64\n\n");
    append_encoded(encoded, "Date: soon\n\ntext\n", 18);
    decoded = print_mail(encoded, MP_FORMAT_JSON, 0, NULL);
    ck_assert_msg(strstr(decoded, "\"code\":\"date-malformed\",\"severity\":\"warn\","
                                  "\"space\":1,\"offset\":6,") != NULL,
                  "%s", decoded);
    ck_assert_ptr_null(strstr(decoded, "field-twice"));
}
END_TEST

/* The text comes in pieces of 64 KiB: lines, line ends and characters go over their edges. */
START_TEST(text_is_shown_line_by_line)
{
    static const char *const ends[] = {"\n", "\r\n"};

    for (size_t i = 0; i < 2 * G_N_ELEMENTS(ends); i++) {
        const char *end = ends[i / 2];
        g_autoptr(GString) mail = g_string_new("Content-Type: text/plain; charset=utf-8\n\n");
        g_autoptr(GString) want = g_string_new(NULL);
        g_autofree char *out = NULL;
        const char *shown;

        for (size_t line = 0; line < 70; line++) {
            g_autofree char *text = g_strnfill(line * 97 % 5000, 'x');

            g_string_append_printf(mail, "%sé%s", text, end);
            g_string_append_printf(want, "   │ %sé\n", text);
        }
        for (size_t at = 0; at < 40000; at++) {
            g_string_append(mail, end);
            g_string_append(want, "   │ \n");
        }
        g_string_append(mail, i % 2 == 0 ? "last" : "a\rb\r");
        g_string_append(want, i % 2 == 0 ? "   │ last\n" : "   │ a\\x0db\n");
        out = print_mail(mail, MP_FORMAT_TREE, 0, NULL);
        shown = strstr(out, "   │ ");
        ck_assert_ptr_nonnull(shown);
        ck_assert_msg(strcmp(shown, want->str) == 0, "%zu", i);
    }
}
END_TEST

START_TEST(a_message_is_printed_piece_by_piece)
{
    GString *mail = nested_mail(3000);

    for (size_t i = 0; i < 300; i++)
        g_string_append_printf(mail, "--b\r\nX-%zu: %060u\r\n\r\n%01000u\r\n", i, 0u, 0u);
    for (int format = MP_FORMAT_TREE; format <= MP_FORMAT_JSON; format++) {
        Drained drained = {.text = g_string_new(NULL)};
        g_autofree char *whole = print_mail(mail, (MpFormat)format, 0, NULL);
        g_autofree char *rest = NULL;

        drain_data = &drained;
        rest = print_mail(mail, (MpFormat)format, 0, NULL);
        drain_data = NULL;
        g_string_append(drained.text, rest);
        ck_assert_str_eq(drained.text->str, whole);
        ck_assert_uint_lt(drained.most, 8000);
        g_string_free(drained.text, TRUE);
    }
    g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_header_field_of_any_size_is_shown_up_to_a_limit)
{
    g_autoptr(GString) mail = g_string_new("From: a@b.example\nX: ");
    gsize length = (gsize)MB_TREE_VALUE_MAX + 5;
    g_autofree char *padding = g_strnfill(length, 'x');
    g_autofree char *range = NULL;

    g_string_append_printf(mail, "%s\nSubject: seen\n\ntext\n", padding);
    range = g_strdup_printf("\"code\":\"header-value-limit\",\"severity\":\"warn\",\"space\":0,"
                            "\"offset\":18,\"length\":%zu,",
                            length + 4);
    for (int format = MP_FORMAT_TREE; format <= MP_FORMAT_JSON; format += 2) {
        g_autofree char *out = print_mail(mail, (MpFormat)format, 0, NULL);

        ck_assert_ptr_nonnull(strstr(out, "header-value-limit"));
        ck_assert_ptr_nonnull(strstr(out, "seen"));
        ck_assert_msg(format == MP_FORMAT_TREE || strstr(out, range) != NULL, "no %s", range);
    }
}
END_TEST

/* What stands encoded inside a message was never in the mbox as lines of its own. */
START_TEST(an_mboxs_quoting_is_undone_in_its_own_lines_only)
{
    g_autoptr(GString) mail = g_string_new("From a@b Thu Jan  1 00:00:00 1970\nFrom: a@b.example\n"
                                           "Content-Type: multipart/mixed; boundary=b\n\n"
                                           "--b\n\n>From outside\n--b\n"
                                           "Content-Type: message/rfc822\n"
                                           "Content-Transfer-Encoding: base64\n\n");
    static const char inner[] = "Subject: in\n\n>From inside\n";
    g_autofree char *out = NULL;

    append_encoded(mail, inner, strlen(inner));
    g_string_append(mail, "--b--\n");
    out = print_mail(mail, MP_FORMAT_TREE, 0, NULL);
    ck_assert_msg(strstr(out, "│ From outside\n") != NULL, "%s", out);
    ck_assert_msg(strstr(out, "│ >From inside\n") != NULL, "%s", out);
}
END_TEST

START_TEST(what_content_length_holds_together_was_never_quoted)
{
    static const char line[] = "From a@b Thu Jan  1 00:00:00 1970\n";
    g_autofree char *body = g_strdup_printf(">From kept\n\n%s\nx\n", line);
    g_autoptr(GString) mail = g_string_new(NULL);
    g_autofree char *out = NULL;

    g_string_printf(mail, "%sContent-Length: %zu\n\n%s", line, strlen(body), body);
    out = print_mail(mail, MP_FORMAT_TREE, 0, NULL);
    ck_assert_msg(strstr(out, "│ >From kept\n") != NULL, "%s", out);
}
END_TEST

START_TEST(only_what_weighs_counts_as_an_encoding_error)
{
    static const struct {
        const char *content, *want;
    } cases[] = {
        {"aGVsbG8=", "\"errors\":0"},
        {"aGVsbG8", "\"errors\":0"}, /* unpadded: info */
        {"aGV*sbG8=", "\"errors\":1"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) mail = g_string_new("Content-Transfer-Encoding: base64\n\n");
        g_autofree char *out = NULL;

        g_string_append(mail, cases[i].content);
        out = print_mail(mail, MP_FORMAT_JSON, 0, NULL);
        ck_assert_msg(strstr(out, cases[i].want) != NULL, "%s: %s", cases[i].content, out);
    }
}
END_TEST

START_TEST(the_containers_around_a_message_count_as_depth)
{
    static const struct {
        guint32 around;
        bool is_open;
    } cases[] = {{0, true}, {7, true}, {8, false}, {9, false}};
    const MbLimits limits = {10, 100, 100, 100, 1000000, 1000};
    g_autoptr(GString) mail = nested_mail(100);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *out = NULL;

        walk_depth = cases[i].around;
        out = print_mail(mail, MP_FORMAT_JSON, 0, &limits);
        walk_depth = 0;
        ck_assert_msg((strstr(out, "limit-depth") == NULL) == cases[i].is_open, "%u around: %s",
                      cases[i].around, out);
        ck_assert_msg((strstr(out, "message/rfc822(application/") != NULL) == cases[i].is_open,
                      "%u around: %s", cases[i].around, out);
    }
}
END_TEST

START_TEST(defects_behind_quoted_lines_stand_where_they_are)
{
    g_autoptr(GString) mail = g_string_new("From a@b Thu Jan  1 00:00:00 1970\n"
                                           "Content-Transfer-Encoding: quoted-printable\n\n");
    g_autofree char *out = NULL;
    g_autofree char *want = NULL;

    for (size_t i = 0; i < 20000; i++)
        g_string_append(mail, ">From x\n");
    want = g_strdup_printf("qp-bad-escape at %zu: ", mail->len + 1);
    g_string_append(mail, "a=ZZ\n>From y\n");
    out = print_mail(mail, MP_FORMAT_TREE, 0, NULL);
    ck_assert_msg(strstr(out, want) != NULL, "%s %.300s", want, out);
}
END_TEST

START_TEST(a_charset_behind_quoted_lines_is_wrong_where_it_is)
{
    g_autoptr(GString) mail = g_string_new("From a@b Thu Jan  1 00:00:00 1970\n"
                                           "Content-Type: text/plain; charset=utf-8\n\n"
                                           ">From x\n>From y\n");
    g_autofree char *want = g_strdup_printf("charset-lie at %zu: ", mail->len + 1);
    g_autofree char *out = NULL;

    g_string_append(mail, "a\xFCz\n");
    out = print_mail(mail, MP_FORMAT_TREE, 0, NULL);
    ck_assert_msg(strstr(out, want) != NULL, "%s %.300s", want, out);
}
END_TEST

START_TEST(main_fields_are_known_in_any_case)
{
    ck_assert(mp_is_main_field((const uint8_t *)"SUBJECT", 7));
    ck_assert(mp_is_main_field((const uint8_t *)"Message-Id", 10));
    ck_assert(!mp_is_main_field((const uint8_t *)"Received", 8));
}
END_TEST

START_TEST(the_manual_lists_every_defect)
{
    g_autofree char *path =
        g_build_filename(MB_TEST_DATA, "..", "..", "tools", "mparse", "mparse.1", NULL);
    g_autofree char *manual = NULL;

    ck_assert(g_file_get_contents(path, &manual, NULL, NULL));
    for (unsigned code = 0; code < MB_DEFECT_CODES; code++) {
        g_autofree char *row = g_strdup_printf(".It %s Ta %s Ta ", mb_defect_code(code),
                                               mb_severity_name(mb_defect_severity(code)));

        ck_assert_msg(strstr(manual, row) != NULL, "not in the manual: %s", row);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mparse");
    TCase *tcase = tcase_create("mparse");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_streamed_message_is_printed_like_a_buffered_one);
    tcase_add_test(tcase, what_is_over_a_limit_stays_closed_and_is_reported);
    tcase_add_test(tcase, flaws_of_values_are_reported_with_their_place_in_tree_and_json);
    tcase_add_test(tcase, flaws_in_an_embedded_message_stand_at_it);
    tcase_add_test(tcase, text_is_shown_line_by_line);
    tcase_add_test(tcase, a_message_is_printed_piece_by_piece);
    tcase_add_test(tcase, a_header_field_of_any_size_is_shown_up_to_a_limit);
    tcase_add_test(tcase, an_mboxs_quoting_is_undone_in_its_own_lines_only);
    tcase_add_test(tcase, what_content_length_holds_together_was_never_quoted);
    tcase_add_test(tcase, only_what_weighs_counts_as_an_encoding_error);
    tcase_add_test(tcase, the_containers_around_a_message_count_as_depth);
    tcase_add_test(tcase, defects_behind_quoted_lines_stand_where_they_are);
    tcase_add_test(tcase, a_charset_behind_quoted_lines_is_wrong_where_it_is);
    tcase_add_test(tcase, main_fields_are_known_in_any_case);
    tcase_add_test(tcase, the_manual_lists_every_defect);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
