#include "verp.h"

#include "ledger.h"

#include <string.h>

#define LOCAL_MAX   64  /* RFC 5321, 4.5.3.1.1 */
#define ADDRESS_MAX 254 /* RFC 5321, 4.5.3.1.3, without the brackets */
#define KEY         (MM_MESSAGE_KEY_SIZE - 1)

/* What any server takes unquoted, without a meaning of its own to some (`%`, `!`). */
static bool is_plain(char octet)
{
    return g_ascii_isalnum(octet) || (octet != '\0' && strchr("._-=&'*^~", octet) != NULL);
}

static void put_local(const char *local, size_t length, GString *out)
{
    for (size_t i = 0; i < length; i++) {
        bool dots = local[i] == '.' && (i == 0 || i + 1 == length || local[i + 1] == '.');

        if (is_plain(local[i]) && !dots)
            g_string_append_c(out, local[i]);
        else
            g_string_append_printf(out, "+%02X", (guint8)local[i]);
    }
}

bool mm_verp_make(const char *sender, const char *message_key, const char *recipient, GString *out)
{
    const char *at = strrchr(sender, '@'), *to = strrchr(recipient, '@');
    size_t start = out->len, local = at != NULL ? (size_t)(at - sender) : 0;

    if (at == NULL || local == 0 || local + 1 + KEY > LOCAL_MAX || sender[0] == '"' ||
        local + 1 + KEY + strlen(at) > ADDRESS_MAX)
        return false;
    g_string_append_len(out, sender, at - sender);
    g_string_append_c(out, '+');
    if (to != NULL) {
        g_string_append_len(out, message_key, MM_VERP_PROOF);
        g_string_append_c(out, '-');
        put_local(recipient, (size_t)(to - recipient), out);
        g_string_append_printf(out, "=%s", to + 1);
    }
    if (to == NULL || strchr(to, '[') != NULL || out->len - start > LOCAL_MAX ||
        out->len - start + strlen(at) > ADDRESS_MAX) {
        g_string_truncate(out, start + local + 1);
        g_string_append(out, message_key);
    }
    g_string_append(out, at);
    return true;
}

static bool is_key(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

/* NULL: not written by put_local(). */
static char *read_recipient(const char *text, const char *end)
{
    const char *equals = g_strrstr_len(text, end - text, "=");
    GString *out;

    if (equals == NULL || equals == text || equals + 1 == end)
        return NULL;
    out = g_string_new(NULL);
    for (; text < equals; text++) {
        if (*text != '+') {
            g_string_append_c(out, *text);
            continue;
        }
        if (equals - text < 3 || !g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2])) {
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_c(
            out, (char)(g_ascii_xdigit_value(text[1]) * 16 + g_ascii_xdigit_value(text[2])));
        text += 2;
    }
    g_string_append_printf(out, "@%.*s", (int)(end - equals - 1), equals + 1);
    return g_string_free(out, FALSE);
}

bool mm_verp_read(const char *address, MmVerp *verp)
{
    const char *end = strrchr(address, '@');

    if (end == NULL)
        return false;
    for (const char *plus = address; (plus = memchr(plus, '+', (size_t)(end - plus))) != NULL;) {
        size_t length = (size_t)(end - ++plus);

        if (length == KEY && is_key(plus, KEY)) {
            *verp = (MmVerp){g_strndup(plus, KEY), NULL};
            return true;
        }
        if (length > MM_VERP_PROOF + 1 && is_key(plus, MM_VERP_PROOF) &&
            plus[MM_VERP_PROOF] == '-') {
            char *recipient = read_recipient(plus + MM_VERP_PROOF + 1, end);

            if (recipient != NULL) {
                *verp = (MmVerp){g_strndup(plus, MM_VERP_PROOF), recipient};
                return true;
            }
        }
    }
    return false;
}

void mm_verp_clear(MmVerp *verp)
{
    g_free(verp->proof);
    g_free(verp->recipient);
    *verp = (MmVerp){0};
}
