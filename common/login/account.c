#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account.h>
#include <string.h>

MB_DEFINE_QUARK(mb_login_error)

typedef struct {
    const char *scheme;
    MbService service;
    MbTlsMode tls;
    uint16_t port;
} Scheme;

static const Scheme schemes[] = {
    {"smtp", MB_SERVICE_SMTP, MB_TLS_STARTTLS, 587},
    {"smtps", MB_SERVICE_SMTP, MB_TLS_ON, 465},
    {"pop3", MB_SERVICE_POP3, MB_TLS_STARTTLS, 110},
    {"pop3s", MB_SERVICE_POP3, MB_TLS_ON, 995},
};

static const Scheme *usual_scheme(MbService service)
{
    return service == MB_SERVICE_SMTP ? &schemes[0] : &schemes[3];
}

MbAccount *mb_account_new(MbService service)
{
    MbAccount *account = g_new0(MbAccount, 1);

    account->service = service;
    account->tls = usual_scheme(service)->tls;
    account->port = usual_scheme(service)->port;
    return account;
}

void mb_account_free(MbAccount *account)
{
    if (account == NULL)
        return;
    g_free(account->host);
    g_free(account->user);
    mb_wipe_free(account->password);
    g_free(account->password_file);
    g_free(account->passwordeval);
    g_free(account->netrc);
    g_free(account->auth);
    g_free(account->trust_file);
    g_free(account->fingerprint);
    g_free(account);
}

/* Errors about an URL never show it whole: it may hold a password where none belongs. */
static bool url_error(GError **error, const char *problem)
{
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_USAGE, "server URL: %s", problem);
    return false;
}

static const Scheme *find_scheme(MbService service, const char *url, const char **rest,
                                 GError **error)
{
    const char *colon = strstr(url, "://");

    for (size_t i = 0; colon != NULL && i < G_N_ELEMENTS(schemes); i++) {
        size_t length = strlen(schemes[i].scheme);

        if (schemes[i].service != service || (size_t)(colon - url) != length ||
            g_ascii_strncasecmp(url, schemes[i].scheme, length) != 0)
            continue;
        *rest = colon + 3;
        return &schemes[i];
    }
    url_error(error, service == MB_SERVICE_SMTP
                         ? "begins with neither smtp:// nor smtps://: write smtps://user@host"
                         : "begins with neither pop3:// nor pop3s://: write pop3s://user@host");
    return NULL;
}

/* What percent-encoding stands for, which has to be a piece of a line. */
static char *decode(const char *text, size_t length, const char *what, GError **error)
{
    g_autofree char *decoded = g_uri_unescape_segment(text, text + length, NULL);

    if (decoded != NULL && decoded[0] != '\0' && !mb_text_breaks_line(decoded, strlen(decoded)) &&
        mb_text_is_utf8(decoded, strlen(decoded), NULL))
        return g_steal_pointer(&decoded);
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_USAGE, "server URL: the %s is empty or malformed",
                what);
    return NULL;
}

static bool parse_port(const char *text, uint16_t *port, GError **error)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, 1, 65535, &number, NULL))
        return url_error(error, "the port is not a number between 1 and 65535");
    *port = (uint16_t)number;
    return true;
}

static bool is_host(const char *host)
{
    for (const char *next = host; *next != '\0'; next++)
        if (g_ascii_isspace(*next) || g_ascii_iscntrl(*next) || strchr("/@?#[]\"<>\\", *next))
            return false;
    return true;
}

static bool parse_host(const char *text, char **host, uint16_t *port, GError **error)
{
    const char *end;
    g_autofree char *name = NULL;

    if (text[0] == '[') {
        end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return url_error(error, "the address in brackets is malformed: write [::1]:587");
        name = decode(text + 1, (size_t)(end - text) - 1, "host", error);
        end++;
    } else {
        end = text + strcspn(text, ":");
        name = decode(text, (size_t)(end - text), "host", error);
    }
    if (name == NULL)
        return false;
    if (!is_host(name))
        return url_error(error, "the host holds characters that no host name has");
    if (*end == ':' && !parse_port(end + 1, port, error))
        return false;
    *host = g_steal_pointer(&name);
    return true;
}

static bool parse_user(const char *text, size_t length, char **user, GError **error)
{
    if (memchr(text, ':', length) != NULL)
        return url_error(error, "it holds a password, which others could see: leave it out and "
                                "give --passwordeval or --password-file");
    *user = decode(text, length, "user", error);
    return *user != NULL;
}

bool mb_account_set_url(MbAccount *account, const char *url, GError **error)
{
    const char *rest = NULL;
    const Scheme *scheme = find_scheme(account->service, url, &rest, error);
    g_autofree char *authority = NULL;
    g_autofree char *host = NULL;
    g_autofree char *user = NULL;
    const char *at;
    uint16_t port;

    if (scheme == NULL)
        return false;
    port = scheme->port;
    authority = g_strdup(rest);
    if (g_str_has_suffix(authority, "/"))
        authority[strlen(authority) - 1] = '\0';
    at = strrchr(authority, '@');
    if (at != NULL && !parse_user(authority, (size_t)(at - authority), &user, error))
        return false;
    if (strpbrk(at != NULL ? at : authority, "/?#") != NULL)
        return url_error(error, "nothing may follow the host and port");
    if (!parse_host(at != NULL ? at + 1 : authority, &host, &port, error))
        return false;
    g_free(account->host);
    account->host = g_steal_pointer(&host);
    account->port = port;
    account->tls = scheme->tls;
    account->tls_off_said = false;
    if (user != NULL) {
        g_free(account->user);
        account->user = g_steal_pointer(&user);
    }
    return true;
}

bool mb_account_set_tls(MbAccount *account, const char *mode, GError **error)
{
    g_autofree char *shown = NULL;

    if (strcmp(mode, "on") == 0) {
        account->tls = MB_TLS_ON;
    } else if (strcmp(mode, "starttls") == 0) {
        account->tls = MB_TLS_STARTTLS;
    } else if (strcmp(mode, "off") == 0) {
        account->tls = MB_TLS_OFF;
    } else {
        shown = mb_text_printable(mode, strlen(mode));
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_USAGE,
                    "--tls: unknown mode: %s: give on, starttls or off", shown);
        return false;
    }
    account->tls_off_said = account->tls == MB_TLS_OFF;
    return true;
}

char *mb_account_identity(const MbAccount *account)
{
    const char *host = account->host != NULL ? account->host : "?";

    return account->user != NULL ? g_strdup_printf("%s@%s", account->user, host) : g_strdup(host);
}
