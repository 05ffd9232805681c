/*
 * ~/.netrc, what a command line says over an account, and the secret that connections share.
 */
#include "suite.h"

#include <check.h>
#include <glib/gstdio.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/login/account-override.h>
#include <mailbatch/login/sasl.h>
#include <mailbatch/login/secret.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static char *folder;
static char *path; /* of a netrc, or of what a command counts its calls in */

static void set_up(void)
{
    folder = g_dir_make_tmp("mailbatch-XXXXXX", NULL);
    path = g_build_filename(folder, "file", NULL);
}

static void tear_down(void)
{
    g_remove(path);
    g_rmdir(folder);
    g_clear_pointer(&path, g_free);
    g_clear_pointer(&folder, g_free);
}

static MbAccount *new_account(void)
{
    MbAccount *account = mb_account_new(MB_SERVICE_SMTP);

    account->host = g_strdup("mail.example");
    account->user = g_strdup("me");
    return account;
}

/* --- ~/.netrc --- */

typedef struct {
    const char *name;
    const char *text; /* NULL: there is no file */
    int mode;
    const char *want; /* NULL: none */
    const char *says; /* the error, then */
} NetrcRow;

#define NONE "no password: give --passwordeval or --password-file, or write it into ~/.netrc"

static const NetrcRow netrc_rows[] = {
    {"one line", "machine mail.example login me password secret\n", 0600, "secret", NULL},
    {"lines", "machine mail.example\n\tlogin me\n\tpassword secret", 0600, "secret", NULL},
    {"in any order, CRLF", "machine mail.example\r\npassword secret\r\nlogin me\r\n", 0400,
     "secret", NULL},
    {"case of the host", "machine MAIL.example login me password secret\n", 0600, "secret", NULL},
    {"without a login", "machine mail.example password secret\n", 0600, "secret", NULL},
    {"the older words", "machine mail.example user me passwd secret account x\n", 0600, "secret",
     NULL},
    {"another user before",
     "machine mail.example login you password no\nmachine mail.example login me password secret\n",
     0600, "secret", NULL},
    {"another host before",
     "machine x.example login me password no\nmachine mail.example login me password secret\n",
     0600, "secret", NULL},
    {"the first of two",
     "machine mail.example login me password secret\nmachine mail.example login me password no\n",
     0600, "secret", NULL},
    {"the default", "machine x.example login me password no\ndefault login me password secret\n",
     0600, "secret", NULL},
    {"the default of another user", "default login you password no\n", 0600, NULL, NONE},
    {"quotes and backslashes", "machine mail.example login \"me\" password \"a b\\\"c\\\\\"\n",
     0600, "a b\"c\\", NULL},
    {"a hash in a password", "machine mail.example login me password #secret # mine\n", 0600,
     "#secret", NULL},
    {"comments", "# mine\nmachine mail.example # login you\n login me password secret\n#\n", 0600,
     "secret", NULL},
    {"a macro",
     "machine x.example login me password no\nmacdef init\nmachine mail.example\npassword no\n\n"
     "machine mail.example login me password secret\n",
     0600, "secret", NULL},
    {"an entry without a password before",
     "machine mail.example login me\nmachine mail.example password secret\n", 0600, "secret", NULL},
    {"keywords as values", "machine mail.example login me password machine\n", 0600, "machine",
     NULL},
    {"nobody's", "machine x.example login me password no\n", 0600, NULL, NONE},
    {"a part of the host's name", "machine mail login me password no\n", 0600, NULL, NONE},
    {"empty", "", 0600, NULL, NONE},
    {"no file", NULL, 0, NULL, NONE},
    {"read by the group", "machine mail.example login me password secret\n", 0640, NULL,
     "others can get at the password: run: chmod 600"},
    {"no keyword", "machine mail.example\nlogin me\npass secret\n", 0600, NULL,
     "line 3: neither machine"},
    {"before any machine", "\nlogin me\n", 0600, NULL, "line 2: stands before the first machine"},
    {"cut short", "machine mail.example login me password", 0600, NULL,
     "line 1: the file ends where a value is wanted"},
    {"no host", "machine", 0600, NULL, "line 1: the file ends where a value is wanted"},
};

START_TEST(netrc_is_read_as_msmtp_reads_it)
{
    const NetrcRow *row = &netrc_rows[_i];
    g_autoptr(MbAccount) account = new_account();
    g_autoptr(GError) error = NULL;
    char *password;

    if (row->text != NULL) {
        ck_assert(g_file_set_contents(path, row->text, -1, NULL));
        ck_assert_int_eq(g_chmod(path, (mode_t)row->mode), 0);
    }
    account->netrc = g_strdup(path);
    password = mb_account_password(account, &error);
    if (row->want != NULL) {
        ck_assert_msg(password != NULL, "%s: %s", row->name, error ? error->message : "");
        ck_assert_msg(strcmp(password, row->want) == 0, "%s: %s", row->name, password);
    } else {
        ck_assert_msg(password == NULL, "%s: %s", row->name, password);
        ck_assert_msg(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG), "%s", row->name);
        ck_assert_msg(strstr(error->message, row->says) != NULL, "%s: %s", row->name,
                      error->message);
        ck_assert_msg(strstr(error->message, "secret") == NULL, "%s", row->name);
    }
    mb_wipe_free(password);
}
END_TEST

START_TEST(netrc_comes_last)
{
    g_autoptr(MbAccount) account = new_account();
    char *password;

    ck_assert(g_file_set_contents(path, "default password netrc\n", -1, NULL));
    ck_assert_int_eq(g_chmod(path, 0666), 0); /* not even looked at */
    account->netrc = g_strdup(path);
    account->passwordeval = g_strdup("echo evaluated");
    password = mb_account_password(account, NULL);
    ck_assert_pstr_eq(password, "evaluated");
    mb_wipe_free(password);
}
END_TEST

/* --- what the command line says --- */

START_TEST(a_command_line_wins_over_an_account)
{
    g_autoptr(MbAccount) account = new_account();
    const MbAccountOverride said = {
        .tls = "on", .trust = "ca.pem", .password_file = "file", .auth = "PLAIN", .timeout = "2m"};
    g_autoptr(GError) error = NULL;

    account->password = g_strdup("old");
    account->passwordeval = g_strdup("old");
    account->fingerprint = g_strdup("old");
    account->auth = g_strdup("LOGIN");
    account->no_certificate_check = true;
    account->port = 2525;
    ck_assert_msg(mb_account_override(account, &said, &error), "%s", error ? error->message : "");
    ck_assert_ptr_null(account->password);
    ck_assert_ptr_null(account->passwordeval);
    ck_assert_str_eq(account->password_file, "file");
    ck_assert_str_eq(account->trust_file, "ca.pem");
    ck_assert_ptr_null(account->fingerprint);
    ck_assert(!account->no_certificate_check);
    ck_assert_str_eq(account->auth, "PLAIN");
    ck_assert_int_eq(account->tls, MB_TLS_ON);
    ck_assert_uint_eq(account->port, 2525);
    ck_assert_uint_eq(account->timeout_ms, 120000);
}
END_TEST

START_TEST(a_command_line_that_says_nothing_changes_nothing)
{
    g_autoptr(MbAccount) account = new_account();
    const MbAccountOverride said = {0};

    account->password = g_strdup("old");
    account->fingerprint = g_strdup("old");
    account->no_certificate_check = true;
    ck_assert(mb_account_override(account, &said, NULL));
    ck_assert_str_eq(account->password, "old");
    ck_assert_str_eq(account->fingerprint, "old");
    ck_assert(account->no_certificate_check);
}
END_TEST

static const MbAccountOverride wrong_words[] = {
    {.tls = "maybe"},
    {.timeout = "0"},
    {.timeout = "25h"},
    {.timeout = "soon"},
    {.passwordeval = "a", .password_file = "b"},
};

START_TEST(what_makes_no_sense_is_a_usage_error)
{
    g_autoptr(MbAccount) account = new_account();
    g_autoptr(GError) error = NULL;

    ck_assert(!mb_account_override(account, &wrong_words[_i], &error));
    ck_assert_int_eq(error->code, MB_ERROR_USAGE);
}
END_TEST

/* --- the secret --- */

/* A token that tells how often it was asked for: "t1", "t2" … */
static MbAccount *new_token(const char *mechanism)
{
    MbAccount *account = new_account();

    account->auth = g_strdup(mechanism);
    account->passwordeval = g_strdup_printf("echo >>'%s'; echo t$(($(wc -l <'%s')))", path, path);
    return account;
}

static void check_secret(MbSecret *secret, const char *want, guint *edition)
{
    g_autoptr(GError) error = NULL;
    char *password = mb_secret_get(secret, edition, &error);

    ck_assert_msg(password != NULL, "%s", error ? error->message : "");
    ck_assert_str_eq(password, want);
    mb_wipe_free(password);
}

static GError *refused(void)
{
    return g_error_new(MB_LOGIN_ERROR, MB_ERROR_LOGIN, "refused");
}

START_TEST(a_refused_token_is_renewed_once)
{
    g_autoptr(MbAccount) account = new_token("xoauth2");
    g_autoptr(MbSecret) secret = mb_secret_new(account, NULL);
    g_autoptr(GError) refusal = refused();
    guint edition;

    check_secret(secret, "t1", &edition);
    check_secret(secret, "t1", &edition);
    ck_assert(mb_secret_renew(secret, edition, refusal));
    check_secret(secret, "t2", &edition);
    ck_assert(!mb_secret_renew(secret, edition, refusal));
    check_secret(secret, "t2", &edition);
    ck_assert_str_eq(refusal->message, "refused");
}
END_TEST

START_TEST(after_one_that_was_taken_it_is_renewed_again)
{
    g_autoptr(MbAccount) account = new_token("OAUTHBEARER");
    g_autoptr(MbSecret) secret = mb_secret_new(account, NULL);
    g_autoptr(GError) refusal = refused();
    guint edition;

    check_secret(secret, "t1", &edition);
    for (int i = 0; i < 3; i++) {
        g_autofree char *want = g_strdup_printf("t%d", i + 2);

        ck_assert(mb_secret_renew(secret, edition, refusal));
        check_secret(secret, want, &edition);
        mb_secret_accepted(secret, edition);
    }
    ck_assert(mb_secret_renew(secret, edition, refusal));
    check_secret(secret, "t5", &edition);
    ck_assert(!mb_secret_renew(secret, edition, refusal)); /* this one was not taken */
}
END_TEST

START_TEST(whoever_is_late_takes_what_others_got)
{
    g_autoptr(MbAccount) account = new_token("XOAUTH2");
    g_autoptr(MbSecret) secret = mb_secret_new(account, NULL);
    g_autoptr(GError) refusal = refused();
    guint first, edition;

    check_secret(secret, "t1", &first);
    for (int i = 0; i < 4; i++)
        ck_assert(mb_secret_renew(secret, first, refusal));
    check_secret(secret, "t2", &edition);
    mb_secret_accepted(secret, first); /* an older one says nothing about this one */
    ck_assert(!mb_secret_renew(secret, edition, refusal));
}
END_TEST

typedef struct {
    const char *auth, *password, *passwordeval;
} FixedRow;

static const FixedRow fixed_rows[] = {
    {NULL, NULL, "echo same"},
    {"PLAIN", NULL, "echo same"},
    {"XOAUTH2", "same", NULL},
    {"XOAUTH2", "same", "echo other"},
};

START_TEST(nothing_else_is_asked_for_again)
{
    const FixedRow *row = &fixed_rows[_i];
    g_autoptr(MbAccount) account = new_account();
    g_autoptr(MbSecret) secret = mb_secret_new(account, NULL);
    g_autoptr(GError) refusal = refused();
    guint edition;

    account->auth = g_strdup(row->auth);
    account->password = g_strdup(row->password);
    account->passwordeval = g_strdup(row->passwordeval);
    check_secret(secret, "same", &edition);
    ck_assert(!mb_secret_renew(secret, edition, refusal));
    ck_assert_str_eq(refusal->message, "refused");
    check_secret(secret, "same", &edition);
    ck_assert(!mb_secret_renew(NULL, 0, refusal));
}
END_TEST

START_TEST(a_command_that_fails_then_is_told_with_the_refusal)
{
    g_autoptr(MbAccount) account = new_account();
    g_autoptr(MbSecret) secret = mb_secret_new(account, NULL);
    g_autoptr(GError) refusal = refused();
    guint edition;

    account->auth = g_strdup("XOAUTH2");
    account->passwordeval =
        g_strdup_printf("[ -e '%s' ] && exit 3; touch '%s'; echo t1", path, path);
    check_secret(secret, "t1", &edition);
    ck_assert(!mb_secret_renew(secret, edition, refusal));
    ck_assert_str_eq(refusal->message, "refused; for a newer token: passwordeval of "
                                       "me@mail.example: the command failed with exit status 3");
}
END_TEST

static bool always(void)
{
    return true;
}

START_TEST(who_is_stopped_asks_nobody)
{
    g_autoptr(MbAccount) account = new_token("XOAUTH2");
    g_autoptr(MbSecret) secret = mb_secret_new(account, always);
    g_autoptr(GError) error = NULL;
    guint edition;

    ck_assert_ptr_null(mb_secret_get(secret, &edition, &error));
    ck_assert_int_eq(error->code, MB_ERROR_TEMPORARY);
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

static void *log_in(void *user)
{
    MbSecret *secret = user;
    g_autoptr(GError) refusal = refused();
    guint edition;

    for (int i = 0; i < 3; i++) {
        char *password = mb_secret_get(secret, &edition, NULL);
        bool good = g_strcmp0(password, "t2") == 0;

        mb_wipe_free(password);
        if (good) {
            mb_secret_accepted(secret, edition);
            return secret;
        }
        if (!mb_secret_renew(secret, edition, refusal))
            return NULL;
    }
    return NULL;
}

START_TEST(connections_side_by_side_ask_once)
{
    g_autoptr(MbAccount) account = new_token("XOAUTH2");
    g_autoptr(MbSecret) secret = mb_secret_new(account, NULL);
    g_autofree char *asked = NULL;
    pthread_t threads[8];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_in, secret), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        void *good = NULL;

        ck_assert_int_eq(pthread_join(threads[i], &good), 0);
        ck_assert_ptr_nonnull(good);
    }
    ck_assert(g_file_get_contents(path, &asked, NULL, NULL));
    ck_assert_str_eq(asked, "\n\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login-secret");
    TCase *tcase = tcase_create("secrets");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, netrc_is_read_as_msmtp_reads_it, 0, G_N_ELEMENTS(netrc_rows));
    tcase_add_test(tcase, netrc_comes_last);
    tcase_add_test(tcase, a_command_line_wins_over_an_account);
    tcase_add_test(tcase, a_command_line_that_says_nothing_changes_nothing);
    tcase_add_loop_test(tcase, what_makes_no_sense_is_a_usage_error, 0, G_N_ELEMENTS(wrong_words));
    tcase_add_test(tcase, a_refused_token_is_renewed_once);
    tcase_add_test(tcase, after_one_that_was_taken_it_is_renewed_again);
    tcase_add_test(tcase, whoever_is_late_takes_what_others_got);
    tcase_add_loop_test(tcase, nothing_else_is_asked_for_again, 0, G_N_ELEMENTS(fixed_rows));
    tcase_add_test(tcase, a_command_that_fails_then_is_told_with_the_refusal);
    tcase_add_test(tcase, who_is_stopped_asks_nobody);
    tcase_add_test(tcase, connections_side_by_side_ask_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
