/*
 * The inside of a POP3 session: commands in pop3-session.c, long answers in pop3-answer.c.
 */
#pragma once

#include "content.h"
#include "exchange.h"
#include "session.h"

typedef enum {
    MS_ANSWER_NONE,
    MS_ANSWER_TEXT, /* what stands in `text` */
    MS_ANSWER_LIST,
    MS_ANSWER_UIDL,
    MS_ANSWER_MAIL,
} MsAnswerKind;

/* A multi-line answer that is being given. */
typedef struct {
    MsAnswerKind kind;
    guint next; /* message, of a listing */
    const char *text;
    MsOutgoing *outgoing;
    MsStuff stuff;
    bool is_top;
    guint64 top_left; /* lines of the body still to be given */
    bool top_in_body;
    bool top_line_started; /* the current line has more than a CR */
    bool is_cut;           /* a fault: only `cut_left` more octets, then the end */
    guint64 cut_left;
} MsAnswer;

typedef struct {
    MsSession session;
    MbLines *lines;
    char *name;            /* after USER, or logged in */
    GPtrArray *mails;      /* NULL before the login */
    bool *deleted;         /* a flag a mail */
    MsExchange login;      /* while it has a mechanism, the next line answers it */
    GString *capabilities; /* of the last CAPA or AUTH */
    MsAnswer answer;
} MsPop3;

/* Begins a multi-line answer, whose status line was said. `fault` may be MS_TRUNCATE. */
void ms_pop3_begin_text(MsPop3 *pop3, const char *text, const MsFault *fault);
void ms_pop3_begin_listing(MsPop3 *pop3, MsAnswerKind kind, const MsFault *fault);
void ms_pop3_begin_mail(MsPop3 *pop3, MsOutgoing *outgoing_take, const MsFault *fault);
void ms_pop3_begin_top(MsPop3 *pop3, MsOutgoing *outgoing_take, guint64 lines,
                       const MsFault *fault);

/* Goes on with it until `out` is full. */
void ms_pop3_produce(MsSession *session);
void ms_pop3_end_answer(MsPop3 *pop3);
