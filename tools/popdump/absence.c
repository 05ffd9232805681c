#include "absence.h"

#include "archive-private.h"
#include "catalog-uidl.h"
#include "head.h"
#include "scan.h"

#include <string.h>

#define SEEN_A_LINE 1000

void pd_absence_clear(PdAbsence *absence)
{
    g_clear_pointer(&absence->gone, g_array_unref);
    g_clear_pointer(&absence->back, g_array_unref);
}

typedef struct {
    PdAbsence *absence;
    GHashTable *listed;
    GHashTable *renamed; /* sequences whose new name is listed */
    uint64_t newest;     /* session of any message */
    uint64_t oldest;     /* session of an expected one */
    uint64_t older_gone; /* gone since earlier */
} Search;

static gpointer key_of(uint64_t sequence)
{
    return GSIZE_TO_POINTER((gsize)sequence);
}

static void note_renamed(void *user, const char *uidl, uint64_t sequence, guint32 segment)
{
    Search *search = user;

    (void)segment;
    if (g_hash_table_contains(search->listed, uidl))
        g_hash_table_add(search->renamed, key_of(sequence));
}

static bool compare(void *user, const PdNamed *named, GError **error)
{
    Search *search = user;
    PdAbsence *absence = search->absence;
    bool listed = g_hash_table_contains(search->listed, named->uidl) ||
                  g_hash_table_contains(search->renamed, key_of(named->sequence));

    (void)error;
    search->newest = MAX(search->newest, named->session);
    if (named->gone) {
        search->older_gone++;
        if (listed)
            g_array_append_val(absence->back, named->sequence);
        return true;
    }
    absence->expected++;
    search->oldest = MIN(search->oldest, named->session);
    if (!listed) {
        absence->missing++;
        g_array_append_val(absence->gone, named->sequence);
    }
    return true;
}

bool pd_absence_find(PdArchive *archive, GHashTable *listed, PdAbsence *absence, GError **error)
{
    g_autoptr(GHashTable) renamed = g_hash_table_new(NULL, NULL);
    Search search = {
        .absence = absence,
        .listed = listed,
        .renamed = renamed,
        .oldest = G_MAXUINT64,
    };

    *absence = (PdAbsence){
        .gone = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
        .back = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
    };
    if (!pd_catalog_is_held(archive->catalog, &absence->held, error) ||
        !pd_catalog_each_healed(archive->catalog, note_renamed, &search, error) ||
        !pd_catalog_each_named(archive->catalog, compare, &search, error))
        return false;
    absence->habit = search.older_gone > 0 && search.oldest >= search.newest;
    return true;
}

bool pd_absence_is_most(const PdAbsence *absence)
{
    if (absence->held)
        return true;
    return absence->missing >= PD_ABSENCE_LEAST && absence->missing > absence->expected / 2 &&
           !absence->habit;
}

bool pd_absence_hold(PdArchive *archive, const PdAbsence *absence, GError **error)
{
    MbJson *json;

    if (!pd_archive_usable(archive, error))
        return false;
    json = pd_journal_begin(archive->journal, "held");
    mb_json_put_unsigned(json, "expected", absence->expected);
    mb_json_put_unsigned(json, "missing", absence->missing);
    return pd_archive_enter_line_durably(archive, error);
}

static bool enter_sequences(PdArchive *archive, const char *kind, const GArray *sequences,
                            GError **error)
{
    g_autofree char *text = NULL;

    if (sequences->len == 0)
        return true;
    text = pd_sequences_format((const uint64_t *)(void *)sequences->data, sequences->len);
    mb_json_put_string(pd_journal_begin(archive->journal, kind), "sequences", text);
    return pd_archive_enter_line_durably(archive, error);
}

bool pd_absence_record(PdArchive *archive, const PdAbsence *absence, GError **error)
{
    bool held = false;

    if (!pd_archive_usable(archive, error) ||
        !enter_sequences(archive, "gone", absence->gone, error) ||
        !enter_sequences(archive, "back", absence->back, error) ||
        !pd_catalog_is_held(archive->catalog, &held, error))
        return false;
    if (!held)
        return true;
    pd_journal_begin(archive->journal, "released");
    return pd_archive_enter_line_durably(archive, error);
}

/* ---- known again ---- */

static void add_sequence(void *user, const char *uidl, uint64_t sequence, guint32 segment)
{
    (void)uidl;
    (void)segment;
    g_hash_table_add(user, key_of(sequence));
}

typedef struct {
    GHashTable *sizes, *gone, *renamed;
    GArray *candidates;
} Choice;

static bool note_gone(void *user, const PdNamed *named, GError **error)
{
    Choice *choice = user;

    (void)error;
    if (named->gone)
        g_hash_table_add(choice->gone, key_of(named->sequence));
    return true;
}

static bool choose(void *user, const PdRow *row, GError **error)
{
    Choice *choice = user;
    const PdMember *member = &row->member;
    PdCandidate candidate = {
        .sequence = member->sequence,
        .size = member->size,
        .server_size = member->has_server_size ? member->server_size : 0,
    };

    (void)error;
    if (!g_hash_table_contains(choice->gone, key_of(member->sequence)) ||
        g_hash_table_contains(choice->renamed, key_of(member->sequence)) ||
        !(g_hash_table_contains(choice->sizes, &candidate.size) ||
          g_hash_table_contains(choice->sizes, &candidate.server_size)))
        return true;
    memcpy(candidate.sha256, member->sha256, sizeof(candidate.sha256));
    g_array_append_val(choice->candidates, candidate);
    return true;
}

GArray *pd_absence_candidates(PdArchive *archive, const PdAbsence *absence, GHashTable *sizes,
                              GError **error)
{
    g_autoptr(GHashTable) gone = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) renamed = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(PdCandidate));
    Choice choice = {sizes, gone, renamed, candidates};

    for (guint i = 0; i < absence->gone->len; i++)
        g_hash_table_add(gone, key_of(g_array_index(absence->gone, uint64_t, i)));
    if (!pd_catalog_each_named(archive->catalog, note_gone, &choice, error) ||
        !pd_catalog_each_healed(archive->catalog, add_sequence, renamed, error) ||
        !pd_catalog_each(archive->catalog, 0, choose, &choice, error))
        return NULL;
    return g_steal_pointer(&candidates);
}

typedef struct {
    GHashTable *by_sequence; /* sequence → PdCandidate */
    PdHeadDigest head;
    PdCandidate *candidate; /* being read */
} Reading;

static bool begin_head(void *user, const PdMember *member, bool *wanted, GError **error)
{
    Reading *reading = user;

    (void)error;
    reading->candidate = g_hash_table_lookup(reading->by_sequence, key_of(member->sequence));
    *wanted = reading->candidate != NULL;
    if (*wanted)
        pd_head_digest_init(&reading->head);
    return true;
}

static bool take_head(void *user, const void *bytes, size_t length, GError **error)
{
    Reading *reading = user;

    (void)error;
    pd_head_digest_push(&reading->head, bytes, length);
    return true;
}

static bool end_head(void *user, const PdMember *member, PdScanState state, const char *problem,
                     GError **error)
{
    Reading *reading = user;
    PdCandidate *candidate = reading->candidate;

    (void)problem;
    (void)error;
    reading->candidate = NULL;
    if (candidate == NULL)
        return true;
    pd_head_digest_finish(&reading->head, candidate->head);
    candidate->has_head =
        state == PD_SCAN_WHOLE && memcmp(member->sha256, candidate->sha256, MB_SHA256_LENGTH) == 0;
    return true;
}

/* The segments that hold any of them. */
static GHashTable *segments_of(PdArchive *archive, GArray *candidates, GHashTable *by_sequence,
                               GError **error)
{
    g_autoptr(GHashTable) segments = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < candidates->len; i++) {
        PdCandidate *candidate = &g_array_index(candidates, PdCandidate, i);
        PdRow row;
        MbNext next = pd_catalog_find_sequence(archive->catalog, candidate->sequence, &row, error);

        if (next == MB_FAILED)
            return NULL;
        if (next == MB_END)
            continue;
        g_hash_table_add(segments, GUINT_TO_POINTER(row.member.segment));
        g_hash_table_insert(by_sequence, key_of(candidate->sequence), candidate);
        pd_member_clear(&row.member);
    }
    return g_steal_pointer(&segments);
}

bool pd_absence_read_heads(PdArchive *archive, GArray *candidates, GError **error)
{
    g_autoptr(GHashTable) by_sequence = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) segments = segments_of(archive, candidates, by_sequence, error);
    g_autoptr(GArray) files = segments != NULL ? pd_layout_segments(archive->path, error) : NULL;
    Reading reading = {.by_sequence = by_sequence};
    PdScanVisitor visitor = {begin_head, take_head, end_head, &reading};
    PdScanOptions options = {0};
    bool good = files != NULL;

    for (guint i = 0; good && i < files->len; i++) {
        const PdSegmentFile *file = &g_array_index(files, PdSegmentFile, i);
        g_autofree char *path = g_build_filename(archive->path, file->name, NULL);
        g_auto(PdScanResult) result = {0};

        if (!g_hash_table_contains(segments, GUINT_TO_POINTER(file->number)))
            continue;
        good = pd_scan(path, file->number, &options, &visitor, &result, error);
        if (reading.candidate != NULL)
            mb_digest_free(reading.head.digest);
        reading.candidate = NULL;
    }
    return good;
}

static bool enter_healed(PdArchive *archive, const PdHealed *healed, const char *how,
                         GError **error)
{
    MbJson *json = pd_journal_begin(archive->journal, "healed");

    mb_json_put_unsigned(json, "sequence", healed->sequence);
    mb_json_key(json, "uidl");
    mb_json_base64(json, healed->uidl, strlen(healed->uidl));
    mb_json_put_string(json, "by", how);
    return pd_archive_enter_line(archive, error);
}

bool pd_absence_heal(PdArchive *archive, const PdHealed *healed, size_t count, const char *how,
                     GError **error)
{
    bool good = true;

    if (!pd_archive_usable(archive, error) || !pd_catalog_begin(archive->catalog, error))
        return false;
    for (size_t i = 0; good && i < count; i++)
        good = enter_healed(archive, &healed[i], how, error);
    if (!good || !pd_journal_sync(archive->journal, error) ||
        !pd_catalog_commit(archive->catalog, error)) {
        pd_catalog_rollback(archive->catalog);
        return pd_archive_break(archive, error);
    }
    for (size_t i = 0; i < count; i++)
        pd_archive_count_copy(archive, healed[i].uidl, 1);
    return true;
}

/* ---- first seen ---- */

static bool see_some(PdArchive *archive, GString *words, GError **error)
{
    mb_json_put_string(pd_journal_begin(archive->journal, "seen"), "uidls", words->str);
    g_string_truncate(words, 0);
    return pd_archive_enter_line_durably(archive, error);
}

bool pd_absence_see(PdArchive *archive, GPtrArray *uidls, GError **error)
{
    g_autoptr(GString) words = g_string_new(NULL);
    guint count = 0;

    if (!pd_archive_usable(archive, error))
        return false;
    for (guint i = 0; i < uidls->len; i++) {
        const char *uidl = g_ptr_array_index(uidls, i);
        g_autofree char *word = NULL;
        int64_t time;
        MbNext next = pd_catalog_seen(archive->catalog, uidl, &time, error);

        if (next == MB_FAILED)
            return false;
        if (next == MB_NEXT)
            continue;
        word = g_base64_encode((const guchar *)uidl, strlen(uidl));
        g_string_append_printf(words, "%s%s", words->len > 0 ? " " : "", word);
        if (++count % SEEN_A_LINE == 0 && !see_some(archive, words, error))
            return false;
    }
    return words->len == 0 || see_some(archive, words, error);
}
