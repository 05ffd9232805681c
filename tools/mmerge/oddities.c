#include "oddities.h"

#include <mailbatch/base/text.h>
#include <stdio.h>
#include <string.h>

#define ROWS_LISTED  10
#define FILES_KEPT   1000 /* files that are told apart */
#define FILES_LISTED 10

/* The row in which something was at its strangest. */
typedef struct {
    uint64_t row, value;
    size_t column;
} Extreme;

/* Rows of a kind: the first few, and how many there are. */
typedef struct {
    uint64_t rows[ROWS_LISTED];
    uint64_t n;
} Rows;

typedef struct {
    char *name;
    uint64_t bytes, messages;
} File;

struct MmOddities {
    const MmCampaign *campaign;
    Extreme largest, smallest, recipients, rows, passed_over, longest, widest, empty;
    Rows duplicates, suppressed, non_ascii, smtputf8;
    uint64_t suppressed_copies; /* recipients left out of messages that go to others */
    GHashTable *files;          /* "bytes name" → File */
    uint64_t attached_bytes;
    bool files_full;
};

static void file_free(void *object)
{
    File *file = object;

    g_free(file->name);
    g_free(file);
}

MmOddities *mm_oddities_new(const MmCampaign *campaign)
{
    MmOddities *oddities = g_new0(MmOddities, 1);

    oddities->campaign = campaign;
    oddities->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
    return oddities;
}

void mm_oddities_free(MmOddities *oddities)
{
    if (oddities == NULL)
        return;
    g_hash_table_unref(oddities->files);
    g_free(oddities);
}

/* --- a row -------------------------------------------------------------------------------- */

static void take_most(Extreme *extreme, uint64_t row, uint64_t value, size_t column)
{
    if (value > extreme->value || extreme->row == 0)
        *extreme = (Extreme){row, value, column};
}

static void take_row(Rows *rows, uint64_t row)
{
    if (rows->n < ROWS_LISTED)
        rows->rows[rows->n] = row;
    rows->n++;
}

/* Characters: what stands before a row is valid UTF-8. */
static uint64_t count_characters(const char *text, size_t length)
{
    uint64_t n = 0;

    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static void look_at_values(MmOddities *oddities, const MbTemplateValue *values, uint64_t number)
{
    uint64_t empty = 0;
    size_t first_empty = 0;
    bool ascii = true;

    for (size_t i = 0; i < mm_campaign_n_columns(oddities->campaign); i++) {
        const MbTemplateValue *value = &values[i];

        if (value->length == 0 && empty++ == 0)
            first_empty = i;
        ascii = ascii && mb_text_is_ascii(value->text, value->length);
        if (value->length > oddities->longest.value)
            take_most(&oddities->longest, number, count_characters(value->text, value->length), i);
    }
    if (!ascii)
        take_row(&oddities->non_ascii, number);
    if (empty > 0)
        take_most(&oddities->empty, number, empty, first_empty);
}

static bool differs(const MmRow *row, size_t column)
{
    const MbTemplateValue *first = &row->values[column];

    for (size_t i = 1; i < row->n_rows; i++) {
        const MbTemplateValue *other = &row->rows[i][column];

        if (first->length != other->length || memcmp(first->text, other->text, first->length) != 0)
            return true;
    }
    return false;
}

/* A name of the first row where a loop would name all of them: `value` counts such groups. */
static void look_for_passed_over(MmOddities *oddities, const MmRow *row)
{
    for (size_t i = 0; i < mm_campaign_n_columns(oddities->campaign); i++)
        if (mm_campaign_takes_first(oddities->campaign, i) && differs(row, i)) {
            if (oddities->passed_over.value++ == 0)
                oddities->passed_over = (Extreme){row->number, 1, i};
            return;
        }
}

static void look_at_rows(MmOddities *oddities, const MmRow *row)
{
    if (row->rows == NULL) {
        look_at_values(oddities, row->values, row->number);
        return;
    }
    take_most(&oddities->rows, row->number, row->n_rows, 0);
    look_for_passed_over(oddities, row);
    for (size_t i = 0; i < row->n_rows; i++)
        look_at_values(oddities, row->rows[i], row->numbers[i]);
}

static void look_at_text(MmOddities *oddities, uint64_t number, const char *text, size_t length)
{
    for (size_t begin = 0; begin < length;) {
        const char *end = memchr(text + begin, '\n', length - begin);
        size_t line = end != NULL ? (size_t)(end - text) - begin : length - begin;

        if (line > oddities->widest.value)
            take_most(&oddities->widest, number, count_characters(text + begin, line), 0);
        begin += line + 1;
    }
}

static void count_file(MmOddities *oddities, const MbComposePart *part)
{
    const char *name = mb_compose_part_name(part);
    uint64_t bytes = mb_compose_part_content_length(part);
    g_autofree char *key = g_strdup_printf("%" G_GUINT64_FORMAT " %s", bytes, name);
    File *file = g_hash_table_lookup(oddities->files, key);

    oddities->attached_bytes += bytes;
    if (file == NULL && g_hash_table_size(oddities->files) == FILES_KEPT) {
        oddities->files_full = true;
        return;
    }
    if (file == NULL) {
        file = g_new0(File, 1);
        file->name = g_strdup(name);
        file->bytes = bytes;
        g_hash_table_insert(oddities->files, g_steal_pointer(&key), file);
    }
    file->messages++;
}

static void look_at_message(MmOddities *oddities, uint64_t number, const MmMessage *message)
{
    uint64_t length = message->length;

    take_most(&oddities->largest, number, length, 0);
    if (oddities->smallest.row == 0 || length < oddities->smallest.value)
        oddities->smallest = (Extreme){number, length, 0};
    take_most(&oddities->recipients, number, message->n_recipients, 0);
    if (message->smtputf8)
        take_row(&oddities->smtputf8, number);
    if (message->text != NULL)
        look_at_text(oddities, number, message->text, message->text_length);
    for (size_t i = 0; i < message->n_attachments; i++)
        count_file(oddities, message->attachments[i]);
    for (size_t i = 0; i < message->n_recipients; i++)
        oddities->suppressed_copies += message->recipients[i].suppressed;
}

void mm_oddities_add(MmOddities *oddities, const MmVerdict *verdict)
{
    uint64_t number = verdict->row->number;

    if (verdict->duplicate_of != 0)
        take_row(&oddities->duplicates, number);
    if (verdict->suppressed)
        take_row(&oddities->suppressed, number);
    if (verdict->message == NULL || verdict->invalid != NULL || verdict->suppressed)
        return;
    look_at_rows(oddities, verdict->row);
    look_at_message(oddities, number, verdict->message);
}

/* --- what was found ----------------------------------------------------------------------- */

static void print_rows(const Rows *rows, const char *what)
{
    uint64_t listed = MIN(rows->n, ROWS_LISTED);

    if (rows->n == 0)
        return;
    printf("%s: %s ", what, rows->n == 1 ? "row" : "rows");
    for (uint64_t i = 0; i < listed; i++)
        printf("%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", rows->rows[i]);
    if (rows->n > listed)
        printf(" and %" G_GUINT64_FORMAT " more", rows->n - listed);
    putchar('\n');
}

static char *column_name(const MmOddities *oddities, const Extreme *extreme)
{
    const char *name = mm_campaign_column(oddities->campaign, extreme->column);

    return mb_text_printable(name, strlen(name));
}

static int largest_first(const void *left, const void *right)
{
    const File *a = *(File *const *)left;
    const File *b = *(File *const *)right;

    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return strcmp(a->name, b->name);
}

static GPtrArray *sorted_files(const MmOddities *oddities)
{
    GPtrArray *files = g_ptr_array_new();
    GHashTableIter iter;
    void *file;

    g_hash_table_iter_init(&iter, oddities->files);
    while (g_hash_table_iter_next(&iter, NULL, &file))
        g_ptr_array_add(files, file);
    g_ptr_array_sort(files, largest_first);
    return files;
}

static void print_files(const MmOddities *oddities)
{
    g_autoptr(GPtrArray) files = sorted_files(oddities);
    g_autofree char *all = mb_text_format_size(oddities->attached_bytes);

    if (files->len == 0)
        return;
    printf("attachments: %s%u file%s, %s over all messages\n",
           oddities->files_full ? "more than " : "", files->len, files->len == 1 ? "" : "s", all);
    for (guint i = 0; i < files->len && i < FILES_LISTED; i++) {
        const File *file = files->pdata[i];
        g_autofree char *name = mb_text_printable(file->name, strlen(file->name));
        g_autofree char *size = mb_text_format_size(file->bytes);

        printf("  %10s  %s, with %" G_GUINT64_FORMAT " message%s\n", size, name, file->messages,
               file->messages == 1 ? "" : "s");
    }
    if (files->len > FILES_LISTED)
        printf("  and smaller ones\n");
}

static void print_extremes(const MmOddities *oddities)
{
    g_autofree char *largest = mb_text_format_size(oddities->largest.value);
    g_autofree char *smallest = mb_text_format_size(oddities->smallest.value);

    printf("largest message: row %" G_GUINT64_FORMAT " (%s); smallest: row %" G_GUINT64_FORMAT
           " (%s)\n",
           oddities->largest.row, largest, oddities->smallest.row, smallest);
    if (oddities->recipients.value > 1)
        printf("most recipients: row %" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT ")\n",
               oddities->recipients.row, oddities->recipients.value);
    if (oddities->rows.value > 1)
        printf("largest group: row %" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT " rows)\n",
               oddities->rows.row, oddities->rows.value);
    if (oddities->passed_over.row != 0) {
        g_autofree char *column = column_name(oddities, &oddities->passed_over);
        printf("of its first row only, though others differ, outside a loop: row %" G_GUINT64_FORMAT
               ", %s (%" G_GUINT64_FORMAT " group%s)\n",
               oddities->passed_over.row, column, oddities->passed_over.value,
               oddities->passed_over.value == 1 ? "" : "s");
    }
    if (oddities->longest.row != 0) {
        g_autofree char *column = column_name(oddities, &oddities->longest);
        printf("longest value: row %" G_GUINT64_FORMAT ", %s (%" G_GUINT64_FORMAT " characters)\n",
               oddities->longest.row, column, oddities->longest.value);
    }
    if (oddities->widest.row != 0)
        printf("widest line of text: row %" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT
               " characters)\n",
               oddities->widest.row, oddities->widest.value);
    if (oddities->empty.row != 0) {
        g_autofree char *column = column_name(oddities, &oddities->empty);
        printf("most empty values: row %" G_GUINT64_FORMAT " (%s", oddities->empty.row, column);
        if (oddities->empty.value > 1)
            printf(" and %" G_GUINT64_FORMAT " more", oddities->empty.value - 1);
        printf(")\n");
    }
}

void mm_oddities_print(const MmOddities *oddities)
{
    print_rows(&oddities->duplicates, "the same To as a row before");
    print_rows(&oddities->suppressed, "suppressed");
    if (oddities->suppressed_copies > 0)
        printf("suppressed among the recipients of other rows: %" G_GUINT64_FORMAT "\n",
               oddities->suppressed_copies);
    if (oddities->largest.row == 0)
        return;
    print_extremes(oddities);
    print_rows(&oddities->non_ascii, "letters beyond ASCII");
    print_rows(&oddities->smtputf8, "only for a server with SMTPUTF8");
    print_files(oddities);
}

static void put_extreme(const MmOddities *oddities, MbJson *json, const char *what,
                        const Extreme *extreme, bool with_column)
{
    if (extreme->row == 0)
        return;
    mb_json_begin_map(json);
    mb_json_put_string(json, "what", what);
    mb_json_put_unsigned(json, "row", extreme->row);
    mb_json_put_unsigned(json, "value", extreme->value);
    if (with_column)
        mb_json_put_string(json, "column", mm_campaign_column(oddities->campaign, extreme->column));
    mb_json_end_map(json);
}

void mm_oddities_put_json(const MmOddities *oddities, MbJson *json)
{
    g_autoptr(GPtrArray) files = sorted_files(oddities);

    mb_json_put_unsigned(json, "non_ascii", oddities->non_ascii.n);
    mb_json_put_unsigned(json, "needs_smtputf8", oddities->smtputf8.n);
    mb_json_put_unsigned(json, "suppressed_recipients", oddities->suppressed_copies);
    mb_json_key(json, "strangest");
    mb_json_begin_array(json);
    put_extreme(oddities, json, "largest", &oddities->largest, false);
    put_extreme(oddities, json, "smallest", &oddities->smallest, false);
    put_extreme(oddities, json, "recipients", &oddities->recipients, false);
    put_extreme(oddities, json, "group", &oddities->rows, false);
    put_extreme(oddities, json, "passed_over", &oddities->passed_over, true);
    put_extreme(oddities, json, "longest", &oddities->longest, true);
    put_extreme(oddities, json, "widest", &oddities->widest, false);
    put_extreme(oddities, json, "empty", &oddities->empty, true);
    mb_json_end_array(json);
    mb_json_key(json, "attachments");
    mb_json_begin_array(json);
    for (guint i = 0; i < files->len; i++) {
        const File *file = files->pdata[i];
        mb_json_begin_map(json);
        mb_json_put_string(json, "name", file->name);
        mb_json_put_unsigned(json, "bytes", file->bytes);
        mb_json_put_unsigned(json, "messages", file->messages);
        mb_json_end_map(json);
    }
    mb_json_end_array(json);
    mb_json_put_unsigned(json, "attached_bytes", oddities->attached_bytes);
}
