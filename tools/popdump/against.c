#include "against.h"

#include "archive-private.h"
#include "catalog-uidl.h"
#include "run.h"
#include <mailbatch/base/text.h>
#include <string.h>

typedef struct {
    PdRun *run;
    PdArchive *archive;
    GHashTable *renamed; /* a message's new unique-id → its sequence (as a pointer) */
    GHashTable *there;   /* sequences whose new unique-id is listed */
    PdAgainstReport report;
    void *user;
    PdAgainstSummary *summary;
} Comparison;

const char *pd_against_name(PdAgainst kind)
{
    static const char *const names[] = {"not-archived", "size-differs", "gone"};

    return names[kind];
}

static void tell(Comparison *comparison, PdAgainst kind, const char *object, const char *format,
                 ...) G_GNUC_PRINTF(4, 5);

static void tell(Comparison *comparison, PdAgainst kind, const char *object, const char *format,
                 ...)
{
    g_autofree char *detail = NULL;
    va_list arguments;

    va_start(arguments, format);
    detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    comparison->summary->count[kind]++;
    comparison->report(comparison->user, kind, object, detail);
}

static char *name_item(const PdItem *item)
{
    g_autofree char *uidl = mb_text_printable(item->uidl, MIN(strlen(item->uidl), 80));

    return g_strdup_printf("message %" G_GUINT64_FORMAT " (%s)", item->number, uidl);
}

/* ---- what is listed ---- */

static MbNext find_archived(Comparison *comparison, const PdItem *item, PdRow *row, GError **error)
{
    gpointer sequence;

    if (g_hash_table_lookup_extended(comparison->renamed, item->uidl, NULL, &sequence))
        return pd_catalog_find_sequence(comparison->archive->catalog, GPOINTER_TO_SIZE(sequence),
                                        row, error);
    return pd_catalog_find_uidl(comparison->archive->catalog, item->uidl, row, error);
}

static bool compare_size(Comparison *comparison, const PdItem *item, GError **error)
{
    g_autofree char *name = name_item(item);
    PdRow row;
    MbNext next;

    if (item->repeated || !item->has_size)
        return true;
    next = find_archived(comparison, item, &row, error);
    if (next != MB_NEXT)
        return next == MB_END;
    if (item->size != row.member.size &&
        !(row.member.has_server_size && item->size == row.member.server_size))
        tell(comparison, PD_AGAINST_SIZE_DIFFERS, name,
             "the server lists %" G_GUINT64_FORMAT " octets, %" G_GUINT64_FORMAT " are archived",
             item->size, row.member.size);
    pd_member_clear(&row.member);
    return true;
}

static bool compare_listed(Comparison *comparison, GError **error)
{
    const PdPlan *plan = comparison->run->plan;

    for (size_t i = 0; i < pd_plan_length(plan); i++) {
        const PdItem *item = pd_plan_item(plan, i);
        g_autofree char *name = NULL;

        if (item->uidl == NULL) {
            comparison->summary->unnamed++;
            continue;
        }
        if (item->fate == PD_FATE_KNOWN) {
            if (!compare_size(comparison, item, error))
                return false;
            continue;
        }
        name = name_item(item);
        if (item->has_size)
            tell(comparison, PD_AGAINST_NOT_ARCHIVED, name, "%" G_GUINT64_FORMAT " octets",
                 item->size);
        else
            tell(comparison, PD_AGAINST_NOT_ARCHIVED, name, "the server lists no size");
    }
    return true;
}

/* ---- what is archived ---- */

static void note_renamed(void *user, const char *uidl, uint64_t sequence, guint32 segment)
{
    Comparison *comparison = user;

    (void)segment;
    g_hash_table_insert(comparison->renamed, g_strdup(uidl), GSIZE_TO_POINTER((gsize)sequence));
    if (g_hash_table_contains(pd_plan_uidls(comparison->run->plan), uidl))
        g_hash_table_add(comparison->there, GSIZE_TO_POINTER((gsize)sequence));
}

static bool compare_archived(void *user, const PdRow *row, GError **error)
{
    Comparison *comparison = user;
    const PdMember *member = &row->member;
    char path[PD_MEMBER_PATH_MAX];

    (void)error;
    if (member->uidl == NULL || row->state == PD_STATE_DELETED ||
        g_hash_table_contains(pd_plan_uidls(comparison->run->plan), member->uidl) ||
        g_hash_table_contains(comparison->there, GSIZE_TO_POINTER((gsize)member->sequence)))
        return true;
    pd_member_path(member, path);
    tell(comparison, PD_AGAINST_GONE, path, "no longer on the server");
    return true;
}

static bool compare(Comparison *comparison, GError **error)
{
    PdCatalog *catalog = comparison->archive->catalog;

    comparison->summary->listed = pd_plan_length(comparison->run->plan);
    return pd_catalog_each_healed(catalog, note_renamed, comparison, error) &&
           compare_listed(comparison, error) &&
           pd_catalog_each(catalog, 0, compare_archived, comparison, error);
}

/* ---- the session ---- */

static bool check_account(const PdArchive *archive, const MbAccount *account, GError **error)
{
    const char *host = pd_archive_host(archive);
    const char *user = pd_archive_user(archive);

    if (host == NULL || user == NULL ||
        (g_ascii_strcasecmp(host, account->host) == 0 && strcmp(user, account->user) == 0))
        return true;
    g_set_error(error, PD_FETCH_ERROR, MB_ERROR_CONFIG, "%s: another account's archive",
                pd_archive_path(archive));
    return false;
}

bool pd_against_server(const char *archive, const MbAccount *account, PdAgainstReport report,
                       void *user, PdAgainstSummary *summary, GError **error)
{
    PdFetchOptions options = {.account = account, .archive = archive, .dry_run = true};
    PdFetchSummary counts = {0};
    PdRun run = {.options = &options, .summary = &counts};
    g_autoptr(GHashTable) renamed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) there = g_hash_table_new(NULL, NULL);
    Comparison comparison = {
        .run = &run,
        .renamed = renamed,
        .there = there,
        .report = report,
        .user = user,
        .summary = summary,
    };
    bool good;

    *summary = (PdAgainstSummary){0};
    run.archive = pd_archive_open_existing(archive, PD_OPEN_READ, error);
    if (run.archive == NULL)
        return false;
    comparison.archive = run.archive;
    pd_run_init(&run);
    good = check_account(run.archive, account, error) && pd_run_connect(&run, error) &&
           pd_run_list(&run, error) && compare(&comparison, error) && pd_run_quit(&run, error);
    pd_run_disconnect(&run);
    pd_run_clear(&run);
    return good;
}
