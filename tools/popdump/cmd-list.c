#include "archive-private.h"
#include "commands.h"
#include "head.h"

#include <mailbatch/base/json.h>
#include <mailbatch/base/log.h>
#include <mailbatch/base/option.h>
#include <mailbatch/base/text.h>
#include <mailbatch/mime/date.h>
#include <stdio.h>
#include <string.h>

#define TOOL         "popdump list"
#define SENDER_WIDTH 24

typedef struct {
    bool json;
    uint64_t messages, bytes;
    GString *line;
} List;

static void put_time(MbJson *json, const char *key, int64_t time)
{
    char text[MB_DATE_TEXT_MAX];

    mb_date_format_utc(time, text);
    mb_json_put_string(json, key, text);
}

static void put_field(MbJson *json, const char *key, const char *value)
{
    g_autofree char *text = value != NULL ? pd_head_decode(value) : NULL;

    if (text != NULL)
        mb_json_put_bytes(json, key, text, strlen(text));
}

static void append_json(GString *out, const PdRow *row)
{
    const PdMember *member = &row->member;
    g_autofree char *digest = mb_text_hex(member->sha256, sizeof(member->sha256));
    char path[PD_MEMBER_PATH_MAX];
    MbJson json;

    pd_member_path(member, path);
    mb_json_init(&json, out);
    mb_json_begin_map(&json);
    mb_json_put_unsigned(&json, "sequence", member->sequence);
    mb_json_put_string(&json, "member", path);
    mb_json_put_unsigned(&json, "segment", member->segment);
    mb_json_put_unsigned(&json, "offset", member->data);
    mb_json_put_unsigned(&json, "length", member->size);
    mb_json_put_string(&json, "sha256", digest);
    put_time(&json, "date", member->mtime);
    put_field(&json, "from", member->sender);
    put_field(&json, "subject", member->subject);
    if (member->uidl != NULL)
        mb_json_put_bytes(&json, "uidl", member->uidl, strlen(member->uidl));
    if (member->has_server_size)
        mb_json_put_unsigned(&json, "server_size", member->server_size);
    if (row->first_seen != 0)
        put_time(&json, "first_seen", row->first_seen);
    mb_json_put_string(&json, "state", pd_state_name(row->state));
    mb_json_end_map(&json);
}

/* As wide as the column, whatever the letters. */
static void append_column(GString *out, const char *text)
{
    glong length = g_utf8_strlen(text, -1);
    const char *end = g_utf8_offset_to_pointer(text, MIN(length, SENDER_WIDTH));

    if (length > SENDER_WIDTH)
        end = g_utf8_offset_to_pointer(text, SENDER_WIDTH - 1);
    g_string_append_len(out, text, end - text);
    if (length > SENDER_WIDTH)
        g_string_append(out, "…");
    for (; length < SENDER_WIDTH; length++)
        g_string_append_c(out, ' ');
}

static void append_text(GString *out, const PdRow *row)
{
    const PdMember *member = &row->member;
    g_autofree char *sender = pd_head_show_sender(member->sender);
    g_autofree char *subject = pd_head_show_subject(member->subject);
    char path[PD_MEMBER_PATH_MAX];
    char date[MB_DATE_TEXT_MAX];

    pd_member_path(member, path);
    mb_date_format_utc(member->mtime, date);
    date[16] = '\0';
    date[10] = ' ';
    g_string_append_printf(out, "%s %10" G_GUINT64_FORMAT " %-7s %s  ", date, member->size,
                           pd_state_name(row->state), path);
    append_column(out, sender);
    g_string_append_printf(out, "  %s", subject);
    g_string_truncate(out, strlen(g_strchomp(out->str)));
}

static bool print_row(void *user, const PdRow *row, GError **error)
{
    List *list = user;

    g_string_truncate(list->line, 0);
    (list->json ? append_json : append_text)(list->line, row);
    g_string_append_c(list->line, '\n');
    list->messages++;
    list->bytes += row->member.size;
    if (fwrite(list->line->str, 1, list->line->len, stdout) == list->line->len)
        return true;
    g_set_error(error, PD_ARCHIVE_ERROR, MB_ERROR_IO, "standard output: cannot write");
    return false;
}

static void print_summary(const PdArchive *archive, const List *list)
{
    g_autofree char *size = mb_text_format_size(list->bytes);
    g_autofree char *user = NULL;
    g_autofree char *host = NULL;

    if (archive->user == NULL || archive->host == NULL) {
        fprintf(stderr, "%" G_GUINT64_FORMAT " messages, %s\n", list->messages, size);
        return;
    }
    user = mb_text_printable(archive->user, strlen(archive->user));
    host = mb_text_printable(archive->host, strlen(archive->host));
    fprintf(stderr, "%" G_GUINT64_FORMAT " messages, %s; %s at %s\n", list->messages, size, user,
            host);
}

int pd_list_main(int argc, char **argv)
{
    gboolean json = FALSE;
    gboolean quiet = FALSE;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "JSON lines, one a message", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No summary on stderr", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    g_autoptr(PdArchive) archive = NULL;
    g_autoptr(GError) error = NULL;
    List list = {0};
    bool good;

    switch (mb_option_parse(&argc, &argv, TOOL, MAILBATCH_VERSION, "ARCHIVE", "What is archived.",
                            "A line a message: date, octets, what became of it on the server, "
                            "member, sender, subject.",
                            entries, 1, 1)) {
    case MB_PARSED_DONE: return MB_EXIT_OK;
    case MB_PARSED_USAGE: return MB_EXIT_USAGE;
    case MB_PARSED_RUN: break;
    }
    archive = pd_archive_open_existing(argv[1], PD_OPEN_READ, &error);
    if (archive == NULL)
        return mb_log_fail(error);
    list.json = json;
    list.line = g_string_new(NULL);
    good = pd_catalog_each(archive->catalog, 0, print_row, &list, &error);
    g_string_free(list.line, TRUE);
    if (good && fflush(stdout) != 0) {
        g_set_error(&error, PD_ARCHIVE_ERROR, MB_ERROR_IO, "standard output: cannot write");
        good = false;
    }
    if (!good)
        return mb_log_fail(error);
    if (!json && !quiet)
        print_summary(archive, &list);
    return MB_EXIT_OK;
}
