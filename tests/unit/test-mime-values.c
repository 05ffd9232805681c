#include "flaws.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/date.h>
#include <mailbatch/mime/decode.h>
#include <mailbatch/mime/params.h>
#include <mailbatch/mime/words.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *in;
    int length; /* -1: up to the NUL */
    const char *want;
} Row;

static size_t row_length(const Row *row)
{
    return row->length < 0 ? strlen(row->in) : (size_t)row->length;
}

static void check_row(const Row *row, const GString *got)
{
    ck_assert_msg(strcmp(got->str, row->want) == 0, "%s:\n got %s\nwant %s", row->name, got->str,
                  row->want);
}

/* NULs are shown as %0 */
static void show_nul(GString *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->str[i] == '\0') {
            g_string_erase(text, (gssize)i, 1);
            g_string_insert(text, (gssize)i, "%0");
        }
    }
}

#define EURO "\xE2\x82\xAC"
#define UUML "\xC3\xBC"

static const Row word_rows[] = {
    {"plain", "hello", -1, "hello"},
    {"q", "=?utf-8?q?a=C3=BCb_c?=", -1, "a" UUML "b c"},
    {"b", "=?UTF-8?B?w7w=?=", -1, UUML},
    {"latin1", "=?iso-8859-1?Q?=FC?=", -1, UUML},
    {"language", "=?utf-8*de?q?=C3=BC?=", -1, UUML},
    {"between text", "a =?utf-8?q?b?= c", -1, "a b c"},
    {"adjacent words lose their blank", "=?utf-8?q?a?= \r\n =?utf-8?q?b?=", -1, "ab"},
    {"adjacent words of two charsets", "=?utf-8?q?=C3=BC?= =?iso-8859-1?q?=FC?=", -1, UUML UUML},
    {"word, text, word", "=?utf-8?q?a?= x =?utf-8?q?b?=", -1, "a x b"},
    {"multibyte split between words", "=?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", -1,
     EURO " word-split-character@19+15"},
    {"multibyte split, base64", "=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", -1,
     EURO " word-split-character@17+16"},
    {"four bytes split before the last", "=?utf-8?q?=F0=9F=98?= =?utf-8?q?=80?=", -1,
     "\xF0\x9F\x98\x80 word-split-character@22+15"},
    {"four bytes that are whole", "=?utf-8?q?=F0=9F=98=80?= =?utf-8?q?a?=", -1,
     "\xF0\x9F\x98\x80"
     "a"},
    {"a blank before the first word stays", " =?utf-8?q?a?=", -1, " a"},
    {"padded in the middle", "=?utf-8?B?YQ==Yg==?=", -1, "ab base64-padding-inside@12+2"},
    {"unpadded", "=?utf-8?B?YQ?=", -1, "a base64-unpadded@12+0"},
    {"jis split in the middle of nothing", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", -1,
     "\xE6\x97\xA5\xE6\x9C\xAC"},
    {"gb2312 that is gbk",
     "=?gb2312?B?"
     "gUA="
     "?=",
     -1, "\xE4\xB8\x82"},
    {"fold goes", "a\r\n b\n\tc", -1, "a b\tc"},
    {"blank inside", "=?utf-8?q?a b?=", -1, "a b word-blank@11+1"},
    {"glued", "x=?utf-8?q?a?=y", -1, "xay word-glued@1+13"},
    {"in parentheses", "(=?utf-8?q?a?=)", -1, "(a)"},
    {"not closed", "=?utf-8?q?a", -1, "=?utf-8?q?a word-malformed@0+2"},
    {"not closed, then one", "=?utf-8?q?a =?utf-8?q?b?=", -1, "=?utf-8?q?a b word-malformed@0+2"},
    {"no encoding", "=?utf-8?x?a?=", -1, "=?utf-8?x?a?= word-malformed@0+2"},
    {"no charset", "=??q?a?=", -1, "=??q?a?= word-malformed@0+2"},
    {"only the start", "=?", -1, "=? word-malformed@0+2"},
    {"bad escape", "=?utf-8?q?=zz?=", -1, "=zz qp-bad-escape@10+1"},
    {"empty text",
     "a =?utf-8?q?"
     "?= b",
     -1, "a  b"},
    {"unknown charset", "=?no-such?q?a?=", -1, "a charset-unknown@0+15"},
    {"charset lie", "=?us-ascii?q?=C3=BC?=", -1, UUML " charset-lie@0+21"},
    {"utf-8 that is latin1", "=?utf-8?q?=FC?=", -1, UUML " charset-lie@0+15"},
    {"utf-7", "=?utf-7?q?+APw-?=", -1, UUML " charset-utf7@0+17"},
    {"control after decoding", "=?utf-8?q?a=0D=0ABcc:?=", -1, "a\r\nBcc: word-control@0+23"},
    {"NUL after decoding", "=?utf-8?q?a=00b?=", -1, "a%0b word-control@0+17"},
    {"NUL", "a\0b", 3, "a%0b header-nul@0+3"},
    {"raw utf-8", "a" UUML, -1, "a" UUML " header-8bit@0+3"},
    {"raw latin1", "na\xEFve", -1, "na\xC3\xAFve header-8bit@0+5"},
    {"equal signs", "a=b==?c", -1, "a=b==?c word-malformed@4+2"},
    {"question mark in q", "=?utf-8?q?a?b?=", -1, "a?b"},
    {"starts with an escape", "=?utf-8?q?=41?=", -1, "A"},
};

START_TEST(words_have_a_form)
{
    static const struct {
        const char *name, *in;
        ptrdiff_t length;
        MbWordsForm form;
    } rows[] = {
        {"nothing", "", 0, MB_WORDS_PLAIN},
        {"plain", "a = b ? c; sixteen letters", -1, MB_WORDS_PLAIN},
        {"tab", "a\tb", -1, MB_WORDS_PLAIN},
        {"fold", "a\n b", -1, MB_WORDS_FOLDED},
        {"fold behind a block", "sixteen letters,\r\n b", -1, MB_WORDS_FOLDED},
        {"equal sign and fold", "sixteen letters=\r\n b", -1, MB_WORDS_FOLDED},
        {"word", "=?utf-8?q?a?=", -1, MB_WORDS_CODED},
        {"word cut by the end", "a =", -1, MB_WORDS_PLAIN},
        {"word across two blocks", "fifteen letters=?utf-8?q?a?=", -1, MB_WORDS_CODED},
        {"word behind a fold", "a\n =?utf-8?q?a?=", -1, MB_WORDS_CODED},
        {"8 bit", "sixteen letters, \xFC", -1, MB_WORDS_CODED},
        {"NUL", "a\0b", 3, MB_WORDS_CODED},
        {"NUL behind the end", "a\0", 1, MB_WORDS_PLAIN},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        size_t length = rows[i].length < 0 ? strlen(rows[i].in) : (size_t)rows[i].length;

        ck_assert_msg(mb_words_form(rows[i].in, length) == rows[i].form, "%s", rows[i].name);
    }
}
END_TEST

START_TEST(words_decode_as_the_table_says)
{
    const Row *row = &word_rows[_i];
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};

    mb_words_decode(row->in, row_length(row), out, &flaws);
    show_nul(out);
    put_flaws(out, &flaws);
    check_row(row, out);
}
END_TEST

static const Row type_rows[] = {
    {"plain", "text/plain", -1, "text/plain"},
    {"case", "Text/HTML; Charset=UTF-8", -1, "text/html charset=UTF-8"},
    {"quoted", "a/b; n=\"x;y\\\"z\"", -1, "a/b n=x;y\"z"},
    {"no blanks", "a/b;n=1;m=2", -1, "a/b n=1 m=2"},
    {"folded", "a/b;\r\n\tn=1", -1, "a/b n=1"},
    {"comments", "a/(c)b (d); (e) n (f) = (g) 1 (h); m=2", -1, "a/b n=1 m=2 param-blank@16+12"},
    {"trailing semicolon", "a/b; n=1;", -1, "a/b n=1"},
    {"empty value", "a/b; n=; m=\"\"", -1, "a/b n= m="},
    {"blanks around =", "a/b; n = 1", -1, "a/b n=1 param-blank@5+4"},
    {"blanks in the value", "a/b; n=x y; m=2", -1, "a/b n=x y m=2 param-blank@8+2"},
    {"specials in the value", "a/b; n=x=y@z", -1, "a/b n=x=y@z param-unquoted@8+4"},
    {"no semicolon", "a/b n=1 m=2", -1,
     "a/b n=1 m=2 param-no-semicolon@4+0 param-no-semicolon@8+0"},
    {"no semicolon behind quotes", "a/b; n=\"1\" m=2", -1, "a/b n=1 m=2 param-no-semicolon@11+0"},
    {"text behind quotes", "a/b; n=\"1\"xyz; m=2", -1, "a/b n=1 m=2 param-after-quotes@10+3"},
    {"quotes not closed", "a/b; n=\"1; m=2", -1, "a/b n=1 m=2 param-unclosed@7+7"},
    {"parenthesis escaped in a comment", "a/b; (c\\) m=2; d) n=1", -1, "a/b n=1"},
    {"comment not closed", "a/b; n=1 (m=2", -1, "a/b n=1 comment-unclosed@9+4"},
    {"name alone", "a/b; n; m=2", -1, "a/b m=2 param-malformed@5+1"},
    {"duplicate", "a/b; n=1; n=2", -1, "a/b n=1 n=2 param-duplicate@10+3"},
    {"no subtype", "text; n=1", -1, "text n=1 type-malformed@0+4"},
    {"no type", "; n=1", -1, " n=1 type-malformed@0+0"},
    {"nothing", "", -1, " type-malformed@0+0"},
    {"parameter alone", "n=1", -1, " n=1 type-malformed@0+0"},
    {"blanks in the type", "text / plain", -1, "text/plain"},
    {"words behind the type", "text/plain foo bar; n=1", -1,
     "text/plain n=1 param-malformed@11+3 param-malformed@15+3"},
    {"quoted type", "\"text/plain\"; n=1", -1, "text/plain n=1"},
    {"NUL in the value", "a/b; n=\"x\0y\"", 12, "a/b n=x%0y header-nul@5+7"},
    {"NUL in a name", "a/b; n\0m=1", 10, "a/b n%0m=1"},
    {"extended", "a/b; n*=utf-8'en'%C3%BC", -1, "a/b n=" UUML "[utf-8]"},
    {"extended latin1", "a/b; n*=iso-8859-1''%FC", -1, "a/b n=" UUML "[iso-8859-1]"},
    {"extended without charset", "a/b; n*=abc", -1, "a/b n=abc param-charset@5+6"},
    {"extended, quoted", "a/b; n*=\"utf-8''%41\"", -1, "a/b n=A[utf-8]"},
    {"bad percent", "a/b; n*=utf-8''100%", -1, "a/b n=100%[utf-8] param-percent@5+1"},
    {"split", "a/b; n*0=ab; n*1=cd; m=2", -1, "a/b n=abcd m=2"},
    {"split and extended", "a/b; n*0*=utf-8''%E2%82; n*1*=%AC; n*2=%41", -1,
     "a/b n=" EURO "%41[utf-8]"},
    {"split out of order", "a/b; n*1=cd; n*0=ab", -1, "a/b n=abcd param-order@5+6"},
    {"split with a gap", "a/b; n*0=ab; n*2=cd", -1, "a/b n=abcd param-gap@13+0"},
    {"split without a start", "a/b; n*1=cd", -1, "a/b n=cd param-gap@5+0"},
    {"split, twice the same", "a/b; n*0=ab; n*0=xx; n*1=cd", -1, "a/b n=abcd param-duplicate@13+6"},
    {"plain and extended alike", "a/b; n=x; n*=utf-8''x", -1, "a/b n=x n=x[utf-8]"},
    {"plain and extended differ", "a/b; n=a.txt; n*=utf-8''b.exe", -1,
     "a/b n=a.txt n=b.exe[utf-8] param-two-forms@14+15"},
    {"section malformed", "a/b; n*x=1; n*01=2", -1,
     "a/b n*x=1 n=2 param-section@5+3 param-section@12+4 param-gap@12+0"},
    {"section too large", "a/b; n*99999999999=1", -1, "a/b n*99999999999=1 param-section@5+13"},
    {"encoded-word", "a/b; n=\"=?utf-8?q?=C3=BC?=\"", -1, "a/b n=" UUML " param-encoded-word@5+22"},
    {"encoded-word, unquoted", "a/b; n==?utf-8?q?=C3=BC?=", -1,
     "a/b n=" UUML " param-unquoted@7+18 param-encoded-word@5+20"},
    {"boundary keeps its bytes", "a/b; boundary=\"=?utf-8?q?x?=\"", -1,
     "a/b boundary==?utf-8?q?x?="},
    {"raw latin1", "a/b; n=\"\xFC\"", -1, "a/b n=" UUML " header-8bit@5+5"},
};

START_TEST(types_parse_as_the_table_says)
{
    const Row *row = &type_rows[_i];
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(MbParams) params;
    g_auto(MbFlaws) flaws = {0};

    mb_params_init(&params);
    for (int round = 0; round < 2; round++) {
        /* The second time shows that nothing is left of the first. */
        g_string_truncate(out, 0);
        mb_flaws_reset(&flaws);
        mb_params_parse(&params, MB_PARAMS_TYPE, row->in, row_length(row), &flaws);
        g_string_append(out, params.value);
        for (size_t i = 0; i < params.count; i++) {
            const MbParam *param = &params.params[i];
            size_t name_length = strlen(param->name);

            g_string_append_printf(out, " %s", param->name);
            if (row->length >= 0 && param->name[name_length + 1] == 'm')
                g_string_append_printf(out, "%%0%s", param->name + name_length + 1);
            g_string_append_c(out, '=');
            g_string_append_len(out, param->value, (gssize)param->value_length);
            if (*param->charset != '\0')
                g_string_append_printf(out, "[%s]", param->charset);
        }
        show_nul(out);
        put_flaws(out, &flaws);
    }
    check_row(row, out);
}
END_TEST

/* Each takes many times its length. */
START_TEST(parameters_beyond_the_limit_are_skipped_and_noted)
{
    for (size_t more = 0; more < 2; more++) {
        g_autoptr(GString) body = g_string_new("a/b");
        g_auto(MbFlaws) flaws = {0};
        g_auto(MbParams) params;
        size_t read;

        for (size_t i = 0; i < MB_PARAMS_MAX; i++)
            g_string_append_printf(body, "; p%zu=v", i);
        read = body->len;
        if (more > 0)
            g_string_append(body, "; charset=utf-8; x");
        mb_params_init(&params);
        mb_params_parse(&params, MB_PARAMS_TYPE, body->str, body->len, &flaws);
        ck_assert_uint_eq(params.count, MB_PARAMS_MAX);
        ck_assert_str_eq(params.params[MB_PARAMS_MAX - 1].name, "p99999");
        ck_assert_uint_eq(mb_flaws_count(&flaws), more);
        if (more > 0) {
            ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->kind, MB_FLAW_PARAM_MANY);
            ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->offset, read);
            ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->length, body->len - read);
        }
    }
}
END_TEST

START_TEST(the_extended_form_counts_before_the_plain_one)
{
    static const char body[] = "attachment; filename=\"a.txt\"; filename*=utf-8''b.txt; filename=c";
    g_auto(MbParams) params;

    mb_params_init(&params);
    mb_params_parse(&params, MB_PARAMS_DISPOSITION, body, strlen(body), NULL);
    ck_assert_str_eq(params.value, "attachment");
    ck_assert_uint_eq(params.count, 3);
    ck_assert_str_eq(mb_params_get(&params, "filename")->value, "b.txt");
    ck_assert_ptr_null(mb_params_get(&params, "size"));
    ck_assert(params.params[2].flags & MB_PARAM_DUPLICATE);
}
END_TEST

static const Row date_rows[] = {
    {"plain", "Mon, 23 Nov 2026 16:34:51 +0000", -1, "1795451691 +0"},
    {"zone kept", "Mon, 23 Nov 2026 17:34:51 +0100", -1, "1795451691 +60"},
    {"no weekday, no seconds", "23 Nov 2026 16:34 +0000", -1, "1795451640 +0"},
    {"comment", "Mon, 23 Nov 2026 16:34:51 +0000 (UTC (really))", -1, "1795451691 +0"},
    {"folds", "Mon,\r\n 23 Nov\r\n 2026 16:34:51\r\n +0000", -1, "1795451691 +0"},
    {"one digit", "Mon, 2 Nov 2026 16:34:51 +0100", -1, "1793633691 +60"},
    {"one digit behind two blanks", "Mon,  2 Nov 2026 16:34:51 +0100", -1, "1793633691 +60"},
    {"letters of any case", "mON, 2 nOV 2026 16:34:51 +0100", -1, "1793633691 +60"},
    {"five digits of zone", "Mon, 23 Nov 2026 16:34:51 +00000", -1,
     "1795451691 +0 date-trailing@31+1"},
    {"minus zero", "Mon, 23 Nov 2026 16:34:51 -0000", -1, "1795451691 +0? date-zone@26+5"},
    {"zone missing", "Mon, 23 Nov 2026 16:34:51", -1, "1795451691 +0! date-zone@25+0"},
    {"GMT", "Mon, 23 Nov 2026 16:34:51 GMT", -1, "1795451691 +0 date-obsolete@26+3"},
    {"EST", "Mon, 23 Nov 2026 11:34:51 EST", -1, "1795451691 +-300 date-obsolete@26+3"},
    {"military", "Mon, 23 Nov 2026 16:34:51 K", -1, "1795451691 +0? date-zone@26+1"},
    {"unknown zone", "Mon, 23 Nov 2026 16:34:51 XYZT", -1, "1795451691 +0? date-zone@26+4"},
    {"leap second", "Sat, 31 Dec 2016 23:59:60 +0000", -1, "1483228800 +0 date-leap-second@0+31"},
    {"31 Feb", "Wed, 31 Feb 2024 10:00:00 +0000", -1, "invalid 2024-02-31 date-impossible@0+31"},
    {"29 Feb", "Thu, 29 Feb 2024 10:00:00 +0000", -1, "1709200800 +0"},
    {"29 Feb 1900", "29 Feb 1900 10:00:00 +0000", -1, "invalid 1900-02-29 date-impossible@0+26"},
    {"25 o'clock", "1 Jan 2024 25:00:00 +0000", -1, "invalid 2024-01-01 date-impossible@0+25"},
    {"second 61", "1 Jan 2024 10:00:61 +0000", -1, "invalid 2024-01-01 date-impossible@0+25"},
    {"two-digit year", "Fri, 21 Nov 97 09:55:06 -0600", -1, "880127706 +-360 date-obsolete@12+2"},
    {"two-digit year of this century", "1 Jan 24 10:00 +0000", -1,
     "1704103200 +0 date-obsolete@6+2"},
    {"three-digit year", "1 Jan 124 10:00 +0000", -1, "1704103200 +0 date-obsolete@6+3"},
    {"weekday wrong", "Tue, 23 Nov 2026 16:34:51 +0000", -1, "1795451691 +0 date-weekday@0+31"},
    {"ISO 8601", "2026-11-23T16:34:51Z", -1, "1795451691 +0 date-iso@0+20 date-obsolete@19+1"},
    {"ISO 8601 with zone", "2026-11-23 17:34:51.123+01:00", -1,
     "1795451691 +60 date-iso@0+29 date-obsolete@23+6"},
    {"ctime", "Mon Nov 23 16:34:51 2026", -1, "1795451691 +0! date-obsolete@4+0 date-zone@24+0"},
    {"ctime with zone", "Mon Nov 23 16:34:51 GMT 2026", -1,
     "1795451691 +0 date-obsolete@4+0 date-obsolete@20+3"},
    {"full names", "Monday, 23 November 2026 16:34:51 +0000", -1,
     "1795451691 +0 date-obsolete@11+8"},
    {"hyphens", "23-Nov-2026 16:34:51 +0000", -1, "1795451691 +0 date-obsolete@6+1"},
    {"text behind", "23 Nov 2026 16:34:51 +0000 or so", -1, "1795451691 +0 date-trailing@27+5"},
    {"nonsense", "yesterday", -1, "none date-malformed@0+9"},
    {"nothing", "", -1, "none date-malformed@0+0"},
    {"digits without end", "99999999999999999999 Jan 2024", -1, "none date-malformed@0+29"},
    {"year without end", "1 Jan 99999999999999 10:00", -1, "*"},
    {"year 0", "1 Jan 0000 00:00:00 +0000", -1, "-62167219200 +0"},
};

START_TEST(dates_parse_as_the_table_says)
{
    const Row *row = &date_rows[_i];
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};
    MbDate date;

    if (!mb_date_parse(row->in, strlen(row->in), &date, &flaws))
        g_string_append(out, "none");
    else if (!date.valid)
        g_string_append_printf(out, "invalid %04d-%02d-%02d", date.year, date.month, date.day);
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT " +%d%s", (gint64)date.unix_time,
                               date.zone_minutes,
                               date.zone == MB_ZONE_UNKNOWN   ? "?"
                               : date.zone == MB_ZONE_MISSING ? "!"
                                                              : "");
    put_flaws(out, &flaws);
    if (strcmp(row->want, "*") != 0)
        check_row(row, out);
    else
        ck_assert(mb_flaws_count(&flaws) > 0);
    if (_i + 1 == (int)G_N_ELEMENTS(date_rows))
        statement("F-19");
}
END_TEST

static const Row address_rows[] = {
    {"bare", "a@b.c", -1, "a@b.c;"},
    {"name", "Bob Smith <a@b.c>", -1, "Bob Smith<a@b.c>;"},
    {"quoted", "\"Smith, \\\"Bob\\\" (x)\" <a@b.c>", -1, "Smith, \"Bob\" (x)<a@b.c>;"},
    {"two", "a@b, c@d", -1, "a@b;c@d;"},
    {"comment as name", "a@b (Bob)", -1, "Bob<a@b>;"},
    {"comments everywhere", "(x) a (y) @ (z) b", -1, "z<a@b>;"},
    {"blanks around dots", "a . b @ c . d", -1, "a.b@c.d;"},
    {"quoted local part", "\"a b\"@c.d", -1, "\"a b\"@c.d;"},
    {"at in quotes", "\"a@b\"@c.d", -1, "\"a@b\"@c.d;"},
    {"literal", "a@[IPv6:::1]", -1, "a@[IPv6:::1];"},
    {"empty angle", "<>", -1, "<>;"},
    {"empty places", ", ,a@b,,", -1, "a@b;"},
    {"group", "Team: a@b, C <c@d>; e@f", -1, "Team:[a@b;C<c@d>;]e@f;"},
    {"empty group", "undisclosed-recipients:;", -1, "undisclosed-recipients:[]"},
    {"group not closed", "Team: a@b", -1, "Team:[a@b;] group-unclosed@9+0"},
    {"groups in groups", "a:b:c@d;;e@f", -1, "a:[]b:[c@d;]e@f; group-nested@2+2"},
    {"encoded name", "=?utf-8?q?J=C3=BC?= <a@b>", -1, "J" UUML "<a@b>;"},
    {"encoded name in two words", "=?utf-8?q?J=C3?= =?utf-8?q?=BC?= <a@b>", -1,
     "J" UUML "<a@b>; word-split-character@17+15"},
    {"encoded-word in quotes", "\"=?utf-8?q?J?=\" <a@b>", -1, "J<a@b>; word-place@1+2"},
    {"encoded-word in the address", "<=?utf-8?q?a?=@b.c>", -1,
     "=?utf-8?q?a?=@b.c; word-place@0+19"},
    {"two angles", "<a@b><c@d>", -1, "a@b;c@d; address-no-comma@5+0"},
    {"missing comma", "A <a@b> C <c@d>", -1, "A<a@b>;C<c@d>; address-no-comma@8+0"},
    {"semicolons for commas", "a@b; c@d", -1, "a@b;c@d;"},
    {"words and a bare address", "Bob a@b", -1, "Bob<a@b>; address-malformed@0+7"},
    {"no domain", "root", -1, "root; address-no-domain@0+4"},
    {"words alone", "Bob Smith", -1, "Bob Smith<>; address-malformed@0+9"},
    {"route", "<@x,@y:a@b>", -1, "a@b; address-route@1+6"},
    {"angle not closed", "Bob <a@b, c@d", -1, "Bob<a@b>;c@d; address-unclosed@5+3"},
    {"double angle", "Bob <<a@b>>", -1, "Bob<a@b>;"},
    {"quotes not closed", "\"Bob <a@b>, c@d", -1, "*"},
    {"comment not closed", "a@b (x, c@d", -1, "*"},
    {"name shows another address", "\"boss@corp.example\" <evil@x.example>", -1,
     "boss@corp.example<evil@x.example>; address-name-is-address@0+36"},
    {"name shows the address", "\"A@b.c\" <a@b.c>", -1, "A@b.c<a@b.c>;"},
    {"NUL", "B\0b <a@b>", 9, "B%0b<a@b>; header-nul@0+9 header-nul@0+3"},
    {"raw latin1", "J\xFC <a@b>", -1, "J" UUML "<a@b>; header-8bit@0+2"},
    {"fold", "Bob\r\n Smith\r\n <a@b>", -1, "Bob Smith<a@b>;"},
    {"nothing", "", -1, ""},
};

static void put_list(GString *out, const MbAddressList *list)
{
    bool in_group = false;

    for (size_t i = 0; i < mb_address_list_count(list); i++) {
        const MbAddress *one = mb_address_list_at(list, i);

        if (in_group && one->group == MB_ADDRESS_NO_GROUP) {
            g_string_append_c(out, ']');
            in_group = false;
        } else if (in_group && one->is_group) {
            g_string_append_c(out, ']');
        }
        if (one->name != NULL)
            g_string_append_len(out, one->name, (gssize)one->name_length);
        if (one->is_group) {
            g_string_append(out, ":[");
            in_group = true;
        } else if (one->name != NULL || one->address_length == 0) {
            g_string_append_printf(out, "<%s>;", one->address);
        } else {
            g_string_append_printf(out, "%s;", one->address);
        }
    }
    if (in_group)
        g_string_append_c(out, ']');
}

START_TEST(addresses_parse_as_the_table_says)
{
    const Row *row = &address_rows[_i];
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};
    g_autoptr(MbAddressList) list = mb_address_list_parse(row->in, row_length(row), 0, &flaws);

    put_list(out, list);
    show_nul(out);
    put_flaws(out, &flaws);
    if (strcmp(row->want, "*") != 0)
        check_row(row, out);
    else
        ck_assert_msg(strstr(out->str, "c@d") != NULL && mb_flaws_count(&flaws) > 0, "%s: %s",
                      row->name, out->str);
}
END_TEST

START_TEST(padding_in_the_middle_ends_neither_body_nor_word)
{
    static const char twice[] = "TVqQAA==\r\nTVqQAA==";
    g_autoptr(GString) body = g_string_new(NULL);
    g_autoptr(GString) word = g_string_new(NULL);
    g_auto(MbFlaws) flaws = {0};

    mb_decode(MB_ENCODING_BASE64, twice, strlen(twice), body, &flaws);
    ck_assert_uint_eq(body->len, 8);
    ck_assert_mem_eq(body->str, "MZ\x90\0MZ\x90\0", 8);
    ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->offset, 6);
    ck_assert_int_eq(mb_flaws_at(&flaws, 0)->kind, MB_FLAW_BASE64_PADDING_INSIDE);
    mb_flaws_reset(&flaws);
    mb_words_decode("x =?utf-8?B?YWI=Y2Q=?=", 22, word, &flaws);
    ck_assert_str_eq(word->str, "x abcd");
    ck_assert_uint_eq(mb_flaws_at(&flaws, 0)->offset, 15);
    mb_flaws_reset(&flaws);
    mb_decode(MB_ENCODING_BASE64, "YQ==*", 5, body, &flaws);
    mb_decode(MB_ENCODING_BASE64, "Y*Q==", 5, body, &flaws);
    mb_decode(MB_ENCODING_BASE64, "YWJjZ", 5, body, &flaws);
    ck_assert(mb_flaws_has(&flaws, MB_FLAW_BASE64_JUNK));
    ck_assert(mb_flaws_has(&flaws, MB_FLAW_BASE64_FOREIGN));
    ck_assert(mb_flaws_has(&flaws, MB_FLAW_BASE64_ODD));
    statement("F-1");
}
END_TEST

START_TEST(dates_are_written_with_a_numeric_zone)
{
    static const struct {
        int64_t time;
        int zone;
        const char *want;
    } cases[] = {
        {0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
        {1795451691, 60, "Mon, 23 Nov 2026 17:34:51 +0100"},
        {951782400, -570, "Mon, 28 Feb 2000 14:30:00 -0930"},
        {951827696, 0, "Tue, 29 Feb 2000 12:34:56 +0000"},
        {-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000"},
        {4102444799, 0, "Thu, 31 Dec 2099 23:59:59 +0000"},
        {INT64_MAX, 0, "Fri, 31 Dec 9999 23:59:59 +0000"},
        {INT64_MIN, 0, "Sat, 1 Jan 0000 00:00:00 +0000"},
    };
    char text[MB_DATE_TEXT_MAX];

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        MbDate date;
        g_auto(MbFlaws) flaws = {0};

        mb_date_format(cases[i].time, cases[i].zone, text);
        ck_assert_str_eq(text, cases[i].want);
        ck_assert(mb_date_parse(text, strlen(text), &date, &flaws));
        ck_assert(date.valid && date.zone_minutes == cases[i].zone);
        ck_assert_msg(mb_flaws_count(&flaws) == 0, "%s", text);
        if (cases[i].time > INT64_MIN && cases[i].time < INT64_MAX)
            ck_assert_int_eq(date.unix_time, cases[i].time);
    }
    mb_date_format_utc(1795451691, text);
    ck_assert_str_eq(text, "2026-11-23T16:34:51Z");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-values");
    TCase *values = tcase_create("values");

    tcase_add_test(values, words_have_a_form);
    tcase_add_loop_test(values, words_decode_as_the_table_says, 0, G_N_ELEMENTS(word_rows));
    tcase_add_loop_test(values, types_parse_as_the_table_says, 0, G_N_ELEMENTS(type_rows));
    tcase_add_test(values, parameters_beyond_the_limit_are_skipped_and_noted);
    tcase_add_test(values, the_extended_form_counts_before_the_plain_one);
    tcase_add_loop_test(values, dates_parse_as_the_table_says, 0, G_N_ELEMENTS(date_rows));
    tcase_add_test(values, dates_are_written_with_a_numeric_zone);
    tcase_add_loop_test(values, addresses_parse_as_the_table_says, 0, G_N_ELEMENTS(address_rows));
    tcase_add_test(values, padding_in_the_middle_ends_neither_body_nor_word);
    tcase_set_timeout(values, 60);
    suite_add_tcase(suite, values);
    return run_suite(suite);
}
