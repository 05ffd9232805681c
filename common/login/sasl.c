#include <gsasl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account.h>
#include <mailbatch/login/sasl.h>
#include <string.h>

#define STEPS_MAX      16
#define CHALLENGE_MAX  65536
#define ITERATIONS_MAX 2000000 /* about two seconds; servers ask for some 10,000 */

typedef struct {
    const char *name;
    bool client_first;
    bool shows_password; /* to whoever listens: only where the stream is secure */
} Mechanism;

/* In the order of preference. */
static const Mechanism mechanisms[] = {
    {"SCRAM-SHA-256", true, false},
    {"SCRAM-SHA-1", true, false},
    {"PLAIN", true, true},
    {"LOGIN", false, true},
};

struct MbSasl {
    const Mechanism *mechanism;
    Gsasl *context;
    Gsasl_session *session;
    char *deferred; /* a first response that was too long for the command */
    guint steps;
    bool done;
};

static bool is_offered(const char *name, const char *const *offered)
{
    for (size_t i = 0; offered != NULL && offered[i] != NULL; i++)
        if (g_ascii_strcasecmp(offered[i], name) == 0)
            return true;
    return false;
}

static bool is_wanted(const char *name, const MbSaslOptions *options)
{
    return options->mechanism == NULL || g_ascii_strcasecmp(options->mechanism, name) == 0;
}

static char *list_offered(const char *const *offered)
{
    g_autofree char *joined = NULL;

    if (offered == NULL || offered[0] == NULL)
        return g_strdup("nothing");
    joined = g_strjoinv(" ", (char **)offered);
    return mb_text_printable(joined, strlen(joined));
}

static const Mechanism *choose(const MbSaslOptions *options, const char *const *offered,
                               GError **error)
{
    g_autofree char *shown = list_offered(offered);
    bool needs_tls = false;

    for (size_t i = 0; i < G_N_ELEMENTS(mechanisms); i++) {
        const Mechanism *mechanism = &mechanisms[i];

        if (!is_wanted(mechanism->name, options) || !is_offered(mechanism->name, offered))
            continue;
        if (options->secure || !mechanism->shows_password)
            return mechanism;
        needs_tls = true;
    }
    if (needs_tls)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_LOGIN,
                    "%s: login: the password would go in clear: use TLS; offered: %s",
                    options->host, shown);
    else if (options->mechanism != NULL)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_LOGIN,
                    "%s: login: %s is not to be had; offered: %s", options->host,
                    options->mechanism, shown);
    else
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_LOGIN,
                    "%s: login: no mechanism that is known here; offered: %s", options->host,
                    shown);
    return NULL;
}

MbSasl *mb_sasl_new(const MbSaslOptions *options, const char *const *offered, GError **error)
{
    const Mechanism *mechanism = choose(options, offered, error);
    g_autoptr(MbSasl) sasl = NULL;
    int code;

    if (mechanism == NULL)
        return NULL;
    sasl = g_new0(MbSasl, 1);
    sasl->mechanism = mechanism;
    code = gsasl_init(&sasl->context);
    if (code == GSASL_OK)
        code = gsasl_client_start(sasl->context, mechanism->name, &sasl->session);
    if (code != GSASL_OK) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_INTERNAL, "%s: login: %s cannot be started: %s",
                    options->host, mechanism->name, gsasl_strerror(code));
        return NULL;
    }
    gsasl_property_set(sasl->session, GSASL_AUTHID, options->user);
    gsasl_property_set(sasl->session, GSASL_PASSWORD, options->password);
    gsasl_property_set(sasl->session, GSASL_SERVICE, options->service);
    gsasl_property_set(sasl->session, GSASL_HOSTNAME, options->host);
    return g_steal_pointer(&sasl);
}

void mb_sasl_free(MbSasl *sasl)
{
    if (sasl == NULL)
        return;
    if (sasl->session != NULL) {
        /* gsasl frees its copy of the password without wiping it. */
        char *copy = (char *)gsasl_property_fast(sasl->session, GSASL_PASSWORD);

        if (copy != NULL)
            mb_wipe(copy, strlen(copy));
        gsasl_finish(sasl->session);
    }
    if (sasl->context != NULL)
        gsasl_done(sasl->context);
    mb_wipe_free(sasl->deferred);
    g_free(sasl);
}

const char *mb_sasl_mechanism(const MbSasl *sasl)
{
    return sasl->mechanism->name;
}

bool mb_sasl_is_client_first(const MbSasl *sasl)
{
    return sasl->mechanism->client_first;
}

bool mb_sasl_is_done(const MbSasl *sasl)
{
    return sasl->done;
}

static char *protocol_error(const MbSasl *sasl, const char *problem, GError **error)
{
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_PROTOCOL, "login: %s: %s", sasl->mechanism->name,
                problem);
    return NULL;
}

char *mb_sasl_begin(MbSasl *sasl, size_t max, GError **error)
{
    g_autofree char *command = g_strconcat("AUTH ", sasl->mechanism->name, NULL);
    char *response;
    char *line;

    if (!sasl->mechanism->client_first)
        return g_steal_pointer(&command);
    response = mb_sasl_step(sasl, NULL, error);
    if (response == NULL)
        return NULL;
    if (strlen(command) + 1 + strlen(response) > max) {
        sasl->deferred = response;
        return g_steal_pointer(&command);
    }
    line = g_strconcat(command, " ", response[0] != '\0' ? response : "=", NULL);
    mb_wipe_free(response);
    return line;
}

/* A SCRAM challenge (RFC 5802, 7: `r=…,s=…,i=count`) whose count would keep us busy for hours. */
static bool is_too_costly(const char *challenge)
{
    gsize length = 0;
    g_autofree guchar *text = g_base64_decode(challenge, &length);
    const char *count = strstr((const char *)text, ",i=");

    return count != NULL && g_ascii_strtoull(count + 3, NULL, 10) > ITERATIONS_MAX;
}

char *mb_sasl_step(MbSasl *sasl, const char *challenge, GError **error)
{
    g_autofree char *trimmed = NULL;
    char *response = NULL;
    char *copy;
    int code;

    if (sasl->deferred != NULL)
        return g_steal_pointer(&sasl->deferred);
    if (sasl->done)
        return protocol_error(sasl, "the server asks on after the exchange is complete", error);
    if (sasl->steps++ >= STEPS_MAX)
        return protocol_error(sasl, "the server asks without end", error);
    if (challenge != NULL) {
        if (strlen(challenge) > CHALLENGE_MAX)
            return protocol_error(sasl, "the server's challenge is too long", error);
        if (is_too_costly(challenge))
            return protocol_error(sasl, "the server asks for too many iterations", error);
        trimmed = g_strstrip(g_strdup(challenge));
    }
    code = gsasl_step64(sasl->session, trimmed, &response);
    if (code != GSASL_OK && code != GSASL_NEEDS_MORE) {
        gsasl_free(response);
        return protocol_error(sasl, gsasl_strerror(code), error);
    }
    sasl->done = code == GSASL_OK;
    copy = g_strdup(response != NULL ? response : "");
    if (response != NULL)
        mb_wipe(response, strlen(response));
    gsasl_free(response);
    return copy;
}
