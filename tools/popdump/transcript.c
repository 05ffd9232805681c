#include "transcript.h"

#include <mailbatch/base/text.h>
#include <string.h>

#define LINE_SHOWN 500

void pd_transcript_init(PdTranscript *transcript)
{
    transcript->head = g_string_new(NULL);
    transcript->tail = g_string_new(NULL);
    transcript->left_out = 0;
}

void pd_transcript_clear(PdTranscript *transcript)
{
    g_string_free(g_steal_pointer(&transcript->head), TRUE);
    g_string_free(g_steal_pointer(&transcript->tail), TRUE);
}

/* Now and then, so that a line costs no move of the whole tail. */
static void drop_oldest(PdTranscript *transcript)
{
    const GString *tail = transcript->tail;
    gsize drop = 0;

    if (tail->len < 2 * PD_TRANSCRIPT_TAIL)
        return;
    while (tail->len - drop > PD_TRANSCRIPT_TAIL) {
        drop = (gsize)(strchr(tail->str + drop, '\n') - tail->str) + 1;
        transcript->left_out++;
    }
    g_string_erase(transcript->tail, 0, (gssize)drop);
}

void pd_transcript_add(void *user, char direction, const char *line, size_t length)
{
    PdTranscript *transcript = user;
    bool full = transcript->head->len >= PD_TRANSCRIPT_HEAD;
    GString *out = full ? transcript->tail : transcript->head;

    g_string_append_c(out, direction);
    g_string_append_c(out, ' ');
    mb_text_append_printable(out, line, length, LINE_SHOWN);
    g_string_append_c(out, '\n');
    if (full)
        drop_oldest(transcript);
}

char *pd_transcript_text(const PdTranscript *transcript)
{
    if (transcript->left_out == 0)
        return g_strconcat(transcript->head->str, transcript->tail->str, NULL);
    return g_strdup_printf("%s… %" G_GUINT64_FORMAT " lines left out\n%s", transcript->head->str,
                           transcript->left_out, transcript->tail->str);
}
