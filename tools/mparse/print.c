#include "print.h"

#include <string.h>

MpPrinter *mp_printer_new(const MpOptions *options)
{
    switch (options->format) {
    case MP_FORMAT_SHAPE: return mp_print_shape_new(options);
    case MP_FORMAT_JSON: return mp_print_json_new(options);
    default: return mp_print_tree_new(options);
    }
}

void mp_printer_free(MpPrinter *printer)
{
    if (printer != NULL)
        printer->free(printer);
}

bool mp_is_main_field(const uint8_t *name, size_t length)
{
    static const char *const main_fields[] = {"From", "To", "Cc", "Date", "Subject", "Message-ID"};

    for (size_t i = 0; i < G_N_ELEMENTS(main_fields); i++) {
        if (length == strlen(main_fields[i]) &&
            g_ascii_strncasecmp((const char *)name, main_fields[i], length) == 0)
            return true;
    }
    return false;
}
