/*
 * What the parts of charset.h share.
 */
#pragma once

#include <iconv.h>
#include <mailbatch/mime/charset.h>

typedef enum {
    MB_CHARSET_UTF8,
    MB_CHARSET_ASCII,
    MB_CHARSET_LATIN1,
    MB_CHARSET_CP1252,
    MB_CHARSET_ICONV,
} MbCharsetKind;

MbCharsetKind mb_charset_kind(const char *name);

/* Whether there is a conversion from that cleaned, lower-case name. */
bool mb_charset_convertible(const char *name);

/* Whether ASCII bytes mean ASCII in it. */
bool mb_charset_has_ascii(const char *name);

/* An iconv handle to UTF-8 in its first state, from the thread's store or new; (iconv_t)-1 when
 * there is none for the name. */
iconv_t mb_charset_take_handle(const char *name);

/* Gives it back to the thread's store. */
void mb_charset_give_handle(const char *name, iconv_t handle);

/* What uchardet makes of the bytes, as a canonical name that can be converted; false when it cannot
 * say. */
bool mb_charset_detect(const void *bytes, size_t length, char name[MB_CHARSET_MAX]);
