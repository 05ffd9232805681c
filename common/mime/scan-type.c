#include "comment.h"
#include "scan-private.h"

#include <string.h>

#define BOUNDARY_USUAL 70 /* RFC 2046, 5.1.1 */

void scan_values_reset(MbScan *scan)
{
    g_array_set_size(scan->values, 0);
    g_byte_array_set_size(scan->value_bytes, 0);
    scan->value_is_open = false;
}

void scan_value_begin(MbScan *scan, MbFieldKind kind, uint32_t field, uint64_t offset)
{
    ScanValue value = {kind, field, offset, scan->value_bytes->len, 0, false};

    scan->value_is_open = kind != MB_FIELD_OTHER;
    if (scan->value_is_open)
        g_array_append_val(scan->values, value);
}

void scan_value_add(MbScan *scan, const uint8_t *bytes, size_t length)
{
    ScanValue *value;
    size_t room;

    if (!scan->value_is_open)
        return;
    value = &g_array_index(scan->values, ScanValue, scan->values->len - 1);
    room = MB_SCAN_VALUE_MAX - scan->value_bytes->len;
    if (length > room) {
        value->is_cut = true;
        length = room;
    }
    g_byte_array_append(scan->value_bytes, bytes, (guint)length);
    value->length += (guint)length;
}

/* Content-Type's type: where its two tokens stand in the value, and what follows. */
typedef struct {
    const uint8_t *value;
    size_t length;
    size_t type, type_length;
    size_t subtype, subtype_length;
    size_t rest;
    const ScanValue *field;
} TypeReading;

static size_t skip_space(const uint8_t *bytes, size_t length, size_t at)
{
    guint depth = 0;

    for (; at < length; at++) {
        uint8_t c = bytes[at];

        if (c == '(')
            depth++;
        else if (depth > 0 && c == ')')
            depth--;
        else if (depth > 0 && c == '\\')
            at++;
        else if (depth == 0 && !scan_is_blank(c) && c != '\r' && c != '\n')
            break;
    }
    return MIN(at, length);
}

static bool is_token(uint8_t c)
{
    return c > ' ' && c != 0x7F && !mb_is_tspecial((char)c);
}

static size_t token_end(const uint8_t *bytes, size_t length, size_t at)
{
    while (at < length && is_token(bytes[at]))
        at++;
    return at;
}

static TypeReading read_type(const MbScan *scan, const ScanValue *field)
{
    TypeReading type = {
        .value = scan->value_bytes->data + field->at, .length = field->length, .field = field};
    size_t at = skip_space(type.value, type.length, 0);

    if (at < type.length && type.value[at] == '"')
        at++;
    type.type = at;
    at = token_end(type.value, type.length, at);
    type.type_length = at - type.type;
    type.rest = at;
    at = skip_space(type.value, type.length, at);
    if (type.type_length == 0 || at == type.length || type.value[at] != '/')
        return type;
    at = skip_space(type.value, type.length, at + 1);
    type.subtype = at;
    type.rest = token_end(type.value, type.length, at);
    type.subtype_length = type.rest - type.subtype;
    return type;
}

static bool token_is(const TypeReading *type, size_t at, size_t length, const char *word)
{
    return length == strlen(word) &&
           g_ascii_strncasecmp((const char *)type->value + at, word, length) == 0;
}

static bool is_multipart(const TypeReading *type)
{
    return token_is(type, type->type, type->type_length, "multipart");
}

static bool is_message(const TypeReading *type)
{
    static const char *const kinds[] = {"rfc822", "global", "news", "rfc2822", "x-rfc822"};

    if (!token_is(type, type->type, type->type_length, "message"))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (token_is(type, type->subtype, type->subtype_length, kinds[i]))
            return true;
    }
    return false;
}

/* What stands for a subtype that is missing. */
static const char *usual_subtype(const TypeReading *type)
{
    static const char *const usual[][2] = {
        {"text", "plain"},
        {"multipart", "mixed"},
        {"application", "octet-stream"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(usual); i++) {
        if (token_is(type, type->type, type->type_length, usual[i][0]))
            return usual[i][1];
    }
    return NULL;
}

/* A container says more than a leaf; otherwise the first that says anything counts. */
static bool is_better(const TypeReading *type, const TypeReading *best)
{
    if (type->type_length == 0 || (type->subtype_length == 0 && usual_subtype(type) == NULL))
        return false;
    if (best->type_length == 0)
        return true;
    return (is_multipart(type) || is_message(type)) && !is_multipart(best) && !is_message(best);
}

static TypeReading choose_type(MbScan *scan, uint32_t part)
{
    TypeReading best = {0};
    guint met = 0;

    for (guint i = 0; i < scan->values->len; i++) {
        const ScanValue *field = &g_array_index(scan->values, ScanValue, i);
        TypeReading type;

        if (field->kind != MB_FIELD_CONTENT_TYPE)
            continue;
        type = read_type(scan, field);
        if (++met == 2)
            scan_defect(scan, MB_DEFECT_TYPE_TWICE, part, field->offset, field->length, NULL);
        if (field->is_cut)
            scan_defect(scan, MB_DEFECT_HEADER_VALUE_CUT, part, field->offset, field->length, NULL);
        if (is_better(&type, &best))
            best = type;
        else if (type.type_length == 0 || type.subtype_length == 0)
            scan_defect(scan, MB_DEFECT_TYPE_UNREADABLE, part, field->offset, field->length, NULL);
        if (memchr(type.value, '\v', type.length) != NULL ||
            memchr(type.value, '\f', type.length) != NULL)
            scan_defect(scan, MB_DEFECT_HEADER_VT, part, field->offset, field->length, NULL);
    }
    return best;
}

static void set_type(MbScan *scan, uint32_t part, const TypeReading *type)
{
    mb_tree_part_mutable(scan->tree, part)->content_type = type->field->field;
    if (token_is(type, type->type, type->type_length, "text") &&
        token_is(type, type->subtype, type->subtype_length, "plain"))
        return;
    g_string_truncate(scan->type, 0);
    g_string_append_len(scan->type, (const char *)type->value + type->type,
                        (gssize)type->type_length);
    g_string_append_c(scan->type, '/');
    if (type->subtype_length > 0) {
        g_string_append_len(scan->type, (const char *)type->value + type->subtype,
                            (gssize)type->subtype_length);
    } else {
        g_string_append(scan->type, usual_subtype(type));
        scan_defect(scan, MB_DEFECT_TYPE_NO_SUBTYPE, part, type->field->offset, type->field->length,
                    NULL);
    }
    mb_tree_set_type(scan->tree, part, scan->type->str, scan->type->len);
}

/* Transfer encoding ---------------------------------------------------------------------------- */

static MbEncoding read_encoding(MbScan *scan, uint32_t part, const ScanValue *field)
{
    static const MbEncoding usual[] = {MB_ENCODING_7BIT, MB_ENCODING_8BIT, MB_ENCODING_BASE64,
                                       MB_ENCODING_QP, MB_ENCODING_BINARY};
    const char *value = (const char *)scan->value_bytes->data + field->at;
    size_t start = 0;
    size_t end = field->length;
    MbEncoding encoding;

    while (start < end && g_ascii_isspace(value[start]))
        start++;
    while (end > start && g_ascii_isspace(value[end - 1]))
        end--;
    for (size_t i = 0; i < G_N_ELEMENTS(usual); i++) {
        const char *name = mb_encoding_name(usual[i]);

        if (strlen(name) == end - start &&
            g_ascii_strncasecmp(value + start, name, end - start) == 0)
            return usual[i];
    }
    mb_flaws_reset(&scan->flaws);
    encoding = mb_encoding_parse(value + start, end - start, &scan->flaws);
    mb_tree_add_flaws(scan->tree, part, field->offset + start, &scan->flaws);
    return encoding;
}

/* Of several the first that hides content counts, then the first that is known. */
static MbEncoding choose_encoding(MbScan *scan, uint32_t part)
{
    MbEncoding best = MB_ENCODING_7BIT;
    guint met = 0;

    for (guint i = 0; i < scan->values->len; i++) {
        const ScanValue *field = &g_array_index(scan->values, ScanValue, i);
        MbEncoding encoding;

        if (field->kind != MB_FIELD_CONTENT_ENCODING)
            continue;
        encoding = read_encoding(scan, part, field);
        if (++met == 2)
            scan_defect(scan, MB_DEFECT_ENCODING_TWICE, part, field->offset, field->length, NULL);
        if (met == 1 || (!mb_encoding_is_identity(encoding) && mb_encoding_is_identity(best)) ||
            (best == MB_ENCODING_UNKNOWN && encoding != MB_ENCODING_UNKNOWN)) {
            best = encoding;
            mb_tree_part_mutable(scan->tree, part)->content_encoding = field->field;
        }
    }
    return best;
}

/* Boundaries ----------------------------------------------------------------------------------- */

typedef struct {
    MbScan *scan;
    uint32_t part;
    const ScanValue *field;
    guint readings;
    bool is_empty;
} Boundaries;

static void add_boundary(Boundaries *to, const uint8_t *bytes, size_t length)
{
    MbScan *scan = to->scan;
    guint frame = scan->frames->len;
    size_t trimmed = length;

    if (length > BOUNDARY_USUAL && to->readings == 0)
        scan_defect(scan, MB_DEFECT_BOUNDARY_LONG, to->part, to->field->offset, to->field->length,
                    NULL);
    while (trimmed > 0 && scan_is_blank(bytes[trimmed - 1]))
        trimmed--;
    if (trimmed == 0)
        to->is_empty = true;
    if (!scan_push_boundary(scan, frame, bytes, length))
        return;
    if (++to->readings == 2)
        scan_defect(scan, MB_DEFECT_BOUNDARY_TWO, to->part, to->field->offset, to->field->length,
                    NULL);
    if (trimmed == length || trimmed == 0)
        return;
    scan_push_boundary(scan, frame, bytes, trimmed);
    scan_defect(scan, MB_DEFECT_BOUNDARY_BLANK, to->part, to->field->offset, to->field->length,
                NULL);
}

/* The usual case, without more ado: `; name=token` and `; name="text"` only, and one boundary.
 * SCAN_MORE: the value is not that simple. */
static ScanVerdict read_simple(const TypeReading *type, size_t *start, size_t *length)
{
    const uint8_t *value = type->value;
    size_t at = type->rest;
    ScanVerdict found = SCAN_NO;

    while (at < type->length) {
        size_t name, name_end, text, text_end;

        while (at < type->length && g_ascii_isspace(value[at]))
            at++;
        if (at == type->length)
            break;
        if (value[at++] != ';')
            return SCAN_MORE;
        while (at < type->length && g_ascii_isspace(value[at]))
            at++;
        name = at;
        name_end = at = token_end(value, type->length, at);
        if (name_end == type->length)
            return name == name_end ? found : SCAN_MORE;
        if (value[at++] != '=' || memchr(value + name, '*', name_end - name) != NULL)
            return SCAN_MORE;
        text = at;
        if (at < type->length && value[at] == '"') {
            text = ++at;
            while (at < type->length && value[at] != '"' && value[at] >= ' ' && value[at] != '\\')
                at++;
            text_end = at;
            if (at == type->length || value[at++] != '"')
                return SCAN_MORE;
        } else {
            text_end = at = token_end(value, type->length, at);
        }
        if (!token_is(type, name, name_end - name, "boundary"))
            continue;
        if (found == SCAN_YES)
            return SCAN_MORE;
        found = SCAN_YES;
        *start = text;
        *length = text_end - text;
    }
    return found;
}

/* What stands between "=" and the next parameter, as it stands: escapes, comments, blanks. */
static void add_literal(Boundaries *to, const TypeReading *type, const MbParam *param)
{
    const uint8_t *bytes = type->value + param->offset;
    size_t end = param->length;
    const uint8_t *equals = memchr(bytes, '=', end);
    size_t at = equals != NULL ? (size_t)(equals - bytes) + 1 : end;

    while (at < end && g_ascii_isspace(bytes[at]))
        at++;
    while (end > at && (g_ascii_isspace(bytes[end - 1]) || bytes[end - 1] == ';'))
        end--;
    if (at < end && bytes[at] == '"') {
        at++;
        if (end > at && bytes[end - 1] == '"')
            end--;
    }
    if (end > at)
        add_boundary(to, bytes + at, end - at);
}

static void read_all(Boundaries *to, const TypeReading *type)
{
    MbScan *scan = to->scan;

    mb_params_parse(&scan->params, MB_PARAMS_TYPE, (const char *)type->value, type->length, NULL);
    for (size_t i = 0; i < scan->params.count; i++) {
        const MbParam *param = &scan->params.params[i];
        size_t word = 0;

        if (strcmp(param->name, "boundary") != 0)
            continue;
        add_boundary(to, (const uint8_t *)param->raw, param->raw_length);
        while (word < param->raw_length && !g_ascii_isspace(param->raw[word]) &&
               param->raw[word] != '(')
            word++;
        if ((param->flags & MB_PARAM_BLANKS) != 0 && word > 0)
            add_boundary(to, (const uint8_t *)param->raw, word);
        if ((param->flags & (MB_PARAM_SPLIT | MB_PARAM_EXTENDED)) == 0)
            add_literal(to, type, param);
    }
}

/* True when there is none that could be used. */
static bool find_boundaries(MbScan *scan, uint32_t part, const TypeReading *type)
{
    Boundaries to = {.scan = scan, .part = part, .field = type->field};
    size_t start = 0;
    size_t length = 0;
    ScanVerdict simple = read_simple(type, &start, &length);

    if (simple == SCAN_YES)
        add_boundary(&to, type->value + start, length);
    else if (simple == SCAN_MORE)
        read_all(&to, type);
    if (to.readings == 0 || to.is_empty)
        scan_defect(scan, to.is_empty ? MB_DEFECT_BOUNDARY_EMPTY : MB_DEFECT_BOUNDARY_MISSING, part,
                    type->field->offset, type->field->length, NULL);
    return to.readings == 0 || (to.is_empty && to.readings == 1);
}

static bool all_boundaries(MbScan *scan, uint32_t part)
{
    bool none = true;

    for (guint i = 0; i < scan->values->len; i++) {
        const ScanValue *field = &g_array_index(scan->values, ScanValue, i);
        TypeReading type;

        if (field->kind != MB_FIELD_CONTENT_TYPE)
            continue;
        type = read_type(scan, field);
        if (is_multipart(&type) && !find_boundaries(scan, part, &type))
            none = false;
    }
    return none;
}

static bool in_digest(const MbTree *tree, uint32_t part)
{
    uint32_t parent = mb_tree_part(tree, part)->parent;

    return !mb_tree_part(tree, part)->is_message && parent != MB_TREE_NONE &&
           strcmp(mb_tree_type(tree, parent), "multipart/digest") == 0;
}

MbPartKind scan_decide(MbScan *scan, uint32_t part, bool *is_guessing)
{
    TypeReading type = choose_type(scan, part);
    MbEncoding encoding = choose_encoding(scan, part);
    MbPartKind kind = MB_PART_LEAF;

    *is_guessing = false;
    mb_tree_part_mutable(scan->tree, part)->encoding = encoding;
    if (type.type_length > 0) {
        set_type(scan, part, &type);
        kind = is_multipart(&type) ? MB_PART_MULTIPART
               : is_message(&type) ? MB_PART_MESSAGE
                                   : MB_PART_LEAF;
    } else if (in_digest(scan->tree, part)) {
        mb_tree_set_type(scan->tree, part, "message/rfc822", strlen("message/rfc822"));
        kind = MB_PART_MESSAGE;
    }
    if (kind == MB_PART_MULTIPART)
        *is_guessing = all_boundaries(scan, part);
    /* RFC 2045, 6.4; message/global may be encoded (RFC 6532, 3.7). */
    if (kind != MB_PART_LEAF && !mb_encoding_is_identity(encoding) &&
        strcmp(mb_tree_type(scan->tree, part), "message/global") != 0)
        scan_defect(scan, MB_DEFECT_ENCODING_COMPOSITE, part,
                    mb_tree_part(scan->tree, part)->header.offset, 0, mb_encoding_name(encoding));
    return kind;
}
