/*
 * A line of JSON of our own making, read back: the keys of its outermost object and their values.
 * Whatever else stands in the file is refused, not guessed at.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct PdJsonLine PdJsonLine;

/* NULL when the line is no JSON object. Strings are unescaped; numbers and literals kept as text;
 * nested values skipped. */
PdJsonLine *pd_json_parse(const char *line, size_t length);
void pd_json_free(PdJsonLine *line);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdJsonLine, pd_json_free)

/* Borrowed; NULL when the key is missing or no string (or null). */
const char *pd_json_text(const PdJsonLine *line, const char *key);

/* False when the key is missing or no non-negative integer; *value is untouched then. */
bool pd_json_number(const PdJsonLine *line, const char *key, uint64_t *value);

/* Whether the key is `true`. */
bool pd_json_true(const PdJsonLine *line, const char *key);

G_END_DECLS
