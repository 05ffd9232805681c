/*
 * Plays a POP3 dialogue to a session in memory: what the server says comes in whatever pieces, what
 * the client does is written down as text.
 */
#pragma once

#include <check.h>
#include <mailbatch/pop3/session.h>
#include <stdlib.h>
#include <string.h>

/* A server's saying, and what the client must have written in all before it is said. */
typedef struct {
    const char *expect; /* NULL: nothing new */
    const char *say;
    size_t length; /* 0: strlen */
} PlayStep;

#define PLAY_STEPS 16

typedef struct {
    const char *name;
    MbPop3Options options; /* server_name, user and password are filled in */
    PlayStep steps[PLAY_STEPS];
    const char *asks;  /* once READY: "UIDL,RETR 1,QUIT" */
    const char *rest;  /* what the client wrote after the last saying; NULL: nothing */
    bool cut;          /* the connection ends after the last saying … */
    bool close;        /* … cut, or in an orderly way */
    bool no_handshake; /* the owner never says that TLS has started */
    const char *log;   /* events, each ended by ';' */
    const char *bytes; /* of all messages; NULL: none */
    size_t bytes_length;
    int code;          /* MbErrorCode of CLOSED, -1: none */
    const char *error; /* a part of its text */
} PlayRow;

typedef struct {
    MbPop3Session *session;
    const PlayRow *row;
    GString *log, *bytes, *written, *trace;
    bool ready, closed;
    int code;
    char *error;
} Player;

static void play_trace(void *user, char direction, const char *line, size_t length)
{
    Player *player = user;

    g_string_append_printf(player->trace, "%c %.*s\n", direction, (int)length, line);
}

static void play_ask(MbPop3Session *session, const char *asks)
{
    g_auto(GStrv) words = g_strsplit(asks != NULL ? asks : "", ",", -1);

    for (char **word = words; *word != NULL; word++) {
        const char *blank = strchr(*word, ' ');
        uint64_t number = blank != NULL ? g_ascii_strtoull(blank, NULL, 10) : 0;

        if (g_str_has_prefix(*word, "STAT"))
            mb_pop3_session_ask_stat(session);
        else if (g_str_has_prefix(*word, "LIST"))
            mb_pop3_session_ask_list(session);
        else if (g_str_has_prefix(*word, "UIDL"))
            number > 0 ? mb_pop3_session_ask_uidl_of(session, number)
                       : mb_pop3_session_ask_uidl(session);
        else if (g_str_has_prefix(*word, "RETR"))
            mb_pop3_session_ask_retr(session, number);
        else if (g_str_has_prefix(*word, "TOP"))
            mb_pop3_session_ask_top(session, number, 0);
        else if (g_str_has_prefix(*word, "DELE"))
            mb_pop3_session_ask_dele(session, number);
        else if (g_str_has_prefix(*word, "RSET"))
            mb_pop3_session_ask_rset(session);
        else if (g_str_has_prefix(*word, "NOOP"))
            mb_pop3_session_ask_noop(session);
        else if (g_str_has_prefix(*word, "QUIT"))
            mb_pop3_session_quit(session);
    }
}

static void play_log_end(Player *player, const MbPop3Event *event)
{
    g_string_append_printf(player->log, "end %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                           event->number, event->size);
    for (unsigned i = 0; i < MB_POP3_ODDITIES; i++) {
        if ((event->oddities & (1U << i)) != 0)
            g_string_append_printf(player->log, " %s",
                                   mb_pop3_oddity_name((MbPop3Oddity)(1U << i)));
    }
    g_string_append_c(player->log, ';');
}

static void play_event(Player *player, const MbPop3Event *event)
{
    GString *log = player->log;

    switch (event->kind) {
    case MB_POP3_EVENT_START_TLS:
        if (player->row->no_handshake)
            break;
        g_string_append(log, "start-tls;");
        mb_pop3_session_tls_started(player->session);
        break;
    case MB_POP3_EVENT_READY:
        g_string_append(log, "ready;");
        ck_assert(!player->ready);
        player->ready = true;
        play_ask(player->session, player->row->asks);
        break;
    case MB_POP3_EVENT_STAT:
    case MB_POP3_EVENT_LISTING:
        g_string_append_printf(log, "%s%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT ";",
                               event->malformed ? "bad " : "",
                               event->kind == MB_POP3_EVENT_STAT ? "stat" : "list", event->number,
                               event->size);
        break;
    case MB_POP3_EVENT_UIDL:
        g_string_append_printf(log, "%suidl %" G_GUINT64_FORMAT, event->malformed ? "bad " : "",
                               event->number);
        if (!event->malformed)
            g_string_append_printf(log, " %s", event->text);
        g_string_append_c(log, ';');
        break;
    case MB_POP3_EVENT_LISTED:
        g_string_append_printf(log, "listed %" G_GUINT64_FORMAT ";", event->number);
        break;
    case MB_POP3_EVENT_BEGIN:
        g_string_append_printf(log, "begin %" G_GUINT64_FORMAT ";", event->number);
        break;
    case MB_POP3_EVENT_DATA:
        ck_assert_uint_gt(event->length, 0);
        g_string_append_len(player->bytes, event->bytes, (gssize)event->length);
        break;
    case MB_POP3_EVENT_END: play_log_end(player, event); break;
    case MB_POP3_EVENT_REFUSED:
        g_string_append_printf(
            log, "refused %s %" G_GUINT64_FORMAT "%s%s;", mb_pop3_stage_name(event->stage),
            event->number, event->code != NULL ? " " : "", event->code != NULL ? event->code : "");
        break;
    case MB_POP3_EVENT_DELETED:
        g_string_append_printf(log, "deleted %" G_GUINT64_FORMAT ";", event->number);
        break;
    case MB_POP3_EVENT_RESET: g_string_append(log, "reset;"); break;
    case MB_POP3_EVENT_QUIT: g_string_append(log, "quit;"); break;
    case MB_POP3_EVENT_CLOSED:
        g_string_append(log, event->cut ? "closed cut;" : "closed;");
        player->closed = true;
        player->code = event->error != NULL ? event->error->code : -1;
        player->error = event->error != NULL ? g_strdup(event->error->message) : NULL;
        break;
    }
}

static void play_drain(Player *player)
{
    struct iovec part;
    MbPop3Event event;

    while (mb_pop3_session_next_event(player->session, &event) == MB_NEXT)
        play_event(player, &event);
    while (mb_pop3_session_ops.output(player->session, &part, 1) > 0) {
        size_t some = (part.iov_len + 1) / 2;

        g_string_append_len(player->written, part.iov_base, (gssize)some);
        mb_pop3_session_ops.wrote(player->session, some);
    }
}

/* A copy of its own for each piece, so that a sanitizer sees who looks at it too late. */
static void play_piece(Player *player, const char *bytes, size_t length)
{
    char *copy;

    if (length == 0)
        return;
    copy = g_memdup2(bytes, length);
    ck_assert(player->closed || mb_pop3_session_ops.wants_input(player->session));
    mb_pop3_session_ops.input(player->session, copy, length);
    play_drain(player);
    g_free(copy);
}

static size_t play_length(const PlayStep *step)
{
    return step->length > 0 ? step->length : strlen(step->say);
}

static void play_check_written(Player *player, const GString *expected, size_t step)
{
    ck_assert_msg(player->written->len >= expected->len &&
                      memcmp(player->written->str, expected->str, expected->len) == 0,
                  "%s: before saying %zu the client wrote\n%s\nand should have written\n%s",
                  player->row->name, step, player->written->str, expected->str);
}

/* Where the server's bytes are cut: at `split`, or everywhere (SIZE_MAX: nowhere). */
typedef struct {
    size_t split;
    bool everywhere;
} PlayCut;

static void play_steps(Player *player, PlayCut cut)
{
    g_autoptr(GString) expected = g_string_new(NULL);
    size_t before = 0;

    for (size_t i = 0; i < PLAY_STEPS && player->row->steps[i].say != NULL; i++) {
        const PlayStep *step = &player->row->steps[i];
        size_t length = play_length(step);
        size_t at = cut.split > before && cut.split < before + length ? cut.split - before : length;

        g_string_append(expected, step->expect != NULL ? step->expect : "");
        play_check_written(player, expected, i);
        if (cut.everywhere) {
            for (size_t j = 0; j < length; j++)
                play_piece(player, step->say + j, 1);
        } else {
            play_piece(player, step->say, at);
            play_piece(player, step->say + at, length - at);
        }
        before += length;
    }
    if (player->row->close || player->row->cut) {
        mb_pop3_session_ops.input_end(player->session, player->row->cut);
        play_drain(player);
    }
    g_string_append(expected, player->row->rest != NULL ? player->row->rest : "");
    ck_assert_msg(g_string_equal(player->written, expected),
                  "%s: the client wrote\n%s\nand should have written\n%s", player->row->name,
                  player->written->str, expected->str);
}

/* Neither a response of ours nor the server's challenge, in base64. */
static void play_check_hidden(const Player *player)
{
    static const char *const secrets[] = {"c2VjcmV0", "AHVzZXIAc2VjcmV0", "dXNlcg=="};

    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        ck_assert_msg(strstr(player->trace->str, secrets[i]) == NULL, "%s: %s is shown",
                      player->row->name, secrets[i]);
    for (const char *at = player->trace->str; (at = strstr(at, "< + ")) != NULL; at++)
        ck_assert_msg(g_str_has_prefix(at, "< + <hidden>\n"), "%s: a challenge is shown",
                      player->row->name);
}

static void play_check(const Player *player, PlayCut cut)
{
    const PlayRow *row = player->row;
    size_t length = row->bytes_length > 0 ? row->bytes_length
                    : row->bytes != NULL  ? strlen(row->bytes)
                                          : 0;

    ck_assert_msg(strcmp(player->log->str, row->log) == 0, "%s (cut %zu): %s\nnot: %s", row->name,
                  cut.split, player->log->str, row->log);
    ck_assert_msg(player->bytes->len == length &&
                      (length == 0 || memcmp(player->bytes->str, row->bytes, length) == 0),
                  "%s (cut %zu): %zu bytes of mail differ: %s", row->name, cut.split,
                  player->bytes->len, player->bytes->str);
    ck_assert_msg(!player->closed || player->code == row->code, "%s: code %d, not %d (%s)",
                  row->name, player->code, row->code, player->error);
    ck_assert_msg(row->error == NULL ||
                      (player->error != NULL && strstr(player->error, row->error) != NULL),
                  "%s: \"%s\" does not say \"%s\"", row->name, player->error, row->error);
    ck_assert_msg(strstr(player->trace->str, "secret") == NULL &&
                      (player->error == NULL || strstr(player->error, "secret") == NULL),
                  "%s: the password is shown", row->name);
    play_check_hidden(player);
}

static void play_once(const PlayRow *row, PlayCut cut)
{
    Player player = {
        .row = row,
        .log = g_string_new(NULL),
        .bytes = g_string_new(NULL),
        .written = g_string_new(NULL),
        .trace = g_string_new(NULL),
    };
    MbPop3Options options = row->options;
    GError *error = NULL;

    options.server_name = "mail.example.org";
    options.user = "user";
    if (options.password == NULL)
        options.password = "secret";
    options.trace = play_trace;
    options.trace_user = &player;
    player.session = mb_pop3_session_new(&options, &error);
    ck_assert_ptr_nonnull(player.session);
    play_drain(&player);
    play_steps(&player, cut);
    play_check(&player, cut);
    mb_pop3_session_free(player.session);
    g_string_free(player.log, TRUE);
    g_string_free(player.bytes, TRUE);
    g_string_free(player.written, TRUE);
    g_string_free(player.trace, TRUE);
    g_free(player.error);
}

/* Whole, byte by byte, and split at every byte (or every `stride` bytes of a long one). */
static void play_row(const PlayRow *row)
{
    size_t total = 0;
    size_t stride;

    for (size_t i = 0; i < PLAY_STEPS && row->steps[i].say != NULL; i++)
        total += play_length(&row->steps[i]);
    stride = total > 4096 ? total / 512 : 1;
    play_once(row, (PlayCut){.split = SIZE_MAX});
    if (total <= 65536)
        play_once(row, (PlayCut){.split = SIZE_MAX, .everywhere = true});
    for (size_t split = 1; split < total; split += stride)
        play_once(row, (PlayCut){.split = split});
}
