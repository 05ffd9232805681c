#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/text.h>
#include <mailbatch/login/account-file.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account-file-internal.h"
#include "internal.h"

/* What to do with an option. */
typedef enum {
    OPTION_USED,
    OPTION_OTHER,   /* mpop's or msmtp's own business: no loss to go without */
    OPTION_IGNORED, /* would change what happens: ignored with a word */
} OptionKind;

static const struct {
    const char *name;
    OptionKind kind;
} options[] = {
    {"host", OPTION_USED},
    {"port", OPTION_USED},
    {"user", OPTION_USED},
    {"password", OPTION_USED},
    {"passwordeval", OPTION_USED},
    {"auth", OPTION_USED},
    {"timeout", OPTION_USED},
    {"tls", OPTION_USED},
    {"tls_starttls", OPTION_USED},
    {"tls_trust_file", OPTION_USED},
    {"tls_fingerprint", OPTION_USED},
    {"tls_certcheck", OPTION_USED},
    {"keep", OPTION_USED},
    {"pipelining", OPTION_USED},
    {"skipsize", OPTION_USED},
    {"from", OPTION_USED},
    {"domain", OPTION_USED},
    {"source_ip", OPTION_IGNORED},
    {"socket", OPTION_IGNORED},
    {"proxy_host", OPTION_IGNORED},
    {"proxy_port", OPTION_IGNORED},
    {"tls_crl_file", OPTION_IGNORED},
    {"tls_key_file", OPTION_IGNORED},
    {"tls_cert_file", OPTION_IGNORED},
    {"tls_host_override", OPTION_IGNORED},
    {"tls_priorities", OPTION_IGNORED},
    {"tls_min_dh_prime_bits", OPTION_IGNORED},
    {"killsize", OPTION_IGNORED},
    {"filter", OPTION_IGNORED},
    {"ntlmdomain", OPTION_IGNORED},
    {"connect_timeout", OPTION_IGNORED},
    {"protocol", OPTION_IGNORED},
    {"dsn_notify", OPTION_IGNORED},
    {"dsn_return", OPTION_IGNORED},
    {"delivery", OPTION_OTHER},
    {"uidls_file", OPTION_OTHER},
    {"only_new", OPTION_OTHER},
    {"received_header", OPTION_OTHER},
    {"from_full_name", OPTION_OTHER},
    {"allow_from_override", OPTION_OTHER},
    {"auto_from", OPTION_OTHER},
    {"maildomain", OPTION_OTHER},
    {"set_from_header", OPTION_OTHER},
    {"set_date_header", OPTION_OTHER},
    {"set_msgid_header", OPTION_OTHER},
    {"add_missing_from_header", OPTION_OTHER},
    {"add_missing_date_header", OPTION_OTHER},
    {"remove_bcc_headers", OPTION_OTHER},
    {"undisclosed_recipients", OPTION_OTHER},
    {"aliases", OPTION_OTHER},
    {"logfile", OPTION_OTHER},
    {"logfile_time_format", OPTION_OTHER},
    {"syslog", OPTION_OTHER},
};

/* ---- what is kept ---- */

static MbSetting *setting_new(const char *value, unsigned line)
{
    MbSetting *setting = g_new0(MbSetting, 1);

    setting->value = g_strdup(value);
    setting->line = line;
    return setting;
}

static void setting_free(void *item)
{
    MbSetting *setting = item;

    mb_wipe_free(setting->value);
    g_free(setting);
}

static MbAccountEntry *entry_new(const char *name, unsigned line)
{
    MbAccountEntry *entry = g_new0(MbAccountEntry, 1);

    entry->name = g_strdup(name);
    entry->line = line;
    entry->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, setting_free);
    entry->defaults = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, setting_free);
    return entry;
}

static void entry_free(void *item)
{
    MbAccountEntry *entry = item;

    g_free(entry->name);
    g_hash_table_unref(entry->settings);
    g_hash_table_unref(entry->defaults);
    g_free(entry);
}

static void inherit(GHashTable *settings, GHashTable *base)
{
    GHashTableIter next;
    gpointer option, setting;

    g_hash_table_iter_init(&next, base);
    while (g_hash_table_iter_next(&next, &option, &setting)) {
        const MbSetting *from = setting;

        g_hash_table_replace(settings, g_strdup(option), setting_new(from->value, from->line));
    }
}

const MbSetting *mb_account_file_get(const MbAccountEntry *entry, const char *option)
{
    const MbSetting *own = g_hash_table_lookup(entry->settings, option);

    return own != NULL ? own : g_hash_table_lookup(entry->defaults, option);
}

void mb_account_file_free(MbAccountFile *file)
{
    if (file == NULL)
        return;
    entry_free(file->defaults);
    g_ptr_array_unref(file->entries);
    g_ptr_array_unref(file->names);
    g_ptr_array_unref(file->notes);
    g_free(file->path);
    g_free(file->home);
    g_free(file);
}

MbAccountEntry *mb_account_file_entry(const MbAccountFile *file, const char *name)
{
    const char *wanted = name != NULL ? name : "default";

    for (guint i = 0; i < file->entries->len; i++) {
        MbAccountEntry *entry = g_ptr_array_index(file->entries, i);

        if (strcmp(entry->name, wanted) == 0)
            return entry;
    }
    return name == NULL && file->entries->len == 1 ? g_ptr_array_index(file->entries, 0) : NULL;
}

/* ---- reading ---- */

bool mb_account_file_fault(const MbAccountFile *file, unsigned line, GError **error,
                           const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: line %u: %s", file->path, line, text);
    return false;
}

char *mb_account_file_shown(const char *text)
{
    return mb_text_printable(text, strlen(text));
}

static bool begin_account(MbAccountFile *file, unsigned line, const char *argument, GError **error)
{
    const char *colon = strchr(argument, ':');
    g_autofree char *name = g_strstrip(
        colon != NULL ? g_strndup(argument, (size_t)(colon - argument)) : g_strdup(argument));
    g_auto(GStrv) bases = g_strsplit(colon != NULL ? colon + 1 : "", ",", -1);
    g_autofree char *visible = mb_account_file_shown(name);
    MbAccountEntry *entry;

    if (*name == '\0')
        return mb_account_file_fault(file, line, error, "account: its name is missing");
    for (guint i = 0; i < file->entries->len; i++) {
        const MbAccountEntry *other = g_ptr_array_index(file->entries, i);

        if (strcmp(other->name, name) == 0)
            return mb_account_file_fault(
                file, line, error, "account %s: defined before, in line %u", visible, other->line);
    }
    entry = entry_new(name, line);
    inherit(entry->defaults, file->defaults->settings);
    for (size_t i = 0; bases[i] != NULL; i++) {
        const MbAccountEntry *base = mb_account_file_entry(file, g_strstrip(bases[i]));
        g_autofree char *other = mb_account_file_shown(bases[i]);

        if (base == NULL) {
            entry_free(entry);
            return mb_account_file_fault(
                file, line, error, "account %s: no account %s is defined above", visible, other);
        }
        inherit(entry->settings, base->settings);
    }
    g_ptr_array_add(file->entries, entry);
    file->current = entry;
    return true;
}

static void note(MbAccountFile *file, unsigned line, const char *option, const char *why)
{
    g_autofree char *visible = mb_account_file_shown(option);

    g_ptr_array_add(file->notes,
                    g_strdup_printf("%s: line %u: %s: %s", file->path, line, visible, why));
}

static bool take_option(MbAccountFile *file, unsigned line, const char *option,
                        const char *argument, GError **error)
{
    size_t i = 0;

    while (i < G_N_ELEMENTS(options) && strcmp(options[i].name, option) != 0)
        i++;
    if (i == G_N_ELEMENTS(options)) {
        note(file, line, option, "unknown option, ignored");
        return true;
    }
    if (options[i].kind == OPTION_IGNORED && *argument != '\0' && strcmp(argument, "off") != 0 &&
        strcmp(argument, "smtp") != 0) /* of `protocol` */
        note(file, line, option, "not supported, ignored");
    if (file->current == NULL)
        return mb_account_file_fault(file, line, error, "%s: stands before the first account",
                                     option);
    if (strcmp(option, "password") == 0)
        file->has_password = true;
    g_hash_table_replace(file->current->settings, g_strdup(option), setting_new(argument, line));
    return true;
}

/* Takes `text` apart in place: an option's name, and its argument without quotes. */
static void split_line(char *text, char **option, char **argument)
{
    size_t length;

    g_strstrip(text);
    *option = text;
    text += strcspn(text, " \t");
    if (*text != '\0')
        *text++ = '\0';
    text += strspn(text, " \t");
    length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        text++;
    }
    *argument = text;
}

static bool take_line(MbAccountFile *file, unsigned line, char *text, bool evaluated,
                      GError **error);

static bool evaluate(MbAccountFile *file, unsigned line, const char *command, GError **error)
{
    g_autofree char *source = g_strdup_printf("%s: line %u: eval", file->path, line);
    char *text = mb_login_command_line(command, source, error);
    bool good = text != NULL && take_line(file, line, text, true, error);

    mb_wipe_free(text);
    return good;
}

static bool take_line(MbAccountFile *file, unsigned line, char *text, bool evaluated,
                      GError **error)
{
    char *option;
    char *argument;
    bool had_password = file->has_password;
    bool good;

    split_line(text, &option, &argument);
    if (*option == '\0' || *option == '#')
        return true;
    if (strcmp(option, "eval") == 0)
        return evaluated
                   ? mb_account_file_fault(file, line, error, "eval: its output is another eval")
                   : evaluate(file, line, argument, error);
    if (strcmp(option, "account") == 0)
        return begin_account(file, line, argument, error);
    if (strcmp(option, "defaults") == 0) {
        file->current = file->defaults;
        return *argument == '\0' ||
               mb_account_file_fault(file, line, error, "defaults: takes no argument");
    }
    good = take_option(file, line, option, argument, error);
    if (evaluated)
        file->has_password = had_password; /* it does not stand in the file */
    return good;
}

static bool take_lines(MbAccountFile *file, char *text, size_t length, GError **error)
{
    char *end = text + length;
    unsigned line = 1;

    if (memchr(text, '\0', length) != NULL)
        return mb_account_file_fault(file, 1, error,
                                     "a NUL byte stands in the file: it is no accounts file");
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    for (char *next; text < end; text = next, line++) {
        char *newline = memchr(text, '\n', (size_t)(end - text));

        next = newline != NULL ? newline + 1 : end;
        if (newline != NULL)
            *newline = '\0';
        if (!take_line(file, line, text, false, error))
            return false;
    }
    return true;
}

static bool cannot_read(const char *path, const char *why, GError **error)
{
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG, "%s: cannot read the accounts: %s", path,
                why);
    return false;
}

/* Into a buffer that is wiped afterwards. */
static bool read_descriptor(MbAccountFile *file, int descriptor, GError **error)
{
    char *buffer = g_malloc(MB_ACCOUNT_FILE_MAX + 1);
    size_t length = 0;
    ssize_t got = 0;
    bool good;

    while (length < MB_ACCOUNT_FILE_MAX &&
           ((got = read(descriptor, buffer + length, MB_ACCOUNT_FILE_MAX - length)) > 0 ||
            (got < 0 && errno == EINTR)))
        length += got > 0 ? (size_t)got : 0;
    buffer[length] = '\0';
    if (got < 0)
        good = cannot_read(file->path, g_strerror(errno), error);
    else if (length == MB_ACCOUNT_FILE_MAX)
        good = cannot_read(file->path, "it is too large to be one", error);
    else
        good = take_lines(file, buffer, length, error);
    mb_wipe(buffer, length);
    g_free(buffer);
    return good;
}

static bool check_mode(const MbAccountFile *file, const struct stat *info, GError **error)
{
    if (!S_ISREG(info->st_mode))
        return true;
    if (file->has_password && (info->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                    "%s: others can get at the passwords in it: run: chmod 600 %s", file->path,
                    file->path);
    else if ((info->st_mode & S_IWOTH) != 0)
        g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                    "%s: everybody can write to it: run: chmod 600 %s", file->path, file->path);
    else
        return true;
    return false;
}

MbAccountFile *mb_account_file_read(const char *path, const char *home, GError **error)
{
    g_autoptr(MbAccountFile) file = g_new0(MbAccountFile, 1);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    bool good;

    file->path = mb_account_file_shown(path);
    file->home = g_strdup(home);
    file->entries = g_ptr_array_new_with_free_func(entry_free);
    file->names = g_ptr_array_new();
    file->notes = g_ptr_array_new_with_free_func(g_free);
    file->defaults = entry_new(NULL, 0);
    if (descriptor < 0 || fstat(descriptor, &info) != 0)
        good = cannot_read(file->path, g_strerror(errno), error);
    else if (S_ISREG(info.st_mode) && (info.st_mode & S_IWOTH) != 0)
        good = check_mode(file, &info, error); /* before any eval of it */
    else
        good = read_descriptor(file, descriptor, error) && check_mode(file, &info, error);
    if (descriptor >= 0)
        close(descriptor);
    if (!good)
        return NULL;
    for (guint i = 0; i < file->entries->len; i++)
        g_ptr_array_add(file->names, ((MbAccountEntry *)g_ptr_array_index(file->entries, i))->name);
    g_ptr_array_add(file->names, NULL);
    return g_steal_pointer(&file);
}

const char *const *mb_account_file_names(const MbAccountFile *file)
{
    return (const char *const *)file->names->pdata;
}

const char *mb_account_file_name(const MbAccountFile *file, const char *name)
{
    const MbAccountEntry *entry = mb_account_file_entry(file, name);

    return entry != NULL ? entry->name : NULL;
}

const GPtrArray *mb_account_file_notes(const MbAccountFile *file)
{
    return file->notes;
}

const char *mb_account_file_option(const MbAccountFile *file, const char *name, const char *option)
{
    const MbAccountEntry *entry = mb_account_file_entry(file, name);
    const MbSetting *setting = entry != NULL ? mb_account_file_get(entry, option) : NULL;

    return setting != NULL ? setting->value : NULL;
}

char *mb_account_file_find(MbService service, const char *home, const char *config_home)
{
    bool smtp = service == MB_SERVICE_SMTP;
    g_autofree char *config =
        config_home != NULL ? g_strdup(config_home) : g_build_filename(home, ".config", NULL);
    char *const paths[] = {
        g_build_filename(config, "mailbatch", "accounts", NULL),
        g_build_filename(home, smtp ? ".msmtprc" : ".mpoprc", NULL),
        g_build_filename(config, smtp ? "msmtp" : "mpop", "config", NULL),
    };
    char *found = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (found == NULL && g_file_test(paths[i], G_FILE_TEST_EXISTS))
            found = paths[i];
        else
            g_free(paths[i]);
    }
    return found;
}

MbAccountFile *mb_account_file_open(const char *path, MbService service, const char *home,
                                    const char *config_home, GError **error)
{
    g_autofree char *found =
        path != NULL ? g_strdup(path) : mb_account_file_find(service, home, config_home);

    if (found != NULL)
        return mb_account_file_read(found, home, error);
    g_set_error(error, MB_LOGIN_ERROR, MB_ERROR_CONFIG,
                "no accounts file: neither ~/.config/mailbatch/accounts nor ~/%s is there; "
                "--accounts FILE names one",
                service == MB_SERVICE_SMTP ? ".msmtprc" : ".mpoprc");
    return NULL;
}
