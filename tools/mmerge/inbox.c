#include "inbox.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/log.h>
#include <mailbatch/source/source.h>
#include <unistd.h>

#define BUFFER_MAX (4 * 1024 * 1024) /* of a mail that is read in place */

typedef struct {
    MbSource *source;
    MmFeedbackReader *reader;
    MmInboxTotals *totals;
} Inbox;

static void note_unreadable(MmInboxTotals *totals, int exit_code)
{
    totals->unreadable++;
    if (totals->exit_code == 0)
        totals->exit_code = exit_code;
}

/* A streamed item into a file without a name; *length gets how long it is. -1 with an error. */
static int spool(MbSource *source, uint64_t *length, GError **error)
{
    int descriptor = mb_file_open_unnamed(error);
    const uint8_t *bytes;
    size_t n;

    *length = 0;
    while (descriptor >= 0 && mb_source_read(source, &bytes, &n)) {
        if (!mb_file_write_all(descriptor, bytes, n)) {
            mb_file_set_error(error, g_get_tmp_dir(), "a long mail cannot be kept there", errno);
            close(descriptor);
            return -1;
        }
        *length += n;
    }
    return descriptor;
}

static MmFeedback *read_item(Inbox *inbox, const MbItem *item, GError **error)
{
    MmFeedback *feedback;
    uint64_t length;
    int descriptor;

    if (item->bytes != NULL)
        return mm_feedback_read(inbox->reader, item->bytes + item->head,
                                (size_t)(item->length - item->head - item->tail));
    descriptor = spool(inbox->source, &length, error);
    if (descriptor < 0)
        return NULL;
    feedback = mm_feedback_read_file(inbox->reader, descriptor, length);
    close(descriptor);
    return feedback;
}

static bool take_item(Inbox *inbox, const MbItem *item, MmInboxTake take, void *user,
                      GError **error)
{
    g_autofree char *where = mb_locator_text(item->locator);
    g_autoptr(MmFeedback) feedback = read_item(inbox, item, error);

    if (feedback == NULL)
        return false;
    if (feedback->items->len == 0 && !item->is_mail) {
        /* What lies about in a folder is nobody's mistake. */
        if (item->is_direct || item->kind != MB_ITEM_EML) {
            mb_log_error("%s: is no mail", where);
            note_unreadable(inbox->totals, MB_EXIT_DATA);
        }
        return true;
    }
    inbox->totals->mails++;
    return take(user, feedback, where, error);
}

/* As the mbox of somebody who has no mail. */
static bool is_empty(const char *path)
{
    GStatBuf facts;

    return g_stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == 0;
}

bool mm_inbox_read(const char *path, const volatile sig_atomic_t *stop, MmFeedbackReader *reader,
                   MmInboxTake take, void *user, MmInboxTotals *totals, GError **error)
{
    const MbSourceOptions options = {.buffer_max = BUFFER_MAX, .stop = stop};
    g_autoptr(GError) problem = NULL;
    g_autoptr(MbSource) source = is_empty(path) ? NULL : mb_source_open(path, &options, &problem);
    Inbox inbox = {source, reader, totals};
    const MbItem *item;
    MbNext next;

    if (source == NULL) {
        if (problem != NULL)
            note_unreadable(totals, mb_log_fail(problem));
        return true;
    }
    while (!*stop && (next = mb_source_next(source, &item, &problem)) != MB_END) {
        if (next == MB_FAILED) {
            note_unreadable(totals, mb_log_fail(problem));
            g_clear_error(&problem);
        } else if (!take_item(&inbox, item, take, user, error)) {
            return false;
        }
        totals->bytes = mb_source_bytes_in(source);
    }
    return true;
}
