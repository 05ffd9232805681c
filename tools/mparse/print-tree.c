/*
 * For people: the message, its main header fields, a line a part, defects where they stand.
 * Everything that comes from the mail goes through mb_text_append_printable().
 */
#include "defect-index.h"
#include "facts.h"
#include "partials.h"
#include "print.h"
#include "values.h"

#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define VALUE_SHOWN 2000 /* bytes of a header field */

/* Colours, by what they mean. */
#define TITLE "1"
#define NAME  "2"
#define TYPE  "36"
#define PLAIN "0"

typedef struct {
    MpPrinter printer;
    const MpOptions *options;
    MpFacts *facts;
    MpValues *values;
    GString *text;
    GString *branch;        /* box lines to the left of the present part's children */
    MpDefectIndex index;    /* of the defects found before printing */
    MbConverter *converter; /* of --text */
    bool in_line;           /* a line of it was begun */
    GString *out;
} Tree;

static void put_size(GString *out, uint64_t size)
{
    g_autofree char *text = mb_text_format_size(size);

    g_string_append(out, text);
}

static void paint(Tree *tree, const char *color)
{
    if (tree->options->is_colored)
        g_string_append_printf(tree->out, "\033[%sm", color);
}

static const char *color_of(MbSeverity severity)
{
    switch (severity) {
    case MB_SEVERITY_ERROR: return "31";
    case MB_SEVERITY_WARN: return "33";
    default: return NAME;
    }
}

static void put_defect(Tree *tree, const MpMessage *message, const MbDefect *defect)
{
    MbSeverity severity = mb_defect_severity(defect->code);
    const char *detail = mb_tree_defect_detail(message->tree, defect);

    if (severity == MB_SEVERITY_INFO && mb_log_level() < MB_LOG_VERBOSE)
        return;
    g_string_append(tree->out, tree->branch->str);
    paint(tree, color_of(severity));
    g_string_append_printf(tree->out, "! %s %s at %" G_GUINT64_FORMAT ": %s",
                           mb_severity_name(severity), mb_defect_code(defect->code), defect->offset,
                           mb_defect_text(defect->code));
    if (detail[0] != '\0') {
        g_string_append(tree->out, ": ");
        mb_text_append_printable(tree->out, detail, strlen(detail), VALUE_SHOWN);
    }
    paint(tree, PLAIN);
    g_string_append_c(tree->out, '\n');
}

typedef struct {
    Tree *tree;
    const MpMessage *message;
} Defects;

static void take_defect(void *data, const MbDefect *defect)
{
    const Defects *defects = data;

    put_defect(defects->tree, defects->message, defect);
}

static void put_defects(Tree *tree, const MpMessage *message, uint32_t part, size_t first_new)
{
    Defects defects = {tree, message};

    mp_defect_index_each(&tree->index, message->tree, part, first_new, take_defect, &defects);
}

/* Prints what of the text has come, line by line, however long a line is. A CR waits: with the LF
 * behind it, or at the end, it is no part of the line. */
static void put_lines(Tree *tree, bool is_end)
{
    const char *at = tree->text->str;
    const char *end = at + tree->text->len;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *stop = line_end != NULL ? line_end : end;

        if (stop > at && stop[-1] == '\r')
            stop--;
        if (line_end == NULL && !is_end && stop == at)
            break;
        if (!tree->in_line)
            g_string_append_printf(tree->out, "%s│ ", tree->branch->str);
        mb_text_append_printable(tree->out, at, (size_t)(stop - at), 0);
        tree->in_line = line_end == NULL && !is_end;
        if (line_end != NULL || is_end)
            g_string_append_c(tree->out, '\n');
        at = line_end != NULL ? line_end + 1 : is_end ? end : stop;
    }
    g_string_erase(tree->text, 0, at - tree->text->str);
    mp_printer_drain(&tree->printer, tree->out);
}

static bool take_text(void *data, const void *bytes, size_t length)
{
    Tree *tree = data;

    mb_converter_push(tree->converter, bytes, length, tree->text);
    put_lines(tree, false);
    return true;
}

static void put_text(Tree *tree, MbTree *from, uint32_t part)
{
    g_string_truncate(tree->text, 0);
    tree->in_line = false;
    tree->converter = mb_converter_new(tree->facts->charset.used);
    mb_tree_decode(from, part, take_text, tree, NULL);
    mb_converter_finish(tree->converter, tree->text, &tree->facts->charset);
    put_lines(tree, true);
    if (tree->in_line)
        g_string_append_c(tree->out, '\n');
    g_clear_pointer(&tree->converter, mb_converter_free);
}

static void put_fields(Tree *tree, MbTree *from, uint32_t part)
{
    const MbPart at = *mb_tree_part(from, part);
    g_autoptr(GByteArray) scratch = g_byte_array_new();

    for (uint32_t i = at.first_field; i < at.first_field + at.fields; i++) {
        size_t length;
        const uint8_t *name = mb_tree_field_name(from, i, &length, scratch);

        if (name == NULL || (!tree->options->all_headers && !mp_is_main_field(name, length)))
            continue;
        g_string_append(tree->out, tree->branch->str);
        paint(tree, NAME);
        mb_text_append_printable(tree->out, name, length, VALUE_SHOWN);
        g_string_append_c(tree->out, ':');
        paint(tree, PLAIN);
        g_string_append_c(tree->out, ' ');
        g_string_truncate(tree->text, 0);
        mp_facts_field_text(tree->facts, from, i, tree->text);
        mb_text_append_printable(tree->out, tree->text->str, tree->text->len, VALUE_SHOWN);
        g_string_append_c(tree->out, '\n');
        mp_printer_drain(&tree->printer, tree->out);
    }
}

/* "1.2  text/html  utf-8, quoted-printable, 1.2 KiB  "name"  (attachment)" */
static void put_part_line(Tree *tree, const MbTree *from, uint32_t index)
{
    const MbPart *part = mb_tree_part(from, index);
    const MpFacts *facts = tree->facts;
    const MbParam *name = mp_facts_name(facts);
    const char *type = mb_tree_type(from, index);

    mb_tree_id(from, index, tree->out);
    g_string_append(tree->out, "  ");
    paint(tree, TYPE);
    if (mb_part_is_pseudo(part->kind))
        g_string_append(tree->out, mb_part_kind_name(part->kind));
    else
        mb_text_append_printable(tree->out, type, strlen(type), VALUE_SHOWN);
    paint(tree, PLAIN);
    if (facts->has_content && !mb_part_is_pseudo(part->kind)) {
        g_string_append(tree->out, "  ");
        if (facts->is_text)
            g_string_append_printf(tree->out, "%s, ", facts->charset.used);
        g_string_append_printf(tree->out, "%s, ", mb_encoding_name(part->encoding));
        put_size(tree->out, facts->size);
    } else {
        g_string_append(tree->out, "  ");
        put_size(tree->out, part->body.length);
    }
    if (name != NULL) {
        g_string_append(tree->out, "  \"");
        mb_text_append_printable(tree->out, name->value, name->value_length, VALUE_SHOWN);
        g_string_append_c(tree->out, '"');
    }
    if (strcmp(facts->disposition.value, "attachment") == 0)
        g_string_append(tree->out, "  (attachment)");
    g_string_append_c(tree->out, '\n');
    for (size_t i = 0; i < MP_HASHES; i++) {
        if (facts->hash[i] != NULL)
            g_string_append_printf(tree->out, "%s%s %s\n", tree->branch->str,
                                   mb_digest_name((MbDigestKind)i), facts->hash[i]);
    }
}

static void put_part(Tree *tree, const MpMessage *message, uint32_t index, const char *lead)
{
    const MbPart *part = mb_tree_part(message->tree, index);
    size_t first_new = mb_tree_defects(message->tree);
    gsize at = tree->branch->len;

    g_string_append(tree->out, tree->branch->str);
    g_string_append(tree->out, lead);
    g_string_append(tree->branch, part->parent == MB_TREE_NONE ? ""
                                  : part->next != MB_TREE_NONE ? "│  "
                                                               : "   ");
    mp_facts_read(tree->facts, message->tree, index);
    part = mb_tree_part(message->tree, index);
    if (part->first_child != MB_TREE_NONE)
        g_string_append(tree->branch, "│  ");
    else
        g_string_append(tree->branch, "   ");
    put_part_line(tree, message->tree, index);
    if (part->is_message && part->parent != MB_TREE_NONE)
        put_fields(tree, message->tree, index);
    put_defects(tree, message, index, first_new);
    if (tree->options->show_text && tree->facts->is_text)
        put_text(tree, message->tree, index);
    g_string_truncate(tree->branch, at);
    mp_printer_drain(&tree->printer, tree->out);
}

/* What stands left of the children of `part`: three columns a level. */
static void enter(Tree *tree, const MbPart *part)
{
    if (part->parent != MB_TREE_NONE)
        g_string_append(tree->branch, part->next != MB_TREE_NONE ? "│  " : "   ");
}

static void leave(Tree *tree)
{
    static const char blank[] = "   ";
    static const char line[] = "│  ";

    if (g_str_has_suffix(tree->branch->str, line))
        g_string_truncate(tree->branch, tree->branch->len - strlen(line));
    else if (g_str_has_suffix(tree->branch->str, blank))
        g_string_truncate(tree->branch, tree->branch->len - strlen(blank));
}

static void put_parts(Tree *tree, const MpMessage *message)
{
    uint32_t index = 0;

    while (index != MB_TREE_NONE) {
        const MbPart *part = mb_tree_part(message->tree, index);
        const char *lead = part->parent == MB_TREE_NONE ? ""
                           : part->next != MB_TREE_NONE ? "├─ "
                                                        : "└─ ";

        put_part(tree, message, index, lead);
        part = mb_tree_part(message->tree, index);
        if (part->first_child != MB_TREE_NONE) {
            enter(tree, part);
            index = part->first_child;
            continue;
        }
        while (part->next == MB_TREE_NONE && part->parent != MB_TREE_NONE) {
            part = mb_tree_part(message->tree, part->parent);
            if (part->parent != MB_TREE_NONE)
                leave(tree);
        }
        index = part->next;
    }
}

static void message(MpPrinter *printer, const MpMessage *message, GString *out)
{
    Tree *tree = (Tree *)printer;
    g_autofree char *address = mb_locator_text(message->item->locator);
    size_t first_new;

    tree->out = out;
    if (message->number > 1)
        g_string_append_c(out, '\n');
    paint(tree, TITLE);
    mb_text_append_printable(out, address, strlen(address), VALUE_SHOWN);
    paint(tree, PLAIN);
    g_string_append(out, "  ");
    put_size(out, message->item->length);
    if (message->item->kind == MB_ITEM_MBOX)
        g_string_append_printf(out, "  %s", mb_mbox_dialect_name(message->item->dialect));
    g_string_append_c(out, '\n');
    mp_values_check(tree->values, message->tree);
    mp_defect_index_read(&tree->index, message->tree);
    first_new = mb_tree_defects(message->tree);
    g_string_assign(tree->branch, "  ");
    put_fields(tree, message->tree, 0);
    put_defects(tree, message, MB_TREE_NONE, first_new);
    g_string_truncate(tree->branch, 0);
    put_parts(tree, message);
}

/* "partial message ID: 3 of 3: ADDRESS ADDRESS ADDRESS" */
static void put_partial(void *data, const MpPartialSet *set)
{
    GString *out = data;

    g_string_append(out, "\npartial message ");
    mb_text_append_printable(out, set->id, set->id_length, VALUE_SHOWN);
    g_string_append_printf(out, ": %zu of ", set->count);
    if (set->total > 0)
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, set->total);
    else
        g_string_append_c(out, '?');
    g_string_append_printf(out, " fragments, %s\n", set->is_complete ? "complete" : "not complete");
    for (size_t i = 0; i < set->count; i++)
        g_string_append_printf(out, "  %" G_GUINT64_FORMAT "  %s\n", set->fragments[i].number,
                               set->fragments[i].address);
}

static void summary(MpPrinter *printer, const MpSummary *sums, GString *out)
{
    const Tree *tree = (const Tree *)printer;

    (void)sums;
    if (tree->options->partials != NULL)
        mp_partials_each(tree->options->partials, put_partial, out);
}

static void tree_free(MpPrinter *printer)
{
    Tree *tree = (Tree *)printer;

    mp_facts_free(tree->facts);
    mp_values_free(tree->values);
    g_string_free(tree->text, TRUE);
    g_string_free(tree->branch, TRUE);
    mp_defect_index_clear(&tree->index);
    g_free(tree);
}

MpPrinter *mp_print_tree_new(const MpOptions *options)
{
    Tree *tree = g_new0(Tree, 1);

    tree->printer = (MpPrinter){.message = message, .summary = summary, .free = tree_free};
    tree->options = options;
    tree->facts = mp_facts_new(options->hash);
    tree->values = mp_values_new();
    tree->text = g_string_new(NULL);
    tree->branch = g_string_new(NULL);
    mp_defect_index_init(&tree->index);
    return &tree->printer;
}
