/*
 * Printers: one interface, a printer a format. A printer appends to `out`; who writes it where is
 * not its business. It reads facts as it goes, so that a format pays only for what it shows.
 */
#pragma once

#include "options.h"
#include "walk.h"

#include <glib.h>
#include <stdint.h>

/* What a run came to. */
typedef struct {
    uint64_t bytes_in;              /* read from files and streams */
    uint64_t messages;              /* found */
    uint64_t message_bytes;         /* theirs, with framing */
    uint64_t kinds[MB_BYTES_KINDS]; /* of those, by kind (decoded spaces left out) */
    uint64_t decoded_spaces;
    uint64_t decoded_bytes;
    uint64_t others;    /* files that are no mail, in folders and archives */
    uint64_t failures;  /* what could not be read */
    uint64_t defective; /* messages with defects of weight warn or error */
    guint limits;       /* MbLimit flags that were hit */
} MpSummary;

typedef struct MpPrinter MpPrinter;

struct MpPrinter {
    /* Before all others, once a run. */
    void (*begin)(MpPrinter *printer, GString *out);
    void (*message)(MpPrinter *printer, const MpMessage *message, GString *out);
    /* All others may be NULL: nothing to print. A file that is no mail, in a folder or archive. */
    void (*other)(MpPrinter *printer, const MbItem *item, GString *out);
    /* Something could not be read; `text` names it. */
    void (*failure)(MpPrinter *printer, const char *text, GString *out);
    void (*summary)(MpPrinter *printer, const MpSummary *summary, GString *out);
    void (*free)(MpPrinter *printer);

    /* The owner's, or NULL: takes what there is in `out`, so that no message has to fit in memory
     * as it is printed. */
    void (*drain)(void *data, GString *out);
    void *drain_data;
};

/* For printers: between any two appends. */
static inline void mp_printer_drain(const MpPrinter *printer, GString *out)
{
    if (printer->drain != NULL)
        printer->drain(printer->drain_data, out);
}

/* `options` is borrowed. */
MpPrinter *mp_printer_new(const MpOptions *options);
void mp_printer_free(MpPrinter *printer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MpPrinter, mp_printer_free)

MpPrinter *mp_print_tree_new(const MpOptions *options);
MpPrinter *mp_print_shape_new(const MpOptions *options);
MpPrinter *mp_print_json_new(const MpOptions *options);
MpPrinter *mp_print_csv_new(const MpOptions *options);
MpPrinter *mp_print_sqlite_new(const MpOptions *options);

/* Digests of the message as it stands, without the source's framing: NULL where none is wanted, or
 * the bytes cannot be read again. The caller frees them. */
void mp_hash_message(const MpMessage *message, MbDigest *const digests[MP_HASHES],
                     GByteArray *scratch, char *hex[MP_HASHES]);

/* Whether a field's name is one of those that people look at first. */
bool mp_is_main_field(const uint8_t *name, size_t length);
