#include "terminal.h"

#include <mailbatch/base/progress.h>
#include <mailbatch/base/text.h>
#include <stdbool.h>
#include <unistd.h>

#define REDRAW_US (G_USEC_PER_SEC / 10)

/* A rate over less than this is noise. */
#define RATE_AFTER_MS 500

struct MbProgress {
    const char *what;
    guint64 total;
    guint64 bytes_total;
    gint64 started;
    gint64 drawn;
    bool on_terminal;
};

static int hidden;

MbProgress *mb_progress_new(const char *what, guint64 total)
{
    MbProgress *progress = g_new0(MbProgress, 1);

    progress->what = what;
    progress->total = total;
    progress->started = g_get_monotonic_time();
    progress->on_terminal = isatty(STDERR_FILENO) == 1;
    return progress;
}

void mb_progress_free(MbProgress *progress)
{
    if (progress == NULL)
        return;
    if (progress->drawn != 0)
        mb_terminal_set_progress(NULL);
    g_free(progress);
}

void mb_progress_hide(void)
{
    g_atomic_int_set(&hidden, 1);
}

void mb_progress_set_total(MbProgress *progress, guint64 total)
{
    progress->total = total;
}

void mb_progress_set_bytes_total(MbProgress *progress, guint64 bytes_total)
{
    progress->bytes_total = bytes_total;
}

static void append_duration(GString *out, guint64 seconds)
{
    if (seconds < 60)
        g_string_append_printf(out, "%us", (guint)seconds);
    else if (seconds < 3600)
        g_string_append_printf(out, "%um%02us", (guint)(seconds / 60), (guint)(seconds % 60));
    else
        g_string_append_printf(out, "%" G_GUINT64_FORMAT "h%02um", seconds / 3600,
                               (guint)(seconds % 3600 / 60));
}

static void append_bytes(GString *out, guint64 bytes, guint64 total)
{
    g_autofree char *size = mb_text_format_size(bytes);

    g_string_append_printf(out, ", %s", size);
    if (total > 0) {
        g_autofree char *all = mb_text_format_size(MAX(bytes, total));

        g_string_append_printf(out, " of %s", all);
    }
}

static void append_part(GString *out, guint64 done, guint64 total)
{
    g_string_append_printf(out, ", %u%%", (guint)((double)MIN(done, total) * 100 / (double)total));
}

char *mb_progress_text(const char *what, guint64 done, guint64 total, guint64 bytes,
                       guint64 bytes_total, guint64 elapsed_ms)
{
    GString *out = g_string_new(NULL);
    bool is_early = elapsed_ms < RATE_AFTER_MS;
    bool by_bytes = total == 0 && bytes_total > 0;
    guint64 part = by_bytes ? bytes : done;
    guint64 whole = by_bytes ? bytes_total : total;

    g_string_append_printf(out, "%" G_GUINT64_FORMAT, done);
    if (total > 0)
        g_string_append_printf(out, " of %" G_GUINT64_FORMAT, MAX(done, total));
    g_string_append_printf(out, " %s", what);
    if (total > 0)
        append_part(out, done, total);
    if (bytes > 0)
        append_bytes(out, bytes, bytes_total);
    if (by_bytes)
        append_part(out, bytes, bytes_total);
    if (done > 0 && !is_early) {
        double rate = (double)done * 1000 / (double)elapsed_ms;

        g_string_append_printf(out, rate < 10 ? ", %.1f/s" : ", %.0f/s", rate);
    }
    if (part > 0 && whole > part && !is_early) {
        double rate = (double)part * 1000 / (double)elapsed_ms;

        g_string_append(out, ", ");
        append_duration(out, (guint64)((double)(whole - part) / rate) + 1);
        g_string_append(out, " left");
    }
    return g_string_free(out, FALSE);
}

void mb_progress_update(MbProgress *progress, guint64 done, guint64 bytes)
{
    g_autofree char *text = NULL;
    gint64 now;

    if (!progress->on_terminal || g_atomic_int_get(&hidden) != 0)
        return;
    now = g_get_monotonic_time();
    if (now - progress->drawn < REDRAW_US)
        return;
    progress->drawn = now;
    text = mb_progress_text(progress->what, done, progress->total, bytes, progress->bytes_total,
                            (guint64)(now - progress->started) / 1000);
    mb_terminal_set_progress(text);
}
