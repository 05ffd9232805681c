#include "campaign-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mailbatch/base/file.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <string.h>
#include <unistd.h>

MB_DEFINE_QUARK(mm_campaign_error)

/* --- inputs ------------------------------------------------------------------------------- */

void campaign_note(MmCampaign *campaign, const void *bytes, size_t length)
{
    uint64_t size = length;

    /* With its length, so that what was said cannot be cut in another place. */
    mb_digest_update(campaign->inputs, &size, sizeof size);
    mb_digest_update(campaign->inputs, bytes, length);
}

static void note_text(MmCampaign *campaign, const char *text)
{
    campaign_note(campaign, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static void note_list(MmCampaign *campaign, char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        note_text(campaign, *list);
    note_text(campaign, NULL);
}

GBytes *campaign_read_input(MmCampaign *campaign, const char *path, GError **error)
{
    GBytes *bytes = mb_file_read(path, MAX_TEMPLATE_FILE, error);
    size_t length;
    const void *data;

    if (bytes == NULL)
        return NULL;
    data = g_bytes_get_data(bytes, &length);
    campaign_note(campaign, data, length);
    return bytes;
}

/* --- options ------------------------------------------------------------------------------ */

static bool usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool usage(GError **error, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, MM_CAMPAIGN_ERROR, MB_ERROR_USAGE, message);
    return false;
}

static bool set_policy(const char *option, const char *text, bool may_send, MmPolicy *policy,
                       GError **error)
{
    *policy = MM_STOP;
    if (text == NULL || strcmp(text, "stop") == 0)
        return true;
    if (strcmp(text, "skip") == 0)
        *policy = MM_SKIP;
    else if (may_send && strcmp(text, "send") == 0)
        *policy = MM_SEND;
    else
        return usage(error, "%s %s: stop%s or skip", option, text, may_send ? ", send" : "");
    return true;
}

bool mm_campaign_delimiter(const char *text, char *delimiter, GError **error)
{
    if (text == NULL)
        return true;
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        text = "\t";
    if (strlen(text) != 1 || strchr("\"\r\n ", *text) != NULL || (unsigned char)*text >= 0x80)
        return usage(error, "--delimiter: one ASCII character, or `tab`");
    *delimiter = *text;
    return true;
}

static bool set_options(MmCampaign *campaign, const MmCampaignOptions *options, GError **error)
{
    campaign->encoding = g_strdup(options->encoding);
    campaign->csv_options =
        (MbCsvOptions){.name = campaign->csv_path, .encoding = campaign->encoding};
    note_text(campaign, options->from);
    note_list(campaign, options->attach);
    note_list(campaign, options->set);
    note_text(campaign, options->encoding);
    note_text(campaign, options->delimiter);
    note_text(campaign, options->key);
    note_text(campaign, options->duplicates);
    note_text(campaign, options->bad_rows);
    note_text(campaign, options->max_size);
    note_list(campaign, options->unsubscribe);
    note_text(campaign, options->verp ? "verp" : NULL);
    /* What was checked before there was this option stays checked. */
    if (options->group_by != NULL) {
        note_text(campaign, "--group-by");
        note_text(campaign, options->group_by);
    }
    campaign->verp = options->verp;
    campaign->grouped = options->group_by != NULL;
    if (options->group_by != NULL && options->key != NULL &&
        strcmp(options->group_by, options->key) != 0)
        return usage(error, "--group-by %s, --key %s: the value of a group is its key: drop --key",
                     options->group_by, options->key);
    return set_policy("--duplicates", options->duplicates, true, &campaign->duplicates, error) &&
           set_policy("--bad-rows", options->bad_rows, false, &campaign->bad_rows, error) &&
           mm_campaign_delimiter(options->delimiter, &campaign->csv_options.delimiter, error) &&
           (options->max_size == NULL ||
            mb_text_parse_size(options->max_size, &campaign->max_size, error));
}

/* --- names -------------------------------------------------------------------------------- */

static void warn(MmCampaign *campaign, char *text)
{
    g_ptr_array_insert(campaign->warnings, (int)campaign->warnings->len - 1, text);
}

static int find_name(const MmCampaign *campaign, const char *name)
{
    for (guint i = 0; i + 1 < campaign->names->len; i++)
        if (strcmp(g_ptr_array_index(campaign->names, i), name) == 0)
            return (int)i;
    return -1;
}

/* One KEY=VALUE. What is a column too hides it. */
static bool set_name(MmCampaign *campaign, const char *setting, GArray *values, GError **error)
{
    const char *equals = strchr(setting, '=');
    g_autofree char *name = NULL;
    MbTemplateValue value;
    int place;

    if (equals == NULL || equals == setting)
        return usage(error, "--set %s: write KEY=VALUE", setting);
    if (!g_utf8_validate(setting, -1, NULL))
        return usage(error, "--set: \"%.20s…\" is not UTF-8", setting);
    name = g_strndup(setting, (size_t)(equals - setting));
    value.text = g_strdup(equals + 1);
    value.length = strlen(value.text);
    g_ptr_array_add(campaign->set_texts, (char *)value.text);
    place = find_name(campaign, name);
    if (place < 0) {
        place = (int)campaign->names->len - 1;
        g_ptr_array_insert(campaign->names, place, g_steal_pointer(&name));
        g_array_set_size(values, values->len + 1);
    } else if ((size_t)place < campaign->n_columns) {
        warn(campaign, g_strdup_printf("%s: --set %s hides the column of that name",
                                       campaign->csv_path, name));
    }
    g_array_index(values, MbTemplateValue, place) = value;
    return true;
}

/* The column of --key or --group-by. */
static bool find_key(MmCampaign *campaign, const MbCsv *csv, const MmCampaignOptions *options,
                     GError **error)
{
    const char *name = campaign->grouped ? options->group_by : options->key;
    const char *near;
    g_autofree char *shown = NULL;

    campaign->key_column = name != NULL ? mb_csv_column(csv, name) : -1;
    if (campaign->grouped && find_name(campaign, "rows") >= 0) {
        g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                    "%s: --group-by: \"rows\" is what the template calls the rows of a group: give "
                    "the column (or --set) of that name another one",
                    campaign->csv_path);
        return false;
    }
    if (name == NULL || campaign->key_column >= 0)
        return true;
    near = mb_text_nearest(name, mb_csv_columns(csv), mb_csv_n_columns(csv));
    shown = near != NULL ? mb_text_printable(near, strlen(near)) : NULL;
    g_set_error(error, MM_CAMPAIGN_ERROR, MB_ERROR_DATA,
                "%s: --%s %s: there is no such column%s%s%s", campaign->csv_path,
                campaign->grouped ? "group-by" : "key", name,
                near != NULL ? ": did you mean \"" : "", near != NULL ? shown : "",
                near != NULL ? "\"?" : "");
    return false;
}

static bool read_names(MmCampaign *campaign, const MmCampaignOptions *options, GError **error)
{
    g_autoptr(MbCsv) csv = mb_csv_open(campaign->csv_path, &campaign->csv_options, error);
    g_autoptr(GArray) values = g_array_new(FALSE, TRUE, sizeof(MbTemplateValue));

    if (csv == NULL)
        return false;
    campaign->n_columns = mb_csv_n_columns(csv);
    for (size_t i = 0; i < campaign->n_columns; i++)
        g_ptr_array_insert(campaign->names, (int)i, g_strdup(mb_csv_columns(csv)[i]));
    for (size_t i = 0; mb_csv_warnings(csv)[i] != NULL; i++)
        warn(campaign, g_strdup(mb_csv_warnings(csv)[i]));
    g_array_set_size(values, (guint)campaign->n_columns);
    for (char *const *set = options->set; set != NULL && *set != NULL; set++)
        if (!set_name(campaign, *set, values, error))
            return false;
    campaign->constant = g_new0(bool, values->len);
    for (guint i = 0; i < values->len; i++)
        campaign->constant[i] = g_array_index(values, MbTemplateValue, i).text != NULL;
    campaign->set = (MbTemplateValue *)(void *)g_array_free(g_steal_pointer(&values), FALSE);
    return find_key(campaign, csv, options, error);
}

/* --- the rest ----------------------------------------------------------------------------- */

static bool read_suppressed(MmCampaign *campaign, const MmCampaignOptions *options, GError **error)
{
    for (char *const *path = options->suppress; path != NULL && *path != NULL; path++) {
        g_autoptr(GBytes) bytes = campaign_read_input(campaign, *path, error);

        if (bytes == NULL || !campaign_read_suppressed(campaign->suppressed, *path, bytes, error))
            return false;
    }
    return true;
}

static bool read_attached(MmCampaign *campaign, const MmCampaignOptions *options, GError **error)
{
    for (char *const *path = options->attach; path != NULL && *path != NULL; path++) {
        g_autoptr(GBytes) bytes = NULL;
        MbComposePart *part = campaign_load_part(*path, NULL, &bytes, error);
        size_t length;
        const void *data;

        if (part == NULL) {
            g_prefix_error(error, "--attach: ");
            return false;
        }
        data = g_bytes_get_data(bytes, &length);
        campaign_note(campaign, data, length);
        g_ptr_array_add(campaign->attached, part);
    }
    return true;
}

static MmCampaign *new_campaign(const char *template_path, const char *csv_path)
{
    MmCampaign *campaign = g_new0(MmCampaign, 1);

    campaign->template_path = g_strdup(template_path);
    campaign->csv_path = g_strdup(csv_path);
    campaign->folder = g_path_get_dirname(template_path);
    campaign->names = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(campaign->names, NULL);
    campaign->warnings = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(campaign->warnings, NULL);
    campaign->set_texts = g_ptr_array_new_with_free_func(g_free);
    campaign->told_by = g_array_new(FALSE, FALSE, sizeof(size_t));
    campaign->fields = g_ptr_array_new_with_free_func(campaign_field_free);
    campaign->attached = g_ptr_array_new_with_free_func((GDestroyNotify)mb_compose_part_unref);
    campaign->suppressed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    campaign->inputs = mb_digest_new(MB_DIGEST_SHA256);
    return campaign;
}

MmCampaign *mm_campaign_open(const char *template_path, const char *csv_path,
                             const MmCampaignOptions *options, GError **error)
{
    g_autoptr(MmCampaign) campaign = new_campaign(template_path, csv_path);

    if (!set_options(campaign, options, error) || !read_names(campaign, options, error) ||
        !campaign_read_keys(campaign, options->dkim, error) ||
        !campaign_read_token_key(campaign, options->token_key, error) ||
        !read_suppressed(campaign, options, error) || !read_attached(campaign, options, error) ||
        !campaign_compile(campaign, options, error))
        return NULL;
    campaign_note_names(campaign);
    mb_digest_finish(campaign->inputs, campaign->verdict);
    return g_steal_pointer(&campaign);
}

void mm_campaign_free(MmCampaign *campaign)
{
    if (campaign == NULL)
        return;
    campaign_body_clear(&campaign->plain);
    campaign_body_clear(&campaign->html);
    campaign_body_clear(&campaign->calendar);
    g_ptr_array_unref(campaign->fields);
    g_array_unref(campaign->told_by);
    g_ptr_array_unref(campaign->attached);
    g_ptr_array_unref(campaign->names);
    g_ptr_array_unref(campaign->set_texts);
    g_ptr_array_unref(campaign->warnings);
    g_hash_table_unref(campaign->suppressed);
    mb_digest_free(campaign->inputs);
    mb_dkim_signer_free(campaign->signer);
    g_clear_pointer(&campaign->token_key, g_bytes_unref);
    g_free(campaign->constant);
    g_free(campaign->taken);
    g_free(campaign->set);
    g_free(campaign->encoding);
    g_free(campaign->folder);
    g_free(campaign->csv_path);
    g_free(campaign->template_path);
    g_free(campaign);
}

const char *mm_campaign_template_path(const MmCampaign *campaign)
{
    return campaign->template_path;
}

const char *mm_campaign_csv_path(const MmCampaign *campaign)
{
    return campaign->csv_path;
}

const char *mm_campaign_key(const MmCampaign *campaign)
{
    return campaign->key_column >= 0 ? g_ptr_array_index(campaign->names, campaign->key_column)
                                     : NULL;
}

bool mm_campaign_is_grouped(const MmCampaign *campaign)
{
    return campaign->grouped;
}

const char *mm_campaign_units(const MmCampaign *campaign)
{
    return campaign->grouped ? "groups" : "rows";
}

MmPolicy mm_campaign_duplicates(const MmCampaign *campaign)
{
    return campaign->duplicates;
}

MmPolicy mm_campaign_bad_rows(const MmCampaign *campaign)
{
    return campaign->bad_rows;
}

const char *const *mm_campaign_warnings(const MmCampaign *campaign)
{
    return (const char *const *)campaign->warnings->pdata;
}

void mm_campaign_warn(const MmCampaign *campaign)
{
    for (const char *const *line = mm_campaign_warnings(campaign); *line != NULL; line++)
        mb_log_warning("%s", *line);
}

size_t mm_campaign_n_columns(const MmCampaign *campaign)
{
    return campaign->n_columns;
}

const char *mm_campaign_column(const MmCampaign *campaign, size_t index)
{
    return g_ptr_array_index(campaign->names, index);
}

static char *stem_of(const char *path)
{
    char *name = g_path_get_basename(path);
    char *dot = strrchr(name, '.');

    if (dot != NULL && dot != name)
        *dot = '\0';
    return name;
}

char *mm_campaign_default_name(const MmCampaign *campaign)
{
    g_autofree char *letter = stem_of(campaign->template_path);
    g_autofree char *list = stem_of(campaign->csv_path);

    return g_strdup_printf("%s-%s", letter, list);
}

static bool digest_file(const char *path, MbDigest *digest, GError **error)
{
    g_autofree char *window = g_malloc(256 * 1024);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    while (descriptor >= 0 && (got = read(descriptor, window, 256 * 1024)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        mb_digest_update(digest, window, (size_t)got);
    }
    if (got < 0)
        mb_file_set_error(error, path, "cannot read", errno);
    if (descriptor >= 0)
        close(descriptor);
    return got == 0;
}

bool mm_campaign_verdict(const MmCampaign *campaign, uint8_t verdict[MB_SHA256_LENGTH],
                         GError **error)
{
    g_autoptr(MbDigest) digest = mb_digest_new(MB_DIGEST_SHA256);

    mb_digest_update(digest, campaign->verdict, sizeof campaign->verdict);
    if (!digest_file(campaign->csv_path, digest, error))
        return false;
    mb_digest_finish(digest, verdict);
    return true;
}
