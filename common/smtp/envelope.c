/*
 *   mail         = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF  (RFC 5321, 4.1.1.2)
 *   rcpt         = "RCPT TO:" Forward-path [SP Rcpt-parameters] CRLF    (4.1.1.3)
 *   Path         = "<" Mailbox ">"
 *   Mailbox      = Local-part "@" ( Domain / address-literal )          (4.1.2)
 *   Local-part   = Dot-string / Quoted-string
 *   xtext        = *( xchar / "+" 2HEXDIG )                             (RFC 3461, 4)
 *   xchar        = %x21-2A / %x2C-3C / %x3E-7E
 *
 * Lenient, on purpose: dots anywhere in a local part (addresses with two in a row exist), a local
 * part without a domain (postmaster), underscores in domains.
 */
#include "envelope.h"

#include <mailbatch/base/text.h>
#include <mailbatch/net/idn.h>
#include <string.h>

#define ADDRESS_MAX 254 /* Path is at most 256 with its brackets (RFC 5321, 4.5.3.1.3) */
#define ENVID_MAX   100 /* RFC 3461, 4.4 */

static bool refuse(const char *text, const char *problem, GError **error)
{
    g_autofree char *shown = mb_text_printable(text, strlen(text));

    g_set_error(error, MB_SMTP_ERROR, MB_ERROR_DATA, "%s: %s", shown, problem);
    return false;
}

/* The length of the local part, quotes included; 0 when it is malformed. */
static size_t local_length(const char *address)
{
    size_t at = 0;

    if (address[0] != '"') {
        while (address[at] != '\0' && address[at] != '@' &&
               strchr(" <>()[]\\,;:\"", address[at]) == NULL)
            at++;
        return at;
    }
    for (at = 1; address[at] != '\0' && address[at] != '"'; at++)
        if (address[at] == '\\' && address[++at] == '\0')
            return 0;
    return address[at] == '"' ? at + 1 : 0;
}

static bool domain_is_sound(const char *domain)
{
    size_t length = strlen(domain);

    if (domain[0] == '[')
        return length > 2 && domain[length - 1] == ']' &&
               strcspn(domain + 1, " <>[]@\"\\") == length - 2;
    return length > 0 && domain[0] != '.' && domain[0] != '-' &&
           strpbrk(domain, " <>()[]\\,;:\"@") == NULL;
}

bool mb_smtp_address_check(const char *address, GError **error)
{
    size_t length = strlen(address);
    size_t local;

    if (length == 0)
        return true;
    for (size_t i = 0; i < length; i++)
        if (g_ascii_iscntrl(address[i]))
            return refuse(address, "a control character stands in the address", error);
    if (!mb_text_is_utf8(address, length, NULL))
        return refuse(address, "the address is not valid UTF-8", error);
    if (length > ADDRESS_MAX)
        return refuse(address, "the address is longer than 254 octets", error);
    local = local_length(address);
    if (local == 0)
        return refuse(address, "the part before the @ is empty or malformed", error);
    if (address[local] == '\0')
        return true;
    if (address[local] != '@')
        return refuse(address, "not an address: quote what stands before the @, or take it out",
                      error);
    if (!domain_is_sound(address + local + 1))
        return refuse(address, "the part after the @ is no domain", error);
    return true;
}

bool mb_smtp_client_name_check(const char *name, GError **error)
{
    size_t length = strlen(name);
    bool sound = length > 0 && length <= 255 && name[0] != '-';

    for (size_t i = 0; i < length && sound; i++)
        sound = g_ascii_isalnum(name[i]) || strchr("-._:[]", name[i]) != NULL;
    if (sound)
        return true;
    g_autofree char *shown = mb_text_printable(name, length);
    g_set_error(error, MB_SMTP_ERROR, MB_ERROR_CONFIG, "%s: not a host name to say EHLO with",
                shown);
    return false;
}

static void append_xtext(GString *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at > 0x20 && *at < 0x7F && *at != '+' && *at != '=')
            g_string_append_c(out, *at);
        else
            g_string_append_printf(out, "+%02X", (guint)(guchar)*at);
    }
}

/* `<local@domain>`, the domain as A-labels unless the message is sent with SMTPUTF8 (RFC
 * 6531, 3.2). */
static bool append_path(GString *out, const char *address, bool smtputf8, GError **error)
{
    size_t local = local_length(address);
    const char *domain = address[local] == '@' ? address + local + 1 : NULL;

    g_string_append_c(out, '<');
    if (smtputf8 || domain == NULL || mb_text_is_ascii(domain, strlen(domain))) {
        g_string_append(out, address);
    } else {
        g_autofree char *label = mb_idn_to_ascii(domain, error);
        if (label == NULL) {
            g_autofree char *shown = mb_text_printable(address, strlen(address));
            g_prefix_error(error, "%s: ", shown);
            return false;
        }
        g_string_append_len(out, address, (gssize)local + 1);
        g_string_append(out, label);
    }
    g_string_append_c(out, '>');
    return true;
}

static bool append_mail(const MbSmtpMessage *message, const MbSmtpCapabilities *offered,
                        bool smtputf8, GString *out, GError **error)
{
    g_string_append(out, "MAIL FROM:");
    if (!append_path(out, message->sender, smtputf8, error))
        return false;
    if (offered->size)
        g_string_append_printf(out, " SIZE=%zu", mb_wire_length(message->wire));
    if (mb_wire_is_8bit(message->wire))
        g_string_append(out, " BODY=8BITMIME");
    if (smtputf8)
        g_string_append(out, " SMTPUTF8");
    if (offered->dsn && message->notify != NULL)
        g_string_append(out, " RET=HDRS");
    if (offered->dsn && message->envid != NULL) {
        g_string_append(out, " ENVID=");
        append_xtext(out, message->envid);
    }
    g_string_append(out, "\r\n");
    return true;
}

static bool append_rcpt(const MbSmtpMessage *message, const char *recipient,
                        const MbSmtpCapabilities *offered, bool smtputf8, GString *out,
                        GError **error)
{
    g_string_append(out, "RCPT TO:");
    if (!append_path(out, recipient, smtputf8, error))
        return false;
    if (offered->dsn && message->notify != NULL) {
        g_string_append_printf(out, " NOTIFY=%s", message->notify);
        if (mb_text_is_ascii(recipient, strlen(recipient))) {
            g_string_append(out, " ORCPT=rfc822;");
            append_xtext(out, recipient);
        }
    }
    g_string_append(out, "\r\n");
    return true;
}

static bool needs_smtputf8(const char *address)
{
    return !mb_text_is_ascii(address, local_length(address));
}

static bool check_addresses(const MbSmtpMessage *message, const MbSmtpCapabilities *offered,
                            bool *smtputf8, GError **error)
{
    const char *reason = needs_smtputf8(message->sender) ? message->sender : NULL;

    if (!mb_smtp_address_check(message->sender, error))
        return false;
    if (message->recipients[0] == NULL)
        return refuse("message", "it has no recipient", error);
    for (size_t i = 0; message->recipients[i] != NULL; i++) {
        const char *recipient = message->recipients[i];
        if (recipient[0] == '\0')
            return refuse("message", "a recipient's address is empty", error);
        if (!mb_smtp_address_check(recipient, error))
            return false;
        if (reason == NULL && needs_smtputf8(recipient))
            reason = recipient;
    }
    *smtputf8 = message->smtputf8 || reason != NULL;
    if (*smtputf8 && !offered->smtputf8)
        return refuse(reason != NULL ? reason : "message",
                      "it needs SMTPUTF8, which the server does not offer", error);
    return true;
}

static bool check_dsn(const MbSmtpMessage *message, GError **error)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ,";

    if (message->notify != NULL && message->notify[strspn(message->notify, allowed)] != '\0')
        return refuse(message->notify, "not a DSN NOTIFY list", error);
    if (message->envid != NULL && (message->envid[0] == '\0' || strlen(message->envid) > ENVID_MAX))
        return refuse(message->envid, "an envelope id has 1 to 100 octets", error);
    return true;
}

bool mb_smtp_envelope_format(const MbSmtpMessage *message, const MbSmtpCapabilities *offered,
                             GString *commands, GArray *ends, GError **error)
{
    bool smtputf8 = false;

    if (!check_addresses(message, offered, &smtputf8, error) || !check_dsn(message, error) ||
        !append_mail(message, offered, smtputf8, commands, error))
        return false;
    g_array_append_val(ends, commands->len);
    for (size_t i = 0; message->recipients[i] != NULL; i++) {
        if (!append_rcpt(message, message->recipients[i], offered, smtputf8, commands, error))
            return false;
        g_array_append_val(ends, commands->len);
    }
    return true;
}
