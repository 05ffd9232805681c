/*
 * Leaf parts: their own header, a blank line, the encoded content.
 */
#pragma once

#include <mailbatch/compose/compose.h>

struct MbComposePart {
    gatomicrefcount references;
    GBytes *bytes;
    /* The content's last CRLF is base64's own: the boundary's line may follow at once. */
    bool ends_line;
    char *name; /* of a file, or NULL */
    size_t content_length;
};

/* Fails for what is not UTF-8. */
bool compose_check_text(const char *text, size_t length, GError **error);

/* Appends a text part to `out`; *ends_line as above. The text has to be UTF-8 and `type` a type;
 * `method` is the parameter of text/calendar, or NULL. */
bool compose_put_text(GString *out, const char *type, const char *method, const char *text,
                      size_t length, bool eightbit, bool *ends_line, GError **error);

/* What every boundary of ours begins with: neither quoted-printable nor base64 can yield it, and
 * text that holds it is encoded. */
#define BOUNDARY_START "=_"
