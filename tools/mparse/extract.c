#include "extract.h"

#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "manifest.jsonl"

struct MpExtract {
    const MpOptions *options;
    char *manifest_path;
    int manifest;
};

struct MpExtractor {
    MpExtract *extract;
    MpFacts *facts;
    MbDigest *digest;
    char *path; /* of the file that is being written */
    int file;
    uint64_t size;
};

static bool set_error(GError **error, const char *path, int saved_errno)
{
    mb_file_set_error(error, path, "cannot write", saved_errno);
    if (error != NULL && *error != NULL && (*error)->code == MB_ERROR_NO_INPUT)
        (*error)->code = MB_ERROR_CANNOT_CREATE;
    return false;
}

MpExtract *mp_extract_new(const MpOptions *options, GError **error)
{
    g_autoptr(MpExtract) extract = g_new0(MpExtract, 1);

    extract->options = options;
    extract->manifest_path = g_build_filename(options->extract_to, MANIFEST, NULL);
    extract->manifest = -1;
    if (g_mkdir_with_parents(options->extract_to, 0777) != 0) {
        set_error(error, options->extract_to, errno);
        return NULL;
    }
    return g_steal_pointer(&extract);
}

void mp_extract_free(MpExtract *extract)
{
    if (extract == NULL)
        return;
    if (extract->manifest >= 0)
        close(extract->manifest);
    g_free(extract->manifest_path);
    g_free(extract);
}

/* A file that stands nowhere else. */
static bool is_own(int descriptor)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0)
        return false;
    errno = S_ISREG(status.st_mode) ? EMLINK : EINVAL;
    return S_ISREG(status.st_mode) && status.st_nlink == 1;
}

/* With the first message: where there is none, a manifest of another run stays. A link that
 * somebody put in its place must not lead out of the folder. */
bool mp_extract_begin(MpExtract *extract, GError **error)
{
    if (extract->manifest >= 0)
        return true;
    extract->manifest = open(extract->manifest_path,
                             O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (extract->manifest < 0 || !is_own(extract->manifest) || ftruncate(extract->manifest, 0) != 0)
        return set_error(error, extract->manifest_path, errno);
    return true;
}

bool mp_extract_write(MpExtract *extract, const char *lines, size_t length, GError **error)
{
    return mb_file_write_all(extract->manifest, lines, length) ||
           set_error(error, extract->manifest_path, errno);
}

bool mp_extract_finish(MpExtract *extract, GError **error)
{
    int descriptor = extract->manifest;

    extract->manifest = -1;
    return descriptor < 0 || close(descriptor) == 0 ||
           set_error(error, extract->manifest_path, errno);
}

MpExtractor *mp_extractor_new(MpExtract *extract, unsigned number)
{
    MpExtractor *extractor = g_new0(MpExtractor, 1);
    const bool hashes[MP_HASHES] = {false};

    extractor->extract = extract;
    extractor->facts = mp_facts_new(hashes);
    extractor->facts->is_silent = true;
    extractor->digest = mb_digest_new(MB_DIGEST_SHA256);
    extractor->path = g_strdup_printf("%s/.part-%u", extract->options->extract_to, number);
    extractor->file = -1;
    return extractor;
}

void mp_extractor_free(MpExtractor *extractor)
{
    if (extractor == NULL)
        return;
    if (extractor->file >= 0) {
        close(extractor->file);
        g_unlink(extractor->path);
    }
    mp_facts_free(extractor->facts);
    mb_digest_free(extractor->digest);
    g_free(extractor->path);
    g_free(extractor);
}

static bool take(void *data, const void *bytes, size_t length)
{
    MpExtractor *extractor = data;

    mb_digest_update(extractor->digest, bytes, length);
    extractor->size += length;
    return mb_file_write_all(extractor->file, bytes, length);
}

static void put_manifest(MpExtractor *extractor, const MpMessage *message, uint32_t part,
                         const char *name, const char *sha256, GString *manifest)
{
    const MbParam *said = mp_facts_name(extractor->facts);
    MbTree *tree = message->tree;
    g_autoptr(GString) id = g_string_new(NULL);
    g_autofree char *address = mb_locator_text(message->item->locator);
    MbJson json;

    mb_tree_id(tree, part, id);
    mb_json_init(&json, manifest);
    mb_json_begin_map(&json);
    mb_json_put_string(&json, "file", name);
    mb_json_put_string(&json, "message", address);
    mb_json_put_string(&json, "part", id->str);
    mb_json_put_string(&json, "type", mb_tree_type(tree, part));
    mb_json_key(&json, "name");
    if (said != NULL)
        mb_json_bytes(&json, said->value, said->value_length);
    else
        mb_json_null(&json);
    mb_json_put_string(&json, "disposition",
                       extractor->facts->disposition.value[0] != '\0'
                           ? extractor->facts->disposition.value
                           : NULL);
    mb_json_put_unsigned(&json, "size", extractor->size);
    mb_json_put_string(&json, "sha256", sha256);
    mb_json_end_map(&json);
    g_string_append_c(manifest, '\n');
}

/* Ids hold nothing but letters, digits, dots and what stands for a pseudo-part. */
static char *file_name(const MpMessage *message, uint32_t part, const char *sha256)
{
    g_autoptr(GString) id = g_string_new(NULL);

    mb_tree_id(message->tree, part, id);
    g_strcanon(id->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.", '_');
    return g_strdup_printf("%06" G_GUINT64_FORMAT "-%s-%s", message->number, id->str, sha256);
}

static bool write_part(MpExtractor *extractor, const MpMessage *message, uint32_t part,
                       GString *manifest, GError **error)
{
    g_autofree char *sha256 = NULL;
    g_autofree char *name = NULL;
    g_autofree char *path = NULL;
    bool done;

    extractor->size = 0;
    /* One that a killed run left; whatever else stands there is not written to. */
    g_unlink(extractor->path);
    extractor->file =
        open(extractor->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (extractor->file < 0)
        return set_error(error, extractor->path, errno);
    done = mb_tree_decode(message->tree, part, take, extractor, NULL);
    sha256 = mb_digest_finish_hex(extractor->digest);
    if (!done)
        return set_error(error, extractor->path, errno);
    done = close(extractor->file) == 0;
    extractor->file = -1;
    if (!done)
        return set_error(error, extractor->path, errno);
    name = file_name(message, part, sha256);
    path = g_build_filename(extractor->extract->options->extract_to, name, NULL);
    if (g_rename(extractor->path, path) != 0)
        return set_error(error, path, errno);
    put_manifest(extractor, message, part, name, sha256, manifest);
    return true;
}

static bool is_within(const MbTree *tree, uint32_t part, uint32_t whole)
{
    while (part != whole && part != MB_TREE_NONE)
        part = mb_tree_part(tree, part)->parent;
    return part == whole;
}

/* A leaf, and of those what was asked for. */
static bool is_wanted(MpExtractor *extractor, const MpMessage *message, uint32_t part,
                      uint32_t only)
{
    const MbPart *at = mb_tree_part(message->tree, part);

    if (only != MB_TREE_NONE && !is_within(message->tree, part, only))
        return false;
    if (at->first_child != MB_TREE_NONE || at->kind == MB_PART_MULTIPART)
        return false;
    mp_facts_read_fields(extractor->facts, message->tree, part);
    if (!extractor->extract->options->only_attachments || part == only)
        return true;
    return !mb_part_is_pseudo(at->kind) &&
           mp_facts_is_attachment(extractor->facts, message->tree, part);
}

bool mp_extract_message(MpExtractor *extractor, const MpMessage *message, const char *part,
                        GString *manifest, GError **error)
{
    uint32_t only = part != NULL ? mb_tree_find_id(message->tree, part) : MB_TREE_NONE;

    for (uint32_t i = 0; i != MB_TREE_NONE; i = mb_tree_following(message->tree, i, NULL)) {
        if (is_wanted(extractor, message, i, only) &&
            !write_part(extractor, message, i, manifest, error))
            return false;
    }
    return true;
}
