/*
 * Where an item is, and how that is written: `archive.zip!mail/inbox.mbox#42:1.2.1`.
 *
 *   address = path *( "!" entry ) [ "#" index ] [ ":" part ]
 *
 * "%", "!", "#", ":" in names, and bytes that are no printable UTF-8, are percent-encoded.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct {
    char *path;        /* raw bytes; "-" for standard input */
    char **containers; /* entry names from the outside in, raw bytes; NULL-terminated, never NULL */
    uint64_t index;    /* number in an mbox, from 1 on; 0: none */
    char *part;        /* "1.2.1", or NULL */
} MbLocator;

void mb_locator_clear(MbLocator *locator); /* frees its fields */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MbLocator, mb_locator_clear)

/* Appends the address. */
void mb_locator_append(const MbLocator *locator, GString *out);

/* The address as a new string; the caller frees it. */
char *mb_locator_text(const MbLocator *locator);

/* Parses an address; never fails for what was written by mb_locator_append(). False when an index
 * is no number, or a part comes twice. */
bool mb_locator_parse(const char *text, MbLocator *locator);

/* One name, percent-encoded, appended; part ids use it too (`1.3~zip!dir/name`). */
void mb_locator_append_name(const char *name, GString *out);

G_END_DECLS
