/*
 * What stands inside values, as structure: dates, hops, addresses, file names, kinds of content.
 */
#include "names.h"
#include "print-json.h"
#include "views.h"

#include <mailbatch/mime/address.h>

#define NAMES_SHOWN 64 /* of a part; all parameters are in "params" */

void mp_json_date(MpJson *json, const char *key, const void *raw, size_t length, const MbDate *date)
{
    static const char *const zones[] = {"given", "unknown", "missing"};
    char utc[MB_DATE_TEXT_MAX];

    mb_json_key(&json->json, key);
    mb_json_begin_map(&json->json);
    mp_json_raw(json, "raw", raw, length);
    mb_json_put_bool(&json->json, "valid", date->valid);
    if (date->valid) {
        mb_date_format_utc(date->unix_time, utc);
        mb_json_put_string(&json->json, "utc", utc);
        mb_json_key(&json->json, "tz");
        if (date->zone == MB_ZONE_GIVEN)
            mb_json_signed(&json->json, date->zone_minutes);
        else
            mb_json_null(&json->json);
        mb_json_put_string(&json->json, "zone", zones[date->zone]);
    }
    mb_json_end_map(&json->json);
}

static void put_text(MpJson *json, const char *key, MbReceivedText text)
{
    if (text.text != NULL)
        mp_json_raw(json, key, text.text, text.length);
}

static void put_hop(MpJson *json, const MpHop *hop, size_t n)
{
    const MbField *field = mb_tree_field(json->message->tree, hop->field);
    static const char *const comments[MB_RECEIVED_CLAUSES] = {
        "from_comment", "by_comment", "via_comment", "with_comment", "id_comment", "for_comment"};

    mb_json_begin_map(&json->json);
    mb_json_put_unsigned(&json->json, "n", n);
    for (size_t i = 0; i < MB_RECEIVED_CLAUSES; i++) {
        put_text(json, mb_received_clause_name((MbReceivedClause)i), hop->clause[i]);
        put_text(json, comments[i], hop->comment[i]);
    }
    if (hop->raw_date.text != NULL)
        mp_json_date(json, "date", hop->raw_date.text, hop->raw_date.length, &hop->date);
    mb_json_key(&json->json, "delay");
    if (hop->has_delay)
        mb_json_signed(&json->json, hop->delay);
    else
        mb_json_null(&json->json);
    mb_json_put_bool(&json->json, "backwards", hop->has_delay && hop->delay < 0);
    mb_json_put_unsigned(&json->json, "offset", field->offset);
    mb_json_put_unsigned(&json->json, "length", field->length);
    mb_json_end_map(&json->json);
    mp_printer_drain(&json->printer, json->json.out);
}

void mp_json_hops(MpJson *json, uint32_t part)
{
    MpHops *hops = mp_values_hops(json->values);

    if (part != 0)
        mp_hops_read(hops, json->message->tree, part, false);
    mb_json_key(&json->json, "hops");
    mb_json_begin_array(&json->json);
    for (size_t i = 0; i < mp_hops_count(hops); i++)
        put_hop(json, mp_hops_at(hops, i), i + 1);
    mb_json_end_array(&json->json);
}

static void put_address(MpJson *json, const MbAddress *address, uint64_t offset)
{
    mb_json_begin_map(&json->json);
    mb_json_key(&json->json, "name");
    if (address->name != NULL)
        mb_json_bytes(&json->json, address->name, address->name_length);
    else
        mb_json_null(&json->json);
    if (address->is_group)
        mb_json_put_bool(&json->json, "is_group", true);
    else if (address->address != NULL)
        mp_json_raw(json, "address", address->address, address->address_length);
    if (address->group != MB_ADDRESS_NO_GROUP)
        mb_json_put_unsigned(&json->json, "group", address->group);
    mb_json_put_unsigned(&json->json, "offset", offset + address->offset);
    mb_json_put_unsigned(&json->json, "length", address->length);
    mb_json_end_map(&json->json);
    mp_printer_drain(&json->printer, json->json.out);
}

void mp_json_addresses(MpJson *json, uint32_t field, uint64_t offset)
{
    const MbAddressList *list = mp_values_addresses(json->values, field);

    if (list == NULL)
        return;
    mb_json_key(&json->json, "addresses");
    mb_json_begin_array(&json->json);
    for (size_t i = 0; i < mb_address_list_count(list); i++)
        put_address(json, mb_address_list_at(list, i), offset);
    mb_json_end_array(&json->json);
}

void mp_json_names(MpJson *json)
{
    MpName names[NAMES_SHOWN];
    size_t count = mp_names_list(&json->facts->disposition, &json->facts->type, names, NAMES_SHOWN);

    mb_json_key(&json->json, "names");
    mb_json_begin_array(&json->json);
    for (size_t i = 0; i < MIN(count, (size_t)NAMES_SHOWN); i++) {
        const MbParam *param = names[i].param;

        mb_json_begin_map(&json->json);
        mb_json_put_string(&json->json, "source", names[i].source);
        mp_json_raw(json, "value", param->value, param->value_length);
        mb_json_end_map(&json->json);
        mp_printer_drain(&json->printer, json->json.out);
    }
    mb_json_end_array(&json->json);
}

void mp_json_kind(MpJson *json)
{
    const MpFacts *facts = json->facts;

    if (facts->magic[0] != '\0')
        mb_json_put_string(&json->json, "magic", facts->magic);
    if (facts->encrypted != MP_ENCRYPTED_NO)
        mb_json_put_string(&json->json, "encrypted", mp_encrypted_name(facts->encrypted));
}

void mp_json_views(MpJson *json)
{
    const MpViews *views = json->message->views;

    if (views == NULL)
        return;
    mb_json_key(&json->json, "views");
    mb_json_begin_array(&json->json);
    mb_json_begin_map(&json->json);
    mb_json_put_string(&json->json, "view", "gmime");
    if (mp_views_error(views) == NULL)
        mb_json_put_string(&json->json, "shape", mp_views_shape(views));
    else
        mb_json_put_string(&json->json, "error", mp_views_error(views));
    mb_json_end_map(&json->json);
    mb_json_end_array(&json->json);
}

void mp_json_partial(MpJson *json, GString *out, const MpPartialSet *set)
{
    mp_json_begin(json, out, "partial");
    mp_json_raw(json, "id", set->id, set->id_length);
    mb_json_key(&json->json, "total");
    if (set->total > 0)
        mb_json_unsigned(&json->json, set->total);
    else
        mb_json_null(&json->json);
    mb_json_put_bool(&json->json, "complete", set->is_complete);
    mb_json_key(&json->json, "fragments");
    mb_json_begin_array(&json->json);
    for (size_t i = 0; i < set->count; i++) {
        const MpFragment *fragment = &set->fragments[i];

        mb_json_begin_map(&json->json);
        mb_json_put_unsigned(&json->json, "number", fragment->number);
        mb_json_put_unsigned(&json->json, "message", fragment->message);
        mb_json_put_string(&json->json, "address", fragment->address);
        mb_json_end_map(&json->json);
        mp_printer_drain(&json->printer, out);
    }
    mb_json_end_array(&json->json);
    mp_json_end(json, out);
}
