#include "internal.h"

#include <string.h>

void mb_pop3_capa_init(MbPop3Capa *capa)
{
    *capa = (MbPop3Capa){
        .says = {.expire_days = -1, .login_delay = -1},
        .lines = g_ptr_array_new_with_free_func(g_free),
        .sasl = g_ptr_array_new_with_free_func(g_free),
    };
    g_ptr_array_add(capa->lines, NULL);
    g_ptr_array_add(capa->sasl, NULL);
    capa->says.lines = (const char *const *)capa->lines->pdata;
    capa->says.sasl = (const char *const *)capa->sasl->pdata;
}

void mb_pop3_capa_clear(MbPop3Capa *capa)
{
    g_clear_pointer(&capa->lines, g_ptr_array_unref);
    g_clear_pointer(&capa->sasl, g_ptr_array_unref);
}

void mb_pop3_capa_replace(MbPop3Capa *capa, MbPop3Capa *by)
{
    const char *greeting = capa->says.greeting;

    mb_pop3_capa_clear(capa);
    *capa = *by;
    capa->says.greeting = greeting;
    mb_pop3_capa_init(by);
}

bool mb_pop3_capa_has_sasl(const MbPop3Capa *capa)
{
    return capa->says.sasl[0] != NULL;
}

static const char *const *append(GPtrArray *list, const char *text)
{
    g_ptr_array_index(list, list->len - 1) = g_strdup(text);
    g_ptr_array_add(list, NULL);
    return (const char *const *)list->pdata;
}

static int read_number(const char *word)
{
    guint64 value;

    if (word == NULL || !g_ascii_string_to_unsigned(word, 10, 0, G_MAXINT, &value, NULL))
        return -1;
    return (int)value;
}

static void add_sasl(MbPop3Capa *capa, char **words)
{
    for (; *words != NULL; words++) {
        if (**words != '\0')
            capa->says.sasl = append(capa->sasl, *words);
    }
}

/*
 *   capability = "CAPA-tag" *( SP parameter )                                    (RFC 2449, 5 and
 * 6) "EXPIRE" SP ( days / "NEVER" ) [ SP "USER" ]; "LOGIN-DELAY" SP seconds [ SP "USER" ]
 */
bool mb_pop3_capa_add(MbPop3Capa *capa, const char *line)
{
    static const struct {
        const char *tag;
        size_t flag;
    } flags[] = {
        {"PIPELINING", G_STRUCT_OFFSET(MbPop3Capabilities, pipelining)},
        {"UIDL", G_STRUCT_OFFSET(MbPop3Capabilities, uidl)},
        {"TOP", G_STRUCT_OFFSET(MbPop3Capabilities, top)},
        {"STLS", G_STRUCT_OFFSET(MbPop3Capabilities, stls)},
        {"USER", G_STRUCT_OFFSET(MbPop3Capabilities, user)},
        {"RESP-CODES", G_STRUCT_OFFSET(MbPop3Capabilities, resp_codes)},
    };
    g_auto(GStrv) words = NULL;

    if (capa->lines->len > MB_POP3_CAPA_MAX)
        return false;
    capa->says.lines = append(capa->lines, line);
    words = g_strsplit(line, " ", -1);
    if (words[0] == NULL)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (g_ascii_strcasecmp(words[0], flags[i].tag) == 0)
            G_STRUCT_MEMBER(bool, &capa->says, flags[i].flag) = true;
    }
    if (g_ascii_strcasecmp(words[0], "SASL") == 0) {
        add_sasl(capa, words + 1);
    } else if (g_ascii_strcasecmp(words[0], "EXPIRE") == 0) {
        capa->says.expire_days = read_number(words[1]);
        capa->says.expire_per_user =
            words[1] != NULL && words[2] != NULL && g_ascii_strcasecmp(words[2], "USER") == 0;
    } else if (g_ascii_strcasecmp(words[0], "LOGIN-DELAY") == 0) {
        capa->says.login_delay = read_number(words[1]);
    }
    return true;
}
