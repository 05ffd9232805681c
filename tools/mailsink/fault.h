/*
 * Fault scripts: what goes wrong at which command.
 *
 *   script  = line *( (LF / ";") line )
 *   line    = [ door SP stage SP count SP action ] [ "#" comment ]
 *   door    = "smtp" / "pop3"
 *   count   = 1*DIGIT / "*"     the n-th such command in the life of the process, or every one
 *
 * Actions, instead of the command:
 *   code [ SP text ]            smtp: this reply; after 421 the end
 *   "-ERR" [ SP text ]          pop3: the same
 *   "drop"                      the connection is closed
 *   "silence"                   nothing is said any more on this connection
 *   "garbage"                   bytes that are no reply
 *   "say" SP text               as it stands, with \r \n \t \\ \0 \xHH \; and no line end added
 *   "endless" SP text           the same over and over, until the client has gone
 *
 * Actions after the command, which is carried out:
 *   "lose"                      the connection is closed instead of the reply
 *   "mute"                      there is no reply
 *   "more" SP text              this too, behind the reply
 *   "drip" SP milliseconds      from the reply on, octets leave one by one, so far apart
 *   "truncate" SP octets        pop3: so much of the answer's content, then the end
 *
 * The stages are those of MsStage, in lower case (smtp: `dot` is the end of a message's content, by
 * a dot or by BDAT LAST; `content` its first octets).
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <stdbool.h>
#include <stddef.h>

#define MS_ERROR (ms_error_quark())
GQuark ms_error_quark(void);

typedef enum {
    MS_SMTP,
    MS_POP3,
    MS_PROTOCOLS,
} MsProtocol;

typedef enum {
    MS_AT_CONNECT,
    MS_AT_GREETING,
    MS_AT_AUTH,
    MS_AT_RSET,
    MS_AT_NOOP,
    MS_AT_QUIT,
    /* SMTP */
    MS_AT_EHLO,
    MS_AT_STARTTLS,
    MS_AT_MAIL,
    MS_AT_RCPT,
    MS_AT_DATA,
    MS_AT_CONTENT,
    MS_AT_BDAT,
    MS_AT_DOT,
    /* POP3 */
    MS_AT_USER,
    MS_AT_PASS,
    MS_AT_CAPA,
    MS_AT_STLS,
    MS_AT_STAT,
    MS_AT_LIST,
    MS_AT_UIDL,
    MS_AT_RETR,
    MS_AT_TOP,
    MS_AT_DELE,
    MS_STAGES,
} MsStage;

typedef enum {
    MS_REPLY,
    MS_DROP,
    MS_LOSE,
    MS_SILENCE,
    MS_GARBAGE,
    MS_SAY,
    MS_ENDLESS,
    MS_MUTE,
    MS_MORE,
    MS_DRIP,
    MS_TRUNCATE,
} MsAction;

typedef struct {
    MsAction action;
    guint64 count;  /* 0: every one */
    GString *text;  /* of MS_REPLY, MS_SAY, MS_MORE and MS_ENDLESS */
    guint64 number; /* of MS_TRUNCATE: octets; of MS_DRIP: milliseconds */
} MsFault;

typedef struct MsFaults MsFaults;

MsFaults *ms_faults_new(void);
void ms_faults_free(MsFaults *faults);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MsFaults, ms_faults_free)

/* Adds a script: `script` is a file's path, or else the text itself. Errors name file and line. */
bool ms_faults_add(MsFaults *faults, const char *script, GError **error);

/* One more command of this kind: the fault that applies to it, borrowed, or NULL. */
const MsFault *ms_faults_meet(MsFaults *faults, MsProtocol protocol, MsStage stage);

/* What MS_GARBAGE says. */
extern const char ms_garbage[];
extern const size_t ms_garbage_length;
