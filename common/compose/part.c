#include "part.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/encode.h>
#include <mailbatch/mime/params.h>
#include <string.h>

/* --- a part's life ------------------------------------------------------------------------ */

static MbComposePart *new_part(GBytes *bytes, bool ends_line)
{
    MbComposePart *part = g_new0(MbComposePart, 1);

    g_atomic_ref_count_init(&part->references);
    part->bytes = bytes;
    part->ends_line = ends_line;
    return part;
}

MbComposePart *mb_compose_part_ref(MbComposePart *part)
{
    g_atomic_ref_count_inc(&part->references);
    return part;
}

void mb_compose_part_unref(MbComposePart *part)
{
    if (part == NULL || !g_atomic_ref_count_dec(&part->references))
        return;
    g_bytes_unref(part->bytes);
    g_free(part->name);
    g_free(part);
}

size_t mb_compose_part_length(const MbComposePart *part)
{
    return g_bytes_get_size(part->bytes);
}

const char *mb_compose_part_name(const MbComposePart *part)
{
    return part->name;
}

size_t mb_compose_part_content_length(const MbComposePart *part)
{
    return part->content_length;
}

/* --- text --------------------------------------------------------------------------------- */

/* CR, LF and CRLF become CRLF. */
static void put_lines(GString *out, const char *text, size_t length)
{
    const char *end = text + length;
    const char *feed = NULL;

    while (text < end) {
        const char *stop;

        if (feed == NULL || feed < text)
            feed = memchr(text, '\n', (size_t)(end - text));
        if (feed == NULL)
            feed = end;
        stop = memchr(text, '\r', (size_t)(feed - text));
        if (stop == NULL)
            stop = feed;
        mb_text_append(out, text, (size_t)(stop - text));
        if (stop == end)
            break;
        text = stop + (stop[0] == '\r' && stop + 1 < end && stop[1] == '\n' ? 2 : 1);
        g_string_append_len(out, "\r\n", 2);
    }
}

/* Whether a line begins with "From ", which some stores would change. */
static bool has_from_line(const char *text, size_t length)
{
    const char *end = text + length;

    for (const char *at = text; (at = memchr(at, 'F', (size_t)(end - at))) != NULL; at++)
        if (end - at >= 5 && memcmp(at, "From ", 5) == 0 &&
            (at == text || at[-1] == '\n' || at[-1] == '\r'))
            return true;
    return false;
}

/* Whether BOUNDARY_START stands somewhere; its last octet is the rarer one. */
static bool has_boundary_start(const char *text, size_t length)
{
    const char *end = text + length;

    for (const char *at = text; (at = memchr(at, BOUNDARY_START[1], (size_t)(end - at))) != NULL;
         at++)
        if (at > text && at[-1] == BOUNDARY_START[0])
            return true;
    return false;
}

static MbEncoding choose(const char *text, size_t length, bool eightbit)
{
    MbEncoding encoding = mb_encode_choose(text, length, eightbit);

    if (mb_encoding_is_identity(encoding) &&
        (has_boundary_start(text, length) || has_from_line(text, length)))
        return MB_ENCODING_QP;
    return encoding;
}

static bool check_type(const char *type, GError **error)
{
    const char *slash = strchr(type, '/');
    size_t length = strlen(type);

    if (slash != NULL && slash > type && slash[1] != '\0' && strchr(slash + 1, '/') == NULL &&
        strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+/") ==
            length)
        return true;
    g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA, "\"%s\" is no content type, as text/html",
                type);
    return false;
}

bool compose_check_text(const char *text, size_t length, GError **error)
{
    size_t bad;

    if (mb_text_is_utf8(text, length, &bad))
        return true;
    g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA,
                "octet 0x%02X at offset %zu of the text is not UTF-8", (unsigned char)text[bad],
                bad);
    return false;
}

bool compose_put_text(GString *out, const char *type, const char *method, const char *text,
                      size_t length, bool eightbit, bool *ends_line, GError **error)
{
    MbEncoding encoding = choose(text, length, eightbit);
    size_t before;

    if (!compose_check_text(text, length, error))
        return false;
    *ends_line = encoding == MB_ENCODING_BASE64;
    g_string_append(out, "Content-Type: ");
    g_string_append(out, type);
    if (method != NULL) /* of iCalendar, which is UTF-8 (RFC 5545, 3.1.4) */
        g_string_append_printf(out, "; charset=utf-8; method=%s", method);
    else
        g_string_append(out,
                        encoding == MB_ENCODING_7BIT ? "; charset=us-ascii" : "; charset=utf-8");
    g_string_append(out, "\r\nContent-Transfer-Encoding: ");
    g_string_append(out, mb_encoding_name(encoding));
    g_string_append(out, "\r\n\r\n");
    if (encoding == MB_ENCODING_QP) {
        mb_qp_encode(text, length, MB_QP_TEXT | MB_QP_FROM, out);
    } else if (encoding == MB_ENCODING_BASE64) {
        GString *lines = g_string_sized_new(length + length / 32 + 16);

        put_lines(lines, text, length);
        before = out->len;
        g_string_set_size(out, before + mb_base64_lines_length(lines->len));
        mb_base64_encode_lines(lines->str, lines->len, out->str + before);
        g_string_free(lines, TRUE);
    } else {
        put_lines(out, text, length);
    }
    return true;
}

MbComposePart *mb_compose_part_text(const char *type, const char *text, size_t length,
                                    bool eightbit, GError **error)
{
    GString *out;
    bool ends_line;

    if (!check_type(type, error))
        return NULL;
    out = g_string_sized_new(length + length / 8 + 128);
    if (compose_put_text(out, type, NULL, text, length, eightbit, &ends_line, error))
        return new_part(g_string_free_to_bytes(out), ends_line);
    g_string_free(out, TRUE);
    return NULL;
}

/* --- files -------------------------------------------------------------------------------- */

static const struct {
    const char *extension, *type;
} types[] = {
    {"7z", "application/x-7z-compressed"},
    {"bmp", "image/bmp"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"epub", "application/epub+zip"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ics", "text/calendar"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"json", "application/json"},
    {"md", "text/markdown"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"txt", "text/plain"},
    {"vcf", "text/vcard"},
    {"wav", "audio/x-wav"},
    {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
};

static const char *type_of(const char *name)
{
    const char *dot = name != NULL ? strrchr(name, '.') : NULL;

    for (size_t i = 0; dot != NULL && i < G_N_ELEMENTS(types); i++)
        if (g_ascii_strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* A text without a charset would be read as ASCII: said where it is certain. */
static bool is_utf8_text(const char *type, const char *content, size_t length)
{
    size_t bad;

    return g_str_has_prefix(type, "text/") && !mb_text_is_ascii(content, length) &&
           mb_text_is_utf8(content, length, &bad);
}

static bool check_name(const char *name, GError **error)
{
    g_autofree char *shown = NULL;

    if (name == NULL ||
        (g_utf8_validate(name, -1, NULL) && !mb_text_breaks_line(name, strlen(name))))
        return true;
    shown = mb_text_printable(name, strlen(name));
    g_set_error(
        error, MB_COMPOSE_ERROR, MB_ERROR_DATA,
        "\"%s\": such a name cannot go into a message: it holds a line break or is not UTF-8",
        shown);
    return false;
}

static bool check_content_id(const char *id, GError **error)
{
    for (const char *c = id; c != NULL && *c != '\0'; c++)
        if (!g_ascii_isgraph(*c) || strchr("<>", *c) != NULL) {
            g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_DATA,
                        "a Content-ID holds blanks, controls or angle brackets");
            return false;
        }
    return true;
}

/* An invitation that is attached stays one (RFC 6047, 2.4). */
static void put_method(GString *head, const char *type, const char *content, size_t length)
{
    g_autoptr(GString) method = g_string_new(NULL);

    if (strcmp(type, "text/calendar") == 0 && mb_compose_calendar_method(content, length, method))
        g_string_append_printf(head, "; method=%s", method->str);
}

MbComposePart *mb_compose_part_file(const MbComposeFile *file, GError **error)
{
    const char *type = file->type != NULL ? file->type : type_of(file->name);
    const char *disposition = file->content_id != NULL ? "inline" : "attachment";
    size_t length, column;
    const void *content = g_bytes_get_data(file->content, &length);
    MbComposePart *part;
    GString *head;
    char *bytes;
    size_t room;

    if (!check_type(type, error) || !check_name(file->name, error) ||
        !check_content_id(file->content_id, error))
        return NULL;
    head = g_string_new(NULL);
    g_string_append_printf(head, "Content-Type: %s", type);
    if (is_utf8_text(type, content, length))
        g_string_append(head, "; charset=utf-8");
    put_method(head, type, content, length);
    if (file->name != NULL)
        mb_params_encode("name", file->name, strlen(file->name), head->len, head);
    column = head->len + 2;
    g_string_append_printf(head, "\r\nContent-Disposition: %s", disposition);
    if (file->name != NULL)
        mb_params_encode("filename", file->name, strlen(file->name), head->len - column, head);
    if (file->content_id != NULL)
        g_string_append_printf(head, "\r\nContent-ID: <%s>", file->content_id);
    g_string_append(head, "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    room = head->len + mb_base64_lines_length(length);
    bytes = g_try_malloc(room);
    if (bytes == NULL) {
        g_set_error(error, MB_COMPOSE_ERROR, MB_ERROR_TEMPORARY,
                    "no memory for an attachment of %zu bytes", length);
        g_string_free(head, TRUE);
        return NULL;
    }
    memcpy(bytes, head->str, head->len);
    mb_base64_encode_lines(content, length, bytes + head->len);
    g_string_free(head, TRUE);
    part = new_part(g_bytes_new_take(bytes, room), length > 0);
    part->name = g_strdup(file->name);
    part->content_length = length;
    return part;
}
