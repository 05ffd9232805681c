#include <mailbatch/base/digest.h>
#include <mailbatch/login/sasl.h>
#include <mailbatch/login/secret.h>
#include <pthread.h>

/* A process has one terminal. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

struct MbSecret {
    const MbAccount *account;
    bool (*stopped)(void);
    pthread_mutex_t lock; /* of what follows; held while a command runs, so that others wait */
    char *password;       /* NULL: not asked for yet */
    guint edition;
    bool was_renewed; /* this edition stands in for one that was refused … */
    bool was_taken;   /* … and was accepted since */
};

MbSecret *mb_secret_new(const MbAccount *account, bool (*stopped)(void))
{
    MbSecret *secret = g_new0(MbSecret, 1);

    secret->account = account;
    secret->stopped = stopped;
    pthread_mutex_init(&secret->lock, NULL);
    return secret;
}

void mb_secret_free(MbSecret *secret)
{
    if (secret == NULL)
        return;
    mb_wipe_free(secret->password);
    pthread_mutex_destroy(&secret->lock);
    g_free(secret);
}

static char *ask(const MbSecret *secret, GError **error)
{
    char *password = NULL;

    pthread_mutex_lock(&asking);
    if (secret->stopped != NULL && secret->stopped())
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_TEMPORARY, "%s: stopped before the login",
                    secret->account->host);
    else
        password = mb_account_password(secret->account, error);
    pthread_mutex_unlock(&asking);
    return password;
}

char *mb_secret_get(MbSecret *secret, guint *edition, GError **error)
{
    char *copy;

    pthread_mutex_lock(&secret->lock);
    if (secret->password == NULL)
        secret->password = ask(secret, error);
    copy = g_strdup(secret->password);
    *edition = secret->edition;
    pthread_mutex_unlock(&secret->lock);
    return copy;
}

void mb_secret_accepted(MbSecret *secret, guint edition)
{
    if (secret == NULL)
        return;
    pthread_mutex_lock(&secret->lock);
    if (edition == secret->edition)
        secret->was_taken = true;
    pthread_mutex_unlock(&secret->lock);
}

static bool can_be_renewed(const MbSecret *secret)
{
    const MbAccount *account = secret->account;

    return account->password == NULL && account->passwordeval != NULL &&
           mb_sasl_is_token(account->auth) && (!secret->was_renewed || secret->was_taken);
}

static bool renew(MbSecret *secret, GError *refusal)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *message = NULL;
    char *password;

    if (!can_be_renewed(secret))
        return false;
    password = ask(secret, &failure);
    if (password == NULL) {
        message = g_steal_pointer(&refusal->message);
        refusal->message = g_strdup_printf("%s; for a newer token: %s", message, failure->message);
        return false;
    }
    mb_wipe_free(secret->password);
    secret->password = password;
    secret->edition++;
    secret->was_renewed = true;
    secret->was_taken = false;
    return true;
}

bool mb_secret_renew(MbSecret *secret, guint edition, GError *refusal)
{
    bool newer;

    if (secret == NULL)
        return false;
    pthread_mutex_lock(&secret->lock);
    newer = edition != secret->edition || renew(secret, refusal);
    pthread_mutex_unlock(&secret->lock);
    return newer;
}
