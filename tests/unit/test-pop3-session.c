/*
 * From READY to QUIT: listings, messages byte for byte, the window, refusals, ends in the middle.
 */
#include "pop3-player.h"
#include "statement.h"
#include "suite.h"
#include <stdint.h>

#define SAY(text) text, sizeof(text) - 1

/* Up to READY, with PIPELINING and without. */
#define WINDOW(capability)                                                                         \
    {NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nUSER\r\n.\r\n"}, {"USER user\r\n", "+OK\r\n"},         \
        {"PASS secret\r\n", "+OK\r\n"},                                                            \
    {                                                                                              \
        "CAPA\r\n", "+OK\r\nUIDL\r\n" capability ".\r\n"                                           \
    }
#define PIPELINED  WINDOW("PIPELINING\r\n")
#define ONE_BY_ONE WINDOW("")

static void play_rows(const PlayRow *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PlayRow row = rows[i];

        row.options.secure = true;
        play_row(&row);
    }
}

/* ---- listings ---- */

static const PlayRow listing_rows[] = {
    {
        .name = "STAT, LIST and UIDL",
        .steps = {PIPELINED,
                  {"STAT\r\nLIST\r\nUIDL\r\n",
                   "+OK 2 320\r\n+OK 2 messages\r\n1 120\r\n2 200\r\n.\r\n"},
                  {NULL, "+OK\r\n1 abc\r\n2 ../../etc/x\r\n.\r\n"}},
        .asks = "STAT,LIST,UIDL",
        .log = "ready;stat 2 320;list 1 120;list 2 200;listed 2;uidl 1 abc;uidl 2 ../../etc/x;"
               "listed 2;",
    },
    {
        .name = "no UIDL",
        .steps = {ONE_BY_ONE, {"UIDL\r\n", "-ERR unknown\r\n"}},
        .asks = "UIDL",
        .log = "ready;refused UIDL 0;",
    },
    {
        .name = "STAT that cannot be",
        .steps = {ONE_BY_ONE,
                  {"STAT\r\n", "+OK -1 5\r\n"},
                  {"STAT\r\n", "+OK\r\n"},
                  {"STAT\r\n", "+OK 18446744073709551616 1\r\n"},
                  {"STAT\r\n", "+OK 2147483648 1\r\n"},
                  {"STAT\r\n", "+OK 7 18446744073709551616\r\n"},
                  {"STAT\r\n", "+OK 2147483647 18446744073709551615 x\r\n"}},
        .asks = "STAT,STAT,STAT,STAT,STAT,STAT",
        .log = "ready;bad stat 0 0;bad stat 0 0;bad stat 0 0;bad stat 0 0;bad stat 7 0;"
               "stat 2147483647 18446744073709551615;",
    },
    {
        .name = "LIST with numbers and sizes that cannot be",
        .steps = {ONE_BY_ONE,
                  {"LIST\r\n", "+OK\r\n0 5\r\n1 0\r\n2 9223372036854775808\r\n"
                               "3 99999999999999999999\r\n4\r\n5 x\r\nx 6\r\n2147483648 7\r\n\r\n"
                               "1  8 extra words\r\n-9 1\r\n.\r\n"}},
        .asks = "LIST",
        .log = "ready;bad list 0 0;list 1 0;list 2 9223372036854775808;bad list 3 0;bad list 4 0;"
               "bad list 5 0;bad list 0 0;bad list 0 0;bad list 0 0;list 1 8;bad list 0 0;"
               "listed 11;",
    },
    {
        .name = "UIDL of one message",
        .steps = {ONE_BY_ONE,
                  {"UIDL 2\r\n", "+OK 2 id two\r\n"},
                  {"UIDL 3\r\n", "+OK 2 id two\r\n"},
                  {"UIDL 4\r\n", "+OK\r\n"},
                  {"UIDL 5\r\n", "+OK 5 a\033b\r\n"},
                  {"UIDL 6\r\n", "-ERR no such message\r\n"},
                  {"UIDL\r\n", "+OK\r\n1 a\r\n.\r\n"}},
        .asks = "UIDL 2,UIDL 3,UIDL 4,UIDL 5,UIDL 6,UIDL",
        .log = "ready;uidl 2 id two;uidl 2 id two;bad uidl 0;bad uidl 5;refused UIDL 6;uidl 1 a;"
               "listed 1;",
    },
    {
        .name = "UIDL with ids that cannot be",
        .steps = {ONE_BY_ONE,
                  {"UIDL\r\n",
                   SAY("+OK\r\n0 a\r\n1\r\n2 \r\n3 a\033b\r\n4 a\0b\r\n5 dup\r\n"
                       "6 dup\r\n7  two  words \r\n8 \303\251\r\n9 \177\r\n..\r\n.\r\n")}},
        .asks = "UIDL",
        .log = "ready;bad uidl 0;bad uidl 1;bad uidl 2;bad uidl 3;bad uidl 4;uidl 5 dup;"
               "uidl 6 dup;uidl 7 two  words;uidl 8 \303\251;bad uidl 9;bad uidl 0;listed 11;",
    },
    {
        .name = "an end in the middle of UIDL",
        .steps = {ONE_BY_ONE, {"UIDL\r\n", "+OK\r\n1 a\r\n2"}},
        .asks = "UIDL",
        .close = true,
        .log = "ready;uidl 1 a;closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "connection lost: the server closed while waiting for the reply to UIDL",
    },
};

START_TEST(listings_flag_what_cannot_be)
{
    play_rows(listing_rows, G_N_ELEMENTS(listing_rows));
}
END_TEST

START_TEST(long_lines_are_cut_or_flagged)
{
    g_autofree char *status = g_strnfill(100 * 1024, 'x');
    g_autofree char *said = g_strconcat("-ERR [SYS/TEMP] ", status, "\r\n", NULL);
    g_autofree char *id = g_strnfill(64 * 1024, 'y');
    g_autofree char *limit = g_strnfill(MB_POP3_UIDL_MAX, 'z');
    g_autofree char *listing =
        g_strconcat("+OK\r\n1 ", id, "\r\n2 ", limit, "\r\n3 ", limit, "z\r\n.\r\n", NULL);
    g_autofree char *log = g_strconcat("ready;refused RETR 1 SYS/TEMP;bad uidl 1;uidl 2 ", limit,
                                       ";bad uidl 3;listed 3;", NULL);
    PlayRow row = {
        .name = "100 KiB of status, 64 KiB of unique-id",
        .steps = {PIPELINED, {"RETR 1\r\nUIDL\r\n", said}, {NULL, listing}},
        .asks = "RETR 1,UIDL",
        .log = log,
    };

    play_rows(&row, 1);
}
END_TEST

/* ---- messages ---- */

static const PlayRow message_rows[] = {
    {
        .name = "stuffed dots",
        .steps = {ONE_BY_ONE,
                  {"RETR 1\r\n", "+OK 30 octets\r\na: b\r\n\r\n..x\r\n..\r\n...\r\nx..\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 24;",
        .bytes = "a: b\r\n\r\n.x\r\n.\r\n..\r\nx..\r\n",
    },
    {
        .name = "a stuffed dot at once",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\n..\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 3;",
        .bytes = ".\r\n",
    },
    {
        .name = "a dot ends only as a whole CRLF line",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\nA\n.\nB\n.\r\nC\r.\r\nD\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 17 bare-cr bare-lf;",
        .bytes = "A\n.\nB\n.\r\nC\r.\r\nD\r\n",
    },
    {
        .name = "dots that were not stuffed",
        .steps = {ONE_BY_ONE,
                  {"RETR 1\r\n", "+OK\r\n.A\r\n.\nB\r\n.\rC\r\n.\r\r\n. \r\n.\r.\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 27 bare-cr bare-lf unstuffed;",
        .bytes = ".A\r\n.\nB\r\n.\rC\r\n.\r\r\n. \r\n.\r.\r\n",
    },
    {
        .name = "NUL, bare CR, bare LF, 8 bit",
        .steps = {ONE_BY_ONE,
                  {"RETR 1\r\n", SAY("+OK\r\n\0a\0\r\nb\rc\nd\r\r\n\n\n\200\377\r\n.\r\n")}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 19 nul bare-cr bare-lf 8bit;",
        .bytes = "\0a\0\r\nb\rc\nd\r\r\n\n\n\200\377\r\n",
        .bytes_length = 19,
    },
    {
        .name = "every oddity alone: 8 bit in the 33rd octet",
        .steps = {ONE_BY_ONE,
                  {"RETR 1\r\n", "+OK\r\n0123456789abcdef0123456789abcdef\303\251\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 36 8bit;",
        .bytes = "0123456789abcdef0123456789abcdef\303\251\r\n",
    },
    {
        .name = "bare LF",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\na\nb\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 5 bare-lf;",
        .bytes = "a\nb\r\n",
    },
    {
        .name = "bare CR",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\na\rb\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 5 bare-cr;",
        .bytes = "a\rb\r\n",
    },
    {
        .name = "CR before CRLF",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\na\r\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 4 bare-cr;",
        .bytes = "a\r\r\n",
    },
    {
        .name = "TOP",
        .steps = {ONE_BY_ONE, {"TOP 7 0\r\n", "+OK\r\na: b\r\n\r\n.\r\n"}},
        .asks = "TOP 7",
        .log = "ready;begin 7;end 7 8;",
        .bytes = "a: b\r\n\r\n",
    },
};

START_TEST(messages_come_as_they_were_stored)
{
    play_rows(message_rows, G_N_ELEMENTS(message_rows));
    statement("P-5");
    statement("P-6");
}
END_TEST

static const PlayRow empty_rows[] = {
    {
        .name = "nothing at all",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 0 empty;",
    },
    {
        .name = "an empty line, as some servers send the empty message",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\n\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 2;",
        .bytes = "\r\n",
    },
    {
        .name = "nothing between two",
        .steps = {PIPELINED,
                  {"RETR 1\r\nRETR 2\r\nRETR 3\r\n",
                   "+OK\r\na\r\n.\r\n+OK\r\n.\r\n+OK\r\nb\r\n.\r\n"}},
        .asks = "RETR 1,RETR 2,RETR 3",
        .log = "ready;begin 1;end 1 3;begin 2;end 2 0 empty;begin 3;end 3 3;",
        .bytes = "a\r\nb\r\n",
    },
};

START_TEST(an_empty_message_has_no_bytes)
{
    play_rows(empty_rows, G_N_ELEMENTS(empty_rows));
    statement("P-7");
}
END_TEST

START_TEST(line_lengths_are_noted_to_the_octet)
{
    static const struct {
        const char *name;
        size_t octets;
        const char *end;
        const char *oddities;
    } rows[] = {
        {"998 and CRLF", 998, "\r\n", ""},
        {"999 and CRLF", 999, "\r\n", " long-line"},
        {"998 and LF", 998, "\nx\r\n", " bare-lf"},
        {"999 and LF", 999, "\nx\r\n", " bare-lf long-line"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *fill = g_strnfill(rows[i].octets, 'x');
        g_autofree char *bytes = g_strconcat(fill, rows[i].end, NULL);
        g_autofree char *said = g_strconcat("+OK\r\n", bytes, ".\r\n", NULL);
        g_autofree char *log =
            g_strdup_printf("ready;begin 1;end 1 %zu%s;", strlen(bytes), rows[i].oddities);
        PlayRow row = {
            .name = rows[i].name,
            .steps = {ONE_BY_ONE, {"RETR 1\r\n", said}},
            .asks = "RETR 1",
            .log = log,
            .bytes = bytes,
        };

        play_rows(&row, 1);
    }
}
END_TEST

START_TEST(a_line_of_ten_megabytes_is_unchanged)
{
    size_t length = 10U << 20;
    g_autofree char *line = g_malloc(length + 1);
    g_autofree char *bytes = NULL;
    g_autofree char *said = NULL;
    g_autofree char *log = NULL;
    PlayRow row = {.name = "10 MiB in a line", .asks = "RETR 1"};
    PlayRow lead = {.steps = {ONE_BY_ONE}};

    for (size_t i = 0; i < length; i++)
        line[i] = (char)('!' + i % 90);
    line[length] = '\0';
    bytes = g_strconcat(line, "\r\n", NULL);
    said = g_strconcat("+OK\r\n", line, "\r\n.\r\n", NULL);
    log = g_strdup_printf("ready;begin 1;end 1 %zu long-line;", length + 2);
    memcpy(row.steps, lead.steps, sizeof(row.steps));
    row.steps[5] = (PlayStep){"RETR 1\r\n", said, 0};
    row.log = log;
    row.bytes = bytes;
    row.options.secure = true;
    play_once(&row, (PlayCut){.split = SIZE_MAX});
    for (size_t split = 200; split < length; split += length / 7)
        play_once(&row, (PlayCut){.split = split});
}
END_TEST

/* A plain model of RFC 1939, 3, against which random bytes are held. */
static GString *model(const GString *stuffed, size_t *end)
{
    GString *plain = g_string_new(NULL);
    bool line_start = true;

    for (size_t i = 0; i < stuffed->len; i++) {
        const char *at = stuffed->str + i;

        if (line_start && *at == '.') {
            if (stuffed->len - i >= 3 && at[1] == '\r' && at[2] == '\n') {
                *end = i + 3;
                return plain;
            }
            if (stuffed->len - i >= 2 && at[1] == '.')
                at = stuffed->str + ++i;
        }
        g_string_append_c(plain, *at);
        line_start = *at == '\n' && i > 0 && at[-1] == '\r';
    }
    *end = 0;
    return plain;
}

START_TEST(random_bytes_agree_with_a_plain_model)
{
    static const char alphabet[] = "..\r\n\r\nx";
    static const char hello[] = "+OK\r\n-ERR\r\n+OK\r\n+OK\r\n-ERR\r\n";
    g_autoptr(GRand) random = g_rand_new_with_seed(20);
    PlayRow lead = {.steps = {ONE_BY_ONE}};

    for (int round = 0; round < 300; round++) {
        g_autoptr(GString) stuffed = g_string_new(NULL);
        g_autofree char *said = NULL;
        g_autofree char *log = NULL;
        PlayRow row = {.name = "random bytes", .asks = "RETR 1", .options = {.secure = true}};
        size_t end;

        for (int i = g_rand_int_range(random, 0, 24); i > 0; i--)
            g_string_append_c(stuffed, alphabet[g_rand_int_range(random, 0, 7)]);
        g_string_append(stuffed, "x\r\n.\r\n");
        g_autoptr(GString) plain = model(stuffed, &end);
        g_string_truncate(stuffed, end);
        said = g_strconcat("+OK\r\n", stuffed->str, NULL);
        memcpy(row.steps, lead.steps, sizeof(row.steps));
        row.steps[5] = (PlayStep){"RETR 1\r\n", said, 0};
        row.bytes = plain->str;
        row.bytes_length = plain->len;
        row.log = NULL;
        for (size_t split = 0; split <= strlen(said); split++) {
            MbPop3Options options = {
                .server_name = "h", .user = "u", .password = "p", .secure = true};
            Player player = {.row = &row,
                             .session = mb_pop3_session_new(&options, NULL),
                             .log = g_string_new(NULL),
                             .bytes = g_string_new(NULL),
                             .written = g_string_new(NULL),
                             .trace = g_string_new(NULL)};

            play_piece(&player, hello, strlen(hello));
            play_piece(&player, said, split);
            play_piece(&player, said + split, strlen(said) - split);
            ck_assert_msg(g_string_equal(player.bytes, plain), "round %d, split %zu", round, split);
            ck_assert_msg(strstr(player.log->str, ";end 1 ") != NULL, "round %d", round);
            mb_pop3_session_free(player.session);
            g_string_free(player.log, TRUE);
            g_string_free(player.bytes, TRUE);
            g_string_free(player.written, TRUE);
            g_string_free(player.trace, TRUE);
        }
    }
}
END_TEST

static MbPop3Session *start_ready(void)
{
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "p", .secure = true};
    MbPop3Session *session = mb_pop3_session_new(&options, NULL);
    const char *hello = "+OK\r\n-ERR\r\n+OK\r\n+OK\r\n-ERR\r\n";
    MbPop3Event event;

    mb_pop3_session_ops.input(session, hello, strlen(hello));
    ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_NEXT);
    ck_assert_int_eq(event.kind, MB_POP3_EVENT_READY);
    return session;
}

static void ask(MbPop3Session *session, const char *asks)
{
    struct iovec part;

    play_ask(session, asks);
    while (mb_pop3_session_ops.output(session, &part, 1) > 0)
        mb_pop3_session_ops.wrote(session, part.iov_len);
}

/* Leaves the last event there. */
static void hear(MbPop3Session *session, const char *bytes, size_t length, MbPop3Event *last)
{
    MbPop3Event event;

    mb_pop3_session_ops.input(session, bytes, length);
    while (mb_pop3_session_next_event(session, &event) == MB_NEXT)
        *last = event;
}

/* `line` again and again; the items that came before the session had enough. */
static uint64_t list_without_end(const char *line)
{
    g_autoptr(MbPop3Session) session = start_ready();
    g_autoptr(GString) block = g_string_new(NULL);
    uint64_t items = 0;
    MbPop3Event event = {0};

    while (block->len < 1000000)
        g_string_append(block, line);
    ask(session, "LIST");
    mb_pop3_session_ops.input(session, "+OK\r\n", 5);
    do {
        MbNext next = mb_pop3_session_next_event(session, &event);

        if (next == MB_END)
            mb_pop3_session_ops.input(session, block->str, block->len);
        else
            items += event.kind == MB_POP3_EVENT_LISTING;
        ck_assert_uint_le(items * strlen(line), MB_POP3_LISTING_MAX + block->len);
        ck_assert_uint_le(items, MB_POP3_LIST_MAX);
    } while (event.kind != MB_POP3_EVENT_CLOSED);
    ck_assert_int_eq(event.error->code, MB_ERROR_PROTOCOL);
    return items;
}

START_TEST(a_listing_without_end_ends)
{
    g_autofree char *padding = g_strnfill(100000, 'x');
    g_autofree char *line = g_strdup_printf("1 1 %s\r\n", padding);

    ck_assert_uint_ge(list_without_end(line) * strlen(line), MB_POP3_LISTING_MAX - strlen(line));
}
END_TEST

/* A line's length counts what was held back of it, wherever it was cut. */
START_TEST(a_long_line_is_noted_with_its_dot)
{
    for (size_t length = 998; length <= 999; length++) {
        g_autofree char *rest = g_strnfill(length - 1, 'x');
        g_autofree char *said = g_strdup_printf(".%s\r\n.\r\n", rest);

        for (size_t split = 1; split < strlen(said); split++) {
            g_autoptr(MbPop3Session) session = start_ready();
            MbPop3Event event = {0};

            ask(session, "RETR 1");
            hear(session, "+OK\r\n", 5, &event);
            hear(session, said, split, &event);
            hear(session, said + split, strlen(said) - split, &event);
            ck_assert_int_eq(event.kind, MB_POP3_EVENT_END);
            ck_assert_msg(((event.oddities & MB_POP3_ODD_LONG_LINE) != 0) == (length == 999),
                          "%zu octets, split at %zu", length, split);
        }
    }
}
END_TEST

START_TEST(a_listed_size_is_never_believed)
{
    static const PlayRow row = {
        .name = "sizes 0, 1 and 2^63",
        .steps =
            {PIPELINED,
             {"LIST\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\n",
              "+OK\r\n1 0\r\n2 1\r\n3 9223372036854775808\r\n.\r\n+OK 0 octets\r\n"
              "abc\r\n.\r\n+OK 1 octets\r\ndef\r\n.\r\n+OK 9223372036854775808\r\nghi\r\n.\r\n"}},
        .asks = "LIST,RETR 1,RETR 2,RETR 3",
        .log = "ready;list 1 0;list 2 1;list 3 9223372036854775808;listed 3;begin 1;end 1 5;"
               "begin 2;end 2 5;begin 3;end 3 5;",
        .bytes = "abc\r\ndef\r\nghi\r\n",
    };

    play_rows(&row, 1);
    statement("P-8");
}
END_TEST

/* ---- the window ---- */

static const PlayRow window_rows[] = {
    {
        .name = "one by one without PIPELINING, whatever was asked for",
        .options = {.window = 8},
        .steps = {ONE_BY_ONE,
                  {"RETR 1\r\n", "+OK\r\na\r\n.\r\n"},
                  {"RETR 2\r\n", "-ERR gone\r\n"},
                  {"RETR 3\r\n", "+OK\r\nb\r\n.\r\n"},
                  {"QUIT\r\n", "+OK\r\n"}},
        .asks = "RETR 1,RETR 2,RETR 3,QUIT",
        .log = "ready;begin 1;end 1 3;refused RETR 2;begin 3;end 3 3;quit;closed;",
        .bytes = "a\r\nb\r\n",
        .code = -1,
    },
    {
        .name = "-ERR in the middle of a window skips one",
        .steps = {PIPELINED,
                  {"RETR 1\r\nRETR 2\r\nRETR 3\r\nDELE 1\r\nRSET\r\nNOOP\r\nQUIT\r\n",
                   "+OK\r\na\r\n.\r\n-ERR [SYS/PERM] broken\r\n+OK\r\nb\r\n.\r\n"
                   "+OK gone\r\n+OK\r\n+OK\r\n+OK bye\r\n"}},
        .asks = "RETR 1,RETR 2,RETR 3,DELE 1,RSET,NOOP,QUIT",
        .log = "ready;begin 1;end 1 3;refused RETR 2 SYS/PERM;begin 3;end 3 3;deleted 1;reset;"
               "quit;closed;",
        .bytes = "a\r\nb\r\n",
        .code = -1,
    },
    {
        .name = "a window of two is filled up as it empties",
        .options = {.window = 2},
        .steps = {PIPELINED,
                  {"RETR 1\r\nRETR 2\r\n", "+OK\r\na\r\n.\r\n"},
                  {"RETR 3\r\n", "+OK\r\nb\r\n.\r\n"},
                  {"RETR 4\r\n", "+OK\r\nc\r\n.\r\n+OK\r\nd\r\n.\r\n"}},
        .asks = "RETR 1,RETR 2,RETR 3,RETR 4",
        .log = "ready;begin 1;end 1 3;begin 2;end 2 3;begin 3;end 3 3;begin 4;end 4 3;",
        .bytes = "a\r\nb\r\nc\r\nd\r\n",
    },
    {
        .name = "a window of four is filled up in groups",
        .options = {.window = 4},
        .steps = {PIPELINED,
                  {"DELE 1\r\nDELE 2\r\nDELE 3\r\nDELE 4\r\n", "+OK\r\n"},
                  {NULL, "+OK\r\n"},
                  {"DELE 5\r\nDELE 6\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n"}},
        .asks = "DELE 1,DELE 2,DELE 3,DELE 4,DELE 5,DELE 6",
        .log = "ready;deleted 1;deleted 2;deleted 3;deleted 4;deleted 5;deleted 6;",
    },
};

START_TEST(the_window_is_kept)
{
    play_rows(window_rows, G_N_ELEMENTS(window_rows));
    statement("P-15");
}
END_TEST

START_TEST(what_was_not_sent_can_be_withdrawn)
{
    MbPop3Options options = {
        .server_name = "h", .user = "u", .password = "p", .secure = true, .window = 2};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, NULL);
    const char *hello = "+OK\r\n-ERR\r\n+OK\r\n+OK\r\n+OK\r\nPIPELINING\r\n.\r\n";
    struct iovec part;
    MbPop3Event event;

    mb_pop3_session_ops.input(session, hello, strlen(hello));
    ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_NEXT);
    ck_assert(!mb_pop3_session_ops.expects(session));
    for (uint64_t i = 1; i <= 10; i++)
        mb_pop3_session_ask_retr(session, i);
    ck_assert_uint_eq(mb_pop3_session_ops.output(session, &part, 1), 1);
    mb_pop3_session_ops.wrote(session, part.iov_len);
    ck_assert_uint_eq(mb_pop3_session_withdraw(session), 8);
    ck_assert_uint_eq(mb_pop3_session_pending(session), 2);
    ck_assert(mb_pop3_session_ops.expects(session));
    mb_pop3_session_quit(session);
    ck_assert_uint_eq(mb_pop3_session_withdraw(session), 0);
    ck_assert_uint_eq(mb_pop3_session_pending(session), 3);
}
END_TEST

/* ---- ends ---- */

static const PlayRow end_rows[] = {
    {
        .name = "+OK, then the end",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\n"}},
        .asks = "RETR 1",
        .close = true,
        .log = "ready;begin 1;closed cut;",
        .code = MB_ERROR_TEMPORARY,
        .error = "mail.example.org: connection lost: the server closed in the middle of message 1",
    },
    {
        .name = "the end inside a line",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\nabc"}},
        .asks = "RETR 1",
        .cut = true,
        .log = "ready;begin 1;closed cut;",
        .bytes = "abc",
        .code = MB_ERROR_TEMPORARY,
        .error = "was cut in the middle of message 1",
    },
    {
        .name = "the end after CR",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\nabc\r"}},
        .asks = "RETR 1",
        .close = true,
        .log = "ready;begin 1;closed cut;",
        .bytes = "abc\r",
        .code = MB_ERROR_TEMPORARY,
    },
    {
        .name = "the end after CRLF . CR",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\nabc\r\n.\r"}},
        .asks = "RETR 1",
        .close = true,
        .log = "ready;begin 1;closed cut;",
        .bytes = "abc\r\n",
        .code = MB_ERROR_TEMPORARY,
    },
    {
        .name = "the end instead of a reply",
        .steps = {PIPELINED, {"RETR 1\r\nRETR 2\r\n", "+OK\r\nabc\r\n.\r\n"}},
        .asks = "RETR 1,RETR 2",
        .cut = true,
        .log = "ready;begin 1;end 1 5;closed;",
        .bytes = "abc\r\n",
        .code = MB_ERROR_TEMPORARY,
        .error = "the reply to RETR 2",
    },
    {
        .name = "no POP3 reply",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OKAY\r\nabc\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;closed;",
        .code = MB_ERROR_PROTOCOL,
        .error = "not a POP3 reply to RETR: \"+OKAY\"",
    },
    {
        .name = "a forged reply after an unstuffed dot line",
        .steps = {ONE_BY_ONE, {"RETR 1\r\n", "+OK\r\nabc\r\n.\r\n+OK forged\r\nx\r\n.\r\n"}},
        .asks = "RETR 1",
        .log = "ready;begin 1;end 1 5;closed;",
        .bytes = "abc\r\n",
        .code = MB_ERROR_PROTOCOL,
        .error = "to any command: \"+OK forged\"",
    },
    {
        .name = "a server that says why it closes",
        .steps = {ONE_BY_ONE, {"NOOP\r\n", "+OK\r\n-ERR [SYS/TEMP] shutting down\r\n"}},
        .asks = "NOOP",
        .log = "ready;closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "the server ends the session: [SYS/TEMP] shutting down",
    },
    {
        .name = "QUIT refused",
        .steps = {ONE_BY_ONE, {"QUIT\r\n", "-ERR some deleted messages not removed\r\n"}},
        .asks = "QUIT",
        .log = "ready;refused QUIT 0;closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "QUIT refused: some deleted",
    },
    {
        .name = "no answer to QUIT",
        .steps = {ONE_BY_ONE, {"QUIT\r\n", "+O"}},
        .asks = "QUIT",
        .close = true,
        .log = "ready;closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "the reply to QUIT",
    },
    {
        .name = "escapes in a refusal are shown as text",
        .steps = {ONE_BY_ONE, {"NOOP\r\n", "+OK\r\nHTTP \033]0;x\007\r\n"}},
        .asks = "NOOP",
        .log = "ready;closed;",
        .code = MB_ERROR_PROTOCOL,
        .error = "HTTP \\x1b]0;x\\x07",
    },
};

START_TEST(every_end_says_where)
{
    play_rows(end_rows, G_N_ELEMENTS(end_rows));
}
END_TEST

START_TEST(an_endless_message_takes_no_memory)
{
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "p", .secure = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, NULL);
    const char *hello = "+OK\r\n-ERR\r\n+OK\r\n+OK\r\n-ERR\r\n";
    g_autofree char *block = g_strnfill(1U << 20, 'x');
    struct iovec part;
    MbPop3Event event = {0};
    uint64_t seen = 0;

    mb_pop3_session_ops.input(session, hello, strlen(hello));
    ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_NEXT);
    mb_pop3_session_ask_retr(session, 1);
    ck_assert_uint_eq(mb_pop3_session_ops.output(session, &part, 1), 1);
    mb_pop3_session_ops.wrote(session, part.iov_len);
    mb_pop3_session_ops.input(session, "+OK\r\n", 5);
    for (int i = 0; i < 5 * 1024; i++) {
        while (mb_pop3_session_next_event(session, &event) == MB_NEXT) {
            if (event.kind == MB_POP3_EVENT_DATA) {
                ck_assert(event.bytes >= (const void *)block);
                seen += event.length;
            }
        }
        mb_pop3_session_ops.input(session, block, 1U << 20);
    }
    ck_assert_uint_eq(seen, (uint64_t)(5 * 1024 - 1) << 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pop3-session");
    TCase *tcase = tcase_create("session");

    tcase_add_test(tcase, listings_flag_what_cannot_be);
    tcase_add_test(tcase, long_lines_are_cut_or_flagged);
    tcase_add_test(tcase, messages_come_as_they_were_stored);
    tcase_add_test(tcase, an_empty_message_has_no_bytes);
    tcase_add_test(tcase, line_lengths_are_noted_to_the_octet);
    tcase_add_test(tcase, a_line_of_ten_megabytes_is_unchanged);
    tcase_add_test(tcase, random_bytes_agree_with_a_plain_model);
    tcase_add_test(tcase, a_listing_without_end_ends);
    tcase_add_test(tcase, a_long_line_is_noted_with_its_dot);
    tcase_add_test(tcase, a_listed_size_is_never_believed);
    tcase_add_test(tcase, the_window_is_kept);
    tcase_add_test(tcase, what_was_not_sent_can_be_withdrawn);
    tcase_add_test(tcase, every_end_says_where);
    tcase_add_test(tcase, an_endless_message_takes_no_memory);
    tcase_set_timeout(tcase, 100);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
