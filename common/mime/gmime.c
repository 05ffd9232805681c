#include <gmime/gmime.h>
#include <mailbatch/base/error.h>
#include <mailbatch/mime/gmime.h>
#include <string.h>

/* More colons than this in an address field are no addresses: each may open a group, and GMime
 * recurses into groups without a bound. */
#define COLONS_MAX 64

/* A header line without colon of about 4 KiB makes GMime 3.2.13 give the message up. */
#define LINE_MAX_OCTETS 2048

MB_DEFINE_QUARK(mb_gmime_error)

static gpointer start_gmime(gpointer unused)
{
    g_mime_init();
    return unused;
}

/* Whether the line begins with the name of a field that GMime reads addresses from. */
static bool is_address_field(const char *line, size_t length)
{
    static const char *const names[] = {"from", "sender", "reply-to", "to", "cc", "bcc"};
    const char *resent = "resent-";

    if (length > strlen(resent) && g_ascii_strncasecmp(line, resent, strlen(resent)) == 0) {
        line += strlen(resent);
        length -= strlen(resent);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        size_t n = strlen(names[i]);

        if (length > n && g_ascii_strncasecmp(line, names[i], n) == 0 &&
            (line[n] == ':' || line[n] == ' ' || line[n] == '\t'))
            return true;
    }
    return false;
}

/* Blunts what hurts GMime, in place and without moving a byte. It looks at lines wherever they
 * stand, because what GMime takes for a header is for GMime to say; in a body nothing of this
 * matters to the structure. */
static void blunt(char *bytes, size_t length)
{
    bool in_addresses = false;
    size_t colons = 0;
    size_t next;

    for (size_t at = 0; at < length; at = next) {
        char *line = bytes + at;
        char *end = memchr(line, '\n', length - at);
        size_t here = end != NULL ? (size_t)(end - line) : length - at;
        bool is_fold = *line == ' ' || *line == '\t';

        next = at + here + 1;
        if (!is_fold) {
            in_addresses = is_address_field(line, here);
            colons = 0;
        }
        for (size_t i = 0; in_addresses && i < here; i++) {
            if (line[i] == ':' && ++colons > COLONS_MAX)
                line[i] = ' ';
        }
        if (!is_fold && here > LINE_MAX_OCTETS && line[0] != '-' &&
            memchr(line, ':', LINE_MAX_OCTETS) == NULL)
            line[1] = ':';
    }
}

static MbEncoding encoding_of(GMimeObject *object)
{
    if (!GMIME_IS_PART(object))
        return MB_ENCODING_7BIT;
    switch (g_mime_part_get_content_encoding(GMIME_PART(object))) {
    case GMIME_CONTENT_ENCODING_8BIT: return MB_ENCODING_8BIT;
    case GMIME_CONTENT_ENCODING_BINARY: return MB_ENCODING_BINARY;
    case GMIME_CONTENT_ENCODING_BASE64: return MB_ENCODING_BASE64;
    case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE: return MB_ENCODING_QP;
    case GMIME_CONTENT_ENCODING_UUENCODE: return MB_ENCODING_UNKNOWN;
    default: return MB_ENCODING_7BIT;
    }
}

/* The tree is filled by a list of work: objects whose part is there and whose children are not. */
typedef struct {
    GMimeObject *object; /* borrowed from the message */
    uint32_t part;
    guint32 depth;
} Work;

typedef struct {
    MbTree *tree;
    MbBudget *budget;
    GArray *work;
    uint64_t start;  /* of what GMime got, in the message */
    uint64_t length; /* of the message */
} View;

static void add_fields(View *view, uint32_t part, GMimeHeaderList *headers)
{
    int count = g_mime_header_list_get_count(headers);

    for (int i = 0; i < count; i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(headers, i);
        gint64 offset = g_mime_header_get_offset(header);
        const char *name = g_mime_header_get_raw_name(header);
        const char *value = g_mime_header_get_raw_value(header);
        MbField field = {.part = part};

        if (offset < 0 || name == NULL || value == NULL)
            continue;
        field.offset = view->start + (uint64_t)offset;
        field.name_length = (uint32_t)strcspn(name, " \t");
        field.value_start = (uint32_t)strlen(name) + 1;
        field.length = field.value_start + strlen(value);
        if (field.offset + field.length <= view->length)
            mb_tree_add_field(view->tree, &field);
    }
}

static uint32_t add_part(View *view, GMimeObject *object, uint32_t parent, guint32 depth,
                         GMimeMessage *message)
{
    g_autofree char *type =
        g_mime_content_type_get_mime_type(g_mime_object_get_content_type(object));
    MbPartKind kind = GMIME_IS_MULTIPART(object)      ? MB_PART_MULTIPART
                      : GMIME_IS_MESSAGE_PART(object) ? MB_PART_MESSAGE
                                                      : MB_PART_LEAF;
    Work work = {object, mb_tree_add_part(view->tree, kind, parent, 0, type, strlen(type)), depth};
    MbPart *part = mb_tree_part_mutable(view->tree, work.part);

    part->encoding = encoding_of(object);
    part->is_message = message != NULL;
    if (message != NULL)
        add_fields(view, work.part, g_mime_object_get_header_list(GMIME_OBJECT(message)));
    add_fields(view, work.part, g_mime_object_get_header_list(object));
    g_array_append_val(view->work, work);
    return work.part;
}

static void add_text(View *view, MbPartKind kind, uint32_t parent, const char *text)
{
    if (text == NULL || text[strspn(text, " \t\r\n")] == '\0')
        return;
    mb_tree_add_part(view->tree, kind, parent, 0, NULL, 0);
}

static bool is_full(const View *view, guint32 depth)
{
    MbLimit limit = depth >= view->budget->limits->max_depth ? MB_LIMIT_DEPTH : MB_LIMIT_ITEMS;

    if (depth < view->budget->limits->max_depth &&
        mb_tree_parts(view->tree) < view->budget->limits->max_parts)
        return false;
    view->budget->hit |= limit;
    mb_tree_note_limits(view->tree, limit);
    return true;
}

static void add_children(View *view, const Work *work)
{
    if (GMIME_IS_MESSAGE_PART(work->object)) {
        GMimeMessage *message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(work->object));

        if (message != NULL && g_mime_message_get_mime_part(message) != NULL &&
            !is_full(view, work->depth))
            add_part(view, g_mime_message_get_mime_part(message), work->part, work->depth + 1,
                     message);
    } else if (GMIME_IS_MULTIPART(work->object)) {
        GMimeMultipart *multipart = GMIME_MULTIPART(work->object);

        add_text(view, MB_PART_PREAMBLE, work->part, g_mime_multipart_get_prologue(multipart));
        for (int i = 0; i < g_mime_multipart_get_count(multipart); i++) {
            if (is_full(view, work->depth))
                return;
            add_part(view, g_mime_multipart_get_part(multipart, i), work->part, work->depth + 1,
                     NULL);
        }
        add_text(view, MB_PART_EPILOGUE, work->part, g_mime_multipart_get_epilogue(multipart));
    }
}

static void fill(View *view, GMimeMessage *message)
{
    add_part(view, g_mime_message_get_mime_part(message), MB_TREE_NONE, view->budget->depth,
             message);
    for (guint i = 0; i < view->work->len; i++) {
        Work work = g_array_index(view->work, Work, i);

        add_children(view, &work);
    }
}

static GMimeMessage *parse(const char *bytes, size_t length)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message;

    g_mime_parser_set_format(parser, GMIME_FORMAT_MESSAGE);
    g_mime_parser_set_respect_content_length(parser, FALSE);
    message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return message;
}

bool mb_gmime_view(const void *bytes, size_t length, MbTree *tree, MbBudget *budget, GError **error)
{
    static GOnce once = G_ONCE_INIT;
    static const char mark[] = "\xEF\xBB\xBF";
    MbBudget own;
    View view = {.tree = tree, .budget = budget, .length = length};
    g_autofree char *copy = g_try_malloc(MAX(length, 1));
    GMimeMessage *message;

    g_once(&once, start_gmime, NULL);
    if (budget == NULL) {
        mb_budget_init(&own, &mb_limits_default);
        view.budget = &own;
    }
    if (copy == NULL) {
        g_set_error(error, MB_GMIME_ERROR, MB_ERROR_TEMPORARY, "message: too large for memory");
        return false;
    }
    if (length > 0)
        memcpy(copy, bytes, length);
    blunt(copy, length);
    if (length >= strlen(mark) && memcmp(copy, mark, strlen(mark)) == 0)
        view.start = strlen(mark);
    message = parse(copy + view.start, length - (size_t)view.start);
    if (message == NULL || g_mime_message_get_mime_part(message) == NULL) {
        g_clear_object(&message);
        g_set_error(error, MB_GMIME_ERROR, MB_ERROR_DATA, "message: GMime finds none");
        return false;
    }
    view.work = g_array_new(FALSE, FALSE, sizeof(Work));
    fill(&view, message);
    g_array_unref(view.work);
    g_object_unref(message);
    return true;
}
