#include "print.h"

#include <mailbatch/base/text.h>

static void message(MpPrinter *printer, const MpMessage *message, GString *out)
{
    gsize start = out->len;

    (void)printer;
    mb_tree_shape(message->tree, out);
    /* A type is made of bytes of the mail. */
    if (!mb_text_is_ascii(out->str + start, out->len - start)) {
        g_autofree char *raw = g_strdup(out->str + start);
        size_t length = out->len - start;

        g_string_truncate(out, start);
        mb_text_append_printable(out, raw, length, 0);
    }
    g_string_append_c(out, '\n');
}

static void printer_free(MpPrinter *printer)
{
    g_free(printer);
}

MpPrinter *mp_print_shape_new(const MpOptions *options)
{
    MpPrinter *printer = g_new0(MpPrinter, 1);

    (void)options;
    *printer = (MpPrinter){.message = message, .free = printer_free};
    return printer;
}
