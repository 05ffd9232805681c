#include "outbox.h"

#include <mailbatch/base/digest.h>
#include <string.h>

#define BLOCK_SIZE  16384
#define COPY_BELOW  128 /* a piece of its own costs more than the copy */
#define FULL_PIECES 256
#define FULL_OCTETS ((uint64_t)1 << 20)

struct MbSmtpBlock {
    MbSmtpBlock *next;
    uint64_t end; /* offset after the last octet that lies in it */
    size_t used, size;
    bool secret;
    char bytes[];
};

static MbSmtpBlock *block_new(MbSmtpOutbox *outbox, size_t length)
{
    MbSmtpBlock *block = outbox->spare;

    if (block != NULL && block->size >= length) {
        outbox->spare = NULL;
    } else {
        size_t size = MAX(length, BLOCK_SIZE);
        block = g_malloc(sizeof *block + size);
        block->size = size;
    }
    block->next = NULL;
    block->used = 0;
    block->end = 0;
    block->secret = false;
    if (outbox->newest != NULL)
        outbox->newest->next = block;
    else
        outbox->oldest = block;
    outbox->newest = block;
    return block;
}

static void block_free(MbSmtpOutbox *outbox, MbSmtpBlock *block)
{
    if (block->secret)
        mb_wipe(block->bytes, block->used);
    if (outbox->spare == NULL && block->size == BLOCK_SIZE)
        outbox->spare = block;
    else
        g_free(block);
}

void mb_smtp_outbox_clear(MbSmtpOutbox *outbox)
{
    while (outbox->oldest != NULL) {
        MbSmtpBlock *block = outbox->oldest;
        outbox->oldest = block->next;
        block_free(outbox, block);
    }
    g_clear_pointer(&outbox->spare, g_free);
    g_clear_pointer(&outbox->pieces, g_free);
    outbox->newest = NULL;
    outbox->first = outbox->count = outbox->allocated = 0;
}

static void append_piece(MbSmtpOutbox *outbox, const void *bytes, size_t length)
{
    struct iovec *last = outbox->count > outbox->first ? &outbox->pieces[outbox->count - 1] : NULL;

    outbox->appended += length;
    if (last != NULL && (const char *)last->iov_base + last->iov_len == (const char *)bytes) {
        last->iov_len += length;
        return;
    }
    if (outbox->count == outbox->allocated) {
        outbox->allocated = MAX(64, outbox->allocated * 2);
        outbox->pieces = g_renew(struct iovec, outbox->pieces, outbox->allocated);
    }
    outbox->pieces[outbox->count++] = (struct iovec){(void *)bytes, length};
}

void mb_smtp_outbox_text(MbSmtpOutbox *outbox, const void *bytes, size_t length, bool secret)
{
    MbSmtpBlock *block = outbox->newest;

    if (length == 0)
        return;
    if (block == NULL || block->size - block->used < length)
        block = block_new(outbox, length);
    memcpy(block->bytes + block->used, bytes, length);
    append_piece(outbox, block->bytes + block->used, length);
    block->used += length;
    block->end = outbox->appended;
    block->secret |= secret;
}

void mb_smtp_outbox_borrow(MbSmtpOutbox *outbox, const void *bytes, size_t length)
{
    if (length < COPY_BELOW)
        mb_smtp_outbox_text(outbox, bytes, length, false);
    else
        append_piece(outbox, bytes, length);
}

bool mb_smtp_outbox_is_full(const MbSmtpOutbox *outbox)
{
    return outbox->count - outbox->first >= FULL_PIECES ||
           outbox->appended - outbox->written >= FULL_OCTETS;
}

size_t mb_smtp_outbox_peek(const MbSmtpOutbox *outbox, struct iovec *parts, size_t max)
{
    size_t n = MIN(max, outbox->count - outbox->first);

    if (n > 0)
        memcpy(parts, outbox->pieces + outbox->first, n * sizeof *parts);
    return n;
}

/* The newest block stays while it has room: its used part has left, so it begins anew. */
static void release_blocks(MbSmtpOutbox *outbox)
{
    while (outbox->oldest != NULL && outbox->oldest->end <= outbox->written) {
        MbSmtpBlock *block = outbox->oldest;
        if (block == outbox->newest) {
            if (block->secret)
                mb_wipe(block->bytes, block->used);
            block->secret = false;
            block->used = 0;
            return;
        }
        outbox->oldest = block->next;
        block_free(outbox, block);
    }
}

void mb_smtp_outbox_wrote(MbSmtpOutbox *outbox, size_t length)
{
    outbox->written += length;
    while (length > 0) {
        struct iovec *piece = &outbox->pieces[outbox->first];
        size_t n = MIN(length, piece->iov_len);

        piece->iov_base = (char *)piece->iov_base + n;
        piece->iov_len -= n;
        length -= n;
        if (piece->iov_len == 0)
            outbox->first++;
    }
    if (outbox->first == outbox->count) {
        outbox->first = outbox->count = 0;
    } else if (outbox->first >= FULL_PIECES) {
        outbox->count -= outbox->first;
        memmove(outbox->pieces, outbox->pieces + outbox->first,
                outbox->count * sizeof *outbox->pieces);
        outbox->first = 0;
    }
    release_blocks(outbox);
}
