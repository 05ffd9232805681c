#include <idn2.h>
#include <mailbatch/base/text.h>
#include <mailbatch/net/idn.h>
#include <mailbatch/net/stream.h>
#include <string.h>

/* libidn2 lets empty labels pass, and maps characters to what no host name has: a full-width `>`
 * becomes the one that ends a command's address. */
static bool is_host_name(const char *label)
{
    for (const char *at = label; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && strchr("-._", *at) == NULL)
            return false;
    return label[0] != '\0' && label[0] != '.' && strstr(label, "..") == NULL;
}

char *mb_idn_to_ascii(const char *domain, GError **error)
{
    char *label = NULL;
    char *copy;
    int code = idn2_to_ascii_8z(domain, &label, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

    if (code == IDN2_OK && !is_host_name(label)) {
        idn2_free(label);
        code = IDN2_DISALLOWED;
    }
    if (code != IDN2_OK) {
        g_autofree char *shown = mb_text_printable(domain, strlen(domain));
        g_set_error(error, MB_NET_ERROR, MB_ERROR_DATA, "%s: not a domain: %s", shown,
                    idn2_strerror(code));
        return NULL;
    }
    copy = g_strdup(label);
    idn2_free(label);
    return copy;
}
