#include "values.h"

#include <mailbatch/mime/date.h>
#include <mailbatch/mime/words.h>
#include <string.h>

enum {
    ONCE = 1 << 0,    /* RFC 5322, 3.6; RFC 2045, 4 to 8; RFC 2183, 2 */
    ADDRESS = 1 << 1, /* an address list */
    DATE = 1 << 2,
    AUTHOR = 1 << 3, /* people take its address for who wrote */
    MIME = 1 << 4,   /* has a meaning in every part, not only in a message's header */
};

#define KNOWN(name, traits)                                                                        \
    {                                                                                              \
        name, sizeof(name) - 1, traits                                                             \
    }

static const struct {
    const char *name;
    size_t length;
    unsigned traits;
} known[] = {
    /* shorter names first */
    KNOWN("To", ONCE | ADDRESS),
    KNOWN("Cc", ONCE | ADDRESS),
    KNOWN("Bcc", ONCE | ADDRESS),
    KNOWN("From", ONCE | ADDRESS | AUTHOR),
    KNOWN("Date", ONCE | DATE),
    KNOWN("Sender", ONCE | ADDRESS),
    KNOWN("Subject", ONCE),
    KNOWN("Reply-To", ONCE | ADDRESS),
    KNOWN("Resent-To", ADDRESS),
    KNOWN("Resent-Cc", ADDRESS),
    KNOWN("Message-ID", ONCE),
    KNOWN("References", ONCE),
    KNOWN("Resent-Bcc", ADDRESS),
    KNOWN("Content-ID", ONCE | MIME),
    KNOWN("In-Reply-To", ONCE),
    KNOWN("Resent-From", ADDRESS),
    KNOWN("Resent-Date", DATE),
    KNOWN("MIME-Version", ONCE),
    KNOWN("Resent-Sender", ADDRESS),
    KNOWN("Content-Disposition", ONCE | MIME),
    KNOWN("Content-Description", ONCE | MIME),
};

#define KEPT_MAX 10000 /* addresses of a message that are not parsed a second time */

typedef struct {
    const uint8_t *name; /* NULL, and so is the value: not in memory */
    const char *value;
    size_t name_length;
    size_t length;
    uint64_t offset;
    MbWordsForm form;
    bool is_address;
    const MbAddressList *addresses; /* one of the lists, or NULL: not kept */
} FieldNote;

struct MpValues {
    MbTree *tree;
    MpHops *hops;
    GArray *fields;   /* FieldNote, by the field's index */
    GPtrArray *lists; /* of addresses; the first `used` are kept */
    guint used;
    size_t kept; /* addresses in their lists */
    GByteArray *scratch;
    GString *text;
    MbFlaws words;
    MbFlaws flaws;
};

static void free_list(void *list)
{
    mb_address_list_free(list);
}

MpValues *mp_values_new(void)
{
    MpValues *values = g_new0(MpValues, 1);

    values->hops = mp_hops_new();
    values->fields = g_array_new(FALSE, TRUE, sizeof(FieldNote));
    values->lists = g_ptr_array_new_with_free_func(free_list);
    values->scratch = g_byte_array_new();
    values->text = g_string_new(NULL);
    return values;
}

void mp_values_free(MpValues *values)
{
    if (values == NULL)
        return;
    mp_hops_free(values->hops);
    g_array_unref(values->fields);
    g_ptr_array_unref(values->lists);
    g_byte_array_unref(values->scratch);
    g_string_free(values->text, TRUE);
    mb_flaws_clear(&values->words);
    mb_flaws_clear(&values->flaws);
    g_free(values);
}

/* Index in `known`, or its length. */
static size_t find_name(const uint8_t *name, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known) && known[i].length <= length; i++) {
        if (known[i].length == length && (known[i].name[0] | 0x20) == (name[0] | 0x20) &&
            (known[i].name[length - 1] | 0x20) == (name[length - 1] | 0x20) &&
            (memcmp(name, known[i].name, length) == 0 ||
             g_ascii_strncasecmp((const char *)name, known[i].name, length) == 0))
            return i;
    }
    return G_N_ELEMENTS(known);
}

static size_t find_known(MpValues *check, uint32_t field, bool is_message, bool is_buffer)
{
    size_t length;
    const uint8_t *name = mb_tree_field_name(check->tree, field, &length, check->scratch);
    size_t i = name != NULL ? find_name(name, length) : G_N_ELEMENTS(known);
    FieldNote *note = &g_array_index(check->fields, FieldNote, field);

    if (is_buffer) {
        note->name = name;
        note->name_length = length;
    }
    if (i < G_N_ELEMENTS(known) && !is_message && (known[i].traits & MIME) == 0)
        return G_N_ELEMENTS(known);
    return i;
}

static void check_words(MpValues *check, const char *value, size_t length)
{
    g_string_truncate(check->text, 0);
    mb_words_decode(value, length, check->text, &check->words);
}

/* One that is not kept. */
static MbAddressList *spare_list(MpValues *values)
{
    if (values->used == values->lists->len)
        g_ptr_array_add(values->lists, mb_address_list_new());
    return g_ptr_array_index(values->lists, values->used);
}

static void keep(MpValues *check, FieldNote *note, const MbAddressList *list)
{
    size_t count = mb_address_list_count(list);

    if (count > KEPT_MAX - check->kept)
        return;
    check->kept += count;
    note->addresses = list;
    check->used++;
}

/* Display names hold encoded-words, which were checked with the field as a whole. */
static void check_addresses(MpValues *check, const MbField *field, const MbAddressList *list,
                            bool is_author)
{
    size_t mailboxes = 0;
    bool has_group = false;
    uint32_t space = mb_tree_part(check->tree, field->part)->space;

    for (size_t i = 0; is_author && i < mb_address_list_count(list); i++) {
        if (mb_address_list_at(list, i)->is_group)
            has_group = true;
        else
            mailboxes++;
    }
    if (has_group)
        mb_tree_add_defect(check->tree, MB_DEFECT_FROM_GROUP, field->part, space, field->offset,
                           field->length, NULL);
    if (mailboxes > 1)
        mb_tree_add_defect(check->tree, MB_DEFECT_FROM_SEVERAL, field->part, space, field->offset,
                           field->length, NULL);
}

static void add_flaws(MpValues *check, uint32_t part, uint64_t offset)
{
    uint32_t space = mb_tree_part(check->tree, part)->space;

    mb_tree_add_flaws(check->tree, part, offset, &check->words);
    for (size_t i = 0; i < mb_flaws_count(&check->flaws); i++) {
        const MbFlaw *flaw = mb_flaws_at(&check->flaws, i);

        if (!mb_flaws_has(&check->words, flaw->kind))
            mb_tree_add_defect(check->tree, mb_defect_of_flaw(flaw->kind), part, space,
                               offset + flaw->offset, flaw->length, NULL);
    }
}

static void check_value(MpValues *check, uint32_t index, unsigned traits)
{
    FieldNote *note = &g_array_index(check->fields, FieldNote, index);
    const MbField field = *mb_tree_field(check->tree, index);
    uint64_t offset;
    size_t length;
    const uint8_t *bytes =
        mb_tree_field_value(check->tree, index, &length, &offset, check->scratch);
    const char *value = (const char *)bytes;
    MbDate date;

    if (bytes == NULL)
        return;
    if (field.length - field.value_start > MB_TREE_VALUE_MAX)
        mb_tree_add_defect(check->tree, MB_DEFECT_HEADER_VALUE_CUT, field.part,
                           mb_tree_part(check->tree, field.part)->space, field.offset, field.length,
                           NULL);
    mb_flaws_reset(&check->words);
    mb_flaws_reset(&check->flaws);
    if (note->name != NULL) {
        note->value = value;
        note->length = length;
        note->offset = offset;
    }
    note->form = mb_words_form(value, length);
    /* A fold alone is nothing to decode for. */
    if (note->form == MB_WORDS_CODED)
        check_words(check, value, length);
    if ((traits & ADDRESS) != 0) {
        MbAddressList *list = spare_list(check);

        mb_address_list_read(list, value, length, MP_ADDRESSES_MAX, &check->flaws);
        note->is_address = true;
        check_addresses(check, &field, list, (traits & AUTHOR) != 0);
        keep(check, note, list);
    }
    if ((traits & DATE) != 0)
        mb_date_parse(value, length, &date, &check->flaws);
    add_flaws(check, field.part, offset);
}

static void check_part(MpValues *check, uint32_t index)
{
    const MbPart part = *mb_tree_part(check->tree, index);
    bool met[G_N_ELEMENTS(known)] = {false};
    bool is_buffer = mb_tree_is_buffer(check->tree, part.space);

    for (uint32_t i = part.first_field; i < part.first_field + part.fields; i++) {
        size_t at = find_known(check, i, part.is_message, is_buffer);
        unsigned traits = at < G_N_ELEMENTS(known) ? known[at].traits : 0;

        if ((traits & ONCE) != 0) {
            const MbField *field = mb_tree_field(check->tree, i);

            if (met[at])
                mb_tree_add_defect(check->tree, MB_DEFECT_FIELD_TWICE, index, part.space,
                                   field->offset, field->length, known[at].name);
            met[at] = true;
        }
        check_value(check, i, traits);
    }
}

void mp_values_check(MpValues *values, MbTree *tree)
{
    uint32_t parts = mb_tree_parts(tree);

    values->tree = tree;
    values->kept = 0;
    values->used = 0;
    g_array_set_size(values->fields, 0);
    g_array_set_size(values->fields, mb_tree_fields(tree));
    for (uint32_t part = 0; part < parts; part++)
        check_part(values, part);
    for (uint32_t part = parts; part-- > 0;) {
        if (mb_tree_part(tree, part)->is_message)
            mp_hops_read(values->hops, tree, part, true);
    }
}

MpHops *mp_values_hops(MpValues *values)
{
    return values->hops;
}

const uint8_t *mp_values_name(MpValues *values, uint32_t field, size_t *length, GByteArray *scratch)
{
    const FieldNote *note = &g_array_index(values->fields, FieldNote, field);

    if (note->name == NULL)
        return mb_tree_field_name(values->tree, field, length, scratch);
    *length = note->name_length;
    return note->name;
}

const char *mp_values_value(MpValues *values, uint32_t field, size_t *length, uint64_t *offset,
                            GByteArray *scratch)
{
    const FieldNote *note = &g_array_index(values->fields, FieldNote, field);

    if (note->value == NULL)
        return (const char *)mb_tree_field_value(values->tree, field, length, offset, scratch);
    *length = note->length;
    *offset = note->offset;
    return note->value;
}

bool mp_values_is_plain(const MpValues *values, uint32_t field)
{
    return g_array_index(values->fields, FieldNote, field).form == MB_WORDS_PLAIN;
}

const MbAddressList *mp_values_addresses(MpValues *values, uint32_t field)
{
    const FieldNote *note = &g_array_index(values->fields, FieldNote, field);
    const uint8_t *value;
    MbAddressList *list;
    size_t length;

    if (!note->is_address || note->addresses != NULL)
        return note->addresses;
    value = mb_tree_field_value(values->tree, field, &length, NULL, values->scratch);
    if (value == NULL)
        return NULL;
    list = spare_list(values);
    mb_address_list_read(list, (const char *)value, length, MP_ADDRESSES_MAX, NULL);
    return list;
}
