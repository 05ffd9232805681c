#include "rehearsal.h"

#include <mailbatch/base/queue.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Rows are handed over by the batch, so that threads are woken seldom; long ones in smaller
 * batches, so that memory stays small. */
#define BATCH_ROWS   64
#define BATCH_OCTETS (256 * 1024)
#define BATCHES      4

typedef struct {
    GArray *rows; /* MmRehearsed */
    GStringChunk *texts;
    size_t octets;
    uint64_t done, total, blank;
    MbNext next; /* how the reading went on behind the last one */
    GError *error;
} Batch;

struct MmRehearsal {
    const MmCampaign *campaign;
    MmRenderOptions options;
    MmRows *rows;
    MbQueue *batches;
    atomic_bool stop;
    pthread_t thread;
    Batch *batch; /* the one being handed out */
    guint place;
};

static void clear_rehearsed(void *data)
{
    MmRehearsed *rehearsed = data;

    for (size_t i = 0; i < rehearsed->message.n_attachments; i++)
        mb_compose_part_unref(rehearsed->message.attachments[i]);
    g_free((void *)rehearsed->message.attachments);
    g_free((void *)rehearsed->message.recipients);
    g_free(rehearsed->problem);
    mm_row_free(rehearsed->row);
}

static Batch *batch_new(void)
{
    Batch *batch = g_new0(Batch, 1);

    batch->rows = g_array_sized_new(FALSE, TRUE, sizeof(MmRehearsed), BATCH_ROWS);
    g_array_set_clear_func(batch->rows, clear_rehearsed);
    batch->texts = g_string_chunk_new(16384);
    batch->next = MB_NEXT;
    return batch;
}

static void batch_free(void *data)
{
    Batch *batch = data;

    if (batch == NULL)
        return;
    g_array_unref(batch->rows);
    g_string_chunk_free(batch->texts);
    g_clear_error(&batch->error);
    g_free(batch);
}

/* --- the thread --------------------------------------------------------------------------- */

static const char *keep(Batch *batch, const char *text, size_t length)
{
    if (text == NULL)
        return NULL;
    batch->octets += length + 1;
    return g_string_chunk_insert_len(batch->texts, text, (gssize)length);
}

static const char *keep_text(Batch *batch, const char *text)
{
    return text != NULL ? keep(batch, text, strlen(text)) : NULL;
}

/* What the renderer lends becomes the batch's own. */
static void keep_message(Batch *batch, MmMessage *message)
{
    MmLedgerRecipient *recipients =
        g_memdup2(message->recipients, message->n_recipients * sizeof *recipients);
    MbComposePart **attachments =
        g_memdup2(message->attachments, message->n_attachments * sizeof *attachments);

    for (size_t i = 0; i < message->n_recipients; i++)
        recipients[i].address = keep_text(batch, recipients[i].address);
    for (size_t i = 0; i < message->n_attachments; i++)
        mb_compose_part_ref(attachments[i]);
    message->recipients = recipients;
    message->attachments = attachments;
    message->sender = keep_text(batch, message->sender);
    message->message_id = keep_text(batch, message->message_id);
    message->from_domain = keep_text(batch, message->from_domain);
    message->text = keep(batch, message->text, message->text_length);
    message->wire = NULL;
}

static void rehearse(MmRehearsal *rehearsal, MmRenderer *renderer, MmRow *row, Batch *batch)
{
    MmRehearsed rehearsed = {.row = row};
    g_autoptr(GError) problem = NULL;

    batch->octets += row->octets;
    if (mm_render(renderer, row, &rehearsal->options, &rehearsed.message, &problem)) {
        keep_message(batch, &rehearsed.message);
    } else {
        rehearsed.message = (MmMessage){0};
        rehearsed.problem = g_strdup(problem->message);
    }
    g_array_append_val(batch->rows, rehearsed);
}

static Batch *fill(MmRehearsal *rehearsal, MmRenderer *renderer)
{
    Batch *batch = batch_new();
    MmRow *row;

    while (batch->rows->len < BATCH_ROWS && batch->octets < BATCH_OCTETS &&
           !atomic_load(&rehearsal->stop) &&
           (batch->next = mm_rows_next(rehearsal->rows, &row, &batch->error)) == MB_NEXT)
        rehearse(rehearsal, renderer, row, batch);
    mm_rows_progress(rehearsal->rows, &batch->done, &batch->total);
    batch->blank = mm_rows_blank(rehearsal->rows);
    return batch;
}

static void *go_ahead(void *user)
{
    MmRehearsal *rehearsal = user;
    g_autoptr(MmRenderer) renderer = mm_renderer_new(rehearsal->campaign);
    bool more = true;

    while (more) {
        Batch *batch = fill(rehearsal, renderer);

        more = batch->next == MB_NEXT;
        if (!mb_queue_push(rehearsal->batches, batch)) {
            batch_free(batch);
            more = false;
        }
    }
    return NULL;
}

/* --- its owner ---------------------------------------------------------------------------- */

/* Signals are the owner's. */
static int start_thread(MmRehearsal *rehearsal)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&rehearsal->thread, NULL, go_ahead, rehearsal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

MmRehearsal *mm_rehearsal_new(const MmCampaign *campaign, const MmRenderOptions *options,
                              GError **error)
{
    MmRows *rows = mm_rows_open(campaign, error);
    MmRehearsal *rehearsal;
    int failed;

    if (rows == NULL)
        return NULL;
    rehearsal = g_new0(MmRehearsal, 1);
    rehearsal->campaign = campaign;
    if (options != NULL)
        rehearsal->options = *options;
    rehearsal->rows = rows;
    rehearsal->batches = mb_queue_new(BATCHES, batch_free);
    failed = start_thread(rehearsal);
    if (failed == 0)
        return rehearsal;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_TEMPORARY, "no thread to examine the list: %s",
                g_strerror(failed));
    mb_queue_free(rehearsal->batches);
    mm_rows_free(rows);
    g_free(rehearsal);
    return NULL;
}

void mm_rehearsal_free(MmRehearsal *rehearsal)
{
    if (rehearsal == NULL)
        return;
    atomic_store(&rehearsal->stop, true);
    mb_queue_close(rehearsal->batches);
    pthread_join(rehearsal->thread, NULL);
    mb_queue_free(rehearsal->batches);
    batch_free(rehearsal->batch);
    mm_rows_free(rehearsal->rows);
    g_free(rehearsal);
}

MbNext mm_rehearsal_next(MmRehearsal *rehearsal, const MmRehearsed **next, GError **error)
{
    while (rehearsal->batch == NULL || rehearsal->place == rehearsal->batch->rows->len) {
        Batch *before = rehearsal->batch;

        if (before != NULL && before->next != MB_NEXT) {
            if (before->next == MB_FAILED)
                g_propagate_error(error, g_steal_pointer(&before->error));
            return before->next;
        }
        rehearsal->batch = mb_queue_pop(rehearsal->batches);
        rehearsal->place = 0;
        batch_free(before);
    }
    *next = &g_array_index(rehearsal->batch->rows, MmRehearsed, rehearsal->place++);
    return MB_NEXT;
}

void mm_rehearsal_progress(const MmRehearsal *rehearsal, uint64_t *done, uint64_t *total)
{
    *done = rehearsal->batch != NULL ? rehearsal->batch->done : 0;
    *total = rehearsal->batch != NULL ? rehearsal->batch->total : 0;
}

uint64_t mm_rehearsal_blank(const MmRehearsal *rehearsal)
{
    return rehearsal->batch != NULL ? rehearsal->batch->blank : 0;
}
