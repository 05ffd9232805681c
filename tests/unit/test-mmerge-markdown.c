#include "campaign-internal.h"
#include "suite.h"

#include <string.h>

static const struct {
    const char *name, *markdown, *html; /* what stands in <body> */
} cases[] = {
    {"a paragraph", "Hello *you*\n", "<p>Hello <em>you</em></p>\n"},
    {"a value is text", "Dear {{ name }},\n", "<p>Dear {{ name }},</p>\n"},
    {"quotes in a tag stay", "{{ x|default(\"a & <b>\") }}\n",
     "<p>{{ x|default(\"a & <b>\") }}</p>\n"},
    {"Markdown's signs in a tag stay", "{{ a*b }} {{ c*d }} {{ x_y_z }}\n",
     "<p>{{ a*b }} {{ c*d }} {{ x_y_z }}</p>\n"},
    {"a closer in quotes", "{{ \"}}\" }} x\n", "<p>{{ \"}}\" }} x</p>\n"},
    {"a value within emphasis", "**{{ name }}**\n", "<p><strong>{{ name }}</strong></p>\n"},
    {"a value in a link", "[go]({{ url }} \"{{ t }}\")\n",
     "<p><a href=\"{{ url }}\" title=\"{{ t }}\">go</a></p>\n"},
    {"a value in a bare link", "https://example.com/?id={{ id }}&b=1\n",
     "<p><a href=\"https://example.com/?id={{ id }}&amp;b=1\">https://example.com/?id={{ id "
     "}}&amp;b=1</a></p>\n"},
    {"a value in an image", "![{{ alt }}](img/{{ file }})\n",
     "<p><img src=\"img/{{ file }}\" alt=\"{{ alt }}\"></p>\n"},
    {"a value between angle brackets is a link", "at <{{- url|trim -}}>.\n",
     "<p>at <a href=\"{{ \"mailto:\" if \"@\" in (url|trim) and \"/\" not in (url|trim) else \"\" "
     "}}"
     "{{ url|trim }}\">{{ url|trim }}</a>.</p>\n"},
    {"a value that is a whole tag by word", "<{{ tag|safe }}>x\n", "<p><{{ tag|safe }}>x</p>\n"},
    {"a value in a tag of the author's", "<b {{ x }}>x</b>\n", "<p><b {{ x }}>x</b></p>\n"},
    {"a value between angle brackets in code", "`<{{ x }}>`\n",
     "<p><code>&lt;{{ x }}&gt;</code></p>\n"},
    {"a condition in a line", "a {% if x %}b{% endif %} c\n",
     "<p>a {% if x %}b{% endif %} c</p>\n"},
    {"a condition around a paragraph", "{% if x %}\nyes\n{% else %}\nno\n{% endif %}\n",
     "{% if x %}\n<p>yes</p>\n{% else %}\n<p>no</p>\n{% endif %}\n"},
    {"a condition that ends a paragraph", "text\n{% if x %}\nmore\n{% endif %}\nend\n",
     "<p>text</p>\n{% if x %}\n<p>more</p>\n{% endif %}\n<p>end</p>\n"},
    {"several tags on a line", "{% if x %}{% if y %}\nyes\n{% endif %}{% endif %}\n",
     "{% if x %}{% if y %}\n<p>yes</p>\n{% endif %}{% endif %}\n"},
    {"a comment of several lines", "a\n\n{# one\ntwo #}\n\nb\n",
     "<p>a</p>\n{# one\ntwo #}\n<p>b</p>\n"},
    {"rows of a table",
     "| a | b |\n| --- | --: |\n{% for r in rows %}\n| {{ r.a }} | {{ r.b }} |\n{% endfor %}\n",
     "<table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n"
     "{% for r in rows %}<tr>\n<td>{{ r.a }}</td>\n<td align=\"right\">{{ r.b }}</td>\n</tr>\n"
     "{% endfor %}</tbody>\n</table>\n"},
    {"rows of a table, with tags beside its bars",
     "| a | b |\n|---|--:|\n{% for r in rows %}| {{ r.a }} | {{ r.b }} |{# c #}\n{% endfor %}\n",
     "<table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n"
     "{% for r in rows %}<tr>\n<td>{{ r.a }}</td>\n<td align=\"right\">{{ r.b }}</td>\n</tr>\n"
     "{# c #}{% endfor %}</tbody>\n</table>\n"},
    {"a value alone in a table's line", "| a | b |\n| --- | --- |\n{{ x }}\n",
     "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>{{ x }}"
     "</td>\n<td></td>\n</tr>\n</tbody>\n</table>\n"},
    {"after a table", "| a |\n| --- |\n| b |\n\n{% if x %}\nc\n{% endif %}\n",
     "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n"
     "</tbody>\n</table>\n{% if x %}\n<p>c</p>\n{% endif %}\n"},
    {"a tag in fenced code", "```\n{% if x %}\n{{ y }}\n```\n",
     "<pre><code>{% if x %}\n{{ y }}\n</code></pre>\n"},
    {"HTML stays", "<div class=\"{{ c }}\">\n*x*\n</div>\n",
     "<div class=\"{{ c }}\">\n*x*\n</div>\n"},
    {"a comment of the author's stays", "<!-- {{ x }} -->\n", "<!-- {{ x }} -->\n"},
    {"a tag without its end is text", "a {{ b\n", "<p>a {{ b</p>\n"},
    {"the word that stands for tags is the text's", "mbtag0q0Z {{ x }} mbtag1q\n",
     "<p>mbtag0q0Z {{ x }} mbtag1q</p>\n"},
    {"more than ten tags",
     "{{ a }}{{ b }}{{ c }}{{ d }}{{ e }}{{ f }}{{ g }}{{ h }}{{ i }}{{ j }}"
     "{{ k }}{{ l }}\n",
     "<p>{{ a }}{{ b }}{{ c }}{{ d }}{{ e }}{{ f }}{{ g }}{{ h }}{{ i }}{{ j }}{{ k }}{{ l "
     "}}</p>\n"},
    {"CRLF", "{% if x %}\r\nyes\r\n{% endif %}\r\n", "{% if x %}\n<p>yes</p>\n{% endif %}\n"},
    {"nothing", "", ""},
};

START_TEST(markdown_becomes_html_and_tags_stay)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *want =
        g_strdup_printf("<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\">"
                        "</head>\n<body>\n%s</body>\n</html>\n",
                        cases[_i].html);

    ck_assert(campaign_markdown(cases[_i].markdown, strlen(cases[_i].markdown), out, NULL));
    ck_assert_msg(strcmp(out->str, want) == 0, "%s:\n%s", cases[_i].name, out->str);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge markdown");
    TCase *tcase = tcase_create("markdown");

    tcase_add_loop_test(tcase, markdown_becomes_html_and_tags_stay, 0, G_N_ELEMENTS(cases));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
