#include "compose.h"
#include "statement.h"
#include "suite.h"

#include <mailbatch/mime/scan.h>
#include <pthread.h>

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

START_TEST(a_text_beyond_ascii_says_its_charset_where_that_is_sure)
{
    static const struct {
        const char *name, *content;
        bool said;
    } cases[] = {
        {"a.txt", "\xC3\xA9", true}, {"a.csv", "\xC3\xA9", true},  {"a.txt", "e", false},
        {"a.txt", "\xE9", false},    {"a.pdf", "\xC3\xA9", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) content = g_bytes_new(cases[i].content, strlen(cases[i].content));
        g_autoptr(MbComposePart) part =
            mb_compose_part_file(&(MbComposeFile){.content = content, .name = cases[i].name}, NULL);
        g_autofree char *got = part_text(part);

        ck_assert_msg((strstr(got, "; charset=utf-8") != NULL) == cases[i].said, "%s", got);
    }
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
                    {built == 1 ? plain : NULL, "text/plain", NULL, text->str, text->len},
                    {built == 1 ? html : NULL, "text/html", NULL, text->str, text->len}};
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
         "click [1]!\n\n[1] https://x.example/a?b=1&c=2\n"},
        {"<ul><li><a href=\"https://x.example/1\">one</a></li><li><a "
         "href='mailto:a@b.c'>us</a></li>"
         "<li><a href=\"https://x.example/1\">once more</a></li></ul>",
         "* one [1]\n* us [2]\n* once more [1]\n\n[1] https://x.example/1\n[2] a@b.c\n"},
        {"<a href=\"https://x.example/1\"><img src=x></a>", "[1]\n\n[1] https://x.example/1\n"},
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
        {"<img src=\"it&#39;s.png\"><img src=\"it&#x27;s.png\">",
         "it&#39;s.png=it's.png it&#x27;s.png=it's.png"},
        {"<img src=\"a&#0;b&#xD800;&#;&#x;&#1114112;&none;\">",
         "a&#0;b&#xD800;&#;&#x;&#1114112;&none;=a&#0;b&#xD800;&#;&#x;&#1114112;&none;"},
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
    Suite *suite = suite_create("compose-parts");
    TCase *parts = tcase_create("parts");
    TCase *html = tcase_create("html");

    tcase_set_timeout(parts, 60);
    tcase_add_test(parts, filenames_are_written_as_rfc_2231_says);
    tcase_add_test(parts, a_text_beyond_ascii_says_its_charset_where_that_is_sure);
    tcase_add_test(parts, bad_names_types_and_ids_are_refused);
    tcase_add_test(parts, levels_of_one_child_are_left_out);
    tcase_add_test(parts, a_boundary_never_occurs_in_content);
    tcase_add_test(parts, large_parts_are_shared_not_copied);
    tcase_add_test(parts, threads_share_parts);
    suite_add_tcase(suite, parts);
    tcase_set_timeout(html, 60);
    tcase_add_test(html, html_becomes_readable_text);
    tcase_add_test(html, text_from_html_is_wrapped);
    tcase_add_test(html, hostile_html_comes_to_an_end);
    tcase_add_test(html, local_images_are_found_where_they_stand);
    suite_add_tcase(suite, html);
    return run_suite(suite);
}
