/*
 * CSV (RFC 4180): a header, then a row a part. What comes from the mail is made printable, so that
 * a row is a line, and a cell that a spreadsheet would take for a formula gets an apostrophe.
 */
#include "defect-index.h"
#include "facts.h"
#include "print.h"
#include "values.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/date.h>
#include <string.h>

#define VALUE_SHOWN ((size_t)32767) /* bytes of a cell: what spreadsheets take */

static const char header[] =
    "n,address,part,kind,type,magic,name,disposition,charset,encoding,size,"
    "space,offset,length,md5,sha1,sha256,date,from,to,subject,defects\r\n";

typedef struct {
    MpPrinter printer;
    MpFacts *facts;
    MpValues *values;
    MpDefectIndex index;
    GByteArray *scratch;
    GString *text;
    GString *cell;
    GString *out;
    bool need_comma;
} Csv;

static void separate(Csv *csv)
{
    if (csv->need_comma)
        g_string_append_c(csv->out, ',');
    csv->need_comma = true;
}

static void put_number(Csv *csv, uint64_t number)
{
    separate(csv);
    g_string_append_printf(csv->out, "%" G_GUINT64_FORMAT, (guint64)number);
}

/* Our own words: names, ids, digests. NULL is an empty cell. */
static void put_word(Csv *csv, const char *word)
{
    separate(csv);
    if (word != NULL)
        g_string_append(csv->out, word);
}

/* Spreadsheets take a cell that begins so for a formula, whatever program wrote it. */
static bool is_formula(const GString *cell)
{
    return cell->len > 0 && strchr("=+-@", cell->str[0]) != NULL;
}

static void put_cell(Csv *csv)
{
    separate(csv);
    if (strpbrk(csv->cell->str, "\",") == NULL && !g_str_has_prefix(csv->cell->str, " ") &&
        !g_str_has_suffix(csv->cell->str, " ")) {
        g_string_append_len(csv->out, csv->cell->str, (gssize)csv->cell->len);
        return;
    }
    g_string_append_c(csv->out, '"');
    for (const char *at = csv->cell->str; *at != '\0'; at++) {
        if (*at == '"')
            g_string_append_c(csv->out, '"');
        g_string_append_c(csv->out, *at);
    }
    g_string_append_c(csv->out, '"');
}

/* From the mail. */
static void put_text(Csv *csv, const void *bytes, size_t length)
{
    g_string_truncate(csv->cell, 0);
    mb_text_append_printable(csv->cell, bytes, length, VALUE_SHOWN);
    if (is_formula(csv->cell))
        g_string_prepend_c(csv->cell, '\'');
    put_cell(csv);
}

/* It begins with what the user named, and is given back to mparse as it is. */
static void put_address(Csv *csv, const MbLocator *locator)
{
    g_string_truncate(csv->cell, 0);
    mb_locator_append(locator, csv->cell);
    put_cell(csv);
}

static void put_string(Csv *csv, const char *text)
{
    put_text(csv, text, strlen(text));
}

static void put_field(Csv *csv, MbTree *tree, uint32_t part, const char *name)
{
    uint32_t field = mb_tree_part(tree, part)->is_message
                         ? mb_tree_find_field(tree, part, name, MB_TREE_NONE)
                         : MB_TREE_NONE;

    g_string_truncate(csv->text, 0);
    if (field != MB_TREE_NONE)
        mp_facts_field_text(csv->facts, tree, field, csv->text);
    put_text(csv, csv->text->str, csv->text->len);
}

/* In UTC; empty when there is none that makes sense. */
static void put_date(Csv *csv, MbTree *tree, uint32_t part)
{
    char utc[MB_DATE_TEXT_MAX] = "";
    uint32_t field = mb_tree_part(tree, part)->is_message
                         ? mb_tree_find_field(tree, part, "Date", MB_TREE_NONE)
                         : MB_TREE_NONE;
    const uint8_t *value = NULL;
    size_t length;
    MbDate date;

    if (field != MB_TREE_NONE)
        value = mb_tree_field_value(tree, field, &length, NULL, csv->scratch);
    if (value != NULL) {
        mb_date_parse((const char *)value, length, &date, NULL);
        if (date.valid)
            mb_date_format_utc(date.unix_time, utc);
    }
    put_word(csv, utc);
}

/* Codes of weight, each once where they follow each other. */
static void take_defect(void *data, const MbDefect *defect)
{
    Csv *csv = data;
    const char *code = mb_defect_code(defect->code);

    if (mb_defect_severity(defect->code) < MB_SEVERITY_WARN ||
        g_str_has_suffix(csv->text->str, code) || csv->text->len > VALUE_SHOWN)
        return;
    if (csv->text->len > 0)
        g_string_append_c(csv->text, ' ');
    g_string_append(csv->text, code);
}

static void put_defects(Csv *csv, const MbTree *tree, uint32_t part, size_t first_new)
{
    g_string_truncate(csv->text, 0);
    if (part == 0)
        mp_defect_index_each(&csv->index, tree, MB_TREE_NONE, mb_tree_defects(tree), take_defect,
                             csv);
    mp_defect_index_each(&csv->index, tree, part, first_new, take_defect, csv);
    put_word(csv, csv->text->str);
}

static void put_content(Csv *csv, const MbPart *part)
{
    const MpFacts *facts = csv->facts;
    const MbParam *name = mp_facts_name(facts);

    put_word(csv, facts->magic);
    put_text(csv, name != NULL ? name->value : "", name != NULL ? name->value_length : 0);
    put_string(csv, facts->disposition.value);
    put_string(csv, facts->is_text ? facts->charset.used : "");
    put_word(csv, mb_encoding_name(part->encoding));
    if (facts->has_content)
        put_number(csv, facts->size);
    else
        put_word(csv, NULL);
    put_number(csv, part->space);
    put_number(csv, part->body.offset);
    put_number(csv, part->body.length);
    for (size_t i = 0; i < MP_HASHES; i++)
        put_word(csv, facts->hash[i]);
}

static void put_part(Csv *csv, const MpMessage *message, uint32_t index)
{
    MbTree *tree = message->tree;
    size_t first_new = mb_tree_defects(tree);
    MbPart part;

    mp_facts_read(csv->facts, tree, index);
    part = *mb_tree_part(tree, index);
    csv->need_comma = false;
    put_number(csv, message->number);
    put_address(csv, message->item->locator);
    g_string_truncate(csv->text, 0);
    mb_tree_id(tree, index, csv->text);
    put_word(csv, csv->text->str);
    put_word(csv, mb_part_kind_name(part.kind));
    put_string(csv, mb_tree_type(tree, index));
    put_content(csv, &part);
    put_date(csv, tree, index);
    put_field(csv, tree, index, "From");
    put_field(csv, tree, index, "To");
    put_field(csv, tree, index, "Subject");
    put_defects(csv, tree, index, first_new);
    g_string_append(csv->out, "\r\n");
    mp_printer_drain(&csv->printer, csv->out);
}

static void begin(MpPrinter *printer, GString *out)
{
    (void)printer;
    g_string_append(out, header);
}

static void message(MpPrinter *printer, const MpMessage *message, GString *out)
{
    Csv *csv = (Csv *)printer;

    csv->out = out;
    mp_values_check(csv->values, message->tree);
    mp_defect_index_read(&csv->index, message->tree);
    for (uint32_t i = 0; i != MB_TREE_NONE; i = mb_tree_following(message->tree, i, NULL))
        put_part(csv, message, i);
}

static void csv_free(MpPrinter *printer)
{
    Csv *csv = (Csv *)printer;

    mp_facts_free(csv->facts);
    mp_values_free(csv->values);
    mp_defect_index_clear(&csv->index);
    g_byte_array_unref(csv->scratch);
    g_string_free(csv->text, TRUE);
    g_string_free(csv->cell, TRUE);
    g_free(csv);
}

MpPrinter *mp_print_csv_new(const MpOptions *options)
{
    Csv *csv = g_new0(Csv, 1);

    csv->printer = (MpPrinter){.begin = begin, .message = message, .free = csv_free};
    csv->facts = mp_facts_new(options->hash);
    csv->values = mp_values_new();
    mp_defect_index_init(&csv->index);
    csv->scratch = g_byte_array_new();
    csv->text = g_string_new(NULL);
    csv->cell = g_string_new(NULL);
    return &csv->printer;
}
