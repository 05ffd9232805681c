#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account-override.h>

#define TIMEOUT_MOST_S 86400

static void replace(char **slot, const char *text)
{
    if (text == NULL)
        return;
    g_free(*slot);
    *slot = g_strdup(text);
}

static bool set_timeout(MbAccount *account, const char *text, GError **error)
{
    guint64 seconds;

    if (text == NULL)
        return true;
    if (!mb_text_parse_duration(text, &seconds, error))
        return false;
    if (seconds == 0 || seconds > TIMEOUT_MOST_S) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_USAGE, "--timeout %s: from 1s to 24h", text);
        return false;
    }
    account->timeout_ms = (guint)seconds * 1000;
    return true;
}

static bool set_password(MbAccount *account, const MbAccountOverride *said, GError **error)
{
    if (said->passwordeval == NULL && said->password_file == NULL)
        return true;
    if (said->passwordeval != NULL && said->password_file != NULL) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_USAGE,
                    "--passwordeval and --password-file: say one of them");
        return false;
    }
    g_clear_pointer(&account->password, mb_wipe_free);
    g_clear_pointer(&account->passwordeval, g_free);
    g_clear_pointer(&account->password_file, g_free);
    replace(&account->passwordeval, said->passwordeval);
    replace(&account->password_file, said->password_file);
    return true;
}

/* Who says whom to trust does not mean what the file says of it. */
static void set_trust(MbAccount *account, const MbAccountOverride *said)
{
    if (said->trust == NULL && said->fingerprint == NULL)
        return;
    g_clear_pointer(&account->fingerprint, g_free);
    account->no_certificate_check = false;
    replace(&account->trust_file, said->trust);
    replace(&account->fingerprint, said->fingerprint);
}

bool mb_account_override(MbAccount *account, const MbAccountOverride *said, GError **error)
{
    replace(&account->auth, said->auth);
    set_trust(account, said);
    return set_password(account, said, error) && set_timeout(account, said->timeout, error) &&
           (said->tls == NULL || mb_account_set_tls(account, said->tls, error));
}
