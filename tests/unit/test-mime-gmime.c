#include "suite.h"

#include <check.h>
#include <mailbatch/mime/gmime.h>
#include <mailbatch/mime/scan.h>
#include <pthread.h>
#include <string.h>

#define HEAD "From: a@b.example\nTo: c@d.example\n"

static MbTree *tree;

static void setup(void)
{
    tree = mb_tree_new();
}

static void teardown(void)
{
    mb_tree_free(tree);
}

static char *view_shape(const char *bytes, size_t length)
{
    GString *shape = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    mb_tree_clear(tree);
    if (mb_gmime_view(bytes, length, tree, NULL, &error))
        mb_tree_shape(tree, shape);
    else
        g_string_assign(shape, error->message);
    return g_string_free(shape, FALSE);
}

static char *scan_shape(const char *bytes, size_t length)
{
    g_autoptr(MbScan) scan = mb_scan_new();
    GString *shape = g_string_new(NULL);

    mb_tree_clear(tree);
    mb_scan_buffer(scan, tree, bytes, length, NULL);
    mb_tree_shape(tree, shape);
    return g_string_free(shape, FALSE);
}

START_TEST(both_views_agree_on_ordinary_mail)
{
    static const char *const mails[] = {
        HEAD "\nhello\n",
        HEAD "Content-Type: text/html\n\n<p>\n",
        HEAD
        "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n"
        "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\neA==\n--b--\npost\n",
        HEAD "Content-Type: message/rfc822\n\nSubject: in\n\ninner\n",
        HEAD "Content-Type: multipart/mixed; boundary=b\n\n"
             "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c--\n"
             "--b\nContent-Type: message/rfc822\n\nSubject: in\n\ninner\n--b--\n",
        HEAD "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\ninner\n--b--\n",
        "\xEF\xBB\xBF" HEAD "Content-Type: text/html\n\n<p>\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(mails); i++) {
        g_autofree char *theirs = view_shape(mails[i], strlen(mails[i]));
        g_autofree char *ours = scan_shape(mails[i], strlen(mails[i]));

        ck_assert_msg(strcmp(ours, theirs) == 0, "mail %zu: %s, GMime: %s", i, ours, theirs);
    }
}
END_TEST

START_TEST(parts_have_ids_fields_and_text_around_them)
{
    const char *mail = HEAD "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n"
                            "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\neA==\n"
                            "--b--\npost\n";
    uint32_t part;
    const MbField *field;

    g_free(view_shape(mail, strlen(mail)));
    ck_assert_uint_ne(mb_tree_find_id(tree, "TEXT~preamble1"), MB_TREE_NONE);
    ck_assert_uint_ne(mb_tree_find_id(tree, "TEXT~epilogue1"), MB_TREE_NONE);
    part = mb_tree_find_id(tree, "1");
    ck_assert_uint_ne(part, MB_TREE_NONE);
    ck_assert_int_eq(mb_tree_part(tree, part)->encoding, MB_ENCODING_BASE64);
    ck_assert(!mb_tree_part(tree, part)->has_ranges);
    ck_assert_uint_eq(mb_tree_part(tree, 0)->fields, 3);
    field = mb_tree_field(tree, mb_tree_part(tree, 0)->first_field + 1);
    ck_assert_int_eq(strncmp(mail + field->offset, "To: c@d.example\n", field->length), 0);
}
END_TEST

static GString *hostile(const char *head, const char *each, size_t n, const char *tail)
{
    GString *mail = g_string_new(head);

    for (size_t i = 0; i < n; i++)
        g_string_append(mail, each);
    g_string_append(mail, tail);
    return mail;
}

static void *view_on_thread(void *data)
{
    const GString *mail = data;

    return view_shape(mail->str, mail->len);
}

START_TEST(what_hurts_gmime_is_kept_from_it)
{
    static const struct {
        const char *name, *head, *each;
        size_t n;
        const char *tail, *shape;
    } cases[] = {
        {"address groups", "From: a@b.example\nTo: ", "a:", 80000, ";\n\nx\n", "text/plain"},
        {"folded address groups", "rEsEnT-cC : ", "a:\n ", 80000, ";\n\nx\n", "text/plain"},
        {"groups in an embedded message", HEAD "Content-Type: message/rfc822\n\nTo: ", "a:", 80000,
         ";\n\nx\n", "message/rfc822(text/plain)"},
        {"header line without colon", HEAD, "x", 1000000, "\nContent-Type: text/html\n\nx\n",
         "text/html"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GString *mail = hostile(cases[i].head, cases[i].each, cases[i].n, cases[i].tail);
        pthread_attr_t attributes;
        pthread_t thread;
        void *shape = NULL;

        pthread_attr_init(&attributes);
        ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 256 << 10), 0);
        ck_assert_int_eq(pthread_create(&thread, &attributes, view_on_thread, mail), 0);
        pthread_join(thread, &shape);
        pthread_attr_destroy(&attributes);
        ck_assert_msg(strcmp(shape, cases[i].shape) == 0, "%s: %s", cases[i].name, (char *)shape);
        g_free(shape);
        g_string_free(mail, TRUE);
    }
}
END_TEST

START_TEST(depth_is_the_budgets)
{
    GString *mail = hostile("", "Content-Type: message/rfc822\n\n", 2000, "A: b\n\nx\n");

    g_free(view_shape(mail->str, mail->len));
    ck_assert_uint_eq(mb_tree_limits_hit(tree), MB_LIMIT_DEPTH);
    ck_assert_uint_le(mb_tree_parts(tree), mb_limits_default.max_depth + 1);
    g_string_free(mail, TRUE);
}
END_TEST

START_TEST(no_message_is_an_error)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!mb_gmime_view("", 0, tree, NULL, &error));
    ck_assert(g_error_matches(error, MB_GMIME_ERROR, MB_ERROR_DATA));
    ck_assert_uint_eq(mb_tree_parts(tree), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-gmime");
    TCase *tcase = tcase_create("gmime");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, both_views_agree_on_ordinary_mail);
    tcase_add_test(tcase, parts_have_ids_fields_and_text_around_them);
    tcase_add_test(tcase, what_hurts_gmime_is_kept_from_it);
    tcase_add_test(tcase, depth_is_the_budgets);
    tcase_add_test(tcase, no_message_is_an_error);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
