/*
 * Whole dialogues of the SMTP session, each played with the server's octets split at every place
 * and with writes of one octet and more: what is said, and what each message came to, must always
 * be the same.
 */
#include <check.h>
#include <stdlib.h>

#include "smtp-player.h"
#include "statement.h"
#include "suite.h"

#define HELLO   "S 220 mail.test ESMTP\nC EHLO localhost\n"
#define PLAIN   HELLO "S 250 mail.test\n"
#define PIPED   HELLO "S 250-mail.test\nS 250 PIPELINING\n"
#define CHUNKED HELLO "S 250-mail.test\nS 250-PIPELINING\nS 250 CHUNKING\n"

static const Dialogue dialogues[] = {
    {
        .name = "one message, no extensions",
        .messages = {"a@x.test>b@y.test|Subject: hi\n\nhello\n"},
        .script = PLAIN "C MAIL FROM:<a@x.test>\n"
                        "S 250 ok\n"
                        "C RCPT TO:<b@y.test>\n"
                        "S 250 ok\n"
                        "C DATA\n"
                        "S 354 go\n"
                        "C Subject: hi\nC \nC hello\nC .\n"
                        "S 250 2.0.0 queued\n"
                        "X quit\n"
                        "C QUIT\n"
                        "S 221 bye",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\nclosed at QUIT by "
                "221: done\n",
    },
    {
        .name = "EHLO refused, HELO taken",
        .messages = {"a@x.test>b@y.test|x\n"},
        .script = HELLO
        "S 502 what\nC HELO localhost\nS 250 mail.test\n"
        "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<b@y.test>\nS 250 ok\nC DATA\nS 354 go\n"
        "C x\nC .\nS 250 ok",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n",
    },
    {
        .name = "pipelining: the envelope behind the content before",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test,d@y.test|two\n",
                     "a@x.test>e@y.test|three\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
        "S 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC RCPT TO:<d@y.test>\nC DATA\n"
        "S 250 queued\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C two\nC .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<e@y.test>\nC DATA\n"
        "S 250 queued\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C three\nC .\n"
        "S 250 queued\n"
        "X quit\nC QUIT\nX close",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\nend 2\n"
                "2 accepted at the end of the message by 250: 250 250\nend 3\n"
                "3 accepted at the end of the message by 250: 250\nclosed at QUIT: done\n",
        .statement = "M-22",
    },
    {
        .name = "chunking: no waiting at all",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|.two\nlast",
                     "a@x.test>d@y.test|"},
        .script =
            CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
                    "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC BDAT 10 LAST\nC .two\n"
                    "C lastRSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<d@y.test>\nC BDAT 0 LAST\n"
                    "S 250 ok\nS 250 ok\nS 250 queued\nS 250 ok\nS 250 ok\nS 250 ok\nS 250 queued\n"
                    "S 250 ok\nS 250 ok\nS 250 ok\nS 250 queued",
        .want = "ready\nend 1\nend 2\nend 3\n1 accepted at the end of the message by 250: 250\n"
                "2 accepted at the end of the message by 250: 250\n3 accepted at the end of the "
                "message by 250: 250\n",
        .statement = "M-3",
    },
    {
        .name = "chunking without pipelining",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = HELLO
        "S 250-mail.test\nS 250 CHUNKING\n"
        "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<b@y.test>\nS 250 ok\nC BDAT 5 LAST\nC one\n"
        "S 250 queued\n"
        "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<c@y.test>\nS 550 no",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n2 refused at RCPT "
                "by 550: 550\n",
    },
    {
        .name = "chunking by choice not used",
        .options = {.no_chunking = true, .window = 1},
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                          "S 250 ok\nS 250 ok\nS 354 go\nC one\nC .\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n",
    },
    {
        .name = "dots at line starts are doubled, wherever segments divide",
        .messages = {"a@x.test>b@y.test|.^.\n..a\nb.\n.^\n^.^^c\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C ...\nC ...a\nC b.\nC ..\nC ..c\nC .\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n",
        .statement = "M-2",
    },
    {
        .name = "a body of a dot, and no line end at the end",
        .messages = {"a@x.test>b@y.test|.", "a@x.test>b@y.test|", "a@x.test>b@y.test|end^less"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C ..\nC .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
        "S 250 queued\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
        "S 250 queued\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C endless\nC .\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\nend 2\n"
                "2 accepted at the end of the message by 250: 250\nend 3\n3 accepted at the end of "
                "the message by 250: 250\n",
        .statement = "M-1",
    },
    {
        .name = "the parameters of MAIL and RCPT",
        .messages = {"a@x.test>b+c=d@y.test|gr\xc3\xbc\xc3\x9f\n"},
        .envid = "QQ 31+4=7",
        .notify = "FAILURE,DELAY",
        .script = HELLO
        "S 250-mail.test\nS 250-PIPELINING\nS 250-8BITMIME\nS 250-SIZE 1000\nS 250-DSN\nS 250 "
        "SMTPUTF8\n"
        "C MAIL FROM:<a@x.test> SIZE=8 BODY=8BITMIME RET=HDRS ENVID=QQ+2031+2B4+3D7\n"
        "C RCPT TO:<b+c=d@y.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bc+3Dd@y.test\nC DATA\n"
        "S 250 ok\nS 250 ok\nS 354 go\nC gr\xc3\xbc\xc3\x9f\nC .\nS 250 ok",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n",
        .statement = "M-6",
    },
    {
        .name = "DSN is left out where it is not offered",
        .messages = {"a@x.test>b@y.test|x\n"},
        .envid = "QQ",
        .notify = "NEVER",
        .script = PLAIN
        "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<b@y.test>\nS 250 ok\nC DATA\nS 354 go\n"
        "C x\nC .\nS 250 ok",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n",
    },
    {
        .name = "an IDN goes as A-label, a local part only with SMTPUTF8",
        .messages = {"a@b\xc3\xbc"
                     "cher.example>b@b\xc3\xbc"
                     "cher.example|x\n",
                     "a@x.test>j\xc3\xbcrgen@b\xc3\xbc"
                     "cher.example|y\n"},
        .script = HELLO
        "S 250-mail.test\nS 250-PIPELINING\nS 250-8BITMIME\nS 250 SMTPUTF8\n"
        "C MAIL FROM:<a@xn--bcher-kva.example>\nC RCPT TO:<b@xn--bcher-kva.example>\nC DATA\n"
        "S 250 ok\nS 250 ok\nS 354 go\n"
        "C x\nC .\nC MAIL FROM:<a@x.test> SMTPUTF8\n"
        "C RCPT TO:<j\xc3\xbcrgen@b\xc3\xbc"
        "cher.example>\nC DATA\n"
        "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nC y\nC .\nS 250 ok",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\nend 2\n"
                "2 accepted at the end of the message by 250: 250\n",
    },
    {
        .name = "what cannot be sent fails here, and nothing of it is said",
        .messages = {"a@x.test>j\xc3\xbcrgen@y.test|x\n", "a@x.test>b@y.test|\xc3\xbc\n",
                     "a@x.test>b@y.test|01234567890\n",
                     "a@x.test>b@y.test> SIZE=1\nRCPT TO:<c@y.test|x\n", "a@x.test>|x\n",
                     "a@x.test>b@y.test|ok\n"},
        .script = HELLO "S 250-mail.test\nS 250-PIPELINING\nS 250 SIZE 10\n"
                        "C MAIL FROM:<a@x.test> SIZE=4\nC RCPT TO:<b@y.test>\nC DATA\n",
        .want = "ready\n"
                "1 not taken: data: j\xc3\xbcrgen@y.test: it needs SMTPUTF8, which the server does "
                "not offer\n"
                "2 not taken: data: message: it has 8-bit content, and the server does not offer "
                "8BITMIME\n"
                "3 not taken: data: message: 13 octets are more than the 10 that the server takes\n"
                "4 not taken: data: b@y.test> SIZE=1\\x0aRCPT TO:<c@y.test: a control character "
                "stands in the address\n"
                "5 not taken: data: message: it has no recipient\n",
        .statement = "M-11",
    },

    /* Refusals. */
    {
        .name = "MAIL refused: RSET before the next",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                        "S 451 4.3.0 later\nS 503 mail first\nS 503 mail first\n"
                        "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC DATA\n"
                        "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nC two\nC .\nS 250 queued",
        .want = "ready\n1 refused at MAIL by 451: 0\nend 2\n2 accepted at the end of the message "
                "by 250: 250\n",
        .statement = "M-26",
    },
    {
        .name = "MAIL refused without pipelining",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = PLAIN
        "C MAIL FROM:<a@x.test>\nS 550 no\nC RSET\nS 250 ok\nC MAIL FROM:<a@x.test>\nS 250 ok\n"
        "C RCPT TO:<c@y.test>\nS 250 ok\nC DATA\nS 354 go\nC two\nC .\nS 250 queued",
        .want = "ready\n1 refused at MAIL by 550: 0\nend 2\n2 accepted at the end of the message "
                "by 250: 250\n",
    },
    {
        .name = "some recipients refused: the others are sent to",
        .messages = {"a@x.test>b@y.test,c@y.test,d@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC RCPT TO:<c@y.test>\nC "
                        "RCPT TO:<d@y.test>\nC DATA\n"
                        "S 250 ok\nS 550 5.1.1 who\nS 250 ok\nS 452 4.5.3 too many\nS 354 go\nC "
                        "one\nC .\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 550 250 452\n",
    },
    {
        .name = "all recipients refused, DATA too",
        .messages = {"a@x.test>b@y.test,c@y.test|one\n", "a@x.test>d@y.test|two\n"},
        .script =
            PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC RCPT TO:<c@y.test>\nC DATA\n"
                  "S 250 ok\nS 550 who\nS 451 later\nS 554 no valid recipients\n"
                  "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<d@y.test>\nC DATA\n"
                  "S 250 reset\nS 250 ok\nS 250 ok\nS 354 go\nC two\nC .\nS 250 queued",
        .want = "ready\n1 refused at RCPT by 550: 550 451\nend 2\n2 accepted at the end of the "
                "message by 250: 250\n",
    },
    {
        .name = "all recipients refused, DATA answered 354: a lone dot, and not sent",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>d@y.test|two\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                        "S 250 ok\nS 550 who\nS 354 go\n"
                        "C .\nC RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<d@y.test>\nC DATA\n"
                        "S 250 taken all the same\nS 250 reset\nS 250 ok\nS 250 ok\nS 354 go\nC "
                        "two\nC .\nS 250 queued",
        .want = "ready\n1 refused at RCPT by 550: 550\nend 2\n2 accepted at the end of the message "
                "by 250: 250\n",
        .statement = "M-23",
    },
    {
        .name = "MAIL refused, DATA answered 354: a lone dot",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                        "S 452 full\nS 503 mail first\nS 354 go\nC .\nS 503 nobody",
        .want = "ready\n1 refused at MAIL by 452: 0\n",
    },
    {
        .name = "all recipients refused without pipelining: no DATA",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>d@y.test|two\n"},
        .script = PLAIN
        "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<b@y.test>\nS 550 who\nC RSET\nS 250 ok\n"
        "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<d@y.test>\nS 250 ok\nC DATA\nS 354 go\n"
        "C two\nC .\nS 250 queued",
        .want = "ready\n1 refused at RCPT by 550: 550\nend 2\n2 accepted at the end of the message "
                "by 250: 250\n",
    },
    {
        .name = "DATA refused",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>d@y.test|two\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                        "S 250 ok\nS 250 ok\nS 451 4.3.5 not now\n"
                        "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<d@y.test>\nC DATA\n"
                        "S 250 reset\nS 250 ok\nS 250 ok\nS 354 go\nC two\nC .\nS 250 queued",
        .want = "ready\n1 refused at DATA by 451: 250\nend 2\n2 accepted at the end of the message "
                "by 250: 250\n",
    },
    {
        .name = "the content refused, the next one unharmed",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>d@y.test|two\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<d@y.test>\nC DATA\n"
        "S 554 5.7.1 spam\nS 250 ok\nS 250 ok\nS 354 go\nC two\nC .\nS 250 queued",
        .want = "ready\nend 1\n1 refused at the end of the message by 554: 250\nend 2\n"
                "2 accepted at the end of the message by 250: 250\n",
    },
    {
        .name = "chunking: refused recipients, replies stay in step",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test,d@y.test|two\n",
                     "a@x.test>e@y.test|three\n"},
        .script =
            CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
                    "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC RCPT TO:<d@y.test>\nC "
                    "BDAT 5 LAST\nC two\n"
                    "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<e@y.test>\nC BDAT 7 LAST\nC three\n"
                    "S 250 ok\nS 550 who\nS 503 nobody\n"
                    "S 250 reset\nS 250 ok\nS 250 ok\nS 450 later\nS 250 queued\n"
                    "S 250 reset\nS 451 later\nS 503 no\nS 503 no",
        .want =
            "ready\nend 1\nend 2\nend 3\n1 refused at RCPT by 550: 550\n"
            "2 accepted at the end of the message by 250: 250 450\n3 refused at MAIL by 451: 0\n",
        .statement = "M-23",
    },
    {
        .name = "chunking: nobody to send to, and accepted all the same",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
                          "S 250 ok\nS 550 who\nS 250 taken",
        .want = "ready\nend 1\n1 refused at RCPT by 550: 550\n",
    },
    {
        .name = "MAIL refused out of step, but the content accepted: accepted it is",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
                          "S 503 nested\nS 250 ok\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n",
    },
    {
        .name = "RSET refused: nothing new is begun",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n",
                     "a@x.test>d@y.test|three\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                        "S 250 ok\nS 550 who\nS 554 nobody\n"
                        "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC DATA\n"
                        "S 500 what\nS 503 nested\nS 503 no\nS 503 no",
        .want = "ready\n1 refused at RCPT by 550: 550\n2 unsent at RSET: 0\n3 unsent at MAIL: 0\n"
                "closed at RSET by 500: temporary\n",
    },

    /* 421 and lost connections, stage by stage. */
    {
        .name = "421 instead of a greeting",
        .script = "S 421 busy",
        .want = "closed at the greeting by 421: temporary\n",
    },
    {
        .name = "554 instead of a greeting",
        .script = "S 554 no mail here",
        .want = "closed at the greeting by 554: unavailable\n",
    },
    {
        .name = "closed before the greeting",
        .script = "X close",
        .want = "closed at the greeting: temporary\n",
    },
    {
        .name = "421 to EHLO",
        .script = HELLO "S 421 busy",
        .want = "closed at EHLO by 421: temporary\n",
    },
    {
        .name = "421 to MAIL: deferred, what is behind released",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 421 4.7.0 enough\nX close",
        .want = "ready\n1 refused at MAIL by 421: 0\n2 unsent at MAIL: 0\nclosed at MAIL by 421: "
                "temporary\n",
        .statement = "M-24",
    },
    {
        .name = "421 to the second RCPT",
        .messages = {"a@x.test>b@y.test,c@y.test,d@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC RCPT TO:<c@y.test>\nC "
                        "RCPT TO:<d@y.test>\nC DATA\n"
                        "S 250 ok\nS 250 ok\nS 421 enough",
        .want = "ready\n1 refused at RCPT by 421: 250 421 0\nclosed at RCPT by 421: temporary\n",
    },
    {
        .name = "421 to DATA",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 421 enough",
        .want = "ready\n1 refused at DATA by 421: 250\nclosed at DATA by 421: temporary\n",
    },
    {
        .name = "421 to the end of the message, the next released",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC DATA\nS 421 4.3.0 enough",
        .want =
            "ready\nend 1\n1 refused at the end of the message by 421: 250\n2 unsent at DATA: 0\n"
            "closed at the end of the message by 421: temporary\n",
    },
    {
        .name = "421 in the window of BDAT: those behind are released, once it closes",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script =
            CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
                    "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC BDAT 5 LAST\nC two\n"
                    "S 250 ok\nS 250 ok\nS 421 enough\nX close",
        .want = "ready\nend 1\nend 2\n1 refused at the end of the message by 421: 250\n"
                "2 unsent at the end of the message: 0\nclosed at the end of the message by 421: "
                "temporary\n",
    },
    {
        .name = "421 to one message, and the next one accepted after all",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = CHUNKED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
        "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC BDAT 5 LAST\nC two\n"
        "S 250 ok\nS 421 you not\nS 503 no\nS 250 reset\nS 250 ok\nS 250 ok\nS 250 queued\nX close",
        .want =
            "ready\nend 1\nend 2\n1 refused at RCPT by 421: 421\n"
            "2 accepted at the end of the message by 250: 250\nclosed at RCPT by 421: temporary\n",
    },
    {
        .name = "421 to a recipient of a message handed over, and that accepted after all",
        .messages = {"a@x.test>b@y.test,c@y.test|one\n"},
        .script = CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC RCPT TO:<c@y.test>\n"
                          "C BDAT 5 LAST\nC one\nS 250 ok\nS 250 ok\nS 421 not you\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250 421\n"
                "closed at RCPT by 421: temporary\n",
        .statement = "M-24",
    },
    {
        .name = "421 to a recipient of a message handed over, then the end: deferred",
        .messages = {"a@x.test>b@y.test,c@y.test|one\n"},
        .script = CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC RCPT TO:<c@y.test>\n"
                          "C BDAT 5 LAST\nC one\nS 250 ok\nS 250 ok\nS 421 not you\nX close",
        .want = "ready\nend 1\n1 refused at RCPT by 421: 250 421\n"
                "closed at RCPT by 421: temporary\n",
    },
    {
        .name = "421 while others are on their way: nothing more is said",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script =
            HELLO "X take 66\nS 250-mail.test\nS 250-PIPELINING\nS 250 CHUNKING\n"
                  "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\nC RSET\n"
                  "S 250 ok\nS 421 not you\nX take -1\nS 503 no",
        .want =
            "ready\nend 1\n1 refused at RCPT by 421: 421\n2 unsent at the end of the message: 0\n"
            "closed at RCPT by 421: temporary\n",
    },
    {
        .name = "RSET refused: what was said is answered, nothing new is begun",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n",
                     "a@x.test>d@y.test|three\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 550 who\nS 503 no\n"
        "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC DATA\n"
        "S 502 what\nS 250 ok\nS 250 ok\nS 354 go\nC two\nC .\nS 250 queued",
        .want = "ready\n1 refused at RCPT by 550: 550\nend 2\n"
                "2 accepted at the end of the message by 250: 250\n3 unsent at MAIL: 0\n"
                "closed at RSET by 502: temporary\n",
        .statement = "M-26",
    },
    {
        .name = "RSET refused, and the content wanted for the transaction before: not sent",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n",
                     "a@x.test>d@y.test|three\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 550 who\nS 503 no\n"
        "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC DATA\n"
        "S 451 later\nS 503 nested\nS 250 ok\nS 354 go",
        .want = "ready\n1 refused at RCPT by 550: 550\n2 unsent at DATA: 0\n3 unsent at MAIL: 0\n"
                "closed at RSET by 451: temporary\n",
        .statement = "M-26",
    },
    {
        .name = "whatever comes behind QUIT is no error",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nX quit\nS 250 queued\nC QUIT\nS ?!",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n"
                "closed at QUIT: done\n",
    },
    {
        .name = "QUIT is not said while a reply is awaited",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nX quit",
        .want = "ready\nend 1\n",
    },
    {
        .name = "QUIT waits for what is in flight",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nX quit\nS 250 queued\nC QUIT\nS 221 bye",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\n"
                "closed at QUIT by 221: done\n",
    },
    {
        .name = "BDAT accepted before its octets: not believed",
        .options = {.window = 1},
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = HELLO "X take 57\nS 250-mail.test\nS 250-PIPELINING\nS 250 CHUNKING\n"
                        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nc on\n"
                        "S 250 ok\nS 250 ok\nS 250 queued",
        .want = "ready\n1 unsent at the end of the message: 250\n"
                "closed at the end of the message by 250: protocol\n",
    },
    {
        .name = "421 out of the blue, between messages",
        .script = PIPED "S 421 4.4.2 idle too long",
        .want = "ready\nclosed at MAIL by 421: temporary\n",
    },
    {
        .name = "lost after MAIL: not sent",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nX cut",
        .want = "ready\n1 unsent at DATA: 0\nclosed at RCPT: temporary\n",
    },
    {
        .name = "lost after MAIL, where the message before had a recipient refused: not this one's",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script = PLAIN "C MAIL FROM:<a@x.test>\nS 250 ok\nC RCPT TO:<b@y.test>\nS 550 who\n"
                        "C RSET\nS 250 ok\nC MAIL FROM:<a@x.test>\nS 250 ok\n"
                        "C RCPT TO:<c@y.test>\nX cut",
        .want = "ready\n1 refused at RCPT by 550: 550\n2 unsent at RCPT: 0\n"
                "closed at RCPT: temporary\n",
    },
    {
        .name = "421 behind a refused MAIL: it is refused for good",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\n"
                        "S 550 5.7.1 no\nS 421 4.7.0 enough\nX close",
        .want = "ready\n1 refused at MAIL by 550: 0\nclosed at RCPT by 421: temporary\n",
    },
    {
        .name = "lost after a recipient was refused: that one stays refused",
        .messages = {"a@x.test>b@y.test,c@y.test|one\n"},
        .script =
            PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC RCPT TO:<c@y.test>\nC DATA\n"
                  "S 250 ok\nS 550 who\nX cut",
        .want = "ready\n1 unsent at DATA: 550 0\nclosed at RCPT: temporary\n",
    },
    {
        .name = "lost after the end: in doubt, the next not sent",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n",
                     "a@x.test>d@y.test|three\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC DATA\nX cut",
        .want = "ready\nend 1\n1 doubtful at the end of the message: 250\n2 unsent at DATA: 0\n3 "
                "unsent at MAIL: 0\n"
                "closed at the end of the message: temporary\n",
        .statement = "M-24",
    },
    {
        .name = "lost in the window of BDAT: in doubt what was handed over",
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n",
                     "a@x.test>d@y.test|three\n"},
        .options = {.window = 2},
        .script =
            CHUNKED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\nC one\n"
                    "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC BDAT 5 LAST\nC two\n"
                    "S 250 ok\nS 550 who\nX close",
        .want = "ready\nend 1\nend 2\n1 refused at RCPT by 550: 550\n2 doubtful at the end of the "
                "message: 0\n"
                "closed at the end of the message: temporary\n",
    },
    {
        .name = "closed between messages",
        .script = PIPED "X close",
        .want = "ready\nclosed at MAIL: temporary\n",
    },

    /* While content is on its way. */
    {
        .name = "lost in the middle of the content: not sent",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nX take 3\n"
                        "S 250 ok\nS 250 ok\nS 354 go\nc one\nX cut",
        .want = "ready\n1 unsent at the end of the message: 250\nclosed at the end of the message: "
                "temporary\n",
        .statement = "M-24",
    },
    {
        .name = "lost with all but the last octet handed over: not sent",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nX take 7\n"
                        "S 250 ok\nS 250 ok\nS 354 go\nC one\nc .\r\nX cut",
        .want = "ready\n1 unsent at the end of the message: 250\nclosed at the end of the message: "
                "temporary\n",
        .statement = "M-24",
    },
    {
        .name = "421 in the middle of the content",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nX take 3\n"
                        "S 250 ok\nS 250 ok\nS 354 go\nc one\nS 421 4.4.2 too slow",
        .want = "ready\n1 refused at the end of the message by 421: 250\n"
                "closed at the end of the message by 421: temporary\n",
    },
    {
        .name = "refused in the middle of the content: refused, and the connection ends",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nX take 3\n"
                        "S 250 ok\nS 250 ok\nS 354 go\nc one\nS 552 5.3.4 too big",
        .want = "ready\n1 refused at the end of the message by 552: 250\n"
                "closed at the end of the message by 552: temporary\n",
    },
    {
        .name = "accepted in the middle of the content: not believed",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nX take 3\n"
                        "S 250 ok\nS 250 ok\nS 354 go\nc one\nS 250 queued",
        .want = "ready\n1 unsent at the end of the message: 250\nclosed at the end of the message "
                "by 250: protocol\n",
    },
    {
        .name = "BDAT refused before its octets: they go all the same, and replies stay in step",
        .options = {.window = 1},
        .messages = {"a@x.test>b@y.test|one\n", "a@x.test>c@y.test|two\n"},
        .script =
            HELLO "X take 55\nS 250-mail.test\nS 250-PIPELINING\nS 250 CHUNKING\nC MAIL "
                  "FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC BDAT 5 LAST\n"
                  "S 250 ok\nS 550 who\nS 503 nobody\nX take -1\nC one\n"
                  "C RSET\nC MAIL FROM:<a@x.test>\nC RCPT TO:<c@y.test>\nC BDAT 5 LAST\nC two\n"
                  "S 250 reset\nS 250 ok\nS 250 ok\nS 250 queued",
        .want = "ready\nend 1\n1 refused at RCPT by 550: 550\nend 2\n2 accepted at the end of the "
                "message by 250: 250\n",
    },

    /* Servers that lose their way. */
    {
        .name = "garbage",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script =
            PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS hello there",
        .want = "ready\n1 unsent at DATA: 0\nclosed at RCPT: protocol\n",
    },
    {
        .name = "garbage instead of a greeting",
        .script = "S SSH-2.0-OpenSSH_9.2",
        .want = "closed at the greeting: protocol\n",
    },
    {
        .name = "a reply too many",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 250 ok",
        .want = "ready\n1 unsent at DATA: 250\nclosed at DATA by 250: protocol\n",
    },
    {
        .name = "a reply to nothing, between messages",
        .script = PIPED "S 250 ok",
        .want = "ready\nclosed at MAIL by 250: protocol\n",
    },
    {
        .name = "a reply too many after the end: the fate stands",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nS 250 queued\nS 250 queued",
        .want = "ready\nend 1\n1 accepted at the end of the message by 250: 250\nclosed at MAIL by "
                "250: protocol\n",
    },
    {
        .name = "354 to MAIL",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 354 go",
        .want = "ready\n1 unsent at DATA: 0\nclosed at MAIL by 354: protocol\n",
    },
    {
        .name = "354 for a message whose MAIL was refused and whose recipient was not",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 503 nested\nS 250 ok\nS 354 go",
        .want = "ready\n1 unsent at DATA: 0\nclosed at DATA by 354: protocol\n",
    },
    {
        .name = "354 to the end of the message",
        .messages = {"a@x.test>b@y.test|one\n"},
        .script = PIPED
        "C MAIL FROM:<a@x.test>\nC RCPT TO:<b@y.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
        "C one\nC .\nS 354 go on",
        .want = "ready\nend 1\n1 doubtful at the end of the message: 250\n"
                "closed at the end of the message by 354: protocol\n",
    },
};

START_TEST(dialogue_has_the_same_outcome_however_it_is_split)
{
    const Dialogue *dialogue = &dialogues[_i];

    play_every_way(dialogue);
    if (dialogue->statement != NULL)
        statement(dialogue->statement);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-session");
    TCase *tcase = tcase_create("dialogues");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, dialogue_has_the_same_outcome_however_it_is_split, 0,
                        G_N_ELEMENTS(dialogues));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
