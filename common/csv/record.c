#include "record.h"

#define BETWEEN_RECORDS 0     /* libcsv's pstate when no record is open */
#define GROWTH          65536 /* octets: its own 128 make a field of 16 MiB grow 131,072 times */

static void start_parser(CsvRecord *record)
{
    csv_init(&record->parser, CSV_STRICT);
    csv_set_blk_size(&record->parser, GROWTH);
}

void csv_record_init(CsvRecord *record, size_t max_octets, size_t max_columns)
{
    *record = (CsvRecord){.text = g_string_new(NULL),
                          .spans = g_array_new(FALSE, FALSE, sizeof(CsvSpan)),
                          .max_octets = max_octets,
                          .max_columns = max_columns};
    start_parser(record);
}

void csv_record_clear(CsvRecord *record)
{
    csv_free(&record->parser);
    g_string_free(record->text, TRUE);
    g_array_unref(record->spans);
}

void csv_record_set_delimiter(CsvRecord *record, char delimiter)
{
    csv_set_delim(&record->parser, (unsigned char)delimiter);
}

void csv_record_restart(CsvRecord *record)
{
    csv_free(&record->parser);
    start_parser(record);
}

bool csv_record_is_open(const CsvRecord *record)
{
    return record->parser.pstate != BETWEEN_RECORDS;
}

static void take_field(void *field, size_t length, void *user)
{
    CsvRecord *record = user;
    CsvSpan span = {.offset = record->text->len, .length = length};

    if (record->spans->len > record->max_columns)
        return;
    g_array_append_val(record->spans, span);
    g_string_append_len(record->text, field, (gssize)length);
    g_string_append_c(record->text, '\0');
}

static void take_end(int octet, void *user)
{
    CsvRecord *record = user;

    (void)octet;
    record->ended = true;
}

/* A quote inside an unquoted value is let through; text behind a closing quote is not: read on, it
 * would shift every column after it. */
static CsvRecordState parse(CsvRecord *record, const char *text, size_t length)
{
    struct csv_parser *parser = &record->parser;

    while (length > 0) {
        size_t done = csv_parse(parser, text, length, take_field, take_end, record);

        text += done;
        length -= done;
        if (length == 0)
            break;
        if (csv_error(parser) != CSV_EPARSE)
            return CSV_RECORD_NO_MEMORY;
        if (parser->quoted)
            return CSV_RECORD_BAD_QUOTE;
        csv_set_opts(parser, 0);
        csv_parse(parser, text, 1, take_field, take_end, record);
        csv_set_opts(parser, CSV_STRICT);
        text++;
        length--;
    }
    return record->ended ? CSV_RECORD_ENDED : CSV_RECORD_OPEN;
}

static void begin(CsvRecord *record, uint64_t number)
{
    g_string_truncate(record->text, 0);
    g_array_set_size(record->spans, 0);
    record->ended = record->invalid = false;
    record->octets = 0;
    record->line = record->field_line = number;
}

CsvRecordState csv_record_feed(CsvRecord *record, const CsvLine *line, uint64_t number, bool last)
{
    CsvRecordState state;
    guint fields;

    if (!csv_record_is_open(record))
        begin(record, number);
    record->octets += line->length;
    if (record->octets > record->max_octets)
        return CSV_RECORD_TOO_LONG;
    if (line->invalid && !record->invalid) {
        record->invalid = true;
        record->bad_offset = line->bad_offset;
        record->bad_octet = line->bad_octet;
    }
    fields = record->spans->len;
    state = parse(record, line->text, line->length);
    if (state == CSV_RECORD_OPEN && last && csv_record_is_open(record))
        state = parse(record, "\n", 1);
    if (state == CSV_RECORD_OPEN && !csv_record_is_open(record))
        state = CSV_RECORD_BLANK;
    if (record->spans->len > fields)
        record->field_line = number;
    return state;
}

bool csv_record_is_empty(const CsvRecord *record)
{
    for (guint i = 0; i < record->spans->len; i++)
        if (g_array_index(record->spans, CsvSpan, i).length > 0)
            return false;
    return true;
}
