/* The archive's small parts: JSON lines, the journal's chain, sequences, member names and times,
 * manifests. */
#include "pd-archive.h"

#include "archive.h"
#include "head.h"
#include "journal.h"
#include "layout.h"
#include "manifest.h"
#include "member.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON lines ---- */

static const struct {
    const char *name;
    const char *line;
    const char *text; /* of key "a"; NULL: the line is refused */
} json[] = {
    {"plain", "{\"a\":\"x\"}", "x"},
    {"spaces", " { \"b\" : 1 , \"a\" : \"x\" } ", "x"},
    {"escapes", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t"},
    {"unicode", "{\"a\":\"\\u00fc\\ud83d\\ude00\"}", "\xc3\xbc\xf0\x9f\x98\x80"},
    {"nested before", "{\"x\":[1,{\"a\":\"no\"},\"]\"],\"a\":\"x\"}", "x"},
    {"the last of two", "{\"a\":\"y\",\"a\":\"x\"}", "x"},
    {"nothing", "", NULL},
    {"no object", "[\"a\"]", NULL},
    {"no end", "{\"a\":\"x\"", NULL},
    {"no end of text", "{\"a\":\"x", NULL},
    {"more behind", "{\"a\":\"x\"}}", NULL},
    {"no comma", "{\"a\":\"x\" \"b\":1}", NULL},
    {"comma at the end", "{\"a\":\"x\",}", NULL},
    {"no colon", "{\"a\" \"x\"}", NULL},
    {"no value", "{\"a\":}", NULL},
    {"control character", "{\"a\":\"\n\"}", NULL},
    {"unknown escape", "{\"a\":\"\\x\"}", NULL},
    {"escape at the end", "{\"a\":\"\\", NULL},
    {"half a surrogate", "{\"a\":\"\\ud83d\"}", NULL},
    {"low surrogate alone", "{\"a\":\"\\ude00\"}", NULL},
    {"an escaped NUL", "{\"a\":\"\\u0000\"}", NULL},
    {"nested without end", "{\"a\":[[[[", NULL},
};

START_TEST(json_lines_are_read_or_refused)
{
    size_t length = strlen(json[_i].line);
    g_autofree char *copy = g_memdup2(json[_i].line, length);
    g_autoptr(PdJsonLine) line = pd_json_parse(copy, length);

    if (json[_i].text == NULL) {
        ck_assert_msg(line == NULL, "%s", json[_i].name);
        return;
    }
    ck_assert_msg(line != NULL, "%s", json[_i].name);
    ck_assert_msg(g_strcmp0(pd_json_text(line, "a"), json[_i].text) == 0, "%s", json[_i].name);
    /* Every beginning of it is refused. */
    length = (size_t)(strrchr(json[_i].line, '}') - json[_i].line);
    for (size_t cut = 0; cut <= length; cut++) {
        g_autofree char *part = g_memdup2(json[_i].line, cut);
        g_autoptr(PdJsonLine) none = pd_json_parse(part, cut);

        ck_assert_msg(none == NULL, "%s cut at %zu", json[_i].name, cut);
    }
}
END_TEST

START_TEST(json_values_have_their_kinds)
{
    static const char text[] =
        "{\"n\":18446744073709551615,\"neg\":-1,\"big\":18446744073709551616,\"half\":1.5,"
        "\"t\":true,\"f\":false,\"z\":null,\"s\":\"5\"}";
    g_autoptr(PdJsonLine) line = pd_json_parse(text, strlen(text));
    uint64_t number = 7;

    ck_assert(pd_json_number(line, "n", &number));
    ck_assert_uint_eq(number, G_MAXUINT64);
    number = 7;
    ck_assert(!pd_json_number(line, "neg", &number));
    ck_assert(!pd_json_number(line, "big", &number));
    ck_assert(!pd_json_number(line, "half", &number));
    ck_assert(!pd_json_number(line, "s", &number));
    ck_assert(!pd_json_number(line, "missing", &number));
    ck_assert_uint_eq(number, 7);
    ck_assert(pd_json_true(line, "t"));
    ck_assert(!pd_json_true(line, "f"));
    ck_assert_ptr_null(pd_json_text(line, "z"));
    ck_assert_ptr_null(pd_json_text(line, "n"));
}
END_TEST

/* ---- sequences ---- */

static const struct {
    const char *name;
    uint64_t sequences[6];
    size_t count;
    const char *text;
} ranges[] = {
    {"none", {0}, 0, ""},
    {"one", {5}, 1, "5"},
    {"a range", {3, 4, 5}, 3, "3-5"},
    {"mixed", {1, 2, 3, 7, 9, 10}, 6, "1-3,7,9-10"},
    {"unsorted", {10, 1, 2}, 3, "1-2,10"},
};

START_TEST(sequences_become_text_and_back)
{
    g_autofree char *text = pd_sequences_format(ranges[_i].sequences, ranges[_i].count);
    g_autoptr(GArray) back = pd_sequences_parse(text);
    g_autofree char *again = NULL;

    ck_assert_msg(strcmp(text, ranges[_i].text) == 0, "%s: %s", ranges[_i].name, text);
    ck_assert_uint_eq(back->len, ranges[_i].count);
    again = pd_sequences_format((const uint64_t *)(void *)back->data, back->len);
    ck_assert_str_eq(again, text);
}
END_TEST

START_TEST(senseless_sequences_are_refused)
{
    static const char *const texts[] = {"x", "1,x", "3-", "-3", "5-3", "1;2", "1-99999999999999"};

    ck_assert_msg(pd_sequences_parse(texts[_i]) == NULL, "%s", texts[_i]);
}
END_TEST

/* ---- times and names ---- */

static const struct {
    const char *name;
    const char *head;
    int64_t time;
} times[] = {
    {"the topmost Received",
     "Received: by a; Tue, 2 Mar 2021 10:00:00 +0100\r\n"
     "Received: by b; Tue, 2 Mar 2021 09:00:00 +0100\r\nDate: Mon, 1 Mar 2021 00:00:00 "
     "+0000\r\n\r\n",
     1614675600},
    {"a folded Received",
     "X: y\r\nReceived: from a (b; c)\r\n\tby d;\r\n\tTue, 2 Mar 2021 09:00:00 +0000\r\n\r\n",
     1614675600},
    {"Date when there is no Received", "Subject: x\r\nDATE : Tue, 2 Mar 2021 09:00:00 GMT\r\n\r\n",
     1614675600},
    {"Date when Received makes no sense",
     "Received: by a; yesterday\r\nDate: Tue, 2 Mar 2021 09:00:00 +0000\r\n\r\n", 1614675600},
    {"Date when Received has no time", "Received: by a\nDate: Tue, 2 Mar 2021 09:00:00 +0000\n\n",
     1614675600},
    {"nothing", "Subject: x\r\n\r\n", 0},
    {"no header", "", 0},
    {"a Date in the body", "Subject: x\r\n\r\nDate: Tue, 2 Mar 2021 09:00:00 +0000\r\n", 0},
    {"before 1970", "Date: Tue, 2 Mar 1943 09:00:00 +0000\r\n\r\n", 0},
    {"no end of the header", "Date: Tue, 2 Mar 2021 09:00:00 +0000", 1614675600},
};

START_TEST(a_message_has_the_time_of_its_arrival)
{
    size_t length = strlen(times[_i].head);
    g_autofree char *copy = g_memdup2(times[_i].head, MAX(length, 1));

    ck_assert_msg(pd_head_time(copy, length) == times[_i].time, "%s: %" G_GINT64_FORMAT,
                  times[_i].name, pd_head_time(copy, length));
}
END_TEST

START_TEST(members_are_named_after_time_number_and_content)
{
    PdMember member = {.sequence = 42, .mtime = 1614675600};
    char path[PD_MEMBER_PATH_MAX];

    memset(member.sha256, 0xab, sizeof(member.sha256));
    pd_member_path(&member, path);
    ck_assert_str_eq(path, "msgs/2021/03/000000042-abababababababab.eml");
    member.sequence = G_MAXINT64;
    member.mtime = G_MAXINT64;
    pd_member_path(&member, path);
    ck_assert_str_eq(path, "msgs/1970/01/9223372036854775807-abababababababab.eml");
}
END_TEST

START_TEST(a_member_says_what_it_is)
{
    PdMember member = {
        .sequence = 7,
        .size = G_GUINT64_CONSTANT(9) << 30,
        .mtime = 1614675600,
        .uidl = (char *)"a b\xff%",
        .uidl_repeated = true,
        .has_server_size = true,
        .server_size = G_MAXUINT64,
        .oddities = 0xff,
    };
    g_autoptr(GString) header = g_string_new(NULL);
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
    g_auto(PdMember) back = {0};
    const char *problem;
    MbTarEvent event;

    ck_assert(pd_member_append_header(header, &member, NULL));
    mb_tar_parser_push(parser, header->str, header->len);
    ck_assert_int_eq(mb_tar_parser_next(parser, &event, NULL), MB_NEXT);
    ck_assert(pd_member_from_tar(parser, &event, &back, &problem));
    ck_assert_uint_eq(back.sequence, 7);
    ck_assert_uint_eq(back.size, member.size);
    ck_assert_str_eq(back.uidl, member.uidl);
    ck_assert(back.uidl_repeated && back.has_server_size);
    ck_assert_uint_eq(back.server_size, G_MAXUINT64);
    ck_assert_uint_eq(back.oddities, 0xff);
    ck_assert_uint_eq(back.end, header->len + member.size);
}
END_TEST

static const struct {
    const char *name;
    const char *path;
    const char *digest;
    const char *problem;
} strangers[] = {
    {"another name", "etc/passwd",
     "abababababababababababababababababababababababababababababababab", "not a message"},
    {"no digest", "msgs/1970/01/000000001-abababababababab.eml", NULL, "digest is missing"},
    {"half a digest", "msgs/1970/01/000000001-abababababababab.eml", "abab", "digest is missing"},
    {"another digest", "msgs/1970/01/000000001-0000000000000000.eml",
     "abababababababababababababababababababababababababababababababab", "does not fit"},
    {"another month", "msgs/1971/01/000000001-abababababababab.eml",
     "abababababababababababababababababababababababababababababababab", "does not fit"},
    {"number 0", "msgs/1970/01/000000000-abababababababab.eml",
     "abababababababababababababababababababababababababababababababab", "not a message"},
};

START_TEST(members_of_others_are_told)
{
    MbTarAttribute attribute = {"user.mailbatch.sha256", strangers[_i].digest,
                                strangers[_i].digest != NULL ? strlen(strangers[_i].digest) : 0};
    MbTarMember member = {.path = strangers[_i].path,
                          .attributes = &attribute,
                          .attribute_count = strangers[_i].digest != NULL};
    g_autoptr(GString) header = g_string_new(NULL);
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
    g_auto(PdMember) back = {0};
    const char *problem = NULL;
    MbTarEvent event;

    ck_assert(mb_tar_append_header(header, &member, NULL));
    mb_tar_parser_push(parser, header->str, header->len);
    ck_assert_int_eq(mb_tar_parser_next(parser, &event, NULL), MB_NEXT);
    ck_assert_msg(!pd_member_from_tar(parser, &event, &back, &problem), "%s", strangers[_i].name);
    ck_assert_msg(strstr(problem, strangers[_i].problem) != NULL, "%s: %s", strangers[_i].name,
                  problem);
}
END_TEST

START_TEST(a_manifest_line_says_where_a_message_stands)
{
    PdMember member = {
        .sequence = 42,
        .size = 100,
        .mtime = 1614675600,
        .uidl = (char *)"x\"\xff",
        .has_server_size = true,
        .server_size = 101,
        .oddities = 1 << 2,
        .offset = 2048,
        .data = 3584,
    };
    g_autoptr(GString) line = g_string_new(NULL);
    const uint64_t cuts[] = {10, 20};
    const uint64_t frames[] = {1, 2};

    memset(member.sha256, 0xab, sizeof(member.sha256));
    pd_manifest_append(line, &member);
    ck_assert_str_eq(
        line->str,
        "{\"sequence\":42,\"member\":\"msgs/2021/03/000000042-abababababababab.eml\","
        "\"header\":2048,\"offset\":3584,\"length\":100,"
        "\"sha256\":\"abababababababababababababababababababababababababababababababab\","
        "\"uidl\":\"x\\\"\xef\xbf\xbd\",\"uidl_base64\":\"eCL/\",\"server_size\":101,"
        "\"oddities\":[\"bare-lf\"]}\n");
    g_string_truncate(line, 0);
    pd_manifest_append_frames(line, cuts, frames, 2);
    ck_assert_str_eq(line->str, "{\"frames\":[[10,1],[20,2]]}\n");
    ck_assert(pd_manifest_is_frames(line->str, line->len));
}
END_TEST

/* ---- the journal ---- */

static char *folder;

static void setup(void)
{
    folder = pd_test_folder();
    ck_assert(pd_layout_create(folder, NULL));
}

static void teardown(void)
{
    pd_test_remove(folder);
    g_free(folder);
}

static void write_lines(unsigned first, unsigned last, const PdJournalPosition *from)
{
    g_autoptr(PdJournal) journal = pd_journal_open(folder, from, NULL);

    ck_assert_ptr_nonnull(journal);
    for (unsigned i = first; i <= last; i++) {
        mb_json_put_unsigned(pd_journal_begin(journal, "test"), "i", i);
        ck_assert(pd_journal_end(journal, NULL));
    }
    ck_assert(pd_journal_sync(journal, NULL));
}

static bool sum_up(void *user, const PdJsonLine *line, const PdJournalPosition *after,
                   GError **error)
{
    uint64_t i = 0;

    (void)after;
    (void)error;
    ck_assert_str_eq(pd_json_text(line, "kind"), "test");
    ck_assert(pd_json_number(line, "i", &i));
    *(uint64_t *)user += i;
    return true;
}

START_TEST(the_chain_goes_on_over_runs)
{
    PdJournalPosition start, reached, middle;
    uint64_t torn, sum = 0;

    pd_journal_start(&start);
    ck_assert(pd_journal_read(folder, &start, sum_up, &sum, &reached, &torn, NULL));
    ck_assert_uint_eq(reached.lines, 0);
    write_lines(1, 5, &start);
    ck_assert(pd_journal_read(folder, &start, sum_up, &sum, &middle, &torn, NULL));
    ck_assert_uint_eq(sum, 15);
    write_lines(6, 10, &middle);
    sum = 0;
    ck_assert(pd_journal_read(folder, &middle, sum_up, &sum, &reached, &torn, NULL));
    ck_assert_uint_eq(sum, 40);
    sum = 0;
    ck_assert(pd_journal_read(folder, &start, sum_up, &sum, &reached, &torn, NULL));
    ck_assert_uint_eq(sum, 55);
    ck_assert_uint_eq(reached.lines, 10);
    ck_assert_uint_eq(torn, 0);
}
END_TEST

START_TEST(no_changed_octet_of_the_journal_goes_unseen)
{
    g_autofree char *path = g_build_filename(folder, PD_JOURNAL_NAME, NULL);
    g_autofree char *content = NULL;
    PdJournalPosition start, whole, reached;
    uint64_t torn;
    gsize length;

    pd_journal_start(&start);
    write_lines(1, 6, &start);
    ck_assert(pd_journal_read(folder, &start, NULL, NULL, &whole, &torn, NULL));
    ck_assert(g_file_get_contents(path, &content, &length, NULL));
    for (gsize at = 0; at < length; at++) {
        uint64_t sum = 0;
        bool good;

        content[at] = (char)(content[at] ^ 1);
        ck_assert(g_file_set_contents(path, content, (gssize)length, NULL));
        content[at] = (char)(content[at] ^ 1);
        good = pd_journal_read(folder, &start, NULL, &sum, &reached, &torn, NULL);
        /* The last line has none behind it that would tell: the catalog's position does. */
        ck_assert_msg(!good || memcmp(reached.hash, whole.hash, PD_HASH_TEXT) != 0, "at %zu", at);
    }
}
END_TEST

START_TEST(a_torn_line_is_told_at_every_cut)
{
    g_autofree char *path = g_build_filename(folder, PD_JOURNAL_NAME, NULL);
    g_autofree char *content = NULL;
    PdJournalPosition start, reached;
    uint64_t torn;
    gsize length;

    pd_journal_start(&start);
    write_lines(1, 3, &start);
    ck_assert(g_file_get_contents(path, &content, &length, NULL));
    for (gsize cut = 0; cut <= length; cut++) {
        unsigned lines = 0;

        for (gsize i = 0; i < cut; i++)
            lines += content[i] == '\n';
        ck_assert(g_file_set_contents(path, content, (gssize)cut, NULL));
        ck_assert(pd_journal_read(folder, &start, NULL, NULL, &reached, &torn, NULL));
        ck_assert_uint_eq(reached.lines, lines);
        ck_assert_uint_eq(reached.offset + torn, cut);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("popdump-parts");
    TCase *tests = tcase_create("parts");
    TCase *journal = tcase_create("journal");

    tcase_add_loop_test(tests, json_lines_are_read_or_refused, 0, G_N_ELEMENTS(json));
    tcase_add_test(tests, json_values_have_their_kinds);
    tcase_add_loop_test(tests, sequences_become_text_and_back, 0, G_N_ELEMENTS(ranges));
    tcase_add_loop_test(tests, senseless_sequences_are_refused, 0, 7);
    tcase_add_loop_test(tests, a_message_has_the_time_of_its_arrival, 0, G_N_ELEMENTS(times));
    tcase_add_test(tests, members_are_named_after_time_number_and_content);
    tcase_add_test(tests, a_member_says_what_it_is);
    tcase_add_loop_test(tests, members_of_others_are_told, 0, G_N_ELEMENTS(strangers));
    tcase_add_test(tests, a_manifest_line_says_where_a_message_stands);
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(journal, setup, teardown);
    tcase_add_test(journal, the_chain_goes_on_over_runs);
    tcase_add_test(journal, no_changed_octet_of_the_journal_goes_unseen);
    tcase_add_test(journal, a_torn_line_is_told_at_every_cut);
    tcase_set_timeout(journal, 60);
    suite_add_tcase(suite, journal);
    return run_suite(suite);
}
