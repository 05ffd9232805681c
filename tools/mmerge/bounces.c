#include "commands.h"
#include "inbox.h"
#include "ledger-seen.h"
#include "mailbox.h"
#include "verp.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/stop.h>
#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define TOOL         "mmerge bounces"
#define LISTED_MAX   10   /* reports that are not marked, named on a terminal */
#define KEEP_EVERY   1000 /* marks */
#define NO_CHANGE(f) ((f) == MM_FATE_DELAYED || (f) == MM_FATE_HANDED_ON)

typedef struct {
    gboolean json, quiet, verbose;
} BouncesOptions;

typedef struct {
    uint64_t reports; /* mails that report something */
    uint64_t hard, soft, complained, delivered;
    uint64_t known;     /* told again */
    uint64_t no_change; /* delayed, relayed, expanded */
    uint64_t unmarked;
    uint64_t suppressed; /* addresses on the list */
} Totals;

typedef struct {
    const BouncesOptions *options;
    MmLedger *ledger;
    MmFeedbackReader *reader;
    MbProgress *progress;
    MmInboxTotals inbox;
    Totals totals;
    GString *line;
    const volatile sig_atomic_t *stop; /* Ctrl-C: what was marked is kept */
} Bounces;

/* --- one recipient of one report ----------------------------------------------------------- */

static const char *state_of(const MmReturned *returned)
{
    return mm_state_name(returned->state);
}

static void begin_event(Bounces *bounces, MbJson *json, const char *event)
{
    g_string_truncate(bounces->line, 0);
    mb_json_init(json, bounces->line);
    mb_json_begin_map(json);
    mb_json_put_string(json, "event", event);
}

static void end_event(Bounces *bounces, MbJson *json)
{
    mb_json_end_map(json);
    puts(bounces->line->str);
}

static void note_marked(Bounces *bounces, const MmReturned *returned, const char *where,
                        uint64_t row, const char *address)
{
    bool hard = mm_ledger_is_hard(returned->state, returned->reply);
    MbJson json;

    if (returned->state == MM_COMPLAINED)
        bounces->totals.complained++;
    else if (returned->state == MM_DELIVERED)
        bounces->totals.delivered++;
    else if (hard)
        bounces->totals.hard++;
    else
        bounces->totals.soft++;
    if (!bounces->options->json)
        return;
    begin_event(bounces, &json, "marked");
    mb_json_put_string(&json, "address", address);
    mb_json_put_string(&json, "state", state_of(returned));
    mb_json_put_unsigned(&json, "row", row);
    mb_json_put_string(&json, "reply", returned->reply);
    mb_json_put_bool(&json, "hard", hard);
    mb_json_put_string(&json, "mail", where);
    end_event(bounces, &json);
}

static const char *reason_of(MmReturnResult result, bool has_proof)
{
    if (result == MM_RETURN_NOT_SENT)
        return "the ledger does not hold it as sent";
    if (result == MM_RETURN_NOT_THEIRS)
        return "that message did not go to this address";
    return has_proof ? "it is not about a message of this campaign"
                     : "it does not say which message it is about";
}

static void note_unmarked(Bounces *bounces, const MmReturned *returned, const char *where,
                          const char *reason)
{
    const char *said = returned->address != NULL ? returned->address : returned->final;
    g_autofree char *shown = said != NULL ? mb_text_printable(said, strlen(said)) : NULL;
    bool verbose = mb_log_level() == MB_LOG_VERBOSE;
    MbJson json;

    bounces->totals.unmarked++;
    if (bounces->options->json) {
        begin_event(bounces, &json, "unmarked");
        mb_json_put_string(&json, "address", shown);
        mb_json_put_string(&json, "state", state_of(returned));
        mb_json_put_string(&json, "reply", returned->reply);
        mb_json_put_string(&json, "reason", reason);
        mb_json_put_string(&json, "mail", where);
        end_event(bounces, &json);
    } else if (verbose || bounces->totals.unmarked <= LISTED_MAX) {
        mb_log_warning("%s: %s %s: not marked: %s", where,
                       shown != NULL ? shown : "an unnamed recipient", state_of(returned), reason);
    }
}

/* --- one report ---------------------------------------------------------------------------- */

/* What a report holds that proves something: its Message-ID, and the VERP addresses it came to. */
typedef struct {
    const char *message_id;
    GArray *verps; /* MmVerp */
} Proofs;

static void clear_verp(void *verp)
{
    mm_verp_clear(verp);
}

static GArray *read_verps(const MmFeedback *feedback)
{
    GArray *verps = g_array_new(FALSE, FALSE, sizeof(MmVerp));

    g_array_set_clear_func(verps, clear_verp);
    for (guint i = 0; i < feedback->to->len; i++) {
        MmVerp verp;

        if (mm_verp_read(g_ptr_array_index(feedback->to, i), &verp))
            g_array_append_val(verps, verp);
    }
    return verps;
}

/* A result that says more than the one before. */
static bool says_more(MmReturnResult result, MmReturnResult before)
{
    return before == MM_RETURN_STRANGER || result == MM_RETURN_MARKED || result == MM_RETURN_KNOWN;
}

/* Tries each proof until one fits. */
static bool try_proofs(Bounces *bounces, const Proofs *proofs, MmReturned *returned,
                       MmReturnResult *result, uint64_t *row, char **address, GError **error)
{
    *result = MM_RETURN_STRANGER;
    for (guint i = 0; i <= proofs->verps->len; i++) {
        const MmVerp *verp = i > 0 ? &g_array_index(proofs->verps, MmVerp, i - 1) : NULL;
        g_autofree char *found = NULL;
        MmReturnResult one;
        uint64_t number;

        returned->message_id = verp == NULL ? proofs->message_id : NULL;
        returned->proof = verp != NULL ? verp->proof : NULL;
        returned->envelope = verp != NULL ? verp->recipient : NULL;
        if (!mm_ledger_return(bounces->ledger, returned, &one, &number, &found, error))
            return false;
        if (!says_more(one, *result))
            continue;
        *result = one;
        *row = number;
        g_free(*address);
        *address = g_steal_pointer(&found);
        if (one == MM_RETURN_MARKED || one == MM_RETURN_KNOWN)
            return true;
    }
    return true;
}

static MmState state_for(MmFate fate)
{
    switch (fate) {
    case MM_FATE_COMPLAINED: return MM_COMPLAINED;
    case MM_FATE_DELIVERED: return MM_DELIVERED;
    default: return MM_BOUNCED;
    }
}

/* "5.1.1 user unknown": the verdict on it is found again in the ledger. */
static char *reply_of(const MmFeedbackItem *item)
{
    if (item->status == NULL || item->text == NULL)
        return g_strdup(item->status != NULL ? item->status : item->text);
    return g_str_has_prefix(item->text, item->status)
               ? g_strdup(item->text)
               : g_strdup_printf("%s %s", item->status, item->text);
}

static bool take_recipient(Bounces *bounces, const MmFeedbackItem *item, const Proofs *proofs,
                           const char *where, GError **error)
{
    g_autofree char *reply = reply_of(item);
    g_autofree char *address = NULL;
    MmReturned returned = {.address = item->address,
                           .final = item->final,
                           .state = state_for(item->fate),
                           .reply = reply};
    MmReturnResult result;
    uint64_t row = 0;

    if (NO_CHANGE(item->fate)) {
        bounces->totals.no_change++;
        return true;
    }
    if (!try_proofs(bounces, proofs, &returned, &result, &row, &address, error))
        return false;
    if (result == MM_RETURN_MARKED)
        note_marked(bounces, &returned, where, row, address);
    else if (result == MM_RETURN_KNOWN)
        bounces->totals.known++;
    else
        note_unmarked(bounces, &returned, where,
                      reason_of(result, proofs->message_id != NULL || proofs->verps->len > 0));
    return true;
}

static bool take_mail(void *user, const MmFeedback *feedback, const char *where, GError **error)
{
    Bounces *bounces = user;
    g_autoptr(GArray) verps = NULL;
    Proofs proofs = {.message_id = feedback->message_id};
    bool good = true;

    mb_progress_update(bounces->progress, bounces->inbox.mails, bounces->inbox.bytes);
    if (feedback->items->len == 0)
        return true;
    bounces->totals.reports++;
    proofs.verps = verps = read_verps(feedback);
    for (guint i = 0; good && i < feedback->items->len; i++)
        good = take_recipient(bounces, &g_array_index(feedback->items, MmFeedbackItem, i), &proofs,
                              where, error);
    return good &&
           (bounces->totals.reports % KEEP_EVERY != 0 || mm_ledger_flush(bounces->ledger, error));
}

/* --- the list ------------------------------------------------------------------------------ */

typedef struct {
    Bounces *bounces;
    MmSeen *seen;
    GError *error;
} Listing;

static bool list_entry(const MmLedgerEntry *entry, void *user)
{
    Listing *listing = user;
    g_autofree char *folded = NULL;
    uint64_t before;
    MbJson json;

    if (!mm_ledger_is_hard(entry->state, entry->reply))
        return true;
    folded = mm_address_fold(entry->address);
    if (!mm_seen_add(listing->seen, "suppress", folded, strlen(folded), 1, &before,
                     &listing->error))
        return false;
    if (before != 0)
        return true;
    listing->bounces->totals.suppressed++;
    if (!listing->bounces->options->json) {
        puts(entry->address);
    } else {
        begin_event(listing->bounces, &json, "suppress");
        mb_json_put_string(&json, "address", entry->address);
        mb_json_put_string(&json, "state", mm_state_name(entry->state));
        mb_json_put_unsigned(&json, "row", entry->number);
        mb_json_put_string(&json, "reply", entry->reply);
        end_event(listing->bounces, &json);
    }
    return !ferror(stdout);
}

/* All that the ledger knows by now. */
static bool print_list(Bounces *bounces, GError **error)
{
    g_autoptr(MmSeen) seen = mm_seen_new(error);
    Listing listing = {bounces, seen, NULL};

    if (seen == NULL || !mm_ledger_each(bounces->ledger, NULL, list_entry, &listing, error))
        return false;
    if (listing.error == NULL)
        return true;
    g_propagate_error(error, listing.error);
    return false;
}

/* --- the summary --------------------------------------------------------------------------- */

static void append_count(GString *line, uint64_t n, const char *what)
{
    if (n > 0)
        g_string_append_printf(line, ", %" G_GUINT64_FORMAT " %s", n, what);
}

static const char *ending(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void say_summary(Bounces *bounces)
{
    const Totals *totals = &bounces->totals;
    GString *line = bounces->line;

    if (mb_log_level() == MB_LOG_QUIET)
        return;
    if (totals->unmarked > LISTED_MAX && !bounces->options->json &&
        mb_log_level() != MB_LOG_VERBOSE)
        mb_log_warning("and %" G_GUINT64_FORMAT " more that are not marked: --verbose names them",
                       totals->unmarked - LISTED_MAX);
    g_string_printf(line,
                    "%" G_GUINT64_FORMAT " mail%s read, %" G_GUINT64_FORMAT
                    " report%s: marked %" G_GUINT64_FORMAT " bounced (%" G_GUINT64_FORMAT
                    " for good, %" G_GUINT64_FORMAT " for now), %" G_GUINT64_FORMAT
                    " complained, %" G_GUINT64_FORMAT " delivered",
                    bounces->inbox.mails, ending(bounces->inbox.mails), totals->reports,
                    ending(totals->reports), totals->hard + totals->soft, totals->hard,
                    totals->soft, totals->complained, totals->delivered);
    append_count(line, totals->known, "known already");
    append_count(line, totals->no_change, "under way");
    append_count(line, totals->unmarked, "not marked");
    append_count(line, bounces->inbox.unreadable, "could not be read");
    fprintf(stderr, "%s: %s; %" G_GUINT64_FORMAT " to suppress\n", TOOL, line->str,
            totals->suppressed);
}

static void print_json_summary(Bounces *bounces, int exit_code)
{
    const Totals *totals = &bounces->totals;
    MbJson json;

    begin_event(bounces, &json, "summary");
    mb_json_put_string(&json, "campaign", mm_ledger_campaign(bounces->ledger));
    mb_json_put_unsigned(&json, "mails", bounces->inbox.mails);
    mb_json_put_unsigned(&json, "reports", totals->reports);
    mb_json_put_unsigned(&json, "hard", totals->hard);
    mb_json_put_unsigned(&json, "soft", totals->soft);
    mb_json_put_unsigned(&json, "complained", totals->complained);
    mb_json_put_unsigned(&json, "delivered", totals->delivered);
    mb_json_put_unsigned(&json, "known", totals->known);
    mb_json_put_unsigned(&json, "under_way", totals->no_change);
    mb_json_put_unsigned(&json, "unmarked", totals->unmarked);
    mb_json_put_unsigned(&json, "unreadable", bounces->inbox.unreadable);
    mb_json_put_unsigned(&json, "suppress", totals->suppressed);
    mb_json_put_signed(&json, "exit", exit_code);
    end_event(bounces, &json);
}

/* --- the command --------------------------------------------------------------------------- */

static bool read_all(Bounces *bounces, char *const *paths, GError **error)
{
    bool good = true;

    for (; good && *paths != NULL && *bounces->stop == 0; paths++)
        good = mm_inbox_read(*paths, bounces->stop, bounces->reader, take_mail, bounces,
                             &bounces->inbox, error);
    g_clear_pointer(&bounces->progress, mb_progress_free);
    return good && mm_ledger_flush(bounces->ledger, error);
}

static int run(Bounces *bounces, char *const *paths)
{
    g_autoptr(GError) error = NULL;
    int code;

    if (!read_all(bounces, paths, &error))
        return mb_log_fail(error);
    /* From here on nothing is lost when nobody reads on. */
    signal(SIGPIPE, SIG_DFL);
    if (!print_list(bounces, &error))
        return mb_log_fail(error);
    if (*bounces->stop != 0)
        mb_log_warning("interrupted: what was marked is kept; run it again to read the rest");
    code = *bounces->stop != 0 ? MB_EXIT_TEMPORARY : bounces->inbox.exit_code;
    say_summary(bounces);
    if (bounces->options->json)
        print_json_summary(bounces, code);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        mb_log_error("standard output: cannot be written");
        return MB_EXIT_IO;
    }
    return code;
}

static int bounces_main(const BouncesOptions *options, char *const *operands)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MmLedger) ledger = mm_ledger_open_existing(operands[0], &error);
    g_autoptr(MmFeedbackReader) reader = NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    Bounces bounces = {.options = options, .ledger = ledger, .line = line};
    int code;

    if (ledger == NULL) {
        mm_suggest_ledger(operands[0], error);
        return mb_log_fail(error);
    }
    bounces.stop = mb_stop_watch();
    bounces.reader = reader = mm_feedback_reader_new();
    bounces.progress = mb_progress_new("mails", 0);
    code = run(&bounces, operands + 1);
    mb_progress_free(bounces.progress);
    return code;
}

int mm_bounces_main(int argc, char **argv)
{
    BouncesOptions options = {0};
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.json,
         "JSON lines: what was marked, what was not, whom to suppress", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, "No progress, and errors only", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &options.verbose,
         "Name every report that is not marked", NULL},
        G_OPTION_ENTRY_NULL,
    };
    MbParsed parsed = mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "LEDGER MAIL…",
                                      "mark what came back, and print whom to suppress",
                                      "MAIL is a file, an mbox, a Maildir, a tar, an archive of "
                                      "popdump, or - for standard input. "
                                      "The list is for --suppress FILE.",
                                      entries, 2, -1);

    if (parsed != MB_PARSED_RUN)
        return parsed == MB_PARSED_DONE ? MB_EXIT_OK : MB_EXIT_USAGE;
    if (options.quiet && options.verbose)
        return mb_option_usage(TOOL, "--quiet and --verbose: say one of them");
    if (options.quiet)
        mb_progress_hide();
    mb_log_set_level(options.quiet     ? MB_LOG_QUIET
                     : options.verbose ? MB_LOG_VERBOSE
                                       : MB_LOG_NORMAL);
    return bounces_main(&options, argv + 1);
}
