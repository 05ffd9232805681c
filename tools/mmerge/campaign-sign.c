/*
 * --dkim: the keys, and a message's signature fields.
 */
#include "campaign-internal.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* The domain as the DNS has it. */
static bool put_ascii_domain(const char *domain, size_t length, GString *out, GError **error)
{
    g_autofree char *address = g_strdup_printf("x@%.*s", (int)length, domain);
    g_autoptr(GString) wire = g_string_new(NULL);

    if (!mb_compose_address(address, strlen(address), wire, NULL, error))
        return false;
    g_string_append(out, wire->str + 2);
    return true;
}

bool campaign_put_domain(const char *address, GString *out, GError **error)
{
    const char *domain = strrchr(address, '@') + 1;

    if (*domain == '[') {
        g_string_append(out, "literal.invalid");
        return true;
    }
    if (mb_text_is_ascii(domain, strlen(domain))) {
        g_string_append(out, domain);
        return true;
    }
    return put_ascii_domain(domain, strlen(domain), out, error);
}

/* DOMAIN:SELECTOR:KEYFILE */
static bool add_key(MmCampaign *campaign, const char *setting, GError **error)
{
    const char *selector = strchr(setting, ':');
    const char *path = selector != NULL ? strchr(selector + 1, ':') : NULL;
    g_autoptr(GString) domain = g_string_new(NULL);
    g_autofree char *name = NULL, *record = NULL;

    if (path == NULL || selector == setting || path == selector + 1 || path[1] == '\0') {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_USAGE,
                    "--dkim %s: write DOMAIN:SELECTOR:KEYFILE", setting);
        return false;
    }
    if (!put_ascii_domain(setting, (size_t)(selector - setting), domain, error)) {
        g_prefix_error(error, "--dkim %s: ", setting);
        (*error)->code = MB_ERROR_CONFIG;
        return false;
    }
    name = g_strndup(selector + 1, (size_t)(path - selector - 1));
    if (!mb_dkim_signer_add_key(campaign->signer, domain->str, name, path + 1, error)) {
        g_prefix_error(error, "--dkim: ");
        return false;
    }
    /* The public key stands for the private one. */
    record = mb_dkim_signer_record(campaign->signer, mb_dkim_signer_keys(campaign->signer) - 1);
    campaign_note(campaign, domain->str, domain->len);
    campaign_note(campaign, name, strlen(name));
    campaign_note(campaign, record, strlen(record));
    return true;
}

bool campaign_read_keys(MmCampaign *campaign, char *const *settings, GError **error)
{
    if (settings == NULL || *settings == NULL)
        return true;
    campaign->signer = mb_dkim_signer_new();
    for (; *settings != NULL; settings++)
        if (!add_key(campaign, *settings, error))
            return false;
    return true;
}

char *mm_campaign_signing_domains(const MmCampaign *campaign)
{
    GString *out;

    if (campaign->signer == NULL)
        return NULL;
    out = g_string_new(NULL);
    for (size_t i = 0; i < mb_dkim_signer_keys(campaign->signer); i++) {
        const char *domain = mb_dkim_signer_domain(campaign->signer, i);

        if (i == 0 || strcmp(domain, mb_dkim_signer_domain(campaign->signer, i - 1)) != 0)
            g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", domain);
    }
    return g_string_free(out, FALSE);
}

bool campaign_is_aligned(const MmCampaign *campaign, const char *domain)
{
    for (size_t i = 0; i < mb_dkim_signer_keys(campaign->signer); i++)
        if (mb_dkim_aligned(mb_dkim_signer_domain(campaign->signer, i), domain))
            return true;
    return false;
}

bool campaign_seal(Rendering *rendering, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const MbDkimSigner *signer = rendering->campaign->signer;
    MbWire *sealed;

    renderer->length = renderer->wire != NULL ? mb_wire_length(renderer->wire) : 0;
    if (signer == NULL || renderer->wire == NULL)
        return true;
    if (renderer->sealer == NULL)
        renderer->sealer = mb_dkim_sealer_new(signer);
    if (rendering->options->judge || rendering->options->unsealed) {
        size_t fields;

        if (!mb_dkim_seal_length(renderer->sealer, renderer->wire, rendering->date, &fields, error))
            return false;
        renderer->length += fields;
        return true;
    }
    sealed = mb_dkim_seal(renderer->sealer, renderer->wire, rendering->date, error);
    if (sealed == NULL)
        return false;
    mb_wire_unref(renderer->wire);
    renderer->wire = sealed;
    renderer->length = mb_wire_length(sealed);
    return true;
}
