#include "scope.h"

#include <string.h>

#define HOUR 3600
#define DAY  (24 * HOUR)

/*
 * What providers say when it is the account that they mean. A text of NULL matches any.
 *   Google      https://support.google.com/a/answer/3726730
 *   Microsoft   https://learn.microsoft.com/exchange/mail-flow-best-practices/
 *   Amazon SES  https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
 */
static const struct {
    int code;
    const char *enhanced;
    const char *text;
    guint pause;
} account_wide[] = {
    {550, "5.4.5", NULL, DAY},   /* Google: daily user sending limit exceeded */
    {421, "4.7.28", NULL, HOUR}, /* Google: unusual rate of mail */
    {432, "4.3.2", NULL, 60},    /* Microsoft: STOREDRV.ClientSubmit, thread limit */
    {554, "5.2.0", "submissionquotaexceeded", DAY}, /* Microsoft: recipient quota of the day */
    {550, "5.1.90", NULL, DAY},                     /* Microsoft: daily recipient limit */
    {550, "5.7.501", NULL, DAY},        /* Microsoft: spam abuse detected, account banned */
    {454, NULL, "throttling", HOUR},    /* Amazon: maximum sending rate, daily quota */
    {554, NULL, "sending paused", DAY}, /* Amazon: the account's sending is paused */
    /* Wordings of several others. */
    {550, NULL, "daily sending", DAY},
    {550, NULL, "sending quota", DAY},
    {550, NULL, "sending limit", DAY},
    {554, NULL, "sending limit", DAY},
};

static const guint *account_row(const MbSmtpReply *reply)
{
    g_autofree char *text = g_ascii_strdown(reply->text != NULL ? reply->text : "", -1);

    for (size_t i = 0; i < G_N_ELEMENTS(account_wide); i++) {
        if (reply->code == account_wide[i].code &&
            (account_wide[i].enhanced == NULL ||
             g_strcmp0(reply->enhanced, account_wide[i].enhanced) == 0) &&
            (account_wide[i].text == NULL || strstr(text, account_wide[i].text) != NULL))
            return &account_wide[i].pause;
    }
    return NULL;
}

MmScope mm_scope_of(const MbSmtpReply *reply, MbSmtpStage stage)
{
    if (reply->code < 400)
        return MM_SCOPE_MESSAGE;
    if (account_row(reply) != NULL)
        return MM_SCOPE_ACCOUNT;
    if (reply->code == 421)
        return MM_SCOPE_CONNECTION;
    return stage == MB_SMTP_STAGE_RCPT ? MM_SCOPE_RECIPIENT : MM_SCOPE_MESSAGE;
}

guint mm_scope_pause(const MbSmtpReply *reply)
{
    const guint *pause = account_row(reply);

    return pause != NULL ? *pause : HOUR;
}
