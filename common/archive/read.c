#include "internal.h"

#include <string.h>

/* "dir/inbox.mbox.gz" → "inbox.mbox" */
static char *bare_name(const char *name)
{
    static const char *const suffixes[] = {".gz", ".bz2",  ".xz", ".zst", ".lz4",
                                           ".lz", ".lzma", ".Z",  ".z"};
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;

    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (g_str_has_suffix(base, suffixes[i]) && strlen(base) > strlen(suffixes[i]))
            return g_strndup(base, strlen(base) - strlen(suffixes[i]));
    }
    return g_strdup("data");
}

static const char *entry_path(MbArchive *reader)
{
    const char *path = archive_entry_pathname(reader->entry);

    if (archive_format(reader->archive) == ARCHIVE_FORMAT_RAW)
        path = reader->path = bare_name(reader->name);
    else if (path == NULL)
        path = archive_entry_pathname_utf8(reader->entry);
    if (path == NULL || path[0] == '\0')
        path = reader->path = g_strdup_printf("unnamed-%d", archive_file_count(reader->archive));
    return path;
}

static MbEntryKind entry_kind(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL || archive_entry_filetype(entry) == AE_IFLNK)
        return MB_ENTRY_LINK;
    switch (archive_entry_filetype(entry)) {
    case 0:
    case AE_IFREG: return MB_ENTRY_FILE;
    case AE_IFDIR: return MB_ENTRY_FOLDER;
    default: return MB_ENTRY_OTHER;
    }
}

static void fill_entry(MbArchive *reader, MbArchiveEntry *entry)
{
    struct archive_entry *from = reader->entry;

    g_clear_pointer(&reader->path, g_free);
    *entry = (MbArchiveEntry){
        .path = entry_path(reader),
        .kind = entry_kind(from),
        .has_size = archive_entry_size_is_set(from) && archive_entry_size(from) >= 0,
        .has_mtime = archive_entry_mtime_is_set(from),
        .encrypted = archive_entry_is_data_encrypted(from) == 1,
    };
    entry->path_length = strlen(entry->path);
    if (entry->has_size)
        entry->size = (uint64_t)archive_entry_size(from);
    if (entry->has_mtime)
        entry->mtime = archive_entry_mtime(from);
    if (entry->kind == MB_ENTRY_LINK) {
        const char *hard = archive_entry_hardlink(from);
        const char *soft = archive_entry_symlink(from);

        entry->link = hard != NULL ? hard : soft != NULL ? soft : "";
    }
}

/* In a compressed tar what is skipped is unpacked all the same: it has to count. */
static MbNext skip_rest(MbArchive *reader, GError **error)
{
    const void *bytes;
    size_t length;
    MbNext next = MB_END;

    if (archive_filter_count(reader->archive) > 1) {
        while ((next = mb_archive_read(reader, &bytes, &length, error)) == MB_NEXT)
            ;
    }
    return next;
}

MbNext mb_archive_next_entry(MbArchive *reader, MbArchiveEntry *entry, GError **error)
{
    int result = ARCHIVE_OK;
    locale_t before;

    if (reader->begun && !reader->entry_over && skip_rest(reader, error) == MB_FAILED)
        return MB_FAILED;
    if (reader->over || reader->limited)
        return MB_END;
    g_clear_error(&reader->late);
    if (reader->begun) {
        before = uselocale(reader->locale);
        result = archive_read_next_header(reader->archive, &reader->entry);
        uselocale(before);
    }
    reader->begun = true;
    reader->entry_over = false;
    reader->offset = reader->hole = 0;
    reader->chunk_length = 0;
    if (result == ARCHIVE_EOF) {
        reader->over = true;
        return MB_END;
    }
    if (result < ARCHIVE_WARN) {
        reader->over = result == ARCHIVE_FATAL;
        reader->entry_over = true;
        mb_archive_set_error(reader, error);
        return MB_FAILED;
    }
    if (reader->budget != NULL && !mb_budget_take_items(reader->budget, 1)) {
        reader->limited = true;
        return MB_END;
    }
    fill_entry(reader, entry);
    return MB_NEXT;
}

static bool take_budget(MbArchive *reader, size_t length)
{
    if (reader->budget == NULL ||
        mb_budget_take_bytes(reader->budget, length, reader->source.taken))
        return true;
    reader->limited = reader->entry_over = true;
    return false;
}

static MbNext hand_out(MbArchive *reader, const void **bytes, size_t *length)
{
    static const char zeros[65536];

    if (reader->hole > 0) {
        *bytes = zeros;
        *length = (size_t)MIN(reader->hole, sizeof(zeros));
        if (!take_budget(reader, *length))
            return MB_END;
        reader->hole -= *length;
        reader->offset += *length;
        return MB_NEXT;
    }
    if (!take_budget(reader, reader->chunk_length))
        return MB_END;
    *bytes = reader->chunk;
    *length = reader->chunk_length;
    reader->offset += reader->chunk_length;
    reader->chunk_length = 0;
    return MB_NEXT;
}

/* MB_NEXT: a chunk or a hole stands ready, or neither. */
static MbNext fetch_chunk(MbArchive *reader, GError **error)
{
    const void *bytes = NULL;
    size_t length = 0;
    la_int64_t offset = (la_int64_t)reader->offset;
    locale_t before = uselocale(reader->locale);
    int result = archive_read_data_block(reader->archive, &bytes, &length, &offset);

    uselocale(before);
    if (result == ARCHIVE_RETRY)
        return MB_NEXT;
    if (result == ARCHIVE_EOF)
        length = 0;
    if (result >= ARCHIVE_WARN && offset > 0 && (uint64_t)offset > reader->offset)
        reader->hole = (uint64_t)offset - reader->offset;
    if (result >= ARCHIVE_WARN && length > 0) {
        reader->chunk = bytes;
        reader->chunk_length = length;
    }
    if (result == ARCHIVE_OK || (result == ARCHIVE_EOF && reader->hole > 0))
        return MB_NEXT;
    if (result == ARCHIVE_EOF)
        return MB_END;
    reader->over = result == ARCHIVE_FATAL;
    if (reader->chunk_length == 0) {
        mb_archive_set_error(reader, error);
        return MB_FAILED;
    }
    mb_archive_set_error(reader, &reader->late);
    return MB_NEXT;
}

MbNext mb_archive_read(MbArchive *reader, const void **bytes, size_t *length, GError **error)
{
    MbNext next = MB_NEXT;

    if (!reader->begun || reader->entry_over || reader->limited)
        return MB_END;
    while (reader->chunk_length == 0 && reader->hole == 0) {
        if (reader->late != NULL) {
            reader->entry_over = true;
            g_propagate_error(error, g_steal_pointer(&reader->late));
            return MB_FAILED;
        }
        next = fetch_chunk(reader, error);
        if (next != MB_NEXT) {
            reader->entry_over = true;
            return next;
        }
    }
    return hand_out(reader, bytes, length);
}

bool mb_archive_is_over(const MbArchive *reader)
{
    return reader->over || reader->limited;
}

const void *mb_archive_attribute(MbArchive *reader, const char *name, size_t *length)
{
    const char *found;
    const void *value;
    size_t value_length;

    if (!reader->begun || reader->over)
        return NULL;
    archive_entry_xattr_reset(reader->entry);
    while (archive_entry_xattr_next(reader->entry, &found, &value, &value_length) == ARCHIVE_OK) {
        if (found != NULL && strcmp(found, name) == 0) {
            *length = value_length;
            return value;
        }
    }
    return NULL;
}

const char *mb_archive_format(const MbArchive *reader)
{
    if (!reader->begun)
        return "";
    switch (archive_format(reader->archive) & ARCHIVE_FORMAT_BASE_MASK) {
    case ARCHIVE_FORMAT_TAR: return "tar";
    case ARCHIVE_FORMAT_ZIP: return "zip";
    case ARCHIVE_FORMAT_7ZIP: return "7z";
    case ARCHIVE_FORMAT_RAR:
    case ARCHIVE_FORMAT_RAR_V5: return "rar";
    case ARCHIVE_FORMAT_CAB: return "cab";
    case ARCHIVE_FORMAT_LHA: return "lha";
    case ARCHIVE_FORMAT_CPIO: return "cpio";
    case ARCHIVE_FORMAT_AR: return "ar";
    case ARCHIVE_FORMAT_XAR: return "xar";
    case ARCHIVE_FORMAT_ISO9660: return "iso";
    case ARCHIVE_FORMAT_RAW: return "raw";
    default: return "";
    }
}
