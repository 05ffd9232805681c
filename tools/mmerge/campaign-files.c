#include "campaign-internal.h"

#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/stat.h>

/* A fifo would be waited for, a device read without end. */
static bool may_be_read(const char *path, GError **error)
{
    g_autofree char *shown = NULL;
    struct stat status;

    if (stat(path, &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        return true;
    shown = mb_text_printable(path, strlen(path));
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_NO_INPUT, "%s: is no regular file", shown);
    return false;
}

MbComposePart *campaign_load_part(const char *path, const char *content_id, GBytes **bytes,
                                  GError **error)
{
    g_autoptr(GBytes) content =
        may_be_read(path, error) ? mb_file_read(path, MAX_ATTACHMENT, error) : NULL;
    g_autofree char *name = g_path_get_basename(path);
    MbComposePart *part;

    if (content == NULL)
        return NULL;
    part = mb_compose_part_file(
        &(MbComposeFile){.content = content, .name = name, .content_id = content_id}, error);
    if (part == NULL) {
        g_autofree char *shown = mb_text_printable(path, strlen(path));

        g_prefix_error(error, "%s: ", shown);
    } else if (bytes != NULL)
        *bytes = g_steal_pointer(&content);
    return part;
}

/* --- paths -------------------------------------------------------------------------------- */

char *campaign_join(const char *folder, const char *path)
{
    if (g_path_is_absolute(path) || strcmp(folder, ".") == 0)
        return g_strdup(path);
    return g_build_filename(folder, path, NULL);
}

static bool climbs(const char *path)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);

    return g_strv_contains((const char *const *)steps, "..");
}

static bool refuse_path(const char *path, const char *why, GError **error)
{
    g_autofree char *shown = mb_text_printable(path, strlen(path));

    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "\"%s\": %s", shown, why);
    return false;
}

/* Splits marks from text. *leading: the first character comes from a value. */
static bool unmark(const char *marked, size_t length, GString *path, bool *leading, GError **error)
{
    g_autoptr(GString) value = g_string_new(NULL);
    bool inside = false;

    *leading = false;
    for (size_t i = 0; i < length; i++) {
        char c = marked[i];

        if (c == MB_TEMPLATE_VALUE_BEGIN) {
            inside = true;
            g_string_truncate(value, 0);
        } else if (c == MB_TEMPLATE_VALUE_END) {
            inside = false;
            if (climbs(value->str))
                return refuse_path(value->str, "a value of the CSV may not lead out of the folder",
                                   error);
        } else {
            *leading |= inside && path->len == 0;
            g_string_append_c(path, c);
            if (inside)
                g_string_append_c(value, c);
        }
    }
    return true;
}

char *campaign_resolve_path(const char *folder, const char *marked, size_t length, GError **error)
{
    g_autoptr(GString) path = g_string_new(NULL);
    bool leading;

    if (!unmark(marked, length, path, &leading, error))
        return NULL;
    if (mb_text_breaks_line(path->str, path->len)) {
        refuse_path(path->str, "a file's name holds a line break or NUL", error);
        return NULL;
    }
    g_strstrip(path->str);
    if (*path->str == '\0')
        return NULL;
    if (!leading || !g_path_is_absolute(path->str))
        return campaign_join(folder, path->str);
    refuse_path(path->str, "a value of the CSV may not name an absolute path", error);
    return NULL;
}

bool campaign_each_path(const Field *field, const char *marked, size_t length,
                        bool (*take)(const char *marked, size_t length, void *user, GError **error),
                        void *user, GError **error)
{
    size_t begin = 0;
    bool inside = false;

    for (size_t i = 0; i <= length; i++) {
        bool end = i == length;

        if (!end && marked[i] == MB_TEMPLATE_VALUE_BEGIN)
            inside = true;
        else if (!end && marked[i] == MB_TEMPLATE_VALUE_END)
            inside = false;
        if (!end && (field->kind != FIELD_ATTACHMENTS || inside || marked[i] != ','))
            continue;
        if (!take(marked + begin, i - begin, user, error))
            return false;
        begin = i + 1;
    }
    return true;
}

char *campaign_image_path(const char *folder, const char *path, GError **error)
{
    if (!g_path_is_absolute(path) && !climbs(path) && *path != '\0')
        return campaign_join(folder, path);
    refuse_path(path, "an image must lie in the template's folder or below", error);
    return NULL;
}

char *campaign_content_id(const char *path)
{
    uint8_t digest[MB_SHA256_LENGTH];
    g_autofree char *hex = NULL;

    mb_sha256(path, strlen(path), digest);
    hex = mb_text_hex(digest, 12);
    return g_strdup_printf("%s@mailbatch", hex);
}

/* --- suppressions ------------------------------------------------------------------------- */

/* One line: an address, or `name <address>`. */
static bool suppress_line(GHashTable *set, char *line, GError **error)
{
    g_autoptr(GString) wire = g_string_new(NULL);
    char *open = strrchr(line, '<'), *close = strrchr(line, '>');

    if (open != NULL && close > open) {
        *close = '\0';
        line = open + 1;
    }
    g_strstrip(line);
    if (!mb_compose_address(line, strlen(line), wire, NULL, error))
        return false;
    g_hash_table_add(set, mm_address_fold(wire->str));
    return true;
}

/* A comment, unless it is an address as it stands: `#ann@example.net` is one. */
static void suppress_comment(GHashTable *set, const char *line)
{
    g_autoptr(GString) wire = g_string_new(NULL);

    if (mb_compose_address(line, strlen(line), wire, NULL, NULL))
        g_hash_table_add(set, mm_address_fold(wire->str));
}

bool campaign_read_suppressed(GHashTable *set, const char *path, const GBytes *bytes,
                              GError **error)
{
    size_t length;
    const char *data = g_bytes_get_data((GBytes *)bytes, &length);
    bool marked = length >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0;
    g_autofree char *copy = g_strndup(data, length);
    g_auto(GStrv) lines = g_strsplit(copy + (marked ? 3 : 0), "\n", -1);

    if (strlen(copy) < length) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s: is no text: it holds a NUL",
                    path);
        return false;
    }
    for (guint i = 0; lines[i] != NULL; i++) {
        char *line = g_strstrip(lines[i]);

        if (*line == '#')
            suppress_comment(set, line);
        if (*line == '\0' || *line == '#')
            continue;
        if (!suppress_line(set, line, error)) {
            g_prefix_error(error, "%s:%u: ", path, i + 1);
            return false;
        }
    }
    return true;
}
