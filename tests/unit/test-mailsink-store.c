#include "suite.h"

#include <check.h>
#include <fault.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <store.h>
#include <string.h>
#include <unistd.h>

static char *folder;

static void make_folder(void)
{
    folder = g_dir_make_tmp("mailbatch-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    g_clear_pointer(&folder, g_free);
}

static MsStore *open_store(void)
{
    g_autoptr(GError) error = NULL;
    MsStore *store = ms_store_open(folder, &error);

    ck_assert_msg(store != NULL, "%s", error != NULL ? error->message : "");
    return store;
}

static char *read_file(const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;

    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
    return text;
}

static bool exists(const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void write_file(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static guint64 deliver(MsStore *store, const char *recipient, const void *content, size_t length)
{
    g_autoptr(MsIncoming) incoming = ms_incoming_new(store);
    const char *const recipients[] = {recipient, NULL};
    const MsEnvelope envelope = {.sender = "a@x.example", .recipients = recipients};
    g_autoptr(GError) error = NULL;
    guint64 number = 0;

    for (size_t at = 0; at < length; at += 1000)
        ms_incoming_write(incoming, (const char *)content + at, MIN(1000, length - at));
    ck_assert_msg(ms_incoming_commit(incoming, &envelope, &number, &error), "%s",
                  error != NULL ? error->message : "");
    return number;
}

static guint64 deliver_text(MsStore *store, const char *recipient, const char *text)
{
    return deliver(store, recipient, text, strlen(text));
}

static char *numbers_of(MsStore *store, const char *user)
{
    g_autoptr(GPtrArray) list = ms_store_list(store, user);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(out, "%" G_GUINT64_FORMAT " ", ((MsMail *)list->pdata[i])->number);
    return g_string_free(out, FALSE);
}

static void check_numbers(MsStore *store, const char *user, const char *want)
{
    g_autofree char *numbers = numbers_of(store, user);

    ck_assert_msg(strcmp(numbers, want) == 0, "%s sees %s", user, numbers);
}

static GBytes *content_of(MsStore *store, guint index)
{
    g_autoptr(GPtrArray) list = ms_store_list(store, "all");
    g_autoptr(MsOutgoing) outgoing = ms_outgoing_new(store, list->pdata[index], NULL);
    GByteArray *content = g_byte_array_new();
    const char *bytes;
    gssize length;

    while ((length = ms_outgoing_read(outgoing, &bytes)) > 0)
        g_byte_array_append(content, (const guint8 *)bytes, (guint)length);
    ck_assert_int_eq(length, 0);
    return g_byte_array_free_to_bytes(content);
}

START_TEST(content_comes_back_as_it_went_in)
{
    static const size_t sizes[] = {0, 1, 1000, 262143, 262144, 262145, 3000000};

    for (int kind = 0; kind < 2; kind++) {
        g_autoptr(MsStore) store = kind == 0 ? ms_store_new_memory() : open_store();

        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            g_autofree guint8 *content = g_malloc(sizes[i] + 1);
            g_autoptr(GBytes) back = NULL;
            gsize length = 0;

            for (size_t j = 0; j < sizes[i]; j++)
                content[j] = (guint8)(j * 7 + j / 256);
            ck_assert_uint_eq(deliver(store, "b@y.example", content, sizes[i]), i + 1);
            back = content_of(store, (guint)i);
            length = g_bytes_get_size(back);
            ck_assert_uint_eq(length, sizes[i]);
            if (length > 0)
                ck_assert_mem_eq(g_bytes_get_data(back, NULL), content, length);
        }
        ck_assert_uint_eq(ms_store_accepted(store), G_N_ELEMENTS(sizes));
        ck_assert_uint_eq(ms_store_accepted_octets(store), 3787433);
    }
}
END_TEST

START_TEST(a_folder_holds_files_and_envelopes)
{
    g_autoptr(MsStore) store = open_store();
    g_autoptr(MsIncoming) incoming = ms_incoming_new(store);
    const char *const recipients[] = {"\"q\\\" b\"@y.example", "\xC3\xBC@y.example", NULL};
    const MsEnvelope envelope = {.sender = "",
                                 .recipients = recipients,
                                 .envid = "e1",
                                 .user = "me",
                                 .connection = 7,
                                 .smtputf8 = true,
                                 .chunking = true};
    g_autofree char *content = NULL;
    g_autofree char *log = NULL;
    guint64 number;

    ms_incoming_write(incoming, "a\r\n.b", 5);
    ck_assert(ms_incoming_commit(incoming, &envelope, &number, NULL));
    content = read_file("new/1.eml");
    ck_assert_str_eq(content, "a\r\n.b");
    log = read_file("envelopes.jsonl");
    ck_assert(g_str_has_prefix(log, "{\"number\":1,\"sender\":\"\",\"recipients\":[\"\\\"q\\\\\\\" "
                                    "b\\\"@y.example\",\"\xC3\xBC@y.example\"],\"size\":5,\"time\":"
                                    "\"2"));
    ck_assert(g_str_has_suffix(log, "Z\",\"smtputf8\":true,\"8bitmime\":false,\"chunking\":true,"
                                    "\"tls\":false,\"user\":\"me\",\"envid\":\"e1\","
                                    "\"connection\":7}\n"));
}
END_TEST

START_TEST(what_is_given_up_leaves_nothing)
{
    g_autoptr(MsStore) store = open_store();
    g_autofree char *big = g_strnfill(1000000, 'x');
    MsIncoming *incoming = ms_incoming_new(store);

    ms_incoming_write(incoming, big, 1000000);
    ck_assert(exists("tmp/0"));
    ms_incoming_abort(incoming);
    ck_assert(!exists("tmp/0"));
    ms_incoming_write(incoming, big, 1000000);
    ms_incoming_free(incoming);
    ck_assert(!exists("tmp/1"));
    check_numbers(store, "all", "");
}
END_TEST

START_TEST(a_folder_goes_on_where_it_was_left)
{
    MsStore *store = open_store();
    g_autoptr(GPtrArray) gone = NULL;
    g_autofree char *id = NULL;

    deliver_text(store, "b@y.example", "one");
    deliver_text(store, "\"c \\\"\"@y.example", "two");
    deliver_text(store, "b@y.example", "three");
    gone = ms_store_list(store, "all");
    id = g_strdup(ms_store_unique_id(store, gone->pdata[1]));
    g_ptr_array_remove_index(gone, 0);
    g_ptr_array_remove_index(gone, 0);
    ck_assert(ms_store_delete(store, gone, NULL));
    ck_assert(!exists("new/3.eml"));
    ms_store_free(store);

    write_file("tmp/9", "half");
    store = open_store();
    ck_assert(!exists("tmp/9"));
    check_numbers(store, "all", "1 2 ");
    check_numbers(store, "b@Y.example", "1 ");
    check_numbers(store, "\"c \\\"\"@y.example", "2 ");
    g_clear_pointer(&gone, g_ptr_array_unref);
    gone = ms_store_list(store, "all");
    ck_assert_str_eq(ms_store_unique_id(store, gone->pdata[1]), id);
    /* The number of what was deleted is not used again. */
    ck_assert_uint_eq(deliver_text(store, "b@y.example", "four"), 4);
    ms_store_free(store);
}
END_TEST

START_TEST(a_line_that_a_kill_cut_off_is_removed)
{
    MsStore *store = open_store();
    g_autofree char *log = NULL;
    g_autofree char *torn = NULL;
    g_autofree char *after = NULL;

    deliver_text(store, "b@y.example", "one");
    ms_store_free(store);
    log = read_file("envelopes.jsonl");
    torn = g_strconcat(log, "{\"number\":2,\"sen", NULL);
    write_file("envelopes.jsonl", torn);
    write_file("new/2.eml", "two");
    write_file("new/x.eml", "no number");
    store = open_store();
    /* The file stands without a line: nobody's, but it is there. */
    check_numbers(store, "all", "1 2 ");
    check_numbers(store, "b@y.example", "1 ");
    ck_assert_uint_eq(deliver_text(store, "b@y.example", "three"), 3);
    ms_store_free(store);
    after = read_file("envelopes.jsonl");
    ck_assert(g_str_has_prefix(after, log));
    ck_assert(g_str_has_prefix(after + strlen(log), "{\"number\":3,"));
}
END_TEST

START_TEST(a_folder_that_is_not_ours_is_refused)
{
    static const struct {
        const char *name;
        const char *content;
        const char *says;
    } rows[] = {
        {"envelopes.jsonl", "{\"foo\":1}\n", "envelopes.jsonl: line 1: not a message's envelope"},
        {"envelopes.jsonl", "\n", "envelopes.jsonl: line 1: not a message's envelope"},
        {"id", "../../etc", "id: not an id"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        write_file(rows[i].name, rows[i].content);
        ck_assert_ptr_null(ms_store_open(folder, &error));
        ck_assert(g_error_matches(error, MS_ERROR, MB_ERROR_DATA));
        ck_assert_msg(strstr(error->message, rows[i].says) != NULL, "%s", error->message);
        write_file(rows[i].name, "");
    }
}
END_TEST

START_TEST(a_folder_has_one_user_at_a_time)
{
    MsStore *store = open_store();
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ms_store_open(folder, &error));
    ck_assert(g_error_matches(error, MS_ERROR, MB_ERROR_TEMPORARY));
    ms_store_free(store);
    store = open_store();
    ms_store_free(store);
}
END_TEST

START_TEST(what_cannot_be_kept_is_said)
{
    g_autoptr(MsStore) store = open_store();
    g_autoptr(MsIncoming) incoming = ms_incoming_new(store);
    const char *const recipients[] = {"b@y.example", NULL};
    const MsEnvelope envelope = {.sender = "", .recipients = recipients};
    g_autofree char *path = g_build_filename(folder, "new", NULL);
    g_autofree char *away = g_build_filename(folder, "away", NULL);
    g_autoptr(GError) error = NULL;
    guint64 number = 0;

    ck_assert_int_eq(g_rename(path, away), 0);
    ms_incoming_write(incoming, "x", 1);
    ck_assert(!ms_incoming_commit(incoming, &envelope, &number, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "new/1.eml: cannot be made"));
    ck_assert(!exists("tmp/0"));
    ck_assert_int_eq(g_rename(away, path), 0);
    ms_incoming_write(incoming, "y", 1);
    ck_assert(ms_incoming_commit(incoming, &envelope, &number, NULL));
    ck_assert_uint_eq(number, 1);
}
END_TEST

START_TEST(a_message_that_is_gone_cannot_be_read)
{
    g_autoptr(MsStore) store = open_store();
    g_autoptr(GPtrArray) list = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "new", "1.eml", NULL);

    deliver_text(store, "b@y.example", "one");
    list = ms_store_list(store, "all");
    g_unlink(path);
    ck_assert_ptr_null(ms_outgoing_new(store, list->pdata[0], &error));
    ck_assert_ptr_nonnull(error);
}
END_TEST

START_TEST(nothing_is_kept_when_it_is_discarded)
{
    g_autoptr(MsStore) store = ms_store_new_discard();

    ck_assert_uint_eq(deliver_text(store, "b@y.example", "one"), 1);
    ck_assert_uint_eq(deliver_text(store, "b@y.example", "two"), 2);
    check_numbers(store, "all", "");
    ck_assert_uint_eq(ms_store_accepted(store), 2);
    ck_assert_uint_eq(ms_store_accepted_octets(store), 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailsink-store");
    TCase *tcase = tcase_create("store");

    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    tcase_add_test(tcase, content_comes_back_as_it_went_in);
    tcase_add_test(tcase, a_folder_holds_files_and_envelopes);
    tcase_add_test(tcase, what_is_given_up_leaves_nothing);
    tcase_add_test(tcase, a_folder_goes_on_where_it_was_left);
    tcase_add_test(tcase, a_line_that_a_kill_cut_off_is_removed);
    tcase_add_test(tcase, a_folder_that_is_not_ours_is_refused);
    tcase_add_test(tcase, a_folder_has_one_user_at_a_time);
    tcase_add_test(tcase, what_cannot_be_kept_is_said);
    tcase_add_test(tcase, a_message_that_is_gone_cannot_be_read);
    tcase_add_test(tcase, nothing_is_kept_when_it_is_discarded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
