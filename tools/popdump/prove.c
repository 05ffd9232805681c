/* Proof that a message is on the disk, and what may be deleted on its word. */
#include "archive-private.h"

#include "scan.h"

#include <string.h>

typedef struct {
    uint64_t sequence;
    size_t index; /* into the caller's arrays */
    guint32 segment;
    uint64_t offset, end;
    uint8_t sha256[MB_SHA256_LENGTH];
} Candidate;

static int by_place(const void *a, const void *b)
{
    const Candidate *one = a;
    const Candidate *two = b;

    if (one->segment != two->segment)
        return one->segment < two->segment ? -1 : 1;
    return one->offset < two->offset ? -1 : one->offset > two->offset;
}

static GArray *find_candidates(PdArchive *archive, const uint64_t *sequences, size_t count,
                               GError **error)
{
    g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));

    for (size_t i = 0; i < count; i++) {
        PdRow row;
        MbNext next = pd_catalog_find_sequence(archive->catalog, sequences[i], &row, error);
        Candidate candidate = {.sequence = sequences[i], .index = i};

        if (next == MB_FAILED)
            return NULL;
        if (next == MB_END)
            continue;
        candidate.segment = row.member.segment;
        candidate.offset = row.member.offset;
        candidate.end = row.member.end;
        memcpy(candidate.sha256, row.member.sha256, MB_SHA256_LENGTH);
        pd_member_clear(&row.member);
        g_array_append_val(candidates, candidate);
    }
    g_array_sort(candidates, by_place);
    return g_steal_pointer(&candidates);
}

typedef struct {
    const Candidate *next;
    const Candidate *end;
    bool *proven;
} Proof;

static bool compare(void *user, const PdMember *member, PdScanState state, const char *problem,
                    GError **error)
{
    Proof *proof = user;

    (void)problem;
    (void)error;
    while (proof->next < proof->end && proof->next->offset < member->offset)
        proof->next++;
    for (; proof->next < proof->end && proof->next->offset == member->offset; proof->next++) {
        if (state == PD_SCAN_WHOLE && member->sequence == proof->next->sequence &&
            member->end == proof->next->end &&
            memcmp(member->sha256, proof->next->sha256, MB_SHA256_LENGTH) == 0)
            proof->proven[proof->next->index] = true;
    }
    return true;
}

/* The candidates of one segment, in one pass over as much of it as holds them. */
static bool prove_segment(PdArchive *archive, const GArray *files, const Candidate *first,
                          size_t count, bool *proven, GError **error)
{
    const PdSegmentFile *file = pd_layout_find(files, first->segment);
    Proof proof = {first, first + count, proven};
    PdScanVisitor visitor = {.end = compare, .user = &proof};
    PdScanOptions options = {.from = first->offset, .until = first[count - 1].end, .cold = true};
    g_auto(PdScanResult) result = {0};
    g_autofree char *path = NULL;

    if (file == NULL)
        return true;
    path = g_build_filename(archive->path, file->name, NULL);
    return pd_scan(path, first->segment, &options, &visitor, &result, error);
}

static bool note_failures(PdArchive *archive, const uint64_t *sequences, size_t count,
                          const bool *proven, GError **error)
{
    for (size_t i = 0; i < count; i++) {
        if (proven[i]) {
            g_hash_table_add(archive->proven, g_memdup2(&sequences[i], sizeof(sequences[i])));
            continue;
        }
        g_hash_table_remove(archive->proven, &sequences[i]);
        mb_json_put_unsigned(pd_journal_begin(archive->journal, "proof_failed"), "sequence",
                             sequences[i]);
        if (!pd_archive_enter_line_durably(archive, error))
            return false;
    }
    return true;
}

bool pd_archive_prove(PdArchive *archive, const uint64_t *sequences, size_t count, bool *proven,
                      GError **error)
{
    g_autoptr(GArray) candidates = NULL;
    g_autoptr(GArray) files = NULL;

    memset(proven, 0, count * sizeof(*proven));
    if (!pd_archive_usable(archive, error) || !pd_archive_quiet(archive, error))
        return false;
    candidates = find_candidates(archive, sequences, count, error);
    files = candidates != NULL ? pd_layout_segments(archive->path, error) : NULL;
    if (files == NULL)
        return false;
    for (guint i = 0, n; i < candidates->len; i += n) {
        const Candidate *first = &g_array_index(candidates, Candidate, i);

        for (n = 1; i + n < candidates->len && first[n].segment == first->segment; n++)
            ;
        if (!prove_segment(archive, files, first, n, proven, error))
            return false;
    }
    return note_failures(archive, sequences, count, proven, error);
}

bool pd_archive_intend_delete(PdArchive *archive, const uint64_t *sequences, size_t count,
                              GError **error)
{
    g_autofree char *text = pd_sequences_format(sequences, count);

    if (!pd_archive_usable(archive, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!g_hash_table_contains(archive->proven, &sequences[i])) {
            g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_INTERNAL,
                        "message %" G_GUINT64_FORMAT ": was to be deleted without proof",
                        sequences[i]);
            return false;
        }
    }
    if (count == 0)
        return true;
    mb_json_put_string(pd_journal_begin(archive->journal, "intent"), "sequences", text);
    return pd_archive_enter_line_durably(archive, error);
}

bool pd_archive_record_delete(PdArchive *archive, const uint64_t *sequences, size_t count,
                              PdState state, GError **error)
{
    g_autofree char *text = pd_sequences_format(sequences, count);
    MbJson *json;

    if (!pd_archive_usable(archive, error))
        return false;
    if (count == 0)
        return true;
    json = pd_journal_begin(archive->journal, "delete_result");
    mb_json_put_string(json, "state", pd_state_name(state));
    mb_json_put_string(json, "sequences", text);
    return pd_archive_enter_line_durably(archive, error);
}

typedef struct {
    GHashTable *listed;
    GArray *kept, *deleted;
} Settling;

static bool settle_one(void *user, const PdRow *row, GError **error)
{
    Settling *settling = user;
    bool listed =
        row->member.uidl != NULL && g_hash_table_contains(settling->listed, row->member.uidl);

    (void)error;
    g_array_append_val(listed ? settling->kept : settling->deleted, row->member.sequence);
    return true;
}

bool pd_archive_settle(PdArchive *archive, GHashTable *listed, uint64_t *settled, GError **error)
{
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GArray) deleted = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    Settling settling = {listed, kept, deleted};

    if (!pd_archive_usable(archive, error) || !pd_archive_quiet(archive, error) ||
        !pd_catalog_each_doubtful(archive->catalog, settle_one, &settling, error) ||
        !pd_archive_record_delete(archive, (const uint64_t *)(void *)kept->data, kept->len,
                                  PD_STATE_KEPT, error) ||
        !pd_archive_record_delete(archive, (const uint64_t *)(void *)deleted->data, deleted->len,
                                  PD_STATE_DELETED, error))
        return false;
    if (settled != NULL)
        *settled = (uint64_t)kept->len + deleted->len;
    return true;
}
