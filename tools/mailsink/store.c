#include "store-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/digest.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW ((size_t)128 * 1024)

/* --- mails --- */

MsMail *ms_mail_new(guint64 number, guint64 size, char **recipients_take, GBytes *content_take)
{
    MsMail *mail = g_rc_box_new0(MsMail);

    mail->number = number;
    mail->size = size;
    mail->recipients = recipients_take;
    mail->content = content_take;
    return mail;
}

static void clear_mail(gpointer data)
{
    MsMail *mail = data;

    g_strfreev(mail->recipients);
    if (mail->content != NULL)
        g_bytes_unref(mail->content);
}

MsMail *ms_mail_ref(MsMail *mail)
{
    return g_rc_box_acquire(mail);
}

void ms_mail_unref(MsMail *mail)
{
    if (mail != NULL)
        g_rc_box_release_full(mail, clear_mail);
}

/* --- open and close --- */

static MsStore *new_store(MsKeep keep)
{
    MsStore *store = g_new0(MsStore, 1);
    uint8_t id[4];

    store->keep = keep;
    store->mails = g_ptr_array_new_with_free_func((GDestroyNotify)ms_mail_unref);
    store->next_number = 1;
    store->unique_id = g_string_new(NULL);
    store->line = g_string_new(NULL);
    store->log = -1;
    mb_random(id, sizeof(id));
    store->id = mb_text_hex(id, sizeof(id));
    return store;
}

MsStore *ms_store_new_memory(void)
{
    return new_store(MS_KEEP_MEMORY);
}

MsStore *ms_store_new_discard(void)
{
    return new_store(MS_KEEP_NOTHING);
}

static bool make_folder(const char *parent, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(parent, name, NULL);

    if (g_mkdir_with_parents(path, 0777) == 0)
        return true;
    g_set_error(error, MS_ERROR, MB_ERROR_CANNOT_CREATE, "%s: cannot make the folder: %s", path,
                g_strerror(errno));
    return false;
}

/* What was still coming in when the process before ended was never accepted. */
static void empty_folder(const char *parent, const char *name)
{
    g_autofree char *path = g_build_filename(parent, name, NULL);
    GDir *folder = g_dir_open(path, 0, NULL);
    const char *entry;

    while (folder != NULL && (entry = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, entry, NULL);

        unlink(file);
    }
    if (folder != NULL)
        g_dir_close(folder);
}

static bool open_log(MsStore *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->folder, "envelopes.jsonl", NULL);

    store->log = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (store->log < 0) {
        mb_file_set_error(error, path, "cannot be opened", errno);
        return false;
    }
    if (flock(store->log, LOCK_EX | LOCK_NB) == 0)
        return true;
    g_set_error(error, MS_ERROR, MB_ERROR_TEMPORARY, "%s: another mailsink uses this folder",
                store->folder);
    return false;
}

/* Unique-ids have to stay what they were (RFC 1939, 7), and may not come again in another folder.
 */
static bool keep_id(MsStore *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->folder, "id", NULL);
    g_autofree char *id = NULL;

    if (!g_file_get_contents(path, &id, NULL, NULL))
        return mb_file_replace(path, store->id, strlen(store->id), 0666, error);
    g_strstrip(id);
    if (id[0] == '\0' || strlen(id) > 32 || strspn(id, "0123456789abcdef") != strlen(id)) {
        g_set_error(error, MS_ERROR, MB_ERROR_DATA, "%s: not an id: remove it for a new one", path);
        return false;
    }
    g_free(store->id);
    store->id = g_steal_pointer(&id);
    return true;
}

MsStore *ms_store_open(const char *folder, GError **error)
{
    MsStore *store = new_store(MS_KEEP_FOLDER);

    store->folder = g_strdup(folder);
    if (!make_folder(folder, "new", error) || !make_folder(folder, "tmp", error) ||
        !open_log(store, error) || !keep_id(store, error) || !ms_store_load(store, error)) {
        ms_store_free(store);
        return NULL;
    }
    empty_folder(folder, "tmp");
    return store;
}

void ms_store_free(MsStore *store)
{
    if (store == NULL)
        return;
    if (store->log >= 0)
        close(store->log);
    g_ptr_array_unref(store->mails);
    g_string_free(store->unique_id, TRUE);
    g_string_free(store->line, TRUE);
    g_free(store->id);
    g_free(store->folder);
    g_free(store);
}

char *ms_store_path(const MsStore *store, guint64 number)
{
    return g_strdup_printf("%s/new/%" G_GUINT64_FORMAT ".eml", store->folder, number);
}

guint64 ms_store_accepted(const MsStore *store)
{
    return store->accepted;
}

guint64 ms_store_accepted_octets(const MsStore *store)
{
    return store->accepted_octets;
}

/* --- who sees what --- */

/* Local parts are compared as they stand, domains without case (RFC 5321, 2.4). */
static bool is_same_address(const char *left, const char *right)
{
    const char *left_at = strrchr(left, '@');
    const char *right_at = strrchr(right, '@');

    if (left_at == NULL || right_at == NULL || left_at - left != right_at - right)
        return false;
    return memcmp(left, right, (size_t)(left_at - left)) == 0 &&
           g_ascii_strcasecmp(left_at, right_at) == 0;
}

static bool is_for(const MsMail *mail, const char *address)
{
    for (char **next = mail->recipients; next != NULL && *next != NULL; next++)
        if (is_same_address(*next, address))
            return true;
    return false;
}

GPtrArray *ms_store_list(const MsStore *store, const char *user)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)ms_mail_unref);
    bool everything = strchr(user, '@') == NULL;

    for (guint i = 0; i < store->mails->len; i++) {
        MsMail *mail = store->mails->pdata[i];

        if (everything || is_for(mail, user))
            g_ptr_array_add(list, ms_mail_ref(mail));
    }
    return list;
}

const char *ms_store_unique_id(MsStore *store, const MsMail *mail)
{
    g_string_printf(store->unique_id, "%s.%" G_GUINT64_FORMAT, store->id, mail->number);
    return store->unique_id->str;
}

bool ms_store_delete(MsStore *store, GPtrArray *mails, GError **error)
{
    g_autoptr(GHashTable) gone = g_hash_table_new(NULL, NULL);
    guint kept = 0;
    bool all = true;

    for (guint i = 0; i < mails->len; i++) {
        MsMail *mail = mails->pdata[i];
        g_autofree char *path =
            store->keep == MS_KEEP_FOLDER ? ms_store_path(store, mail->number) : NULL;

        if (path != NULL && unlink(path) != 0 && errno != ENOENT) {
            if (all)
                mb_file_set_error(error, path, "cannot be removed", errno);
            all = false;
            continue;
        }
        g_hash_table_add(gone, mail);
    }
    for (guint i = 0; i < store->mails->len; i++) {
        MsMail *mail = store->mails->pdata[i];

        if (g_hash_table_contains(gone, mail))
            ms_mail_unref(mail);
        else
            store->mails->pdata[kept++] = mail;
    }
    /* What is behind was moved or unreferenced already. */
    g_ptr_array_set_free_func(store->mails, NULL);
    g_ptr_array_set_size(store->mails, (gint)kept);
    g_ptr_array_set_free_func(store->mails, (GDestroyNotify)ms_mail_unref);
    return all;
}

/* --- a message that goes out --- */

struct MsOutgoing {
    MsMail *mail;
    int descriptor; /* -1: the content is in memory, or was read */
    char *window;
    gsize given; /* of the content in memory */
};

MsOutgoing *ms_outgoing_new(MsStore *store, MsMail *mail, GError **error)
{
    MsOutgoing *outgoing;
    g_autofree char *path = NULL;
    int descriptor = -1;

    if (mail->content == NULL) {
        path = ms_store_path(store, mail->number);
        descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) {
            mb_file_set_error(error, path, "cannot be read", errno);
            return NULL;
        }
    }
    outgoing = g_new0(MsOutgoing, 1);
    outgoing->mail = ms_mail_ref(mail);
    outgoing->descriptor = descriptor;
    if (descriptor >= 0)
        outgoing->window = g_malloc(MIN(WINDOW, mail->size + 1));
    return outgoing;
}

void ms_outgoing_free(MsOutgoing *outgoing)
{
    if (outgoing == NULL)
        return;
    if (outgoing->descriptor >= 0)
        close(outgoing->descriptor);
    ms_mail_unref(outgoing->mail);
    g_free(outgoing->window);
    g_free(outgoing);
}

gssize ms_outgoing_read(MsOutgoing *outgoing, const char **bytes)
{
    gssize length;
    gsize size = 0;

    if (outgoing->descriptor < 0) {
        *bytes = (const char *)g_bytes_get_data(outgoing->mail->content, &size) + outgoing->given;
        size = MIN(size - outgoing->given, WINDOW);
        outgoing->given += size;
        return (gssize)size;
    }
    do {
        length =
            read(outgoing->descriptor, outgoing->window, MIN(WINDOW, outgoing->mail->size + 1));
    } while (length < 0 && errno == EINTR);
    *bytes = outgoing->window;
    return length;
}
