/*
 * Accounts files of mpop and msmtp: what each line comes to, and which line is at fault.
 */
#include "suite.h"
#include <check.h>
#include <glib/gstdio.h>
#include <mailbatch/login/account-file.h>
#include <stdlib.h>
#include <string.h>

static char *folder;
static char *path;

static void set_up(void)
{
    folder = g_dir_make_tmp("mailbatch-accounts-XXXXXX", NULL);
    path = g_build_filename(folder, "accounts", NULL);
}

static void tear_down(void)
{
    g_remove(path);
    g_rmdir(folder);
    g_clear_pointer(&path, g_free);
    g_clear_pointer(&folder, g_free);
}

static MbAccountFile *read_text(const char *text, mode_t mode, GError **error)
{
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    ck_assert_int_eq(g_chmod(path, mode), 0);
    return mb_account_file_read(path, "/users/anna", error);
}

/* "pop3s://user@host:port" and what else is set, to be compared as a text. */
static char *describe(const MbAccount *account)
{
    static const char *const modes[] = {"tls", "starttls", "off"};
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%s@%s:%u %s", account->user ? account->user : "-", account->host,
                           account->port, modes[account->tls]);
    if (account->password != NULL)
        g_string_append_printf(text, " password=%s", account->password);
    if (account->passwordeval != NULL)
        g_string_append_printf(text, " eval=%s", account->passwordeval);
    if (account->auth != NULL)
        g_string_append_printf(text, " auth=%s", account->auth);
    if (account->trust_file != NULL)
        g_string_append_printf(text, " trust=%s", account->trust_file);
    if (account->fingerprint != NULL)
        g_string_append(text, " pinned");
    if (account->no_certificate_check)
        g_string_append(text, " unchecked");
    if (account->tls_off_said)
        g_string_append(text, " off-said");
    if (account->timeout_ms != 0)
        g_string_append_printf(text, " %ums", account->timeout_ms);
    return g_string_free(text, FALSE);
}

#define SHA256 "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"

typedef struct {
    const char *name;
    const char *text;
    const char *account; /* NULL: the default */
    MbService service;
    const char *want; /* a description, or "error: …" without the path */
} Row;

static const Row rows[] = {
    {"one account is the default one", "account a\nhost h\nuser u\n", NULL, MB_SERVICE_POP3,
     "u@h:995 tls"},
    {"without a word about TLS it is required", "account a\nhost h\nport 110\n", "a",
     MB_SERVICE_POP3, "-@h:110 starttls"},
    {"port 995 speaks TLS at once", "account a\nhost h\nport 995\ntls on\n", "a", MB_SERVICE_POP3,
     "-@h:995 tls"},
    {"tls alone is STLS", "account a\nhost h\ntls\n", "a", MB_SERVICE_POP3, "-@h:110 starttls"},
    {"tls without starttls", "account a\nhost h\ntls on\ntls_starttls off\n", "a", MB_SERVICE_POP3,
     "-@h:995 tls"},
    {"tls off", "account a\nhost h\ntls off\n", "a", MB_SERVICE_POP3, "-@h:110 off off-said"},
    {"msmtp's ports", "account a\nhost h\ntls on\n", "a", MB_SERVICE_SMTP, "-@h:25 starttls"},
    {"msmtp's TLS port", "account a\nhost h\ntls on\ntls_starttls off\n", "a", MB_SERVICE_SMTP,
     "-@h:465 tls"},
    {"nothing said, for sending", "account a\nhost h\n", "a", MB_SERVICE_SMTP, "-@h:587 starttls"},
    {"defaults hold for those that follow",
     "account a\nhost h\ndefaults\nuser u\ntimeout 7\naccount b\nhost i\n", "b", MB_SERVICE_POP3,
     "u@i:995 tls 7000ms"},
    {"and not for those before", "account a\nhost h\ndefaults\nuser u\naccount b\nhost i\n", "a",
     MB_SERVICE_POP3, "-@h:995 tls"},
    {"an account has what those it names have",
     "account a\nhost h\nuser u\naccount b : a\nuser v\naccount c: a , b\ntimeout off\n", "c",
     MB_SERVICE_POP3, "v@h:995 tls"},
    {"what an account states is handed on, not its defaults",
     "defaults\ntimeout 60\nhost h\naccount a\nuser a\naccount b\nuser b\ntimeout 5\n"
     "account c : b,a\naccount d : c\n",
     "d", MB_SERVICE_POP3, "a@h:995 tls 5000ms"},
    {"an account has the defaults of its own time",
     "defaults\ntimeout 60\nhost h\naccount a\nuser a\ndefaults\ntimeout 70\naccount b : a\n", "b",
     MB_SERVICE_POP3, "a@h:995 tls 70000ms"},
    {"default : name", "account x\nhost h\naccount y\nhost i\naccount default : x\n", NULL,
     MB_SERVICE_POP3, "-@h:995 tls"},
    {"quotes, blanks, comments, CRLF, a BOM",
     "\xEF\xBB\xBF# mine\r\n\r\n  account\ta\r\n\thost  \"h\"  \r\n# user x\r\npassword \" p\\\"# "
     "\"\r\n",
     "a", MB_SERVICE_POP3, "-@h:995 tls password= p\\\"# "},
    {"a quote at one end belongs to the text", "account a\nhost h\nuser \"u\n", "a",
     MB_SERVICE_POP3, "\"u@h:995 tls"},
    {"passwordeval, auth, trust with ~",
     "account a\nhost h\nuser u\npasswordeval pass show \"a b\"\nauth scram-sha-256\n"
     "tls_trust_file ~/ca.pem\n",
     "a", MB_SERVICE_POP3,
     "u@h:995 tls eval=pass show \"a b\" auth=SCRAM-SHA-256 trust=/users/anna/ca.pem"},
    {"the system's trust by name", "account a\nhost h\nauth on\ntls_trust_file system\n", "a",
     MB_SERVICE_POP3, "-@h:995 tls"},
    {"auth off", "account a\nhost h\nuser u\nauth off\n", "a", MB_SERVICE_SMTP, "-@h:587 starttls"},
    {"a fingerprint", "account a\nhost h\ntls_fingerprint " SHA256 ":" SHA256 "\n", "a",
     MB_SERVICE_POP3, "-@h:995 tls pinned"},
    {"no check of certificates", "account a\nhost h\ntls_certcheck off\n", "a", MB_SERVICE_POP3,
     "-@h:995 tls unchecked"},
    {"eval", "account a\neval echo host h\neval printf 'user u\\nhost i\\n'\n", "a",
     MB_SERVICE_POP3, "u@h:995 tls"},
    {"no newline at the end", "account a\nhost h", "a", MB_SERVICE_POP3, "-@h:995 tls"},
    {"no such account", "account a\nhost h\n", "b", MB_SERVICE_POP3,
     "error: no account b in it; there is a"},
    {"no default among several", "account a\nhost h\naccount b\nhost h\n", NULL, MB_SERVICE_POP3,
     "error: no account default in it; there are a, b"},
    {"no host", "\naccount a\nuser u\n", "a", MB_SERVICE_POP3, "error: line 2: account a: no host"},
    {"a port that is none", "account a\nhost h\nport 99999\n", "a", MB_SERVICE_POP3,
     "error: line 3: port 99999: a number between 1 and 65535 is wanted"},
    {"a switch that is none", "account a\nhost h\ntls maybe\n", "a", MB_SERVICE_POP3,
     "error: line 3: tls maybe: on or off is wanted"},
    {"a timeout that is none", "account a\nhost h\ntimeout 0\n", "a", MB_SERVICE_POP3,
     "error: line 3: timeout 0: off, or seconds from 1 to 86400 is wanted"},
    {"a fingerprint by SHA-1", "account a\nhost h\ntls_fingerprint " SHA256 ":00:11:22:33\n", "a",
     MB_SERVICE_POP3,
     "error: line 3: tls_fingerprint " SHA256
     ":00:11:22:33: the certificate's SHA-256 in hexadecimal is wanted"},
    {"an option before any account", "host h\n", NULL, MB_SERVICE_POP3,
     "error: line 1: host: stands before the first account"},
    {"a name twice", "account a\nhost h\n\naccount a\n", NULL, MB_SERVICE_POP3,
     "error: line 4: account a: defined before, in line 1"},
    {"an account without a name", "account\n", NULL, MB_SERVICE_POP3,
     "error: line 1: account: its name is missing"},
    {"an unknown base", "account a : z\n", NULL, MB_SERVICE_POP3,
     "error: line 1: account a: no account z is defined above"},
    {"an account as its own base", "account a : a\n", NULL, MB_SERVICE_POP3,
     "error: line 1: account a: no account a is defined above"},
    {"defaults with a name", "defaults x\n", NULL, MB_SERVICE_POP3,
     "error: line 1: defaults: takes no argument"},
    {"an eval that fails", "account a\neval exit 3\n", NULL, MB_SERVICE_POP3,
     "error: line 2: eval: the command failed with exit status 3"},
    {"an eval of an eval", "account a\neval echo eval echo host h\n", NULL, MB_SERVICE_POP3,
     "error: line 2: eval: its output is another eval"},
    {"escapes in a name", "account \033[31m\nhost h\naccount \033[31m\n", NULL, MB_SERVICE_POP3,
     "error: line 3: account \\x1b[31m: defined before, in line 1"},
    {"an empty file", "", NULL, MB_SERVICE_POP3, "error: no account default in it; there are none"},
};

START_TEST(an_account_is_what_its_lines_say)
{
    const Row *row = &rows[_i];
    g_autoptr(GError) error = NULL;
    g_autoptr(MbAccountFile) file = read_text(row->text, 0600, &error);
    g_autoptr(MbAccount) account =
        file != NULL ? mb_account_file_account(file, row->account, row->service, &error) : NULL;
    g_autofree char *got = account != NULL ? describe(account) : NULL;

    if (account == NULL) {
        ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG));
        ck_assert_msg(g_str_has_prefix(error->message, path), "%s: %s", row->name, error->message);
        got = g_strconcat("error", error->message + strlen(path), NULL);
    }
    ck_assert_msg(strcmp(got, row->want) == 0, "%s: %s", row->name, got);
}
END_TEST

START_TEST(a_nul_byte_is_no_text)
{
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(path, "account a\0host h\n", 17, NULL));
    g_chmod(path, 0600);
    ck_assert_ptr_null(mb_account_file_read(path, NULL, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "NUL"));
}
END_TEST

START_TEST(what_is_ignored_is_told)
{
    g_autoptr(MbAccountFile) file =
        read_text("defaults\nfrobnicate 3\nproxy_host p\nproxy_host\ndelivery mbox ~/x\n"
                  "account a\nhost h\nuidls_file x\nTLS off\ntls_crl_file f\n",
                  0600, NULL);
    static const char *const want[] = {
        ": line 2: frobnicate: unknown option, ignored",
        ": line 3: proxy_host: not supported, ignored",
        ": line 9: TLS: unknown option, ignored",
        ": line 10: tls_crl_file: not supported, ignored",
    };
    const GPtrArray *notes = mb_account_file_notes(file);

    ck_assert_uint_eq(notes->len, G_N_ELEMENTS(want));
    for (guint i = 0; i < notes->len; i++)
        ck_assert_str_eq((const char *)notes->pdata[i] + strlen(path), want[i]);
}
END_TEST

START_TEST(a_tool_asks_for_its_own_options)
{
    g_autoptr(MbAccountFile) file = read_text(
        "defaults\nkeep\naccount a\nhost h\naccount b : a\nkeep off\nskipsize 5m\n", 0644, NULL);
    const char *const *names = mb_account_file_names(file);

    ck_assert_str_eq(names[0], "a");
    ck_assert_str_eq(names[1], "b");
    ck_assert_ptr_null(names[2]);
    ck_assert_str_eq(mb_account_file_option(file, "a", "keep"), "");
    ck_assert_str_eq(mb_account_file_option(file, "b", "keep"), "off");
    ck_assert_str_eq(mb_account_file_option(file, "b", "skipsize"), "5m");
    ck_assert_ptr_null(mb_account_file_option(file, "a", "skipsize"));
    ck_assert_ptr_null(mb_account_file_option(file, "c", "keep"));
}
END_TEST

typedef struct {
    const char *text;
    mode_t mode;
    bool good;
} ModeRow;

static const ModeRow modes[] = {
    {"account a\nhost h\npassword p\n", 0600, true},
    {"account a\nhost h\npassword p\n", 0400, true},
    {"account a\nhost h\npassword p\n", 0640, false},
    {"account a\nhost h\npassword p\n", 0604, false},
    {"defaults\npassword p\n", 0610, false},
    {"account a\nhost h\npasswordeval pass\n", 0644, true},
    {"account a\nhost h\neval echo password p\n", 0644, true},
    {"account a\nhost h\n", 0664, true},
    {"account a\nhost h\n", 0666, false},
    {"account a\neval touch TRACE\n", 0666, false},
};

START_TEST(passwords_are_for_their_owner_alone)
{
    g_autofree char *trace = g_build_filename(folder, "trace", NULL);
    g_auto(GStrv) pieces = g_strsplit(modes[_i].text, "TRACE", -1);
    g_autofree char *text = g_strjoinv(trace, pieces);
    g_autoptr(GError) error = NULL;
    g_autoptr(MbAccountFile) file = read_text(text, modes[_i].mode, &error);

    ck_assert_int_eq(file != NULL, modes[_i].good);
    if (file == NULL) {
        ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG));
        ck_assert_ptr_nonnull(strstr(error->message, "chmod 600"));
    }
    ck_assert(!g_file_test(trace, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_file_that_is_not_there)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(mb_account_file_read(path, NULL, &error));
    ck_assert(g_error_matches(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG));
    ck_assert(g_str_has_prefix(error->message, path));
}
END_TEST

/* The first of them that is there. */
static void make(const char *folders, const char *name)
{
    g_autofree char *where = g_build_filename(folder, folders, NULL);
    g_autofree char *file = g_build_filename(where, name, NULL);

    ck_assert_int_eq(g_mkdir_with_parents(where, 0700), 0);
    ck_assert(g_file_set_contents(file, "", 0, NULL));
}

static void check_found(MbService service, const char *want)
{
    g_autofree char *found = mb_account_file_find(service, folder, NULL);

    if (want == NULL)
        ck_assert_ptr_null(found);
    else
        ck_assert_str_eq(found + strlen(folder) + 1, want);
}

static void remove_all(void)
{
    static const char *const made[] = {
        ".config/mpop/config",
        ".config/mailbatch/accounts",
        "other/mailbatch/accounts",
        ".mpoprc",
        ".msmtprc",
        ".config/mpop",
        ".config/mailbatch",
        "other/mailbatch",
        ".config",
        "other",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
        g_autofree char *name = g_build_filename(folder, made[i], NULL);

        ck_assert_int_eq(g_remove(name), 0);
    }
}

START_TEST(the_users_own_file_is_found)
{
    g_autofree char *config = g_build_filename(folder, "other", NULL);
    g_autofree char *found = NULL;

    check_found(MB_SERVICE_POP3, NULL);
    make(".config/mpop", "config");
    check_found(MB_SERVICE_POP3, ".config/mpop/config");
    check_found(MB_SERVICE_SMTP, NULL);
    make("", ".mpoprc");
    make("", ".msmtprc");
    check_found(MB_SERVICE_POP3, ".mpoprc");
    check_found(MB_SERVICE_SMTP, ".msmtprc");
    make(".config/mailbatch", "accounts");
    check_found(MB_SERVICE_POP3, ".config/mailbatch/accounts");
    check_found(MB_SERVICE_SMTP, ".config/mailbatch/accounts");
    make("other/mailbatch", "accounts");
    found = mb_account_file_find(MB_SERVICE_POP3, folder, config);
    ck_assert_str_eq(found + strlen(folder) + 1, "other/mailbatch/accounts");
    remove_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login-accounts");
    TCase *tcase = tcase_create("files");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, an_account_is_what_its_lines_say, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, a_nul_byte_is_no_text);
    tcase_add_test(tcase, what_is_ignored_is_told);
    tcase_add_test(tcase, a_tool_asks_for_its_own_options);
    tcase_add_loop_test(tcase, passwords_are_for_their_owner_alone, 0, G_N_ELEMENTS(modes));
    tcase_add_test(tcase, a_file_that_is_not_there);
    tcase_add_test(tcase, the_users_own_file_is_found);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
