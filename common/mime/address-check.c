#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <string.h>

#define LOCAL_MAX   64 /* RFC 5321, 4.5.3.1.1 */
#define ADDRESS_MAX 254
#define LABEL_MAX   63

MB_DEFINE_QUARK(mb_mime_error)

typedef struct {
    const char *text;
    size_t length;
    GError **error;
} Check;

static bool refuse(const Check *check, const char *why)
{
    g_autofree char *shown = mb_text_printable(check->text, check->length);

    g_set_error(check->error, MB_MIME_ERROR, MB_ERROR_DATA, "%s: not an address: %s", shown, why);
    return false;
}

static bool is_atom_char(char c)
{
    return g_ascii_isalnum(c) || (uint8_t)c >= 0x80 ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool check_dot_atom(const Check *check, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool is_edge = i == 0 || i + 1 == length || text[i - 1] == '.';

        if (text[i] == '.' && is_edge)
            return refuse(check, "a dot at the start or end of the local part, or two in a row");
        if (text[i] != '.' && !is_atom_char(text[i]))
            return refuse(check, "a character that the local part may not have without quotes");
    }
    return true;
}

static bool check_quoted(const Check *check, const char *text, size_t length)
{
    for (size_t i = 1; i + 1 < length; i++) {
        if (text[i] == '\\' && i + 2 < length)
            i++;
        else if (text[i] == '"' || text[i] == '\\')
            return refuse(check, "a quote or backslash inside a quoted local part");
    }
    return length > 2 && text[length - 1] == '"' ? true : refuse(check, "quotes are not closed");
}

static bool check_domain(const Check *check, const char *text, size_t length)
{
    size_t label = 0;

    if (*text == '[')
        return text[length - 1] == ']' && length > 2
                   ? true
                   : refuse(check, "the domain's bracket is not closed");
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != '.') {
            if (!g_ascii_isalnum(text[i]) && text[i] != '-' && text[i] != '_' &&
                (uint8_t)text[i] < 0x80)
                return refuse(check, "a character that a domain may not have");
            continue;
        }
        if (i == label)
            return refuse(check, "an empty label in the domain");
        if (text[label] == '-' || text[i - 1] == '-')
            return refuse(check, "a label of the domain begins or ends with a hyphen");
        if (i - label > LABEL_MAX)
            return refuse(check, "a label of the domain has more than 63 octets");
        label = i + 1;
    }
    return true;
}

/* Where the "@" stands; behind a quoted local part when there is one. */
static const char *find_at(const char *text, size_t length)
{
    return memrchr(text, '@', length);
}

bool mb_address_check(const char *address, size_t length, GError **error)
{
    Check check = {address, length, error};
    const char *at = find_at(address, length);
    size_t local = at != NULL ? (size_t)(at - address) : 0;

    if (length == 0)
        return refuse(&check, "it is empty");
    for (size_t i = 0; i < length; i++) {
        if ((uint8_t)address[i] < ' ' || address[i] == 0x7F)
            return refuse(&check, "a control character");
        if (address[i] == ' ' && *address != '"')
            return refuse(&check, "a blank");
    }
    if (!mb_text_is_utf8(address, length, NULL))
        return refuse(&check, "bytes that are no UTF-8");
    if (at == NULL)
        return refuse(&check, "no @");
    if (local == 0)
        return refuse(&check, "nothing before the @");
    if (local + 1 == length)
        return refuse(&check, "nothing behind the @");
    if (local > LOCAL_MAX)
        return refuse(&check, "a local part of more than 64 octets");
    if (length > ADDRESS_MAX)
        return refuse(&check, "more than 254 octets");
    if (*address == '"' ? !check_quoted(&check, address, local)
                        : !check_dot_atom(&check, address, local))
        return false;
    return check_domain(&check, at + 1, length - local - 1);
}

bool mb_address_local_is_ascii(const char *address)
{
    const char *at = strrchr(address, '@');

    return mb_text_is_ascii(address, at != NULL ? (size_t)(at - address) : strlen(address));
}

bool mb_address_domain_is_ascii(const char *address)
{
    const char *at = strrchr(address, '@');

    return at == NULL || mb_text_is_ascii(at + 1, strlen(at + 1));
}
