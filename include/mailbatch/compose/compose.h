/*
 * Composes a message: a header, bodies and files become wire bytes (RFC 5322, RFC 2045 to 2047, RFC
 * 2231).
 *
 * What is promised for any input: CRLF line ends only, no line over 998 octets, no 8-bit octet
 * unless asked for (or an address needs SMTPUTF8), no header that a value smuggled in, no Bcc, one
 * Date, From, Message-ID and MIME-Version, and boundaries that cannot occur in any part.
 *
 *   campaign:  parts that no row changes are built once: mb_compose_part_text(), …_part_file()
 *   row:       head_reset(), head_add_…(), mb_compose_message(): the row's own text is encoded into
 *              one buffer; parts are shared by reference, their content is never copied
 *
 * The same input gives the same bytes, always.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/base/wire.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_COMPOSE_ERROR (mb_compose_error_quark())
GQuark mb_compose_error_quark(void);

/* --- addresses ---------------------------------------------------------------------------- */

typedef struct {
    const char *name;    /* UTF-8, NULL or "": none */
    const char *address; /* addr-spec as mb_compose_address() gave it */
} MbComposeMailbox;

/* The form of an addr-spec that goes on the wire, appended to `out`: a domain beyond ASCII becomes
 * its A-label (RFC 5891), unless the local part needs SMTPUTF8 anyway. The local part is never
 * changed. *smtputf8 (may be NULL) is set to true when the local part is beyond ASCII, else left
 * alone. Fails (MB_ERROR_DATA) for what is no address: no `@`, an empty side, blanks or controls, a
 * bad domain, a local part over 64 or the whole over 254 octets. */
bool mb_compose_address(const char *address, size_t length, GString *out, bool *smtputf8,
                        GError **error);

/* --- the header --------------------------------------------------------------------------- */

/* A header under construction. Reset it for each message: its buffers are kept. One thread at a
 * time. */
typedef struct MbComposeHead MbComposeHead;

MbComposeHead *mb_compose_head_new(void);
void mb_compose_head_free(MbComposeHead *head);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbComposeHead, mb_compose_head_free)
void mb_compose_head_reset(MbComposeHead *head);

/* All of these refuse (MB_ERROR_DATA): a name that is no field-name (RFC 5322, 3.6.8), Bcc and
 * Resent-Bcc, MIME-Version and Content-* (the parts' own), a second one of what may stand once
 * (Date, From, Sender, Reply-To, To, Cc, Message-ID, In-Reply-To, References, Subject), and values
 * with CR, LF, NUL or invalid UTF-8. What is refused leaves the header as it was. */

/* Unstructured text; encoded-words where it is not printable ASCII; folded. */
bool mb_compose_head_add_text(MbComposeHead *head, const char *name, const char *value,
                              size_t length, GError **error);

/* Structured ASCII that must not become encoded-words (List-Unsubscribe, In-Reply-To, …); folded at
 * its blanks. */
bool mb_compose_head_add_raw(MbComposeHead *head, const char *name, const char *value,
                             size_t length, GError **error);

/* An address list. Names are quoted or become encoded-words. An empty list adds nothing. */
bool mb_compose_head_add_mailboxes(MbComposeHead *head, const char *name,
                                   const MbComposeMailbox *mailboxes, size_t n_mailboxes,
                                   GError **error);

/* `offset_minutes` east of Greenwich, written as a numeric zone. */
bool mb_compose_head_add_date(MbComposeHead *head, int64_t unix_seconds, int offset_minutes,
                              GError **error);

/* `id` with its angle brackets: <left@right>. */
bool mb_compose_head_add_message_id(MbComposeHead *head, const char *id, GError **error);

/* Whether an address in the header is beyond ASCII: the message needs SMTPUTF8 (RFC 6531). */
bool mb_compose_head_needs_smtputf8(const MbComposeHead *head);

/* --- parts -------------------------------------------------------------------------------- */

/* A leaf part, encoded. Reference counted, immutable, shared between rows and threads. */
typedef struct MbComposePart MbComposePart;

MbComposePart *mb_compose_part_ref(MbComposePart *part);
void mb_compose_part_unref(MbComposePart *part);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbComposePart, mb_compose_part_unref)

/* Octets of the encoded part, its own header included. */
size_t mb_compose_part_length(const MbComposePart *part);

/* Of a file: its name (NULL: none) and its octets before they were encoded. Of a text: NULL, 0. */
const char *mb_compose_part_name(const MbComposePart *part);
size_t mb_compose_part_content_length(const MbComposePart *part);

/* `type` is as in "text/html"; the charset parameter is added (us-ascii, utf-8). Line ends become
 * CRLF. 7bit where that is possible, else 8bit when `eightbit` allows it, else the shorter one of
 * quoted-printable and base64. The text must be UTF-8. */
MbComposePart *mb_compose_part_text(const char *type, const char *text, size_t length,
                                    bool eightbit, GError **error);

typedef struct {
    GBytes *content;
    const char *name; /* filename, UTF-8, no folder; NULL: none (RFC 2231 where it is not ASCII) */
    const char *type; /* NULL: by the name's extension, else application/octet-stream */
    const char
        *content_id; /* without angle brackets; NULL: none. With one the disposition is inline */
} MbComposeFile;

/* A file, in base64 so that not an octet changes. */
MbComposePart *mb_compose_part_file(const MbComposeFile *file, GError **error);

/* --- the message -------------------------------------------------------------------------- */

/* One alternative body: a part built before, or the row's own text. */
typedef struct {
    MbComposePart *part; /* NULL: encode `text` */
    const char *type;    /* as in "text/plain" */
    const char *method;  /* the parameter of text/calendar, or NULL */
    const char *text;    /* UTF-8 */
    size_t length;
} MbComposeBody;

typedef struct {
    const MbComposeHead *head;
    const MbComposeBody
        *bodies; /* the plainest first (RFC 2046, 5.1.4); at least one, or an attachment */
    size_t n_bodies;
    MbComposePart *const *inlines; /* shown within the last body, by Content-ID */
    size_t n_inlines;
    MbComposePart *const *attachments;
    size_t n_attachments;
    const char *seed; /* boundaries are derived from it; any text, the same for a whole campaign if
                         wished */
    bool eightbit;    /* the row's own text may be 8bit: the relay offers 8BITMIME */
} MbComposeMessage;

/* mixed(related(alternative(bodies), inlines), attachments), levels of one child left out (M-14).
 * Fails (MB_ERROR_DATA) when From, Date or Message-ID is missing, or a text is not UTF-8. */
MbWire *mb_compose_message(const MbComposeMessage *message, GError **error);

/* Fails where mb_compose_message() would, and makes nothing. */
bool mb_compose_message_check(const MbComposeMessage *message, GError **error);

/* --- calendars ---------------------------------------------------------------------------- */

/* Appends the METHOD of an iCalendar object (RFC 5545, 3.7.2) in capitals. False, and nothing
 * appended: it has none. */
bool mb_compose_calendar_method(const char *text, size_t length, GString *method);

/* Appends the lines of an iCalendar object, each with CRLF and folded at 75 octets where it is
 * longer (RFC 5545, 3.1); empty ones are left out. */
void mb_compose_calendar_fold(const char *text, size_t length, GString *out);

/* --- HTML --------------------------------------------------------------------------------- */

/* Appends a text for people out of HTML: blocks and line breaks, lists, tables row by row, images'
 * alt texts, and the targets of links as footnotes (`text [1]`, each target once); scripts, styles
 * and comments left out; lines end with LF and are wrapped at 72 columns. Never fails: HTML is what
 * browsers make of it. */
void mb_compose_html_to_text(const char *html, size_t length, GString *out);

/* Appends the HTML of Markdown: CommonMark 0.30 with tables, strike-through, task lists and links
 * out of bare addresses, as GitHub has them. HTML inside is kept as it stands. No <html> around.
 * Fails (MB_ERROR_DATA) over 64 MiB, and appends nothing then. */
bool mb_compose_markdown_to_html(const char *markdown, size_t length, GString *out, GError **error);

/* Where the source of an <img> stands in HTML: the attribute's value without its quotes. */
typedef struct {
    size_t offset, length;
    char *path; /* entities and %-escapes undone; owned by the array */
} MbComposeImage;

/* The images that are neither remote nor data (no scheme, no `//`), in order; free with
 * g_array_unref(). */
GArray *mb_compose_html_images(const char *html, size_t length);

G_END_DECLS
