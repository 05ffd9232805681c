#include "run.h"

#include "stop.h"
#include <mailbatch/base/digest.h>
#include <mailbatch/base/log.h>
#include <mailbatch/net/stream.h>
#include <mailbatch/net/tls.h>

#define CONNECT_MS 10000
#define TLS_MS     30000

/* Over a minute of waiting, or twice --timeout where that is shorter: less is a server that holds
 * us for ever. */
#define MIN_BYTES_PER_S 64
#define THROUGHPUT_MS   60000

static bool secure(PdRun *run, GError **error)
{
    const MbAccount *account = run->options->account;

    if (!mb_stream_start_tls(run->stream, run->tls, account->host, error))
        return false;
    mb_log_note("%s: %s, certificate %s", mb_stream_name(run->stream),
                mb_stream_tls_cipher(run->stream), mb_stream_peer_fingerprint(run->stream));
    return true;
}

static bool dial(PdRun *run, GError **error)
{
    const MbAccount *account = run->options->account;
    guint most = account->timeout_ms != 0 ? account->timeout_ms : G_MAXUINT;
    MbDialOptions limits = {
        .connect_timeout_ms = MIN(CONNECT_MS, most),
        .tls_timeout_ms = MIN(TLS_MS, most),
    };

    if (run->tls == NULL && account->tls != MB_TLS_OFF) {
        MbTlsTrust trust = mb_account_trust(account);

        run->tls = mb_tls_client_new(&trust, error);
        if (run->tls == NULL)
            return false;
    }
    run->stream = mb_stream_dial(account->host, account->port, &limits, error);
    if (run->stream == NULL)
        return false;
    mb_log_note("%s: connected to %s", mb_stream_name(run->stream),
                mb_stream_peer_address(run->stream));
    if (account->tls == MB_TLS_OFF && !mb_stream_is_loopback(run->stream))
        mb_log_warning("%s: the login and all mail go in clear", mb_stream_name(run->stream));
    if (account->tls != MB_TLS_OFF && account->no_certificate_check)
        mb_log_warning("%s: the certificate is not checked (tls_certcheck off)",
                       mb_stream_name(run->stream));
    return account->tls != MB_TLS_ON || secure(run, error);
}

static bool make_session(PdRun *run, const char *password, GError **error)
{
    const MbAccount *account = run->options->account;
    MbPop3Options options = {
        .server_name = account->host,
        .start_tls = account->tls == MB_TLS_STARTTLS,
        .secure = account->tls == MB_TLS_ON || account->tls_off_said,
        .user = account->user,
        .password = password,
        .mechanism = account->auth,
        .window = run->one_by_one ? 1 : (guint)run->options->window,
        .trace = pd_transcript_add,
        .trace_user = &run->transcript,
    };
    MbPumpOptions pump = {
        .idle_ms = account->timeout_ms,
        .min_bytes_per_s = MIN_BYTES_PER_S,
        .throughput_ms =
            account->timeout_ms != 0 ? MIN(2 * account->timeout_ms, THROUGHPUT_MS) : THROUGHPUT_MS,
    };

    run->session = mb_pop3_session_new(&options, error);
    if (run->session == NULL)
        return false;
    run->pump = mb_pump_new(run->stream, run->session, &mb_pop3_session_ops, &pump);
    return true;
}

/* START_TLS arrives among the events of a step, but the handshake waits: it is done here. */
static bool login(PdRun *run, GError **error)
{
    while (!run->ready && !run->closed) {
        if (!pd_run_step(run, error))
            return false;
        if (run->want_tls) {
            run->want_tls = false;
            if (!secure(run, error))
                return false;
            mb_pop3_session_tls_started(run->session);
        }
        if (pd_stop_asked() && !run->ready) {
            g_set_error(error, PD_FETCH_ERROR, MB_ERROR_TEMPORARY, "%s: stopped before the login",
                        mb_stream_name(run->stream));
            return false;
        }
    }
    if (run->ready)
        run->login_at = g_get_monotonic_time();
    /* popa3d sends "+OK" alone, then the message. */
    if (run->ready && mb_pop3_session_window(run->session) == 1)
        mb_stream_be_eager(run->stream);
    return run->ready;
}

static bool try_connect(PdRun *run, guint *edition, GError **error)
{
    char *password = mb_secret_get(run->secret, edition, error);
    bool done = false;

    if (password == NULL)
        return false;
    pd_transcript_init(&run->transcript);
    done = dial(run, error) && make_session(run, password, error) && login(run, error);
    mb_wipe_free(password);
    if (done)
        mb_secret_accepted(run->secret, *edition);
    return done;
}

bool pd_run_connect(PdRun *run, GError **error)
{
    for (;;) {
        guint edition = 0;
        GError *failure = NULL;

        if (try_connect(run, &edition, &failure))
            return true;
        if (failure->domain != MB_POP3_ERROR || failure->code != MB_ERROR_LOGIN ||
            !mb_secret_renew(run->secret, edition, failure)) {
            g_propagate_error(error, failure);
            return false;
        }
        mb_log_note("%s; once more with another token", failure->message);
        g_error_free(failure);
        pd_run_disconnect(run);
    }
}

void pd_run_disconnect(PdRun *run)
{
    g_clear_pointer(&run->pump, mb_pump_free);
    g_clear_pointer(&run->session, mb_pop3_session_free);
    g_clear_pointer(&run->stream, mb_stream_free);
    g_clear_pointer(&run->plan, pd_plan_free);
    if (run->transcript.head != NULL)
        pd_transcript_clear(&run->transcript);
    run->want_tls = run->ready = run->closed = run->quit_done = run->journaled = run->uidl_refused =
        false;
    run->listed = false;
    run->doubt.open = false;
    run->asked = run->answered = 0;
    run->cut_at = 0;
    run->fetched = run->fetched_bytes = run->committed = run->committed_bytes = 0;
    run->session_left = run->session_deleted = 0;
    g_hash_table_remove_all(run->accepted);
    g_hash_table_remove_all(run->refused);
    g_array_set_size(run->removals, 0);
}
