/*
 * envelopes.jsonl: written with base's JSON writer, and as much of JSON read back as that writes.
 */
#include "store-internal.h"

#include <errno.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/json.h>
#include <mailbatch/base/text.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MAX (4ULL * 1024 * 1024 * 1024)

void ms_envelope_format(GString *line, const MsEnvelope *envelope, guint64 number, guint64 size,
                        const char *stamp)
{
    MbJson json;

    g_string_truncate(line, 0);
    mb_json_init(&json, line);
    mb_json_begin_map(&json);
    mb_json_put_unsigned(&json, "number", number);
    mb_json_put_string(&json, "sender", envelope->sender);
    mb_json_key(&json, "recipients");
    mb_json_begin_array(&json);
    for (const char *const *next = envelope->recipients; *next != NULL; next++)
        mb_json_string(&json, *next);
    mb_json_end_array(&json);
    mb_json_put_unsigned(&json, "size", size);
    mb_json_put_string(&json, "time", stamp);
    mb_json_put_bool(&json, "smtputf8", envelope->smtputf8);
    mb_json_put_bool(&json, "8bitmime", envelope->eightbitmime);
    mb_json_put_bool(&json, "chunking", envelope->chunking);
    mb_json_put_bool(&json, "tls", envelope->tls);
    mb_json_put_string(&json, "user", envelope->user);
    mb_json_put_string(&json, "envid", envelope->envid);
    mb_json_put_unsigned(&json, "connection", envelope->connection);
    mb_json_end_map(&json);
    if (line->len == 0 || line->str[line->len - 1] != '\n')
        g_string_append_c(line, '\n');
}

/* --- reading back --- */

static bool take_text(const char **next, const char *text)
{
    size_t length = strlen(text);

    if (strncmp(*next, text, length) != 0)
        return false;
    *next += length;
    return true;
}

static bool take_number(const char **next, guint64 *number)
{
    char *end = NULL;

    if (!g_ascii_isdigit(**next))
        return false;
    *number = g_ascii_strtoull(*next, &end, 10);
    *next = end;
    return true;
}

static bool take_escape(const char **next, GString *out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *hit = **next != '\0' ? strchr(names, **next) : NULL;
    gunichar value = 0;

    if (hit != NULL) {
        g_string_append_c(out, values[hit - names]);
        *next += 1;
        return true;
    }
    if (**next != 'u')
        return false;
    for (int i = 1; i <= 4; i++) {
        if (!g_ascii_isxdigit((*next)[i]))
            return false;
        value = value << 4 | (gunichar)g_ascii_xdigit_value((*next)[i]);
    }
    *next += 5;
    g_string_append_unichar(out, value);
    return true;
}

static char *take_string(const char **next)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (!take_text(next, "\""))
        return NULL;
    while (**next != '"') {
        if (**next == '\0')
            return NULL;
        if (**next == '\\') {
            *next += 1;
            if (!take_escape(next, out))
                return NULL;
        } else {
            g_string_append_c(out, *(*next)++);
        }
    }
    *next += 1;
    return g_strdup(out->str);
}

static bool take_list(const char **next, GPtrArray *list)
{
    if (!take_text(next, "["))
        return false;
    while (!take_text(next, "]")) {
        char *text;

        if (list->len > 0 && !take_text(next, ","))
            return false;
        text = take_string(next);
        if (text == NULL)
            return false;
        g_ptr_array_add(list, text);
    }
    return true;
}

bool ms_envelope_parse(const char *line, guint64 *number, char ***recipients)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sender = NULL;
    const char *next = line;
    guint64 value = 0;

    if (!take_text(&next, "{\"number\":") || !take_number(&next, &value) ||
        !take_text(&next, ",\"sender\":"))
        return false;
    sender = take_string(&next);
    if (sender == NULL || !take_text(&next, ",\"recipients\":") || !take_list(&next, list) ||
        !g_str_has_suffix(next, "}"))
        return false;
    g_ptr_array_add(list, NULL);
    *number = value;
    *recipients = (char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
    return true;
}

/* --- a folder as it was left --- */

/* Adds the message when its file is still there, and takes it out of `files`. */
static void add_listed(MsStore *store, GHashTable *files, guint64 number, char **recipients_take)
{
    guint64 *size = g_hash_table_lookup(files, &number);

    store->next_number = MAX(store->next_number, number + 1);
    if (size == NULL) {
        g_strfreev(recipients_take);
        return;
    }
    g_ptr_array_add(store->mails, ms_mail_new(number, *size, recipients_take, NULL));
    g_hash_table_remove(files, &number);
}

static bool cut_log(const MsStore *store, const char *path, gsize length, GError **error)
{
    if (ftruncate(store->log, (off_t)length) == 0)
        return true;
    mb_file_set_error(error, path, "cannot be cut", errno);
    return false;
}

static bool load_log(MsStore *store, GHashTable *files, GError **error)
{
    g_autofree char *path = g_build_filename(store->folder, "envelopes.jsonl", NULL);
    g_autoptr(GBytes) content = mb_file_read(path, LOG_MAX, error);
    gsize length = 0;
    const char *next;
    const char *end;

    if (content == NULL)
        return false;
    next = g_bytes_get_data(content, &length);
    end = next + length;
    for (guint number_of_line = 1; next < end; number_of_line++) {
        const char *line_end = memchr(next, '\n', (size_t)(end - next));
        g_autofree char *line = NULL;
        char **recipients = NULL;
        guint64 number;

        /* The process before was killed within it: nobody was told that the message was accepted.
         */
        if (line_end == NULL)
            return cut_log(store, path, length - (gsize)(end - next), error);
        line = g_strndup(next, (gsize)(line_end - next));
        if (!ms_envelope_parse(line, &number, &recipients)) {
            g_set_error(error, MS_ERROR, MB_ERROR_DATA, "%s: line %u: not a message's envelope",
                        path, number_of_line);
            return false;
        }
        add_listed(store, files, number, recipients);
        next = line_end + 1;
    }
    return true;
}

/* number → size of each `<number>.eml`. */
static GHashTable *find_files(const MsStore *store, GError **error)
{
    g_autoptr(GHashTable) files =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_autofree char *path = g_build_filename(store->folder, "new", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, error);
    const char *name;

    if (folder == NULL)
        return NULL;
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        guint64 size;
        guint64 number;
        char *end = NULL;
        struct stat info;

        number = g_ascii_isdigit(name[0]) ? g_ascii_strtoull(name, &end, 10) : 0;
        if (number == 0 || number > G_MAXINT64 || strcmp(end, ".eml") != 0 ||
            stat(file, &info) != 0)
            continue;
        size = (guint64)info.st_size;
        g_hash_table_insert(files, g_memdup2(&number, sizeof(number)),
                            g_memdup2(&size, sizeof(size)));
    }
    return g_steal_pointer(&files);
}

static int compare_mails(gconstpointer left, gconstpointer right)
{
    const MsMail *a = *(MsMail *const *)left;
    const MsMail *b = *(MsMail *const *)right;

    return a->number < b->number ? -1 : a->number > b->number;
}

bool ms_store_load(MsStore *store, GError **error)
{
    g_autoptr(GHashTable) files = find_files(store, error);
    GHashTableIter iter;
    gpointer number;
    gpointer size;

    if (files == NULL || !load_log(store, files, error))
        return false;
    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &number, &size)) {
        store->next_number = MAX(store->next_number, *(guint64 *)number + 1);
        g_ptr_array_add(store->mails,
                        ms_mail_new(*(guint64 *)number, *(guint64 *)size, NULL, NULL));
    }
    g_ptr_array_sort(store->mails, compare_mails);
    return true;
}
