/*
 * Whom a refusal concerns: each provider's text by which it means the account, and the texts that
 * look alike and concern a recipient only.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scope.h"
#include "statement.h"
#include "suite.h"

#define HOUR 3600
#define DAY  86400
#define NOON ((gint64)20000 * DAY + 12 * HOUR)

typedef struct {
    const char *name;
    int code;
    const char *enhanced, *text;
    guint pause;
} ProviderRow;

static const ProviderRow provider_rows[] = {
    {"Google, a user's day", 550, "5.4.5",
     "Daily user sending limit exceeded. For more information on Gmail\nsending limits", DAY},
    {"Google, a relay's day, as the table says", 550, "5.7.1",
     "Daily SMTP relay sending limit exceeded for this customer.", DAY},
    {"Google, a relay's day, as servers say", 550, "5.7.1",
     "Daily SMTP relay limit exceeded for customer.", DAY},
    {"Google, a relay's peak", 450, "4.2.1", "Peak SMTP relay limit exceeded for this customer.",
     HOUR},
    {"Google, suspended", 550, "5.7.0",
     "Email relay denied. The sending email account has been temporarily suspended due to abuse.",
     DAY},
    {"Google, logins", 454, "4.7.0", "Too many login attempts, please try again later.", HOUR},
    {"Google, rate", 421, "4.7.28",
     "Gmail has detected an unusual rate\nof email originating from your IP", HOUR},
    {"Google, amount", 421, "4.7.28", "Gmail has detected an unusual amount of unsolicited email",
     HOUR},
    {"Microsoft, connections", 432, "4.3.2", "Concurrent connections limit exceeded.", 60},
    {"Microsoft, threads", 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded", 60},
    {"Microsoft, the day by SMTP", 554, "5.2.0",
     "STOREDRV.Submission.Exception:SubmissionQuotaExceededException", DAY},
    {"Microsoft, submission quota", 550, "5.2.2", "Submission quota exceeded", DAY},
    {"Microsoft, the day by report", 550, "5.1.90",
     "Your message can't be sent because you've reached your daily limit for message recipients",
     DAY},
    {"Microsoft, blocked", 550, "5.1.8", "Access denied, bad outbound sender", DAY},
    {"Microsoft, spam abuse", 550, "5.7.501", "Access denied, spam abuse detected", DAY},
    {"Microsoft, banned", 550, "5.7.502", "Access denied, banned sender", DAY},
    {"Microsoft, banned too", 550, "5.7.503", "Access denied, banned sender", DAY},
    {"Microsoft, tenant", 550, "5.7.705", "Access denied, tenant has exceeded threshold", DAY},
    {"Microsoft, address", 550, "5.7.708", "Access denied, traffic not accepted from this IP", DAY},
    {"Microsoft, domains", 550, "5.7.750",
     "Service unavailable. Client blocked from sending from unregistered domains", DAY},
    {"Microsoft, too many errors", 550, "5.2.254",
     "Sender throttled due to continuous too many recipients errors.", HOUR},
    {"Amazon, rate", 454, NULL, "Throttling failure: Maximum sending rate exceeded.", 600},
    {"Amazon, day", 454, NULL, "Throttling failure: Daily message quota exceeded.", DAY},
    {"SendGrid", 451, NULL, "Authentication failed: Maximum credits exceeded", DAY / 2},
    {"Zoho, activity", 550, "5.4.6", "Unusual sending activity detected.", DAY},
    {"Zoho, blocked", 554, "5.1.8", "Sender Address Blocked", DAY},
    {"Yahoo", 421, "4.7.0",
     "[TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user "
     "complaints",
     4 * HOUR},
    {"IONOS", 450, NULL,
     "Requested mail action not taken: mailbox unavailable\nMail send limit "
     "exceeded.",
     HOUR},
    {"StartMail", 550, "5.7.1", "Your mail limit has been reached.", HOUR},
    {"Emailit, second", 452, "4.4.5", "Messages per second limit exceeded", 60},
    {"Emailit, day", 452, "4.5.3", "Daily message limit exceeded", DAY / 2},
    {"TPP", 550, NULL, "Daily limit has been exceeded for ann@example.org", DAY},
    {"outMail", 554, "5.7.1",
     "<ann@example.org>: Recipient address rejected: You have exceeded your Outmail quota.", DAY},
    {"msndr.net", 550, NULL, "Too many messages. Try again in 92 seconds.", 92},
    {"Postfix, messages", 450, "4.7.1", "Error: too much mail from 192.0.2.1", 60},
    {"Postfix, recipients", 450, "4.7.1", "Error: too many recipients from 192.0.2.1", 60},
    {"Policyd", 450, "4.7.1",
     "<ann@example.org>: Sender address rejected: Deferring: Too many messages from sender in last "
     "60",
     60},
};

static MbSmtpReply reply_of(const ProviderRow *row)
{
    return (MbSmtpReply){row->code, (char *)row->enhanced, (char *)row->text};
}

START_TEST(a_providers_text_means_the_account)
{
    const ProviderRow *row = &provider_rows[_i];
    MbSmtpReply reply = reply_of(row);

    ck_assert_msg(mm_scope_row(&reply) == _i, "%s: row %d", row->name, mm_scope_row(&reply));
    for (MbSmtpStage stage = MB_SMTP_STAGE_GREETING; stage <= MB_SMTP_STAGE_END; stage++)
        ck_assert_msg(mm_scope_of(&reply, stage) == MM_SCOPE_ACCOUNT, "%s", row->name);
    ck_assert_msg(mm_scope_pause(&reply, NOON) == row->pause, "%s: %u s", row->name,
                  mm_scope_pause(&reply, NOON));
    statement("M-25");
}
END_TEST

START_TEST(every_row_of_the_table_has_its_text_here)
{
    ck_assert_uint_eq(mm_scope_rows(), G_N_ELEMENTS(provider_rows));
}
END_TEST

static const struct {
    const char *name;
    int code;
    const char *enhanced, *text;
    MbSmtpStage stage;
    MmScope want;
} other_rows[] = {
    {"no such user", 550, "5.1.1", "who", MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"greylisted", 451, "4.7.1", "Greylisted, try again in 300 seconds", MB_SMTP_STAGE_RCPT,
     MM_SCOPE_RECIPIENT},
    {"too many recipients of one message", 452, "4.5.3", "Error: too many recipients",
     MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"a full mailbox", 552, "5.2.2", "mailbox full", MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"a mailbox over its quota", 452, "4.2.2", "The recipient's inbox is out of storage space",
     MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"Microsoft: the recipient's threads", 432, "4.3.2",
     "STOREDRV.Deliver; recipient thread limit exceeded", MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"Microsoft: the recipient's hour", 550, "5.2.122",
     "Recipient's per hour message receive limit exceeded", MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"Microsoft: a banned recipient", 550, "5.7.505", "Access denied, banned recipient",
     MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"Google: a recipient who gets too much", 450, "4.2.1",
     "The user you are trying to contact is receiving email too quickly.", MB_SMTP_STAGE_RCPT,
     MM_SCOPE_RECIPIENT},
    {"SendGrid: a recipient's hour", 452, NULL,
     "Too many recipients received this hour (throttled)", MB_SMTP_STAGE_RCPT, MM_SCOPE_RECIPIENT},
    {"spam", 554, "5.7.1", "spam", MB_SMTP_STAGE_END, MM_SCOPE_MESSAGE},
    {"sender refused", 550, "5.7.1", "not yours", MB_SMTP_STAGE_MAIL, MM_SCOPE_MESSAGE},
    {"disk full", 452, "4.3.1", "Insufficient system storage", MB_SMTP_STAGE_MAIL,
     MM_SCOPE_MESSAGE},
    {"too many messages on this connection", 421, "4.7.0",
     "maximum message count per session reached", MB_SMTP_STAGE_MAIL, MM_SCOPE_CONNECTION},
    {"Postfix: connections", 421, "4.7.0", "mx Error: too many connections from 192.0.2.1",
     MB_SMTP_STAGE_GREETING, MM_SCOPE_CONNECTION},
    {"Google: busy", 421, "4.4.5", "Server busy, try again later.", MB_SMTP_STAGE_EHLO,
     MM_SCOPE_CONNECTION},
    {"accepted, whatever it says", 250, "2.0.0",
     "Daily limit has been exceeded, taken all the same", MB_SMTP_STAGE_END, MM_SCOPE_MESSAGE},
};

START_TEST(what_looks_alike_keeps_its_scope)
{
    MbSmtpReply reply = {other_rows[_i].code, (char *)other_rows[_i].enhanced,
                         (char *)other_rows[_i].text};

    ck_assert_msg(mm_scope_of(&reply, other_rows[_i].stage) == other_rows[_i].want, "%s",
                  other_rows[_i].name);
    statement("M-25");
}
END_TEST

static const struct {
    const char *text;
    guint want;
} pause_rows[] = {
    {"too many messages. Try again in 92 seconds.", 92},
    {"too many messages. try again in 5 minutes", 300},
    {"too many messages. try again in 2hours", 7200},
    {"too many messages. try again in 1 sec", 1},
    {"too many messages. try again in 0 seconds", HOUR},
    {"too many messages. try again in 99999999999999999999 hours", DAY},
    {"too many messages. try again in 999999999 seconds", DAY},
    {"too many messages. try again in 3 moons", HOUR},
    {"too many messages. try again in -3 minutes", HOUR},
    {"too many messages. try again in an hour", HOUR},
    {"too many messages. try again", HOUR},
};

START_TEST(a_reply_that_says_how_long_is_believed_within_a_day)
{
    MbSmtpReply reply = {550, NULL, (char *)pause_rows[_i].text};

    ck_assert_msg(mm_scope_pause(&reply, NOON) == pause_rows[_i].want, "%s: %u",
                  pause_rows[_i].text, mm_scope_pause(&reply, NOON));
}
END_TEST

START_TEST(a_quota_that_begins_anew_at_midnight_is_waited_for_until_then)
{
    MbSmtpReply reply = {451, NULL, (char *)"Authentication failed: Maximum credits exceeded"};

    ck_assert_uint_eq(mm_scope_pause(&reply, (gint64)20000 * DAY), DAY);
    ck_assert_uint_eq(mm_scope_pause(&reply, (gint64)20000 * DAY - 1), 1);
}
END_TEST

START_TEST(the_end_of_a_run_names_reply_and_time)
{
    g_autoptr(GDateTime) before = g_date_time_new_now_local();
    g_autoptr(GError) error = mm_scope_stop("550 5.4.5 Daily limit", 2 * HOUR);
    g_autoptr(GDateTime) then = NULL;
    const char *when = strstr(error->message, "come back after ");
    GTimeSpan gap;

    ck_assert_int_eq(error->code, MB_ERROR_TEMPORARY);
    ck_assert(strstr(error->message, ": 550 5.4.5 Daily limit: ") != NULL);
    ck_assert(when != NULL);
    g_autofree char *iso =
        g_strdelimit(g_strconcat(when + strlen("come back after "), ":00", NULL), " ", 'T');
    g_autoptr(GTimeZone) zone = g_time_zone_new_local();
    then = g_date_time_new_from_iso8601(iso, zone);
    ck_assert_msg(then != NULL, "%s", iso);
    gap = g_date_time_difference(then, before);
    ck_assert_int_ge(gap, 2 * HOUR * G_TIME_SPAN_SECOND);
    ck_assert_int_le(gap, (2 * HOUR + 60) * G_TIME_SPAN_SECOND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge-scope");
    TCase *tcase = tcase_create("scope");

    tcase_add_loop_test(tcase, a_providers_text_means_the_account, 0, G_N_ELEMENTS(provider_rows));
    tcase_add_test(tcase, every_row_of_the_table_has_its_text_here);
    tcase_add_loop_test(tcase, what_looks_alike_keeps_its_scope, 0, G_N_ELEMENTS(other_rows));
    tcase_add_loop_test(tcase, a_reply_that_says_how_long_is_believed_within_a_day, 0,
                        G_N_ELEMENTS(pause_rows));
    tcase_add_test(tcase, a_quota_that_begins_anew_at_midnight_is_waited_for_until_then);
    tcase_add_test(tcase, the_end_of_a_run_names_reply_and_time);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
