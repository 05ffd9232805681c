/*
 * JSON lines: a record a message, then one with the sums. mparse(1) has the schema.
 */
#include "print-json.h"

#include <mailbatch/base/text.h>
#include <string.h>

#define SCHEMA "mailbatch/mparse/1"

void mp_json_raw_base64(MpJson *json, const char *key, const void *bytes, size_t length)
{
    g_string_printf(json->text, "%s_base64", key);
    mb_json_key(&json->json, json->text->str);
    mb_json_base64(&json->json, bytes, length);
}

void mp_json_range(MpJson *json, const char *key, MbRange range)
{
    mb_json_key(&json->json, key);
    mb_json_begin_map(&json->json);
    mb_json_put_unsigned(&json->json, "offset", range.offset);
    mb_json_put_unsigned(&json->json, "length", range.length);
    mb_json_end_map(&json->json);
}

void mp_json_id(MpJson *json, const char *key, uint32_t part)
{
    mb_json_key(&json->json, key);
    if (part == MB_TREE_NONE) {
        mb_json_null(&json->json);
        return;
    }
    g_string_truncate(json->text, 0);
    mb_tree_id(json->message->tree, part, json->text);
    mb_json_string(&json->json, json->text->str);
}

static void put_source(MpJson *json)
{
    const MbItem *item = json->message->item;
    const MbLocator *locator = item->locator;

    mb_json_key(&json->json, "source");
    mb_json_begin_map(&json->json);
    mp_json_raw(json, "path", locator->path, strlen(locator->path));
    mb_json_key(&json->json, "container");
    mb_json_begin_array(&json->json);
    for (char **name = locator->containers; *name != NULL; name++)
        mb_json_bytes(&json->json, *name, strlen(*name));
    mb_json_end_array(&json->json);
    mb_json_key(&json->json, "index");
    if (locator->index > 0)
        mb_json_unsigned(&json->json, locator->index);
    else
        mb_json_null(&json->json);
    mb_json_put_unsigned(&json->json, "offset", item->offset);
    mb_json_put_unsigned(&json->json, "length", item->length);
    if (item->kind == MB_ITEM_MBOX)
        mb_json_put_string(&json->json, "dialect", mb_mbox_dialect_name(item->dialect));
    mb_json_end_map(&json->json);
    g_string_truncate(json->text, 0);
    mb_locator_append(locator, json->text);
    mb_json_put_string(&json->json, "address", json->text->str);
}

static void put_message_hash(MpJson *json)
{
    char *hex[MP_HASHES];

    mp_hash_message(json->message, json->digests, json->scratch, hex);
    mb_json_key(&json->json, "hash");
    mb_json_begin_map(&json->json);
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (hex[i] != NULL)
            mb_json_put_string(&json->json, mb_digest_name((MbDigestKind)i), hex[i]);
        g_free(hex[i]);
    }
    mb_json_end_map(&json->json);
}

static void put_date(MpJson *json)
{
    MbTree *tree = json->message->tree;
    uint32_t field = mb_tree_find_field(tree, 0, "Date", MB_TREE_NONE);
    size_t length;
    const uint8_t *value;
    MbDate date;

    if (field == MB_TREE_NONE)
        return;
    value = mb_tree_field_value(tree, field, &length, NULL, json->scratch);
    if (value == NULL)
        return;
    mb_date_parse((const char *)value, length, &date, NULL);
    mp_json_date(json, "date", value, length, &date);
}

static bool put_segment(void *data, const MbSegment *segment)
{
    MpJson *json = data;

    mb_json_begin_map(&json->json);
    mb_json_put_string(&json->json, "kind", mb_bytes_kind_name(segment->kind));
    mb_json_put_unsigned(&json->json, "offset", segment->range.offset);
    mb_json_put_unsigned(&json->json, "length", segment->range.length);
    mp_json_id(json, "part", segment->part);
    mb_json_end_map(&json->json);
    mp_printer_drain(&json->printer, json->json.out);
    return true;
}

static void put_sums(MpJson *json, const uint64_t sums[MB_BYTES_KINDS])
{
    mb_json_key(&json->json, "bytes");
    mb_json_begin_map(&json->json);
    for (size_t kind = 0; kind < MB_BYTES_KINDS; kind++)
        mb_json_put_unsigned(&json->json, mb_bytes_kind_name((MbBytesKind)kind), sums[kind]);
    mb_json_end_map(&json->json);
}

static void put_spaces(MpJson *json)
{
    const MbTree *tree = json->message->tree;

    mb_json_key(&json->json, "spaces");
    mb_json_begin_array(&json->json);
    for (uint32_t space = 0; space < mb_tree_spaces(tree); space++) {
        uint64_t sums[MB_BYTES_KINDS] = {0};

        mb_tree_account(tree, space, sums);
        mb_json_begin_map(&json->json);
        mb_json_put_unsigned(&json->json, "space", space);
        mp_json_id(json, "part", mb_tree_space_owner(tree, space));
        mb_json_put_unsigned(&json->json, "length", mb_tree_space_length(tree, space));
        put_sums(json, sums);
        mb_json_key(&json->json, "ranges");
        mb_json_begin_array(&json->json);
        mb_tree_each_range(tree, space, put_segment, json);
        mb_json_end_array(&json->json);
        mb_json_end_map(&json->json);
    }
    mb_json_end_array(&json->json);
}

static void put_defects(MpJson *json)
{
    const MbTree *tree = json->message->tree;

    mb_json_key(&json->json, "defects");
    mb_json_begin_array(&json->json);
    for (size_t i = 0; i < mb_tree_defects(tree); i++) {
        const MbDefect *defect = mb_tree_defect(tree, i);
        const char *detail = mb_tree_defect_detail(tree, defect);

        mb_json_begin_map(&json->json);
        mb_json_put_string(&json->json, "code", mb_defect_code(defect->code));
        mb_json_put_string(&json->json, "severity",
                           mb_severity_name(mb_defect_severity(defect->code)));
        mb_json_put_unsigned(&json->json, "space", defect->space);
        mb_json_put_unsigned(&json->json, "offset", defect->offset);
        mb_json_put_unsigned(&json->json, "length", defect->length);
        mp_json_id(json, "part", defect->part);
        mb_json_put_string(&json->json, "detail",
                           detail[0] != '\0' ? detail : mb_defect_text(defect->code));
        mb_json_end_map(&json->json);
    }
    mb_json_end_array(&json->json);
}

static void put_limits(MpJson *json, guint limits)
{
    mb_json_key(&json->json, "limits_hit");
    mb_json_begin_array(&json->json);
    for (guint limit = 1; limit <= MB_LIMIT_HEADERS; limit <<= 1) {
        if ((limits & limit) != 0)
            mb_json_string(&json->json, mb_limit_name((MbLimit)limit));
    }
    mb_json_end_array(&json->json);
}

void mp_json_begin(MpJson *json, GString *out, const char *record)
{
    mb_json_init(&json->json, out);
    mb_json_begin_map(&json->json);
    mb_json_put_string(&json->json, "schema", SCHEMA);
    mb_json_put_string(&json->json, "record", record);
}

void mp_json_end(MpJson *json, GString *out)
{
    mb_json_end_map(&json->json);
    g_string_append_c(out, '\n');
}

static void message(MpPrinter *printer, const MpMessage *message, GString *out)
{
    MpJson *json = (MpJson *)printer;
    MbTree *tree = message->tree;

    json->message = message;
    mp_values_check(json->values, message->tree);
    mp_json_begin(json, out, "message");
    mb_json_put_unsigned(&json->json, "n", message->number);
    put_source(json);
    put_message_hash(json);
    put_date(json);
    g_string_truncate(json->text, 0);
    mb_tree_shape(tree, json->text);
    mb_json_put_string(&json->json, "shape", json->text->str);
    mp_json_views(json);
    mp_json_hops(json, 0);
    mp_json_fields(json, 0);
    mp_json_parts(json);
    put_spaces(json);
    put_defects(json);
    put_limits(json, mb_tree_limits_hit(tree));
    mp_json_end(json, out);
}

static void other(MpPrinter *printer, const MbItem *item, GString *out)
{
    MpJson *json = (MpJson *)printer;

    mp_json_begin(json, out, "other");
    json->message = &(MpMessage){.item = item};
    put_source(json);
    mp_json_end(json, out);
}

static void failure(MpPrinter *printer, const char *text, GString *out)
{
    MpJson *json = (MpJson *)printer;

    mp_json_begin(json, out, "failure");
    mb_json_put_string(&json->json, "error", text);
    mp_json_end(json, out);
}

typedef struct {
    MpJson *json;
    GString *out;
} Partials;

static void partial(void *data, const MpPartialSet *set)
{
    const Partials *to = data;

    mp_json_partial(to->json, to->out, set);
}

static void summary(MpPrinter *printer, const MpSummary *summary, GString *out)
{
    MpJson *json = (MpJson *)printer;
    Partials to = {json, out};

    if (json->options->partials != NULL)
        mp_partials_each(json->options->partials, partial, &to);
    mp_json_begin(json, out, "summary");
    mb_json_put_unsigned(&json->json, "bytes_in", summary->bytes_in);
    mb_json_put_unsigned(&json->json, "messages", summary->messages);
    mb_json_put_unsigned(&json->json, "message_bytes", summary->message_bytes);
    put_sums(json, summary->kinds);
    mb_json_put_unsigned(&json->json, "decoded_spaces", summary->decoded_spaces);
    mb_json_put_unsigned(&json->json, "decoded_bytes", summary->decoded_bytes);
    mb_json_put_unsigned(&json->json, "others", summary->others);
    mb_json_put_unsigned(&json->json, "failures", summary->failures);
    mb_json_put_unsigned(&json->json, "defective", summary->defective);
    put_limits(json, summary->limits);
    mp_json_end(json, out);
}

static void json_free(MpPrinter *printer)
{
    MpJson *json = (MpJson *)printer;

    mp_facts_free(json->facts);
    mp_values_free(json->values);
    g_byte_array_unref(json->scratch);
    g_string_free(json->text, TRUE);
    for (size_t i = 0; i < MP_HASHES; i++)
        mb_digest_free(json->digests[i]);
    g_free(json);
}

MpPrinter *mp_print_json_new(const MpOptions *options)
{
    MpJson *json = g_new0(MpJson, 1);

    json->printer = (MpPrinter){.message = message,
                                .other = other,
                                .failure = failure,
                                .summary = summary,
                                .free = json_free};
    json->options = options;
    json->facts = mp_facts_new(options->hash);
    json->values = mp_values_new();
    json->scratch = g_byte_array_new();
    json->text = g_string_new(NULL);
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (options->hash[i])
            json->digests[i] = mb_digest_new((MbDigestKind)i);
    }
    return &json->printer;
}
