#include "session.h"

#include <mailbatch/base/text.h>
#include <string.h>

void ms_session_init(MsSession *session, const MsSessionOps *ops, MsHouse *house,
                     MsProtocol protocol, bool secure)
{
    session->ops = ops;
    session->house = house;
    session->protocol = protocol;
    session->secure = secure;
    session->connection = ++house->connections;
    session->out = g_string_sized_new(4096);
}

void ms_session_free(MsSession *session)
{
    if (session == NULL)
        return;
    g_string_free(session->out, TRUE);
    session->ops->free(session);
}

bool ms_session_connect(MsSession *session)
{
    const MsFault *fault = ms_faults_meet(session->house->faults, session->protocol, MS_AT_CONNECT);

    session->spoiled = ms_session_suffer(session, fault);
    return session->wish == MS_WISH_NONE && !session->silent;
}

void ms_session_say(MsSession *session, const char *text)
{
    g_string_append(session->out, text);
}

bool ms_session_hides(const MsSession *session, MsHide what)
{
    return (session->house->hidden & what) != 0;
}

bool ms_session_suffer(MsSession *session, const MsFault *fault)
{
    if (fault == NULL)
        return false;
    switch (fault->action) {
    case MS_REPLY:
        g_string_append_len(session->out, fault->text->str, (gssize)fault->text->len);
        /* 421 announces the end of the connection (RFC 5321, 3.8). */
        if (session->protocol == MS_SMTP && g_str_has_prefix(fault->text->str, "421"))
            session->wish = MS_WISH_CLOSE;
        return true;
    case MS_SAY:
        g_string_append_len(session->out, fault->text->str, (gssize)fault->text->len);
        return true;
    case MS_GARBAGE:
        g_string_append_len(session->out, ms_garbage, (gssize)ms_garbage_length);
        return true;
    case MS_DROP: session->wish = MS_WISH_DROP; return true;
    case MS_SILENCE: session->silent = true; return true;
    case MS_ENDLESS:
        session->silent = true;
        session->endless = fault->text;
        return true;
    case MS_DRIP:
        session->drips = true;
        session->drip_ms = (guint)fault->number;
        break;
    case MS_LOSE:
    case MS_MUTE:
    case MS_MORE:
    case MS_TRUNCATE: break;
    }
    return false;
}

void ms_session_follow(MsSession *session, const MsFault *fault, size_t before)
{
    if (fault == NULL)
        return;
    if (fault->action == MS_LOSE || fault->action == MS_MUTE)
        g_string_truncate(session->out, before);
    if (fault->action == MS_LOSE)
        session->wish = MS_WISH_DROP;
    if (fault->action == MS_MORE)
        ms_session_say(session, fault->text->str);
}

void ms_session_greet(MsSession *session, const char *text)
{
    const MsFault *fault =
        ms_faults_meet(session->house->faults, session->protocol, MS_AT_GREETING);

    if (session->spoiled || ms_session_suffer(session, fault))
        return;
    ms_session_say(session, text);
    ms_session_follow(session, fault, 0);
}

void ms_session_refuse_surplus(MsSession *session, size_t left, const char *refusal)
{
    if (left == 0 || session->wish != MS_WISH_START_TLS)
        return;
    g_string_truncate(session->out, 0);
    ms_session_say(session, refusal);
    session->wish = MS_WISH_CLOSE;
}

bool ms_house_admits(const MsHouse *house, const char *name, const char *password)
{
    const char *wanted;

    if (g_hash_table_size(house->users) == 0)
        return name[0] != '\0';
    wanted = g_hash_table_lookup(house->users, name);
    return wanted != NULL && strcmp(wanted, password) == 0;
}

/* Strictly: GLib's own decoder skips what it does not know. */
static guchar *decode_base64(const char *text, gsize *length)
{
    size_t digits =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t pads = strspn(text + digits, "=");

    if (text[digits + pads] != '\0' || pads > 2 || (digits + pads) % 4 != 0)
        return NULL;
    return g_base64_decode(text, length);
}

char *ms_base64_decode(const char *text)
{
    gsize length = 0;
    g_autofree guchar *bytes = NULL;

    if (strcmp(text, "=") == 0 || text[0] == '\0')
        return g_strdup("");
    bytes = decode_base64(text, &length);
    if (bytes == NULL || memchr(bytes, '\0', length) != NULL)
        return NULL;
    return g_strndup((const char *)bytes, length);
}

bool ms_plain_decode(const char *response, char **name, char **password)
{
    gsize length = 0;
    g_autofree guchar *bytes = decode_base64(response, &length);
    const char *text = (const char *)bytes;
    const char *first;
    const char *second;

    /* [authzid] NUL authcid NUL passwd */
    first = bytes != NULL ? memchr(text, '\0', length) : NULL;
    if (first == NULL)
        return false;
    first++;
    second = memchr(first, '\0', length - (gsize)(first - text));
    if (second == NULL || memchr(second + 1, '\0', length - (gsize)(second + 1 - text)) != NULL)
        return false;
    *name = g_strdup(first);
    *password = g_strndup(second + 1, length - (gsize)(second + 1 - text));
    return true;
}
