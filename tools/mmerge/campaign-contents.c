/*
 * The template's bodies: compiled, with the images they have on disk; what no row changes is
 * rendered and encoded here, once.
 */
#include "campaign-internal.h"
#include "letter.h"

#include <mailbatch/base/text.h>
#include <string.h>

typedef enum {
    BODY_TEXT,
    BODY_HTML,
    BODY_MARKDOWN,
    BODY_CALENDAR,
} BodyType;

bool campaign_is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isspace(text[i]))
            return false;
    return true;
}

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
    if (!campaign_render_constant(campaign, body->source, rendered, error))
        return false;
    body->part = mb_compose_part_text(type, rendered->str, rendered->len, false, error);
    body->blank = campaign_is_blank(rendered->str, rendered->len);
    if (body->part == NULL)
        g_prefix_error(error, "%s: ", body->path);
    return body->part != NULL;
}

/* What Markdown says as HTML; its mistakes are said in terms of what its author wrote. */
static bool take_markdown(MmCampaign *campaign, const char *path, const char *source, size_t length,
                          guint line, GString *out, GError **error)
{
    g_autoptr(MbTemplate) checked =
        campaign_compile_text(campaign, source, length, path, line, 1, MB_TEMPLATE_HTML, error);

    if (checked == NULL)
        return false;
    if (campaign_markdown(source, length, out, error))
        return true;
    g_prefix_error(error, "%s: ", path);
    return false;
}

static bool take_body(MmCampaign *campaign, Body *body, BodyType type, const char *path,
                      const char *source, size_t length, guint line, GError **error)
{
    g_autoptr(GString) with_images = g_string_new(NULL), converted = g_string_new(NULL);
    bool is_html = type != BODY_TEXT;

    body->exists = true;
    body->path = g_strdup(path);
    body->folder = g_path_get_dirname(path);
    body->images = g_ptr_array_new_with_free_func((GDestroyNotify)mb_compose_part_unref);
    if (type == BODY_MARKDOWN) {
        if (!take_markdown(campaign, path, source, length, line, converted, error))
            return false;
        source = converted->str;
        length = converted->len;
    }
    if (is_html) {
        if (!take_images(campaign, body, source, length, with_images, error)) {
            g_prefix_error(error, "%s: image ", path);
            return false;
        }
        source = with_images->str;
        length = with_images->len;
    }
    body->source = campaign_compile_text(campaign, source, length, path, line, 1,
                                         is_html ? MB_TEMPLATE_HTML : MB_TEMPLATE_TEXT, error);
    return body->source != NULL &&
           prepare_body(campaign, body, is_html ? "text/html" : "text/plain", error);
}

/* `Html: body.html`, or a file of Markdown, `Text: body.txt` and `Calendar: invite.ics`. */
static bool take_body_file(MmCampaign *campaign, const MmField *field, Body *body, BodyType type,
                           GError **error)
{
    g_autoptr(MbTemplate) value =
        campaign_compile_text(campaign, field->value, strlen(field->value), campaign->template_path,
                              field->line, field->column, MB_TEMPLATE_TEXT, error);
    g_autoptr(GString) name = g_string_new(NULL);
    g_autofree char *path = NULL;
    g_autoptr(GBytes) bytes = NULL;
    const char *source;
    size_t length;

    if (value == NULL)
        return false;
    if (mb_template_varies(value))
        return campaign_refuse_field(campaign, field, "must be the same file for every row", error);
    if (!campaign_render_constant(campaign, value, name, error))
        return false;
    if (name->len == 0 || mb_text_breaks_line(name->str, name->len))
        return campaign_refuse_field(campaign, field, "names no file", error);
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
    if (type == BODY_HTML && (g_str_has_suffix(path, ".md") || g_str_has_suffix(path, ".markdown")))
        type = BODY_MARKDOWN;
    if (source == NULL)
        source = "";
    if (type == BODY_CALENDAR)
        return campaign_take_calendar(campaign, path, source, length, error);
    return take_body(campaign, body, type, path, source, length, 1, error);
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

/* By Content-Type; its charset is ours. */
static bool find_type(const MmCampaign *campaign, const MmField *field, BodyType *type,
                      GError **error)
{
    static const char *const names[] = {
        [BODY_TEXT] = "text/plain", [BODY_HTML] = "text/html", [BODY_MARKDOWN] = "text/markdown"};
    g_autofree char *name = NULL;

    *type = BODY_TEXT;
    if (field == NULL)
        return true;
    name = g_ascii_strdown(field->value, (gssize)strcspn(field->value, "; \t"));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *type = (BodyType)i;
            return true;
        }
    return campaign_refuse_field(campaign, field,
                                 "a body is text/plain, text/html or text/markdown (for text and "
                                 "HTML of their own: Html: FILE beside a text body)",
                                 error);
}

/* A text for an HTML that no row changes. */
static bool derive_text(MmCampaign *campaign, GError **error)
{
    g_autoptr(GString) html = g_string_new(NULL), text = g_string_new(NULL);

    if (!campaign->html.exists || campaign->plain.exists || campaign->html.part == NULL)
        return true;
    if (!campaign_render_constant(campaign, campaign->html.source, html, error))
        return false;
    mb_compose_html_to_text(html->str, html->len, text);
    campaign->plain.blank = campaign_is_blank(text->str, text->len);
    campaign->plain.part = mb_compose_part_text("text/plain", text->str, text->len, false, error);
    return campaign->plain.part != NULL;
}

static bool take_bodies(MmCampaign *campaign, const MmLetter *letter, GError **error)
{
    const MmField *html = find_raw(letter, "Html"), *text = find_raw(letter, "Text"),
                  *calendar = find_raw(letter, "Calendar");
    bool blank = campaign_is_blank(letter->body, letter->body_length);
    BodyType type;

    if (!find_type(campaign, find_raw(letter, "Content-Type"), &type, error))
        return false;
    if (!blank && type != BODY_TEXT && html != NULL)
        return campaign_refuse_field(campaign, html,
                                     "the body is HTML already: drop the one or the other", error);
    if (!blank && type == BODY_TEXT && text != NULL)
        return campaign_refuse_field(
            campaign, text, "there is a text below the header already: drop the one or the other",
            error);
    if (html != NULL && !take_body_file(campaign, html, &campaign->html, BODY_HTML, error))
        return false;
    if (text != NULL && !take_body_file(campaign, text, &campaign->plain, BODY_TEXT, error))
        return false;
    if (calendar != NULL &&
        !take_body_file(campaign, calendar, &campaign->calendar, BODY_CALENDAR, error))
        return false;
    if (blank && (html != NULL || text != NULL))
        return true;
    return take_body(campaign, type == BODY_TEXT ? &campaign->plain : &campaign->html, type,
                     campaign->template_path, letter->body, letter->body_length, letter->body_line,
                     error);
}

bool campaign_compile_bodies(MmCampaign *campaign, const MmLetter *letter, GError **error)
{
    return take_bodies(campaign, letter, error) && derive_text(campaign, error);
}
