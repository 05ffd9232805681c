#include "campaign-internal.h"

/* The images whose path came out of this row. */
static bool take_row_images(Rendering *rendering, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const Body *body = &rendering->campaign->html;
    g_autoptr(GArray) images = mb_compose_html_images(renderer->html->str, renderer->html->len);
    size_t done = 0;

    g_string_truncate(renderer->rewritten, 0);
    for (guint i = 0; i < images->len; i++) {
        const MbComposeImage *image = &g_array_index(images, MbComposeImage, i);
        g_autofree char *path = campaign_image_path(body->folder, image->path, error);
        g_autofree char *id = campaign_content_id(image->path);
        MbComposePart *part = path != NULL ? campaign_row_file(renderer, path, id, error) : NULL;

        if (part == NULL) {
            g_prefix_error(error, "%s: image ", body->path);
            return false;
        }
        if (!g_ptr_array_find(renderer->inlines, part, NULL))
            g_ptr_array_add(renderer->inlines, part);
        g_string_append_len(renderer->rewritten, renderer->html->str + done,
                            (gssize)(image->offset - done));
        g_string_append_printf(renderer->rewritten, "cid:%s", id);
        done = image->offset + image->length;
    }
    g_string_append_len(renderer->rewritten, renderer->html->str + done,
                        (gssize)(renderer->html->len - done));
    return true;
}

static bool render_html(Rendering *rendering, MbComposeBody *body, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const Body *html = &rendering->campaign->html;
    const GString *text = renderer->html;

    campaign_add_all(renderer->inlines, html->images);
    *body = (MbComposeBody){.part = html->part, .type = "text/html"};
    if (html->part != NULL)
        return true;
    g_string_truncate(renderer->html, 0);
    if (!mb_template_render(html->source, &rendering->scope, renderer->html, error))
        return false;
    if (html->row_images) {
        if (!take_row_images(rendering, error))
            return false;
        text = renderer->rewritten;
    }
    body->text = text->str;
    body->length = text->len;
    return true;
}

/* The text of its own, or one made of the HTML. */
static bool render_plain(Rendering *rendering, MbComposeBody *body, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const Body *plain = &rendering->campaign->plain;

    *body = (MbComposeBody){.part = plain->part, .type = "text/plain"};
    if (plain->part != NULL)
        return true;
    g_string_truncate(renderer->plain, 0);
    if (plain->exists) {
        if (!mb_template_render(plain->source, &rendering->scope, renderer->plain, error))
            return false;
    } else {
        mb_compose_html_to_text(renderer->html->str, renderer->html->len, renderer->plain);
    }
    body->text = renderer->plain->str;
    body->length = renderer->plain->len;
    return true;
}

bool campaign_compose(Rendering *rendering, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const MmCampaign *campaign = rendering->campaign;
    MbComposeMessage message;
    MbComposeBody bodies[3];
    size_t n = 1;

    if (campaign->html.exists && !render_html(rendering, &bodies[1], error))
        return false;
    if (!render_plain(rendering, &bodies[0], error))
        return false;
    n += campaign->html.exists;
    if (campaign->calendar.exists && !campaign_render_calendar(rendering, &bodies[n++], error))
        return false;
    campaign_add_all(renderer->attachments, campaign->attached);
    message = (MbComposeMessage){
        .head = renderer->head,
        .bodies = bodies,
        .n_bodies = n,
        .inlines = (MbComposePart *const *)renderer->inlines->pdata,
        .n_inlines = renderer->inlines->len,
        .attachments = (MbComposePart *const *)renderer->attachments->pdata,
        .n_attachments = renderer->attachments->len,
        .seed = campaign->seed,
        .eightbit = rendering->options->eightbit,
    };
    if (rendering->options->judge && campaign->max_size == 0)
        return mb_compose_message_check(&message, error);
    renderer->wire = mb_compose_message(&message, error);
    return renderer->wire != NULL;
}
