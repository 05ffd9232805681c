#include "smtp-address.h"

#include <mailbatch/base/text.h>
#include <string.h>

#define ADDRESS_MAX 1024 /* RFC 5321, 4.5.3.1.3 says 256; SMTPUTF8 may be longer */

#define SYNTAX_ERROR     "501 5.5.4 syntax error in the arguments\r\n"
#define BAD_ADDRESS      "501 5.1.3 that is no address\r\n"
#define NEEDS_SMTPUTF8   "553 5.6.7 the address needs SMTPUTF8\r\n"
#define UNKNOWN_PARAM    "555 5.5.4 parameter not recognised\r\n"
#define BAD_PARAM        "501 5.5.4 bad value of a parameter\r\n"
#define MESSAGE_TOO_LONG "552 5.3.4 the message is longer than what is taken here\r\n"

/* The end of the path that begins after "<": its ">" outside quotes; NULL when there is none. */
static const char *find_end(const char *text)
{
    bool quoted = false;

    for (; *text != '\0'; text++) {
        if (*text == '\\' && quoted && text[1] != '\0')
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (*text == '>' && !quoted)
            return text;
    }
    return NULL;
}

/* The mailbox without a source route, which is accepted and ignored (RFC 5321, F.2). */
static const char *skip_route(const char *text, const char *end)
{
    const char *colon = *text == '@' ? memchr(text, ':', (size_t)(end - text)) : NULL;

    return colon != NULL ? colon + 1 : text;
}

static bool is_local_part(const char *text, size_t length)
{
    if (length == 0)
        return false;
    if (text[0] == '"')
        return length >= 2 && text[length - 1] == '"';
    for (size_t i = 0; i < length; i++)
        if (strchr("()<>[]:;@\\,\" ", text[i]) != NULL)
            return false;
    return text[0] != '.' && text[length - 1] != '.';
}

static bool is_domain(const char *text)
{
    size_t length = strlen(text);

    if (text[0] == '[')
        return length > 2 && text[length - 1] == ']';
    for (size_t i = 0; i < length; i++)
        if ((text[i] & 0x80) == 0 && !g_ascii_isalnum(text[i]) && text[i] != '-' &&
            text[i] != '.' && text[i] != '_')
            return false;
    return length > 0 && text[0] != '.' && text[length - 1] != '.' && strstr(text, "..") == NULL;
}

static bool is_mailbox(const char *address)
{
    const char *at = strrchr(address, '@');

    for (const char *next = address; *next != '\0'; next++)
        if (g_ascii_iscntrl(*next))
            return false;
    if (strlen(address) > ADDRESS_MAX || !mb_text_is_utf8(address, strlen(address), NULL))
        return false;
    if (at == NULL || (address[0] == '"' && g_str_has_suffix(address, "\"")))
        return is_local_part(address, strlen(address));
    return is_local_part(address, (size_t)(at - address)) && is_domain(at + 1);
}

static bool is_value(const char *value, const char *names)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);

    for (char **next = list; *next != NULL; next++)
        if (g_ascii_strcasecmp(*next, value) == 0)
            return true;
    return false;
}

static const char *parse_size(const MsPathRules *rules, const char *value)
{
    guint64 size;

    if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &size, NULL))
        return BAD_PARAM;
    return rules->max_size > 0 && size > rules->max_size ? MESSAGE_TOO_LONG : NULL;
}

static const char *parse_mail_parameter(const MsPathRules *rules, const char *name,
                                        const char *value, MsPath *path)
{
    if (rules->size && g_ascii_strcasecmp(name, "SIZE") == 0)
        return parse_size(rules, value);
    if (rules->eightbit && g_ascii_strcasecmp(name, "BODY") == 0) {
        path->eightbit = g_ascii_strcasecmp(value, "8BITMIME") == 0;
        return is_value(value, "7BIT 8BITMIME") ? NULL : BAD_PARAM;
    }
    if (rules->smtputf8 && g_ascii_strcasecmp(name, "SMTPUTF8") == 0) {
        path->smtputf8 = true;
        return value[0] == '\0' ? NULL : BAD_PARAM;
    }
    if (rules->auth && g_ascii_strcasecmp(name, "AUTH") == 0)
        return NULL;
    if (rules->dsn && g_ascii_strcasecmp(name, "RET") == 0)
        return is_value(value, "FULL HDRS") ? NULL : BAD_PARAM;
    if (rules->dsn && g_ascii_strcasecmp(name, "ENVID") == 0) {
        g_free(path->envid);
        path->envid = g_strdup(value);
        return value[0] != '\0' && strlen(value) <= 100 ? NULL : BAD_PARAM;
    }
    return UNKNOWN_PARAM;
}

static const char *parse_rcpt_parameter(const MsPathRules *rules, const char *name,
                                        const char *value)
{
    if (rules->dsn && g_ascii_strcasecmp(name, "ORCPT") == 0)
        return strchr(value, ';') != NULL ? NULL : BAD_PARAM;
    if (rules->dsn && g_ascii_strcasecmp(name, "NOTIFY") == 0) {
        g_auto(GStrv) list = g_strsplit(value, ",", -1);

        for (char **next = list; *next != NULL; next++)
            if (!is_value(*next, list[1] == NULL ? "NEVER SUCCESS FAILURE DELAY"
                                                 : "SUCCESS FAILURE DELAY"))
                return BAD_PARAM;
        return list[0] != NULL ? NULL : BAD_PARAM;
    }
    return UNKNOWN_PARAM;
}

static const char *parse_parameters(const MsPathRules *rules, const char *text, MsPath *path)
{
    while (*text != '\0') {
        size_t blanks = strspn(text, " \t");
        size_t length = strcspn(text + blanks, " \t");
        g_autofree char *name = g_strndup(text + blanks, length);
        char *value = strchr(name, '=');
        const char *problem;

        if (blanks == 0)
            return SYNTAX_ERROR;
        text += blanks + length;
        if (length == 0)
            continue;
        if (value != NULL)
            *value++ = '\0';
        else
            value = name + strlen(name);
        problem = rules->is_mail ? parse_mail_parameter(rules, name, value, path)
                                 : parse_rcpt_parameter(rules, name, value);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

static const char *parse(const MsPathRules *rules, const char *text, MsPath *path)
{
    const char *word = rules->is_mail ? "FROM:" : "TO:";
    const char *start;
    const char *end;
    const char *problem;

    if (g_ascii_strncasecmp(text, word, strlen(word)) != 0)
        return SYNTAX_ERROR;
    text += strlen(word);
    text += strspn(text, " \t");
    if (*text != '<' || (end = find_end(text + 1)) == NULL)
        return SYNTAX_ERROR;
    start = skip_route(text + 1, end);
    path->address = g_strndup(start, (gsize)(end - start));
    if (path->address[0] == '\0' ? !rules->is_mail : !is_mailbox(path->address))
        return BAD_ADDRESS;
    problem = parse_parameters(rules, end + 1, path);
    if (problem != NULL)
        return problem;
    if (!mb_text_is_ascii(path->address, strlen(path->address)) &&
        !(rules->is_mail ? path->smtputf8 : rules->smtputf8))
        return NEEDS_SMTPUTF8;
    return NULL;
}

const char *ms_path_parse(const MsPathRules *rules, const char *text, MsPath *path)
{
    MsPath read = {0};
    const char *problem = parse(rules, text, &read);

    if (problem != NULL)
        ms_path_clear(&read);
    else
        *path = read;
    return problem;
}

void ms_path_clear(MsPath *path)
{
    g_clear_pointer(&path->address, g_free);
    g_clear_pointer(&path->envid, g_free);
}
