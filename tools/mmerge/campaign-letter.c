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
    {"Calendar", FIELD_BODY_CALENDAR, true},
    {"Disposition-Notification-To", FIELD_MAILBOXES, true},
    {"Errors-To", FIELD_MAILBOXES, true},
    {"In-Reply-To", FIELD_RAW, true},
    {"References", FIELD_RAW, true},
    {"List-Id", FIELD_TEXT, true},
    {"List-Unsubscribe", FIELD_UNSUBSCRIBE, true},
    {"List-Unsubscribe-Post", FIELD_ONE_CLICK, true},
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

MbTemplate *campaign_compile_text(const MmCampaign *campaign, const char *source, size_t length,
                                  const char *file, guint line, guint column, MbTemplateMode mode,
                                  GError **error)
{
    MbTemplateNames names = {.names = (const char *const *)campaign->names->pdata,
                             .n_names = campaign->names->len - 1,
                             .constant = campaign->constant,
                             .rows = campaign->grouped,
                             .no_rows = "needs --group-by"};
    MbTemplateOptions options = {.file = file,
                                 .line = line,
                                 .column = column,
                                 .mode = mode,
                                 .token_key = campaign->token_key};

    return mb_template_compile(source, length, &names, &options, error);
}

bool campaign_render_constant(const MmCampaign *campaign, const MbTemplate *tmpl, GString *out,
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
    if (!campaign_render_constant(campaign, field->value, rendered, error))
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
    MbTemplateMode mode = has_mailboxes(kind) || has_paths(kind) ? MB_TEMPLATE_MARKED
                          : kind == FIELD_UNSUBSCRIBE            ? MB_TEMPLATE_URL
                                                                 : MB_TEMPLATE_TEXT;

    field->kind = kind;
    field->name = g_strdup(name);
    field->place = g_strdup_printf("%s:%u", file, line);
    field->value =
        campaign_compile_text(campaign, value, strlen(value), file, line, column, mode, error);
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

bool campaign_refuse_field(const MmCampaign *campaign, const MmField *field, const char *why,
                           GError **error)
{
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "%s:%u: %s: %s", campaign->template_path,
                field->line, field->name, why);
    return false;
}

static bool take_field(MmCampaign *campaign, const MmField *field, const MmLetter *letter,
                       const MmCampaignOptions *options, GError **error)
{
    bool once;
    FieldKind kind = kind_of(field->name, &once);

    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++)
        if (g_ascii_strcasecmp(field->name, ours[i]) == 0)
            return campaign_refuse_field(campaign, field, "mmerge writes this field itself", error);
    for (guint i = 0; once && g_ptr_array_index(letter->fields, i) != (void *)field; i++) {
        const MmField *before = g_ptr_array_index(letter->fields, i);

        if (g_ascii_strcasecmp(before->name, field->name) == 0)
            return campaign_refuse_field(campaign, field, "stands twice: join the two", error);
    }
    if ((kind == FIELD_UNSUBSCRIBE || kind == FIELD_ONE_CLICK) && options->unsubscribe != NULL)
        return campaign_refuse_field(
            campaign, field, "--unsubscribe writes this field: drop the one or the other", error);
    if (kind >= FIELD_BODY_TYPE || (kind == FIELD_FROM && options->from != NULL))
        return true;
    return add_field(campaign, field->name, field->value, campaign->template_path, field->line,
                     field->column, kind, error);
}

static bool add_unsubscribe(MmCampaign *campaign, char *const *urls, GError **error)
{
    g_autofree char *source = NULL;

    if (urls == NULL)
        return true;
    campaign->adds_one_click = true;
    source = campaign_unsubscribe_source(urls);
    return add_field(campaign, "List-Unsubscribe", source, "--unsubscribe", 1, 0, FIELD_UNSUBSCRIBE,
                     error);
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
        if (!take_field(campaign, g_ptr_array_index(letter->fields, i), letter, options, error))
            return false;
    if (!add_unsubscribe(campaign, options->unsubscribe, error))
        return false;
    return check_fields(campaign, error) && campaign_compile_bodies(campaign, letter, error);
}
