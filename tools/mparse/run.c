#include "run.h"

#include "crew.h"
#include "partials.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/progress.h>
#include <mailbatch/base/stop.h>
#include <mailbatch/base/text.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LARGE_BLOCK (1 << 20)

typedef struct {
    const MpOptions *options;
    MbBudget budget; /* of everything that unfolds */
    MpOutput *output;
    MpExtract *extract; /* NULL: nothing is extracted */
    MpCrew *crew;
    MbProgress *progress;
    const volatile sig_atomic_t *stop; /* Ctrl-C: the messages in hand are finished, then it ends */
    bool is_printed; /* records of -f were asked for, not only the content of parts */
    int missing;     /* exit status of a PATH that could not be opened, or 0 */
} Run;

/* A part that is named is what the user wants to see; everything else is printed as -f says. */
static bool wants_content(const Run *run, const MbSource *source)
{
    return run->options->raw || (mb_source_part(source) != NULL &&
                                 !run->options->format_was_given && run->extract == NULL);
}

static void show_progress(Run *run, const MbSource *source)
{
    mb_progress_update(run->progress, mp_crew_items(run->crew),
                       mp_crew_summary(run->crew)->bytes_in + mb_source_bytes_in(source));
}

/* All that the source has. False: the output failed. *is_missing: what could not be read last is
 * not there. */
static bool do_source(Run *run, MbSource *source, bool is_content, bool *is_missing, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const MbItem *item;
    MbNext next;

    while (*run->stop == 0 && (next = mb_source_next(source, &item, &problem)) != MB_END) {
        bool done;

        if (next == MB_FAILED) {
            *is_missing = g_error_matches(problem, MB_SOURCE_ERROR, MB_ERROR_NO_INPUT);
            done = mp_crew_failure(run->crew, problem->message, error);
            g_clear_error(&problem);
        } else {
            done = mp_crew_item(run->crew, source, item, run->budget.depth, is_content, error);
        }
        if (!done)
            return false;
        show_progress(run, source);
    }
    return true;
}

/* With the first PATH that is to be printed. */
static void print_begin(Run *run)
{
    g_autoptr(MpPrinter) printer = NULL;

    if (run->is_printed)
        return;
    run->is_printed = true;
    printer = mp_printer_new(run->options);
    if (printer->begin != NULL)
        printer->begin(printer, mp_output_buffer(run->output));
}

/* False: the output failed. */
static bool do_path(Run *run, const char *path, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(MbSource) source = NULL;
    MbSourceOptions options = run->options->source;
    uint64_t items = mp_crew_items(run->crew);
    uint64_t failures = mp_crew_failures(run->crew);
    bool is_missing = false;
    bool is_content;

    options.budget = &run->budget;
    options.stop = run->stop;
    source = mb_source_open(path, &options, &problem);
    if (source == NULL) {
        run->missing = (int)mb_exit_of(problem);
        return mp_crew_failure(run->crew, problem->message, error);
    }
    if (run->options->paths[1] == NULL) /* of several, the size of all is not known */
        mb_progress_set_bytes_total(run->progress, mb_source_bytes_total(source));
    is_content = wants_content(run, source);
    if (!is_content)
        print_begin(run);
    if (!do_source(run, source, is_content, &is_missing, error))
        return false;
    mp_crew_summary(run->crew)->bytes_in += mb_source_bytes_in(source);
    if (*run->stop != 0 || mp_crew_items(run->crew) > items)
        return true;
    if (is_missing)
        run->missing = MB_EXIT_NO_INPUT;
    if (mp_crew_failures(run->crew) == failures) {
        g_autofree char *shown = mb_text_printable(path, strlen(path));
        g_autofree char *text = g_strdup_printf("%s: no message in it", shown);

        mp_crew_summary(run->crew)->defective++;
        return mp_crew_say(run->crew, text, error);
    }
    return true;
}

static const char *ending(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void say_summary(const Run *run)
{
    const MpSummary *summary = mp_crew_summary(run->crew);
    g_autofree char *size = mb_text_format_size(summary->message_bytes);
    g_autoptr(GString) line = g_string_new(NULL);

    if (mb_log_level() == MB_LOG_QUIET || summary->messages + summary->others == 0)
        return;
    g_string_printf(line, "%" G_GUINT64_FORMAT " message%s, %s: ", summary->messages,
                    ending(summary->messages), size);
    for (size_t kind = 0; kind < MB_BYTES_KINDS; kind++) {
        if (summary->kinds[kind] > 0)
            g_string_append_printf(line, "%s %" G_GUINT64_FORMAT ", ",
                                   mb_bytes_kind_name((MbBytesKind)kind), summary->kinds[kind]);
    }
    g_string_append_printf(line, "%" G_GUINT64_FORMAT " with defects", summary->defective);
    if (summary->others > 0)
        g_string_append_printf(line, ", %" G_GUINT64_FORMAT " file%s no mail", summary->others,
                               summary->others == 1 ? " that is" : "s that are");
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
    const MpSummary *summary = mp_crew_summary(run->crew);

    if (run->missing != 0)
        return run->missing;
    if (mp_crew_missed_part(run->crew))
        return MB_EXIT_NO_INPUT;
    if (summary->failures > 0 || summary->limits != 0 || *run->stop != 0)
        return MB_EXIT_PARTIAL;
    return summary->defective > 0 ? MB_EXIT_DEFECTS : MB_EXIT_OK;
}

static void print_summary(Run *run)
{
    g_autoptr(MpPrinter) printer = mp_printer_new(run->options);
    MpSummary *summary = mp_crew_summary(run->crew);

    if (!run->is_printed || printer->summary == NULL)
        return;
    if (mp_partials_is_full(run->options->partials))
        summary->limits |= MB_LIMIT_ITEMS;
    printer->summary(printer, summary, mp_output_buffer(run->output));
}

static bool finish(Run *run, GError **error)
{
    MpSummary *summary = mp_crew_summary(run->crew);

    summary->limits |= run->budget.hit;
    print_summary(run);
    if (run->extract != NULL && !mp_extract_finish(run->extract, error))
        return false;
    if (*run->stop != 0) {
        mb_log_error("interrupted: the output is not complete");
        return run->options->output != NULL || mp_output_finish(run->output, error);
    }
    if ((run->missing != 0 || mp_crew_missed_part(run->crew)) &&
        summary->messages + summary->others == 0)
        return true; /* nothing came of it: a file that was there stays */
    return mp_output_finish(run->output, error);
}

static bool do_all(Run *run, GError **error)
{
    const MpOptions *options = run->options;

    run->output = mp_output_open(options->output, options->format == MP_FORMAT_SQLITE, error);
    if (run->output == NULL)
        return false;
    if (options->extract_to != NULL) {
        run->extract = mp_extract_new(options, error);
        if (run->extract == NULL)
            return false;
    }
    run->crew = mp_crew_new(options, options->threads, run->output, run->extract);
    for (char **path = options->paths; *path != NULL && *run->stop == 0; path++) {
        if (!do_path(run, *path, error))
            return false;
    }
    return mp_crew_wait(run->crew, error) && finish(run, error);
}

/* Large blocks go back to the system when they are freed, instead of staying in the heap of each
 * thread that had one. */
static void keep_memory_flat(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    mallopt(M_TRIM_THRESHOLD, 4 * LARGE_BLOCK);
}

int mp_run(const MpOptions *options)
{
    Run run = {.options = options};
    g_autoptr(GError) error = NULL;
    bool is_pipe_closed;
    int status;

    keep_memory_flat();
    run.stop = mb_stop_watch();
    mb_budget_init(&run.budget, &options->limits);
    /* A progress line would stand in the middle of what is printed. */
    if (options->output == NULL && isatty(STDOUT_FILENO))
        mb_progress_hide();
    run.progress = mb_progress_new("messages", 0);
    if (do_all(&run, &error)) {
        g_clear_pointer(&run.progress, mb_progress_free);
        say_summary(&run);
        status = exit_status(&run);
    } else {
        status = 0;
    }
    is_pipe_closed = run.output != NULL && mp_output_is_pipe_closed(run.output);
    mb_progress_free(run.progress);
    mp_crew_free(run.crew);
    mp_extract_free(run.extract);
    mp_output_free(run.output);
    if (is_pipe_closed) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return error != NULL ? mb_log_fail(error) : status;
}
