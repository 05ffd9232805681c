/*
 * From the greeting to READY: STARTTLS and AUTH, whole dialogues split at every octet; what a man
 * in the middle may try; and that no secret reaches the trace.
 */
#include <check.h>
#include <stdlib.h>

#include "smtp-player.h"
#include "statement.h"
#include "suite.h"

#define HELLO "S 220 mail.test ESMTP\nC EHLO localhost\n"
#define LOGIN .user = "ann", .password = "s3cret"

/* base64("\0ann\0s3cret") */
#define PLAIN_RESPONSE "AGFubgBzM2NyZXQ="

static char long_password[401];
static const char long_response[] = "AGFubgB4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eH"
                                    "h4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
                                    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eH"
                                    "h4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
                                    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eH"
                                    "h4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
                                    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eH"
                                    "h4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
                                    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eH"
                                    "h4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
                                    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4";

static const Dialogue dialogues[] = {
    {
        .name = "STARTTLS, EHLO again, what was offered in clear forgotten",
        .options = {.start_tls = true},
        .messages = {"a@x.test>b@y.test|x\n"},
        .script =
            HELLO "S 250-mail.test\nS 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\nS 220 go ahead\n"
                  "X tls\nC EHLO localhost\nS 250 mail.test\n"
                  "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<b@y.test>\nS 250 ok\nC DATA\nS 354 "
                  "go\nC x\nC .\nS 250 ok",
        .want = "tls\nready\nend 1\n1 accepted at the end of the message by 250: 250\n",
        .statement = "M-20",
    },
    {
        .name = "STARTTLS not offered",
        .options = {.start_tls = true, LOGIN},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN",
        .want = "closed at EHLO: unavailable\n",
    },
    {
        .name = "STARTTLS refused",
        .options = {.start_tls = true, LOGIN},
        .script = HELLO "S 250-mail.test\nS 250 STARTTLS\nC STARTTLS\nS 502 no",
        .want = "closed at STARTTLS by 502: unavailable\n",
    },
    {
        .name = "STARTTLS not possible for now",
        .options = {.start_tls = true},
        .script = HELLO "S 250-mail.test\nS 250 STARTTLS\nC STARTTLS\nS 454 4.7.0 no entropy",
        .want = "closed at STARTTLS by 454: temporary\n",
    },
    {
        .name = "STARTTLS agreed, the connection lost in the handshake",
        .options = {.start_tls = true},
        .script = HELLO "S 250-mail.test\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nX cut",
        .want = "tls\nclosed at STARTTLS: temporary\n",
    },
    {
        .name = "HELO only, and STARTTLS required",
        .options = {.start_tls = true},
        .script = HELLO "S 500 what\nC HELO localhost\nS 250 mail.test",
        .want = "closed at EHLO: unavailable\n",
    },
    {
        .name = "AUTH PLAIN with an initial response",
        .options = {LOGIN, .secure = true},
        .script = HELLO "S 250-mail.test\nS 250 AUTH LOGIN PLAIN\nC AUTH PLAIN " PLAIN_RESPONSE
                        "\nS 235 2.7.0 welcome",
        .want = "ready\n",
    },
    {
        .name = "AUTH after STARTTLS",
        .options = {LOGIN, .start_tls = true},
        .script =
            HELLO "S 250-mail.test\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nX tls\nC EHLO localhost\n"
                  "S 250-mail.test\nS 250 AUTH PLAIN\nC AUTH PLAIN " PLAIN_RESPONSE "\nS 235 ok",
        .want = "tls\nready\n",
    },
    {
        .name = "AUTH LOGIN by name, two challenges",
        .options = {LOGIN, .secure = true, .mechanism = "LOGIN"},
        .script = HELLO
        "S 250-mail.test\nS 250 AUTH=PLAIN LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
        "S 334 UGFzc3dvcmQ6\nC czNjcmV0\nS 235 ok",
        .want = "ready\n",
    },
    {
        .name = "a response too long for the AUTH line waits for a 334",
        .options = {.user = "ann", .password = long_password, .secure = true},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN\nC AUTH PLAIN\nS 334 \nC @\nS 235 ok",
        .want = "ready\n",
    },
    {
        .name = "login refused",
        .options = {LOGIN, .secure = true},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN\nC AUTH PLAIN " PLAIN_RESPONSE
                        "\nS 535 5.7.8 wrong",
        .want = "closed at AUTH by 535: login\n",
    },
    {
        .name = "a token that is refused: the challenge gets an empty line",
        .options = {LOGIN, .secure = true, .mechanism = "XOAUTH2"},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN XOAUTH2\nC AUTH XOAUTH2 "
                        "dXNlcj1hbm4BYXV0aD1CZWFyZXIgczNjcmV0AQE=\n"
                        "S 334 eyJzdGF0dXMiOiI0MDEifQ==\nC \nS 535 5.7.8 no",
        .want = "closed at AUTH by 535: login\n",
    },
    {
        .name = "login not possible for now",
        .options = {LOGIN, .secure = true},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN\nC AUTH PLAIN " PLAIN_RESPONSE
                        "\nS 454 4.7.0 later",
        .want = "closed at AUTH by 454: temporary\n",
    },
    {
        .name = "no AUTH offered",
        .options = {LOGIN, .secure = true},
        .script = HELLO "S 250 mail.test",
        .want = "closed at EHLO: unavailable\n",
    },
    {
        .name = "no PLAIN in clear",
        .options = {LOGIN},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN LOGIN",
        .want = "closed at AUTH: login\n",
    },
    {
        .name = "a challenge that is none: cancelled",
        .options = {LOGIN, .secure = true, .mechanism = "LOGIN"},
        .script = HELLO
        "S 250-mail.test\nS 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 !!!\nC *\nS 501 cancelled",
        .want = "closed at AUTH: protocol\n",
    },
    {
        .name = "success before the exchange has ended",
        .options = {LOGIN, .secure = true, .mechanism = "LOGIN"},
        .script = HELLO
        "S 250-mail.test\nS 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\nS 235 ok",
        .want = "closed at AUTH: protocol\n",
    },
    {
        .name = "connection lost at AUTH",
        .options = {LOGIN, .secure = true},
        .script = HELLO "S 250-mail.test\nS 250 AUTH PLAIN\nC AUTH PLAIN " PLAIN_RESPONSE "\nX cut",
        .want = "closed at AUTH: temporary\n",
    },
};

/* "@" in the script of the long password stands for the response. */
START_TEST(dialogue_has_the_same_outcome_however_it_is_split)
{
    Dialogue dialogue = dialogues[_i];
    g_auto(GStrv) pieces = g_strsplit(dialogue.script, "@", 2);
    g_autofree char *script = pieces[1] != NULL && dialogue.options.password == long_password
                                  ? g_strconcat(pieces[0], long_response, pieces[1], NULL)
                                  : g_strdup(dialogue.script);

    memset(long_password, 'x', sizeof long_password - 1);
    dialogue.script = script;
    play_every_way(&dialogue);
    if (dialogue.statement != NULL)
        statement(dialogue.statement);
}
END_TEST

/* Feeds `bytes` to a session that has asked for STARTTLS, in one piece or in two. */
static void after_starttls(const char *first, const char *second, MbErrorCode code)
{
    MbSmtpOptions options = {.server_name = "mail.test", .start_tls = true};
    g_autoptr(MbSmtpSession) session = mb_smtp_session_new(&options, NULL);
    static const char hello[] = "220 mail.test\r\n250-mail.test\r\n250 STARTTLS\r\n";
    struct iovec parts[8];
    MbSmtpEvent event;

    for (const char *line = hello; *line != '\0';) {
        size_t length = (size_t)(strstr(line, "\r\n") - line) + 2;
        mb_smtp_session_ops.input(session, line, length);
        line += length;
        for (size_t n; (n = mb_smtp_session_ops.output(session, parts, 8)) > 0;)
            mb_smtp_session_ops.wrote(session, parts[0].iov_len);
    }
    mb_smtp_session_ops.input(session, first, strlen(first));
    if (second != NULL)
        mb_smtp_session_ops.input(session, second, strlen(second));
    ck_assert_int_eq(mb_smtp_session_next_event(session, &event), MB_NEXT);
    ck_assert_int_eq(event.kind, MB_SMTP_EVENT_CLOSED);
    ck_assert_int_eq(event.error->code, code);
    ck_assert_uint_eq(mb_smtp_session_ops.output(session, parts, 8), 0);
}

START_TEST(what_comes_in_clear_behind_starttls_ends_it)
{
    after_starttls("220 go\r\n250-mail.test\r\n250 AUTH PLAIN\r\n", NULL, MB_ERROR_PROTOCOL);
    after_starttls("220 go\r\n2", NULL, MB_ERROR_PROTOCOL);
    after_starttls("220 go\r\n", "250 AUTH PLAIN\r\n", MB_ERROR_PROTOCOL);
    after_starttls("220 go\r\n", "\r", MB_ERROR_PROTOCOL);
    statement("M-20");
}
END_TEST

START_TEST(the_trace_shows_no_secret)
{
    static const char *const hidden[] = {"s3cret", "czNjcmV0", PLAIN_RESPONSE, "YW5u"};
    g_autoptr(GString) trace = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(dialogues); i++) {
        if (dialogues[i].options.user == NULL || dialogues[i].options.password == long_password)
            continue;
        play(&dialogues[i], SIZE_MAX, SIZE_MAX, trace);
    }
    ck_assert(strstr(trace->str, "> AUTH PLAIN <hidden>\n") != NULL);
    ck_assert(strstr(trace->str, "> AUTH LOGIN\n< 334 <hidden>\n> <hidden>\n") != NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(hidden); i++)
        ck_assert_msg(strstr(trace->str, hidden[i]) == NULL, "%s stands in\n%s", hidden[i],
                      trace->str);
    statement("M-32");
}
END_TEST

START_TEST(a_client_name_that_is_none_is_refused)
{
    static const char *const names[] = {"",         "a b", "x\r\nMAIL FROM:<>", "x\n", "-x",
                                        "\xc3\xbc", "a>b"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        MbSmtpOptions options = {.server_name = "mail.test", .client_name = names[i]};
        g_autoptr(GError) error = NULL;
        ck_assert_msg(mb_smtp_session_new(&options, &error) == NULL, "%s was taken", names[i]);
        ck_assert_int_eq(error->code, MB_ERROR_CONFIG);
    }
    statement("M-8");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-login");
    TCase *tcase = tcase_create("dialogues");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, dialogue_has_the_same_outcome_however_it_is_split, 0,
                        G_N_ELEMENTS(dialogues));
    tcase_add_test(tcase, what_comes_in_clear_behind_starttls_ends_it);
    tcase_add_test(tcase, the_trace_shows_no_secret);
    tcase_add_test(tcase, a_client_name_that_is_none_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
