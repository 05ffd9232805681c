#include "campaign-internal.h"

#include <mailbatch/base/text.h>
#include <string.h>
#include <time.h>

#define FILES_KEPT                                                                                 \
    (16 * 1024 * 1024) /* octets of rows' encoded files that are kept for the next row */

MmRenderer *mm_renderer_new(const MmCampaign *campaign)
{
    MmRenderer *renderer = g_new0(MmRenderer, 1);

    renderer->campaign = campaign;
    renderer->head = mb_compose_head_new();
    renderer->value = g_string_new(NULL);
    renderer->plain = g_string_new(NULL);
    renderer->html = g_string_new(NULL);
    renderer->rewritten = g_string_new(NULL);
    renderer->calendar = g_string_new(NULL);
    renderer->method = g_string_new(NULL);
    renderer->sender = g_string_new(NULL);
    renderer->from_domain = g_string_new(NULL);
    renderer->message_id = g_string_new(NULL);
    renderer->texts = g_string_chunk_new(1024);
    renderer->mailboxes = g_array_new(FALSE, FALSE, sizeof(MbComposeMailbox));
    renderer->recipients = g_array_new(FALSE, FALSE, sizeof(MmLedgerRecipient));
    renderer->attachments = g_ptr_array_new();
    renderer->inlines = g_ptr_array_new();
    renderer->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)mb_compose_part_unref);
    return renderer;
}

void mm_renderer_free(MmRenderer *renderer)
{
    if (renderer == NULL)
        return;
    mb_compose_head_free(renderer->head);
    g_string_free(renderer->value, TRUE);
    g_string_free(renderer->plain, TRUE);
    g_string_free(renderer->html, TRUE);
    g_string_free(renderer->rewritten, TRUE);
    g_string_free(renderer->calendar, TRUE);
    g_string_free(renderer->method, TRUE);
    g_string_free(renderer->sender, TRUE);
    g_string_free(renderer->from_domain, TRUE);
    mb_dkim_sealer_free(renderer->sealer);
    g_string_free(renderer->message_id, TRUE);
    g_string_chunk_free(renderer->texts);
    g_array_unref(renderer->mailboxes);
    g_array_unref(renderer->recipients);
    g_ptr_array_unref(renderer->attachments);
    g_ptr_array_unref(renderer->inlines);
    g_hash_table_unref(renderer->files);
    mb_wire_unref(renderer->wire);
    g_free(renderer);
}

static void reset(MmRenderer *renderer)
{
    mb_compose_head_reset(renderer->head);
    g_string_chunk_clear(renderer->texts);
    g_array_set_size(renderer->recipients, 0);
    g_ptr_array_set_size(renderer->attachments, 0);
    g_ptr_array_set_size(renderer->inlines, 0);
    g_string_truncate(renderer->sender, 0);
    g_string_truncate(renderer->from_domain, 0);
    renderer->length = 0;
    g_clear_pointer(&renderer->wire, mb_wire_unref);
    if (renderer->files_octets > FILES_KEPT) {
        g_hash_table_remove_all(renderer->files);
        renderer->files_octets = 0;
    }
}

/* --- files -------------------------------------------------------------------------------- */

MbComposePart *campaign_row_file(MmRenderer *renderer, const char *path, const char *content_id,
                                 GError **error)
{
    g_autofree char *key = g_strdup_printf("%c%s", content_id != NULL ? 'i' : 'a', path);
    MbComposePart *part = g_hash_table_lookup(renderer->files, key);

    if (part != NULL)
        return part;
    part = campaign_load_part(path, content_id, NULL, error);
    if (part == NULL)
        return NULL;
    renderer->files_octets += mb_compose_part_length(part);
    g_hash_table_insert(renderer->files, g_steal_pointer(&key), part);
    return part;
}

static bool attach_path(const char *marked, size_t length, void *user, GError **error)
{
    MmRenderer *renderer = user;
    GError *problem = NULL;
    g_autofree char *path =
        campaign_resolve_path(renderer->campaign->folder, marked, length, &problem);
    MbComposePart *part;

    if (path == NULL) {
        if (problem == NULL)
            return true;
        g_propagate_error(error, problem);
        return false;
    }
    part = campaign_row_file(renderer, path, NULL, error);
    if (part != NULL)
        g_ptr_array_add(renderer->attachments, part);
    return part != NULL;
}

void campaign_add_all(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; from != NULL && i < from->len; i++)
        g_ptr_array_add(to, g_ptr_array_index(from, i));
}

/* --- recipients --------------------------------------------------------------------------- */

static bool same_address(const char *a, const char *b)
{
    const char *at = strrchr(a, '@');
    size_t local = at != NULL ? (size_t)(at - a) : strlen(a);

    return strncmp(a, b, local + 1) == 0 && g_ascii_strcasecmp(a + local, b + local) == 0;
}

static bool is_suppressed(const MmCampaign *campaign, const char *address)
{
    g_autofree char *folded = NULL;

    if (g_hash_table_size(campaign->suppressed) == 0)
        return false;
    folded = mm_address_fold(address);
    return g_hash_table_contains(campaign->suppressed, folded);
}

static bool add_recipients(Rendering *rendering, MmKind kind, const GArray *mailboxes,
                           GError **error)
{
    GArray *recipients = rendering->renderer->recipients;

    for (guint i = 0; i < mailboxes->len; i++) {
        const char *address = g_array_index(mailboxes, MbComposeMailbox, i).address;
        MmLedgerRecipient recipient = {
            .address = address,
            .kind = kind,
            .suppressed = is_suppressed(rendering->campaign, address),
        };
        bool known = false;

        for (guint k = 0; k < recipients->len && !known; k++)
            known = same_address(g_array_index(recipients, MmLedgerRecipient, k).address, address);
        if (kind == MM_TO) {
            rendering->n_to++;
            rendering->to_left |= !recipient.suppressed;
        }
        if (!known)
            g_array_append_val(recipients, recipient);
    }
    if (recipients->len <= MM_MAX_RECIPIENTS)
        return true;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "over %d recipients", MM_MAX_RECIPIENTS);
    return false;
}

/* A copy for others makes no sense when nobody in To may be written to. */
static void suppress_copies(Rendering *rendering)
{
    GArray *recipients = rendering->renderer->recipients;

    for (guint i = 0; rendering->n_to > 0 && !rendering->to_left && i < recipients->len; i++)
        g_array_index(recipients, MmLedgerRecipient, i).suppressed = true;
}

/* --- fields ------------------------------------------------------------------------------- */

static bool add_mailboxes(Rendering *rendering, const Field *field, const GArray *mailboxes,
                          GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    const MbComposeMailbox *first = &g_array_index(mailboxes, MbComposeMailbox, 0);

    switch (field->kind) {
    case FIELD_RETURN_PATH:
        if (mailboxes->len > 0)
            g_string_assign(renderer->sender, first->address);
        return true;
    case FIELD_BCC: return add_recipients(rendering, MM_BCC, mailboxes, error);
    case FIELD_FROM:
        if (mailboxes->len == 0) {
            g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "names nobody");
            return false;
        }
        rendering->renderer->from = first->address;
        rendering->traits |= mailboxes->len == 1 ? MM_ONE_FROM : 0;
        if (!campaign_put_domain(first->address, renderer->from_domain, error))
            return false;
        break;
    case FIELD_TO:
        if (mailboxes->len == 0) {
            g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                        "names nobody: the value is empty");
            return false;
        }
        if (!add_recipients(rendering, MM_TO, mailboxes, error))
            return false;
        break;
    case FIELD_CC:
        if (!add_recipients(rendering, MM_CC, mailboxes, error))
            return false;
        break;
    default: break;
    }
    return mb_compose_head_add_mailboxes(renderer->head, field->name, first, mailboxes->len, error);
}

static bool add_text(Rendering *rendering, const Field *field, const GString *value, GError **error)
{
    MbComposeHead *head = rendering->renderer->head;
    const char *text = value->str;
    size_t length = value->len;

    while (length > 0 && g_ascii_isspace(text[length - 1]) && text[length - 1] != '\n' &&
           text[length - 1] != '\r')
        length--;
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    if (length == 0 && field->kind != FIELD_SUBJECT)
        return true;
    if ((field->kind == FIELD_UNSUBSCRIBE &&
         !campaign_note_unsubscribe(rendering, text, length, error)) ||
        (field->kind == FIELD_ONE_CLICK &&
         !campaign_note_one_click(rendering, text, length, error)))
        return false;
    if (field->kind == FIELD_RAW || field->kind == FIELD_UNSUBSCRIBE ||
        field->kind == FIELD_ONE_CLICK)
        return mb_compose_head_add_raw(head, field->name, text, length, error);
    return mb_compose_head_add_text(head, field->name, text, length, error);
}

static bool render_varying(Rendering *rendering, const Field *field, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    GString *value = renderer->value;

    g_string_truncate(value, 0);
    if (!mb_template_render(field->value, &rendering->scope, value, error))
        return false;
    switch (field->kind) {
    case FIELD_ATTACHMENT:
    case FIELD_ATTACHMENTS:
        return campaign_each_path(field, value->str, value->len, attach_path, renderer, error);
    case FIELD_SUBJECT:
    case FIELD_TEXT:
    case FIELD_RAW:
    case FIELD_UNSUBSCRIBE:
    case FIELD_ONE_CLICK: return add_text(rendering, field, value, error);
    default: break;
    }
    g_array_set_size(renderer->mailboxes, 0);
    return mm_mailboxes_parse(value->str, value->len, renderer->texts, renderer->mailboxes,
                              &rendering->smtputf8, error) &&
           add_mailboxes(rendering, field, renderer->mailboxes, error);
}

static bool render_field(Rendering *rendering, const Field *field, GError **error)
{
    bool good;

    if (!field->constant) {
        good = render_varying(rendering, field, error);
    } else if (field->parts != NULL) {
        campaign_add_all(rendering->renderer->attachments, field->parts);
        good = true;
    } else if (field->mailboxes != NULL) {
        rendering->smtputf8 |= field->smtputf8;
        good = add_mailboxes(rendering, field, field->mailboxes, error);
    } else {
        good = add_text(rendering, field, field->rendered, error);
    }
    return good;
}

static bool render_fields(Rendering *rendering, GError **error)
{
    const GPtrArray *fields = rendering->campaign->fields;

    for (guint i = 0; i < fields->len; i++) {
        const Field *field = g_ptr_array_index(fields, i);

        if (render_field(rendering, field, error))
            continue;
        /* The template's own errors say where; the compositor's name the field at most. */
        if (error != NULL && (*error)->domain != MB_TEMPLATE_ERROR &&
            !g_str_has_prefix((*error)->message, field->name))
            g_prefix_error(error, "%s: ", field->name);
        return false;
    }
    if (rendering->renderer->recipients->len > 0)
        return campaign_finish_list(rendering, error);
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "To, Cc and Bcc are empty");
    return false;
}

/* --- Date and Message-ID ------------------------------------------------------------------ */

static bool add_date(Rendering *rendering, GError **error)
{
    int64_t date = rendering->options->date;
    int zone = rendering->options->zone_minutes;

    if (date == 0) {
        time_t now = time(NULL);
        struct tm local;

        localtime_r(&now, &local);
        date = now;
        zone = (int)(local.tm_gmtoff / 60);
    }
    rendering->date = date;
    return mb_compose_head_add_date(rendering->renderer->head, date, zone, error);
}

static bool add_message_id(Rendering *rendering, const MmRow *row, GError **error)
{
    MmRenderer *renderer = rendering->renderer;
    GString *id = renderer->message_id;
    uint8_t digest[MB_SHA256_LENGTH];

    g_string_assign(id, "<");
    if (rendering->options->message_key != NULL) {
        g_string_append(id, rendering->options->message_key);
    } else {
        g_autofree char *hex = NULL;

        if (row->key != NULL)
            mb_sha256(row->key, strlen(row->key), digest);
        else
            memcpy(digest, row->digest, sizeof digest);
        hex = mb_text_hex(digest, 16);
        g_string_append(id, hex);
    }
    g_string_append_printf(id, "@%s>", renderer->from_domain->str);
    return mb_compose_head_add_message_id(renderer->head, id->str, error);
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool check_size(const Rendering *rendering, GError **error)
{
    g_autofree char *size = NULL, *limit = NULL;
    size_t length = rendering->renderer->length;

    if (rendering->campaign->max_size == 0)
        return true;
    if (length <= rendering->campaign->max_size)
        return true;
    size = mb_text_format_size(length);
    limit = mb_text_format_size(rendering->campaign->max_size);
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "the message has %s, more than the %s of --max-size", size, limit);
    return false;
}

static void redirect(Rendering *rendering)
{
    GArray *recipients = rendering->renderer->recipients;
    MmLedgerRecipient only = {.address = rendering->options->only_to, .kind = MM_TO};

    if (only.address == NULL)
        return;
    g_array_set_size(recipients, 0);
    g_array_append_val(recipients, only);
}

/* The envelope. */
static bool address(Rendering *rendering, GError **error)
{
    suppress_copies(rendering);
    if (!campaign_choose_sender(rendering, error))
        return false;
    redirect(rendering);
    return true;
}

static unsigned traits_of(const Rendering *rendering)
{
    const MmCampaign *campaign = rendering->campaign;
    const GString *text = rendering->renderer->plain;
    unsigned traits = rendering->traits;
    bool blank = campaign->plain.part != NULL ? campaign->plain.blank
                                              : campaign_is_blank(text->str, text->len);

    if (!campaign->html.exists || !blank)
        traits |= MM_PLAIN_TEXT;
    if (campaign->signer != NULL)
        traits |= MM_SIGNED;
    if (campaign->signer != NULL &&
        campaign_is_aligned(campaign, rendering->renderer->from_domain->str))
        traits |= MM_ALIGNED;
    return traits;
}

bool mm_render(MmRenderer *renderer, const MmRow *row, const MmRenderOptions *options,
               MmMessage *message, GError **error)
{
    static const MmRenderOptions none;
    Rendering rendering = {
        .renderer = renderer,
        .campaign = renderer->campaign,
        .scope = {.values = row->values, .rows = row->rows, .n_rows = row->n_rows},
        .options = options != NULL ? options : &none};
    GError *problem = NULL;

    reset(renderer);
    if (row->invalid != NULL) {
        g_set_error_literal(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, row->invalid);
        return false;
    }
    if (!render_fields(&rendering, &problem) || !campaign_rows_agree(&rendering, row, &problem) ||
        !add_date(&rendering, &problem) || !add_message_id(&rendering, row, &problem) ||
        !campaign_compose(&rendering, &problem) || !campaign_seal(&rendering, &problem) ||
        !check_size(&rendering, &problem) || !address(&rendering, &problem)) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s: row %" G_GUINT64_FORMAT ": %s",
                    renderer->campaign->csv_path, row->number, problem->message);
        g_error_free(problem);
        return false;
    }
    *message = (MmMessage){
        .sender = renderer->sender->str,
        .recipients = (const MmLedgerRecipient *)(void *)renderer->recipients->data,
        .n_recipients = renderer->recipients->len,
        .message_id = renderer->message_id->str,
        .wire = renderer->wire,
        .length = renderer->length,
        .traits = traits_of(&rendering),
        .from_domain = renderer->from_domain->str,
        .smtputf8 = rendering.smtputf8 || mb_compose_head_needs_smtputf8(renderer->head),
        .attachments = (MbComposePart *const *)renderer->attachments->pdata,
        .n_attachments = renderer->attachments->len,
        .text = renderer->campaign->plain.part == NULL ? renderer->plain->str : NULL,
        .text_length = renderer->plain->len};
    return true;
}
