#include "feedback.h"

#include "report-address.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <mailbatch/mime/scan.h>
#include <string.h>
#include <unistd.h>

#define REPORT_MAX (1024 * 1024) /* octets of a part that are looked at */
#define TEXT_MAX   500           /* octets of a server's words that are kept */
#define ITEMS_MAX  10000         /* recipients of one report */
#define TO_MAX     100           /* addresses that one mail was sent to */
#define PIECE      (256 * 1024)  /* octets of a file that are read at once */

struct MmFeedbackReader {
    MbTree *tree;
    MbScan *scan;
    GByteArray *scratch;
};

/* One reading. */
typedef struct {
    MmFeedbackReader *reader;
    MmFeedback *feedback;
} Reading;

static void clear_item(void *data)
{
    MmFeedbackItem *item = data;

    g_free(item->address);
    g_free(item->final);
    g_free(item->status);
    g_free(item->text);
}

MmFeedbackReader *mm_feedback_reader_new(void)
{
    MmFeedbackReader *reader = g_new0(MmFeedbackReader, 1);

    reader->tree = mb_tree_new();
    reader->scan = mb_scan_new();
    reader->scratch = g_byte_array_new();
    return reader;
}

void mm_feedback_reader_free(MmFeedbackReader *reader)
{
    if (reader == NULL)
        return;
    mb_scan_free(reader->scan);
    mb_tree_free(reader->tree);
    g_byte_array_unref(reader->scratch);
    g_free(reader);
}

void mm_feedback_free(MmFeedback *feedback)
{
    if (feedback == NULL)
        return;
    g_array_unref(feedback->items);
    g_ptr_array_unref(feedback->to);
    g_free(feedback->message_id);
    g_free(feedback->envelope_id);
    g_free(feedback);
}

/* --- fields in a body --------------------------------------------------------------------- */

typedef enum {
    LINE_END,   /* nothing follows */
    LINE_BLANK, /* a group ends */
    LINE_FIELD,
    LINE_OTHER,
} Line;

/* The next field with its folds, from *at on. */
static Line next_field(const char **at, const char *end, GString *name, GString *value)
{
    const char *colon, *line_end;

    if (*at >= end)
        return LINE_END;
    line_end = memchr(*at, '\n', (size_t)(end - *at));
    line_end = line_end != NULL ? line_end : end;
    colon = memchr(*at, ':', (size_t)(line_end - *at));
    g_string_truncate(value, 0);
    if (colon != NULL) {
        g_string_truncate(name, 0);
        g_string_append_len(name, *at, colon - *at);
        g_strchomp(name->str);
        g_string_append_len(value, colon + 1, line_end - colon - 1);
    } else {
        g_string_append_len(value, *at, line_end - *at);
    }
    *at = line_end < end ? line_end + 1 : end;
    while (colon != NULL && *at < end && (**at == ' ' || **at == '\t')) {
        line_end = memchr(*at, '\n', (size_t)(end - *at));
        line_end = line_end != NULL ? line_end : end;
        g_string_append_len(value, *at, line_end - *at);
        *at = line_end < end ? line_end + 1 : end;
    }
    g_strstrip(g_strdelimit(value->str, "\t", ' '));
    if (colon != NULL)
        return LINE_FIELD;
    return value->str[0] == '\0' ? LINE_BLANK : LINE_OTHER;
}

static bool is(const GString *name, const char *wanted)
{
    return g_ascii_strcasecmp(name->str, wanted) == 0;
}

static void set(char **field, char *value)
{
    g_free(*field);
    *field = value;
}

static char *shown(const char *text)
{
    return mb_text_printable(text, strnlen(text, TEXT_MAX));
}

/* --- delivery reports (RFC 3464) ---------------------------------------------------------- */

static bool take_action(MmFeedbackItem *item, const char *value)
{
    static const struct {
        const char *action;
        MmFate fate;
    } actions[] = {{"failed", MM_FATE_FAILED},
                   {"delayed", MM_FATE_DELAYED},
                   {"delivered", MM_FATE_DELIVERED},
                   {"relayed", MM_FATE_HANDED_ON},
                   {"expanded", MM_FATE_HANDED_ON}};
    size_t length = strcspn(value, " \t(;");

    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        if (strlen(actions[i].action) == length &&
            g_ascii_strncasecmp(value, actions[i].action, length) == 0) {
            item->fate = actions[i].fate;
            return true;
        }
    return false;
}

static void take_field(MmFeedbackItem *item, bool *acted, const GString *name, const char *value)
{
    if (is(name, "Action")) {
        *acted = take_action(item, value);
    } else if (is(name, "Original-Recipient")) {
        set(&item->address, mm_report_address(value));
    } else if (is(name, "Final-Recipient")) {
        set(&item->final, mm_report_address(value));
    } else if (is(name, "Status")) {
        set(&item->status, mm_verdict_find_status(value));
    } else if (is(name, "Diagnostic-Code")) {
        const char *semicolon = strchr(value, ';');
        g_autofree char *text = g_strdup(semicolon != NULL ? semicolon + 1 : value);

        set(&item->text, shown(g_strstrip(text)));
    }
}

/* "5.0.0" and its like say nothing; the words may. */
static void complete(MmFeedbackItem *item)
{
    char *better;

    if (item->text == NULL || (item->status != NULL && !g_str_has_suffix(item->status, ".0.0")))
        return;
    better = mm_verdict_find_status(item->text);
    if (better != NULL)
        set(&item->status, better);
}

static void add_item(Reading *reading, MmFeedbackItem *item, bool acted)
{
    if (acted && (item->address != NULL || item->final != NULL) &&
        reading->feedback->items->len < ITEMS_MAX) {
        complete(item);
        g_array_append_val(reading->feedback->items, *item);
    } else {
        clear_item(item);
    }
    *item = (MmFeedbackItem){0};
}

static void read_status(Reading *reading, const char *text, size_t length)
{
    g_autoptr(GString) name = g_string_new(NULL), value = g_string_new(NULL);
    const char *end = text + length;
    MmFeedbackItem item = {0};
    bool acted = false;
    Line line;

    while ((line = next_field(&text, end, name, value)) != LINE_END) {
        if (line == LINE_FIELD && is(name, "Original-Envelope-Id")) {
            set(&reading->feedback->envelope_id, shown(value->str));
        } else if (line == LINE_FIELD) {
            take_field(&item, &acted, name, value->str);
        } else if (line == LINE_BLANK) {
            add_item(reading, &item, acted);
            acted = false;
        }
    }
    add_item(reading, &item, acted);
}

/* --- complaints (RFC 5965) ---------------------------------------------------------------- */

static void read_complaint(Reading *reading, const char *text, size_t length)
{
    g_autoptr(GString) name = g_string_new(NULL), value = g_string_new(NULL);
    const char *end = text + length;
    MmFeedbackItem item = {.fate = MM_FATE_COMPLAINED};
    bool complains = false;
    Line line;

    while ((line = next_field(&text, end, name, value)) != LINE_END) {
        if (line != LINE_FIELD)
            continue;
        if (is(name, "Feedback-Type")) {
            /* "not-spam" takes one back; the others of RFC 5965, 7.3 are no complaint. */
            complains = g_ascii_strcasecmp(value->str, "abuse") == 0 ||
                        g_ascii_strcasecmp(value->str, "fraud") == 0 ||
                        g_ascii_strcasecmp(value->str, "opt-out") == 0;
            set(&item.text, shown(value->str));
        } else if (is(name, "Original-Rcpt-To") && item.address == NULL) {
            item.address = mm_report_address(value->str);
        }
    }
    if (complains && reading->feedback->items->len < ITEMS_MAX)
        g_array_append_val(reading->feedback->items, item);
    else
        clear_item(&item);
}

/* --- the message it is about -------------------------------------------------------------- */

static void read_returned(Reading *reading, const char *text, size_t length)
{
    g_autoptr(GString) name = g_string_new(NULL), value = g_string_new(NULL);
    const char *end = text + length;
    Line line;

    while (reading->feedback->message_id == NULL &&
           (line = next_field(&text, end, name, value)) != LINE_END && line != LINE_BLANK)
        if (line == LINE_FIELD && is(name, "Message-ID"))
            reading->feedback->message_id = shown(value->str);
}

/* --- reports that are no multipart/report -------------------------------------------------- */

/* qmail's: a paragraph a recipient, `<user@example.net>:` and why; the message below. */
static void read_qmail(Reading *reading, const char *text, size_t length)
{
    g_autofree char *all = g_strndup(text, length);
    char *copy = strstr(all, "\n--- Below this line");
    char *at = all;

    if (copy != NULL) {
        const char *header = strchr(copy + 1, '\n');

        *copy = '\0';
        if (header != NULL) {
            header += strspn(header, "\r\n");
            read_returned(reading, header, strlen(header));
        }
    }
    while ((at = strstr(at, "\n<")) != NULL && reading->feedback->items->len < ITEMS_MAX) {
        MmFeedbackItem item = {.fate = MM_FATE_FAILED};
        char *close = strpbrk(at + 2, ">\n"), *paragraph;

        at += 2;
        if (close == NULL || close[0] != '>' || close[1] != ':')
            continue;
        *close = '\0';
        item.address = mm_report_address(at);
        paragraph = close + 2;
        at = strstr(paragraph, "\n\n");
        if (at == NULL)
            at = strstr(paragraph, "\n\r\n");
        if (at != NULL)
            *at++ = '\0';
        else
            at = paragraph + strlen(paragraph);
        item.text = shown(g_strstrip(g_strdelimit(paragraph, "\r\n", ' ')));
        complete(&item);
        if (item.address != NULL)
            g_array_append_val(reading->feedback->items, item);
        else
            clear_item(&item);
    }
}

/* X-Failed-Recipients (Exim, Google): addresses, and the reason in the text if anywhere. */
static void read_failed_recipients(Reading *reading, const char *value, size_t length)
{
    g_autoptr(MbAddressList) list = mb_address_list_parse(value, length, ITEMS_MAX, NULL);

    for (size_t i = 0; i < mb_address_list_count(list); i++) {
        MmFeedbackItem item = {.fate = MM_FATE_FAILED};
        const MbAddress *address = mb_address_list_at(list, i);

        if (address->address == NULL || address->address[0] == '\0' ||
            reading->feedback->items->len >= ITEMS_MAX)
            continue;
        item.address = g_strdup(address->address);
        g_array_append_val(reading->feedback->items, item);
    }
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool take_bytes(void *data, const void *bytes, size_t length)
{
    GByteArray *to = data;

    g_byte_array_append(to, bytes, (guint)MIN(length, REPORT_MAX - to->len));
    return to->len < REPORT_MAX;
}

/* Hands a part's content to whoever reads it. */
static void with_content(Reading *reading, uint32_t part,
                         void (*read)(Reading *reading, const char *text, size_t length))
{
    GByteArray *content = g_byte_array_new();

    mb_tree_decode(reading->reader->tree, part, take_bytes, content, NULL);
    if (content->len > 0)
        read(reading, (const char *)content->data, content->len);
    g_byte_array_unref(content);
}

static bool is_returned(const char *type)
{
    static const char *const types[] = {"message/rfc822", "text/rfc822-headers", "message/global",
                                        "message/global-headers"};

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* Within a message that is embedded: somebody else's words. */
static bool is_inside(const MbTree *tree, uint32_t part)
{
    for (part = mb_tree_part(tree, part)->parent; part != MB_TREE_NONE;
         part = mb_tree_part(tree, part)->parent)
        if (mb_tree_part(tree, part)->kind == MB_PART_MESSAGE)
            return true;
    return false;
}

static void read_parts(Reading *reading)
{
    const MbTree *tree = reading->reader->tree;

    for (uint32_t part = 0; part < mb_tree_parts(tree); part++) {
        const char *type = mb_tree_type(tree, part);

        if (is_inside(tree, part))
            continue;
        if (strcmp(type, "message/delivery-status") == 0 ||
            strcmp(type, "message/global-delivery-status") == 0)
            with_content(reading, part, read_status);
        else if (strcmp(type, "message/feedback-report") == 0)
            with_content(reading, part, read_complaint);
        else if (is_returned(type))
            with_content(reading, part, read_returned);
    }
}

/* Calls `take` for each field of that name. */
static void each_field(Reading *reading, const char *name,
                       void (*take)(Reading *reading, const char *value, size_t length))
{
    MbTree *tree = reading->reader->tree;
    uint32_t field = MB_TREE_NONE;

    while ((field = mb_tree_find_field(tree, 0, name, field)) != MB_TREE_NONE) {
        size_t length;
        const uint8_t *value =
            mb_tree_field_value(tree, field, &length, NULL, reading->reader->scratch);

        if (value != NULL)
            take(reading, (const char *)value, length);
        field++;
    }
}

static void take_to(Reading *reading, const char *value, size_t length)
{
    g_autoptr(MbAddressList) list = NULL;

    if (reading->feedback->to->len >= TO_MAX)
        return;
    list = mb_address_list_parse(value, length, TO_MAX, NULL);
    for (size_t i = 0; i < mb_address_list_count(list); i++) {
        const MbAddress *address = mb_address_list_at(list, i);

        if (address->address != NULL && address->address[0] != '\0')
            g_ptr_array_add(reading->feedback->to, g_strdup(address->address));
    }
}

static void read_informal(Reading *reading)
{
    static const char qmail[] = "Hi. This is the ";
    MbTree *tree = reading->reader->tree;
    MbRange body = mb_tree_part(tree, 0)->body;
    MbRange start = {body.offset, MIN(body.length, sizeof(qmail) - 1)};
    const uint8_t *bytes = mb_tree_bytes(tree, 0, start, reading->reader->scratch);

    each_field(reading, "X-Failed-Recipients", read_failed_recipients);
    if (reading->feedback->items->len == 0 && bytes != NULL && start.length == sizeof(qmail) - 1 &&
        memcmp(bytes, qmail, sizeof(qmail) - 1) == 0)
        with_content(reading, 0, read_qmail);
}

/* What the tree holds. */
static MmFeedback *read_tree(MmFeedbackReader *reader)
{
    static const char *const recipients[] = {"To", "Delivered-To", "X-Original-To", "Envelope-To"};
    MmFeedback *feedback = g_new0(MmFeedback, 1);
    Reading reading = {reader, feedback};

    feedback->items = g_array_new(FALSE, FALSE, sizeof(MmFeedbackItem));
    g_array_set_clear_func(feedback->items, clear_item);
    feedback->to = g_ptr_array_new_with_free_func(g_free);
    read_parts(&reading);
    if (feedback->items->len == 0)
        read_informal(&reading);
    for (size_t i = 0; i < G_N_ELEMENTS(recipients); i++)
        each_field(&reading, recipients[i], take_to);
    return feedback;
}

MmFeedback *mm_feedback_read(MmFeedbackReader *reader, const void *bytes, size_t length)
{
    mb_tree_clear(reader->tree);
    mb_tree_set_bytes(reader->tree, bytes, length);
    mb_scan_buffer(reader->scan, reader->tree, bytes, length, NULL);
    return read_tree(reader);
}

static bool read_exactly(void *data, uint64_t offset, void *out, size_t length)
{
    const int *descriptor = data;

    while (length > 0) {
        ssize_t n = pread(*descriptor, out, length, (off_t)offset);

        if (n <= 0)
            return false;
        out = (char *)out + n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return true;
}

MmFeedback *mm_feedback_read_file(MmFeedbackReader *reader, int descriptor, uint64_t length)
{
    g_autofree uint8_t *piece = g_malloc(PIECE);

    mb_tree_clear(reader->tree);
    mb_tree_set_reader(reader->tree, read_exactly, &descriptor);
    mb_scan_begin(reader->scan, reader->tree, NULL);
    for (uint64_t offset = 0; offset < length; offset += PIECE) {
        size_t n = (size_t)MIN(length - offset, PIECE);

        if (!read_exactly(&descriptor, offset, piece, n))
            break;
        mb_scan_push(reader->scan, piece, n);
    }
    mb_scan_finish(reader->scan, 0);
    return read_tree(reader);
}
