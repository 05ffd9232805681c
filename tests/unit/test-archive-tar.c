/* Pax tar: what write.h makes, tar.h reads, at any split of the input and with any damage. */
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <mailbatch/archive/tar.h>
#include <mailbatch/archive/write.h>
#include <stdlib.h>
#include <string.h>

static const char long_path[] =
    "msgs/a/very/long/path/that/does/not/fit/into/the/one/hundred/octets/"
    "of/the/name/field/of/an/ustar/header/block/message.eml";

static const MbTarAttribute attributes[] = {
    {"user.mailbatch.uidl", "a b%c\0\xff", 7},
    {"user.mailbatch.empty", "", 0},
    {"user.mailbatch.plain", "0123456789", 10},
};

static const struct {
    const char *name;
    MbTarMember member;
    const char *content;
} rows[] = {
    {"plain", {.path = "msgs/1970/01/1.eml", .size = 5, .mtime = 0}, "hello"},
    {"empty", {.path = "msgs/1970/01/2.eml", .size = 0, .mtime = 1}, ""},
    {"attributes", {"msgs/2020/02/3.eml", 2, 1577934245, attributes, 3}, "\r\n"},
    {"long path", {.path = long_path, .size = 3, .mtime = 7}, "abc"},
    {"before 1970", {.path = "old.eml", .size = 1, .mtime = -86400}, "x"},
    {"beyond 2242", {.path = "new.eml", .size = 1, .mtime = 9000000000}, "y"},
};

static GString *make_tar(bool with_end)
{
    GString *tar = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        ck_assert(mb_tar_append_header(tar, &rows[i].member, NULL));
        g_string_append(tar, rows[i].content);
        mb_tar_append_padding(tar, rows[i].member.size);
        ck_assert_uint_eq(tar->len % MB_TAR_BLOCK, 0);
    }
    if (with_end)
        mb_tar_append_end(tar);
    return tar;
}

typedef struct {
    size_t members, ended;
    bool end;
    GString *content;
    GString *log;
} Seen;

static void note(Seen *seen, MbTarParser *parser, const MbTarEvent *event)
{
    const char *uidl;
    size_t length = 0;

    switch (event->kind) {
    case MB_TAR_MEMBER:
        seen->members++;
        g_string_truncate(seen->content, 0);
        uidl = mb_tar_parser_attribute(parser, "user.mailbatch.uidl", &length);
        g_string_append_printf(seen->log,
                               "%s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " @%" G_GUINT64_FORMAT
                               " +%" G_GUINT64_FORMAT " uidl %zu%s\n",
                               event->path, event->size, event->mtime, event->offset, event->data,
                               length, uidl == NULL ? " none" : "");
        break;
    case MB_TAR_DATA:
        g_string_append_len(seen->content, event->bytes, (gssize)event->length);
        break;
    case MB_TAR_MEMBER_END:
        seen->ended++;
        g_string_append_printf(seen->log, "= %s -> %" G_GUINT64_FORMAT "\n", seen->content->str,
                               event->end);
        break;
    case MB_TAR_END:
        seen->end = true;
        g_string_append_printf(seen->log, "end @%" G_GUINT64_FORMAT "\n", event->offset);
        break;
    }
}

static MbNext feed(MbTarParser *parser, const char *bytes, size_t length, Seen *seen,
                   GError **error)
{
    MbTarEvent event;
    MbNext next;

    /* A copy of just this size: reading beyond it is seen by ASan. */
    g_autofree char *copy = g_malloc(MAX(length, 1));

    memcpy(copy, bytes, length);
    mb_tar_parser_push(parser, copy, length);
    while ((next = mb_tar_parser_next(parser, &event, error)) == MB_NEXT)
        note(seen, parser, &event);
    return next;
}

static void seen_init(Seen *seen)
{
    *seen = (Seen){.content = g_string_new(NULL), .log = g_string_new(NULL)};
}

static void seen_clear(Seen *seen)
{
    g_string_free(seen->content, TRUE);
    g_string_free(seen->log, TRUE);
}

START_TEST(members_come_back_as_they_were_written)
{
    g_autoptr(GString) tar = make_tar(true);
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
    MbTarEvent event;
    size_t row = 0;

    mb_tar_parser_push(parser, tar->str, tar->len);
    while (mb_tar_parser_next(parser, &event, NULL) == MB_NEXT) {
        if (event.kind == MB_TAR_MEMBER) {
            ck_assert_str_eq(event.path, rows[row].member.path);
            ck_assert_msg(event.mtime == rows[row].member.mtime, "%s", rows[row].name);
            ck_assert_msg(event.size == rows[row].member.size, "%s", rows[row].name);
            ck_assert_int_eq(event.entry, MB_ENTRY_FILE);
            for (size_t i = 0; i < rows[row].member.attribute_count; i++) {
                const MbTarAttribute *want = &rows[row].member.attributes[i];
                size_t length;
                const char *value = mb_tar_parser_attribute(parser, want->name, &length);

                ck_assert_msg(value != NULL && length == want->length &&
                                  memcmp(value, want->value, length) == 0,
                              "%s: %s", rows[row].name, want->name);
            }
            if (rows[row].member.attribute_count == 0)
                ck_assert_ptr_null(mb_tar_parser_attribute(parser, "user.mailbatch.uidl", NULL));
        } else if (event.kind == MB_TAR_DATA) {
            ck_assert_msg(event.length == strlen(rows[row].content) &&
                              memcmp(event.bytes, rows[row].content, event.length) == 0 &&
                              memcmp(tar->str + event.data, rows[row].content, event.length) == 0,
                          "%s", rows[row].name);
        } else if (event.kind == MB_TAR_MEMBER_END) {
            row++;
        }
    }
    ck_assert_uint_eq(row, G_N_ELEMENTS(rows));
    ck_assert(mb_tar_parser_is_whole(parser));
    ck_assert_uint_eq(mb_tar_parser_boundary(parser), tar->len - 2 * MB_TAR_BLOCK);
}
END_TEST

START_TEST(every_split_reads_the_same)
{
    g_autoptr(GString) tar = make_tar(true);
    Seen want;

    seen_init(&want);
    {
        g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
        ck_assert_int_eq(feed(parser, tar->str, tar->len, &want, NULL), MB_END);
    }
    ck_assert_uint_eq(want.ended, G_N_ELEMENTS(rows));
    ck_assert(want.end);
    for (size_t at = 0; at <= tar->len; at++) {
        g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
        Seen seen;

        seen_init(&seen);
        ck_assert_int_eq(feed(parser, tar->str, at, &seen, NULL), MB_END);
        ck_assert_int_eq(feed(parser, tar->str + at, tar->len - at, &seen, NULL), MB_END);
        ck_assert_msg(strcmp(seen.log->str, want.log->str) == 0, "split at %zu:\n%s", at,
                      seen.log->str);
        seen_clear(&seen);
    }
    seen_clear(&want);
}
END_TEST

START_TEST(byte_by_byte_reads_the_same)
{
    g_autoptr(GString) tar = make_tar(false);
    g_autoptr(MbTarParser) whole = mb_tar_parser_new(4096);
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(4096);
    Seen want, seen;

    seen_init(&want);
    seen_init(&seen);
    feed(whole, tar->str, tar->len, &want, NULL);
    for (size_t i = 0; i < tar->len; i++)
        ck_assert_int_eq(feed(parser, tar->str + i, 1, &seen, NULL), MB_END);
    ck_assert_str_eq(seen.log->str, want.log->str);
    ck_assert_uint_eq(mb_tar_parser_boundary(parser), 4096 + tar->len);
    seen_clear(&want);
    seen_clear(&seen);
}
END_TEST

START_TEST(a_cut_keeps_the_whole_members_before_it)
{
    g_autoptr(GString) tar = make_tar(false);
    size_t ended_before = 0;
    uint64_t boundary_before = 0;

    for (size_t cut = 0; cut <= tar->len; cut++) {
        g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
        Seen seen;

        seen_init(&seen);
        ck_assert_int_eq(feed(parser, tar->str, cut, &seen, NULL), MB_END);
        ck_assert_uint_ge(seen.ended, ended_before);
        ck_assert_uint_le(mb_tar_parser_boundary(parser), cut);
        ck_assert_uint_ge(mb_tar_parser_boundary(parser), boundary_before);
        ck_assert_msg(mb_tar_parser_is_whole(parser) == (mb_tar_parser_boundary(parser) == cut),
                      "cut at %zu", cut);
        ended_before = seen.ended;
        boundary_before = mb_tar_parser_boundary(parser);
        seen_clear(&seen);
    }
    ck_assert_uint_eq(ended_before, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(no_flipped_bit_in_a_header_goes_unseen)
{
    g_autoptr(GString) tar = make_tar(false);
    uint64_t header = 0;

    /* The first member's header is the first block: no pax record stands before it. */
    for (size_t i = 0; i < MB_TAR_BLOCK * 8; i++) {
        g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
        g_autoptr(GError) error = NULL;
        Seen seen;
        MbNext next;

        seen_init(&seen);
        tar->str[i / 8] ^= (char)(1 << (i % 8));
        next = feed(parser, tar->str, tar->len, &seen, &error);
        tar->str[i / 8] ^= (char)(1 << (i % 8));
        /* Three fields hold more digits or octets than their number needs: spaces and NULs after
         * the checksum. */
        if (next != MB_FAILED)
            header++;
        else
            ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA));
        seen_clear(&seen);
    }
    ck_assert_uint_le(header, 16);
}
END_TEST

static const struct {
    const char *name;
    const char *pax; /* the records of an extended header */
} hostile[] = {
    {"no length", "path=x\n"},
    {"length of another", "99 path=x\n"},
    {"length too short", "3 path=x\n"},
    {"length 0", "0 path=x\n"},
    {"length overflows", "99999999999999999999999 path=x\n"},
    {"no newline", "9 path=xy"},
    {"no equals", "7 path\n"},
    {"empty key", "5 =x\n"},
    {"empty path", "8 path=\n"},
    {"size no number", "11 size=4x\n"},
    {"negative size", "11 size=-4\n"},
    {"size beyond 64 bits", "32 size=99999999999999999999999\n"},
    {"size that overflows with its padding", "29 size=18446744073709551614\n"},
    {"time no number", "12 mtime=xy\n"},
};

START_TEST(hostile_pax_headers_are_refused)
{
    g_autoptr(GString) tar = g_string_new(NULL);
    MbTarMember member = {.path = "x", .size = strlen(hostile[_i].pax)};
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
    g_autoptr(GError) error = NULL;
    unsigned sum = 0;
    Seen seen;

    /* The builder's block made into an extended header: type x, and the checksum that goes with it.
     */
    mb_tar_append_header(tar, &member, NULL);
    tar->str[156] = 'x';
    memset(tar->str + 148, ' ', 8);
    for (size_t i = 0; i < MB_TAR_BLOCK; i++)
        sum += (unsigned char)tar->str[i];
    g_snprintf(tar->str + 148, 8, "%06o", sum);
    g_string_append(tar, hostile[_i].pax);
    mb_tar_append_padding(tar, member.size);
    member.size = 0;
    mb_tar_append_header(tar, &member, NULL);
    seen_init(&seen);
    ck_assert_msg(feed(parser, tar->str, tar->len, &seen, &error) == MB_FAILED, "%s: %s",
                  hostile[_i].name, seen.log->str);
    ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA));
    ck_assert_ptr_nonnull(strstr(error->message, "offset 0"));
    g_clear_error(&error);
    ck_assert_int_eq(feed(parser, tar->str, tar->len, &seen, &error), MB_FAILED);
    seen_clear(&seen);
}
END_TEST

START_TEST(a_member_over_8_gib_states_its_size)
{
    g_autoptr(GString) tar = g_string_new(NULL);
    MbTarMember member = {.path = "huge.eml", .size = G_GUINT64_CONSTANT(5) << 40};
    g_autoptr(MbTarParser) parser = mb_tar_parser_new(0);
    MbTarEvent event;

    ck_assert(mb_tar_append_header(tar, &member, NULL));
    mb_tar_parser_push(parser, tar->str, tar->len);
    ck_assert_int_eq(mb_tar_parser_next(parser, &event, NULL), MB_NEXT);
    ck_assert_uint_eq(event.size, member.size);
    ck_assert_uint_eq(event.end, tar->len + member.size);
}
END_TEST

START_TEST(zeros_at_the_end_are_told_from_one_lost_block)
{
    g_autoptr(GString) tar = make_tar(true);
    uint64_t boundary = tar->len - 2 * MB_TAR_BLOCK;
    g_autoptr(MbTarParser) one = mb_tar_parser_new(0);
    g_autoptr(MbTarParser) lone = mb_tar_parser_new(0);
    Seen seen;

    seen_init(&seen);
    ck_assert_int_eq(feed(one, tar->str, tar->len - MB_TAR_BLOCK, &seen, NULL), MB_END);
    ck_assert(!mb_tar_parser_is_whole(one));
    ck_assert(!seen.end);
    ck_assert_int_eq(feed(one, tar->str + boundary, MB_TAR_BLOCK, &seen, NULL), MB_END);
    ck_assert(seen.end);
    ck_assert_int_eq(feed(lone, tar->str, boundary + MB_TAR_BLOCK, &seen, NULL), MB_END);
    ck_assert_int_eq(feed(lone, tar->str, MB_TAR_BLOCK, &seen, NULL), MB_FAILED);
    seen_clear(&seen);
}
END_TEST

START_TEST(the_same_member_gives_the_same_bytes)
{
    g_autoptr(GString) one = make_tar(true);
    g_autoptr(GString) two = make_tar(true);

    ck_assert(g_string_equal(one, two));
}
END_TEST

START_TEST(a_member_needs_a_name)
{
    g_autoptr(GString) tar = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    MbTarMember member = {.path = ""};

    ck_assert(!mb_tar_append_header(tar, &member, &error));
    ck_assert(g_error_matches(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA));
    ck_assert_uint_eq(tar->len, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("archive-tar");
    TCase *tests = tcase_create("tar");

    tcase_add_test(tests, members_come_back_as_they_were_written);
    tcase_add_test(tests, every_split_reads_the_same);
    tcase_add_test(tests, byte_by_byte_reads_the_same);
    tcase_add_test(tests, a_cut_keeps_the_whole_members_before_it);
    tcase_add_test(tests, no_flipped_bit_in_a_header_goes_unseen);
    tcase_add_loop_test(tests, hostile_pax_headers_are_refused, 0, G_N_ELEMENTS(hostile));
    tcase_add_test(tests, a_member_over_8_gib_states_its_size);
    tcase_add_test(tests, zeros_at_the_end_are_told_from_one_lost_block);
    tcase_add_test(tests, the_same_member_gives_the_same_bytes);
    tcase_add_test(tests, a_member_needs_a_name);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
