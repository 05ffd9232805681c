#include "charset-private.h"

#include <mailbatch/base/text.h>
#include <string.h>
#include <uchardet/uchardet.h>

#define KEPT         64 /* iconv handles a thread keeps: opening one may load a library */
#define DETECT_BYTES ((size_t)65536) /* that uchardet looks at */
#define DETECT_PIECE ((size_t)1024)  /* at a time: behind one in which it is sure it stops */
#define DETECT_HIGH  ((size_t)1024)  /* bytes above 0x7F, which are enough to tell a charset by */

typedef struct {
    struct {
        char name[MB_CHARSET_MAX];
        iconv_t handle;
    } kept[KEPT];
    size_t count;
    size_t next; /* the one that goes when another comes */
    uchardet_t detector;
} Store;

static void free_store(gpointer data)
{
    Store *store = data;

    for (size_t i = 0; i < store->count; i++)
        iconv_close(store->kept[i].handle);
    if (store->detector != NULL)
        uchardet_delete(store->detector);
    g_free(store);
}

static GPrivate thread_store = G_PRIVATE_INIT(free_store);

static Store *get_store(void)
{
    Store *store = g_private_get(&thread_store);

    if (store == NULL) {
        store = g_new0(Store, 1);
        g_private_set(&thread_store, store);
    }
    return store;
}

iconv_t mb_charset_take_handle(const char *name)
{
    Store *store = get_store();

    for (size_t i = 0; i < store->count; i++) {
        iconv_t handle = store->kept[i].handle;

        if (strcmp(store->kept[i].name, name) != 0)
            continue;
        store->kept[i] = store->kept[--store->count];
        iconv(handle, NULL, NULL, NULL, NULL);
        return handle;
    }
    return iconv_open("UTF-8", name);
}

void mb_charset_give_handle(const char *name, iconv_t handle)
{
    Store *store = get_store();
    size_t at = store->count;

    if (at == KEPT) {
        at = store->next++ % KEPT;
        iconv_close(store->kept[at].handle);
    } else {
        store->count++;
    }
    g_strlcpy(store->kept[at].name, name, MB_CHARSET_MAX);
    store->kept[at].handle = handle;
}

MbCharsetKind mb_charset_kind(const char *name)
{
    if (strcmp(name, "utf-8") == 0)
        return MB_CHARSET_UTF8;
    if (strcmp(name, "us-ascii") == 0)
        return MB_CHARSET_ASCII;
    if (strcmp(name, "iso-8859-1") == 0)
        return MB_CHARSET_LATIN1;
    if (strcmp(name, "windows-1252") == 0)
        return MB_CHARSET_CP1252;
    return MB_CHARSET_ICONV;
}

bool mb_charset_convertible(const char *name)
{
    iconv_t handle;

    if (mb_charset_kind(name) != MB_CHARSET_ICONV)
        return true;
    /* glibc's names for the program's own encodings are nothing that mail may name. */
    if (strcmp(name, "wchar_t") == 0 || strcmp(name, "internal") == 0 || strcmp(name, "char") == 0)
        return false;
    handle = mb_charset_take_handle(name);
    if (handle == (iconv_t)-1)
        return false;
    mb_charset_give_handle(name, handle);
    return true;
}

bool mb_charset_has_ascii(const char *name)
{
    return mb_charset_kind(name) != MB_CHARSET_ICONV || g_str_has_prefix(name, "iso-8859-") ||
           g_str_has_prefix(name, "windows-") || g_str_has_prefix(name, "koi8-");
}

bool mb_charset_detect(const void *bytes, size_t length, char name[MB_CHARSET_MAX])
{
    Store *store = get_store();
    const char *text = bytes;
    const char *found;
    size_t piece;

    length = MIN(length, DETECT_BYTES);
    if (store->detector == NULL)
        store->detector = uchardet_new();
    uchardet_reset(store->detector);
    /* What is below 0x80 in front counts, when it comes with what is not. */
    piece = mb_text_ascii_prefix(text, length) + DETECT_PIECE;
    for (size_t at = 0, high = 0; at < length && high < DETECT_HIGH; at += piece) {
        if (at > 0)
            piece = DETECT_PIECE;
        piece = MIN(length - at, piece);
        if (uchardet_handle_data(store->detector, text + at, piece) != 0)
            return false;
        high += mb_text_count_high(text + at, piece);
    }
    uchardet_data_end(store->detector);
    found = uchardet_get_charset(store->detector);
    return found[0] != '\0' && mb_charset_canonical(found, strlen(found), name);
}
