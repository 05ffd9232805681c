#include "charset-private.h"

#include <string.h>

typedef struct {
    const char *label;
    const char *name;
} Alias;

/* What mail calls a charset, and the name that iconv and readers know, sorted by label. Where mail
 * programs say one thing and use its superset, the superset stands (as the WHATWG's Encoding
 * Standard has it). */
static const Alias aliases[] = {
    {"646", "us-ascii"},
    {"ansi_x3.4-1968", "us-ascii"},
    {"ascii", "us-ascii"},
    {"big5-eten", "big5"},
    {"big5_hkscs", "big5-hkscs"},
    {"cn-big5", "big5"},
    {"cn-gb", "gb18030"},
    {"cp1250", "windows-1250"},
    {"cp1251", "windows-1251"},
    {"cp1252", "windows-1252"},
    {"cp1253", "windows-1253"},
    {"cp1254", "windows-1254"},
    {"cp1255", "windows-1255"},
    {"cp1256", "windows-1256"},
    {"cp1257", "windows-1257"},
    {"cp1258", "windows-1258"},
    {"cp65001", "utf-8"},
    {"cp819", "iso-8859-1"},
    {"cp874", "windows-874"},
    {"cp936", "gb18030"},
    {"cp950", "big5"},
    {"cseuckr", "cp949"},
    {"csisolatin1", "iso-8859-1"},
    {"euc-cn", "gb18030"},
    {"euc-kr", "cp949"},
    {"euc_kr", "cp949"},
    {"eucgb2312_cn", "gb18030"},
    {"euckr", "cp949"},
    {"gb2312", "gb18030"},
    {"gb_2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"gbk", "gb18030"},
    {"ibm819", "iso-8859-1"},
    {"iso-8859-8-e", "iso-8859-8"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"iso646-us", "us-ascii"},
    {"jis_encoding", "iso-2022-jp"},
    {"koi8", "koi8-r"},
    {"koi8r", "koi8-r"},
    {"korean", "cp949"},
    {"ks_c_5601", "cp949"},
    {"ks_c_5601-1987", "cp949"},
    {"ks_c_5601-1989", "cp949"},
    {"ksc5601", "cp949"},
    {"ksc_5601", "cp949"},
    {"l1", "iso-8859-1"},
    {"l2", "iso-8859-2"},
    {"latin-1", "iso-8859-1"},
    {"latin1", "iso-8859-1"},
    {"latin2", "iso-8859-2"},
    {"latin5", "iso-8859-9"},
    {"latin9", "iso-8859-15"},
    {"mac", "macintosh"},
    {"macroman", "macintosh"},
    {"ms936", "gb18030"},
    {"ms_kanji", "cp932"},
    {"shift-jis", "cp932"},
    {"shift_jis", "cp932"},
    {"sjis", "cp932"},
    {"tis-620", "windows-874"},
    {"tis620", "windows-874"},
    {"ucs-2", "utf-16"},
    {"unicode", "utf-16"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"unicode-1-1-utf-8", "utf-8"},
    {"unicode-2-0-utf-7", "utf-7"},
    {"us", "us-ascii"},
    {"utf", "utf-8"},
    {"utf16", "utf-16"},
    {"utf32", "utf-32"},
    {"utf7", "utf-7"},
    {"utf8", "utf-8"},
    {"utf8mb4", "utf-8"},
    {"utf_8", "utf-8"},
    {"win-1251", "windows-1251"},
    {"win-1252", "windows-1252"},
    {"windows-31j", "cp932"},
    {"windows-932", "cp932"},
    {"windows-936", "gb18030"},
    {"windows-949", "cp949"},
};

static const Alias *find_alias(const char *label)
{
    size_t low = 0;
    size_t high = G_N_ELEMENTS(aliases);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(label, aliases[middle].label);

        if (order == 0)
            return &aliases[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* iso8859-2, iso_8859-2, iso8859_2, 8859-2 and iso-8859-2:1987 are iso-8859-2. */
static bool fix_iso_8859(char name[MB_CHARSET_MAX])
{
    const char *at = g_str_has_prefix(name, "iso") ? name + 3 : name;
    char part[3] = "";

    at += *at == '-' || *at == '_';
    if (!g_str_has_prefix(at, "8859"))
        return false;
    at += 4;
    at += *at == '-' || *at == '_';
    for (size_t i = 0; i < 2 && g_ascii_isdigit(*at); i++)
        part[i] = *at++;
    if (part[0] == '\0' || (*at != '\0' && *at != ':'))
        return false;
    g_snprintf(name, MB_CHARSET_MAX, "iso-8859-%s", part);
    return true;
}

/* Letters, digits and punctuation of registered names; nothing that iconv_open() gives a meaning of
 * its own. */
static bool is_charset_char(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("-_.:+", c) != NULL);
}

static bool clean_label(const char *label, size_t length, char name[MB_CHARSET_MAX])
{
    size_t used = 0;
    bool clean = true;

    while (length > 0 && strchr(" \t\r\n\"'", label[length - 1]) != NULL)
        length--;
    while (length > 0 && strchr(" \t\r\n\"'", label[0]) != NULL) {
        label++;
        length--;
    }
    for (size_t i = 0; i < length && used + 1 < MB_CHARSET_MAX; i++) {
        if (is_charset_char(label[i]))
            name[used++] = g_ascii_tolower(label[i]);
        else
            clean = false;
    }
    name[used] = '\0';
    return clean && used == length && used > 0;
}

bool mb_charset_canonical(const char *label, size_t length, char name[MB_CHARSET_MAX])
{
    const Alias *alias;
    const char *bare;

    if (!clean_label(label, length, name))
        return false;
    bare = name;
    if (g_str_has_prefix(name, "x-") || g_str_has_prefix(name, "cs"))
        bare += 2;
    alias = find_alias(name);
    if (alias == NULL)
        alias = find_alias(bare);
    if (alias != NULL)
        g_strlcpy(name, alias->name, MB_CHARSET_MAX);
    else if (!fix_iso_8859(name) && g_str_has_prefix(name, "x-") && !mb_charset_convertible(name))
        memmove(name, name + 2, strlen(name) - 1);
    return mb_charset_convertible(name);
}
