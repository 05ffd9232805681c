#include "campaign-internal.h"

#include <string.h>

/* A row and all its texts are one block of memory; of a group mm_row_free() knows. */
typedef struct {
    MmRow row;
    MbTemplateValue values[];
} RowBlock;

/* Places to go back to: so many at most, as far apart as that takes. */
#define PLACES_MAX  1024
#define FIRST_APART 64

struct MmRows {
    const MmCampaign *campaign;
    MbCsv *csv;
    MmGroups *groups; /* NULL without --group-by */
    uint64_t last;    /* number of the row read last */
    GArray *places;   /* MbCsvPlace, ascending */
    uint64_t apart;   /* rows */
};

void mm_row_free(MmRow *row)
{
    if (row != NULL && row->rows != NULL)
        campaign_clear_group(row);
    g_free(row);
}

static bool has_same_columns(const MmCampaign *campaign, const MbCsv *csv, GError **error)
{
    for (size_t i = 0; i < campaign->n_columns || i < mb_csv_n_columns(csv); i++)
        if (i >= campaign->n_columns || i >= mb_csv_n_columns(csv) ||
            strcmp(mb_csv_columns(csv)[i], g_ptr_array_index(campaign->names, i)) != 0) {
            g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                        "%s: its header changed while mmerge was at work", campaign->csv_path);
            return false;
        }
    return true;
}

MmRows *mm_rows_open(const MmCampaign *campaign, GError **error)
{
    g_autoptr(MbCsv) csv = mb_csv_open(campaign->csv_path, &campaign->csv_options, error);
    g_autoptr(MmGroups) groups = NULL;
    MmRows *rows;

    if (csv == NULL || !has_same_columns(campaign, csv, error))
        return NULL;
    if (campaign->grouped) {
        groups = mm_groups_new(csv, campaign->key_column, error);
        if (groups == NULL)
            return NULL;
    }
    rows = g_new0(MmRows, 1);
    rows->campaign = campaign;
    rows->csv = g_steal_pointer(&csv);
    rows->groups = g_steal_pointer(&groups);
    rows->places = g_array_new(FALSE, FALSE, sizeof(MbCsvPlace));
    rows->apart = FIRST_APART;
    return rows;
}

void mm_rows_free(MmRows *rows)
{
    if (rows == NULL)
        return;
    mm_groups_free(rows->groups);
    mb_csv_free(rows->csv);
    g_array_unref(rows->places);
    g_free(rows);
}

/* ---- going back ---- */

static MbCsvPlace *place_at(const MmRows *rows, guint i)
{
    return &g_array_index(rows->places, MbCsvPlace, i);
}

static void thin_out(MmRows *rows)
{
    for (guint i = 0; i < rows->places->len / 2; i++)
        *place_at(rows, i) = *place_at(rows, 2 * i);
    g_array_set_size(rows->places, rows->places->len / 2);
    rows->apart *= 2;
}

static void note_place(MmRows *rows)
{
    guint n = rows->places->len;
    MbCsvPlace place;

    if (rows->last < (n > 0 ? place_at(rows, n - 1)->number : 0) + rows->apart ||
        !mb_csv_mark(rows->csv, &place))
        return;
    if (n == PLACES_MAX)
        thin_out(rows);
    g_array_append_val(rows->places, place);
}

/* The last place before the row; NULL: there is none. */
static const MbCsvPlace *place_before(const MmRows *rows, uint64_t number)
{
    guint low = 0, high = rows->places->len;

    while (low < high) {
        guint middle = (low + high) / 2;

        if (place_at(rows, middle)->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? place_at(rows, low - 1) : NULL;
}

/* So near before the row that few rows are read in vain, wherever it lies. */
static bool go_before(MmRows *rows, uint64_t number, GError **error)
{
    const MbCsvPlace *place = place_before(rows, number);

    if (number > rows->last && (place == NULL || place->number <= rows->last))
        return true;
    rows->last = place != NULL ? place->number : 0;
    return place != NULL ? mb_csv_go_to(rows->csv, place, error) : mb_csv_rewind(rows->csv, error);
}

static char *put_text(char **at, const char *text, size_t length)
{
    char *put = *at;

    memcpy(put, text, length);
    put[length] = '\0';
    *at += length + 1;
    return put;
}

static const char *why_invalid(const MmCampaign *campaign, const MbCsvRow *record, char **made)
{
    if (record->error != NULL)
        return record->error->message;
    if (campaign->key_column < 0 || record->values[campaign->key_column].length > 0)
        return NULL;
    *made = g_strdup_printf("%s: row %" G_GUINT64_FORMAT ": the key \"%s\" is empty",
                            campaign->csv_path, record->number,
                            (char *)g_ptr_array_index(campaign->names, campaign->key_column));
    return *made;
}

MmRow *campaign_new_row(const MmCampaign *campaign, const MbCsvRow *record)
{
    size_t n = campaign->names->len - 1;
    g_autofree char *made = NULL;
    const char *invalid = why_invalid(campaign, record, &made);
    size_t texts = invalid != NULL ? strlen(invalid) + 1 : 0, octets;
    RowBlock *block;
    char *at;

    for (size_t i = 0; i < campaign->n_columns && i < record->n_values; i++)
        texts += record->values[i].length + 1;
    octets = sizeof *block + n * sizeof *block->values + texts + 1;
    block = g_malloc0(octets);
    at = (char *)&block->values[n];
    block->row = (MmRow){.number = record->number,
                         .values = block->values,
                         .octets = octets,
                         .n_records = 1,
                         .n_rows = 1};
    memcpy(block->row.digest, record->digest, sizeof block->row.digest);
    if (invalid != NULL)
        block->row.invalid = put_text(&at, invalid, strlen(invalid));
    for (size_t i = 0; i < n; i++) {
        if (i < campaign->n_columns && i < record->n_values) {
            const MbCsvValue *value = &record->values[i];

            block->values[i] =
                (MbTemplateValue){put_text(&at, value->text, value->length), value->length};
        } else {
            block->values[i] = (MbTemplateValue){"", 0};
        }
        if (campaign->key_column == (int)i && invalid == NULL)
            block->row.key = block->values[i].text;
        if (campaign->set[i].text != NULL)
            block->values[i] = campaign->set[i];
    }
    return &block->row;
}

/* A group is known to have ended by the row behind it. */
static MbNext next_group(MmRows *rows, MmRow **row, GError **error)
{
    MbNext next = campaign_next_group(rows->campaign, rows->groups, row, error);
    const MbCsvRow *ahead = mm_groups_ahead(rows->groups);

    rows->last = ahead != NULL ? ahead->number : UINT64_MAX;
    if (ahead != NULL)
        note_place(rows);
    return next;
}

MbNext mm_rows_next(MmRows *rows, MmRow **row, GError **error)
{
    MbCsvRow record;
    MbNext next;

    if (rows->groups != NULL)
        return next_group(rows, row, error);
    next = mb_csv_next(rows->csv, &record, error);
    if (next != MB_NEXT)
        return next;
    *row = campaign_new_row(rows->campaign, &record);
    rows->last = record.number;
    return MB_NEXT;
}

static MbNext find_record(MmRows *rows, uint64_t number, MbCsvRow *record, GError **error)
{
    MbNext next;

    if (!go_before(rows, number, error))
        return MB_FAILED;
    while ((next = mb_csv_next(rows->csv, record, error)) == MB_NEXT) {
        rows->last = record->number;
        note_place(rows);
        if (record->number < number)
            continue;
        /* Else it is passed: the next search begins at the top. */
        return record->number == number ? MB_NEXT : MB_END;
    }
    rows->last = next == MB_END ? UINT64_MAX : rows->last;
    return next;
}

static MbNext find_group(MmRows *rows, uint64_t number, MmRow **row, GError **error)
{
    const MbCsvRow *ahead = mm_groups_ahead(rows->groups);
    MbCsvRow record;
    uint64_t first;
    MbNext next;

    if (ahead != NULL && ahead->number == number)
        return next_group(rows, row, error);
    mm_groups_stand_at(rows->groups, NULL);
    next = find_record(rows, number, &record, error);
    if (next != MB_NEXT)
        return next;
    if (!mm_groups_first(rows->groups, &record, &first, error))
        return MB_FAILED;
    if (first != number && (next = find_record(rows, first, &record, error)) != MB_NEXT)
        return next;
    mm_groups_stand_at(rows->groups, &record);
    return next_group(rows, row, error);
}

MbNext mm_rows_find(MmRows *rows, uint64_t number, MmRow **row, GError **error)
{
    MbCsvRow record;
    MbNext next;

    if (rows->groups != NULL)
        return find_group(rows, number, row, error);
    next = find_record(rows, number, &record, error);
    if (next == MB_NEXT)
        *row = campaign_new_row(rows->campaign, &record);
    return next;
}

uint64_t mm_rows_blank(const MmRows *rows)
{
    return mb_csv_blank_rows(rows->csv);
}

void mm_rows_progress(const MmRows *rows, uint64_t *done, uint64_t *total)
{
    if (rows->groups != NULL) {
        mm_groups_progress(rows->groups, done, total);
        return;
    }
    *done = mb_csv_offset(rows->csv);
    *total = mb_csv_size(rows->csv);
}
