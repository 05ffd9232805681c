/*
 * Messages out of any bytes: mbox, archives, single messages. An mbox's items follow each other
 * without a gap.
 */
#include "fuzz.h"

#include <mailbatch/base/file.h>
#include <mailbatch/source/source.h>
#include <sys/mman.h>
#include <unistd.h>

#define ITEMS_MAX 10000

static const MbLimits limits = {
    .max_depth = 8,
    .max_parts = 1000,
    .max_headers = 1000,
    .max_items = 1000,
    .max_bytes = 1 << 24,
    .max_ratio = 1000,
};

static uint64_t take(MbSource *source, const MbItem *item)
{
    const uint8_t *bytes;
    size_t length;
    uint64_t sum = item->head;

    if (item->bytes != NULL) {
        g_assert_cmpuint(item->head + item->tail, <=, item->length);
        return item->length;
    }
    while (mb_source_read(source, &bytes, &length))
        sum += length;
    g_assert_cmpuint(sum + item->tail, ==, item->length);
    return item->length;
}

static void read_all(int descriptor, bool force_mbox)
{
    MbBudget budget;
    MbSourceOptions options = {.budget = &budget, .buffer_max = 65536, .force_mbox = force_mbox};
    g_autoptr(MbSource) source = NULL;
    g_autoptr(GError) error = NULL;
    uint64_t end = 0;
    const MbItem *item;
    MbNext next;

    mb_budget_init(&budget, &limits);
    source = mb_source_open_descriptor(descriptor, "fuzz", &options, &error);
    for (int count = 0; count < ITEMS_MAX; count++) {
        next = mb_source_next(source, &item, &error);
        if (next == MB_END)
            return;
        if (next == MB_FAILED) {
            g_clear_error(&error);
            continue;
        }
        if (item->kind == MB_ITEM_MBOX && item->locator->index > 1)
            g_assert_cmpuint(item->offset, ==, end);
        end = item->offset + take(source, item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    g_auto(MbLocator) locator = {0};
    g_autofree char *text = g_strndup(size > 0 ? (const char *)data : "", size);

    if (descriptor < 0 || !mb_file_write_all(descriptor, data, size))
        return 0;
    for (int force = 0; force < 2; force++) {
        lseek(descriptor, 0, SEEK_SET);
        read_all(descriptor, force != 0);
    }
    close(descriptor);
    if (mb_locator_parse(text, &locator)) {
        g_autofree char *written = mb_locator_text(&locator);
        g_auto(MbLocator) again = {0};

        g_assert_true(mb_locator_parse(written, &again));
        g_assert_cmpstr(again.path, ==, locator.path);
    }
    return 0;
}
