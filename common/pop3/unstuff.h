/*
 * Byte-stuffing undone (RFC 1939, 3), chunk by chunk, without copying.
 *
 *   Message    = *Line "." CRLF
 *   Line       = [ "." ] *OCTET CRLF          ; "." stuffed before a line that begins with one
 *
 * Only CRLF ends a line: ".", LF or CR "." within one is content, so a message cannot be cut short
 * by a bare line end. A line that begins with a single "." and goes on was not stuffed by its
 * server: it is kept as it came, and noted.
 */
#pragma once

#include <glib.h>
#include <mailbatch/pop3/session.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    MB_POP3_AT_LINE_START,
    MB_POP3_IN_LINE,
    MB_POP3_AFTER_CR,
    MB_POP3_AFTER_DOT,    /* "." at a line's start is held back */
    MB_POP3_AFTER_DOT_CR, /* "." CR is held back */
} MbPop3UnstuffState;

typedef struct {
    MbPop3UnstuffState state;
    bool ended;        /* the terminator was seen */
    unsigned oddities; /* MbPop3Oddity flags so far */
    uint64_t size;     /* octets given out so far */
    uint64_t line;     /* octets of the unfinished line given out so far */
} MbPop3Unstuff;

void mb_pop3_unstuff_init(MbPop3Unstuff *unstuff);

/* Takes bytes from the front of a chunk and returns how many; *span and *span_length are the octets
 * of the message among them (none: length 0), within the chunk or a constant. Loop until all is
 * taken or `ended`. */
size_t mb_pop3_unstuff_push(MbPop3Unstuff *unstuff, const uint8_t *bytes, size_t length,
                            const uint8_t **span, size_t *span_length);
