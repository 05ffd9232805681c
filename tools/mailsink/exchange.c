#include "exchange.h"

#include <mailbatch/base/digest.h>
#include <string.h>

typedef struct MsMechanism {
    const char *name;
    MsTurn (*take)(MsExchange *exchange, const MsHouse *house, const char *line);
    const char *prompt;   /* base64, where the client does not begin */
    const char *refusal;  /* base64: what is said of a token that is refused; NULL: nothing is */
    const char *response; /* … and what the client has to answer to that */
} MsMechanism;

static MsTurn ask(MsExchange *exchange, const char *challenge)
{
    exchange->challenge = challenge;
    return MS_TURN_ASK;
}

static MsTurn judge(const MsExchange *exchange, const MsHouse *house, const char *password)
{
    return ms_house_admits(house, exchange->name, password) ? MS_TURN_ADMIT : MS_TURN_REFUSE;
}

static MsTurn take_plain(MsExchange *exchange, const MsHouse *house, const char *line)
{
    char *password = NULL;
    MsTurn turn;

    if (!ms_plain_decode(line, &exchange->name, &password))
        return MS_TURN_BROKEN;
    turn = judge(exchange, house, password);
    mb_wipe_free(password);
    return turn;
}

static MsTurn take_login(MsExchange *exchange, const MsHouse *house, const char *line)
{
    char *text = ms_base64_decode(line);
    MsTurn turn = MS_TURN_BROKEN;

    if (text != NULL && exchange->name == NULL) {
        exchange->name = text;
        return ask(exchange, "UGFzc3dvcmQ6");
    }
    if (text != NULL)
        turn = judge(exchange, house, text);
    mb_wipe_free(text);
    return turn;
}

/* What stands between `key` and the octet `end` in `text`; NULL: it does not stand there. */
static char *between(const char *text, const char *key, char end)
{
    const char *start = strstr(text, key);
    const char *stop = start != NULL ? strchr(start + strlen(key), end) : NULL;

    return stop != NULL ? g_strndup(start + strlen(key), (gsize)(stop - start) - strlen(key))
                        : NULL;
}

/* saslname (RFC 5801, 4): a comma and an equals sign are written as =2C and =3D. */
static void undo_saslname(char **name)
{
    g_autoptr(GString) text = g_string_new(*name);

    g_string_replace(text, "=2C", ",", 0);
    g_string_replace(text, "=3D", "=", 0);
    g_free(*name);
    *name = g_strdup(text->str);
}

/* user=NAME^Aauth=Bearer TOKEN^A^A, or n,a=NAME,^A…^Aauth=Bearer TOKEN^A^A (RFC 7628, 3.1). */
static MsTurn read_token(MsExchange *exchange, const MsHouse *house, const char *text)
{
    bool xoauth2 = g_str_has_prefix(text, "user=");
    char *token = between(text, "\001auth=Bearer ", '\001');
    MsTurn turn;

    if (exchange->mechanism->response[0] == '\0' ? xoauth2 : g_str_has_prefix(text, "n,a="))
        exchange->name = xoauth2 ? between(text, "user=", '\001') : between(text, "n,a=", ',');
    if (token == NULL || exchange->name == NULL || !g_str_has_suffix(text, "\001\001")) {
        mb_wipe_free(token);
        return MS_TURN_BROKEN;
    }
    if (!xoauth2)
        undo_saslname(&exchange->name);
    turn = judge(exchange, house, token);
    mb_wipe_free(token);
    return turn == MS_TURN_REFUSE ? ask(exchange, exchange->mechanism->refusal) : turn;
}

static MsTurn take_token(MsExchange *exchange, const MsHouse *house, const char *line)
{
    char *text;
    MsTurn turn;

    if (exchange->name != NULL)
        return strcmp(line, exchange->mechanism->response) == 0 ? MS_TURN_REFUSE : MS_TURN_BROKEN;
    text = ms_base64_decode(line);
    turn = text != NULL ? read_token(exchange, house, text) : MS_TURN_BROKEN;
    mb_wipe_free(text);
    return turn;
}

static const MsMechanism mechanisms[] = {
    {"PLAIN", take_plain, "", NULL, NULL},
    {"LOGIN", take_login, "VXNlcm5hbWU6", NULL, NULL},
    /* {"status":"401","schemes":"bearer"} */
    {"XOAUTH2", take_token, "", "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=", ""},
    /* {"status":"invalid_token"}; ^A answers it (RFC 7628, 3.2.3) */
    {"OAUTHBEARER", take_token, "", "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", "AQ=="},
};

void ms_exchange_clear(MsExchange *exchange)
{
    g_free(exchange->name);
    *exchange = (MsExchange){0};
}

bool ms_exchange_begin(MsExchange *exchange, const char *name, size_t length)
{
    ms_exchange_clear(exchange);
    for (size_t i = 0; i < G_N_ELEMENTS(mechanisms); i++)
        if (strlen(mechanisms[i].name) == length &&
            g_ascii_strncasecmp(mechanisms[i].name, name, length) == 0)
            exchange->mechanism = &mechanisms[i];
    return exchange->mechanism != NULL;
}

MsTurn ms_exchange_take(MsExchange *exchange, const MsHouse *house, const char *line)
{
    MsTurn turn;

    if (line == NULL)
        return ask(exchange, exchange->mechanism->prompt);
    turn =
        strcmp(line, "*") == 0 ? MS_TURN_CANCEL : exchange->mechanism->take(exchange, house, line);
    if (turn != MS_TURN_ASK)
        exchange->mechanism = NULL;
    return turn;
}
