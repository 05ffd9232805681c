#include "suite.h"

#include <check.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/json.h>
#include <mailbatch/base/lanes.h>
#include <mailbatch/base/limits.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/queue.h>
#include <mailbatch/base/text.h>
#include <mailbatch/base/wire.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- text ---- */

static const struct {
    const char *name;
    const char *bytes;
    size_t length;
    const char *want;
} printables[] = {
    {"plain", "abc", 3, "abc"},
    {"umlaut", "zoë", 4, "zoë"},
    {"control", "a\x1b[31m", 6, "a\\x1b[31m"},
    {"line end", "a\r\nb", 4, "a\\x0d\\x0ab"},
    {"NUL", "a\0b", 3, "a\\x00b"},
    {"invalid", "na\xefve", 5, "na\\xefve"},
    {"cut sequence", "z\xc3", 2, "z\\xc3"},
    {"C1", "a\xc2\x9b", 3, "a\\x9b"},
    {"bidi", "a\xe2\x80\xae", 4, "a\\u{202e}"},
    {"empty", "", 0, ""},
};

START_TEST(printable_text_is_safe)
{
    g_autofree char *got = mb_text_printable(printables[_i].bytes, printables[_i].length);

    ck_assert_msg(strcmp(got, printables[_i].want) == 0, "%s: %s", printables[_i].name, got);
}
END_TEST

START_TEST(printable_text_is_cut)
{
    g_autofree char *long_text = g_strnfill(600, 'x');
    g_autofree char *got = mb_text_printable(long_text, 600);

    ck_assert_uint_eq(strlen(got), 500 + strlen("…"));
}
END_TEST

static const struct {
    const char *name;
    const char *bytes;
    size_t length;
    bool valid;
    size_t bad;
} utf8s[] = {
    {"ascii", "abc", 3, true, 0},
    {"with NUL", "a\0b", 3, true, 0},
    {"umlaut", "zoë", 4, true, 0},
    {"latin-1", "na\xefve", 5, false, 2},
    {"after NUL", "a\0\xff", 3, false, 2},
    {"cut", "zo\xc3", 3, false, 2},
    {"surrogate", "\xed\xa0\x80", 3, false, 0},
    {"empty", "", 0, true, 0},
};

START_TEST(utf8_is_judged_with_its_offset)
{
    size_t bad = 0;

    ck_assert_msg(mb_text_is_utf8(utf8s[_i].bytes, utf8s[_i].length, &bad) == utf8s[_i].valid, "%s",
                  utf8s[_i].name);
    ck_assert_msg(bad == utf8s[_i].bad, "%s: %zu", utf8s[_i].name, bad);
}
END_TEST

/* Every first and second octet, and the edges of the third and fourth, where GLib knows too. */
START_TEST(utf8_is_judged_as_glib_does)
{
    static const unsigned char edges[] = {'a', 0x7F, 0x80, 0xBF, 0xC0};
    char text[16] = "0123456";

    for (guint first = 0x80; first < 0x100; first++)
        for (guint second = 1; second < 0x100; second++)
            for (guint rest = 0; rest < 25; rest++) {
                size_t at = rest % 8, bad = 99;
                const char *end;
                bool valid;

                memcpy(text, "0123456789abcde", 16);
                text[at] = (char)first;
                text[at + 1] = (char)second;
                text[at + 2] = (char)edges[rest / 5];
                text[at + 3] = (char)edges[rest % 5];
                valid = g_utf8_validate_len(text, at + 4, &end);
                ck_assert_int_eq(mb_text_is_utf8(text, at + 4, &bad), valid);
                ck_assert_uint_eq(bad, valid ? 99 : (size_t)(end - text));
            }
}
END_TEST

START_TEST(pairs_are_found_at_every_place)
{
    uint8_t bytes[80];

    memset(bytes, 'a', sizeof bytes);
    for (size_t length = 0; length < sizeof bytes; length++) {
        ck_assert_ptr_null(mb_lanes_find_pair(bytes, length, '\n', 'F'));
        for (size_t at = 0; at + 1 < length; at++) {
            memcpy(bytes + at, "\nF", 2);
            ck_assert_msg(mb_lanes_find_pair(bytes, length, '\n', 'F') == bytes + at, "%zu of %zu",
                          at, length);
            /* What stands behind the end is not looked at. */
            ck_assert_ptr_null(mb_lanes_find_pair(bytes, at + 1, '\n', 'F'));
            memcpy(bytes + at, "aa", 2);
        }
    }
}
END_TEST

START_TEST(short_blocks_end_in_nul)
{
    static const uint8_t text[] = "123456789abcdef";
    uint8_t block[MB_LANES];

    for (size_t length = 1; length < MB_LANES; length++) {
        MbLanes lanes = mb_lanes_load_short(text, length);

        memcpy(block, &lanes, sizeof block);
        ck_assert_mem_eq(block, text, length);
        ck_assert_uint_eq(mb_lanes_first((MbLanes)(lanes == 0)), length);
        ck_assert_uint_eq(mb_lanes_count((MbLanes)(lanes == 0)), MB_LANES - length);
    }
}
END_TEST

START_TEST(ascii_is_judged_at_every_length)
{
    char bytes[40];

    memset(bytes, 'a', sizeof bytes);
    for (size_t length = 0; length < sizeof bytes; length++) {
        ck_assert(mb_text_is_ascii(bytes, length));
        for (size_t at = 0; at < length; at++) {
            bytes[at] = (char)0x80;
            ck_assert_msg(!mb_text_is_ascii(bytes, length), "%zu of %zu", at, length);
            bytes[at] = 'a';
        }
    }
}
END_TEST

static const struct {
    const char *text;
    bool is_duration;
    bool valid;
    guint64 want;
} quantities[] = {
    {"512", false, true, 512},
    {"64K", false, true, 65536},
    {"64KiB", false, true, 65536},
    {"64kb", false, true, 65536},
    {"256M", false, true, 268435456},
    {"2G", false, true, G_GUINT64_CONSTANT(2147483648)},
    {"", false, false, 0},
    {"M", false, false, 0},
    {"-1", false, false, 0},
    {"1X", false, false, 0},
    {"99999999999999999999", false, false, 0},
    {"99999999999T", false, false, 0},
    {"90", true, true, 90},
    {"30m", true, true, 1800},
    {"12h", true, true, 43200},
    {"30d", true, true, 2592000},
    {"30 d", true, false, 0},
    {"d", true, false, 0},
    {"1dd", true, false, 0},
    {"99999999999999999999d", true, false, 0},
};

START_TEST(quantities_are_read_as_people_type_them)
{
    g_autoptr(GError) error = NULL;
    guint64 got = 0;
    bool valid = quantities[_i].is_duration
                     ? mb_text_parse_duration(quantities[_i].text, &got, &error)
                     : mb_text_parse_size(quantities[_i].text, &got, &error);

    ck_assert_msg(valid == quantities[_i].valid, "%s", quantities[_i].text);
    ck_assert_msg(got == quantities[_i].want, "%s: %" G_GUINT64_FORMAT, quantities[_i].text, got);
    ck_assert((error == NULL) == valid);
}
END_TEST

START_TEST(breaking_characters_are_found)
{
    ck_assert(!mb_text_breaks_line("abc", 3));
    ck_assert(!mb_text_breaks_line(NULL, 0));
    ck_assert(mb_text_breaks_line("a\rc", 3));
    ck_assert(mb_text_breaks_line("a\nc", 3));
    ck_assert(mb_text_breaks_line("a\0c", 3));
}
END_TEST

/* ---- errors ---- */

static const struct {
    MbErrorCode code;
    MbExit want;
} exits[] = {
    {MB_ERROR_USAGE, 64},       {MB_ERROR_DATA, 65},      {MB_ERROR_NO_INPUT, 66},
    {MB_ERROR_UNAVAILABLE, 69}, {MB_ERROR_INTERNAL, 70},  {MB_ERROR_CANNOT_CREATE, 73},
    {MB_ERROR_IO, 74},          {MB_ERROR_TEMPORARY, 75}, {MB_ERROR_PROTOCOL, 76},
    {MB_ERROR_LOGIN, 77},       {MB_ERROR_CONFIG, 78},
};

START_TEST(every_code_has_its_exit_status)
{
    g_autoptr(GError) error = g_error_new_literal(MB_BASE_ERROR, (gint)exits[_i].code, "x");

    ck_assert_int_eq(mb_exit_of(error), exits[_i].want);
}
END_TEST

START_TEST(foreign_errors_have_an_exit_status)
{
    g_autoptr(GError) missing = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");
    g_autoptr(GError) full = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOSPC, "x");
    g_autoptr(GError) option = g_error_new_literal(G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "x");
    g_autoptr(GError) other =
        g_error_new_literal(g_quark_from_static_string("g-other-quark"), 3, "x");

    ck_assert_int_eq(mb_exit_of(NULL), 0);
    ck_assert_int_eq(mb_exit_of(missing), 66);
    ck_assert_int_eq(mb_exit_of(full), 74);
    ck_assert_int_eq(mb_exit_of(option), 64);
    ck_assert_int_eq(mb_exit_of(other), 70);
    ck_assert_int_eq(mb_code_of_errno(ENOSPC), MB_ERROR_IO);
    ck_assert_int_eq(mb_code_of_errno(ENOENT), MB_ERROR_NO_INPUT);
}
END_TEST

/* ---- digests ---- */

START_TEST(digests_match_their_published_values)
{
    static const char *const want[] = {
        [MB_DIGEST_MD5] = "900150983cd24fb0d6963f7d28e17f72",
        [MB_DIGEST_SHA1] = "a9993e364706816aba3e25717850c26c9cd0d89d",
        [MB_DIGEST_SHA256] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };
    g_autoptr(MbDigest) digest = mb_digest_new((MbDigestKind)_i);

    for (int round = 0; round < 2; round++) {
        g_autofree char *hex = NULL;
        mb_digest_update(digest, "a", 1);
        mb_digest_update(digest, "bc", 2);
        hex = mb_digest_finish_hex(digest);
        ck_assert_str_eq(hex, want[_i]);
    }
}
END_TEST

START_TEST(hmac_matches_rfc_4231)
{
    uint8_t out[MB_SHA256_LENGTH];
    g_autofree char *hex = NULL;

    mb_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
    hex = mb_text_hex(out, sizeof out);
    ck_assert_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
END_TEST

/* ---- limits ---- */

START_TEST(a_budget_is_shared_and_notes_what_was_hit)
{
    MbLimits limits = mb_limits_default;
    MbBudget budget;

    limits.max_depth = 2;
    limits.max_items = 10;
    mb_budget_init(&budget, &limits);
    ck_assert(mb_budget_enter(&budget));
    ck_assert(mb_budget_enter(&budget));
    ck_assert(!mb_budget_enter(&budget));
    ck_assert_uint_eq(budget.hit, MB_LIMIT_DEPTH);
    mb_budget_leave(&budget);
    ck_assert(mb_budget_enter(&budget));
    ck_assert(mb_budget_take_items(&budget, 10));
    ck_assert(!mb_budget_take_items(&budget, 1));
    ck_assert(!mb_budget_take_items(&budget, G_MAXUINT64));
    ck_assert(budget.hit & MB_LIMIT_ITEMS);
    ck_assert(mb_budget_take_bytes(&budget, 1 << 20, 1));
    ck_assert(!mb_budget_take_bytes(&budget, 1, 1));
    ck_assert(budget.hit & MB_LIMIT_RATIO);
    ck_assert(mb_budget_take_bytes(&budget, 1, 1 << 20));
    ck_assert(!mb_budget_take_bytes(&budget, G_MAXUINT64, G_MAXUINT64));
    ck_assert(budget.hit & MB_LIMIT_BYTES);
    ck_assert_str_eq(mb_limit_name(MB_LIMIT_RATIO), "ratio");
}
END_TEST

/* ---- wire ---- */

START_TEST(a_wire_shares_its_segments)
{
    g_autoptr(MbWire) wire = mb_wire_new();
    g_autoptr(GBytes) shared = g_bytes_new_static("attachment", 10);
    g_autoptr(GBytes) all = NULL;
    MbWireSegment segment;

    mb_wire_append_take(wire, g_bytes_new("own ", 4));
    mb_wire_append_take(wire, g_bytes_new("", 0));
    mb_wire_append(wire, shared);
    ck_assert_uint_eq(mb_wire_segments(wire), 2);
    ck_assert_uint_eq(mb_wire_length(wire), 14);
    segment = mb_wire_segment(wire, 1);
    ck_assert_ptr_eq(segment.bytes, g_bytes_get_data(shared, NULL));
    all = mb_wire_flatten(wire);
    ck_assert_mem_eq(g_bytes_get_data(all, NULL), "own attachment", 14);
    ck_assert(!mb_wire_is_8bit(wire));
    mb_wire_append_take(wire, g_bytes_new("\xc3\xab", 2));
    ck_assert(mb_wire_is_8bit(wire));
}
END_TEST

/* ---- JSON ---- */

START_TEST(json_is_written_as_it_should)
{
    g_autoptr(GString) out = g_string_new(NULL);
    MbJson json;

    mb_json_init(&json, out);
    mb_json_begin_map(&json);
    mb_json_put_string(&json, "a", "q\"\\\n\x01zoë");
    ck_assert(!mb_json_put_bytes(&json, "b", "x\xff\0y", 4));
    mb_json_key(&json, "c");
    mb_json_begin_array(&json);
    mb_json_unsigned(&json, G_MAXUINT64);
    mb_json_signed(&json, -1);
    mb_json_begin_map(&json);
    mb_json_end_map(&json);
    mb_json_bool(&json, true);
    mb_json_null(&json);
    mb_json_double(&json, 1.5);
    mb_json_end_array(&json);
    mb_json_key(&json, "d");
    mb_json_base64(&json, "\xff", 1);
    mb_json_put_string(&json, "e", NULL);
    mb_json_end_map(&json);
    ck_assert_str_eq(out->str, "{\"a\":\"q\\\"\\\\\\n\\u0001zoë\",\"b\":\"x\xEF\xBF\xBD\\u0000y\","
                               "\"c\":[18446744073709551615,-1,{},true,null,1.5],\"d\":\"/w==\","
                               "\"e\":null}");
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_is_replaced_as_a_whole)
{
    g_autofree char *folder = g_dir_make_tmp("test-base-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "f", NULL);
    g_autofree char *nowhere = g_build_filename(folder, "no", "f", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) content = NULL;
    struct stat status;

    ck_assert(mb_file_replace(path, "one", 3, 0600, &error));
    ck_assert(mb_file_replace(path, "two!", 4, 0640, &error));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0640);
    content = mb_file_read(path, 4, &error);
    ck_assert_ptr_nonnull(content);
    ck_assert_mem_eq(g_bytes_get_data(content, NULL), "two!", 4);
    ck_assert_ptr_null(mb_file_read(path, 3, &error));
    ck_assert_int_eq(error->code, MB_ERROR_DATA);
    g_clear_error(&error);
    ck_assert(!mb_file_replace(nowhere, "x", 1, 0600, &error));
    ck_assert_int_eq(error->code, MB_ERROR_CANNOT_CREATE);
    g_clear_error(&error);
    ck_assert(!mb_file_replace("/nonexistent/\x1b[31m", "x", 1, 0600, &error));
    ck_assert_msg(strchr(error->message, '\x1b') == NULL, "an escape sequence is shown");
    g_clear_error(&error);
    ck_assert_ptr_null(mb_file_read(nowhere, 3, &error));
    ck_assert_int_eq(error->code, MB_ERROR_NO_INPUT);
    g_unlink(path);
    ck_assert_msg(g_rmdir(folder) == 0, "a temporary file was left behind");
}
END_TEST

/* ---- progress, queue, options ---- */

static const struct {
    guint64 done, total, bytes, bytes_total, ms;
    const char *want;
} lines[] = {
    {0, 0, 0, 0, 0, "0 messages"},
    {5, 10, 0, 0, 0, "5 of 10 messages, 50%"},
    {1000, 4000, 0, 0, 2000, "1000 of 4000 messages, 25%, 500/s, 7s left"},
    {10, 10, 2048, 0, 1000, "10 of 10 messages, 100%, 2.0 KiB, 10/s"},
    {1, 100000, 0, 0, 1000, "1 of 100000 messages, 0%, 1.0/s, 27h46m left"},
    {40, 0, 1024, 4096, 2000, "40 messages, 1.0 KiB of 4.0 KiB, 25%, 20/s, 7s left"},
    {40, 0, 4096, 4096, 2000, "40 messages, 4.0 KiB of 4.0 KiB, 100%, 20/s"},
    {0, 0, 1024, 4096, 2000, "0 messages, 1.0 KiB of 4.0 KiB, 25%, 7s left"},
    {1000, 4000, 1024, 4096, 2000,
     "1000 of 4000 messages, 25%, 1.0 KiB of 4.0 KiB, 500/s, 7s left"},
};

START_TEST(progress_says_rate_and_time_left)
{
    g_autofree char *got = mb_progress_text("messages", lines[_i].done, lines[_i].total,
                                            lines[_i].bytes, lines[_i].bytes_total, lines[_i].ms);

    ck_assert_str_eq(got, lines[_i].want);
}
END_TEST

#define QUEUED 10000

static void *produce(void *data)
{
    for (gsize i = 1; i <= QUEUED; i++)
        ck_assert(mb_queue_push(data, GSIZE_TO_POINTER(i)));
    mb_queue_close(data);
    return NULL;
}

START_TEST(a_queue_keeps_order_and_ends)
{
    g_autoptr(MbQueue) queue = mb_queue_new(3, NULL);
    pthread_t thread;

    ck_assert_ptr_null(mb_queue_try_pop(queue));
    ck_assert_int_eq(pthread_create(&thread, NULL, produce, queue), 0);
    for (gsize i = 1; i <= QUEUED; i++)
        ck_assert_uint_eq(GPOINTER_TO_SIZE(mb_queue_pop(queue)), i);
    ck_assert_ptr_null(mb_queue_pop(queue));
    pthread_join(thread, NULL);
    ck_assert(!mb_queue_push(queue, queue));
}
END_TEST

static const struct {
    const char *name;
    const char *line;
    int min, max;
    MbParsed want;
    int left;
} command_lines[] = {
    {"operands", "t a b", 1, 2, MB_PARSED_RUN, 3},
    {"option", "t -n 3 a", 1, 1, MB_PARSED_RUN, 2},
    {"dashes", "t -- -n", 1, 1, MB_PARSED_RUN, 2},
    {"unknown option", "t --bogus", 0, 0, MB_PARSED_USAGE, -1},
    {"too few", "t", 1, 1, MB_PARSED_USAGE, -1},
    {"too many", "t a b", 1, 1, MB_PARSED_USAGE, -1},
    {"no number", "t -n x", 0, 0, MB_PARSED_USAGE, -1},
    {"help", "t --help", 1, 1, MB_PARSED_DONE, -1},
    {"version", "t --version", 1, 1, MB_PARSED_DONE, -1},
};

START_TEST(command_lines_are_parsed)
{
    gint n = 0;
    const GOptionEntry entries[] = {
        {"number", 'n', 0, G_OPTION_ARG_INT, &n, "A number", "N"},
        G_OPTION_ENTRY_NULL,
    };
    char **argv = g_strsplit(command_lines[_i].line, " ", -1);
    g_autofree char **copy = g_memdup2(argv, (g_strv_length(argv) + 1) * sizeof *argv);
    int argc = (int)g_strv_length(argv);
    MbParsed got = mb_option_parse(&argc, &copy, "t", "1", "A", "s", "d", entries,
                                   command_lines[_i].min, command_lines[_i].max);

    ck_assert_msg(got == command_lines[_i].want, "%s: %d", command_lines[_i].name, got);
    if (command_lines[_i].left >= 0)
        ck_assert_msg(argc == command_lines[_i].left, "%s: %d", command_lines[_i].name, argc);
    g_strfreev(argv);
}
END_TEST

static Suite *base_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");

    tcase_add_loop_test(tests, printable_text_is_safe, 0, G_N_ELEMENTS(printables));
    tcase_add_test(tests, printable_text_is_cut);
    tcase_add_loop_test(tests, utf8_is_judged_with_its_offset, 0, G_N_ELEMENTS(utf8s));
    tcase_add_test(tests, utf8_is_judged_as_glib_does);
    tcase_add_test(tests, ascii_is_judged_at_every_length);
    tcase_add_test(tests, pairs_are_found_at_every_place);
    tcase_add_test(tests, short_blocks_end_in_nul);
    tcase_add_loop_test(tests, quantities_are_read_as_people_type_them, 0,
                        G_N_ELEMENTS(quantities));
    tcase_add_test(tests, breaking_characters_are_found);
    tcase_add_loop_test(tests, every_code_has_its_exit_status, 0, G_N_ELEMENTS(exits));
    tcase_add_test(tests, foreign_errors_have_an_exit_status);
    tcase_add_loop_test(tests, digests_match_their_published_values, 0, 3);
    tcase_add_test(tests, hmac_matches_rfc_4231);
    tcase_add_test(tests, a_budget_is_shared_and_notes_what_was_hit);
    tcase_add_test(tests, a_wire_shares_its_segments);
    tcase_add_test(tests, json_is_written_as_it_should);
    tcase_add_test(tests, a_file_is_replaced_as_a_whole);
    tcase_add_loop_test(tests, progress_says_rate_and_time_left, 0, G_N_ELEMENTS(lines));
    tcase_add_test(tests, a_queue_keeps_order_and_ends);
    tcase_add_loop_test(tests, command_lines_are_parsed, 0, G_N_ELEMENTS(command_lines));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(base_suite());
}
