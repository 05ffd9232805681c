/* verify finds each kind of damage; extract hands out only what is whole. */
#include "pd-archive.h"

#include "extract.h"
#include "suite.h"
#include "verify.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

static char *folder;
static char *root;
static char *pristine;

/* Made once: three sealed segments and an open one, 40 messages. */
static void make_pristine(void)
{
    g_autoptr(PdArchive) archive = NULL;

    folder = pd_test_folder();
    root = g_build_filename(folder, "archive", NULL);
    pristine = g_build_filename(folder, "pristine", NULL);
    archive = pd_test_open_sized(pristine, 20000, PD_COMPRESS_GZIP);
    pd_test_session(archive);
    pd_test_add(archive, 1, 40);
    pd_test_commit(archive);
}

static void remove_pristine(void)
{
    pd_test_remove(folder);
    g_free(folder);
    g_free(root);
    g_free(pristine);
}

static void setup(void)
{
    pd_test_remove(root); /* of a test that failed */
    pd_test_copy(pristine, root);
}

static void teardown(void)
{
    pd_test_remove(root);
}

static void take_finding(void *user, PdFinding finding, const char *object, const char *detail)
{
    g_string_append_printf(user, "%s: %s: %s\n", pd_finding_name(finding), object, detail);
}

static GString *verify(PdVerifySummary *summary)
{
    GString *text = g_string_new(NULL);
    PdVerifyOptions options = {take_finding, NULL, text};
    g_autoptr(GError) error = NULL;

    ck_assert_msg(pd_verify(root, &options, summary, &error), "%s",
                  error != NULL ? error->message : "");
    return text;
}

static void remove_file(const char *name)
{
    g_autofree char *path = pd_test_file(root, name);

    ck_assert_int_eq(g_unlink(path), 0);
}

static void replace(const char *name, const char *from, const char *to)
{
    g_autofree char *path = pd_test_file(root, name);
    g_autofree char *content = NULL;
    g_autoptr(GString) text = NULL;

    ck_assert(g_file_get_contents(path, &content, NULL, NULL));
    text = g_string_new(content);
    ck_assert_msg(g_string_replace(text, from, to, 1) == 1, "%s is not in %s", from, name);
    ck_assert(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
}

/* ---- the damages ---- */

static void nothing(void)
{
}

static void flip_in_open(void)
{
    pd_test_spoil(root, "open/000005.tar", 1600);
}

static void flip_in_open_header(void)
{
    pd_test_spoil(root, "open/000005.tar", 1100);
}

static void flip_in_sealed(void)
{
    pd_test_spoil(root, "seg/000002.tar.gz", 700);
}

static void cut_sealed(void)
{
    pd_test_truncate(root, "seg/000002.tar.gz", 600);
}

static void cut_open(void)
{
    pd_test_truncate(root, "open/000005.tar", pd_test_size(root, "open/000005.tar") - 3000);
}

static void cut_open_between_members(void)
{
    g_autoptr(PdCatalog) catalog = pd_catalog_open(root, PD_CATALOG_READ, NULL);
    PdRow row;

    ck_assert_int_eq(pd_catalog_find_sequence(catalog, 40, &row, NULL), MB_NEXT);
    pd_member_clear(&row.member);
    pd_test_truncate(root, "open/000005.tar", (off_t)row.member.offset);
}

static void zero_open_tail(void)
{
    g_autofree char *zeros = g_malloc0(3000);
    off_t size = pd_test_size(root, "open/000005.tar");

    pd_test_truncate(root, "open/000005.tar", size - 3000);
    pd_test_append(root, "open/000005.tar", zeros, 3000);
}

static void torn_open_tail(void)
{
    pd_test_append(root, "open/000005.tar", "msgs/2021/03", 12);
}

static void no_segment(void)
{
    remove_file("seg/000003.tar.gz");
}

static void no_last_sealed_segment(void)
{
    remove_file("seg/000004.tar.gz");
    remove_file("seg/000004.manifest.jsonl");
    remove_file("open/000005.tar");
    remove_file("catalog.db");
}

static void no_open_segment(void)
{
    remove_file("open/000005.tar");
}

static void no_manifest(void)
{
    remove_file("seg/000001.manifest.jsonl");
}

static void other_manifest(void)
{
    replace("seg/000001.manifest.jsonl", "\"uidl\":\"uidl 4\"", "\"uidl\":\"uidl 5\"");
}

static void no_journal(void)
{
    remove_file(PD_JOURNAL_NAME);
}

static void other_journal(void)
{
    replace(PD_JOURNAL_NAME, "127.0.0.1:995", "127.0.0.2:995");
}

static void short_journal(void)
{
    pd_test_truncate(root, PD_JOURNAL_NAME, pd_test_size(root, PD_JOURNAL_NAME) - 5);
}

static void no_catalog(void)
{
    remove_file("catalog.db");
}

static void no_database(void)
{
    remove_file("catalog.db");
    pd_test_append(root, "catalog.db", "no database, but long enough to look at", 39);
}

static void extra_file(void)
{
    replace(PD_SUMS_NAME, "seg/000001.tar.gz", "seg/000009.tar.gz");
}

static void foreign_member(void)
{
    GString *tar = g_string_new(NULL);
    MbTarMember member = {.path = "evil/x", .size = 2};

    mb_tar_append_header(tar, &member, NULL);
    g_string_append(tar, "x\n");
    mb_tar_append_padding(tar, 2);
    pd_test_append(root, "open/000005.tar", tar->str, tar->len);
    g_string_free(tar, TRUE);
}

static const struct {
    const char *name;
    void (*spoil)(void);
    bool clean;
    const char *want[4]; /* in the findings */
} rows[] = {
    {"nothing", nothing, true, {""}},
    {"a flipped octet in the open segment", flip_in_open, false, {"changed: msgs/2021/03/0000000"}},
    {"a flipped octet in a header",
     flip_in_open_header,
     false,
     {"damaged: open/000005.tar: ", "missing: msgs/2021/03/0000000", "/000000040-"}},
    {"a flipped octet in a sealed segment",
     flip_in_sealed,
     false,
     {"seg/000002.tar.gz", "its SHA-256 is not the one in SHA256SUMS"}},
    {"a sealed segment cut short",
     cut_sealed,
     false,
     {"damaged: seg/000002.tar.gz: ", "truncated", "missing: msgs/2021/03/0000000"}},
    {"the open segment cut within a message",
     cut_open,
     false,
     {"damaged: open/000005.tar: truncated", "missing: msgs/2021/03/0000000", "/000000040-"}},
    {"the open segment cut between messages",
     cut_open_between_members,
     false,
     {"damaged: open/000005.tar: truncated: shorter than the catalog says",
      "missing: msgs/2021/03/000000040-"}},
    {"a tail of zeros", zero_open_tail, false, {"msgs/2021/03/0000000"}},
    {"a torn tail that was never committed",
     torn_open_tail,
     true,
     {"note: open/000005.tar: an incomplete last message"}},
    {"a missing segment",
     no_segment,
     false,
     {"missing: seg/000003.tar.*", "missing: msgs/2021/03/0000000",
      "missing: seg/000003.tar.gz: named in SHA256SUMS"}},
    {"a missing segment that only the journal knows",
     no_last_sealed_segment,
     false,
     {"missing: seg/000004.tar.*"}},
    {"a missing open segment",
     no_open_segment,
     false,
     {"missing: seg/000005.tar.*", "missing: msgs/2021/03/000000040-"}},
    {"a missing manifest", no_manifest, false, {"missing: seg/000001.manifest.jsonl"}},
    {"a manifest that says something else",
     other_manifest,
     false,
     {"changed: seg/000001.manifest.jsonl: line 4 does not fit its segment"}},
    {"a missing journal", no_journal, false, {"missing: journal/000001.jsonl"}},
    {"a changed journal",
     other_journal,
     false,
     {"damaged: journal/000001.jsonl: ", "line 3: the chain is broken"}},
    {"a journal cut short", short_journal, false, {"journal/000001.jsonl"}},
    {"a missing catalog", no_catalog, false, {"missing: catalog.db: ", "popdump rebuild"}},
    {"a catalog that is no database", no_database, false, {"missing: catalog.db: "}},
    {"a sum for a file that is not there",
     extra_file,
     false,
     {"missing: seg/000009.tar.gz: named in SHA256SUMS"}},
    {"a member of somebody else",
     foreign_member,
     false,
     {"extra: open/000005.tar: ", "not a message of this archive"}},
};

START_TEST(each_kind_of_damage_is_found)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    PdVerifySummary summary;
    g_autoptr(GString) text = NULL;
    uint64_t problems = 0;

    rows[_i].spoil();
    before = pd_test_digests(root);
    text = verify(&summary);
    after = pd_test_digests(root);
    ck_assert_str_eq(before, after);
    for (int finding = PD_FINDING_NOTE + 1; finding < PD_FINDINGS; finding++)
        problems += summary.count[finding];
    ck_assert_msg((problems == 0) == rows[_i].clean, "%s:\n%s", rows[_i].name, text->str);
    for (size_t i = 0; i < G_N_ELEMENTS(rows[_i].want) && rows[_i].want[i] != NULL; i++)
        ck_assert_msg(strstr(text->str, rows[_i].want[i]) != NULL, "%s: no \"%s\" in:\n%s",
                      rows[_i].name, rows[_i].want[i], text->str);
    if (rows[_i].spoil == nothing) {
        ck_assert_str_eq(text->str, "");
        ck_assert_uint_eq(summary.messages, 40);
        ck_assert_uint_eq(summary.segments, 5);
    }
}
END_TEST

START_TEST(no_flipped_octet_of_a_sealed_segment_goes_unseen)
{
    off_t size = pd_test_size(root, "seg/000001.tar.gz");

    for (off_t at = 0; at < size; at += 23) {
        PdVerifySummary summary;
        g_autoptr(GString) text = NULL;

        pd_test_spoil(root, "seg/000001.tar.gz", at);
        text = verify(&summary);
        ck_assert_msg(strstr(text->str, "seg/000001.tar.gz") != NULL, "at %ld:\n%s", (long)at,
                      text->str);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(verify_waits_for_nobody)
{
    g_autoptr(PdArchive) archive = pd_test_open_sized(root, 20000, PD_COMPRESS_GZIP);
    PdVerifyOptions options = {take_finding, NULL, NULL};
    g_autoptr(GError) error = NULL;
    PdVerifySummary summary;

    ck_assert(!pd_verify(root, &options, &summary, &error));
    ck_assert(g_error_matches(error, PD_ARCHIVE_ERROR, MB_ERROR_TEMPORARY));
}
END_TEST

/* ---- extract ---- */

static char *to;

static PdExtractSummary extract(PdExtractFormat format, const char *const *members, bool good)
{
    g_autoptr(PdArchive) archive = pd_archive_open_existing(root, PD_OPEN_READ, NULL);
    PdExtractOptions options = {.to = to, .format = format, .members = members};
    g_autoptr(GError) error = NULL;
    PdExtractSummary summary;

    ck_assert_ptr_nonnull(archive);
    ck_assert_msg(pd_extract(archive, &options, &summary, &error) == good, "%s",
                  error != NULL ? error->message : "");
    return summary;
}

static unsigned count_files(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    unsigned count = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *below = g_build_filename(path, name, NULL);

        count += g_file_test(below, G_FILE_TEST_IS_DIR) ? count_files(below) : 1;
    }
    if (dir != NULL)
        g_dir_close(dir);
    return count;
}

static void extract_setup(void)
{
    setup();
    to = g_build_filename(folder, "out", NULL);
}

static void extract_teardown(void)
{
    pd_test_remove(to);
    g_free(to);
    teardown();
}

START_TEST(extract_gives_the_octets_back)
{
    PdExtractSummary summary = extract(PD_EXTRACT_EML, NULL, true);

    ck_assert_uint_eq(summary.messages, 40);
    ck_assert_uint_eq(summary.failed->len, 0);
    g_ptr_array_unref(summary.failed);
    ck_assert_uint_eq(count_files(to), 40);
    for (unsigned number = 1; number <= 40; number++) {
        g_autoptr(GBytes) want = pd_test_message(number);
        g_autofree char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, want);
        g_autofree char *path =
            g_strdup_printf("%s/msgs/2021/03/%09u-%.16s.eml", to, number, digest);
        g_autofree char *content = NULL;
        gsize length;

        ck_assert_msg(g_file_get_contents(path, &content, &length, NULL), "%s", path);
        ck_assert_uint_eq(length, g_bytes_get_size(want));
        ck_assert_mem_eq(content, g_bytes_get_data(want, NULL), length);
    }
    /* Nothing is overwritten. */
    summary = extract(PD_EXTRACT_EML, NULL, false);
    g_ptr_array_unref(summary.failed);
}
END_TEST

START_TEST(extract_takes_what_is_asked_for)
{
    static const char *const members[] = {"7", "39", "msgs/2021/03/nobody.eml", NULL};
    PdExtractSummary summary = extract(PD_EXTRACT_MAILDIR, members, true);
    g_autofree char *new_folder = g_build_filename(to, "new", NULL);

    ck_assert_uint_eq(summary.messages, 2);
    ck_assert_uint_eq(summary.failed->len, 1);
    ck_assert_ptr_nonnull(strstr(summary.failed->pdata[0], "nobody.eml: no such member"));
    ck_assert_uint_eq(count_files(new_folder), 2);
    ck_assert_uint_eq(count_files(to), 2);
    g_ptr_array_unref(summary.failed);
}
END_TEST

START_TEST(extract_leaves_damaged_messages_out)
{
    PdExtractSummary summary;

    pd_test_spoil(root, "open/000005.tar", 1600);
    summary = extract((PdExtractFormat)_i, NULL, true);
    ck_assert_uint_eq(summary.messages, 39);
    ck_assert_uint_eq(summary.failed->len, 1);
    ck_assert_uint_eq(count_files(to), _i == PD_EXTRACT_MBOX ? 1 : 39);
    g_ptr_array_unref(summary.failed);
    /* A cut leaves nothing half-written, either. */
    pd_test_remove(to);
    cut_open();
    summary = extract((PdExtractFormat)_i, NULL, true);
    ck_assert_uint_lt(summary.messages, 39);
    ck_assert_uint_eq(count_files(to), _i == PD_EXTRACT_MBOX ? 1 : summary.messages);
    g_ptr_array_unref(summary.failed);
}
END_TEST

START_TEST(extract_tells_of_segments_that_are_gone)
{
    PdExtractSummary summary;

    no_segment();
    torn_open_tail();
    summary = extract(PD_EXTRACT_EML, NULL, true);
    ck_assert_uint_gt(summary.messages, 20);
    ck_assert_uint_lt(summary.messages, 40);
    ck_assert_uint_eq(summary.failed->len, 1);
    ck_assert_ptr_nonnull(strstr(summary.failed->pdata[0], "seg/000003.tar.*: "));
    g_ptr_array_unref(summary.failed);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    const char *out;
} lines[] = {
    {"line ends", "A: b\r\n\r\nc\r\n", "A: b\n\nc\n\n"},
    {"no last line end", "A: b\r\n\r\nc", "A: b\n\nc\n\n"},
    {"bare CR and LF", "A: b\r\n\r\nc\rd\ne\r", "A: b\n\nc\rd\ne\r\n\n"},
    {"From", "A: b\r\n\r\nFrom here\r\nFrom: x\r\nFro\r\n", "A: b\n\n>From here\nFrom: x\nFro\n\n"},
    {"quoted From", "A: b\r\n\r\n>From a\r\n>>From b\r\n>Fro\r\n>\r\n",
     "A: b\n\n>>From a\n>>>From b\n>Fro\n>\n\n"},
    {"From at the very end", "A: b\r\n\r\nFrom ", "A: b\n\n>From \n\n"},
    {"nearly From at the end", "A: b\r\n\r\n>>Fro", "A: b\n\n>>Fro\n\n"},
    {"nothing", "", "\n"},
};

START_TEST(an_mbox_can_be_read_back)
{
    static const char *const members[] = {"41", NULL};
    g_autofree char *path = g_build_filename(to, "archive.mbox", NULL);
    g_autofree char *content = NULL;
    PdExtractSummary summary;
    const char *body;

    {
        g_autoptr(PdArchive) archive = pd_test_open(root);

        pd_test_add_one(archive, "x", lines[_i].in, strlen(lines[_i].in));
        pd_test_commit(archive);
    }
    summary = extract(PD_EXTRACT_MBOX, members, true);
    ck_assert_uint_eq(summary.messages, 1);
    g_ptr_array_unref(summary.failed);
    ck_assert(g_file_get_contents(path, &content, NULL, NULL));
    ck_assert_msg(g_str_has_prefix(content, "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n"), "%s",
                  content);
    body = strchr(content, '\n') + 1;
    ck_assert_msg(strcmp(body, lines[_i].out) == 0, "%s: %s", lines[_i].name, body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("popdump-verify");
    TCase *found = tcase_create("verify");
    TCase *out = tcase_create("extract");

    tcase_add_unchecked_fixture(found, make_pristine, remove_pristine);
    tcase_add_checked_fixture(found, setup, teardown);
    tcase_add_loop_test(found, each_kind_of_damage_is_found, 0, G_N_ELEMENTS(rows));
    tcase_add_test(found, no_flipped_octet_of_a_sealed_segment_goes_unseen);
    tcase_add_test(found, verify_waits_for_nobody);
    tcase_set_timeout(found, 60);
    suite_add_tcase(suite, found);
    tcase_add_unchecked_fixture(out, make_pristine, remove_pristine);
    tcase_add_checked_fixture(out, extract_setup, extract_teardown);
    tcase_add_test(out, extract_gives_the_octets_back);
    tcase_add_test(out, extract_takes_what_is_asked_for);
    tcase_add_loop_test(out, extract_leaves_damaged_messages_out, PD_EXTRACT_EML,
                        PD_EXTRACT_MAILDIR + 1);
    tcase_add_test(out, extract_tells_of_segments_that_are_gone);
    tcase_add_loop_test(out, an_mbox_can_be_read_back, 0, G_N_ELEMENTS(lines));
    suite_add_tcase(suite, out);
    return run_suite(suite);
}
