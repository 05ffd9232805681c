/*
 * Bytes to UTF-8. The charset is the declared one when it is known and the bytes are valid in it;
 * else UTF-8 when the bytes are that; else what uchardet detects; else windows-1252, which takes
 * nearly anything. Conversion never fails: bytes that mean nothing become U+FFFD, and the result
 * says how many and where. Handles of iconv and uchardet are kept a thread.
 */
#pragma once

#include <glib.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_CHARSET_MAX 48

typedef struct {
    char used[MB_CHARSET_MAX];     /* canonical name, "utf-8" */
    char detected[MB_CHARSET_MAX]; /* what validity or uchardet said, "" when nobody was asked */
    bool known;                    /* the declared label is known (true when none was declared) */
    bool lossy;                    /* at least one byte could not be converted */
    uint64_t errors;               /* how many places could not be converted */
    uint64_t first_error; /* offset of the first byte that could not; meaningless without errors */
} MbCharsetUse;

/* The canonical, lower-case name of a label ("latin1" → "iso-8859-1"; quotes and blanks around it
 * are forgiven) when it can be converted; false, and `name` holds the label cleaned, when it is
 * unknown. As browsers and mail programs do, "us-ascii" and "iso-8859-1" with bytes 0x80–0x9F are
 * taken as windows-1252 by mb_charset_choose(). */
bool mb_charset_canonical(const char *label, size_t length, char name[MB_CHARSET_MAX]);

/* Chooses by declaration (NULL or "" when there is none), validity, detection. `bytes` may be the
 * first window of a long text: `complete` says whether it is all, so that a character cut at its
 * end is no error. Fills used, detected, known; notes what is wrong with the declaration. */
void mb_charset_choose(const char *declared, const void *bytes, size_t length, bool complete,
                       MbCharsetUse *use, MbFlaws *flaws);

/* A converter for text that comes in chunks. */
typedef struct MbConverter MbConverter;

/* `charset` as mb_charset_choose() or mb_charset_canonical() gave it; one that is unknown converts
 * as windows-1252. */
MbConverter *mb_converter_new(const char *charset);
void mb_converter_free(MbConverter *converter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbConverter, mb_converter_free)

/* Appends what the chunk gives, unless `out` is NULL. A character cut at its end waits for the next
 * one. */
void mb_converter_push(MbConverter *converter, const void *bytes, size_t length, GString *out);

/* The end: a character cut there is an error. Adds errors, first_error and lossy to `use`. */
void mb_converter_finish(MbConverter *converter, GString *out, MbCharsetUse *use);

/* What choosing and converting a whole buffer tells, without the text. */
void mb_charset_check(const char *declared, const void *bytes, size_t length, MbCharsetUse *use,
                      MbFlaws *flaws);

/* Choose and convert a whole buffer, appended to `out`. `use` may be NULL. */
void mb_charset_to_utf8(const char *declared, const void *bytes, size_t length, GString *out,
                        MbCharsetUse *use, MbFlaws *flaws);

G_END_DECLS
