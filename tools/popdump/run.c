#include "run.h"

#include "absence.h"
#include "stop.h"
#include <errno.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/log.h>
#include <mailbatch/net/stream.h>
#include <string.h>
#include <sys/stat.h>

#define QUIT_IDLE_MS 60000

MB_DEFINE_QUARK(pd_fetch_error)

/* The folder of several accounts' folders: the first that needs it makes it. */
static bool make_parent(const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);

    if (mkdir(parent, 0700) == 0 || errno == EEXIST)
        return true;
    mb_file_set_error(error, parent, "cannot make the folder", errno);
    return false;
}

/* An archive that exists is opened first, so that its lock tells before the server is asked; a new
 * one is made once there is a listing, so that a mistyped password leaves no folder behind. */
static bool open_archive(PdRun *run, GError **error)
{
    const PdFetchOptions *options = run->options;
    PdArchiveOptions open = {
        .path = options->archive,
        .host = options->account->host,
        .user = options->account->user,
        .segment_size = options->segment_size,
        .compress = options->compress,
    };
    const PdRecovery *recovery;
    g_autoptr(GPtrArray) lost = NULL;

    if (run->archive != NULL)
        return true;
    if (options->dry_run) {
        if (!g_file_test(options->archive, G_FILE_TEST_EXISTS))
            return true;
        run->archive = pd_archive_open_existing(options->archive, PD_OPEN_READ, error);
        return run->archive != NULL;
    }
    if (options->label != NULL && !make_parent(options->archive, error))
        return false;
    run->archive = pd_archive_open(&open, error);
    if (run->archive == NULL)
        return false;
    recovery = pd_archive_recovery(run->archive);
    lost = pd_archive_lost(run->archive);
    run->summary->missed = lost->len;
    for (guint i = 0; recovery->notes != NULL && i < recovery->notes->len; i++)
        mb_log_warning("%s: %s", options->archive,
                       (const char *)g_ptr_array_index(recovery->notes, i));
    return true;
}

/* ---- the listing ---- */

static guint64 copies(const void *user, const char *uidl)
{
    const PdArchive *archive = user;

    return archive != NULL ? pd_archive_copies(archive, uidl) : 0;
}

void pd_run_decide(PdRun *run)
{
    PdPlanRules rules = {
        .max_message = run->options->max_message,
        .limit = run->options->limit,
        .fetched = run->summary->archived,
        .skip_unnamed = run->reason != PD_SESSION_FIRST && run->summary->without_uidl > 0,
        .copies = copies,
        .user = run->archive,
        .left = run->left,
    };

    pd_plan_decide(run->plan, &rules);
    run->asked = run->answered = pd_run_next_item(run, 0);
}

bool pd_run_list(PdRun *run, GError **error)
{
    run->plan = pd_plan_new();
    mb_pop3_session_ask_list(run->session);
    mb_pop3_session_ask_uidl(run->session);
    if (!pd_run_settle(run, error))
        return false;
    if (run->stopping) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_TEMPORARY,
                    "%s: stopped before anything was fetched", mb_stream_name(run->stream));
        return false;
    }
    if (run->uidl_refused) {
        g_set_error(error, PD_FETCH_ERROR, MB_ERROR_UNAVAILABLE,
                    "%s: no UIDL: without unique-ids nothing tells archived messages from new ones",
                    mb_stream_name(run->stream));
        return false;
    }
    if (!open_archive(run, error))
        return false;
    pd_run_decide(run);
    run->listed = true;
    mb_log_note("%s: %zu messages listed, %" G_GUINT64_FORMAT " known, %" G_GUINT64_FORMAT
                " to fetch, window %u",
                mb_stream_name(run->stream), pd_plan_length(run->plan),
                pd_plan_count(run->plan, PD_FATE_KNOWN), pd_plan_count(run->plan, PD_FATE_FETCH),
                mb_pop3_session_window(run->session));
    return true;
}

static void tell_too_large(PdRun *run)
{
    for (size_t i = 0; i < pd_plan_length(run->plan); i++) {
        const PdItem *item = pd_plan_item(run->plan, i);

        if (item->fate == PD_FATE_TOO_LARGE &&
            (item->uidl != NULL || run->reason == PD_SESSION_FIRST))
            pd_run_leave(run, item, "too-large", "larger than --max-message");
    }
}

/* The first session's listing is the run's; later ones add what they show more. */
static void sum_listing(PdRun *run)
{
    PdFetchSummary *summary = run->summary;
    uint64_t to_fetch = summary->archived + pd_plan_count(run->plan, PD_FATE_FETCH);

    if (run->reason == PD_SESSION_FIRST || summary->listed == 0) {
        summary->listed = pd_plan_length(run->plan);
        summary->listed_bytes = pd_plan_listed_bytes(run->plan);
        summary->known = pd_plan_count(run->plan, PD_FATE_KNOWN);
    } else if (to_fetch > summary->to_fetch) {
        summary->listed += to_fetch - summary->to_fetch;
    }
    pd_tally_expect(run->options->tally, (gint64)to_fetch - (gint64)summary->to_fetch);
    summary->to_fetch = to_fetch;
    summary->later = pd_plan_count(run->plan, PD_FATE_LATER);
    tell_too_large(run);
    run->hidden = 0;
    for (size_t i = 0; i < pd_plan_length(run->plan); i++) {
        const PdItem *item = pd_plan_item(run->plan, i);

        run->hidden +=
            item->fate == PD_FATE_KNOWN && !g_hash_table_contains(run->fresh, item->uidl);
    }
}

/* ---- the journal ---- */

static char *server_url(const MbAccount *account)
{
    bool six = strchr(account->host, ':') != NULL;

    return g_strdup_printf("%s://%s@%s%s%s:%u", account->tls == MB_TLS_ON ? "pop3s" : "pop3",
                           account->user, six ? "[" : "", account->host, six ? "]" : "",
                           account->port);
}

static bool begin_session(PdRun *run, uint64_t listed, uint64_t listed_bytes, GError **error)
{
    const MbPop3Capabilities *says = mb_pop3_session_capabilities(run->session);
    const MbAccount *account = run->options->account;
    g_autofree char *url = server_url(account);
    g_autofree char *peer =
        g_strdup_printf("%s:%u", mb_stream_peer_address(run->stream), account->port);
    PdEvidence evidence = {
        .server = url,
        .peer = peer,
        .greeting = says->greeting,
        .capa = says->lines,
        .tls = mb_stream_tls_cipher(run->stream),
        .certificate = mb_stream_peer_fingerprint(run->stream),
        .listed = listed,
        .listed_bytes = listed_bytes,
    };

    if (!pd_archive_begin_session(run->archive, &evidence, error))
        return false;
    run->journaled = true;
    run->summary->sessions++;
    return true;
}

/* What the listing has and the archive has not: `older=` counts from now on. */
static bool note_first_seen(PdRun *run, GError **error)
{
    g_autoptr(GPtrArray) uidls = g_ptr_array_new();

    for (size_t i = 0; i < pd_plan_length(run->plan); i++) {
        const PdItem *item = pd_plan_item(run->plan, i);

        if (item->uidl != NULL && pd_archive_copies(run->archive, item->uidl) == 0)
            g_ptr_array_add(uidls, (gpointer)item->uidl);
    }
    for (guint i = 0; i < run->unseen->len; i++)
        g_ptr_array_add(uidls, g_ptr_array_index(run->unseen, i));
    return pd_absence_see(run->archive, uidls, error);
}

/* However the session ended: what came whole is committed, the rest forgotten, the end written
 * down. Keeps the first error. */
static bool end_session(PdRun *run, bool good, GError **error)
{
    g_autofree char *transcript = NULL;
    PdSessionEnd end = {.clean = run->quit_done};
    GError **slot = good ? error : NULL;
    bool done;

    if (run->message_open) {
        pd_archive_abandon_message(run->archive);
        run->message_open = false;
    }
    if (!run->journaled)
        return good;
    done = pd_run_commit(run, true, slot);
    if (done && !pd_remove_record(run, slot))
        done = false;
    if (done && run->plan != NULL && !note_first_seen(run, slot))
        done = false;
    transcript = pd_transcript_text(&run->transcript);
    end.fetched = run->committed;
    end.fetched_bytes = run->committed_bytes;
    end.left_behind = run->session_left;
    end.deleted = run->session_deleted;
    end.error = good || error == NULL || *error == NULL ? NULL : (*error)->message;
    end.transcript = transcript;
    return done && pd_archive_end_session(run->archive, &end, slot) && good;
}

/* ---- fetching ---- */

/* Keeps the session supplied with a window and as much again. */
static void ask_more(PdRun *run)
{
    size_t window = mb_pop3_session_window(run->session);
    size_t most = window > 1 ? 2 * window : 1;

    while (!run->stopping && run->asked < pd_plan_length(run->plan) &&
           mb_pop3_session_pending(run->session) < most) {
        mb_pop3_session_ask_retr(run->session, pd_plan_item(run->plan, run->asked)->number);
        run->asked = pd_run_next_item(run, run->asked + 1);
    }
}

static void warn_of_policies(PdRun *run)
{
    const MbPop3Capabilities *says = mb_pop3_session_capabilities(run->session);

    if (says->expire_days != 0 || pd_plan_count(run->plan, PD_FATE_FETCH) == 0 || run->expire_told)
        return;
    run->expire_told = true;
    mb_log_warning("%s: the server says that it deletes what was fetched (EXPIRE 0)",
                   mb_stream_name(run->stream));
}

/* Of an archive that holds nothing nothing is known or gone: the server may begin. */
static void ask_early(PdRun *run)
{
    warn_of_policies(run);
    ask_more(run);
    mb_pump_flush(run->pump);
}

static bool fetch(PdRun *run, GError **error)
{
    uint64_t unnamed = run->summary->without_uidl;

    warn_of_policies(run);
    ask_more(run);
    while (!run->closed && mb_pop3_session_pending(run->session) > 0) {
        if (!pd_run_step(run, error))
            return false;
        ask_more(run);
    }
    if (run->summary->without_uidl > unnamed)
        mb_log_warning("%s: no usable unique-id for %" G_GUINT64_FORMAT
                       " of the messages: every run archives them again",
                       mb_stream_name(run->stream), run->summary->without_uidl);
    return pd_run_commit(run, true, error);
}

/* All is archived by now: without deletions a QUIT that fails is worth a warning, and no more. */
bool pd_run_quit(PdRun *run, GError **error)
{
    guint timeout_ms = run->options->account->timeout_ms;
    g_autoptr(GError) failed = NULL;

    if (timeout_ms == 0 || timeout_ms > QUIT_IDLE_MS)
        mb_pump_set_idle(run->pump, QUIT_IDLE_MS);
    mb_pop3_session_quit(run->session);
    while (!run->closed) {
        if (pd_run_step(run, &failed))
            continue;
        if (run->removals->len > 0 || !run->closed || failed->domain == PD_ARCHIVE_ERROR) {
            g_propagate_error(error, g_steal_pointer(&failed));
            return false;
        }
        mb_log_warning("%s", failed->message);
    }
    return true;
}

/* ---- the run ---- */

/* A look that found the listing of before: it is evidence that there was nothing more. */
static bool leave_as_it_was(PdRun *run, GError **error)
{
    run->listed = true;
    return begin_session(run, run->look.messages, run->look.bytes, error) &&
           pd_run_quit(run, error);
}

static bool work(PdRun *run, GError **error)
{
    bool removing = run->options->delete_archived;
    bool same;

    if (!pd_run_connect(run, error) || !pd_look(run, &same, error))
        return false;
    if (same)
        return leave_as_it_was(run, error);
    if (!pd_run_list(run, error))
        return false;
    if (run->options->dry_run) {
        sum_listing(run);
        return pd_heal(run, error) && (!removing || pd_remove_tell(run, error)) &&
               pd_run_quit(run, error);
    }
    if (pd_archive_messages(run->archive) == 0)
        ask_early(run);
    if (!begin_session(run, pd_plan_length(run->plan), pd_plan_listed_bytes(run->plan), error) ||
        !pd_archive_settle(run->archive, pd_plan_uidls(run->plan), NULL, error))
        return false;
    pd_remove_settle(run);
    if (!pd_heal(run, error))
        return false;
    sum_listing(run);
    run->want_more = false;
    if (!fetch(run, error))
        return false;
    if (run->options->quiet_server)
        mb_pop3_session_ask_rset(run->session);
    if (!pd_run_settle(run, error))
        return false;
    if (removing && !run->stopping && !pd_remove_ask(run, error))
        return false;
    return pd_run_quit(run, error);
}

bool pd_run_session(PdRun *run, GError **error)
{
    bool good = work(run, error);

    return run->archive != NULL && !run->options->dry_run ? end_session(run, good, error) : good;
}

static void count_lost(PdRun *run)
{
    g_autoptr(GPtrArray) lost = NULL;

    if (run->archive == NULL || run->options->dry_run)
        return;
    lost = pd_archive_lost(run->archive);
    run->summary->lost = lost->len;
    for (guint i = 0; i < lost->len; i++)
        mb_log_error("%s: %s is missing, and was not fetched again", run->options->archive,
                     (const char *)g_ptr_array_index(lost, i));
    if (run->summary->missed > 0 && lost->len == 0)
        mb_log_error("%s: damaged: %" G_GUINT64_FORMAT
                     " messages were missing; all of them are archived again",
                     run->options->archive, run->summary->missed);
}

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void pd_run_init(PdRun *run)
{
    pd_report_init(&run->report, run->options);
    run->secret = mb_secret_new(run->options->account, pd_stop_asked);
    run->accepted = g_hash_table_new(NULL, NULL);
    run->refused = g_hash_table_new(NULL, NULL);
    run->removals = g_array_new(FALSE, FALSE, sizeof(PdRemoval));
    run->tried = new_set();
    run->doubtful = new_set();
    run->left = new_set();
    run->fresh = new_set();
    run->unseen = g_ptr_array_new_with_free_func(g_free);
    run->login_delay = -1;
}

void pd_run_clear(PdRun *run)
{
    GHashTable *const sets[] = {run->accepted, run->refused, run->tried,
                                run->doubtful, run->left,    run->fresh};

    pd_archive_free(run->archive);
    mb_tls_free(run->tls);
    mb_secret_free(run->secret);
    pd_report_clear(&run->report);
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++)
        g_hash_table_unref(sets[i]);
    g_array_unref(run->removals);
    g_ptr_array_unref(run->unseen);
    g_free(run->close_code);
    g_free(run->look.last);
}

bool pd_fetch_run(const PdFetchOptions *options, PdFetchSummary *summary, GError **error)
{
    PdRun run = {.options = options, .summary = summary};
    bool good;

    *summary = (PdFetchSummary){0};
    pd_run_init(&run);
    good = (!g_file_test(options->archive, G_FILE_TEST_EXISTS) || open_archive(&run, error)) &&
           pd_run_sessions(&run, error);
    if (good)
        count_lost(&run);
    pd_run_clear(&run);
    return good;
}
