#include "mailsink-player.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *input;
    size_t length;     /* 0: of the text */
    const char *want;  /* all that is said after the greeting; %E stands for EHLO's answer */
    const char *mails; /* "sender>recipients:content" each, ended by | */
    const char *fault;
    const char *user;
    guint hidden;
    guint64 max_size;
    MsWish wish;
    bool silent;
} Row;

#define XOAUTH2_REFUSED     "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0="
#define OAUTHBEARER_REFUSED "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0="

#define HELLO  "EHLO client\r\n"
#define START  HELLO "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n"
#define STARTS "%E250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n"
#define KEPT1  "250 2.0.0 kept as 1\r\n"
#define GO     "354 end with a dot\r\n"
#define CHUNK  "250 2.0.0 chunk taken\r\n"
#define BYE    "221 2.0.0 bye\r\n"
#define FIRST  "503 5.5.1 say MAIL first\r\n"
#define NO_TO  "554 5.5.1 no valid recipients\r\n"
#define LONG   "552 5.3.4 the message is longer than what is taken here\r\n"
#define NOWIRE "500 5.5.2 command not recognised\r\n"
#define SYNTAX "501 5.5.4 syntax error in the arguments\r\n"
#define NOADDR "501 5.1.3 that is no address\r\n"
#define BADPAR "501 5.5.4 bad value of a parameter\r\n"
#define NOPAR  "555 5.5.4 parameter not recognised\r\n"
#define OK_TO  "250 2.1.5 recipient ok\r\n"
#define OK_FR  "250 2.1.0 sender ok\r\n"
#define RESET  "250 2.0.0 reset\r\n"

static const Row rows[] = {
    {.name = "a message by DATA",
     .input = START "DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n",
     .want = STARTS GO KEPT1 BYE,
     .mails = "a@x.example>b@y.example:Subject: x\r\n\r\nbody\r\n|",
     .wish = MS_WISH_CLOSE},
    {.name = "dots at line starts are un-stuffed",
     .input = START "DATA\r\n..a\r\n...\r\na.\r\n..\r\n.b\r\n.\r\n",
     .want = STARTS GO KEPT1,
     .mails = "a@x.example>b@y.example:.a\r\n..\r\na.\r\n.\r\nb\r\n|"},
    {.name = "only CRLF . CRLF ends it",
     .input = START "DATA\r\na\n.\nb\n.\r\nc\r\n.\nd\r.\re\r\n.\r\r\n.\r\n",
     .want = STARTS GO KEPT1,
     .mails = "a@x.example>b@y.example:a\n.\nb\n.\r\nc\r\n\nd\r.\re\r\n\r\r\n|"},
    {.name = "an empty message",
     .input = START "DATA\r\n.\r\n",
     .want = STARTS GO KEPT1,
     .mails = "a@x.example>b@y.example:|"},
    {.name = "a message of two dots",
     .input = START "DATA\r\n..\r\n.\r\n",
     .want = STARTS GO KEPT1,
     .mails = "a@x.example>b@y.example:.\r\n|"},
    {.name = "NUL and 8-bit octets stay",
     .input = START "DATA\r\na\0\xFF\r\n.\r\n",
     .length = sizeof(START "DATA\r\na\0\xFF\r\n.\r\n") - 1,
     .want = STARTS GO KEPT1,
     .mails = "a@x.example>b@y.example:a~\xFF\r\n|"},
    {.name = "chunks",
     .input = START "BDAT 4\r\n.\r\naBDAT 0\r\nBDAT 3 LAST\r\nb.c",
     .want = STARTS CHUNK CHUNK KEPT1,
     .mails = "a@x.example>b@y.example:.\r\nab.c|"},
    {.name = "an empty last chunk",
     .input = START "BDAT 2\r\nhiBDAT 0 LAST\r\n",
     .want = STARTS CHUNK KEPT1,
     .mails = "a@x.example>b@y.example:hi|"},
    {.name = "two messages in a row",
     .input = START "BDAT 2 LAST\r\nhiMAIL FROM:<>\r\nRCPT TO:<c@z.example>\r\nDATA\r\nyo\r\n.\r\n",
     .want = STARTS KEPT1 OK_FR OK_TO GO "250 2.0.0 kept as 2\r\n",
     .mails = "a@x.example>b@y.example:hi|>c@z.example:yo\r\n|"},
    {.name = "refused chunks are read all the same",
     .input = HELLO "MAIL FROM:<a@x.example>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n",
     .want = "%E" OK_FR NO_TO FIRST RESET},
    {.name = "a chunk outside a transaction",
     .input = HELLO "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
     .want = "%E" FIRST "250 2.0.0 ok\r\n"},
    {.name = "DATA after BDAT", .input = START "BDAT 2\r\nhiDATA\r\n", .want = STARTS CHUNK FIRST},
    {.name = "malformed BDAT",
     .input =
         START "BDAT\r\nBDAT x\r\nBDAT -1\r\nBDAT 1 FIRST\r\nBDAT 99999999999999999999 LAST\r\n",
     .want = STARTS "501 5.5.4 write: BDAT OCTETS [LAST]\r\n"
                    "501 5.5.4 write: BDAT OCTETS [LAST]\r\n"
                    "501 5.5.4 write: BDAT OCTETS [LAST]\r\n"
                    "501 5.5.4 write: BDAT OCTETS [LAST]\r\n"
                    "501 5.5.4 write: BDAT OCTETS [LAST]\r\n"},
    {.name = "commands in the wrong order",
     .input = "MAIL FROM:<a@x.example>\r\n" HELLO "RCPT TO:<b@y.example>\r\nDATA\r\n"
              "MAIL FROM:<a@x.example>\r\nMAIL FROM:<a@x.example>\r\nDATA\r\nFOO\r\n\r\n",
     .want = "503 5.5.1 say EHLO first\r\n%E" FIRST FIRST OK_FR
             "503 5.5.1 a message is under way already\r\n" NO_TO NOWIRE NOWIRE},
    {.name = "RSET and EHLO end a transaction",
     .input = START "RSET\r\nDATA\r\nMAIL FROM:<a@x.example>\r\n" HELLO "DATA\r\n",
     .want = STARTS RESET FIRST OK_FR "%E" FIRST},
    {.name = "addresses",
     .input =
         HELLO "MAIL FROM: <a@x.example>\r\nRCPT TO:<postmaster>\r\n"
               "RCPT TO:<@r.example,@s.example:b@y.example>\r\nRCPT TO:<\"a b>\"@y.example>\r\n"
               "RCPT TO:<c@[192.0.2.1]>\r\nRCPT TO:<>\r\nRCPT TO:<a b@y.example>\r\n"
               "RCPT TO:<a@>\r\nRCPT TO:<@y.example>\r\nRCPT TO:b@y.example\r\n"
               "RCPT TO:<b@y.example\r\nRCPT FROM:<b@y.example>\r\nRCPT TO:<a@y..example>\r\n"
               "RCPT TO:<\xC3\xBC@y.example>\r\nRCPT TO:<\xFF@y.example>\r\n"
               "BDAT 1 LAST\r\nx",
     .want =
         "%E" OK_FR OK_TO OK_TO OK_TO OK_TO NOADDR NOADDR NOADDR NOADDR SYNTAX SYNTAX SYNTAX NOADDR
         "553 5.6.7 the address needs SMTPUTF8\r\n" NOADDR KEPT1,
     .mails = "a@x.example>postmaster,b@y.example,\"a b>\"@y.example,c@[192.0.2.1]:x|"},
    {.name = "parameters",
     .input =
         HELLO "MAIL FROM:<a@x.example> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q AUTH=<>\r\n"
               "RCPT TO:<\xC3\xBC@y.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@y.example\r\n"
               "RCPT TO:<b@y.example> NOTIFY=NEVER\r\nRCPT TO:<b@y.example> NOTIFY=NEVER,DELAY\r\n"
               "RCPT TO:<b@y.example> NOTIFY=\r\nRCPT TO:<b@y.example> FOO=1\r\nRSET\r\n"
               "MAIL FROM:<a@x.example> SIZE=x\r\nMAIL FROM:<a@x.example> BODY=BINARYMIME\r\n"
               "MAIL FROM:<a@x.example> FOO\r\nMAIL FROM:<a@x.example>SIZE=1\r\n",
     .want = "%E" OK_FR OK_TO OK_TO BADPAR BADPAR NOPAR RESET BADPAR BADPAR NOPAR SYNTAX},
    {.name = "what is hidden is refused",
     .input = START
     "RSET\r\nMAIL FROM:<a@x.example> SIZE=10\r\nMAIL FROM:<a@x.example> BODY=7BIT\r\n"
     "MAIL FROM:<a@x.example> SMTPUTF8\r\nMAIL FROM:<a@x.example> ENVID=x\r\n"
     "STARTTLS\r\nAUTH PLAIN\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nBDAT 1 LAST\r\nx",
     .want = "250-mailsink\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n" OK_FR OK_TO
         RESET NOPAR NOPAR NOPAR NOPAR "502 5.5.1 not offered\r\n"
             "502 5.5.1 not offered\r\n" OK_FR OK_TO "502 5.5.1 not offered\r\n",
     .hidden = MS_HIDE_8BITMIME | MS_HIDE_SMTPUTF8 | MS_HIDE_SIZE | MS_HIDE_CHUNKING | MS_HIDE_DSN |
               MS_HIDE_STARTTLS | MS_HIDE_AUTH},
    {.name = "the size is limited",
     .input = HELLO
     "MAIL FROM:<a@x.example> SIZE=11\r\nMAIL FROM:<a@x.example> SIZE=10\r\n"
     "RCPT TO:<b@y.example>\r\nDATA\r\n123456789\r\n.\r\n"
     "MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n12345678\r\n.\r\n"
     "MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nBDAT 6\r\n123456BDAT 5 LAST\r\nabcdeRSET\r\n",
     .want = "%E" LONG OK_FR OK_TO GO LONG OK_FR OK_TO GO KEPT1 OK_FR OK_TO CHUNK LONG RESET,
     .mails = ">b@y.example:12345678\r\n|",
     .max_size = 10},
    {.name = "HELO knows no extensions",
     .input = "HELO me\r\nMAIL FROM:<a@x.example> SIZE=1\r\nHELO\r\nEHLO \r\n",
     .want = "250 mailsink\r\n" NOPAR "501 5.5.4 who are you?\r\n501 5.5.4 who are you?\r\n"},
    {.name = "case and blanks do not matter",
     .input =
         "ehlo client  \r\nmail from:<a@x.example> size=1\r\nRcpt To:<b@y.example>\r\nnoop x\r\n"
         "vrfy b\r\nhelp\r\n",
     .want = STARTS "250 2.0.0 ok\r\n252 2.5.0 every recipient is taken here\r\n"
                    "214 2.0.0 see mailsink(1)\r\n"},
    {.name = "AUTH PLAIN",
     .input = HELLO "AUTH PLAIN AG1lAHB3\r\nAUTH PLAIN\r\n",
     .want = "%E235 2.7.0 welcome\r\n503 5.5.1 not now\r\n",
     .user = "me:pw"},
    {.name = "AUTH PLAIN in two steps",
     .input = HELLO "AUTH PLAIN\r\nAG1lAHB3\r\n",
     .want = "%E334 \r\n235 2.7.0 welcome\r\n",
     .user = "me:pw"},
    {.name = "AUTH LOGIN",
     .input = HELLO "AUTH LOGIN\r\nbWU=\r\ncHc=\r\n",
     .want = "%E334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 2.7.0 welcome\r\n",
     .user = "me:pw"},
    {.name = "AUTH LOGIN with the name at once",
     .input = HELLO "auth login bWU=\r\ncHc=\r\n",
     .want = "%E334 UGFzc3dvcmQ6\r\n235 2.7.0 welcome\r\n",
     .user = "me:pw"},
    {.name = "wrong logins",
     .input = HELLO
     "AUTH PLAIN AG1lAHh4\r\nAUTH PLAIN !!\r\nAUTH PLAIN\r\n*\r\nAUTH CRAM-MD5\r\nAUTH\r\n"
     "AUTH LOGIN\r\n!\r\nAUTH LOGIN bWU=\r\n!\r\nAUTH PLAIN bWU=\r\nNOOP\r\n",
     .want =
         "%E535 5.7.8 login refused\r\n501 5.5.2 that is no response\r\n334 \r\n"
         "501 5.7.0 cancelled\r\n504 5.5.4 mechanism not known\r\n"
         "504 5.5.4 mechanism not known\r\n334 VXNlcm5hbWU6\r\n501 5.5.2 that is no response\r\n"
         "334 UGFzc3dvcmQ6\r\n501 5.5.2 that is no response\r\n501 5.5.2 that is no response\r\n"
         "250 2.0.0 ok\r\n",
     .user = "me:pw"},
    {.name = "any login is taken without users",
     .input = HELLO "AUTH PLAIN AG1lAHh4\r\n",
     .want = "%E235 2.7.0 welcome\r\n"},
    {.name = "XOAUTH2",
     .input = HELLO "AUTH XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciBwdwEB\r\n",
     .want = "%E235 2.7.0 welcome\r\n",
     .user = "me:pw"},
    {.name = "OAUTHBEARER in two steps",
     .input = HELLO "auth oauthbearer\r\nbixhPW1lLAFob3N0PWgBYXV0aD1CZWFyZXIgcHcBAQ==\r\n",
     .want = "%E334 \r\n235 2.7.0 welcome\r\n",
     .user = "me:pw"},
    {.name = "a name with a comma and an equals sign",
     .input = HELLO "AUTH OAUTHBEARER bixhPW09MkM9M0QyQywBaG9zdD1oAWF1dGg9QmVhcmVyIHB3AQE=\r\n",
     .want = "%E235 2.7.0 welcome\r\n",
     .user = "m,=2C:pw"},
    {.name = "tokens that are refused, and the refusal answered",
     .input = HELLO "AUTH XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciBubwEB\r\n\r\nAUTH OAUTHBEARER "
                    "bixhPW1lLAFob3N0PWgBYXV0aD1CZWFyZXIgbm8BAQ==\r\nAQ==\r\nNOOP\r\n",
     .want = "%E334 " XOAUTH2_REFUSED "\r\n535 5.7.8 login refused\r\n"
             "334 " OAUTHBEARER_REFUSED "\r\n535 5.7.8 login refused\r\n250 2.0.0 ok\r\n",
     .user = "me:pw"},
    {.name = "tokens in the wrong form, refusals answered wrongly",
     .input = HELLO "AUTH XOAUTH2 bixhPW1lLAFob3N0PWgBYXV0aD1CZWFyZXIgcHcBAQ==\r\nAUTH OAUTHBEARER "
                    "dXNlcj1tZQFhdXRoPUJlYXJlciBwdwEB\r\nAUTH XOAUTH2\r\n\r\n"
                    "AUTH XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciBubwEB\r\nAQ==\r\nAUTH OAUTHBEARER "
                    "bixhPW1lLAFob3N0PWgBYXV0aD1CZWFyZXIgbm8BAQ==\r\n\r\nNOOP\r\n",
     .want = "%E501 5.5.2 that is no response\r\n501 5.5.2 that is no response\r\n334 \r\n"
             "501 5.5.2 that is no response\r\n334 " XOAUTH2_REFUSED
             "\r\n501 5.5.2 that is no response\r\n334 " OAUTHBEARER_REFUSED
             "\r\n501 5.5.2 that is no response\r\n250 2.0.0 ok\r\n",
     .user = "me:pw"},
    {.name = "NUL in a command",
     .input = "EHLO a\0b\r\nNOOP\r\n",
     .length = sizeof("EHLO a\0b\r\nNOOP\r\n") - 1,
     .want = "500 5.5.2 the line is too long or holds a NUL\r\n250 2.0.0 ok\r\n"},
    {.name = "fault: a reply to the second recipient",
     .input = START "RCPT TO:<c@y.example>\r\nRCPT TO:<d@y.example>\r\nBDAT 1 LAST\r\nx",
     .want = STARTS "451 4.7.1 later\r\n" OK_TO KEPT1,
     .mails = "a@x.example>b@y.example,d@y.example:x|",
     .fault = "smtp rcpt 2 451 4.7.1 later"},
    {.name = "fault: 421 ends it",
     .input = START "DATA\r\n",
     .want = STARTS "421 4.3.2 too many messages\r\n",
     .fault = "smtp data * 421 4.3.2 too many messages",
     .wish = MS_WISH_CLOSE},
    {.name = "fault: dropped at the dot",
     .input = START "DATA\r\nx\r\n.\r\nQUIT\r\n",
     .want = STARTS GO,
     .fault = "smtp dot 1 drop",
     .wish = MS_WISH_DROP},
    {.name = "fault: kept, but the reply is lost",
     .input = START "DATA\r\nx\r\n.\r\n",
     .want = STARTS GO,
     .mails = "a@x.example>b@y.example:x\r\n|",
     .fault = "smtp dot 1 lose",
     .wish = MS_WISH_DROP},
    {.name = "fault: the same for the last chunk",
     .input = START "BDAT 1 LAST\r\nx",
     .want = STARTS,
     .mails = "a@x.example>b@y.example:x|",
     .fault = "smtp dot 1 lose",
     .wish = MS_WISH_DROP},
    {.name = "fault: refused at the end",
     .input = START "BDAT 1 LAST\r\nxRSET\r\n",
     .want = STARTS "554 5.7.1 spam\r\n" RESET,
     .fault = "smtp dot 1 554 5.7.1 spam"},
    {.name = "fault: a chunk is refused, what follows too",
     .input = START "BDAT 1\r\nxBDAT 1 LAST\r\nxRSET\r\n",
     .want = STARTS "451 4.3.0 no\r\n" FIRST RESET,
     .fault = "smtp bdat 1 451 4.3.0 no"},
    {.name = "fault: dropped within the content",
     .input = START "DATA\r\nxyz\r\n.\r\n",
     .want = STARTS GO,
     .fault = "smtp content 1 drop",
     .wish = MS_WISH_DROP},
    {.name = "fault: silence",
     .input = START "DATA\r\nx\r\n.\r\nQUIT\r\n",
     .want = STARTS,
     .fault = "smtp data 1 silence",
     .silent = true},
    {.name = "fault: garbage, then it goes on",
     .input = HELLO "NOOP\r\nNOOP\r\n",
     .want = "%E\x16\x03\x01 \x1b[2J~\xFF\xFE?!\r\n250 2.0.0 ok\r\n",
     .fault = "smtp noop 1 garbage"},
    {.name = "fault: some text",
     .input = HELLO "NOOP\r\n",
     .want = "%E250-\r\n250-\r\n;",
     .fault = "smtp noop 1 say 250-\\r\\n250-\\r\\n\\;"},
    {.name = "fault: no TLS",
     .input = HELLO "STARTTLS\r\nNOOP\r\n",
     .want = "%E454 4.7.0 not now\r\n250 2.0.0 ok\r\n",
     .fault = "smtp starttls 1 454 4.7.0 not now"},
    {.name = "STARTTLS with an argument",
     .input = HELLO "STARTTLS now\r\n",
     .want = "%E501 5.5.4 no arguments here\r\n"},
    {.name = "STARTTLS",
     .input = HELLO "STARTTLS\r\n",
     .want = "%E220 2.0.0 go ahead\r\n",
     .wish = MS_WISH_START_TLS},
};

static const char ehlo_answer[] =
    "250-mailsink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n"
    "250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN LOGIN XOAUTH2 "
    "OAUTHBEARER\r\n250-STARTTLS\r\n250-SIZE 0\r\n250 HELP\r\n";

static void set_up(Fixture *fixture, const Row *row)
{
    fixture_house(fixture, row->hidden, row->max_size);
    if (row->user != NULL) {
        g_auto(GStrv) words = g_strsplit(row->user, ":", 2);

        g_hash_table_insert(fixture->house.users, g_strdup(words[0]), g_strdup(words[1]));
    }
    fixture_connect(fixture, ms_smtp_session_new, "220 mailsink ESMTP\r\n", row->fault, row->name);
}

static void replace_nuls(GString *text)
{
    for (gsize i = 0; i < text->len; i++)
        if (text->str[i] == '\0')
            text->str[i] = '~';
}

static char *describe_mails(const MsStore *store)
{
    g_autoptr(GPtrArray) mails = ms_store_list(store, "all");
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < mails->len; i++) {
        const MsMail *mail = mails->pdata[i];
        g_autofree char *recipients = g_strjoinv(",", mail->recipients);
        gsize length = 0;
        const char *content = g_bytes_get_data(mail->content, &length);

        ck_assert_uint_eq(length, mail->size);
        g_string_append_printf(out, "%s:", recipients);
        g_string_append_len(out, content, (gssize)length);
        g_string_append_c(out, '|');
    }
    replace_nuls(out);
    return g_string_free(out, FALSE);
}

/* `mails` without the senders, which the store in memory does not keep. */
static char *without_senders(const char *mails)
{
    GString *out = g_string_new(NULL);

    for (const char *next = mails; next != NULL && *next != '\0'; next = strchr(next, '|') + 1) {
        const char *start = strchr(next, '>') + 1;

        g_string_append_len(out, start, strchr(start, '|') + 1 - start);
    }
    return g_string_free(out, FALSE);
}

static void check_outcome(const Row *row, Fixture *fixture, size_t split)
{
    g_autoptr(GString) want = g_string_new(row->want);
    g_autofree char *mails = describe_mails(fixture->house.store);
    g_autofree char *want_mails = without_senders(row->mails);

    g_string_replace(want, "%E", ehlo_answer, 0);
    if (row->max_size > 0)
        g_string_replace(want, "SIZE 0", "SIZE 10", 0);
    replace_nuls(fixture->said);
    ck_assert_msg(strcmp(fixture->said->str, want->str) == 0, "%s, split at %zu: said\n%s",
                  row->name, split, fixture->said->str);
    ck_assert_msg(strcmp(mails, want_mails) == 0, "%s, split at %zu: kept\n%s", row->name, split,
                  mails);
    ck_assert_msg(fixture->session->wish == row->wish, "%s, split at %zu: wish %d", row->name,
                  split, fixture->session->wish);
    ck_assert_msg(fixture->session->silent == row->silent, "%s", row->name);
}

START_TEST(a_dialogue_is_the_same_however_it_is_split)
{
    const Row *row = &rows[_i];
    size_t length = row->length > 0 ? row->length : strlen(row->input);
    Fixture fixture;

    for (size_t split = 0; split <= length; split++) {
        set_up(&fixture, row);
        feed(&fixture, row->input, split);
        feed(&fixture, row->input + split, length - split);
        check_outcome(row, &fixture, split);
        tear_down(&fixture);
    }
    set_up(&fixture, row);
    for (size_t i = 0; i < length; i++)
        feed(&fixture, row->input + i, 1);
    check_outcome(row, &fixture, 1);
    tear_down(&fixture);
}
END_TEST

START_TEST(nothing_may_follow_starttls)
{
    const Row row = {.name = "surplus"};
    const char *input = HELLO "STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n";
    Fixture fixture;

    set_up(&fixture, &row);
    feed(&fixture, input, strlen(input));
    ck_assert(g_str_has_suffix(fixture.said->str,
                               "503 5.5.1 nothing may follow STARTTLS before its reply\r\n"));
    ck_assert_int_eq(fixture.session->wish, MS_WISH_CLOSE);
    tear_down(&fixture);
}
END_TEST

START_TEST(tls_makes_it_forget_what_was_said_in_clear)
{
    const Row row = {.name = "tls"};
    const char *before = START "STARTTLS\r\n";
    const char *after = "RCPT TO:<b@y.example>\r\nMAIL FROM:<a@x.example>\r\n" HELLO "STARTTLS\r\n";
    Fixture fixture;

    set_up(&fixture, &row);
    feed(&fixture, before, strlen(before));
    ck_assert_int_eq(fixture.session->wish, MS_WISH_START_TLS);
    fixture.session->wish = MS_WISH_NONE;
    fixture.session->ops->secured(fixture.session);
    g_string_truncate(fixture.said, 0);
    feed(&fixture, after, strlen(after));
    ck_assert(
        g_str_has_prefix(fixture.said->str, FIRST "503 5.5.1 say EHLO first\r\n250-mailsink"));
    ck_assert_ptr_null(strstr(fixture.said->str, "250-STARTTLS"));
    ck_assert(g_str_has_suffix(fixture.said->str, "503 5.5.1 TLS is on already\r\n"));
    tear_down(&fixture);
}
END_TEST

typedef struct {
    const char *fault;
    const char *want;
    MsWish wish;
    bool silent;
} GreetingRow;

static const GreetingRow greeting_rows[] = {
    {"smtp greeting 1 554 5.3.2 no", "554 5.3.2 no\r\n", MS_WISH_NONE, false},
    {"smtp greeting * 421 4.3.2 busy", "421 4.3.2 busy\r\n", MS_WISH_CLOSE, false},
    {"smtp connect 1 drop", "", MS_WISH_DROP, false},
    {"smtp connect 1 silence", "", MS_WISH_NONE, true},
    {"smtp connect 1 say hi", "hi", MS_WISH_NONE, false},
    {"smtp greeting 1 lose", "", MS_WISH_DROP, false},
    {"smtp connect 2 drop", "220 mailsink ESMTP\r\n", MS_WISH_NONE, false},
    {"pop3 connect 1 drop", "220 mailsink ESMTP\r\n", MS_WISH_NONE, false},
};

START_TEST(faults_before_the_first_command)
{
    const GreetingRow *row = &greeting_rows[_i];
    g_autoptr(MsFaults) faults = ms_faults_new();
    g_autoptr(MsStore) store = ms_store_new_memory();
    MsHouse house = {.store = store, .faults = faults};
    g_autoptr(MsSession) session = ms_smtp_session_new(&house, false);

    ck_assert(ms_faults_add(faults, row->fault, NULL));
    if (ms_session_connect(session))
        session->ops->greet(session);
    ck_assert_msg(strcmp(session->out->str, row->want) == 0, "%s: %s", row->fault,
                  session->out->str);
    ck_assert_int_eq(session->wish, row->wish);
    ck_assert_int_eq(session->silent, row->silent);
}
END_TEST

START_TEST(a_line_without_end_takes_no_memory)
{
    const Row row = {.name = "endless"};
    g_autofree char *block = g_strnfill(65536, 'A');
    Fixture fixture;

    set_up(&fixture, &row);
    for (int i = 0; i < 1000; i++)
        feed(&fixture, block, 65536);
    feed(&fixture, "\r\nNOOP\r\n", 8);
    ck_assert_str_eq(fixture.said->str,
                     "500 5.5.2 the line is too long or holds a NUL\r\n250 2.0.0 ok\r\n");
    tear_down(&fixture);
}
END_TEST

START_TEST(who_does_not_read_replies_is_not_read_either)
{
    const Row row = {.name = "full"};
    g_autoptr(GString) many = g_string_new(NULL);
    Fixture fixture;
    size_t taken;

    for (int i = 0; i < 100000; i++)
        g_string_append(many, "NOOP\r\n");
    set_up(&fixture, &row);
    taken = fixture.session->ops->input(fixture.session, many->str, many->len);
    ck_assert_uint_lt(taken, many->len);
    ck_assert_uint_lt(fixture.session->out->len, MS_OUT_FULL + 100);
    feed(&fixture, many->str + taken, many->len - taken);
    ck_assert_uint_eq(fixture.said->len, 100000 * strlen("250 2.0.0 ok\r\n"));
    tear_down(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailsink-smtp");
    TCase *tcase = tcase_create("smtp");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_dialogue_is_the_same_however_it_is_split, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, nothing_may_follow_starttls);
    tcase_add_test(tcase, tls_makes_it_forget_what_was_said_in_clear);
    tcase_add_loop_test(tcase, faults_before_the_first_command, 0, G_N_ELEMENTS(greeting_rows));
    tcase_add_test(tcase, a_line_without_end_takes_no_memory);
    tcase_add_test(tcase, who_does_not_read_replies_is_not_read_either);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
