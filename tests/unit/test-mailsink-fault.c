#include "suite.h"

#include <check.h>
#include <fault.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *script;
    const char *says; /* NULL: it is taken */
} Row;

static const Row rows[] = {
    {"", NULL},
    {"# nothing\n\n  \n", NULL},
    {"smtp rcpt 3 451 4.7.1 later", NULL},
    {"smtp rcpt 3 451", NULL},
    {"smtp dot 10 drop; pop3 retr 5 truncate 100", NULL},
    {"  SMTP ehlo * drop", "line 1: SMTP ehlo * drop: it begins with neither smtp nor pop3"},
    {"smtp EHLO * drop", NULL},
    {"smtp ehlo * drop # always", NULL},
    {"pop3 uidl 1 say +OK\\r\\n1 a\\x00b\\r\\n.\\r\\n", NULL},
    {"smtp noop 1 say a\\;b\\#c", NULL},
    {"smtp ehlo 1 endless 250-x\\r\\n", NULL},
    {"pop3 list 1 endless x", NULL},
    {"smtp rcpt 2 mute; smtp dot 1 more 250 ok\\r\\n", NULL},
    {"smtp rcpt 1 mute now", "nothing may follow"},
    {"smtp rcpt 1 more \\q", "unknown escape"},
    {"smtp ehlo * drip 0; pop3 stat 2 drip 600000", NULL},
    {"smtp ehlo 1 endless", "a text has to follow"},
    {"smtp ehlo 1 endless \\q", "unknown escape"},
    {"smtp ehlo 1 drip", "milliseconds"},
    {"smtp ehlo 1 drip -1", "milliseconds"},
    {"smtp ehlo 1 drip 600001", "milliseconds"},
    {"pop3 pass 1 -err [AUTH] no", NULL},
    {"smtp", "line 1: smtp: write: smtp|pop3 COMMAND COUNT ACTION"},
    {"smtp rcpt 3", "write: smtp|pop3 COMMAND COUNT ACTION"},
    {"imap login 1 drop", "it begins with neither smtp nor pop3"},
    {"smtp retr 1 drop", "unknown command"},
    {"pop3 mail 1 drop", "unknown command"},
    {"smtp rcpt 0 drop", "the count is neither"},
    {"smtp rcpt x drop", "the count is neither"},
    {"smtp rcpt -1 drop", "the count is neither"},
    {"smtp rcpt 1 explode", "unknown action"},
    {"smtp rcpt 1 9xx", "unknown action"},
    {"smtp rcpt 1 099 x", "unknown action"},
    {"smtp rcpt 1 -ERR x", "unknown action"},
    {"pop3 retr 1 550 x", "unknown action"},
    {"smtp data 1 truncate 5", "unknown action"},
    {"pop3 retr 1 truncate", "not a number"},
    {"pop3 retr 1 truncate x", "not a number"},
    {"smtp rcpt 1 drop now", "nothing may follow"},
    {"smtp noop 1 say \\q", "unknown escape"},
    {"smtp noop 1 say \\x4", "unknown escape"},
    {"smtp noop 1 say \\", "unknown escape"},
    {"smtp rcpt 1 drop\nsmtp foo 1 drop", "line 2: smtp foo 1 drop: unknown command"},
    {"smtp \x1b[2J 1 drop", "line 1: smtp \\x1B[2J 1 drop: unknown command"},
};

START_TEST(a_script_is_taken_or_explained)
{
    const Row *row = &rows[_i];
    g_autoptr(MsFaults) faults = ms_faults_new();
    g_autoptr(GError) error = NULL;
    bool taken = ms_faults_add(faults, row->script, &error);

    ck_assert_msg(taken == (row->says == NULL), "%s: %s", row->script,
                  taken ? "taken" : error->message);
    if (taken)
        return;
    ck_assert_msg(g_error_matches(error, MS_ERROR, MB_ERROR_USAGE), "%s", row->script);
    ck_assert_msg(g_str_has_prefix(error->message, "fault script: line "), "%s", error->message);
    ck_assert_msg(strcasestr(error->message, row->says) != NULL, "%s: %s", row->script,
                  error->message);
}
END_TEST

static int count_meetings(MsFaults *faults, MsProtocol protocol, MsStage stage, guint64 times)
{
    int bits = 0;

    for (guint64 i = 0; i < times; i++)
        bits = bits << 1 | (ms_faults_meet(faults, protocol, stage) != NULL);
    return bits;
}

START_TEST(each_command_is_counted_by_itself)
{
    g_autoptr(MsFaults) faults = ms_faults_new();

    ck_assert(ms_faults_add(faults, "smtp rcpt 2 drop; smtp rcpt 4 drop; pop3 rset 1 drop", NULL));
    ck_assert(ms_faults_add(faults, "smtp rset * silence", NULL));
    ck_assert_int_eq(count_meetings(faults, MS_SMTP, MS_AT_MAIL, 3), 0);
    ck_assert_int_eq(count_meetings(faults, MS_SMTP, MS_AT_RCPT, 5), 10);
    ck_assert_int_eq(count_meetings(faults, MS_SMTP, MS_AT_RSET, 3), 7);
    ck_assert_int_eq(count_meetings(faults, MS_POP3, MS_AT_RSET, 3), 4);
}
END_TEST

START_TEST(the_first_that_fits_applies)
{
    g_autoptr(MsFaults) faults = ms_faults_new();
    const MsFault *fault;

    ck_assert(ms_faults_add(faults, "smtp dot 2 451 4.0.0 second\nsmtp dot * 550 others", NULL));
    fault = ms_faults_meet(faults, MS_SMTP, MS_AT_DOT);
    ck_assert_int_eq(fault->action, MS_REPLY);
    ck_assert_str_eq(fault->text->str, "550 others\r\n");
    fault = ms_faults_meet(faults, MS_SMTP, MS_AT_DOT);
    ck_assert_str_eq(fault->text->str, "451 4.0.0 second\r\n");
}
END_TEST

START_TEST(escapes_stand_for_octets)
{
    g_autoptr(MsFaults) faults = ms_faults_new();
    const MsFault *fault;

    ck_assert(ms_faults_add(faults, "pop3 capa 1 say a\\r\\n\\t\\\\\\0\\xfF\\;\\#  b", NULL));
    fault = ms_faults_meet(faults, MS_POP3, MS_AT_CAPA);
    ck_assert_int_eq(fault->action, MS_SAY);
    ck_assert_uint_eq(fault->text->len, 12);
    ck_assert_mem_eq(fault->text->str, "a\r\n\t\\\0\xFF;#  b", 12);
}
END_TEST

START_TEST(a_script_may_be_a_file)
{
    g_autofree char *folder = g_dir_make_tmp("mailbatch-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "script", NULL);
    g_autoptr(MsFaults) faults = ms_faults_new();
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(path, "# two\nsmtp mail 1 drop\npop3 quit 1 drop\n", -1, NULL));
    ck_assert(ms_faults_add(faults, path, NULL));
    ck_assert_ptr_nonnull(ms_faults_meet(faults, MS_POP3, MS_AT_QUIT));
    ck_assert(g_file_set_contents(path, "\nsmtp mail 1 fly\n", -1, NULL));
    ck_assert(!ms_faults_add(faults, path, &error));
    ck_assert(g_error_matches(error, MS_ERROR, MB_ERROR_DATA));
    ck_assert(g_str_has_prefix(error->message, path));
    ck_assert_ptr_nonnull(strstr(error->message, ": line 2: smtp mail 1 fly: unknown action"));
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailsink-fault");
    TCase *tcase = tcase_create("fault");

    tcase_add_loop_test(tcase, a_script_is_taken_or_explained, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, each_command_is_counted_by_itself);
    tcase_add_test(tcase, the_first_that_fits_applies);
    tcase_add_test(tcase, escapes_stand_for_octets);
    tcase_add_test(tcase, a_script_may_be_a_file);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
