/*
 * DATA and BDAT.
 *
 *   bdat  = "BDAT" SP 1*DIGIT [ SP "LAST" ] CRLF so many octets        (RFC 3030, 2)
 */
#include "smtp-internal.h"

#include <string.h>

/* Whether the message is over the limit by `more` octets: what is over is not kept. */
static bool is_over(const MsSmtp *smtp, guint64 more)
{
    guint64 most = smtp->session.house->max_size;
    guint64 size = ms_incoming_size(smtp->incoming);

    return most > 0 && (size > most || more > most - size);
}

static void keep(void *user, const void *bytes, size_t length)
{
    MsSmtp *smtp = user;

    if (smtp->content_refused)
        return;
    /* One octet over the limit is kept, so that the end knows. */
    if (is_over(smtp, length))
        length = MIN(length, smtp->session.house->max_size + 1 - ms_incoming_size(smtp->incoming));
    if (length > 0)
        ms_incoming_write(smtp->incoming, bytes, length);
}

static MsEnvelope envelope_of(MsSmtp *smtp, bool chunking)
{
    const MsSession *session = &smtp->session;

    g_ptr_array_add(smtp->recipients, NULL);
    return (MsEnvelope){
        .sender = smtp->sender.address,
        .recipients = (const char *const *)smtp->recipients->pdata,
        .envid = smtp->sender.envid,
        .user = smtp->user,
        .connection = session->connection,
        .smtputf8 = smtp->sender.smtputf8,
        .eightbitmime = smtp->sender.eightbit,
        .chunking = chunking,
        .tls = session->secure,
    };
}

static void accept_message(MsSmtp *smtp, bool chunking)
{
    MsSession *session = &smtp->session;
    MsEnvelope envelope = envelope_of(smtp, chunking);
    g_autoptr(GError) error = NULL;
    guint64 number = 0;

    if (is_over(smtp, 0)) {
        ms_session_say(session, "552 5.3.4 the message is longer than what is taken here\r\n");
    } else if (ms_incoming_commit(smtp->incoming, &envelope, &number, &error)) {
        g_string_append_printf(session->out, "250 2.0.0 kept as %" G_GUINT64_FORMAT "\r\n", number);
    } else {
        ms_session_say(session, "452 4.3.1 the message cannot be kept now\r\n");
        if (session->house->complain != NULL)
            session->house->complain(error->message);
    }
}

/* The content is complete: the message is kept, or a fault decides otherwise. */
static void end_content(MsSmtp *smtp, bool chunking)
{
    MsSession *session = &smtp->session;
    const MsFault *fault = ms_faults_meet(session->house->faults, MS_SMTP, MS_AT_DOT);
    size_t before = session->out->len;

    if (smtp->content_refused) {
        ms_smtp_reset(smtp);
        return;
    }
    if (!ms_session_suffer(session, fault)) {
        accept_message(smtp, chunking);
        ms_session_follow(session, fault, before);
    }
    ms_smtp_reset(smtp);
}

/* The first octets of a message's content. True when a fault ends the connection here. */
static bool meet_content(MsSmtp *smtp)
{
    MsSession *session = &smtp->session;
    const MsFault *fault;

    if (smtp->content_met)
        return false;
    smtp->content_met = true;
    fault = ms_faults_meet(session->house->faults, MS_SMTP, MS_AT_CONTENT);
    if (!ms_session_suffer(session, fault))
        return false;
    smtp->content_refused = fault->action == MS_REPLY;
    if (smtp->content_refused && smtp->mode == MS_MODE_CHUNK)
        smtp->chunk_ignored = smtp->chunks_failed = true;
    return session->wish != MS_WISH_NONE || session->silent;
}

/* --- DATA --- */

void ms_smtp_do_data(MsSmtp *smtp, const char *argument)
{
    MsSession *session = &smtp->session;

    if (argument[0] != '\0') {
        ms_session_say(session, "501 5.5.4 no arguments here\r\n");
    } else if (smtp->sender.address == NULL || smtp->chunked) {
        ms_session_say(session, "503 5.5.1 say MAIL first\r\n");
    } else if (smtp->recipients->len == 0) {
        ms_session_say(session, "554 5.5.1 no valid recipients\r\n");
    } else {
        ms_session_say(session, "354 end with a dot\r\n");
        smtp->mode = MS_MODE_DATA;
        smtp->unstuff = (MsUnstuff){.write = keep, .user = smtp};
    }
}

static size_t take_data(MsSmtp *smtp, const char *bytes, size_t length)
{
    size_t taken = ms_unstuff(&smtp->unstuff, bytes, length);

    if (smtp->unstuff.state == MS_CONTENT_DONE) {
        smtp->mode = MS_MODE_COMMANDS;
        end_content(smtp, false);
    }
    return taken;
}

/* --- BDAT --- */

static bool parse_chunk(const char *argument, guint64 *octets, bool *last)
{
    char *end = NULL;
    size_t digits = strspn(argument, "0123456789");

    if (digits == 0 || digits > 18)
        return false;
    *octets = g_ascii_strtoull(argument, &end, 10);
    end += strspn(end, " \t");
    *last = g_ascii_strcasecmp(end, "LAST") == 0;
    return *last || *end == '\0';
}

static void end_chunk(MsSmtp *smtp)
{
    bool ignored = smtp->chunk_ignored;
    size_t before = smtp->session.out->len;

    smtp->mode = MS_MODE_COMMANDS;
    smtp->chunk_ignored = false;
    if (ignored) {
        ms_incoming_abort(smtp->incoming);
        return;
    }
    if (smtp->chunk_last)
        end_content(smtp, true);
    else
        ms_session_say(&smtp->session, "250 2.0.0 chunk taken\r\n");
    ms_session_follow(&smtp->session, smtp->chunk_fault, before);
}

/* Why the chunk is refused, or NULL. The chunk is read all the same: the client may have sent it
 * already. */
static const char *judge_chunk(const MsSmtp *smtp, guint64 octets)
{
    if (ms_session_hides(&smtp->session, MS_HIDE_CHUNKING))
        return "502 5.5.1 not offered\r\n";
    if (smtp->sender.address == NULL || smtp->chunks_failed)
        return "503 5.5.1 say MAIL first\r\n";
    if (smtp->recipients->len == 0)
        return "554 5.5.1 no valid recipients\r\n";
    if (is_over(smtp, octets))
        return "552 5.3.4 the message is longer than what is taken here\r\n";
    return NULL;
}

void ms_smtp_do_bdat(MsSmtp *smtp, const char *argument)
{
    MsSession *session = &smtp->session;
    const MsFault *fault = ms_faults_meet(session->house->faults, MS_SMTP, MS_AT_BDAT);
    const char *problem;

    if (!parse_chunk(argument, &smtp->chunk_left, &smtp->chunk_last)) {
        ms_session_say(session, "501 5.5.4 write: BDAT OCTETS [LAST]\r\n");
        return;
    }
    smtp->mode = MS_MODE_CHUNK;
    smtp->chunk_fault = fault;
    problem = judge_chunk(smtp, smtp->chunk_left);
    if (ms_session_suffer(session, fault)) {
        smtp->chunk_ignored = true;
    } else if (problem != NULL) {
        ms_session_say(session, problem);
        smtp->chunk_ignored = true;
    }
    if (smtp->sender.address != NULL) {
        smtp->chunked = true;
        smtp->chunks_failed = smtp->chunks_failed || smtp->chunk_ignored;
    }
    if (smtp->chunk_left == 0)
        end_chunk(smtp);
}

static size_t take_chunk(MsSmtp *smtp, const char *bytes, size_t length)
{
    size_t taken = (size_t)MIN(length, smtp->chunk_left);

    if (!smtp->chunk_ignored)
        ms_incoming_write(smtp->incoming, bytes, taken);
    smtp->chunk_left -= taken;
    if (smtp->chunk_left == 0)
        end_chunk(smtp);
    return taken;
}

size_t ms_smtp_take_content(MsSmtp *smtp, const char *bytes, size_t length)
{
    if (meet_content(smtp))
        return 0;
    return smtp->mode == MS_MODE_DATA ? take_data(smtp, bytes, length)
                                      : take_chunk(smtp, bytes, length);
}
