/* An archive in use: messages in, committed, sealed, proven, deleted; whose it is, and who may
 * write. */
#include "pd-archive.h"
#include "statement.h"
#include "suite.h"

#include <glib/gstdio.h>
#include <mailbatch/archive/read.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder;
static char *root;

static void setup(void)
{
    folder = pd_test_folder();
    root = g_build_filename(folder, "archive", NULL);
}

static void teardown(void)
{
    pd_test_remove(folder);
    g_free(folder);
    g_free(root);
}

/* What libarchive, not our parser, finds in a segment: "path:content" of each. */
static GPtrArray *read_members(const char *name)
{
    g_autofree char *path = pd_test_file(root, name);
    g_autoptr(GError) error = NULL;
    g_autoptr(MbArchive) reader = mb_archive_open_path(path, NULL, &error);
    GPtrArray *members = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    MbArchiveEntry entry;

    ck_assert_msg(reader != NULL, "%s", error != NULL ? error->message : "");
    while (mb_archive_next_entry(reader, &entry, &error) == MB_NEXT) {
        g_autoptr(GString) content = g_string_new(NULL);
        const void *bytes;
        size_t length;

        ck_assert_msg(g_str_has_prefix(entry.path, "msgs/2021/03/"), "%s", entry.path);
        while (mb_archive_read(reader, &bytes, &length, &error) == MB_NEXT)
            g_string_append_len(content, bytes, (gssize)length);
        g_ptr_array_add(members, g_bytes_new(content->str, content->len));
    }
    ck_assert_msg(error == NULL, "%s", error != NULL ? error->message : "");
    return members;
}

static void check_members(const char *name, unsigned first, unsigned last)
{
    g_autoptr(GPtrArray) members = read_members(name);

    ck_assert_uint_eq(members->len, last - first + 1);
    for (unsigned number = first; number <= last; number++) {
        g_autoptr(GBytes) want = pd_test_message(number);

        ck_assert_msg(g_bytes_equal(want, members->pdata[number - first]), "message %u", number);
    }
}

START_TEST(what_goes_in_is_in_the_open_segment)
{
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_session(archive);
        pd_test_add(archive, 1, 9);
        ck_assert_uint_eq(pd_archive_waiting(archive), 9);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 3"), 1);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 10"), 0);
        pd_test_commit(archive);
        ck_assert_uint_eq(pd_archive_waiting(archive), 0);
        ck_assert_int_eq(pd_archive_commit_wait(archive), -1);
        check_members("open/000001.tar", 1, 9);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
        PdArchived found;

        ck_assert_uint_eq(pd_archive_recovery(archive)->notes->len, 0);
        ck_assert_uint_eq(pd_archive_messages(archive), 9);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 9"), 1);
        ck_assert(pd_archive_find(archive, "uidl 9", &found, NULL));
        ck_assert_uint_eq(found.sequence, 9);
        ck_assert_int_eq(found.state, PD_STATE_KEPT);
        ck_assert(found.first_seen > 1600000000);
        ck_assert(!pd_archive_find(archive, "uidl 10", &found, NULL));
        pd_test_add(archive, 10, 12);
        pd_test_commit(archive);
    }
    check_members("open/000001.tar", 1, 12);
}
END_TEST

START_TEST(an_abandoned_message_leaves_nothing)
{
    g_autoptr(PdArchive) archive = pd_test_open(root);

    pd_test_add(archive, 1, 2);
    ck_assert(pd_archive_begin_message(archive, NULL));
    ck_assert(pd_archive_append(archive, "cut in the mid", 14, NULL));
    ck_assert_uint_eq(pd_archive_message_size(archive), 14);
    pd_archive_abandon_message(archive);
    ck_assert_uint_eq(pd_archive_message_size(archive), 0);
    pd_test_add(archive, 3, 3);
    pd_test_commit(archive);
    check_members("open/000001.tar", 1, 3);
}
END_TEST

START_TEST(octets_are_kept_as_they_are)
{
    static const char odd[] = "a\0b\r\rc\nd\r\n\xff\xfe no end";
    g_autoptr(PdArchive) archive = pd_test_open(root);
    PdMessage message = {.uidl = "x\xff\x01%", .oddities = 1 << 0 | 1 << 2, .uidl_repeated = true};
    g_autoptr(GPtrArray) members = NULL;
    g_autofree char *dump = NULL;
    PdArchived found;

    /* Without a Received or a Date: 1970. An empty message is one, too. */
    for (size_t i = 0; i < sizeof(odd) - 1; i++) {
        if (i == 0)
            ck_assert(pd_archive_begin_message(archive, NULL));
        ck_assert(pd_archive_append(archive, odd + i, 1, NULL));
    }
    ck_assert(pd_archive_end_message(archive, &message, NULL, NULL));
    ck_assert(pd_archive_begin_message(archive, NULL));
    ck_assert(pd_archive_end_message(archive, &(PdMessage){0}, NULL, NULL));
    pd_test_commit(archive);
    ck_assert(pd_archive_find(archive, "x\xff\x01%", &found, NULL));
    ck_assert(found.uidl_repeated);
    ck_assert_uint_eq(found.size, sizeof(odd) - 1);
    {
        g_autofree char *path = pd_test_file(root, "open/000001.tar");
        g_autoptr(MbArchive) reader = mb_archive_open_path(path, NULL, NULL);
        MbArchiveEntry entry;
        const void *bytes;
        size_t length;

        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        ck_assert(g_str_has_prefix(entry.path, "msgs/1970/01/000000001-"));
        ck_assert_int_eq(mb_archive_read(reader, &bytes, &length, NULL), MB_NEXT);
        ck_assert_uint_eq(length, sizeof(odd) - 1);
        ck_assert_mem_eq(bytes, odd, length);
        bytes = mb_archive_attribute(reader, "user.mailbatch.uidl", &length);
        ck_assert_uint_eq(length, strlen("x%FF%01%25"));
        ck_assert_mem_eq(bytes, "x%FF%01%25", length);
        bytes = mb_archive_attribute(reader, "user.mailbatch.oddities", &length);
        ck_assert_uint_eq(length, strlen("nul,bare-lf"));
        ck_assert_mem_eq(bytes, "nul,bare-lf", length);
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        ck_assert_uint_eq(entry.size, 0);
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_END);
    }
}
END_TEST

START_TEST(a_message_beyond_the_memory_is_spooled)
{
    g_autoptr(PdArchive) archive = pd_test_open(root);
    size_t length = 3 * PD_SPOOL_MEMORY + 12345;
    g_autofree char *big = g_malloc(length);
    g_autoptr(GPtrArray) members = NULL;
    g_autofree char *path = pd_test_file(root, "open/000001.tar");
    g_autoptr(MbArchive) reader = NULL;
    g_autoptr(GString) back = g_string_new(NULL);
    MbArchiveEntry entry;
    const void *bytes;
    size_t got;

    for (size_t i = 0; i < length; i++)
        big[i] = (char)(i * 2654435761u >> 24);
    ck_assert(pd_archive_begin_message(archive, NULL));
    for (size_t at = 0, step; at < length; at += step) {
        step = MIN(length - at, 777777);
        ck_assert(pd_archive_append(archive, big + at, step, NULL));
    }
    ck_assert(pd_archive_end_message(archive, &(PdMessage){.uidl = "big"}, NULL, NULL));
    pd_test_add(archive, 1, 1);
    pd_test_commit(archive);
    reader = mb_archive_open_path(path, NULL, NULL);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    while (mb_archive_read(reader, &bytes, &got, NULL) == MB_NEXT)
        g_string_append_len(back, bytes, (gssize)got);
    ck_assert_uint_eq(back->len, length);
    ck_assert(memcmp(back->str, big, length) == 0);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_END);
}
END_TEST

static const struct {
    PdCompress compress;
    const char *name;
} kinds[] = {
    {PD_COMPRESS_GZIP, "seg/000001.tar.gz"},
    {PD_COMPRESS_ZSTD, "seg/000001.tar.zst"},
    {PD_COMPRESS_XZ, "seg/000001.tar.xz"},
    {PD_COMPRESS_NONE, "seg/000001.tar"},
};

START_TEST(a_sealed_segment_reads_the_same)
{
    g_autoptr(PdArchive) archive = pd_test_open_sized(root, 0, kinds[_i].compress);
    g_autoptr(GError) error = NULL;
    g_autofree char *sums = pd_test_file(root, PD_SUMS_NAME);
    g_autofree char *text = NULL;

    pd_test_add(archive, 1, 20);
    ck_assert_msg(pd_archive_seal(archive, &error), "%s", error != NULL ? error->message : "");
    check_members(kinds[_i].name, 1, 20);
    ck_assert_int_gt(pd_test_size(root, "seg/000001.manifest.jsonl"), 0);
    ck_assert(g_file_get_contents(sums, &text, NULL, NULL));
    ck_assert_msg(strstr(text, kinds[_i].name) != NULL, "%s", text);
    pd_test_add(archive, 21, 22);
    pd_test_commit(archive);
    check_members("open/000002.tar", 21, 22);
    ck_assert(pd_archive_seal(archive, &error));
    ck_assert(pd_archive_seal(archive, &error));
    ck_assert_uint_eq(pd_archive_messages(archive), 22);
}
END_TEST

START_TEST(the_same_mailbox_gives_the_same_bytes)
{
    g_autofree char *other = g_build_filename(folder, "other", NULL);
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;

    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);

        pd_test_session(archive);
        pd_test_add(archive, 1, 60);
        pd_test_commit(archive);
    }
    /* The other with a run a message; every third ends before its commit, and is made again. */
    for (unsigned number = 1; number <= 60; number++) {
        g_autoptr(PdArchive) archive = pd_test_open_sized(other, 20000, PD_COMPRESS_GZIP);

        pd_test_session(archive);
        pd_test_add(archive, number, number);
        if (number % 3 == 0) {
            pd_archive_free(g_steal_pointer(&archive));
            archive = pd_test_open_sized(other, 20000, PD_COMPRESS_GZIP);
            pd_test_add(archive, number, number);
        }
        pd_test_commit(archive);
    }
    one = pd_test_digests(root);
    two = pd_test_digests(other);
    ck_assert_ptr_nonnull(strstr(one, "seg/000003.tar.gz"));
    ck_assert_ptr_nonnull(strstr(one, "seg/000003.manifest.jsonl"));
    ck_assert_str_eq(one, two);
    statement("P-13");
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__)
START_TEST(memory_does_not_grow_with_a_message)
{
    /* On a disk: a file in memory would count. */
    g_autofree char *disk = g_dir_make_tmp("test-popdump-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(disk, "archive", NULL);
    g_autofree char *chunk = g_malloc(1 << 20);
    struct rusage before, after;

    memset(chunk, 'x', 1 << 20);
    {
        g_autoptr(PdArchive) archive = pd_test_open(path);

        getrusage(RUSAGE_SELF, &before);
        ck_assert(pd_archive_begin_message(archive, NULL));
        for (int i = 0; i < 200; i++)
            ck_assert(pd_archive_append(archive, chunk, 1 << 20, NULL));
        ck_assert(pd_archive_end_message(archive, &(PdMessage){.uidl = "big"}, NULL, NULL));
        pd_test_commit(archive);
        getrusage(RUSAGE_SELF, &after);
    }
    ck_assert_int_ge(pd_test_size(path, "open/000001.tar"), 200 << 20);
    pd_test_remove(disk);
    /* In KiB. */
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 16 * 1024);
    ck_assert_int_lt(after.ru_maxrss, 64 * 1024);
    statement("P-7");
}
END_TEST
#endif

START_TEST(a_segment_stays_within_its_size)
{
    g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_NONE);

    pd_test_add(archive, 1, 60);
    pd_test_commit(archive);
    for (unsigned number = 1; number <= 4; number++) {
        g_autofree char *name = g_strdup_printf("seg/%06u.tar", number);

        ck_assert_int_le(pd_test_size(root, name), 20000 + 1024);
        ck_assert_int_gt(pd_test_size(root, name), 10000);
    }
}
END_TEST

static int try_in_child(const char *user)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        PdArchiveOptions options = {.path = root, .host = "POP.example.org", .user = user};
        GError *error = NULL;
        PdArchive *archive = pd_archive_open(&options, &error);

        _exit(archive != NULL ? 0 : (int)mb_exit_of(error));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

START_TEST(a_second_writer_is_told_to_wait)
{
    PdArchive *archive = pd_test_open(root);

    ck_assert_int_eq(try_in_child("alice"), MB_EXIT_TEMPORARY);
    pd_archive_free(archive);
    ck_assert_int_eq(try_in_child("alice"), 0);
    /* The child that held it ended without a word: its lock died with it. */
    ck_assert_int_eq(try_in_child("alice"), 0);
    statement("P-12");
}
END_TEST

START_TEST(another_account_is_refused)
{
    pd_archive_free(pd_test_open(root));
    ck_assert_int_eq(try_in_child("bob"), MB_EXIT_CONFIG);
    ck_assert_int_eq(try_in_child("Alice"), MB_EXIT_CONFIG);
    ck_assert_int_eq(try_in_child("alice"), 0);
}
END_TEST

START_TEST(a_folder_of_other_things_is_no_archive)
{
    g_autofree char *path = g_build_filename(root, "letter.txt", NULL);
    g_autoptr(GError) error = NULL;

    g_mkdir(root, 0700);
    ck_assert(g_file_set_contents(path, "x", 1, NULL));
    ck_assert_int_eq(try_in_child("alice"), MB_EXIT_DATA);
    ck_assert_ptr_null(pd_archive_open_existing(root, PD_OPEN_READ, &error));
    ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA));
    g_clear_error(&error);
    ck_assert_ptr_null(pd_archive_open_existing(path, PD_OPEN_WRITE, &error));
    ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA));
    g_clear_error(&error);
    g_unlink(path);
    g_rmdir(root);
    ck_assert_ptr_null(pd_archive_open_existing(root, PD_OPEN_READ, &error));
    ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_NO_INPUT));
}
END_TEST

START_TEST(batches_are_due_by_count)
{
    PdArchiveOptions options = {.path = root, .host = "h", .user = "u", .batch_messages = 4};
    g_autoptr(PdArchive) archive = pd_archive_open(&options, NULL);

    pd_test_add(archive, 1, 3);
    ck_assert(pd_archive_commit_if_due(archive, NULL));
    ck_assert_uint_eq(pd_archive_waiting(archive), 3);
    ck_assert_int_gt(pd_archive_commit_wait(archive), 0);
    ck_assert_int_le(pd_archive_commit_wait(archive), PD_BATCH_MS);
    pd_test_add(archive, 4, 4);
    ck_assert(pd_archive_commit_if_due(archive, NULL));
    /* That began it; the next ones only look whether it is done. */
    while (pd_archive_waiting(archive) > 0) {
        ck_assert_int_ge(pd_archive_commit_wait(archive), 0);
        ck_assert(pd_archive_commit_if_due(archive, NULL));
    }
    ck_assert_int_eq(pd_archive_commit_wait(archive), -1);
}
END_TEST

static uint64_t rows(void)
{
    g_autoptr(PdArchive) reader = pd_archive_open_existing(root, PD_OPEN_READ, NULL);

    return pd_archive_messages(reader);
}

/* Members whose header stands in the first segment, as another process sees it. */
static uint64_t members_in_file(void)
{
    g_autofree char *path = g_build_filename(root, "open", "000001.tar", NULL);
    g_autofree char *bytes = NULL;
    gsize length = 0;
    uint64_t count = 0;

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        return 0;
    for (gsize at = 0; at + MB_TAR_BLOCK <= length; at += MB_TAR_BLOCK)
        count += g_str_has_prefix(bytes + at, "msgs/") ? 1 : 0;
    return count;
}

/* A batch is on its way to the disk while the next one comes in, and grows while it waits: what is
 * said to be committed is, and what a kill would cost is never more than one batch. */
START_TEST(one_batch_is_committed_beside_the_next)
{
    PdArchiveOptions options = {.path = root, .host = "h", .user = "u", .batch_messages = 4};
    g_autoptr(PdArchive) archive = pd_archive_open(&options, NULL);
    uint64_t bytes, last_bytes = 0;

    for (unsigned i = 1; i <= 200; i++) {
        uint64_t committed;

        pd_test_add(archive, i, i);
        ck_assert(pd_archive_commit_if_due(archive, NULL));
        committed = pd_archive_committed(archive, &bytes);
        ck_assert_uint_eq(committed + pd_archive_waiting(archive), i);
        ck_assert_uint_lt(i - members_in_file(), options.batch_messages);
        ck_assert_uint_ge(bytes, last_bytes);
        if (i % 20 == 0)
            ck_assert_uint_ge(rows(), committed);
        last_bytes = bytes;
    }
    pd_test_commit(archive);
    ck_assert_uint_eq(pd_archive_committed(archive, &bytes), 200);
    ck_assert_uint_eq(rows(), 200);
}
END_TEST

START_TEST(deletion_needs_proof)
{
    static const uint64_t sequences[] = {2, 3, 25};
    g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, kinds[_i].compress);
    g_autoptr(GError) error = NULL;
    PdArchived found;
    bool proven[3] = {false};

    pd_test_session(archive);
    pd_test_add(archive, 1, 30);
    pd_test_commit(archive);
    ck_assert(!pd_archive_intend_delete(archive, sequences, 3, &error));
    ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_INTERNAL));
    g_clear_error(&error);
    ck_assert_msg(pd_archive_prove(archive, sequences, 3, proven, &error), "%s",
                  error != NULL ? error->message : "");
    ck_assert(proven[0] && proven[1] && proven[2]);
    ck_assert(pd_archive_intend_delete(archive, sequences, 3, &error));
    ck_assert(pd_archive_find(archive, "uidl 2", &found, NULL));
    ck_assert_int_eq(found.state, PD_STATE_INTENT);
    ck_assert(pd_archive_record_delete(archive, sequences, 2, PD_STATE_DELETED, &error));
    ck_assert(pd_archive_record_delete(archive, sequences + 2, 1, PD_STATE_UNKNOWN, &error));
    ck_assert(pd_archive_find(archive, "uidl 3", &found, NULL));
    ck_assert_int_eq(found.state, PD_STATE_DELETED);
    ck_assert(pd_archive_find(archive, "uidl 25", &found, NULL));
    ck_assert_int_eq(found.state, PD_STATE_UNKNOWN);
}
END_TEST

START_TEST(what_is_not_on_the_disk_is_not_proven)
{
    static const uint64_t sequences[] = {2, 3, 99};
    g_autoptr(PdArchive) archive = pd_test_open(root);
    g_autoptr(GError) error = NULL;
    bool proven[3] = {true, true, true};
    PdRow row;

    pd_test_add(archive, 1, 5);
    pd_test_commit(archive);
    pd_test_add(archive, 6, 6);
    {
        g_autoptr(PdCatalog) catalog = pd_catalog_open(root, PD_CATALOG_READ, NULL);

        ck_assert_int_eq(pd_catalog_find_sequence(catalog, 3, &row, NULL), MB_NEXT);
        pd_member_clear(&row.member);
    }
    pd_test_spoil(root, "open/000001.tar", (off_t)row.member.data + 10);
    ck_assert(pd_archive_prove(archive, sequences, 3, proven, &error));
    ck_assert(proven[0]);
    ck_assert(!proven[1]);
    ck_assert(!proven[2]);
    ck_assert(!pd_archive_intend_delete(archive, sequences, 2, &error));
    g_clear_error(&error);
    ck_assert(pd_archive_intend_delete(archive, sequences, 1, &error));
}
END_TEST

START_TEST(the_next_listing_settles_what_was_in_doubt)
{
    static const uint64_t sequences[] = {1, 2, 3};
    g_autoptr(PdArchive) archive = pd_test_open(root);
    g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);
    bool proven[3];
    PdArchived found;
    uint64_t settled = 0;

    pd_test_add(archive, 1, 4);
    pd_test_commit(archive);
    ck_assert(pd_archive_prove(archive, sequences, 3, proven, NULL));
    ck_assert(pd_archive_intend_delete(archive, sequences, 3, NULL));
    ck_assert(pd_archive_record_delete(archive, sequences + 1, 1, PD_STATE_UNKNOWN, NULL));
    ck_assert(pd_archive_record_delete(archive, sequences + 2, 1, PD_STATE_DELETED, NULL));
    g_hash_table_add(listed, (void *)"uidl 1");
    g_hash_table_add(listed, (void *)"uidl 4");
    ck_assert(pd_archive_settle(archive, listed, &settled, NULL));
    ck_assert_uint_eq(settled, 2);
    ck_assert(pd_archive_find(archive, "uidl 1", &found, NULL));
    ck_assert_int_eq(found.state, PD_STATE_KEPT);
    ck_assert(pd_archive_find(archive, "uidl 2", &found, NULL));
    ck_assert_int_eq(found.state, PD_STATE_DELETED);
    ck_assert(pd_archive_find(archive, "uidl 4", &found, NULL));
    ck_assert_int_eq(found.state, PD_STATE_KEPT);
}
END_TEST

START_TEST(repeated_uidls_are_counted)
{
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add_one(archive, "same", "one\r\n", 5);
        pd_test_add_one(archive, "same", "two\r\n", 5);
        pd_test_add_one(archive, NULL, "none\r\n", 6);
        ck_assert_uint_eq(pd_archive_copies(archive, "same"), 2);
        pd_test_commit(archive);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_copies(archive, "same"), 2);
        ck_assert_uint_eq(pd_archive_messages(archive), 3);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("popdump-archive");
    TCase *tests = tcase_create("archive");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_goes_in_is_in_the_open_segment);
    tcase_add_test(tests, an_abandoned_message_leaves_nothing);
    tcase_add_test(tests, octets_are_kept_as_they_are);
    tcase_add_test(tests, a_message_beyond_the_memory_is_spooled);
    tcase_add_loop_test(tests, a_sealed_segment_reads_the_same, 0, G_N_ELEMENTS(kinds));
    tcase_add_test(tests, the_same_mailbox_gives_the_same_bytes);
#if !defined(__SANITIZE_ADDRESS__)
    tcase_add_test(tests, memory_does_not_grow_with_a_message);
#endif
    tcase_add_test(tests, a_segment_stays_within_its_size);
    tcase_add_test(tests, a_second_writer_is_told_to_wait);
    tcase_add_test(tests, another_account_is_refused);
    tcase_add_test(tests, a_folder_of_other_things_is_no_archive);
    tcase_add_test(tests, batches_are_due_by_count);
    tcase_add_test(tests, one_batch_is_committed_beside_the_next);
    tcase_add_loop_test(tests, deletion_needs_proof, 0, G_N_ELEMENTS(kinds));
    tcase_add_test(tests, what_is_not_on_the_disk_is_not_proven);
    tcase_add_test(tests, the_next_listing_settles_what_was_in_doubt);
    tcase_add_test(tests, repeated_uidls_are_counted);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
