/*
 * What mail to many carries beside its content: --unsubscribe and its fields (RFC 2369, RFC 8058),
 * --token-key, --verp.
 *
 *   List-Unsubscribe = "<" uri ">" *( "," "<" uri ">" )
 */
#include "campaign-internal.h"
#include "verp.h"

#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define ONE_CLICK "List-Unsubscribe=One-Click"

/* --- the key of tokens -------------------------------------------------------------------- */

/* Shorter ones could be guessed from a token by trying. */
#define KEY_LEAST 16
#define KEY_MOST  4096

static void free_secret(void *bytes)
{
    mb_wipe(bytes, KEY_MOST);
    g_free(bytes);
}

bool campaign_read_token_key(MmCampaign *campaign, const char *path, GError **error)
{
    uint8_t proof[MB_SHA256_LENGTH];
    char *key;
    size_t length = 0;

    if (path == NULL)
        return true;
    key = g_malloc0(KEY_MOST);
    if (!mb_file_read_secret(path, "a key", key, KEY_MOST, &length, error)) {
        g_prefix_error(error, "--token-key: ");
        free_secret(key);
        return false;
    }
    while (length > 0 && g_ascii_isspace(key[length - 1]))
        length--;
    if (length < KEY_LEAST) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_CONFIG,
                    "--token-key: %s: a key of %zu octets: at least %d are needed (openssl rand "
                    "-hex 32 makes one)",
                    path, length, KEY_LEAST);
        free_secret(key);
        return false;
    }
    campaign->token_key = g_bytes_new_with_free_func(key, length, free_secret, key);
    mb_hmac_sha256(key, length, "verdict", strlen("verdict"), proof);
    campaign_note(campaign, proof, sizeof proof);
    return true;
}

/* --- List-Unsubscribe --------------------------------------------------------------------- */

/* RFC 3986, 2: what may stand in a URI. */
static bool is_uri_octet(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("-._~:/?#[]@!$&'()*+,;=%", c) != NULL);
}

static bool refuse(GError **error, const char *what)
{
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "List-Unsubscribe: %s", what);
    return false;
}

static bool refuse_uri(const char *uri, size_t length, const char *what, GError **error)
{
    g_autofree char *shown = mb_text_printable(uri, MIN(length, 80));

    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "List-Unsubscribe: \"%s\": %s", shown,
                what);
    return false;
}

static bool has_scheme(const char *uri, size_t length, const char *scheme)
{
    return length > strlen(scheme) && g_ascii_strncasecmp(uri, scheme, strlen(scheme)) == 0;
}

static bool check_uri(const char *uri, size_t length, bool *https, GError **error)
{
    for (size_t i = 0; i < length; i++)
        if (!is_uri_octet(uri[i]))
            return refuse_uri(uri, length,
                              "holds what a URL cannot: write it in %-escapes, without blanks",
                              error);
    for (size_t i = 0; i + 2 < length; i++)
        if (uri[i] == '%' && (strncmp(uri + i, "%0A", 3) == 0 || strncmp(uri + i, "%0D", 3) == 0 ||
                              strncmp(uri + i, "%00", 3) == 0))
            return refuse(error, "holds a line break or NUL, which no header field may");
    if (has_scheme(uri, length, "https://") && g_ascii_isalnum(uri[8])) {
        *https = true;
        return true;
    }
    if (has_scheme(uri, length, "mailto:") && memchr(uri, '@', length) != NULL)
        return true;
    return refuse_uri(uri, length,
                      "an address is https://… or mailto:… (a column that holds all of one is "
                      "written {{ column|safe }})",
                      error);
}

/* Goes through the value: whether it is well-formed, and names an https URI. */
static bool check_uris(const char *value, size_t length, bool *https, GError **error)
{
    const char *at = value, *end = value + length;

    for (;;) {
        const char *close;

        while (at < end && g_ascii_isspace(*at))
            at++;
        close = at < end && *at == '<' ? memchr(at, '>', (size_t)(end - at)) : NULL;
        if (close == NULL)
            return refuse(error, "write each address between < and >, with commas between them");
        if (!check_uri(at + 1, (size_t)(close - at) - 1, https, error))
            return false;
        for (at = close + 1; at < end && g_ascii_isspace(*at); at++)
            ;
        if (at == end)
            return true;
        if (*at++ != ',')
            return refuse(error, "write a comma between two addresses");
    }
}

char *campaign_unsubscribe_source(char *const *urls)
{
    GString *source = g_string_new(NULL);

    for (; *urls != NULL; urls++)
        g_string_append_printf(source, "%s<%s>", source->len > 0 ? ", " : "", *urls);
    return g_string_free(source, FALSE);
}

bool campaign_note_unsubscribe(Rendering *rendering, const char *value, size_t length,
                               GError **error)
{
    bool https = false;

    if (!check_uris(value, length, &https, error))
        return false;
    rendering->traits |= MM_UNSUBSCRIBE;
    rendering->https |= https;
    return true;
}

bool campaign_note_one_click(Rendering *rendering, const char *value, size_t length, GError **error)
{
    if (length == strlen(ONE_CLICK) && g_ascii_strncasecmp(value, ONE_CLICK, length) == 0) {
        rendering->traits |= MM_ONE_CLICK;
        return true;
    }
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "List-Unsubscribe-Post: says " ONE_CLICK ", or nothing");
    return false;
}

bool campaign_finish_list(Rendering *rendering, GError **error)
{
    if (rendering->https && rendering->campaign->adds_one_click) {
        rendering->traits |= MM_ONE_CLICK;
        return mb_compose_head_add_raw(rendering->renderer->head, "List-Unsubscribe-Post",
                                       ONE_CLICK, strlen(ONE_CLICK), error);
    }
    if (rendering->https || (rendering->traits & MM_ONE_CLICK) == 0)
        return true;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "List-Unsubscribe-Post: stands only beside an https address in List-Unsubscribe "
                "(RFC 8058, 3.1)");
    return false;
}

/* --- the envelope's sender ---------------------------------------------------------------- */

static const char *first_left(const GArray *recipients)
{
    for (guint i = 0; i < recipients->len; i++) {
        const MmLedgerRecipient *recipient = &g_array_index(recipients, MmLedgerRecipient, i);

        if (!recipient->suppressed)
            return recipient->address;
    }
    return g_array_index(recipients, MmLedgerRecipient, 0).address;
}

bool campaign_choose_sender(Rendering *rendering, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    g_autofree char *key = NULL, *base = NULL;

    if (renderer->sender->len == 0 && rendering->options->sender != NULL) {
        g_string_assign(renderer->sender, rendering->options->sender);
        rendering->smtputf8 |= !g_str_is_ascii(renderer->sender->str);
    }
    if (renderer->sender->len == 0)
        g_string_assign(renderer->sender, renderer->from);
    if (!rendering->campaign->verp)
        return true;
    base = g_strdup(renderer->sender->str);
    key = g_strndup(renderer->message_id->str + 1, MM_MESSAGE_KEY_SIZE - 1);
    g_string_truncate(renderer->sender, 0);
    if (mm_verp_make(base, key, first_left(renderer->recipients), renderer->sender))
        return true;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "--verp: the sender %s is too long: at most 31 octets before the @, 221 in all (a "
                "shorter one as Return-Path)",
                base);
    return false;
}
