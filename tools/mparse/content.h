/*
 * What a part's content is: by its bytes, by its declared type, by its name's extension, and
 * whether these agree.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define MP_CONTENT_SAMPLE ((size_t)65536) /* bytes of decoded content that are looked at */

typedef struct MpContent MpContent;

/* One a thread: it holds a libmagic cookie, which is loaded when the first content asks for it. */
MpContent *mp_content_new(void);
void mp_content_free(MpContent *content);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpContent, mp_content_free)

/* The content's type by its first bytes: "text/plain" and "text/html" by our own look, everything
 * else by libmagic; "application/octet-stream" when nobody knows; "" for empty content, or where
 * libmagic's data base is missing. Borrowed until the next call. */
const char *mp_content_magic(MpContent *content, const void *bytes, size_t length);

/* Which of the three contradict each other. `declared` NULL: none; `extension` "": none. What says
 * nothing ("application/octet-stream") contradicts nothing. */
typedef struct {
    bool magic_declared;
    bool magic_extension;
    bool declared_extension;
} MpContradiction;

MpContradiction mp_content_compare(const char *magic, const char *declared, const char *extension);
