/*
 * What a session has to say but the kernel has not taken yet: own text in blocks that never move,
 * and bytes borrowed from wires, in order. Offsets count all octets since the session began, so
 * that "has this octet left?" is one comparison.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct MbSmtpBlock MbSmtpBlock;

typedef struct {
    struct iovec *pieces; /* [first … count) are still to be written */
    size_t first, count, allocated;
    MbSmtpBlock *oldest, *newest, *spare;
    uint64_t appended; /* octets ever appended */
    uint64_t written;  /* octets ever written */
} MbSmtpOutbox;

void mb_smtp_outbox_clear(MbSmtpOutbox *outbox);

/* Copies; `secret` text is wiped once it has left. */
void mb_smtp_outbox_text(MbSmtpOutbox *outbox, const void *bytes, size_t length, bool secret);

/* Refers to the caller's bytes, which stay until they are written. Short ones are copied. */
void mb_smtp_outbox_borrow(MbSmtpOutbox *outbox, const void *bytes, size_t length);

/* Enough for one large write: append no more before some is written. */
bool mb_smtp_outbox_is_full(const MbSmtpOutbox *outbox);

size_t mb_smtp_outbox_peek(const MbSmtpOutbox *outbox, struct iovec *parts, size_t max);
void mb_smtp_outbox_wrote(MbSmtpOutbox *outbox, size_t length);
