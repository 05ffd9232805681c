#include "scandump.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/mime/scan.h>
#include <string.h>

#define HEAD           "From: a@b.example\r\n"
#define MIXED          "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
#define TEXT           "\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
#define HTML           "--b\r\nContent-Type: text/html\r\n\r\n<p>hello\r\n"
#define BYTES(literal) literal, sizeof(literal) - 1
#define X10(text)      text text text text text text text text text text

/* `defects`: codes that must be among those reported; "" when none may be. */
typedef struct {
    const char *statement;
    const char *name;
    const char *bytes;
    size_t length;
    const char *shape;
    const char *defects;
} Row;

static const Row rows[] = {
    {"", "plain text", BYTES(HEAD "\r\nhello\r\n"), "text/plain", ""},
    {"", "LF only", BYTES("From: a@b.example\nSubject: x\n\nhello\n"), "text/plain", ""},
    {"", "header alone", BYTES(HEAD "Subject: x\r\n"), "text/plain", "header-cut"},
    {"", "two parts", BYTES(HEAD MIXED TEXT HTML "--b--\r\n"),
     "multipart/mixed(text/plain,text/html)", ""},
    {"", "blanks behind a boundary", BYTES(HEAD MIXED "--b \t \r\n\r\nx\r\n--b--  \r\n"),
     "multipart/mixed(text/plain)", ""},
    {"", "part without header and body", BYTES(HEAD MIXED "--b\r\n--b--\r\n"),
     "multipart/mixed(text/plain)", ""},
    {"", "embedded message",
     BYTES(HEAD "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n" MIXED TEXT "--b--\r\n"),
     "message/rfc822(multipart/mixed(text/plain))", ""},
    {"", "message/global", BYTES(HEAD "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\nx"),
     "message/global(text/plain)", ""},
    {"", "digest",
     BYTES(HEAD "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: "
                "in\r\n\r\nx\r\n--b--\r\n"),
     "multipart/digest(message/rfc822(text/plain))", ""},
    {"", "digest with a part that says text",
     BYTES(HEAD "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\nContent-Type: "
                "text/html\r\n\r\nx\r\n--b--\r\n"),
     "multipart/digest(text/html)", ""},
    {"", "embedded message is empty", BYTES(HEAD "Content-Type: message/rfc822\r\n\r\n"),
     "message/rfc822", "nested-empty"},
    {"", "encoded message stays closed",
     BYTES(HEAD "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjd"
                "DogeA0K\r\n"),
     "message/rfc822", "encoding-composite"},
    {"", "From_ line", BYTES("From a@b Thu Jan  1 00:00:00 1970\n" HEAD "\r\nx"), "text/plain", ""},
    {"", "type without subtype", BYTES(HEAD "Content-Type: text\r\n\r\nx"), "text/plain",
     "type-no-subtype"},
    {"", "type that makes no sense", BYTES(HEAD "Content-Type: ;=;\r\n\r\nx"), "text/plain",
     "type-unreadable"},
    {"", "type with comments and blanks",
     BYTES(HEAD "Content-Type: (a(b)\\) text (c) / (d) HTML (e); x=y\r\n\r\nx"), "text/plain",
     "type-unreadable"},
    {"", "type with a comment inside", BYTES(HEAD "Content-Type: (a(b)) Text (c) / HTML\r\n\r\nx"),
     "text/html", ""},
    {"", "no header at all", BYTES("This is no mail.\r\nNot at all.\r\n"), "text/plain",
     "no-header"},
    {"", "nothing", BYTES(""), "text/plain", "no-header"},

    {"F-7", "From_ line of an embedded message",
     BYTES(HEAD "Content-Type: message/rfc822\r\n\r\nFrom a@b Thu Jan  1 00:00:00 1970\r\n"
                "Content-Type: text/html\r\n\r\nx"),
     "message/rfc822(text/html)", "from-line"},

    {"F-2", "two types, the composite one counts",
     BYTES(HEAD "Content-Type: text/plain\r\n" MIXED TEXT "--b--\r\n"),
     "multipart/mixed(text/plain)", "type-twice"},
    {"F-2", "two transfer encodings",
     BYTES(HEAD "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: "
                "base64\r\n\r\naGVsbG8="),
     "text/plain", "encoding-twice"},

    {"F-3", "blank before the colon", BYTES(HEAD "Content-Type : text/html\r\n\r\nx"), "text/html",
     "header-name-blank"},
    {"F-3", "tab before the colon", BYTES(HEAD "Content-Type\t: text/html\r\n\r\nx"), "text/html",
     "header-name-blank"},
    {"F-3", "only CRs",
     BYTES("From: a@b\rContent-Type: multipart/mixed; boundary=b\r\r--b\rContent-Type: "
           "text/html\r\rx\r--b--\r"),
     "multipart/mixed(text/html)", "line-end-cr delimiter-cr"},
    {"F-3", "a delimiter behind a CR ends a header",
     BYTES(HEAD MIXED "--b\r\nX: y\r--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n"),
     "multipart/mixed(text/plain,text/html)", "line-end-cr"},
    {"F-3", "CRs among LFs", BYTES("From: a@b\rContent-Type: text/html\n\nx\n"), "text/html",
     "line-end-cr"},
    {"F-3", "CR inside a value", BYTES("Subject: a\rb\nContent-Type: text/html\n\nx\n"),
     "text/html", "bare-cr"},
    {"F-3", "CR CR LF", BYTES("From: a@b\r\r\nContent-Type: text/html\r\r\n\r\r\nx"), "text/html",
     "line-end-crcrlf"},
    {"F-3", "LF and CRLF", BYTES("From: a@b\r\nContent-Type: text/html\n\r\nx"), "text/html",
     "line-end-mixed"},
    {"F-3", "vertical tab before the value", BYTES(HEAD "Content-Type:\vtext/html\r\n\r\nx"),
     "text/html", "header-vertical-tab"},
    {"F-3", "vertical tab as a fold",
     BYTES(HEAD "Content-Type: multipart/mixed;\r\n\vboundary=b\r\n\r\n" TEXT "--b--"),
     "multipart/mixed(text/plain)", "header-vertical-tab"},

    {"F-4", "unquoted with blanks",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=b c\r\n\r\n--b c\r\n\r\nx\r\n--b c--"),
     "multipart/mixed(text/plain)", "boundary-two-readings"},
    {"F-4", "unquoted with blanks, the token is used",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=b c\r\n\r\n" TEXT "--b--"),
     "multipart/mixed(text/plain)", "boundary-two-readings"},
    {"F-4", "unquoted with specials",
     BYTES(HEAD
           "Content-Type: multipart/mixed; boundary=a=b/c\r\n\r\n--a=b/c\r\n\r\nx\r\n--a=b/c--"),
     "multipart/mixed(text/plain)", ""},
    {"F-4", "trailing blank",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=\"b \"\r\n\r\n--b\r\n\r\nx\r\n--b --\r\n"),
     "multipart/mixed(text/plain)", "boundary-trailing-blank"},
    {"F-4", "escaped, and used without the escape",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=\"a\\b\"\r\n\r\n--ab\r\n\r\nx\r\n--ab--"),
     "multipart/mixed(text/plain)", "boundary-two-readings"},
    {"F-4", "escaped, and used with the escape",
     BYTES(HEAD
           "Content-Type: multipart/mixed; boundary=\"a\\b\"\r\n\r\n--a\\b\r\n\r\nx\r\n--a\\b--"),
     "multipart/mixed(text/plain)", "boundary-two-readings"},
    {"F-4", "with a comment",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=b (c)\r\n\r\n" TEXT "--b--"),
     "multipart/mixed(text/plain)", ""},
    {"F-4", "behind a comment that holds one",
     BYTES(HEAD "Content-Type: multipart/mixed; (boundary=a) boundary=b\r\n\r\n" TEXT "--b--"),
     "multipart/mixed(text/plain)", ""},
    {"F-4", "split, RFC 2231",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary*0=\"a\"; boundary*1=b\r\n\r\n--ab\r\n\r\nx"
                "\r\n--ab--"),
     "multipart/mixed(text/plain)", ""},
    {"F-4", "split and reordered",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary*1=b; boundary*0=a\r\n\r\n--ab\r\n\r\nx\r\n"
                "--ab--"),
     "multipart/mixed(text/plain)", ""},
    {"F-4", "twice, the first is used",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n" TEXT "--b--"),
     "multipart/mixed(text/plain)", "boundary-two-readings"},
    {"F-4", "twice, the second is used",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=c; boundary=b\r\n\r\n" TEXT "--b--"),
     "multipart/mixed(text/plain)", "boundary-two-readings"},
    {"F-4", "empty",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----\r\n"),
     "multipart/mixed(text/plain)", "boundary-empty"},
    {"F-4", "empty, and another one is used",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n" TEXT HTML "--b--\r\n"),
     "multipart/mixed(text/plain,text/html)", "boundary-empty"},
    {"F-4", "missing",
     BYTES(HEAD "Content-Type: multipart/mixed\r\n\r\n----\r\n" TEXT HTML "--b--\r\n"),
     "multipart/mixed(text/plain,text/html)", "boundary-missing"},
    {"F-4", "over 70 characters",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=" X10("0123456789") "\r\n\r\n--" X10(
         "0123456789") "\r\n\r\nx\r\n--" X10("0123456789") "--\r\n"),
     "multipart/mixed(text/plain)", "boundary-long"},
    {"F-4", "8 KB",
     BYTES(HEAD
           "Content-Type: multipart/mixed; boundary=" X10(X10(X10("01234567"))) "\r\n\r\n--" X10(
               X10(X10("01234567"))) "\r\n\r\nx\r\n--" X10(X10(X10("01234567"))) "--\r\n"),
     "multipart/mixed(text/plain)", "boundary-long"},
    {"F-4", "inner is a prefix of outer",
     BYTES(HEAD "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n" MIXED TEXT
                "--b--\r\n--bb\r\n\r\ny\r\n--bb--\r\n"),
     "multipart/mixed(multipart/mixed(text/plain),text/plain)", ""},
    {"F-4", "outer is a prefix of inner",
     BYTES(HEAD MIXED "--b\r\nContent-Type: multipart/alternative; "
                      "boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n--bb--\r\n--b\r\n\r\ny\r\n--b--\r\n"),
     "multipart/mixed(multipart/alternative(text/plain),text/plain)", ""},
    {"F-4", "inner equals outer",
     BYTES(HEAD MIXED "--b\r\n" MIXED TEXT "--b--\r\n--b\r\n\r\ny\r\n--b--\r\n"),
     "multipart/mixed(multipart/mixed(text/plain),text/plain)", "boundary-same-as-outer"},
    {"F-4", "outer delimiter inside inner header",
     BYTES(HEAD MIXED "--b\r\nContent-Type: multipart/alternative;\r\n--b\r\n\r\ny\r\n--b--\r\n"),
     "multipart/mixed(multipart/alternative,text/plain)", "header-cut"},
    {"F-4", "only like a delimiter", BYTES(HEAD MIXED TEXT "--bc\r\n--b--\r\n"),
     "multipart/mixed(text/plain)", "delimiter-like"},
    {"F-4", "text behind a boundary", BYTES(HEAD MIXED "--b or not\r\n\r\nx\r\n--b-- end\r\n"),
     "multipart/mixed(text/plain)", "delimiter-text"},

    {"F-5", "no end delimiter", BYTES(HEAD MIXED TEXT), "multipart/mixed(text/plain)",
     "end-delimiter-missing"},
    {"F-5", "inner without end",
     BYTES(HEAD MIXED
           "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b--"),
     "multipart/mixed(multipart/mixed(text/plain))", "end-delimiter-missing"},
    {"F-5", "boundary does not occur", BYTES(HEAD MIXED "nothing\r\n"), "multipart/mixed",
     "boundary-never-found"},
    {"F-5", "preamble", BYTES(HEAD MIXED "see below\r\n" TEXT "--b--\r\n"),
     "multipart/mixed(text/plain)", "preamble-content"},
    {"F-5", "epilogue", BYTES(HEAD MIXED TEXT "--b--\r\nbye\r\n"), "multipart/mixed(text/plain)",
     "epilogue-content"},
    {"F-5", "part behind the end", BYTES(HEAD MIXED TEXT "--b--\r\n" HTML "--b--\r\n"),
     "multipart/mixed(text/plain,text/html)", "part-after-end"},
    {"F-5", "no empty line, two lines", BYTES(HEAD "hello you\r\nhow are you\r\n"), "text/plain",
     "no-separator"},
    {"F-5", "no empty line, one line", BYTES(HEAD "hello you"), "text/plain", "no-separator"},
    {"F-5", "no empty line in a part",
     BYTES(HEAD MIXED "--b\r\nContent-Type: text/html\r\nhello you\r\n--b--\r\n"),
     "multipart/mixed(text/html)", "no-separator"},
    {"F-5", "the only line and an empty one",
     BYTES(HEAD MIXED "--b\r\nContent-Transfer-Encoding: base64\r\naGVsbG8=\r\n\r\n--b--\r\n"),
     "multipart/mixed(text/plain)", "no-separator"},
    {"F-5", "line of blanks as the empty one", BYTES(HEAD "Subject: x\r\n \r\nhello you\r\n"),
     "text/plain", "blank-separator"},

    {"F-7", "NUL in a value", BYTES("Subject: a\0b\r\n\r\nx"), "text/plain", "header-nul-byte"},
    {"F-7", "NUL in a name", BYTES("Sub\0ject: a\r\n\r\nx"), "text/plain", "header-nul-byte"},
    {"F-7", "NUL in a boundary",
     BYTES(HEAD
           "Content-Type: multipart/mixed; boundary=\"a\0b\"\r\n\r\n--a\0b\r\n\r\nx\r\n--a\0b--"),
     "multipart/mixed(text/plain)", "header-nul-byte"},
    {"F-7", "NUL in a body", BYTES(HEAD MIXED "--b\r\n\r\nx\0y\r\n--b--"),
     "multipart/mixed(text/plain)", "body-nul"},
    {"F-7", "byte order mark",
     BYTES("\xEF\xBB\xBF"
           "Content-Type: text/html\r\n\r\nx"),
     "text/html", "bom"},
    {"F-7", "leading blank lines", BYTES("\r\n\r\nContent-Type: text/html\r\n\r\nx"), "text/html",
     "leading-blank-lines"},
    {"F-7", ">From_ line", BYTES(">From a@b Thu Jan  1\nContent-Type: text/html\n\nx"), "text/html",
     "from-line"},
    {"F-7", "From_, >From_, blank line",
     BYTES("From a@b Thu\n>From a@b Thu\n\nContent-Type: text/html\n\nx"), "text/html",
     "from-line leading-blank-lines"},
};

static MbScan *scan;
static MbTree *tree;

static void setup(void)
{
    scan = mb_scan_new();
    tree = mb_tree_new();
}

static void teardown(void)
{
    mb_scan_free(scan);
    mb_tree_free(tree);
}

static void check_defects(const Row *row)
{
    g_autofree char *codes = scandump_codes(tree);
    g_autofree char *padded = g_strdup_printf(" %s ", codes);
    g_auto(GStrv) wanted = g_strsplit(row->defects, " ", -1);

    for (char **code = wanted; *code != NULL; code++) {
        g_autofree char *word = g_strdup_printf(" %s ", *code);

        ck_assert_msg(strstr(padded, word) != NULL, "%s: no %s in: %s", row->name, *code, codes);
    }
    if (row->defects[0] == '\0' && row->statement[0] == '\0')
        ck_assert_msg(codes[0] == '\0', "%s: unexpected: %s", row->name, codes);
}

static void check_row(const Row *row)
{
    g_autoptr(GString) shape = g_string_new(NULL);
    g_autofree char *whole = NULL;
    const char *wrong;

    scandump_scan(scan, tree, row->bytes, row->length, 0, NULL);
    mb_tree_shape(tree, shape);
    ck_assert_msg(strcmp(shape->str, row->shape) == 0, "%s: %s instead of %s", row->name,
                  shape->str, row->shape);
    check_defects(row);
    wrong = scandump_imbalance(tree, 0, row->length);
    ck_assert_msg(wrong == NULL, "%s: %s", row->name, wrong);

    whole = scandump(tree);
    for (size_t piece = 1; piece <= MIN(row->length, 9); piece++) {
        g_autofree char *pieces = NULL;

        scandump_scan(scan, tree, row->bytes, row->length, piece, NULL);
        pieces = scandump(tree);
        ck_assert_msg(strcmp(whole, pieces) == 0, "%s: in pieces of %zu:\n%s\nwhole:\n%s",
                      row->name, piece, pieces, whole);
    }
}

static void check_statement(const char *id)
{
    guint met = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].statement, id) != 0)
            continue;
        check_row(&rows[i]);
        met++;
    }
    ck_assert_uint_gt(met, 0);
}

START_TEST(ordinary_mail_has_its_shape_and_no_defect)
{
    check_statement("");
}
END_TEST

START_TEST(fields_given_twice_are_flagged)
{
    check_statement("F-2");
}
END_TEST

/* The first that hides content, else the first that is known. */
START_TEST(of_several_encodings_one_counts)
{
#define CTE "Content-Transfer-Encoding: "
    static const struct {
        const char *fields;
        MbEncoding want;
    } cases[] = {
        {CTE "7bit\r\n" CTE "base64\r\n", MB_ENCODING_BASE64},
        {CTE "base64\r\n" CTE "7bit\r\n", MB_ENCODING_BASE64},
        {CTE "quoted-printable\r\n" CTE "base64\r\n", MB_ENCODING_QP},
        {CTE "8bit\r\n" CTE "7bit\r\n", MB_ENCODING_8BIT},
        {CTE "nonsense\r\n" CTE "8bit\r\n", MB_ENCODING_8BIT},
        {CTE "8bit\r\n" CTE "nonsense\r\n", MB_ENCODING_8BIT},
        {CTE "nonsense\r\n" CTE "base64\r\n", MB_ENCODING_BASE64},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *mail = g_strdup_printf(HEAD "%s\r\nx", cases[i].fields);
        MbEncoding got;

        scandump_scan(scan, tree, mail, strlen(mail), 0, NULL);
        got = mb_tree_part(tree, 0)->encoding;
        ck_assert_msg(got == cases[i].want, "%s: %s", cases[i].fields, mb_encoding_name(got));
    }
}
END_TEST

START_TEST(odd_header_lines_are_flagged_and_parsed)
{
    check_statement("F-3");
    statement("F-3");
}
END_TEST

START_TEST(children_are_found_whatever_the_boundary)
{
    check_statement("F-4");
    statement("F-4");
}
END_TEST

START_TEST(truncated_and_surrounding_content_is_kept)
{
    check_statement("F-5");
    statement("F-5");
}
END_TEST

START_TEST(nul_and_leading_lines_are_kept)
{
    check_statement("F-7");
    statement("F-7");
}
END_TEST

/* Cut once, at every place. */
START_TEST(any_cut_gives_the_same_tree)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        g_autofree char *whole = NULL;

        if (row->length > 1000)
            continue;
        scandump_scan(scan, tree, row->bytes, row->length, 0, NULL);
        whole = scandump(tree);
        for (size_t cut = 1; cut < row->length; cut++) {
            g_autofree char *halves = NULL;

            mb_tree_clear(tree);
            mb_scan_begin(scan, tree, NULL);
            mb_scan_push(scan, row->bytes, cut);
            mb_scan_push(scan, row->bytes + cut, row->length - cut);
            mb_scan_finish(scan, 0);
            halves = scandump(tree);
            ck_assert_msg(strcmp(whole, halves) == 0, "%s: cut at %zu:\n%s\nwhole:\n%s", row->name,
                          cut, halves, whole);
        }
    }
}
END_TEST

static void push_many(char c, uint64_t length)
{
    g_autofree char *block = g_malloc(1 << 20);

    memset(block, c, 1 << 20);
    for (; length > 0; length -= MIN(length, 1 << 20))
        mb_scan_push(scan, block, MIN(length, 1 << 20));
}

/* In pieces, so that a gigabyte takes no memory. */
START_TEST(a_line_without_colon_of_any_length_loses_nothing)
{
    static const uint64_t lengths[] = {5 << 10, 1 << 20, (uint64_t)1 << 30};
    uint64_t length = lengths[_i];
    const MbDefect *defect;
    const MbSegment wanted = {MB_BYTES_GAP, 0, {sizeof(HEAD) - 1, length + 2}};

    mb_scan_begin(scan, tree, NULL);
    mb_scan_push(scan, HEAD, strlen(HEAD));
    push_many('x', length);
    mb_scan_push(scan, BYTES("\r\nContent-Type: text/html\r\n\r\nbody"));
    mb_scan_finish(scan, 0);

    ck_assert_str_eq(mb_tree_type(tree, 0), "text/html");
    ck_assert_uint_eq(mb_tree_fields(tree), 2);
    ck_assert_uint_eq(mb_tree_part(tree, 0)->body.length, 4);
    defect = mb_tree_defect(tree, 0);
    ck_assert_str_eq(mb_defect_code(defect->code), "header-junk");
    ck_assert_uint_eq(defect->offset, wanted.range.offset);
    ck_assert_uint_eq(defect->length, wanted.range.length);
    ck_assert_ptr_null(scandump_imbalance(tree, 0, length + strlen(HEAD) + 33));
    statement("F-6");
}
END_TEST

/* What the body is, and where, when header lines are in doubt. */
START_TEST(bodies_are_where_they_should_be)
{
    static const struct {
        const char *name;
        const char *bytes;
        uint32_t part;
        const char *body;
    } cases[] = {
        {"plain", HEAD "\r\nhello\r\n", 0, "hello\r\n"},
        {"line end before a delimiter", HEAD MIXED TEXT "--b--\r\n", 1, "hello"},
        {"blank lines, then a delimiter",
         HEAD MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\n\r\n\r\n--b--\r\n", 2, ""},
        {"empty body", HEAD MIXED "--b\r\n\r\n--b--\r\n", 1, ""},
        {"no separator", HEAD "hello you\r\nhow are you\r\n", 0, "hello you\r\nhow are you\r\n"},
        {"no separator in a part", HEAD MIXED "--b\r\nhello you\r\n--b--\r\n", 1, "hello you"},
        {"junk, then a body", HEAD "junk line\r\n\r\nhello", 0, "hello"},
        {"junk, then a field, then a body", HEAD "junk line\r\nSubject: x\r\n\r\nhello", 0,
         "hello"},
        {"junk, then nothing", HEAD "hello you\r\n\r\n", 0, "hello you\r\n\r\n"},
        {"junk, then nothing in a part", HEAD MIXED "--b\r\nA: b\r\nhello you\r\n\r\n--b--\r\n", 1,
         "hello you\r\n"},
        {"blank separator", HEAD "\r\n \r\nhello", 0, " \r\nhello"},
        {"blank fold as separator", HEAD " \r\nhello you\r\n\r\nyes", 0, "hello you\r\n\r\nyes"},
        {"text that looks like a field later", HEAD "hello you\r\nand you\r\nNote: x\r\n\r\nyes", 0,
         "hello you\r\nand you\r\nNote: x\r\n\r\nyes"},
        {"no header, one line", "hello you\r\n\r\nNote: x\r\n", 0, "hello you\r\n\r\nNote: x\r\n"},
        {"no header, blank line first", "\r\nhello you\r\n", 0, "hello you\r\n"},
        {"preamble", HEAD MIXED "see below\r\n" TEXT "--b--\r\n", 1, "see below\r\n"},
        {"a second end delimiter is epilogue", HEAD MIXED TEXT "--b--\r\nbye\r\n--b--\r\n", 2,
         "bye\r\n--b--\r\n"},
        {"epilogue", HEAD MIXED TEXT "--b--\r\nbye\r\n", 2, "bye\r\n"},
    };
    g_autoptr(GByteArray) scratch = g_byte_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        MbRange body;
        const uint8_t *bytes;

        scandump_scan(scan, tree, cases[i].bytes, strlen(cases[i].bytes), 0, NULL);
        ck_assert_msg(cases[i].part < mb_tree_parts(tree), "%s: no part", cases[i].name);
        body = mb_tree_part(tree, cases[i].part)->body;
        bytes = mb_tree_bytes(tree, 0, body, scratch);
        ck_assert_msg(body.length == strlen(cases[i].body) &&
                          memcmp(bytes, cases[i].body, body.length) == 0,
                      "%s: body is <%.*s>", cases[i].name, (int)body.length, bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-scan");
    TCase *tcase = tcase_create("scan");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ordinary_mail_has_its_shape_and_no_defect);
    tcase_add_test(tcase, fields_given_twice_are_flagged);
    tcase_add_test(tcase, of_several_encodings_one_counts);
    tcase_add_test(tcase, odd_header_lines_are_flagged_and_parsed);
    tcase_add_test(tcase, children_are_found_whatever_the_boundary);
    tcase_add_test(tcase, truncated_and_surrounding_content_is_kept);
    tcase_add_test(tcase, nul_and_leading_lines_are_kept);
    tcase_add_test(tcase, any_cut_gives_the_same_tree);
    tcase_add_loop_test(tcase, a_line_without_colon_of_any_length_loses_nothing, 0, 3);
    tcase_add_test(tcase, bodies_are_where_they_should_be);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
