/*
 * Rows of the database: everything that JSON tells of a message, as tables.
 */
#include "facts.h"
#include "hops.h"
#include "print.h"
#include "rows.h"
#include "values.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/date.h>
#include <string.h>

typedef struct {
    MpPrinter printer;
    const MpOptions *options;
    MpFacts *facts;
    MpValues *values;
    GByteArray *scratch;
    GString *text;
    MbDigest *digests[MP_HASHES];
    const MpMessage *message;
    GString *out;
} Rows;

/* Cells ---------------------------------------------------------------------------------------- */

static void put_id(Rows *rows, uint32_t part)
{
    if (part == MB_TREE_NONE) {
        mp_row_null(rows->out);
        return;
    }
    g_string_truncate(rows->text, 0);
    mb_tree_id(rows->message->tree, part, rows->text);
    mp_row_text(rows->out, rows->text->str);
}

/* NULL for "". */
static void put_known(Rows *rows, const char *text)
{
    mp_row_text(rows->out, text[0] != '\0' ? text : NULL);
}

static void put_range(Rows *rows, MbRange range)
{
    mp_row_int(rows->out, (int64_t)range.offset);
    mp_row_int(rows->out, (int64_t)range.length);
}

static void put_param(Rows *rows, const MbParam *param)
{
    if (param != NULL)
        mp_row_bytes(rows->out, param->value, param->value_length);
    else
        mp_row_null(rows->out);
}

static void put_decoded(Rows *rows, uint32_t field)
{
    if (field == MB_TREE_NONE) {
        mp_row_null(rows->out);
        return;
    }
    g_string_truncate(rows->text, 0);
    mp_facts_field_text(rows->facts, rows->message->tree, field, rows->text);
    mp_row_bytes(rows->out, rows->text->str, rows->text->len);
}

static void begin_row(Rows *rows, MpTable table)
{
    mp_row_begin(rows->out, table);
    mp_row_int(rows->out, (int64_t)rows->message->number);
}

/* Sources and messages ------------------------------------------------------------------------- */

static void put_place(GString *out, const MbLocator *locator)
{
    g_autoptr(GString) container = g_string_new(NULL);

    for (char **name = locator->containers; *name != NULL; name++) {
        if (name != locator->containers)
            g_string_append_c(container, '!');
        mb_locator_append_name(*name, container);
    }
    mp_row_bytes(out, locator->path, strlen(locator->path));
    mp_row_text(out, container->str);
}

static void put_source(const MbItem *item, bool is_mail, GString *out)
{
    static const char *const kinds[] = {
        [MB_ITEM_EML] = "eml", [MB_ITEM_MBOX] = "mbox", [MB_ITEM_MAILDIR] = "maildir"};

    mp_row_begin(out, MP_TABLE_SOURCES);
    put_place(out, item->locator);
    mp_row_text(out, is_mail ? kinds[item->kind] : "other");
}

/* date, time, zone: as it stands, and what it means. */
static void put_date(Rows *rows)
{
    MbTree *tree = rows->message->tree;
    uint32_t field = mb_tree_find_field(tree, 0, "Date", MB_TREE_NONE);
    const uint8_t *value = NULL;
    size_t length;
    MbDate date = {0};

    if (field != MB_TREE_NONE)
        value = mb_tree_field_value(tree, field, &length, NULL, rows->scratch);
    if (value == NULL) {
        mp_row_null(rows->out);
    } else {
        mp_row_bytes(rows->out, value, length);
        mb_date_parse((const char *)value, length, &date, NULL);
    }
    if (date.valid)
        mp_row_int(rows->out, date.unix_time);
    else
        mp_row_null(rows->out);
    if (date.valid && date.zone == MB_ZONE_GIVEN)
        mp_row_int(rows->out, date.zone_minutes);
    else
        mp_row_null(rows->out);
}

/* The first address in From. */
static void put_sender(Rows *rows)
{
    MbTree *tree = rows->message->tree;
    uint32_t field = mb_tree_find_field(tree, 0, "From", MB_TREE_NONE);
    const uint8_t *value = NULL;
    size_t length;

    if (field != MB_TREE_NONE)
        value = mb_tree_field_value(tree, field, &length, NULL, rows->scratch);
    if (value != NULL) {
        g_autoptr(MbAddressList) list =
            mb_address_list_parse((const char *)value, length, MP_ADDRESSES_MAX, NULL);

        for (size_t i = 0; i < mb_address_list_count(list); i++) {
            const MbAddress *address = mb_address_list_at(list, i);

            if (address->is_group || address->address == NULL)
                continue;
            mp_row_bytes(rows->out, address->address, address->address_length);
            return;
        }
    }
    mp_row_null(rows->out);
}

static void put_message_hash(Rows *rows)
{
    char *hex[MP_HASHES];

    mp_hash_message(rows->message, rows->digests, rows->scratch, hex);
    for (size_t i = 0; i < MP_HASHES; i++) {
        mp_row_text(rows->out, hex[i]);
        g_free(hex[i]);
    }
}

static void put_message(Rows *rows)
{
    const MbItem *item = rows->message->item;
    MbTree *tree = rows->message->tree;

    put_source(item, true, rows->out);
    begin_row(rows, MP_TABLE_MESSAGES);
    put_place(rows->out, item->locator);
    g_string_truncate(rows->text, 0);
    mb_locator_append(item->locator, rows->text);
    mp_row_text(rows->out, rows->text->str);
    mp_row_int(rows->out, (int64_t)item->offset);
    mp_row_int(rows->out, (int64_t)item->length);
    put_decoded(rows, mb_tree_find_field(tree, 0, "Message-ID", MB_TREE_NONE));
    put_date(rows);
    put_sender(rows);
    put_decoded(rows, mb_tree_find_field(tree, 0, "Subject", MB_TREE_NONE));
    g_string_truncate(rows->text, 0);
    mb_tree_shape(tree, rows->text);
    mp_row_text(rows->out, rows->text->str);
    put_message_hash(rows);
    mp_printer_drain(&rows->printer, rows->out);
}

/* What a message has --------------------------------------------------------------------------- */

/* `raw` only where the value does not say it all. */
static void put_header(Rows *rows, uint32_t part, uint32_t index, uint32_t n)
{
    MbTree *tree = rows->message->tree;
    const MbField field = *mb_tree_field(tree, index);
    size_t length = 0;
    const uint8_t *bytes = mb_tree_field_name(tree, index, &length, rows->scratch);

    if (bytes == NULL || (!rows->options->all_headers && !mp_is_main_field(bytes, length)))
        return;
    begin_row(rows, MP_TABLE_HEADERS);
    put_id(rows, part);
    mp_row_int(rows->out, n);
    bytes = mb_tree_field_name(tree, index, &length, rows->scratch);
    mp_row_bytes(rows->out, bytes != NULL ? (const void *)bytes : "", bytes != NULL ? length : 0);
    put_decoded(rows, index);
    bytes = mb_tree_field_value(tree, index, &length, NULL, rows->scratch);
    if (bytes == NULL ||
        (length == rows->text->len && memcmp(bytes, rows->text->str, length) == 0 &&
         mb_text_is_utf8(bytes, length, NULL) && memchr(bytes, 0, length) == NULL))
        mp_row_null(rows->out);
    else
        mp_row_blob(rows->out, bytes, length);
    mp_row_int(rows->out, mb_tree_part(tree, part)->space);
    put_range(rows, (MbRange){field.offset, field.length});
    mp_printer_drain(&rows->printer, rows->out);
}

static void put_headers(Rows *rows, uint32_t part)
{
    const MbPart at = *mb_tree_part(rows->message->tree, part);

    for (uint32_t i = 0; i < at.fields; i++)
        put_header(rows, part, at.first_field + i, i + 1);
}

static void put_charset(Rows *rows)
{
    const MpFacts *facts = rows->facts;

    mp_row_text(rows->out, facts->is_text ? mp_facts_declared_charset(facts) : NULL);
    mp_row_text(rows->out, facts->is_text ? facts->charset.used : NULL);
    if (facts->is_text)
        mp_row_int(rows->out, facts->charset.lossy);
    else
        mp_row_null(rows->out);
}

static void put_part(Rows *rows, uint32_t index)
{
    MbTree *tree = rows->message->tree;
    const MpFacts *facts = rows->facts;
    MbPart part;

    mp_facts_read(rows->facts, tree, index);
    part = *mb_tree_part(tree, index);
    begin_row(rows, MP_TABLE_PARTS);
    mp_row_int(rows->out, index);
    put_id(rows, index);
    if (part.parent == MB_TREE_NONE)
        mp_row_null(rows->out);
    else
        mp_row_int(rows->out, part.parent);
    mp_row_text(rows->out, mb_part_kind_name(part.kind));
    mp_row_text(rows->out, mb_tree_type(tree, index));
    put_known(rows, facts->magic);
    put_param(rows, mp_facts_name(facts));
    put_known(rows, facts->disposition.value);
    mp_row_int(rows->out, part.kind == MB_PART_LEAF && part.first_child == MB_TREE_NONE &&
                              mp_facts_is_attachment(facts, tree, index));
    put_charset(rows);
    mp_row_text(rows->out, mb_encoding_name(part.encoding));
    mp_row_text(rows->out, mp_encrypted_name(facts->encrypted));
    if (facts->has_content)
        mp_row_int(rows->out, (int64_t)facts->size);
    else
        mp_row_null(rows->out);
    mp_row_int(rows->out, part.space);
    put_range(rows, part.header);
    put_range(rows, part.body);
    for (size_t i = 0; i < MP_HASHES; i++)
        mp_row_text(rows->out, facts->hash[i]);
    mp_printer_drain(&rows->printer, rows->out);
}

static void put_text(Rows *rows, MbReceivedText text)
{
    if (text.text != NULL)
        mp_row_bytes(rows->out, text.text, text.length);
    else
        mp_row_null(rows->out);
}

static void put_hop(Rows *rows, const MpHop *hop, size_t n)
{
    begin_row(rows, MP_TABLE_HOPS);
    mp_row_int(rows->out, (int64_t)n);
    for (size_t i = 0; i < MB_RECEIVED_CLAUSES; i++)
        put_text(rows, hop->clause[i]);
    put_text(rows, hop->raw_date);
    if (hop->has_time)
        mp_row_int(rows->out, hop->date.unix_time);
    else
        mp_row_null(rows->out);
    if (hop->has_delay)
        mp_row_int(rows->out, hop->delay);
    else
        mp_row_null(rows->out);
    mp_printer_drain(&rows->printer, rows->out);
}

static void put_defects(Rows *rows)
{
    const MbTree *tree = rows->message->tree;

    for (size_t i = 0; i < mb_tree_defects(tree); i++) {
        const MbDefect *defect = mb_tree_defect(tree, i);
        const char *detail = mb_tree_defect_detail(tree, defect);

        begin_row(rows, MP_TABLE_DEFECTS);
        put_id(rows, defect->part);
        mp_row_text(rows->out, mb_defect_code(defect->code));
        mp_row_text(rows->out, mb_severity_name(mb_defect_severity(defect->code)));
        mp_row_int(rows->out, defect->space);
        put_range(rows, (MbRange){defect->offset, defect->length});
        mp_row_text(rows->out, detail[0] != '\0' ? detail : mb_defect_text(defect->code));
        mp_printer_drain(&rows->printer, rows->out);
    }
}

/* The printer ---------------------------------------------------------------------------------- */

static void message(MpPrinter *printer, const MpMessage *message, GString *out)
{
    Rows *rows = (Rows *)printer;
    MbTree *tree = message->tree;
    const MpHops *hops;

    rows->message = message;
    rows->out = out;
    mp_values_check(rows->values, tree);
    hops = mp_values_hops(rows->values);
    put_message(rows);
    for (uint32_t i = 0; i != MB_TREE_NONE; i = mb_tree_following(tree, i, NULL)) {
        put_headers(rows, i);
        put_part(rows, i);
    }
    for (size_t i = 0; i < mp_hops_count(hops); i++)
        put_hop(rows, mp_hops_at(hops, i), i + 1);
    put_defects(rows);
}

static void other(MpPrinter *printer, const MbItem *item, GString *out)
{
    (void)printer;
    put_source(item, false, out);
}

static void failure(MpPrinter *printer, const char *text, GString *out)
{
    (void)printer;
    mp_row_begin(out, MP_TABLE_FAILURES);
    mp_row_text(out, text);
}

static void rows_free(MpPrinter *printer)
{
    Rows *rows = (Rows *)printer;

    mp_facts_free(rows->facts);
    mp_values_free(rows->values);
    g_byte_array_unref(rows->scratch);
    g_string_free(rows->text, TRUE);
    for (size_t i = 0; i < MP_HASHES; i++)
        mb_digest_free(rows->digests[i]);
    g_free(rows);
}

MpPrinter *mp_print_sqlite_new(const MpOptions *options)
{
    Rows *rows = g_new0(Rows, 1);

    rows->printer =
        (MpPrinter){.message = message, .other = other, .failure = failure, .free = rows_free};
    rows->options = options;
    rows->facts = mp_facts_new(options->hash);
    rows->values = mp_values_new();
    rows->scratch = g_byte_array_new();
    rows->text = g_string_new(NULL);
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (options->hash[i])
            rows->digests[i] = mb_digest_new((MbDigestKind)i);
    }
    return &rows->printer;
}
