/*
 * Addresses of header fields (RFC 5322, 3.4 and 4.4).
 *
 *   address-list = address *( "," address )
 *   address      = mailbox / group
 *   mailbox      = [ display-name ] "<" [ route ":" ] addr-spec ">"  /  addr-spec [ "(" name ")" ]
 *   group        = display-name ":" [ mailbox-list ] ";"
 *
 * Parsing loses nothing: each address knows its bytes, what is malformed is noted and listed all
 * the same; nested groups are flattened, without recursion; the time is linear in the length.
 * Nothing here knows about IDN: a domain is given and written as it stands.
 */
#pragma once

#include <glib.h>
#include <mailbatch/base/error.h>
#include <mailbatch/mime/flaw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MB_MIME_ERROR (mb_mime_error_quark())
GQuark mb_mime_error_quark(void);

#define MB_ADDRESS_NO_GROUP SIZE_MAX

/* Texts are the list's, and end in NUL; NULs may stand inside a name.
 *   name     the display name, or the comment after an addr-spec, decoded, UTF-8; NULL: none
 *   address  local@domain, without comments and blanks around dots, otherwise as it stands; quotes
 *            of a local part are kept; "" for `<>`; NULL for a group */
typedef struct {
    const char *name;
    size_t name_length;
    const char *address;
    size_t address_length;
    size_t domain; /* where the domain begins in `address`; its length when there is none */
    bool is_group; /* a group's head: `name` is the group's, its members follow */
    size_t group;  /* index of the group it belongs to, or MB_ADDRESS_NO_GROUP */
    size_t offset; /* its bytes in the field's body, without blanks around */
    size_t length;
    size_t name_at, address_at; /* private */
} MbAddress;

typedef struct MbAddressList MbAddressList;

/* Parses a field's body, at most `max` entries (0: 1,000,000). Never NULL. */
MbAddressList *mb_address_list_parse(const char *body, size_t length, size_t max, MbFlaws *flaws);

/* The same in two steps: an empty list, which reads again and again, in the memory that it has. */
MbAddressList *mb_address_list_new(void);
void mb_address_list_read(MbAddressList *list, const char *body, size_t length, size_t max,
                          MbFlaws *flaws);

void mb_address_list_free(MbAddressList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MbAddressList, mb_address_list_free)

size_t mb_address_list_count(const MbAddressList *list);
const MbAddress *mb_address_list_at(const MbAddressList *list, size_t index);

/* Whether `address` may stand in an envelope and a header: one addr-spec, dot-atom or quoted local
 * part, a domain of labels or a literal; UTF-8 above ASCII is allowed in both; no blank, control or
 * line break; local part at most 64 octets, all of it at most 254. On failure the error names the
 * address and the place. */
bool mb_address_check(const char *address, size_t length, GError **error);

/* Whether the local part, or the domain, needs SMTPUTF8 as it stands (has bytes above 0x7F). */
bool mb_address_local_is_ascii(const char *address);
bool mb_address_domain_is_ascii(const char *address);

/* Appends one address for a header: `name <address>`, or `address` when `name` is NULL or empty;
 * the name as atoms, quoted-string or encoded-words (words.h), on a new line where it would pass
 * column 78. `address` has passed mb_address_check(). Returns the column it ends at. Between two of
 * them the caller writes ", " and counts its two columns. */
size_t mb_address_encode(const char *name, const char *address, size_t column, GString *out);

G_END_DECLS
