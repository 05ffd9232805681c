#include "source-private.h"

#include <string.h>

#define KEEP_BEHIND  4  /* bytes before a line that tell whether empty lines are there */
#define TAIL_MAX     2  /* octets of an empty line, which may be framing */
#define LINES_TO_SEE 20 /* lines among which a header field must be */

size_t mb_source_leading(const uint8_t *bytes, size_t length)
{
    size_t at = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    while (at < length && (bytes[at] == '\n' || bytes[at] == '\r'))
        at++;
    return at;
}

bool mb_source_looks_like_mail(const uint8_t *bytes, size_t length)
{
    size_t at = mb_source_leading(bytes, length);

    for (size_t line = 0; line < LINES_TO_SEE && at < length; line++) {
        const uint8_t *end = memchr(bytes + at, '\n', length - at);

        if (mb_mbox_is_field(bytes + at, length - at))
            return true;
        if (end == NULL)
            break;
        at = (size_t)(end - bytes) + 1;
    }
    return false;
}

/* Octets of the empty line that ends a message in an mbox, when it is not the message's own. */
static size_t empty_line_at_end(const uint8_t *bytes, size_t length, size_t body)
{
    size_t tail = 0;

    if (length >= 2 && bytes[length - 1] == '\n') {
        if (bytes[length - 2] == '\n')
            tail = 1;
        else if (length >= 3 && bytes[length - 2] == '\r' && bytes[length - 3] == '\n')
            tail = 2;
    }
    return body + tail <= length ? tail : 0;
}

/* Whether a message may end at `target`: behind it is nothing, or, with at most two line ends
 * between, a dated From_ line. *end is where the next one begins. */
static bool ends_at(const MbMboxView *view, size_t target, size_t *end)
{
    size_t at = target;

    while (at < view->length && at < target + 4 &&
           (view->bytes[at] == '\n' || view->bytes[at] == '\r'))
        at++;
    *end = at;
    if (at == view->length)
        return view->is_end;
    return mb_mbox_from_line(view->bytes + at, view->length - at) > 0 &&
           view->bytes[at - 1] == '\n' && mb_mbox_is_dated(view, at);
}

static MbMboxView view_of(const MbLayer *layer)
{
    return (MbMboxView){mb_window_bytes(&layer->window), mb_window_length(&layer->window),
                        layer->window.at_end};
}

/* Whether Content-Length leads to where a message may end, further on than a buffer reaches. */
static bool leads_far(MbSource *source, MbLayer *layer, uint64_t target, uint64_t *landing)
{
    g_autofree uint8_t *bytes = g_malloc(MB_MBOX_CONTEXT);
    int file = layer->size_hint > 0 ? layer->descriptor : -1;
    MbMboxView view = {.bytes = bytes};
    gssize length;
    size_t end;

    if (layer->ahead.input.read == NULL)
        mb_ahead_init(&layer->ahead, &layer->window, source->options.stop);
    length = mb_ahead_read(&layer->ahead, &layer->window, file, source->budget->limits->max_bytes,
                           target - 1, bytes, MB_MBOX_CONTEXT, &layer->problem);
    if (length < 1)
        return false;
    view.length = (size_t)length;
    view.is_end = length < MB_MBOX_CONTEXT;
    if (!ends_at(&view, 1, &end))
        return false;
    *landing = target - 1 + end;
    return true;
}

/* A message ends at `end`, by its lines, or goes on there (`is_open`). Content-Length may say that
 * a From_ line there is its own, and where it ends, when that is further on than a buffer reaches:
 * then the item becomes one that is streamed. */
static size_t check_content_length(MbSource *source, MbLayer *layer, size_t head, size_t end,
                                   bool is_open)
{
    MbItem *item = &source->item;
    MbWindow *window = &layer->window;
    MbMboxHeader header = mb_mbox_read_header(mb_window_bytes(window), end, head);
    MbMboxView view;
    uint64_t target;
    size_t landing;

    layer->has_body = header.has_body && header.body < layer->decided;
    item->tail = is_open ? 0 : empty_line_at_end(mb_window_bytes(window), end, header.body);
    if (!header.has_body || !header.has_content_length ||
        __builtin_add_overflow(header.body, header.content_length, &target) ||
        target > UINT64_MAX / 2 - window->offset)
        return end;
    if (is_open || target > source->options.buffer_max) {
        if (leads_far(source, layer, window->offset + target, &layer->told_end)) {
            layer->told_tail = (size_t)(layer->told_end - window->offset - target);
            layer->is_streamed = true;
        }
        return end;
    }
    if (target > end)
        mb_window_fill(window, (size_t)target + MB_MBOX_CONTEXT);
    view = view_of(layer);
    if (target > view.length || !ends_at(&view, (size_t)target, &landing) || landing < end)
        return end;
    if (!source->options.force_mbox)
        item->dialect = landing > end ? MB_MBOX_CL2 : MB_MBOX_CL;
    item->from_inside = landing > end;
    item->tail = landing - target;
    return landing;
}

/* Where the mbox message ends that begins at the window's start, by its lines; how far it surely
 * goes on when it is too long for a buffer (*is_open). */
static size_t find_end(const MbSource *source, MbLayer *layer, size_t head, bool *is_open)
{
    size_t from = MAX(head, 1);

    for (;;) {
        MbMboxView view = view_of(layer);
        size_t found = mb_mbox_find(&view, from, &from);

        *is_open = found == view.length && !view.is_end;
        if (!*is_open || from > source->options.buffer_max) {
            layer->decided = from;
            return *is_open ? from : found;
        }
        mb_window_fill(&layer->window, view.length + 1);
    }
}

static size_t mbox_head(const MbLayer *layer)
{
    const uint8_t *bytes = mb_window_bytes(&layer->window);
    size_t length = mb_window_length(&layer->window);
    size_t leading = layer->index == 1 ? mb_source_leading(bytes, length) : 0;
    size_t line = mb_mbox_from_line(bytes + leading, length - leading);

    return line > 0 ? leading + line : 0;
}

static void fill_mbox_item(MbSource *source, MbLayer *layer)
{
    MbItem *item = &source->item;
    size_t end;

    layer->index++;
    layer->told_end = 0;
    item->kind = MB_ITEM_MBOX;
    item->head = mbox_head(layer);
    end = find_end(source, layer, item->head, &layer->is_streamed);
    end = check_content_length(source, layer, item->head, end, layer->is_streamed);
    if (layer->is_streamed)
        return;
    layer->item = end;
    item->length = end;
}

static void fill_single_item(MbSource *source, MbLayer *layer)
{
    MbItem *item = &source->item;
    MbWindow *window = &layer->window;
    size_t want = source->options.buffer_max + 1;

    if (layer->size_hint < want)
        want = MAX((size_t)layer->size_hint + 1, mb_window_length(window) + 1);
    while (!window->at_end && mb_window_length(window) <= source->options.buffer_max)
        want = mb_window_fill(window, want) + 1;
    item->kind = layer->is_maildir ? MB_ITEM_MAILDIR : MB_ITEM_EML;
    layer->is_done = true;
    if (window->at_end && mb_window_length(window) <= source->options.buffer_max) {
        layer->item = mb_window_length(window);
        item->length = layer->item;
    } else {
        layer->is_streamed = true;
        layer->decided = 1;
    }
}

/* Fills in what all items have. */
static void finish_item(MbSource *source, MbLayer *layer)
{
    MbItem *item = &source->item;
    MbWindow *window = &layer->window;
    const uint8_t *bytes = mb_window_bytes(window);
    size_t length = MIN(mb_window_length(window), 65536);

    source->locator = (MbLocator){
        .path = source->path,
        .containers = (char **)source->containers->pdata,
        .index = item->kind == MB_ITEM_MBOX ? layer->index : 0,
    };
    item->locator = &source->locator;
    item->offset = window->offset;
    item->is_direct = layer->is_direct;
    if (layer->is_streamed) {
        mb_window_skip(window, item->head);
        layer->decided -= MIN(item->head, layer->decided - 1);
    } else {
        item->bytes = bytes;
        item->is_cut = window->error != NULL && layer->item == mb_window_length(window);
        length = MIN(length, layer->item);
    }
    item->is_mail = mb_source_looks_like_mail(bytes + MIN(item->head, length),
                                              length - MIN(item->head, length));
}

/* Whether the item is one that the address asks for. */
static bool is_wanted(MbSource *source, const MbLayer *layer)
{
    const MbLocator *wanted = &source->wanted;

    if (wanted->path == NULL)
        return true;
    if (g_strv_length(wanted->containers) > source->containers->len - 1)
        return false;
    if (wanted->index > 0 && (source->item.kind != MB_ITEM_MBOX || wanted->index != layer->index))
        return false;
    source->is_found = true;
    return true;
}

MbNext mb_source_step_messages(MbSource *source, GError **error)
{
    MbLayer *layer = mb_source_top(source);
    MbWindow *window = &layer->window;
    bool had_item = layer->is_done || layer->index > 0;

    mb_window_skip(window, layer->item);
    layer->item = 0;
    if (layer->problem != NULL) {
        g_propagate_error(error, g_steal_pointer(&layer->problem));
        return MB_FAILED;
    }
    if (source->wanted.index > 0 && source->is_found) {
        mb_source_pop(source);
        return MB_END;
    }
    if (layer->is_done ||
        (mb_window_fill(window, MB_MBOX_CONTEXT) == 0 && (had_item || window->error != NULL))) {
        GError *problem = g_steal_pointer(&window->error);

        mb_source_pop(source);
        if (problem == NULL)
            return MB_END;
        g_propagate_error(error, problem);
        return MB_FAILED;
    }
    source->item = (MbItem){.dialect = source->options.dialect};
    if (layer->kind == LAYER_MBOX)
        fill_mbox_item(source, layer);
    else
        fill_single_item(source, layer);
    finish_item(source, layer);
    if (is_wanted(source, layer))
        return MB_NEXT;
    return MB_END;
}

static bool has_empty_line(const uint8_t *bytes, size_t length)
{
    return memmem(bytes, length, "\n\n", 2) != NULL || memmem(bytes, length, "\n\r\n", 3) != NULL;
}

/* The empty line that ends a header is no framing, when nothing follows it. */
static size_t tail_of_stream(const MbLayer *layer, size_t length)
{
    const uint8_t *bytes = mb_window_bytes(&layer->window);
    size_t tail = empty_line_at_end(bytes, length, 0);

    return layer->has_body || has_empty_line(bytes, length - tail) ? tail : 0;
}

/* Ends a streamed item: `length` bytes of the window are its last. */
static void end_stream(MbSource *source, MbLayer *layer, size_t *length)
{
    MbItem *item = &source->item;
    uint64_t end = layer->window.offset + *length;

    if (layer->told_end == end && !source->options.force_mbox)
        item->dialect = item->from_inside ? MB_MBOX_CL2 : MB_MBOX_CL;
    if (layer->told_end == end)
        item->tail = layer->told_tail;
    else if (layer->kind == LAYER_MBOX)
        item->tail = tail_of_stream(layer, *length);
    item->is_cut = layer->window.error != NULL && *length == mb_window_length(&layer->window);
    item->length = end - item->offset;
    layer->is_streamed = false;
    layer->item = *length;
    *length -= item->tail;
}

/* Where the streamed message ends in the window, by Content-Length where that is believed, else by
 * its lines; the view's length when it goes on. From_ lines that Content-Length passes over make it
 * believed: by itself it ends no message where its lines go on. */
static size_t find_stream_end(MbItem *item, MbLayer *layer, const MbMboxView *view)
{
    size_t end = mb_mbox_find(view, layer->decided, &layer->decided);
    uint64_t told = layer->told_end - layer->window.offset;

    if (layer->told_end == 0)
        return end;
    while (end < view->length && end < told) {
        item->from_inside = true;
        layer->decided = end + 1;
        end = mb_mbox_find(view, layer->decided, &layer->decided);
    }
    if (end == told || MAX(end < view->length ? end : 0, layer->decided) <= told)
        return end;
    if (item->from_inside)
        return (size_t)told;
    layer->told_end = 0;
    return end;
}

bool mb_source_read_message(MbSource *source, const uint8_t **bytes, size_t *length)
{
    MbLayer *layer = mb_source_top(source);
    MbWindow *window = &layer->window;

    if (!layer->is_streamed)
        return false;
    mb_window_skip(window, layer->item);
    layer->item = 0;
    for (;;) {
        MbMboxView view;
        size_t end;

        mb_window_fill(window, MB_MBOX_CONTEXT + layer->decided);
        view = view_of(layer);
        *bytes = view.bytes;
        if (layer->kind == LAYER_MBOX) {
            end = find_stream_end(&source->item, layer, &view);
        } else {
            end = view.length;
            layer->decided = view.length + KEEP_BEHIND;
        }
        if (end < view.length || view.is_end) {
            *length = end;
            end_stream(source, layer, length);
            return *length > 0;
        }
        if (layer->decided > KEEP_BEHIND) {
            if (layer->kind == LAYER_MBOX && !layer->has_body)
                layer->has_body = has_empty_line(view.bytes, layer->decided - TAIL_MAX);
            *length = layer->decided - KEEP_BEHIND;
            layer->item = *length;
            layer->decided = KEEP_BEHIND;
            return true;
        }
        mb_window_fill(window, view.length + 1);
    }
}
