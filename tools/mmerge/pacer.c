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

/* --- what was sent before ----------------------------------------------------------------- */

typedef struct {
    GArray *times; /* int64_t */
    char *key;     /* the row counted last */
    int64_t now, updated;
} Past;

/* A message once, at the end of its second. A time to come was written before the clock was set
 * back. */
static bool note_past(const MmLedgerEntry *entry, void *user)
{
    Past *past = user;
    int64_t when = MIN(entry->updated, past->now);

    if (entry->updated == 0 || entry->state == MM_PENDING || entry->state == MM_INVALID ||
        entry->state == MM_SUPPRESSED ||
        (past->updated == entry->updated && g_strcmp0(past->key, entry->key) == 0))
        return true;
    g_array_append_val(past->times, when);
    g_free(past->key);
    past->key = g_strdup(entry->key);
    past->updated = entry->updated;
    return true;
}

static int by_time(const void *left_time, const void *right_time)
{
    int64_t a = *(const int64_t *)left_time;
    int64_t b = *(const int64_t *)right_time;

    return a < b ? -1 : a > b;
}

MmPacer *mm_pacer_new_after(guint count, guint seconds, MmLedger *ledger, int64_t now_s,
                            GError **error)
{
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(int64_t));
    Past past = {.times = times, .now = now_s};
    gint64 offset_us = g_get_monotonic_time() - g_get_real_time();
    bool good = ledger == NULL || mm_ledger_each(ledger, NULL, note_past, &past, error);
    MmPacer *pacer;

    g_free(past.key);
    if (!good)
        return NULL;
    g_array_sort(times, by_time);
    pacer = mm_pacer_new(count, seconds);
    for (guint i = 0; i < times->len; i++)
        mm_pacer_add_past(pacer,
                          (g_array_index(times, int64_t, i) + 1) * G_USEC_PER_SEC + offset_us);
    return pacer;
}
