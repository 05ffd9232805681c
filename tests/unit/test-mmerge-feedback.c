#include "feedback.h"
#include "report-address.h"
#include "suite.h"

#include <mailbatch/base/file.h>
#include <string.h>
#include <unistd.h>

/* --- verdicts ----------------------------------------------------------------------------- */

static const struct {
    const char *status, *text;
    MmVerdict verdict;
} verdicts[] = {
    {"5.1.1", NULL, MM_VERDICT_HARD},
    {"5.1.10", NULL, MM_VERDICT_HARD},
    {"5.1.2", "Host not there", MM_VERDICT_HARD},
    {"5.1.8", "bad sender's system address", MM_VERDICT_SOFT},
    {"5.2.2", NULL, MM_VERDICT_SOFT},
    {"5.1.1", "550 5.1.1 mailbox full, over quota", MM_VERDICT_SOFT},
    {"5.7.1", "rejected as spam", MM_VERDICT_SOFT},
    {"5.0.0", "550 User unknown", MM_VERDICT_HARD},
    {"5.7.1", "550 5.7.1 No such user here", MM_VERDICT_HARD},
    {NULL, "This user doesn't have a yahoo.com account", MM_VERDICT_HARD},
    {NULL, "delivery failed", MM_VERDICT_SOFT},
    {"4.4.7", "user unknown", MM_VERDICT_SOFT},
    {"4.2.2", NULL, MM_VERDICT_SOFT},
    {NULL, NULL, MM_VERDICT_SOFT},
    {"5.1.11", NULL, MM_VERDICT_SOFT},
};

START_TEST(a_verdict_tells_no_good_from_not_now)
{
    ck_assert_msg(mm_verdict(verdicts[_i].status, verdicts[_i].text) == verdicts[_i].verdict,
                  "%s %s", verdicts[_i].status, verdicts[_i].text);
}
END_TEST

static const struct {
    const char *text, *status;
} texts[] = {
    {"550 5.1.1 <a@b>: unknown", "5.1.1"},
    {"5.1.1", "5.1.1"},
    {"smtp; 550-5.7.26 This mail", "5.7.26"},
    {"host 10.5.1.1 said: 550 5.2.1", "5.2.1"},
    {"host mx5.1.1.example said no", NULL},
    {"version 5.1.1.1", NULL},
    {"6.1.1", NULL},
    {"5.1", NULL},
    {"5.1.1234", NULL},
    {"(#5.1.1)", "5.1.1"},
    {"", NULL},
};

START_TEST(a_status_is_found_in_words)
{
    g_autofree char *got = mm_verdict_find_status(texts[_i].text);

    ck_assert_msg(g_strcmp0(got, texts[_i].status) == 0, "%s: %s", texts[_i].text, got);
}
END_TEST

/* --- addresses ---------------------------------------------------------------------------- */

static const struct {
    const char *value, *address;
} addresses[] = {
    {"rfc822; ann@example.net", "ann@example.net"},
    {"ann@example.net", "ann@example.net"},
    {"RFC822;<ann@example.net>", "ann@example.net"},
    {"rfc822; ann@example.net (expanded from <all@example.net>)", "ann@example.net"},
    {"rfc822; <ann@example.net>\t(Ann)", "ann@example.net"},
    {"rfc822; ann@example.net.", "ann@example.net"},
    {"rfc822; \"a b\"@example.net", "\"a b\"@example.net"},
    {"rfc822; \"a b@example.net", "\"a b@example.net"},
    {"rfc822; ann@b\u00fccher.example", "ann@xn--bcher-kva.example"},
    {"utf-8; zo\\x{EB}@example.net", "zo\u00eb@example.net"},
    {"UTF-8 ;ann@b\\x{fc}cher.example", "ann@xn--bcher-kva.example"},
    {"utf-8; zo\u00eb@example.net", "zo\u00eb@example.net"},
    {"utf-8; a\\x{0}\\x{D800}\\x{110000}\\x{41@b.example",
     "a\\x{0}\\x{D800}\\x{110000}\\x{41@b.example"},
    {"rfc822; zo\\x{EB}@example.net", "zo\\x{EB}@example.net"},
    {"utf-8-x; zo\\x{EB}@example.net", "zo\\x{EB}@example.net"},
    {"rfc822; nobody", NULL},
    {";", NULL},
    {"", NULL},
};

START_TEST(an_address_is_read_as_the_ledger_has_it)
{
    g_autofree char *got = mm_report_address(addresses[_i].value);

    ck_assert_msg(g_strcmp0(got, addresses[_i].address) == 0, "%s: %s", addresses[_i].value, got);
}
END_TEST

/* --- reports ------------------------------------------------------------------------------ */

#define HEAD(type)                                                                                 \
    "From: MAILER-DAEMON@mail.test\nTo: bounce+7=a@example.org\nSubject: x\n"                      \
    "Content-Type: " type "\n\n"
#define REPORT HEAD("multipart/report; report-type=delivery-status; boundary=b")
#define STATUS                                                                                     \
    "--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n"
#define RETURNED                                                                                   \
    "--b\nContent-Type: message/rfc822\n\nFrom: me@example.org\nMessage-ID: <k@example.org>\n"     \
    "\nHello\n--b--\n"

static const struct {
    const char *name, *mail;
    const char *want; /* an item a line: fate address|final status text, then id */
} reports[] = {
    {"Postfix",
     REPORT STATUS "Reporting-MTA: dns; mail.test\nX-Postfix-Queue-ID: 1\nArrival-Date: today\n\n"
                   "Final-Recipient: rfc822; nobody@example.net\n"
                   "Original-Recipient: rfc822;nobody@example.net\nAction: failed\nStatus: 5.1.1\n"
                   "Diagnostic-Code: X-Postfix; unknown user: \"nobody\"\n\n" RETURNED,
     "0 nobody@example.net|nobody@example.net 5.1.1 unknown user: \"nobody\"\n<k@example.org>"},
    {"two recipients, one delayed, folds",
     REPORT STATUS
     "Reporting-MTA: dns; x\n\nFinal-Recipient: RFC822; <a@b.example>\nAction: Delayed\n"
     "Status: 4.4.1\nDiagnostic-Code: smtp;\n 450 later,\n\tplease\n\n"
     "Final-Recipient: rfc822;c@d.example\nAction: delivered (to a mailbox)\n"
     "Status: 2.0.0\n\n" RETURNED,
     "1 -|a@b.example 4.4.1 450 later, please\n2 -|c@d.example 2.0.0 -\n<k@example.org>"},
    {"relayed and expanded prove no delivery",
     REPORT STATUS "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;c@d.example\nAction: relayed\n"
                   "Status: 2.0.0\n\nFinal-Recipient: rfc822;e@d.example\nAction: EXPANDED\n"
                   "Status: 2.0.0\n\n" RETURNED,
     "4 -|c@d.example 2.0.0 -\n4 -|e@d.example 2.0.0 -\n<k@example.org>"},
    {"a status that says nothing beside words that do",
     REPORT STATUS "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;c@d.example\nAction: failed\n"
                   "Status: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.10 null MX\n\n" RETURNED,
     "0 -|c@d.example 5.1.10 550 5.1.10 null MX\n<k@example.org>"},
    {"CRLF and a returned header only",
     "To: x@example.org\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
     "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
     "Final-Recipient: rfc822;c@d.example\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n--b\r\n"
     "Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nMessage-Id:\r\n <k@example.org>\r\n"
     "\r\n--b--\r\n",
     "0 -|c@d.example 5.2.2 -\n<k@example.org>"},
    {"a report in base64",
     REPORT "--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
            "UmVwb3J0aW5nLU1UQTogZG5zOyB4CgpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjsgY0BkLmV4YW1w\n"
            "bGUKQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQo=\n" RETURNED,
     "0 -|c@d.example 5.1.1 -\n<k@example.org>"},
    {"a report within the returned message is not this one",
     REPORT STATUS
     "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;c@d.example\nAction: failed\n"
     "Status: 5.1.1\n\n--b\nContent-Type: message/rfc822\n\n"
     "Message-ID: <k@example.org>\nContent-Type: multipart/report; boundary=i\n\n--i\n"
     "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
     "Final-Recipient: rfc822;victim@d.example\nAction: failed\nStatus: 5.1.1\n\n"
     "--i\nContent-Type: message/rfc822\n\nMessage-ID: <other@x>\n\n--i--\n--b--\n",
     "0 -|c@d.example 5.1.1 -\n<k@example.org>"},
    {"no Action, and no address",
     REPORT STATUS "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;c@d.example\nStatus: 5.1.1\n\n"
                   "Action: failed\nStatus: 5.1.1\n\n" RETURNED,
     "<k@example.org>"},
    {"a complaint",
     HEAD(
         "multipart/report; report-type=feedback-report; boundary=b") "--b\nContent-Type: "
                                                                      "message/"
                                                                      "feedback-report\n\nFeedback-"
                                                                      "Type: abuse\nUser-Agent: "
                                                                      "x\nVersion: 1\n"
                                                                      "Original-Rcpt-To: "
                                                                      "<c@d.example>\n\n" RETURNED,
     "3 c@d.example|- - abuse\n<k@example.org>"},
    {"a complaint without an address",
     HEAD(
         "multipart/report; report-type=feedback-report; boundary=b") "--b\nContent-Type: "
                                                                      "message/"
                                                                      "feedback-report\n\nFeedback-"
                                                                      "Type: Fraud\n\n" RETURNED,
     "3 -|- - Fraud\n<k@example.org>"},
    {"not spam is no complaint",
     HEAD(
         "multipart/report; report-type=feedback-report; boundary=b") "--b\nContent-Type: "
                                                                      "message/"
                                                                      "feedback-report\n\nFeedback-"
                                                                      "Type: not-spam\n\n" RETURNED,
     "<k@example.org>"},
    {"X-Failed-Recipients",
     "To: me@example.org\nX-Failed-Recipients: c@d.example, e@f.example\n\nfailed\n",
     "0 c@d.example|- - -\n0 e@f.example|- - -\n-"},
    {"qmail",
     "To: me@example.org\n\nHi. This is the qmail-send program at x.\nSorry.\n\n<c@d.example>:\n"
     "Sorry, no mailbox here by that name. (#5.1.1)\n\n<e@f.example>:\nI tried.\n\n"
     "--- Below this line is a copy of the message.\n\nReturn-Path: <x>\n"
     "Message-ID: <k@example.org>\n\n<g@h.example>:\nnot this\n",
     "0 c@d.example|- 5.1.1 Sorry, no mailbox here by that name. (#5.1.1)\n"
     "0 e@f.example|- - I tried.\n<k@example.org>"},
    {"terminal escapes are shown as such",
     REPORT STATUS "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;c@d.example\nAction: failed\n"
                   "Status: 5.1.1\nDiagnostic-Code: smtp; \033[31mred\n\n" RETURNED,
     "0 -|c@d.example 5.1.1 \\x1b[31mred\n<k@example.org>"},
    {"an ordinary mail", "To: me@example.org\nMessage-ID: <a@b>\n\nHi. This is not qmail.\n", "-"},
    {"a mail that forwards a mail", HEAD("multipart/mixed; boundary=b") RETURNED,
     "<k@example.org>"},
    {"nothing", "", "-"},
};

static char *describe(const MmFeedback *feedback)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < feedback->items->len; i++) {
        const MmFeedbackItem *item = &g_array_index(feedback->items, MmFeedbackItem, i);

        g_string_append_printf(
            out, "%d %s|%s %s %s\n", item->fate, item->address != NULL ? item->address : "-",
            item->final != NULL ? item->final : "-", item->status != NULL ? item->status : "-",
            item->text != NULL ? item->text : "-");
    }
    g_string_append(out, feedback->message_id != NULL ? feedback->message_id : "-");
    return g_string_free(out, FALSE);
}

START_TEST(a_report_is_read)
{
    g_autoptr(MmFeedbackReader) reader = mm_feedback_reader_new();
    const char *mail = reports[_i].mail;

    for (int turn = 0; turn < 2; turn++) {
        g_autoptr(MmFeedback) feedback = mm_feedback_read(reader, mail, strlen(mail));
        g_autofree char *got = describe(feedback);

        ck_assert_msg(strcmp(got, reports[_i].want) == 0, "%s:\n%s", reports[_i].name, got);
    }
}
END_TEST

START_TEST(a_report_is_read_from_a_file)
{
    g_autoptr(MmFeedbackReader) reader = mm_feedback_reader_new();
    const char *mail = reports[_i].mail;
    int descriptor = mb_file_open_unnamed(NULL);
    g_autofree char *got = NULL;
    g_autoptr(MmFeedback) feedback = NULL;

    ck_assert(mb_file_write_all(descriptor, mail, strlen(mail)));
    feedback = mm_feedback_read_file(reader, descriptor, strlen(mail));
    close(descriptor);
    got = describe(feedback);
    ck_assert_msg(strcmp(got, reports[_i].want) == 0, "%s:\n%s", reports[_i].name, got);
}
END_TEST

START_TEST(a_report_cut_anywhere_is_read_without_harm)
{
    g_autoptr(MmFeedbackReader) reader = mm_feedback_reader_new();
    size_t length = strlen(reports[_i].mail);

    for (size_t cut = 0; cut < length; cut++) {
        g_autofree char *copy = g_memdup2(reports[_i].mail, MAX(cut, 1));
        g_autoptr(MmFeedback) feedback = mm_feedback_read(reader, copy, cut);

        ck_assert_uint_le(feedback->items->len, 2);
    }
}
END_TEST

START_TEST(whom_a_report_was_sent_to_is_kept)
{
    const char *mail = reports[0].mail;
    g_autoptr(MmFeedbackReader) reader = mm_feedback_reader_new();
    g_autoptr(MmFeedback) feedback = mm_feedback_read(reader, mail, strlen(mail));

    ck_assert_uint_eq(feedback->to->len, 1);
    ck_assert_str_eq(g_ptr_array_index(feedback->to, 0), "bounce+7=a@example.org");
}
END_TEST

START_TEST(a_report_without_end_is_read_to_a_bound)
{
    g_autoptr(GString) mail = g_string_new(REPORT STATUS "Reporting-MTA: dns; x\n\n");
    g_autoptr(MmFeedbackReader) reader = mm_feedback_reader_new();
    g_autoptr(MmFeedback) feedback = NULL;

    for (int i = 0; i < 100000; i++)
        g_string_append(mail, "Final-Recipient: rfc822;c@d.example\nAction: failed\n\n");
    feedback = mm_feedback_read(reader, mail->str, mail->len);
    ck_assert_uint_le(feedback->items->len, 10000);
    ck_assert_uint_ge(feedback->items->len, 9000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge feedback");
    TCase *tcase = tcase_create("feedback");

    tcase_add_loop_test(tcase, a_verdict_tells_no_good_from_not_now, 0, G_N_ELEMENTS(verdicts));
    tcase_add_loop_test(tcase, a_status_is_found_in_words, 0, G_N_ELEMENTS(texts));
    tcase_add_loop_test(tcase, an_address_is_read_as_the_ledger_has_it, 0, G_N_ELEMENTS(addresses));
    tcase_add_loop_test(tcase, a_report_is_read, 0, G_N_ELEMENTS(reports));
    tcase_add_loop_test(tcase, a_report_is_read_from_a_file, 0, G_N_ELEMENTS(reports));
    tcase_add_loop_test(tcase, a_report_cut_anywhere_is_read_without_harm, 0,
                        G_N_ELEMENTS(reports));
    tcase_add_test(tcase, whom_a_report_was_sent_to_is_kept);
    tcase_add_test(tcase, a_report_without_end_is_read_to_a_bound);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
