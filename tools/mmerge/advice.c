#include "advice.h"

#include <stdio.h>

/* The smallest limit that we know of at a large receiver. */
#define SIZE_MOST (20 * 1000 * 1000)

static const struct {
    const char *what; /* for programs */
    const char *text, *source;
} demands[MM_ADVICE_KINDS] = {
    [MM_ADVICE_ONE_FROM] = {"one_from", "one mailbox in From", "RFC 7489, 6.6.1"},
    [MM_ADVICE_SIGNED] = {"signed", "a DKIM signature: --dkim, unless your server signs",
                          "https://support.google.com/mail/answer/81126"},
    [MM_ADVICE_ALIGNED] = {"aligned", "a signature by the domain in From", "RFC 7489, 3.1.1"},
    [MM_ADVICE_UNSUBSCRIBE] = {"one_click", "unsubscribing by one click: --unsubscribe https://...",
                               "https://support.google.com/a/answer/14229414"},
    [MM_ADVICE_UNSUBSCRIBE_SIGNED] = {"one_click_signed",
                                      "List-Unsubscribe within a signature: --dkim, unless your "
                                      "server signs it",
                                      "RFC 8058, 4"},
    [MM_ADVICE_TEXT] = {"text", "some text beside HTML", "RFC 2046, 5.1.4"},
    [MM_ADVICE_SIZE] = {"size", "less than 20 MB",
                        "https://fastnethost.com/support/email/size-limits/index.html"},
};

static bool lacks(const MmMessage *message, MmAdviceKind kind)
{
    unsigned traits = message->traits;

    switch (kind) {
    case MM_ADVICE_ONE_FROM: return (traits & MM_ONE_FROM) == 0;
    case MM_ADVICE_SIGNED: return (traits & MM_SIGNED) == 0;
    case MM_ADVICE_ALIGNED: return (traits & (MM_SIGNED | MM_ALIGNED)) == MM_SIGNED;
    case MM_ADVICE_UNSUBSCRIBE: return (traits & MM_ONE_CLICK) == 0;
    case MM_ADVICE_UNSUBSCRIBE_SIGNED: return (traits & (MM_ONE_CLICK | MM_SIGNED)) == MM_ONE_CLICK;
    case MM_ADVICE_TEXT: return (traits & MM_PLAIN_TEXT) == 0;
    case MM_ADVICE_SIZE: return message->length > SIZE_MOST;
    }
    return false;
}

void mm_advice_add(MmAdvice *advice, const MmVerdict *verdict)
{
    if (verdict->message == NULL || verdict->invalid != NULL || verdict->suppressed)
        return;
    advice->messages++;
    for (int i = 0; i < MM_ADVICE_KINDS; i++)
        if (lacks(verdict->message, (MmAdviceKind)i) && advice->missing[i].messages++ == 0)
            advice->missing[i].row = verdict->row->number;
}

static void print_demand(const MmAdvice *advice, int kind)
{
    uint64_t messages = advice->missing[kind].messages;

    printf("  %s", demands[kind].text);
    if (messages < advice->messages)
        printf(", in %" G_GUINT64_FORMAT " message%s, the first: row %" G_GUINT64_FORMAT, messages,
               messages == 1 ? "" : "s", advice->missing[kind].row);
    printf(" (%s)\n", demands[kind].source);
}

void mm_advice_print(const MmAdvice *advice)
{
    bool any = false;

    if (advice->messages < 2)
        return;
    for (int i = 0; i < MM_ADVICE_KINDS; i++) {
        if (advice->missing[i].messages == 0)
            continue;
        if (!any)
            puts("large receivers ask of mail to many, and this lacks:");
        any = true;
        print_demand(advice, i);
    }
}

void mm_advice_put_json(const MmAdvice *advice, MbJson *json)
{
    mb_json_key(json, "advice");
    mb_json_begin_array(json);
    for (int i = 0; advice->messages > 1 && i < MM_ADVICE_KINDS; i++) {
        if (advice->missing[i].messages == 0)
            continue;
        mb_json_begin_map(json);
        mb_json_put_string(json, "what", demands[i].what);
        mb_json_put_unsigned(json, "messages", advice->missing[i].messages);
        mb_json_put_unsigned(json, "row", advice->missing[i].row);
        mb_json_put_string(json, "source", demands[i].source);
        mb_json_end_map(json);
    }
    mb_json_end_array(json);
}
