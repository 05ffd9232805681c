#include "partials.h"

#include <pthread.h>
#include <string.h>

typedef struct {
    GArray *fragments; /* of MpFragment */
} Set;

struct MpPartials {
    pthread_mutex_t mutex;
    GHashTable *sets; /* of Set, by id (GBytes) */
    size_t count;
    size_t bytes; /* of ids and addresses */
    bool is_full;
};

static void free_set(gpointer data)
{
    Set *set = data;

    for (guint i = 0; i < set->fragments->len; i++)
        g_free(g_array_index(set->fragments, MpFragment, i).address);
    g_array_unref(set->fragments);
    g_free(set);
}

MpPartials *mp_partials_new(void)
{
    MpPartials *partials = g_new0(MpPartials, 1);

    pthread_mutex_init(&partials->mutex, NULL);
    partials->sets =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, free_set);
    return partials;
}

void mp_partials_free(MpPartials *partials)
{
    if (partials == NULL)
        return;
    pthread_mutex_destroy(&partials->mutex);
    g_hash_table_unref(partials->sets);
    g_free(partials);
}

static bool read_number(const MbParam *param, uint64_t *number)
{
    g_autofree char *text = NULL;
    guint64 value;

    if (param == NULL || memchr(param->value, '\0', param->value_length) != NULL)
        return false;
    text = g_strstrip(g_strndup(param->value, param->value_length));
    if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT32, &value, NULL))
        return false;
    *number = value;
    return true;
}

bool mp_partials_read(const MbParams *type, const MbParam **id, uint64_t *number, uint64_t *total)
{
    *id = mb_params_get(type, "id");
    *total = 0;
    read_number(mb_params_get(type, "total"), total);
    return *id != NULL && (*id)->value_length > 0 &&
           read_number(mb_params_get(type, "number"), number) && (*total == 0 || *number <= *total);
}

/* The same sum in whatever order fragments come, so that all runs are full, or none. */
static bool take_room(MpPartials *partials, size_t bytes)
{
    partials->count++;
    partials->bytes += bytes;
    if (partials->count > MP_PARTIALS_MAX || partials->bytes > MP_PARTIALS_BYTES) {
        partials->is_full = true;
        g_hash_table_remove_all(partials->sets);
    }
    return !partials->is_full;
}

static void add(MpPartials *partials, const MbParam *id, MpFragment *fragment)
{
    g_autoptr(GBytes) key = g_bytes_new(id->value, id->value_length);
    Set *set;

    pthread_mutex_lock(&partials->mutex);
    set = g_hash_table_lookup(partials->sets, key);
    if (partials->is_full ||
        !take_room(partials, strlen(fragment->address) + (set == NULL ? id->value_length : 0))) {
        g_free(fragment->address);
    } else {
        if (set == NULL) {
            set = g_new0(Set, 1);
            set->fragments = g_array_new(FALSE, FALSE, sizeof(MpFragment));
            g_hash_table_insert(partials->sets, g_bytes_ref(key), set);
        }
        g_array_append_val(set->fragments, *fragment);
    }
    pthread_mutex_unlock(&partials->mutex);
}

void mp_partials_note(MpPartials *partials, const MpMessage *message)
{
    MbTree *tree = message->tree;
    g_autoptr(GByteArray) scratch = NULL;

    for (uint32_t part = 0; part < mb_tree_parts(tree); part++) {
        g_auto(MbParams) type = {0};
        g_autoptr(GString) text = NULL;
        MpFragment fragment = {.message = message->number};
        const MbParam *id;
        const uint8_t *value;
        size_t length;

        if (mb_tree_part(tree, part)->content_type == MB_TREE_NONE ||
            strcmp(mb_tree_type(tree, part), "message/partial") != 0)
            continue;
        if (scratch == NULL)
            scratch = g_byte_array_new();
        value = mb_tree_field_value(tree, mb_tree_part(tree, part)->content_type, &length, NULL,
                                    scratch);
        if (value == NULL)
            continue;
        mb_params_init(&type);
        mb_params_parse(&type, MB_PARAMS_TYPE, (const char *)value, length, NULL);
        if (!mp_partials_read(&type, &id, &fragment.number, &fragment.total))
            continue;
        text = g_string_new(NULL);
        mb_locator_append(message->item->locator, text);
        g_string_append_c(text, ':');
        mb_tree_id(tree, part, text);
        fragment.address = g_strdup(text->str);
        add(partials, id, &fragment);
    }
}

bool mp_partials_is_full(MpPartials *partials)
{
    return partials->is_full;
}

static int by_number(const void *a, const void *b)
{
    const MpFragment *left = a;
    const MpFragment *right = b;

    if (left->number != right->number)
        return left->number < right->number ? -1 : 1;
    if (left->message != right->message)
        return left->message < right->message ? -1 : 1;
    return strcmp(left->address, right->address);
}

static uint64_t first_message(const MpPartialSet *set)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < set->count; i++)
        first = MIN(first, set->fragments[i].message);
    return first;
}

static int by_message(const void *a, const void *b)
{
    const MpPartialSet *left = a;
    const MpPartialSet *right = b;
    uint64_t first = first_message(left);
    uint64_t second = first_message(right);

    if (first != second)
        return first < second ? -1 : 1;
    return strcmp(left->fragments[0].address, right->fragments[0].address);
}

/* The total need stand in the last fragment only (RFC 2046, 5.2.2). */
static void judge(MpPartialSet *set)
{
    bool agree = true;

    for (size_t i = 0; i < set->count; i++) {
        uint64_t total = set->fragments[i].total;

        agree = agree && (total == 0 || set->total == 0 || total == set->total);
        set->total = total != 0 && set->total == 0 ? total : set->total;
    }
    set->is_complete = agree && set->total > 0 && set->count == set->total;
    for (size_t i = 0; i < set->count && set->is_complete; i++)
        set->is_complete = set->fragments[i].number == i + 1;
}

void mp_partials_each(MpPartials *partials, void (*each)(void *data, const MpPartialSet *set),
                      void *data)
{
    g_autoptr(GArray) sets = g_array_new(FALSE, FALSE, sizeof(MpPartialSet));
    GHashTableIter iter;
    gpointer key, value;

    if (partials->is_full)
        return;
    g_hash_table_iter_init(&iter, partials->sets);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        GArray *fragments = ((Set *)value)->fragments;
        MpPartialSet set = {.count = fragments->len};

        g_array_sort(fragments, by_number);
        set.id = g_bytes_get_data(key, &set.id_length);
        set.fragments = (const MpFragment *)(const void *)fragments->data;
        judge(&set);
        g_array_append_val(sets, set);
    }
    g_array_sort(sets, by_message);
    for (guint i = 0; i < sets->len; i++)
        each(data, &g_array_index(sets, MpPartialSet, i));
}
