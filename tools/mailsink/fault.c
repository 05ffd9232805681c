#include "fault.h"

#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>

#define SCRIPT_MAX  ((guint64)1024 * 1024)
#define DRIP_MAX_MS 600000

/* What the grammar of either protocol excludes: a wrong first octet, an escape sequence, a NUL,
 * 8-bit octets. */
const char ms_garbage[] = "\x16\x03\x01 \x1b[2J\0\xFF\xFE?!\r\n";
const size_t ms_garbage_length = sizeof(ms_garbage) - 1;

MB_DEFINE_QUARK(ms_error)

typedef struct {
    const char *name;
    MsStage stage;
    bool smtp, pop3;
} StageName;

static const StageName stage_names[] = {
    {"connect", MS_AT_CONNECT, true, true}, {"greeting", MS_AT_GREETING, true, true},
    {"auth", MS_AT_AUTH, true, true},       {"rset", MS_AT_RSET, true, true},
    {"noop", MS_AT_NOOP, true, true},       {"quit", MS_AT_QUIT, true, true},
    {"ehlo", MS_AT_EHLO, true, false},      {"starttls", MS_AT_STARTTLS, true, false},
    {"mail", MS_AT_MAIL, true, false},      {"rcpt", MS_AT_RCPT, true, false},
    {"data", MS_AT_DATA, true, false},      {"content", MS_AT_CONTENT, true, false},
    {"bdat", MS_AT_BDAT, true, false},      {"dot", MS_AT_DOT, true, false},
    {"user", MS_AT_USER, false, true},      {"pass", MS_AT_PASS, false, true},
    {"capa", MS_AT_CAPA, false, true},      {"stls", MS_AT_STLS, false, true},
    {"stat", MS_AT_STAT, false, true},      {"list", MS_AT_LIST, false, true},
    {"uidl", MS_AT_UIDL, false, true},      {"retr", MS_AT_RETR, false, true},
    {"top", MS_AT_TOP, false, true},        {"dele", MS_AT_DELE, false, true},
};

typedef struct {
    guint64 met;
    GArray *faults; /* of MsFault; NULL: none */
} Place;

struct MsFaults {
    Place places[MS_PROTOCOLS][MS_STAGES];
};

static void clear_fault(gpointer data)
{
    MsFault *fault = data;

    if (fault->text != NULL)
        g_string_free(fault->text, TRUE);
}

MsFaults *ms_faults_new(void)
{
    return g_new0(MsFaults, 1);
}

void ms_faults_free(MsFaults *faults)
{
    if (faults == NULL)
        return;
    for (size_t i = 0; i < MS_PROTOCOLS; i++)
        for (size_t j = 0; j < MS_STAGES; j++)
            if (faults->places[i][j].faults != NULL)
                g_array_unref(faults->places[i][j].faults);
    g_free(faults);
}

const MsFault *ms_faults_meet(MsFaults *faults, MsProtocol protocol, MsStage stage)
{
    Place *place = &faults->places[protocol][stage];

    place->met++;
    for (guint i = 0; place->faults != NULL && i < place->faults->len; i++) {
        const MsFault *fault = &g_array_index(place->faults, MsFault, i);

        if (fault->count == 0 || fault->count == place->met)
            return fault;
    }
    return NULL;
}

/* --- the script --- */

/* The next word of *text, as a new string, and *text behind it; NULL when there is none. */
static char *take_word(const char **text)
{
    const char *start = *text + strspn(*text, " \t");
    size_t length = strcspn(start, " \t");

    *text = start + length;
    *text += strspn(*text, " \t");
    return length > 0 ? g_strndup(start, length) : NULL;
}

static bool find_stage(const char *name, MsProtocol protocol, MsStage *stage)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stage_names); i++) {
        const StageName *row = &stage_names[i];

        if (g_ascii_strcasecmp(row->name, name) != 0 ||
            !(protocol == MS_SMTP ? row->smtp : row->pop3))
            continue;
        *stage = row->stage;
        return true;
    }
    return false;
}

static bool append_escape(GString *out, const char **text)
{
    static const char names[] = "rnt\\0;#";
    static const char values[] = "\r\n\t\\\0;#";
    const char *name = *text;
    const char *hit = *name != '\0' ? strchr(names, *name) : NULL;

    if (hit != NULL) {
        g_string_append_c(out, values[hit - names]);
        *text += 1;
        return true;
    }
    if (name[0] != 'x' || !g_ascii_isxdigit(name[1]) || !g_ascii_isxdigit(name[2]))
        return false;
    g_string_append_c(out,
                      (char)(g_ascii_xdigit_value(name[1]) << 4 | g_ascii_xdigit_value(name[2])));
    *text += 3;
    return true;
}

/* What the escapes stand for; NULL when one is unknown. */
static GString *unescape(const char *text)
{
    GString *out = g_string_new(NULL);

    while (*text != '\0') {
        if (*text != '\\') {
            g_string_append_c(out, *text++);
            continue;
        }
        text++;
        if (!append_escape(out, &text)) {
            g_string_free(out, TRUE);
            return NULL;
        }
    }
    return out;
}

static bool is_reply_code(const char *word)
{
    return strlen(word) == 3 && word[0] >= '2' && word[0] <= '5' && g_ascii_isdigit(word[1]) &&
           g_ascii_isdigit(word[2]);
}

/* The reply as it is sent: a line with its end. */
static GString *reply_line(const char *word, const char *text)
{
    GString *line = g_string_new(word);

    if (*text != '\0')
        g_string_append_printf(line, " %s", text);
    g_string_append(line, "\r\n");
    return line;
}

static const char *parse_action(MsFault *fault, MsProtocol protocol, const char *word,
                                const char *rest)
{
    static const struct {
        const char *name;
        MsAction action;
    } plain[] = {{"drop", MS_DROP},
                 {"lose", MS_LOSE},
                 {"mute", MS_MUTE},
                 {"silence", MS_SILENCE},
                 {"garbage", MS_GARBAGE}};
    static const struct {
        const char *name;
        MsAction action;
    } texts[] = {{"say", MS_SAY}, {"endless", MS_ENDLESS}, {"more", MS_MORE}};

    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (strcmp(word, plain[i].name) != 0)
            continue;
        fault->action = plain[i].action;
        return *rest == '\0' ? NULL : "nothing may follow this action";
    }
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (strcmp(word, texts[i].name) != 0)
            continue;
        fault->action = texts[i].action;
        fault->text = unescape(rest);
        if (fault->text == NULL)
            return "unknown escape";
        return fault->action == MS_ENDLESS && fault->text->len == 0 ? "a text has to follow" : NULL;
    }
    if (strcmp(word, "drip") == 0) {
        fault->action = MS_DRIP;
        return g_ascii_string_to_unsigned(rest, 10, 0, DRIP_MAX_MS, &fault->number, NULL)
                   ? NULL
                   : "how many milliseconds between octets is not a number up to 600000";
    }
    if (protocol == MS_POP3 && strcmp(word, "truncate") == 0) {
        fault->action = MS_TRUNCATE;
        return g_ascii_string_to_unsigned(rest, 10, 0, G_MAXINT64, &fault->number, NULL)
                   ? NULL
                   : "how many octets to leave is not a number";
    }
    if (protocol == MS_SMTP ? !is_reply_code(word) : g_ascii_strcasecmp(word, "-ERR") != 0)
        return "unknown action";
    fault->action = MS_REPLY;
    fault->text = reply_line(word, rest);
    return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(MsFaults *faults, const char *line)
{
    const char *rest = line;
    g_autofree char *door = take_word(&rest);
    g_autofree char *stage_name = door != NULL ? take_word(&rest) : NULL;
    g_autofree char *count = stage_name != NULL ? take_word(&rest) : NULL;
    g_autofree char *action = count != NULL ? take_word(&rest) : NULL;
    MsFault fault = {0};
    const char *problem;
    MsProtocol protocol;
    MsStage stage;
    Place *place;

    if (door == NULL)
        return NULL;
    if (action == NULL)
        return "write: smtp|pop3 COMMAND COUNT ACTION";
    if (strcmp(door, "smtp") != 0 && strcmp(door, "pop3") != 0)
        return "it begins with neither smtp nor pop3";
    protocol = strcmp(door, "smtp") == 0 ? MS_SMTP : MS_POP3;
    if (!find_stage(stage_name, protocol, &stage))
        return "unknown command";
    if (strcmp(count, "*") != 0 &&
        !g_ascii_string_to_unsigned(count, 10, 1, G_MAXINT64, &fault.count, NULL))
        return "the count is neither a number from 1 nor *";
    problem = parse_action(&fault, protocol, action, rest);
    if (problem != NULL) {
        clear_fault(&fault);
        return problem;
    }
    place = &faults->places[protocol][stage];
    if (place->faults == NULL) {
        place->faults = g_array_new(FALSE, FALSE, sizeof(MsFault));
        g_array_set_clear_func(place->faults, clear_fault);
    }
    g_array_append_val(place->faults, fault);
    return NULL;
}

/* The end of the line that begins at `text`: a LF or a `;` that no backslash escapes. */
static size_t line_length(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0' && text[length] != '\n' && text[length] != ';')
        length += text[length] == '\\' && text[length + 1] != '\0' ? 2 : 1;
    return length;
}

static void cut_comment(char *line)
{
    for (char *next = line; *next != '\0'; next++) {
        if (*next == '\\' && next[1] != '\0')
            next++;
        else if (*next == '#' && (next == line || g_ascii_isspace(next[-1])))
            *next = '\0';
    }
}

static bool parse_script(MsFaults *faults, const char *text, const char *source, MbErrorCode code,
                         GError **error)
{
    for (guint number = 1;; number++) {
        size_t length = line_length(text);
        g_autofree char *line = g_strndup(text, length);
        g_autofree char *shown = NULL;
        const char *problem;

        cut_comment(line);
        g_strstrip(line);
        problem = parse_line(faults, line);
        if (problem != NULL) {
            shown = mb_text_printable(line, strlen(line));
            g_set_error(error, MS_ERROR, code, "%s: line %u: %s: %s", source, number, shown,
                        problem);
            return false;
        }
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

bool ms_faults_add(MsFaults *faults, const char *script, GError **error)
{
    g_autoptr(GBytes) content = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!g_file_test(script, G_FILE_TEST_EXISTS))
        return parse_script(faults, script, "fault script", MB_ERROR_USAGE, error);
    content = mb_file_read(script, SCRIPT_MAX, error);
    if (content == NULL)
        return false;
    text = g_strndup(g_bytes_get_data(content, &length), g_bytes_get_size(content));
    return parse_script(faults, text, script, MB_ERROR_DATA, error);
}
