#include "values.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
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

typedef struct {
    MbTree *tree;
    GByteArray *scratch;
    GString *text;
    MbFlaws words;
    MbFlaws flaws;
} Check;

/* Index in `known`, or its length. */
static size_t find_name(const uint8_t *name, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known) && known[i].length <= length; i++) {
        if (known[i].length == length && (known[i].name[0] | 0x20) == (name[0] | 0x20) &&
            g_ascii_strncasecmp((const char *)name, known[i].name, length) == 0)
            return i;
    }
    return G_N_ELEMENTS(known);
}

static size_t find_known(Check *check, uint32_t field, bool is_message)
{
    size_t length;
    const uint8_t *name = mb_tree_field_name(check->tree, field, &length, check->scratch);
    size_t i = name != NULL ? find_name(name, length) : G_N_ELEMENTS(known);

    if (i < G_N_ELEMENTS(known) && !is_message && (known[i].traits & MIME) == 0)
        return G_N_ELEMENTS(known);
    return i;
}

bool mp_values_is_address_field(const uint8_t *name, size_t length)
{
    size_t i = find_name(name, length);

    return i < G_N_ELEMENTS(known) && (known[i].traits & ADDRESS) != 0;
}

static void check_words(Check *check, const char *value, size_t length)
{
    /* A fold alone is nothing to decode for. */
    if (mb_text_is_ascii(value, length) && memchr(value, '=', length) == NULL &&
        memchr(value, '\0', length) == NULL)
        return;
    if (!mb_words_needed(value, length))
        return;
    g_string_truncate(check->text, 0);
    mb_words_decode(value, length, check->text, &check->words);
}

/* Display names hold encoded-words, which were checked with the field as a whole. */
static void check_addresses(Check *check, const MbField *field, const char *value, size_t length,
                            bool is_author)
{
    g_autoptr(MbAddressList) list =
        mb_address_list_parse(value, length, MP_ADDRESSES_MAX, &check->flaws);
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

static void add_flaws(Check *check, uint32_t part, uint64_t offset)
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

static void check_value(Check *check, uint32_t index, unsigned traits)
{
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
    check_words(check, value, length);
    if ((traits & ADDRESS) != 0)
        check_addresses(check, &field, value, length, (traits & AUTHOR) != 0);
    if ((traits & DATE) != 0)
        mb_date_parse(value, length, &date, &check->flaws);
    add_flaws(check, field.part, offset);
}

static void check_part(Check *check, uint32_t index)
{
    const MbPart part = *mb_tree_part(check->tree, index);
    bool met[G_N_ELEMENTS(known)] = {false};

    for (uint32_t i = part.first_field; i < part.first_field + part.fields; i++) {
        size_t at = find_known(check, i, part.is_message);
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

void mp_values_check(MbTree *tree, MpHops *hops)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    Check check = {.tree = tree, .scratch = scratch, .text = g_string_new(NULL)};

    for (uint32_t part = 0; part < mb_tree_parts(tree); part++)
        check_part(&check, part);
    for (uint32_t part = mb_tree_parts(tree); part-- > 0;) {
        if (mb_tree_part(tree, part)->is_message)
            mp_hops_read(hops, tree, part, true);
    }
    g_string_free(check.text, TRUE);
    mb_flaws_clear(&check.words);
    mb_flaws_clear(&check.flaws);
}
