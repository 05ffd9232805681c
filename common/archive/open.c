#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE (128 * 1024)

MB_DEFINE_QUARK(mb_archive_error)

static gssize read_source(Source *source, const void **bytes)
{
    gssize got;

    if (source->bytes != NULL) {
        size_t left = g_bytes_get_size(source->bytes) - (size_t)source->position;

        *bytes = (const char *)g_bytes_get_data(source->bytes, NULL) + source->position;
        got = (gssize)MIN(left, BLOCK_SIZE);
    } else if (source->descriptor >= 0) {
        do
            got = read(source->descriptor, source->block, BLOCK_SIZE);
        while (got < 0 && errno == EINTR);
        *bytes = source->block;
    } else {
        got = source->stream.read(source->stream.user, bytes,
                                  source->error == NULL ? &source->error : NULL);
    }
    if (got > 0) {
        source->position += (uint64_t)got;
        source->taken += (uint64_t)got;
    }
    return got;
}

static la_ssize_t on_read(struct archive *archive, void *user, const void **bytes)
{
    MbArchive *reader = user;
    gssize got;

    if (reader->ahead != NULL) {
        *bytes = g_steal_pointer(&reader->ahead);
        return reader->ahead_length;
    }
    got = read_source(&reader->source, bytes);
    if (got < 0 && reader->source.error == NULL)
        archive_set_error(archive, errno, "%s", g_strerror(errno));
    return got;
}

static bool seek_source(Source *source, uint64_t offset)
{
    if (source->descriptor >= 0 &&
        lseek(source->descriptor, (off_t)(source->start + offset), SEEK_SET) < 0)
        return false;
    if (source->stream.seek != NULL && !source->stream.seek(source->stream.user, offset))
        return false;
    source->position = offset;
    return true;
}

static la_int64_t on_seek(struct archive *archive, void *user, la_int64_t offset, int whence)
{
    MbArchive *reader = user;
    Source *source = &reader->source;
    int64_t base = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)source->position
                                        : (int64_t)source->length;
    int64_t target;

    if (__builtin_add_overflow(base, offset, &target) || target < 0 ||
        (uint64_t)target > source->length || !seek_source(source, (uint64_t)target)) {
        archive_set_error(archive, EINVAL, "truncated: offset beyond the end");
        return ARCHIVE_FATAL;
    }
    reader->ahead = NULL;
    return target;
}

static la_int64_t on_skip(struct archive *archive, void *user, la_int64_t request)
{
    MbArchive *reader = user;
    Source *source = &reader->source;

    (void)archive;
    if (reader->ahead != NULL || request <= 0 ||
        (uint64_t)request > source->length - MIN(source->position, source->length) ||
        !seek_source(source, source->position + (uint64_t)request))
        return 0;
    return request;
}

static bool says_truncated(const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return strstr(lower, "truncated") != NULL || strstr(lower, "unexpected end") != NULL ||
           strstr(lower, "premature end") != NULL;
}

static bool says_encrypted(const char *text)
{
    return strstr(text, "ncrypt") != NULL || strstr(text, "assphrase") != NULL;
}

void mb_archive_set_error(MbArchive *reader, GError **error)
{
    g_autofree char *shown = mb_text_printable(reader->name, strlen(reader->name));
    const char *text = archive_error_string(reader->archive);

    if (reader->source.error != NULL) {
        g_propagate_error(error, g_steal_pointer(&reader->source.error));
        return;
    }
    if (text == NULL)
        text = "no reason given";
    if (!reader->source.can_seek && strstr(text, "seeking") != NULL)
        g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA,
                    "%s: this kind of archive cannot be read from a pipe: save it to a file first",
                    shown);
    else
        g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA, "%s: %s: %s", shown,
                    says_encrypted(text)   ? "encrypted"
                    : says_truncated(text) ? "truncated"
                                           : "damaged",
                    text);
}

/* 7z only where it stands at the start: inside a compressed file libarchive could not seek in it,
 * and as plain content it can be looked into by who reads it. */
static void support(struct archive *archive, bool unpacked, bool is_seven_zip)
{
    /* No filter that would start a program, and no uuencode: mail is full of it. */
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_compress(archive);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_lz4(archive);
    archive_read_support_filter_lzip(archive);
    archive_read_support_filter_lzma(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    if (unpacked)
        return;
    /* No mtree: it would open files that the input names. */
    if (is_seven_zip)
        archive_read_support_format_7zip(archive);
    archive_read_support_format_ar(archive);
    archive_read_support_format_cab(archive);
    archive_read_support_format_cpio(archive);
    archive_read_support_format_iso9660(archive);
    archive_read_support_format_lha(archive);
    archive_read_support_format_rar(archive);
    archive_read_support_format_rar5(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_xar(archive);
    archive_read_support_format_zip(archive);
}

/* libarchive converts names to the locale's charset. In "C" tar's names come as they stand, where
 * UTF-8 would be normalised; zip and 7z have no names at all in "C". So the first bytes choose. */
static locale_t choose_locale(const char *bytes, gssize length)
{
    static const char *const unicode[] = {"PK", "7z\xbc\xaf", "Rar!", "MSCF", "xar!"};
    locale_t locale = (locale_t)0;

    for (size_t i = 0; i < G_N_ELEMENTS(unicode) && locale == (locale_t)0; i++) {
        size_t magic = strlen(unicode[i]);

        if (length >= (gssize)magic && memcmp(bytes, unicode[i], magic) == 0)
            locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    return locale != (locale_t)0 ? locale : newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

static MbArchive *new_reader(const char *name, MbBudget *budget)
{
    MbArchive *reader = g_new0(MbArchive, 1);

    reader->name = g_strdup(name);
    reader->budget = budget;
    reader->source.descriptor = -1;
    return reader;
}

static bool is_archive(MbArchive *reader)
{
    int format = archive_format(reader->archive);
    bool packed = archive_filter_count(reader->archive) > 1;

    return reader->unpacked || packed ||
           (format != ARCHIVE_FORMAT_RAW && format != ARCHIVE_FORMAT_EMPTY);
}

/* Reads up to the first entry's header, which mb_archive_next_entry() then hands out. */
static int open_and_look(MbArchive *reader)
{
    locale_t before = uselocale(reader->locale);
    int result = archive_read_open1(reader->archive);

    if (result >= ARCHIVE_WARN)
        result = archive_read_next_header(reader->archive, &reader->entry);
    uselocale(before);
    return result;
}

static MbArchive *start(MbArchive *taken, GError **error)
{
    g_autoptr(MbArchive) reader = taken;
    const void *bytes = NULL;
    bool known;
    int result;

    reader->archive = archive_read_new();
    reader->ahead_length = read_source(&reader->source, &bytes);
    if (reader->ahead_length < 0) {
        if (reader->source.error == NULL)
            g_set_error(&reader->source.error, MB_ARCHIVE_ERROR, (gint)mb_code_of_errno(errno),
                        "%s: cannot read: %s", reader->name, g_strerror(errno));
        mb_archive_set_error(reader, error);
        return NULL;
    }
    known = mb_archive_looks_like(bytes, (size_t)reader->ahead_length);
    support(reader->archive, reader->unpacked,
            mb_archive_needs_seeking(bytes, (size_t)reader->ahead_length));
    reader->ahead = bytes;
    reader->locale = choose_locale(bytes, reader->ahead_length);
    archive_read_set_callback_data(reader->archive, reader);
    archive_read_set_read_callback(reader->archive, on_read);
    if (reader->source.can_seek) {
        archive_read_set_seek_callback(reader->archive, on_seek);
        archive_read_set_skip_callback(reader->archive, on_skip);
    }
    result = open_and_look(reader);
    if (result < ARCHIVE_WARN && (known || archive_format(reader->archive) != 0)) {
        mb_archive_set_error(reader, error);
        return NULL;
    }
    if (result < ARCHIVE_WARN || !is_archive(reader)) {
        g_autofree char *shown = mb_text_printable(reader->name, strlen(reader->name));

        g_set_error(error, MB_ARCHIVE_ERROR, MB_ERROR_DATA,
                    "%s: not an archive: neither tar, zip, 7z nor compressed", shown);
        return NULL;
    }
    reader->over = result == ARCHIVE_EOF;
    return g_steal_pointer(&reader);
}

static MbArchive *open_descriptor(MbArchive *reader, int descriptor)
{
    Source *source = &reader->source;
    struct stat status;
    off_t start = lseek(descriptor, 0, SEEK_CUR);

    source->descriptor = descriptor;
    source->block = g_malloc(BLOCK_SIZE);
    if (start >= 0 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
        source->can_seek = true;
        source->start = (uint64_t)start;
        source->length = (uint64_t)MAX(status.st_size - start, 0);
    }
    return reader;
}

MbArchive *mb_archive_open_path(const char *path, MbBudget *budget, GError **error)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    MbArchive *reader;

    if (descriptor < 0) {
        g_set_error(error, MB_ARCHIVE_ERROR, (gint)mb_code_of_errno(errno), "%s: cannot open: %s",
                    shown, g_strerror(errno));
        return NULL;
    }
    reader = open_descriptor(new_reader(path, budget), descriptor);
    reader->source.close_descriptor = true;
    return start(reader, error);
}

MbArchive *mb_archive_open_descriptor(int descriptor, const char *name, MbBudget *budget,
                                      GError **error)
{
    return start(open_descriptor(new_reader(name, budget), descriptor), error);
}

MbArchive *mb_archive_open_unpacked(int descriptor, const char *name, GError **error)
{
    MbArchive *reader = new_reader(name, NULL);

    reader->unpacked = true;
    if (lseek(descriptor, 0, SEEK_SET) < 0) {
        mb_archive_free(reader);
        g_set_error(error, MB_ARCHIVE_ERROR, (gint)mb_code_of_errno(errno), "%s: cannot read: %s",
                    name, g_strerror(errno));
        return NULL;
    }
    return start(open_descriptor(reader, descriptor), error);
}

MbArchive *mb_archive_open_bytes(GBytes *bytes, const char *name, MbBudget *budget, GError **error)
{
    MbArchive *reader = new_reader(name, budget);

    reader->source.bytes = g_bytes_ref(bytes);
    reader->source.length = g_bytes_get_size(bytes);
    reader->source.can_seek = true;
    return start(reader, error);
}

MbArchive *mb_archive_open_stream(const MbArchiveStream *stream, const char *name, MbBudget *budget,
                                  GError **error)
{
    MbArchive *reader = new_reader(name, budget);

    reader->source.stream = *stream;
    reader->source.can_seek = stream->seek != NULL;
    reader->source.length = stream->length;
    return start(reader, error);
}

void mb_archive_free(MbArchive *reader)
{
    if (reader == NULL)
        return;
    if (reader->archive != NULL)
        archive_read_free(reader->archive);
    if (reader->source.close_descriptor)
        close(reader->source.descriptor);
    if (reader->source.bytes != NULL)
        g_bytes_unref(reader->source.bytes);
    if (reader->locale != (locale_t)0)
        freelocale(reader->locale);
    g_clear_error(&reader->source.error);
    g_clear_error(&reader->late);
    g_free(reader->source.block);
    g_free(reader->path);
    g_free(reader->name);
    g_free(reader);
}
