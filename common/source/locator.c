#include <mailbatch/source/locator.h>
#include <string.h>

/* Most of what paths are made of. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"

static const char digits[] = "0123456789ABCDEF";

void mb_locator_clear(MbLocator *locator)
{
    g_clear_pointer(&locator->path, g_free);
    g_clear_pointer(&locator->containers, g_strfreev);
    g_clear_pointer(&locator->part, g_free);
    locator->index = 0;
}

/* Whether the character at `at` may stand as it is; `length` is that of its UTF-8. */
static bool is_plain(const char *at, size_t length)
{
    gunichar c = g_utf8_get_char(at);

    if (length == 1 && strchr("%!#:", *at) != NULL)
        return false;
    return g_unichar_isprint(c) && g_unichar_type(c) != G_UNICODE_FORMAT;
}

void mb_locator_append_name(const char *name, GString *out)
{
    const char *at = name;

    while (*at != '\0') {
        size_t plain = strspn(at, PLAIN);
        size_t length;
        gunichar c;

        g_string_append_len(out, at, (gssize)plain);
        at += plain;
        if (*at == '\0')
            break;
        c = g_utf8_get_char_validated(at, -1);
        length = (gint32)c < 0 ? 1 : (size_t)(g_utf8_next_char(at) - at);

        if ((gint32)c >= 0 && is_plain(at, length)) {
            g_string_append_len(out, at, (gssize)length);
        } else {
            for (size_t i = 0; i < length; i++) {
                g_string_append_c(out, '%');
                g_string_append_c(out, digits[(uint8_t)at[i] >> 4]);
                g_string_append_c(out, digits[(uint8_t)at[i] & 0xF]);
            }
        }
        at += length;
    }
}

void mb_locator_append(const MbLocator *locator, GString *out)
{
    mb_locator_append_name(locator->path, out);
    for (size_t i = 0; locator->containers != NULL && locator->containers[i] != NULL; i++) {
        g_string_append_c(out, '!');
        mb_locator_append_name(locator->containers[i], out);
    }
    if (locator->index > 0)
        g_string_append_printf(out, "#%" G_GUINT64_FORMAT, (guint64)locator->index);
    if (locator->part != NULL)
        g_string_append_printf(out, ":%s", locator->part);
}

char *mb_locator_text(const MbLocator *locator)
{
    GString *out = g_string_new(NULL);

    mb_locator_append(locator, out);
    return g_string_free(out, FALSE);
}

static char *decode_name(const char *name, size_t length)
{
    GString *out = g_string_sized_new(length);

    for (size_t i = 0; i < length; i++) {
        int high = name[i] == '%' && i + 2 < length ? g_ascii_xdigit_value(name[i + 1]) : -1;
        int low = high >= 0 ? g_ascii_xdigit_value(name[i + 2]) : -1;

        if (low >= 0 && (high | low) != 0) {
            g_string_append_c(out, (char)(high << 4 | low));
            i += 2;
        } else {
            g_string_append_c(out, name[i]);
        }
    }
    return g_string_free(out, FALSE);
}

bool mb_locator_parse(const char *text, MbLocator *locator)
{
    g_autoptr(GPtrArray) containers = g_ptr_array_new_with_free_func(g_free);
    size_t length = strcspn(text, "!#:");
    g_autofree char *path = decode_name(text, length);
    const char *at = text + length;
    uint64_t index = 0;

    if (length == 0)
        return false;
    while (*at == '!') {
        length = strcspn(++at, "!#:");
        if (length == 0)
            return false;
        g_ptr_array_add(containers, decode_name(at, length));
        at += length;
    }
    if (*at == '#') {
        char *end;

        if (!g_ascii_isdigit(at[1]))
            return false;
        index = g_ascii_strtoull(at + 1, &end, 10);
        if (index == 0 || index == UINT64_MAX)
            return false;
        at = end;
    }
    if (*at != '\0' && (*at != ':' || at[1] == '\0'))
        return false;
    g_ptr_array_add(containers, NULL);
    locator->path = g_steal_pointer(&path);
    locator->containers = (char **)g_ptr_array_steal(containers, NULL);
    locator->index = index;
    locator->part = *at == ':' ? g_strdup(at + 1) : NULL;
    return true;
}
