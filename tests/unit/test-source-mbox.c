#include "source-folder.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Shown with ^ for CR and | for LF, and without the file's name. */
static char *show(const char *told, const char *name)
{
    g_auto(GStrv) pieces = g_strsplit(told, name, -1);
    char *text = g_strjoinv("", pieces);

    g_strdelimit(text, "\n", '|');
    g_strdelimit(text, "\r", '^');
    return text;
}

typedef struct {
    const char *name;
    const char *text;
    const char *want;
} MboxCase;

#define DATE " Mon Jan  1 10:00:00 2024"
#define F1   "From a@b" DATE "\n"

static const MboxCase mbox_cases[] = {
    {"one", F1 "S: 1\n\nx\n", "#1{S: 1||x|} "},
    {"two", F1 "S: 1\n\nx\n\n" F1 "S: 2\n\ny\n\n", "#1{S: 1||x|} #2{S: 2||y|} "},
    {"no final newline", F1 "S: 1\n\nx\n\n" F1 "S: 2\n\ny", "#1{S: 1||x|} #2{S: 2||y} "},
    {"crlf", "From a" DATE "\r\nS: 1\r\n\r\nx\r\n\r\nFrom b" DATE "\r\nS: 2\r\n\r\ny\r\n",
     "#1{S: 1^|^|x^|} #2{S: 2^|^|y^|} "},
    {"no empty line between", F1 "S: 1\n\nx\n" F1 "S: 2\n\ny\n", "#1{S: 1||x|} #2{S: 2||y|} "},
    {"bare From_", "From \nS: 1\n\nx\n\nFrom \nS: 2\n\ny\n", "#1{S: 1||x|} #2{S: 2||y|} "},
    {"From_ with a dash", "From - \nS: 1\n\nx\n\nFrom -\nS: 2\n\ny\n",
     "#1{S: 1||x|} #2{S: 2||y|} "},
    {"prose stays", F1 "S: 1\n\nHi\n\nFrom now on it is so.\nNote: yes\n",
     "#1{S: 1||Hi||From now on it is so.|Note: yes|} "},
    {"prose at a line's start", F1 "S: 1\n\nHe came\nFrom home, at 10:00.\nS: 2\n",
     "#1{S: 1||He came|From home, at 10:00.|S: 2|} "},
    {"quoted stays", F1 "S: 1\n\n\n>From a" DATE "\nS: 2\n", "#1{S: 1|||>From a" DATE "|S: 2|} "},
    {"leading empty lines", "\n\n" F1 "S: 1\n\nx\n", "#1{S: 1||x|} "},
    {"byte order mark", "\xEF\xBB\xBF" F1 "S: 1\n\nx\n", "#1{S: 1||x|} "},
    {"From_ twice", F1 ">From c" DATE "\nS: 1\n\nx\n", "#1{>From c" DATE "|S: 1||x|} "},
    {"no body, no empty line of its own", F1 "S: 1\n\n" F1 "S: 2\n\n", "#1{S: 1||} #2{S: 2||} "},
    {"empty messages", F1 "\n" F1 "\n", "#1{|}? #2{|}? "},
    {"only a From_ line", F1, "#1{}? "},
    {"content-length right", F1 "Content-Length: 2\n\nx\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: 2||x|} #2{S: 2||y|} "},
    {"content-length spans a From_ line",
     F1 "Content-Length: 43\n\nx\n\n" F1 "Q: 3\n\n\n\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: 43||x||"
     "From a@b" DATE "|Q: 3||} #2{S: 2||y|} "},
    {"near a From_ line, with a quoted one behind it",
     F1 "S: 1\n\nx\n\nFrom y\n>From c" DATE "\nS: 2\n\ny\n",
     "#1{S: 1||x|} #2{>From c" DATE "|S: 2||y|} "},
    {"dated, but inside a paragraph and without a header",
     F1 "S: 1\n\nx\nFrom b" DATE "\nand so on\n", "#1{S: 1||x|From b" DATE "|and so on|} "},
    {"content-length leads into a line", F1 "Content-Length: 47\n\nx\n\n" F1 "S: 2\n\nsee " F1,
     "#1{Content-Length: 47||x|} #2{S: 2||see From a@b" DATE "|} "},
    {"content-length short", F1 "Content-Length: 1\n\nxyz\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: 1||xyz|} #2{S: 2||y|} "},
    {"content-length long", F1 "Content-Length: 50\n\nxyz\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: 50||xyz|} #2{S: 2||y|} "},
    {"content-length negative", F1 "Content-Length: -5\n\nxyz\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: -5||xyz|} #2{S: 2||y|} "},
    {"content-length 2^64", F1 "Content-Length: 18446744073709551616\n\nx\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: 18446744073709551616||x|} #2{S: 2||y|} "},
    {"content-length 2^64-1", F1 "Content-Length: 18446744073709551615\n\nx\n\n" F1 "S: 2\n\ny\n",
     "#1{Content-Length: 18446744073709551615||x|} #2{S: 2||y|} "},
};

START_TEST(an_mbox_gives_every_message_once)
{
    const MboxCase *row = &mbox_cases[_i];
    g_autofree char *path = put_file("box", row->text, -1);
    g_autofree char *told = tell(path);
    g_autofree char *shown = show(told, "/box");

    ck_assert_msg(strcmp(shown, row->want) == 0, "%s: %s", row->name, shown);
}
END_TEST

/* Wherever reads end, the items are the same: each case through a pipe, byte by byte. */
START_TEST(a_pipe_gives_what_a_file_gives)
{
    const MboxCase *row = &mbox_cases[_i];
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *shown = NULL;
    g_autoptr(MbSource) source = NULL;
    const MbItem *item;
    bool streamed = false;
    int ends[2];
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        for (const char *c = row->text; *c != '\0'; c++) {
            if (write(ends[1], c, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    source = mb_source_open_descriptor(ends[0], "-", NULL, &error);
    ck_assert_ptr_nonnull(source);
    while (mb_source_next(source, &item, &error) == MB_NEXT) {
        g_autofree char *address = mb_locator_text(item->locator);

        g_string_append_printf(out, "%s{", address + 1);
        append_message(source, item, out, &streamed);
        g_string_append_printf(out, "}%s ", item->is_mail ? "" : "?");
    }
    ck_assert_ptr_null(error);
    close(ends[0]);
    shown = show(out->str, "\x01");
    ck_assert_msg(strcmp(shown, row->want) == 0, "%s: %s", row->name, shown);
}
END_TEST

/* Messages of all sizes around the window's, and longer than the buffer: nothing is lost or joined.
 */
START_TEST(long_messages_are_streamed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(9);
    g_autoptr(GString) box = g_string_new(NULL);
    g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func(g_free);
    MbSourceOptions options = {.buffer_max = 65536};
    g_autoptr(GError) error = NULL;
    g_autoptr(MbSource) source = NULL;
    g_autofree char *path = NULL;
    const MbItem *item;
    uint64_t at = 0;
    guint index = 0, streams = 0;

    for (int i = 0; i < 120; i++) {
        GString *message = g_string_new("Subject: x\n\n");
        int lines = g_rand_int_range(rand, 0, i % 10 == 0 ? 60000 : 900);

        for (int n = 0; n < lines; n++)
            g_string_append(message, n % 7 == 0 ? "\nFrom nowhere near\n" : ">From text\n\n");
        g_string_append_printf(box, F1 "%s\n", message->str);
        g_ptr_array_add(want, g_string_free(message, FALSE));
    }
    path = put_file("box", box->str, (gssize)box->len);
    source = mb_source_open(path, &options, &error);
    ck_assert_ptr_nonnull(source);
    ck_assert_uint_eq(mb_source_bytes_total(source), box->len);
    while (mb_source_next(source, &item, &error) == MB_NEXT) {
        g_autoptr(GString) got = g_string_new(NULL);
        bool streamed = false;

        append_message(source, item, got, &streamed);
        streams += streamed;
        ck_assert_uint_eq(item->offset, at);
        at += item->length;
        ck_assert_uint_lt(index, want->len);
        ck_assert_msg(strcmp(got->str, g_ptr_array_index(want, index)) == 0, "message %u", index);
        ck_assert_uint_eq(item->tail, 1);
        index++;
    }
    ck_assert_ptr_null(error);
    ck_assert_uint_eq(at, box->len);
    ck_assert_uint_eq(index, want->len);
    ck_assert_uint_gt(streams, 5);
    ck_assert_uint_eq(mb_source_bytes_in(source), box->len);
}
END_TEST

/* Items as the source tells them: place, framing, dialect. */
static char *tell_items(int descriptor, size_t buffer_max, guint *streams)
{
    MbSourceOptions options = {.buffer_max = buffer_max};
    g_autoptr(GError) error = NULL;
    g_autoptr(MbSource) source = mb_source_open_descriptor(descriptor, "-", &options, &error);
    g_autoptr(GString) out = g_string_new(NULL);
    const MbItem *item;

    ck_assert_ptr_nonnull(source);
    while (mb_source_next(source, &item, &error) == MB_NEXT) {
        g_autoptr(GString) text = g_string_new(NULL);
        bool streamed = false;

        append_message(source, item, text, &streamed);
        *streams += streamed;
        ck_assert_uint_eq(text->len, item->length - item->head - item->tail);
        g_string_append_printf(out, "%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " -%u-%u %s%s %x\n",
                               item->offset, item->length, (guint)item->head, (guint)item->tail,
                               mb_mbox_dialect_name(item->dialect),
                               item->from_inside ? " inside" : "", g_str_hash(text->str));
    }
    ck_assert_ptr_null(error);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static int pipe_of(const GString *bytes)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    if (fork() == 0) {
        for (size_t at = 0; at < bytes->len;) {
            ssize_t count = write(ends[1], bytes->str + at, MIN(bytes->len - at, 50000));

            if (count < 1)
                _exit(1);
            at += (size_t)count;
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* A message with From_ lines of all sorts in it, and a Content-Length that is right, or by some
 * bytes, or by far, not. */
static void append_long_message(GString *box, GRand *rand)
{
    static const char *const pieces[] = {F1,         "\n" F1,     "\n" F1 "S: in\n\n",
                                         "From x\n", ">From x\n", "\nFrom b" DATE "\nand so on\n",
                                         "\n"};
    static const gint64 wrong[] = {0, 0, 0, 0, 1, -1, 2, -40, 70000, G_MAXINT64};
    g_autoptr(GString) body = g_string_new(NULL);
    gint64 told = wrong[g_rand_int_range(rand, 0, G_N_ELEMENTS(wrong))];

    for (int i = g_rand_int_range(rand, 0, 12); i > 0; i--) {
        g_autofree char *fill = g_strnfill((gsize)g_rand_int_range(rand, 0, 40000), 'x');

        g_string_append_printf(body, "%s\n", fill);
        g_string_append(body, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
    }
    told = told == G_MAXINT64 ? told : MAX(0, (gint64)body->len + told);
    g_string_append(box, F1 "S: 1\n");
    if (g_rand_int_range(rand, 0, 5) > 0)
        g_string_append_printf(box, "Content-Length: %" G_GINT64_FORMAT "\n", told);
    g_string_append_printf(box, "\n%s%.*s", body->str, g_rand_int_range(rand, 0, 4), "\n\n\n");
}

/* A long message is read piece by piece, from a file that can be sought or from one that cannot:
 * what it is does not depend on that. */
START_TEST(content_length_counts_for_long_messages_too)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    guint streams = 0, none = 0, inside = 0;

    for (int round = 0; round < 60; round++) {
        g_autoptr(GString) box = g_string_new(NULL);
        g_autofree char *path = NULL, *whole = NULL, *long_file = NULL, *long_pipe = NULL;
        int file;
        int ends;

        for (int i = g_rand_int_range(rand, 1, 8); i > 0; i--)
            append_long_message(box, rand);
        path = put_file("box", box->str, (gssize)box->len);
        file = open(path, O_RDONLY | O_CLOEXEC);
        whole = tell_items(file, 0, &none);
        ck_assert_int_eq(lseek(file, 0, SEEK_SET), 0);
        long_file = tell_items(file, 65536, &streams);
        ends = pipe_of(box);
        long_pipe = tell_items(ends, 65536, &streams);
        close(ends);
        close(file);
        ck_assert_str_eq(long_file, whole);
        ck_assert_str_eq(long_pipe, whole);
        inside += strstr(whole, "inside") != NULL;
    }
    ck_assert_uint_eq(none, 0);
    ck_assert_uint_gt(streams, 100);
    ck_assert_uint_gt(inside, 20);
    statement("F-8");
}
END_TEST

/* By it lines that begin with ">From " are read. */
START_TEST(content_length_tells_the_dialect)
{
    static const struct {
        const char *name, *text;
        MbMboxDialect want;
    } cases[] = {
        {"none", F1 "S: 1\n\nx\n\n" F1 "S: 2\n\ny\n", MB_MBOX_RD},
        {"right", F1 "Content-Length: 2\n\nx\n\n" F1 "S: 2\n\ny\n", MB_MBOX_CL},
        {"right, at the end", F1 "Content-Length: 2\n\nx\n", MB_MBOX_CL},
        {"wrong", F1 "Content-Length: 1\n\nxyz\n\n" F1 "S: 2\n\ny\n", MB_MBOX_RD},
        {"over a From_ line", F1 "Content-Length: 37\n\nx\n\n" F1 "\n" F1 "S: 2\n\ny\n",
         MB_MBOX_CL2},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = put_file("box", cases[i].text, -1);
        g_autoptr(MbSource) source = mb_source_open(path, NULL, NULL);
        const MbItem *item;

        ck_assert_ptr_nonnull(source);
        ck_assert_int_eq(mb_source_next(source, &item, NULL), MB_NEXT);
        ck_assert_msg(item->dialect == cases[i].want, "%s: %s", cases[i].name,
                      mb_mbox_dialect_name(item->dialect));
        ck_assert_int_eq(item->from_inside, cases[i].want == MB_MBOX_CL2);
    }
}
END_TEST

/* A header longer than the buffer, and a Content-Length whose sum with it is any number. */
START_TEST(a_huge_content_length_behind_a_huge_header_is_not_believed)
{
    /* The last makes what would be asked for two thirds of 2^64: half as much again wraps. */
    static const char *const lengths[] = {"1000000000000000000", "18446744073709551615",
                                          "12297829382472955999"};
    MbSourceOptions options = {.buffer_max = 65536};
    g_autofree char *padding = g_strnfill(70000, 'x');

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *box =
            g_strdup_printf(F1 "X: %s\nContent-Length: %s\n\nbody\n\n" F1 "Subject: two\n\n%s\n",
                            padding, lengths[i], padding);
        g_autofree char *path = put_file("box", box, -1);
        g_autoptr(GError) error = NULL;
        g_autoptr(MbSource) source = mb_source_open(path, &options, &error);
        const MbItem *item;
        MbNext next;
        guint items = 0;

        ck_assert_ptr_nonnull(source);
        while ((next = mb_source_next(source, &item, &error)) == MB_NEXT)
            items++;
        ck_assert_msg(next == MB_END, "%s: %s", lengths[i], error != NULL ? error->message : "");
        ck_assert_uint_eq(items, 2);
    }
}
END_TEST

/* Any bytes: the items cover the file without gap or overlap, whatever stands in it. */
START_TEST(random_boxes_are_covered)
{
    static const char *const pieces[] = {
        F1,          "From ", "\n",         "\r\n",   "\n\n", "S: 1\n", "Content-Length: 9\n",
        ">From x\n", "text ", "From x@y\n", "\nFrom "};
    g_autoptr(GRand) rand = g_rand_new_with_seed(10);

    for (int round = 0; round < 1500; round++) {
        g_autoptr(GString) box = g_string_new(F1);
        g_autoptr(GError) error = NULL;
        g_autoptr(MbSource) source = NULL;
        g_autofree char *path = NULL;
        const MbItem *item;
        uint64_t at = 0;

        for (int i = g_rand_int_range(rand, 0, 60); i > 0; i--)
            g_string_append(box, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
        path = put_file("box", box->str, (gssize)box->len);
        source = mb_source_open(path, NULL, &error);
        while (mb_source_next(source, &item, &error) == MB_NEXT) {
            ck_assert_uint_eq(item->offset, at);
            ck_assert_uint_gt(item->length, 0);
            ck_assert_uint_ge(item->length, item->head + item->tail);
            ck_assert_mem_eq(item->bytes, box->str + at, item->length);
            at += item->length;
        }
        ck_assert_ptr_null(error);
        ck_assert_uint_eq(at, box->len);
    }
}
END_TEST

START_TEST(quoted_from_lines_are_unquoted_as_the_dialect_says)
{
    static const struct {
        const char *name;
        MbMboxDialect dialect;
        const char *text;
        const char *want;
    } cases[] = {
        {"rd", MB_MBOX_RD, ">From a\n>>From b\n> From c\nx >From d\n>>>>From ",
         "From a\n>From b\n> From c\nx >From d\n>>>From "},
        {"o", MB_MBOX_O, ">From a\n>>From b\n>Fro\n>From\n>From ",
         "From a\n>>From b\n>Fro\n>From\nFrom "},
        {"cl", MB_MBOX_CL, ">From a\n", "From a\n"},
        {"cl2", MB_MBOX_CL2, ">From a\nFrom b\n", ">From a\nFrom b\n"},
        {"cut", MB_MBOX_RD, "a\n>>Fro", "a\n>>Fro"},
        {"crlf", MB_MBOX_RD, "a\r\n>From b\r\n", "a\r\nFrom b\r\n"},
        {"nothing", MB_MBOX_RD, "", ""},
        {"only marks", MB_MBOX_RD, ">>>\n>", ">>>\n>"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t length = strlen(cases[i].text);

        /* Who skips the unquoting where that is told must not miss any. */
        ck_assert_msg(mb_mbox_may_be_quoted(cases[i].text, length) ||
                          strcmp(cases[i].text, cases[i].want) == 0,
                      "%s: quoted, and not seen", cases[i].name);
        for (size_t split = 0; split <= length; split++) {
            MbMboxUnquoter unquoter = {0};
            char out[256];
            size_t written =
                mb_mbox_unquote(&unquoter, cases[i].dialect, cases[i].text, split, out);

            for (size_t at = split; at < length; at++)
                written += mb_mbox_unquote(&unquoter, cases[i].dialect, cases[i].text + at, 1,
                                           out + written);
            written += mb_mbox_unquote_finish(&unquoter, out + written);
            out[written] = '\0';
            ck_assert_msg(strcmp(out, cases[i].want) == 0, "%s split at %zu: %s", cases[i].name,
                          split, out);
        }
    }
    ck_assert(!mb_mbox_may_be_quoted("F >F From >Fro", 14));
    statement("F-8");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-mbox");
    TCase *boxes = tcase_create("boxes");

    tcase_add_checked_fixture(boxes, make_folder, drop_folder);
    tcase_add_loop_test(boxes, an_mbox_gives_every_message_once, 0, G_N_ELEMENTS(mbox_cases));
    tcase_add_loop_test(boxes, a_pipe_gives_what_a_file_gives, 0, G_N_ELEMENTS(mbox_cases));
    tcase_add_test(boxes, long_messages_are_streamed);
    tcase_add_test(boxes, content_length_counts_for_long_messages_too);
    tcase_add_test(boxes, content_length_tells_the_dialect);
    tcase_add_test(boxes, a_huge_content_length_behind_a_huge_header_is_not_believed);
    tcase_add_test(boxes, random_boxes_are_covered);
    tcase_add_test(boxes, quoted_from_lines_are_unquoted_as_the_dialect_says);
    tcase_set_timeout(boxes, 60);
    suite_add_tcase(suite, boxes);
    return run_suite(suite);
}
