/*
 * Groups of rows: what --group-by makes of a list. A group is an MmRow like any other, and its rows
 * are told apart by the template only.
 */
#include "campaign-internal.h"

#include <mailbatch/base/text.h>
#include <string.h>

/* Of memory, for the rows of one group. */
#define GROUP_MOST ((size_t)64 * 1024 * 1024)

#define SHOWN_MOST 200 /* octets of addresses in a message */

/* --- gathering ---------------------------------------------------------------------------- */

typedef struct {
    MmRow row;
    char *key, *invalid;
    GPtrArray *members; /* MmRow */
    const MbTemplateValue *values[];
} Group;

typedef struct {
    const MmCampaign *campaign;
    GPtrArray *members;
    GArray *numbers;
    size_t n_records, octets;
    char *invalid;
} Gathering;

static void free_member(void *member)
{
    mm_row_free(member);
}

static void refuse_size(Gathering *gathering, uint64_t number)
{
    g_autofree char *most = mb_text_format_size(GROUP_MOST);

    if (gathering->invalid == NULL)
        gathering->invalid = g_strdup_printf("%s: row %" G_GUINT64_FORMAT
                                             ": its group is too large: up to here it takes %s",
                                             gathering->campaign->csv_path, number, most);
    g_ptr_array_set_size(gathering->members, 1);
}

static bool take_member(const MbCsvRow *record, void *user, GError **error)
{
    Gathering *gathering = user;
    MmRow *member;

    (void)error;
    gathering->n_records++;
    if (gathering->octets > GROUP_MOST) {
        refuse_size(gathering, record->number);
        return true;
    }
    member = campaign_new_row(gathering->campaign, record);
    gathering->octets += member->octets;
    g_ptr_array_add(gathering->members, member);
    g_array_append_val(gathering->numbers, member->number);
    if (gathering->invalid == NULL)
        gathering->invalid = g_strdup(member->invalid);
    return true;
}

static MmRow *new_group(Gathering *gathering, const MmGroups *groups)
{
    guint n = gathering->members->len;
    const MmRow *first = g_ptr_array_index(gathering->members, 0);
    Group *group = g_malloc0(sizeof *group + n * sizeof *group->values);

    group->members = gathering->members;
    group->key = g_strdup(mm_groups_value(groups));
    group->invalid = gathering->invalid;
    for (guint i = 0; i < n; i++)
        group->values[i] = ((const MmRow *)g_ptr_array_index(group->members, i))->values;
    group->row = (MmRow){
        .number = first->number,
        .key = group->key,
        .invalid = group->invalid,
        .values = first->values,
        .octets = gathering->octets,
        .n_records = gathering->n_records,
        .n_rows = n,
        .rows = group->values,
        .numbers = (const uint64_t *)(void *)g_array_free(gathering->numbers, FALSE),
    };
    memcpy(group->row.digest, mm_groups_digest(groups), sizeof group->row.digest);
    return &group->row;
}

void campaign_clear_group(MmRow *row)
{
    Group *group = (Group *)(void *)row;

    g_ptr_array_unref(group->members);
    g_free((void *)row->numbers);
    g_free(group->key);
    g_free(group->invalid);
}

MbNext campaign_next_group(const MmCampaign *campaign, MmGroups *groups, MmRow **row,
                           GError **error)
{
    Gathering gathering = {.campaign = campaign,
                           .members = g_ptr_array_new_with_free_func(free_member),
                           .numbers = g_array_new(FALSE, FALSE, sizeof(uint64_t))};
    MbNext next = mm_groups_next(groups, take_member, &gathering, error);

    if (next == MB_NEXT) {
        *row = new_group(&gathering, groups);
        return MB_NEXT;
    }
    g_ptr_array_unref(gathering.members);
    g_array_unref(gathering.numbers);
    g_free(gathering.invalid);
    return next;
}

/* --- for whom they are -------------------------------------------------------------------- */

static bool is_addressing(const Field *field)
{
    return field->kind == FIELD_TO || field->kind == FIELD_CC || field->kind == FIELD_BCC;
}

static bool body_takes(const Body *body, size_t name)
{
    return body->source != NULL && mb_template_uses_own(body->source, name);
}

static void note_name(MmCampaign *campaign, size_t name)
{
    bool addressing = false;

    campaign->taken[name] = body_takes(&campaign->plain, name) ||
                            body_takes(&campaign->html, name) ||
                            body_takes(&campaign->calendar, name);
    for (guint i = 0; i < campaign->fields->len; i++) {
        const Field *field = g_ptr_array_index(campaign->fields, i);
        bool taken = mb_template_uses_own(field->value, name);

        campaign->taken[name] |= taken;
        addressing |= taken && is_addressing(field);
    }
    if (addressing)
        g_array_append_val(campaign->told_by, name);
}

void campaign_note_names(MmCampaign *campaign)
{
    if (!campaign->grouped)
        return;
    campaign->taken = g_new0(bool, campaign->names->len);
    for (size_t name = 0; name + 1 < campaign->names->len; name++)
        note_name(campaign, name);
}

bool mm_campaign_takes_first(const MmCampaign *campaign, size_t column)
{
    return campaign->taken != NULL && campaign->taken[column];
}

static bool same_value(const MbTemplateValue *one, const MbTemplateValue *other)
{
    return one->length == other->length && memcmp(one->text, other->text, one->length) == 0;
}

/* Rows that read the same where it counts are for the same recipients: no field is rendered. */
static bool reads_like_first(const MmCampaign *campaign, const MmRow *row, size_t i)
{
    for (guint k = 0; k < campaign->told_by->len; k++) {
        size_t name = g_array_index(campaign->told_by, size_t, k);

        if (!same_value(&row->values[name], &row->rows[i][name]))
            return false;
    }
    return true;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds what the field makes of the row, a text for each address. */
static bool add_addresses(const Field *field, const MbTemplateScope *scope, GPtrArray *addresses,
                          GError **error)
{
    g_autoptr(GString) value = g_string_new(NULL);
    g_autoptr(GStringChunk) texts = g_string_chunk_new(256);
    g_autoptr(GArray) mailboxes = g_array_new(FALSE, FALSE, sizeof(MbComposeMailbox));
    bool smtputf8 = false;

    if (!mb_template_render(field->value, scope, value, error))
        return false;
    if (!mm_mailboxes_parse(value->str, value->len, texts, mailboxes, &smtputf8, error)) {
        g_prefix_error(error, "%s: ", field->name);
        return false;
    }
    for (guint i = 0; i < mailboxes->len; i++) {
        g_autofree char *address =
            mm_address_fold(g_array_index(mailboxes, MbComposeMailbox, i).address);

        g_ptr_array_add(addresses, g_strdup_printf("%s: %s", field->name, address));
    }
    return true;
}

/* The recipients of one of the rows, `To: a@example.org, Cc: …`, sorted; NULL with an error. */
static char *name_recipients(const Rendering *rendering, const MmRow *row, size_t i, GError **error)
{
    const GPtrArray *fields = rendering->campaign->fields;
    MbTemplateScope scope = rendering->scope;
    g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
    GString *name;

    scope.values = row->rows[i];
    for (guint k = 0; k < fields->len; k++) {
        const Field *field = g_ptr_array_index(fields, k);

        if (is_addressing(field) && !field->constant &&
            !add_addresses(field, &scope, addresses, error))
            return NULL;
    }
    if (addresses->len > 0)
        qsort(addresses->pdata, addresses->len, sizeof(char *), compare_texts);
    name = g_string_new(NULL);
    for (guint k = 0; k < addresses->len; k++)
        if (k == 0 || strcmp(addresses->pdata[k], addresses->pdata[k - 1]) != 0)
            g_string_append_printf(name, "%s%s", k > 0 ? ", " : "", (char *)addresses->pdata[k]);
    return g_string_free(name, FALSE);
}

static void show_recipients(GString *out, const char *recipients)
{
    if (*recipients == '\0')
        g_string_append(out, "nobody");
    else
        mb_text_append_printable(out, recipients, strlen(recipients), SHOWN_MOST);
}

static void set_disagreement(const MmRow *row, size_t i, const char *first, const char *other,
                             GError **error)
{
    g_autofree char *group = mb_text_printable(row->key, strlen(row->key));
    g_autoptr(GString) whom = g_string_new(NULL);

    show_recipients(whom, first);
    g_string_append(whom, " and ");
    show_recipients(whom, other);
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "the group \"%s\" has different recipients in row %" G_GUINT64_FORMAT
                " and row %" G_GUINT64_FORMAT ": %s",
                group, row->number, row->numbers[i], whom->str);
}

static bool agrees(const Rendering *rendering, const MmRow *row, size_t i, const char *first,
                   GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *other = name_recipients(rendering, row, i, &problem);

    if (other != NULL && strcmp(first, other) == 0)
        return true;
    if (other != NULL) {
        set_disagreement(row, i, first, other, error);
    } else {
        g_autofree char *group = mb_text_printable(row->key, strlen(row->key));

        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "the group \"%s\" has different recipients in row %" G_GUINT64_FORMAT
                    " and row %" G_GUINT64_FORMAT ": %s",
                    group, row->number, row->numbers[i], problem->message);
    }
    return false;
}

bool campaign_rows_agree(const Rendering *rendering, const MmRow *row, GError **error)
{
    g_autofree char *first = NULL;

    for (size_t i = 1; i < row->n_rows; i++) {
        if (reads_like_first(rendering->campaign, row, i))
            continue;
        if (first == NULL)
            first = name_recipients(rendering, row, 0, error);
        if (first == NULL || !agrees(rendering, row, i, first, error))
            return false;
    }
    return true;
}
