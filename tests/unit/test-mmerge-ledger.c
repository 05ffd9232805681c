#include "ledger.h"
#include "statement.h"
#include "suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/store/store.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW      1000000
#define CAMPAIGN "newsletter"

static char *folder;
static char *path;
static const uint8_t verdict[MB_SHA256_LENGTH] = {1};

static void setup(void)
{
    folder = g_dir_make_tmp("test-ledger-XXXXXX", NULL);
    path = g_build_filename(folder, "l.db", NULL);
}

static void teardown(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".marks"};

    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *name = g_strconcat(path, suffixes[i], NULL);
        g_unlink(name);
    }
    ck_assert_int_eq(g_rmdir(folder), 0);
    g_free(folder);
    g_free(path);
}

static MmLedger *open_ledger(void)
{
    g_autoptr(GError) error = NULL;
    MmLedger *ledger = mm_ledger_open(path, CAMPAIGN, "list.csv", NOW, NULL, &error);

    ck_assert_msg(ledger != NULL, "%s", error != NULL ? error->message : "");
    return ledger;
}

/* A row whose record is `record` and whose To is `record`@x. */
static void add_row(MmLedger *ledger, uint64_t number, const char *key, const char *record)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = g_strconcat(record, "@example.org", NULL);
    uint8_t digest[MB_SHA256_LENGTH];
    MmLedgerRecipient to = {.address = address, .kind = MM_TO};
    MmLedgerRow row = {
        .number = number, .key = key, .digest = digest, .recipients = &to, .n_recipients = 1};

    mb_sha256(record, strlen(record), digest);
    ck_assert_msg(mm_ledger_add_row(ledger, &row, &error), "%s",
                  error != NULL ? error->message : "");
}

/* Takes in rows `a b c`, numbered from 2. */
static bool take_rows(MmLedger *ledger, const char *records, bool accept, MmLedgerChanges *changes,
                      GError **error)
{
    g_auto(GStrv) list = g_strsplit(records, " ", -1);

    ck_assert(mm_ledger_begin_rows(ledger, NULL, false, NULL));
    for (guint i = 0; list[i] != NULL; i++) {
        char *colon = strchr(list[i], ':');
        if (colon != NULL)
            *colon = '\0';
        add_row(ledger, i + 2, colon != NULL ? list[i] : NULL, colon != NULL ? colon + 1 : list[i]);
    }
    return mm_ledger_end_rows(ledger, verdict, accept, changes, error);
}

static GPtrArray *claim(MmLedger *ledger, size_t n, int64_t now)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *claims = mm_ledger_claim(ledger, n, 0, 0, now, &error);

    ck_assert_msg(claims != NULL, "%s", error != NULL ? error->message : "");
    return claims;
}

static void record(MmLedger *ledger, const MmClaim *claimed, MmState state, int64_t not_before)
{
    for (size_t i = 0; i < claimed->n_entries; i++) {
        MmOutcome outcome = {
            .row = claimed->row,
            .index = claimed->entries[i].index,
            .state = state,
            .not_before = not_before,
            .code = state == MM_SENT ? 250 : 451,
            .reply = state == MM_SENT ? "250 ok" : "451 later",
        };
        ck_assert(mm_ledger_record(ledger, &outcome, 1, NOW, NULL));
    }
}

/* "pending=1 sent=2", in the order of the states. */
static char *counts_of(MmLedger *ledger)
{
    MmLedgerCounts counts;
    GString *out = g_string_new(NULL);

    ck_assert(mm_ledger_count(ledger, &counts, NULL));
    for (int i = 0; i < MM_STATES; i++) {
        if (counts.entries[i] != 0)
            g_string_append_printf(out, "%s%s=%" G_GUINT64_FORMAT, out->len > 0 ? " " : "",
                                   mm_state_name((MmState)i), counts.entries[i]);
    }
    return g_string_free(out, FALSE);
}

#define ck_assert_counts(ledger, want)                                                             \
    do {                                                                                           \
        g_autofree char *counts = counts_of(ledger);                                               \
        ck_assert_str_eq(counts, want);                                                            \
    } while (0)

START_TEST(a_row_is_claimed_once_and_its_outcome_stays)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) second = NULL;
    g_autoptr(GPtrArray) third = NULL;

    ck_assert(take_rows(ledger, "a b c", false, NULL, NULL));
    ck_assert(mm_ledger_is_checked(ledger, verdict));
    first = claim(ledger, 2, NOW);
    ck_assert_uint_eq(first->len, 2);
    ck_assert_str_eq(((MmClaim *)first->pdata[0])->entries[0].address, "a@example.org");
    ck_assert_uint_eq(((MmClaim *)first->pdata[1])->number, 3);
    record(ledger, first->pdata[0], MM_SENT, 0);
    record(ledger, first->pdata[1], MM_REFUSED, 0);
    second = claim(ledger, 10, NOW);
    ck_assert_uint_eq(second->len, 1);
    record(ledger, second->pdata[0], MM_SENT, 0);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));

    ledger = open_ledger();
    third = claim(ledger, 10, NOW);
    ck_assert_uint_eq(third->len, 0);
    ck_assert_counts(ledger, "sent=2 refused=1");
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(a_deferred_row_waits_and_tries_are_counted_a_run)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) early = NULL;
    g_autoptr(GPtrArray) due = NULL;
    g_autoptr(GPtrArray) spent = NULL;
    g_autoptr(GPtrArray) next_run = NULL;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    first = claim(ledger, 10, NOW);
    ck_assert_uint_eq(((MmClaim *)first->pdata[0])->attempt, 1);
    record(ledger, first->pdata[0], MM_DEFERRED, NOW + 60);
    early = claim(ledger, 10, NOW + 59);
    ck_assert_uint_eq(early->len, 0);
    ck_assert_int_eq(mm_ledger_next_due(ledger, 2, NOW, NULL), NOW + 60);
    due = claim(ledger, 10, NOW + 60);
    ck_assert_uint_eq(due->len, 1);
    ck_assert_uint_eq(((MmClaim *)due->pdata[0])->attempt, 2);
    record(ledger, due->pdata[0], MM_DEFERRED, NOW + 120);
    ck_assert_int_eq(mm_ledger_next_due(ledger, 2, NOW, NULL), 0);
    spent = mm_ledger_claim(ledger, 10, 0, 2, NOW + 120, NULL);
    ck_assert_uint_eq(spent->len, 0);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));

    ledger = open_ledger();
    next_run = mm_ledger_claim(ledger, 10, 0, 2, NOW + 120, NULL);
    ck_assert_uint_eq(next_run->len, 1);
    ck_assert_uint_eq(((MmClaim *)next_run->pdata[0])->attempt, 3);
    record(ledger, next_run->pdata[0], MM_DEFERRED, NOW + 180);
    ck_assert_int_eq(mm_ledger_next_due(ledger, 2, NOW, NULL), NOW + 180);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

/* A claim whose owner dies after `mark` was set becomes `want`. */
static const struct {
    const char *name;
    MmMark mark;
    bool other_boot;
    bool lose_marks;
    const char *want;
} deaths[] = {
    {"nothing handed over", MM_MARK_NONE, false, false, "pending=1"},
    {"end handed over", MM_MARK_HANDED_OVER, false, false, "in-doubt=1"},
    {"accepted, not yet committed", MM_MARK_SENT, false, false, "sent=1"},
    {"deferred, not yet committed", MM_MARK_DEFERRED, false, false, "deferred=1"},
    {"refused, not yet committed", MM_MARK_REFUSED, false, false, "refused=1"},
    {"mixed, not yet committed", MM_MARK_MIXED, false, false, "in-doubt=1"},
    {"reboot, nothing handed over", MM_MARK_NONE, true, false, "in-doubt=1"},
    {"reboot, accepted", MM_MARK_SENT, true, false, "in-doubt=1"},
    {"marks lost", MM_MARK_NONE, false, true, "in-doubt=1"},
};

static void pretend_reboot(void)
{
    static const char *const none[] = {"", NULL};
    MbStore *store = mb_store_open(path, MB_STORE_CREATE, 0x6d6d6c31, none, NULL);

    ck_assert_ptr_nonnull(store);
    ck_assert(mb_store_run(store, "UPDATE run SET boot = 'another'", NULL));
    mb_store_free(store);
}

START_TEST(what_a_dead_run_left_is_derived)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;
    g_autofree char *marks_path = g_strconcat(path, ".marks", NULL);
    const MmClaim *claimed;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    claims = claim(ledger, 10, NOW);
    claimed = claims->pdata[0];
    if (deaths[_i].mark != MM_MARK_NONE)
        mm_marks_set(mm_ledger_marks(ledger), claimed->row, claimed->mark, deaths[_i].mark);
    mm_ledger_free(ledger);
    if (deaths[_i].other_boot)
        pretend_reboot();
    if (deaths[_i].lose_marks)
        ck_assert_int_eq(g_unlink(marks_path), 0);

    ledger = mm_ledger_open_to_read(path, NULL);
    ck_assert_counts(ledger, deaths[_i].want);
    mm_ledger_free(ledger);
    ledger = open_ledger();
    ck_assert_counts(ledger, deaths[_i].want);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ledger = mm_ledger_open_to_read(path, NULL);
    ck_assert_counts(ledger, deaths[_i].want);
    mm_ledger_free(ledger);
}
END_TEST

START_TEST(an_old_mark_is_not_taken_for_a_new_claim)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) second = NULL;
    const MmClaim *claimed;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    first = claim(ledger, 1, NOW);
    claimed = first->pdata[0];
    mm_marks_set(mm_ledger_marks(ledger), claimed->row, claimed->mark, MM_MARK_REFUSED);
    record(ledger, claimed, MM_DEFERRED, NOW);
    second = claim(ledger, 1, NOW);
    ck_assert_uint_eq(second->len, 1);
    mm_ledger_free(ledger);
    ledger = open_ledger();
    ck_assert_counts(ledger, "deferred=1");
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(a_released_claim_counts_no_attempt)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) second = NULL;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    first = claim(ledger, 1, NOW);
    record(ledger, first->pdata[0], MM_PENDING, 0);
    second = claim(ledger, 1, NOW);
    ck_assert_uint_eq(second->len, 1);
    ck_assert_uint_eq(((MmClaim *)second->pdata[0])->attempt, 1);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

/* The rows before, one of which (a) was sent and one (b) deferred; the rows after. */
static const struct {
    const char *name;
    const char *before, *after;
    bool accept;
    bool stops;
    uint64_t added, dropped, changed;
    const char *want;
} edits[] = {
    {"the same", "a b c", "a b c", false, false, 0, 0, 0, "pending=1 sent=1 deferred=1"},
    {"inserted", "a b c", "x a y b c z", false, false, 3, 0, 0, "pending=4 sent=1 deferred=1"},
    {"reordered", "a b c", "c b a", false, false, 0, 0, 0, "pending=1 sent=1 deferred=1"},
    {"an unsent one dropped", "a b c", "a b", false, false, 0, 1, 0, "sent=1 deferred=1"},
    {"a sent one dropped", "a b c", "b c", false, true, 0, 0, 1, "pending=1 sent=1 deferred=1"},
    {"that accepted", "a b c", "b c", true, false, 0, 0, 1, "pending=1 sent=1 deferred=1"},
    {"equal records", "a b c c", "a b c c c", false, false, 1, 0, 0, "pending=3 sent=1 deferred=1"},
    {"keys, unsent changed", "1:a 2:b 3:c", "1:a 2:b 3:d", false, false, 0, 0, 0,
     "pending=1 sent=1 deferred=1"},
    {"keys, sent changed", "1:a 2:b 3:c", "1:x 2:b 3:c", false, true, 0, 0, 1,
     "pending=1 sent=1 deferred=1"},
    {"keys, that accepted", "1:a 2:b 3:c", "1:x 2:b 3:c", true, false, 0, 0, 1,
     "pending=1 sent=1 deferred=1 suppressed=1"},
    {"a key stands twice", "1:a 2:b 3:c", "1:a 2:b 3:x 3:c", false, false, 1, 0, 0,
     "pending=2 sent=1 deferred=1"},
    {"keys come", "a b c", "1:a 2:b 3:c", false, false, 0, 0, 0, "pending=1 sent=1 deferred=1"},
    {"keys go", "1:a 2:b 3:c", "a b c", false, false, 0, 0, 0, "pending=1 sent=1 deferred=1"},
    {"a deferred one dropped", "a b c", "a c", false, false, 0, 1, 0,
     "pending=1 sent=1 suppressed=1"},
    {"keys, deferred changed", "1:a 2:b 3:c", "1:a 2:x 3:c", false, false, 0, 0, 0,
     "pending=2 sent=1 suppressed=1"},
};

START_TEST(rows_are_matched_after_the_csv_was_edited)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;
    g_autoptr(GError) error = NULL;
    MmLedgerChanges changes;
    bool taken;

    ck_assert(take_rows(ledger, edits[_i].before, false, NULL, NULL));
    claims = claim(ledger, 2, NOW);
    record(ledger, claims->pdata[0], MM_SENT, 0);
    record(ledger, claims->pdata[1], MM_DEFERRED, NOW);
    taken = take_rows(ledger, edits[_i].after, edits[_i].accept, &changes, &error);
    ck_assert_msg(taken == !edits[_i].stops, "%s: %s", edits[_i].name,
                  error != NULL ? error->message : "");
    if (edits[_i].stops)
        ck_assert_int_eq(error->code, MB_ERROR_DATA);
    ck_assert_msg(changes.added == edits[_i].added, "%s", edits[_i].name);
    ck_assert_msg(changes.dropped == edits[_i].dropped, "%s", edits[_i].name);
    ck_assert_msg(changes.changed == edits[_i].changed, "%s", edits[_i].name);
    ck_assert_counts(ledger, edits[_i].want);
    if (edits[_i].accept)
        ck_assert_msg(take_rows(ledger, edits[_i].after, false, NULL, NULL),
                      "%s: accepted once is accepted", edits[_i].name);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(recipients_and_bad_rows_are_listed)
{
    MmLedger *ledger = open_ledger();
    uint8_t digest[MB_SHA256_LENGTH] = {7};
    MmLedgerRecipient recipients[] = {
        {"to@example.org", MM_TO, false},
        {"cc@example.org", MM_CC, true},
        {"bcc@example.org", MM_BCC, false},
    };
    MmLedgerRow row = {.number = 2, .digest = digest, .recipients = recipients, .n_recipients = 3};
    MmLedgerRow bad = {.number = 3, .key = "k", .digest = digest, .invalid = "row 3: no address"};
    g_autoptr(GPtrArray) claims = NULL;

    ck_assert(mm_ledger_begin_rows(ledger, NULL, false, NULL));
    ck_assert(mm_ledger_add_row(ledger, &row, NULL));
    ck_assert(mm_ledger_add_row(ledger, &bad, NULL));
    ck_assert(mm_ledger_end_rows(ledger, verdict, false, NULL, NULL));
    ck_assert_counts(ledger, "pending=2 invalid=1 suppressed=1");
    claims = claim(ledger, 10, NOW);
    ck_assert_uint_eq(claims->len, 1);
    ck_assert_uint_eq(((MmClaim *)claims->pdata[0])->n_entries, 2);
    ck_assert_int_eq(((MmClaim *)claims->pdata[0])->entries[1].kind, MM_BCC);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

static const struct {
    const char *name; /* %M: the Message-ID's key, %K: the row's */
    bool sent;
    uint64_t n;
    const char *want;
} resolutions[] = {
    {"a@example.org", true, 1, "sent=1"},
    {"A@Example.ORG", true, 1, "sent=1"},
    {"<%M@example.org>", false, 1, "pending=1"},
    {"%M@example.org", true, 1, "sent=1"},
    {"%K", false, 1, "pending=1"},
    {"b@example.org", true, 0, "in-doubt=1"},
    {"", true, 0, "in-doubt=1"},
};

START_TEST(an_outcome_counts_once)
{
    static const MmState late[] = {MM_DEFERRED, MM_REFUSED, MM_IN_DOUBT, MM_PENDING};
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    claims = claim(ledger, 1, NOW);
    record(ledger, claims->pdata[0], MM_SENT, 0);
    for (guint i = 0; i < G_N_ELEMENTS(late); i++)
        record(ledger, claims->pdata[0], late[i], NOW);
    ck_assert_counts(ledger, "sent=1");
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(what_was_tried_keeps_its_key_when_keys_come)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) before = NULL;
    g_autoptr(GPtrArray) after = NULL;

    ck_assert(take_rows(ledger, "a b", false, NULL, NULL));
    before = claim(ledger, 1, NOW);
    record(ledger, before->pdata[0], MM_DEFERRED, NOW);
    ck_assert(take_rows(ledger, "1:a 2:b", false, NULL, NULL));
    after = claim(ledger, 2, NOW);
    ck_assert_uint_eq(after->len, 2);
    ck_assert_str_eq(((MmClaim *)after->pdata[0])->key, ((MmClaim *)before->pdata[0])->key);
    ck_assert_str_eq(((MmClaim *)after->pdata[1])->key, "2");
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(a_clock_that_was_set_back_keeps_nobody_waiting)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) soon = NULL;
    g_autoptr(GPtrArray) later = NULL;

    ck_assert(take_rows(ledger, "a b", false, NULL, NULL));
    first = claim(ledger, 2, NOW);
    record(ledger, first->pdata[0], MM_DEFERRED, NOW + MM_DEFER_MAX_S);
    record(ledger, first->pdata[1], MM_DEFERRED, NOW + MM_DEFER_MAX_S + 1);
    ck_assert_int_eq(mm_ledger_next_due(ledger, 0, NOW, NULL), 1);
    soon = claim(ledger, 2, NOW);
    ck_assert_uint_eq(soon->len, 1);
    ck_assert_uint_eq(((MmClaim *)soon->pdata[0])->number, 3);
    ck_assert_int_eq(mm_ledger_next_due(ledger, 0, NOW, NULL), NOW + MM_DEFER_MAX_S);
    later = claim(ledger, 2, NOW + MM_DEFER_MAX_S);
    ck_assert_uint_eq(later->len, 1);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(a_gone_row_in_doubt_is_never_pending_again)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;
    uint64_t n;

    ck_assert(take_rows(ledger, "a b c", false, NULL, NULL));
    claims = claim(ledger, 2, NOW);
    record(ledger, claims->pdata[0], MM_IN_DOUBT, 0);
    record(ledger, claims->pdata[1], MM_IN_DOUBT, 0);
    ck_assert(take_rows(ledger, "b c", true, NULL, NULL));
    ck_assert(mm_ledger_resolve(ledger, "a@example.org", false, NOW, &n, NULL));
    ck_assert_uint_eq(n, 1);
    ck_assert(mm_ledger_flush(ledger, NULL));
    ck_assert_counts(ledger, "pending=1 in-doubt=1 suppressed=1");
    ck_assert(mm_ledger_release_doubtful(ledger, &n, NULL));
    ck_assert_counts(ledger, "pending=2 suppressed=1");
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(a_ledger_without_rows_serves_another_campaign)
{
    g_autoptr(GError) error = NULL;
    MmLedger *ledger = open_ledger();

    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ledger = mm_ledger_open(path, "another", "list.csv", NOW, NULL, &error);
    ck_assert_msg(ledger != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_str_eq(mm_ledger_campaign(ledger), "another");
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(what_is_in_doubt_is_resolved_by_its_names)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;
    g_autoptr(GString) name = g_string_new(resolutions[_i].name);
    char message_key[MM_MESSAGE_KEY_SIZE];
    const MmClaim *claimed;
    uint64_t n;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    claims = claim(ledger, 1, NOW);
    claimed = claims->pdata[0];
    mm_ledger_message_key(ledger, claimed->key, message_key);
    g_string_replace(name, "%M", message_key, 0);
    g_string_replace(name, "%K", claimed->key, 0);
    record(ledger, claimed, MM_IN_DOUBT, 0);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));

    ledger = mm_ledger_open_existing(path, NULL);
    ck_assert(mm_ledger_resolve(ledger, name->str, resolutions[_i].sent, NOW, &n, NULL));
    ck_assert_msg(n == resolutions[_i].n, "%s: %d", name->str, (int)n);
    ck_assert(mm_ledger_resolve(ledger, name->str, resolutions[_i].sent, NOW, &n, NULL));
    ck_assert_msg(n == 0, "%s: settled twice", name->str);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ledger = mm_ledger_open_to_read(path, NULL);
    ck_assert_counts(ledger, resolutions[_i].want);
    mm_ledger_free(ledger);
}
END_TEST

START_TEST(in_doubt_is_never_claimed_unless_told)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;
    g_autoptr(GPtrArray) none = NULL;
    g_autoptr(GPtrArray) again = NULL;
    uint64_t n;

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    claims = claim(ledger, 1, NOW);
    record(ledger, claims->pdata[0], MM_IN_DOUBT, 0);
    none = claim(ledger, 1, NOW);
    ck_assert_uint_eq(none->len, 0);
    ck_assert(mm_ledger_release_doubtful(ledger, &n, NULL));
    ck_assert_uint_eq(n, 1);
    again = claim(ledger, 1, NOW);
    ck_assert_uint_eq(again->len, 1);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(a_second_process_is_turned_away)
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GError) error = NULL;
    MmLedger *reader;

    ck_assert_ptr_null(mm_ledger_open(path, CAMPAIGN, "list.csv", NOW, NULL, &error));
    ck_assert_int_eq(mb_exit_of(error), MB_EXIT_TEMPORARY);
    reader = mm_ledger_open_to_read(path, NULL);
    ck_assert_ptr_nonnull(reader);
    mm_ledger_free(reader);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ledger = open_ledger();
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
}
END_TEST

START_TEST(another_campaign_is_refused)
{
    g_autoptr(GError) error = NULL;
    MmLedger *ledger = open_ledger();

    ck_assert(take_rows(ledger, "a", false, NULL, NULL));
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ck_assert_ptr_null(mm_ledger_open(path, "invoices", "list.csv", NOW, NULL, &error));
    ck_assert_int_eq(mb_exit_of(error), MB_EXIT_DATA);
    ck_assert_msg(strstr(error->message, CAMPAIGN) != NULL, "%s", error->message);
}
END_TEST

START_TEST(a_message_key_is_the_same_on_every_run)
{
    MmLedger *ledger = open_ledger();
    char first[MM_MESSAGE_KEY_SIZE];
    char again[MM_MESSAGE_KEY_SIZE];
    char other[MM_MESSAGE_KEY_SIZE];

    mm_ledger_message_key(ledger, "k", first);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ledger = open_ledger();
    mm_ledger_message_key(ledger, "k", again);
    mm_ledger_message_key(ledger, "l", other);
    ck_assert(mm_ledger_close(ledger, NOW, NULL));
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
    ck_assert_uint_eq(strlen(first), MM_MESSAGE_KEY_SIZE - 1);
}
END_TEST

START_TEST(marks_survive_a_kill)
{
    g_autofree char *marks_path = g_strconcat(path, ".marks", NULL);
    g_autoptr(MmMarks) marks = NULL;
    bool locked;
    int status;
    pid_t child = fork();

    if (child == 0) {
        marks = mm_marks_open(marks_path, NULL);
        mm_marks_reserve(marks, 100000, NULL);
        mm_marks_set(marks, 99999, 17, MM_MARK_HANDED_OVER);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    marks = mm_marks_open_to_read(marks_path, &locked, NULL);
    ck_assert(!locked);
    ck_assert_int_eq(mm_marks_get(marks, 99999, 17), MM_MARK_HANDED_OVER);
    ck_assert_int_eq(mm_marks_get(marks, 99999, 18), MM_MARK_NONE);
    ck_assert_int_eq(mm_marks_get(marks, 1, 17), MM_MARK_NONE);
    ck_assert(!mm_marks_covers(marks, 10000000));
}
END_TEST

/* ---- what came back ---- */

#define HARD "5.1.1 user unknown"
#define SOFT "5.2.2 mailbox full"

/* A ledger with one row for ann@example.org and, as wanted, a copy for Bob@Example.NET; what its
 * entries came to is `state`. `key` gets its message key. */
static MmLedger *open_with_letter(bool copy, MmState state, char key[MM_MESSAGE_KEY_SIZE])
{
    MmLedger *ledger = open_ledger();
    g_autoptr(GPtrArray) claims = NULL;
    uint8_t digest[MB_SHA256_LENGTH] = {7};
    const MmLedgerRecipient recipients[] = {{.address = "ann@example.org", .kind = MM_TO},
                                            {.address = "Bob@Example.NET", .kind = MM_CC}};
    MmLedgerRow row = {.number = 2,
                       .key = "k",
                       .digest = digest,
                       .recipients = recipients,
                       .n_recipients = copy ? 2 : 1};

    ck_assert(mm_ledger_begin_rows(ledger, "id", false, NULL));
    ck_assert(mm_ledger_add_row(ledger, &row, NULL));
    add_row(ledger, 3, "other", "other");
    ck_assert(mm_ledger_end_rows(ledger, verdict, false, NULL, NULL));
    claims = claim(ledger, 2, NOW);
    record(ledger, claims->pdata[0], state, NOW + 60);
    record(ledger, claims->pdata[1], MM_SENT, 0);
    ck_assert(mm_ledger_flush(ledger, NULL));
    mm_ledger_message_key(ledger, "k", key);
    return ledger;
}

typedef struct {
    const char *name;
    MmState seen;
} Look;

static bool look(const MmLedgerEntry *entry, void *user)
{
    Look *at = user;

    if (g_str_has_prefix(entry->address, at->name))
        at->seen = entry->state;
    return true;
}

/* The state of the entry whose address begins so. */
static MmState state_of(MmLedger *ledger, const char *name)
{
    Look at = {.name = name, .seen = MM_STATES};

    ck_assert(mm_ledger_each(ledger, NULL, look, &at, NULL));
    return at.seen;
}

/* What a report proves itself with. */
typedef enum {
    BY_NOTHING,
    BY_ID,       /* <key@domain> */
    BY_KEY,      /* the key alone */
    BY_OTHER_ID, /* one that is no message's */
    BY_SHORT_ID, /* <first ten digits@domain> */
    BY_VERP,     /* ten digits */
    BY_NINE,
    BY_OTHER_VERP,
} Proof;

static const struct {
    const char *name;
    bool copy;
    MmState before;
    Proof proof;
    const char *envelope, *address, *final;
    MmReturnResult want;
    MmState ann, bob; /* afterwards; of one recipient `ann` alone */
} returns[] = {
    {"by Message-ID", false, MM_SENT, BY_ID, NULL, "ann@example.org", NULL, MM_RETURN_MARKED,
     MM_BOUNCED, 0},
    {"by the key", false, MM_SENT, BY_KEY, NULL, "ann@example.org", NULL, MM_RETURN_MARKED,
     MM_BOUNCED, 0},
    {"by VERP", false, MM_SENT, BY_VERP, "ann@example.org", NULL, NULL, MM_RETURN_MARKED,
     MM_BOUNCED, 0},
    {"nothing proves it", false, MM_SENT, BY_NOTHING, NULL, "ann@example.org", NULL,
     MM_RETURN_STRANGER, MM_SENT, 0},
    {"a Message-ID that was made up", false, MM_SENT, BY_OTHER_ID, NULL, "ann@example.org", NULL,
     MM_RETURN_STRANGER, MM_SENT, 0},
    {"a Message-ID of ten digits", false, MM_SENT, BY_SHORT_ID, NULL, "ann@example.org", NULL,
     MM_RETURN_STRANGER, MM_SENT, 0},
    {"a proof of nine digits", false, MM_SENT, BY_NINE, NULL, "ann@example.org", NULL,
     MM_RETURN_STRANGER, MM_SENT, 0},
    {"a VERP proof that was made up", false, MM_SENT, BY_OTHER_VERP, "ann@example.org", NULL, NULL,
     MM_RETURN_STRANGER, MM_SENT, 0},
    {"somebody else's address", false, MM_SENT, BY_ID, NULL, "other@example.org", "ann@example.org",
     MM_RETURN_NOT_THEIRS, MM_SENT, 0},
    {"forwarded", false, MM_SENT, BY_ID, NULL, NULL, "ann@elsewhere.example", MM_RETURN_MARKED,
     MM_BOUNCED, 0},
    {"forwarded, the first address is told", false, MM_SENT, BY_ID, NULL, "ann@example.org",
     "ann@elsewhere.example", MM_RETURN_MARKED, MM_BOUNCED, 0},
    {"no address at all", false, MM_SENT, BY_ID, NULL, NULL, NULL, MM_RETURN_MARKED, MM_BOUNCED, 0},
    {"no address at all, of two", true, MM_SENT, BY_ID, NULL, NULL, NULL, MM_RETURN_NOT_THEIRS,
     MM_SENT, MM_SENT},
    {"forwarded, of two", true, MM_SENT, BY_ID, NULL, NULL, "ann@elsewhere.example",
     MM_RETURN_NOT_THEIRS, MM_SENT, MM_SENT},
    {"the copy alone", true, MM_SENT, BY_ID, NULL, "Bob@example.net", NULL, MM_RETURN_MARKED,
     MM_SENT, MM_BOUNCED},
    {"the copy, by Final-Recipient", true, MM_SENT, BY_ID, NULL, NULL, "Bob@EXAMPLE.net",
     MM_RETURN_MARKED, MM_SENT, MM_BOUNCED},
    {"in another case", true, MM_SENT, BY_ID, NULL, "bob@example.net", NULL, MM_RETURN_MARKED,
     MM_SENT, MM_BOUNCED},
    {"VERP, and forwarded, of two", true, MM_SENT, BY_VERP, "ann@example.org", NULL,
     "x@elsewhere.example", MM_RETURN_NOT_THEIRS, MM_SENT, MM_SENT},
    {"VERP names the first, the report is about the copy", true, MM_SENT, BY_VERP,
     "ann@example.org", "bob@example.net", NULL, MM_RETURN_MARKED, MM_SENT, MM_BOUNCED},
    {"VERP for nobody of the row", false, MM_SENT, BY_VERP, "other@example.org", "ann@example.org",
     NULL, MM_RETURN_NOT_THEIRS, MM_SENT, 0},
    {"VERP that names nobody", false, MM_SENT, BY_VERP, NULL, "ann@example.org", NULL,
     MM_RETURN_MARKED, MM_BOUNCED, 0},
    {"in doubt", false, MM_IN_DOUBT, BY_ID, NULL, "ann@example.org", NULL, MM_RETURN_MARKED,
     MM_BOUNCED, 0},
    {"refused", false, MM_REFUSED, BY_ID, NULL, "ann@example.org", NULL, MM_RETURN_NOT_SENT,
     MM_REFUSED, 0},
    {"deferred", false, MM_DEFERRED, BY_ID, NULL, "ann@example.org", NULL, MM_RETURN_NOT_SENT,
     MM_DEFERRED, 0},
};

START_TEST(a_report_marks_only_with_proof_and_whom_the_message_went_to)
{
    char key[MM_MESSAGE_KEY_SIZE];
    MmLedger *ledger = open_with_letter(returns[_i].copy, returns[_i].before, key);
    g_autofree char *id = NULL, *proof = NULL, *address = NULL;
    const char *name = returns[_i].name;
    MmReturned returned = {.envelope = returns[_i].envelope,
                           .address = returns[_i].address,
                           .final = returns[_i].final,
                           .state = MM_BOUNCED,
                           .reply = HARD};
    MmReturnResult result;
    uint64_t row;

    switch (returns[_i].proof) {
    case BY_NOTHING: break;
    case BY_ID: returned.message_id = id = g_strdup_printf("<%s@example.org>", key); break;
    case BY_KEY: returned.message_id = id = g_strdup(key); break;
    case BY_OTHER_ID: returned.message_id = "<0123456789abcdef0123456789abcdef@example.org>"; break;
    case BY_SHORT_ID: returned.message_id = id = g_strdup_printf("<%.10s@example.org>", key); break;
    case BY_VERP: returned.proof = proof = g_strndup(key, 10); break;
    case BY_NINE: returned.proof = proof = g_strndup(key, 9); break;
    case BY_OTHER_VERP: returned.proof = "0123456789"; break;
    }
    for (int turn = 0; turn < 2; turn++) {
        bool again = turn == 1 && returns[_i].want == MM_RETURN_MARKED;

        ck_assert(mm_ledger_return(ledger, &returned, &result, &row, &address, NULL));
        ck_assert_msg(result == (again ? MM_RETURN_KNOWN : returns[_i].want), "%s: %d", name,
                      (int)result);
        ck_assert_int_eq(row != 0, result != MM_RETURN_STRANGER && result != MM_RETURN_NOT_THEIRS);
        ck_assert_int_eq(row != 0, address != NULL);
        g_clear_pointer(&address, g_free);
        ck_assert(mm_ledger_flush(ledger, NULL));
        ck_assert_msg(state_of(ledger, "ann@") == returns[_i].ann, "%s: %s", name,
                      mm_state_name(state_of(ledger, "ann@")));
        if (returns[_i].copy)
            ck_assert_msg(state_of(ledger, "Bob@") == returns[_i].bob, "%s", name);
        ck_assert_int_eq(state_of(ledger, "other@"), MM_SENT);
    }
    mm_ledger_free(ledger);
    /* It stands in the file. */
    ledger = mm_ledger_open_to_read(path, NULL);
    ck_assert_int_eq(state_of(ledger, "ann@"), returns[_i].ann);
    mm_ledger_free(ledger);
}
END_TEST

static void mark_ann(MmLedger *ledger, const char *key, MmState state, const char *reply)
{
    MmReturned returned = {
        .message_id = key, .address = "ann@example.org", .state = state, .reply = reply};
    g_autofree char *address = NULL;
    MmReturnResult result;
    uint64_t row;

    ck_assert(mm_ledger_return(ledger, &returned, &result, &row, &address, NULL));
    ck_assert(mm_ledger_flush(ledger, NULL));
}

static const struct {
    MmState state;
    const char *reply;
} weights[] = {
    {MM_DELIVERED, "2.0.0"}, {MM_BOUNCED, SOFT}, {MM_BOUNCED, HARD}, {MM_COMPLAINED, "abuse"}};

static bool keep_reply(const MmLedgerEntry *entry, void *user)
{
    char **reply = user;

    if (entry->number == 2) {
        g_free(*reply);
        *reply = g_strdup(entry->reply);
    }
    return true;
}

/* _i: two of the weights. */
START_TEST(the_worse_report_stays_whichever_comes_first)
{
    size_t first = (size_t)_i / 4, second = (size_t)_i % 4, worse = MAX(first, second);
    char key[MM_MESSAGE_KEY_SIZE];
    MmLedger *ledger = open_with_letter(false, MM_SENT, key);
    g_autofree char *reply = NULL;

    mark_ann(ledger, key, weights[first].state, weights[first].reply);
    mark_ann(ledger, key, weights[second].state, weights[second].reply);
    ck_assert_int_eq(state_of(ledger, "ann@"), weights[worse].state);
    ck_assert(mm_ledger_each(ledger, NULL, keep_reply, &reply, NULL));
    ck_assert_str_eq(reply, weights[worse].reply);
    ck_assert_int_eq(mm_ledger_is_hard(weights[worse].state, reply), worse >= 2);
    mm_ledger_free(ledger);
}
END_TEST

static uint64_t changed_without_ann(MmLedger *ledger, bool accept)
{
    MmLedgerChanges changes;

    ck_assert(mm_ledger_begin_rows(ledger, "id", false, NULL));
    add_row(ledger, 2, "other", "other");
    ck_assert(mm_ledger_end_rows(ledger, verdict, accept, &changes, NULL) == accept);
    return changes.changed;
}

/* Nothing that is done to a ledger gives what came back to be sent again. */
START_TEST(what_came_back_is_done_for_good)
{
    static const MmState states[] = {MM_BOUNCED, MM_COMPLAINED, MM_DELIVERED};
    MmState state = states[_i % 3];
    bool doubtful = _i >= 3;
    char key[MM_MESSAGE_KEY_SIZE], after[MM_MESSAGE_KEY_SIZE];
    MmLedger *ledger = open_with_letter(false, doubtful ? MM_IN_DOUBT : MM_SENT, key);
    g_autofree char *want = g_strdup_printf("sent=1 %s=1", mm_state_name(state));
    g_autofree char *with_new = g_strdup_printf("sent=1 invalid=1 %s=1", mm_state_name(state));
    uint64_t n;

    mark_ann(ledger, key, state, SOFT);
    ck_assert_counts(ledger, want);
    /* Of one that was in doubt nothing is left to be resolved, or released. */
    ck_assert(mm_ledger_resolve(ledger, "ann@example.org", false, NOW, &n, NULL));
    ck_assert_uint_eq(n, 0);
    ck_assert(mm_ledger_release_doubtful(ledger, &n, NULL));
    ck_assert_uint_eq(n, 0);
    for (int turn = 0; turn < 2; turn++) {
        g_autoptr(GPtrArray) none = claim(ledger, 10, NOW + 100000);

        ck_assert_uint_eq(none->len, 0);
        ck_assert_int_eq(mm_ledger_next_due(ledger, 0, NOW, NULL), 0);
        /* A new run, with the same list. */
        ck_assert(mm_ledger_close(ledger, NOW, NULL));
        ledger = open_ledger();
        if (turn == 0) {
            uint8_t digest[MB_SHA256_LENGTH] = {7};
            MmLedgerRecipient ann = {.address = "ann@example.org", .kind = MM_TO};
            MmLedgerRow row = {
                .number = 3, .key = "k", .digest = digest, .recipients = &ann, .n_recipients = 1};

            ck_assert(mm_ledger_begin_rows(ledger, "id", false, NULL));
            add_row(ledger, 2, "other", "other");
            ck_assert(mm_ledger_add_row(ledger, &row, NULL));
            ck_assert(mm_ledger_end_rows(ledger, verdict, false, NULL, NULL));
        }
        ck_assert_counts(ledger, want);
    }
    /* A list without the row is a change to one that is done; a row with its To is that row. */
    ck_assert_uint_eq(changed_without_ann(ledger, false), 1);
    ck_assert_uint_eq(changed_without_ann(ledger, true), 1);
    ck_assert_counts(ledger, want);
    ck_assert(mm_ledger_begin_rows(ledger, "id", false, NULL));
    add_row(ledger, 2, "other", "other");
    add_row(ledger, 3, "ann2", "ann");
    ck_assert(mm_ledger_end_rows(ledger, verdict, true, NULL, NULL));
    ck_assert_counts(ledger, with_new);
    {
        g_autoptr(GPtrArray) none = claim(ledger, 10, NOW + 200000);

        ck_assert_uint_eq(none->len, 0);
    }
    mm_ledger_message_key(ledger, "k", after);
    ck_assert_str_eq(key, after);
    mm_ledger_free(ledger);
}
END_TEST

/* Rates count by the time a message was mailed; a report must not change it. */
static bool check_time(const MmLedgerEntry *entry, void *user)
{
    (void)user;
    ck_assert_int_eq(entry->updated, NOW);
    return true;
}

START_TEST(a_report_leaves_the_time_of_mailing)
{
    char key[MM_MESSAGE_KEY_SIZE];
    MmLedger *ledger = open_with_letter(true, MM_SENT, key);

    mark_ann(ledger, key, MM_BOUNCED, HARD);
    ck_assert_int_eq(state_of(ledger, "ann@"), MM_BOUNCED);
    ck_assert(mm_ledger_each(ledger, NULL, check_time, NULL, NULL));
    mm_ledger_free(ledger);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mmerge-ledger");
    TCase *tests = tcase_create("ledger");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_row_is_claimed_once_and_its_outcome_stays);
    tcase_add_test(tests, a_deferred_row_waits_and_tries_are_counted_a_run);
    tcase_add_loop_test(tests, what_a_dead_run_left_is_derived, 0, G_N_ELEMENTS(deaths));
    tcase_add_test(tests, an_old_mark_is_not_taken_for_a_new_claim);
    tcase_add_test(tests, a_released_claim_counts_no_attempt);
    tcase_add_loop_test(tests, rows_are_matched_after_the_csv_was_edited, 0, G_N_ELEMENTS(edits));
    tcase_add_test(tests, recipients_and_bad_rows_are_listed);
    tcase_add_loop_test(tests, what_is_in_doubt_is_resolved_by_its_names, 0,
                        G_N_ELEMENTS(resolutions));
    tcase_add_test(tests, an_outcome_counts_once);
    tcase_add_test(tests, what_was_tried_keeps_its_key_when_keys_come);
    tcase_add_test(tests, a_clock_that_was_set_back_keeps_nobody_waiting);
    tcase_add_test(tests, a_gone_row_in_doubt_is_never_pending_again);
    tcase_add_test(tests, a_ledger_without_rows_serves_another_campaign);
    tcase_add_test(tests, in_doubt_is_never_claimed_unless_told);
    tcase_add_test(tests, a_second_process_is_turned_away);
    tcase_add_test(tests, another_campaign_is_refused);
    tcase_add_test(tests, a_message_key_is_the_same_on_every_run);
    tcase_add_test(tests, marks_survive_a_kill);
    tcase_add_loop_test(tests, a_report_marks_only_with_proof_and_whom_the_message_went_to, 0,
                        G_N_ELEMENTS(returns));
    tcase_add_loop_test(tests, the_worse_report_stays_whichever_comes_first, 0, 16);
    tcase_add_loop_test(tests, what_came_back_is_done_for_good, 0, 6);
    tcase_add_test(tests, a_report_leaves_the_time_of_mailing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
