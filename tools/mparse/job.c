#include "job.h"

#include "named.h"
#include "partials.h"

#include <mailbatch/base/error.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#define BUFFER      ((size_t)65536) /* of a job's small items */
#define ENTRIES_MAX 4096            /* empty messages have no bytes that fill a buffer */
#define OUT_MAX     ((gsize)524288) /* printed beyond it: written as soon as the turn comes */
#define OUT_ALONE   ((gsize)65536)  /* the same where there is no turn to wait for */
#define OUT_KEPT    ((gsize)262144) /* room that is kept for the next use … */
#define OUTS_MAX    16              /* … so many times a thread */

static void worker_drain(void *data, GString *out);
static void worker_wait(void *data);

static void equip(MpWorker *worker)
{
    worker->walk = mp_walk_new(&worker->options->limits);
    mp_walk_set_wait(worker->walk, worker_wait, worker);
    worker->printer = mp_printer_new(worker->options);
    worker->printer->drain = worker_drain;
    worker->printer->drain_data = worker;
    if (worker->options->views_gmime)
        worker->views = mp_views_new();
}

static void strip(MpWorker *worker)
{
    g_clear_pointer(&worker->walk, mp_walk_free);
    g_clear_pointer(&worker->printer, mp_printer_free);
    g_clear_pointer(&worker->views, mp_views_free);
}

/* Under pthread's own mutex, which ThreadSanitizer knows. */
struct MpRooms {
    pthread_mutex_t lock;
    GString *rooms[OUTS_MAX];
    size_t count;
};

static struct MpRooms *rooms_new(void)
{
    struct MpRooms *rooms = g_new0(struct MpRooms, 1);

    pthread_mutex_init(&rooms->lock, NULL);
    return rooms;
}

static void rooms_free(struct MpRooms *rooms)
{
    for (size_t i = 0; i < rooms->count; i++)
        g_string_free(rooms->rooms[i], TRUE);
    pthread_mutex_destroy(&rooms->lock);
    g_free(rooms);
}

/* The one that was used last. */
static GString *take_one(struct MpRooms *rooms)
{
    GString *room = NULL;

    pthread_mutex_lock(&rooms->lock);
    if (rooms->count > 0)
        room = rooms->rooms[--rooms->count];
    pthread_mutex_unlock(&rooms->lock);
    return room != NULL ? room : g_string_new(NULL);
}

static void put_back(struct MpRooms *rooms, GString *room)
{
    pthread_mutex_lock(&rooms->lock);
    if (rooms->count < OUTS_MAX && room->allocated_len <= OUT_KEPT)
        rooms->rooms[rooms->count++] = g_steal_pointer(&room);
    pthread_mutex_unlock(&rooms->lock);
    if (room != NULL)
        g_string_free(room, TRUE);
}

MpWorker *mp_worker_new(const MpOptions *options, MpExtract *extract, unsigned number,
                        MpAwaitTurn await_turn, void *await_data)
{
    MpWorker *worker = g_new0(MpWorker, 1);

    worker->await_turn = await_turn;
    worker->await_data = await_data;
    worker->options = options;
    worker->rooms = rooms_new();
    if (extract != NULL)
        worker->extractor = mp_extractor_new(extract, number);
    equip(worker);
    return worker;
}

void mp_worker_free(MpWorker *worker)
{
    if (worker == NULL)
        return;
    strip(worker);
    mp_extractor_free(worker->extractor);
    rooms_free(worker->rooms);
    g_free(worker);
}

MpJob *mp_job_new(MpOutput *output, MpExtract *extract)
{
    MpJob *job = g_new0(MpJob, 1);

    job->entries = g_array_new(FALSE, FALSE, sizeof(MpEntry));
    job->large = g_ptr_array_new_with_free_func(g_free);
    job->strings = g_string_chunk_new(4096);
    job->manifest = g_string_new(NULL);
    job->says = g_ptr_array_new_with_free_func(g_free);
    job->output = output;
    job->extract = extract;
    return job;
}

/* The room of what was printed, unless it is much. */
static void give_back(MpJob *job)
{
    if (job->out != NULL)
        put_back(job->home, g_steal_pointer(&job->out));
}

void mp_job_free(MpJob *job)
{
    if (job == NULL)
        return;
    g_array_unref(job->entries);
    g_free(job->buffer);
    g_ptr_array_unref(job->large);
    g_string_chunk_free(job->strings);
    give_back(job);
    g_string_free(job->manifest, TRUE);
    g_ptr_array_unref(job->says);
    g_clear_error(&job->error);
    g_free(job);
}

static void empty(GString **text)
{
    if ((*text)->allocated_len > OUT_KEPT) {
        g_string_free(*text, TRUE);
        *text = g_string_new(NULL);
    }
    g_string_truncate(*text, 0);
}

void mp_job_clear(MpJob *job)
{
    g_array_set_size(job->entries, 0);
    g_ptr_array_set_size(job->large, 0);
    g_string_chunk_clear(job->strings);
    job->used = job->bytes = 0;
    give_back(job);
    empty(&job->manifest);
    g_ptr_array_set_size(job->says, 0);
    job->summary = (MpSummary){0};
    job->missed_part = false;
    g_clear_error(&job->error);
}

bool mp_job_is_full(const MpJob *job)
{
    return job->bytes >= BUFFER || job->entries->len >= ENTRIES_MAX;
}

static const uint8_t *copy_bytes(MpJob *job, const MbItem *item)
{
    size_t length = (size_t)item->length;
    uint8_t *copy;

    if (length > BUFFER - job->used) {
        copy = g_memdup2(length > 0 ? (const void *)item->bytes : "", MAX(length, 1));
        g_ptr_array_add(job->large, copy);
        return copy;
    }
    if (job->buffer == NULL)
        job->buffer = g_malloc(BUFFER);
    copy = job->buffer + job->used;
    memcpy(copy, item->bytes, length);
    job->used += length;
    return copy;
}

static char **copy_containers(MpJob *job, char *const *containers)
{
    static char *none[] = {NULL};
    guint count = g_strv_length((char **)containers);
    char **names;

    if (count == 0)
        return none;
    names = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++) {
        names[i] = g_string_chunk_insert_const(job->strings, containers[i]);
        job->bytes += strlen(names[i]);
    }
    g_ptr_array_add(job->large, names);
    return names;
}

static MbLocator copy_locator(MpJob *job, const MbLocator *locator)
{
    return (MbLocator){.path = g_string_chunk_insert_const(job->strings, locator->path),
                       .containers = copy_containers(job, locator->containers),
                       .index = locator->index};
}

void mp_job_add_copy(MpJob *job, const MbItem *item, guint32 depth, uint64_t number,
                     const char *part)
{
    MpEntry entry = {.kind = MP_ENTRY_ITEM, .item = *item, .depth = depth, .number = number};

    /* What is no mail is named, not read. */
    if (number > 0) {
        entry.item.bytes = copy_bytes(job, item);
        job->bytes += (size_t)item->length;
    }
    entry.locator = copy_locator(job, item->locator);
    if (part != NULL)
        entry.part = g_string_chunk_insert_const(job->strings, part);
    g_array_append_val(job->entries, entry);
}

void mp_job_add_text(MpJob *job, MpEntryKind kind, const char *text)
{
    MpEntry entry = {.kind = kind, .text = g_string_chunk_insert(job->strings, text)};

    job->bytes += strlen(text);
    g_array_append_val(job->entries, entry);
}

/* Writing ------------------------------------------------------------------------------------- */

bool mp_job_write(MpJob *job, GError **error)
{
    for (guint i = 0; i < job->says->len; i++)
        mb_log_error("%s", (const char *)g_ptr_array_index(job->says, i));
    g_ptr_array_set_size(job->says, 0);
    if (job->manifest->len > 0 &&
        !mp_extract_write(job->extract, job->manifest->str, job->manifest->len, error))
        return false;
    empty(&job->manifest);
    if (job->out == NULL || job->out->len == 0)
        return true;
    if (!mp_output_write(job->output, job->out->str, job->out->len, error))
        return false;
    g_string_truncate(job->out, 0);
    return true;
}

static bool await_turn(const MpWorker *worker)
{
    return worker->job->is_alone || worker->await_turn(worker->await_data, worker->job);
}

/* What a printer has so far; after an error nothing more is kept. */
static void worker_drain(void *data, GString *out)
{
    const MpWorker *worker = data;
    MpJob *job = worker->job;

    if (out->len + job->manifest->len < (job->is_alone ? OUT_ALONE : OUT_MAX))
        return;
    if (job->error == NULL && await_turn(worker))
        mp_job_write(job, &job->error);
    g_string_truncate(out, 0);
    g_string_truncate(job->manifest, 0);
}

/* A heavy message goes on when all before it are written: so no two are in hand at a time. */
static void worker_wait(void *data)
{
    await_turn(data);
}

/* What a heavy message left in buffers of all kinds is given back. */
static void recover(MpWorker *worker)
{
    strip(worker);
    equip(worker);
    malloc_trim(0);
}

/* Doing --------------------------------------------------------------------------------------- */

static void say(MpJob *job, char *text)
{
    g_ptr_array_add(job->says, text);
}

static void record_failure(MpWorker *worker, const char *text)
{
    MpJob *job = worker->job;

    job->summary.failures++;
    say(job, g_strdup(text));
    if (worker->printer->failure != NULL)
        worker->printer->failure(worker->printer, text, job->out);
}

static void account(MpSummary *summary, const MbTree *tree)
{
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

static void say_no_mail(MpJob *job, const MpMessage *message)
{
    g_autofree char *address = NULL;

    if (!message->item->is_direct || mb_tree_part(message->tree, 0)->fields > 0)
        return;
    address = mb_locator_text(message->item->locator);
    if (message->item->length == 0)
        say(job, g_strdup_printf("%s: no message in it: it is empty", address));
    else
        say(job,
            g_strdup_printf(
                "%s: no mail: it does not begin with a header field such as \"From: …\"", address));
}

/* False when the address names a part that the message does not have: said, and counted. */
static bool has_part(MpWorker *worker, const MpMessage *message, const char *part)
{
    g_autofree char *address = NULL;
    g_autofree char *shown = NULL;
    g_autofree char *text = NULL;

    if (part == NULL || mb_tree_find_id(message->tree, part) != MB_TREE_NONE)
        return true;
    address = mb_locator_text(message->item->locator);
    shown = mb_text_printable(part, strlen(part));
    text = g_strdup_printf("%s: no such part: %s: mparse -f tree shows those there are", address,
                           shown);
    record_failure(worker, text);
    worker->job->missed_part = true;
    return false;
}

static void do_item(MpWorker *worker, const MpEntry *entry)
{
    MpJob *job = worker->job;
    MpPrinter *printer = worker->printer;
    const MbItem *item = entry->present != NULL ? entry->present : &entry->item;
    g_autoptr(GError) problem = NULL;
    MpMessage message;

    if (entry->number == 0) {
        job->summary.others++;
        if (printer->other != NULL)
            printer->other(printer, item, job->out);
        return;
    }
    if (!mp_walk_item(worker->walk, entry->source, item, entry->depth, &message, &problem)) {
        record_failure(worker, problem->message);
        return;
    }
    message.number = entry->number;
    if (worker->views != NULL)
        mp_views_compare(worker->views, item, message.tree, &worker->options->limits);
    message.views = worker->views;
    say_no_mail(job, &message);
    if (!has_part(worker, &message, entry->part))
        return;
    if (entry->is_content)
        mp_named_write(job->output, &message, entry->part, worker->options->raw, &job->error);
    else
        printer->message(printer, &message, job->out);
    if (worker->options->format != MP_FORMAT_SHAPE && !entry->is_content)
        mp_partials_note(worker->options->partials, &message);
    account(&job->summary, message.tree);
    if (job->error == NULL && worker->extractor != NULL)
        mp_extract_message(worker->extractor, &message, entry->part, job->manifest, &job->error);
}

static void take_room(const MpWorker *worker, MpJob *job)
{
    job->home = worker->rooms;
    job->out = take_one(worker->rooms);
    g_string_truncate(job->out, 0);
}

void mp_job_work(void *data, void *worker_data)
{
    MpJob *job = data;
    MpWorker *worker = worker_data;

    worker->job = job;
    take_room(worker, job);
    for (guint i = 0; i < job->entries->len && job->error == NULL; i++) {
        MpEntry *entry = &g_array_index(job->entries, MpEntry, i);

        entry->item.locator = &entry->locator;
        switch (entry->kind) {
        case MP_ENTRY_ITEM:
            do_item(worker, entry);
            if (mp_walk_is_heavy(worker->walk))
                recover(worker);
            break;
        case MP_ENTRY_FAILURE: record_failure(worker, entry->text); break;
        case MP_ENTRY_SAY: say(job, g_strdup(entry->text)); break;
        }
    }
    worker->job = NULL;
}
