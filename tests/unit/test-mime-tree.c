#include "scandump.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/mime/scan.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NEST                                                                                       \
    "From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n"                             \
    "see below\n"                                                                                  \
    "--b\nContent-Type: text/plain\n\none\n"                                                       \
    "--b\nContent-Type: message/rfc822\n\n"                                                        \
    "Subject: inner\nContent-Type: multipart/alternative; boundary=c\n\n"                          \
    "--c\n\ntwo\n--c\nContent-Type: text/html\n\nthree\n--c--\n"                                   \
    "--b\nContent-Type: multipart/related; boundary=d\n\n"                                         \
    "--d\nContent-Transfer-Encoding: quoted-printable\n\nf=6Fur=\n\n--d--\n"                       \
    "--b\nContent-Type: message/rfc822\n\nSubject: last\n\nfive\n"                                 \
    "--b--\nbye\n"

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

START_TEST(parts_have_imap_numbers)
{
    static const char *const ids[] = {
        "TEXT", "TEXT~preamble1", "1", "2", "2.TEXT", "2.1", "2.2", "3", "3.1", "4",
        "4.1",  "TEXT~epilogue1",
    };
    uint32_t part = 0;
    uint32_t depth = 0;

    scandump_scan(scan, tree, NEST, strlen(NEST), 0, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GString) id = g_string_new(NULL);

        ck_assert_uint_ne(part, MB_TREE_NONE);
        mb_tree_id(tree, part, id);
        ck_assert_str_eq(id->str, ids[i]);
        ck_assert_uint_eq(mb_tree_find_id(tree, ids[i]), part);
        part = mb_tree_following(tree, part, &depth);
    }
    ck_assert_uint_eq(part, MB_TREE_NONE);
    ck_assert_uint_eq(depth, 0);
    ck_assert_uint_eq(mb_tree_find_id(tree, "5"), MB_TREE_NONE);
    ck_assert_uint_eq(mb_tree_find_id(tree, ""), 0);
}
END_TEST

START_TEST(a_message_without_parts_is_1)
{
    g_autoptr(GString) id = g_string_new(NULL);

    scandump_scan(scan, tree, "A: b\n\nx", 7, 0, NULL);
    mb_tree_id(tree, 0, id);
    ck_assert_str_eq(id->str, "1");
    ck_assert_uint_eq(mb_tree_find_id(tree, "TEXT"), 0);
}
END_TEST

START_TEST(fields_are_found_by_name)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    const char *bytes = "Subject: one\nX: y\nSUBJECT : \n two \nTo: z\n\n";
    size_t length;
    uint32_t field;
    const uint8_t *value;

    scandump_scan(scan, tree, bytes, strlen(bytes), 0, NULL);
    field = mb_tree_find_field(tree, 0, "subject", MB_TREE_NONE);
    ck_assert_uint_eq(field, 0);
    field = mb_tree_find_field(tree, 0, "subject", field + 1);
    ck_assert_uint_eq(field, 2);
    value = mb_tree_field_value(tree, field, &length, NULL, scratch);
    ck_assert_uint_eq(length, 3);
    ck_assert_mem_eq(value, "two", 3);
    ck_assert_uint_eq(mb_tree_find_field(tree, 0, "subject", field + 1), MB_TREE_NONE);
    ck_assert_uint_eq(mb_tree_find_field(tree, 0, "none", MB_TREE_NONE), MB_TREE_NONE);
}
END_TEST

static bool append(void *data, const void *bytes, size_t length)
{
    g_string_append_len(data, bytes, (gssize)length);
    return true;
}

static bool from_text(void *data, uint64_t offset, void *out, size_t length)
{
    memcpy(out, (const char *)data + offset, length);
    return true;
}

START_TEST(content_is_decoded_from_a_buffer_or_a_reader)
{
    g_autoptr(GString) out = g_string_new(NULL);
    MbFlaws flaws = {0};

    scandump_scan(scan, tree, NEST, strlen(NEST), 0, NULL);
    for (int round = 0; round < 2; round++) {
        uint32_t part = mb_tree_find_id(tree, "3.1");
        size_t length = 0;
        const uint8_t *content = mb_tree_content(tree, mb_tree_find_id(tree, "1"), &length);

        g_string_truncate(out, 0);
        ck_assert(mb_tree_decode(tree, part, append, out, &flaws));
        ck_assert_str_eq(out->str, "four");
        ck_assert_int_eq(mb_tree_is_buffer(tree, 0), round == 0);
        ck_assert_int_eq(content != NULL, round == 0);
        if (content != NULL)
            ck_assert(length == 3 && memcmp(content, "one", 3) == 0);
        ck_assert_ptr_null(mb_tree_content(tree, part, &length));
        scandump_scan(scan, tree, NEST, strlen(NEST), 7, NULL);
        mb_tree_set_bytes(tree, NULL, 0);
        mb_tree_set_reader(tree, from_text, (void *)(uintptr_t)NEST);
    }
    ck_assert_uint_eq(mb_flaws_count(&flaws), 0);
    mb_flaws_clear(&flaws);
}
END_TEST

typedef struct {
    GByteArray *all;
    MbSegment last;
} Rebuild;

static bool rebuild(void *data, const MbSegment *segment)
{
    Rebuild *to = data;
    const uint8_t *bytes = mb_tree_bytes(tree, 0, segment->range, to->all);

    g_byte_array_append(to->all, bytes, (guint)segment->range.length);
    to->last = *segment;
    return true;
}

START_TEST(the_ranges_are_the_file)
{
    Rebuild to = {.all = g_byte_array_new()};
    uint64_t sums[MB_BYTES_KINDS] = {0};
    uint64_t all = 0;

    scandump_scan(scan, tree, NEST, strlen(NEST), 0, NULL);
    mb_tree_each_range(tree, 0, rebuild, &to);
    ck_assert_uint_eq(to.all->len, strlen(NEST));
    ck_assert_mem_eq(to.all->data, NEST, strlen(NEST));
    ck_assert_int_eq(to.last.kind, MB_BYTES_EPILOGUE);
    mb_tree_account(tree, 0, sums);
    for (size_t kind = 0; kind < MB_BYTES_KINDS; kind++)
        all += sums[kind];
    ck_assert_uint_eq(all, strlen(NEST));
    ck_assert_uint_eq(sums[MB_BYTES_GAP], 0);
    g_byte_array_unref(to.all);
}
END_TEST

START_TEST(encoded_messages_open_in_a_space_of_their_own)
{
    static const char *const types[] = {"message/rfc822", "message/global"};
    static const char *const encoded[] = {
        "Content-Transfer-Encoding: base64\n\nU3ViamVjdDogaW4KCmhlbGxv\n",
        "Content-Transfer-Encoding: quoted-printable\n\nSubject:=20in\n\nhel=\nlo\n",
    };

    for (int i = 0; i < 4; i++) {
        g_autofree char *bytes =
            g_strdup_printf("A: b\nContent-Type: %s\n%s", types[i / 2], encoded[i % 2]);
        g_autofree char *wanted = g_strdup_printf("%s(text/plain)", types[i / 2]);
        g_autoptr(GString) content = g_string_new(NULL);
        g_autoptr(GString) shape = g_string_new(NULL);
        g_autoptr(GBytes) held = NULL;
        uint32_t space;

        scandump_scan(scan, tree, bytes, strlen(bytes), 0, NULL);
        ck_assert_int_eq(mb_tree_part(tree, 0)->kind, MB_PART_MESSAGE);
        ck_assert(mb_tree_decode(tree, 0, append, content, NULL));
        held = g_bytes_new(content->str, content->len);
        space = mb_tree_open_space(tree, 0, held);
        mb_scan_begin_child(scan, tree, space, NULL);
        mb_scan_push(scan, content->str, content->len);
        mb_scan_finish(scan, 0);

        mb_tree_shape(tree, shape);
        ck_assert_str_eq(shape->str, wanted);
        ck_assert_ptr_null(scandump_imbalance(tree, 0, strlen(bytes)));
        ck_assert_ptr_null(scandump_imbalance(tree, space, content->len));
        ck_assert(mb_tree_part(tree, 1)->is_decoded);
    }
    statement("F-9");
}
END_TEST

/* What grows with n, twice: steps must not grow faster. */
static GString *many(const char *head, const char *each, const char *tail, size_t n)
{
    GString *out = g_string_new(head);

    for (size_t i = 0; i < n; i++)
        g_string_append(out, each);
    g_string_append(out, tail);
    return out;
}

START_TEST(work_is_linear)
{
    static const struct {
        const char *name, *head, *each, *tail;
        size_t n;
    } cases[] = {
        {"parts", "A: b\nContent-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n", "--b--\n",
         200000},
        {"headers", "", "A: b\n", "\n", 200000},
        {"folds", "A: b\n", " c\n", "\n", 1000000},
        {"parameters", "Content-Type: multipart/mixed; boundary=b", ";\n a=b",
         "\n\n--b\n\nx\n--b--", 40000},
        {"sections", "Content-Type: multipart/mixed; boundary*0=b", ";\n boundary*1=c",
         "\n\n--b\n\nx\n--b--", 20000},
        {"parentheses", "Content-Type: ", "(", "\n\nx", 500000},
        {"carriage returns", "A: b", "\rc", "\r\rx", 500000},
        {"CR-only lines", "A: b", "\rA: b", "\r\rx", 100000},
        {"dashes", "A: b\nContent-Type: multipart/mixed; boundary=b\n\n", "-", "\n--b--", 1000000},
        {"near delimiters", "A: b\nContent-Type: multipart/mixed; boundary=b\n\n", "--c\n", "--b--",
         200000},
        {"junk lines", "", "no field\nA: b\n", "\n", 100000},
        {"no colon", "", "x", "", 1000000},
    };
    MbLimits limits = mb_limits_default;
    MbBudget budget;

    limits.max_parts = limits.max_headers = 10000000;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t steps[2];

        for (size_t round = 0; round < 2; round++) {
            g_autoptr(GString) bytes =
                many(cases[i].head, cases[i].each, cases[i].tail, cases[i].n << round);

            mb_budget_init(&budget, &limits);
            scandump_scan(scan, tree, bytes->str, bytes->len, 0, &budget);
            ck_assert_ptr_null(scandump_imbalance(tree, 0, bytes->len));
            steps[round] = mb_scan_steps(scan);
        }
        printf("  F-11 %s: %zu take %u steps, twice as many %.2f times that\n", cases[i].name,
               cases[i].n, (unsigned)steps[0], (double)steps[1] / (double)steps[0]);
        ck_assert_msg((double)steps[1] <= 2.3 * (double)steps[0] + 100, "%s: %zu: %u, %zu: %u",
                      cases[i].name, cases[i].n, (unsigned)steps[0], 2 * cases[i].n,
                      (unsigned)steps[1]);
    }
    statement("F-11");
}
END_TEST

START_TEST(limits_degrade_and_are_reported)
{
    static const struct {
        const char *name, *head, *each, *tail;
        MbLimit limit;
        const char *code;
    } cases[] = {
        {"parts", "A: b\nContent-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n",
         "--b--\nbye\n", MB_LIMIT_ITEMS, "limit-parts"},
        {"headers", "", "A: b\n", "Content-Type: text/html\n\nx", MB_LIMIT_HEADERS,
         "limit-headers"},
        {"nested multiparts", "", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", "\nx",
         MB_LIMIT_DEPTH, "limit-depth"},
        {"nested messages", "", "Content-Type: message/rfc822\n\n", "A: b\n\nx", MB_LIMIT_DEPTH,
         "limit-depth"},
    };
    MbLimits limits = mb_limits_default;

    limits.max_headers = limits.max_depth = 10;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) bytes = many(cases[i].head, cases[i].each, cases[i].tail, 30);
        g_autofree char *codes = NULL;
        g_autofree char *whole = NULL;
        g_autofree char *pieces = NULL;
        MbBudget budget;

        limits.max_parts = cases[i].limit == MB_LIMIT_ITEMS ? 10 : 1000;
        mb_budget_init(&budget, &limits);
        scandump_scan(scan, tree, bytes->str, bytes->len, 0, &budget);
        codes = scandump_codes(tree);
        whole = scandump(tree);
        ck_assert_msg(strstr(codes, cases[i].code) != NULL, "%s: %s", cases[i].name, codes);
        ck_assert_msg((mb_tree_limits_hit(tree) & cases[i].limit) != 0, "%s", cases[i].name);
        ck_assert_msg((budget.hit & cases[i].limit) != 0, "%s: budget", cases[i].name);
        ck_assert_uint_eq(budget.depth, 0);
        if (cases[i].limit == MB_LIMIT_ITEMS)
            ck_assert_uint_eq(mb_tree_parts(tree), 10);
        ck_assert_ptr_null(scandump_imbalance(tree, 0, bytes->len));

        mb_budget_init(&budget, &limits);
        scandump_scan(scan, tree, bytes->str, bytes->len, 1, &budget);
        pieces = scandump(tree);
        ck_assert_str_eq(whole, pieces);
        if (cases[i].limit == MB_LIMIT_HEADERS)
            ck_assert_str_eq(mb_tree_type(tree, 0), "text/html");
    }
}
END_TEST

static void *scan_deep(void *data)
{
    GString *const *bytes = data;

    for (int i = 0; i < 2; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        MbLimits limits = mb_limits_default;
        MbBudget budget;

        limits.max_depth = i == 0 ? 1000000 : limits.max_depth;
        for (int k = 0; k < 2; k++) {
            mb_budget_init(&budget, &limits);
            scandump_scan(scan, tree, bytes[k]->str, bytes[k]->len, 0, &budget);
            ck_assert_ptr_null(scandump_imbalance(tree, 0, bytes[k]->len));
            mb_tree_shape(tree, text);
            mb_tree_id(tree, mb_tree_parts(tree) - 1, text);
        }
    }
    return NULL;
}

START_TEST(deep_nesting_needs_no_stack)
{
    GString *bytes[] = {
        many("", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", "\nx\n", 5000),
        many("", "Content-Type: message/rfc822\n\n", "A: b\n\nx", 2000),
    };
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 256 << 10), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, scan_deep, bytes), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    g_string_free(bytes[0], TRUE);
    g_string_free(bytes[1], TRUE);
}
END_TEST

START_TEST(defects_have_codes_texts_and_an_end)
{
    for (unsigned code = 0; code < MB_DEFECT_CODES; code++) {
        ck_assert_str_ne(mb_defect_code(code), "");
        ck_assert_str_ne(mb_defect_text(code), "");
        ck_assert_str_ne(mb_severity_name(mb_defect_severity(code)), "");
        for (unsigned other = 0; other < code; other++)
            ck_assert_str_ne(mb_defect_code(code), mb_defect_code(other));
    }
    for (int i = 0; i < MB_TREE_DEFECTS_MAX + 10; i++)
        mb_tree_add_defect(tree, MB_DEFECT_HEADER_JUNK, MB_TREE_NONE, 0, 0, 0, "detail");
    ck_assert_uint_eq(mb_tree_defects(tree), MB_TREE_DEFECTS_MAX + 1);
    ck_assert_uint_eq(mb_tree_defect(tree, MB_TREE_DEFECTS_MAX)->code, MB_DEFECT_LIMIT_DEFECTS);
    ck_assert_str_eq(mb_tree_defect_detail(tree, mb_tree_defect(tree, 0)), "detail");
    ck_assert_int_eq(mb_tree_worst(tree), MB_SEVERITY_WARN);
}
END_TEST

START_TEST(framing_of_the_source_is_accounted_for)
{
    uint64_t sums[MB_BYTES_KINDS] = {0};
    const char *bytes = "From x\nFrom: a@b.example\r\n\r\nhello\r\n\n";

    mb_scan_begin(scan, tree, NULL);
    mb_scan_framing(scan, 7);
    mb_scan_push(scan, bytes + 7, strlen(bytes) - 8);
    mb_scan_finish(scan, 1);
    mb_tree_account(tree, 0, sums);
    ck_assert_uint_eq(sums[MB_BYTES_FRAMING], 8);
    ck_assert_uint_eq(sums[MB_BYTES_BODY], 7);
    ck_assert_uint_eq(mb_tree_part(tree, 0)->header.offset, 7);
    ck_assert_ptr_null(scandump_imbalance(tree, 0, strlen(bytes)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mime-tree");
    TCase *tcase = tcase_create("tree");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, parts_have_imap_numbers);
    tcase_add_test(tcase, a_message_without_parts_is_1);
    tcase_add_test(tcase, fields_are_found_by_name);
    tcase_add_test(tcase, content_is_decoded_from_a_buffer_or_a_reader);
    tcase_add_test(tcase, the_ranges_are_the_file);
    tcase_add_test(tcase, encoded_messages_open_in_a_space_of_their_own);
    tcase_add_test(tcase, framing_of_the_source_is_accounted_for);
    tcase_add_test(tcase, work_is_linear);
    tcase_add_test(tcase, limits_degrade_and_are_reported);
    tcase_add_test(tcase, deep_nesting_needs_no_stack);
    tcase_add_test(tcase, defects_have_codes_texts_and_an_end);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
