/*
 * ~/.netrc, as msmtp, mpop and ftp read it:
 *
 *   netrc = *( "machine" SP host / "default" / field / "macdef" SP name lines-until-an-empty-one )
 *   field = ( "login" / "user" / "password" / "passwd" / "account" ) SP word
 *   word  = text without blanks / DQUOTE text DQUOTE; a backslash takes what follows as it is
 *
 * "#" where a keyword may stand begins a comment.
 */
#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/login/account.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define NETRC_MAX 1048576 /* octets */

typedef struct {
    const char *path;
    char *next; /* NUL-ended; words are taken out of it in place */
    unsigned line;
    unsigned word_line; /* of the last word */
} Reader;

/* A machine's entry; words of the buffer. */
typedef struct {
    const char *host; /* NULL: "default" */
    const char *login;
    const char *password;
} Entry;

static bool is_blank(char octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

static void skip_blanks(Reader *reader)
{
    for (; is_blank(*reader->next); reader->next++)
        reader->line += *reader->next == '\n';
}

/* The next word, ended and without its quotes; NULL at the end. */
static char *next_word(Reader *reader)
{
    char *word, *out;
    bool quoted;

    skip_blanks(reader);
    reader->word_line = reader->line;
    if (*reader->next == '\0')
        return NULL;
    quoted = *reader->next == '"';
    reader->next += quoted;
    word = out = reader->next;
    while (*reader->next != '\0' && *reader->next != '\n' &&
           (quoted ? *reader->next != '"' : !is_blank(*reader->next))) {
        if (*reader->next == '\\' && reader->next[1] != '\0' && reader->next[1] != '\n')
            reader->next++;
        *out++ = *reader->next++;
    }
    if (*reader->next == '\n')
        reader->line++;
    if (*reader->next != '\0')
        reader->next++;
    *out = '\0';
    return word;
}

static char *next_keyword(Reader *reader)
{
    skip_blanks(reader);
    while (*reader->next == '#') {
        reader->next += strcspn(reader->next, "\n");
        skip_blanks(reader);
    }
    return next_word(reader);
}

/* A macro ends with an empty line, or with the file. */
static void skip_macro(Reader *reader)
{
    char *end = strstr(reader->next, "\n\n");

    for (end = end != NULL ? end : reader->next + strlen(reader->next); reader->next < end;
         reader->next++)
        reader->line += *reader->next == '\n';
}

static bool fault(const Reader *reader, const char *problem, GError **error)
{
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: line %u: %s", reader->path,
                reader->word_line, problem);
    return false;
}

static bool fits(const Entry *entry, const char *host, const char *user)
{
    return entry->password != NULL &&
           (entry->host == NULL || g_ascii_strcasecmp(entry->host, host) == 0) &&
           (entry->login == NULL || strcmp(entry->login, user) == 0);
}

static const char **field_of(Entry *entry, const char *keyword, const char **none)
{
    if (strcmp(keyword, "login") == 0 || strcmp(keyword, "user") == 0)
        return &entry->login;
    if (strcmp(keyword, "password") == 0 || strcmp(keyword, "passwd") == 0)
        return &entry->password;
    return strcmp(keyword, "account") == 0 ? none : NULL;
}

/* What a keyword says of *entry; it has neither "machine" nor "default" before the first of them.
 */
static bool take_field(Reader *reader, Entry *entry, bool is_open, const char *keyword,
                       GError **error)
{
    const char *none = NULL;
    const char **field = field_of(entry, keyword, &none);
    const char *value;

    if (field == NULL)
        return fault(reader, "neither machine, default, login, password, account nor macdef",
                     error);
    if (!is_open)
        return fault(reader, "stands before the first machine", error);
    value = next_word(reader);
    if (value == NULL)
        return fault(reader, "the file ends where a value is wanted", error);
    *field = value;
    return true;
}

/* Reads on to the next entry; false at the end, or with an error. On return *entry is whole, and
 * *following what the next call begins with. */
static bool next_entry(Reader *reader, const char **following, Entry *entry, GError **error)
{
    const char *keyword = *following != NULL ? *following : next_keyword(reader);
    bool is_open = false;

    *entry = (Entry){0};
    *following = NULL;
    for (; keyword != NULL; keyword = next_keyword(reader)) {
        bool begins = strcmp(keyword, "machine") == 0;

        if (begins || strcmp(keyword, "default") == 0) {
            if (is_open) {
                *following = begins ? "machine" : "default";
                return true;
            }
            is_open = true;
            entry->host = begins ? next_word(reader) : NULL;
            if (begins && entry->host == NULL)
                return fault(reader, "the file ends where a value is wanted", error);
        } else if (strcmp(keyword, "macdef") == 0) {
            skip_macro(reader);
        } else if (!take_field(reader, entry, is_open, keyword, error)) {
            return false;
        }
    }
    return is_open;
}

static char *find(const char *path, char *text, const char *host, const char *user, GError **error)
{
    Reader reader = {.path = path, .next = text, .line = 1};
    const char *following = NULL;
    g_autoptr(GError) wrong = NULL;
    Entry entry;

    while (next_entry(&reader, &following, &entry, &wrong))
        if (fits(&entry, host, user))
            return g_strdup(entry.password);
    if (wrong != NULL)
        g_propagate_error(error, g_steal_pointer(&wrong));
    return NULL;
}

static char *read_and_find(int descriptor, const char *path, const char *host, const char *user,
                           GError **error)
{
    char *buffer = g_malloc(NETRC_MAX + 1);
    ssize_t length = mb_login_read(descriptor, -1, buffer, NETRC_MAX);
    char *password = NULL;

    if (length < 0 || length == NETRC_MAX) {
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot be read: %s", path,
                    length < 0 ? g_strerror(errno) : "it is too large");
    } else {
        buffer[length] = '\0';
        password = find(path, buffer, host, user, error);
    }
    mb_wipe(buffer, length > 0 ? (size_t)length : 0);
    g_free(buffer);
    return password;
}

char *mb_login_netrc_password(const char *path, const char *host, const char *user, GError **error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    char *password = NULL;

    if (descriptor < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot be read: %s", path,
                        g_strerror(errno));
        return NULL;
    }
    if (mb_login_is_private(descriptor, path, error))
        password = read_and_find(descriptor, path, host, user, error);
    close(descriptor);
    return password;
}
