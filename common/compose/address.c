#include <idn2.h>
#include <mailbatch/base/text.h>
#include <mailbatch/compose/compose.h>
#include <mailbatch/mime/address.h>
#include <string.h>

/* The `@` before the domain: the last one, for a quoted local part may hold others. */
static size_t find_at(const char *address, size_t length)
{
    const char *at = memrchr(address, '@', length);

    return at != NULL ? (size_t)(at - address) : length;
}

static bool put_domain(const char *domain, size_t length, GString *out, GError **error)
{
    g_autofree char *copy = g_strndup(domain, length);
    g_autofree char *shown = NULL;
    char *ascii = NULL;
    int result = idn2_to_ascii_8z(copy, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);

    if (result == IDN2_OK) {
        g_string_append(out, ascii);
        idn2_free(ascii);
        return true;
    }
    shown = mb_text_printable(domain, length);
    g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA, "\"%s\" is no domain: %s", shown,
                idn2_strerror(result));
    return false;
}

bool mb_compose_address(const char *address, size_t length, GString *out, bool *smtputf8,
                        GError **error)
{
    size_t before = out->len;
    size_t at = find_at(address, length);
    bool local_is_ascii = mb_text_is_ascii(address, at);

    if (at < length && local_is_ascii && !mb_text_is_ascii(address + at, length - at)) {
        if (!mb_text_is_utf8(address, length, NULL)) {
            g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA, "an address is not UTF-8");
            return false;
        }
        g_string_append_len(out, address, (gssize)at + 1);
        if (!put_domain(address + at + 1, length - at - 1, out, error)) {
            g_string_truncate(out, before);
            return false;
        }
    } else {
        g_string_append_len(out, address, (gssize)length);
    }
    if (!mb_address_check(out->str + before, out->len - before, error)) {
        g_string_truncate(out, before);
        return false;
    }
    if (!local_is_ascii && smtputf8 != NULL)
        *smtputf8 = true;
    return true;
}
