/*
 * Text from peers and files, made safe to look at, and the few checks everybody needs.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

G_BEGIN_DECLS

/* Appends `bytes` as text that is safe on a terminal and stays on one line: valid UTF-8 passes, but
 * C0 and C1 controls, DEL, line and paragraph separators, and bidirectional controls (U+061C,
 * U+200E/F, U+202A–E, U+2066–9) become `\xNN` or `\u{NNNN}`; invalid bytes become `\xNN`; a
 * backslash stays as it is. At most `max_length` input bytes are shown, then `…` (0: no limit). */
void mb_text_append_printable(GString *out, const void *bytes, size_t length, size_t max_length);

/* The same as a new string; the caller frees it. At most 500 input bytes. */
char *mb_text_printable(const void *bytes, size_t length);

/* g_string_append_len() for loops that append little and often, at a fifth of its instructions.
 * `bytes` does not point into `out`. */
static inline void mb_text_append(GString *out, const void *bytes, size_t length)
{
    if (length >= out->allocated_len - out->len) {
        g_string_append_len(out, (const char *)bytes, (gssize)length);
        return;
    }
    memcpy(out->str + out->len, bytes, length);
    out->len += length;
    out->str[out->len] = '\0';
}

/* Whether `bytes` is valid UTF-8 (NUL allowed). When not, *bad_offset (may be NULL) is the offset
 * of the first byte that is wrong. */
bool mb_text_is_utf8(const void *bytes, size_t length, size_t *bad_offset);

/* Bytes below 0x80 at the front. */
size_t mb_text_ascii_prefix(const void *bytes, size_t length);

/* How many bytes are above. */
size_t mb_text_count_high(const void *bytes, size_t length);

/* Whether every byte is below 0x80. */
bool mb_text_is_ascii(const void *bytes, size_t length);

/* Whether a CR, LF or NUL stands anywhere: such a value may become neither header nor command. */
bool mb_text_breaks_line(const void *bytes, size_t length);

/* Sizes as people type them: `512`, `64K`, `256M`, `2G` (powers of 1024; `KB`, `KiB`, lower case
 * too). Fails with MB_BASE_ERROR, MB_ERROR_USAGE and a message that names `text`. */
bool mb_text_parse_size(const char *text, guint64 *bytes, GError **error);

/* Durations as people type them: `90`, `90s`, `30m`, `12h`, `30d`; the result is in seconds. */
bool mb_text_parse_duration(const char *text, guint64 *seconds, GError **error);

/* 1234567 → `1.2 MiB`; the caller frees it. */
char *mb_text_format_size(guint64 bytes);

/* Lower-case hexadecimal of `bytes`; the caller frees it. */
char *mb_text_hex(const void *bytes, size_t length);

/* Of `names`, the one nearest to `wanted` in spelling, or NULL when none is near. */
const char *mb_text_nearest(const char *wanted, const char *const *names, size_t n_names);

G_END_DECLS
