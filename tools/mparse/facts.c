#include "facts.h"

#include "names.h"
#include "partials.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/filename.h>
#include <mailbatch/mime/words.h>
#include <string.h>

#define SAMPLE MP_CONTENT_SAMPLE

MpFacts *mp_facts_new(const bool hashes[MP_HASHES])
{
    MpFacts *facts = g_new0(MpFacts, 1);

    mb_params_init(&facts->type);
    mb_params_init(&facts->disposition);
    memcpy(facts->wanted, hashes, sizeof(facts->wanted));
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (hashes[i])
            facts->digests[i] = mb_digest_new((MbDigestKind)i);
    }
    facts->sample = g_byte_array_new();
    facts->content = mp_content_new();
    facts->magic = "";
    facts->scratch = g_byte_array_new();
    return facts;
}

void mp_facts_free(MpFacts *facts)
{
    if (facts == NULL)
        return;
    mb_params_clear(&facts->type);
    mb_params_clear(&facts->disposition);
    for (size_t i = 0; i < MP_HASHES; i++) {
        mb_digest_free(facts->digests[i]);
        g_free(facts->hash[i]);
    }
    mb_converter_free(facts->converter);
    g_byte_array_unref(facts->sample);
    mp_content_free(facts->content);
    g_byte_array_unref(facts->scratch);
    mb_flaws_clear(&facts->flaws);
    mb_flaws_clear(&facts->charset_flaws);
    g_free(facts);
}

static void parse_field(MpFacts *facts, MbTree *tree, uint32_t part, uint32_t field,
                        MbParamsKind kind, MbParams *params, uint64_t *offset)
{
    const uint8_t *value = NULL;
    size_t length = 0;

    mb_flaws_reset(&facts->flaws);
    if (field != MB_TREE_NONE)
        value = mb_tree_field_value(tree, field, &length, offset, facts->scratch);
    if (value == NULL) {
        mb_params_parse(params, kind, "", 0, NULL);
        return;
    }
    mb_params_parse(params, kind, (const char *)value, length, &facts->flaws);
    if (!facts->is_silent)
        mb_tree_add_flaws(tree, part, *offset, &facts->flaws);
}

void mp_facts_read_fields(MpFacts *facts, MbTree *tree, uint32_t part)
{
    const MbPart *at = mb_tree_part(tree, part);

    facts->has_content = facts->is_text = false;
    facts->size = facts->encoding_errors = 0;
    for (size_t i = 0; i < MP_HASHES; i++)
        g_clear_pointer(&facts->hash[i], g_free);
    facts->magic = "";
    facts->encrypted = MP_ENCRYPTED_NO;
    parse_field(facts, tree, part, at->content_type, MB_PARAMS_TYPE, &facts->type,
                &facts->type_offset);
    parse_field(facts, tree, part, mb_tree_find_kind(tree, part, MB_FIELD_CONTENT_DISPOSITION),
                MB_PARAMS_DISPOSITION, &facts->disposition, &facts->disposition_offset);
}

const char *mp_facts_declared_charset(const MpFacts *facts)
{
    const MbParam *param = mb_params_get(&facts->type, "charset");

    return param != NULL ? param->value : NULL;
}

static void choose_charset(MpFacts *facts)
{
    mb_charset_choose(mp_facts_declared_charset(facts), facts->begin, facts->begin_length, false,
                      &facts->charset, &facts->charset_flaws);
    facts->converter = mb_converter_new(facts->charset.used);
    mb_converter_push(facts->converter, facts->begin, facts->begin_length, NULL);
}

static void take_sample(MpFacts *facts, const uint8_t *bytes, size_t length)
{
    size_t room = SAMPLE - facts->sample->len;

    if (facts->converter != NULL) {
        mb_converter_push(facts->converter, bytes, length, NULL);
        return;
    }
    g_byte_array_append(facts->sample, bytes, (guint)MIN(room, length));
    facts->begin = facts->sample->data;
    facts->begin_length = facts->sample->len;
    if (!facts->is_text || length <= room)
        return;
    choose_charset(facts);
    mb_converter_push(facts->converter, bytes + room, length - room, NULL);
}

static void take_bytes(MpFacts *facts, const void *bytes, size_t length)
{
    facts->size += length;
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (facts->digests[i] != NULL)
            mb_digest_update(facts->digests[i], bytes, length);
    }
}

static bool take_content(void *data, const void *bytes, size_t length)
{
    take_bytes(data, bytes, length);
    take_sample(data, bytes, length);
    return true;
}

/* All of it at once. */
static void take_in_place(MpFacts *facts, const uint8_t *bytes, size_t length)
{
    take_bytes(facts, bytes, length);
    facts->begin = bytes;
    facts->begin_length = MIN(length, SAMPLE);
    if (!facts->is_text || length <= SAMPLE)
        return;
    choose_charset(facts);
    mb_converter_push(facts->converter, bytes + SAMPLE, length - SAMPLE, NULL);
}

static bool read_content(MpFacts *facts, MbTree *tree, uint32_t part)
{
    size_t length;
    const uint8_t *content = mb_tree_content(tree, part, &length);

    if (content == NULL)
        return mb_tree_decode(tree, part, take_content, facts, &facts->flaws);
    take_in_place(facts, content, length);
    return true;
}

/* Where the bytes are encoded, an offset in the text is none in the body: the body as a whole is
 * named. */
static void report_charset(MpFacts *facts, MbTree *tree, uint32_t part)
{
    const MbPart at = *mb_tree_part(tree, part);

    if (mb_encoding_is_identity(at.encoding)) {
        mb_tree_place_flaws(tree, part, &facts->charset_flaws);
        mb_tree_add_flaws(tree, part, at.body.offset, &facts->charset_flaws);
        return;
    }
    for (size_t i = 0; i < mb_flaws_count(&facts->charset_flaws); i++) {
        const MbFlaw *flaw = mb_flaws_at(&facts->charset_flaws, i);

        mb_tree_add_defect(tree, mb_defect_of_flaw(flaw->kind), part, at.space, at.body.offset,
                           at.body.length, NULL);
    }
}

static void finish_text(MpFacts *facts, MbTree *tree, uint32_t part)
{
    if (facts->converter == NULL) {
        mb_charset_check(mp_facts_declared_charset(facts), facts->begin, facts->begin_length,
                         &facts->charset, &facts->charset_flaws);
    } else {
        mb_converter_finish(facts->converter, NULL, &facts->charset);
        g_clear_pointer(&facts->converter, mb_converter_free);
        if (facts->charset.lossy)
            mb_flaws_add(&facts->charset_flaws, MB_FLAW_CHARSET_LOSSY, facts->charset.first_error,
                         1);
    }
    report_charset(facts, tree, part);
}

/* What stands at the part's type, or at its name, because another of the three says otherwise. */
static void report_contradiction(MpFacts *facts, MbTree *tree, uint32_t part, unsigned code,
                                 const MbParam *name, const char *detail)
{
    bool is_disposition = name != NULL && name == mb_params_get(&facts->disposition, "filename");
    uint64_t offset = is_disposition ? facts->disposition_offset : facts->type_offset;

    mb_tree_add_defect(tree, code, part, mb_tree_part(tree, part)->space,
                       offset + (name != NULL ? name->offset : 0),
                       name != NULL ? name->length : strlen(facts->type.value), detail);
}

static void compare_kinds(MpFacts *facts, MbTree *tree, uint32_t part)
{
    const MbParam *name = mp_facts_name(facts);
    bool is_declared = mb_tree_part(tree, part)->content_type != MB_TREE_NONE;
    char extension[MB_FILENAME_EXTENSION_MAX] = "";
    MpContradiction found;
    g_autofree char *by_name = NULL;

    if (name != NULL)
        mb_filename_extension(name->value, name->value_length, extension);
    found = mp_content_compare(facts->magic, is_declared ? facts->type.value : NULL, extension);
    if (found.magic_declared)
        report_contradiction(facts, tree, part, MB_DEFECT_CONTENT_NOT_TYPE, NULL, facts->magic);
    if (found.magic_extension || found.declared_extension)
        by_name = g_strdup_printf(".%s is %s", extension,
                                  found.magic_extension ? facts->magic : facts->type.value);
    if (found.magic_extension)
        report_contradiction(facts, tree, part, MB_DEFECT_CONTENT_NOT_NAME, name, by_name);
    else if (found.declared_extension)
        report_contradiction(facts, tree, part, MB_DEFECT_TYPE_NOT_NAME, name, by_name);
}

/* message/external-body and message/partial: what is not here. */
static void report_elsewhere(MpFacts *facts, MbTree *tree, uint32_t part)
{
    const char *type = mb_tree_type(tree, part);
    const MbPart at = *mb_tree_part(tree, part);
    MbRange place = at.header;
    g_autofree char *detail = NULL;
    g_autofree char *shown = NULL;
    unsigned code = MB_DEFECT_EXTERNAL_BODY;

    if (strcmp(type, "message/external-body") == 0) {
        const MbParam *access = mb_params_get(&facts->type, "access-type");

        shown = access != NULL ? mb_text_printable(access->value, access->value_length)
                               : g_strdup("not said");
        detail = g_strdup_printf("access-type: %s", shown);
    } else if (strcmp(type, "message/partial") == 0) {
        const MbParam *id;
        uint64_t number, total;
        bool is_good = mp_partials_read(&facts->type, &id, &number, &total);

        code = is_good ? MB_DEFECT_PARTIAL : MB_DEFECT_PARTIAL_BAD;
        if (is_good && total > 0)
            detail = g_strdup_printf("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, number, total);
        else if (is_good)
            detail = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    } else {
        return;
    }
    /* Of a field over the limit only what it says is known. */
    if (at.content_type != MB_TREE_NONE) {
        const MbField *field = mb_tree_field(tree, at.content_type);

        place = (MbRange){field->offset, field->length};
    }
    mb_tree_add_defect(tree, code, part, at.space, place.offset, place.length, detail);
}

/* What the content is, by its beginning. */
static void read_kind(MpFacts *facts, MbTree *tree, uint32_t part)
{
    MbPartKind kind = mb_tree_part(tree, part)->kind;

    if (kind == MB_PART_LEAF) {
        facts->magic = mp_content_magic(facts->content, facts->begin, facts->begin_length);
        compare_kinds(facts, tree, part);
    }
    facts->encrypted =
        mp_encrypted_read(tree, part, facts->magic, facts->begin, facts->begin_length);
}

static uint64_t count_flaws(const MbFlaws *flaws)
{
    uint64_t sum = 0;

    for (unsigned kind = 0; kind < MB_FLAW_KINDS; kind++) {
        if (mb_flaw_weight((MbFlawKind)kind) != 'I')
            sum += flaws->counts[kind];
    }
    return sum;
}

void mp_facts_read(MpFacts *facts, MbTree *tree, uint32_t part)
{
    const MbPart at = *mb_tree_part(tree, part);

    mp_facts_read_fields(facts, tree, part);
    mp_names_check(tree, part, &facts->disposition, facts->disposition_offset, &facts->type,
                   facts->type_offset, &facts->flaws);
    report_elsewhere(facts, tree, part);
    g_byte_array_set_size(facts->sample, 0);
    facts->begin = NULL;
    facts->begin_length = 0;
    if (at.first_child != MB_TREE_NONE || !at.has_ranges || at.kind == MB_PART_MULTIPART) {
        read_kind(facts, tree, part);
        return;
    }
    facts->is_text = g_str_has_prefix(mb_tree_type(tree, part), "text/");
    facts->charset = (MbCharsetUse){0};
    mb_flaws_reset(&facts->flaws);
    mb_flaws_reset(&facts->charset_flaws);
    facts->has_content = read_content(facts, tree, part);
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (facts->digests[i] != NULL)
            facts->hash[i] = mb_digest_finish_hex(facts->digests[i]);
    }
    facts->encoding_errors = count_flaws(&facts->flaws);
    mb_tree_add_flaws(tree, part, at.body.offset, &facts->flaws);
    if (facts->is_text)
        finish_text(facts, tree, part);
    read_kind(facts, tree, part);
}

const MbParam *mp_facts_name(const MpFacts *facts)
{
    const MbParam *name = mb_params_get(&facts->disposition, "filename");

    return name != NULL ? name : mb_params_get(&facts->type, "name");
}

bool mp_facts_is_attachment(const MpFacts *facts, const MbTree *tree, uint32_t part)
{
    return strcmp(facts->disposition.value, "attachment") == 0 || mp_facts_name(facts) != NULL ||
           !g_str_has_prefix(mb_tree_type(tree, part), "text/");
}

void mp_facts_field_text(MpFacts *facts, MbTree *tree, uint32_t field, GString *out)
{
    size_t length;
    const uint8_t *value = mb_tree_field_value(tree, field, &length, NULL, facts->scratch);

    if (value == NULL)
        return;
    mb_words_decode((const char *)value, length, out, NULL);
}
