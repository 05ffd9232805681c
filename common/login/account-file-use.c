#include <mailbatch/base/text.h>
#include <string.h>

#include "account-file-internal.h"

typedef struct {
    const MbAccountFile *file;
    const MbAccountEntry *entry;
} Source;

static const MbSetting *get(const Source *source, const char *option)
{
    return mb_account_file_get(source->entry, option);
}

static bool bad_value(const Source *source, const char *option, const char *wanted, GError **error)
{
    const MbSetting *setting = get(source, option);
    g_autofree char *visible = mb_account_file_shown(setting->value);

    return mb_account_file_fault(source->file, setting->line, error, "%s %s: %s is wanted", option,
                                 visible, wanted);
}

/* 1: on, 0: off, -1: not said. */
static bool read_switch(const Source *source, const char *option, int *value, GError **error)
{
    const MbSetting *setting = get(source, option);

    *value = -1;
    if (setting == NULL)
        return true;
    if (*setting->value == '\0' || strcmp(setting->value, "on") == 0)
        *value = 1;
    else if (strcmp(setting->value, "off") == 0)
        *value = 0;
    else
        return bad_value(source, option, "on or off", error);
    return true;
}

static bool read_port(const Source *source, uint16_t *port, GError **error)
{
    const MbSetting *setting = get(source, "port");
    guint64 number;

    *port = 0;
    if (setting == NULL)
        return true;
    if (!g_ascii_string_to_unsigned(setting->value, 10, 1, 65535, &number, NULL))
        return bad_value(source, "port", "a number between 1 and 65535", error);
    *port = (uint16_t)number;
    return true;
}

static bool read_tls(const Source *source, MbAccount *account, GError **error)
{
    bool smtp = account->service == MB_SERVICE_SMTP;
    uint16_t tls_port = smtp ? 465 : 995;
    uint16_t port;
    int tls, start, check;

    if (!read_port(source, &port, error) || !read_switch(source, "tls", &tls, error) ||
        !read_switch(source, "tls_starttls", &start, error) ||
        !read_switch(source, "tls_certcheck", &check, error))
        return false;
    account->no_certificate_check = check == 0;
    account->tls_off_said = tls == 0;
    if (tls == 0)
        account->tls = MB_TLS_OFF;
    else if (start == 0 || (start == -1 && port == tls_port))
        account->tls = MB_TLS_ON;
    else if (start == 1 || tls == 1 || port != 0)
        account->tls = MB_TLS_STARTTLS;
    if (port != 0)
        account->port = port;
    else if (tls != -1 || start != -1)
        account->port = account->tls == MB_TLS_ON ? tls_port : smtp ? 25 : 110;
    return true;
}

static bool read_timeout(const Source *source, MbAccount *account, GError **error)
{
    const MbSetting *setting = get(source, "timeout");
    guint64 seconds;

    if (setting == NULL || strcmp(setting->value, "off") == 0)
        return true;
    if (!g_ascii_string_to_unsigned(setting->value, 10, 1, 86400, &seconds, NULL))
        return bad_value(source, "timeout", "off, or seconds from 1 to 86400", error);
    account->timeout_ms = (guint)seconds * 1000;
    return true;
}

static char *file_name(const Source *source, const char *name)
{
    const char *home = source->file->home;

    return name[0] == '~' && (name[1] == '/' || name[1] == '\0') && home != NULL
               ? g_strconcat(home, name + 1, NULL)
               : g_strdup(name);
}

static bool read_trust(const Source *source, MbAccount *account, GError **error)
{
    const MbSetting *trust = get(source, "tls_trust_file");
    const MbSetting *print = get(source, "tls_fingerprint");
    size_t digits = 0;

    if (trust != NULL && *trust->value != '\0' && strcmp(trust->value, "system") != 0)
        account->trust_file = file_name(source, trust->value);
    if (print == NULL || *print->value == '\0')
        return true;
    for (const char *next = print->value; *next != '\0'; next++)
        digits += g_ascii_isxdigit(*next) ? 1 : *next == ':' ? 0 : 1000;
    if (digits != 64)
        return bad_value(source, "tls_fingerprint", "the certificate's SHA-256 in hexadecimal",
                         error);
    account->fingerprint = g_strdup(print->value);
    return true;
}

/* A value that becomes part of a command or a name has to stay on its line. */
static bool read_text(const Source *source, const char *option, char **value, GError **error)
{
    const MbSetting *setting = get(source, option);

    *value = NULL;
    if (setting == NULL || *setting->value == '\0')
        return true;
    if (mb_text_breaks_line(setting->value, strlen(setting->value)))
        return mb_account_file_fault(source->file, setting->line, error,
                                     "%s: a line break stands in it", option);
    *value = g_strdup(setting->value);
    return true;
}

static bool read_login(const Source *source, MbAccount *account, GError **error)
{
    g_autofree char *auth = NULL;

    if (!read_text(source, "user", &account->user, error) ||
        !read_text(source, "password", &account->password, error) ||
        !read_text(source, "passwordeval", &account->passwordeval, error) ||
        !read_text(source, "auth", &auth, error))
        return false;
    if (auth != NULL && strcmp(auth, "off") == 0)
        g_clear_pointer(&account->user, g_free);
    else if (auth != NULL && strcmp(auth, "on") != 0)
        account->auth = g_ascii_strup(auth, -1);
    return true;
}

static MbAccount *no_account(const MbAccountFile *file, const char *visible, GError **error)
{
    g_autofree char *names = g_strjoinv(", ", (char **)file->names->pdata);
    g_autofree char *shown = mb_account_file_shown(names);

    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: no account %s in it; there %s %s",
                file->path, visible, file->entries->len == 1 ? "is" : "are",
                file->entries->len > 0 ? shown : "none");
    return NULL;
}

MbAccount *mb_account_file_account(const MbAccountFile *file, const char *name, MbService service,
                                   GError **error)
{
    g_autoptr(MbAccount) account = mb_account_new(service);
    Source source = {file, mb_account_file_entry(file, name)};
    g_autofree char *visible = mb_account_file_shown(source.entry != NULL ? source.entry->name
                                                     : name != NULL       ? name
                                                                          : "default");

    if (source.entry == NULL)
        return no_account(file, visible, error);
    if (!read_text(&source, "host", &account->host, error) ||
        !read_login(&source, account, error) || !read_tls(&source, account, error) ||
        !read_timeout(&source, account, error) || !read_trust(&source, account, error))
        return NULL;
    if (account->host != NULL)
        return g_steal_pointer(&account);
    mb_account_file_fault(file, source.entry->line, error, "account %s: no host", visible);
    return NULL;
}
