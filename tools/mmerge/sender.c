#include "sender.h"

#include "patience.h"
#include "scope.h"

#include <errno.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/net/stream.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

MB_DEFINE_QUARK(mm_sender_error)

#define IDLE_US       (20 * G_USEC_PER_SEC) /* without a job: then the connection is given back */
#define CONNECT_MS    10000
#define HANDSHAKE_MS  30000
#define FIRST_PAUSE_S 1
#define LAST_PAUSE_S  60

struct MmSender {
    const MmSenderOptions *options;
    unsigned number;
    pthread_t thread;
    int wake;          /* eventfd: new jobs, or the end */
    atomic_bool woken; /* it was written to and not read since */
    atomic_bool finish;

    MbStream *stream;
    MbSmtpSession *session;
    guint edition;   /* of the secret that it logs in with */
    guint submitted; /* on this connection */
    MmPatience patience;
    guint silence_ms; /* as the pump was told */
    gint64 busy_us;   /* when there was last something to do */
    bool was_ready;   /* ever */
    bool progress;    /* a reply, 421 apart, decided a message since the last trouble */
    bool flush_due;
};

typedef enum {
    TALK_OVER,  /* it ended as we wanted */
    TALK_LOST,  /* try again */
    TALK_FATAL, /* no use */
} Talk;

static void give(MmSender *sender, MmJob *job)
{
    g_clear_pointer(&job->wire, mb_wire_unref);
    sender->options->give(sender->options->user, job);
    sender->flush_due = true;
}

static void flush(MmSender *sender)
{
    if (sender->flush_due)
        sender->options->flush(sender->options->user);
    sender->flush_due = false;
}

static void on_message(MmSender *sender, const MbSmtpEvent *event)
{
    MmJob *job = (MmJob *)(uintptr_t)event->tag;

    mm_job_take_event(job, event);
    if (sender->options->marks != NULL)
        mm_marks_set(sender->options->marks, job->claim->row, job->claim->mark, mm_job_mark(job));
    if (event->fate == MB_SMTP_ACCEPTED ||
        (event->fate == MB_SMTP_REFUSED && event->reply->code != 421))
        sender->progress = true;
    give(sender, job);
}

/* --- one connection ----------------------------------------------------------------------- */

static bool mark_ends(void *user, size_t length)
{
    MmSender *sender = user;
    uint64_t tag;

    while (mb_smtp_session_next_end(sender->session, length, &tag)) {
        const MmClaim *claim = ((MmJob *)(uintptr_t)tag)->claim;
        if (sender->options->marks != NULL)
            mm_marks_set(sender->options->marks, claim->row, claim->mark, MM_MARK_HANDED_OVER);
    }
    return true;
}

static void trace(void *user, char direction, const char *line, size_t length)
{
    MmSender *sender = user;

    mm_transcript_line(sender->options->transcript, sender->number,
                       mb_stream_is_tls(sender->stream), direction, line, length);
}

static bool start_tls(MmSender *sender, GError **error)
{
    const MmSenderOptions *options = sender->options;

    if (!mb_stream_start_tls(sender->stream, options->tls, options->account->host, error))
        return false;
    mm_transcript_note(options->transcript, sender->number, "TLS %s with cipher %s",
                       mb_stream_is_resumed(sender->stream) ? "resumed" : "started",
                       mb_stream_tls_cipher(sender->stream));
    return true;
}

static bool connect_stream(MmSender *sender, GError **error)
{
    const MmSenderOptions *options = sender->options;
    const MbAccount *account = options->account;
    MbDialOptions dial = {
        .connect_timeout_ms = account->timeout_ms > 0 ? MIN(account->timeout_ms, CONNECT_MS) : 0,
        .tls_timeout_ms = account->timeout_ms > 0 ? MIN(account->timeout_ms, HANDSHAKE_MS) : 0,
    };

    mm_transcript_note(options->transcript, sender->number, "Trying %s:%u...", account->host,
                       account->port);
    sender->stream = mb_stream_dial(account->host, account->port, &dial, error);
    if (sender->stream == NULL)
        return false;
    mm_transcript_note(options->transcript, sender->number, "Connected to %s.", account->host);
    return account->tls != MB_TLS_ON || start_tls(sender, error);
}

static bool begin_session(MmSender *sender, GError **error)
{
    const MmSenderOptions *options = sender->options;
    const MbAccount *account = options->account;
    MbSecret *secret = options->secret;
    char *password = secret != NULL ? mb_secret_get(secret, &sender->edition, error) : NULL;
    MbSmtpOptions session = {
        .client_name = options->client_name,
        .server_name = account->host,
        .start_tls = account->tls == MB_TLS_STARTTLS,
        .secure =
            account->tls == MB_TLS_ON || (account->tls == MB_TLS_OFF && account->tls_off_said),
        .user = account->user,
        .password = password,
        .mechanism = account->auth,
        .window = options->window,
        .trace = options->transcript != NULL ? trace : NULL,
        .trace_user = sender,
    };

    if (secret != NULL && password == NULL)
        return false;
    sender->session = mb_smtp_session_new(&session, error);
    mb_wipe_free(password);
    sender->submitted = 0;
    sender->silence_ms = 0;
    sender->patience = (MmPatience){.longest_ms = account->timeout_ms};
    sender->busy_us = g_get_monotonic_time();
    return sender->session != NULL;
}

static void submit(MmSender *sender, MmJob *job)
{
    size_t n = job->claim->n_entries;
    g_autofree const char **recipients = g_new0(const char *, n + 1);
    g_autofree char *envid = NULL;
    GError *error = NULL;
    MbSmtpMessage message = {
        .sender = job->sender,
        .recipients = recipients,
        .wire = job->wire,
        .smtputf8 = job->smtputf8,
        .notify = sender->options->notify,
        .tag = (uint64_t)(uintptr_t)job,
    };

    for (size_t i = 0; i < n; i++)
        recipients[i] = job->claim->entries[i].address;
    if (message.notify != NULL)
        message.envid = envid = g_strdup_printf("%" G_GINT64_FORMAT, job->claim->row);
    if (mb_smtp_session_submit(sender->session, &message, &error)) {
        sender->submitted++;
        return;
    }
    /* What the session does not take is this message's own fault: another connection changes
     * nothing. */
    mm_job_settle(job, MM_REFUSED, 0, error->message);
    g_propagate_error(&job->error, error);
    give(sender, job);
}

/* Submits while there is room. Returns how long the pump may sleep, in milliseconds, -1 for as long
 * as it likes. */
static int fill(MmSender *sender, MmJob **first)
{
    const MmSenderOptions *options = sender->options;
    gint64 wait_us = -1;
    gint64 idle_us;

    while (mb_smtp_session_room(sender->session) > 0 &&
           (options->per_connection == 0 || sender->submitted < options->per_connection)) {
        MmJob *job = *first != NULL                 ? g_steal_pointer(first)
                     : atomic_load(&sender->finish) ? NULL
                                                    : options->take(options->user, &wait_us);
        gint64 pause_us = job != NULL ? options->pace(options->user) : 0;
        if (job == NULL)
            break;
        if (pause_us > 0) {
            wait_us = pause_us;
            *first = job;
            break;
        }
        sender->busy_us = g_get_monotonic_time();
        submit(sender, job);
    }
    if (mb_smtp_session_in_flight(sender->session) > 0 ||
        (*first != NULL && mb_smtp_session_room(sender->session) == 0))
        sender->busy_us = g_get_monotonic_time();
    idle_us = sender->busy_us + IDLE_US - g_get_monotonic_time();
    if (atomic_load(&sender->finish) || idle_us <= 0 ||
        (options->per_connection > 0 && sender->submitted >= options->per_connection))
        mb_smtp_session_quit(sender->session);
    if (wait_us < 0 || wait_us > idle_us)
        wait_us = MAX(idle_us, 0);
    return (int)(wait_us / 1000) + 1;
}

static void drain_wake(MmSender *sender)
{
    uint64_t count;
    ssize_t got;

    if (!atomic_load(&sender->woken))
        return;
    do
        got = read(sender->wake, &count, sizeof count);
    while (got < 0 && errno == EINTR);
    /* Between the flag and the write there is nothing to read yet: then the flag stays. */
    if (got > 0)
        atomic_exchange(&sender->woken, false);
}

/* The pump knows how the connection was lost, the session what for. */
static void say_why(const MbSmtpEvent *event, GError **error)
{
    g_autofree char *message = NULL;

    if (*error == NULL || event->closed_by != NULL) {
        g_clear_error(error);
        *error = g_error_copy(event->error);
        return;
    }
    message = g_strdup_printf("%s, while %s awaited a reply", (*error)->message,
                              mb_smtp_stage_name(event->closed_at));
    g_free((*error)->message);
    (*error)->message = g_steal_pointer(&message);
}

/* How the connection ended. What is said to the whole account is no use trying again. */
static Talk judge_end(const MbSmtpEvent *event, GError **error)
{
    g_autofree char *shown = NULL;

    if (event->error == NULL)
        return TALK_OVER;
    say_why(event, error);
    if (event->closed_by == NULL ||
        mm_scope_of(event->closed_by, event->closed_at) != MM_SCOPE_ACCOUNT)
        return TALK_LOST;
    shown = mb_smtp_reply_printable(event->closed_by);
    g_clear_error(error);
    *error =
        mm_scope_stop(shown, mm_scope_pause(event->closed_by, g_get_real_time() / G_USEC_PER_SEC));
    return TALK_FATAL;
}

/* Takes what the session tells. True when it has ended; *outcome and *error then say how. */
static bool take_events(MmSender *sender, Talk *outcome, GError **error)
{
    MbSmtpEvent event;

    while (mb_smtp_session_next_event(sender->session, &event) == MB_NEXT) {
        switch (event.kind) {
        case MB_SMTP_EVENT_READY:
            sender->was_ready = true;
            mb_secret_accepted(sender->options->secret, sender->edition);
            break;
        case MB_SMTP_EVENT_START_TLS:
            if (!start_tls(sender, error)) {
                *outcome = TALK_LOST;
                return true;
            }
            mb_smtp_session_tls_started(sender->session);
            break;
        case MB_SMTP_EVENT_MESSAGE: on_message(sender, &event); break;
        case MB_SMTP_EVENT_CLOSED: *outcome = judge_end(&event, error); return true;
        }
    }
    flush(sender);
    return false;
}

/* A turn of the pump. False with *lost when the server is given up. */
static bool step(MmSender *sender, MbPump *pump, int wait_ms, GError **lost)
{
    guint silence = mm_patience_silence(&sender->patience, sender->session);
    gint64 began = g_get_monotonic_time();
    int limit = mm_patience_limit(&sender->patience, sender->session, wait_ms);
    gint64 waited_ms;

    if (silence != sender->silence_ms)
        mb_pump_set_idle(pump, silence);
    sender->silence_ms = silence;
    mb_pump_step(pump, limit, sender->wake, lost);
    drain_wake(sender);
    waited_ms = MIN((g_get_monotonic_time() - began) / 1000, limit);
    if (*lost != NULL || mm_patience_check(&sender->patience, sender->session, waited_ms,
                                           mb_stream_name(sender->stream), lost))
        return *lost == NULL;
    mb_smtp_session_ops.input_end(sender->session, true);
    return false;
}

static Talk converse(MmSender *sender, MmJob **first, GError **error)
{
    MbPumpOptions options = {.before_write = mark_ends, .user = sender};
    Talk outcome = TALK_LOST;
    g_autoptr(MbPump) pump =
        mb_pump_new(sender->stream, sender->session, &mb_smtp_session_ops, &options);

    for (;;) {
        GError *lost = NULL;

        if (!step(sender, pump, fill(sender, first), &lost) && *error == NULL)
            *error = g_steal_pointer(&lost);
        g_clear_error(&lost);
        if (take_events(sender, &outcome, error)) {
            flush(sender);
            if (outcome == TALK_OVER)
                g_clear_error(error);
            return outcome;
        }
    }
}

static bool is_hopeless(const MmSender *sender, const GError *error)
{
    switch (error->code) {
    case MB_ERROR_TEMPORARY:
    case MB_ERROR_IO: return false;
    case MB_ERROR_UNAVAILABLE: return !sender->was_ready;
    default: return true;
    }
}

static Talk talk(MmSender *sender, MmJob **first, GError **error)
{
    Talk outcome = TALK_LOST;

    if (connect_stream(sender, error) && begin_session(sender, error))
        outcome = converse(sender, first, error);
    if (outcome != TALK_OVER) {
        mm_transcript_note(sender->options->transcript, sender->number, "%s", (*error)->message);
        if (is_hopeless(sender, *error))
            outcome = TALK_FATAL;
    } else {
        mm_transcript_note(sender->options->transcript, sender->number, "Connection closed.");
    }
    g_clear_pointer(&sender->session, mb_smtp_session_free);
    g_clear_pointer(&sender->stream, mb_stream_free);
    return outcome;
}

static bool has_newer_token(const MmSender *sender, GError *error)
{
    return error->domain == MB_SMTP_ERROR && error->code == MB_ERROR_LOGIN &&
           mb_secret_renew(sender->options->secret, sender->edition, error);
}

/* --- the worker --------------------------------------------------------------------------- */

/* Sleeps until woken or `wait_us` has passed (-1: no bound). */
static void sleep_until_woken(MmSender *sender, gint64 wait_us)
{
    struct pollfd entry = {.fd = sender->wake, .events = POLLIN};

    if (atomic_load(&sender->finish))
        return;
    if (poll(&entry, 1, wait_us < 0 ? -1 : (int)MIN(wait_us / 1000 + 1, G_MAXINT)) > 0)
        drain_wake(sender);
}

static MmJob *wait_for_job(MmSender *sender)
{
    while (!atomic_load(&sender->finish)) {
        gint64 wait_us = -1;
        MmJob *job = sender->options->take(sender->options->user, &wait_us);
        if (job != NULL)
            return job;
        flush(sender);
        sleep_until_woken(sender, wait_us);
    }
    return NULL;
}

/* Waits before the next try; false when trying has taken too long without getting anywhere. */
static bool pause_after(MmSender *sender, const GError *error, guint *pause_s, guint *spent_s)
{
    gint64 end;

    if (sender->progress)
        *pause_s = *spent_s = 0;
    else
        *pause_s = *pause_s == 0 ? FIRST_PAUSE_S : MIN(*pause_s * 2, LAST_PAUSE_S);
    sender->progress = false;
    if (*spent_s + *pause_s > sender->options->patience_s)
        return false;
    *spent_s += *pause_s;
    sender->options->trouble(sender->options->user, error, *pause_s);
    end = g_get_monotonic_time() + *pause_s * G_USEC_PER_SEC;
    for (gint64 left; (left = end - g_get_monotonic_time()) > 0 && !atomic_load(&sender->finish);)
        sleep_until_woken(sender, left);
    return true;
}

static void *work(void *user)
{
    MmSender *sender = user;
    guint pause_s = 0, spent_s = 0;
    GError *error = NULL;

    for (;;) {
        MmJob *job = wait_for_job(sender);
        Talk outcome;

        if (job == NULL)
            break;
        g_clear_error(&error);
        outcome = talk(sender, &job, &error);
        if (outcome == TALK_FATAL && has_newer_token(sender, error)) {
            g_clear_error(&error);
            outcome = talk(sender, &job, &error);
        }
        if (job != NULL)
            give(sender, job);
        flush(sender);
        if (outcome == TALK_FATAL ||
            (outcome == TALK_LOST && !pause_after(sender, error, &pause_s, &spent_s)))
            break;
        g_clear_error(&error);
    }
    sender->options->ended(sender->options->user, error);
    flush(sender);
    sender->options->flush(sender->options->user);
    g_clear_error(&error);
    return NULL;
}

MmSender *mm_sender_start(const MmSenderOptions *options, unsigned number, GError **error)
{
    MmSender *sender = g_new0(MmSender, 1);
    int failed;

    sender->options = options;
    sender->number = number;
    sender->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    failed = sender->wake < 0 ? errno : pthread_create(&sender->thread, NULL, work, sender);
    if (failed == 0)
        return sender;
    g_set_error(error, MM_SENDER_ERROR, MB_ERROR_TEMPORARY, "no worker for a connection: %s",
                g_strerror(failed));
    if (sender->wake >= 0)
        close(sender->wake);
    g_free(sender);
    return NULL;
}

void mm_sender_wake(MmSender *sender)
{
    static const uint64_t one = 1;

    if (atomic_exchange(&sender->woken, true))
        return;
    while (write(sender->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void mm_sender_finish(MmSender *sender)
{
    atomic_store(&sender->finish, true);
    mm_sender_wake(sender);
}

void mm_sender_join(MmSender *sender)
{
    if (sender == NULL)
        return;
    pthread_join(sender->thread, NULL);
    close(sender->wake);
    g_free(sender);
}
