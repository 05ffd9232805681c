#include "statement.h"
#include "suite.h"

#include <check.h>
#include <glib/gstdio.h>
#include <mailbatch/store/store.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define APPLICATION 0x6d627474

static const char *const migrations[] = {
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT, data BLOB)",
    "ALTER TABLE word ADD COLUMN count INTEGER DEFAULT 7",
    NULL,
};
static const char *const first_migration[] = {
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT, data BLOB)",
    NULL,
};

static char *folder;
static char *path;

static void setup(void)
{
    folder = g_dir_make_tmp("test-store-XXXXXX", NULL);
    path = g_build_filename(folder, "x.db", NULL);
}

static void teardown(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *name = g_strconcat(path, suffixes[i], NULL);
        g_unlink(name);
    }
    ck_assert_int_eq(g_rmdir(folder), 0);
    g_free(folder);
    g_free(path);
}

static int64_t count_words(MbStore *store)
{
    MbStatement *statement = mb_store_statement(store, "SELECT count(*) FROM word", NULL);
    int64_t count;

    ck_assert_int_eq(mb_statement_step(statement, NULL), MB_NEXT);
    count = mb_statement_int(statement, 0);
    mb_statement_reset(statement);
    return count;
}

START_TEST(values_come_back_as_they_went_in)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbStore) store =
        mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, &error);
    MbStatement *insert;
    MbStatement *select;
    size_t length;
    struct stat status;

    ck_assert_msg(store != NULL, "%s", error != NULL ? error->message : "");
    ck_assert(mb_store_is_wal(store));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    ck_assert(mb_store_begin(store, true, NULL));
    insert = mb_store_statement(store, "INSERT INTO word (text, data) VALUES (?, ?)", NULL);
    mb_statement_bind_text(insert, 1, "zoë");
    mb_statement_bind_blob(insert, 2, "a\0b", 3);
    ck_assert(mb_statement_done(insert, NULL));
    ck_assert_int_eq(mb_store_last_id(store), 1);
    mb_statement_reset(insert);
    mb_statement_bind_text(insert, 1, NULL);
    mb_statement_bind_blob(insert, 2, NULL, 0);
    ck_assert(mb_statement_done(insert, NULL));
    ck_assert(mb_store_commit(store, NULL));

    select = mb_store_statement(store, "SELECT text, data, count FROM word ORDER BY id", NULL);
    ck_assert_int_eq(mb_statement_step(select, NULL), MB_NEXT);
    ck_assert_str_eq(mb_statement_text(select, 0), "zoë");
    ck_assert_mem_eq(mb_statement_blob(select, 1, &length), "a\0b", 3);
    ck_assert_uint_eq(length, 3);
    ck_assert_int_eq(mb_statement_int(select, 2), 7);
    ck_assert_int_eq(mb_statement_step(select, NULL), MB_NEXT);
    ck_assert(mb_statement_is_null(select, 0));
    ck_assert(!mb_statement_is_null(select, 1));
    ck_assert_int_eq(mb_statement_step(select, NULL), MB_END);
}
END_TEST

START_TEST(a_rolled_back_transaction_leaves_nothing)
{
    g_autoptr(MbStore) store = mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, NULL);

    ck_assert(mb_store_begin(store, false, NULL));
    ck_assert(mb_store_run(store, "INSERT INTO word (text) VALUES ('x')", NULL));
    mb_store_rollback(store);
    ck_assert_int_eq(count_words(store), 0);
    mb_store_rollback(store);
    ck_assert(mb_store_begin(store, false, NULL));
    ck_assert(mb_store_run(store, "INSERT INTO word (text) VALUES ('x')", NULL));
    ck_assert(mb_store_commit(store, NULL));
    ck_assert_int_eq(count_words(store), 1);
}
END_TEST

START_TEST(an_older_file_is_migrated)
{
    g_autoptr(GError) error = NULL;
    MbStore *store = mb_store_open(path, MB_STORE_CREATE, APPLICATION, first_migration, NULL);

    ck_assert(mb_store_run(store, "INSERT INTO word (text) VALUES ('kept')", NULL));
    mb_store_free(store);
    ck_assert_ptr_null(mb_store_open(path, MB_STORE_READ_ONLY, APPLICATION, migrations, &error));
    ck_assert_int_eq(error->code, MB_ERROR_DATA);
    store = mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, NULL);
    ck_assert_ptr_nonnull(store);
    ck_assert_int_eq(count_words(store), 1);
    ck_assert(mb_store_run(store, "UPDATE word SET count = 8", NULL));
    mb_store_free(store);
    g_clear_error(&error);
    ck_assert_ptr_null(mb_store_open(path, MB_STORE_CREATE, APPLICATION, first_migration, &error));
    ck_assert_msg(strstr(error->message, "newer version") != NULL, "%s", error->message);
}
END_TEST

static void *open_it(void *user)
{
    GError **error = user;

    mb_store_free(mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, error));
    return NULL;
}

START_TEST(two_who_open_a_new_file_at_once_both_can)
{
    for (int round = 0; round < 30; round++) {
        pthread_t threads[4];
        GError *errors[4] = {NULL};

        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, open_it, &errors[i]), 0);
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
            ck_assert_msg(errors[i] == NULL, "round %d: %s", round, errors[i]->message);
        g_unlink(path);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *content; /* NULL: no file */
    MbStoreMode mode;
    MbErrorCode code;
} refusals[] = {
    {"missing, read only", NULL, MB_STORE_READ_ONLY, MB_ERROR_NO_INPUT},
    {"empty, read only", "", MB_STORE_READ_ONLY, MB_ERROR_DATA},
    {"text, read only", "this is a long enough text that is no database, is it", MB_STORE_READ_ONLY,
     MB_ERROR_DATA},
    {"text, writing", "this is a long enough text that is no database, is it", MB_STORE_CREATE,
     MB_ERROR_DATA},
};

START_TEST(what_is_no_store_is_refused_and_left_alone)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *after = NULL;

    if (refusals[_i].content != NULL)
        ck_assert(g_file_set_contents(path, refusals[_i].content, -1, NULL));
    ck_assert_msg(mb_store_open(path, refusals[_i].mode, APPLICATION, migrations, &error) == NULL,
                  "%s", refusals[_i].name);
    ck_assert_msg(error->code == (int)refusals[_i].code, "%s: %d: %s", refusals[_i].name,
                  error->code, error->message);
    ck_assert_msg(strstr(error->message, path) != NULL, "%s: %s", refusals[_i].name,
                  error->message);
    if (refusals[_i].content != NULL) {
        ck_assert(g_file_get_contents(path, &after, NULL, NULL));
        ck_assert_str_eq(after, refusals[_i].content);
    }
}
END_TEST

/* Ends as a killed process does, with half of a transaction in the file. */
static void be_killed_while_writing(void)
{
    MbStore *store = mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, NULL);

    if (mb_store_run(store,
                     "PRAGMA journal_mode=DELETE; INSERT INTO word (text) VALUES ('kept');"
                     "PRAGMA cache_size=1",
                     NULL) &&
        mb_store_begin(store, true, NULL) &&
        mb_store_run(store,
                     "UPDATE word SET text = 'half';"
                     "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 500)"
                     " INSERT INTO word (data) SELECT randomblob(500) FROM n",
                     NULL))
        _exit(0);
    _exit(1);
}

static void leave_half_written(void)
{
    g_autofree char *journal = g_strconcat(path, "-journal", NULL);
    pid_t child = fork();
    int status;

    if (child == 0)
        be_killed_while_writing();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(g_file_test(journal, G_FILE_TEST_EXISTS));
}

START_TEST(what_a_killed_writer_left_is_undone_for_a_reader)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MbStore) store = NULL;
    MbStatement *select;

    leave_half_written();
    store = mb_store_open(path, MB_STORE_READ_ONLY, APPLICATION, migrations, &error);
    ck_assert_msg(store != NULL, "%s", error != NULL ? error->message : "");
    select = mb_store_statement(store, "SELECT text FROM word", NULL);
    ck_assert_int_eq(mb_statement_step(select, NULL), MB_NEXT);
    ck_assert_str_eq(mb_statement_text(select, 0), "kept");
    ck_assert_int_eq(mb_statement_step(select, NULL), MB_END);
    ck_assert(!mb_store_run(store, "DELETE FROM word", NULL));
}
END_TEST

static const struct {
    const char *name;
    mode_t folder;
    mode_t file;
} unwritable[] = {
    {"the folder", 0555, 0666},
    {"the file", 0777, 0444},
    {"both", 0555, 0444},
};

START_TEST(who_may_not_undo_it_is_told)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *journal = g_strconcat(path, "-journal", NULL);

    leave_half_written();
    ck_assert_int_eq(g_chmod(journal, 0444), 0);
    ck_assert_int_eq(g_chmod(path, unwritable[_i].file), 0);
    ck_assert_int_eq(g_chmod(folder, unwritable[_i].folder), 0);
    ck_assert(getuid() != 0 || setresuid(65534, 65534, 0) == 0);
    ck_assert_msg(mb_store_open(path, MB_STORE_READ_ONLY, APPLICATION, migrations, &error) == NULL,
                  "%s", unwritable[_i].name);
    ck_assert(getuid() != 65534 || setresuid(0, 0, 0) == 0);
    ck_assert_int_eq(g_chmod(folder, 0700), 0);
    ck_assert_msg(error->code == MB_ERROR_CANNOT_CREATE &&
                      strstr(error->message, "was left half-written") != NULL,
                  "%s: %d: %s", unwritable[_i].name, error->code, error->message);
}
END_TEST

START_TEST(a_database_of_another_kind_is_refused)
{
    g_autoptr(GError) error = NULL;

    mb_store_free(mb_store_open(path, MB_STORE_CREATE, APPLICATION + 1, migrations, NULL));
    ck_assert_ptr_null(mb_store_open(path, MB_STORE_CREATE, APPLICATION, migrations, &error));
    ck_assert_int_eq(error->code, MB_ERROR_DATA);
}
END_TEST

START_TEST(a_temporary_store_works)
{
    g_autoptr(MbStore) store = mb_store_open_temporary(NULL);

    ck_assert(mb_store_run(store, migrations[0], NULL));
    ck_assert(mb_store_begin(store, false, NULL));
    ck_assert(mb_store_run(store, "INSERT INTO word (text) VALUES ('x')", NULL));
    ck_assert(mb_store_commit(store, NULL));
    ck_assert_int_eq(count_words(store), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, values_come_back_as_they_went_in);
    tcase_add_test(tests, a_rolled_back_transaction_leaves_nothing);
    tcase_add_test(tests, an_older_file_is_migrated);
    tcase_add_test(tests, two_who_open_a_new_file_at_once_both_can);
    tcase_add_loop_test(tests, what_is_no_store_is_refused_and_left_alone, 0,
                        G_N_ELEMENTS(refusals));
    tcase_add_test(tests, what_a_killed_writer_left_is_undone_for_a_reader);
    tcase_add_loop_test(tests, who_may_not_undo_it_is_told, 0, G_N_ELEMENTS(unwritable));
    tcase_add_test(tests, a_database_of_another_kind_is_refused);
    tcase_add_test(tests, a_temporary_store_works);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
