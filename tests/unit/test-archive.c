/* Reading archives of many kinds, whole, torn and hostile; compressing and reading back. */
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/archive/compress.h>
#include <mailbatch/archive/read.h>
#include <mailbatch/archive/tar.h>
#include <mailbatch/archive/write.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two messages, m/1.eml and m/2.eml, of 2020-01-02 03:04:05 UTC. */
static const unsigned char seven_zip[] = {
    0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0x00, 0x03, 0xd9, 0xf9, 0x79, 0xb0, 0x2f, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x93, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x90, 0xd1, 0x84,
    0x53, 0x75, 0x62, 0x6a, 0x65, 0x63, 0x74, 0x3a, 0x20, 0x6f, 0x6e, 0x65, 0x0d, 0x0a, 0x0d, 0x0a,
    0x66, 0x69, 0x72, 0x73, 0x74, 0x0d, 0x0a, 0x53, 0x75, 0x62, 0x6a, 0x65, 0x63, 0x74, 0x3a, 0x20,
    0x74, 0x77, 0x6f, 0x0d, 0x0a, 0x0d, 0x0a, 0x73, 0x65, 0x63, 0x6f, 0x6e, 0x64, 0x0d, 0x0a, 0x01,
    0x04, 0x06, 0x00, 0x02, 0x09, 0x17, 0x18, 0x00, 0x07, 0x0b, 0x02, 0x00, 0x01, 0x01, 0x00, 0x01,
    0x01, 0x00, 0x0c, 0x17, 0x18, 0x00, 0x08, 0x0a, 0x01, 0x99, 0x81, 0x25, 0x84, 0x5c, 0xbb, 0x2f,
    0x7a, 0x00, 0x00, 0x05, 0x02, 0x11, 0x21, 0x00, 0x6d, 0x00, 0x2f, 0x00, 0x31, 0x00, 0x2e, 0x00,
    0x65, 0x00, 0x6d, 0x00, 0x6c, 0x00, 0x00, 0x00, 0x6d, 0x00, 0x2f, 0x00, 0x32, 0x00, 0x2e, 0x00,
    0x65, 0x00, 0x6d, 0x00, 0x6c, 0x00, 0x00, 0x00, 0x14, 0x12, 0x01, 0x00, 0x80, 0x00, 0xc4, 0x4a,
    0x19, 0xc1, 0xd5, 0x01, 0x80, 0x00, 0xc4, 0x4a, 0x19, 0xc1, 0xd5, 0x01, 0x12, 0x12, 0x01, 0x00,
    0xee, 0xbd, 0x3b, 0x76, 0x6a, 0x7b, 0xdd, 0x01, 0xee, 0xbd, 0x3b, 0x76, 0x6a, 0x7b, 0xdd, 0x01,
    0x13, 0x12, 0x01, 0x00, 0x80, 0x00, 0xc4, 0x4a, 0x19, 0xc1, 0xd5, 0x01, 0x80, 0x00, 0xc4, 0x4a,
    0x19, 0xc1, 0xd5, 0x01, 0x15, 0x0a, 0x01, 0x00, 0x20, 0x80, 0xa4, 0x81, 0x20, 0x80, 0xa4, 0x81,
    0x00, 0x00,
};

static const char *const contents[] = {"Subject: one\r\n\r\nfirst\r\n",
                                       "Subject: two\r\n\r\nsecond\r\n"};
#define MTIME 1577934245

static char *folder;

static void setup(void)
{
    folder = g_dir_make_tmp("test-archive-XXXXXX", NULL);
}

static void teardown(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    g_free(folder);
}

static GBytes *make_tar(const char *first, const char *second)
{
    const char *paths[] = {first, second};
    GString *tar = g_string_new(NULL);
    static const MbTarAttribute uidl = {"user.mailbatch.uidl", "u-1", 3};

    for (size_t i = 0; i < 2; i++) {
        MbTarMember member = {paths[i], strlen(contents[i]), MTIME, i == 0 ? &uidl : NULL, i == 0};

        ck_assert(mb_tar_append_header(tar, &member, NULL));
        g_string_append(tar, contents[i]);
        mb_tar_append_padding(tar, member.size);
    }
    mb_tar_append_end(tar);
    return g_string_free_to_bytes(tar);
}

static uint32_t crc32_of(const char *text)
{
    uint32_t crc = 0xffffffff;

    for (; *text != '\0'; text++) {
        crc ^= (unsigned char)*text;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static void put(GString *out, uint32_t value, int octets)
{
    for (; octets > 0; octets--, value >>= 8)
        g_string_append_c(out, (char)value);
}

static void put_zip_fields(GString *out, const char *path, const char *content, uint32_t crc)
{
    put(out, 20, 2);
    put(out, 0x0800, 2); /* names are UTF-8 */
    put(out, 0, 2);
    put(out, 0x50221882, 4);
    put(out, crc, 4);
    put(out, (uint32_t)strlen(content), 4);
    put(out, (uint32_t)strlen(content), 4);
    put(out, (uint32_t)strlen(path), 2);
    put(out, 0, 2);
}

/* Stored entries; `wrong` spoils the first one's checksum. */
static GBytes *make_zip(const char *first, const char *second, bool wrong)
{
    const char *paths[] = {first, second};
    GString *zip = g_string_new(NULL);
    g_autoptr(GString) directory = g_string_new(NULL);

    for (size_t i = 0; i < 2; i++) {
        uint32_t crc = crc32_of(contents[i]) ^ (wrong && i == 0);
        uint32_t offset = (uint32_t)zip->len;

        g_string_append_len(zip, "PK\3\4", 4);
        put_zip_fields(zip, paths[i], contents[i], crc);
        g_string_append(zip, paths[i]);
        g_string_append(zip, contents[i]);
        g_string_append_len(directory, "PK\1\2\24\3", 6);
        put_zip_fields(directory, paths[i], contents[i], crc);
        put(directory, 0, 2 + 2 + 2);
        put(directory, 0x81a40000, 4);
        put(directory, offset, 4);
        g_string_append(directory, paths[i]);
    }
    put(directory, 0x06054b50, 4);
    put(directory, 0, 4);
    put(directory, 2, 2);
    put(directory, 2, 2);
    put(directory, (uint32_t)directory->len - 12, 4);
    put(directory, (uint32_t)zip->len, 4);
    put(directory, 0, 2);
    g_string_append_len(zip, directory->str, (gssize)directory->len);
    return g_string_free_to_bytes(zip);
}

static GBytes *compress(GBytes *bytes, MbCompress kind)
{
    g_autofree char *in_path = g_build_filename(folder, "in", NULL);
    g_autofree char *out_path = g_build_filename(folder, "out", NULL);
    g_autoptr(GError) error = NULL;
    char *content;
    gsize length;
    int in, out;

    ck_assert(g_file_set_contents(in_path, g_bytes_get_data(bytes, NULL),
                                  (gssize)g_bytes_get_size(bytes), NULL));
    in = open(in_path, O_RDONLY);
    out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_msg(mb_compress_file(kind, in, in_path, out, out_path, NULL, 0, NULL, &error), "%s",
                  error != NULL ? error->message : "");
    close(in);
    close(out);
    ck_assert(g_file_get_contents(out_path, &content, &length, NULL));
    return g_bytes_new_take(content, length);
}

/* The reader's stream, `step` bytes a call. */
typedef struct {
    GBytes *bytes;
    size_t at, step;
    char block[4096];
} Drip;

static gssize drip(void *user, const void **bytes, GError **error)
{
    Drip *stream = user;
    size_t left = g_bytes_get_size(stream->bytes) - stream->at;
    size_t length = MIN(MIN(stream->step, left), sizeof(stream->block));

    (void)error;
    memcpy(stream->block, (const char *)g_bytes_get_data(stream->bytes, NULL) + stream->at, length);
    stream->at += length;
    *bytes = stream->block;
    return (gssize)length;
}

static char *read_content(MbArchive *reader, GError **error)
{
    GString *content = g_string_new(NULL);
    const void *bytes;
    size_t length;
    MbNext next;

    while ((next = mb_archive_read(reader, &bytes, &length, error)) == MB_NEXT) {
        ck_assert_uint_gt(length, 0);
        g_string_append_len(content, bytes, (gssize)length);
    }
    if (next == MB_FAILED) {
        g_string_free(content, TRUE);
        return NULL;
    }
    return g_string_free(content, FALSE);
}

static void check_both(MbArchive *reader, const char *row, const char *first, const char *second)
{
    const char *paths[] = {first, second};
    g_autoptr(GError) error = NULL;
    MbArchiveEntry entry;

    for (size_t i = 0; i < 2; i++) {
        g_autofree char *content = NULL;

        ck_assert_msg(mb_archive_next_entry(reader, &entry, &error) == MB_NEXT, "%s: %s", row,
                      error != NULL ? error->message : "end");
        ck_assert_msg(strcmp(entry.path, paths[i]) == 0, "%s: %s", row, entry.path);
        ck_assert_uint_eq(entry.path_length, strlen(paths[i]));
        ck_assert_msg(entry.kind == MB_ENTRY_FILE, "%s", row);
        ck_assert_msg(!entry.has_size || entry.size == strlen(contents[i]), "%s", row);
        content = read_content(reader, &error);
        ck_assert_msg(content != NULL && strcmp(content, contents[i]) == 0, "%s: %s", row,
                      error != NULL ? error->message : content);
    }
    ck_assert_msg(mb_archive_next_entry(reader, &entry, &error) == MB_END, "%s", row);
    ck_assert(mb_archive_is_over(reader));
}

enum { TAR, TAR_GZ, TAR_ZST, TAR_XZ, ZIP, SEVEN_ZIP, KINDS };

static const char *const kind_names[KINDS] = {"tar", "tar.gz", "tar.zst", "tar.xz", "zip", "7z"};

static GBytes *make(int kind)
{
    g_autoptr(GBytes) tar = make_tar("m/1.eml", "m/2.eml");

    switch (kind) {
    case TAR: return g_bytes_ref(tar);
    case TAR_GZ: return compress(tar, MB_COMPRESS_GZIP);
    case TAR_ZST: return compress(tar, MB_COMPRESS_ZSTD);
    case TAR_XZ: return compress(tar, MB_COMPRESS_XZ);
    case ZIP: return make_zip("m/1.eml", "m/2.eml", false);
    default: return g_bytes_new_static(seven_zip, sizeof(seven_zip));
    }
}

START_TEST(every_kind_is_read_from_everywhere)
{
    g_autoptr(GBytes) bytes = make(_i);
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_autoptr(GError) error = NULL;
    const char *format = _i == ZIP ? "zip" : _i == SEVEN_ZIP ? "7z" : "tar";
    int descriptor;

    ck_assert(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                  (gssize)g_bytes_get_size(bytes), NULL));
    ck_assert_msg(
        mb_archive_looks_like(g_bytes_get_data(bytes, NULL), MIN(g_bytes_get_size(bytes), 512)),
        "%s", kind_names[_i]);
    {
        g_autoptr(MbArchive) reader = mb_archive_open_path(path, NULL, &error);
        ck_assert_msg(reader != NULL, "%s: %s", kind_names[_i], error ? error->message : "");
        check_both(reader, kind_names[_i], "m/1.eml", "m/2.eml");
        ck_assert_str_eq(mb_archive_format(reader), format);
    }
    {
        g_autoptr(MbArchive) reader = mb_archive_open_bytes(bytes, "memory", NULL, &error);
        ck_assert_ptr_nonnull(reader);
        check_both(reader, kind_names[_i], "m/1.eml", "m/2.eml");
    }
    descriptor = open(path, O_RDONLY);
    {
        g_autoptr(MbArchive) reader = mb_archive_open_descriptor(descriptor, "fd", NULL, &error);
        ck_assert_ptr_nonnull(reader);
        check_both(reader, kind_names[_i], "m/1.eml", "m/2.eml");
    }
    close(descriptor);
}
END_TEST

START_TEST(a_stream_may_come_in_any_pieces)
{
    g_autoptr(GBytes) bytes = make(_i);

    for (size_t step = 1; step <= 4096; step = step * 3 + 1) {
        Drip stream = {.bytes = bytes, .step = step};
        MbArchiveStream source = {.read = drip, .user = &stream};
        g_autoptr(GError) error = NULL;
        g_autoptr(MbArchive) reader = mb_archive_open_stream(&source, "pipe", NULL, &error);

        ck_assert_msg(reader != NULL, "%s by %zu: %s", kind_names[_i], step,
                      error ? error->message : "");
        check_both(reader, kind_names[_i], "m/1.eml", "m/2.eml");
    }
}
END_TEST

START_TEST(a_cut_is_an_error_and_what_was_read_stands)
{
    g_autoptr(GBytes) bytes = make(_i);
    size_t length = g_bytes_get_size(bytes);
    size_t told = 0;

    for (size_t cut = 1; cut < length; cut += cut < 600 || length < 2000 ? 1 : 61) {
        g_autoptr(GBytes) part = g_bytes_new_from_bytes(bytes, 0, cut);
        g_autoptr(GError) error = NULL;
        g_autoptr(MbArchive) reader = mb_archive_open_bytes(part, "cut", NULL, &error);
        MbArchiveEntry entry;
        MbNext next = MB_FAILED;
        size_t whole = 0;

        while (reader != NULL &&
               (next = mb_archive_next_entry(reader, &entry, &error)) == MB_NEXT) {
            g_autofree char *content = read_content(reader, &error);

            if (content == NULL) {
                next = MB_FAILED;
                break;
            }
            ck_assert_msg(strcmp(content, contents[whole]) == 0, "%s cut at %zu", kind_names[_i],
                          cut);
            whole++;
        }
        if (next == MB_FAILED) {
            ck_assert_msg(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA), "%s",
                          kind_names[_i]);
            ck_assert_msg(g_str_has_prefix(error->message, "cut: "), "%s", error->message);
            told++;
        } else {
            /* A tar cut between members, or in its end blocks, reads as whole. */
            ck_assert_msg(whole == 2 || _i == TAR, "%s cut at %zu", kind_names[_i], cut);
        }
    }
    ck_assert_uint_gt(told, length < 2000 ? length / 3 : 500);
}
END_TEST

START_TEST(flipped_bytes_never_crash)
{
    g_autoptr(GBytes) bytes = make(_i);
    size_t length = g_bytes_get_size(bytes);

    for (size_t at = 0; at < length; at += length < 1000 ? 1 : 17) {
        char *copy = g_memdup2(g_bytes_get_data(bytes, NULL), length);
        g_autoptr(GBytes) flipped = g_bytes_new_take(copy, length);
        g_autoptr(MbArchive) reader = NULL;
        MbBudget budget;
        MbArchiveEntry entry;
        MbNext next = MB_NEXT;
        int left = 10;

        copy[at] = (char)(copy[at] ^ 0xff);
        mb_budget_init(&budget, &mb_limits_default);
        reader = mb_archive_open_bytes(flipped, "flipped", &budget, NULL);
        while (reader != NULL && left-- > 0 && !mb_archive_is_over(reader) && next != MB_END) {
            next = mb_archive_next_entry(reader, &entry, NULL);
            if (next == MB_NEXT)
                g_free(read_content(reader, NULL));
        }
    }
}
END_TEST

#define TEXT(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    const char *bytes;
    size_t length;
} no_archives[] = {
    {"nothing", TEXT("")},
    {"mail", TEXT("From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n")},
    {"mbox", TEXT("From a@example.org Thu Jan  2 03:04:05 2020\nSubject: x\n\nhello\n")},
    {"text that begins like mtree", TEXT("#mtree\n./etc/passwd type=file\n")},
    {"text that begins like cpio", TEXT("070701 is where the number begins\n")},
    {"uuencode", TEXT("begin 644 x\n#0V%T\n`\nend\n")},
    {"zeros", TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
};

START_TEST(a_7z_that_needs_seeking_says_so_on_a_pipe)
{
    /* Its table is said to stand a megabyte further on. */
    g_autofree char *copy = g_malloc0(1 << 20);
    g_autoptr(GBytes) bytes = g_bytes_new_static(copy, 1 << 20);
    Drip stream = {.bytes = bytes, .step = 4096};
    MbArchiveStream source = {.read = drip, .user = &stream};
    g_autoptr(GError) error = NULL;

    memcpy(copy, seven_zip, sizeof(seven_zip));
    copy[14] = 0x20;
    ck_assert_ptr_null(mb_archive_open_stream(&source, "pipe", NULL, &error));
    ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA));
    ck_assert_msg(strstr(error->message, "save it to a file") != NULL, "%s", error->message);
}
END_TEST

START_TEST(what_is_no_archive_is_told)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(no_archives[_i].bytes, no_archives[_i].length);
    g_autoptr(GError) error = NULL;

    ck_assert_msg(!mb_archive_looks_like(no_archives[_i].bytes, no_archives[_i].length), "%s",
                  no_archives[_i].name);
    ck_assert_msg(mb_archive_open_bytes(bytes, "x\033y", NULL, &error) == NULL, "%s",
                  no_archives[_i].name);
    ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA));
    ck_assert_msg(g_str_has_prefix(error->message, "x\\x1By: not an archive") ||
                      g_str_has_prefix(error->message, "x\\x1by: not an archive"),
                  "%s: %s", no_archives[_i].name, error->message);
}
END_TEST

START_TEST(a_missing_file_is_no_input)
{
    g_autofree char *path = g_build_filename(folder, "none.tar", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_archive_open_path(path, NULL, &error));
    ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_NO_INPUT));
    ck_assert_ptr_nonnull(strstr(error->message, path));
}
END_TEST

START_TEST(names_keep_their_bytes)
{
    /* Composed, decomposed, Latin-1, a path outside: nothing is judged here. */
    g_autoptr(GBytes) tar = make_tar("gr\xc3\xbcn/gru\xcc\x88n.eml", "../caf\xe9.eml");
    g_autoptr(GBytes) zip = make_zip("gr\xc3\xbcn.eml", "/etc/x", false);
    g_autoptr(MbArchive) tars = mb_archive_open_bytes(tar, "tar", NULL, NULL);
    g_autoptr(MbArchive) zips = mb_archive_open_bytes(zip, "zip", NULL, NULL);

    check_both(tars, "tar", "gr\xc3\xbcn/gru\xcc\x88n.eml", "../caf\xe9.eml");
    check_both(zips, "zip", "gr\xc3\xbcn.eml", "/etc/x");
}
END_TEST

START_TEST(attributes_times_and_sizes_are_there)
{
    g_autoptr(GBytes) tar = make_tar("1", "2");
    g_autoptr(MbArchive) reader = mb_archive_open_bytes(tar, "tar", NULL, NULL);
    MbArchiveEntry entry;
    size_t length = 0;

    ck_assert_str_eq(mb_archive_format(reader), "");
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    ck_assert(entry.has_mtime && entry.mtime == MTIME);
    ck_assert(entry.has_size && entry.size == strlen(contents[0]));
    ck_assert_ptr_nonnull(mb_archive_attribute(reader, "user.mailbatch.uidl", &length));
    ck_assert_uint_eq(length, 3);
    ck_assert_ptr_null(mb_archive_attribute(reader, "user.mailbatch.sha256", &length));
    /* Skipped without reading. */
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    ck_assert_str_eq(entry.path, "2");
    ck_assert_ptr_null(mb_archive_attribute(reader, "user.mailbatch.uidl", &length));
}
END_TEST

START_TEST(a_member_over_8_gib_opens_in_gnu_tar)
{
    g_autofree char *path = g_build_filename(folder, "huge.tar", NULL);
    char *argv[] = {(char *)"tar", (char *)"tvf", path, NULL};
    MbTarMember huge = {.path = "huge.eml", .size = (G_GUINT64_CONSTANT(9) << 30) + 1};
    MbTarMember small = {.path = "small.eml", .size = 5};
    GString *header = g_string_new(NULL);
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    int status;
    int descriptor = open(path, O_RDWR | O_CREAT, 0600);

    /* Its content is a hole. */
    ck_assert(mb_tar_append_header(header, &huge, NULL));
    ck_assert_int_eq(pwrite(descriptor, header->str, header->len, 0), (ssize_t)header->len);
    huge.size += header->len + mb_tar_padding(huge.size);
    g_string_truncate(header, 0);
    ck_assert(mb_tar_append_header(header, &small, NULL));
    g_string_append(header, "small");
    mb_tar_append_padding(header, 5);
    mb_tar_append_end(header);
    ck_assert_int_eq(pwrite(descriptor, header->str, header->len, (off_t)huge.size),
                     (ssize_t)header->len);
    close(descriptor);
    g_string_free(header, TRUE);
    ck_assert(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, NULL));
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(err, "");
    ck_assert_msg(strstr(out, " 9663676417 ") != NULL && strstr(out, "small.eml") != NULL, "%s",
                  out);
    {
        g_autoptr(MbArchive) reader = mb_archive_open_path(path, NULL, NULL);
        MbArchiveEntry entry;

        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        ck_assert_uint_eq(entry.size, 9663676417);
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        ck_assert_str_eq(entry.path, "small.eml");
    }
    statement("P-7");
}
END_TEST

START_TEST(a_wrong_checksum_spoils_one_entry_only)
{
    g_autoptr(GBytes) zip = make_zip("1", "2", true);
    g_autoptr(MbArchive) reader = mb_archive_open_bytes(zip, "zip", NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *second = NULL;
    MbArchiveEntry entry;
    const void *bytes;
    size_t length;

    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    ck_assert_ptr_null(read_content(reader, &error));
    ck_assert_msg(g_str_has_prefix(error->message, "zip: damaged: "), "%s", error->message);
    ck_assert_int_eq(mb_archive_read(reader, &bytes, &length, NULL), MB_END);
    ck_assert(!mb_archive_is_over(reader));
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    second = read_content(reader, NULL);
    ck_assert_str_eq(second, contents[1]);
}
END_TEST

START_TEST(a_compressed_file_is_an_archive_of_one)
{
    g_autoptr(GBytes) plain = g_bytes_new_static(contents[0], strlen(contents[0]));
    g_autoptr(GBytes) packed = compress(plain, MB_COMPRESS_GZIP);
    g_autoptr(MbArchive) reader = mb_archive_open_bytes(packed, "dir/inbox.mbox.gz", NULL, NULL);
    g_autoptr(MbArchive) nameless = mb_archive_open_bytes(packed, "x", NULL, NULL);
    g_autofree char *content = NULL;
    MbArchiveEntry entry;

    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    ck_assert_str_eq(entry.path, "inbox.mbox");
    ck_assert(!entry.has_size);
    ck_assert_str_eq(mb_archive_format(reader), "raw");
    content = read_content(reader, NULL);
    ck_assert_str_eq(content, contents[0]);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_END);
    ck_assert_int_eq(mb_archive_next_entry(nameless, &entry, NULL), MB_NEXT);
    ck_assert_str_eq(entry.path, "data");
}
END_TEST

START_TEST(limits_end_the_reading_and_are_noted)
{
    g_autofree char *same = g_malloc(8 << 20);
    g_autoptr(GBytes) plain = g_bytes_new_static(memset(same, 'a', 8 << 20), 8 << 20);
    g_autoptr(GBytes) bomb = compress(plain, MB_COMPRESS_GZIP);
    g_autoptr(GBytes) tar = make_tar("1", "2");
    MbLimits limits = mb_limits_default;
    MbArchiveEntry entry;
    MbBudget budget;
    const void *bytes;
    size_t length, total = 0;

    limits.max_ratio = 100;
    mb_budget_init(&budget, &limits);
    {
        g_autoptr(MbArchive) reader = mb_archive_open_bytes(bomb, "bomb", &budget, NULL);
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        while (mb_archive_read(reader, &bytes, &length, NULL) == MB_NEXT)
            total += length;
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_END);
    }
    ck_assert_uint_eq(budget.hit, MB_LIMIT_RATIO);
    ck_assert_uint_lt(total, 2 << 20);

    limits = mb_limits_default;
    limits.max_items = 1;
    mb_budget_init(&budget, &limits);
    {
        g_autoptr(MbArchive) reader = mb_archive_open_bytes(tar, "tar", &budget, NULL);
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_END);
        ck_assert(mb_archive_is_over(reader));
    }
    ck_assert_uint_eq(budget.hit, MB_LIMIT_ITEMS);
}
END_TEST

START_TEST(what_is_skipped_in_a_bomb_counts_too)
{
    GString *tar = g_string_new(NULL);
    MbTarMember big = {.path = "big", .size = 8 << 20};
    MbTarMember small = {.path = "small"};
    g_autoptr(GBytes) plain = NULL;
    g_autoptr(GBytes) bomb = NULL;
    g_autoptr(MbArchive) reader = NULL;
    MbLimits limits = mb_limits_default;
    MbArchiveEntry entry;
    MbBudget budget;

    mb_tar_append_header(tar, &big, NULL);
    g_string_set_size(tar, tar->len + big.size);
    memset(tar->str + tar->len - big.size, 0, big.size);
    mb_tar_append_header(tar, &small, NULL);
    plain = g_string_free_to_bytes(tar);
    bomb = compress(plain, MB_COMPRESS_ZSTD);
    limits.max_ratio = 100;
    mb_budget_init(&budget, &limits);
    reader = mb_archive_open_bytes(bomb, "bomb", &budget, NULL);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_END);
    ck_assert_uint_eq(budget.hit, MB_LIMIT_RATIO);
}
END_TEST

START_TEST(compression_is_repeatable_and_reads_back)
{
    static const MbCompress kinds[] = {MB_COMPRESS_GZIP, MB_COMPRESS_ZSTD, MB_COMPRESS_XZ};
    g_autoptr(GBytes) tar = make_tar("1", "2");
    g_autoptr(GBytes) one = compress(tar, kinds[_i]);
    g_autoptr(GBytes) two = compress(tar, kinds[_i]);
    g_autofree char *path = g_build_filename(folder, "out", NULL);
    int descriptor = open(path, O_RDONLY);
    g_autoptr(GError) error = NULL;
    g_autoptr(MbArchive) reader = mb_archive_open_unpacked(descriptor, path, &error);
    g_autoptr(GString) back = g_string_new(NULL);
    MbArchiveEntry entry;
    const void *bytes;
    size_t length;

    ck_assert(g_bytes_equal(one, two));
    ck_assert_msg(reader != NULL, "%s", error ? error->message : "");
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    while (mb_archive_read(reader, &bytes, &length, NULL) == MB_NEXT)
        g_string_append_len(back, bytes, (gssize)length);
    ck_assert_uint_eq(back->len, g_bytes_get_size(tar));
    ck_assert_mem_eq(back->str, g_bytes_get_data(tar, NULL), back->len);
    close(descriptor);
}
END_TEST

START_TEST(frames_stand_alone)
{
    g_autoptr(GBytes) tar = make_tar("1", "2");
    g_autofree char *in_path = g_build_filename(folder, "in", NULL);
    g_autofree char *out_path = g_build_filename(folder, "out", NULL);
    const uint64_t cuts[] = {1536, 2048};
    uint64_t frames[2] = {0};
    g_autofree char *content = NULL;
    g_autoptr(GString) back = g_string_new(NULL);
    g_autoptr(MbArchive) reader = NULL;
    MbArchiveEntry entry;
    const void *bytes;
    size_t length;
    int in, out;

    g_file_set_contents(in_path, g_bytes_get_data(tar, NULL), (gssize)g_bytes_get_size(tar), NULL);
    in = open(in_path, O_RDONLY);
    out = open(out_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert(
        mb_compress_file(MB_COMPRESS_ZSTD, in, in_path, out, out_path, cuts, 2, frames, NULL));
    ck_assert(0 < frames[0] && frames[0] < frames[1]);
    ck_assert_int_eq(lseek(out, (off_t)frames[1], SEEK_SET), (off_t)frames[1]);
    ck_assert(g_file_get_contents(out_path, &content, &length, NULL));
    {
        g_autoptr(GBytes) frame = g_bytes_new(content + frames[1], length - frames[1]);
        g_autofree char *tail = NULL;
        g_autoptr(MbArchive) last = mb_archive_open_bytes(frame, "frame.zst", NULL, NULL);

        ck_assert_ptr_nonnull(last);
        ck_assert_int_eq(mb_archive_next_entry(last, &entry, NULL), MB_NEXT);
    }
    reader = mb_archive_open_unpacked(out, out_path, NULL);
    ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
    while (mb_archive_read(reader, &bytes, &length, NULL) == MB_NEXT)
        g_string_append_len(back, bytes, (gssize)length);
    ck_assert_uint_eq(back->len, g_bytes_get_size(tar));
    ck_assert_mem_eq(back->str, g_bytes_get_data(tar, NULL), back->len);
    close(in);
    close(out);
}
END_TEST

START_TEST(a_plain_file_unpacks_to_itself)
{
    g_autofree char *path = g_build_filename(folder, "plain", NULL);
    g_autoptr(GBytes) tar = make_tar("1", "2");
    int descriptor;

    g_file_set_contents(path, g_bytes_get_data(tar, NULL), (gssize)g_bytes_get_size(tar), NULL);
    descriptor = open(path, O_RDONLY);
    {
        g_autoptr(MbArchive) reader = mb_archive_open_unpacked(descriptor, path, NULL);
        g_autoptr(GString) back = g_string_new(NULL);
        MbArchiveEntry entry;
        const void *bytes;
        size_t length;

        ck_assert_int_eq(mb_archive_next_entry(reader, &entry, NULL), MB_NEXT);
        while (mb_archive_read(reader, &bytes, &length, NULL) == MB_NEXT)
            g_string_append_len(back, bytes, (gssize)length);
        ck_assert_uint_eq(back->len, g_bytes_get_size(tar));
        ck_assert_mem_eq(back->str, g_bytes_get_data(tar, NULL), back->len);
    }
    close(descriptor);
}
END_TEST

static gssize fail_reading(void *user, const void **bytes, GError **error)
{
    int *calls = user;

    *bytes = contents[0];
    if ((*calls)++ == 0)
        return (gssize)strlen(contents[0]);
    g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_TEMPORARY, "the owner's words");
    return -1;
}

START_TEST(the_owners_error_is_passed_on)
{
    int calls = 1;
    MbArchiveStream source = {.read = fail_reading, .user = &calls};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_archive_open_stream(&source, "pipe", NULL, &error));
    ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_TEMPORARY));
    ck_assert_str_eq(error->message, "the owner's words");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("archive");
    TCase *tests = tcase_create("read");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, every_kind_is_read_from_everywhere, 0, KINDS);
    tcase_add_loop_test(tests, a_stream_may_come_in_any_pieces, 0, SEVEN_ZIP);
    tcase_add_loop_test(tests, a_cut_is_an_error_and_what_was_read_stands, 0, KINDS);
    tcase_add_loop_test(tests, flipped_bytes_never_crash, 0, KINDS);
    tcase_add_test(tests, a_7z_that_needs_seeking_says_so_on_a_pipe);
    tcase_add_loop_test(tests, what_is_no_archive_is_told, 0, G_N_ELEMENTS(no_archives));
    tcase_add_test(tests, a_missing_file_is_no_input);
    tcase_add_test(tests, names_keep_their_bytes);
    tcase_add_test(tests, attributes_times_and_sizes_are_there);
    tcase_add_test(tests, a_member_over_8_gib_opens_in_gnu_tar);
    tcase_add_test(tests, a_wrong_checksum_spoils_one_entry_only);
    tcase_add_test(tests, a_compressed_file_is_an_archive_of_one);
    tcase_add_test(tests, limits_end_the_reading_and_are_noted);
    tcase_add_test(tests, what_is_skipped_in_a_bomb_counts_too);
    tcase_add_loop_test(tests, compression_is_repeatable_and_reads_back, 0, 3);
    tcase_add_test(tests, frames_stand_alone);
    tcase_add_test(tests, a_plain_file_unpacks_to_itself);
    tcase_add_test(tests, the_owners_error_is_passed_on);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
