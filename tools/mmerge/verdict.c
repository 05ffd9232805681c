#include "verdict.h"

#include <string.h>

/* RFC 3463 and the registry of RFC 5248, class 5. What is not listed is about the message, the
 * sender, or the way between: soft. */
static const char *const hard_statuses[] = {
    "5.1.0",  /* other address status */
    "5.1.1",  /* bad destination mailbox address */
    "5.1.2",  /* bad destination system address */
    "5.1.3",  /* bad destination mailbox address syntax */
    "5.1.6",  /* destination mailbox has moved, no forwarding address */
    "5.1.10", /* recipient address has null MX (RFC 7505) */
    "5.2.1",  /* mailbox disabled */
    "5.7.13", /* user account disabled */
    "5.7.17", /* mailbox owner has changed (RFC 7293) */
    "5.7.18", /* domain owner has changed (RFC 7293) */
};

/* Before the status is looked at: these words stand beside statuses that say less, or else. The
 * first one that fits decides. */
static const struct {
    const char *words; /* lower case */
    MmVerdict verdict;
} known_texts[] = {
    /* The mailbox is there. */
    {"mailbox full", MM_VERDICT_SOFT},
    {"mailbox is full", MM_VERDICT_SOFT},
    {"over quota", MM_VERDICT_SOFT},
    {"quota exceeded", MM_VERDICT_SOFT},
    {"out of storage", MM_VERDICT_SOFT},
    {"greylist", MM_VERDICT_SOFT},
    {"graylist", MM_VERDICT_SOFT},
    {"try again later", MM_VERDICT_SOFT},
    /* It is about the sender or the message. */
    {"spam", MM_VERDICT_SOFT},
    {"blacklist", MM_VERDICT_SOFT},
    {"blocklist", MM_VERDICT_SOFT},
    {"block list", MM_VERDICT_SOFT},
    {"reputation", MM_VERDICT_SOFT},
    {"dmarc", MM_VERDICT_SOFT},
    {"relay access denied", MM_VERDICT_SOFT},
    {"relaying denied", MM_VERDICT_SOFT},
    {"message too large", MM_VERDICT_SOFT},
    /* There is nobody. */
    {"user unknown", MM_VERDICT_HARD},
    {"unknown user", MM_VERDICT_HARD},
    {"no such user", MM_VERDICT_HARD},
    {"no such recipient", MM_VERDICT_HARD},
    {"no such mailbox", MM_VERDICT_HARD},
    {"unknown recipient", MM_VERDICT_HARD},
    {"recipient unknown", MM_VERDICT_HARD},
    {"invalid recipient", MM_VERDICT_HARD},
    {"invalid mailbox", MM_VERDICT_HARD},
    {"user not found", MM_VERDICT_HARD},
    {"recipient not found", MM_VERDICT_HARD},
    {"does not exist", MM_VERDICT_HARD},
    {"doesn't exist", MM_VERDICT_HARD},
    {"doesn't have a", MM_VERDICT_HARD}, /* … yahoo.com account */
    {"no mailbox here", MM_VERDICT_HARD},
    {"mailbox unavailable", MM_VERDICT_HARD},
    {"mailbox not found", MM_VERDICT_HARD},
    {"account is disabled", MM_VERDICT_HARD},
    {"account disabled", MM_VERDICT_HARD},
    {"account has been disabled", MM_VERDICT_HARD},
    {"user disabled", MM_VERDICT_HARD},
    {"mailbox disabled", MM_VERDICT_HARD},
    {"no longer valid", MM_VERDICT_HARD},
    {"host or domain name not found", MM_VERDICT_HARD},
    {"domain not found", MM_VERDICT_HARD},
};

/* A transient status (class 4) is soft whatever the words: the mail was given up for its age. */
MmVerdict mm_verdict(const char *status, const char *text)
{
    g_autofree char *lower = text != NULL ? g_ascii_strdown(text, -1) : NULL;

    if (status != NULL && status[0] == '4')
        return MM_VERDICT_SOFT;
    for (size_t i = 0; lower != NULL && i < G_N_ELEMENTS(known_texts); i++)
        if (strstr(lower, known_texts[i].words) != NULL)
            return known_texts[i].verdict;
    for (size_t i = 0; status != NULL && i < G_N_ELEMENTS(hard_statuses); i++)
        if (strcmp(status, hard_statuses[i]) == 0)
            return MM_VERDICT_HARD;
    return MM_VERDICT_SOFT;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* class "." subject "." detail (RFC 3463, 2), up to three digits each. */
static size_t status_length(const char *text)
{
    size_t length = 1;

    if (*text != '2' && *text != '4' && *text != '5')
        return 0;
    for (int i = 0; i < 2; i++) {
        size_t n = text[length] == '.' ? digits(text + length + 1) : 0;

        if (n == 0 || n > 3)
            return 0;
        length += 1 + n;
    }
    if (g_ascii_isalnum(text[length]) || (text[length] == '.' && g_ascii_isalnum(text[length + 1])))
        return 0;
    return length;
}

char *mm_verdict_find_status(const char *text)
{
    bool inside = false; /* a number or a name: 10.4.1.2, host5.1.1; but 550-5.1.1 */

    for (; *text != '\0'; text++) {
        size_t length = inside ? 0 : status_length(text);

        if (length > 0)
            return g_strndup(text, length);
        inside = g_ascii_isalnum(*text) || *text == '.' ||
                 (*text == '-' && inside && !g_ascii_isdigit(text[-1]));
    }
    return NULL;
}
