#include "signer.h"

#include <string.h>

MB_DEFINE_QUARK(mb_dkim_error)

/* RFC 1035, 2.3.4. */
#define MAX_LABEL 63
#define MAX_NAME  253

static void clear_key(void *data)
{
    DkimKey *key = data;

    mb_signing_key_free(key->key);
    g_free(key->domain);
    g_free(key->selector);
}

MbDkimSigner *mb_dkim_signer_new(void)
{
    MbDkimSigner *signer = g_new0(MbDkimSigner, 1);

    signer->keys = g_array_new(FALSE, FALSE, sizeof(DkimKey));
    g_array_set_clear_func(signer->keys, clear_key);
    return signer;
}

void mb_dkim_signer_free(MbDkimSigner *signer)
{
    if (signer == NULL)
        return;
    g_array_unref(signer->keys);
    g_free(signer);
}

/* sub-domain *("." sub-domain) (RFC 5321, 4.1.2), and underscores, which selectors are seen with.
 */
static bool is_dns_name(const char *name)
{
    size_t length = strlen(name), label = 0;

    if (length == 0 || length > MAX_NAME)
        return false;
    for (size_t i = 0; i <= length; i++) {
        char octet = name[i];

        if (octet == '.' || octet == '\0') {
            if (label == 0 || label > MAX_LABEL || name[i - 1] == '-' || name[i - label] == '-')
                return false;
            label = 0;
        } else if (g_ascii_isalnum(octet) || octet == '-' || octet == '_') {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

bool mb_dkim_signer_add_key(MbDkimSigner *signer, const char *domain, const char *selector,
                            const char *path, GError **error)
{
    DkimKey key = {0};

    if (!is_dns_name(domain) || strchr(domain, '.') == NULL) {
        g_set_error(error, MB_DKIM_ERROR, MB_ERROR_CONFIG, "%s: no domain name to sign for",
                    domain);
        return false;
    }
    if (!is_dns_name(selector)) {
        g_set_error(error, MB_DKIM_ERROR, MB_ERROR_CONFIG,
                    "%s: no selector (the name before ._domainkey.%s)", selector, domain);
        return false;
    }
    key.key = mb_signing_key_load(path, MB_DKIM_MIN_RSA_BITS, error);
    if (key.key == NULL)
        return false;
    key.domain = g_ascii_strdown(domain, -1);
    key.selector = g_strdup(selector);
    g_array_append_val(signer->keys, key);
    return true;
}

size_t mb_dkim_signer_keys(const MbDkimSigner *signer)
{
    return signer->keys->len;
}

const char *mb_dkim_signer_domain(const MbDkimSigner *signer, size_t index)
{
    return dkim_key(signer, index)->domain;
}

unsigned mb_dkim_signer_rsa_bits(const MbDkimSigner *signer, size_t index)
{
    const MbSigningKey *key = dkim_key(signer, index)->key;

    return mb_signing_key_kind(key) == MB_SIGNING_RSA_SHA256 ? mb_signing_key_bits(key) : 0;
}

char *mb_dkim_signer_record(const MbDkimSigner *signer, size_t index)
{
    const MbSigningKey *key = dkim_key(signer, index)->key;
    g_autoptr(GBytes) public = mb_signing_key_public(key);
    g_autofree char *encoded =
        g_base64_encode(g_bytes_get_data(public, NULL), g_bytes_get_size(public));

    return g_strdup_printf("v=DKIM1; k=%s; p=%s",
                           mb_signing_key_kind(key) == MB_SIGNING_ED25519 ? "ed25519" : "rsa",
                           encoded);
}

/* Whether `name` is `domain` or stands below it. */
static bool is_below(const char *name, const char *domain)
{
    size_t length = strlen(domain), name_length = strlen(name);

    if (name_length < length || g_ascii_strcasecmp(name + name_length - length, domain) != 0)
        return false;
    return name_length == length || name[name_length - length - 1] == '.';
}

/* Mail does not come from a name without a dot, so neither is a top-level domain here. */
bool mb_dkim_aligned(const char *domain, const char *from_domain)
{
    return is_below(from_domain, domain) ||
           (strchr(from_domain, '.') != NULL && is_below(domain, from_domain));
}
