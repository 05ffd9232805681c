#include "mailsink-player.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *input;
    const char *want; /* all that is said after the greeting; the store's own id shows as ID */
    const char *fault;
    const char *left; /* numbers of the mails that are left; NULL: all */
    guint hidden;
    MsWish wish;
    bool silent;
} Row;

/* What is in the maildrop: 1 to 4. */
static const struct {
    const char *recipient;
    const char *content;
} mails[] = {
    {"u1@Example.net", "Subject: one\r\n\r\nfirst\r\nsecond\r\nthird\r\n"},
    {"u2@example.net", ".\r\n..\r\n.x\r\nno end"},
    {"u1@example.net", ""},
    {"U1@example.net", "a\n.\nb\r\n"},
};

#define LOGIN  "USER all\r\nPASS pw\r\n"
#define LOGINS "+OK and the password?\r\n+OK 4 messages\r\n"
#define NONE   "-ERR no such message\r\n"
#define NOTNOW "-ERR not now\r\n"
#define BYE    "+OK bye\r\n"

static const Row rows[] = {
    {.name = "the whole maildrop",
     .input = LOGIN "STAT\r\nLIST\r\nUIDL\r\nLIST 2\r\nUIDL 3\r\nNOOP\r\nQUIT\r\n",
     .want = LOGINS "+OK 4 62\r\n+OK 4 messages\r\n1 38\r\n2 17\r\n3 0\r\n4 7\r\n.\r\n"
                    "+OK unique-ids follow\r\n1 ID.1\r\n2 ID.2\r\n3 ID.3\r\n4 ID.4\r\n.\r\n"
                    "+OK 2 17\r\n+OK 3 ID.3\r\n+OK\r\n" BYE,
     .wish = MS_WISH_CLOSE},
    {.name = "an address sees its own, domain without case",
     .input = "USER u1@EXAMPLE.NET\r\nPASS pw\r\nUIDL\r\n",
     .want = "+OK and the password?\r\n+OK 2 messages\r\n"
             "+OK unique-ids follow\r\n1 ID.1\r\n2 ID.3\r\n.\r\n"},
    {.name = "messages are stuffed and end in a line end",
     .input = LOGIN "RETR 2\r\nRETR 3\r\nRETR 4\r\n",
     .want = LOGINS "+OK 17 octets\r\n..\r\n...\r\n..x\r\nno end\r\n.\r\n"
                    "+OK 0 octets\r\n.\r\n+OK 7 octets\r\na\n.\nb\r\n.\r\n"},
    {.name = "TOP",
     .input = LOGIN "TOP 1 0\r\nTOP 1 1\r\nTOP 1 2\r\nTOP 1 99\r\nTOP 2 0\r\nTOP 3 5\r\nTOP 1\r\n"
                    "TOP 1 x\r\nTOP 9 1\r\n",
     .want = LOGINS "+OK 38 octets\r\nSubject: one\r\n\r\n.\r\n"
                    "+OK 38 octets\r\nSubject: one\r\n\r\nfirst\r\n.\r\n"
                    "+OK 38 octets\r\nSubject: one\r\n\r\nfirst\r\nsecond\r\n.\r\n"
                    "+OK 38 octets\r\nSubject: one\r\n\r\nfirst\r\nsecond\r\nthird\r\n.\r\n"
                    "+OK 17 octets\r\n..\r\n...\r\n..x\r\nno end\r\n.\r\n+OK 0 octets\r\n.\r\n"
                    "-ERR write: TOP MESSAGE LINES\r\n-ERR write: TOP MESSAGE LINES\r\n" NONE},
    {.name = "numbers that are none",
     .input =
         LOGIN "RETR 0\r\nRETR 5\r\nRETR\r\nRETR -1\r\nRETR 1x\r\nRETR 99999999999999999999\r\n"
               "DELE 4294967297\r\nLIST 9\r\nUIDL 0\r\n",
     .want = LOGINS NONE NONE NONE NONE NONE NONE NONE NONE NONE},
    {.name = "deleted at QUIT",
     .input = LOGIN "DELE 1\r\nDELE 1\r\nRETR 1\r\nLIST 1\r\nSTAT\r\nLIST\r\nDELE 3\r\nQUIT\r\n",
     .want = LOGINS "+OK marked\r\n" NONE NONE NONE "+OK 3 24\r\n+OK 3 messages\r\n"
                    "2 17\r\n3 0\r\n4 7\r\n.\r\n+OK marked\r\n" BYE,
     .left = "2 4",
     .wish = MS_WISH_CLOSE},
    {.name = "not deleted after RSET",
     .input = LOGIN "DELE 1\r\nRSET\r\nSTAT\r\nQUIT\r\n",
     .want = LOGINS "+OK marked\r\n+OK marks are gone\r\n+OK 4 62\r\n" BYE,
     .wish = MS_WISH_CLOSE},
    {.name = "not deleted without QUIT",
     .input = LOGIN "DELE 1\r\n",
     .want = LOGINS "+OK marked\r\n"},
    {.name = "out of order",
     .input = "STAT\r\nPASS x\r\nRETR 1\r\nUSER\r\nFOO\r\n\r\n" LOGIN "USER x\r\nSTLS\r\nAUTH\r\n",
     .want = NOTNOW "-ERR say USER first\r\n" NOTNOW
                    "-ERR that is no way to log in\r\n-ERR command not recognised\r\n"
                    "-ERR command not recognised\r\n" LOGINS NOTNOW NOTNOW NOTNOW},
    {.name = "wrong password",
     .input =
         "USER all\r\nPASS wrong\r\nUSER nobody\r\nPASS pw\r\nAUTH PLAIN !\r\nAUTH PLAIN\r\n*\r\n"
         "AUTH CRAM-MD5\r\nAUTH PLAIN AGFsbAB4\r\n",
     .want = "+OK and the password?\r\n-ERR [AUTH] login refused\r\n+OK and the password?\r\n"
             "-ERR [AUTH] login refused\r\n-ERR that is no response\r\n+ \r\n-ERR cancelled\r\n"
             "-ERR mechanism not known\r\n-ERR [AUTH] login refused\r\n"},
    {.name = "a password may hold blanks",
     .input = "USER u2@example.net\r\nPASS  p w \r\nSTAT\r\n",
     .want = "+OK and the password?\r\n+OK 1 messages\r\n+OK 1 17\r\n"},
    {.name = "AUTH PLAIN",
     .input = "AUTH PLAIN AGFsbABwdw==\r\nSTAT\r\n",
     .want = "+OK 4 messages\r\n+OK 4 62\r\n"},
    {.name = "AUTH PLAIN in two steps",
     .input = "auth plain\r\nAGFsbABwdw==\r\n",
     .want = "+ \r\n+OK 4 messages\r\n"},
    {.name = "AUTH LOGIN",
     .input = "AUTH LOGIN\r\nYWxs\r\ncHc=\r\n",
     .want = "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK 4 messages\r\n"},
    {.name = "tokens: refused, and the refusal answered, then taken",
     .input = "AUTH OAUTHBEARER bixhPWFsbCwBYXV0aD1CZWFyZXIgbm8BAQ==\r\nAQ==\r\nAUTH XOAUTH2 "
              "dXNlcj1hbGwBYXV0aD1CZWFyZXIgbm8BAQ==\r\n\r\nAUTH "
              "XOAUTH2\r\ndXNlcj1hbGwBYXV0aD1CZWFyZXIgcHcBAQ==\r\n",
     .want = "+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n-ERR [AUTH] login refused\r\n"
             "+ eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=\r\n-ERR [AUTH] login refused\r\n"
             "+ \r\n+OK 4 messages\r\n"},
    {.name = "AUTH lists",
     .input = "AUTH\r\n",
     .want = "+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\nOAUTHBEARER\r\n.\r\n"},
    {.name = "CAPA",
     .input = "CAPA\r\n" LOGIN "CAPA\r\n",
     .want =
         "+OK this is offered\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nSASL PLAIN LOGIN XOAUTH2 "
         "OAUTHBEARER\r\nSTLS\r\n"
         "RESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\nIMPLEMENTATION mailsink\r\n.\r\n" LOGINS
         "+OK this is offered\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nSASL PLAIN LOGIN XOAUTH2 "
         "OAUTHBEARER\r\nSTLS\r\n"
         "RESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\nIMPLEMENTATION mailsink\r\n.\r\n"},
    {.name = "what is hidden is refused",
     .input = "CAPA\r\nUSER all\r\nSTLS\r\nAUTH PLAIN\r\n",
     .want = "+OK this is offered\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n"
             "IMPLEMENTATION mailsink\r\n.\r\n-ERR that is no way to log in\r\n-ERR not offered\r\n"
             "-ERR not offered\r\n",
     .hidden = MS_HIDE_TOP | MS_HIDE_UIDL | MS_HIDE_USER | MS_HIDE_PIPELINING | MS_HIDE_AUTH |
               MS_HIDE_STARTTLS},
    {.name = "no CAPA, UIDL, TOP",
     .input = "CAPA\r\n" LOGIN "UIDL\r\nTOP 1 1\r\n",
     .want = "-ERR command not recognised\r\n" LOGINS "-ERR not offered\r\n"
             "-ERR write: TOP MESSAGE LINES\r\n",
     .hidden = MS_HIDE_CAPA | MS_HIDE_UIDL | MS_HIDE_TOP},
    {.name = "fault: a message is truncated",
     .input = LOGIN "RETR 1\r\nRETR 1\r\n",
     .want = LOGINS "+OK 38 octets\r\nSubject: one\r\n\r\nfirst\r\nsecond\r\nthird\r\n.\r\n"
                    "+OK 38 octets\r\nSubject: o",
     .fault = "pop3 retr 2 truncate 10",
     .wish = MS_WISH_DROP},
    {.name = "fault: truncated at once",
     .input = LOGIN "RETR 1\r\n",
     .want = LOGINS "+OK 38 octets\r\n",
     .fault = "pop3 retr 1 truncate 0",
     .wish = MS_WISH_DROP},
    {.name = "fault: a listing is truncated",
     .input = LOGIN "LIST\r\n",
     .want = LOGINS "+OK 4 messages\r\n1 38\r\n2",
     .fault = "pop3 list 1 truncate 7",
     .wish = MS_WISH_DROP},
    {.name = "fault: one message is refused",
     .input = LOGIN "RETR 1\r\nRETR 3\r\n",
     .want = LOGINS "-ERR [SYS/TEMP] later\r\n+OK 0 octets\r\n.\r\n",
     .fault = "pop3 retr 1 -ERR [SYS/TEMP] later"},
    {.name = "fault: in use",
     .input = LOGIN "PASS pw\r\n",
     .want = "+OK and the password?\r\n-ERR [IN-USE] locked\r\n+OK 4 messages\r\n",
     .fault = "pop3 pass 1 -ERR [IN-USE] locked"},
    {.name = "fault: QUIT is carried out, but the answer is lost",
     .input = LOGIN "DELE 2\r\nQUIT\r\n",
     .want = LOGINS "+OK marked\r\n",
     .left = "1 3 4",
     .fault = "pop3 quit 1 lose",
     .wish = MS_WISH_DROP},
    {.name = "fault: dropped at QUIT",
     .input = LOGIN "DELE 2\r\nQUIT\r\n",
     .want = LOGINS "+OK marked\r\n",
     .fault = "pop3 quit 1 drop",
     .wish = MS_WISH_DROP},
    {.name = "fault: an answer is lost whole",
     .input = LOGIN "RETR 1\r\n",
     .want = LOGINS,
     .fault = "pop3 retr 1 lose",
     .wish = MS_WISH_DROP},
    {.name = "fault: silence",
     .input = LOGIN "UIDL\r\nQUIT\r\n",
     .want = LOGINS,
     .fault = "pop3 uidl 1 silence",
     .silent = true},
    {.name = "fault: another listing",
     .input = LOGIN "UIDL\r\n",
     .want = LOGINS "+OK\r\n1 ../../etc/x\r\n0 \r\n.\r\n",
     .fault = "pop3 uidl * say +OK\\r\\n1 ../../etc/x\\r\\n0 \\r\\n.\\r\\n"},
    {.name = "STLS", .input = "STLS\r\n", .want = "+OK go ahead\r\n", .wish = MS_WISH_START_TLS},
};

static void fill(MsStore *store)
{
    g_autoptr(MsIncoming) incoming = ms_incoming_new(store);

    for (size_t i = 0; i < G_N_ELEMENTS(mails); i++) {
        const char *const recipients[] = {"x@y.example", mails[i].recipient, NULL};
        const MsEnvelope envelope = {.sender = "", .recipients = recipients};
        guint64 number = 0;

        ms_incoming_write(incoming, mails[i].content, strlen(mails[i].content));
        ck_assert(ms_incoming_commit(incoming, &envelope, &number, NULL));
        ck_assert_uint_eq(number, i + 1);
    }
}

static void set_up(Fixture *fixture, const Row *row)
{
    static const char *const users[] = {"all",   "pw", "u1@EXAMPLE.NET", "pw", "u2@example.net",
                                        " p w ", NULL};

    fixture_house(fixture, row->hidden, 0);
    fill(fixture->house.store);
    for (size_t i = 0; users[i] != NULL; i += 2)
        g_hash_table_insert(fixture->house.users, g_strdup(users[i]), g_strdup(users[i + 1]));
    fixture_connect(fixture, ms_pop3_session_new, "+OK mailsink\r\n", row->fault, row->name);
}

static void check_outcome(const Row *row, Fixture *fixture, size_t split)
{
    g_autoptr(GPtrArray) left = ms_store_list(fixture->house.store, "all");
    g_autoptr(GString) numbers = g_string_new(NULL);
    const char *want_left = row->left != NULL ? row->left : "1 2 3 4";
    MsMail some = {.number = 1};
    g_autofree char *id = g_strdup(ms_store_unique_id(fixture->house.store, &some));

    *strchr(id, '.') = '\0';
    g_string_replace(fixture->said, id, "ID", 0);
    ck_assert_msg(strcmp(fixture->said->str, row->want) == 0, "%s, split at %zu: said\n%s",
                  row->name, split, fixture->said->str);
    for (guint i = 0; i < left->len; i++)
        g_string_append_printf(numbers, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "",
                               ((MsMail *)left->pdata[i])->number);
    ck_assert_msg(strcmp(numbers->str, want_left) == 0, "%s, split at %zu: left %s", row->name,
                  split, numbers->str);
    ck_assert_msg(fixture->session->wish == row->wish, "%s, split at %zu: wish %d", row->name,
                  split, fixture->session->wish);
    ck_assert_msg(fixture->session->silent == row->silent, "%s", row->name);
}

START_TEST(a_dialogue_is_the_same_however_it_is_split)
{
    const Row *row = &rows[_i];
    size_t length = strlen(row->input);
    Fixture fixture;

    for (size_t split = 0; split <= length; split++) {
        set_up(&fixture, row);
        feed(&fixture, row->input, split);
        if (fixture.session->wish == MS_WISH_NONE)
            feed(&fixture, row->input + split, length - split);
        check_outcome(row, &fixture, split);
        tear_down(&fixture);
    }
    set_up(&fixture, row);
    for (size_t i = 0; i < length && fixture.session->wish == MS_WISH_NONE; i++)
        feed(&fixture, row->input + i, 1);
    check_outcome(row, &fixture, 1);
    tear_down(&fixture);
}
END_TEST

START_TEST(nothing_may_follow_stls)
{
    const Row row = {.name = "surplus"};
    Fixture fixture;

    set_up(&fixture, &row);
    feed(&fixture, "STLS\r\nUSER evil\r\n", 17);
    ck_assert_str_eq(fixture.said->str, "-ERR nothing may follow STLS before its answer\r\n");
    ck_assert_int_eq(fixture.session->wish, MS_WISH_CLOSE);
    tear_down(&fixture);
}
END_TEST

START_TEST(tls_makes_it_forget_the_user)
{
    const Row row = {.name = "tls"};
    Fixture fixture;

    set_up(&fixture, &row);
    feed(&fixture, "USER all\r\nSTLS\r\n", 16);
    fixture.session->wish = MS_WISH_NONE;
    fixture.session->ops->secured(fixture.session);
    g_string_truncate(fixture.said, 0);
    feed(&fixture, "PASS pw\r\nSTLS\r\n", 15);
    ck_assert_str_eq(fixture.said->str, "-ERR say USER first\r\n-ERR not offered\r\n");
    tear_down(&fixture);
}
END_TEST

START_TEST(a_long_answer_waits_for_room)
{
    const Row row = {.name = "long"};
    g_autofree char *content = g_strnfill(3000000, 'x');
    const char *const recipients[] = {"b@y.example", NULL};
    const MsEnvelope envelope = {.sender = "", .recipients = recipients};
    g_autoptr(MsIncoming) incoming = NULL;
    Fixture fixture;
    guint64 number;

    set_up(&fixture, &row);
    incoming = ms_incoming_new(fixture.house.store);
    for (int i = 0; i < 20; i++) {
        ms_incoming_write(incoming, content, 300000);
        ck_assert(ms_incoming_commit(incoming, &envelope, &number, NULL));
    }
    feed(&fixture, LOGIN, strlen(LOGIN));
    /* Many are asked for at once; no more than about one window is held for the client. */
    for (int i = 0; i < 20; i++)
        fixture.session->ops->input(fixture.session, "RETR 5\r\n", 8);
    ck_assert_uint_ge(fixture.session->out->len, MS_OUT_FULL);
    ck_assert_uint_lt(fixture.session->out->len, 2 * MS_OUT_FULL);
    tear_down(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailsink-pop3");
    TCase *tcase = tcase_create("pop3");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_dialogue_is_the_same_however_it_is_split, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, nothing_may_follow_stls);
    tcase_add_test(tcase, tls_makes_it_forget_the_user);
    tcase_add_test(tcase, a_long_answer_waits_for_room);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
