#include "archive-private.h"

#include "head.h"
#include <mailbatch/archive/write.h>
#include <string.h>

MB_DEFINE_QUARK(pd_archive_error)

bool pd_archive_break(PdArchive *archive, GError **error)
{
    if (archive->broken == NULL && error != NULL && *error != NULL)
        archive->broken = g_error_copy(*error);
    else if (archive->broken == NULL)
        archive->broken =
            g_error_new(PD_ARCHIVE_ERROR, MB_ERROR_IO, "%s: writing failed before", archive->path);
    return false;
}

bool pd_archive_usable(const PdArchive *archive, GError **error)
{
    g_assert(archive->writable);
    if (archive->broken == NULL)
        return true;
    if (error != NULL)
        *error = g_error_copy(archive->broken);
    return false;
}

bool pd_archive_enter_line(PdArchive *archive, GError **error)
{
    g_autoptr(PdJsonLine) line = NULL;

    if (!pd_journal_end(archive->journal, error))
        return false;
    line = pd_journal_last(archive->journal);
    g_assert(line != NULL);
    return pd_catalog_apply(archive->catalog, line, error) &&
           pd_catalog_set_journal(archive->catalog, pd_journal_position(archive->journal), error);
}

bool pd_archive_enter_line_durably(PdArchive *archive, GError **error)
{
    if (!pd_archive_quiet(archive, error))
        return false;
    if (pd_catalog_begin(archive->catalog, error)) {
        if (pd_archive_enter_line(archive, error) && pd_journal_sync(archive->journal, error) &&
            pd_catalog_commit(archive->catalog, error))
            return true;
        pd_catalog_rollback(archive->catalog);
    }
    return pd_archive_break(archive, error);
}

guint64 pd_archive_copies(const PdArchive *archive, const char *uidl)
{
    const guint64 *count = g_hash_table_lookup(archive->copies, uidl);

    return count != NULL ? *count : 0;
}

/* ---- sessions ---- */

static void put_capa(MbJson *json, const char *const *capa)
{
    mb_json_key(json, "capa");
    mb_json_begin_array(json);
    for (size_t i = 0; capa != NULL && capa[i] != NULL; i++)
        mb_json_bytes(json, capa[i], strlen(capa[i]));
    mb_json_end_array(json);
}

static void put_text(MbJson *json, const char *key, const char *text)
{
    if (text != NULL)
        mb_json_put_bytes(json, key, text, strlen(text));
}

bool pd_archive_begin_session(PdArchive *archive, const PdEvidence *evidence, GError **error)
{
    MbJson *json;

    if (!pd_archive_commit(archive, error))
        return false;
    json = pd_journal_begin(archive->journal, "session");
    mb_json_put_unsigned(json, "session", ++archive->session);
    mb_json_put_unsigned(json, "next_sequence", archive->next_sequence);
    put_text(json, "server", evidence->server);
    put_text(json, "peer", evidence->peer);
    put_text(json, "greeting", evidence->greeting);
    put_capa(json, evidence->capa);
    put_text(json, "tls", evidence->tls);
    put_text(json, "certificate_sha256", evidence->certificate);
    mb_json_put_unsigned(json, "listed", evidence->listed);
    mb_json_put_unsigned(json, "listed_bytes", evidence->listed_bytes);
    mb_json_put_signed(json, "clock_us", g_get_real_time());
    return pd_archive_enter_line_durably(archive, error);
}

bool pd_archive_end_session(PdArchive *archive, const PdSessionEnd *end, GError **error)
{
    MbJson *json;

    if (!pd_archive_commit(archive, error))
        return false;
    json = pd_journal_begin(archive->journal, "session_end");
    mb_json_put_unsigned(json, "session", archive->session);
    mb_json_put_unsigned(json, "fetched", end->fetched);
    mb_json_put_unsigned(json, "fetched_bytes", end->fetched_bytes);
    mb_json_put_unsigned(json, "left_behind", end->left_behind);
    mb_json_put_unsigned(json, "deleted", end->deleted);
    mb_json_put_bool(json, "clean", end->clean);
    put_text(json, "error", end->error);
    put_text(json, "transcript", end->transcript);
    return pd_archive_enter_line_durably(archive, error);
}

/* ---- messages ---- */

bool pd_archive_begin_message(PdArchive *archive, GError **error)
{
    if (!pd_archive_usable(archive, error))
        return false;
    g_assert(!archive->in_message);
    pd_spool_reset(archive->spool);
    archive->in_message = true;
    return true;
}

bool pd_archive_append(PdArchive *archive, const void *bytes, size_t length, GError **error)
{
    g_assert(archive->in_message);
    return pd_archive_usable(archive, error) &&
           (pd_spool_append(archive->spool, bytes, length, error) ||
            pd_archive_break(archive, error));
}

void pd_archive_abandon_message(PdArchive *archive)
{
    if (archive->in_message)
        pd_spool_reset(archive->spool);
    archive->in_message = false;
}

uint64_t pd_archive_message_size(const PdArchive *archive)
{
    return archive->in_message ? pd_spool_size(archive->spool) : 0;
}

static bool write_piece(void *user, const void *bytes, size_t length, GError **error)
{
    return pd_segment_append(user, bytes, length, error);
}

static bool open_segment(PdArchive *archive, GError **error)
{
    if (archive->segment == NULL)
        archive->segment =
            pd_segment_open(archive->path, archive->segment_number, archive->segment_length, error);
    return archive->segment != NULL;
}

/* The open segment, with room for `length` octets more: where it ends depends on the messages
 * alone, not on runs. */
static bool make_room(PdArchive *archive, uint64_t length, GError **error)
{
    if (!open_segment(archive, error))
        return false;
    if (pd_segment_length(archive->segment) == 0 ||
        pd_segment_length(archive->segment) + length <= archive->segment_size)
        return true;
    return pd_archive_seal(archive, error) && open_segment(archive, error);
}

static bool write_member(PdArchive *archive, PdMember *member, GError **error)
{
    static const char zeros[MB_TAR_BLOCK];
    size_t padding = mb_tar_padding(member->size);

    g_string_truncate(archive->header, 0);
    if (!pd_member_append_header(archive->header, member, error) ||
        !make_room(archive, archive->header->len + member->size + padding, error))
        return false;
    member->segment = pd_segment_number(archive->segment);
    member->offset = pd_segment_length(archive->segment);
    member->data = member->offset + archive->header->len;
    member->end = member->data + member->size + padding;
    return pd_segment_append(archive->segment, archive->header->str, archive->header->len, error) &&
           pd_spool_replay(archive->spool, write_piece, archive->segment, error) &&
           pd_segment_append(archive->segment, zeros, padding, error) &&
           pd_segment_end_member(archive->segment, error);
}

void pd_archive_count_copy(PdArchive *archive, const char *uidl, guint64 count)
{
    guint64 *known = g_hash_table_lookup(archive->copies, uidl);

    if (known == NULL) {
        known = g_new0(guint64, 1);
        g_hash_table_insert(archive->copies, g_strdup(uidl), known);
    }
    *known += count;
}

static void find_lost(PdArchive *archive, const char *uidl)
{
    for (guint i = 0; i < archive->lost->len; i++) {
        PdMember *lost = &g_array_index(archive->lost, PdMember, i);

        if (lost->sequence != 0 && lost->uidl != NULL && strcmp(lost->uidl, uidl) == 0) {
            lost->sequence = 0;
            return;
        }
    }
}

bool pd_archive_end_message(PdArchive *archive, const PdMessage *message, uint64_t *sequence,
                            GError **error)
{
    PdMember member = {
        .sequence = archive->next_sequence,
        .size = pd_spool_size(archive->spool),
        .uidl = g_strdup(message->uidl),
        .uidl_repeated = message->uidl_repeated,
        .has_server_size = message->has_server_size,
        .server_size = message->server_size,
        .oddities = message->oddities,
    };
    size_t head_length;
    const char *head = pd_spool_head(archive->spool, &head_length);

    g_assert(archive->in_message);
    archive->in_message = false;
    pd_spool_finish(archive->spool, member.sha256);
    member.mtime = pd_head_time(head, head_length);
    pd_head_read(head, head_length, &member.sender, &member.subject);
    if (!pd_archive_usable(archive, error) || !write_member(archive, &member, error)) {
        pd_member_clear(&member);
        return pd_archive_break(archive, error);
    }
    if (archive->pending->len == 0)
        archive->pending_since = g_get_monotonic_time();
    archive->pending_bytes += member.end - member.offset;
    g_array_append_val(archive->pending, member);
    if (member.uidl != NULL) {
        pd_archive_count_copy(archive, member.uidl, 1);
        find_lost(archive, member.uidl);
    }
    archive->messages++;
    archive->next_sequence++;
    if (sequence != NULL)
        *sequence = member.sequence;
    return true;
}

/* ---- what is in it ---- */

bool pd_archive_find(PdArchive *archive, const char *uidl, PdArchived *found, GError **error)
{
    PdRow row;

    if (!pd_archive_quiet(archive, error) ||
        pd_catalog_find_uidl(archive->catalog, uidl, &row, error) != MB_NEXT)
        return false;
    *found = (PdArchived){
        .sequence = row.member.sequence,
        .size = row.member.size,
        .first_seen = row.first_seen,
        .uidl_repeated = row.member.uidl_repeated,
        .state = row.state,
    };
    pd_member_clear(&row.member);
    return true;
}

GPtrArray *pd_archive_lost(const PdArchive *archive)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < archive->lost->len; i++) {
        const PdMember *lost = &g_array_index(archive->lost, PdMember, i);
        char path[PD_MEMBER_PATH_MAX];

        if (lost->sequence == 0)
            continue;
        pd_member_path(lost, path);
        g_ptr_array_add(names, g_strdup(path));
    }
    return names;
}

const PdRecovery *pd_archive_recovery(const PdArchive *archive)
{
    return &archive->recovery;
}

uint64_t pd_archive_messages(const PdArchive *archive)
{
    return archive->messages;
}

const char *pd_archive_path(const PdArchive *archive)
{
    return archive->path;
}

const char *pd_archive_host(const PdArchive *archive)
{
    return archive->host;
}

const char *pd_archive_user(const PdArchive *archive)
{
    return archive->user;
}

void pd_archive_set_compress(PdArchive *archive, PdCompress compress)
{
    archive->compress = compress;
}

static const char *const compress_names[] = {"gzip", "zstd", "xz", "none"};

const char *pd_compress_name(PdCompress compress)
{
    return compress_names[compress];
}

bool pd_compress_from_name(const char *name, PdCompress *compress)
{
    for (size_t i = 0; i < G_N_ELEMENTS(compress_names); i++) {
        if (strcmp(name, compress_names[i]) == 0) {
            *compress = (PdCompress)i;
            return true;
        }
    }
    return false;
}
