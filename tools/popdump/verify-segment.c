#include "verify-private.h"

#include "manifest.h"
#include "scan.h"

#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>

typedef struct {
    PdVerify *verify;
    const PdSegmentFile *file;
    uint64_t committed; /* what the catalog has of it */
    GHashTable *seen;   /* sequences, as pointers to uint64_t */
    GString *manifest;  /* as it should be */
    uint64_t messages;
    uint64_t waiting; /* whole, and not committed yet */
} Check;

static bool same(const PdMember *one, const PdMember *two)
{
    return one->segment == two->segment && one->offset == two->offset && one->data == two->data &&
           one->end == two->end && one->size == two->size && one->mtime == two->mtime &&
           memcmp(one->sha256, two->sha256, MB_SHA256_LENGTH) == 0 &&
           g_strcmp0(one->uidl, two->uidl) == 0;
}

static bool check_row(Check *check, const PdMember *member, const char *path, GError **error)
{
    PdRow row;
    MbNext next;

    if (check->verify->catalog == NULL)
        return true;
    next = pd_catalog_find_sequence(check->verify->catalog, member->sequence, &row, error);
    if (next == MB_FAILED)
        return false;
    if (next == MB_END && check->file->place == PD_PLACE_OPEN && member->offset >= check->committed)
        check->waiting++;
    else if (next == MB_END)
        pd_verify_report(check->verify, PD_FINDING_EXTRA, path,
                         "in %s, but not in the catalog: `popdump rebuild` enters it",
                         check->file->name);
    else if (!same(member, &row.member))
        pd_verify_report(check->verify, PD_FINDING_CHANGED, PD_CATALOG_NAME,
                         "%s: the catalog says otherwise than the segment: `popdump rebuild` makes "
                         "it anew",
                         path);
    if (next == MB_NEXT)
        pd_member_clear(&row.member);
    return true;
}

static bool check_member(void *user, const PdMember *member, PdScanState state, const char *problem,
                         GError **error)
{
    Check *check = user;
    PdVerify *verify = check->verify;
    char path[PD_MEMBER_PATH_MAX];

    if (state == PD_SCAN_FOREIGN) {
        pd_verify_report(verify, PD_FINDING_EXTRA, check->file->name,
                         "the member at offset %" G_GUINT64_FORMAT ": %s", member->offset, problem);
        return true;
    }
    pd_member_path(member, path);
    g_hash_table_add(check->seen, g_memdup2(&member->sequence, sizeof(member->sequence)));
    pd_manifest_append(check->manifest, member);
    check->messages++;
    if (state == PD_SCAN_CHANGED) {
        pd_verify_report(verify, PD_FINDING_CHANGED, path,
                         "its content in %s is not what was archived", check->file->name);
        return true;
    }
    verify->summary->messages++;
    verify->summary->bytes += member->size;
    if (verify->options->progress != NULL)
        verify->options->progress(verify->options->user, verify->summary->messages,
                                  verify->summary->bytes);
    return check_row(check, member, path, error);
}

static bool miss_unseen(void *user, const PdRow *row, GError **error)
{
    Check *check = user;
    char path[PD_MEMBER_PATH_MAX];

    (void)error;
    if (g_hash_table_contains(check->seen, &row->member.sequence))
        return true;
    pd_member_path(&row->member, path);
    pd_verify_report(check->verify, PD_FINDING_MISSING, path, "segment %06u does not hold it",
                     row->member.segment);
    return true;
}

/* The manifest on the disk against the one that the segment gives, line by line. */
static bool compare_manifest(PdVerify *verify, const char *name, GBytes *bytes, const char *want)
{
    gsize length;
    const char *have = g_bytes_get_data(bytes, &length);
    g_autofree char *text = g_strndup(have != NULL ? have : "", length);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_auto(GStrv) wanted = g_strsplit(want, "\n", -1);
    guint count = g_strv_length(lines);
    guint number = 0;

    if (count >= 2 && pd_manifest_is_frames(lines[count - 2], strlen(lines[count - 2])))
        lines[count - 2][0] = '\0';
    for (; lines[number] != NULL && wanted[number] != NULL; number++) {
        if (strcmp(lines[number], wanted[number]) != 0)
            break;
    }
    if ((lines[number] == NULL || lines[number][0] == '\0') &&
        (wanted[number] == NULL || wanted[number][0] == '\0'))
        return true;
    pd_verify_report(verify, PD_FINDING_CHANGED, name, "line %u does not fit its segment",
                     number + 1);
    return false;
}

static bool check_manifest(Check *check, guint32 number, const PdSeal *seal, GError **error)
{
    PdVerify *verify = check->verify;
    g_autofree char *name = pd_layout_manifest(number);
    g_autofree char *path = g_build_filename(verify->root, name, NULL);
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *digest = NULL;
    uint8_t sha256[MB_SHA256_LENGTH];

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        pd_verify_report(verify, PD_FINDING_MISSING, name, "`popdump rebuild` makes it anew");
        return true;
    }
    bytes = mb_file_read(path, PD_MANIFEST_MAX, error);
    if (bytes == NULL)
        return false;
    mb_sha256(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), sha256);
    digest = mb_text_hex(sha256, sizeof(sha256));
    if (compare_manifest(verify, name, bytes, check->manifest->str) && seal != NULL &&
        g_strcmp0(seal->manifest_sha256, digest) != 0)
        pd_verify_report(verify, PD_FINDING_CHANGED, name, "not the one that was sealed");
    return true;
}

static void check_seal(Check *check, const PdSeal *seal, const PdScanResult *result)
{
    g_autofree char *digest = mb_text_hex(result->sha256, sizeof(result->sha256));

    if (seal == NULL)
        pd_verify_report(check->verify, PD_FINDING_NOTE, check->file->name,
                         "sealing was interrupted: the next fetch finishes it");
    else if (g_strcmp0(seal->sha256, digest) != 0 || seal->messages != check->messages)
        pd_verify_report(check->verify, PD_FINDING_CHANGED, check->file->name,
                         "not what was sealed: its digest or count of messages differs from the "
                         "journal's");
    if (!result->ended && result->damage == NULL)
        pd_verify_report(check->verify, PD_FINDING_DAMAGED, check->file->name,
                         "truncated: the end of the archive is missing");
}

static void check_tail(Check *check, const PdScanResult *result)
{
    bool open = check->file->place == PD_PLACE_OPEN;

    if (open && result->length < check->committed)
        pd_verify_report(check->verify, PD_FINDING_DAMAGED, check->file->name,
                         "truncated: shorter than the catalog says");
    else if (open && result->boundary >= check->committed && result->zero_tail)
        pd_verify_report(check->verify, PD_FINDING_NOTE, check->file->name,
                         "zeros behind its last message: the next fetch cuts them off");
    else if (open && result->boundary >= check->committed &&
             ((result->damage != NULL && g_str_has_prefix(result->damage, "truncated"))))
        pd_verify_report(check->verify, PD_FINDING_NOTE, check->file->name,
                         "an incomplete last message: the next fetch cuts it off");
    else if (result->damage != NULL)
        pd_verify_report(check->verify, PD_FINDING_DAMAGED, check->file->name, "%s",
                         result->damage);
    else if (result->zero_tail && !result->ended)
        pd_verify_report(check->verify, PD_FINDING_DAMAGED, check->file->name,
                         "a tail of zeros behind offset %" G_GUINT64_FORMAT, result->boundary);
}

static void tell_waiting(const Check *check)
{
    if (check->waiting > 0)
        pd_verify_report(check->verify, PD_FINDING_NOTE, check->file->name,
                         "%" G_GUINT64_FORMAT " message%s not committed yet: the next fetch adopts "
                         "%s",
                         check->waiting, check->waiting == 1 ? "" : "s",
                         check->waiting == 1 ? "it" : "them");
}

static bool check_file(Check *check, guint32 number, GError **error)
{
    PdVerify *verify = check->verify;
    const PdSeal *seal = g_hash_table_lookup(verify->seals, GUINT_TO_POINTER(number));
    g_autofree char *path = g_build_filename(verify->root, check->file->name, NULL);
    PdScanVisitor visitor = {.end = check_member, .user = check};
    PdScanOptions options = {.digest = true};
    g_auto(PdScanResult) result = {0};

    if (!pd_scan(path, number, &options, &visitor, &result, error))
        return false;
    verify->summary->segments++;
    tell_waiting(check);
    check_tail(check, &result);
    if (check->file->place == PD_PLACE_OPEN)
        return true;
    check_seal(check, seal, &result);
    return check_manifest(check, number, seal, error);
}

bool pd_verify_segment(PdVerify *verify, guint32 number, const PdSegmentFile *file,
                       uint64_t committed, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GString) manifest = g_string_new(NULL);
    Check check = {
        .verify = verify, .file = file, .committed = committed, .seen = seen, .manifest = manifest};

    if (file == NULL) {
        g_autofree char *name = g_strdup_printf("seg/%06u.tar.*", number);

        pd_verify_report(verify, PD_FINDING_MISSING, name, "the segment's file is gone");
    } else if (!check_file(&check, number, error)) {
        return false;
    }
    return verify->catalog == NULL ||
           pd_catalog_each(verify->catalog, number, miss_unseen, &check, error);
}
