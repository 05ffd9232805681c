#include "internal.h"

#include <string.h>

static bool starts(const MbLine *line, const char *status)
{
    size_t length = strlen(status);

    return line->length >= length && memcmp(line->text, status, length) == 0 &&
           (line->length == length || line->text[length] == ' ');
}

static const char *after_blanks(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

static void read_code(MbPop3Reply *reply)
{
    const char *end;
    size_t length;

    if (reply->text[0] != '[')
        return;
    end = strchr(reply->text, ']');
    if (end == NULL)
        return;
    length = (size_t)(end - reply->text) - 1;
    if (length == 0 || length >= sizeof(reply->code))
        return;
    for (size_t i = 0; i < length; i++) {
        char octet = reply->text[1 + i];

        if (!g_ascii_isgraph(octet)) {
            reply->code[0] = '\0';
            return;
        }
        reply->code[i] = g_ascii_toupper(octet);
    }
    reply->code[length] = '\0';
}

void mb_pop3_reply_parse(MbPop3Reply *reply, const MbLine *line)
{
    *reply = (MbPop3Reply){
        .kind = REPLY_NONSENSE,
        .line = line->text,
        .line_length = line->length,
        .text = "",
    };
    if (starts(line, "+OK")) {
        reply->kind = REPLY_OK;
        reply->text = after_blanks(line->text + 3);
    } else if (starts(line, "-ERR")) {
        reply->kind = REPLY_ERR;
        reply->text = after_blanks(line->text + 4);
        read_code(reply);
    } else if (starts(line, "+")) {
        reply->kind = REPLY_CONTINUE;
        reply->text = after_blanks(line->text + 1);
    }
}

/* Servers without response codes say in words that another session holds the maildrop (RFC 1939,
 * 4). */
static bool says_locked(const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return strstr(lower, "lock") != NULL &&
           (strstr(lower, "maildrop") != NULL || strstr(lower, "mailbox") != NULL);
}

MbErrorCode mb_pop3_reply_fault(const MbPop3Reply *reply, MbErrorCode otherwise)
{
    static const struct {
        const char *code;
        MbErrorCode fault;
    } codes[] = {
        {"AUTH", MB_ERROR_LOGIN},
        {"IN-USE", MB_ERROR_TEMPORARY},
        {"LOGIN-DELAY", MB_ERROR_TEMPORARY},
        {"SYS/TEMP", MB_ERROR_TEMPORARY},
        {"SYS/PERM", MB_ERROR_UNAVAILABLE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (strcmp(reply->code, codes[i].code) == 0)
            return codes[i].fault;
    }
    return says_locked(reply->text) ? MB_ERROR_TEMPORARY : otherwise;
}
