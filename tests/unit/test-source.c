#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/source/source.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of the test's own, removed at its end. */
static char *folder;

static void make_folder(void)
{
    g_autoptr(GError) error = NULL;

    folder = g_dir_make_tmp("mb-source-XXXXXX", &error);
    ck_assert_ptr_nonnull(folder);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *full = g_build_filename(path, name, NULL);

        if (g_file_test(full, G_FILE_TEST_IS_DIR) && !g_file_test(full, G_FILE_TEST_IS_SYMLINK))
            remove_tree(full);
        else
            g_unlink(full);
    }
    g_rmdir(path);
}

static void drop_folder(void)
{
    remove_tree(folder);
    g_clear_pointer(&folder, g_free);
}

static char *put_file(const char *name, const void *bytes, gssize length)
{
    char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0700), 0);
    ck_assert(g_file_set_contents(path, bytes, length, NULL));
    return path;
}

static void run_command(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void run_command(const char *format, ...)
{
    g_autofree char *command = NULL;
    g_autofree char *line = NULL;
    const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    int status = -1;
    va_list list;

    va_start(list, format);
    command = g_strdup_vprintf(format, list);
    va_end(list);
    line = g_strdup_printf("set -e; cd '%s'; %s", folder, command);
    argv[2] = line;
    ck_assert(g_spawn_sync(NULL, (char **)(void *)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
                           NULL, &status, NULL));
    ck_assert_msg(status == 0, "%s", command);
}

/* The item's message, without framing; of a streamed one in pieces. */
static void append_message(MbSource *source, const MbItem *item, GString *out, bool *streamed)
{
    const uint8_t *bytes;
    size_t length;

    if (item->bytes != NULL) {
        g_string_append_len(out, (const char *)item->bytes + item->head,
                            (gssize)(item->length - item->head - item->tail));
        return;
    }
    *streamed = true;
    while (mb_source_read(source, &bytes, &length))
        g_string_append_len(out, (const char *)bytes, (gssize)length);
}

/* Everything a source says: `address{message}` an item, `!error` a failure, `~` for one that is
 * cut. The folder's path is left out. Items of an mbox must follow each other without a gap. */
static char *tell_with(const char *path, const MbSourceOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbSource) source = mb_source_open(path, options, &error);
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(GStrv) pieces = NULL;
    const MbItem *item;
    uint64_t end = 0;
    MbNext next = MB_FAILED;
    bool streamed = false;

    if (source == NULL)
        g_string_append_printf(out, "!%s", error->message);
    while (source != NULL && (next = mb_source_next(source, &item, &error)) != MB_END) {
        g_autofree char *address = NULL;

        if (next == MB_FAILED) {
            g_string_append_printf(out, "!%s ", error->message);
            g_clear_error(&error);
            continue;
        }
        if (item->kind == MB_ITEM_MBOX && item->locator->index > 1 &&
            mb_source_part(source) == NULL)
            ck_assert_uint_eq(item->offset, end);
        address = mb_locator_text(item->locator);
        g_string_append_printf(out, "%s{", address);
        append_message(source, item, out, &streamed);
        ck_assert_uint_ge(item->length, item->head + item->tail);
        end = item->offset + item->length;
        g_string_append_printf(out, "}%s%s ", item->is_cut ? "~" : "", item->is_mail ? "" : "?");
    }
    pieces = g_strsplit(out->str, folder, -1);
    return g_strjoinv("", pieces);
}

static char *tell(const char *path)
{
    return tell_with(path, NULL);
}

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
    statement("F-8");
}
END_TEST

START_TEST(folders_and_maildirs_are_walked_in_order)
{
    static const char *const files[] = {"m/cur/2:2,S",   "m/cur/1:2,",      "m/new/0",
                                        "m/tmp/9",       "m/dovecot.index", "m/.Sent/cur/3",
                                        "m/.Sent/new/4", "b.eml",           "a/z.eml"};
    g_autofree char *told = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = put_file(files[i], "From x\nS: 1\n\n", -1);
    }
    run_command("ln -s . a/loop; ln -s ../b.eml a/y.eml; mkdir -p m/.Sent/tmp");
    told = tell(folder);
    ck_assert_str_eq(told, "/a/y.eml#1{S: 1\n\n} /a/z.eml#1{S: 1\n\n} /b.eml#1{S: 1\n\n} "
                           "/m/cur/1%3A2,{From x\nS: 1\n\n} /m/cur/2%3A2,S{From x\nS: 1\n\n} "
                           "/m/new/0{From x\nS: 1\n\n} /m/.Sent/cur/3{From x\nS: 1\n\n} "
                           "/m/.Sent/new/4{From x\nS: 1\n\n} ");
}
END_TEST

START_TEST(archives_in_archives_are_read)
{
    g_autofree char *one = put_file("in/1.eml", "S: 1\n\n", -1);
    g_autofree char *two = put_file("in/box", F1 "S: 2\n\nx\n\n" F1 "S: 3\n\ny\n", -1);
    g_autofree char *tar = g_build_filename(folder, "all.tar.gz", NULL);
    g_autofree char *outer = g_build_filename(folder, "outer.zip", NULL);
    g_autofree char *mbox_gz = g_build_filename(folder, "box.gz", NULL);
    g_autofree char *told = NULL;
    g_autofree char *nested = NULL;
    g_autofree char *packed = NULL;

    run_command("tar czf all.tar.gz -C in 1.eml box; bsdtar -caf outer.zip all.tar.gz; gzip -kc "
                "in/box >box.gz");
    told = tell(tar);
    ck_assert_str_eq(told, "/all.tar.gz!1.eml{S: 1\n\n} /all.tar.gz!box#1{S: 2\n\nx\n} "
                           "/all.tar.gz!box#2{S: 3\n\ny\n} ");
    nested = tell(outer);
    ck_assert_str_eq(
        nested, "/outer.zip!all.tar.gz!1.eml{S: 1\n\n} /outer.zip!all.tar.gz!box#1{S: 2\n\nx\n} "
                "/outer.zip!all.tar.gz!box#2{S: 3\n\ny\n} ");
    packed = tell(mbox_gz);
    ck_assert_str_eq(packed, "/box.gz!box#1{S: 2\n\nx\n} /box.gz!box#2{S: 3\n\ny\n} ");
}
END_TEST

START_TEST(an_address_gives_its_item_alone)
{
    static const struct {
        const char *address;
        const char *want;
        const char *part;
    } cases[] = {
        {"outer.zip!all.tar.gz!box#2:1.2.1", "/outer.zip!all.tar.gz!box#2{S: 3\n\ny\n} ", "1.2.1"},
        {"outer.zip!all.tar.gz!1.eml", "/outer.zip!all.tar.gz!1.eml{S: 1\n\n} ", NULL},
        {"outer.zip!all.tar.gz!box",
         "/outer.zip!all.tar.gz!box#1{S: 2\n\nx\n} /outer.zip!all.tar.gz!box#2{S: 3\n\ny\n} ",
         NULL},
        {"in/box#1", "/in/box#1{S: 2\n\nx\n} ", NULL},
        {"in/box#3", "!/in/box#3: there is no such item ", NULL},
        {"in/box!x", "!/in/box!x: there is no such item ", NULL},
        {"outer.zip!nothing", "!/outer.zip!nothing: there is no such item ", NULL},
        {"in/1.eml:2.TEXT", "/in/1.eml{S: 1\n\n} ", "2.TEXT"},
        {"odd%23%21%3A%25name", "/odd%23%21%3A%25name{S: 9\n\n} ", NULL},
        {"odd#!:%name", "/odd%23%21%3A%25name{S: 9\n\n} ", NULL},
    };
    g_autofree char *one = put_file("in/1.eml", "S: 1\n\n", -1);
    g_autofree char *two = put_file("in/box", F1 "S: 2\n\nx\n\n" F1 "S: 3\n\ny\n", -1);
    g_autofree char *odd = put_file("odd#!:%name", "S: 9\n\n", -1);

    run_command("tar czf all.tar.gz -C in 1.eml box; bsdtar -caf outer.zip all.tar.gz");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *address = g_strdup_printf("%s/%s", folder, cases[i].address);
        g_autofree char *told = tell(address);
        g_autoptr(MbSource) source = mb_source_open(address, NULL, NULL);

        ck_assert_msg(strcmp(told, cases[i].want) == 0, "%s: %s", cases[i].address, told);
        ck_assert_ptr_nonnull(source);
        ck_assert_msg(g_strcmp0(mb_source_part(source), cases[i].part) == 0, "%s",
                      cases[i].address);
    }
}
END_TEST

START_TEST(addresses_come_back)
{
    static const struct {
        const char *text;
        bool fine;
    } cases[] = {
        {"a", true},        {"a!b!c#42:1.2", true}, {"-#3", true},
        {"a%25b%21", true}, {"%FF%C3%A4", true},    {"a:1~zip!x", true},
        {"", false},        {"#1", false},          {"a#", false},
        {"a#0", false},     {"a#x", false},         {"a!", false},
        {"a#1#2", false},   {"a:", false},          {"a#99999999999999999999", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(MbLocator) locator = {0};
        g_autofree char *back = NULL;
        bool fine = mb_locator_parse(cases[i].text, &locator);

        ck_assert_msg(fine == cases[i].fine, "%s", cases[i].text);
        if (!fine)
            continue;
        back = mb_locator_text(&locator);
        if (strstr(back, "\xC3\xA4") == NULL)
            ck_assert_str_eq(back, cases[i].text);
        else
            ck_assert_str_eq(back, "%FF\xC3\xA4");
    }
}
END_TEST

START_TEST(popdumps_archive_is_read_by_its_segments)
{
    g_autofree char *one = put_file("in/1.eml", "S: 1\n\n", -1);
    g_autofree char *two = put_file("in/2.eml", "S: 2\n\n", -1);
    g_autofree char *journal = put_file("A/journal/000001.jsonl", "{}\n", -1);
    g_autofree char *manifest = put_file("A/seg/000001.manifest.jsonl", "{}\n", -1);
    g_autofree char *path = g_build_filename(folder, "A", NULL);
    g_autofree char *told = NULL;

    run_command(
        "mkdir -p A/open; tar cf A/seg/000001.tar -C in 1.eml; gzip -k A/seg/000001.tar; "
        "tar cf - -C in 2.eml | head -c 1024 >A/open/000002.tar; touch A/seg/000001.tar.gz.tmp~");
    told = tell(path);
    ck_assert_str_eq(told, "/A/seg/000001.tar!1.eml{S: 1\n\n} /A/open/000002.tar!2.eml{S: 2\n\n} ");
}
END_TEST

START_TEST(what_is_broken_is_said_and_the_rest_goes_on)
{
    g_autoptr(GString) big = g_string_new("S: big\n\n");
    g_autofree char *one = put_file("in/1.eml", "S: 1\n\n", -1);
    g_autofree char *empty = put_file("w/0empty", "", 0);
    g_autofree char *last = put_file("w/z.eml", "S: z\n\n", -1);
    g_autofree char *in_big = NULL;

    for (int i = 0; i < 200000; i++)
        g_string_append_printf(big, "%08x%08x\n", g_random_int(), g_random_int());
    in_big = put_file("in/2.eml", big->str, (gssize)big->len);
    run_command("tar czf t.tar.gz -C in 1.eml 2.eml; head -c 300000 t.tar.gz >w/a.tar.gz; mkfifo "
                "w/pipe; mkdir w/q");
    {
        g_autofree char *path = g_build_filename(folder, "w", NULL);
        g_autofree char *walked = tell(path);
        const char *at = walked;

        ck_assert_msg(
            g_str_has_prefix(at,
                             "/w/0empty{}? /w/a.tar.gz!1.eml{S: 1\n\n} /w/a.tar.gz!2.eml{S: big\n"),
            "%.200s", walked);
        at = strstr(walked, "}~ !");
        ck_assert_ptr_nonnull(at);
        ck_assert_msg(strstr(at, "truncated") != NULL, "%s", at);
        ck_assert_msg(strstr(at, "/w/pipe: not a file or folder") != NULL, "%s", at);
        ck_assert_msg(g_str_has_suffix(at, " /w/z.eml{S: z\n\n} "), "%s", at);
        ck_assert_ptr_null(strstr(strstr(at, "tar.gz: truncated") + 1, "tar.gz: truncated"));
    }
}
END_TEST

START_TEST(what_cannot_be_opened_is_named)
{
    static const struct {
        const char *path;
        const char *want;
        MbErrorCode code;
    } cases[] = {
        {"/nowhere/at/all", "/nowhere/at/all: cannot be read: No such file or directory",
         MB_ERROR_NO_INPUT},
        {"/nowhere#3", "/nowhere#3: cannot be read: No such file or directory", MB_ERROR_NO_INPUT},
        {"/dev/null", "/dev/null: not a file or folder: devices and sockets are not read",
         MB_ERROR_NO_INPUT},
    };
    g_autofree char *empty = put_file("empty", "", 0);
    g_autofree char *told = tell(empty);

    ck_assert_str_eq(told, "!/empty: empty: there is no message in it ");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(mb_source_open(cases[i].path, NULL, &error));
        ck_assert_str_eq(error->message, cases[i].want);
        ck_assert_int_eq(error->code, (int)cases[i].code);
    }
}
END_TEST

START_TEST(what_is_held_outlives_the_source)
{
    g_autoptr(GString) box = g_string_new(NULL);
    g_autoptr(GPtrArray) held = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GString) joined = g_string_new(NULL);
    g_autofree char *path = NULL;
    const MbItem *item;

    for (int i = 0; i < 40000; i++)
        g_string_append_printf(box, F1 "S: %d\n\nbody of %d\n\n", i, i);
    path = put_file("box", box->str, (gssize)box->len);
    {
        g_autoptr(MbSource) source = mb_source_open(path, NULL, NULL);

        while (mb_source_next(source, &item, NULL) == MB_NEXT)
            g_ptr_array_add(held, mb_source_hold(source));
    }
    for (guint i = 0; i < held->len; i++) {
        gsize length;
        const char *bytes = g_bytes_get_data(g_ptr_array_index(held, i), &length);

        g_string_append_len(joined, bytes, (gssize)length);
    }
    ck_assert_uint_eq(held->len, 40000);
    ck_assert_str_eq(joined->str, box->str);
}
END_TEST

START_TEST(binary_is_no_mail)
{
    g_autofree char *path = put_file("x.bin", "\x01\x02\xFF:\x03", 5);
    g_autofree char *told = tell(path);

    ck_assert_msg(g_str_has_suffix(told, "}? "), "%s", told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *boxes = tcase_create("mbox");
    TCase *places = tcase_create("places");

    tcase_add_checked_fixture(boxes, make_folder, drop_folder);
    tcase_add_loop_test(boxes, an_mbox_gives_every_message_once, 0, G_N_ELEMENTS(mbox_cases));
    tcase_add_loop_test(boxes, a_pipe_gives_what_a_file_gives, 0, G_N_ELEMENTS(mbox_cases));
    tcase_add_test(boxes, long_messages_are_streamed);
    tcase_add_test(boxes, content_length_tells_the_dialect);
    tcase_add_test(boxes, a_huge_content_length_behind_a_huge_header_is_not_believed);
    tcase_add_test(boxes, random_boxes_are_covered);
    tcase_add_test(boxes, quoted_from_lines_are_unquoted_as_the_dialect_says);
    tcase_set_timeout(boxes, 60);
    suite_add_tcase(suite, boxes);
    tcase_add_checked_fixture(places, make_folder, drop_folder);
    tcase_add_test(places, folders_and_maildirs_are_walked_in_order);
    tcase_add_test(places, archives_in_archives_are_read);
    tcase_add_test(places, an_address_gives_its_item_alone);
    tcase_add_test(places, addresses_come_back);
    tcase_add_test(places, popdumps_archive_is_read_by_its_segments);
    tcase_add_test(places, what_is_broken_is_said_and_the_rest_goes_on);
    tcase_add_test(places, what_cannot_be_opened_is_named);
    tcase_add_test(places, what_is_held_outlives_the_source);
    tcase_add_test(places, binary_is_no_mail);
    tcase_set_timeout(places, 60);
    suite_add_tcase(suite, places);
    return run_suite(suite);
}
