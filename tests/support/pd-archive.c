#include "pd-archive.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/store/store.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *pd_test_folder(void)
{
    /* In memory where that is possible: the tests are about order, and fsync to a disk is slow. */
    char *folder = g_strdup("/dev/shm/test-popdump-XXXXXX");

    if (g_mkdtemp(folder) == NULL) {
        g_free(folder);
        folder = g_dir_make_tmp("test-popdump-XXXXXX", NULL);
    }
    ck_assert_ptr_nonnull(folder);
    return folder;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *names_in(const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    if (dir != NULL)
        g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

void pd_test_remove(const char *path)
{
    g_autoptr(GPtrArray) names = names_in(path);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *below = g_build_filename(path, names->pdata[i], NULL);

        if (g_file_test(below, G_FILE_TEST_IS_DIR))
            pd_test_remove(below);
        else
            g_unlink(below);
    }
    g_rmdir(path);
}

void pd_test_copy(const char *from, const char *to)
{
    g_autoptr(GPtrArray) names = names_in(from);

    ck_assert_int_eq(g_mkdir(to, 0700), 0);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *source = g_build_filename(from, names->pdata[i], NULL);
        g_autofree char *target = g_build_filename(to, names->pdata[i], NULL);
        g_autofree char *content = NULL;
        gsize length;

        if (g_file_test(source, G_FILE_TEST_IS_DIR)) {
            pd_test_copy(source, target);
            continue;
        }
        ck_assert(g_file_get_contents(source, &content, &length, NULL));
        ck_assert(g_file_set_contents_full(target, content, (gssize)length,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
}

PdArchive *pd_test_open_sized(const char *path, uint64_t segment_size, PdCompress compress)
{
    PdArchiveOptions options = {
        .path = path,
        .host = "pop.example.org",
        .user = "alice",
        .segment_size = segment_size,
        .compress = compress,
    };
    g_autoptr(GError) error = NULL;
    PdArchive *archive = pd_archive_open(&options, &error);

    ck_assert_msg(archive != NULL, "%s", error != NULL ? error->message : "");
    return archive;
}

PdArchive *pd_test_open(const char *path)
{
    return pd_test_open_sized(path, 0, PD_COMPRESS_GZIP);
}

GBytes *pd_test_message(unsigned number)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text,
                           "Received: from a by b; %u Mar 2021 10:00:%02u +0000\r\n"
                           "Subject: message %u\r\n\r\n",
                           number % 28 + 1, number % 60, number);
    for (unsigned line = 0; line < number * 7 % 23; line++)
        g_string_append_printf(text, "line %u of message %u\r\n", line, number);
    return g_string_free_to_bytes(text);
}

char *pd_test_uidl(unsigned number)
{
    return g_strdup_printf("uidl %u", number);
}

void pd_test_add_one(PdArchive *archive, const char *uidl, const void *bytes, size_t length)
{
    PdMessage message = {.uidl = uidl, .has_server_size = true, .server_size = length};
    g_autoptr(GError) error = NULL;

    ck_assert(pd_archive_begin_message(archive, &error));
    ck_assert(pd_archive_append(archive, bytes, length, &error));
    ck_assert_msg(pd_archive_end_message(archive, &message, NULL, &error), "%s",
                  error != NULL ? error->message : "");
}

void pd_test_add(PdArchive *archive, unsigned first, unsigned last)
{
    for (unsigned number = first; number <= last; number++) {
        g_autoptr(GBytes) message = pd_test_message(number);
        g_autofree char *uidl = pd_test_uidl(number);

        pd_test_add_one(archive, uidl, g_bytes_get_data(message, NULL), g_bytes_get_size(message));
    }
}

void pd_test_session(PdArchive *archive)
{
    static const char *const capa[] = {"UIDL", "PIPELINING", NULL};
    PdEvidence evidence = {
        .server = "pop3s://alice@pop.example.org",
        .peer = "127.0.0.1:995",
        .greeting = "+OK ready",
        .capa = capa,
        .listed = 3,
    };
    g_autoptr(GError) error = NULL;

    ck_assert_msg(pd_archive_begin_session(archive, &evidence, &error), "%s",
                  error != NULL ? error->message : "");
}

void pd_test_commit(PdArchive *archive)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(pd_archive_commit(archive, &error), "%s", error != NULL ? error->message : "");
}

static void dump_query(MbStore *store, GString *out, const char *sql, int columns)
{
    MbStatement *statement = mb_store_statement(store, sql, NULL);

    ck_assert_ptr_nonnull(statement);
    g_string_append_printf(out, "# %s\n", sql);
    while (mb_statement_step(statement, NULL) == MB_NEXT) {
        for (int i = 0; i < columns; i++)
            g_string_append_printf(
                out, "%s|",
                mb_statement_is_null(statement, i) ? "(null)" : mb_statement_text(statement, i));
        g_string_append_c(out, '\n');
    }
}

char *pd_test_dump(const char *path)
{
    g_autofree char *file = g_build_filename(path, PD_CATALOG_NAME, NULL);
    g_autoptr(MbStore) store = NULL;
    GString *out = g_string_new(NULL);
    store =
        mb_store_open(file, MB_STORE_READ_ONLY, 0x6d627064, (const char *const[]){"", NULL}, NULL);
    ck_assert_ptr_nonnull(store);
    dump_query(store, out, "SELECT host, user FROM account", 2);
    dump_query(store, out, "SELECT number, sealed, length FROM segment ORDER BY 1", 3);
    dump_query(store, out, "SELECT number, time, next_sequence FROM session ORDER BY 1", 3);
    dump_query(store, out,
               "SELECT sequence, segment, header, data, tail, size, hex(sha256), hex(uidl),"
               " uidl_repeated, server_size, oddities, mtime, session FROM message ORDER BY 1",
               13);
    dump_query(store, out, "SELECT sequence, state FROM fate ORDER BY 1", 2);
    dump_query(store, out, "SELECT sequence, size, hex(sha256), hex(uidl), mtime FROM lost", 5);
    return g_string_free(out, FALSE);
}

static void digest_folder(const char *root, const char *below, GString *out)
{
    g_autofree char *path = g_build_filename(root, below, NULL);
    g_autoptr(GPtrArray) names = names_in(path);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = g_build_filename(below, names->pdata[i], NULL);
        g_autofree char *file = g_build_filename(root, name, NULL);
        g_autofree char *content = NULL;
        g_autofree char *digest = NULL;
        gsize length;

        if (g_file_test(file, G_FILE_TEST_IS_DIR)) {
            digest_folder(root, name, out);
            continue;
        }
        ck_assert(g_file_get_contents(file, &content, &length, NULL));
        digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, length);
        g_string_append_printf(out, "%s %s\n", name, digest);
    }
}

char *pd_test_digests(const char *path)
{
    GString *out = g_string_new(NULL);

    digest_folder(path, "seg", out);
    digest_folder(path, "open", out);
    digest_folder(path, "damaged", out);
    return g_string_free(out, FALSE);
}

char *pd_test_file(const char *root, const char *name)
{
    return g_build_filename(root, name, NULL);
}

off_t pd_test_size(const char *root, const char *name)
{
    g_autofree char *path = pd_test_file(root, name);
    struct stat status;

    ck_assert_msg(stat(path, &status) == 0, "%s", path);
    return status.st_size;
}

void pd_test_truncate(const char *root, const char *name, off_t length)
{
    g_autofree char *path = pd_test_file(root, name);

    g_chmod(path, 0600);
    ck_assert_int_eq(truncate(path, length), 0);
}

void pd_test_spoil(const char *root, const char *name, off_t offset)
{
    g_autofree char *path = pd_test_file(root, name);
    char octet;
    int descriptor;

    if (offset < 0)
        offset += pd_test_size(root, name);
    g_chmod(path, 0600);
    descriptor = open(path, O_RDWR);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(pread(descriptor, &octet, 1, offset), 1);
    octet = (char)(octet + 1);
    ck_assert_int_eq(pwrite(descriptor, &octet, 1, offset), 1);
    close(descriptor);
}

void pd_test_append(const char *root, const char *name, const void *bytes, size_t length)
{
    g_autofree char *path = pd_test_file(root, name);
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, bytes, length), (ssize_t)length);
    close(descriptor);
}
