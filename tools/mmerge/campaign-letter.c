/*
 * The template file becomes compiled fields and bodies; what no row changes is rendered, parsed and
 * encoded here, once.
 */
#include "campaign-internal.h"
#include "letter.h"

#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>

/* --- which field is what ------------------------------------------------------------------ */

static const struct {
    const char *name;
    FieldKind kind;
    bool once;
} known[] = {
    {"From", FIELD_FROM, true},
    {"Sender", FIELD_SENDER, true},
    {"Reply-To", FIELD_REPLY_TO, true},
    {"To", FIELD_TO, true},
    {"Cc", FIELD_CC, true},
    {"Bcc", FIELD_BCC, false},
    {"Subject", FIELD_SUBJECT, true},
    {"Return-Path", FIELD_RETURN_PATH, true},
    {"Attachment", FIELD_ATTACHMENT, false},
    {"Attachments", FIELD_ATTACHMENTS, false},
    {"Content-Type", FIELD_BODY_TYPE, true},
    {"Html", FIELD_BODY_HTML, true},
    {"Text", FIELD_BODY_TEXT, true},
    {"Disposition-Notification-To", FIELD_MAILBOXES, true},
    {"Errors-To", FIELD_MAILBOXES, true},
    {"In-Reply-To", FIELD_RAW, true},
    {"References", FIELD_RAW, true},
};

/* What the message gets by itself. */
static const char *const ours[] = {"Date",
                                   "Message-ID",
                                   "MIME-Version",
                                   "Received",
                                   "DKIM-Signature",
                                   "Content-Transfer-Encoding",
                                   "Content-Disposition",
                                   "Content-ID"};

static FieldKind kind_of(const char *name, bool *once)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (g_ascii_strcasecmp(name, known[i].name) == 0) {
            *once = known[i].once;
            return known[i].kind;
        }
    *once = false;
    return g_ascii_strncasecmp(name, "List-", 5) == 0 ? FIELD_RAW : FIELD_TEXT;
}

static bool has_mailboxes(FieldKind kind)
{
    return kind <= FIELD_MAILBOXES || kind == FIELD_RETURN_PATH;
}

static bool has_paths(FieldKind kind)
{
    return kind == FIELD_ATTACHMENT || kind == FIELD_ATTACHMENTS;
}

void campaign_field_free(void *data)
{
    Field *field = data;

    mb_template_free(field->value);
    if (field->rendered != NULL)
        g_string_free(field->rendered, TRUE);
    if (field->mailboxes != NULL)
        g_array_unref(field->mailboxes);
    if (field->texts != NULL)
        g_string_chunk_free(field->texts);
    if (field->parts != NULL)
        g_ptr_array_unref(field->parts);
    g_free(field->name);
    g_free(field->place);
    g_free(field);
}

void campaign_body_clear(Body *body)
{
    mb_template_free(body->source);
    mb_compose_part_unref(body->part);
    if (body->images != NULL)
        g_ptr_array_unref(body->images);
    g_free(body->folder);
    g_free(body->path);
}

/* --- compiling ---------------------------------------------------------------------------- */

static MbTemplate *compile(const MmCampaign *campaign, const char *source, size_t length,
                           const char *file, guint line, guint column, MbTemplateMode mode,
                           GError **error)
{
    MbTemplateNames names = {.names = (const char *const *)campaign->names->pdata,
                             .n_names = campaign->names->len - 1,
                             .constant = campaign->constant};
    MbTemplateOptions options = {.file = file, .line = line, .column = column, .mode = mode};

    return mb_template_compile(source, length, &names, &options, error);
}

/* What a template yields when no row changes it; the constants are --set's. */
static bool render_constant(const MmCampaign *campaign, const MbTemplate *tmpl, GString *out,
                            GError **error)
{
    MbTemplateScope scope = {.values = campaign->set};

    return mb_template_render(tmpl, &scope, out, error);
}

static bool take_part(const char *marked, size_t length, void *user, GError **error)
{
    struct {
        Field *field;
        MmCampaign *campaign;
    } *into = user;
    GError *problem = NULL;
    g_autofree char *path = campaign_resolve_path(into->campaign->folder, marked, length, &problem);
    g_autoptr(GBytes) bytes = NULL;
    MbComposePart *part;
    size_t size;
    const void *data;

    if (path == NULL) {
        if (problem == NULL)
            return true;
        g_propagate_error(error, problem);
        return false;
    }
    part = campaign_load_part(path, NULL, &bytes, error);
    if (part == NULL)
        return false;
    data = g_bytes_get_data(bytes, &size);
    campaign_note(into->campaign, data, size);
    g_ptr_array_add(into->field->parts, part);
    return true;
}

static bool prepare_paths(MmCampaign *campaign, Field *field, const GString *marked, GError **error)
{
    struct {
        Field *field;
        MmCampaign *campaign;
    } into = {field, campaign};

    field->parts = g_ptr_array_new_with_free_func((GDestroyNotify)mb_compose_part_unref);
    return campaign_each_path(field, marked->str, marked->len, take_part, &into, error);
}

/* What no row changes is read now, and its mistakes are found now. */
static bool prepare_field(MmCampaign *campaign, Field *field, GError **error)
{
    g_autoptr(GString) rendered = g_string_new(NULL);
    bool good = true;

    field->constant = !mb_template_varies(field->value);
    if (!field->constant)
        return true;
    if (!render_constant(campaign, field->value, rendered, error))
        return false;
    if (has_paths(field->kind)) {
        good = prepare_paths(campaign, field, rendered, error);
    } else if (has_mailboxes(field->kind)) {
        field->mailboxes = g_array_new(FALSE, FALSE, sizeof(MbComposeMailbox));
        field->texts = g_string_chunk_new(256);
        good = mm_mailboxes_parse(rendered->str, rendered->len, field->texts, field->mailboxes,
                                  &field->smtputf8, error);
    } else {
        field->rendered = g_steal_pointer(&rendered);
    }
    if (!good)
        g_prefix_error(error, "%s: %s: ", field->place, field->name);
    return good;
}

static bool add_field(MmCampaign *campaign, const char *name, const char *value, const char *file,
                      guint line, guint column, FieldKind kind, GError **error)
{
    Field *field = g_new0(Field, 1);
    MbTemplateMode mode =
        has_mailboxes(kind) || has_paths(kind) ? MB_TEMPLATE_MARKED : MB_TEMPLATE_TEXT;

    field->kind = kind;
    field->name = g_strdup(name);
    field->place = g_strdup_printf("%s:%u", file, line);
    field->value = compile(campaign, value, strlen(value), file, line, column, mode, error);
    if (field->value == NULL || !prepare_field(campaign, field, error)) {
        campaign_field_free(field);
        return false;
    }
    campaign->has_to |= kind == FIELD_TO;
    g_ptr_array_add(campaign->fields, field);
    return true;
}

static const Field *find_field(const MmCampaign *campaign, FieldKind kind)
{
    for (guint i = 0; i < campaign->fields->len; i++) {
        const Field *field = g_ptr_array_index(campaign->fields, i);

        if (field->kind == kind)
            return field;
    }
    return NULL;
}

static bool refuse_field(const MmCampaign *campaign, const MmField *field, const char *why,
                         GError **error)
{
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s:%u: %s: %s", campaign->template_path,
                field->line, field->name, why);
    return false;
}

static bool take_field(MmCampaign *campaign, const MmField *field, const MmLetter *letter,
                       bool other_from, GError **error)
{
    bool once;
    FieldKind kind = kind_of(field->name, &once);

    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++)
        if (g_ascii_strcasecmp(field->name, ours[i]) == 0)
            return refuse_field(campaign, field, "mmerge writes this field itself", error);
    for (guint i = 0; once && g_ptr_array_index(letter->fields, i) != (void *)field; i++) {
        const MmField *before = g_ptr_array_index(letter->fields, i);

        if (g_ascii_strcasecmp(before->name, field->name) == 0)
            return refuse_field(campaign, field, "stands twice: join the two", error);
    }
    if (kind >= FIELD_BODY_TYPE || (kind == FIELD_FROM && other_from))
        return true;
    return add_field(campaign, field->name, field->value, campaign->template_path, field->line,
                     field->column, kind, error);
}

/* --- bodies ------------------------------------------------------------------------------- */

/* Copies HTML, with the images it has on disk replaced by their Content-ID; those whose path holds
 * a placeholder stay for the rows. */
static bool take_images(MmCampaign *campaign, Body *body, const char *html, size_t length,
                        GString *out, GError **error)
{
    g_autoptr(GArray) images = mb_compose_html_images(html, length);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    size_t done = 0;

    for (guint i = 0; i < images->len; i++) {
        const MbComposeImage *image = &g_array_index(images, MbComposeImage, i);
        g_autofree char *path = NULL, *id = NULL;
        g_autoptr(GBytes) bytes = NULL;
        MbComposePart *part;

        if (strstr(image->path, "{{") != NULL || strstr(image->path, "{%") != NULL) {
            body->row_images = true;
            continue;
        }
        path = campaign_image_path(body->folder, image->path, error);
        id = campaign_content_id(image->path);
        if (path == NULL)
            return false;
        if (g_hash_table_add(seen, image->path)) {
            part = campaign_load_part(path, id, &bytes, error);
            if (part == NULL)
                return false;
            campaign_note(campaign, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
            g_ptr_array_add(body->images, part);
        }
        g_string_append_len(out, html + done, (gssize)(image->offset - done));
        g_string_append_printf(out, "cid:%s", id);
        done = image->offset + image->length;
    }
    g_string_append_len(out, html + done, (gssize)(length - done));
    return true;
}

/* Once for what no row changes. */
static bool prepare_body(MmCampaign *campaign, Body *body, const char *type, GError **error)
{
    g_autoptr(GString) rendered = g_string_new(NULL);

    if (mb_template_varies(body->source) || body->row_images)
        return true;
    if (!render_constant(campaign, body->source, rendered, error))
        return false;
    body->part = mb_compose_part_text(type, rendered->str, rendered->len, false, error);
    if (body->part == NULL)
        g_prefix_error(error, "%s: ", body->path);
    return body->part != NULL;
}

static bool take_body(MmCampaign *campaign, Body *body, bool is_html, const char *path,
                      const char *source, size_t length, guint line, GError **error)
{
    g_autoptr(GString) with_images = g_string_new(NULL);

    body->exists = true;
    body->path = g_strdup(path);
    body->folder = g_path_get_dirname(path);
    body->images = g_ptr_array_new_with_free_func((GDestroyNotify)mb_compose_part_unref);
    if (is_html) {
        if (!take_images(campaign, body, source, length, with_images, error)) {
            g_prefix_error(error, "%s: image ", path);
            return false;
        }
        source = with_images->str;
        length = with_images->len;
    }
    body->source = compile(campaign, source, length, path, line, 1,
                           is_html ? MB_TEMPLATE_HTML : MB_TEMPLATE_TEXT, error);
    return body->source != NULL &&
           prepare_body(campaign, body, is_html ? "text/html" : "text/plain", error);
}

/* `Html: body.html` and `Text: body.txt`. */
static bool take_body_file(MmCampaign *campaign, const MmField *field, Body *body, bool is_html,
                           GError **error)
{
    g_autoptr(MbTemplate) value =
        compile(campaign, field->value, strlen(field->value), campaign->template_path, field->line,
                field->column, MB_TEMPLATE_TEXT, error);
    g_autoptr(GString) name = g_string_new(NULL);
    g_autofree char *path = NULL;
    g_autoptr(GBytes) bytes = NULL;
    const char *source;
    size_t length;

    if (value == NULL)
        return false;
    if (mb_template_varies(value))
        return refuse_field(campaign, field, "must be the same file for every row", error);
    if (!render_constant(campaign, value, name, error))
        return false;
    if (name->len == 0 || mb_text_breaks_line(name->str, name->len))
        return refuse_field(campaign, field, "names no file", error);
    path = campaign_join(campaign->folder, name->str);
    bytes = campaign_read_input(campaign, path, error);
    if (bytes == NULL) {
        g_prefix_error(error, "%s:%u: %s: ", campaign->template_path, field->line, field->name);
        return false;
    }
    source = g_bytes_get_data(bytes, &length);
    if (length >= 3 && memcmp(source, "\xEF\xBB\xBF", 3) == 0) {
        source += 3;
        length -= 3;
    }
    return take_body(campaign, body, is_html, path, source != NULL ? source : "", length, 1, error);
}

static const MmField *find_raw(const MmLetter *letter, const char *name)
{
    for (guint i = 0; i < letter->fields->len; i++) {
        const MmField *field = g_ptr_array_index(letter->fields, i);

        if (g_ascii_strcasecmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

/* text/plain or text/html, by Content-Type; its charset is ours. */
static bool body_is_html(const MmCampaign *campaign, const MmField *field, bool *is_html,
                         GError **error)
{
    g_autofree char *type = NULL;

    *is_html = false;
    if (field == NULL)
        return true;
    type = g_ascii_strdown(field->value, (gssize)strcspn(field->value, "; \t"));
    *is_html = strcmp(type, "text/html") == 0;
    if (*is_html || strcmp(type, "text/plain") == 0)
        return true;
    return refuse_field(
        campaign, field,
        "a body is text/plain or text/html (for both: Html: FILE beside a text body)", error);
}

static bool is_blank_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isspace(text[i]))
            return false;
    return true;
}

static bool take_bodies(MmCampaign *campaign, const MmLetter *letter, GError **error)
{
    const MmField *html = find_raw(letter, "Html"), *text = find_raw(letter, "Text");
    bool blank = is_blank_text(letter->body, letter->body_length), is_html;

    if (!body_is_html(campaign, find_raw(letter, "Content-Type"), &is_html, error))
        return false;
    if (!blank && is_html && html != NULL)
        return refuse_field(campaign, html, "the body is HTML already: drop the one or the other",
                            error);
    if (!blank && !is_html && text != NULL)
        return refuse_field(campaign, text,
                            "there is a text below the header already: drop the one or the other",
                            error);
    if (html != NULL && !take_body_file(campaign, html, &campaign->html, true, error))
        return false;
    if (text != NULL && !take_body_file(campaign, text, &campaign->plain, false, error))
        return false;
    if (blank && (html != NULL || text != NULL))
        return true;
    return take_body(campaign, is_html ? &campaign->html : &campaign->plain, is_html,
                     campaign->template_path, letter->body, letter->body_length, letter->body_line,
                     error);
}

/* A text for an HTML that no row changes. */
static bool derive_text(MmCampaign *campaign, GError **error)
{
    g_autoptr(GString) html = g_string_new(NULL), text = g_string_new(NULL);

    if (!campaign->html.exists || campaign->plain.exists || campaign->html.part == NULL)
        return true;
    if (!render_constant(campaign, campaign->html.source, html, error))
        return false;
    mb_compose_html_to_text(html->str, html->len, text);
    campaign->plain.part = mb_compose_part_text("text/plain", text->str, text->len, false, error);
    return campaign->plain.part != NULL;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool check_fields(const MmCampaign *campaign, GError **error)
{
    const Field *from = find_field(campaign, FIELD_FROM);

    if (from == NULL)
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "%s: has no From: add a line such as \"From: Green Shop <news@example.org>\", "
                    "or give --from",
                    campaign->template_path);
    else if (from->constant && from->mailboxes->len == 0)
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s: From: names nobody", from->place);
    else if (find_field(campaign, FIELD_TO) == NULL && find_field(campaign, FIELD_CC) == NULL &&
             find_field(campaign, FIELD_BCC) == NULL)
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "%s: has no To: add a line such as \"To: {{ name }} <{{ email }}>\"",
                    campaign->template_path);
    else
        return true;
    return false;
}

bool campaign_compile(MmCampaign *campaign, const MmCampaignOptions *options, GError **error)
{
    g_autoptr(GBytes) bytes = campaign_read_input(campaign, campaign->template_path, error);
    g_autoptr(MmLetter) letter = NULL;
    g_autofree char *hex = NULL;
    uint8_t digest[MB_SHA256_LENGTH];
    const char *source;
    size_t length;

    if (bytes == NULL)
        return false;
    source = g_bytes_get_data(bytes, &length);
    mb_sha256(source, length, digest);
    hex = mb_text_hex(digest, 8);
    memcpy(campaign->seed, hex, sizeof campaign->seed);
    letter = mm_letter_parse(campaign->template_path, source != NULL ? source : "", length, error);
    if (letter == NULL)
        return false;
    if (options->from != NULL &&
        !add_field(campaign, "From", options->from, "--from", 1, 1, FIELD_FROM, error))
        return false;
    for (guint i = 0; i < letter->fields->len; i++)
        if (!take_field(campaign, g_ptr_array_index(letter->fields, i), letter,
                        options->from != NULL, error))
            return false;
    return check_fields(campaign, error) && take_bodies(campaign, letter, error) &&
           derive_text(campaign, error);
}
