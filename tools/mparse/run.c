#include "run.h"

#include "extract.h"
#include "output.h"
#include "print.h"
#include "walk.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const MpOptions *options;
    MbBudget budget; /* of everything that unfolds */
    MpOutput *output;
    MpPrinter *printer; /* NULL: the content of what PATH names is printed instead */
    MpExtract *extract; /* NULL: nothing is extracted */
    MpWalk *walk;
    MbProgress *progress;
    MpSummary summary;
    GError *write_error; /* met while a printer was at work */
    int missing;         /* exit status of a PATH that could not be opened, or 0 */
} Run;

/* Ctrl-C once: the message in hand is finished, then the run ends. Twice: at once. */
static volatile sig_atomic_t stop_asked;

static void ask_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    const struct sigaction action = {.sa_handler = ask_stop, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Says what could not be read, and goes on. */
static void report_failure(Run *run, const GError *error)
{
    run->summary.failures++;
    mb_log_error("%s", error->message);
    if (run->printer != NULL && run->printer->failure != NULL)
        run->printer->failure(run->printer, error->message, mp_output_buffer(run->output));
}

static void account(Run *run, const MpMessage *message)
{
    const MbTree *tree = message->tree;
    MpSummary *summary = &run->summary;

    summary->messages++;
    summary->message_bytes += mb_tree_space_length(tree, 0);
    mb_tree_account(tree, 0, summary->kinds);
    for (uint32_t space = 1; space < mb_tree_spaces(tree); space++) {
        summary->decoded_spaces++;
        summary->decoded_bytes += mb_tree_space_length(tree, space);
    }
    summary->limits |= mb_tree_limits_hit(tree);
    if (mb_tree_worst(tree) >= MB_SEVERITY_WARN)
        summary->defective++;
}

static void say_no_mail(const MpMessage *message)
{
    g_autofree char *address = NULL;

    if (!message->item->is_direct || mb_tree_part(message->tree, 0)->fields > 0)
        return;
    address = mb_locator_text(message->item->locator);
    if (message->item->length == 0)
        mb_log_error("%s: no message in it: it is empty", address);
    else
        mb_log_error("%s: no mail: it does not begin with a header field such as \"From: …\"",
                     address);
}

/* What a printer has so far; after an error nothing more is kept. */
static void drain(void *data, GString *out)
{
    Run *run = data;

    if (run->write_error == NULL)
        mp_output_drain(run->output, &run->write_error);
    if (run->write_error != NULL)
        g_string_truncate(out, 0);
}

typedef struct {
    MpOutput *output;
    GError **error;
} Content;

static bool write_content(void *data, const void *bytes, size_t length)
{
    const Content *content = data;

    return mp_output_write(content->output, bytes, length, content->error);
}

static void set_unreadable(GError **error)
{
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_IO, "a message could not be read again");
}

static bool write_range(Run *run, MbTree *tree, uint32_t space, MbRange range, GError **error)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    uint64_t done = 0;

    while (done < range.length) {
        MbRange piece = {range.offset + done, MIN(range.length - done, 1 << 20)};
        const uint8_t *bytes = mb_tree_bytes(tree, space, piece, scratch);

        if (bytes == NULL) {
            set_unreadable(error);
            return false;
        }
        if (!mp_output_write(run->output, bytes, (size_t)piece.length, error))
            return false;
        done += piece.length;
    }
    return true;
}

/* The bytes of what the address names: a part, decoded or as it stands, or (raw) a message. */
static bool write_named(Run *run, const MpMessage *message, const char *part, GError **error)
{
    const MbItem *item = message->item;
    MbTree *tree = message->tree;
    Content content = {run->output, error};
    uint32_t index;

    if (part == NULL)
        return write_range(run, tree, 0,
                           (MbRange){item->head, item->length - item->head - item->tail}, error);
    index = mb_tree_find_id(tree, part);
    if (run->options->raw)
        return write_range(run, tree, mb_tree_part(tree, index)->space,
                           mb_tree_part(tree, index)->body, error);
    if (mb_tree_decode(tree, index, write_content, &content, NULL))
        return true;
    if (*error == NULL)
        set_unreadable(error);
    return false;
}

/* False when the address names a part that the message does not have: said, and counted. */
static bool has_part(Run *run, const MpMessage *message, const char *part)
{
    g_autofree char *address = NULL;
    g_autofree char *shown = NULL;
    g_autoptr(GError) error = NULL;

    if (part == NULL || mb_tree_find_id(message->tree, part) != MB_TREE_NONE)
        return true;
    address = mb_locator_text(message->item->locator);
    shown = mb_text_printable(part, strlen(part));
    error =
        g_error_new(MB_BASE_ERROR, MB_ERROR_NO_INPUT,
                    "%s: no such part: %s: mparse -f tree shows those there are", address, shown);
    report_failure(run, error);
    run->missing = MB_EXIT_NO_INPUT;
    return false;
}

/* True when output goes on; an item that cannot be read is reported here. */
static bool do_item(Run *run, MbSource *source, const MbItem *item, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const char *part = mb_source_part(source);
    MpMessage message;

    if (!item->is_mail && !item->is_direct) {
        run->summary.others++;
        if (run->printer != NULL && run->printer->other != NULL)
            run->printer->other(run->printer, item, mp_output_buffer(run->output));
        return mp_output_drain(run->output, error);
    }
    if (!mp_walk_item(run->walk, source, item, run->budget.depth, &message, &problem)) {
        report_failure(run, problem);
        return mp_output_drain(run->output, error);
    }
    say_no_mail(&message);
    if (!has_part(run, &message, part))
        return true;
    if (run->printer == NULL) {
        if (!write_named(run, &message, part, error))
            return false;
    } else {
        run->printer->message(run->printer, &message, mp_output_buffer(run->output));
    }
    if (run->write_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&run->write_error));
        return false;
    }
    account(run, &message);
    if (run->extract != NULL && !mp_extract_message(run->extract, &message, part, error))
        return false;
    return mp_output_drain(run->output, error);
}

static MpPrinter *new_printer(Run *run)
{
    MpPrinter *printer = mp_printer_new(run->options);

    printer->drain = drain;
    printer->drain_data = run;
    return printer;
}

/* A part that is named is what the user wants to see; everything else is printed as -f says. */
static bool choose_printer(Run *run, const MbSource *source)
{
    bool wants_content =
        run->options->raw ||
        (mb_source_part(source) != NULL && !run->options->format_was_given && run->extract == NULL);

    if (wants_content)
        g_clear_pointer(&run->printer, mp_printer_free);
    else if (run->printer == NULL)
        run->printer = new_printer(run);
    return true;
}

/* False: the output failed. */
static bool do_path(Run *run, const char *path, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(MbSource) source = NULL;
    MbSourceOptions options = run->options->source;
    uint64_t before = run->summary.messages + run->summary.others;
    uint64_t failures = run->summary.failures;
    bool is_missing = false;
    const MbItem *item;
    MbNext next;

    options.budget = &run->budget;
    source = mb_source_open(path, &options, &problem);
    if (source == NULL) {
        report_failure(run, problem);
        run->missing = (int)mb_exit_of(problem);
        return true;
    }
    choose_printer(run, source);
    while (!stop_asked && (next = mb_source_next(source, &item, &problem)) != MB_END) {
        if (next == MB_FAILED) {
            report_failure(run, problem);
            is_missing = g_error_matches(problem, MB_SOURCE_ERROR, MB_ERROR_NO_INPUT);
            g_clear_error(&problem);
        } else if (!do_item(run, source, item, error)) {
            return false;
        }
        mb_progress_update(run->progress, run->summary.messages, mb_source_bytes_in(source));
    }
    run->summary.bytes_in += mb_source_bytes_in(source);
    if (stop_asked)
        return true;
    if (run->summary.messages + run->summary.others > before)
        return true;
    if (is_missing)
        run->missing = MB_EXIT_NO_INPUT;
    if (run->summary.failures == failures) {
        g_autofree char *shown = mb_text_printable(path, strlen(path));

        mb_log_error("%s: no message in it", shown);
        run->summary.defective++;
    }
    return true;
}

static void say_summary(const Run *run)
{
    const MpSummary *summary = &run->summary;
    g_autofree char *size = mb_text_format_size(summary->message_bytes);
    g_autoptr(GString) line = g_string_new(NULL);

    if (mb_log_level() == MB_LOG_QUIET || summary->messages + summary->others == 0)
        return;
    g_string_printf(line, "%" G_GUINT64_FORMAT " message%s, %s: ", summary->messages,
                    summary->messages == 1 ? "" : "s", size);
    for (size_t kind = 0; kind < MB_BYTES_KINDS; kind++) {
        if (summary->kinds[kind] > 0)
            g_string_append_printf(line, "%s %" G_GUINT64_FORMAT ", ",
                                   mb_bytes_kind_name((MbBytesKind)kind), summary->kinds[kind]);
    }
    g_string_append_printf(line, "%" G_GUINT64_FORMAT " with defects", summary->defective);
    if (summary->others > 0)
        g_string_append_printf(line, ", %" G_GUINT64_FORMAT " files that are no mail",
                               summary->others);
    if (summary->failures > 0)
        g_string_append_printf(line, ", %" G_GUINT64_FORMAT " could not be read",
                               summary->failures);
    for (guint limit = 1; limit <= MB_LIMIT_HEADERS; limit <<= 1) {
        if ((summary->limits & limit) != 0)
            g_string_append_printf(line, ", limit hit: %s", mb_limit_name((MbLimit)limit));
    }
    fprintf(stderr, "mparse: %s\n", line->str);
}

static int exit_status(const Run *run)
{
    if (run->missing != 0)
        return run->missing;
    if (run->summary.failures > 0 || run->summary.limits != 0 || stop_asked)
        return MB_EXIT_PARTIAL;
    return run->summary.defective > 0 ? MB_EXIT_DEFECTS : MB_EXIT_OK;
}

static bool finish(Run *run, GError **error)
{
    run->summary.limits |= run->budget.hit;
    if (run->printer != NULL && run->printer->summary != NULL)
        run->printer->summary(run->printer, &run->summary, mp_output_buffer(run->output));
    if (run->extract != NULL && !mp_extract_finish(run->extract, error))
        return false;
    if (stop_asked) {
        mb_log_error("interrupted: the output is not complete");
        return run->options->output != NULL || mp_output_finish(run->output, error);
    }
    if (run->missing != 0 && run->summary.messages + run->summary.others == 0)
        return true; /* nothing came of it: a file that was there stays */
    return mp_output_finish(run->output, error);
}

static bool do_all(Run *run, GError **error)
{
    const MpOptions *options = run->options;

    run->output = mp_output_open(options->output, error);
    if (run->output == NULL)
        return false;
    if (options->extract_to != NULL) {
        run->extract = mp_extract_new(options, error);
        if (run->extract == NULL)
            return false;
    }
    for (char **path = options->paths; *path != NULL && !stop_asked; path++) {
        if (!do_path(run, *path, error))
            return false;
    }
    return finish(run, error);
}

int mp_run(const MpOptions *options)
{
    Run run = {.options = options};
    g_autoptr(GError) error = NULL;
    int status;

    catch_signals();
    mb_budget_init(&run.budget, &options->limits);
    run.walk = mp_walk_new(&options->limits);
    /* A progress line would stand in the middle of what is printed. */
    if (options->output == NULL && isatty(STDOUT_FILENO))
        mb_progress_hide();
    run.progress = mb_progress_new("messages", 0);
    if (do_all(&run, &error)) {
        g_clear_pointer(&run.progress, mb_progress_free);
        say_summary(&run);
        status = exit_status(&run);
    } else {
        status = mb_log_fail(error);
    }
    mb_progress_free(run.progress);
    mp_walk_free(run.walk);
    mp_extract_free(run.extract);
    mp_printer_free(run.printer);
    mp_output_free(run.output);
    return status;
}
