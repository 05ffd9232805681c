/*
 * A template file as text: header fields, a blank line, a body. Nothing is compiled here.
 *
 *   letter = *( field / comment-line ) [ empty-line body ]
 *   field  = name *blank ":" value line-end *( blank value line-end )
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *name;
    char *value;        /* without blanks around; a fold became blanks of the same length */
    guint line, column; /* where the value begins */
} MmField;

typedef struct {
    GPtrArray *fields; /* MmField, in order */
    const char *body;  /* into the bytes given */
    size_t body_length;
    guint body_line;
} MmLetter;

/* `bytes` stay borrowed by the letter; `path` is for messages. */
MmLetter *mm_letter_parse(const char *path, const char *bytes, size_t length, GError **error);
void mm_letter_free(MmLetter *letter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MmLetter, mm_letter_free)
