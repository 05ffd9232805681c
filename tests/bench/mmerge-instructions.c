/*
 * mmerge's work for a message without the network and the ledger: the rows of a campaign are
 * rendered, composed and passed through an SMTP session to a server in memory that takes all. For
 * callgrind: one thread, always the same.
 *
 *     mmerge-instructions TEMPLATE CSV data|chunking
 */
#include "campaign.h"

#include <mailbatch/smtp/session.h>
#include <stdio.h>
#include <string.h>

#define PARTS 64

typedef struct {
    const char *offers; /* the answer to EHLO */
    bool in_content;    /* after DATA */
    size_t chunk_left;  /* of BDAT */
    GString *line;
    size_t matched; /* of the end of DATA's content */
    GString *replies;
    size_t octets;
} Server;

static const char end_of_data[] = "\r\n.\r\n";

static void obey(Server *server)
{
    const char *line = server->line->str;

    if (g_str_has_prefix(line, "EHLO ")) {
        g_string_append(server->replies, server->offers);
        return;
    }
    if (g_str_has_prefix(line, "BDAT ")) {
        server->chunk_left = (size_t)g_ascii_strtoull(line + 5, NULL, 10);
        return;
    }
    server->in_content = strcmp(line, "DATA") == 0;
    server->matched = 0;
    g_string_append(server->replies, server->in_content ? "354 go on\r\n" : "250 ok\r\n");
}

static void take_octet(Server *server, char octet)
{
    if (server->in_content) {
        server->matched = octet == end_of_data[server->matched] ? server->matched + 1
                          : octet == '\r'                       ? 1
                                                                : 0;
        if (server->matched < strlen(end_of_data))
            return;
        server->in_content = false;
        g_string_append(server->replies, "250 ok\r\n");
    } else if (octet == '\n') {
        g_string_truncate(server->line, server->line->len - 1);
        obey(server);
        g_string_truncate(server->line, 0);
    } else {
        g_string_append_c(server->line, octet);
    }
}

/* The server's side: callgrind is told to leave it out. */
__attribute__((noinline)) static void serve(Server *server, const struct iovec *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = parts[i].iov_base, *end = at + parts[i].iov_len;

        while (at < end) {
            size_t skipped = MIN((size_t)(end - at), server->chunk_left);

            at += skipped;
            server->chunk_left -= skipped;
            if (skipped == 0)
                take_octet(server, *at++);
            else if (server->chunk_left == 0)
                g_string_append(server->replies, "250 ok\r\n");
        }
    }
}

/* What the session has to say is taken, as the pump would, and answered. False: it said nothing. */
static bool exchange(Server *server, MbSmtpSession *session)
{
    struct iovec parts[PARTS];
    size_t count = mb_smtp_session_ops.output(session, parts, PARTS), total = 0;
    uint64_t tag;

    for (size_t i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (total == 0 && server->replies->len == 0)
        return false;
    while (mb_smtp_session_next_end(session, total, &tag))
        ;
    serve(server, parts, count);
    server->octets += total;
    mb_smtp_session_ops.wrote(session, total);
    mb_smtp_session_ops.input(session, server->replies->str, server->replies->len);
    g_string_truncate(server->replies, 0);
    return true;
}

static size_t settle(Server *server, MbSmtpSession *session)
{
    MbSmtpEvent event;
    size_t accepted = 0;

    while (exchange(server, session))
        while (mb_smtp_session_next_event(session, &event) == MB_NEXT)
            accepted += event.kind == MB_SMTP_EVENT_MESSAGE && event.fate == MB_SMTP_ACCEPTED;
    return accepted;
}

static bool submit(MbSmtpSession *session, const MmMessage *message, GError **error)
{
    const char *recipients[] = {message->recipients[0].address, NULL};
    MbSmtpMessage submitted = {
        .sender = message->sender,
        .recipients = recipients,
        .wire = message->wire,
    };

    return mb_smtp_session_submit(session, &submitted, error);
}

static bool run(char **argv, GError **error)
{
    MmCampaignOptions campaign_options = {0};
    MbSmtpOptions options = {.server_name = "server.example"};
    MmRenderOptions render = {.date = 1700000000, .message_key = "0123456789abcdef"};
    g_autoptr(MmCampaign) campaign = mm_campaign_open(argv[1], argv[2], &campaign_options, error);
    g_autoptr(MmRows) rows = campaign != NULL ? mm_rows_open(campaign, error) : NULL;
    g_autoptr(MmRenderer) renderer = rows != NULL ? mm_renderer_new(campaign) : NULL;
    g_autoptr(MbSmtpSession) session =
        renderer != NULL ? mb_smtp_session_new(&options, error) : NULL;
    Server server = {
        .offers = strcmp(argv[3], "chunking") == 0
                      ? "250-server.example\r\n250-CHUNKING\r\n250 PIPELINING\r\n"
                      : "250-server.example\r\n250 PIPELINING\r\n",
        .line = g_string_new(NULL),
        .replies = g_string_new("220 ready\r\n"),
    };
    size_t submitted = 0, accepted = 0;
    MbNext next = MB_FAILED;
    MmMessage message;
    MmRow *taken;

    if (session == NULL)
        return false;
    settle(&server, session);
    while ((next = mm_rows_next(rows, &taken, error)) == MB_NEXT) {
        g_autoptr(MmRow) row = taken;

        if (mb_smtp_session_room(session) == 0)
            accepted += settle(&server, session);
        if (!mm_render(renderer, row, &render, &message, error) ||
            !submit(session, &message, error))
            return false;
        submitted++;
    }
    accepted += settle(&server, session);
    printf("%zu messages, %zu octets\n", accepted, server.octets);
    g_string_free(server.line, TRUE);
    g_string_free(server.replies, TRUE);
    return next == MB_END && accepted == submitted;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc == 4 && run(argv, &error))
        return 0;
    fprintf(stderr, "mmerge-instructions: %s\n", error != NULL ? error->message : "not all taken");
    return 1;
}
