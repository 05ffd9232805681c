/*
 * Plays a dialogue with an SMTP session, from a script:
 *
 *   S line     the server says it (CRLF is added)         s bytes   the same without a line end
 *   C line     the client must have said it before the server goes on; all of what it said is
 * compared X tls      the handshake succeeds   X close | X cut   the connection ends, orderly or
 * not   X quit
 *
 * A message is "sender>recipient,recipient|content^content": ^ divides segments; \n there stands
 * for CRLF. What the session tells is noted a line an event; a message submitted too early is a
 * mistake of the test.
 */
#pragma once

#include <mailbatch/smtp/session.h>
#include <string.h>

typedef struct {
    const char *name;
    MbSmtpOptions options;
    const char *messages[8];
    const char *script;
    const char *want; /* events, a line each */
    bool smtputf8;
    const char *envid, *notify;
    const char *statement;
} Dialogue;

typedef struct {
    const Dialogue *dialogue;
    MbSmtpSession *session;
    GString *said, *want_said, *told;
    size_t write_max; /* octets the kernel takes at once */
    size_t split;     /* octets of the server's before the first one that comes alone; 0: every one
                         alone */
    size_t heard;     /* octets of the server's so far */
    size_t credit;    /* octets the kernel still takes */
    size_t next_message;
    bool ready, over;
    GString *trace;
} Player;

static const char *const fate_names[] = {"accepted", "refused", "unsent", "doubtful"};
static const char *const code_names[] = {
    "usage", "data",      "no-input", "unavailable", "internal", "create",
    "io",    "temporary", "protocol", "login",       "config",
};

static MbWire *player_wire(const char *content)
{
    MbWire *wire = mb_wire_new();
    g_auto(GStrv) segments = g_strsplit(content, "^", -1);

    for (size_t i = 0; segments[i] != NULL; i++) {
        g_auto(GStrv) lines = g_strsplit(segments[i], "\n", -1);
        char *text = g_strjoinv("\r\n", lines);
        mb_wire_append_take(wire, g_bytes_new_take(text, strlen(text)));
    }
    return wire;
}

static void player_submit(Player *player)
{
    const Dialogue *dialogue = player->dialogue;

    while (player->ready && player->next_message < G_N_ELEMENTS(dialogue->messages) &&
           dialogue->messages[player->next_message] != NULL &&
           mb_smtp_session_room(player->session) > 0) {
        g_auto(GStrv) halves = g_strsplit(dialogue->messages[player->next_message++], "|", 2);
        g_auto(GStrv) addresses = g_strsplit(halves[0], ">", 2);
        g_auto(GStrv) recipients = g_strsplit(addresses[1], ",", -1);
        g_autoptr(MbWire) wire = player_wire(halves[1]);
        g_autoptr(GError) error = NULL;
        MbSmtpMessage message = {
            .sender = addresses[0],
            .recipients = (const char *const *)recipients,
            .wire = wire,
            .smtputf8 = dialogue->smtputf8,
            .envid = dialogue->envid,
            .notify = dialogue->notify,
            .tag = player->next_message,
        };
        if (!mb_smtp_session_submit(player->session, &message, &error))
            g_string_append_printf(player->told, "%zu not taken: %s: %s\n", player->next_message,
                                   code_names[error->code], error->message);
    }
}

static void player_note_message(Player *player, const MbSmtpEvent *event)
{
    g_string_append_printf(player->told, "%d %s at %s", (int)event->tag, fate_names[event->fate],
                           mb_smtp_stage_name(event->stage));
    if (event->reply != NULL)
        g_string_append_printf(player->told, " by %d", event->reply->code);
    g_string_append(player->told, ":");
    for (size_t i = 0; i < event->n_recipients; i++) {
        const MbSmtpReply *reply = event->recipient_replies[i];
        g_string_append_printf(player->told, " %d", reply != NULL ? reply->code : 0);
    }
    g_string_append_c(player->told, '\n');
}

static void player_events(Player *player)
{
    MbSmtpEvent event;

    while (mb_smtp_session_next_event(player->session, &event) == MB_NEXT) {
        switch (event.kind) {
        case MB_SMTP_EVENT_READY:
            g_string_append(player->told, "ready\n");
            player->ready = true;
            break;
        case MB_SMTP_EVENT_START_TLS: g_string_append(player->told, "tls\n"); break;
        case MB_SMTP_EVENT_MESSAGE: player_note_message(player, &event); break;
        case MB_SMTP_EVENT_CLOSED:
            g_string_append_printf(player->told, "closed at %s",
                                   mb_smtp_stage_name(event.closed_at));
            if (event.closed_by != NULL)
                g_string_append_printf(player->told, " by %d", event.closed_by->code);
            g_string_append_printf(player->told, ": %s\n",
                                   event.error != NULL ? code_names[event.error->code] : "done");
            player->over = true;
            break;
        }
    }
    player_submit(player);
}

/* Lets the session say all it wants, in writes of at most write_max octets. */
static void player_listen(Player *player)
{
    const MbSessionOps *ops = &mb_smtp_session_ops;
    struct iovec parts[8];
    size_t n;

    player_events(player);
    while (player->credit > 0 &&
           (n = ops->output(player->session, parts, G_N_ELEMENTS(parts))) > 0) {
        size_t left = MIN(player->write_max, player->credit);
        size_t before = player->said->len;
        uint64_t tag;

        for (size_t i = 0; i < n && left > 0; i++) {
            size_t length = MIN(left, parts[i].iov_len);
            g_string_append_len(player->said, parts[i].iov_base, (gssize)length);
            left -= length;
        }
        while (mb_smtp_session_next_end(player->session, player->said->len - before, &tag))
            g_string_append_printf(player->told, "end %d\n", (int)tag);
        ops->wrote(player->session, player->said->len - before);
        if (player->credit != SIZE_MAX)
            player->credit -= player->said->len - before;
        player_events(player);
    }
}

/* One octet at a time, or all, or split in two at one place. */
static void player_hear(Player *player, const char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t n = player->split == 0 ? 1 : length - at;
        if (player->heard < player->split)
            n = MIN(n, player->split - player->heard);
        mb_smtp_session_ops.input(player->session, bytes + at, n);
        at += n;
        player->heard += n;
        if (player->split == 0 || player->heard == player->split)
            player_listen(player);
    }
}

static void player_act(Player *player, const char *what)
{
    if (strcmp(what, "tls") == 0)
        mb_smtp_session_tls_started(player->session);
    else if (strcmp(what, "quit") == 0)
        mb_smtp_session_quit(player->session);
    else if (g_str_has_prefix(what, "take "))
        player->credit = (size_t)g_ascii_strtoll(what + strlen("take "), NULL, 10);
    else
        mb_smtp_session_ops.input_end(player->session, strcmp(what, "cut") == 0);
}

static void player_trace(void *user, char direction, const char *line, size_t length)
{
    Player *player = user;

    g_string_append_printf(player->trace, "%c %.*s\n", direction, (int)length, line);
}

/* The server's lines in a row go in one piece, as they may on a real line. */
static void player_run(Player *player)
{
    g_auto(GStrv) lines = g_strsplit(player->dialogue->script, "\n", -1);
    g_autoptr(GString) heard = g_string_new(NULL);

    player_listen(player);
    for (size_t i = 0; lines[i] != NULL; i++) {
        const char *line = lines[i];
        if (line[0] == 'S' || line[0] == 's') {
            g_string_append(heard, line + 2);
            if (line[0] == 'S')
                g_string_append(heard, "\r\n");
            if (lines[i + 1] != NULL && (lines[i + 1][0] == 'S' || lines[i + 1][0] == 's'))
                continue;
            player_hear(player, heard->str, heard->len);
            g_string_truncate(heard, 0);
            player_listen(player);
        } else if (line[0] == 'C' || line[0] == 'c') {
            g_string_append(player->want_said, line + 2);
            if (line[0] == 'C')
                g_string_append(player->want_said, "\r\n");
            if (lines[i + 1] != NULL && g_ascii_tolower(lines[i + 1][0]) == 'c')
                continue;
            ck_assert_msg(
                strcmp(player->said->str, player->want_said->str) == 0,
                "%s, split %zu, writes of %zu: before line %zu the client said\n%s\nnot\n%s",
                player->dialogue->name, player->split, player->write_max, i + 2, player->said->str,
                player->want_said->str);
        } else if (line[0] == 'X') {
            player_act(player, line + 2);
            player_listen(player);
        }
    }
}

/* Plays `dialogue` and compares what was said and told. */
static void play(const Dialogue *dialogue, size_t split, size_t write_max, GString *trace)
{
    Player player = {.dialogue = dialogue,
                     .credit = SIZE_MAX,
                     .split = split,
                     .write_max = write_max,
                     .trace = trace};
    MbSmtpOptions options = dialogue->options;
    g_autoptr(GError) error = NULL;

    options.server_name = "mail.test";
    if (trace != NULL) {
        options.trace = player_trace;
        options.trace_user = &player;
    }
    player.said = g_string_new(NULL);
    player.want_said = g_string_new(NULL);
    player.told = g_string_new(NULL);
    player.session = mb_smtp_session_new(&options, &error);
    ck_assert_msg(player.session != NULL, "%s: %s", dialogue->name, error ? error->message : "");
    player_run(&player);
    ck_assert_msg(strcmp(player.said->str, player.want_said->str) == 0,
                  "%s, split %zu, writes of %zu: the client said\n%s\nnot\n%s", dialogue->name,
                  split, write_max, player.said->str, player.want_said->str);
    ck_assert_msg(strcmp(player.told->str, dialogue->want) == 0,
                  "%s, split %zu, writes of %zu: told\n%s\nnot\n%s", dialogue->name, split,
                  write_max, player.told->str, dialogue->want);
    mb_smtp_session_free(player.session);
    g_string_free(player.said, TRUE);
    g_string_free(player.want_said, TRUE);
    g_string_free(player.told, TRUE);
}

/* Every split of the server's octets in two, all of them alone, and writes of several sizes. */
static void play_every_way(const Dialogue *dialogue)
{
    size_t length = strlen(dialogue->script) * 2;

    play(dialogue, SIZE_MAX, SIZE_MAX, NULL);
    play(dialogue, 0, SIZE_MAX, NULL);
    play(dialogue, 0, 1, NULL);
    for (size_t write_max = 1; write_max < 10; write_max++)
        play(dialogue, SIZE_MAX, write_max, NULL);
    for (size_t split = 1; split < length; split++)
        play(dialogue, split, SIZE_MAX, NULL);
}
