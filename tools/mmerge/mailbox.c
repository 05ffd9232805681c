#include "mailbox.h"

#include <mailbatch/base/text.h>
#include <mailbatch/mime/address.h>
#include <string.h>

typedef struct {
    const char *at, *end;
    bool in_value; /* between the marks */
    bool quoted;   /* in quotes of the template */
    bool escaped;  /* the character stood behind a backslash there */
} Scan;

/* The next character without its marks; false at the end. *own: it is the template's, outside of
 * quotes. */
static bool next(Scan *scan, char *c, bool *own)
{
    while (scan->at < scan->end) {
        *c = *scan->at++;
        if (*c == MB_TEMPLATE_VALUE_BEGIN) {
            scan->in_value = true;
            continue;
        }
        if (*c == MB_TEMPLATE_VALUE_END) {
            scan->in_value = false;
            continue;
        }
        scan->escaped = !scan->in_value && scan->quoted && *c == '\\' && scan->at < scan->end;
        if (scan->escaped) {
            *c = *scan->at++;
            *own = false;
            return true;
        }
        *own = !scan->in_value && !scan->quoted && *c != '"';
        if (!scan->in_value && *c == '"')
            scan->quoted = !scan->quoted;
        return true;
    }
    return false;
}

/* Where the mailbox that begins at `at` ends: before a comma of the template, or at the end. */
static const char *chunk_end(const char *at, const char *end)
{
    Scan scan = {.at = at, .end = end};
    bool own, angle = false;
    char c;

    while (next(&scan, &c, &own)) {
        if (own && c == '<')
            angle = true;
        else if (own && c == '>')
            angle = false;
        else if (own && !angle && c == ',')
            return scan.at - 1;
    }
    return end;
}

/* The texts before, within and behind the template's angle brackets; false when there are none. */
static bool split_brackets(const char *at, const char *end, GString *name, GString *address,
                           GString *rest)
{
    Scan scan = {.at = at, .end = end};
    GString *into = name;
    bool own;
    char c;

    while (next(&scan, &c, &own)) {
        bool quote = c == '"' && !scan.in_value && !scan.escaped;

        if (own && c == '<' && into == name)
            into = address;
        else if (own && c == '>' && into == address)
            into = rest;
        else if (!quote || into != name) /* the quotes around a name are not of the name */
            g_string_append_c(into, c);
    }
    return into != name;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static bool add_mailbox(const char *name, const char *address, size_t address_length,
                        GStringChunk *texts, GArray *mailboxes, bool *smtputf8, GError **error)
{
    g_autoptr(GString) wire = g_string_new(NULL);
    MbComposeMailbox mailbox = {0};

    if (mailboxes->len >= MM_MAX_RECIPIENTS) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "over %d addresses",
                    MM_MAX_RECIPIENTS);
        return false;
    }
    if (!mb_compose_address(address, address_length, wire, smtputf8, error))
        return false;
    mailbox.address = g_string_chunk_insert_len(texts, wire->str, (gssize)wire->len);
    if (name != NULL && *name != '\0')
        mailbox.name = g_string_chunk_insert(texts, name);
    g_array_append_val(mailboxes, mailbox);
    return true;
}

static bool add_bracketed(GString *name, GString *address, const GString *rest, GStringChunk *texts,
                          GArray *mailboxes, bool *smtputf8, GError **error)
{
    g_strstrip(name->str);
    g_strstrip(address->str);
    if (!is_blank(rest->str)) {
        g_autofree char *shown = mb_text_printable(rest->str, rest->len);

        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "\"%s\" stands behind an address: a comma lacks", shown);
        return false;
    }
    if (*address->str == '\0' && *name->str == '\0')
        return true;
    return add_mailbox(name->str, address->str, strlen(address->str), texts, mailboxes, smtputf8,
                       error);
}

/* A list that is a value as a whole, or the template's own text. */
static bool add_list(const GString *text, GStringChunk *texts, GArray *mailboxes, bool *smtputf8,
                     GError **error)
{
    g_auto(MbFlaws) flaws = {0};
    g_autoptr(MbAddressList) list = NULL;

    if (is_blank(text->str))
        return true;
    if (mb_text_breaks_line(text->str, text->len)) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "a line break or NUL stands where an address belongs");
        return false;
    }
    list = mb_address_list_parse(text->str, text->len, MM_MAX_RECIPIENTS + 1, &flaws);
    for (size_t i = 0; i < mb_flaws_count(&flaws); i++) {
        MbFlawKind kind = mb_flaws_at(&flaws, i)->kind;

        if (mb_flaw_weight(kind) != 'I' && kind != MB_FLAW_ADDRESS_NAME_IS_ADDRESS) {
            g_autofree char *shown = mb_text_printable(text->str, text->len);

            g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "\"%s\": %s", shown,
                        mb_flaw_text(kind));
            return false;
        }
    }
    for (size_t i = 0; i < mb_address_list_count(list); i++) {
        const MbAddress *address = mb_address_list_at(list, i);

        if (address->is_group) {
            g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                        "a group of addresses (name: …;) cannot be mailed");
            return false;
        }
        if (!add_mailbox(address->name, address->address, address->address_length, texts, mailboxes,
                         smtputf8, error))
            return false;
    }
    return true;
}

static bool add_chunk(const char *at, const char *end, GStringChunk *texts, GArray *mailboxes,
                      bool *smtputf8, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);
    g_autoptr(GString) address = g_string_new(NULL);
    g_autoptr(GString) rest = g_string_new(NULL);
    Scan scan = {.at = at, .end = end};
    bool own;
    char c;

    if (split_brackets(at, end, name, address, rest)) {
        if (strlen(name->str) == name->len && strlen(address->str) == address->len)
            return add_bracketed(name, address, rest, texts, mailboxes, smtputf8, error);
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA, "an address holds a NUL octet");
        return false;
    }
    g_string_truncate(name, 0);
    while (next(&scan, &c, &own))
        g_string_append_c(name, c);
    return add_list(name, texts, mailboxes, smtputf8, error);
}

bool mm_mailboxes_parse(const char *marked, size_t length, GStringChunk *texts, GArray *mailboxes,
                        bool *smtputf8, GError **error)
{
    const char *end = marked + length;

    while (marked < end) {
        const char *stop = chunk_end(marked, end);

        if (!add_chunk(marked, stop, texts, mailboxes, smtputf8, error))
            return false;
        marked = stop < end ? stop + 1 : end;
    }
    return true;
}

char *mm_address_fold(const char *address)
{
    char *folded = g_strdup(address);

    for (char *at = strrchr(folded, '@'); at != NULL && *at != '\0'; at++)
        *at = g_ascii_tolower(*at);
    return folded;
}
