#include <gsasl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account.h>
#include <mailbatch/login/sasl.h>
#include <string.h>

#define STEPS_MAX      16
#define CHALLENGE_MAX  65536
#define ITERATIONS_MAX 2000000 /* about two seconds; servers ask for some 10,000 */
#define REFUSAL_MAX    1024

typedef struct {
    const char *name;
    bool client_first;
    bool shows_password; /* to whoever listens: only where the stream is secure */
    bool by_name_only;   /* what the password means depends on it */
    char *(*token_response)(const MbSaslOptions *options); /* NULL: gsasl's */
    const char *token_end; /* answers what the server says of a token that it refuses */
} Mechanism;

/* user=…^Aauth=Bearer …^A^A (Google's and Microsoft's documents). */
static char *xoauth2(const MbSaslOptions *options)
{
    return g_strconcat("user=", options->user, "\001auth=Bearer ", options->password, "\001\001",
                       NULL);
}

/* gs2-header (RFC 5801, 4) and key/value pairs (RFC 7628, 3.1). */
static char *oauthbearer(const MbSaslOptions *options)
{
    g_autoptr(GString) name = g_string_new(options->user);

    g_string_replace(name, "=", "=3D", 0);
    g_string_replace(name, ",", "=2C", 0);
    return g_strconcat("n,a=", name->str, ",\001host=", options->host, "\001auth=Bearer ",
                       options->password, "\001\001", NULL);
}

/* In the order of preference. CRAM-MD5 hides the password where nothing else does, but makes the
 * server keep it. */
static const Mechanism mechanisms[] = {
    {"SCRAM-SHA-256", true, false, false, NULL, NULL},
    {"SCRAM-SHA-1", true, false, false, NULL, NULL},
    {"PLAIN", true, true, false, NULL, NULL},
    {"LOGIN", false, true, false, NULL, NULL},
    {"CRAM-MD5", false, false, false, NULL, NULL},
    {"OAUTHBEARER", true, true, true, oauthbearer, "AQ=="}, /* ^A: RFC 7628, 3.2.3 */
    {"XOAUTH2", true, true, true, xoauth2, ""},
};

struct MbSasl {
    const Mechanism *mechanism;
    Gsasl *context;
    Gsasl_session *session;
    char *token;    /* a token's response, base64, until it is asked for */
    char *refusal;  /* what the server said of a token */
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

static bool is_wanted(const Mechanism *mechanism, const MbSaslOptions *options)
{
    if (options->mechanism == NULL)
        return !mechanism->by_name_only;
    return g_ascii_strcasecmp(options->mechanism, mechanism->name) == 0;
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

        if (!is_wanted(mechanism, options) || !is_offered(mechanism->name, offered))
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

static bool start_gsasl(MbSasl *sasl, const MbSaslOptions *options, GError **error)
{
    int code = gsasl_init(&sasl->context);

    if (code == GSASL_OK)
        code = gsasl_client_start(sasl->context, sasl->mechanism->name, &sasl->session);
    if (code != GSASL_OK) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_INTERNAL, "%s: login: %s cannot be started: %s",
                    options->host, sasl->mechanism->name, gsasl_strerror(code));
        return false;
    }
    gsasl_property_set(sasl->session, GSASL_AUTHID, options->user);
    gsasl_property_set(sasl->session, GSASL_PASSWORD, options->password);
    gsasl_property_set(sasl->session, GSASL_SERVICE, options->service);
    gsasl_property_set(sasl->session, GSASL_HOSTNAME, options->host);
    return true;
}

/* No octet of a user or token may end its field. */
static bool start_token(MbSasl *sasl, const MbSaslOptions *options, GError **error)
{
    char *plain;

    if (strchr(options->user, '\001') != NULL || strchr(options->password, '\001') != NULL) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_LOGIN,
                    "%s: login: a control character in the user's name or the token",
                    options->host);
        return false;
    }
    plain = sasl->mechanism->token_response(options);
    sasl->token = g_base64_encode((const guchar *)plain, strlen(plain));
    mb_wipe_free(plain);
    return true;
}

MbSasl *mb_sasl_new(const MbSaslOptions *options, const char *const *offered, GError **error)
{
    const Mechanism *mechanism = choose(options, offered, error);
    g_autoptr(MbSasl) sasl = NULL;
    bool good;

    if (mechanism == NULL)
        return NULL;
    sasl = g_new0(MbSasl, 1);
    sasl->mechanism = mechanism;
    good = mechanism->token_response != NULL ? start_token(sasl, options, error)
                                             : start_gsasl(sasl, options, error);
    return good ? g_steal_pointer(&sasl) : NULL;
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
    mb_wipe_free(sasl->token);
    g_free(sasl->refusal);
    g_free(sasl);
}

bool mb_sasl_is_token(const char *mechanism)
{
    for (size_t i = 0; mechanism != NULL && i < G_N_ELEMENTS(mechanisms); i++)
        if (g_ascii_strcasecmp(mechanisms[i].name, mechanism) == 0)
            return mechanisms[i].token_response != NULL;
    return false;
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

/* The token, and then the end of an exchange whose refusal the server explains. */
static char *step_token(MbSasl *sasl, const char *challenge)
{
    gsize length = 0;
    g_autofree guchar *text = NULL;

    sasl->done = true;
    if (sasl->token != NULL)
        return g_steal_pointer(&sasl->token);
    text = g_base64_decode(challenge != NULL ? challenge : "", &length);
    sasl->refusal = mb_text_printable((const char *)text, MIN(length, REFUSAL_MAX));
    return g_strdup(sasl->mechanism->token_end);
}

const char *mb_sasl_refusal(const MbSasl *sasl)
{
    return sasl->refusal;
}

char *mb_sasl_step(MbSasl *sasl, const char *challenge, GError **error)
{
    g_autofree char *trimmed = NULL;
    char *response = NULL;
    char *copy;
    int code;

    if (sasl->deferred != NULL)
        return g_steal_pointer(&sasl->deferred);
    if (sasl->mechanism->token_response != NULL && sasl->refusal == NULL)
        return step_token(sasl, challenge);
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
