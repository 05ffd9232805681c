/*
 * The inside of an SMTP session: commands in smtp-session.c, content in smtp-content.c, login in
 * smtp-auth.c.
 */
#pragma once

#include "content.h"
#include "exchange.h"
#include "session.h"
#include "smtp-address.h"

typedef enum {
    MS_MODE_COMMANDS,
    MS_MODE_DATA,
    MS_MODE_CHUNK,
} MsMode;

typedef struct {
    MsSession session;
    MbLines *lines;
    bool greeted;  /* HELO or EHLO was said */
    bool extended; /* it was EHLO */
    MsPath sender; /* its address is NULL outside a transaction */
    GPtrArray *recipients;
    MsIncoming *incoming;
    bool content_met;     /* the first octets of the content have come */
    bool content_refused; /* and were refused: the rest is thrown away without a word */

    MsMode mode;
    MsUnstuff unstuff;
    guint64 chunk_left;
    bool chunk_last;
    const MsFault *chunk_fault;
    bool chunk_ignored; /* its octets are thrown away, its reply is given */
    bool chunked;       /* BDAT was used in this transaction */
    bool chunks_failed; /* and refused: so is what follows, until RSET (RFC 3030, 2) */

    MsExchange login; /* while it has a mechanism, the next line answers it */
    char *user;       /* logged in */
} MsSmtp;

void ms_smtp_reset(MsSmtp *smtp);

void ms_smtp_do_data(MsSmtp *smtp, const char *argument);
void ms_smtp_do_bdat(MsSmtp *smtp, const char *argument);
size_t ms_smtp_take_content(MsSmtp *smtp, const char *bytes, size_t length);

void ms_smtp_do_auth(MsSmtp *smtp, const char *argument);
/* `line` NULL: AUTH came without a first response. */
void ms_smtp_go_on_with_auth(MsSmtp *smtp, const char *line);
