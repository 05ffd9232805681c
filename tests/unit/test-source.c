#include "source-folder.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/source/source.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATE " Mon Jan  1 10:00:00 2024"
#define F1   "From a@b" DATE "\n"

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
    TCase *places = tcase_create("places");

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
