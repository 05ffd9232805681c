/*
 * The POP3 session's inside: session.c takes input apart, commands.c says what is asked, login.c
 * leads from the greeting to READY, capa.c, listing.c and reply.c read lines, close.c says why it
 * ended.
 */
#pragma once

#include "unstuff.h"
#include <mailbatch/login/sasl.h>
#include <mailbatch/net/lines.h>
#include <mailbatch/pop3/session.h>

typedef enum {
    PHASE_GREETING,
    PHASE_CAPA,
    PHASE_STLS,
    PHASE_HANDSHAKE, /* the owner's turn */
    PHASE_AUTH,
    PHASE_USER,
    PHASE_PASS,
    PHASE_CAPA_AGAIN,
    PHASE_READY,
    PHASE_CLOSED,
} MbPop3Phase;

/* What the next input is part of. */
typedef enum {
    READING_STATUS,
    READING_CAPA,
    READING_LISTING,
    READING_MESSAGE,
} MbPop3Reading;

/*
 *   Reply    = "+OK" [ SP text ] CRLF / "-ERR" [ SP text ] CRLF / "+" [ SP base64 ] CRLF
 *   text     = [ "[" code "]" ] …                            (RFC 1939, 3; RFC 2449, 8; RFC 5034,
 * 4)
 */
typedef enum {
    REPLY_OK,
    REPLY_ERR,
    REPLY_CONTINUE,
    REPLY_NONSENSE,
} MbPop3ReplyKind;

#define MB_POP3_CODE_MAX 40

typedef struct {
    MbPop3ReplyKind kind;
    const char *line; /* all of it, NUL-terminated; borrowed from the line reader */
    size_t line_length;
    const char *text;            /* after the status */
    char code[MB_POP3_CODE_MAX]; /* upper case; "" for none */
} MbPop3Reply;

typedef struct {
    uint64_t number;
    unsigned lines;
    MbPop3Stage stage;
} MbPop3Ask;

/* Capabilities and the memory their lists live in. */
typedef struct {
    MbPop3Capabilities says;
    GPtrArray *lines;
    GPtrArray *sasl;
} MbPop3Capa;

struct MbPop3Session {
    char *server_name;
    char *user;
    char *mechanism;
    const char *password;
    bool start_tls;
    bool secure;
    guint asked_window;
    void (*trace)(void *user, char direction, const char *line, size_t length);
    void *trace_user;

    MbPop3Phase phase;
    MbPop3Reading reading;
    MbPop3Capa capa, new_capa;
    char *greeting;

    MbSasl *sasl;
    GError *login_error; /* why the exchange was given up, until the server has answered "*" */

    GArray *asks; /* MbPop3Ask; [first_ask, first_ask + sent) are under way */
    size_t first_ask, sent;
    bool quitting;

    GString *out;
    size_t written; /* octets of `out` that are gone */

    const uint8_t *in; /* borrowed from input() */
    size_t in_length;
    bool in_ended, in_cut;
    MbLines *lines;
    size_t line_octets; /* taken of an unfinished line */

    MbPop3Unstuff unstuff;
    uint64_t items, listing_octets;
    GString *shown; /* a text lent to the owner */

    GError *error;                     /* of CLOSED */
    char close_code[MB_POP3_CODE_MAX]; /* the response code that came with the reason */
    bool closing;                      /* CLOSED is the next event */
    bool close_cut;
};

/* Ends the session: CLOSED is the next event. The first reason counts; the server's name is put
 * before it. */
void mb_pop3_close(MbPop3Session *session, MbErrorCode code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void mb_pop3_close_take(MbPop3Session *session, GError *error); /* as it is; NULL: all was well */
/* Keeps the reply's response code for CLOSED; before mb_pop3_close(). */
void mb_pop3_close_code(MbPop3Session *session, const MbPop3Reply *reply);
void mb_pop3_close_lost(MbPop3Session *session);
void mb_pop3_close_nonsense(MbPop3Session *session, const MbPop3Reply *reply, const char *what);

/* Queues a line for the peer; `shown` is what the transcript gets of it (NULL: all). */
void mb_pop3_put_line(MbPop3Session *session, const char *line, const char *shown);
void mb_pop3_trace(MbPop3Session *session, char direction, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void mb_pop3_trace_reply(MbPop3Session *session, const MbPop3Reply *reply);

/* reply.c */
void mb_pop3_reply_parse(MbPop3Reply *reply, const MbLine *line);
MbErrorCode mb_pop3_reply_fault(const MbPop3Reply *reply, MbErrorCode otherwise);

/* capa.c */
void mb_pop3_capa_clear(MbPop3Capa *capa);
void mb_pop3_capa_init(MbPop3Capa *capa);
bool mb_pop3_capa_add(MbPop3Capa *capa, const char *line); /* false: more than MB_POP3_CAPA_MAX */
void mb_pop3_capa_replace(MbPop3Capa *capa, MbPop3Capa *by);
bool mb_pop3_capa_has_sasl(const MbPop3Capa *capa);

/* commands.c */
void mb_pop3_ask(MbPop3Session *session, MbPop3Stage stage, uint64_t number, unsigned lines);
const MbPop3Ask *mb_pop3_current_ask(const MbPop3Session *session); /* NULL: nothing is under way */
void mb_pop3_ask_answered(MbPop3Session *session);
void mb_pop3_send_asks(MbPop3Session *session);

/* login.c: a reply before READY. True with an event filled. */
bool mb_pop3_login_reply(MbPop3Session *session, const MbPop3Reply *reply, MbPop3Event *event);
bool mb_pop3_login_capa_done(MbPop3Session *session, MbPop3Event *event);
void mb_pop3_refuse_surplus(MbPop3Session *session);
void mb_pop3_login_forget(MbPop3Session *session);

/* listing.c: an item's line. */
void mb_pop3_listing_parse(MbPop3Session *session, MbPop3Stage stage, const MbLine *line,
                           MbPop3Event *event);
/* A UIDL's answer for one message is an item's line behind +OK (RFC 1939, 7). */
void mb_pop3_uidl_parse(MbPop3Session *session, const MbPop3Reply *reply, MbPop3Event *event);
void mb_pop3_stat_parse(const MbPop3Reply *reply, MbPop3Event *event);
