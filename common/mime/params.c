#include "params-private.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/charset.h>
#include <mailbatch/mime/words.h>
#include <string.h>

typedef struct {
    struct MbParamsArena *arena;
    MbFlaws *flaws;
} Joiner;

static const MbRawParam *raw_at(const Joiner *joiner, size_t index)
{
    return &g_array_index(joiner->arena->raws, MbRawParam, index);
}

static int compare_names(const Joiner *joiner, const MbRawParam *a, const MbRawParam *b)
{
    const char *text = joiner->arena->text->str;
    int order = memcmp(text + a->name, text + b->name, MIN(a->name_length, b->name_length));

    if (order != 0)
        return order;
    return (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

/* By name; of one name the sections in order, then the others as they came. */
static gint compare_raws(gconstpointer left, gconstpointer right, gpointer data)
{
    const MbRawParam *a = left;
    const MbRawParam *b = right;
    int order = compare_names(data, a, b);

    if (order != 0)
        return order;
    if (a->section != b->section)
        return a->section < b->section ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static size_t put_text(Joiner *joiner, const char *bytes, size_t length)
{
    GString *text = joiner->arena->text;
    size_t start = text->len;

    g_string_append_len(text, bytes, (gssize)length);
    g_string_append_c(text, '\0');
    return start;
}

/* Appends the bytes that percent encoding stands for. `offset` is where the parameter begins. */
static void decode_percent(Joiner *joiner, const char *value, size_t length, size_t offset,
                           GString *out)
{
    for (size_t i = 0; i < length; i++) {
        if (value[i] != '%') {
            g_string_append_c(out, value[i]);
        } else if (i + 2 < length && g_ascii_isxdigit(value[i + 1]) &&
                   g_ascii_isxdigit(value[i + 2])) {
            int byte = g_ascii_xdigit_value(value[i + 1]) << 4 | g_ascii_xdigit_value(value[i + 2]);

            g_string_append_c(out, (char)byte);
            i += 2;
        } else {
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_PERCENT, offset, 1);
            g_string_append_c(out, '%');
        }
    }
}

/* charset'language' in front of an extended value: how long it is; 0 when it is not there. */
static size_t charset_prefix(const char *value, size_t length, size_t *charset_length)
{
    const char *first = memchr(value, '\'', length);
    const char *second =
        first != NULL ? memchr(first + 1, '\'', length - (size_t)(first + 1 - value)) : NULL;

    if (second == NULL)
        return 0;
    *charset_length = (size_t)(first - value);
    return (size_t)(second - value) + 1;
}

/* The value as UTF-8 out of its raw bytes, which stand in the arena. */
static void finish_value(Joiner *joiner, MbReadyParam *ready, bool is_extended)
{
    struct MbParamsArena *arena = joiner->arena;
    const char *raw = arena->text->str + ready->raw;
    size_t length = ready->param.raw_length;
    MbCharsetUse use = {.known = true};
    g_auto(MbFlaws) found = {0};

    ready->value = ready->raw;
    ready->param.value_length = length;
    g_string_truncate(arena->scratch, 0);
    if (is_extended) {
        const char *charset = arena->text->str + ready->charset;

        if (mb_text_is_ascii(raw, length) && *charset == '\0')
            return;
        mb_charset_to_utf8(charset, raw, length, arena->scratch, &use, &found);
    } else if (mb_words_form(raw, length) == MB_WORDS_PLAIN ||
               strcmp(arena->text->str + ready->name, "boundary") == 0) {
        return;
    } else {
        mb_words_decode(raw, length, arena->scratch, &found);
        if (g_strstr_len(raw, (gssize)length, "=?") != NULL &&
            !mb_flaws_has(&found, MB_FLAW_WORD_MALFORMED)) {
            ready->param.flags |= MB_PARAM_WORDS;
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_WORD, ready->param.offset,
                         ready->param.length);
        }
    }
    if (use.lossy || mb_flaws_has(&found, MB_FLAW_CHARSET_LOSSY))
        ready->param.flags |= MB_PARAM_LOSSY;
    for (size_t i = 0; i < mb_flaws_count(&found); i++)
        mb_flaws_add(joiner->flaws, mb_flaws_at(&found, i)->kind, ready->param.offset,
                     ready->param.length);
    ready->param.value_length = arena->scratch->len;
    ready->value = put_text(joiner, arena->scratch->str, arena->scratch->len);
}

/* One parameter out of `count` raw ones in a row: the sections of a split one, or a single one. */
static void put_param(Joiner *joiner, size_t from, size_t count)
{
    struct MbParamsArena *arena = joiner->arena;
    const MbRawParam *first = raw_at(joiner, from);
    MbReadyParam ready = {.name = first->name};
    bool is_extended = (first->flags & MB_PARAM_EXTENDED) != 0;
    size_t end = first->offset + first->length;

    ready.param.offset = first->offset;
    ready.charset = put_text(joiner, "", 0);
    g_string_truncate(arena->scratch, 0);
    for (size_t i = 0; i < count; i++) {
        const MbRawParam *raw = raw_at(joiner, from + i);
        const char *value = arena->text->str + raw->value;
        size_t skip = 0;
        size_t charset_length = 0;

        if (i > 0 && raw->section == raw_at(joiner, from + i - 1)->section) {
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_DUPLICATE, raw->offset, raw->length);
            continue;
        }
        if (raw->section != MB_NO_SECTION &&
            raw->section != (i > 0 ? raw_at(joiner, from + i - 1)->section + 1 : 0))
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_GAP, raw->offset, 0);
        if (i > 0 && raw->order < raw_at(joiner, from + i - 1)->order)
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_ORDER, raw->offset, raw->length);
        if (i == 0 && is_extended) {
            skip = charset_prefix(value, raw->value_length, &charset_length);
            if (skip == 0)
                mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_CHARSET, raw->offset, raw->length);
            ready.charset = put_text(joiner, value, charset_length);
            value = arena->text->str + raw->value;
        }
        if ((raw->flags & MB_PARAM_EXTENDED) != 0)
            decode_percent(joiner, value + skip, raw->value_length - skip, raw->offset,
                           arena->scratch);
        else
            g_string_append_len(arena->scratch, value, (gssize)raw->value_length);
        ready.param.flags |= raw->flags;
        ready.param.offset = MIN(ready.param.offset, raw->offset);
        end = MAX(end, raw->offset + raw->length);
    }
    ready.param.length = end - ready.param.offset;
    ready.param.raw_length = arena->scratch->len;
    ready.raw = put_text(joiner, arena->scratch->str, arena->scratch->len);
    finish_value(joiner, &ready, (ready.param.flags & MB_PARAM_EXTENDED) != 0);
    g_array_append_val(arena->ready, ready);
}

static bool values_differ(const Joiner *joiner, const MbReadyParam *a, const MbReadyParam *b)
{
    const char *text = joiner->arena->text->str;

    return a->param.value_length != b->param.value_length ||
           memcmp(text + a->value, text + b->value, a->param.value_length) != 0;
}

/* Marks what came twice, and forms of one parameter that differ. `from` is the name's first in
 * `ready`. */
static void compare_forms(Joiner *joiner, size_t from)
{
    GArray *ready = joiner->arena->ready;
    bool seen[2] = {false, false};

    for (size_t i = from; i < ready->len; i++) {
        MbReadyParam *one = &g_array_index(ready, MbReadyParam, i);
        const MbReadyParam *first = &g_array_index(ready, MbReadyParam, from);
        bool extended = (one->param.flags & (MB_PARAM_EXTENDED | MB_PARAM_SPLIT)) != 0;

        if (seen[extended]) {
            one->param.flags |= MB_PARAM_DUPLICATE;
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_DUPLICATE, one->param.offset,
                         one->param.length);
        } else if (seen[!extended] && values_differ(joiner, one, first)) {
            mb_flaws_add(joiner->flaws, MB_FLAW_PARAM_TWO_FORMS, one->param.offset,
                         one->param.length);
        }
        seen[extended] = true;
    }
}

static gint compare_offsets(gconstpointer left, gconstpointer right)
{
    const MbReadyParam *a = left;
    const MbReadyParam *b = right;

    return (a->param.offset > b->param.offset) - (a->param.offset < b->param.offset);
}

void mb_params_join(struct MbParamsArena *arena, MbFlaws *flaws)
{
    Joiner joiner = {arena, flaws};
    size_t count = arena->raws->len;
    size_t at = 0;

    if (count > 1)
        g_array_sort_with_data(arena->raws, compare_raws, &joiner);
    while (at < count) {
        size_t first_ready = arena->ready->len;
        const MbRawParam *first = raw_at(&joiner, at);
        size_t sections = 0;
        size_t end = at;

        while (end < count && compare_names(&joiner, first, raw_at(&joiner, end)) == 0) {
            sections += raw_at(&joiner, end)->section != MB_NO_SECTION;
            end++;
        }
        if (sections > 0)
            put_param(&joiner, at, sections);
        for (size_t i = at + sections; i < end; i++)
            put_param(&joiner, i, 1);
        if (arena->ready->len - first_ready > 1)
            compare_forms(&joiner, first_ready);
        at = end;
    }
    if (arena->ready->len > 1)
        g_array_sort(arena->ready, compare_offsets);
}

void mb_params_init(MbParams *params)
{
    struct MbParamsArena *arena = g_new(struct MbParamsArena, 1);

    arena->text = g_string_sized_new(256);
    arena->scratch = g_string_new(NULL);
    arena->raws = g_array_new(FALSE, FALSE, sizeof(MbRawParam));
    arena->ready = g_array_new(FALSE, FALSE, sizeof(MbReadyParam));
    arena->params = g_array_new(FALSE, FALSE, sizeof(MbParam));
    arena->value = 0;
    *params = (MbParams){.value = "", .arena = arena};
}

void mb_params_clear(MbParams *params)
{
    struct MbParamsArena *arena = params->arena;

    if (arena != NULL) {
        g_string_free(arena->text, TRUE);
        g_string_free(arena->scratch, TRUE);
        g_array_unref(arena->raws);
        g_array_unref(arena->ready);
        g_array_unref(arena->params);
        g_free(arena);
    }
    *params = (MbParams){.value = ""};
}

void mb_params_parse(MbParams *params, MbParamsKind kind, const char *body, size_t length,
                     MbFlaws *flaws)
{
    struct MbParamsArena *arena = params->arena;
    const char *text;

    g_string_truncate(arena->text, 0);
    g_array_set_size(arena->raws, 0);
    g_array_set_size(arena->ready, 0);
    mb_params_scan(arena, kind, body, length, flaws);
    mb_params_join(arena, flaws);
    g_array_set_size(arena->params, arena->ready->len);
    text = arena->text->str;
    for (guint i = 0; i < arena->ready->len; i++) {
        MbReadyParam *ready = &g_array_index(arena->ready, MbReadyParam, i);

        ready->param.name = text + ready->name;
        ready->param.value = text + ready->value;
        ready->param.raw = text + ready->raw;
        ready->param.charset = text + ready->charset;
        g_array_index(arena->params, MbParam, i) = ready->param;
    }
    params->value = text + arena->value;
    params->params = (const MbParam *)arena->params->data;
    params->count = arena->params->len;
}

const MbParam *mb_params_get(const MbParams *params, const char *name)
{
    const MbParam *plain = NULL;

    for (size_t i = 0; i < params->count; i++) {
        const MbParam *param = &params->params[i];

        if (strcmp(param->name, name) != 0)
            continue;
        if ((param->flags & (MB_PARAM_EXTENDED | MB_PARAM_SPLIT)) != 0)
            return param;
        if (plain == NULL)
            plain = param;
    }
    return plain;
}
