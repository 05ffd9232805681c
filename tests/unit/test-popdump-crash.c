/* States that a kill, a power failure or a helping hand leaves, and that need no mail to be lost.
 */
#include "pd-archive.h"
#include "suite.h"

#include "rebuild.h"
#include "verify.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define OPEN_1 "open/000001.tar"

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

static void take_finding(void *user, PdFinding finding, const char *object, const char *detail)
{
    g_string_append_printf(user, "%s: %s: %s\n", pd_finding_name(finding), object, detail);
}

static GString *verify(void)
{
    GString *text = g_string_new(NULL);
    PdVerifyOptions options = {take_finding, NULL, text};
    g_autoptr(GError) error = NULL;
    PdVerifySummary summary;

    ck_assert_msg(pd_verify(root, &options, &summary, &error), "%s",
                  error != NULL ? error->message : "");
    return text;
}

static void check_clean(void)
{
    g_autoptr(GString) text = verify();

    ck_assert_str_eq(text->str, "");
}

static bool exists(const char *name)
{
    g_autofree char *path = pd_test_file(root, name);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static char *content(const char *name)
{
    g_autofree char *path = pd_test_file(root, name);
    char *text = NULL;

    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", name);
    return text;
}

static void move(const char *from, const char *to)
{
    g_autofree char *source = pd_test_file(root, from);
    g_autofree char *target = pd_test_file(root, to);

    ck_assert_int_eq(g_rename(source, target), 0);
}

/* The messages first…last, sealed. */
static void make_sealed(PdCompress compress, unsigned first, unsigned last)
{
    g_autoptr(PdArchive) archive = pd_test_open_sized(root, 0, compress);

    pd_test_session(archive);
    pd_test_add(archive, first, last);
    ck_assert(pd_archive_seal(archive, NULL));
}

/* GNU tar refuses an empty file. */
START_TEST(no_open_segment_is_empty)
{
    static const char half[700] = "no header";

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 1);
        ck_assert(!exists(OPEN_1));
    }
    pd_test_append(root, OPEN_1, half, _i == 0 ? 0 : sizeof(half));
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert(!exists(OPEN_1));
        ck_assert_uint_eq(pd_archive_messages(archive), 0);
    }
    check_clean();
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 3);
        pd_test_commit(archive);
    }
    check_clean();
    pd_test_truncate(root, OPEN_1, 0);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_recovery(archive)->lost, 3);
        ck_assert(!exists(OPEN_1));
        pd_test_add(archive, 1, 3);
        pd_test_commit(archive);
    }
    check_clean();
}
END_TEST

/* What mb_file_replace() leaves when it is killed. */
START_TEST(temporaries_of_all_kinds_are_removed)
{
    static const char *const names[] = {
        "seg/000001.tar.gz.part",
        "seg/000001.manifest.jsonl.Ab3xYz",
        "SHA256SUMS.000aaa",
        "damaged/journal-77.torn.Q12345",
    };
    static const char *const others[] = {"SHA256SUMS.old", "seg/notes.abcdef"};
    g_autofree char *sums = NULL;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        pd_test_append(root, names[i], "half", 4);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        pd_test_append(root, others[i], "mine", 4);
    make_sealed(PD_COMPRESS_GZIP, 1, 5);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        ck_assert_msg(!exists(names[i]), "%s", names[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        ck_assert_msg(exists(others[i]), "%s", others[i]);
    sums = content("SHA256SUMS");
    ck_assert_ptr_null(strstr(sums, "notes"));
    check_clean();
}
END_TEST

START_TEST(a_folder_in_seg_stops_no_seal)
{
    g_autofree char *path = pd_test_file(root, "seg/lost+found");

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
    }
    ck_assert_int_eq(g_mkdir(path, 0700), 0);
    make_sealed(PD_COMPRESS_GZIP, 1, 5);
    check_clean();
}
END_TEST

/* The journal's line of a seal did not get to the disk any more: all of the seal is done again,
 * SHA256SUMS and the digest of the manifest too. */
START_TEST(a_seal_without_its_line_is_entered_again)
{
    static const PdCompress kinds[] = {PD_COMPRESS_GZIP, PD_COMPRESS_ZSTD, PD_COMPRESS_NONE};
    g_autofree char *journal = NULL;
    g_autofree char *sums = NULL;
    g_autofree char *manifest = NULL;
    g_autofree char *manifest_again = NULL;
    g_autofree char *before = NULL;
    g_autofree char *path = pd_test_file(root, "journal/000001.jsonl");
    char *line;

    make_sealed(kinds[_i], 1, 30);
    before = pd_test_digests(root);
    manifest = content("seg/000001.manifest.jsonl");
    journal = content("journal/000001.jsonl");
    line = strstr(journal, "\"kind\":\"seal\"");
    ck_assert_ptr_nonnull(line);
    line = g_strrstr_len(journal, line - journal, "\n");
    pd_test_truncate(root, "journal/000001.jsonl", line + 1 - journal);
    {
        g_autofree char *catalog = pd_test_file(root, "catalog.db");
        g_autofree char *made = pd_test_file(root, "SHA256SUMS");

        ck_assert_int_eq(g_unlink(catalog), 0);
        ck_assert_int_eq(g_unlink(made), 0);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 0, kinds[_i]);

        ck_assert_uint_eq(pd_archive_messages(archive), 30);
    }
    check_clean();
    sums = pd_test_digests(root);
    ck_assert_str_eq(sums, before);
    manifest_again = content("seg/000001.manifest.jsonl");
    ck_assert_str_eq(manifest_again, manifest);
}
END_TEST

/* Cut off between the manifest with its frames and the compressed file's name; another --compress
 * the next time. */
START_TEST(frames_of_an_unfinished_zstd_are_forgotten)
{
    g_autofree char *manifest = NULL;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 5);
        pd_test_commit(archive);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 0, PD_COMPRESS_NONE);

        ck_assert(pd_archive_seal(archive, NULL));
    }
    {
        g_autofree char *catalog = pd_test_file(root, "catalog.db");
        g_autofree char *journal = pd_test_file(root, "journal/000001.jsonl");

        ck_assert_int_eq(g_unlink(catalog), 0);
        ck_assert_int_eq(g_unlink(journal), 0);
    }
    pd_test_append(root, "seg/000001.manifest.jsonl", "{\"frames\":[[0,1]]}\n", 19);
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 0, PD_COMPRESS_GZIP);
    }
    manifest = content("seg/000001.manifest.jsonl");
    ck_assert_ptr_null(strstr(manifest, "frames"));
    ck_assert(exists("seg/000001.tar.gz"));
    check_clean();
}
END_TEST

/* The next run has to write to what a seal left in open/. */
START_TEST(only_sealed_segments_are_read_only)
{
    struct stat status;
    g_autofree char *path = pd_test_file(root, "seg/000001.tar");

    make_sealed(PD_COMPRESS_NONE, 1, 5);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0400);
    {
        g_autofree char *catalog = pd_test_file(root, "catalog.db");

        ck_assert_int_eq(g_unlink(catalog), 0);
    }
    ck_assert_int_eq(g_chmod(path, 0600), 0);
    {
        g_autofree char *journal = pd_test_file(root, "journal/000001.jsonl");

        ck_assert_int_eq(g_unlink(journal), 0);
    }
    pd_archive_free(pd_test_open_sized(root, 0, PD_COMPRESS_NONE));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0400);
}
END_TEST

/* Somebody unpacked a sealed segment beside itself, and it did not come out whole. */
START_TEST(a_damaged_plain_twin_costs_no_mail)
{
    g_autoptr(GError) error = NULL;
    PdArchive *archive;
    PdArchiveOptions options = {.path = root, .host = "pop.example.org", .user = "alice"};

    make_sealed(PD_COMPRESS_NONE, 1, 9);
    move("seg/000001.tar", "twin");
    {
        g_autofree char *path = pd_test_file(root, "seg/000001.manifest.jsonl");
        g_autofree char *catalog = pd_test_file(root, "catalog.db");
        g_autofree char *journal = pd_test_file(root, "journal/000001.jsonl");
        g_autofree char *sums = pd_test_file(root, "SHA256SUMS");

        ck_assert_int_eq(g_unlink(path), 0);
        ck_assert_int_eq(g_unlink(catalog), 0);
        ck_assert_int_eq(g_unlink(journal), 0);
        ck_assert_int_eq(g_unlink(sums), 0);
    }
    make_sealed(PD_COMPRESS_GZIP, 1, 9);
    move("twin", "seg/000001.tar");
    switch (_i) {
    case 0: pd_test_truncate(root, "seg/000001.tar", 2000); break;
    case 1: pd_test_spoil(root, "seg/000001.tar", 1100); break;
    case 2: pd_test_truncate(root, "seg/000001.tar", pd_test_size(root, "seg/000001.tar") - 1024);
    }
    archive = pd_archive_open(&options, &error);
    ck_assert(exists("seg/000001.tar.gz"));
    if (_i < 3) {
        ck_assert_ptr_null(archive);
        ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA));
        ck_assert_ptr_nonnull(strstr(error->message, "seg/000001.tar.gz"));
        ck_assert(exists("seg/000001.tar"));
        return;
    }
    /* Whole and the same: the one that the journal tells of stays. */
    ck_assert_ptr_nonnull(archive);
    pd_archive_free(archive);
    ck_assert(!exists("seg/000001.tar"));
    check_clean();
}
END_TEST

/* A short segment with damage before its end: what stands behind is not cut without a copy. */
START_TEST(what_stands_behind_damage_in_a_short_segment_is_kept)
{
    off_t ends[10];
    g_autofree char *name = NULL;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        for (unsigned number = 1; number <= 9; number++) {
            pd_test_add(archive, number, number);
            pd_test_commit(archive);
            ends[number] = pd_test_size(root, OPEN_1);
        }
    }
    pd_test_truncate(root, OPEN_1, ends[8] + 100);
    pd_test_spoil(root, OPEN_1, ends[3] + 20);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_recovery(archive)->lost, 6);
        ck_assert_uint_eq(pd_archive_recovery(archive)->damaged, 1);
    }
    name = g_strdup_printf("damaged/000001-at-%ld.tar", (long)ends[3]);
    ck_assert_msg(exists(name), "%s", name);
    ck_assert_int_eq(pd_test_size(root, name), ends[8] + 100 - ends[3]);
    ck_assert_int_eq(pd_test_size(root, OPEN_1), ends[3]);
}
END_TEST

/* Fetched again by one run, what a missing file took along is no news to the next one. */
START_TEST(what_was_fetched_again_is_not_lost_twice)
{
    make_sealed(PD_COMPRESS_GZIP, 1, 5);
    make_sealed(PD_COMPRESS_GZIP, 6, 9);
    move("seg/000001.tar.gz", "away");
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
        g_autoptr(GPtrArray) before = pd_archive_lost(archive);
        g_autoptr(GPtrArray) after = NULL;

        ck_assert_uint_eq(before->len, 5);
        pd_test_session(archive);
        pd_test_add(archive, 1, 4);
        pd_test_commit(archive);
        after = pd_archive_lost(archive);
        ck_assert_uint_eq(after->len, 1);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
        g_autoptr(GPtrArray) lost = pd_archive_lost(archive);

        ck_assert_uint_eq(pd_archive_recovery(archive)->lost, 5);
        ck_assert_uint_eq(lost->len, 1);
        ck_assert_ptr_nonnull(strstr(lost->pdata[0], "/000000005-"));
    }
}
END_TEST

/* The numbers of messages whose file is away are not given to others: it may be put back. */
START_TEST(numbers_are_never_given_twice)
{
    g_autofree char *dump = NULL;

    make_sealed(PD_COMPRESS_GZIP, 1, 5);
    make_sealed(PD_COMPRESS_GZIP, 6, 9);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_session(archive);
    }
    move("seg/000002.tar.gz", "away");
    pd_archive_free(pd_rebuild(root, NULL));
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_session(archive);
        pd_test_add(archive, 20, 22);
        pd_test_commit(archive);
    }
    move("away", "seg/000002.tar.gz");
    pd_archive_free(pd_rebuild(root, NULL));
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_messages(archive), 12);
    }
    check_clean();
}
END_TEST

/* One line for all of them, as for an interrupted fetch. */
START_TEST(what_waits_for_its_commit_is_one_note)
{
    g_autofree char *copy = g_build_filename(folder, "copy", NULL);
    g_autofree char *grown = NULL;
    g_autoptr(GString) text = NULL;
    g_autofree char *path = pd_test_file(root, OPEN_1);
    gsize length;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 2);
        pd_test_commit(archive);
    }
    pd_test_copy(root, copy);
    {
        g_autoptr(PdArchive) archive = pd_test_open(copy);
        g_autofree char *grown_path = pd_test_file(copy, OPEN_1);

        pd_test_add(archive, 3, 9);
        pd_test_commit(archive);
        ck_assert(g_file_get_contents(grown_path, &grown, &length, NULL));
    }
    ck_assert(g_file_set_contents(path, grown, (gssize)length, NULL));
    text = verify();
    ck_assert_str_eq(text->str, "note: open/000001.tar: 7 messages not committed yet: the next "
                                "fetch adopts them\n");
}
END_TEST

/* Nobody's files are read on the word of SHA256SUMS. */
START_TEST(sums_of_other_peoples_files_are_refused)
{
    static const char line[] =
        "0000000000000000000000000000000000000000000000000000000000000000  seg/../../secret\n";
    g_autoptr(GString) text = NULL;

    make_sealed(PD_COMPRESS_GZIP, 1, 2);
    pd_test_append(root, "SHA256SUMS", line, strlen(line));
    text = verify();
    ck_assert_ptr_nonnull(strstr(text->str, "changed: SHA256SUMS: a line that is no sum"));
}
END_TEST

/* Nothing but a rebuild's manifest of a segment that is all damage is as short. */
START_TEST(empty_files_are_read_as_such)
{
    static const char *const names[] = {"seg/000001.manifest.jsonl", "SHA256SUMS"};
    g_autoptr(GString) text = NULL;

    make_sealed(PD_COMPRESS_GZIP, 1, 2);
    {
        g_autofree char *path = pd_test_file(root, names[_i]);

        ck_assert_int_eq(g_unlink(path), 0);
    }
    pd_test_append(root, names[_i], "", 0);
    text = verify();
    ck_assert(_i == 1 || strstr(text->str, "line 1 does not fit its segment") != NULL);
    make_sealed(PD_COMPRESS_GZIP, 3, 4);
}
END_TEST

/* The segment's file is not the one that was written: whole members, of the same places and
 * numbers, and not what was archived. */
START_TEST(another_message_in_its_place_is_no_proof)
{
    g_autofree char *other = g_build_filename(folder, "other", NULL);
    g_autofree char *from = pd_test_file(other, OPEN_1);
    g_autofree char *to = pd_test_file(root, OPEN_1);
    uint64_t sequence = 1;
    bool proven = true;
    GError *error = NULL;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add_one(archive, "id", "Subject: a\r\n\r\n", 14);
        pd_test_commit(archive);
        ck_assert(pd_archive_prove(archive, &sequence, 1, &proven, &error));
        ck_assert(proven);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(other);

        pd_test_add_one(archive, "id", "Subject: b\r\n\r\n", 14);
        pd_test_commit(archive);
    }
    ck_assert_int_eq(pd_test_size(root, OPEN_1), pd_test_size(other, OPEN_1));
    ck_assert_int_eq(g_rename(from, to), 0);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert(pd_archive_prove(archive, &sequence, 1, &proven, &error));
        ck_assert(!proven);
    }
}
END_TEST

/* The last look counts. */
START_TEST(a_proof_does_not_outlive_the_message)
{
    const uint64_t sequence = 1;
    bool proven = false;
    g_autoptr(PdArchive) archive = pd_test_open(root);

    pd_test_add(archive, 1, 1);
    pd_test_commit(archive);
    ck_assert(pd_archive_prove(archive, &sequence, 1, &proven, NULL));
    ck_assert(proven);
    pd_test_spoil(root, OPEN_1, 1600);
    ck_assert(pd_archive_prove(archive, &sequence, 1, &proven, NULL));
    ck_assert(!proven);
    ck_assert(!pd_archive_intend_delete(archive, &sequence, 1, NULL));
}
END_TEST

START_TEST(a_short_sealed_segment_is_told)
{
    make_sealed(PD_COMPRESS_NONE, 1, 9);
    pd_test_truncate(root, "seg/000001.tar", 3000);
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 0, PD_COMPRESS_NONE);
        g_autoptr(GPtrArray) lost = pd_archive_lost(archive);

        ck_assert_uint_ge(pd_archive_recovery(archive)->lost, 5);
        ck_assert_uint_eq(lost->len, pd_archive_recovery(archive)->lost);
        ck_assert_int_eq(pd_test_size(root, "seg/000001.tar"), 3000);
    }
}
END_TEST

/* The disk is full within a message: what is in open/ ends with a whole one. */
START_TEST(a_failed_write_leaves_no_half_message)
{
    struct rlimit before;
    struct rlimit limit;
    off_t whole = 0;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        if (_i == 1) {
            pd_test_add(archive, 1, 3);
            pd_test_commit(archive);
            whole = pd_test_size(root, OPEN_1);
        }
        pd_test_add(archive, 4, 9);
        limit.rlim_cur = (rlim_t)whole + 1800;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert(!pd_archive_commit(archive, NULL));
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    }
    if (_i == 1)
        ck_assert_int_eq(pd_test_size(root, OPEN_1), whole);
    else
        ck_assert(!exists(OPEN_1));
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_messages(archive), _i == 1 ? 3 : 0);
    }
    check_clean();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("popdump-crash");
    TCase *tests = tcase_create("crash");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, no_open_segment_is_empty, 0, 2);
    tcase_add_test(tests, temporaries_of_all_kinds_are_removed);
    tcase_add_test(tests, a_folder_in_seg_stops_no_seal);
    tcase_add_loop_test(tests, a_seal_without_its_line_is_entered_again, 0, 3);
    tcase_add_test(tests, frames_of_an_unfinished_zstd_are_forgotten);
    tcase_add_test(tests, only_sealed_segments_are_read_only);
    tcase_add_loop_test(tests, a_damaged_plain_twin_costs_no_mail, 0, 4);
    tcase_add_test(tests, what_stands_behind_damage_in_a_short_segment_is_kept);
    tcase_add_test(tests, what_was_fetched_again_is_not_lost_twice);
    tcase_add_test(tests, numbers_are_never_given_twice);
    tcase_add_test(tests, what_waits_for_its_commit_is_one_note);
    tcase_add_test(tests, sums_of_other_peoples_files_are_refused);
    tcase_add_loop_test(tests, empty_files_are_read_as_such, 0, 2);
    tcase_add_test(tests, another_message_in_its_place_is_no_proof);
    tcase_add_test(tests, a_proof_does_not_outlive_the_message);
    tcase_add_test(tests, a_short_sealed_segment_is_told);
    tcase_add_loop_test(tests, a_failed_write_leaves_no_half_message, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
