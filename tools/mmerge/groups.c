#include "groups.h"

#include "ledger-seen.h"

#include <mailbatch/base/text.h>
#include <string.h>

#define GROUP "g" /* the kind of names in `seen` */

struct MmGroups {
    MbCsv *csv;
    int column;
    MmSeen *seen; /* value → the first row of its group */
    MmStrays *strays;
    uint64_t n_groups, n_given;
    bool has_ahead;
    MbCsvRow ahead;
    /* The group handed over last; while the list is looked through, the run of rows. */
    bool has_value;
    GString *value;
    uint64_t n;
    uint8_t digest[MB_SHA256_LENGTH];
    MbDigest *digests;
};

/* --- rows of a group ---------------------------------------------------------------------- */

/* The value that says whose row it is; NULL: it names no group. */
static const MbCsvValue *value_of(const MmGroups *groups, const MbCsvRow *record)
{
    const MbCsvValue *value;

    if ((size_t)groups->column >= record->n_values)
        return NULL;
    value = &record->values[groups->column];
    if (value->length == 0)
        return NULL;
    if (record->error != NULL && (memchr(value->text, '\0', value->length) != NULL ||
                                  !mb_text_is_utf8(value->text, value->length, NULL)))
        return NULL;
    return value;
}

static bool is_same(const MmGroups *groups, const MbCsvValue *value)
{
    return groups->has_value && value != NULL && groups->value->len == value->length &&
           memcmp(groups->value->str, value->text, value->length) == 0;
}

static void set_value(MmGroups *groups, const MbCsvValue *value)
{
    groups->has_value = value != NULL;
    g_string_truncate(groups->value, 0);
    if (value != NULL)
        g_string_append_len(groups->value, value->text, (gssize)value->length);
}

static void add_digest(MmGroups *groups, const MbCsvRow *record)
{
    if (groups->n == 0)
        memcpy(groups->digest, record->digest, sizeof groups->digest);
    if (groups->n == 1)
        mb_digest_update(groups->digests, groups->digest, sizeof groups->digest);
    if (groups->n > 0)
        mb_digest_update(groups->digests, record->digest, sizeof record->digest);
    groups->n++;
}

/* --- looking through the list ------------------------------------------------------------- */

static bool look_through(MmGroups *groups, GError **error)
{
    uint64_t first = 0;
    bool apart = false;
    MbCsvRow record;
    MbNext next;

    while ((next = mb_csv_next(groups->csv, &record, error)) == MB_NEXT) {
        const MbCsvValue *value = value_of(groups, &record);
        bool same = is_same(groups, value);

        if (!same)
            set_value(groups, value);
        groups->n_groups += value == NULL;
        if (value == NULL)
            continue;
        if (!same) {
            if (!mm_seen_add(groups->seen, GROUP, value->text, value->length, record.number, &first,
                             error))
                return false;
            apart = first != 0;
            groups->n_groups += !apart;
        }
        if (apart && !mm_strays_add(groups->strays, &record, first, error))
            return false;
    }
    return next == MB_END && mm_strays_sort(groups->strays, error);
}

MmGroups *mm_groups_new(MbCsv *csv, int column, GError **error)
{
    g_autoptr(MmGroups) groups = g_new0(MmGroups, 1);

    groups->csv = csv;
    groups->column = column;
    groups->value = g_string_new(NULL);
    groups->digests = mb_digest_new(MB_DIGEST_SHA256);
    groups->seen = mm_seen_new(error);
    groups->strays = groups->seen != NULL ? mm_strays_new(error) : NULL;
    if (groups->strays == NULL || !look_through(groups, error) || !mb_csv_rewind(csv, error))
        return NULL;
    return g_steal_pointer(&groups);
}

void mm_groups_free(MmGroups *groups)
{
    if (groups == NULL)
        return;
    mm_seen_free(groups->seen);
    mm_strays_free(groups->strays);
    mb_digest_free(groups->digests);
    g_string_free(groups->value, TRUE);
    g_free(groups);
}

/* --- handing over ------------------------------------------------------------------------- */

static MbNext read_ahead(MmGroups *groups, GError **error)
{
    bool stray = true;
    MbNext next;

    groups->has_ahead = false;
    while (stray) {
        next = mb_csv_next(groups->csv, &groups->ahead, error);
        if (next != MB_NEXT)
            return next;
        if (!mm_strays_has(groups->strays, groups->ahead.number, &stray, error))
            return MB_FAILED;
    }
    groups->has_ahead = true;
    return MB_NEXT;
}

static bool hand_over(MmGroups *groups, const MbCsvRow *record, MmTakeRecord take, void *user,
                      GError **error)
{
    add_digest(groups, record);
    return take(record, user, error);
}

typedef struct {
    MmGroups *groups;
    MmTakeRecord take;
    void *user;
} HandOver;

static bool hand_over_stray(const MbCsvRow *record, void *user, GError **error)
{
    const HandOver *to = user;

    return hand_over(to->groups, record, to->take, to->user, error);
}

MbNext mm_groups_next(MmGroups *groups, MmTakeRecord take, void *user, GError **error)
{
    MbNext next = groups->has_ahead ? MB_NEXT : read_ahead(groups, error);
    HandOver to = {groups, take, user};
    uint64_t first;

    if (next != MB_NEXT)
        return next;
    first = groups->ahead.number;
    set_value(groups, value_of(groups, &groups->ahead));
    groups->n = 0;
    do {
        if (!hand_over(groups, &groups->ahead, take, user, error))
            return MB_FAILED;
        next = read_ahead(groups, error);
    } while (next == MB_NEXT && is_same(groups, value_of(groups, &groups->ahead)));
    if (next == MB_FAILED ||
        (groups->has_value && !mm_strays_of(groups->strays, first, hand_over_stray, &to, error)))
        return MB_FAILED;
    if (groups->n > 1)
        mb_digest_finish(groups->digests, groups->digest);
    groups->n_given++;
    return MB_NEXT;
}

void mm_groups_progress(const MmGroups *groups, uint64_t *done, uint64_t *total)
{
    *done = groups->n_given;
    *total = groups->n_groups;
}

const char *mm_groups_value(const MmGroups *groups)
{
    return groups->has_value ? groups->value->str : NULL;
}

const uint8_t *mm_groups_digest(const MmGroups *groups)
{
    return groups->digest;
}

const MbCsvRow *mm_groups_ahead(const MmGroups *groups)
{
    return groups->has_ahead ? &groups->ahead : NULL;
}

void mm_groups_stand_at(MmGroups *groups, const MbCsvRow *record)
{
    groups->has_ahead = record != NULL;
    if (record != NULL)
        groups->ahead = *record;
}

bool mm_groups_first(MmGroups *groups, const MbCsvRow *record, uint64_t *first, GError **error)
{
    const MbCsvValue *value = value_of(groups, record);

    *first = 0;
    if (value != NULL &&
        !mm_seen_find(groups->seen, GROUP, value->text, value->length, first, error))
        return false;
    if (*first == 0)
        *first = record->number;
    return true;
}
