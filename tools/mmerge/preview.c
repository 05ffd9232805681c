/*
 * mmerge preview: messages as they would go out, without sending any.
 */
#include "commands.h"
#include "preflight.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOOL "mmerge preview"

#define NO_ROW G_MININT64 /* until it is said */

typedef struct {
    MmCampaignOptions campaign;
    gint64 row;
    gboolean all;
    char *out;
} Options;

static bool write_wire(int descriptor, const MbWire *wire)
{
    for (size_t i = 0; i < mb_wire_segments(wire); i++) {
        MbWireSegment segment = mb_wire_segment(wire, i);

        if (!mb_file_write_all(descriptor, segment.bytes, segment.length))
            return false;
    }
    return true;
}

/* DIR/000002.eml. Written whole or not at all. */
static bool write_file(const char *folder, uint64_t number, const MbWire *wire, GError **error)
{
    g_autofree char *name = g_strdup_printf("%06" G_GUINT64_FORMAT ".eml", number);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GBytes) bytes = mb_wire_flatten(wire);
    size_t length;
    const void *data = g_bytes_get_data(bytes, &length);

    return mb_file_replace(path, data, length, 0644, error);
}

static bool write_message(const Options *options, const MmRow *row, const MmMessage *message,
                          GError **error)
{
    if (options->out != NULL)
        return write_file(options->out, row->number, message->wire, error);
    if (write_wire(STDOUT_FILENO, message->wire))
        return true;
    mb_file_set_error(error, "stdout", "cannot write", errno);
    return false;
}

static bool make_folder(const char *folder, GError **error)
{
    if (folder == NULL || g_mkdir_with_parents(folder, 0755) == 0)
        return true;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_CANNOT_CREATE, "%s: cannot create: %s", folder,
                g_strerror(errno));
    return false;
}

/* Between two messages on one stream, as mbox does. */
static void separate(const Options *options, uint64_t written)
{
    if (options->out == NULL && options->all && written > 0)
        (void)!write(STDOUT_FILENO, "\n", 1);
}

/* SOURCE_DATE_EPOCH (reproducible-builds.org) pins the Date, for comparing. */
static MmRenderOptions render_options(void)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    MmRenderOptions options = {0};

    if (epoch != NULL)
        options.date = g_ascii_strtoll(epoch, NULL, 10);
    return options;
}

/* The one row that was asked for, or the first. */
static int preview_one(const MmCampaign *campaign, const Options *options)
{
    MmRenderOptions how = render_options();
    g_autoptr(GError) error = NULL;
    g_autoptr(MmRows) rows = mm_rows_open(campaign, &error);
    g_autoptr(MmRenderer) renderer = mm_renderer_new(campaign);
    g_autoptr(MmRow) row = NULL;
    MmMessage message;
    MbNext next = MB_FAILED;

    if (rows != NULL)
        next = options->row > 0 ? mm_rows_find(rows, (uint64_t)options->row, &row, &error)
                                : mm_rows_next(rows, &row, &error);
    if (next == MB_END && options->row > 0)
        g_set_error(&error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "%s: has no row %" G_GINT64_FORMAT " (the header is row 1)",
                    mm_campaign_csv_path(campaign), options->row);
    else if (next == MB_END)
        g_set_error(&error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s: has no rows below its header",
                    mm_campaign_csv_path(campaign));
    if (next != MB_NEXT || !mm_render(renderer, row, &how, &message, &error) ||
        !make_folder(options->out, &error) || !write_message(options, row, &message, &error))
        return mb_log_fail(error);
    return MB_EXIT_OK;
}

static int preview_all(const MmCampaign *campaign, const Options *options)
{
    MmRenderOptions how = render_options();
    g_autoptr(GError) error = NULL;
    g_autoptr(MmRows) rows = mm_rows_open(campaign, &error);
    g_autoptr(MmRenderer) renderer = mm_renderer_new(campaign);
    uint64_t written = 0, bad = 0;
    MbNext next = MB_FAILED;
    MmRow *taken;

    if (rows == NULL || !make_folder(options->out, &error))
        return mb_log_fail(error);
    while ((next = mm_rows_next(rows, &taken, &error)) == MB_NEXT) {
        g_autoptr(MmRow) row = taken;
        g_autoptr(GError) problem = NULL;
        MmMessage message;

        if (!mm_render(renderer, row, &how, &message, &problem)) {
            mb_log_error("%s", problem->message);
            bad++;
            continue;
        }
        separate(options, written);
        if (!write_message(options, row, &message, &error))
            return mb_log_fail(error);
        written++;
    }
    if (next == MB_FAILED)
        return mb_log_fail(error);
    if (written == 0 && bad == 0) {
        mb_log_error("%s: has no rows below its header", mm_campaign_csv_path(campaign));
        return MB_EXIT_DATA;
    }
    if (options->out != NULL)
        mb_log_note("%" G_GUINT64_FORMAT " messages in %s", written, options->out);
    return bad > 0 ? MB_EXIT_DATA : MB_EXIT_OK;
}

int mm_preview_main(int argc, char **argv)
{
    Options options = {.row = NO_ROW};
    gboolean verbose = FALSE;
    const GOptionEntry more[] = {
        {"row", 0, 0, G_OPTION_ARG_INT64, &options.row, "The message of row N (header: row 1)",
         "N"},
        {"all", 0, 0, G_OPTION_ARG_NONE, &options.all, "The messages of all rows", NULL},
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &options.out,
         "Into files of DIR: 000002.eml for row 2", "DIR"},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Say more", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    g_autofree GOptionEntry *entries = mm_campaign_entries(&options.campaign, more);
    g_autoptr(MmCampaign) campaign = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "TEMPLATE CSV",
                            "Shows messages as they would go out; nothing is sent.", NULL, entries,
                            2, 2)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    if (options.row == NO_ROW) {
        options.row = 0;
    } else if (options.row < 1) {
        mm_campaign_options_clear(&options.campaign);
        g_free(options.out);
        return mb_option_usage(
            TOOL, "--row %" G_GINT64_FORMAT ": rows are counted from 1, the header", options.row);
    }
    if (verbose)
        mb_log_set_level(MB_LOG_VERBOSE);
    campaign = mm_campaign_open_operands(argv + 1, &options.campaign, &error);
    if (campaign == NULL) {
        status = mb_log_fail(error);
    } else {
        status = options.all || (options.out != NULL && options.row == 0)
                     ? preview_all(campaign, &options)
                     : preview_one(campaign, &options);
    }
    mm_campaign_options_clear(&options.campaign);
    g_free(options.out);
    return status;
}
