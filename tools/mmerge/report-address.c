#include "report-address.h"

#include <mailbatch/compose/compose.h>
#include <stdbool.h>
#include <string.h>

/* \x{EB}: a character beyond ASCII, or one that the field could not hold. */
static bool read_embedded(const char *at, const char **after, gunichar *character)
{
    char *end;
    guint64 value;

    if (!g_str_has_prefix(at, "\\x{") || !g_ascii_isxdigit(at[3]))
        return false;
    value = g_ascii_strtoull(at + 3, &end, 16);
    if (*end != '}' || value < ' ' || value > 0x10FFFF || !g_unichar_validate((gunichar)value))
        return false;
    *after = end + 1;
    *character = (gunichar)value;
    return true;
}

static char *decode_utf8_type(const char *text)
{
    GString *out = g_string_new(NULL);

    while (*text != '\0') {
        gunichar character;

        if (read_embedded(text, &text, &character))
            g_string_append_unichar(out, character);
        else
            g_string_append_c(out, *text++);
    }
    return g_string_free(out, FALSE);
}

static bool is_utf8_type(const char *value, const char *semicolon)
{
    static const char type[] = "utf-8";
    size_t length;

    value += strspn(value, " \t");
    length = strlen(type);
    return g_ascii_strncasecmp(value, type, length) == 0 &&
           value + length + strspn(value + length, " \t") == semicolon;
}

/* Without brackets, and without the comment of some: no address has a blank outside of quotes. */
static void strip(char *address)
{
    bool quoted = false;
    size_t length;
    char *at;

    g_strstrip(address);
    for (at = address; *at != '\0' && (quoted || (*at != ' ' && *at != '\t')); at++)
        quoted ^= *at == '"';
    if (!quoted)
        *at = '\0';
    length = strlen(address);
    if (length >= 2 && address[0] == '<' && address[length - 1] == '>') {
        memmove(address, address + 1, length - 2);
        length -= 2;
        address[length] = '\0';
    }
    if (length > 0 && address[length - 1] == '.')
        address[length - 1] = '\0';
}

char *mm_report_address(const char *value)
{
    const char *semicolon = strchr(value, ';');
    g_autofree char *address = semicolon != NULL && is_utf8_type(value, semicolon)
                                   ? decode_utf8_type(semicolon + 1)
                                   : g_strdup(semicolon != NULL ? semicolon + 1 : value);
    g_autoptr(GString) wire = g_string_new(NULL);

    strip(address);
    if (strchr(address, '@') == NULL)
        return NULL;
    return mb_compose_address(address, strlen(address), wire, NULL, NULL)
               ? g_string_free(g_steal_pointer(&wire), FALSE)
               : g_steal_pointer(&address);
}
