#include "report.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/text.h>
#include <mailbatch/pop3/session.h>
#include <stdio.h>
#include <string.h>

#define LEFT_TOLD_MAX 20 /* then the summary's number has to do */

void pd_report_init(PdReport *report, const PdFetchOptions *options)
{
    *report = (PdReport){
        .json = options->json,
        .quiet = options->quiet,
        .label = options->label,
        .waiting = g_string_new(NULL),
    };
}

void pd_report_clear(PdReport *report)
{
    g_string_free(g_steal_pointer(&report->waiting), TRUE);
}

static void begin(const PdReport *report, MbJson *json, GString *out, const char *event)
{
    mb_json_init(json, out);
    mb_json_begin_map(json);
    mb_json_put_string(json, "event", event);
    if (report->label != NULL)
        mb_json_put_string(json, "account", report->label);
}

static void put_item(MbJson *json, const PdItem *item)
{
    mb_json_key(json, "number");
    if (item->number != 0)
        mb_json_unsigned(json, item->number);
    else
        mb_json_null(json);
    mb_json_key(json, "uidl");
    if (item->uidl != NULL)
        mb_json_bytes(json, item->uidl, strlen(item->uidl));
    else
        mb_json_null(json);
}

static void end(MbJson *json)
{
    mb_json_end_map(json);
    g_string_append_c(json->out, '\n');
}

static void print_now(GString *text)
{
    fwrite(text->str, 1, text->len, stdout);
    fflush(stdout);
    g_string_truncate(text, 0);
}

void pd_report_archived(PdReport *report, const PdItem *item, uint64_t sequence, uint64_t size,
                        unsigned oddities)
{
    MbJson json;

    if (!report->json)
        return;
    begin(report, &json, report->waiting, "archived");
    put_item(&json, item);
    mb_json_put_unsigned(&json, "sequence", sequence);
    mb_json_put_unsigned(&json, "size", size);
    mb_json_key(&json, "oddities");
    mb_json_begin_array(&json);
    for (unsigned i = 0; i < MB_POP3_ODDITIES; i++) {
        if ((oddities & (1U << i)) != 0)
            mb_json_string(&json, mb_pop3_oddity_name((MbPop3Oddity)(1U << i)));
    }
    mb_json_end_array(&json);
    end(&json);
}

void pd_report_committed(PdReport *report, uint64_t count)
{
    gsize length = 0;

    for (uint64_t i = 0; i < count && length < report->waiting->len; i++)
        length = (gsize)(strchr(report->waiting->str + length, '\n') + 1 - report->waiting->str);
    if (length == 0)
        return;
    fwrite(report->waiting->str, 1, length, stdout);
    fflush(stdout);
    g_string_erase(report->waiting, 0, (gssize)length);
}

/* "message 5 (uid)": safe to show; the caller frees it. */
static char *name_item(const PdItem *item)
{
    g_autofree char *uidl = NULL;

    if (item->uidl == NULL)
        return g_strdup_printf("message %" G_GUINT64_FORMAT, item->number);
    uidl = mb_text_printable(item->uidl, MIN(strlen(item->uidl), 80));
    return g_strdup_printf("message %" G_GUINT64_FORMAT " (%s)", item->number, uidl);
}

void pd_report_left(PdReport *report, const PdItem *item, const char *why, const char *text)
{
    g_autofree char *name = name_item(item);
    g_autofree char *shown = mb_text_printable(text != NULL ? text : "", strlen(text ? text : ""));
    MbJson json;

    if (report->json) {
        g_autoptr(GString) out = g_string_new(NULL);

        begin(report, &json, out, "left");
        put_item(&json, item);
        mb_json_put_string(&json, "reason", why);
        mb_json_put_string(&json, "text", shown);
        end(&json);
        print_now(out);
    }
    if (report->left_told++ < LEFT_TOLD_MAX)
        mb_log_warning("%s: left on the server: %s", name, shown[0] != '\0' ? shown : why);
    else if (report->left_told == LEFT_TOLD_MAX + 1)
        mb_log_warning("more messages are left on the server: the summary counts them");
}

void pd_report_deletion(PdReport *report, const PdItem *item, const char *state)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *name = name_item(item);
    MbJson json;

    if (report->json) {
        begin(report, &json, out, state);
        put_item(&json, item);
        end(&json);
        print_now(out);
    } else if (strcmp(state, "would-delete") == 0) {
        printf("%s%s%s would be deleted from the server\n",
               report->label != NULL ? report->label : "", report->label != NULL ? ": " : "", name);
    }
}

void pd_report_healed(PdReport *report, const PdItem *item, uint64_t sequence)
{
    g_autoptr(GString) out = g_string_new(NULL);
    MbJson json;

    if (!report->json)
        return;
    begin(report, &json, out, "healed");
    put_item(&json, item);
    mb_json_put_unsigned(&json, "sequence", sequence);
    end(&json);
    print_now(out);
}

void pd_report_held(PdReport *report, uint64_t expected, uint64_t missing)
{
    g_autoptr(GString) out = g_string_new(NULL);
    MbJson json;

    if (!report->json)
        return;
    begin(report, &json, out, "held");
    mb_json_put_unsigned(&json, "expected", expected);
    mb_json_put_unsigned(&json, "missing", missing);
    end(&json);
    print_now(out);
}

static void print_json_summary(const PdReport *report, const PdFetchOptions *options,
                               const PdFetchSummary *summary, const GError *error, int status)
{
    g_autoptr(GString) out = g_string_new(NULL);
    MbJson json;

    begin(report, &json, out, "summary");
    mb_json_put_string(&json, "archive", options->archive);
    mb_json_put_unsigned(&json, "listed", summary->listed);
    mb_json_put_unsigned(&json, "known", summary->known);
    mb_json_put_unsigned(&json, "to_fetch", summary->to_fetch);
    mb_json_put_unsigned(&json, "archived", summary->archived);
    mb_json_put_unsigned(&json, "bytes", summary->archived_bytes);
    mb_json_put_unsigned(&json, "later", summary->later);
    mb_json_put_unsigned(&json, "left", summary->left);
    mb_json_put_unsigned(&json, "deleted", summary->deleted);
    mb_json_put_unsigned(&json, "in_doubt", summary->in_doubt);
    mb_json_put_unsigned(&json, "kept", summary->kept);
    mb_json_put_unsigned(&json, "lost", summary->lost);
    mb_json_put_unsigned(&json, "healed", summary->healed);
    mb_json_put_unsigned(&json, "sessions", summary->sessions);
    mb_json_put_bool(&json, "held", summary->held);
    mb_json_put_bool(&json, "stopped", summary->stopped);
    mb_json_put_bool(&json, "dry_run", options->dry_run);
    mb_json_put_string(&json, "error", error != NULL ? error->message : NULL);
    mb_json_put_signed(&json, "exit", status);
    end(&json);
    print_now(out);
}

static void add_count(GString *line, uint64_t count, const char *what)
{
    if (count > 0)
        g_string_append_printf(line, ", %" G_GUINT64_FORMAT " %s", count, what);
}

void pd_report_summary(PdReport *report, const PdFetchOptions *options,
                       const PdFetchSummary *summary, const GError *error, int status)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *size = mb_text_format_size(summary->archived_bytes);
    const char *name = report->label != NULL ? report->label : options->archive;

    if (report->json) {
        print_json_summary(report, options, summary, error, status);
        return;
    }
    if (report->quiet ||
        ((error != NULL || summary->stopped) && summary->archived == 0 && summary->deleted == 0))
        return;
    if (options->dry_run)
        g_string_append_printf(line, "%s: %" G_GUINT64_FORMAT " new messages would be fetched",
                               name, summary->to_fetch);
    else if (summary->archived > 0)
        g_string_append_printf(line, "%s: %" G_GUINT64_FORMAT " new message%s archived (%s)", name,
                               summary->archived, summary->archived == 1 ? "" : "s", size);
    else
        g_string_append_printf(line, "%s: nothing new", name);
    add_count(line, summary->known, "already there");
    add_count(line, summary->healed, "known again under new ids");
    add_count(line, summary->later, "for later runs");
    add_count(line, summary->left, "left on the server");
    add_count(line, summary->deleted, "deleted from the server");
    add_count(line, summary->in_doubt, "deletions not confirmed");
    g_string_append_c(line, '\n');
    print_now(line);
}
