#include "print-json.h"

#include <mailbatch/mime/words.h>
#include <string.h>

/* `is_text`: nothing stands behind the raw value as a string. */
static void put_decoded(MpJson *json, uint32_t field, const char *value, size_t length,
                        bool is_text)
{
    if (value != NULL && is_text && mp_values_is_plain(json->values, field)) {
        mb_json_put_last(&json->json, "decoded");
        return;
    }
    g_string_truncate(json->text, 0);
    if (value != NULL)
        mb_words_decode(value, length, json->text, NULL);
    mb_json_put_bytes(&json->json, "decoded", json->text->str, json->text->len);
}

static void put_field(MpJson *json, uint32_t field, uint32_t n)
{
    const MbField at = *mb_tree_field(json->message->tree, field);
    bool is_text = false;
    uint64_t offset = 0;
    size_t length;
    const uint8_t *name;
    const char *value;

    mb_json_begin_map(&json->json);
    mb_json_put_unsigned(&json->json, "n", n);
    name = mp_values_name(json->values, field, &length, json->scratch);
    if (name != NULL)
        mp_json_raw(json, "name", name, length);
    value = mp_values_value(json->values, field, &length, &offset, json->scratch);
    if (value != NULL)
        is_text = mp_json_raw(json, "raw", value, length);
    put_decoded(json, field, value, length, is_text);
    mb_json_put_unsigned(&json->json, "offset", at.offset);
    mb_json_put_unsigned(&json->json, "length", at.length);
    mp_json_addresses(json, field, offset);
    mb_json_end_map(&json->json);
    mp_printer_drain(&json->printer, json->json.out);
}

static bool is_main(MpJson *json, uint32_t field)
{
    size_t length;
    const uint8_t *name = mb_tree_field_name(json->message->tree, field, &length, json->scratch);

    return name != NULL && mp_is_main_field(name, length);
}

void mp_json_fields(MpJson *json, uint32_t part)
{
    MbTree *tree = json->message->tree;
    const MbPart *at = mb_tree_part(tree, part);

    mb_json_key(&json->json, "headers");
    mb_json_begin_array(&json->json);
    for (uint32_t i = 0; i < at->fields; i++) {
        if (json->options->all_headers || is_main(json, at->first_field + i))
            put_field(json, at->first_field + i, i + 1);
    }
    mb_json_end_array(&json->json);
}

static void put_params(MpJson *json, const MbParams *params)
{
    mb_json_begin_array(&json->json);
    for (size_t i = 0; i < params->count; i++) {
        const MbParam *param = &params->params[i];

        mb_json_begin_map(&json->json);
        mb_json_put_string(&json->json, "name", param->name);
        mb_json_put_bytes(&json->json, "value", param->value, param->value_length);
        if (param->raw_length != param->value_length ||
            memcmp(param->raw, param->value, param->raw_length) != 0)
            mp_json_raw(json, "raw", param->raw, param->raw_length);
        mb_json_end_map(&json->json);
    }
    mb_json_end_array(&json->json);
}

static void put_charset(MpJson *json)
{
    const MpFacts *facts = json->facts;

    if (!facts->is_text)
        return;
    mb_json_key(&json->json, "charset");
    mb_json_begin_map(&json->json);
    mb_json_put_string(&json->json, "declared", mp_facts_declared_charset(facts));
    mb_json_put_string(&json->json, "detected",
                       facts->charset.detected[0] != '\0' ? facts->charset.detected : NULL);
    mb_json_put_string(&json->json, "used", facts->charset.used);
    mb_json_put_bool(&json->json, "lossy", facts->charset.lossy);
    mb_json_end_map(&json->json);
}

static void put_encoding(MpJson *json, const MbPart *part)
{
    MbTree *tree = json->message->tree;
    const uint8_t *value = NULL;
    size_t length = 0;

    mb_json_key(&json->json, "cte");
    mb_json_begin_map(&json->json);
    if (part->content_encoding != MB_TREE_NONE)
        value = mb_tree_field_value(tree, part->content_encoding, &length, NULL, json->scratch);
    if (value != NULL)
        mp_json_raw(json, "declared", value, length);
    mb_json_put_string(&json->json, "used", mb_encoding_name(part->encoding));
    if (json->facts->has_content)
        mb_json_put_unsigned(&json->json, "errors", json->facts->encoding_errors);
    mb_json_end_map(&json->json);
}

static void put_content(MpJson *json)
{
    const MpFacts *facts = json->facts;

    if (!facts->has_content)
        return;
    mb_json_put_unsigned(&json->json, "size_decoded", facts->size);
    mb_json_key(&json->json, "hash");
    mb_json_begin_map(&json->json);
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (facts->hash[i] != NULL)
            mb_json_put_string(&json->json, mb_digest_name((MbDigestKind)i), facts->hash[i]);
    }
    mb_json_end_map(&json->json);
}

static void put_part(MpJson *json, uint32_t index)
{
    MbTree *tree = json->message->tree;
    const MbPart part = *mb_tree_part(tree, index);

    mp_facts_read(json->facts, tree, index);
    mp_json_id(json, "id", index);
    mb_json_put_string(&json->json, "kind", mb_part_kind_name(part.kind));
    mb_json_put_string(&json->json, "type", mb_tree_type(tree, index));
    mb_json_key(&json->json, "params");
    put_params(json, &json->facts->type);
    put_charset(json);
    put_encoding(json, &part);
    mp_json_names(json);
    mb_json_put_string(&json->json, "disposition",
                       json->facts->disposition.value[0] != '\0' ? json->facts->disposition.value
                                                                 : NULL);
    mb_json_put_unsigned(&json->json, "space", part.space);
    mp_json_range(json, "header", part.header);
    mp_json_range(json, "body", part.body);
    if (part.kind == MB_PART_MULTIPART)
        mb_json_put_bool(&json->json, "complete", part.is_complete);
    put_content(json);
    mp_json_kind(json);
    if (index != 0 && part.is_message)
        mp_json_hops(json, index);
    if (index != 0)
        mp_json_fields(json, index);
    mp_printer_drain(&json->printer, json->json.out);
}

/* Nested maps without nested calls. */
void mp_json_parts(MpJson *json)
{
    const MbTree *tree = json->message->tree;
    uint32_t index = 0;

    mb_json_key(&json->json, "part");
    while (index != MB_TREE_NONE) {
        const MbPart *part;

        mb_json_begin_map(&json->json);
        put_part(json, index);
        mb_json_key(&json->json, "subParts");
        mb_json_begin_array(&json->json);
        part = mb_tree_part(tree, index);
        if (part->first_child != MB_TREE_NONE) {
            index = part->first_child;
            continue;
        }
        mb_json_end_array(&json->json);
        mb_json_end_map(&json->json);
        while (part->next == MB_TREE_NONE && part->parent != MB_TREE_NONE) {
            mb_json_end_array(&json->json);
            mb_json_end_map(&json->json);
            part = mb_tree_part(tree, part->parent);
        }
        index = part->next;
    }
}
