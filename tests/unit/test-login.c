#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/login/account.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- URLs --- */

typedef struct {
    const char *url;
    MbService service;
    const char *host; /* NULL: refused */
    uint16_t port;
    MbTlsMode tls;
    const char *user;
} UrlRow;

static const UrlRow url_rows[] = {
    {"smtp://mail.example", MB_SERVICE_SMTP, "mail.example", 587, MB_TLS_STARTTLS, NULL},
    {"smtps://mail.example", MB_SERVICE_SMTP, "mail.example", 465, MB_TLS_ON, NULL},
    {"SMTPS://mail.example/", MB_SERVICE_SMTP, "mail.example", 465, MB_TLS_ON, NULL},
    {"smtp://me@mail.example:25", MB_SERVICE_SMTP, "mail.example", 25, MB_TLS_STARTTLS, "me"},
    {"smtp://me%40x.example@mail.example", MB_SERVICE_SMTP, "mail.example", 587, MB_TLS_STARTTLS,
     "me@x.example"},
    {"smtp://me@x.example@mail.example", MB_SERVICE_SMTP, "mail.example", 587, MB_TLS_STARTTLS,
     "me@x.example"},
    {"smtp://a%2Fb%3Ac@mail.example", MB_SERVICE_SMTP, "mail.example", 587, MB_TLS_STARTTLS,
     "a/b:c"},
    {"smtp://j%C3%BCrgen@b%C3%BCcher.example", MB_SERVICE_SMTP,
     "b\xC3\xBC"
     "cher.example",
     587, MB_TLS_STARTTLS, "j\xC3\xBCrgen"},
    {"smtps://[::1]", MB_SERVICE_SMTP, "::1", 465, MB_TLS_ON, NULL},
    {"smtps://me@[2001:db8::1]:2465", MB_SERVICE_SMTP, "2001:db8::1", 2465, MB_TLS_ON, "me"},
    {"pop3://me@mail.example", MB_SERVICE_POP3, "mail.example", 110, MB_TLS_STARTTLS, "me"},
    {"pop3s://me@mail.example", MB_SERVICE_POP3, "mail.example", 995, MB_TLS_ON, "me"},
    {"pop3s://127.0.0.1:65535", MB_SERVICE_POP3, "127.0.0.1", 65535, MB_TLS_ON, NULL},
    {"pop3s://mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example", MB_SERVICE_POP3, NULL, 0, MB_TLS_ON, NULL},
    {"http://mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"mail.example:25", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me@", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me:hunter2@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me:hunter2", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me:@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example/inbox", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example?x=1", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example#x", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example:0", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example:65536", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example:", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example:+25", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail.example: 25", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://[::1", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://[::1]x", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail%0D%0A.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me%0D%0AHELO@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me%00@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me%ff@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://me%zz@mail.example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
    {"smtp://mail example", MB_SERVICE_SMTP, NULL, 0, MB_TLS_ON, NULL},
};

START_TEST(a_url_says_where_and_as_whom)
{
    const UrlRow *row = &url_rows[_i];
    g_autoptr(MbAccount) account = mb_account_new(row->service);
    g_autoptr(GError) error = NULL;
    bool ok = mb_account_set_url(account, row->url, &error);

    ck_assert_msg(ok == (row->host != NULL), "%s: %s", row->url, ok ? "taken" : error->message);
    if (!ok) {
        ck_assert_msg(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_USAGE), "%s", row->url);
        ck_assert_msg(strstr(error->message, "hunter2") == NULL, "%s: %s", row->url,
                      error->message);
        ck_assert_msg(account->host == NULL && account->user == NULL, "%s", row->url);
        return;
    }
    ck_assert_str_eq(account->host, row->host);
    ck_assert_uint_eq(account->port, row->port);
    ck_assert_int_eq(account->tls, row->tls);
    ck_assert_pstr_eq(account->user, row->user);
}
END_TEST

START_TEST(clear_text_has_to_be_asked_for_by_name)
{
    g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_SMTP);
    g_autoptr(GError) error = NULL;

    ck_assert(mb_account_set_url(account, "smtp://mail.example", NULL));
    ck_assert(!account->tls_off_said);
    ck_assert(mb_account_set_tls(account, "off", NULL));
    ck_assert(account->tls == MB_TLS_OFF && account->tls_off_said);
    ck_assert(mb_account_set_tls(account, "on", NULL));
    ck_assert(account->tls == MB_TLS_ON && !account->tls_off_said);
    ck_assert(mb_account_set_tls(account, "starttls", NULL));
    ck_assert(account->tls == MB_TLS_STARTTLS && !account->tls_off_said);
    ck_assert(!mb_account_set_tls(account, "maybe", &error));
    ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_USAGE));
    ck_assert_int_eq(account->tls, MB_TLS_STARTTLS);
}
END_TEST

START_TEST(an_identity_names_user_and_host)
{
    g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_POP3);
    g_autofree char *without = NULL;
    g_autofree char *with = NULL;

    ck_assert(mb_account_set_url(account, "pop3s://mail.example", NULL));
    without = mb_account_identity(account);
    ck_assert_str_eq(without, "mail.example");
    ck_assert(mb_account_set_url(account, "pop3s://me%40x@mail.example", NULL));
    with = mb_account_identity(account);
    ck_assert_str_eq(with, "me@x@mail.example");
}
END_TEST

/* --- passwords --- */

typedef struct {
    const char *name;
    const char *content; /* of the file; NULL: none is there */
    int mode;
    const char *want; /* NULL: refused */
    const char *says;
} FileRow;

static const FileRow file_rows[] = {
    {"a line", "secret\n", 0600, "secret", NULL},
    {"no line end", "secret", 0600, "secret", NULL},
    {"CRLF", "secret\r\n", 0600, "secret", NULL},
    {"first line only", "secret\nsecond\n", 0600, "secret", NULL},
    {"blanks are part of it", " se cret \n", 0400, " se cret ", NULL},
    {"non-ASCII", "gehe\xC3\xAFm\n", 0600, "gehe\xC3\xAFm", NULL},
    {"empty", "", 0600, NULL, "the first line is empty"},
    {"empty first line", "\nsecret\n", 0600, NULL, "the first line is empty"},
    {"read by the group", "secret\n", 0640, NULL, "others can get at the password"},
    {"read by all", "secret\n", 0604, NULL, "others can get at the password"},
    {"written by all", "secret\n", 0602, NULL, "others can get at the password"},
    {"missing", NULL, 0, NULL, "cannot read the password: No such file"},
};

START_TEST(a_password_file_holds_it_in_its_first_line)
{
    const FileRow *row = &file_rows[_i];
    g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_SMTP);
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("mailbatch-XXXXXX", NULL);
    char *password;

    account->password_file = g_build_filename(folder, "password", NULL);
    if (row->content != NULL) {
        ck_assert(g_file_set_contents(account->password_file, row->content, -1, NULL));
        ck_assert_int_eq(chmod(account->password_file, (mode_t)row->mode), 0);
    }
    password = mb_account_password(account, &error);
    g_unlink(account->password_file);
    g_rmdir(folder);
    if (row->want != NULL) {
        ck_assert_msg(password != NULL, "%s: %s", row->name, error ? error->message : "");
        ck_assert_msg(strcmp(password, row->want) == 0, "%s: %s", row->name, password);
    } else {
        ck_assert_msg(password == NULL, "%s", row->name);
        ck_assert_msg(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG), "%s", row->name);
        ck_assert_msg(g_str_has_prefix(error->message, account->password_file) &&
                          strstr(error->message, row->says) != NULL,
                      "%s: %s", row->name, error->message);
        ck_assert_msg(strstr(error->message, "secret") == NULL, "%s", row->name);
    }
    mb_wipe_free(password);
    if (row->mode == 0640)
        statement("M-32");
}
END_TEST

typedef struct {
    const char *command;
    const char *want; /* NULL: refused */
    const char *says;
} EvalRow;

static const EvalRow eval_rows[] = {
    {"echo secret", "secret", NULL},
    {"printf 'secret\\r\\nmore\\n'", "secret", NULL},
    {"printf secret; head -c 100000 /dev/zero", NULL, "too long"},
    {"printf 'secret\\n'; head -c 1000 /dev/zero", "secret", NULL},
    {"head -c 60000 /dev/zero | tr '\\0' x", "x*60000", NULL},
    {"echo secret; yes", "secret", NULL},
    {"echo secret; sleep 60 &", "secret", NULL}, /* it keeps the pipe open */
    {"{ sleep 0.1; echo secret; } &", "secret", NULL},
    {"true # secret", NULL, "the first line is empty"},
    {"echo secret; exit 3", NULL, "the command failed with exit status 3"},
    {"echo secret; kill -9 $$", NULL, "the command was ended by signal 9"},
    {"no-such-command-secret 2>/dev/null", NULL, "the command failed with exit status 127"},
    {"printf 'sec\\0ret\\n'", NULL, "NUL"},
};

START_TEST(a_command_prints_the_password)
{
    const EvalRow *row = &eval_rows[_i];
    g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_SMTP);
    g_autoptr(GError) error = NULL;
    char *password;

    account->host = g_strdup("mail.example");
    account->user = g_strdup("me");
    account->passwordeval = g_strdup(row->command);
    password = mb_account_password(account, &error);
    ck_assert_msg((password != NULL) == (row->want != NULL), "%s: %s", row->command,
                  error ? error->message : password);
    if (password == NULL) {
        ck_assert_msg(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG), "%s", row->command);
        ck_assert_msg(g_str_has_prefix(error->message, "passwordeval of me@mail.example: ") &&
                          strstr(error->message, row->says) != NULL,
                      "%s: %s", row->command, error->message);
        ck_assert_msg(strstr(error->message, "secret") == NULL, "%s", row->command);
    } else if (g_str_has_prefix(row->want, "x*")) {
        ck_assert_uint_eq(strlen(password), 60000);
    } else {
        ck_assert_str_eq(password, row->want);
    }
    mb_wipe_free(password);
}
END_TEST

START_TEST(a_command_is_heard_although_sigchld_is_ignored)
{
    g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_SMTP);
    g_autoptr(GError) error = NULL;
    char *password;

    ck_assert_ptr_ne(signal(SIGCHLD, SIG_IGN), SIG_ERR);
    account->passwordeval = g_strdup("echo secret");
    password = mb_account_password(account, &error);
    ck_assert_msg(password != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_str_eq(password, "secret");
    mb_wipe_free(password);
}
END_TEST

/* What is blocked or ignored is inherited: Ctrl-C would not end the command, nor a broken pipe. */
START_TEST(a_command_begins_with_the_usual_signals)
{
    static const char *const commands[] = {"kill -INT $$; echo secret",
                                           "kill -PIPE $$; echo secret"};
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    ck_assert_ptr_ne(signal(SIGPIPE, SIG_IGN), SIG_ERR);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_SMTP);
        g_autoptr(GError) error = NULL;

        account->passwordeval = g_strdup(commands[i]);
        ck_assert_msg(mb_account_password(account, &error) == NULL, "%s", commands[i]);
        ck_assert_msg(strstr(error->message, "ended by signal") != NULL, "%s: %s", commands[i],
                      error->message);
    }
}
END_TEST

START_TEST(without_a_source_there_is_no_password)
{
    g_autoptr(MbAccount) account = mb_account_new(MB_SERVICE_SMTP);
    g_autoptr(GError) error = NULL;

    account->host = g_strdup("mail.example");
    account->user = g_strdup("me");
    ck_assert_ptr_null(mb_account_password(account, &error));
    ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG));
    ck_assert_str_eq(error->message,
                     "me@mail.example: no password: give --passwordeval or --password-file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login");
    TCase *tcase = tcase_create("account");

    tcase_add_loop_test(tcase, a_url_says_where_and_as_whom, 0, G_N_ELEMENTS(url_rows));
    tcase_add_test(tcase, clear_text_has_to_be_asked_for_by_name);
    tcase_add_test(tcase, an_identity_names_user_and_host);
    tcase_add_loop_test(tcase, a_password_file_holds_it_in_its_first_line, 0,
                        G_N_ELEMENTS(file_rows));
    tcase_add_loop_test(tcase, a_command_prints_the_password, 0, G_N_ELEMENTS(eval_rows));
    tcase_add_test(tcase, a_command_is_heard_although_sigchld_is_ignored);
    tcase_add_test(tcase, a_command_begins_with_the_usual_signals);
    tcase_add_test(tcase, without_a_source_there_is_no_password);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
