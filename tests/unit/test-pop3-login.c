/*
 * From the greeting to READY: capabilities, STLS, SASL, USER and PASS, and what ends it.
 */
#include "pop3-player.h"
#include "statement.h"
#include "suite.h"
#include <stdint.h>

#define SECURE                                                                                     \
    {                                                                                              \
        .secure = true                                                                             \
    }
#define CLEAR                                                                                      \
    {                                                                                              \
        .secure = false                                                                            \
    }
#define STLS                                                                                       \
    {                                                                                              \
        .start_tls = true                                                                          \
    }
#define PLAIN "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"

static void play_rows(const PlayRow *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        play_row(&rows[i]);
}

static const PlayRow login_rows[] = {
    {
        .name = "USER and PASS, without CAPA",
        .options = SECURE,
        .steps = {{NULL, "+OK ready\r\n"},
                  {"CAPA\r\n", "-ERR what\r\n"},
                  {"USER user\r\n", "+OK\r\n"},
                  {"PASS secret\r\n", "+OK 3 messages\r\n"},
                  {"CAPA\r\n", "-ERR what\r\n"}},
        .log = "ready;",
    },
    {
        .name = "USER and PASS, where CAPA offers them",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nUSER\r\nTOP\r\n.\r\n"},
                  {"USER user\r\n", "+OK\r\n"},
                  {"PASS secret\r\n", "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nUIDL\r\n.\r\n"}},
        .log = "ready;",
    },
    {
        .name = "PLAIN with its first response",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN LOGIN\r\n.\r\n"},
                  {PLAIN, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\n.\r\n"}},
        .log = "ready;",
    },
    {
        .name = "LOGIN answers two challenges",
        .options = {.secure = true, .mechanism = "LOGIN"},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN LOGIN\r\n.\r\n"},
                  {"AUTH LOGIN\r\n", "+ VXNlcm5hbWU6\r\n"},
                  {"dXNlcg==\r\n", "+ UGFzc3dvcmQ6\r\n"},
                  {"c2VjcmV0\r\n", "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\n.\r\n"}},
        .log = "ready;",
    },
    {
        .name = "USER by name, though SASL is offered",
        .options = {.secure = true, .mechanism = "USER"},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n"},
                  {"USER user\r\n", "+OK\r\n"},
                  {"PASS secret\r\n", "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\n.\r\n"}},
        .log = "ready;",
    },
    {
        .name = "USER where no SASL mechanism is ours",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL X-OWN\r\nUSER\r\n.\r\n"},
                  {"USER user\r\n", "+OK\r\n"},
                  {"PASS secret\r\n", "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\n.\r\n"}},
        .log = "ready;",
    },
    {
        .name = "a bare LF ends a status line too",
        .options = SECURE,
        .steps = {{NULL, "+OK\n"},
                  {"CAPA\r\n", "-ERR\n"},
                  {"USER user\r\n", "+OK\n"},
                  {"PASS secret\r\n", "+OK\n"},
                  {"CAPA\r\n", "+OK\nUIDL\n.\n"}},
        .log = "ready;",
    },
};

START_TEST(every_login_reaches_ready)
{
    play_rows(login_rows, G_N_ELEMENTS(login_rows));
}
END_TEST

#define TO_LOGIN                                                                                   \
    {NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nUSER\r\n.\r\n"},                                       \
    {                                                                                              \
        "USER user\r\n", "+OK\r\n"                                                                 \
    }

static const PlayRow refused_rows[] = {
    {
        .name = "a refused password",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR no such luck\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "mail.example.org: login refused for user: no such luck",
    },
    {
        .name = "a refused user",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "-ERR\r\n"}, {"USER user\r\n", "-ERR\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "no reason given",
    },
    {
        .name = "[AUTH]",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR [AUTH] wrong\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
    },
    {
        .name = "[IN-USE]",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR [IN-USE] another session\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "login not possible now for user: [IN-USE] another session",
    },
    {
        .name = "a locked maildrop, said in words",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR maildrop already locked\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
    },
    {
        .name = "[SYS/TEMP], in lower case",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR [sys/temp] later\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
    },
    {
        .name = "[LOGIN-DELAY]",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR [LOGIN-DELAY] slowly\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
    },
    {
        .name = "[SYS/PERM]",
        .options = SECURE,
        .steps = {TO_LOGIN, {"PASS secret\r\n", "-ERR [SYS/PERM] gone\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_UNAVAILABLE,
    },
    {
        .name = "a refused SASL login",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n"},
                  {PLAIN, "-ERR [AUTH] no \033[31m\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "no \\x1b[31m",
    },
    {
        .name = "a token that is refused: the challenge gets an empty line",
        .options = {.secure = true, .mechanism = "XOAUTH2"},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN XOAUTH2\r\n.\r\n"},
                  {"AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHNlY3JldAEB\r\n",
                   "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"},
                  {"\r\n", "-ERR [AUTH] no\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "[AUTH] no; the token: {\"status\":\"401\"}",
    },
    {
        .name = "a challenge that is no base64 is cancelled",
        .options = {.secure = true, .mechanism = "LOGIN"},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL LOGIN\r\n.\r\n"},
                  {"AUTH LOGIN\r\n", "+ !!!\r\n"},
                  {"*\r\n", "-ERR cancelled\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
    },
    {
        .name = "a server that accepts what was cancelled",
        .options = {.secure = true, .mechanism = "LOGIN"},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL LOGIN\r\n.\r\n"},
                  {"AUTH LOGIN\r\n", "+ !!!\r\n"},
                  {"*\r\n", "+OK come in\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
    },
    {
        .name = "success before the exchange has ended",
        .options = {.secure = true, .mechanism = "LOGIN"},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL LOGIN\r\n.\r\n"},
                  {"AUTH LOGIN\r\n", "+OK come in\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
        .error = "without proving",
    },
    {
        .name = "no way to log in",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nTOP\r\n.\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "mail.example.org: ",
    },
    {
        .name = "no password in clear",
        .options = CLEAR,
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "in clear",
    },
    {
        .name = "a mechanism by name that is not offered",
        .options = {.secure = true, .mechanism = "SCRAM-SHA-256"},
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_LOGIN,
        .error = "PLAIN",
    },
};

START_TEST(every_refused_login_says_why)
{
    play_rows(refused_rows, G_N_ELEMENTS(refused_rows));
}
END_TEST

static const PlayRow greeting_rows[] = {
    {
        .name = "refused service",
        .options = SECURE,
        .steps = {{NULL, "-ERR go away\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_UNAVAILABLE,
        .error = "refuses service: go away",
    },
    {
        .name = "refused for now",
        .options = SECURE,
        .steps = {{NULL, "-ERR [SYS/TEMP] later\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
    },
    {
        .name = "another protocol",
        .options = SECURE,
        .steps = {{NULL, "220 mail.example.org ESMTP\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
        .error = "not a POP3 reply as a greeting: \"220 mail.example.org ESMTP\"",
    },
    {
        .name = "+OKAY",
        .options = SECURE,
        .steps = {{NULL, "+OKAY\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
    },
    {
        .name = "lower case",
        .options = SECURE,
        .steps = {{NULL, "+ok ready\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
    },
    {
        .name = "an end before the greeting",
        .options = SECURE,
        .steps = {{NULL, "+O"}},
        .close = true,
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "connection lost: the server closed while waiting for the greeting",
    },
    {
        .name = "an end after CR",
        .options = SECURE,
        .steps = {{NULL, "+OK\r"}},
        .cut = true,
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "was cut",
    },
    {
        .name = "an end in the middle of CAPA",
        .options = SECURE,
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nUSER\r\n"}},
        .close = true,
        .log = "closed;",
        .code = MB_ERROR_TEMPORARY,
        .error = "CAPA",
    },
};

START_TEST(every_bad_greeting_says_what_came)
{
    play_rows(greeting_rows, G_N_ELEMENTS(greeting_rows));
}
END_TEST

static const PlayRow stls_rows[] = {
    {
        .name = "CAPA is asked again after STLS",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSTLS\r\nSASL X-CLEAR\r\nPIPELINING\r\n.\r\n"},
                  {"STLS\r\n", "+OK begin\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n"},
                  {PLAIN, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\n.\r\n"}},
        .log = "start-tls;ready;",
    },
    {
        .name = "what was offered in clear is forgotten",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n"},
                  {"STLS\r\n", "+OK begin\r\n"},
                  {"CAPA\r\n", "+OK\r\nTOP\r\n.\r\n"}},
        .log = "start-tls;closed;",
        .code = MB_ERROR_LOGIN,
    },
    {
        .name = "STLS is not offered",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_UNAVAILABLE,
        .error = "does not offer STLS",
    },
    {
        .name = "no CAPA, so no STLS",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"}, {"CAPA\r\n", "-ERR\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_UNAVAILABLE,
    },
    {
        .name = "STLS is refused",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSTLS\r\nUSER\r\n.\r\n"},
                  {"STLS\r\n", "-ERR not today\r\n"}},
        .log = "closed;",
        .code = MB_ERROR_UNAVAILABLE,
        .error = "STLS answered: not today",
    },
    {
        .name = "surplus plaintext",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSTLS\r\nUSER\r\n.\r\n"},
                  {"STLS\r\n", "+OK begin\r\n+OK\r\nSASL PLAIN\r\n.\r\n"}},
        .no_handshake = true,
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
        .error = "sent more in clear",
    },
    {
        .name = "one surplus octet",
        .options = STLS,
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSTLS\r\nUSER\r\n.\r\n"},
                  {"STLS\r\n", "+OK begin\r\n."}},
        .no_handshake = true,
        .log = "closed;",
        .code = MB_ERROR_PROTOCOL,
    },
};

START_TEST(stls_is_all_or_nothing)
{
    play_rows(stls_rows, G_N_ELEMENTS(stls_rows));
    statement("P-9");
}
END_TEST

/* With the surplus at hand there is not even a handshake. */
START_TEST(a_go_ahead_with_more_behind_it_starts_nothing)
{
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "p", .start_tls = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, NULL);
    static const char *const said[] = {"+OK hello\r\n", "+OK\r\nSTLS\r\n.\r\n",
                                       "+OK begin\r\n+OK\r\n"};
    struct iovec part;
    MbPop3Event event;

    for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
        while (mb_pop3_session_ops.output(session, &part, 1) > 0)
            mb_pop3_session_ops.wrote(session, part.iov_len);
        mb_pop3_session_ops.input(session, said[i], strlen(said[i]));
        ck_assert_int_eq(mb_pop3_session_next_event(session, &event),
                         i + 1 < G_N_ELEMENTS(said) ? MB_END : MB_NEXT);
    }
    ck_assert_int_eq(event.kind, MB_POP3_EVENT_CLOSED);
    ck_assert_int_eq(event.error->code, MB_ERROR_PROTOCOL);
    statement("P-9");
}
END_TEST

START_TEST(what_was_said_of_a_login_is_wiped)
{
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "secret", .secure = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, NULL);
    static const char *const said[] = {"+OK hello\r\n", "-ERR what\r\n", "+OK\r\n"};
    struct iovec part;
    MbPop3Event event;

    for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
        while (mb_pop3_session_ops.output(session, &part, 1) > 0)
            mb_pop3_session_ops.wrote(session, part.iov_len);
        mb_pop3_session_ops.input(session, said[i], strlen(said[i]));
        ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_END);
    }
    ck_assert_uint_eq(mb_pop3_session_ops.output(session, &part, 1), 1);
    ck_assert_mem_eq(part.iov_base, "PASS secret\r\n", 13);
    mb_pop3_session_ops.wrote(session, part.iov_len);
    for (size_t i = 0; i < 13; i++) /* the buffer is still the session's */
        ck_assert_int_eq(((const char *)part.iov_base)[i], '\0');
    statement("M-32");
}
END_TEST

/* Whoever answers before the question may be in the middle, and knows what we always ask. */
START_TEST(a_go_ahead_before_stls_is_refused)
{
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "p", .start_tls = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, NULL);
    const char *said = "+OK hello\r\n+OK\r\nSTLS\r\n.\r\n+OK begin\r\n";
    MbPop3Event event;

    mb_pop3_session_ops.input(session, said, strlen(said));
    ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_NEXT);
    ck_assert_int_eq(event.kind, MB_POP3_EVENT_CLOSED);
    ck_assert_int_eq(event.error->code, MB_ERROR_PROTOCOL);
    statement("P-9");
}
END_TEST

START_TEST(a_token_too_long_for_a_command_waits_for_its_turn)
{
    g_autofree char *token = g_strnfill(4096, 'x');
    g_autofree char *response = NULL;
    g_autofree char *line = NULL;
    GByteArray *raw = g_byte_array_new();
    PlayRow row = {
        .name = "4 KiB of password",
        .options = {.secure = true, .password = token},
        .steps = {{NULL, "+OK\r\n"},
                  {"CAPA\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n"},
                  {"AUTH PLAIN\r\n", "+ \r\n"}},
        .log = "",
    };

    g_byte_array_append(raw, (const guint8 *)"\0user\0", 6);
    g_byte_array_append(raw, (const guint8 *)token, 4096);
    response = g_base64_encode(raw->data, raw->len);
    line = g_strconcat(response, "\r\n", NULL);
    row.rest = line;
    play_row(&row);
    g_byte_array_unref(raw);
}
END_TEST

START_TEST(challenges_come_to_an_end)
{
    g_autoptr(GError) error = NULL;
    MbPop3Options options = {
        .server_name = "h", .user = "u", .password = "p", .mechanism = "LOGIN", .secure = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, &error);
    const char *hello = "+OK\r\n+OK\r\nSASL LOGIN\r\n.\r\n";
    MbPop3Event event = {0};
    int said = 0;

    mb_pop3_session_ops.input(session, hello, strlen(hello));
    for (;;) {
        if (mb_pop3_session_next_event(session, &event) == MB_NEXT)
            break;
        ck_assert_int_lt(said++, 40);
        mb_pop3_session_ops.input(session, "+ QUFB\r\n", 8);
    }
    ck_assert_int_eq(event.kind, MB_POP3_EVENT_CLOSED);
    ck_assert_int_eq(event.error->code, MB_ERROR_PROTOCOL);
}
END_TEST

/* An endless anything ends: `head`, then `unit` again and again. */
static void check_endless(const char *head, const char *unit, size_t most)
{
    g_autoptr(GError) error = NULL;
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "p", .secure = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, &error);
    g_autoptr(GString) block = g_string_new(NULL);
    MbPop3Event event = {0};
    size_t fed = 0;

    while (block->len < 65536)
        g_string_append(block, unit);
    if (*head != '\0')
        mb_pop3_session_ops.input(session, head, strlen(head));
    while (mb_pop3_session_next_event(session, &event) == MB_END) {
        ck_assert_uint_le(fed, most);
        mb_pop3_session_ops.input(session, block->str, block->len);
        fed += block->len;
    }
    ck_assert_int_eq(event.kind, MB_POP3_EVENT_CLOSED);
    ck_assert_int_eq(event.error->code, MB_ERROR_PROTOCOL);
    ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_END);
}

START_TEST(endless_input_ends)
{
    check_endless("", "x", 2 * MB_POP3_LINE_MAX);
    check_endless("+OK ", "x", 2 * MB_POP3_LINE_MAX);
    check_endless("", "+OK again\r\n", 65536);
    check_endless("+OK\r\n+OK\r\n", "FEATURE\r\n", 65536);
    check_endless("+OK\r\n+OK\r\n", "x", 2 * MB_POP3_LINE_MAX);
}
END_TEST

START_TEST(capabilities_are_read)
{
    g_autoptr(GError) error = NULL;
    MbPop3Options options = {.server_name = "h", .user = "u", .password = "p", .secure = true};
    g_autoptr(MbPop3Session) session = mb_pop3_session_new(&options, &error);
    const char *said =
        "+OK hello\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n+OK\r\n"
        "+OK\r\nUSER\r\npipelining\r\nUIDL\r\nTOP\r\nSTLS\r\nRESP-CODES\r\n"
        "SASL PLAIN  LOGIN\r\nEXPIRE 30 USER\r\nLOGIN-DELAY 900\r\nX-OTHER a b\r\n..X\r\n.\r\n";
    const MbPop3Capabilities *says;
    MbPop3Event event;

    mb_pop3_session_ops.input(session, said, strlen(said));
    ck_assert_int_eq(mb_pop3_session_next_event(session, &event), MB_NEXT);
    ck_assert_int_eq(event.kind, MB_POP3_EVENT_READY);
    says = mb_pop3_session_capabilities(session);
    ck_assert(says->capa && says->pipelining && says->uidl && says->top && says->stls);
    ck_assert(says->user && says->resp_codes && says->expire_per_user);
    ck_assert_int_eq(says->expire_days, 30);
    ck_assert_int_eq(says->login_delay, 900);
    ck_assert_str_eq(says->sasl[0], "PLAIN");
    ck_assert_str_eq(says->sasl[1], "LOGIN");
    ck_assert_ptr_null(says->sasl[2]);
    ck_assert_str_eq(says->lines[9], "X-OTHER a b");
    ck_assert_str_eq(says->lines[10], ".X"); /* it was stuffed */
    ck_assert_ptr_null(says->lines[11]);
    ck_assert_str_eq(says->greeting, "+OK hello");
    ck_assert_uint_eq(mb_pop3_session_window(session), 64);
}
END_TEST

START_TEST(what_would_break_a_command_is_refused)
{
    static const struct {
        const char *server, *user, *password;
    } rows[] = {
        {"h", "u\r\nDELE 1", "p"}, {"h", "u", "p\nDELE 1"}, {"h", "", "p"},
        {"h", "u", NULL},          {NULL, "u", "p"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        MbPop3Options options = {
            .server_name = rows[i].server, .user = rows[i].user, .password = rows[i].password};
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(mb_pop3_session_new(&options, &error));
        ck_assert_int_eq(error->code, MB_ERROR_CONFIG);
        ck_assert_ptr_null(strstr(error->message, "DELE"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pop3-login");
    TCase *tcase = tcase_create("login");

    tcase_add_test(tcase, every_login_reaches_ready);
    tcase_add_test(tcase, every_refused_login_says_why);
    tcase_add_test(tcase, every_bad_greeting_says_what_came);
    tcase_add_test(tcase, stls_is_all_or_nothing);
    tcase_add_test(tcase, a_go_ahead_with_more_behind_it_starts_nothing);
    tcase_add_test(tcase, what_was_said_of_a_login_is_wiped);
    tcase_add_test(tcase, a_go_ahead_before_stls_is_refused);
    tcase_add_test(tcase, a_token_too_long_for_a_command_waits_for_its_turn);
    tcase_add_test(tcase, challenges_come_to_an_end);
    tcase_add_test(tcase, endless_input_ends);
    tcase_add_test(tcase, capabilities_are_read);
    tcase_add_test(tcase, what_would_break_a_command_is_refused);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
