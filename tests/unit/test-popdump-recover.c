/* What opening makes of an archive after crashes, restores and damage. */
#include "pd-archive.h"
#include "statement.h"
#include "suite.h"

#include "rebuild.h"
#include "verify.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define OPEN_1 "open/000001.tar"

static char *folder;
static char *root;
static char *work;

static void setup(void)
{
    folder = pd_test_folder();
    root = g_build_filename(folder, "archive", NULL);
    work = g_build_filename(folder, "work", NULL);
}

static void teardown(void)
{
    pd_test_remove(folder);
    g_free(folder);
    g_free(root);
    g_free(work);
}

static void remove_catalog(const char *path)
{
    static const char *const names[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = pd_test_file(path, names[i]);

        g_unlink(file);
    }
}

static void copy_catalog(const char *from, const char *to)
{
    g_autofree char *source = pd_test_file(from, "catalog.db");
    g_autofree char *target = pd_test_file(to, "catalog.db");
    g_autofree char *content = NULL;
    gsize length;

    remove_catalog(to);
    ck_assert(g_file_get_contents(source, &content, &length, NULL));
    ck_assert(g_file_set_contents(target, content, (gssize)length, NULL));
}

static void print_finding(void *user, PdFinding finding, const char *object, const char *detail)
{
    if (finding != PD_FINDING_NOTE)
        g_string_append_printf(user, "%s: %s: %s\n", pd_finding_name(finding), object, detail);
}

static void check_clean(const char *path)
{
    g_autoptr(GString) text = g_string_new(NULL);
    PdVerifyOptions options = {print_finding, NULL, text};
    g_autoptr(GError) error = NULL;
    PdVerifySummary summary;

    ck_assert_msg(pd_verify(path, &options, &summary, &error), "%s",
                  error != NULL ? error->message : "");
    ck_assert_msg(text->len == 0, "%s", text->str);
}

/* Every message is known, and with the content it had. */
static void check_messages(PdArchive *archive, unsigned first, unsigned last)
{
    for (unsigned number = first; number <= last; number++) {
        g_autofree char *uidl = pd_test_uidl(number);
        PdArchived found;
        bool proven = false;

        ck_assert_msg(pd_archive_copies(archive, uidl) == 1, "%s", uidl);
        ck_assert(pd_archive_find(archive, uidl, &found, NULL));
        ck_assert(pd_archive_prove(archive, &found.sequence, 1, &proven, NULL));
        ck_assert_msg(proven, "%s", uidl);
    }
}

/* Four messages committed, four more that reached the segment only: cut at every octet. */
START_TEST(whole_messages_of_a_torn_tail_are_adopted)
{
    off_t committed, length;
    off_t ends[9];
    unsigned cut_seen = 0;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_session(archive);
        pd_test_add(archive, 1, 4);
        pd_test_commit(archive);
        committed = pd_test_size(root, OPEN_1);
    }
    pd_test_copy(root, work);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        for (unsigned number = 5; number <= 8; number++) {
            pd_test_add(archive, number, number);
            pd_test_commit(archive);
            ends[number] = pd_test_size(root, OPEN_1);
        }
    }
    length = ends[8];
    /* The catalog that knows of four, with ever less of the eight. */
    for (off_t cut = length; cut >= committed; cut--) {
        g_autofree char *path = pd_test_file(root, OPEN_1);
        g_autofree char *other = pd_test_file(work, OPEN_1);
        g_autofree char *content = NULL;
        PdArchive *archive;
        const PdRecovery *recovery;
        unsigned whole = 4;
        gsize size;

        while (whole < 8 && ends[whole + 1] <= cut)
            whole++;
        ck_assert(g_file_get_contents(path, &content, &size, NULL));
        ck_assert(g_file_set_contents(other, content, (gssize)cut, NULL));
        archive = pd_test_open(work);
        recovery = pd_archive_recovery(archive);
        ck_assert_msg(recovery->adopted == whole - 4, "cut at %ld: %" G_GUINT64_FORMAT " adopted",
                      (long)cut, recovery->adopted);
        ck_assert_msg(recovery->cut == (uint64_t)(cut - (whole == 4 ? committed : ends[whole])),
                      "cut at %ld: %" G_GUINT64_FORMAT " cut", (long)cut, recovery->cut);
        ck_assert_uint_eq(recovery->lost + recovery->damaged, 0);
        ck_assert_uint_eq(pd_archive_messages(archive), whole);
        cut_seen += recovery->cut > 0;
        /* The rest is fetched again, and the segment is what it would have been. */
        pd_test_add(archive, whole + 1, 8);
        pd_test_commit(archive);
        pd_archive_free(archive);
        ck_assert_int_eq(pd_test_size(work, OPEN_1), length);
        /* Back to the catalog of four. */
        pd_test_remove(work);
        {
            g_autofree char *base = g_build_filename(folder, "base", NULL);

            if (!g_file_test(base, G_FILE_TEST_EXISTS)) {
                g_autoptr(PdArchive) fresh = pd_test_open(base);

                pd_test_session(fresh);
                pd_test_add(fresh, 1, 4);
                pd_test_commit(fresh);
            }
            pd_test_copy(base, work);
        }
    }
    ck_assert_uint_gt(cut_seen, 6000);
    statement("P-1");
}
END_TEST

START_TEST(an_older_catalog_loses_nothing)
{
    static const uint64_t deleted[] = {3, 41};
    g_autofree char *old = g_build_filename(folder, "old", NULL);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    bool proven[2];

    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);

        pd_test_session(archive);
        pd_test_add(archive, 1, 5);
        pd_test_commit(archive);
    }
    pd_test_copy(root, old);
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);

        pd_test_session(archive);
        pd_test_add(archive, 6, 50);
        pd_test_commit(archive);
        ck_assert(pd_archive_prove(archive, deleted, 2, proven, NULL));
        ck_assert(pd_archive_intend_delete(archive, deleted, 2, NULL));
        ck_assert(pd_archive_record_delete(archive, deleted, 2, PD_STATE_DELETED, NULL));
    }
    before = pd_test_dump(root);
    ck_assert_ptr_nonnull(strstr(before, "\n3|1"));
    copy_catalog(old, root);
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);

        ck_assert_uint_eq(pd_archive_messages(archive), 50);
        ck_assert_uint_eq(pd_archive_recovery(archive)->adopted, 45);
        ck_assert_uint_eq(pd_archive_recovery(archive)->cut, 0);
        check_messages(archive, 1, 50);
    }
    after = pd_test_dump(root);
    ck_assert_str_eq(after, before);
    check_clean(root);
}
END_TEST

static void fill_with_everything(const char *path, PdCompress compress)
{
    static const uint64_t sequences[] = {1, 2, 3, 4};
    g_autoptr(PdArchive) archive = pd_test_open_sized(path, 20000, compress);
    bool proven[4];

    pd_test_session(archive);
    pd_test_add(archive, 1, 30);
    pd_test_commit(archive);
    ck_assert(pd_archive_end_session(archive, &(PdSessionEnd){.fetched = 30, .clean = true}, NULL));
    pd_test_session(archive);
    pd_test_add(archive, 31, 60);
    pd_test_add_one(archive, "\xff odd", "x\r\n", 3);
    pd_test_add_one(archive, NULL, "y\r\n", 3);
    pd_test_commit(archive);
    ck_assert(pd_archive_prove(archive, sequences, 4, proven, NULL));
    ck_assert(pd_archive_intend_delete(archive, sequences, 4, NULL));
    ck_assert(pd_archive_record_delete(archive, sequences, 2, PD_STATE_DELETED, NULL));
    ck_assert(pd_archive_record_delete(archive, sequences + 2, 1, PD_STATE_KEPT, NULL));
}

START_TEST(a_rebuilt_catalog_has_the_same_rows)
{
    static const PdCompress kinds[] = {PD_COMPRESS_GZIP, PD_COMPRESS_ZSTD, PD_COMPRESS_NONE};
    g_autofree char *before = NULL;
    g_autofree char *digests = NULL;
    g_autoptr(GError) error = NULL;

    fill_with_everything(root, kinds[_i]);
    before = pd_test_dump(root);
    digests = pd_test_digests(root);
    check_clean(root);
    /* By rebuild, by opening without one, and by rebuild over a file that is no catalog. */
    for (int way = 0; way < 3; way++) {
        g_autofree char *after = NULL;
        g_autofree char *digests_after = NULL;
        PdArchive *archive;

        remove_catalog(root);
        if (way == 2)
            pd_test_append(root, "catalog.db", "this is no database at all", 26);
        archive = way == 1 ? pd_test_open(root) : pd_rebuild(root, &error);
        ck_assert_msg(archive != NULL, "%s", error != NULL ? error->message : "");
        ck_assert_uint_eq(pd_archive_messages(archive), 62);
        pd_archive_free(archive);
        after = pd_test_dump(root);
        digests_after = pd_test_digests(root);
        ck_assert_str_eq(after, before);
        ck_assert_str_eq(digests_after, digests);
        check_clean(root);
    }
    if (_i == 0)
        statement("P-14");
}
END_TEST

START_TEST(rebuild_makes_lost_manifests_and_sums_anew)
{
    g_autofree char *manifest = pd_test_file(root, "seg/000002.manifest.jsonl");
    g_autofree char *sums = pd_test_file(root, PD_SUMS_NAME);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    fill_with_everything(root, PD_COMPRESS_GZIP);
    before = pd_test_digests(root);
    g_unlink(manifest);
    g_unlink(sums);
    pd_archive_free(pd_rebuild(root, &error));
    after = pd_test_digests(root);
    ck_assert_str_eq(after, before);
    ck_assert(g_file_test(sums, G_FILE_TEST_EXISTS));
    check_clean(root);
}
END_TEST

/* The tail of the open segment is zeros: what a file system leaves after the power went. */
START_TEST(a_tail_of_zeros_is_cut)
{
    static const char zeros[5000];
    static const size_t lengths[] = {1, 511, 512, 513, 1024, 1025, 5000};
    off_t whole;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 5);
        pd_test_commit(archive);
        whole = pd_test_size(root, OPEN_1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(PdArchive) archive = NULL;

        pd_test_append(root, OPEN_1, zeros, lengths[i]);
        archive = pd_test_open(root);
        ck_assert_int_eq(pd_test_size(root, OPEN_1), whole);
        ck_assert_uint_eq(pd_archive_recovery(archive)->cut, lengths[i]);
        ck_assert_uint_eq(pd_archive_recovery(archive)->damaged, 0);
    }
    check_clean(root);
}
END_TEST

/* Octets of an uncommitted member are spoilt: it goes to damaged/, those around it are kept. */
START_TEST(damage_in_the_middle_costs_one_message)
{
    off_t ends[7];
    off_t spot;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 2);
        pd_test_commit(archive);
    }
    pd_test_copy(root, work);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        for (unsigned number = 3; number <= 6; number++) {
            pd_test_add(archive, number, number);
            pd_test_commit(archive);
            ends[number] = pd_test_size(root, OPEN_1);
        }
    }
    copy_catalog(work, root);
    /* Of message 4: its pax header, the pax record, its header, its content. */
    spot = ends[3] + (off_t[]){20, 512 + 30, 1024 + 100, 1536 + 5}[_i];
    pd_test_spoil(root, OPEN_1, spot);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
        const PdRecovery *recovery = pd_archive_recovery(archive);
        g_autofree char *digests = pd_test_digests(root);

        ck_assert_uint_eq(recovery->adopted, 3);
        ck_assert_uint_ge(recovery->damaged, 1);
        ck_assert_uint_eq(recovery->lost, 0);
        ck_assert_ptr_nonnull(strstr(digests, "damaged/000001-at-"));
        check_messages(archive, 1, 3);
        check_messages(archive, 5, 6);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 4"), 0);
        pd_test_add(archive, 4, 4);
        pd_test_commit(archive);
        check_messages(archive, 1, 6);
    }
    check_clean(root);
}
END_TEST

START_TEST(a_segment_shorter_than_the_catalog_says_is_told)
{
    g_autofree char *dump = NULL;
    g_autofree char *dump_after = NULL;
    off_t end_3;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_session(archive);
        pd_test_add(archive, 1, 3);
        pd_test_commit(archive);
        end_3 = pd_test_size(root, OPEN_1);
        pd_test_add(archive, 4, 6);
        pd_test_commit(archive);
    }
    pd_test_truncate(root, OPEN_1, end_3 + 700);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
        g_autoptr(GPtrArray) lost = pd_archive_lost(archive);
        g_autoptr(GPtrArray) left = NULL;

        ck_assert_uint_eq(pd_archive_recovery(archive)->lost, 3);
        ck_assert_uint_eq(lost->len, 3);
        ck_assert_msg(strstr(lost->pdata[0], "/000000004-") != NULL, "%s", (char *)lost->pdata[0]);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 3"), 1);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 4"), 0);
        /* The server still has two of them; their numbers are new. */
        pd_test_add(archive, 4, 5);
        left = pd_archive_lost(archive);
        ck_assert_uint_eq(left->len, 1);
        ck_assert_msg(strstr(left->pdata[0], "/000000006-") != NULL, "%s", (char *)left->pdata[0]);
        pd_test_commit(archive);
        check_messages(archive, 1, 5);
    }
    dump = pd_test_dump(root);
    ck_assert_ptr_nonnull(strstr(dump, "\n7|1|"));
    pd_archive_free(pd_rebuild(root, NULL));
    dump_after = pd_test_dump(root);
    ck_assert_str_eq(dump_after, dump);
}
END_TEST

START_TEST(a_missing_segment_is_told_until_it_is_back)
{
    g_autofree char *path = pd_test_file(root, "seg/000002.tar.gz");
    g_autofree char *away = g_build_filename(folder, "away", NULL);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    fill_with_everything(root, PD_COMPRESS_GZIP);
    before = pd_test_dump(root);
    ck_assert_int_eq(g_rename(path, away), 0);
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);

        ck_assert_uint_gt(pd_archive_recovery(archive)->lost, 5);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 1"), 1);
        ck_assert_uint_eq(pd_archive_copies(archive, "uidl 12"), 0);
    }
    ck_assert_int_eq(g_rename(away, path), 0);
    {
        g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);

        ck_assert_uint_eq(pd_archive_recovery(archive)->lost, 0);
        check_messages(archive, 1, 60);
    }
    after = pd_test_dump(root);
    ck_assert_str_eq(after, before);
}
END_TEST

/* Where sealing may stop: the folder as it is then, by hand. */
START_TEST(an_interrupted_seal_is_finished)
{
    g_autofree char *want = NULL;
    g_autofree char *got = NULL;
    g_autofree char *plain = pd_test_file(root, "seg/000001.tar");
    g_autofree char *packed = pd_test_file(root, "seg/000001.tar.gz");
    g_autofree char *part = pd_test_file(root, "seg/000001.tar.gz.part");
    g_autofree char *manifest = pd_test_file(root, "seg/000001.manifest.jsonl");
    g_autofree char *open_path = pd_test_file(root, OPEN_1);
    static const char end_blocks[1024];

    {
        g_autoptr(PdArchive) archive = pd_test_open(work);

        pd_test_add(archive, 1, 12);
        ck_assert(pd_archive_seal(archive, NULL));
        want = pd_test_digests(work);
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add(archive, 1, 12);
        pd_test_commit(archive);
    }
    switch (_i) {
    case 0: /* the manifest stands, nothing else */
        pd_test_append(root, "seg/000001.manifest.jsonl", "{}\n", 3);
        break;
    case 1: /* and the end blocks */
        pd_test_append(root, OPEN_1, end_blocks, 1024);
        pd_test_append(root, "seg/000001.manifest.jsonl", "{}\n", 3);
        break;
    case 2: /* renamed */
        pd_test_append(root, OPEN_1, end_blocks, 1024);
        ck_assert_int_eq(g_rename(open_path, plain), 0);
        break;
    case 3: /* compressed to a temporary name */
        pd_test_append(root, OPEN_1, end_blocks, 1024);
        ck_assert_int_eq(g_rename(open_path, plain), 0);
        pd_test_append(root, "seg/000001.tar.gz.part", "half", 4);
        break;
    default: /* both stand: the plain one wins */
        pd_test_append(root, OPEN_1, end_blocks, 1024);
        ck_assert_int_eq(g_rename(open_path, plain), 0);
        pd_test_append(root, "seg/000001.tar.gz", "not to be trusted", 17);
        break;
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_messages(archive), 12);
        ck_assert(pd_archive_seal(archive, NULL));
        check_messages(archive, 1, 12);
    }
    got = pd_test_digests(root);
    ck_assert_str_eq(got, want);
    ck_assert(g_file_test(packed, G_FILE_TEST_EXISTS));
    ck_assert(!g_file_test(plain, G_FILE_TEST_EXISTS));
    ck_assert(!g_file_test(part, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(manifest, G_FILE_TEST_EXISTS));
    check_clean(root);
}
END_TEST

START_TEST(an_unfinished_journal_line_is_set_aside)
{
    g_autofree char *digests = NULL;

    fill_with_everything(root, PD_COMPRESS_GZIP);
    pd_test_append(root, PD_JOURNAL_NAME, "{\"previous\":\"12", 15);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_uint_eq(pd_archive_recovery(archive)->notes->len, 1);
        pd_test_session(archive);
    }
    digests = pd_test_digests(root);
    ck_assert_ptr_nonnull(strstr(digests, "damaged/journal-"));
    check_clean(root);
}
END_TEST

START_TEST(a_journal_that_lost_lines_stops_the_run)
{
    PdArchiveOptions options = {.path = root, .host = "pop.example.org", .user = "alice"};
    g_autoptr(GError) error = NULL;
    g_autoptr(PdArchive) archive = NULL;

    fill_with_everything(root, PD_COMPRESS_GZIP);
    pd_test_truncate(root, PD_JOURNAL_NAME, 300);
    ck_assert_ptr_null(pd_archive_open(&options, &error));
    ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_DATA));
    ck_assert_msg(strstr(error->message, "journal") != NULL &&
                      strstr(error->message, "popdump rebuild") != NULL,
                  "%s", error->message);
    g_clear_error(&error);
    /* Rebuild accepts it; the messages are all there. */
    archive = pd_rebuild(root, &error);
    ck_assert_msg(archive != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_uint_eq(pd_archive_messages(archive), 62);
    check_messages(archive, 1, 60);
}
END_TEST

START_TEST(a_broken_chain_is_cut_by_rebuild)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PdArchive) archive = NULL;
    g_autofree char *digests = NULL;

    fill_with_everything(root, PD_COMPRESS_GZIP);
    pd_test_spoil(root, PD_JOURNAL_NAME, 1000);
    archive = pd_rebuild(root, &error);
    ck_assert_msg(archive != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_uint_ge(pd_archive_recovery(archive)->damaged, 1);
    check_messages(archive, 1, 60);
    digests = pd_test_digests(root);
    ck_assert_ptr_nonnull(strstr(digests, "damaged/journal-"));
}
END_TEST

START_TEST(an_archive_without_a_journal_is_bound_anew)
{
    g_autofree char *path = pd_test_file(root, PD_JOURNAL_NAME);
    g_autoptr(GError) error = NULL;

    fill_with_everything(root, PD_COMPRESS_GZIP);
    g_unlink(path);
    pd_archive_free(pd_rebuild(root, &error));
    ck_assert_msg(error == NULL, "%s", error != NULL ? error->message : "");
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        ck_assert_str_eq(pd_archive_user(archive), "alice");
        check_messages(archive, 1, 60);
    }
}
END_TEST

/* The file system takes no more: nothing is committed, nothing more is written, and nothing that
 * was is lost. */
START_TEST(a_full_disk_ends_the_run)
{
    g_autofree char *big = g_malloc(1 << 20);
    struct rlimit limit, before;
    g_autoptr(GError) error = NULL;
    const uint64_t first = 1;
    bool proven;

    memset(big, 'x', 1 << 20);
    signal(SIGXFSZ, SIG_IGN);
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_session(archive);
        pd_test_add(archive, 1, 5);
        pd_test_add_one(archive, "big", big, 1 << 20);
        pd_test_commit(archive);
        getrlimit(RLIMIT_FSIZE, &before);
        limit = before;
        limit.rlim_cur = (rlim_t)pd_test_size(root, OPEN_1) + 10000;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        pd_test_add(archive, 6, 20);
        ck_assert(!pd_archive_commit(archive, &error));
        ck_assert_msg(mb_exit_of(error) == MB_EXIT_IO, "%s", error->message);
        ck_assert_ptr_nonnull(strstr(error->message, OPEN_1));
        setrlimit(RLIMIT_FSIZE, &before);
        /* There is room again; this run does not trust it. */
        g_clear_error(&error);
        ck_assert(!pd_archive_begin_message(archive, &error));
        ck_assert_int_eq(mb_exit_of(error), MB_EXIT_IO);
        ck_assert(!pd_archive_commit(archive, NULL));
        ck_assert(!pd_archive_seal(archive, NULL));
        ck_assert(!pd_archive_prove(archive, &first, 1, &proven, NULL));
        ck_assert(!pd_archive_intend_delete(archive, &first, 1, NULL));
        ck_assert(!pd_archive_end_session(archive, &(PdSessionEnd){0}, NULL));
    }
    {
        g_autoptr(PdArchive) archive = pd_test_open(root);
        uint64_t messages = pd_archive_messages(archive);

        ck_assert_uint_eq(messages, 6 + pd_archive_recovery(archive)->adopted);
        ck_assert_uint_lt(messages, 21);
        ck_assert_uint_eq(pd_archive_recovery(archive)->cut, 0);
        check_messages(archive, 1, 5);
    }
    check_clean(root);
    statement("P-3");
}
END_TEST

START_TEST(an_interrupted_beginning_is_begun_again)
{
    static const char *const names[] = {"seg", "open", "journal", "damaged", "lock"};

    /* The folder, and ever more of what stands in it first. */
    g_mkdir(root, 0700);
    for (size_t made = 0; made <= G_N_ELEMENTS(names); made++) {
        pd_test_copy(root, work);
        {
            g_autoptr(PdArchive) archive = pd_test_open(work);

            pd_test_add(archive, 1, 3);
            pd_test_commit(archive);
        }
        check_clean(work);
        pd_test_remove(work);
        if (made < G_N_ELEMENTS(names) - 1) {
            g_autofree char *path = pd_test_file(root, names[made]);

            g_mkdir(path, 0700);
        } else if (made < G_N_ELEMENTS(names)) {
            pd_test_append(root, names[made], "", 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("popdump-recover");
    TCase *tests = tcase_create("recover");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, whole_messages_of_a_torn_tail_are_adopted);
    tcase_add_test(tests, an_older_catalog_loses_nothing);
    tcase_add_loop_test(tests, a_rebuilt_catalog_has_the_same_rows, 0, 3);
    tcase_add_test(tests, rebuild_makes_lost_manifests_and_sums_anew);
    tcase_add_test(tests, a_tail_of_zeros_is_cut);
    tcase_add_loop_test(tests, damage_in_the_middle_costs_one_message, 0, 4);
    tcase_add_test(tests, a_segment_shorter_than_the_catalog_says_is_told);
    tcase_add_test(tests, a_missing_segment_is_told_until_it_is_back);
    tcase_add_loop_test(tests, an_interrupted_seal_is_finished, 0, 5);
    tcase_add_test(tests, an_unfinished_journal_line_is_set_aside);
    tcase_add_test(tests, a_journal_that_lost_lines_stops_the_run);
    tcase_add_test(tests, a_broken_chain_is_cut_by_rebuild);
    tcase_add_test(tests, an_archive_without_a_journal_is_bound_anew);
    tcase_add_test(tests, a_full_disk_ends_the_run);
    tcase_add_test(tests, an_interrupted_beginning_is_begun_again);
    tcase_set_timeout(tests, 110);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
