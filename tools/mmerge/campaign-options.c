#include "campaign.h"

#include <string.h>

void mm_campaign_options_clear(MmCampaignOptions *options)
{
    g_free(options->from);
    g_strfreev(options->attach);
    g_strfreev(options->set);
    g_free(options->encoding);
    g_free(options->delimiter);
    g_free(options->key);
    g_free(options->group_by);
    g_free(options->duplicates);
    g_free(options->bad_rows);
    g_strfreev(options->suppress);
    g_free(options->max_size);
    g_strfreev(options->dkim);
    g_strfreev(options->unsubscribe);
    g_free(options->token_key);
    memset(options, 0, sizeof *options);
}

MmCampaign *mm_campaign_open_operands(char *const *operands, const MmCampaignOptions *options,
                                      GError **error)
{
    MmCampaign *campaign = mm_campaign_open(operands[0], operands[1], options, error);

    if (campaign != NULL)
        mm_campaign_warn(campaign);
    else if (error != NULL && g_str_has_suffix(operands[0], ".csv") &&
             !g_str_has_suffix(operands[1], ".csv"))
        g_prefix_error(error, "%s %s: the template comes first, then the CSV: ", operands[0],
                       operands[1]);
    return campaign;
}

GOptionEntry *mm_campaign_entries(MmCampaignOptions *options, const GOptionEntry *more)
{
    const GOptionEntry own[] = {
        {"from", 0, 0, G_OPTION_ARG_STRING, &options->from, "From, instead of the template's",
         "ADDR"},
        {"attach", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->attach,
         "Attach FILE to every message (may repeat)", "FILE"},
        {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->set,
         "Give the template a name of its own (may repeat)", "KEY=VALUE"},
        {"encoding", 0, 0, G_OPTION_ARG_STRING, &options->encoding,
         "Encoding of the CSV (UTF-8, or what its BOM says)", "NAME"},
        {"delimiter", 0, 0, G_OPTION_ARG_STRING, &options->delimiter,
         "Delimiter of the CSV, one character or `tab`", "C"},
        {"key", 0, 0, G_OPTION_ARG_STRING, &options->key, "Column that says who a row is",
         "COLUMN"},
        {"group-by", 0, 0, G_OPTION_ARG_STRING, &options->group_by,
         "One message for all rows with the same value there ({% for r in rows %})", "COLUMN"},
        {"duplicates", 0, 0, G_OPTION_ARG_STRING, &options->duplicates,
         "Rows with the same To: stop, skip or send (stop)", "WHAT"},
        {"bad-rows", 0, 0, G_OPTION_ARG_STRING, &options->bad_rows,
         "Rows that cannot be sent: stop or skip (stop)", "WHAT"},
        {"suppress", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->suppress,
         "Addresses never to send to, one a line (may repeat)", "FILE"},
        {"max-size", 0, 0, G_OPTION_ARG_STRING, &options->max_size, "A larger message is a bad row",
         "SIZE"},
        {"dkim", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->dkim,
         "Sign every message (may repeat, for RSA and Ed25519)", "DOMAIN:SELECTOR:KEYFILE"},
        {"unsubscribe", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->unsubscribe,
         "List-Unsubscribe, https (one-click) or mailto; a template (may repeat)", "URL"},
        {"token-key", 0, 0, G_OPTION_ARG_FILENAME, &options->token_key,
         "The secret of the filter `token`, readable by you alone", "FILE"},
        {"verp", 0, 0, G_OPTION_ARG_NONE, &options->verp,
         "An envelope sender a message, so that bounces tell whom they are about", NULL},
    };
    size_t n = G_N_ELEMENTS(own), n_more = 0;
    GOptionEntry *all;

    while (more != NULL && more[n_more].long_name != NULL)
        n_more++;
    all = g_new0(GOptionEntry, n + n_more + 1);
    memcpy(all, own, sizeof own);
    if (n_more > 0)
        memcpy(all + n, more, n_more * sizeof *more);
    return all;
}
