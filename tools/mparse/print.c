#include "print.h"

#include <string.h>

MpPrinter *mp_printer_new(const MpOptions *options)
{
    switch (options->format) {
    case MP_FORMAT_SHAPE: return mp_print_shape_new(options);
    case MP_FORMAT_JSON: return mp_print_json_new(options);
    case MP_FORMAT_CSV: return mp_print_csv_new(options);
    case MP_FORMAT_SQLITE: return mp_print_sqlite_new(options);
    default: return mp_print_tree_new(options);
    }
}

void mp_printer_free(MpPrinter *printer)
{
    if (printer != NULL)
        printer->free(printer);
}

void mp_hash_message(const MpMessage *message, MbDigest *const digests[MP_HASHES],
                     GByteArray *scratch, char *hex[MP_HASHES])
{
    const MbItem *item = message->item;
    MbRange text = {item->head, item->length - item->head - item->tail};
    uint64_t done = 0;

    while (done < text.length) {
        MbRange piece = {text.offset + done, MIN(text.length - done, 1 << 20)};
        const uint8_t *bytes = mb_tree_bytes(message->tree, 0, piece, scratch);

        if (bytes == NULL)
            break;
        for (size_t i = 0; i < MP_HASHES; i++) {
            if (digests[i] != NULL)
                mb_digest_update(digests[i], bytes, (size_t)piece.length);
        }
        done += piece.length;
    }
    for (size_t i = 0; i < MP_HASHES; i++) {
        hex[i] = digests[i] != NULL ? mb_digest_finish_hex(digests[i]) : NULL;
        if (done < text.length)
            g_clear_pointer(&hex[i], g_free);
    }
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
