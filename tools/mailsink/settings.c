#include "settings.h"

#include <mailbatch/base/text.h>
#include <string.h>

const char *ms_door_name(MsProtocol protocol, bool tls_first)
{
    static const char *const names[MS_PROTOCOLS][2] = {{"smtp", "smtps"}, {"pop3", "pop3s"}};

    return names[protocol][tls_first ? 1 : 0];
}

static const struct {
    const char *name;
    MsHide hide;
} hides[] = {
    {"PIPELINING", MS_HIDE_PIPELINING},
    {"8BITMIME", MS_HIDE_8BITMIME},
    {"SMTPUTF8", MS_HIDE_SMTPUTF8},
    {"SIZE", MS_HIDE_SIZE},
    {"CHUNKING", MS_HIDE_CHUNKING},
    {"DSN", MS_HIDE_DSN},
    {"STARTTLS", MS_HIDE_STARTTLS},
    {"STLS", MS_HIDE_STARTTLS},
    {"AUTH", MS_HIDE_AUTH},
    {"SASL", MS_HIDE_AUTH},
    {"CAPA", MS_HIDE_CAPA},
    {"UIDL", MS_HIDE_UIDL},
    {"TOP", MS_HIDE_TOP},
    {"USER", MS_HIDE_USER},
    {"ENHANCEDSTATUSCODES", MS_HIDE_ENHANCED},
};

static bool usage(GError **error, const char *option, const char *value, const char *problem)
{
    g_autofree char *shown = mb_text_printable(value, strlen(value));

    g_set_error(error, MS_ERROR, MB_ERROR_USAGE, "%s: %s: %s", option, shown, problem);
    return false;
}

static bool apply_hide(const char *list, guint *hidden, GError **error)
{
    g_auto(GStrv) names = g_strsplit(list, ",", -1);

    for (char **next = names; *next != NULL; next++) {
        bool known = false;

        g_strstrip(*next);
        for (size_t i = 0; i < G_N_ELEMENTS(hides); i++) {
            if (g_ascii_strcasecmp(hides[i].name, *next) != 0)
                continue;
            *hidden |= hides[i].hide;
            known = true;
        }
        if (!known)
            return usage(error, "--hide", *next, "not a capability that can be hidden");
    }
    return true;
}

/* The password stays out of the message. */
static bool add_user(GHashTable *users, const char *text, GError **error)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL || colon == text) {
        g_set_error(error, MS_ERROR, MB_ERROR_USAGE, "--user: write NAME:PASSWORD");
        return false;
    }
    g_hash_table_insert(users, g_strndup(text, (gsize)(colon - text)), g_strdup(colon + 1));
    return true;
}

static bool check(const MsSettings *settings, GError **error)
{
    const char *problem = NULL;

    if (settings->store != NULL && settings->discard)
        problem = "--store and --discard: give one of them";
    else if ((settings->certificate == NULL) != (settings->key == NULL))
        problem = "--cert and --key: give both or neither";
    else if (settings->delay_ms < 0 || settings->delay_ms > 600000)
        problem = "--delay: give milliseconds, 600000 at most";
    if (problem != NULL)
        g_set_error_literal(error, MS_ERROR, MB_ERROR_USAGE, problem);
    return problem == NULL;
}

bool ms_settings_apply(const MsSettings *settings, MsHouse *house, GError **error)
{
    house->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    house->faults = ms_faults_new();
    if (!check(settings, error))
        return false;
    for (char **next = settings->users; next != NULL && *next != NULL; next++)
        if (!add_user(house->users, *next, error))
            return false;
    for (char **next = settings->faults; next != NULL && *next != NULL; next++)
        if (!ms_faults_add(house->faults, *next, error))
            return false;
    if (settings->hide != NULL && !apply_hide(settings->hide, &house->hidden, error))
        return false;
    return settings->max_size == NULL ||
           mb_text_parse_size(settings->max_size, &house->max_size, error);
}

void ms_house_clear(MsHouse *house)
{
    g_clear_pointer(&house->users, g_hash_table_unref);
    g_clear_pointer(&house->faults, ms_faults_free);
    g_clear_pointer(&house->store, ms_store_free);
}

void ms_settings_clear(MsSettings *settings)
{
    for (size_t i = 0; i < MS_PROTOCOLS; i++)
        for (size_t j = 0; j < 2; j++)
            g_strfreev(settings->doors[i][j]);
    g_strfreev(settings->users);
    g_strfreev(settings->faults);
    g_free(settings->certificate);
    g_free(settings->key);
    g_free(settings->store);
    g_free(settings->ready_file);
    g_free(settings->hide);
    g_free(settings->max_size);
}
