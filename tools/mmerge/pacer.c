#include "pacer.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/text.h>
#include <pthread.h>
#include <string.h>

#define COUNT_MAX 10000000

struct MmPacer {
    pthread_mutex_t lock;
    gint64 *when; /* a ring of the last `count` times */
    guint count, used, next;
    gint64 window_us;
};

bool mm_rate_parse(const char *text, guint *count, guint *seconds, GError **error)
{
    static const struct {
        const char *name;
        guint seconds;
    } units[] = {
        {"second", 1},  {"s", 1},    {"minute", 60}, {"min", 60},
        {"hour", 3600}, {"h", 3600}, {"day", 86400}, {"d", 86400},
    };
    const char *slash = strchr(text, '/');
    char *end = NULL;
    guint64 number =
        slash != NULL && g_ascii_isdigit(text[0]) ? g_ascii_strtoull(text, &end, 10) : 0;

    for (size_t i = 0; i < G_N_ELEMENTS(units) && end == slash; i++) {
        if (number > 0 && number <= COUNT_MAX && strcmp(slash + 1, units[i].name) == 0) {
            *count = (guint)number;
            *seconds = units[i].seconds;
            return true;
        }
    }
    g_autofree char *shown = mb_text_printable(text, strlen(text));
    g_set_error(error, MB_BASE_ERROR, MB_ERROR_USAGE,
                "%s: not a rate: write N/second, N/minute, N/hour or N/day", shown);
    return false;
}

MmPacer *mm_pacer_new(guint count, guint seconds)
{
    MmPacer *pacer = g_new0(MmPacer, 1);

    pthread_mutex_init(&pacer->lock, NULL);
    pacer->when = g_new0(gint64, count);
    pacer->count = count;
    pacer->window_us = (gint64)seconds * G_USEC_PER_SEC;
    return pacer;
}

void mm_pacer_free(MmPacer *pacer)
{
    if (pacer == NULL)
        return;
    pthread_mutex_destroy(&pacer->lock);
    g_free(pacer->when);
    g_free(pacer);
}

/* Who asked for the time may have been held up since: nothing is noted before what is there. */
static void note(MmPacer *pacer, gint64 when_us)
{
    guint last = (pacer->next + pacer->count - 1) % pacer->count;

    pacer->when[pacer->next] = pacer->used > 0 ? MAX(when_us, pacer->when[last]) : when_us;
    pacer->next = (pacer->next + 1) % pacer->count;
    pacer->used = MIN(pacer->used + 1, pacer->count);
}

void mm_pacer_add_past(MmPacer *pacer, gint64 when_us)
{
    note(pacer, when_us);
}

/* The slot to be overwritten is the count-th before this one. */
static gint64 left(const MmPacer *pacer, gint64 now_us)
{
    return pacer->used < pacer->count
               ? 0
               : MAX(pacer->when[pacer->next] + pacer->window_us - now_us, 0);
}

gint64 mm_pacer_wait(MmPacer *pacer, gint64 now_us)
{
    gint64 wait;

    pthread_mutex_lock(&pacer->lock);
    wait = left(pacer, now_us);
    pthread_mutex_unlock(&pacer->lock);
    return wait;
}

gint64 mm_pacer_take(MmPacer *pacer, gint64 now_us)
{
    gint64 wait;

    pthread_mutex_lock(&pacer->lock);
    wait = left(pacer, now_us);
    if (wait == 0)
        note(pacer, now_us);
    pthread_mutex_unlock(&pacer->lock);
    return wait;
}
