/*
 * A message's content on its way out: where in the wire we are, dots stuffed as we go.
 */
#pragma once

#include <mailbatch/base/wire.h>
#include <stdbool.h>
#include <stddef.h>

#include "outbox.h"

typedef struct {
    const MbWire *wire; /* borrowed */
    size_t segment, offset;
    bool dots; /* DATA: stuff dots and end with CRLF.CRLF; BDAT sends the octets as they are */
    bool line_start; /* the next octet begins a line */
    char last[2];    /* the last two octets given out */
} MbSmtpContent;

void mb_smtp_content_begin(MbSmtpContent *content, const MbWire *wire, bool dots);

/* Appends what fits. True when all of it, the end included, was appended. */
bool mb_smtp_content_write(MbSmtpContent *content, MbSmtpOutbox *outbox);
