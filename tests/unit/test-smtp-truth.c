/*
 * The session against a server of moods: it refuses, closes, drops before and after it has
 * accepted, as the dice fall; octets travel in random pieces. Whatever happens, what the session
 * says became of each recipient must be what the server knows: sent means accepted, refused and
 * unsent mean not accepted, and what was accepted without a word is in doubt.
 */
#include <check.h>
#include <mailbatch/smtp/session.h>
#include <stdlib.h>
#include <string.h>

#include "statement.h"
#include "suite.h"

#define MESSAGES   40
#define RECIPIENTS 3

typedef struct {
    bool pipelining, chunking;
    bool generous; /* 354 and 250 though nobody was accepted */
    bool sticky;   /* a refused BDAT leaves the transaction open */
    GRand *dice;
    GString *in;  /* heard, not yet understood */
    GString *out; /* said, not yet delivered */
    bool mail, data, closed;
    size_t chunk; /* octets of BDAT still to come; */
    bool in_chunk;
    GString *content;
    bool valid[RECIPIENTS];
    guint n_valid;
    int sender; /* the message that MAIL was said for */

} Server;

typedef struct {
    bool accepted[MESSAGES][RECIPIENTS]; /* what the server knows */
    bool told[MESSAGES];                 /* next_end() was asked before */
    bool reported[MESSAGES];
    bool expected[MESSAGES][RECIPIENTS]; /* recipients that the message has */
    GString *content[MESSAGES];          /* as it must arrive */
    guint fates[4];
} Truth;

static bool chance(Server *server, int percent)
{
    return g_rand_int_range(server->dice, 0, 100) < percent;
}

static void say(Server *server, const char *line)
{
    g_string_append(server->out, line);
    g_string_append(server->out, "\r\n");
}

static int number_after(const char *line, const char *start)
{
    char *end = NULL;
    gint64 number;

    ck_assert_msg(g_str_has_prefix(line, start), "%s does not begin with %s", line, start);
    number = g_ascii_strtoll(line + strlen(start), &end, 10);
    ck_assert(end > line + strlen(start));
    return (int)number;
}

static void forget(Server *server)
{
    server->mail = false;
    server->n_valid = 0;
    memset(server->valid, 0, sizeof server->valid);
}

/* A mood that ends the connection: 421, or without a word. */
static bool leaves(Server *server)
{
    if (chance(server, 1)) {
        say(server, "421 4.3.2 enough");
        server->closed = true;
    } else if (chance(server, 1)) {
        server->closed = true;
    }
    return server->closed;
}

static void take_content(Server *server, Truth *truth)
{
    int number = -1;

    if (!server->mail || server->n_valid == 0) {
        say(server, server->generous ? "250 2.0.0 taken" : "554 5.5.1 nobody to send to");
        g_string_truncate(server->content, 0);
        if (!server->sticky)
            forget(server);
        return;
    } else if (chance(server, 5)) {
        say(server, chance(server, 50) ? "451 4.3.0 later" : "554 5.7.1 spam");
    } else {
        number = number_after(server->content->str, "Message: ");
        ck_assert_int_lt(number, MESSAGES);
        ck_assert_msg(number == server->sender, "message %d in the envelope of %d", number,
                      server->sender);
        ck_assert_str_eq(server->content->str, truth->content[number]->str);
        ck_assert_msg(truth->told[number], "message %d was not told before its end", number);
        for (int i = 0; i < RECIPIENTS; i++) {
            if (!server->valid[i])
                continue;
            ck_assert_msg(!truth->accepted[number][i], "message %d went twice to %d", number, i);
            ck_assert(truth->expected[number][i]);
            truth->accepted[number][i] = true;
        }
        if (chance(server, 2))
            server->closed = true; /* accepted, and nobody is told */
        else
            say(server, "250 2.0.0 queued");
    }
    forget(server);
    g_string_truncate(server->content, 0);
}

static void on_rcpt(Server *server, const char *line)
{
    int recipient = 0;

    recipient = number_after(line, "RCPT TO:<r");
    if (!server->mail) {
        say(server, "503 5.5.1 mail first");
    } else if (chance(server, 12)) {
        say(server, chance(server, 50) ? "451 4.7.1 later" : "550 5.1.1 who");
    } else {
        server->valid[recipient] = true;
        server->n_valid++;
        say(server, "250 2.1.5 ok");
    }
}

static void on_command(Server *server, Truth *truth, const char *line)
{
    if (leaves(server))
        return;
    if (g_str_has_prefix(line, "EHLO")) {
        say(server, "250-mail.test");
        if (server->pipelining)
            say(server, "250-PIPELINING");
        if (server->chunking)
            say(server, "250-CHUNKING");
        say(server, "250 HELP");
    } else if (g_str_has_prefix(line, "MAIL")) {
        if (server->mail) {
            say(server, "503 5.5.1 nested");
        } else if (chance(server, 4)) {
            say(server, chance(server, 50) ? "451 4.3.0 later" : "550 5.7.1 not you");
        } else {
            server->sender = number_after(line, "MAIL FROM:<a");
            server->mail = true;
            say(server, "250 2.1.0 ok");
        }
    } else if (g_str_has_prefix(line, "RCPT")) {
        on_rcpt(server, line);
    } else if (strcmp(line, "DATA") == 0) {
        if ((server->n_valid == 0 && !server->generous) || !server->mail || chance(server, 3)) {
            say(server, "503 5.5.1 no");
        } else {
            server->data = true;
            say(server, "354 go");
        }
    } else if (g_str_has_prefix(line, "BDAT ")) {
        server->chunk = (size_t)g_ascii_strtoull(line + 5, NULL, 10);
        server->in_chunk = true;
        ck_assert(g_str_has_suffix(line, " LAST"));
    } else if (strcmp(line, "RSET") == 0) {
        forget(server);
        say(server, chance(server, 1) ? "500 5.5.1 no" : "250 2.0.0 reset");
    } else if (strcmp(line, "QUIT") == 0) {
        say(server, "221 bye");
        server->closed = true;
    } else {
        ck_abort_msg("the client said: %s", line);
    }
    (void)truth;
}

static void on_line(Server *server, Truth *truth, const char *line)
{
    if (!server->data) {
        on_command(server, truth, line);
    } else if (strcmp(line, ".") == 0) {
        server->data = false;
        take_content(server, truth);
    } else {
        g_string_append(server->content, line[0] == '.' ? line + 1 : line);
        g_string_append(server->content, "\r\n");
        if (chance(server, 1) && chance(server, 10))
            server->closed = true;
    }
}

/* Understands what was heard, a command at a time. */
static void understand(Server *server, Truth *truth)
{
    while (!server->closed) {
        if (server->in_chunk) {
            size_t n = MIN(server->chunk, server->in->len);
            g_string_append_len(server->content, server->in->str, (gssize)n);
            g_string_erase(server->in, 0, (gssize)n);
            server->chunk -= n;
            if (server->chunk > 0)
                return;
            server->in_chunk = false;
            take_content(server, truth);
            continue;
        }
        char *end = strstr(server->in->str, "\r\n");
        if (end == NULL)
            return;
        g_autofree char *line = g_strndup(server->in->str, (size_t)(end - server->in->str));
        g_string_erase(server->in, 0, end + 2 - server->in->str);
        on_line(server, truth, line);
    }
}

static void server_begin(Server *server)
{
    forget(server);
    server->data = server->in_chunk = server->closed = false;
    g_string_truncate(server->in, 0);
    g_string_truncate(server->out, 0);
    g_string_truncate(server->content, 0);
    say(server, "220 mail.test");
}

static void submit(MbSmtpSession *session, Truth *truth, int number)
{
    g_autoptr(MbWire) wire = mb_wire_new();
    g_autoptr(GError) error = NULL;
    char *recipients[RECIPIENTS + 1] = {0};
    g_autofree char *sender = g_strdup_printf("a%d@x.test", number);
    MbSmtpMessage message = {.sender = sender, .recipients = (const char *const *)recipients};
    int n = 0;

    for (int i = 0; i < RECIPIENTS; i++)
        if (truth->expected[number][i])
            recipients[n++] = g_strdup_printf("r%d@y.test", i);
    for (size_t at = 0; at < truth->content[number]->len; at += 200)
        mb_wire_append_take(wire, g_bytes_new(truth->content[number]->str + at,
                                              MIN(200, truth->content[number]->len - at)));
    message.wire = wire;
    message.tag = (uint64_t)number;
    ck_assert_msg(mb_smtp_session_submit(session, &message, &error), "%s",
                  error != NULL ? error->message : "");
    for (int i = 0; i < n; i++)
        g_free(recipients[i]);
}

static void judge(Truth *truth, const MbSmtpEvent *event, guint seed)
{
    int number = (int)event->tag;
    size_t place = 0;

    ck_assert_msg(!truth->reported[number], "seed %u: message %d was reported twice", seed, number);
    truth->reported[number] = true;
    truth->fates[event->fate]++;
    for (int i = 0; i < RECIPIENTS; i++) {
        if (!truth->expected[number][i])
            continue;
        const MbSmtpReply *own = event->recipient_replies[place++];
        bool refused = own != NULL && own->code / 100 != 2;
        bool accepted = truth->accepted[number][i];
        if (!refused && event->fate == MB_SMTP_ACCEPTED)
            ck_assert_msg(accepted, "seed %u: message %d is not with the server", seed, number);
        else if (refused || event->fate != MB_SMTP_IN_DOUBT)
            ck_assert_msg(!accepted, "seed %u: message %d is with the server, stage %s, reply %d",
                          seed, number, mb_smtp_stage_name(event->stage),
                          event->reply != NULL ? event->reply->code : 0);
    }
}

/* One connection, until it ends or all is answered. Returns how many messages were begun so far. */
static int converse(Server *server, Truth *truth, int next, guint seed)
{
    MbSmtpOptions options = {.server_name = "mail.test",
                             .window = (guint)g_rand_int_range(server->dice, 0, 8)};
    g_autoptr(MbSmtpSession) session = mb_smtp_session_new(&options, NULL);
    const MbSessionOps *ops = &mb_smtp_session_ops;
    bool over = false, ended = false;

    server_begin(server);
    while (!over) {
        struct iovec parts[16];
        MbSmtpEvent event;
        uint64_t tag;
        size_t n, length = 0;

        while (mb_smtp_session_next_event(session, &event) == MB_NEXT) {
            if (event.kind == MB_SMTP_EVENT_MESSAGE)
                judge(truth, &event, seed);
            over |= event.kind == MB_SMTP_EVENT_CLOSED;
        }
        while (!over && next < MESSAGES && mb_smtp_session_room(session) > 0 && chance(server, 80))
            submit(session, truth, next++);
        if (next == MESSAGES)
            mb_smtp_session_quit(session);
        if (!over && (n = ops->output(session, parts, G_N_ELEMENTS(parts))) > 0) {
            size_t most = (size_t)g_rand_int_range(server->dice, 1, chance(server, 50) ? 2000 : 20);
            for (size_t i = 0; i < n; i++)
                length += parts[i].iov_len;
            while (mb_smtp_session_next_end(session, length, &tag))
                truth->told[tag] = true;
            most = MIN(most, length);
            for (size_t i = 0, left = most; i < n && left > 0; i++) {
                size_t part = MIN(left, parts[i].iov_len);
                g_string_append_len(server->in, parts[i].iov_base, (gssize)part);
                left -= part;
            }
            ops->wrote(session, most);
        }
        if (chance(server, 60))
            understand(server, truth);
        if (!over && server->out->len > 0) {
            size_t part = (size_t)g_rand_int_range(server->dice, 1, (gint32)server->out->len + 1);
            ops->input(session, server->out->str, part);
            g_string_erase(server->out, 0, (gssize)part);
        } else if (!over && server->closed && !ended) {
            ended = true;
            ops->input_end(session, chance(server, 50));
        }
    }
    return next;
}

static void make_messages(Truth *truth, GRand *dice)
{
    for (int number = 0; number < MESSAGES; number++) {
        GString *content = truth->content[number] = g_string_new(NULL);
        int lines = g_rand_int_range(dice, 0, 20);
        g_string_append_printf(content, "Message: %d\r\n\r\n", number);
        for (int i = 0; i < lines; i++)
            g_string_append(content,
                            g_rand_boolean(dice) ? ".dots\r\n" : "a line of some length\r\n");
        truth->expected[number][g_rand_int_range(dice, 0, RECIPIENTS)] = true;
        for (int i = 0; i < RECIPIENTS; i++)
            truth->expected[number][i] |= g_rand_boolean(dice);
    }
}

static void play(guint seed, guint fates[4])
{
    Truth truth = {0};
    Server server = {.dice = g_rand_new_with_seed(seed)};

    server.pipelining = seed % 4 != 0;
    server.chunking = seed % 3 == 0;
    server.generous = seed % 5 == 0;
    server.sticky = seed % 2 == 0;
    server.in = g_string_new(NULL);
    server.out = g_string_new(NULL);
    server.content = g_string_new(NULL);
    make_messages(&truth, server.dice);
    for (int next = 0, rounds = 0; next < MESSAGES && rounds < 1000; rounds++)
        next = converse(&server, &truth, next, seed);
    for (int number = 0; number < MESSAGES; number++) {
        ck_assert_msg(truth.reported[number], "seed %u: nothing was said of message %d", seed,
                      number);
        g_string_free(truth.content[number], TRUE);
    }
    for (int i = 0; i < 4; i++)
        fates[i] += truth.fates[i];
    g_string_free(server.in, TRUE);
    g_string_free(server.out, TRUE);
    g_string_free(server.content, TRUE);
    g_rand_free(server.dice);
}

START_TEST(what_the_session_says_is_what_the_server_knows)
{
    guint fates[4] = {0};

    for (guint seed = 1; seed <= 600; seed++)
        play(seed, fates);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(fates[i] > 100, "fate %d was met %u times", i, fates[i]);
    statement("M-23");
    statement("M-24");
    statement("M-26");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-truth");
    TCase *tcase = tcase_create("moods");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, what_the_session_says_is_what_the_server_knows);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
