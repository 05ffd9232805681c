/*
 * Content between dots: RFC 5321, 4.5.2 and RFC 1939, 3.
 *
 *   content  = *( line ) "." CRLF        a line that begins with "." has one more in front
 *
 * Only CRLF ends a line here. A bare CR or LF is part of it, so that nothing between two servers is
 * taken for an end by one and for content by the other.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    MS_CONTENT_LINE_START,
    MS_CONTENT_DOT,    /* a "." at a line's start, not yet passed on */
    MS_CONTENT_DOT_CR, /* and a CR after it */
    MS_CONTENT_MIDDLE,
    MS_CONTENT_CR, /* the last octet was a CR, passed on */
    MS_CONTENT_DONE,
} MsContentState;

typedef struct {
    MsContentState state;
    void (*write)(void *user, const void *bytes, size_t length); /* un-stuffed octets */
    void *user;
} MsUnstuff;

/* Takes octets up to and including the end, after which `state` is MS_CONTENT_DONE. Returns how
 * many it took. */
size_t ms_unstuff(MsUnstuff *unstuff, const void *bytes, size_t length);

typedef struct {
    bool middle;  /* not at a line's start; false in the beginning */
    bool last_cr; /* the last octet was a CR */
} MsStuff;

/* Appends octets of a message, stuffed. */
void ms_stuff(MsStuff *stuff, GString *out, const void *bytes, size_t length);

/* Appends the end: a CRLF first when the message had none at its end. */
void ms_stuff_end(MsStuff *stuff, GString *out);
