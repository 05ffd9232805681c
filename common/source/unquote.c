#include "mbox.h"

#include <mailbatch/source/source.h>
#include <string.h>

/* What has been seen of ">From " at the start of a line. */
typedef enum {
    LINE_START,
    MATCHING, /* `held` characters of ">From " */
    IN_LINE,
} State;

static const char quoted_from[] = ">From ";

#define QUOTED_LENGTH 6

static const char *const names[] = {
    [MB_MBOX_RD] = "mboxrd",
    [MB_MBOX_O] = "mboxo",
    [MB_MBOX_CL] = "mboxcl",
    [MB_MBOX_CL2] = "mboxcl2",
};

const char *mb_mbox_dialect_name(MbMboxDialect dialect)
{
    return names[dialect];
}

bool mb_mbox_dialect_from_name(const char *name, MbMboxDialect *dialect)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *dialect = (MbMboxDialect)i;
            return true;
        }
    }
    return false;
}

/* Writes what was held back: it was no quoted From_ line. */
static char *put_held(MbMboxUnquoter *unquoter, char *out)
{
    memcpy(out, quoted_from, unquoter->held);
    out += unquoter->held;
    unquoter->held = 0;
    return out;
}

/* One byte while a line may still turn out to be a quoted From_ line. False: it is to be taken as
 * text. */
static bool match(MbMboxUnquoter *unquoter, MbMboxDialect dialect, char c, char **out)
{
    if (unquoter->state == LINE_START) {
        if (c != '>')
            return false;
        unquoter->state = MATCHING;
        unquoter->held = 1;
        return true;
    }
    if (c == '>' && unquoter->held == 1 && dialect == MB_MBOX_RD) {
        *(*out)++ = c; /* of several ">" it does not matter which one goes */
        return true;
    }
    if (c != quoted_from[unquoter->held])
        return false;
    if (++unquoter->held < QUOTED_LENGTH)
        return true;
    memcpy(*out, quoted_from + 1, QUOTED_LENGTH - 1);
    *out += QUOTED_LENGTH - 1;
    unquoter->held = 0;
    unquoter->state = IN_LINE;
    return true;
}

bool mb_mbox_may_be_quoted(const void *bytes, size_t length)
{
    return mb_mbox_find_from('>', bytes, length) != NULL;
}

size_t mb_mbox_unquote(MbMboxUnquoter *unquoter, MbMboxDialect dialect, const void *bytes,
                       size_t length, void *out)
{
    const char *in = bytes;
    const char *end = in + length;
    char *to = out;

    if (dialect == MB_MBOX_CL2) {
        if (length > 0)
            memcpy(to, in, length);
        return length;
    }
    while (in < end) {
        const char *line_end;

        if (unquoter->state != IN_LINE) {
            if (match(unquoter, dialect, *in, &to)) {
                in++;
                continue;
            }
            to = put_held(unquoter, to);
            unquoter->state = IN_LINE;
        }
        line_end = memchr(in, '\n', (size_t)(end - in));
        length = (size_t)((line_end != NULL ? line_end + 1 : end) - in);
        memcpy(to, in, length);
        to += length;
        in += length;
        if (line_end != NULL)
            unquoter->state = LINE_START;
    }
    return (size_t)(to - (char *)out);
}

size_t mb_mbox_unquote_finish(MbMboxUnquoter *unquoter, void *out)
{
    char *end = put_held(unquoter, out);

    unquoter->state = LINE_START;
    return (size_t)(end - (char *)out);
}
