#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/template/template.h>
#include <pthread.h>
#include <string.h>

static const char *const names[] = {"name",  "email",      "amount", "due",   "tags", "vip",
                                    "empty", "First Name", "größe",  "month", "html", "in"};
static const char *const values[] = {"Zoë \"Z\" Müller",
                                     "zoe@example.org",
                                     "1234.5",
                                     "2026-11-03",
                                     "a, b,,c",
                                     "",
                                     "",
                                     "Zoë",
                                     "42",
                                     "May",
                                     "<b>&\"'</b>",
                                     "inner"};
static const bool constants[] = {[9] = true, [11] = false};

static MbTemplate *compile(const char *source, MbTemplateMode mode, GError **error)
{
    MbTemplateNames known = {
        .names = names, .n_names = G_N_ELEMENTS(names), .constant = constants, .rows = true};
    MbTemplateOptions options = {
        .file = "t.txt", .mode = mode, .max_output = 10000, .max_steps = 5000};

    return mb_template_compile(source, strlen(source), &known, &options, error);
}

/* The rendering, or the error's message. */
static char *rendering(const char *source, MbTemplateMode mode)
{
    MbTemplateValue row[G_N_ELEMENTS(names)], second[G_N_ELEMENTS(names)];
    const MbTemplateValue *rows[] = {row, second};
    MbTemplateScope scope = {.values = row, .rows = rows, .n_rows = 2};
    g_autoptr(GError) error = NULL;
    g_autoptr(MbTemplate) tmpl = compile(source, mode, &error);
    GString *out = g_string_new("before:");

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        row[i] = second[i] = (MbTemplateValue){values[i], strlen(values[i])};
    second[0] = (MbTemplateValue){"Bob", 3};
    if (tmpl == NULL || !mb_template_render(tmpl, &scope, out, &error)) {
        ck_assert_str_eq(out->str, "before:");
        ck_assert_ptr_nonnull(error);
        ck_assert(g_error_matches(error, MB_TEMPLATE_ERROR, MB_ERROR_DATA));
        g_string_assign(out, error->message);
    } else {
        g_string_erase(out, 0, 7);
    }
    return g_string_free(out, FALSE);
}

typedef struct {
    const char *source;
    const char *want;
} Case;

static void check_cases(const Case *cases, size_t n, MbTemplateMode mode)
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *got = rendering(cases[i].source, mode);

        ck_assert_msg(strcmp(got, cases[i].want) == 0, "%s\n  got  %s\n  want %s", cases[i].source,
                      got, cases[i].want);
    }
}

START_TEST(plain_text_and_names)
{
    static const Case cases[] = {
        {"", ""},
        {"no brackets { } }} %} #}", "no brackets { } }} %} #}"},
        {"Dear {{ name }},\n", "Dear Zoë \"Z\" Müller,\n"},
        {"{{name}}{{email}}", "Zoë \"Z\" Müllerzoe@example.org"},
        {"{{ row[\"First Name\"] }}", "Zoë"},
        {"{{ row['First Name'] }} {{ row.email }} {{ row['in'] }}", "Zoë zoe@example.org inner"},
        {"{{ größe }}", "42"},
        {"{{ \"}}\" }}{{ '%}' }}", "}}%}"},
        {"{{ \"a\\n\\\"b\\\\\" }}", "a\n\"b\\"},
        {"{{ 3 }} {{ -3.50 }} {{ true }} {{ none }}|", "3 -3.5 true |"},
        {"a {# {{ nothing }} #} b", "a  b"},
        {"{% raw %}{{ x }} {% if %}{% endraw %}!", "{{ x }} {% if %}!"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_TEXT);
}
END_TEST

START_TEST(blanks_are_trimmed_where_asked)
{
    static const Case cases[] = {
        {"a \n {{- 1 -}} \n b", "a1b"},
        {"a {%- if 1 -%} b {%- endif %} c", "ab c"},
        {"a {#- x -#} b", "ab"},
        {"a {% raw -%} b {%- endraw %} c", "a b c"},
        {"{% if 1 %}\nx\n{% endif %}\ny", "\nx\n\ny"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_TEXT);
}
END_TEST

START_TEST(conditions)
{
    static const Case cases[] = {
        {"{% if name %}y{% else %}n{% endif %}", "y"},
        {"{% if vip %}y{% else %}n{% endif %}", "n"},
        {"{% if vip %}1{% elif empty %}2{% elif name %}3{% else %}4{% endif %}", "3"},
        {"{% if vip %}1{% elif empty %}2{% else %}4{% endif %}", "4"},
        {"{% if not vip and name or empty %}y{% endif %}", "y"},
        {"{% if amount > 1000 %}y{% endif %}", "y"},
        {"{% if amount >= 1234.50 and amount <= 1234.5 %}y{% endif %}", "y"},
        {"{% if amount == 1234.50 %}y{% endif %}", "y"},
        {"{% if amount == \"1234.50\" %}y{% else %}n{% endif %}", "n"},
        {"{% if \"9\" < \"10\" %}number{% endif %}", "number"},
        {"{% if \"9x\" < \"10x\" %}y{% else %}text{% endif %}", "text"},
        {"{% if \"b\" in tags %}y{% endif %}", "y"},
        {"{% if \"b\" in tags|split %}y{% endif %}", "y"},
        {"{% if \"a, b\" not in tags|split(\",\") %}y{% endif %}", "y"},
        {"{% if month in [\"May\", 'June'] %}y{% endif %}", "y"},
        {"{% if month != \"May\" %}y{% else %}n{% endif %}", "n"},
        {"{% if \"TRUE\" == true %}y{% endif %}{% if empty == none %}y{% endif %}", "yy"},
        {"{{ \"dear\" if name else \"\" }} {{ 1 if vip }}|", "dear |"},
        {"{{ name and 1 }} {{ vip or \"none\" }}", "1 none"},
        {"{{ (1 if vip else 2) == 2 }}", "true"},
        {"{% if \"1e5\"|split(\"e\")|length == 2 %}{% for x in \"1e5\"|split(\"e\") %}"
         "{{ x == 1 }},{% endfor %}{% endif %}",
         "true,false,"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_TEXT);
}
END_TEST

START_TEST(loops)
{
    static const Case cases[] = {
        {"{% for x in tags|split(\",\") %}[{{ x }}]{% endfor %}", "[a][b][c]"},
        {"{% for x in empty|split %}x{% else %}none{% endfor %}", "none"},
        {"{% for x in [1, 2] %}{{ loop.index }}/{{ loop.length }}{% if not loop.last %}, {% endif "
         "%}"
         "{% endfor %}",
         "1/2, 2/2"},
        {"{% for x in [1,2] %}{% for y in [\"a\",\"b\"] %}{{ x }}{{ y }}{{ loop.index0 }} {% "
         "endfor %}"
         "{{ loop.first }} {% endfor %}",
         "1a0 1b1 true 2a0 2b1 false "},
        {"{% for r in rows %}{{ r.name }}:{{ r[\"First Name\"] }};{% endfor %}{{ rows|length }}",
         "Zoë \"Z\" Müller:Zoë;Bob:Zoë;2"},
        {"{% for name in [1] %}{{ name }}{% endfor %}{{ name|length }}", "114"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_TEXT);
}
END_TEST

START_TEST(filters_do_as_named)
{
    static const Case cases[] = {
        {"{{ empty|default(\"friend\") }} {{ month|default(1) }} {{ empty|default('x', true) }}",
         "friend May x"},
        {"{{ \"straße o'neil-zoë\"|upper }}", "STRASSE O'NEIL-ZOË"},
        {"{{ \"STRASSE Ö\"|lower }}", "strasse ö"},
        {"{{ \"anna o'NEIL-zoë\"|title }}", "Anna O'neil-Zoë"},
        {"[{{ \" \\t x y \\n\"|trim }}]", "[x y]"},
        {"{{ \"one two three\"|truncate(9) }}", "one two…"},
        {"{{ \"one two three\"|truncate(9, true) }}", "one two…"},
        {"{{ \"one two three\"|truncate(10, true) }}", "one two t…"},
        {"{{ \"one two three\"|truncate(9, end=\"...\") }}", "one..."},
        {"{{ \"öööö\"|truncate(4) }} {{ \"ööööö\"|truncate(4) }} {{ \"abc\"|truncate(0) }}",
         "öööö ööö… …"},
        {"{{ \"a-b-c\"|replace(\"-\", \"+\") }}", "a+b+c"},
        {"{{ \"abc\"|replace(\"b\", \"\") }}", "ac"},
        {"{{ due|date }} {{ due|date(\"%d.%m.%Y\") }} {{ due|date(\"%A, %-d %B %y %% %j\") }}",
         "2026-11-03 03.11.2026 Tuesday, 3 November 26 % 307"},
        {"{{ \"3.1.2026\"|date(\"%a %e %b\") }}", "Sat 3 Jan"},
        {"{{ \"2026-02-28T23:05:09+01:00\"|date(\"%H:%M:%S %I %p\") }}", "23:05:09 11 PM"},
        {"{{ amount|number(2) }} {{ amount|number(0) }} {{ amount|number }}",
         "1234.50 1235 1234.5"},
        {"{{ amount|number(2, \",\", \".\") }} {{ 1234567|number(0, group=\" \") }}",
         "1.234,50 1 234 567"},
        {"{{ \"0.005\"|number(2) }} {{ \"-0.004\"|number(2) }} {{ \"-1.005\"|number(2) }}",
         "0.01 0.00 -1.01"},
        {"{{ \"999.995\"|number(2) }} {{ \"007\"|number }} {{ \" +5 \"|number(1) }}",
         "1000.00 7 5.0"},
        {"{{ \"12345678901234567890.125\"|number(2, \".\", \",\") }}",
         "12,345,678,901,234,567,890.13"},
        {"{{ \"a b/ü?&=~\"|url }}", "a%20b%2F%C3%BC%3F%26%3D~"},
        {"{{ html|html }}", "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"},
        {"{{ tags|split|join(\"; \") }} {{ [1, \"x\"]|join }}", "a; b; c 1x"},
        {"{{ \"öü\"|length }} {{ tags|split|length }}", "2 3"},
        {"{{ empty|default(\"x\")|upper|replace(\"X\", month|lower) }}", "may"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_TEXT);
}
END_TEST

START_TEST(html_escapes_values_and_text_does_not)
{
    static const Case as_html[] = {
        {"<p>{{ html }}</p>", "<p>&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;</p>"},
        {"<p>{{ html|safe }}</p>", "<p><b>&\"'</b></p>"},
        {"{{ html|html }}{{ html|html|html }}",
         "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"},
        {"{{ html|safe|upper }}", "&lt;B&gt;&amp;&quot;&#39;&lt;/B&gt;"},
        {"{{ \"<\" }}{% for x in [html] %}{{ x }}{% endfor %}",
         "&lt;&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"},
        {"{{ empty|default(html) }}", "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"},
        {"{{ [\"<\", \"&\"]|join(\"<br>\") }}", "&lt;&lt;br&gt;&amp;"},
    };
    static const Case as_text[] = {
        {"<p>{{ html }}</p>", "<p><b>&\"'</b></p>"},
        {"{{ html|safe }}", "<b>&\"'</b>"},
    };
    static const Case unknown[] = {
        {"Hello {{ nmae }}", "t.txt:1:10: unknown name \"nmae\": did you mean \"name\"?"},
        {"{% if vip %}\n  {{ emial|default(\"x\") }}{% endif %}",
         "t.txt:2:6: unknown name \"emial\": did you mean \"email\"?"},
        {"{{ row[\"first name\"] }}",
         "t.txt:1:8: unknown name \"first name\": did you mean \"First Name\"?"},
    };

    check_cases(as_html, G_N_ELEMENTS(as_html), MB_TEMPLATE_HTML);
    check_cases(as_text, G_N_ELEMENTS(as_text), MB_TEMPLATE_TEXT);
    check_cases(unknown, G_N_ELEMENTS(unknown), MB_TEMPLATE_HTML);
    statement("M-18");
}
END_TEST

START_TEST(marked_values_can_be_told_from_the_templates_text)
{
    static const Case cases[] = {
        {"{{ name }} <{{ email }}>, x", "\002Zoë \"Z\" Müller\003 <\002zoe@example.org\003>, x"},
        {"{{ \"\002\" }}", "t.txt:1:4: the value holds a control character"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_MARKED);
}
END_TEST

START_TEST(mistakes_are_named_with_their_place)
{
    static const Case cases[] = {
        {"a\n\nb {{ name", "t.txt:3:10: expected `}}`, but found the end of the file"},
        {"ü {{ name %}", "t.txt:1:11: expected `}}`, but found `%}`"},
        {"{{ }}", "t.txt:1:4: expected a name or a value, but found `}}`"},
        {"{{ First Name }}",
         "t.txt:1:4: unknown name \"First\": known are name, email, amount, due, tags, "
         "vip, empty, First Name, größe, month, html, in"},
        {"{{ name Name }}",
         "t.txt:1:9: expected `}}`: a name with blanks is written row[\"First name\"]"},
        {"{{ \"abc }}", "t.txt:1:4: a quote is opened here and never closed"},
        {"{{ 1 + 2 }}", "t.txt:1:6: `+`: templates do not calculate"},
        {"{{ name ? 1 }}", "t.txt:1:9: unexpected character `?`"},
        {"{{ name|uper }}", "t.txt:1:9: unknown filter `uper`: did you mean `upper`?"},
        {"{{ name|replace(\"a\") }}", "t.txt:1:9: replace: needs its argument \"new\""},
        {"{{ name|upper(1) }}", "t.txt:1:15: upper: takes at most 0 arguments"},
        {"{{ name|truncate(len=3) }}", "t.txt:1:18: truncate: no such argument, or given twice"},
        {"{{ name|replace(\"a\" \"b\") }}", "t.txt:1:21: expected `,` or `)`, but found `b`"},
        {"{{ name.first }}", "t.txt:1:8: only a row has columns: write row[\"name\"]"},
        {"{% for x in [1] %}{{ x.name }}{% endfor %}",
         "t.txt:1:23: only a row has columns: write row[\"name\"]"},
        {"{{ 1 < 2 < 3 }}", "t.txt:1:6: compare two things at a time, joined by `and`"},
        {"{% if name %}\n{{ name }}", "t.txt:1:1: opened here and never closed by {% endif %}"},
        {"x\n{% for x in [1] %}", "t.txt:2:1: opened here and never closed by {% endfor %}"},
        {"{% if name %}{% endfor %}", "t.txt:1:17: expected {% endif %}, but found `endfor`"},
        {"{% endif %}", "t.txt:1:4: `endif` without anything it could belong to"},
        {"{% iff name %}", "t.txt:1:4: unknown tag `iff`: did you mean `if`?"},
        {"{% include \"x\" %}", "t.txt:1:4: unknown tag `include`"},
        {"{% if name %}{% else %}{% else %}{% endif %}",
         "t.txt:1:27: expected {% endif %}, but found `else`"},
        {"{% for in [1] %}{% endfor %}", "t.txt:1:11: expected `in`, but found `[`"},
        {"{# x", "t.txt:1:1: a comment is opened here and never closed by `#}`"},
        {"{% raw %}{{ x }}", "t.txt:1:1: `raw` is opened here and never closed by {% endraw %}"},
        {"{{ loop.index }}",
         "t.txt:1:4: unknown name \"loop\": known are name, email, amount, due, tags, "
         "vip, empty, First Name, größe, month, html, in"},
        {"\xFF{{ name }}", "t.txt:1:1: octet 0xFF is not UTF-8: save the file as UTF-8"},
        /* and for values that do not fit */
        {"{{ name|date }}", "t.txt:1:9: date: \"Zoë \"Z\" Müller\" is no date (YYYY-MM-DD, "
                            "DD.MM.YYYY, then perhaps hh:mm)"},
        {"{{ \"2026-02-30\"|date }}", "t.txt:1:17: date: \"2026-02-30\" is no date (YYYY-MM-DD, "
                                      "DD.MM.YYYY, then perhaps hh:mm)"},
        {"{{ name|number }}", "t.txt:1:9: number: \"Zoë \"Z\" Müller\" is no number (as 1234.5)"},
        {"{% if name > 5 %}{% endif %}", "t.txt:1:12: \"Zoë \"Z\" Müller\" is no number"},
        {"{% if empty > 5 %}{% endif %}", "t.txt:1:13: \"\" is no number"},
        {"{% for x in name %}{% endfor %}", "t.txt:1:13: is no list: make one with split"},
        {"{{ [1] }}", "t.txt:1:4: a list is no text: use join, or {% for %}"},
        /* of rows, whatever the values */
        {"{% if false %}{% for r in rows %}\n{{ r.nmae }}{% endfor %}{% endif %}",
         "t.txt:2:6: unknown name \"nmae\": did you mean \"name\"?"},
        {"{% for r in rows %}{{ r }}{% endfor %}",
         "t.txt:1:23: a row is no text: name a column of it, as in r.name"},
        {"{% for r in rows %}{% if r %}{% endif %}{% endfor %}",
         "t.txt:1:26: a row is no text: name a column of it, as in r.name"},
        {"{% for r in rows %}{% endfor %}{{ r.name }}",
         "t.txt:1:35: unknown name \"r\": known are name, email, amount, due, tags, "
         "vip, empty, First Name, größe, month, html, in"},
        {"{% for r in rows %}{% for s in [1] %}{% for t in rows %}",
         "t.txt:1:50: a loop over `rows` stands in another one"},
        {"{{ rows }}", "t.txt:1:4: a list is no text: use {% for r in rows %}, or rows|length"},
        {"{% for r in [rows] %}{{ r.name }}{% endfor %}",
         "t.txt:1:26: only a row has columns: write row[\"name\"]"},
        {"{{ 1 in 2 }}", "t.txt:1:6: `in` needs a list or a text on its right"},
    };

    check_cases(cases, G_N_ELEMENTS(cases), MB_TEMPLATE_TEXT);
}
END_TEST

START_TEST(no_input_breaks_the_limits)
{
    GString *source = g_string_new(NULL);
    g_autofree char *deep = NULL, *chain = NULL, *ifs = NULL, *large = NULL, *steps = NULL;

    for (int i = 0; i < 100000; i++)
        g_string_append(source, i == 0 ? "{{ (" : "(");
    deep = rendering(source->str, MB_TEMPLATE_TEXT);
    ck_assert_str_eq(deep, "t.txt:1:104: nested more than 100 deep");
    g_string_assign(source, "{{ name");
    for (int i = 0; i < 100000; i++)
        g_string_append(source, "|upper");
    chain = rendering(source->str, MB_TEMPLATE_TEXT);
    ck_assert_ptr_nonnull(strstr(chain, "nested more than 100 deep"));
    g_string_truncate(source, 0);
    for (int i = 0; i < 100000; i++)
        g_string_append(source, i == 0 ? "{% if 1 %}" : "{% elif 1 %}");
    ifs = rendering(source->str, MB_TEMPLATE_TEXT);
    ck_assert_ptr_nonnull(strstr(ifs, "nested more than 100 deep"));
    large = rendering(
        "{% for a in [1,2,3,4,5,6,7,8,9,0] %}{% for b in [1,2,3,4,5,6,7,8,9,0] %}"
        "{{ \"a\"|replace(\"a\", "
        "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\") }}{% endfor %}{% endfor %}",
        MB_TEMPLATE_TEXT);
    ck_assert_ptr_nonnull(strstr(large, "yields more than 10000 bytes"));
    steps = rendering("{% for a in [1,2,3,4,5,6,7,8,9,0] %}{% for b in [1,2,3,4,5,6,7,8,9,0] %}"
                      "{% for c in [1,2,3,4,5,6,7,8,9,0] %}{% for d in [1,2,3,4,5,6,7,8,9,0] %}"
                      "{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
                      MB_TEMPLATE_TEXT);
    ck_assert_ptr_nonnull(strstr(steps, "takes more than 5000 steps"));
    g_string_free(source, TRUE);
}
END_TEST

START_TEST(a_token_is_the_keys_hmac)
{
    static const char source[] = "{{ email|token }}";
    g_autoptr(GBytes) key = g_bytes_new_static("secret", 6);
    MbTemplateNames known = {.names = names, .n_names = G_N_ELEMENTS(names)};
    MbTemplateValue row[G_N_ELEMENTS(names)];
    g_autoptr(MbTemplate) tmpl =
        mb_template_compile(source, strlen(source), &known,
                            &(MbTemplateOptions){.file = "t.txt", .token_key = key}, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *without = rendering(source, MB_TEMPLATE_TEXT);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        row[i] = (MbTemplateValue){values[i], strlen(values[i])};
    ck_assert(mb_template_render(tmpl, &(MbTemplateScope){.values = row}, out, NULL));
    ck_assert_str_eq(out->str, "7f1964d1cf386a6eb4ebf75f3e30cc9a");
    ck_assert(mb_template_varies(tmpl));
    ck_assert_str_eq(without, "t.txt:1:10: token: there is no key to make it with");
}
END_TEST

START_TEST(what_a_template_uses_is_known)
{
    g_autoptr(MbTemplate) still = compile("{{ month }} {{ \"x\" }}", MB_TEMPLATE_TEXT, NULL);
    g_autoptr(MbTemplate) moving =
        compile("{% if month %}{% else %}{{ name }}{% endif %}", MB_TEMPLATE_TEXT, NULL);
    g_autoptr(MbTemplate) grouped = compile("{{ rows|length }}", MB_TEMPLATE_TEXT, NULL);

    ck_assert(!mb_template_varies(still));
    ck_assert(mb_template_uses(still, 9) && !mb_template_uses(still, 0));
    ck_assert(mb_template_varies(moving));
    ck_assert(mb_template_uses(moving, 0) && mb_template_uses(moving, 9));
    ck_assert(mb_template_varies(grouped));
}
END_TEST

START_TEST(what_a_template_uses_of_the_row_itself_is_known)
{
    g_autoptr(MbTemplate) tmpl = compile("{% for r in rows %}{{ r.email }}{{ r.tags }}{% endfor %}"
                                         "{{ name }}{{ row[\"First Name\"] }}{{ tags }}",
                                         MB_TEMPLATE_TEXT, NULL);

    ck_assert(mb_template_uses_own(tmpl, 0) && mb_template_uses_own(tmpl, 7));
    ck_assert(mb_template_uses_own(tmpl, 4));
    ck_assert(mb_template_uses(tmpl, 1) && !mb_template_uses_own(tmpl, 1));
    ck_assert(!mb_template_uses(tmpl, 2) && !mb_template_uses_own(tmpl, 2));
}
END_TEST

START_TEST(where_rows_are_not_known_it_is_said_why)
{
    static const char *const own[] = {"a", "rows"};
    static const char source[] = "{{ rows|length }}";
    MbTemplateNames known = {.names = own, .n_names = 1, .no_rows = "needs --group-by"};
    MbTemplateOptions options = {.file = "t.txt"};
    MbTemplateValue given[] = {{"x", 1}, {"four", 4}};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(MbTemplate) tmpl = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_template_compile(source, strlen(source), &known, &options, &error));
    ck_assert_str_eq(error->message, "t.txt:1:4: unknown name \"rows\": it needs --group-by");
    known.n_names = 2;
    tmpl = mb_template_compile(source, strlen(source), &known, &options, NULL);
    ck_assert_ptr_nonnull(tmpl);
    ck_assert(mb_template_render(tmpl, &(MbTemplateScope){.values = given}, out, NULL));
    ck_assert_str_eq(out->str, "4");
}
END_TEST

/* Each asks for all rows: once is enough, or time and memory grow with the square of the group. */
START_TEST(a_loop_over_many_rows_may_ask_how_many_there_are)
{
    enum { N = 100000 };
    static const char source[] = "{% for r in rows %}{{ rows|length }}{% endfor %}";
    static const char *const own[] = {"a"};
    MbTemplateNames known = {.names = own, .n_names = 1, .rows = true};
    MbTemplateValue value = {"x", 1};
    g_autofree const MbTemplateValue **rows = g_new(const MbTemplateValue *, N);
    MbTemplateScope scope = {.values = &value, .rows = rows, .n_rows = N};
    g_autoptr(MbTemplate) tmpl = mb_template_compile(source, strlen(source), &known, NULL, NULL);
    g_autoptr(GString) out = g_string_new(NULL);

    for (size_t i = 0; i < N; i++)
        rows[i] = &value;
    ck_assert(mb_template_render(tmpl, &scope, out, NULL));
    ck_assert_uint_eq(out->len, 6 * N);
}
END_TEST

START_TEST(errors_count_lines_from_where_the_source_begins)
{
    MbTemplateNames known = {.names = names, .n_names = 1};
    MbTemplateOptions options = {.file = "letter.txt", .line = 5};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_template_compile("a\n{{ x }}", 9, &known, &options, &error));
    ck_assert_str_eq(error->message, "letter.txt:6:4: unknown name \"x\": known are name");
    g_clear_error(&error);
    options.column = 10;
    ck_assert_ptr_null(mb_template_compile("{{ x }}", 7, &known, &options, &error));
    ck_assert_str_eq(error->message, "letter.txt:5:13: unknown name \"x\": known are name");
}
END_TEST

static void *render_often(void *data)
{
    const MbTemplate *tmpl = data;

    for (int i = 0; i < 2000; i++) {
        g_autofree char *text = g_strdup_printf("n%d", i % 7);
        MbTemplateValue row[G_N_ELEMENTS(names)] = {{text, strlen(text)}};
        MbTemplateScope scope = {.values = row};
        g_autoptr(GError) error = NULL;
        GString *out = g_string_new(NULL);

        for (size_t n = 1; n < G_N_ELEMENTS(names); n++)
            row[n] = (MbTemplateValue){"x", 1};
        if (!mb_template_render(tmpl, &scope, out, &error) || out->str[1] != text[1])
            return (void *)"differs";
        g_string_free(out, TRUE);
    }
    return NULL;
}

START_TEST(many_threads_render_one_template)
{
    g_autoptr(MbTemplate) tmpl = compile(
        "{{ name|upper }}{% for x in tags|split %}{{ x|url }}{% endfor %}", MB_TEMPLATE_HTML, NULL);
    pthread_t threads[4];
    void *problem;

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, render_often, tmpl), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &problem);
        ck_assert_msg(problem == NULL, "%s", (char *)problem);
    }
}
END_TEST

/* Every prefix of a template, and every template with one character changed, either compiles or
 * gives an error. */
START_TEST(broken_templates_are_errors_not_crashes)
{
    static const char source[] =
        "{% if a|default('x') == 1 and not b in [1, -2] %}{{ row[\"a\"]|truncate(3, end='.') }}"
        "{%- elif (b) -%}{# c #}{% for x in rows %}{{ x.a if loop.first else 'z' }}{% else %}{% "
        "endfor %}"
        "{% raw %}{{{% endraw %}{% endif %}";
    static const char *const two[] = {"a", "b"};
    static const char changes[] = "{}%#-\"'|([.a \n\xFF";
    MbTemplateNames known = {.names = two, .n_names = 2, .rows = true};
    MbTemplateValue row[] = {{"1", 1}, {"2", 1}};
    MbTemplateScope scope = {.values = row};

    for (size_t i = 0; i < sizeof source; i++)
        for (size_t c = 0; c < sizeof changes; c++) {
            g_autofree char *changed = g_strdup(source);
            g_autoptr(GError) error = NULL;
            g_autoptr(MbTemplate) tmpl = NULL;
            GString *out = g_string_new(NULL);
            size_t length = c + 1 == sizeof changes ? i : sizeof source - 1;

            if (c + 1 < sizeof changes && i < length)
                changed[i] = changes[c];
            tmpl = mb_template_compile(changed, length, &known, NULL, &error);
            ck_assert((tmpl == NULL) == (error != NULL));
            if (tmpl != NULL)
                mb_template_render(tmpl, &scope, out, &error);
            g_string_free(out, TRUE);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *language = tcase_create("language");
    TCase *robust = tcase_create("robust");

    tcase_add_test(language, plain_text_and_names);
    tcase_add_test(language, blanks_are_trimmed_where_asked);
    tcase_add_test(language, conditions);
    tcase_add_test(language, loops);
    tcase_add_test(language, filters_do_as_named);
    tcase_add_test(language, html_escapes_values_and_text_does_not);
    tcase_add_test(language, marked_values_can_be_told_from_the_templates_text);
    tcase_add_test(language, mistakes_are_named_with_their_place);
    tcase_add_test(language, what_a_template_uses_is_known);
    tcase_add_test(language, what_a_template_uses_of_the_row_itself_is_known);
    tcase_add_test(language, where_rows_are_not_known_it_is_said_why);
    tcase_add_test(language, a_loop_over_many_rows_may_ask_how_many_there_are);
    tcase_add_test(language, a_token_is_the_keys_hmac);
    tcase_add_test(language, errors_count_lines_from_where_the_source_begins);
    suite_add_tcase(suite, language);
    tcase_set_timeout(robust, 30);
    tcase_add_test(robust, no_input_breaks_the_limits);
    tcase_add_test(robust, many_threads_render_one_template);
    tcase_add_test(robust, broken_templates_are_errors_not_crashes);
    suite_add_tcase(suite, robust);
    return run_suite(suite);
}
