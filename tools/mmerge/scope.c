#include "scope.h"

#include "sender.h"

#include <string.h>

#define MINUTE 60
#define HOUR   3600
#define DAY    (24 * HOUR)

#define UNTIL_MIDNIGHT 0 /* the quota begins anew at midnight UTC */

/*
 * What providers say when it is the account, or all that comes from here, that they mean. A row
 * needs the code (0: any refusal), the enhanced status and a piece of the text, in lower case; NULL
 * matches any. The pause is the provider's where its page names one.
 *
 * Deliberately not here, though they look alike: "recipient thread limit exceeded" (432 4.3.2),
 * "receiving mail at a rate that …" (450 4.2.1), 452 4.5.3 "too many recipients" and everything
 * about a mailbox that is full: those are the recipient's. 421 without one of these texts is the
 * connection's.
 */
static const struct {
    int code;
    const char *enhanced;
    const char *text;
    guint pause;
} account_wide[] = {
    /* Google: https://knowledge.workspace.google.com/admin/support/troubleshooting/
     * gmail-smtp-errors-and-codes; "up to 24 hours": https://helpdesk.aurages.net/en/article/54 (a
     * copy of https://support.google.com/a/answer/166852). 5.4.5 is congestion of the system and
     * nobody's mailbox anywhere (RFC 3463, 3.5). */
    {550, "5.4.5", NULL, DAY},
    {550, "5.7.1", "daily smtp relay sending limit exceeded", DAY},
    {550, "5.7.1", "daily smtp relay limit exceeded", DAY},
    {450, "4.2.1", "peak smtp relay limit exceeded", HOUR},
    {550, "5.7.0", "account has been temporarily suspended", DAY},
    {454, "4.7.0", "too many login attempts", HOUR},
    {421, "4.7.28", "unusual rate of", HOUR},
    {421, "4.7.28", "unusual amount of", HOUR},
    /* Microsoft, three connections a mailbox:
     * https://learn.microsoft.com/en-us/exchange/troubleshoot/send-emails/smtp-submission-improvements
     * and https://techcommunity.microsoft.com/t5/exchange-team-blog/
     * changes-coming-to-the-smtp-authenticated-submission-client/ba-p/607825 */
    {432, "4.3.2", "concurrent connection", MINUTE},
    {432, "4.3.2", "sender thread limit exceeded", MINUTE},
    {554, "5.2.0", "submissionquotaexceededexception", DAY},
    /* https://learn.microsoft.com/en-us/exchange/troubleshoot/email-delivery/ndr/
     * non-delivery-reports-in-exchange-online */
    {0, "5.2.2", "submission quota exceeded", DAY},
    {0, "5.1.90", NULL, DAY},
    {0, "5.1.8", "bad outbound sender", DAY},
    {0, "5.7.501", "spam abuse detected", DAY},
    {0, "5.7.502", "banned sender", DAY},
    {0, "5.7.503", "banned sender", DAY},
    {0, "5.7.705", "tenant has exceeded threshold", DAY},
    {0, "5.7.708", "traffic not accepted from this ip", DAY},
    {0, "5.7.750", "unregistered domain", DAY},
    /* "for a period of time": https://learn.microsoft.com/en-us/Exchange/mail-flow-best-practices/
     * continuous-error-throttling-smtp-auth-submissions */
    {550, NULL, "sender throttled due to continuous", HOUR},
    /* Amazon SES, "an interval of up to 10 minutes"; the daily quota is of any 24 hours:
     * https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html */
    {454, NULL, "maximum sending rate exceeded", 10 * MINUTE},
    {454, NULL, "daily message quota exceeded", DAY},
    /* SendGrid: https://twilio.com/docs/sendgrid/for-developers/sending-email/
     * smtp-errors-and-troubleshooting; "the next day (UTC time)":
     * https://support.sendgrid.com/hc/en-us/articles/35466138799899 */
    {451, NULL, "maximum credits exceeded", UNTIL_MIDNIGHT},
    /* Zoho, "1 business day to 5": https://www.zoho.com/mail/help/usage-policy.html; the texts:
     * https://help.zoho.com/portal/en/community/topic/
     * unable-to-send-message-reason-550-5-4-6-unusual-sending-activity-detected and
     * https://help.zoho.com/portal/en/community/topic/issue-with-outgoing-mail */
    {550, "5.4.6", "unusual sending activity", DAY},
    {554, "5.1.8", "sender address blocked", DAY},
    /* Yahoo: https://smtpfieldmanual.com/provider/yahoo/421/4.7.0; "4 hours after":
     * https://help.yahoo.com/kb/review-xx-smtp-sln26151.html */
    {421, "4.7.0", "unexpected volume or user complaints", 4 * HOUR},
    /* IONOS, limits an hour:
     * https://www.ionos.ca/help/email/general-topics/what-are-the-mass-mailing-limits/ */
    {450, NULL, "mail send limit exceeded", HOUR},
    /* StartMail, "wait an hour": https://support.startmail.com/hc/de/articles/360006737337 */
    {550, "5.7.1", "mail limit has been reached", HOUR},
    /* Emailit, both said to MAIL; the day ends at midnight UTC:
     * https://emailit.com/docs/kb/429-rate-limit-exceeded/ */
    {452, "4.4.5", "messages per second limit exceeded", MINUTE},
    {452, "4.5.3", "daily message limit exceeded", UNTIL_MIDNIGHT},
    /* TPP Wholesale's cPanel: https://support.tppwholesale.com.au/hc/en-gb/articles/360007386298 */
    {550, NULL, "daily limit has been exceeded", DAY},
    /* outMail: https://support.prolateral.com/index.php?/Knowledgebase/Article/View/187/35/
     * what-does-smtp-554-571-mean */
    {554, "5.7.1", "exceeded your outmail quota", DAY},
    /* msndr.net, which says how long: https://client.cloud4u.com/index.php/knowledgebase/1041/
     * Restrictions-on-the-Service-to-prevent-spam.html */
    {550, NULL, "too many messages. try again", HOUR},
    /* Postfix, a minute unless anvil_rate_time_unit says otherwise: src/smtpd/smtpd.c, as of
     * smtpd_client_message_rate_limit and smtpd_client_recipient_rate_limit */
    {450, "4.7.1", "error: too much mail from", MINUTE},
    {450, "4.7.1", "error: too many recipients from", MINUTE},
    /* Policyd (Cluebringer) before Postfix, "in last 60" seconds: https://pastebin.com/V80548k6 */
    {450, "4.7.1", "too many messages from sender in last", MINUTE},
};

static bool meets(size_t row, const MbSmtpReply *reply, const char *text)
{
    return (account_wide[row].code == 0 ? reply->code >= 400
                                        : reply->code == account_wide[row].code) &&
           (account_wide[row].enhanced == NULL ||
            g_strcmp0(reply->enhanced, account_wide[row].enhanced) == 0) &&
           (account_wide[row].text == NULL || strstr(text, account_wide[row].text) != NULL);
}

/* In lower case and on one line, however the server has folded it. */
static char *flatten(const MbSmtpReply *reply)
{
    return g_strdelimit(g_ascii_strdown(reply->text != NULL ? reply->text : "", -1), "\n", ' ');
}

int mm_scope_row(const MbSmtpReply *reply)
{
    g_autofree char *text = flatten(reply);

    for (size_t row = 0; row < G_N_ELEMENTS(account_wide); row++)
        if (meets(row, reply, text))
            return (int)row;
    return -1;
}

size_t mm_scope_rows(void)
{
    return G_N_ELEMENTS(account_wide);
}

MmScope mm_scope_of(const MbSmtpReply *reply, MbSmtpStage stage)
{
    if (reply->code < 400)
        return MM_SCOPE_MESSAGE;
    if (mm_scope_row(reply) >= 0)
        return MM_SCOPE_ACCOUNT;
    if (reply->code == 421)
        return MM_SCOPE_CONNECTION;
    return stage == MB_SMTP_STAGE_RCPT ? MM_SCOPE_RECIPIENT : MM_SCOPE_MESSAGE;
}

/* "again in 92 seconds", "again in 5 minutes": that time; 0 when nothing of the kind stands there.
 */
static guint said_pause(const char *text)
{
    static const struct {
        const char *name;
        guint seconds;
    } units[] = {{"sec", 1}, {"min", MINUTE}, {"hour", HOUR}};
    const char *number = strstr(text, "again in ");
    char *unit = NULL;
    guint64 n;

    if (number == NULL || !g_ascii_isdigit(number[strlen("again in ")]))
        return 0;
    n = g_ascii_strtoull(number + strlen("again in "), &unit, 10);
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
        if (g_str_has_prefix(unit, units[i].name))
            return (guint)MIN(n, DAY / units[i].seconds) * units[i].seconds;
    return 0;
}

guint mm_scope_pause(const MbSmtpReply *reply, gint64 now_s)
{
    g_autofree char *text = flatten(reply);
    guint said = said_pause(text);
    int row = mm_scope_row(reply);

    if (said > 0)
        return said;
    if (row < 0)
        return HOUR;
    if (account_wide[row].pause == UNTIL_MIDNIGHT)
        return DAY - (guint)(now_s % DAY);
    return account_wide[row].pause;
}

GError *mm_scope_stop(const char *shown, guint pause_s)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    /* To the next full minute: who comes back then must not come too early. */
    g_autoptr(GDateTime) then = g_date_time_add_seconds(now, pause_s + MINUTE - 1);
    g_autofree char *time = g_date_time_format(then, "%F %R");

    return g_error_new(MM_SENDER_ERROR, MB_ERROR_TEMPORARY,
                       "the server takes no more from this account for now: %s: come back after %s",
                       shown, time);
}
