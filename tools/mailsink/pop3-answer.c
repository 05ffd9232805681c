/*
 * Multi-line answers (RFC 1939, 3), given as far as there is room.
 */
#include "pop3-internal.h"

#include <string.h>

void ms_pop3_end_answer(MsPop3 *pop3)
{
    ms_outgoing_free(pop3->answer.outgoing);
    pop3->answer = (MsAnswer){0};
}

static MsAnswer *begin(MsPop3 *pop3, MsAnswerKind kind, const MsFault *fault)
{
    MsAnswer *answer = &pop3->answer;

    *answer = (MsAnswer){.kind = kind};
    if (fault != NULL && fault->action == MS_TRUNCATE) {
        answer->is_cut = true;
        answer->cut_left = fault->number;
    }
    return answer;
}

void ms_pop3_begin_text(MsPop3 *pop3, const char *text, const MsFault *fault)
{
    begin(pop3, MS_ANSWER_TEXT, fault)->text = text;
}

void ms_pop3_begin_listing(MsPop3 *pop3, MsAnswerKind kind, const MsFault *fault)
{
    begin(pop3, kind, fault);
}

void ms_pop3_begin_mail(MsPop3 *pop3, MsOutgoing *outgoing_take, const MsFault *fault)
{
    begin(pop3, MS_ANSWER_MAIL, fault)->outgoing = outgoing_take;
}

void ms_pop3_begin_top(MsPop3 *pop3, MsOutgoing *outgoing_take, guint64 lines, const MsFault *fault)
{
    MsAnswer *answer = begin(pop3, MS_ANSWER_MAIL, fault);

    answer->outgoing = outgoing_take;
    answer->is_top = true;
    answer->top_left = lines;
}

/* How many of the octets belong to TOP's answer; *done when nothing after them does. */
static size_t take_top(MsAnswer *answer, const char *bytes, size_t length, bool *done)
{
    size_t taken = 0;

    while (taken < length) {
        const char *start = bytes + taken;
        const char *end = memchr(start, '\n', length - taken);
        size_t span = end != NULL ? (size_t)(end - start) : length - taken;

        if (answer->top_in_body && answer->top_left == 0) {
            *done = true;
            return taken;
        }
        if (span > 1 || (span == 1 && start[0] != '\r'))
            answer->top_line_started = true;
        taken += span;
        if (end == NULL)
            break;
        taken++;
        if (answer->top_in_body)
            answer->top_left--;
        else if (!answer->top_line_started)
            answer->top_in_body = true;
        answer->top_line_started = false;
    }
    return taken;
}

/* True at the end of the message. */
static bool produce_mail(MsPop3 *pop3)
{
    MsAnswer *answer = &pop3->answer;
    const char *bytes = NULL;
    gssize length = ms_outgoing_read(answer->outgoing, &bytes);
    bool done = length <= 0;

    if (length < 0) { /* what was said cannot be taken back, and the rest is not to be had */
        pop3->session.wish = MS_WISH_DROP;
        return true;
    }
    if (length > 0 && answer->is_top)
        length = (gssize)take_top(answer, bytes, (size_t)length, &done);
    ms_stuff(&answer->stuff, pop3->session.out, bytes, (size_t)length);
    if (done)
        ms_stuff_end(&answer->stuff, pop3->session.out);
    return done;
}

static bool produce_listing(MsPop3 *pop3)
{
    MsAnswer *answer = &pop3->answer;
    GString *out = pop3->session.out;

    while (answer->next < pop3->mails->len && out->len < MS_OUT_FULL) {
        guint index = answer->next++;
        const MsMail *mail = pop3->mails->pdata[index];

        if (pop3->deleted[index])
            continue;
        if (answer->kind == MS_ANSWER_LIST)
            g_string_append_printf(out, "%u %" G_GUINT64_FORMAT "\r\n", index + 1, mail->size);
        else
            g_string_append_printf(out, "%u %s\r\n", index + 1,
                                   ms_store_unique_id(pop3->session.house->store, mail));
    }
    if (answer->next < pop3->mails->len)
        return false;
    g_string_append(out, ".\r\n");
    return true;
}

static bool produce_some(MsPop3 *pop3)
{
    switch (pop3->answer.kind) {
    case MS_ANSWER_TEXT: g_string_append(pop3->session.out, pop3->answer.text); return true;
    case MS_ANSWER_LIST:
    case MS_ANSWER_UIDL: return produce_listing(pop3);
    case MS_ANSWER_MAIL: return produce_mail(pop3);
    case MS_ANSWER_NONE: break;
    }
    return true;
}

/* A fault: no more than so many octets of the answer, then the connection breaks. */
static bool cut(MsPop3 *pop3, size_t before)
{
    MsAnswer *answer = &pop3->answer;
    GString *out = pop3->session.out;
    size_t given = out->len - before;

    if (!answer->is_cut || given < answer->cut_left) {
        answer->cut_left -= answer->is_cut ? given : 0;
        return false;
    }
    g_string_truncate(out, before + (size_t)answer->cut_left);
    pop3->session.wish = MS_WISH_DROP;
    return true;
}

void ms_pop3_produce(MsSession *session)
{
    MsPop3 *pop3 = (MsPop3 *)session;

    while (pop3->answer.kind != MS_ANSWER_NONE && session->out->len < MS_OUT_FULL) {
        size_t before = session->out->len;
        bool done = produce_some(pop3);

        if (cut(pop3, before) || done)
            ms_pop3_end_answer(pop3);
    }
}
